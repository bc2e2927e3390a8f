"""Authentication as a FastAPI dependency, over HTTP and WebSocket, with its OpenAPI documentation.

    auth = CognitoAuth(verifier)

    Reader = Annotated[Principal, Depends(auth.require(policy.scopes("orders/read")))]

    @app.get("/orders")
    async def orders(principal: Reader): ...

Owns the translation into FastAPI's dependencies, exceptions and OpenAPI models. Annotations must not be
postponed here, because FastAPI looks their names up in `__globals__`, which an instance does not have.
"""

from collections.abc import Awaitable, Callable
from json import loads
from typing import Any, Final, Unpack, cast

try:
    from fastapi import APIRouter, HTTPException, Request, Response, Security, WebSocket, WebSocketException
    from fastapi.openapi import models
    from fastapi.requests import HTTPConnection
    from fastapi.security import SecurityScopes
    from fastapi.security.base import SecurityBase
except ImportError as error:
    raise ImportError('FastAPI is missing: pip install "cognito-mr-auth[fastapi]"') from error

from . import policy as policies
from ._runtime.hooks import require_policy
from ._web import asgi_scope as asgi
from ._web import openapi
from ._web.asgi_types import POLICY_VIOLATION
from ._web.bearer import PRINCIPAL, HTTPRequest, HTTPResponse
from ._web.guard import Guard, Options
from .errors import AuthError, ConfigurationError
from .policy import Policy
from .principal import Principal
from .verifier import Verifier

__all__ = ["AuthHTTPException", "CognitoAuth"]

# Where a connection keeps the `_ConnectionState` of each guard. No client can write there.
_STATES: Final = "cognito_mr_auth.fastapi"

# Headers that the response sets itself.
_OF_THE_BODY = frozenset({"content-type", "content-length"})


class AuthHTTPException(HTTPException):
    """A refusal, as FastAPI's exception handlers see it. Its body and headers hold no token.

    `error` is the AuthError, with its `reason`, `hint` and `retryable`. `headers` have lower-case names.
    """

    def __init__(self, error: AuthError, answer: HTTPResponse) -> None:
        headers = {name: value for name, value in answer.headers if name not in _OF_THE_BODY}
        super().__init__(answer.status, loads(answer.body)["detail"], headers)
        self.error = error


