"""Requests as ninja's operations and its test client have them.

Owns how one is read, and whether it is served on an event loop.
"""

from __future__ import annotations

import asyncio

from django.http import HttpRequest

from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth.django._requests import read

__all__ = ["on_a_loop", "read_any"]


def read_any(request: HttpRequest) -> HTTPRequest:
    """The request as the guard reads it. That of ninja's test client has no environ, only its headers."""
    if "REQUEST_METHOD" in request.META:
        return read(request)
    headers = request.headers
    return HTTPRequest(
        request.method or "", request.path, "", lambda name: [headers[name]] if name in headers else []
    )


def on_a_loop() -> bool:
    """Whether this thread runs an event loop, which nothing may block."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
