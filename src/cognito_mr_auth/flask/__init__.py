"""Authentication for Flask: guards on views, on blueprints, on the whole application.

    auth = CognitoAuth(verifier, app=app)

    @app.get("/orders")
    @auth.require(policy.scopes("orders/read"))
    def orders(): ...

Owns when a view's guards run. `require` marks the function that it receives. A hook before each request
enforces the marks of the registered view, so a decorator above `@app.get` guards the route as well. The guard
decides which requests pass.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MethodType
from typing import Any, TypeVar, Unpack

try:
    from flask import Blueprint, Flask, Request, Response
except ImportError as _missing:
    raise ImportError(
        'cognito_mr_auth.flask needs Flask: pip install "cognito-mr-auth[flask]"', name="flask"
    ) from _missing

from cognito_mr_auth._base.checks import check_flag
from cognito_mr_auth._runtime.hooks import require_sync
from cognito_mr_auth._web.guard import Need, RequestGuard
from cognito_mr_auth._web.preflight import ANSWER
from cognito_mr_auth._web.readiness import answer
from cognito_mr_auth._web.settings import Options
from cognito_mr_auth._web.state import GUARD, PRINCIPAL
from cognito_mr_auth._web.wsgi_environ import known, read_request
from cognito_mr_auth.errors import AuthError, ConfigurationError
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.verifier import Verifier

from ._errors import flask_response, translate_errors, with_its_cors_headers
from ._installed import guard_of, install
from ._principal import current_principal, principal_of
from ._views import guarded, guards_of_view, here, mark_view, required, segments

__all__ = ["PRINCIPAL", "CognitoAuth", "current_principal", "principal_of"]

ViewT = TypeVar("ViewT", bound=Callable[..., Any])

# The key in the request object. flask.g belongs to an application context, and requests made inside one
# `with app.app_context():` would share it.
_PASSED = "_cognito_mr_auth_passed_policies"


class CognitoAuth:
    """Guards views of Flask applications.

    Args:
        verifier: the verifier of the tokens, or a `Guard`, which has its own options. Hooks must not be
            coroutine functions. May come with `init_app` or by `bind` instead.
        app: an application to initialise at once.
        protect_all: every request needs a token, except for `public` and `optional` views and excluded
            paths. This includes unknown URLs and static files.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them. `optional` and
            `exclude` open what `protect_all` closes, but never a view or blueprint with its own guard.

    Other requests get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and the body
    `{"detail": "...", "reason": "..."}`. Every AuthError that a view or hook raises gets the same response.
    It is also werkzeug's HTTPException, so that extensions and the application's error handlers recognise it.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """

    def __init__(
        self,
        verifier: Verifier | Guard | None = None,
        *,
        app: Flask | None = None,
        protect_all: bool = False,
        **options: Unpack[Options],
    ) -> None:
        check_flag("protect_all", protect_all)
        self._options = options
        self._guard = self._guard_for(verifier)
        self._has_guard = isinstance(verifier, Guard)
        self._protect_all = protect_all

        def ready() -> Response:
            app, current = here()
            return flask_response(answer(guard_of(app, self).verifier, current.method))

        self._ready = mark_view("public", ready)
        if app is not None:
            self.init_app(app)

    def _guard_for(self, verifier: Verifier | Guard | None) -> RequestGuard:
        guard = RequestGuard.of("CognitoAuth", verifier, self._options, unbound=True)
        guard.refuse_async_hooks()
        return guard

    def bind(self, verifier: Verifier) -> None:
        """Set the verifier of every application that has none of its own.

        A guarded request before that is a ConfigurationError (500).

        Raises:
            ConfigurationError: another verifier is bound already.
            TypeError: the argument is not a Verifier, or it has a hook that is a coroutine function.
        """
        self._guard.bind(verifier)

    def init_app(self, app: Flask, verifier: Verifier | Guard | None = None) -> None:
        """Install the guards of this object in an application. Call it before the application serves.

        One object may serve several applications, each with its own verifier.

        Raises:
            ConfigurationError: a verifier is given, and the constructor was given a Guard.
            RuntimeError: the application has a CognitoAuth already.
        """
        if verifier is not None and self._has_guard:
            raise ConfigurationError("CognitoAuth was given a Guard, whose verifier counts: call bind()")
        guard = self._guard if verifier is None else self._guard_for(verifier)
        install(app, self, guard, self._before_request)
        translate_errors(app, guard.response)

    # -- what is guarded ------------------------------------------------------------------------

    def require(self, policy: Policy | None = None) -> Callable[[ViewT], ViewT]:
        """A decorator. The view needs a token that meets the policy, if one is given.

        It accepts functions, coroutine functions, View classes (or stands in their `decorators`) and their
        methods. If there are several, all of them apply.

        Raises:
            TypeError: `policy` is not a Policy. The decorator raises it for a `public` or `optional` view.
        """
        require_sync(policy)
        return partial(required, self._enforce, policy)

    def optional(self, view: ViewT) -> ViewT:
        """A decorator. Guests may use this view, and have no principal. A bad token is refused.

        It has an effect under `protect_all` and in protected blueprints, for that function, View class or
        MethodView method alone. The policy of a protected blueprint applies to requests with a token.

        Raises:
            TypeError: the view has `require` or is `public`.
        """
        if not isinstance(view, MethodType):  # a mark would apply to all instances
            mark_view("optional", view)
        return (
            view
            if isinstance(view, type)
            else guarded(partial(self._enforce, policy=None, need="optional"), view)
        )

    def public(self, view: ViewT) -> ViewT:
        """A decorator. The view is open under `protect_all` and in protected blueprints; no token is read.

        It applies to that function, View class or MethodView method alone.

        Raises:
            TypeError: the view has `require` or is `optional`.
        """
        return mark_view("public", view)

    def protect(self, blueprint: Blueprint, require: Policy | None = None) -> None:
        """Guard all views of a blueprint and its nested blueprints, except `public` and `optional` ones.

        Raises:
            TypeError: `require` is not a Policy.
        """
        require_sync(require)

        def guard_blueprint() -> Response | None:
            app, current = here()
            _, need = guards_of_view(app, current)
            if need is None:
                return None
            return self._enforce(app, current, require, "optional" if need == "optional" else "required")

        blueprint.before_request(guard_blueprint)

    # -- enforcement ----------------------------------------------------------------------------

    def response(self, error: AuthError) -> Response:
        """Return the response to an error, for error handlers that change only part of it."""
        return flask_response(guard_of(here()[0], self).response(error))

    @property
    def ready(self) -> Callable[[], Response]:
        """A view for readiness probes: 200 `{"status": "pass"}`, or 503 `{"status": "fail"}`.

        Register it with `app.add_url_rule("/ready", view_func=auth.ready)`. It needs no token there, also
        with `protect_all`. It reports what `Verifier.ready()` returns.
        """
        return self._ready

    def _before_request(self) -> Response | None:
        app, current = here()
        guard = guard_of(app, self)
        document = None if guard.metadata is None else guard.document(read_request(current.environ))
        if document is not None:
            return with_its_cors_headers(document)
        guards, need = guards_of_view(app, current)
        answers = [ask(app, current) for ask in guards]
        if need == "optional" or (need == "configured" and self._protect_all):
            return self._enforce(app, current, None, need)
        if need is None:
            current.environ.setdefault(PRINCIPAL, None)
        return next((each for each in answers if each is not None), None)

    def _enforce(self, app: Flask, current: Request, policy: Policy | None, need: Need) -> Response | None:
        """Enforce a policy on the request. Return the response to a preflight, for which no view runs."""
        guard, environ = guard_of(app, self), current.environ
        passed: set[Policy | None] = getattr(current, _PASSED, set())
        if policy in passed:
            return None
        principal = known(guard, environ) if policy is None else None
        if principal is None:
            asked = read_request(environ)
            if guard.is_preflight(asked):
                return flask_response(ANSWER)  # the same response for every URL, known or not
            if need == "configured":  # `exclude` applies only here
                asked = asked._replace(route=segments(current.url_rule))
            principal = guard.verify(asked, policy, need=need, behind=environ)
        environ[PRINCIPAL], environ[GUARD] = principal, guard
        if principal is not None:
            setattr(current, _PASSED, {*passed, None, policy})
        return None
