"""A pool and its verifier for Litestar's tests, and the least of all clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from litestar import Litestar
from support.drivers import Ask, Reply
from support.drivers.client import ask_http, ask_websocket

from cognito_mr_auth import Verifier
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
def client(pool: FakeUserPool) -> Callable[[Litestar], Client]:
    """`client(app)` puts requests: `ask(path, method=, token=, headers=, websocket=)`.

    `token` is "good", the options of a token, or its text.
    """

    def of(app: Litestar) -> Client:
        def ask(
            path: str, *, method: str = "GET", token: Any = None, headers: Any = (), websocket: bool = False
        ) -> Reply:
            if token == "good":
                token = {}
            if isinstance(token, dict):
                token = pool.access_token(**{"subject": "me", **token})
            sent = (*headers, *([] if token is None else [("Authorization", f"Bearer {token}")]))
            put = ask_websocket if websocket else ask_http
            return put(app, Ask(tuple(sent), method, path), lambda: False)

        return ask

    return of
