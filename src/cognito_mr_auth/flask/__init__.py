"""Authentication for Flask: guards on views, on blueprints, on the whole application.

    auth = CognitoAuth(verifier, app=app)

    @app.get("/orders")
    @auth.require(policy.scopes("orders/read"))
    def orders(): ...

Owns how a view's guards are found. `require` marks the function that it receives, and a hook before each
request enforces the marks of the registered view, so that a decorator above `@app.get` guards the route
as well. The guard decides who passes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar, Unpack, cast

try:
    from flask import Blueprint, Flask, Response, current_app, has_request_context, request
    from flask.views import View
    from werkzeug.local import LocalProxy
except ImportError as error:
    raise ImportError(
        'cognito_mr_auth.flask needs Flask: pip install "cognito-mr-auth[flask]"', name="flask"
    ) from error

from cognito_mr_auth._base.checks import check_flag
from cognito_mr_auth._runtime.hooks import require_sync
from cognito_mr_auth._web.bearer import PRINCIPAL, HTTPResponse
from cognito_mr_auth._web.guard import Guard, Options
from cognito_mr_auth._web.wsgi_environ import read_request
from cognito_mr_auth.errors import AuthError, ConfigurationError
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from ._views import OUTER_GUARDS, OWN_GUARDS, PUBLIC, ViewGuard, guards_of_view, mark_view

__all__ = ["PRINCIPAL", "CognitoAuth", "current_principal"]

ViewT = TypeVar("ViewT", bound=Callable[..., Any])

# In app.extensions, and in the request object. Not in flask.g: that is an application context's, and
# requests made inside one `with app.app_context():` share it.
_EXTENSION = "cognito_mr_auth"
_STATE = "_cognito_mr_auth_request_state"


def _find_principal() -> Principal | None:
    if not has_request_context():
        raise RuntimeError("current_principal is known only while a request is served")
    found: Principal | None = request.environ.get(PRINCIPAL)
    return found


current_principal = cast("Principal", LocalProxy(_find_principal))
"""The principal of this request. It is false if the request was let through without a token
(`is None` is never true of a proxy). Works behind `wsgi.CognitoAuthMiddleware` too.

Raises:
    RuntimeError: outside a request.
