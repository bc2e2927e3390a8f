"""The guard's answers as Starlette and FastAPI send them, and the endpoints that only give such answers.

This module translates alone; `_web` makes the answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route

from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.metadata import ResourceMetadata

from .marks import public

__all__ = ["Endpoint", "document_route", "probe", "respond"]

Endpoint = Callable[[Request], Awaitable[Response]]


def respond(connection: HTTPConnection, answer: HTTPResponse) -> Response:
    """The guard's answer to a request, or to a WebSocket handshake."""
    body = b"" if connection.scope.get("method") == "HEAD" else answer.body  # RFC 9110 9.3.2
    return Response(body, answer.status, dict(answer.headers))


def probe(answer: Callable[[str], HTTPResponse]) -> Endpoint:
    """A public endpoint, because a probe has no token. `answer` takes the request's method."""

    async def ready(request: Request) -> Response:
        """Whether requests may be sent here: 200 or 503."""
        return respond(request, answer(request.method))

    return public(ready)


def document_route(metadata: ResourceMetadata) -> Route:
    """The route of the RFC 9728 document. A route of Starlette inherits no dependency of FastAPI."""

    async def document(request: Request) -> Response:
        return respond(request, metadata.answers[request.method])

    return Route(metadata.path, document, methods=list(metadata.answers), include_in_schema=False)
