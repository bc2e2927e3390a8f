"""The guard that every adapter shares: its settings, and which requests pass.

Owns the order of the checks: the metadata document, a CORS preflight, an excluded path, a request
without a token where that is tolerated. Only then it calls the verifier. Sync and async share all of
it. Adapters pass in what they received and decide nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Collection
from contextlib import suppress
from typing import Literal, TypedDict

from cognito_mr_auth._base.checks import HOST, TEXT, TOKEN, check_flag
from cognito_mr_auth._jwks.schedule import CALLER_WAIT_SECONDS
from cognito_mr_auth._remote.remote_key_set import Timeout
from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth.errors import AuthError, ConfigurationError, CredentialsMissing
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from . import bearer
from .bearer import HTTPRequest, HTTPResponse, Sources
from .exclusions import Exclusions
from .metadata import ResourceMetadata, check_url

__all__ = [
    "Guard",
    "Options",
    "check_name",
    "check_timeout",
    "sources",
]

# By then, every load balancer has given up the request.
_MAX_TIMEOUT_SECONDS = 60.0
DEFAULT_REALM = "api"

_NAME = re.compile(TOKEN)
_REALM = re.compile(f"[{TEXT}]+")
# RFC 6454 6.2, as browsers send it: lower case, no path, no default port.
_ORIGIN = re.compile(rf"(?!https:.*:443$|http:.*:80$)https?://(?:{HOST}|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?")

# Headers that replace the request's method, if a framework or a middleware behind the guard reads them.
# A browser's preflight never has them, because it only lists their names (Fetch, 4.8).
_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")


class Options(TypedDict, total=False):
    """The keyword options of every adapter, beside its verifier.

    require: what every principal must have (a policy).
    optional: let requests without a token pass, with no principal. A bad token is refused all the same.
    preflight: "pass" lets CORS preflights through, without a principal; with "refuse" they need a token,
        as any other request.
    exclude: paths that need no token: "/health", or "/static/*" for all below.
    cookie: name of a cookie that may hold the token; needs allowed_origins.
    allowed_origins: origins ("https://app.example.com") from which the cookie is taken on WebSockets
        and on methods that change something.
    realm: the challenge's realm.
    resource: this API's URL; serves the RFC 9728 document and names it in the challenge.
    resource_scopes, resource_name: what that document lists beside the issuers.
    resource_metadata: the document's URL, where something else serves it.
    timeout: seconds that a request waits for keys.
    """

    require: Policy | None
    optional: bool
    preflight: Literal["pass", "refuse"]
    exclude: Collection[str]
    cookie: str | None
    allowed_origins: Collection[str]
    realm: str
    resource: str | None
    resource_scopes: Collection[str]
    resource_name: str | None
    resource_metadata: str | None
    timeout: float


class Guard:
    """One verifier with the settings of `Options`, for one adapter.

    `load_client=False` leaves loading the HTTP client to the first request that needs it.

    Raises:
        ConfigurationError: for a setting that cannot be right.
        TypeError: for a `require` that is no policy, or a verifier that is no Verifier.
    """

    def __init__(
        self,
        verifier: Verifier,
        *,
        require: Policy | None = None,
        optional: bool = False,
        preflight: Literal["pass", "refuse"] = "pass",
        exclude: Collection[str] = (),
        cookie: str | None = None,
        allowed_origins: Collection[str] = (),
        subprotocol: str | None = None,
        close_at_expiry: bool = False,
        realm: str = DEFAULT_REALM,
        resource: str | None = None,
        resource_scopes: Collection[str] = (),
        resource_name: str | None = None,
        resource_metadata: str | None = None,
        timeout: float = CALLER_WAIT_SECONDS,
        load_client: bool = True,
    ) -> None:
        if not isinstance(verifier, Verifier):
            raise TypeError(f"give a Verifier, not {type(verifier).__name__}")
        require_policy(require)
        check_flag("optional", optional)
        check_flag("close_at_expiry", close_at_expiry)
        if preflight not in ("pass", "refuse"):
            raise ConfigurationError(f"preflight={preflight!r}: say 'pass' or 'refuse'")
        if type(realm) is not str or not _REALM.fullmatch(realm):
            raise ConfigurationError(f"realm={realm!r}: printable ASCII without quotes and backslashes")
        check_timeout(timeout)
        self.verifier = verifier
        self.close_at_expiry = close_at_expiry
        self.optional = optional
        self._preflights_pass = preflight == "pass"
        self.metadata: ResourceMetadata | None = None
        self._require = require
        self.timeout = timeout
        self._exclusions = Exclusions(exclude)
        self._sources = sources(cookie, allowed_origins, subprotocol)
        self._realm = realm
        if resource is not None:
            self.metadata = ResourceMetadata(
                resource, issuers=verifier.issuers, scopes=resource_scopes, name=resource_name
            )
        elif resource_scopes or resource_name is not None:
            raise ConfigurationError("resource_scopes= and resource_name= belong to resource=")
        self._metadata_url = _metadata_url(self.metadata, resource_metadata)
        if load_client:
            self._load_http_client()

    def _load_http_client(self) -> None:
        """Load what a first fetch needs while the application starts, so that no request waits for it.

        Not in AWS Lambda: an init that finds its keys in a file never fetches. What fails here fails again at
        the first request, which reports it as an outage.
        """
        if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
            # AttributeError: a test's double may be a subclass whose constructor does not call ours.
            with suppress(ImportError, OSError, AttributeError):
                self.verifier._load_http_client()

    @property
    def subprotocol(self) -> str | None:
        """The marker before a token in Sec-WebSocket-Protocol, if that source was chosen."""
        return self._sources.subprotocol

    def refuse_async_hooks(self) -> None:
        """For adapters that only ever block.

        Raises:
            TypeError: `revoked`, or a check of the guard's policy, is a coroutine function (H2).
        """
        self.verifier._refuse_async_hooks(self._require)

    # -- who passes -----------------------------------------------------------------------------

    def document(self, request: HTTPRequest) -> HTTPResponse | None:
        """The metadata document, if this request asks for it."""
        here = self.metadata is not None and not request.websocket and request.path == self.metadata.path
        if self.metadata is None or not here or request.method not in ("GET", "HEAD"):
            return None
        return self.metadata.answer

    def verify(
        self,
        request: HTTPRequest,
        require: Policy | None = None,
        *,
        always: bool = False,
        timeout: Timeout | None = None,
    ) -> Principal | None:
        """The request's principal; None for one that passes without a token.

        `require` is a route's policy, on top of the guard's. `always` is for a route that names its
        guard itself: neither exclusions nor the optional mode open it. `timeout` replaces the guard's own,
        for a request that has less time left (see `Verifier._verify_within`).

        Raises:
            AuthError: it may not pass; `response` makes the answer to the client.
        """
        token = self._token(request, always=always)
        if token is None:
            return None
        if timeout is not None:
            return self.verifier._verify_within(token, self._both(require), timeout)
        return self.verifier.verify(token, require=self._both(require), timeout=self.timeout)

    def averify(
        self,
        request: HTTPRequest,
        require: Policy | None = None,
        *,
        always: bool = False,
    ) -> Awaitable[Principal | None]:
        """Like `verify`, for asyncio. A plain function, because that saves one coroutine on every request.

        Raises AuthError for a request without a usable credential, before anything is awaited.
        """
        token = self._token(request, always=always)
        if token is None:
            return _no_principal()
        return self.verifier.averify(token, require=self._both(require), timeout=self.timeout)

    def _token(self, request: HTTPRequest, *, always: bool) -> str | None:
        if self.is_preflight(request):
            return None
        if not always and self._exclusions and self._exclusions.match(request.path, request.raw_path):
            return None
        try:
            return bearer.find_token(request, self._sources)
        except CredentialsMissing:
            if self.optional and not always:
                return None
            raise

    def is_preflight(self, request: HTTPRequest) -> bool:
        """Whether this is a CORS preflight, which never carries credentials, and passes (Fetch, 4.9).

        A request with one of `_OVERRIDES` is none, because a middleware behind us would make a DELETE of it.
        """
        return (
            request.method == "OPTIONS"
            and self._preflights_pass
            and not request.websocket
            and bool(request.header("origin"))
            and bool(request.header("access-control-request-method"))
            and not any(map(request.header, _OVERRIDES))
        )

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
        found = _identified(principal)
        return found if require is None else self.verifier.require(found, require)

    async def arequire(self, principal: object, require: Policy | None) -> Principal:
        """Like `require`, for asyncio."""
        require_policy(require)
        found = _identified(principal)
        return found if require is None else await self.verifier.arequire(found, require)

    # -- the response ---------------------------------------------------------------------------

    def response(self, error: AuthError) -> HTTPResponse:
        """The response to a request that may not pass."""
        error.with_traceback(None)  # its frames hold the token, and error reporters show frames
        return bearer.response_to(error, realm=self._realm, resource_metadata=self._metadata_url)


def _identified(principal: object) -> Principal:
    """The principal. A value that a framework left in its place (a marker, a stand-in) identifies nobody."""
    if not isinstance(principal, Principal):
        raise CredentialsMissing
    return principal


async def _no_principal() -> None:
    """No principal, for a request that may pass without a token."""


def check_timeout(timeout: float) -> None:
    """Raises ConfigurationError if `timeout` is no number of seconds that a request may wait."""
    if type(timeout) not in (int, float) or not 0 < timeout <= _MAX_TIMEOUT_SECONDS:
        raise ConfigurationError(f"timeout={timeout!r}: seconds, above 0, at most {_MAX_TIMEOUT_SECONDS:.0f}")


def check_name(name: str, value: object) -> None:
    """Raises ConfigurationError if `value` cannot name a header, a cookie or the like (RFC 9110 5.6.2)."""
    if type(value) is not str or not _NAME.fullmatch(value):
        raise ConfigurationError(f"{name}={value!r}: give a name without spaces and separators")


def sources(
    cookie: str | None,
    allowed_origins: Collection[str],
    subprotocol: str | None,
    query: str | None = None,
) -> Sources:
    """Where a token may stand, according to the settings.

    Raises:
        ConfigurationError: for a name or an origin that cannot be right.
    """
    for name, value in (("cookie", cookie), ("subprotocol", subprotocol), ("query", query)):
        if value is not None:
            check_name(name, value)
    if isinstance(allowed_origins, (str, bytes)):
        raise ConfigurationError(f"allowed_origins={allowed_origins!r}: give a list of origins")
    for origin in allowed_origins:
        if type(origin) is not str or not _ORIGIN.fullmatch(origin):
            raise ConfigurationError(
                f"allowed_origins holds {origin!r}: give origins such as 'https://app.example.com'"
            )
    if (cookie is None) != (not allowed_origins):
        raise ConfigurationError(
            "cookie= and allowed_origins= need each other: browsers send cookies unasked"
        )
    return Sources(cookie, frozenset(allowed_origins), subprotocol, query)


def _metadata_url(metadata: ResourceMetadata | None, url: str | None) -> str | None:
    if metadata is not None and url is not None:
        raise ConfigurationError("resource_metadata= is for a document that resource= does not serve")
    if url is not None:
        check_url("resource_metadata", url)
    return metadata.url if metadata is not None else url
