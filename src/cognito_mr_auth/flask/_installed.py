"""Which CognitoAuth an application has, with the guard that it asks there.

Owns where the application keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from flask import Flask, Response

from cognito_mr_auth._web.guard import RequestGuard

__all__ = ["guard_of", "install"]

# In app.extensions. One object may serve several applications, each with a guard of its own.
_EXTENSION = "cognito_mr_auth"


def install(app: Flask, auth: object, guard: RequestGuard, hook: Callable[[], Response | None]) -> None:
    """Keep both, and have `hook` asked before each request.

    Raises:
        RuntimeError: the application has a CognitoAuth already.
        AssertionError: Flask's, if it has served a request.
    """
    if _EXTENSION in app.extensions:
        raise RuntimeError("this application has a CognitoAuth already: call init_app once")
    app.before_request(hook)
    app.extensions[_EXTENSION] = (auth, guard)


def guard_of(app: Flask, auth: object) -> RequestGuard:
    """The guard with which this object was installed there.

    Raises:
        RuntimeError: it was not.
    """
    installed, guard = app.extensions.get(_EXTENSION, (None, None))
    if installed is not auth or guard is None:
        raise RuntimeError("this CognitoAuth does not know the running application: call init_app(app)")
    return cast("RequestGuard", guard)
