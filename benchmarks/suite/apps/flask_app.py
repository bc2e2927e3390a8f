"""A Flask application with one route, guarded in each of the ways that section 5 compares.

python -m gunicorn "benchmarks.suite.apps.flask_app:served()"
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, Response, g, request

from cognito_mr_auth.flask import CognitoAuth
from cognito_mr_auth.wsgi import CognitoAuthMiddleware

from ._by_hand import checks
from ._settings import ANSWER, Settings

__all__ = ["BUILDERS", "GUARDED", "build", "served"]

View = Callable[..., Any]


def orders() -> dict[str, str]:
    """The one view."""
    return ANSWER


def _routed(app: Flask, view: View) -> Flask:
    app.add_url_rule("/orders", "orders", view)
    return app


def open_to_all(_settings: Settings) -> Flask:
    """No auth."""
    return _routed(Flask("orders"), orders)


def empty(_settings: Settings) -> Flask:
    """What any decorator of this shape costs: it reads the header, and everybody is the same."""

    @wraps(orders)
    def guarded() -> Any:
        g.somebody = "somebody" if request.headers.get("Authorization") else None
        return orders()

    return _routed(Flask("orders"), guarded)


def ours(settings: Settings) -> Flask:
    """Our decorator."""
    app = Flask("orders")
    auth = CognitoAuth(settings.verifier(), app=app)
    return _routed(app, auth.require()(orders))


def ours_in_front(settings: Settings) -> Flask:
    """Our WSGI middleware around an application that knows nothing of it."""
    app = open_to_all(settings)
    app.wsgi_app = CognitoAuthMiddleware(app.wsgi_app, settings.verifier())  # type: ignore[method-assign]
    return app


def pyjwt(settings: Settings) -> Flask:
    """What one writes by hand around PyJWT."""
    import jwt

    check = checks(settings)

    @wraps(orders)
    def guarded() -> Any:
        try:
            g.claims = check(request.headers.get("Authorization", ""))
        except jwt.PyJWTError:
            return Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        return orders()

    return _routed(Flask("orders"), guarded)


BUILDERS: dict[str, Callable[[Settings], Flask]] = {
    "no auth": open_to_all,
    "empty decorator": empty,
    "ours, decorator": ours,
    "ours, WSGI middleware": ours_in_front,
    "PyJWT by hand": pyjwt,
}
GUARDED = tuple(BUILDERS)[2:]
"""Those that must refuse a forged token."""


def build(settings: Settings) -> Flask:
    """The Flask application of a variant."""
    return BUILDERS[settings.variant](settings)


def served() -> Flask:
    """For gunicorn."""
    return build(Settings.given())
