"""What `init_app` installs in a FastAPI application: a start-up check, documentation, and `protect_all`.

Owns what an application knows of each CognitoAuth, and the order of the installation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, NamedTuple

from fastapi import FastAPI
from starlette.middleware import Middleware

from cognito_mr_auth._starlette.endpoints import document_route
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.openapi import SecurityScheme
from cognito_mr_auth.errors import AuthError, ConfigurationError

from ._openapi import complete_document
from ._protect_all import ProtectAll
from ._refusals import answer
from ._verification import Verification

__all__ = ["Installation", "install"]

# In the application's state: the `Installation` of each CognitoAuth.
_INSTALLED: Final = "cognito_mr_auth"


class Installation(NamedTuple):
    """One CognitoAuth as an application knows it. `describe` updates its documentation."""

    guard: RequestGuard
    scheme: SecurityScheme
    verification: Verification
    protect_all: bool
    describe: Callable[[], None]


def install(app: FastAPI, new: Installation) -> None:
    """Install everything that the docstring of `CognitoAuth.init_app` lists.

    Raises:
        RuntimeError, ConfigurationError, TypeError: as listed there.
    """
    _check(app, new)
    if AuthError not in app.exception_handlers:
        handler: Any = partial(answer, new.guard)  # serves requests and sockets, which the type separates
        app.add_exception_handler(AuthError, handler)
    if app.swagger_ui_init_oauth is None:
        app.swagger_ui_init_oauth = new.scheme.init_oauth
    if new.guard.metadata is not None:
        app.router.routes.insert(0, document_route(new.guard.metadata))
    if new.protect_all:
        overriding = new.verification.overriding
        app.user_middleware.append(Middleware(ProtectAll, guard=new.guard, overriding=overriding))
    _check_at_start(app, new)
    complete_document(app, new.guard, new.scheme, new.describe, closed=new.protect_all)


def _check(app: FastAPI, new: Installation) -> None:
    if not isinstance(app, FastAPI):
        raise TypeError(f"init_app() takes a FastAPI application, not {type(app).__name__}")
    others: list[Installation] = getattr(app.state, _INSTALLED, [])
    if app.middleware_stack is not None:
        raise RuntimeError("this application serves already: call init_app before")
    if any(other.verification is new.verification for other in others):
        raise RuntimeError("this application knows this CognitoAuth already: call init_app once")
    if new.protect_all and any(other.protect_all for other in others):
        raise ConfigurationError("protect_all=True: another CognitoAuth protects this application already")
    if any(new.scheme.clashes_with(other.scheme) for other in others):
        raise ConfigurationError(f"OpenAPI would mix up two schemes named {new.scheme.name!r}: scheme_name=")
    setattr(app.state, _INSTALLED, [*others, new])


def _check_at_start(app: FastAPI, new: Installation) -> None:
    """Stop the application if it has no verifier by the end of its start-up."""
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def checked(application: Any) -> AsyncIterator[Any]:
        async with lifespan(application) as state:
            new.guard.verifier  # noqa: B018 - a property that raises
            new.describe()
            yield state

    app.router.lifespan_context = checked
