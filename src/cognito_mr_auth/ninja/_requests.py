"""Reads the requests of ninja's operations and of its test client.

Owns how a request is read, and whether it is served on an event loop.
"""

from __future__ import annotations

import asyncio

from django.http import HttpRequest

from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth.django._requests import read

__all__ = ["on_a_loop", "read_any"]


def read_any(request: HttpRequest) -> HTTPRequest:
    """Convert the request for the guard. A request of ninja's test client has only headers, no environ."""
    if "REQUEST_METHOD" in request.META:
        return read(request)
    headers = request.headers
    return HTTPRequest(
        request.method or "", request.path, "", lambda name: [headers[name]] if name in headers else []
    )


def on_a_loop() -> bool:
    """Whether this thread runs an event loop, which must not be blocked."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
