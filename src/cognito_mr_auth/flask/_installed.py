"""The CognitoAuth of an application, and the guard that it uses there.

Owns where the application stores them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from flask import Flask, Response

from cognito_mr_auth._web.guard import RequestGuard

__all__ = ["guard_of", "install"]

# The key in app.extensions. One object may serve several applications, each with its own guard.
_EXTENSION = "cognito_mr_auth"


def install(app: Flask, auth: object, guard: RequestGuard, hook: Callable[[], Response | None]) -> None:
    """Store both in the application, and run `hook` before each request.

    Raises:
        RuntimeError: the application has a CognitoAuth already.
        AssertionError: raised by Flask, if the application has served a request.
    """
    if _EXTENSION in app.extensions:
        raise RuntimeError("this application has a CognitoAuth already: call init_app once")
    app.before_request(hook)
    app.extensions[_EXTENSION] = (auth, guard)


def guard_of(app: Flask, auth: object) -> RequestGuard:
    """Return the guard with which this object was installed in the application.

    Raises:
        RuntimeError: it was not installed there.
    """
    installed, guard = app.extensions.get(_EXTENSION, (None, None))
    if installed is not auth or guard is None:
        raise RuntimeError("this CognitoAuth does not know the running application: call init_app(app)")
    return cast("RequestGuard", guard)
