"""nginx's `auth_request`: which request is meant, and the answer in the statuses that nginx knows.

Owns what `asgi.auth_request` and `wsgi.auth_request` share. nginx sends a GET of its own with the headers of
the client's request. Of the answer it takes 2xx as yes, 401 and 403 as no, and all else as 500
(ngx_http_auth_request_module).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from cognito_mr_auth.errors import AuthError

from .bearer import HTTPRequest, HTTPResponse
from .guard import RequestGuard

__all__ = ["OF_SOCKETS", "PASSES", "client_request", "refusal"]

METHOD, URI = "x-original-method", "x-original-uri"

# Settings of a shared Guard that mean nothing here, because nginx opens the socket elsewhere.
OF_SOCKETS: Final = ("subprotocol", "close_at_expiry")

PASSES: Final = HTTPResponse(204, (("cache-control", "no-store"),), b"")


def client_request(request: HTTPRequest) -> HTTPRequest:
    """The request that nginx asks about.

    Without one X-Original-Method it may change something, so a cookie needs an Origin; without one
    X-Original-URI no path is excluded. A preflight is none here, because nginx leaves out the body and the
    headers by which a false one is known. A handshake is known by Sec-WebSocket-Key, as nginx passes no
    Upgrade on.
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
    """The guard's response, with 401 in place of 400. 503 stays; `error_page` makes it out of nginx's 500."""
    said = guard.response(error)
    return said._replace(status=401) if said.status == 400 else said
