"""Starlette applications for tests, and a client in this process, as Starlette's needs another library."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from cognito_mr_auth import Verifier
from cognito_mr_auth.starlette import CognitoAuthMiddleware, principal_of, public

from .client import CONNECT, LEFT, serve


class Client:
    """Requests over HTTP, one at a time."""

    def __init__(self, app: Any, *, root_path: str = "") -> None:
        self._transport = httpx.ASGITransport(app, root_path=root_path)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """GET."""
        return self.request("GET", path, headers)

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Any method."""

        async def main() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="https://api.test") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(main())


def run(app: Any, scope: Any, incoming: Sequence[Any] = (CONNECT, LEFT)) -> list[Any]:
    """One connection, by default of a client that comes and goes; what was sent."""
    return serve(app, scope, incoming)


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}


def guarded(verifier: Verifier, *routes: BaseRoute, **options: Any) -> Starlette:
    """An application behind the middleware."""
    stack = [Middleware(CognitoAuthMiddleware, verifier=verifier, **options)]
    return Starlette(routes=list(routes), middleware=stack)


async def secret(request: Request) -> JSONResponse:
    """An endpoint without a mark; returns the caller."""
    principal = principal_of(request)
    return JSONResponse(None if principal is None else principal.subject)


@public
async def open_to_all(request: Request) -> JSONResponse:
    """An endpoint for everybody; the same."""
    return await secret(request)


def logged(endpoint: Any) -> Any:
    """A decorator as users write them."""

    @functools.wraps(endpoint)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await endpoint(*args, **kwargs)

    return wrapper
