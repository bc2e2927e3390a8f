"""The guard that every adapter asks: which requests pass, and who their principal is.

Owns the order of the checks: the metadata document, a CORS preflight, an excluded path, a principal that
a guard in front has found, a request without a token where that is tolerated. Only then it calls the
verifier. Sync and async share all of it. Adapters pass in what they received and decide nothing.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Literal, Self

from cognito_mr_auth._base.checks import check_flag
from cognito_mr_auth._jwks.schedule import CALLER_WAIT_SECONDS
from cognito_mr_auth._remote.remote_key_set import Timeout
from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth._runtime.outcomes import Outcomes
from cognito_mr_auth._runtime.refusals import settle
from cognito_mr_auth.errors import (
    AuthError,
    ConfigurationError,
    CredentialsMissing,
    IssuerUnknown,
    PolicyDenied,
)
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from . import bearer, verification
from .bearer import HTTPRequest, HTTPResponse
from .exclusions import Exclusions
from .metadata import metadata_of, metadata_url
from .preflight import NEVER_SENT
from .settings import (
    DEFAULT_REALM,
    Options,
    Preflight,
    check_names,
    check_preflight,
    check_realm,
    check_timeout,
    sources,
)
from .state import GUARD, PRINCIPAL

__all__ = ["Need", "RequestGuard"]

# Whether a route needs a token: as the guard's `exclude` and `optional` say, always, or only if one was sent.
Need = Literal["configured", "required", "optional"]

_NOTHING: Mapping[str, Any] = {}


class RequestGuard:
    """One verifier with the settings of `guard.Guard`, for requests as adapters read them.

    Without a verifier it awaits `bind`. `load_client=False` leaves loading the HTTP client to the first
    request that needs it.

    Raises:
        ConfigurationError: for a setting that cannot be right.
        TypeError: for a `require` that is no policy, or a verifier that is no Verifier.
    """

    def __init__(
        self,
        verifier: Verifier | None,
        *,
        require: Policy | None = None,
        optional: bool = False,
        preflight: Preflight = "refuse",
        exclude: Collection[str] = (),
        cookie: str | None = None,
        allowed_origins: Collection[str] = (),
        header: str = "Authorization",
        scheme: Literal["Bearer"] | None = "Bearer",
        subprotocol: str | None = None,
        close_at_expiry: bool = False,
        realm: str = DEFAULT_REALM,
        resource: str | None = None,
        resource_scopes: Collection[str] = (),
        resource_name: str | None = None,
        resource_metadata: str | None = None,
        authorization_servers: Collection[str] | None = None,
        timeout: float = CALLER_WAIT_SECONDS,
        load_client: bool = True,
    ) -> None:
        require_policy(require)
        check_flag("optional", optional)
        check_flag("close_at_expiry", close_at_expiry)
        check_preflight(preflight)
        check_realm(realm)
        check_timeout(timeout)
        self.close_at_expiry = close_at_expiry
        self.optional = optional
        self._preflights_pass = preflight == "pass"
        self._require = require
        self.timeout = timeout
        self._exclusions = Exclusions(exclude)
        self.asks_for_route = bool(self._exclusions)
        """Whether it matters which route a request leads to."""
        self.sources = sources(cookie, allowed_origins, subprotocol, header=header, scheme=scheme)
        self._sole_header = None if require is not None else verification.sole_header(self.sources)
        self._realm = realm
        self.metadata = metadata_of(resource, resource_scopes, resource_name, authorization_servers)
        self._metadata_url = metadata_url(self.metadata, resource_metadata)
        self.deciding_header = None if self.metadata or self.asks_for_route else self._sole_header
        """The header that alone decides on an HTTP request if its token is known, whatever its path."""
        self._load_client = load_client
        self._blocks = False
        self._verifier: Verifier | None = None
        self.known: verification.Known = partial(verification.known, None)  # of values of `deciding_header`
        if verifier is not None:
            self.bind(verifier)

    @classmethod
    def of(
        cls,
        adapter: str,
        given: object,
        options: Mapping[str, Any],
        known: Collection[str] = Options.__optional_keys__,
        *,
        unbound: bool = False,
        ignored: Collection[str] = (),
        **more: Any,
    ) -> Self:
        """The guard that an adapter asks: that of the Guard it was given, or a new one for its verifier.

        `unbound`: the adapter may do without a verifier until `bind`. `ignored`: what a Guard may set though
        it means nothing here. `more` are settings of its own.

        Raises:
            ConfigurationError: for options beside a Guard, which has its own, and for a Guard that sets what
                the adapter does not have.
            TypeError: for an option that the adapter does not have; what `RequestGuard` raises.
        """
        shared = getattr(given, "_request_guard", None)
        if not isinstance(shared, cls):
            if given is None and not unbound:
                raise TypeError(f"{adapter} needs a Verifier or a Guard, not None")
            check_names(adapter, options, known)
            return cls(given, **{**options, **more})  # type: ignore[arg-type]
        for name in options:
            raise ConfigurationError(f"{name}= belongs to the Guard that {adapter} was given")
        for name in ("optional", "subprotocol", "close_at_expiry"):
            if name not in (*known, *ignored) and getattr(shared, name):
                raise ConfigurationError(f"{adapter} has no {name}=, and the Guard that it was given sets it")
        return shared

    def bind(self, verifier: Verifier) -> None:
        """Verify with `verifier` from now on.

        Raises:
            TypeError: for what is no Verifier.
            ConfigurationError: there is another one already.
        """
        if not isinstance(verifier, Verifier):
            raise TypeError(f"give a Verifier, not {type(verifier).__name__}")
        if self._verifier is not None and self._verifier is not verifier:
            raise ConfigurationError("there is a verifier already, and settings are bound once")
        if self._blocks:
            verifier._refuse_async_hooks(self._require)
        if self.metadata is not None:
            self.metadata.name_issuers(verifier._authorization_servers)
        self._verifier = verifier
        self.known = partial(verification.known, verifier)
        if self._load_client:
            self._load_http_client()

    @property
    def bound(self) -> bool:
        """Whether there is a verifier."""
        return self._verifier is not None

    @property
    def verifier(self) -> Verifier:
        """What tokens are verified with.

        Raises:
            ConfigurationError: there is none yet.
        """
        if self._verifier is None:
            raise ConfigurationError("no verifier yet: call bind(verifier) before the first request")
        return self._verifier

    @property
    def outcomes(self) -> Outcomes | None:
        """Where refusals are counted: at the verifier, if there is one and it is no double of a test's."""
        return getattr(self._verifier, "_outcomes", None)

    def __repr__(self) -> str:
        return f"Guard({self._verifier!r})"

    def _load_http_client(self) -> None:
        """Load what a first fetch needs while the application starts, so that no request waits for it."""
        # An init in AWS Lambda that finds its keys in a file never fetches. What fails here fails again at
        # the first request, which reports it as an outage.
        if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
            # AttributeError: a test's double may be a subclass whose constructor does not call ours.
            with suppress(ImportError, OSError, AttributeError):
                self.verifier._load_http_client()

    @property
    def subprotocol(self) -> str | None:
        """The marker before a token in Sec-WebSocket-Protocol, if that source was chosen."""
        return self.sources.subprotocol

    def refuse_async_hooks(self) -> None:
        """Refuse coroutine functions, for an adapter that never awaits: now, or when a verifier is bound.

        Raises:
            TypeError: `revoked`, or a check of the guard's policy, is a coroutine function (H2).
        """
        self._blocks = True
        if self._verifier is not None:
            self._verifier._refuse_async_hooks(self._require)

    # -- who passes -----------------------------------------------------------------------------

    def document(self, request: HTTPRequest) -> HTTPResponse | None:
        """The metadata document or the methods of its URL, if this request asks for them."""
        if self.metadata is None or request.websocket or request.path != self.metadata.path:
            return None
        return self.metadata.answers.get(request.method)

    def verify(
        self,
        request: HTTPRequest,
        require: Policy | None = None,
        *,
        need: Need = "configured",
        behind: Mapping[str, Any] = _NOTHING,
        timeout: Timeout | None = None,
    ) -> Principal | None:
        """The request's principal; None for one that passes without a token.

        `require` is a route's policy, on top of the guard's. `need` is what the route itself needs;
        `exclude` and `optional` do not change it. `behind` is where a guard in front may have left its
        principal. `timeout` replaces the guard's own, for a request that has less time left (see
        `Verifier._verify_within`).

        Raises:
            AuthError: it may not pass; `response` makes the answer to the client.
            ConfigurationError: there is no verifier yet.
        """
        verifier = self.verifier
        if GUARD in behind and (found := self._found(behind)) is not None:
            policy = self._left_to_check(behind, require)
            return found if policy is None else verifier.require(found, policy)
        if require is None and (found := self._known(request, need, "verify")) is not None:
            return found
        token = self._token(request, need)
        if token is None:
            return None
        if timeout is not None:
            return verification.identified(verifier._verify_within(token, self._both(require), timeout))
        return verification.identified(
            verifier.verify(token, require=self._both(require), timeout=self.timeout)
        )

    def averify(
        self,
        request: HTTPRequest,
        require: Policy | None = None,
        *,
        need: Need = "configured",
        behind: Mapping[str, Any] = _NOTHING,
        timeout: float | None = None,
    ) -> Awaitable[Principal | None]:
        """Like `verify`, for asyncio. Without a usable credential it raises before anything is awaited."""
        # A plain function, because that saves one coroutine on every request.
        verifier = self.verifier
        if GUARD in behind and (found := self._found(behind)) is not None:
            policy = self._left_to_check(behind, require)
            return verification.done(found) if policy is None else verifier.arequire(found, policy)
        if require is None and (found := self._known(request, need, "averify")) is not None:
            return verification.done(found)
        token = self._token(request, need)
        if token is None:
            return verification.done(None)
        seconds = self.timeout if timeout is None else timeout
        return verification.aidentified(verifier.averify(token, require=self._both(require), timeout=seconds))

    def _known(self, request: HTTPRequest, need: Need, method: verification.Method) -> Principal | None:
        """The principal of a known token, if nothing else decides about the request; else None."""
        excluded = need == "configured" and self.excludes(request)
        if excluded or self._sole_header is None:
            return None
        octets = [each.encode("utf-8", "surrogatepass") for each in request.header(self._sole_header.name)]
        return verification.known(self.verifier, method, octets, _NOTHING)

    def _token(self, request: HTTPRequest, need: Need) -> str | None:
        if self.is_preflight(request):
            return None
        if need == "configured" and self.excludes(request):
            return None
        try:
            return bearer.find_token(request, self.sources)
        except CredentialsMissing:
            if need == "optional" or (need == "configured" and self.optional):
                return None
            raise

    @property
    def scope_names(self) -> tuple[str, ...]:
        """The scopes that its own policy names, for documentation."""
        return () if self._require is None else self._require.scope_names

    def excludes(self, request: HTTPRequest) -> bool:
        """Whether the request's path needs no token."""
        return self.asks_for_route and self._exclusions.match(request.path, request.raw_path, request.route)

    def is_preflight(self, request: HTTPRequest) -> bool:
        """Whether this is a CORS preflight as browsers send it, and preflights pass (Fetch, 4.8)."""
        return (
            request.method == "OPTIONS"
            and self._preflights_pass
            and not request.websocket
            and bool(request.header("origin"))
            and bool(request.header("access-control-request-method"))
            and not any(map(request.header, (*NEVER_SENT, self.sources.header)))
            and all(length == "0" for length in request.header("content-length"))
        )

    # -- a principal that is found already -------------------------------------------------------

    def _found(self, state: Mapping[str, Any]) -> Principal | None:
        """The principal that a guard in front has found, if this guard would have found the same.

        It would if it asks the same verifier and looks in the same places, because one that takes no cookie
        must not take a cookie's principal either. A subprotocol is sent by no browser on its own, and the
        guard in front has hidden it.
        """
        front, principal = state.get(GUARD), state.get(PRINCIPAL)
        if not isinstance(front, RequestGuard) or not isinstance(principal, Principal):
            return None
        places = front.sources._replace(subprotocol=self.subprotocol)
        same = front is self or (front.verifier is self.verifier and places == self.sources)
        return principal if same else None

    def _left_to_check(self, state: Mapping[str, Any], require: Policy | None) -> Policy | None:
        return require if state.get(GUARD) is self else self._both(require)

    def _both(self, require: Policy | None) -> Policy | None:
        if require is None or self._require is None:
            return self._require if require is None else require
        return self._require & require

    def require(self, principal: object, require: Policy | None) -> Principal:
        """The principal that a guard in front has found, if a route's policy lets it pass.

        Raises:
            CredentialsMissing: `principal` is no Principal.
            AuthError: the policy refuses it.
        """
        require_policy(require)
        found = verification.identified(principal)
        return found if require is None else self.verifier.require(found, require)

    async def arequire(self, principal: object, require: Policy | None) -> Principal:
        """Like `require`, for asyncio."""
        require_policy(require)
        found = verification.identified(principal)
        return found if require is None else await self.verifier.arequire(found, require)

    def check_adopted(self, principal: Principal, before: Principal | None) -> None:
        """Raises AuthError for a principal that this guard would not have found on a connection."""
        # `before` is the principal that the guard has found. It may get a newer token, but not another owner.
        if principal.issuer.url not in self.verifier.issuers:
            raise IssuerUnknown
        owner = (principal.provider, principal.subject)
        if before is not None and (before.provider, before.subject) != owner:
            raise PolicyDenied("the connection is another principal's")
        if self._require is not None:
            self.verifier.require(principal, self._require)

    # -- the response ---------------------------------------------------------------------------

    def response(self, error: AuthError) -> HTTPResponse:
        """The response to a request that may not pass."""
        settle(error, self.outcomes)
        error.with_traceback(None)  # its frames hold the token, and error reporters show frames
        return bearer.response_to(error, realm=self._realm, resource_metadata=self._metadata_url)
