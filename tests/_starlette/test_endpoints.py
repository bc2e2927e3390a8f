"""The endpoints of a probe and of the RFC 9728 document, for applications of Starlette and FastAPI."""

from __future__ import annotations

import asyncio
from typing import Any

from cognito_mr_auth._starlette.endpoints import document_route, probe
from cognito_mr_auth._starlette.marks import opened
from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.metadata import metadata_of


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


def test_the_document_is_served_at_its_own_path() -> None:
    """To GET and HEAD, and to the preflights of browsers; no schema lists it."""
    from starlette.requests import Request

    metadata = metadata_of("https://api.example.com/mcp", (), None, ["https://login.example.com"])
    assert metadata is not None
    route: Any = document_route(metadata)
    assert (route.path, route.methods) == (metadata.path, set(metadata.answers))
    assert not route.include_in_schema
    for method, made in metadata.answers.items():
        scope = {"type": "http", "method": method, "headers": []}
        said = asyncio.run(_coroutine(route.endpoint(Request(scope))))
        assert (said.status_code, said.body) == (made.status, b"" if method == "HEAD" else made.body)


async def _coroutine(awaitable: Any) -> Any:
    return await awaitable
