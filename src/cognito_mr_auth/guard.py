"""A guard for any framework: a verifier with the settings of a web application.

    guard = Guard(Verifier.from_env(), exclude=["/health"])
    try:
        principal = guard.verify(method=..., path=..., headers=...)
    except errors.AuthError as error:
        answer = guard.response(error)      # status, headers, body

Owns the signature that users read; `_web.guard` decides. Every adapter accepts a Guard in place of a verifier
and options. Adapters that share one Guard verify each request once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from ._jwks.schedule import CALLER_WAIT_SECONDS
from ._runtime.refusals import record
from ._web.bearer import HTTPRequest, HTTPResponse, http_request
from ._web.guard import RequestGuard
from ._web.settings import DEFAULT_REALM, Preflight
from ._web.verification import Method
from .errors import AuthError
from .policy import Policy
from .principal import Principal
from .verifier import Verifier

__all__ = ["Guard", "HTTPResponse"]


class Guard:
    """Decides which requests pass, and makes the responses to the others.

    Args:
        verifier: the verifier of the tokens. `bind` can set it later.
        require: the policy that every principal must meet.
        optional: let requests without a token pass, with no principal. A bad token is still refused.
        preflight: "refuse" lets CORS preflights pass only with a token. Browsers never send one, so the CORS
            middleware must be outside the guard. "pass" lets preflights reach the application without a
            principal, and removes the body of the application's response.
        exclude: paths that need no token. "/health" is one path; "/static/*" is every path below it.
        cookie: the name of a cookie that may hold the token. It needs allowed_origins.
        allowed_origins: the origins ("https://app.example.com") from which the cookie is accepted on
            handshakes and on unsafe methods.
        header: the name of the header that holds the token.
        scheme: "Bearer" before the token in that header, or None if the header holds the token alone.
        subprotocol: a marker. The subprotocol offered right after it is the token (WebSocket only).
        close_at_expiry: close open WebSockets when their token expires (ASGI middleware only).
        realm: the realm in the challenge.
        resource: the URL of this API. The guard serves the RFC 9728 document and names it in the challenge.
        resource_scopes, resource_name: what that document lists beside the issuers.
        authorization_servers: the issuers that the document lists, in this order. By default it lists all
            accepted issuers, the original ones first.
        resource_metadata: the URL of the document, if something else serves it.
        timeout: how many seconds a request waits for keys.

    Raises:
        ConfigurationError: a setting is invalid.
        TypeError: `require` is not a Policy, or the verifier is not a Verifier.
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
        """Set the verifier of a guard that was made without one.

        Raises:
            ConfigurationError: another verifier is bound already.
            TypeError: the argument is not a Verifier.
        """
        self._request_guard.bind(verifier)

    @property
    def verifier(self) -> Verifier:
        """The verifier of the tokens.

        Raises:
            ConfigurationError: no verifier is bound yet.
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
        """Return the request's principal, or None for a request that passes without a token.

        Args:
            method: the HTTP method, such as "GET". A WebSocket handshake is a GET with an `Upgrade` header.
            path: the decoded path below the application's root. `exclude` is compared with it.
            headers: all headers as pairs, one pair for each line. Names may have any case.
            raw_path: the path as it was sent, if the framework knows it.
            require: a policy that this request's principal must meet, beside the guard's own policy.

        Raises:
            AuthError: the request is refused. `response` makes the response to the client.
            ConfigurationError: no verifier is bound yet.
            TypeError: a hook or check is a coroutine function.
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

    def _known(self, method: Method, headers: Sequence[tuple[str, str]]) -> Principal | None:
        """The principal of a request whose token is known; None if the guard must make all its checks."""
        header = self._request_guard.deciding_header
        if header is None:
            return None
        wanted = header.name
        values = [value.encode("utf-8", "surrogatepass") for name, value in headers if name.lower() == wanted]
        return self._request_guard.known(method, values, {})

    def require(self, principal: Principal | None, policy: Policy | None = None) -> Principal:
        """Return the principal if there is one and the policy accepts it.

        Raises:
            CredentialsMissing: there is no principal.
            AuthError: the policy refuses the principal.
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
        """Count and record the error now, because the framework may make its own response."""
        record(error, self._request_guard.outcomes)

    def document(self, *, method: str, path: str) -> HTTPResponse | None:
        """Return the response to a request for the RFC 9728 document of `resource=`; None for other requests.

        Call it before `verify`, because GET, HEAD and OPTIONS of the document need no token.
        """
        return self._request_guard.document(_request(method, path, (), ""))

    def response(self, error: AuthError) -> HTTPResponse:
        """Return the response to a refused request: `status`, `headers` (pairs) and `body` (bytes)."""
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
