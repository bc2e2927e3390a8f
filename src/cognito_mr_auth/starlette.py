"""Authentication for Starlette: middleware with default-deny, or a backend for Starlette's own.

    app = Starlette(routes=routes, middleware=[Middleware(CognitoAuthMiddleware, verifier=verifier)])

Owns what Starlette's users expect to find: `request.user`, `request.auth`, `@requires` for a route and
`@public` for one without a token. Who passes, and what others hear, the guard decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, wraps
from types import MethodType
from typing import Any, TypeVar, Unpack

try:
    from starlette.applications import Starlette
    from starlette.authentication import (
        AuthCredentials,
        AuthenticationBackend,
        AuthenticationError,
        BaseUser,
        UnauthenticatedUser,
    )
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import HTTPConnection
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import BaseRoute, Host, Match, Mount, Route, Router, WebSocketRoute
    from starlette.websockets import WebSocket, WebSocketState
except ImportError as missing:
    raise ImportError('this adapter needs Starlette: pip install "cognito-mr-auth[starlette]"') from missing

from . import _scope as asgi
from ._bearer import GUARD, PRINCIPAL, Answer, Inbound
from ._exclusions import unambiguous
from ._guard import Guard, Options
from ._hooks import is_async, require_policy
from ._scope import App, Receive, Scope, Send
from .errors import AuthError, ConfigurationError, CredentialsMissing
from .policy import Policy
from .principal import Principal
from .verifier import Verifier

__all__ = [
    "CognitoAuthBackend",
    "CognitoAuthMiddleware",
    "CognitoAuthenticationError",
    "CognitoUser",
    "principal_of",
    "public",
    "requires",
]


_PUBLIC = "__cognito_mr_auth_public__"
_REQUIRES = "__cognito_mr_auth_requires__"

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class CognitoUser(BaseUser):
    """`request.user` of a request with a token. `principal` is everything that the token says."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal

    @property
    def is_authenticated(self) -> bool:
        """True."""
        return True

    @property
    def display_name(self) -> str:
        """The username; a machine's subject."""
        return self.principal.username or self.principal.subject

    @property
    def identity(self) -> str:
        """The subject, unique within the user pool."""
        return self.principal.subject


def principal_of(connection: HTTPConnection) -> Principal | None:
    """Who sent this request; None where one without a token was let through.

    Raises:
        LookupError: neither CognitoAuthMiddleware nor CognitoAuthBackend has seen the connection.
    """
    if PRINCIPAL not in connection.scope:
        raise LookupError("no principal in the scope: mount CognitoAuthMiddleware or CognitoAuthBackend")
    found: Principal | None = connection.scope[PRINCIPAL]
    return found


def _findings(guard: Guard, principal: Principal | None) -> dict[str, Any]:
    """What a connection's scope holds once the guard has looked at it."""
    found: dict[str, Any] = {PRINCIPAL: principal, GUARD: guard}
    if principal is None:
        return found | {"auth": AuthCredentials(), "user": UnauthenticatedUser()}
    scopes = ["authenticated", *sorted(principal.scopes)]
    return found | {"auth": AuthCredentials(scopes), "user": CognitoUser(principal)}


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers))


# -- the middleware -------------------------------------------------------------------------------