"""


class _RequestState:
    """What a request has passed so far, so that its token and each policy are checked once."""

    def __init__(self) -> None:
        self.principal: Principal | None = None
        self.policies: set[Policy] = set()


class CognitoAuth:
    """Guards views of Flask applications.

    Args:
        verifier: what tokens are verified with; its hooks must not be coroutine functions. May come
            with `init_app` instead.
        app: an application to initialise at once.
        protect_all: every request needs a token, unknown URLs and static files included, except
            `@public` views, excluded paths and CORS preflights.
        options: what every adapter takes; see `Options`. `optional` and `exclude` open what `protect_all`
            closes, but never a view or blueprint that names its guard.

    Others get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and `{"detail": "..."}`, from an
    error handler of `AuthError` that an application may replace.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
    """

    def __init__(
        self,
        verifier: Verifier | None = None,
        *,
        app: Flask | None = None,
        protect_all: bool = False,
        **options: Unpack[Options],
    ) -> None:
        check_flag("protect_all", protect_all)
        self._guard = None if verifier is None else Guard(verifier, **options)
        self._options = options
        self._protect_all = protect_all
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, verifier: Verifier | None = None) -> None:
        """Install the guards of this object in an application, before it serves.

        One object may serve several applications, each with a verifier of its own.

        Raises:
            ConfigurationError: there is no verifier, neither here nor in the constructor.
            RuntimeError: the application has a CognitoAuth already.
        """
        if _EXTENSION in app.extensions:
            raise RuntimeError("this application has a CognitoAuth already: call init_app once")
        guard = self._guard if verifier is None else Guard(verifier, **self._options)
        if guard is None:
            raise ConfigurationError("no verifier: CognitoAuth(verifier) or init_app(app, verifier)")
        guard.refuse_async_hooks()
        app.before_request(self._before_request)
        if AuthError not in app.error_handler_spec[None][None]:
            app.register_error_handler(AuthError, self.response)
        if guard.metadata is not None:
            document = self.public(partial(_response, guard.metadata.answer))
            app.add_url_rule(guard.metadata.path, "cognito_mr_auth_metadata", document)
        app.extensions[_EXTENSION] = (self, guard)

    # -- what is guarded ------------------------------------------------------------------------

    def require(self, policy: Policy | None = None) -> Callable[[ViewT], ViewT]:
        """A decorator: the view needs a token and, if given, what the policy says.

        For functions, coroutine functions, View classes (or in their `decorators`) and their methods.
        Several hold together.

        Raises:
            TypeError: for what is no policy; by the decorator, for a view that is `public`.
        """
        require_sync(policy)
        view_guard = ViewGuard(self._enforce_on_view, policy)

        def decorate(view: ViewT) -> ViewT:
            mark_view(view_guard, view)
            if isinstance(view, type):
                if not issubclass(view, View):
                    raise TypeError("require() guards functions and subclasses of flask.views.View")
                view.decorators = [*view.decorators, decorate]
                return cast("ViewT", view)

            @wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                if (answer := self._enforce(policy, always=True)) is not None:
                    return answer
                return current_app.ensure_sync(view)(*args, **kwargs)

            # `wraps` has copied the marks: what guards the inner view from outside is not the wrapper's.
            setattr(guarded, OWN_GUARDS, (*getattr(view, OWN_GUARDS, ()), view_guard))
            setattr(guarded, OUTER_GUARDS, ())
            return cast("ViewT", guarded)

        return decorate

    def public(self, view: ViewT) -> ViewT:
        """Mark a view (function, View class or its method) as open in what is protected as a whole.

        Raises:
            TypeError: for a view that requires something.
        """
        if getattr(view, OWN_GUARDS, ()) or getattr(view, OUTER_GUARDS, ()):
            raise TypeError("a view cannot be both public and required")
        setattr(view, PUBLIC, True)
        return view

    def protect(self, blueprint: Blueprint, require: Policy | None = None) -> None:
        """Guard all views of a blueprint, and of those nested in it, except `public` ones.

        Raises:
            TypeError: for a `require` that is no policy.
        """
        require_sync(require)

        def guard_blueprint() -> Response | None:
            view_guards, public = guards_of_view()
            return self._enforce(require, always=True) if view_guards or not public else None

        blueprint.before_request(guard_blueprint)

    # -- enforcement ----------------------------------------------------------------------------

    def response(self, error: AuthError) -> Response:
        """The response to an error, for error handlers that change only some of it."""
        return _response(self._guard_here().response(error))

    def _before_request(self) -> Response | None:
        view_guards, public = guards_of_view()
        answer = None
        for check, policy in view_guards:
            refused = check(policy)
            answer = answer or refused
        if self._protect_all and not view_guards and not public:
            answer = self._enforce(None, always=False)
        return answer

    def _enforce_on_view(self, policy: Policy | None) -> Response | None:
        return self._enforce(policy, always=True)

    def _enforce(self, policy: Policy | None, *, always: bool) -> Response | None:
        """Enforce a policy on the request. Returns the answer to a preflight, for which no view runs."""
        guard = self._guard_here()
        state: _RequestState | None = getattr(request, _STATE, None)
        if state is None or state.principal is None:
            asked = read_request(request.environ)
            if guard.is_preflight(asked):
                return current_app.make_default_options_response()
            state = _RequestState()
            setattr(request, _STATE, state)
            state.principal = request.environ[PRINCIPAL] = guard.verify(asked, always=always)
        if state.principal is not None and policy is not None and policy not in state.policies:
            guard.require(state.principal, policy)
            state.policies.add(policy)
        return None

    def _guard_here(self) -> Guard:
        auth, guard = current_app.extensions.get(_EXTENSION, (None, None))
        if auth is not self or guard is None:
            raise RuntimeError("this CognitoAuth does not know the running application: call init_app(app)")
        return cast("Guard", guard)


def _response(answer: HTTPResponse) -> Response:
    return Response(answer.body, answer.status, list(answer.headers))