class _Named(str):
    """A scope that a policy names: shown in OpenAPI, and checked by the policy instead of the guard.

    FastAPI caches a dependency's result under its scopes. A `_Named` never equals a plain scope of the same
    letters, so a result whose scopes were not checked is never used where a check is due.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Named) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((_Named, str.__hash__(self)))


class _ConnectionState:
    """What a guard has read of a connection, and the principal found. Hides both in a repr of the scope."""

    __slots__ = ("http_request", "principal")

    def __init__(self, http_request: HTTPRequest) -> None:
        self.http_request = http_request
        self.principal: Principal | None = None


class CognitoAuth(SecurityBase):
    """A dependency that gives the request's principal: `Depends(auth)`, `Security(auth, scopes=[...])`.

    Args:
        verifier: what tokens are verified with.
        login_domain: the user pool's domain ("auth.example.com"); Swagger UI then signs users in with the
            authorization code grant. Without it, its users paste a token.
        swagger_client_id: the app client that Swagger UI signs in with; needs `login_domain`.
        subprotocol: a marker; the subprotocol offered right after it is the token (WebSocket only).
        options: what every adapter takes; see `Options`.

    It gives None for what passes without a token: an excluded path, or no token with `optional=True`. A
    CORS preflight gets 204, and the route that declares OPTIONS does not run. Scopes of `Security` are
    all required, and like `require(...)` they always need a token. Everything else gets an
    AuthHTTPException of status 400, 401, 403 or 503; a WebSocket whose server cannot send a status gets a
    WebSocketException of code 1008.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
    """

    def __init__(
        self,
        verifier: Verifier,
        *,
        login_domain: str | None = None,
        swagger_client_id: str | None = None,
        subprotocol: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._guard = Guard(verifier, subprotocol=subprotocol, **options)
        self._init_oauth = openapi.init_oauth(login_domain, swagger_client_id)
        self._scopes: dict[str, str] = {}
        self.scheme_name = "Cognito"
        kind = models.HTTPBearer if login_domain is None else models.OAuth2
        self.model = kind.model_validate(openapi.scheme(login_domain))
        self._name_scopes(options.get("require"))

    def __repr__(self) -> str:
        return f"CognitoAuth({self._guard.verifier!r})"

    # -- dependencies ---------------------------------------------------------------------------

    async def __call__(self, connection: HTTPConnection, security_scopes: SecurityScopes) -> Principal | None:
        """The principal of this request or WebSocket."""
        # An exact str of each: an enumeration's members are welcome.
        scopes = [str.__str__(each) for each in security_scopes.scopes if not isinstance(each, _Named)]
        try:
            principal = await self._find(connection, always=bool(scopes))
            if principal is None or not scopes:
                return principal
            return await self._guard.arequire(principal, policies.scopes(*scopes))
        except AuthError as error:
            raise self._refused(connection, error) from None

    def require(self, policy: Policy | None = None) -> Callable[..., Awaitable[Principal]]:
        """A dependency that gives the principal if the policy lets it pass; `require()` accepts any.

        A route that names it needs a token, whatever `exclude` and `optional` say. OpenAPI lists the
        policy's scopes at the route.

        Raises:
            TypeError: for anything but a policy.
        """
        require_policy(policy)
        names = [_Named(name) for name in self._name_scopes(policy)]

        async def permitted(
            connection: HTTPConnection,
            principal: Any = Security(self, scopes=names),  # noqa: B008 - FastAPI's way to declare it
        ) -> Principal:
            try:
                # An override may give None. None from this guard means a connection that passed without a
                # token. A direct call leaves FastAPI's marker here, which identifies nobody.
                overridden = principal is None and self._guard not in connection.scope.get(_STATES, ())
                if not overridden and not isinstance(principal, Principal):
                    principal = await self._find(connection, always=True)
                return await self._guard.arequire(principal, policy)
            except AuthError as error:
                raise self._refused(connection, error) from None

        return permitted

    async def _find(self, connection: HTTPConnection, *, always: bool) -> Principal | None:
        """Verify once per connection, so that `revoked` is called once; hide a subprotocol's token."""
        guard, scope = self._guard, connection.scope
        states: dict[Guard, _ConnectionState] = scope.setdefault(_STATES, {})
        state = states.get(guard)
        if state is None:
            state = states[guard] = _ConnectionState(asgi.read_request(scope))
            if state.http_request.websocket:
                self._hide_token(cast("WebSocket", connection))
        if guard.is_preflight(state.http_request):
            # CORSMiddleware has not answered it, and the route would run without a principal.
            raise HTTPException(204)
        if state.principal is None:
            state.principal = scope[PRINCIPAL] = await guard.averify(state.http_request, always=always)
        return state.principal

    def _hide_token(self, websocket: WebSocket) -> None:
        visible = asgi.without_token(websocket.scope, self._guard)
        if visible is websocket.scope or self._guard.subprotocol is None:
            return
        websocket.scope.update(visible)
        # The endpoint gets this same object, which caches headers that were read before.
        websocket.__dict__.pop("_headers", None)
        setattr(websocket, "send", asgi.marked(websocket.send, self._guard.subprotocol))  # noqa: B010

    def _refused(self, connection: HTTPConnection, error: AuthError) -> HTTPException | WebSocketException:
        error.with_traceback(None)  # as in Guard.response
        if isinstance(connection, WebSocket) and not asgi.can_deny(connection.scope):
            return WebSocketException(POLICY_VIOLATION)
        return AuthHTTPException(error, self._guard.response(error))

    # -- OpenAPI --------------------------------------------------------------------------------

    def _name_scopes(self, policy: Policy | None) -> tuple[str, ...]:
        names = () if policy is None else policy.scope_names
        self._scopes |= dict.fromkeys(names, "")
        # In place, because FastAPI got both objects before the routes existed.
        if isinstance(self.model, models.OAuth2) and self.model.flows.authorizationCode is not None:
            self.model.flows.authorizationCode.scopes.update(self._scopes)
        if self._init_oauth is not None:
            self._init_oauth["scopes"] = " ".join(self._scopes)
        return names

    @property
    def swagger_ui_init_oauth(self) -> dict[str, Any] | None:
        """For `FastAPI(swagger_ui_init_oauth=...)`; None without a domain."""
        return self._init_oauth

    @property
    def responses(self) -> dict[int | str, dict[str, Any]]:
        """For `FastAPI(responses=...)`: the responses to requests that may not pass."""
        return openapi.responses()

    @property
    def router(self) -> APIRouter:
        """Serves the metadata document of `resource=` (RFC 9728 3), to anybody. Include it without prefix.

        Raises:
            ConfigurationError: there is no `resource=`.
        """
        metadata = self._guard.metadata
        if metadata is None:
            raise ConfigurationError("auth.router serves the document of resource=, which was not given")
        answer = metadata.answer

        async def document(_request: Request) -> Response:
            return Response(answer.body, answer.status, dict(answer.headers))

        router = APIRouter()
        # A route of Starlette, because it does not inherit the dependencies of the application.
        router.add_route(metadata.path, document, include_in_schema=False)
        return router
