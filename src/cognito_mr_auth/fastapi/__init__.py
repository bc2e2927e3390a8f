"""Authentication as a FastAPI dependency, over HTTP and WebSocket, with its OpenAPI documentation.

    auth = CognitoAuth(verifier, app=app)

    Reader = Annotated[Principal, Depends(auth.require(policy.scopes("orders/read")))]

    @app.get("/orders")
    async def orders(principal: Reader): ...

Owns the translation into FastAPI's dependencies and OpenAPI models. Annotations must not be
postponed here, because FastAPI looks up their names in `__globals__`, which an instance does not have.
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
    """A dependency that returns the request's principal: `Depends(auth)`, `Security(auth, scopes=[...])`.

    Args:
        verifier: the verifier of the tokens, or a `Guard`, which has its own options; may come later,
            by `bind`.
        app: an application to initialise at once; see `init_app`.
        protect_all: every request of the application needs a token, except for `public` routes and excluded
            paths. This includes `/docs`, unknown URLs and mounted applications. Needs `init_app`.
        login_domain: the user pool's domain ("auth.example.com"). Swagger UI then signs users in with the
            authorization code grant. Without it, users of Swagger UI paste a token.
        swagger_client_id: the app client that Swagger UI signs in with. Needs `login_domain`.
        scheme_name: the name of the OpenAPI scheme, instead of "Cognito" or "Cognito-" with the domain.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them.
            `close_at_expiry` needs `protect_all`.

    It returns None for a request that passes without a token. That is an excluded path, or a request without
    a token if `optional=True`. A CORS preflight that passes gets 204, and a route that declares OPTIONS does
    not run. All scopes of `Security` are required, and like `require(...)` they always need a token. Other
    requests get an AuthHTTPException of status 400, 401, 403 or 503. A WebSocket whose server cannot send a
    status gets a WebSocketException of code 1008. Both are also instances of the specific error class.
    `await auth(request)` does the same in your own code.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
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
        """Set the verifier of a CognitoAuth that was made without one.

        Raises:
            ConfigurationError: another verifier is bound already.
            TypeError: the argument is not a Verifier.
        """
        self._guard.bind(verifier)
        self._describe()

    def init_app(self, app: FastAPI) -> None:
        """Install everything that belongs to an application. Call it before the application serves.

        It installs a handler of AuthError, unless there is one already. Your handlers of FastAPI's
        HTTPException, or of a status, run first; otherwise the body has the error's `reason`. It adds the
        responses in OpenAPI documents, Swagger UI's settings, and the RFC 9728 document of `resource=`. It
        adds a check that stops the start of an application without a verifier. It applies `protect_all`.

        Raises:
            RuntimeError: the application serves already, or this object was installed before.
            ConfigurationError: another object protects the application, or has a scheme of the same name.
            TypeError: the argument is not a FastAPI application.
        """
        install(app, self._installation)

    def __repr__(self) -> str:
        return f"CognitoAuth{repr(self._guard).removeprefix('Guard')}"

    # -- dependencies ---------------------------------------------------------------------------

    @dependency
    async def __call__(
        self, connection: HTTPConnection, security_scopes: SecurityScopes = NO_SCOPES
    ) -> Principal | None:
        """Return the principal of this request or WebSocket."""
        # Convert each scope to an exact str, so that members of a string enumeration work.
        scopes = [str.__str__(each) for each in security_scopes.scopes if not isinstance(each, NamedScope)]
        if not scopes:
            return await self._verification.find(connection, "configured")
        return await self._verification.find(connection, "required", policies.scopes(*scopes))

    @property
    def optional(self) -> Callable[..., Awaitable[Principal | None]]:
        """A dependency for guests too. It gives None without a token on any path; a bad token is refused."""
        return self._guests

    def require(self, policy: Policy | None = None) -> Callable[..., Awaitable[Principal]]:
        """A dependency that returns the principal if the policy accepts it; `require()` accepts any.

        A route with it needs a token, whatever `exclude` and `optional` say. OpenAPI lists the policy's
        scopes at the route.

        Raises:
            TypeError: `policy` is not a Policy.
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
        """A dependency that returns the token's claims as a pydantic model, a TypedDict or a dataclass.

        It needs a token, as `require(policy)` does. Claims that do not fit give `PolicyDenied`, 403, because
        the token is valid and a new token of the same user would not help. The response names the claims, and
        shows none of their values.

        Raises:
            TypeError: `policy` is not a Policy.
        """
        permitted = self.require(policy)
        adapter, needed = TypeAdapter(model), Depends(permitted)

        @dependency
        async def fitting(connection: HTTPConnection, principal: Any = needed) -> Any:
            found = await self._verification.permit(connection, principal, policy)
            return self._verification.fit(connection, adapter, found)

        return fitting

    def public(self, endpoint: Endpoint) -> Endpoint:
        """Mark an endpoint as open in an application with `protect_all`. No token is read for it.

        For guests and users alike, add `Depends(auth.optional)`.

        Raises:
            TypeError: the endpoint cannot be marked.
        """
        return marks.public(endpoint)

    # -- the application's life -----------------------------------------------------------------

    def lifespan(self, app: Any = None) -> AbstractAsyncContextManager[None]:
        """A lifespan that fetches keys at the start and closes the verifier at the end.

        Use it as `FastAPI(lifespan=auth.lifespan)`, or inside your own lifespan as
        `async with auth.lifespan(app):`. The start waits up to 5 s for keys. The application starts during
        an outage too.

        Raises:
            ConfigurationError: at the start, no verifier is bound.
        """
        return life_of(self._guard)(app)

    @property
    def ready(self) -> Probe:
        """An endpoint for readiness probes: 200 `{"status": "pass"}`, or 503 `{"status": "fail"}`.

        Register it with `app.add_api_route("/ready", auth.ready, include_in_schema=False)`. It needs no token
        there, also with `protect_all`, unless the application or its router has `dependencies=` that guard
        it. It reports what `Verifier.ready()` returns.
        """
        return self._ready

    # -- OpenAPI --------------------------------------------------------------------------------

    def _describe(self, scopes: Iterable[str] = ()) -> None:
        """Update the values that FastAPI reads for its OpenAPI document."""
        describe(self._scheme, self._guard, scopes, (self, self._guests))

    @property
    def swagger_ui_init_oauth(self) -> dict[str, Any] | None:
        """For `FastAPI(swagger_ui_init_oauth=...)`, if there is no `init_app`; None without a domain."""
        return self._scheme.init_oauth

    @property
    def responses(self) -> dict[int | str, dict[str, Any]]:
        """For `FastAPI(responses=...)`, if there is no `init_app`: the responses to refused requests."""
        return openapi.responses()

    @property
    def router(self) -> APIRouter:
        """A router that serves the document of `resource=` (RFC 9728 3) without a token.

        It is for applications without `init_app`. Include it without prefix, before any catch-all route.

        Raises:
            ConfigurationError: `resource=` is not set.
        """
        if self._guard.metadata is None:
            raise ConfigurationError("auth.router serves the document of resource=, which was not given")
        return APIRouter(routes=[document_route(self._guard.metadata)])
