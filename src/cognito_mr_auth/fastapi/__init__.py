"""Authentication as a FastAPI dependency, over HTTP and WebSocket, with its OpenAPI documentation.

    auth = CognitoAuth(verifier, app=app)

    Reader = Annotated[Principal, Depends(auth.require(policy.scopes("orders/read")))]

    @app.get("/orders")
    async def orders(principal: Reader): ...

Owns the translation into FastAPI's dependencies and OpenAPI models. Annotations must not be
postponed here, because FastAPI looks their names up in `__globals__`, which an instance does not have.
"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, Unpack

try:
    from fastapi import APIRouter, Depends, FastAPI, Security
    from fastapi.requests import HTTPConnection
    from fastapi.security import SecurityScopes
    from fastapi.security.base import SecurityBase
    from pydantic import TypeAdapter
except ImportError as _missing:
    raise ImportError('FastAPI is missing: pip install "cognito-mr-auth[fastapi]"') from _missing

from cognito_mr_auth import policy as policies
from cognito_mr_auth._base.checks import check_flag
from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth._starlette import marks
from cognito_mr_auth._starlette.endpoints import Endpoint as Probe
from cognito_mr_auth._starlette.endpoints import document_route, probe
from cognito_mr_auth._web import openapi
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.life import life_of
from cognito_mr_auth._web.readiness import answer
from cognito_mr_auth._web.settings import SocketOptions
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from ._application import Installation, install
from ._guests import NO_SCOPES, Guests
from ._openapi import describe
from ._principal import principal_of
from ._refusals import AuthHTTPException
from ._verification import NamedScope, Verification, dependency

__all__ = ["AuthHTTPException", "CognitoAuth", "principal_of"]

Model = TypeVar("Model")
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_KNOWN = {*SocketOptions.__optional_keys__, "app", "protect_all"}
_KNOWN |= {"login_domain", "swagger_client_id", "scheme_name"}


class CognitoAuth(SecurityBase):
    """A dependency that gives the request's principal: `Depends(auth)`, `Security(auth, scopes=[...])`.

    Args:
        verifier: what tokens are verified with, or a `Guard`, which has its own options; may come later,
            by `bind`.
        app: an application to initialise at once; see `init_app`.
        protect_all: every request of the application needs a token, `/docs`, unknown URLs and mounted
            applications included, except `public` routes and excluded paths. Works with `init_app`.
        login_domain: the user pool's domain ("auth.example.com"); Swagger UI then signs users in with the
            authorization code grant. Without it, its users paste a token.
        swagger_client_id: the app client that Swagger UI signs in with; needs `login_domain`.
        scheme_name: how OpenAPI calls it, in place of "Cognito" or "Cognito-" with the domain.
        options: settings of the guard that is made for a verifier; `guard.Guard` lists them.
            `close_at_expiry` needs `protect_all`.

    It gives None for what passes without a token: an excluded path, or no token with `optional=True`. A
    CORS preflight that passes gets 204, and the route that declares OPTIONS does not run. Scopes of
    `Security` are all required, and like `require(...)` they always need a token. Everything else gets an
    AuthHTTPException of status 400, 401, 403 or 503; a WebSocket whose server cannot send a status gets a
    WebSocketException of code 1008. Both are errors of their own class too. `await auth(request)` does
    the same by hand.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
    """

    def __init__(
        self,
        verifier: Verifier | Guard | None = None,
        *,
        app: FastAPI | None = None,
        protect_all: bool = False,
        login_domain: str | None = None,
        swagger_client_id: str | None = None,
        scheme_name: str | None = None,
        **options: Unpack[SocketOptions],
    ) -> None:
        check_flag("protect_all", protect_all)
        self._guard = RequestGuard.of("CognitoAuth", verifier, options, _KNOWN, unbound=True)
        if options.get("close_at_expiry") and not protect_all:
            raise ConfigurationError("close_at_expiry= needs protect_all=True, or the middleware in front")
        self._scheme = openapi.SecurityScheme(scheme_name, login_domain, swagger_client_id)
        self._verification = Verification(self._guard, self)
        self._installation = Installation(
            self._guard, self._scheme, self._verification, protect_all, self._describe
        )
        self._guests = Guests(self._verification)
        self._ready = probe(lambda method: answer(self._guard.verifier, method))
        self._describe(self._guard.scope_names)
        if app is not None:
            self.init_app(app)

    def bind(self, verifier: Verifier) -> None:
        """Verify with `verifier` from now on, for a CognitoAuth that was made without one.

        Raises:
            ConfigurationError: there is another one already.
            TypeError: for what is no Verifier.
        """
        self._guard.bind(verifier)
        self._describe()

    def init_app(self, app: FastAPI) -> None:
        """Install what belongs to an application, before it serves.

        That is: a handler of AuthError, whoever raises it, unless there is one already. Your handlers of
        FastAPI's HTTPException, or of a status, are asked first; else the body has the error's `reason`. The
        responses in OpenAPI documents, and Swagger UI's settings. The RFC 9728 document of `resource=`. A
        check that keeps the application from starting without a verifier. And what `protect_all` says.

        Raises:
            RuntimeError: it serves already, or knows this object.
            ConfigurationError: another object protects it, or has another scheme of the same name.
            TypeError: for what is no FastAPI.
        """
        install(app, self._installation)

    def __repr__(self) -> str:
        return f"CognitoAuth{repr(self._guard).removeprefix('Guard')}"

    # -- dependencies ---------------------------------------------------------------------------

    @dependency
    async def __call__(
        self, connection: HTTPConnection, security_scopes: SecurityScopes = NO_SCOPES
    ) -> Principal | None:
        """The principal of this request or WebSocket."""
        # An exact str of each: an enumeration's members are welcome.
        scopes = [str.__str__(each) for each in security_scopes.scopes if not isinstance(each, NamedScope)]
        if not scopes:
            return await self._verification.find(connection, "configured")
        return await self._verification.find(connection, "required", policies.scopes(*scopes))

    @property
    def optional(self) -> Callable[..., Awaitable[Principal | None]]:
        """A dependency for guests too: None without a token, whatever the path; a bad token is refused."""
        return self._guests

    def require(self, policy: Policy | None = None) -> Callable[..., Awaitable[Principal]]:
        """A dependency that gives the principal if the policy lets it pass; `require()` accepts any.

        A route that names it needs a token, whatever `exclude` and `optional` say. OpenAPI lists the
        policy's scopes at the route.

        Raises:
            TypeError: for anything but a policy.
        """
        require_policy(policy)
        names = () if policy is None else policy.scope_names
        self._describe(names)
        needed = Security(self, scopes=[NamedScope(name) for name in names])

        @dependency
        async def permitted(connection: HTTPConnection, principal: Any = needed) -> Principal:
            return await self._verification.permit(connection, principal, policy)

        return permitted

    def claims(self, model: type[Model], policy: Policy | None = None) -> Callable[..., Awaitable[Model]]:
        """A dependency that gives the token's claims as a pydantic model (or a TypedDict, or a dataclass).

        It needs a token, as `require(policy)` does. Claims that do not fit are `PolicyDenied`, 403: the
        token is good, and a new one of the same user would be no better. The answer names the claims, and
        shows none of their values.

        Raises:
            TypeError: for anything but a policy.
        """
        permitted = self.require(policy)
        adapter, needed = TypeAdapter(model), Depends(permitted)

        @dependency
        async def fitting(connection: HTTPConnection, principal: Any = needed) -> Any:
            found = await self._verification.permit(connection, principal, policy)
            return self._verification.fit(connection, adapter, found)

        return fitting

    def public(self, endpoint: Endpoint) -> Endpoint:
        """Mark an endpoint as open where `protect_all` closes the application; no token is read for it.

        For guests and users alike, add `Depends(auth.optional)`.

        Raises:
            TypeError: for what cannot be marked.
        """
        return marks.public(endpoint)

    # -- the application's life -----------------------------------------------------------------

    def lifespan(self, app: Any = None) -> AbstractAsyncContextManager[None]:
        """A lifespan, for `FastAPI(lifespan=auth.lifespan)`: warm at the start, closed at the end.

        The start waits for keys, at most 5 s, and an outage does not keep the application from it. In a
        lifespan of your own: `async with auth.lifespan(app):`.

        Raises:
            ConfigurationError: at the start, if there is no verifier yet.
        """
        return life_of(self._guard)(app)

    @property
    def ready(self) -> Probe:
        """An endpoint for readiness probes: 200 `{"status": "pass"}`, or 503 `{"status": "fail"}`.

        `app.add_api_route("/ready", auth.ready, include_in_schema=False)`: open to everybody there, under
        `protect_all` too, but not where `dependencies=` guard the application or its router. It says what
        `Verifier.ready()` says.
        """
        return self._ready

    # -- OpenAPI --------------------------------------------------------------------------------

    def _describe(self, scopes: Iterable[str] = ()) -> None:
        """Bring what FastAPI reads for its document up to date."""
        describe(self._scheme, self._guard, scopes, (self, self._guests))

    @property
    def swagger_ui_init_oauth(self) -> dict[str, Any] | None:
        """For `FastAPI(swagger_ui_init_oauth=...)`, where there is no `init_app`; None without a domain."""
        return self._scheme.init_oauth

    @property
    def responses(self) -> dict[int | str, dict[str, Any]]:
        """For `FastAPI(responses=...)`, where there is no `init_app`: the responses to what may not pass."""
        return openapi.responses()

    @property
    def router(self) -> APIRouter:
        """Serves the document of `resource=` (RFC 9728 3) to anybody, where there is no `init_app`.

        Include it without prefix, before any catch-all route.

        Raises:
            ConfigurationError: there is no `resource=`.
        """
        if self._guard.metadata is None:
            raise ConfigurationError("auth.router serves the document of resource=, which was not given")
        return APIRouter(routes=[document_route(self._guard.metadata)])
