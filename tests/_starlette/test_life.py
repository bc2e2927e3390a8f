"""The endpoint of a probe, for applications of Starlette and FastAPI."""

from __future__ import annotations

import asyncio
from typing import Any

from cognito_mr_auth._starlette.life import probe
from cognito_mr_auth._starlette.marks import opened
from cognito_mr_auth._web.bearer import HTTPResponse


def test_a_probe_is_public_and_carries_the_answer() -> None:
    """A closed application lets it pass, wherever its route names it."""
    said = HTTPResponse(503, (("content-type", "application/json"), ("content-length", "2")), b"{}")
    endpoint = probe(lambda method: said._replace(status=405) if method == "POST" else said)
    assert opened(endpoint) == "public"

    def ask(method: str) -> Any:
        from starlette.requests import Request

        return asyncio.run(_coroutine(endpoint(Request({"type": "http", "method": method, "headers": []}))))

    assert [(each.status_code, each.body) for each in map(ask, ("GET", "HEAD", "POST"))] == [
        (503, b"{}"),
        (503, b""),
        (405, b"{}"),
    ]
    assert ask("HEAD").headers["content-length"] == "2"


async def _coroutine(awaitable: Any) -> Any:
    return await awaitable
