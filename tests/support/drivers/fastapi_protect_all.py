"""fastapi.CognitoAuth(protect_all=True): the application as a whole is guarded."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI, Request

from cognito_mr_auth import Verifier
from cognito_mr_auth.fastapi import CognitoAuth

from . import NEEDED, Ask, Asker, Reply
from .client import Reached, ask_http
from .fastapi import answers_all, subject

WEBSOCKET = False


def asker(app: FastAPI, reached: Reached) -> Asker:
    """An asker over HTTP."""

    def ask(request: Ask) -> Reply:
        return ask_http(app, request, reached.look)

    return ask


def build(verifier: Verifier, **options: Any) -> Asker:
    """The routes say nothing of the guard."""
    reached = Reached()
    app = FastAPI(openapi_url=None)
    CognitoAuth(verifier, app=app, protect_all=True, **options)
    return asker(answers_all(app, reached), reached)


def words(verifier: Verifier) -> Asker:
    """A route for each mark. Guests have two: `protect_all` lets them in, the dependency decides."""
    reached = Reached()
    app = FastAPI(openapi_url=None)
    auth = CognitoAuth(verifier, app=app, protect_all=True)

    def route(path: str, *dependencies: Any) -> Any:
        return app.api_route(
            path, methods=["GET", "HEAD"], dependencies=[Depends(each) for each in dependencies]
        )

    def who(request: Request) -> str | None:
        reached.mark()
        return subject(request)

    @route("/public")
    @auth.public
    def public(request: Request) -> str | None:
        return who(request)

    @route("/optional", auth.optional)
    @auth.public
    def optional(request: Request) -> str | None:
        return who(request)

    route("/required", auth.require(NEEDED))(who)
    route("/private")(who)
    return asker(app, reached)
