"""A guard for any framework: a verifier with the settings of a web application.

    guard = Guard(Verifier.from_env(), exclude=["/health"])
    try:
        principal = guard.verify(method=..., path=..., headers=...)
    except errors.AuthError as error:
        answer = guard.response(error)      # status, headers, body

Owns the signature that users read. `_web.guard` decides. Every adapter takes a Guard in place of its verifier
and options; those that share one verify a request once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from ._jwks.schedule import CALLER_WAIT_SECONDS
from ._runtime.refusals import record
from ._web.bearer import HTTPRequest, HTTPResponse, http_request
from ._web.guard import RequestGuard
from ._web.settings import DEFAULT_REALM, Preflight
from .errors import AuthError
from .policy import Policy
from .principal import Principal
from .verifier import Verifier

__all__ = ["Guard", "HTTPResponse"]


class Guard:
    """Decides which requests pass, and makes the responses to the others.

    Args:
        verifier: what tokens are verified with; may come later, by `bind`.
        require: what every principal must have (a policy).
        optional: let requests without a token pass, with no principal. A bad token is refused all the same.
        preflight: "refuse" lets CORS preflights pass only with a token, which browsers never send: put the
            CORS middleware in front. "pass" lets them reach the application without a principal, and leaves
            out the body of its answer.
        exclude: paths that need no token: "/health", or "/static/*" for all below.
        cookie: name of a cookie that may hold the token; needs allowed_origins.
        allowed_origins: origins ("https://app.example.com") from which the cookie is taken on handshakes
            and on methods that change something.
        header: the header that holds the token.
        scheme: "Bearer" before the token in that header, or None for a token alone.
        subprotocol: a marker; the subprotocol offered right after it is the token (WebSocket only).
        close_at_expiry: close open WebSockets when their token expires (middleware for ASGI only).
        realm: the challenge's realm.
        resource: this API's URL; serves the RFC 9728 document and names it in the challenge.
        resource_scopes, resource_name: what that document lists beside the issuers.
        authorization_servers: the issuers that it lists, in this order, in place of all that are accepted,
            of which the original ones come first.
        resource_metadata: the document's URL, where something else serves it.
        timeout: seconds that a request waits for keys.

    Raises:
        ConfigurationError: for a setting that cannot be right.
        TypeError: for a `require` that is no policy, or a verifier that is no Verifier.
    """

    def __init__(
        self,
        verifier: Verifier | None = None,
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
    ) -> None:
        self._request_guard = RequestGuard(
            verifier,
            require=require,
            optional=optional,
            preflight=preflight,
            exclude=exclude,
            cookie=cookie,
            allowed_origins=allowed_origins,
            header=header,
            scheme=scheme,
            subprotocol=subprotocol,
            close_at_expiry=close_at_expiry,
            realm=realm,
            resource=resource,
            resource_scopes=resource_scopes,
            resource_name=resource_name,
            resource_metadata=resource_metadata,
            authorization_servers=authorization_servers,
            timeout=timeout,
        )

    def bind(self, verifier: Verifier) -> None:
        """Verify with `verifier` from now on, for a guard that was made without one.

        Raises:
            ConfigurationError: there is another one already.
            TypeError: for what is no Verifier.
        """
        self._request_guard.bind(verifier)

    @property
    def verifier(self) -> Verifier:
        """What tokens are verified with.

        Raises:
            ConfigurationError: there is none yet.
        """
        return self._request_guard.verifier

    def verify(
        self,
        *,
        method: str,
        path: str,
        headers: Iterable[tuple[str, str]],
        raw_path: str = "",
        require: Policy | None = None,
    ) -> Principal | None:
        """The request's principal; None for one that passes without a token.

        Args:
            method: such as "GET". A WebSocket's handshake is a GET with an `Upgrade` header.
            path: the decoded path below the application's root, which is what `exclude` is compared with.
            headers: all of them, as pairs; names in any case, one pair for each line.
            raw_path: the path as it was sent, where the framework knows it.
            require: what this request's principal must have beside the guard's own policy.

        Raises:
            AuthError: it may not pass; `response` makes the answer to the client.
            ConfigurationError: there is no verifier yet.
            TypeError: for a hook or check that is a coroutine function.
        """
        sent = [*headers]
        if require is None and (found := self._known("verify", sent)) is not None:
            return found
        try:
            return self._request_guard.verify(_request(method, path, sent, raw_path), require)
        except AuthError as error:
            self._record(error)
            raise

    async def averify(
        self,
        *,
        method: str,
        path: str,
        headers: Iterable[tuple[str, str]],
        raw_path: str = "",
        require: Policy | None = None,
    ) -> Principal | None:
        """Like `verify`, for asyncio and trio."""
        sent = [*headers]
        if require is None and (found := self._known("averify", sent)) is not None:
            return found
        try:
            return await self._request_guard.averify(_request(method, path, sent, raw_path), require)
        except AuthError as error:
            self._record(error)
            raise

    def _known(
        self, method: Literal["verify", "averify"], headers: Sequence[tuple[str, str]]
    ) -> Principal | None:
        """The principal of a request whose token is known; None says nothing."""
        wanted = self._request_guard.deciding_header
        if wanted is None:
            return None
        values = [value.encode("utf-8", "surrogatepass") for name, value in headers if name.lower() == wanted]
        return self._request_guard.known(method, values, {})

    def require(self, principal: Principal | None, policy: Policy | None = None) -> Principal:
        """The principal, if there is one and the policy lets it pass.

        Raises:
            CredentialsMissing: there is none.
            AuthError: the policy refuses it.
        """
        try:
            return self._request_guard.require(principal, policy)
        except AuthError as error:
            self._record(error)
            raise

    async def arequire(self, principal: Principal | None, policy: Policy | None = None) -> Principal:
        """Like `require`, for asyncio and trio."""
        try:
            return await self._request_guard.arequire(principal, policy)
        except AuthError as error:
            self._record(error)
            raise

    def _record(self, error: AuthError) -> None:
        """Count and record it now, because the framework may make an answer of its own."""
        record(error, self._request_guard.outcomes)

    def document(self, *, method: str, path: str) -> HTTPResponse | None:
        """The response to a request for the RFC 9728 document of `resource=`; None for any other request.

        Ask it first: it answers GET, HEAD and OPTIONS without a token.
        """
        return self._request_guard.document(_request(method, path, (), ""))

    def response(self, error: AuthError) -> HTTPResponse:
        """The response to a request that may not pass: `status`, `headers` (pairs) and `body` (bytes)."""
        return self._request_guard.response(error)

    def __repr__(self) -> str:
        return repr(self._request_guard)


def _request(method: str, path: str, headers: Iterable[tuple[str, str]], raw_path: str) -> HTTPRequest:
    by_name: dict[str, list[str]] = {}
    for name, value in headers:
        by_name.setdefault(name.lower(), []).append(value)

    def header(name: str) -> Sequence[str]:
        return by_name.get(name, ())

    return http_request(method, path, raw_path, header)
