"""A pool and its verifier for aiohttp's tests, and the least of all clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from support.drivers import Ask, Reply
from support.drivers._aiohttp import put

from cognito_mr_auth import Verifier
from cognito_mr_auth.aiohttp import CognitoAuth
from cognito_mr_auth.testing import FakeUserPool

Client = Callable[..., Reply]


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """One for all rows."""
    return FakeUserPool()


@pytest.fixture(scope="module")
def verifier(pool: FakeUserPool) -> Verifier:
    """Offline, for access tokens."""
    return pool.offline_verifier()


@pytest.fixture
def client(pool: FakeUserPool) -> Callable[..., Client]:
    """`client(make)` puts requests to what `make()` gives: `ask(path, method=, token=, headers=)`.

    `token` is "good", the options of a token, or its text.
    """

    def of(make: Callable[[], web.Application]) -> Client:
        def ask(
            path: str, *, method: str = "GET", token: Any = None, headers: Any = (), websocket: bool = False
        ) -> Reply:
            if token == "good":
                token = {}
            if isinstance(token, dict):
                token = pool.access_token(**{"subject": "me", **token})
            sent = (*headers, *([] if token is None else [("Authorization", f"Bearer {token}")]))
            return put(make(), Ask(tuple(sent), method, path), websocket=websocket)

        return ask

    return of


@pytest.fixture
def application(client: Callable[..., Client]) -> Callable[..., Client]:
    """`application(auth, *routes)` puts requests to an application with these routes, made for each."""

    def of(auth: CognitoAuth, *routes: Any, middlewares: Any = ()) -> Client:
        def make() -> web.Application:
            app = web.Application(middlewares=list(middlewares))
            auth.init_app(app)
            app.add_routes(routes)
            return app

        return client(make)

    return of
