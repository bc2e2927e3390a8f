"""wsgi and asgi around Django: what its own URLs, errors and middleware see of the guard.

The outcome table (test_outcomes.py) has Django too; here is what only Django can get wrong.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from support.drivers import Ask, Reply
from support.drivers.client import ask_http, ask_wsgi
from support.drivers.django_asgi import staying
from support.drivers.django_wsgi import configure, who

from cognito_mr_auth import Verifier, asgi, wsgi
from cognito_mr_auth.testing import FakeUserPool


async def who_async(request: HttpRequest) -> HttpResponse:
    """The same as a coroutine function."""
    await asyncio.sleep(0)
    return who(request)


def fails(request: HttpRequest) -> HttpResponse:
    """A view with a fault."""
    raise ZeroDivisionError


urlpatterns = [
    path("who", who),
    path("async", who_async),
    path("fails", fails),
    path("slash/", who),
    path("health", who),
]


@pytest.fixture(autouse=True)
def _urls() -> Iterator[None]:
    configure()
    middleware = ["django.middleware.common.CommonMiddleware"]
    logging.getLogger("django.request").disabled = True
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=middleware):
        yield
    logging.getLogger("django.request").disabled = False


Mount = Callable[..., Callable[[Ask], Reply]]


def by_wsgi(verifier: Verifier, **options: Any) -> Callable[[Ask], Reply]:
    """Django under the WSGI middleware."""
    app = wsgi.CognitoAuthMiddleware(WSGIHandler(), verifier, **options)
    return lambda ask: ask_wsgi(app, ask, bool)


def by_asgi(verifier: Verifier, **options: Any) -> Callable[[Ask], Reply]:
    """Django under the ASGI middleware."""
    app = asgi.CognitoAuthMiddleware(ASGIHandler(), verifier, **options)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, staying(receive), send)

    return lambda ask: ask_http(application, ask, bool)


MOUNTS = pytest.mark.parametrize("mount", [by_wsgi, by_asgi], ids=["wsgi", "asgi"])

# Path -> without a token, with one
ROUTES: dict[str, tuple[str, int, int]] = {
    "a view": ("/who", 401, 200),
    "an async view": ("/async", 401, 200),
    "nothing there": ("/nothing", 401, 404),
    "a redirect to the slash": ("/slash", 401, 301),
    "a view that fails": ("/fails", 401, 500),
    "excluded": ("/health", 200, 200),
    "the excluded with a slash": ("/health/", 401, 404),
    "the excluded in two spellings": ("/%68ealth/../who", 401, 404),
}


@MOUNTS
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("row", ROUTES)
def test_django_runs_for_requests_that_the_guard_lets_through(
    pool: FakeUserPool, verifier: Verifier, mount: Mount, row: str, method: str
) -> None:
    """Unknown URLs and redirects included; Django's own statuses come back as they are."""
    where, without, with_one = ROUTES[row]
    ask = mount(verifier, exclude=["/health"])
    bearer = (("Authorization", f"Bearer {pool.access_token()}"), ("Host", "localhost"))
    for headers, expected in (((("Host", "localhost"),), without), (bearer, with_one)):
        reply = ask(Ask(headers, method, where, raw_path=where))
        assert reply.status == expected
        assert ("www-authenticate" in reply.headers) is (expected == 401)


@MOUNTS
@pytest.mark.parametrize("where", ["/who", "/async"])
def test_views_know_who_asks(pool: FakeUserPool, verifier: Verifier, mount: Mount, where: str) -> None:
    """principal_of gives it in sync and async views, and None where none was needed."""
    token = pool.access_token(claims={"sub": "alice"})
    optional = mount(verifier, optional=True)
    assert optional(Ask((("Authorization", f"Bearer {token}"),), path=where)).json == "alice"
    assert optional(Ask(path=where)).json is None
    assert optional(Ask((("Cognito_mr_auth.principal", "alice"),), path=where)).json is None
