"""What Starlette's and FastAPI's applications get for their life: a lifespan, and the endpoint of a probe.

Owns the translation alone; `_web.readiness` makes the answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth.errors import KeysUnavailable

from .marks import public

__all__ = ["Endpoint", "Lifespan", "life_of", "probe"]

Lifespan = Callable[..., AbstractAsyncContextManager[None]]
Endpoint = Callable[[Request], Awaitable[Response]]


def life_of(guard: RequestGuard) -> Lifespan:
    """The lifespan of an application with this guard: its verifier warm at the start, closed at the end."""

    @asynccontextmanager
    async def lifespan(_app: Any = None) -> AsyncIterator[None]:
        with guard.verifier as verifier:
            with suppress(KeysUnavailable):  # an outage keeps no process from starting; `ready` tells
                await verifier.awarm()
            yield

    return lifespan


def probe(answer: Callable[[str], HTTPResponse]) -> Endpoint:
    """A public endpoint, because a probe has no token. `answer` takes the request's method."""

    async def ready(request: Request) -> Response:
        """Whether requests may be sent here: 200 or 503."""
        said = answer(request.method)
        body = b"" if request.method == "HEAD" else said.body  # RFC 9110 9.3.2
        return Response(body, said.status, dict(said.headers))

    return public(ready)