class CognitoAuthMiddleware:
    """Lets HTTP requests and WebSockets through that carry a token the verifier accepts.

    Args:
        app: what stands behind it; Starlette gives this.
        verifier: what tokens are verified with.
        subprotocol: a marker; the subprotocol offered right after it is the token (WebSocket only).
        close_at_expiry: close open WebSockets when their token expires (close code 1008).
        options: see `Options`: require, optional, exclude, cookie, allowed_origins, realm, resource,
            resource_scopes, resource_name, resource_metadata, timeout.

    Routes whose endpoint is marked `public` need no token, and none is looked at there. Everything
    else is as with `asgi.CognitoAuthMiddleware`.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
    """

    def __init__(
        self,
        app: App,
        verifier: Verifier,
        *,
        subprotocol: str | None = None,
        close_at_expiry: bool = False,
        **options: Unpack[Options],
    ) -> None:
        self.app = app
        self._router = _router_behind(app)
        self._guard = Guard(verifier, subprotocol=subprotocol, close_at_expiry=close_at_expiry, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        inbound = asgi.inbound(scope)
        document = self._guard.document(inbound)
        if document is not None:
            await asgi.respond(scope, send, document)
            return
        principal = None
        if not self._leads_to_public(scope, inbound):
            try:
                principal = await self._guard.averify(inbound)
            except AuthError as error:
                await asgi.deny(scope, receive, send, self._guard.refusal(error))
                return
        scope = {**scope, **_findings(self._guard, principal)}
        if scope["type"] == "websocket":
            await asgi.open_socket(self.app, scope, receive, send, self._guard, principal)
        else:
            await self.app(scope, receive, send)

    def _leads_to_public(self, scope: Scope, inbound: Inbound) -> bool:
        # Below a Mount, scope["app"] may be the outer application, whose routes are not the ones
        # behind us: its "/health" would then open ours.
        application = scope.get("app")
        if not isinstance(application, Starlette) or application.router is not self._router:
            return False
        return _is_public(_endpoint(application.routes, scope)) and unambiguous(
            inbound.path, inbound.raw_path
        )


def _router_behind(app: Any) -> Router | None:
    """The router that a chain of middleware ends in; None where the chain cannot be followed."""
    while app is not None and not isinstance(app, Router):
        app = getattr(app, "app", None)
    return app


def _endpoint(routes: Iterable[BaseRoute], scope: Scope) -> object:
    """The endpoint that Starlette's router will call: of the first route that matches in full."""
    for route in routes:
        match, child = route.matches(scope)
        if match is not Match.FULL:
            continue
        if isinstance(route, (Mount, Host)):
            inner = route.app
            if not isinstance(inner, (Starlette, Router)):  # something that routes in its own way
                return None
            return _endpoint(inner.routes, {**scope, **child})
        return route.endpoint if isinstance(route, (Route, WebSocketRoute)) else None
    return None


# -- the backend ----------------------------------------------------------------------------------


class CognitoAuthenticationError(AuthenticationError):
    """A request that may not pass. `error` is why, and safe to show, like `str()` of this."""

    def __init__(self, error: AuthError) -> None:
        super().__init__(str(error))
        self.error = error


class CognitoAuthBackend(AuthenticationBackend):
    """For Starlette's own AuthenticationMiddleware, with which routes are open unless `requires` closes them.

        backend = CognitoAuthBackend(verifier)
        Middleware(AuthenticationMiddleware, backend=backend, on_error=backend.on_error)

    Args:
        verifier: what tokens are verified with.
        options: see `Options`. Not `optional`: a missing token is always tolerated here. Not
            `subprotocol` and `close_at_expiry` either, which need CognitoAuthMiddleware.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
    """

    def __init__(self, verifier: Verifier, **options: Unpack[Options]) -> None:
        for name in ("optional", "subprotocol", "close_at_expiry"):
            if name in options:
                raise ConfigurationError(f"{name}= is for CognitoAuthMiddleware, not for CognitoAuthBackend")
        self._guard = Guard(verifier, **options)

    @property
    def routes(self) -> list[Route]:
        """What to add to the application's routes: the RFC 9728 document, where `resource=` is given."""
        metadata = self._guard.metadata
        if metadata is None:
            return []
        return [Route(metadata.path, lambda _request: _response(metadata.answer))]

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """Credentials and user; None for a request without a token.

        Raises:
            CognitoAuthenticationError: it has one, and may not pass.
        """
        inbound = asgi.inbound(conn.scope)
        principal = None
        if self._guard.document(inbound) is None:
            try:
                principal = await self._guard.averify(inbound)
            except CredentialsMissing:
                pass
            except AuthError as error:
                raise CognitoAuthenticationError(error) from None
        findings = _findings(self._guard, principal)
        conn.scope.update(findings)
        return None if principal is None else (findings["auth"], findings["user"])

    def on_error(self, conn: HTTPConnection, exc: AuthenticationError) -> Response:  # noqa: ARG002 - Starlette's
        """The guard's answer; of another backend's error what Starlette makes of it."""
        if isinstance(exc, CognitoAuthenticationError):
            return _response(self._guard.refusal(exc.error))
        return PlainTextResponse(str(exc), status_code=400)


# -- routes ---------------------------------------------------------------------------------------


def public(endpoint: Endpoint) -> Endpoint:
    """Mark a function, or a class of endpoints, that CognitoAuthMiddleware lets anybody reach.

    A subclass of a public class is not public.

    Raises:
        TypeError: for what cannot be marked, or is guarded by `requires`.
    """
    given: object = endpoint
    if not callable(given) or isinstance(given, (MethodType, BaseRoute)):
        raise TypeError(f"public marks functions and classes, not {type(given).__name__}")
    methods = [getattr(endpoint, name, None) for name in dir(endpoint)] if isinstance(endpoint, type) else []
    if any(_marked(each, _REQUIRES) for each in (endpoint, *methods)):
        raise TypeError("an endpoint with @requires cannot be public")
    setattr(endpoint, _PUBLIC, True)
    return endpoint


def _is_public(endpoint: object) -> bool:
    while not _marked(endpoint, _PUBLIC) and isinstance(endpoint, partial):
        endpoint = endpoint.func
    return _marked(endpoint, _PUBLIC)


def _marked(endpoint: object, mark: str) -> bool:
    # Not getattr: a class inherits attributes, and the subclass of a public one must stay shut.
    return getattr(endpoint, "__dict__", {}).get(mark) is True


def requires(policy: Policy | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let only principals reach an endpoint, and only those that the policy lets pass.

    For functions and methods that take a Request or a WebSocket, async or (HTTP) sync. Others hear
    the guard's answer; a WebSocket without denial responses is closed with 1008. A CORS preflight
    passes.

    Raises:
        TypeError: on something other than a policy or an endpoint, and on one that is `public`.
    """
    require_policy(policy)

    def decorate(endpoint: Any) -> Callable[..., Any]:
        if not callable(endpoint) or isinstance(endpoint, (type, BaseRoute)):
            raise TypeError("requires guards functions and methods that take a Request or a WebSocket")
        if _is_public(endpoint):
            raise TypeError("a public endpoint cannot have @requires")
        is_coroutine = is_async(endpoint)

        @wraps(endpoint)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            connection = _connection(args, kwargs)
            refused = await _refused(connection, policy)
            if refused is None and is_coroutine:
                return await endpoint(*args, **kwargs)
            if refused is None:
                return await run_in_threadpool(endpoint, *args, **kwargs)
            if isinstance(connection, WebSocket):
                return await _hang_up(connection, refused)
            return _response(refused)

        setattr(guarded, _REQUIRES, True)
        return guarded

    return decorate


def _connection(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HTTPConnection:
    for each in (*args, *kwargs.values()):
        if isinstance(each, HTTPConnection):
            return each
    raise TypeError("an endpoint with @requires must be given a Request or a WebSocket")


async def _refused(connection: HTTPConnection, policy: Policy | None) -> Answer | None:
    guard: Guard | None = connection.scope.get(GUARD)
    if guard is None:
        raise RuntimeError("@requires needs CognitoAuthMiddleware or CognitoAuthBackend before the route")
    principal = principal_of(connection)
    if principal is None and guard.is_preflight(asgi.inbound(connection.scope)):
        return None
    try:
        await guard.apermit(principal, policy)
    except AuthError as error:
        return guard.refusal(error)
    return None


async def _hang_up(websocket: WebSocket, answer: Answer) -> None:
    if websocket.application_state is WebSocketState.CONNECTING:
        await asgi.deny(websocket.scope, websocket.receive, websocket.send, answer)
    else:
        await websocket.close(asgi.POLICY_VIOLATION)
