"""The endpoint of a probe, for applications of Starlette and FastAPI.

Owns the translation alone; `_web.readiness` makes the answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from cognito_mr_auth._web.bearer import HTTPResponse

from .marks import public

__all__ = ["Endpoint", "probe"]

Endpoint = Callable[[Request], Awaitable[Response]]


def probe(answer: Callable[[str], HTTPResponse]) -> Endpoint:
    """A public endpoint, because a probe has no token. `answer` takes the request's method."""

    async def ready(request: Request) -> Response:
        """Whether requests may be sent here: 200 or 503."""
        said = answer(request.method)
        body = b"" if request.method == "HEAD" else said.body  # RFC 9110 9.3.2
        return Response(body, said.status, dict(said.headers))

    return public(ready)
