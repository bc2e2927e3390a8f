"""nginx's `auth_request`: which request is meant, and the answer in the statuses that nginx knows.

`asgi.auth_request` and `wsgi.auth_request` share it. nginx sends its own GET with the headers of the client's
request. It takes a 2xx answer as yes, 401 and 403 as no, and all else as 500 (ngx_http_auth_request_module).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from cognito_mr_auth.errors import AuthError

from .bearer import HTTPRequest, HTTPResponse
from .guard import RequestGuard

__all__ = ["OF_SOCKETS", "PASSES", "client_request", "refusal"]

METHOD, URI = "x-original-method", "x-original-uri"

# Settings of a shared Guard that have no meaning here, because nginx opens the socket elsewhere.
OF_SOCKETS: Final = ("subprotocol", "close_at_expiry")

PASSES: Final = HTTPResponse(204, (("cache-control", "no-store"),), b"")


def client_request(request: HTTPRequest) -> HTTPRequest:
    """The request that nginx asks about.

    Unless there is exactly one X-Original-Method, the request may change something, so a cookie needs an
    Origin. Unless there is exactly one X-Original-URI, no path is excluded. A preflight is not recognised,
    because nginx leaves out the body and the headers by which a false one is known. A handshake is known by
    Sec-WebSocket-Key, because nginx passes no Upgrade on.
    """
    methods, uris = request.header(METHOD), request.header(URI)
    method = methods[0] if len(methods) == 1 else ""
    uri = uris[0] if len(uris) == 1 else ""
    handshake = bool(request.header("sec-websocket-key") or request.header("upgrade"))
    return HTTPRequest(
        "GET" if method == "OPTIONS" else method,
        unquote(uri.partition("?")[0]),
        uri,
        request.header,
        handshake,
    )


def refusal(guard: RequestGuard, error: AuthError) -> HTTPResponse:
    """The guard's response, with 401 in place of 400. nginx makes 500 of 503; `error_page` restores it."""
    said = guard.response(error)
    return said._replace(status=401) if said.status == 400 else said
