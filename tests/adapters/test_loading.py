"""Which adapters load the HTTP client when they are made, so that no request waits for it (F)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from cognito_mr_auth import Verifier
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool


class Counting(Verifier):
    """A verifier that counts how often its HTTP client is to be loaded."""

    loads = 0

    def _load_http_client(self) -> None:
        self.loads += 1


def _of(module: str, name: str, *before: Any) -> Callable[[Verifier], Any]:
    def make(verifier: Verifier) -> Any:
        return getattr(import_module(f"cognito_mr_auth.{module}"), name)(*before, verifier=verifier)

    return make


def _shared(adapter: str) -> Callable[[Verifier], Any]:
    def make(verifier: Verifier) -> Any:
        return getattr(import_module("cognito_mr_auth.aws_lambda"), adapter)(Guard(verifier))

    return make


def _bound(verifier: Verifier) -> None:
    import_module("cognito_mr_auth.aws_lambda").CognitoAuth().bind(verifier)


def _init_app(verifier: Verifier) -> None:
    from flask import Flask

    _flask = import_module("cognito_mr_auth.flask")
    _flask.CognitoAuth().init_app(Flask("late"), verifier)


def _rest_framework(verifier: Verifier) -> None:
    from support.drivers.django_wsgi import configure

    configure()
    import_module("cognito_mr_auth.drf").CognitoAuthentication.using(verifier)


def _ninja(verifier: Verifier) -> None:
    from support.drivers.django_wsgi import configure

    configure()
    import_module("cognito_mr_auth.ninja").CognitoAuth(verifier)


def _django(verifier: Verifier) -> None:
    from support.django_project import project

    with project(auth={"VERIFIER": verifier}):
        import_module("cognito_mr_auth.django").CognitoAuthMiddleware(lambda _request: None)


STARLETTE = pytest.mark.needs("starlette")
MAKERS = [
    pytest.param(_of("asgi", "CognitoAuthMiddleware", None), 1, id="asgi"),
    pytest.param(_of("wsgi", "CognitoAuthMiddleware", None), 1, id="wsgi"),
    pytest.param(_of("asgi", "ready"), 1, id="asgi-ready"),
    pytest.param(_of("wsgi", "ready"), 1, id="wsgi-ready"),
    pytest.param(_of("starlette", "ready"), 1, id="starlette-ready", marks=pytest.mark.needs("starlette")),
    pytest.param(
        _of("starlette", "lifespan"), 1, id="starlette-lifespan", marks=pytest.mark.needs("starlette")
    ),
    pytest.param(
        _of("starlette", "CognitoAuthMiddleware", None),
        1,
        id="starlette",
        marks=pytest.mark.needs("starlette"),
    ),
    pytest.param(
        _of("starlette", "CognitoAuthBackend"),
        1,
        id="starlette-backend",
        marks=pytest.mark.needs("starlette"),
    ),
    pytest.param(_of("fastapi", "CognitoAuth"), 1, id="fastapi", marks=pytest.mark.needs("fastapi")),
    pytest.param(_of("mcp", "CognitoAuthMiddleware", None), 1, id="mcp", marks=pytest.mark.needs("mcp")),
    pytest.param(_of("flask", "CognitoAuth"), 1, id="flask", marks=pytest.mark.needs("flask")),
    pytest.param(_of("grpc", "CognitoAuthInterceptor"), 1, id="grpc", marks=pytest.mark.needs("grpc")),
    pytest.param(_of("grpc", "AioCognitoAuthInterceptor"), 1, id="grpc-aio", marks=pytest.mark.needs("grpc")),
    pytest.param(_of("grpc", "ready"), 1, id="grpc-ready", marks=pytest.mark.needs("grpc")),
    pytest.param(_init_app, 1, id="flask-init-app", marks=pytest.mark.needs("flask")),
    pytest.param(_rest_framework, 1, id="drf", marks=pytest.mark.needs("django", "rest_framework")),
    pytest.param(_ninja, 1, id="ninja", marks=pytest.mark.needs("django", "ninja")),
    pytest.param(_django, 1, id="django", marks=pytest.mark.needs("django")),
    pytest.param(_of("aiohttp", "CognitoAuth"), 1, id="aiohttp", marks=pytest.mark.needs("aiohttp")),
    pytest.param(_of("litestar", "CognitoAuth"), 1, id="litestar", marks=pytest.mark.needs("litestar")),
    pytest.param(_of("aws_lambda", "CognitoAuth"), 0, id="aws-lambda"),
    pytest.param(_bound, 0, id="aws-lambda-bound"),
    pytest.param(_of("aws_lambda", "Authorizer"), 0, id="aws-lambda-authorizer"),
    pytest.param(
        _of("aws_lambda.chalice", "CognitoAuth"), 0, id="chalice", marks=pytest.mark.needs("chalice")
    ),
    pytest.param(_of("aws_lambda.edge", "CognitoAuth"), 0, id="edge"),
    pytest.param(
        _of("aws_lambda.powertools", "CognitoAuth"),
        0,
        id="powertools",
        marks=pytest.mark.needs("aws_lambda_powertools"),
    ),
    pytest.param(Guard, 1, id="guard"),
    pytest.param(_shared("CognitoAuth"), 1, id="aws-lambda-shared-guard"),
]


@pytest.mark.parametrize("in_lambda", [False, True], ids=["server", "lambda"])
@pytest.mark.parametrize(("make", "loads"), MAKERS)
def test_who_loads_the_client(
    make: Callable[[Verifier], Any], loads: int, in_lambda: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adapters for servers do, except in AWS Lambda, where an init that finds its keys in a file is short."""
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    if in_lambda:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "api")
    verifier = Counting(FakeUserPool().user_pool(), token_use="access")
    make(verifier)
    assert verifier.loads == (0 if in_lambda else loads)
