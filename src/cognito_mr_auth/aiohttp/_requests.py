"""Converts aiohttp's requests for the guard, and the guard's responses for aiohttp.

Owns the keys of a request. `STATE` is a dict that a request shares with its clones. Each clone has its own
copy of the other keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from aiohttp import web

from cognito_mr_auth._web import state
from cognito_mr_auth._web.bearer import HTTPRequest, HTTPResponse, http_request
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth.principal import Principal

__all__ = [
    "OFFERED",
    "PRINCIPAL",
    "STATE",
    "leave",
    "principal_of",
    "read",
    "request_in",
    "respond",
    "without_body",
]

_key: Callable[[str], Any] = getattr(web, "RequestKey", str)  # aiohttp 3.14 added typed keys

PRINCIPAL: Final[web.RequestKey[Principal | None]] = _key("cognito_mr_auth.principal")
"""The key of the principal in a request that a guard has checked; None for one without a token."""
STATE: Final[web.RequestKey[dict[Any, Any]]] = _key("cognito_mr_auth.state")
"""The key of the dict in which guards store what they know of a request."""
OFFERED: Final = "offered"
"""A key of that dict: the subprotocols of a WebSocket as received, from which a token was taken."""


def principal_of(request: web.Request, default: Any = state.REQUIRED) -> Principal | None:
    """The principal of this request; None if the request passed without a token.

    Raises:
        LookupError: no guard checked the request, and no `default` is given.
    """
    advice = "put @auth.require() or @auth.optional on its handler, or protect_all=True on its application"
    return state.principal_in(request.get(STATE) or {}, default, advice)


def leave(request: web.Request, principal: Principal | None, guard: RequestGuard | None = None) -> None:
    """Store a principal where handlers look for it, and its guard, if there is one."""
    found = request[STATE]
    found[state.PRINCIPAL] = request[PRINCIPAL] = principal
    if guard is not None:
        found[state.GUARD] = guard


def read(request: web.Request) -> HTTPRequest:
    """Convert the request for the guard, with all offered subprotocols."""
    headers = request.headers
    # The path that the router matches, in which escapes that change the segments remain. The rest is decoded.
    path = request.rel_url.path_safe
    if "%" in path:
        path = request.path
    asked = http_request(request.method, path, request.raw_path, lambda name: headers.getall(name, ()))
    offered = (request.get(STATE) or {}).get(OFFERED)
    return asked if offered is None else asked._replace(subprotocols=offered)


def respond(said: HTTPResponse) -> web.Response:
    """Convert the guard's response."""
    return web.Response(status=said.status, headers=said.headers, body=said.body)


def without_body(said: web.StreamResponse) -> web.StreamResponse:
    """Remove the body of a response to a preflight: there is no principal, and the Fetch standard reads none.

    A body that the handler has streamed is sent already.
    """
    if isinstance(said, web.FileResponse):
        return web.Response(status=said.status, headers=said.headers)
    if isinstance(said, web.Response):
        said.body = None
    return said


def request_in(given: Iterable[Any]) -> web.Request:
    """Return the request among the arguments of a handler, or of a view's method.

    Raises:
        TypeError: there is no request.
    """
    for each in given:
        if isinstance(each, web.Request):
            return each
        if isinstance(each, web.View):
            return each.request
    raise TypeError("a handler with @require must be given a request")
