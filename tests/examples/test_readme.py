"""The README's route, served by the README's command, whose fake pool prints the token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import docs, pages
from support.servers import Server, ask

from cognito_mr_auth.testing import FakeUserPool

README = "../README.md"
TEXT = (pages.DOCS / README).read_text("utf-8")


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """The pool whose variables the server gets."""
    return FakeUserPool()


@pytest.fixture(scope="module")
def server(pool: FakeUserPool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of the README's command."""
    directory = tmp_path_factory.mktemp("server")
    with pool.serve(), pages.serving(README, "main.py", pool, directory) as running:
        yield running


def test_the_command_serves_the_route(pool: FakeUserPool, server: Server) -> None:
    """200 with the scope, 403 without it, 401 without a token."""
    good = pool.access_token(subject="alice", scopes=["orders/read"])
    said = ask(server, "/me", f"Authorization: Bearer {good}".encode())
    assert (said.status, json.loads(said.body)) == (200, {"subject": "alice"})
    assert ask(server, "/me", f"Authorization: Bearer {pool.access_token()}".encode()).status == 403
    assert ask(server, "/me").status == 401


def test_the_first_screen_has_the_way_to_a_token() -> None:
    """Install, set-up, route and command come first, in this order, and the set-up has five lines at most."""
    screen, _, _ = TEXT.partition("\n## ")
    assert len(screen.splitlines()) <= 60
    places = [screen.index(each) for each in ("pip install", "UserPool(", '@app.get("/me")', "python -m")]
    assert places == sorted(places)
    set_up, route = docs.every_block(screen)
    assert len(set_up.code.strip().splitlines()) <= 5
    assert "main.py" in pages.files(README)
    assert route.file
    assert Path(pages.command(README, "main.py")[0]).name == "uvicorn"
