"""Authentication for AWS Chalice: guards on views and on whole applications, and its authorizer functions.

    app = Chalice(app_name="orders")
    auth = CognitoAuth(verifier, app=app)

    @app.route("/orders")
    @auth.require(policy.scopes("orders/read"))
    def orders(): ...

Owns when a view's guards run: in the outermost middleware. It reads the marks of the registered view, so a
decorator above `@app.route` guards it as well. The guard decides which requests pass, and `Authorizer` makes
the response of an authorizer function.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, Unpack, cast

try:
    from chalice.app import Chalice, Response
except ImportError as _missing:
    raise ImportError(
        'cognito_mr_auth.aws_lambda.chalice needs Chalice: pip install "cognito-mr-auth[chalice]"',
        name="chalice",
    ) from _missing

from cognito_mr_auth._base.checks import check_flag
from cognito_mr_auth._runtime.hooks import require_sync
from cognito_mr_auth._web.marks import wrapped
from cognito_mr_auth._web.settings import Options
from cognito_mr_auth._web.state import PRINCIPAL, REQUIRED, Default, principal_in
from cognito_mr_auth.aws_lambda._proxy.events import read
from cognito_mr_auth.aws_lambda._proxy.function_guard import JUDGE, Demand, FunctionGuard, Verdict
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from ._authorizer import authorizer
from ._views import Mark, answer_errors, as_response, mark_view, wanted, without_body

__all__ = ["CognitoAuth", "authorizer", "principal_of"]

ViewT = TypeVar("ViewT", bound=Callable[..., Any])

# Attributes: an application's CognitoAuth, and what a guard has found for a request. `Request.to_dict` omits
# names that begin with "_".
_INSTALLED = "_cognito_mr_auth"
_STATE = "_cognito_mr_auth_state"
_ADVICE = "put @auth.require() or @auth.optional on its view, or protect_all=True on its application"


def principal_of(request: Any, default: Default = REQUIRED) -> Principal | Default | None:
    """The principal of `app.current_request`; None if the request passed without a token.

    Raises:
        LookupError: no guard checked the request, and no `default` is given.
    """
    return principal_in(getattr(request, _STATE, {}), default, _ADVICE)


class CognitoAuth(FunctionGuard):
    """Guards the views of a Chalice application.

    Args:
        verifier: the verifier of the tokens, or a `Guard`, which has its own options. Hooks must not be
            coroutine functions. `bind` can set it later.
        app: an application to initialise at once; see `init_app`.
        protect_all: every HTTP request needs a token, except for `public` and `optional` views and excluded
            paths. Other events (schedules, queues, WebSockets) are not guarded.
        behind_authorizer: accept the principal from an authorizer in front, and verify a token only if there
            is none. Use it only for functions that nothing but API Gateway may invoke, because any other
            caller can write any principal into the event.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them. `optional` and
            `exclude` open what `protect_all` closes, but never a view with `require`.

    Other requests get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and the body
    `{"detail": "...", "reason": "..."}`. Every AuthError that a view or middleware raises gets the same
    response, with the CORS headers of the route.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """

    def __init__(
        self,
        verifier: Verifier | Guard | None = None,
        *,
        app: Chalice | None = None,
        protect_all: bool = False,
        behind_authorizer: bool = False,
        **options: Unpack[Options],
    ) -> None:
        check_flag("protect_all", protect_all)
        super().__init__(verifier, options, behind_authorizer=behind_authorizer)
        self._protect_all = protect_all
        self._app: Any = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Chalice) -> None:
        """Guard an application. Call it before the application serves.

        Raises:
            RuntimeError: the application has a CognitoAuth already, or this object has an application.
            TypeError: the argument is not a Chalice application.
        """
        if not isinstance(app, Chalice):
            raise TypeError(
                "CognitoAuth guards Chalice applications; a Blueprint's views are its application's"
            )
        if hasattr(app, _INSTALLED) or self._app is not None:
            raise RuntimeError("one application has one CognitoAuth: call init_app once")
        setattr(app, _INSTALLED, self)
        self._app = app
        app.middleware_handlers.insert(0, (self._middleware, "http"))  # the outermost

    # -- marks on views -----------------------------------------------------------------------------

    def require(self, policy: Policy | None = None) -> Callable[[ViewT], ViewT]:
        """A decorator. The view needs a token that meets the policy, if one is given. Several all apply.

        Raises:
            TypeError: `policy` is not a Policy. The decorator raises it if its argument is not a view.
        """
        require_sync(policy)
        return lambda view: self._guarded(view, Mark("required", self, policy))

    def optional(self, view: ViewT) -> ViewT:
        """A decorator. Guests may use this view; a bad token is refused.

        Raises:
            TypeError: the argument is not a view.
        """
        return self._guarded(view, Mark("optional", self))

    def public(self, view: ViewT) -> ViewT:
        """A decorator. The view is open, and no token is read.

        Raises:
            TypeError: the argument is not a view.
        """
        mark_view(view, Mark("public", self))
        return view

    def _guarded(self, view: ViewT, mark: Mark) -> ViewT:
        for each in wrapped(view):  # any of them may be the registered view
            mark_view(each, mark)

        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            request = getattr(self._app, "current_request", None)
            if getattr(request, _STATE, {}).get(JUDGE) is not self:
                raise RuntimeError(
                    "this CognitoAuth does not know the running application: call init_app(app)"
                )
            return view(*args, **kwargs)

        return cast("ViewT", guarded)

    # -- a request ----------------------------------------------------------------------------------

    def _middleware(self, request: Any, get_response: Callable[[Any], Any]) -> Any:
        if request is None:  # the event has no route, so Chalice refuses it
            return get_response(request)
        entry = self._app.routes.get(request.path, {}).get(request.method)
        try:
            answer, preflight, _ = self._judge_view(request, entry)
            if answer is None:
                answer_errors(entry, self._error_response)
                response = get_response(request)
                return without_body(response) if preflight else response
        except AuthError as error:
            answer = self._guard.response(error)
        return as_response(request, answer, entry)

    def _judge_view(self, request: Any, entry: Any) -> Verdict:
        event = request.to_original_event()
        # Chalice's local mode omits these members.
        named = {"httpMethod": request.method, "path": request.context.get("path"), "resource": request.path}
        asked = read({**named, **event}).http_request
        word, policies = wanted(entry, self)
        need = word or ("configured" if self._protect_all else None)
        demand = Demand(None if need == "public" else need, policies, guarded=need == "required")
        verdict = self._judge(event, asked, demand, request.lambda_context)
        setattr(request, _STATE, {PRINCIPAL: None} if need == "public" else verdict.found)
        return verdict

    def _error_response(self, error: AuthError) -> Response:
        return as_response(self._app.current_request, self._guard.response(error), None)
