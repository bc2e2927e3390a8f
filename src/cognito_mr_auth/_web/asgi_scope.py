"""ASGI: serves a connection, makes an `HTTPRequest` of its scope, and ASGI messages of the guard's answer.

Owns what HTTP and WebSocket have in common for `asgi`, `starlette` and `fastapi`, and imports none of
them (ASGI specification 3.0, "HTTP & WebSocket" 2.5). The guard decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

from cognito_mr_auth._runtime.refusals import record, settle
from cognito_mr_auth.errors import AuthError, ConfigurationError
from cognito_mr_auth.principal import Principal

from . import bearer
from .asgi_types import POLICY_VIOLATION, App, Message, Receive, Scope, Send
from .bearer import HTTPRequest, HTTPResponse
from .guard import Need, RequestGuard
from .state import GUARD, HIDDEN, PRINCIPAL

__all__ = [
    "answer",
    "can_deny",
    "close",
    "deny",
    "empty",
    "fill_scope",
    "hide_token",
    "known",
    "marked",
    "open_socket",
    "read_request",
    "respond",
    "route_path",
    "serve",
    "start",
    "without_body",
]

_DENIAL = "websocket.http.response"
# After this message a socket accepts no other.
_OVER = "websocket.close"
_SAID = frozenset({f"{_DENIAL}.start", "websocket.accept", _OVER})
# Messages of ASGI extensions that send a body as a file's path or descriptor.
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
        path = route_path(path, scope["root_path"])
    raw_path = (scope.get("raw_path") or b"").decode("latin-1")
    if scope["type"] == "websocket":
        return HTTPRequest("", path, raw_path, header, True, _subprotocols(scope, header))
    return HTTPRequest(scope["method"], path, raw_path, header)


def route_path(path: str, root: str) -> str:
    """The path below `root_path`, which is what routers match (as Starlette's get_route_path)."""
    if path.startswith(root) and path[len(root) :][:1] in ("", "/"):
        return path[len(root) :]
    return path


def _subprotocols(scope: Scope, header: Callable[[str], list[str]]) -> Sequence[str]:
    hidden: _Hidden | None = scope.get(HIDDEN)
    if hidden is not None:
        return hidden.offered
    offered: list[str] = list(scope.get("subprotocols") or ())
    return offered or [
        each.strip(" \t") for line in header("sec-websocket-protocol") for each in line.split(",")
    ]


# -- a whole connection ---------------------------------------------------------------------------


def _no_route(_scope: Scope, request: HTTPRequest) -> tuple[HTTPRequest, Need | None]:
    return request, "configured"


def fill_scope(scope: Scope, guard: RequestGuard, principal: Principal | None) -> None:
    """Add what an application finds in its scope."""
    scope[PRINCIPAL], scope[GUARD] = principal, guard


def serve(
    app: App,
    guard: RequestGuard,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    look_ahead: Callable[[Scope, HTTPRequest], tuple[HTTPRequest, Need | None]] = _no_route,
    is_closed: Callable[[Scope], bool] | None = None,
    fill: Callable[[Scope, RequestGuard, Principal | None], None] = fill_scope,
    refuse: Callable[[Scope, Receive, Send, AuthError], Awaitable[None]] | None = None,
) -> Awaitable[None]:
    """Serve one connection: the metadata document, a refusal, or the application with its principal.

    `look_ahead` returns the request with its route, and what the route needs: None for a public one. If
    `is_closed` returns True, no look ahead can find this connection's route open, so a known token is looked
    up first; the same holds without a `look_ahead`. `fill` adds to this scope, and not to a copy, because a
    middleware in front must see the route that was matched. `refuse` answers in place of the guard, if users
    of the host can change the response.
    An AuthError that the application raises is answered like one of the guard.
    """
    # A plain function, because that saves one coroutine on every request whose token is known.
    if scope["type"] == "lifespan":
        return start(app, guard, scope, receive, send)
    if look_ahead is _no_route if is_closed is None else is_closed(scope):
        principal = known(guard, scope)
        if principal is not None:
            fill(scope, guard, principal)
            return _answer_http(app, guard, scope, receive, send)
    return _serve_checked(app, guard, scope, receive, send, look_ahead, fill, refuse)


def known(guard: RequestGuard, scope: Scope) -> Principal | None:
    """The principal of an HTTP request whose token is known; None if the guard has to make all its checks."""
    header = guard.deciding_header
    if header is None or scope["type"] != "http":
        return None
    name = header.octets
    return guard.known("averify", [value for key, value in scope["headers"] if key == name], scope)


async def _serve_checked(  # noqa: PLR0917 - those of `serve`
    app: App,
    guard: RequestGuard,
    scope: Scope,
    receive: Receive,
    send: Send,
    look_ahead: Callable[[Scope, HTTPRequest], tuple[HTTPRequest, Need | None]],
    fill: Callable[[Scope, RequestGuard, Principal | None], None],
    refuse: Callable[[Scope, Receive, Send, AuthError], Awaitable[None]] | None,
) -> None:
    """Serve one connection of which the guard has to make all its checks."""
    request = read_request(scope)
    document = guard.document(request)
    if document is not None:
        await respond(scope, send, document)
        return
    request, need = look_ahead(scope, request)
    principal = None
    if need is not None:
        try:
            principal = await guard.averify(request, need=need, behind=scope)
        except AuthError as error:
            if refuse is None:
                await deny(scope, receive, send, guard.response(error))
            else:
                await refuse(scope, receive, send, error)
            return
    fill(scope, guard, principal)
    if request.websocket:
        await _answer_socket(partial(open_socket, app, guard, principal), guard, scope, receive, send)
        return
    if guard.is_preflight(request):
        receive, send = empty(receive), without_body(send)
    await _answer_http(app, guard, scope, receive, send)


async def start(app: App, guard: RequestGuard, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the application's lifespan. The start-up fails if no verifier is bound by its end.

    Raises:
        ConfigurationError: there is no verifier. The server has got the failure message.
    """
    failed = False

    async def checked(message: Message) -> None:
        nonlocal failed
        if failed:  # the framework reports our error to the server, too
            return
        if message["type"] == "lifespan.startup.complete":
            try:
                guard.verifier  # noqa: B018 - a property that raises
            except ConfigurationError as error:
                failed = True
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
        await send(message)

    await app(scope, receive, checked)


async def answer(app: App, guard: RequestGuard, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the application on a request or socket that passes, and answer an AuthError that it raises.

    What has begun cannot be answered: an HTTP response breaks off, and an open socket is closed with 1008.
    """
    run = _answer_socket if scope["type"] == "websocket" else _answer_http
    await run(app, guard, scope, receive, send)


async def _answer_http(app: App, guard: RequestGuard, scope: Scope, receive: Receive, send: Send) -> None:
    begun = False

    def send_noted(message: Message) -> Awaitable[None]:
        nonlocal begun
        begun = begun or message["type"] == "http.response.start"
        return send(message)

    try:
        await app(scope, receive, send_noted)
    except AuthError as error:
        if begun:
            record(error, guard.outcomes)
            raise
        await deny(scope, receive, send, guard.response(error))


async def _answer_socket(app: App, guard: RequestGuard, scope: Scope, receive: Receive, send: Send) -> None:
    said: str | None = None
    connecting = True

    async def receive_noted() -> Message:
        nonlocal connecting, said
        connecting = False
        message = await receive()
        if message["type"] == "websocket.disconnect":
            said = _OVER
        return message

    def send_noted(message: Message) -> Awaitable[None]:
        nonlocal said
        if said != _OVER and message["type"] in _SAID:
            said = message["type"]
        return send(message)

    try:
        await app(scope, receive_noted, send_noted)
    except AuthError as error:
        if said is None:
            await deny(scope, receive, send, guard.response(error), connecting=connecting)
        elif said == "websocket.accept":
            settle(error, guard.outcomes)
            await close(send)
        elif said != _OVER:
            raise


# -- answers --------------------------------------------------------------------------------------


async def respond(scope: Scope, send: Send, answer: HTTPResponse) -> None:
    """Send a whole HTTP response, or the denial response of a WebSocket handshake."""
    prefix = "websocket.http" if scope["type"] == "websocket" else "http"
    headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": f"{prefix}.response.start", "status": answer.status, "headers": headers})
    # RFC 9110 9.3.2; not every server cuts it off.
    body = b"" if scope.get("method") == "HEAD" else answer.body
    await send({"type": f"{prefix}.response.body", "body": body})


async def deny(
    scope: Scope, receive: Receive, send: Send, answer: HTTPResponse, *, connecting: bool = True
) -> None:
    """Refuse a request. A WebSocket gets the status if the server can send one, else close code 1008.

    `connecting`: nobody has received its `websocket.connect` yet, and some servers take no answer before.
    """
    if scope["type"] == "websocket":
        if connecting:
            await receive()
        if not can_deny(scope):
            await close(send)
            return
    await respond(scope, send, answer)


async def close(send: Send) -> None:
    """Close a WebSocket, or refuse its handshake, with 1008."""
    await send({"type": _OVER, "code": POLICY_VIOLATION, "reason": ""})


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


def empty(receive: Receive) -> Receive:
    """A `receive` of a preflight, which has no body (Fetch, 4.8); what a client sends as one is left out."""
    begun = False

    async def receive_empty() -> Message:
        nonlocal begun
        if not begun:
            begun = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while (message := await receive())["type"] == "http.request":
            pass
        return message

    return receive_empty


def can_deny(scope: Scope) -> bool:
    """Whether the server can answer a WebSocket handshake with an HTTP response."""
    return _DENIAL in (scope.get("extensions") or {})


# -- sockets --------------------------------------------------------------------------------------


class _Hidden:
    """The subprotocols as they came, for a guard behind. Its repr shows none, because one is a token."""

    __slots__ = ("markers", "offered")

    def __init__(self, offered: Sequence[str]) -> None:
        self.offered = offered
        self.markers: set[str] = set()


def hide_token(scope: Scope, guard: RequestGuard) -> bool:
    """Take the subprotocol that is a token out of a WebSocket's scope; whether there was one.

    Once: a guard behind this one would take the next subprotocol for a token.
    """
    marker, hidden = guard.subprotocol, scope.get(HIDDEN)
    if scope["type"] != "websocket" or marker is None or (hidden is not None and marker in hidden.markers):
        return False
    seen = read_request(scope)
    if hidden is not None:
        seen = seen._replace(subprotocols=scope["subprotocols"])
    rest = bearer.shown_subprotocols(seen, marker)
    if rest is None:
        return False
    hidden = scope.setdefault(HIDDEN, _Hidden(seen.subprotocols))
    hidden.markers.add(marker)
    name = b"sec-websocket-protocol"
    headers = [(key, value) for key, value in scope["headers"] if key != name]
    scope.update(subprotocols=list(rest), headers=[*headers, (name, ", ".join(rest).encode())])
    return True


def marked(send: Send, marker: str) -> Send:
    """Answer the marker if the application picks no subprotocol; browsers need one (RFC 6455 4.1)."""

    async def send_marked(message: Message) -> None:
        if message["type"] == "websocket.accept" and not message.get("subprotocol"):
            message = {**message, "subprotocol": marker}
        await send(message)

    return send_marked


async def open_socket(
    app: App, guard: RequestGuard, principal: Principal | None, scope: Scope, receive: Receive, send: Send
) -> None:
    """Run the application on a WebSocket that passes.

    The application does not see the token, and the marker is answered. With `close_at_expiry` the socket
    is closed when the token of its principal expires, or of one that is adopted later.
    """
    if hide_token(scope, guard) and guard.subprotocol is not None:
        send = marked(send, guard.subprotocol)
    if not guard.close_at_expiry:
        await app(scope, receive, send)
        return
    from .socket_expiry import until_expiry  # most applications never need it

    seconds = None if principal is None else guard.verifier._seconds_left(principal)
    await until_expiry(app, scope, receive, send, seconds)
