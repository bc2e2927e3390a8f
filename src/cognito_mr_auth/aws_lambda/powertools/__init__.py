"""Authentication for the event handler of Powertools for AWS Lambda: guards on routes and on whole resolvers.

    app = APIGatewayHttpResolver()
    auth = CognitoAuth(verifier, app=app)

    @app.get("/orders", middlewares=[auth.require(policy.scopes("orders/read"))])
    def orders(): ...

Owns when a route's guards run: before everything else that Powertools runs for it. Middlewares alone would
run too late, because Powertools validates a request before them. The guard decides which requests pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Unpack

try:
    from aws_lambda_powertools.event_handler import ApiGatewayResolver, BedrockAgentResolver
except ImportError as _missing:
    raise ImportError(
        'cognito_mr_auth.aws_lambda.powertools needs Powertools: pip install "cognito-mr-auth[powertools]"',
        name="aws_lambda_powertools",
    ) from _missing

from cognito_mr_auth._base.checks import check_flag
from cognito_mr_auth._runtime.hooks import require_sync
from cognito_mr_auth._web.settings import Options
from cognito_mr_auth._web.state import PRINCIPAL, REQUIRED, Default, principal_in
from cognito_mr_auth.aws_lambda._proxy.events import read
from cognito_mr_auth.aws_lambda._proxy.function_guard import JUDGE, Demand, FunctionGuard
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from ._routes import GuardedRoute, RouteVerdict, as_response, segments

__all__ = ["PRINCIPAL", "CognitoAuth", "principal_of"]

Middleware = Callable[[Any, Callable[..., Any]], Any]

# The attribute of a resolver that holds its CognitoAuth.
_INSTALLED = "_cognito_mr_auth"
# An attribute of the middlewares that `require` makes.
_REQUIREMENT = "_cognito_mr_auth_requirement"
_ADVICE = "give its route middlewares=[auth.require()] or [auth.optional], or its resolver protect_all=True"


class _Requirement(NamedTuple):
    auth: CognitoAuth
    policy: Policy | None


def principal_of(app: Any, default: Default = REQUIRED) -> Principal | Default | None:
    """Return the principal of the request that a resolver, `Router` or `Request` serves; None for a guest.

    Raises:
        LookupError: no guard checked the request, and no `default` is given.
    """
    return principal_in(app.context, default, _ADVICE)


class CognitoAuth(FunctionGuard):
    """Guards the routes of resolvers: REST and HTTP APIs, load balancers, function URLs, VPC Lattice.

    Args:
        verifier: the verifier of the tokens, or a `Guard`, which has its own options. Hooks must not be
            coroutine functions. `bind` can set it later.
        app: a resolver to initialise at once; see `init_app`.
        protect_all: every request needs a token, also for unknown URLs, except for routes that are `public`
            or `optional` and for excluded paths.
        behind_authorizer: accept the principal from an authorizer in front, and verify a token only if there
            is none. Use it only for functions that nothing but API Gateway may invoke, because any other
            caller can write any principal into the event.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them. `optional` and
            `exclude` open what `protect_all` closes, but never a route with `require`. `exclude` is compared
            with the path that the resolver routes by. With `preflight="pass"`, preflights reach the
            resolver's CORS response.

    Other requests get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and the body
    `{"detail": "...", "reason": "..."}`. Every AuthError that a route or middleware raises gets the same
    response, with the CORS headers of the resolver. An `exception_handler` of yours for such an error runs
    first.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """

    def __init__(
        self,
        verifier: Verifier | Guard | None = None,
        *,
        app: ApiGatewayResolver | None = None,
        protect_all: bool = False,
        behind_authorizer: bool = False,
        **options: Unpack[Options],
    ) -> None:
        check_flag("protect_all", protect_all)
        super().__init__(verifier, options, behind_authorizer=behind_authorizer)
        self._protect_all = protect_all
        if app is not None:
            self.init_app(app)

    def init_app(self, app: ApiGatewayResolver) -> None:
        """Guard a resolver. Call it before the resolver serves.

        Raises:
            RuntimeError: the resolver has a CognitoAuth already.
            TypeError: the argument is not a resolver of HTTP requests.
        """
        given: object = app  # callers without a type checker give anything
        if not isinstance(given, ApiGatewayResolver) or isinstance(given, BedrockAgentResolver):
            raise TypeError("CognitoAuth guards resolvers of HTTP requests, such as APIGatewayHttpResolver")
        if hasattr(app, _INSTALLED):
            raise RuntimeError("this resolver has a CognitoAuth already: call init_app once")
        handlers = app.exception_handler_manager
        if AuthError not in handlers.get_registered_handlers():
            handlers.exception_handler(AuthError)(lambda error: as_response(app, self._guard.response(error)))
        # These are not public, but the public hooks run after the validation of a request, or do not know its
        # route. If they are missing, this fails while the function starts.
        call, call_async = getattr(app, "_call_route"), getattr(app, "_call_route_async")  # noqa: B009

        def call_route(route: Any, route_arguments: dict[str, str]) -> Any:
            try:
                return call(GuardedRoute(self._judge_route, route), route_arguments)
            finally:  # not every version clears the context if a route raises
                _forget(app)

        async def call_route_async(route: Any, route_arguments: dict[str, str]) -> Any:
            try:
                return await call_async(GuardedRoute(self._judge_route, route), route_arguments)
            finally:
                _forget(app)

        vars(app).update({_INSTALLED: self, "_call_route": call_route, "_call_route_async": call_route_async})

    # -- decorators -------------------------------------------------------------------------------

    def require(self, policy: Policy | None = None, /) -> Middleware:
        """A middleware. Its route needs a token that meets the policy, if one is given.

        If there are several, all of them apply. It runs before all other middlewares. In `app.use([...])` it
        applies to every route.

        Raises:
            TypeError: `policy` is not a Policy.
        """
        require_sync(policy)

        def cognito_auth_require(app: Any, next_middleware: Callable[..., Any]) -> Any:
            return self._judged(app, next_middleware)

        setattr(cognito_auth_require, _REQUIREMENT, _Requirement(self, policy))
        return cognito_auth_require

    def optional(self, app: Any, next_middleware: Callable[..., Any]) -> Any:
        """A middleware, named without a call. Guests may use its route; a bad token is refused."""
        return self._judged(app, next_middleware)

    def public(self, app: Any, next_middleware: Callable[..., Any]) -> Any:
        """A middleware, named without a call. Its route is open, and no token is read."""
        return next_middleware(app)

    def _judged(self, app: Any, next_middleware: Callable[..., Any]) -> Any:
        if app.context.get(JUDGE) is not self:
            raise RuntimeError("this CognitoAuth does not know the running resolver: call init_app(app)")
        return next_middleware(app)

    # -- a request --------------------------------------------------------------------------------

    def _judge_route(self, app: Any, route: Any, everywhere: list[Any]) -> RouteVerdict:
        event, path = app.current_event.raw_event, app.context.get("_path", "")
        asked = read(event).http_request._replace(path=path, raw_path=path, route=segments(route.path, path))
        if self.public in route.middlewares:
            app.context[PRINCIPAL] = None
        demand = self._demand(route.middlewares, everywhere)
        verdict = self._judge(event, asked, demand, app.lambda_context)
        app.context.update(verdict.found)
        answer = None if verdict.answer is None else as_response(app, verdict.answer)
        return answer, verdict.is_preflight

    def _demand(self, own: list[Any], everywhere: list[Any]) -> Demand:
        """Return what a route requires. Middlewares for every route let a preflight reach CORS."""
        found = [getattr(each, _REQUIREMENT, None) for each in (*everywhere, *own)]
        required = [each.policy for each in found if each is not None and each.auth is self]
        if required:
            return Demand("required", required, guarded=any(hasattr(each, _REQUIREMENT) for each in own))
        if self.optional in (*everywhere, *own):
            return Demand("optional")
        return Demand("configured" if self._protect_all and self.public not in own else None)


def _forget(app: Any) -> None:
    for name in (PRINCIPAL, JUDGE):
        app.context.pop(name, None)
