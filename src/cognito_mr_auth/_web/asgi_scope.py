"""ASGI: serves a connection, makes an `HTTPRequest` of its scope, and ASGI messages of the guard's answer.

Owns what HTTP and WebSocket have in common for `asgi`, `starlette` and `fastapi`, and imports none of
them (ASGI specification 3.0, "HTTP & WebSocket" 2.5). The guard decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cognito_mr_auth.errors import AuthError, RequestMalformed
from cognito_mr_auth.principal import Principal

from . import bearer
from .asgi_types import POLICY_VIOLATION, App, Message, Receive, Scope, Send
from .bearer import GUARD, PRINCIPAL, HTTPRequest, HTTPResponse
from .guard import Guard

__all__ = [
    "can_deny",
    "deny",
    "marked",
    "open_socket",
    "read_request",
    "respond",
    "scope_values",
    "serve",
    "without_body",
    "without_token",
]

_DENIAL = "websocket.http.response"
# Messages of extensions that send a body in another form: as a file's path, as a file's descriptor.
_BODIES = frozenset({"http.response.pathsend", "http.response.zerocopysend"})


def read_request(scope: Scope) -> HTTPRequest:
    """The request of an HTTP or WebSocket scope, as the guard reads it.

    Raises:
        ValueError: another type of connection, which the guard can neither refuse nor let pass.
    """
    if scope["type"] not in ("http", "websocket"):
        raise ValueError("only HTTP, WebSocket and lifespan connections can be served")
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]

    def header(name: str) -> list[str]:
        wanted = name.encode()
        return [value.decode("latin-1") for key, value in headers if key == wanted]

    path: str = scope["path"]
    if scope.get("root_path"):
        path = _route_path(path, scope["root_path"])
    raw_path = (scope.get("raw_path") or b"").decode("latin-1")
    if scope["type"] == "websocket":
        return HTTPRequest("", path, raw_path, header, True, _subprotocols(scope, header))
    return HTTPRequest(scope["method"], path, raw_path, header)


def _route_path(path: str, root: str) -> str:
    """The path below `root_path`, which is what routers match (as Starlette's get_route_path)."""
    if path.startswith(root) and path[len(root) :][:1] in ("", "/"):
        return path[len(root) :]
    return path


def _subprotocols(scope: Scope, header: Callable[[str], list[str]]) -> list[str]:
    offered: list[str] = list(scope.get("subprotocols") or ())
    return offered or [
        each.strip(" \t") for line in header("sec-websocket-protocol") for each in line.split(",")
    ]


# -- a whole connection ---------------------------------------------------------------------------


def _no_public_route(_scope: Scope, _request: HTTPRequest) -> bool:
    return False


def scope_values(guard: Guard, principal: Principal | None) -> dict[str, Any]:
    """What the application behind finds in its scope."""
    return {PRINCIPAL: principal, GUARD: guard}


async def serve(
    app: App,
    guard: Guard,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    is_public: Callable[[Scope, HTTPRequest], bool] = _no_public_route,
    values: Callable[[Guard, Principal | None], dict[str, Any]] = scope_values,
) -> None:
    """Serve one connection: the metadata document, a refusal, or the application with its principal.

    `is_public` says whether a request needs no token, `values` what the application's scope then holds.
    """
    if scope["type"] == "lifespan":
        await app(scope, receive, send)
        return
    request = read_request(scope)
    document = guard.document(request)
    if document is not None:
        await respond(scope, send, document)
        return
    principal = None
    if not is_public(scope, request):
        try:
            principal = await guard.averify(request)
        except AuthError as error:
            await deny(scope, receive, send, guard.response(error))
            return
    scope = {**scope, **values(guard, principal)}
    if scope["type"] == "websocket":
        await open_socket(app, scope, receive, send, guard, principal)
        return
    if guard.is_preflight(request):
        send = without_body(send)
    await app(scope, receive, send)


# -- answers --------------------------------------------------------------------------------------


async def respond(scope: Scope, send: Send, answer: HTTPResponse) -> None:
    """Send a whole HTTP response, or the denial response of a WebSocket handshake."""
    prefix = "websocket.http" if scope["type"] == "websocket" else "http"
    headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": f"{prefix}.response.start", "status": answer.status, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": answer.body})


async def deny(scope: Scope, receive: Receive, send: Send, answer: HTTPResponse) -> None:
    """Refuse a request. A WebSocket gets the status if the server can send one, else close code 1008."""
    if scope["type"] == "websocket":
        await receive()  # websocket.connect: some servers take no answer before it was read
        if not can_deny(scope):
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": ""})
            return
    await respond(scope, send, answer)


def without_body(send: Send) -> Send:
    """A `send` that leaves out the body of an answer to a preflight, because a preflight has no principal.

    The Fetch standard reads status and headers alone. An application that ignores the method would
    answer with what it shows to users. Of other messages only trailers are sent, because a message of an
    extension may show content.
    """

    async def send_bare(message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            kept = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"content-length"]
            message = {**message, "headers": kept}
        elif kind == "http.response.body":
            message = {**message, "body": b""}
        elif kind in _BODIES:
            more = message.get("more_body", False)
            message = {"type": "http.response.body", "body": b"", "more_body": more}
        elif kind != "http.response.trailers":
            return
        await send(message)

    return send_bare


def can_deny(scope: Scope) -> bool:
    """Whether the server can answer a WebSocket handshake with an HTTP response."""
    return _DENIAL in (scope.get("extensions") or {})


# -- sockets --------------------------------------------------------------------------------------


def without_token(scope: Scope, guard: Guard) -> Scope:
    """A WebSocket's scope as the application may see it: without the subprotocol that is a token."""
    if scope["type"] != "websocket" or guard.subprotocol is None:
        return scope
    seen = read_request(scope)
    try:
        token, rest = bearer.split_subprotocols(seen, guard.subprotocol)
    except RequestMalformed:  # where no token is looked at: what follows the marker may be one
        rest = tuple(seen.subprotocols[: seen.subprotocols.index(guard.subprotocol) + 1])
    else:
        if token is None:
            return scope
    name = b"sec-websocket-protocol"
    headers = [(key, value) for key, value in scope["headers"] if key != name]
    return {**scope, "subprotocols": list(rest), "headers": [*headers, (name, ", ".join(rest).encode())]}


def marked(send: Send, marker: str) -> Send:
    """Answer the marker if the application picks no subprotocol; browsers need one (RFC 6455 4.1)."""

    async def send_marked(message: Message) -> None:
        if message["type"] == "websocket.accept" and not message.get("subprotocol"):
            message = {**message, "subprotocol": marker}
        await send(message)

    return send_marked


async def open_socket(
    app: App, scope: Scope, receive: Receive, send: Send, guard: Guard, principal: Principal | None
) -> None:
    """Run the application on an authenticated WebSocket.

    The application does not see the token, and the marker is answered. With `close_at_expiry` the socket
    is closed when the principal's token expires.
    """
    visible = without_token(scope, guard)
    if visible is not scope and guard.subprotocol is not None:
        send = marked(send, guard.subprotocol)
    if guard.close_at_expiry and principal is not None:
        from .socket_expiry import until_expiry

        await until_expiry(app, visible, receive, send, guard.verifier._seconds_left(principal))
    else:
        await app(visible, receive, send)
