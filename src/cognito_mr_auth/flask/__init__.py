"""Authentication for Flask: guards on views, on blueprints, on the whole application.

    auth = CognitoAuth(verifier, app=app)

    @app.get("/orders")
    @auth.require(policy.scopes("orders/read"))
    def orders(): ...

Owns when a view's guards are asked. `require` marks the function that it receives, and a hook before each
request enforces the marks of the registered view, so that a decorator above `@app.get` guards the route
as well. The guard decides who passes.
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

# In the request object. Not in flask.g: that is an application context's, and requests made inside one
# `with app.app_context():` share it.
_PASSED = "_cognito_mr_auth_passed_policies"


class CognitoAuth:
    """Guards views of Flask applications.

    Args:
        verifier: what tokens are verified with, or a `Guard`, which has its own options. Hooks must not be
            coroutine functions. May come with `init_app` or by `bind` instead.
        app: an application to initialise at once.
        protect_all: every request needs a token, unknown URLs and static files included, except `public` and
            `optional` views and excluded paths.
        options: settings of the guard that is made for a verifier; `guard.Guard` lists them. `optional` and
            `exclude` open what `protect_all` closes, but never a view or blueprint that names its guard.

    Others get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and `{"detail": "...", "reason": "..."}`, as
    does every AuthError that a view or hook raises. It is werkzeug's HTTPException as well, so that
    extensions and the application's error handlers know it.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
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
        """Verify with `verifier` from now on, in each application that came without one of its own.

        A guarded request before that is a ConfigurationError (500).

        Raises:
            ConfigurationError: there is another one already.
            TypeError: for what is no Verifier, or has a hook that is a coroutine function.
        """
        self._guard.bind(verifier)

    def init_app(self, app: Flask, verifier: Verifier | Guard | None = None) -> None:
        """Install the guards of this object in an application, before it serves.

        One object may serve several applications, each with a verifier of its own.

        Raises:
            ConfigurationError: a verifier, where the constructor was given a Guard.
            RuntimeError: the application has a CognitoAuth already.
        """
        if verifier is not None and self._has_guard:
            raise ConfigurationError("CognitoAuth was given a Guard, whose verifier counts: call bind()")
        guard = self._guard if verifier is None else self._guard_for(verifier)
        install(app, self, guard, self._before_request)
        translate_errors(app, guard.response)

    # -- what is guarded ------------------------------------------------------------------------

    def require(self, policy: Policy | None = None) -> Callable[[ViewT], ViewT]:
        """A decorator: the view needs a token and, if given, what the policy says.

        For functions, coroutine functions, View classes (or in their `decorators`) and their methods.
        Several hold together.

        Raises:
            TypeError: for what is no policy; by the decorator, for a view that is `public` or `optional`.
        """
        require_sync(policy)
        return partial(required, self._enforce, policy)

    def optional(self, view: ViewT) -> ViewT:
        """A decorator: guests are welcome at this view, and have no principal; a bad token is refused.

        Holds in what is protected as a whole, for that function, View class or method of a MethodView alone.
        The policy of a protected blueprint is asked for those who send a token.

        Raises:
            TypeError: for a view that requires something or is `public`.
        """
        if not isinstance(view, MethodType):  # a mark would count for all instances
            mark_view("optional", view)
        return (
            view
            if isinstance(view, type)
            else guarded(partial(self._enforce, policy=None, need="optional"), view)
        )

    def public(self, view: ViewT) -> ViewT:
        """A decorator: the view is open in what is protected as a whole, and no token is looked at.

        Holds for that function, View class or method of a MethodView alone.

        Raises:
            TypeError: for a view that requires something or is `optional`.
        """
        return mark_view("public", view)

    def protect(self, blueprint: Blueprint, require: Policy | None = None) -> None:
        """Guard all views of a blueprint, and of those nested in it, except `public` and `optional` ones.

        Raises:
            TypeError: for a `require` that is no policy.
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
        """The response to an error, for error handlers that change only some of it."""
        return flask_response(guard_of(here()[0], self).response(error))

    @property
    def ready(self) -> Callable[[], Response]:
        """A view for readiness probes: 200 `{"status": "pass"}`, or 503 `{"status": "fail"}`.

        `app.add_url_rule("/ready", view_func=auth.ready)`: open to everybody there, under `protect_all` too.
        It says what `Verifier.ready()` says.
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
            answers = [self._enforce(app, current, None, need)]
        elif need is None:
            current.environ.setdefault(PRINCIPAL, None)
        return next((answer for answer in answers if answer is not None), None)

    def _enforce(self, app: Flask, current: Request, policy: Policy | None, need: Need) -> Response | None:
        """Enforce a policy on the request. Returns the answer to a preflight, for which no view runs."""
        guard, environ = guard_of(app, self), current.environ
        passed: set[Policy | None] = getattr(current, _PASSED, set())
        if policy in passed:
            return None
        principal = known(guard, environ) if policy is None else None
        if principal is None:
            asked = read_request(environ)
            if guard.is_preflight(asked):
                return flask_response(ANSWER)  # the same for every URL, known or not
            if need == "configured":  # the only one that `exclude` counts for
                asked = asked._replace(route=segments(current.url_rule))
            principal = guard.verify(asked, policy, need=need, behind=environ)
        environ.update({PRINCIPAL: principal, GUARD: guard})
        if principal is not None:
            setattr(current, _PASSED, {*passed, None, policy})
        return None
