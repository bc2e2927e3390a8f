"""`_starlette.marks`: `public` and `optional` open the very endpoint that they mark, and no other (W3)."""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable
from typing import Any

import pytest
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from support.drivers import Ask
from support.drivers._starlette import Client, bearer, guarded, logged, open_to_all, run, secret
from support.drivers.client import websocket_scope

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.starlette import optional, principal_of, public, require
from cognito_mr_auth.testing import FakeUserPool

BOTH = pytest.mark.parametrize("mark", [public, optional], ids=["public", "optional"])
READ = policy.scopes("orders/read")


def plain(body: str = "secret") -> Any:
    """A new endpoint, because a mark stays on what it was set on."""

    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse(body)

    return endpoint


class Unmarked(HTTPEndpoint):
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("secret")


class Guarded(HTTPEndpoint):
    @require(READ)
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("secret")


def marked_class(mark: Any) -> type:
    """A class of endpoints that is open as a whole."""
    return mark(type("Open", (Unmarked,), {}))


class View:
    """Bound methods as endpoints."""

    async def health(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("open")


def subclass(parent: type) -> Any:
    """One that has nothing of its own."""
    return type("Child", (parent,), {})


def view(mark: Any) -> type:
    """A view with one open method, and one for the class."""
    return type(
        "Marked",
        (),
        {
            "health": mark(plain_method()),
            "kind": classmethod(mark(plain_method())),
        },
    )


def plain_method() -> Any:
    """A new method."""

    async def method(_self: object, request: Request) -> PlainTextResponse:
        return PlainTextResponse("open")

    return method


async def _with_prefix(prefix: str, request: Request) -> PlainTextResponse:
    return PlainTextResponse(prefix)


class Application:
    """An ASGI application that is an endpoint."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("open")(scope, receive, send)


SHAPES: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "async function": (lambda mark: mark(plain()), True),
    "sync function": (lambda mark: mark(lambda request: PlainTextResponse("open")), True),
    "class": (marked_class, True),
    "object": (lambda mark: mark(Application()), True),
    "copy of a marked object": (lambda mark: copy.copy(mark(Application())), False),
    "object of a marked class": (lambda mark: mark(type("C", (Application,), {}))(), False),
    "bound method": (lambda mark: view(mark)().health, True),
    "bound to the class": (lambda mark: view(mark).kind, True),  # type: ignore[attr-defined]
    "inherited method": (lambda mark: subclass(view(mark))().health, False),
    "inherited, bound to the class": (lambda mark: subclass(view(mark)).kind, False),
    "borrowed method": (lambda mark: types.MethodType(mark(plain_method()), object()), False),
    "marked, then wrapped": (lambda mark: logged(mark(plain())), True),
    "wrapped, then marked": (lambda mark: mark(logged(plain())), True),
    "partial of a marked function": (lambda mark: functools.partial(mark(_copy()), "open"), False),
    "partial of it, as its wrapper": (
        lambda mark: functools.update_wrapper(functools.partial(fn := mark(_copy()), "open"), fn),
        False,
    ),
    "marked partial": (lambda mark: mark(functools.partial(_copy(), "open")), True),
    "partial of a marked partial": (
        lambda mark: functools.partial(mark(functools.partial(_copy(), "open")), request=None),
        False,
    ),
    "unmarked function": (lambda mark: plain(), False),
    "unmarked class": (lambda mark: Unmarked, False),
    "subclass of a marked class": (lambda mark: subclass(marked_class(mark)), False),
    "class of which a method is marked": (
        lambda mark: type("Views", (Unmarked,), {"get": mark(plain_method())}),
        False,
    ),
    "wrapped, unmarked": (lambda mark: logged(plain()), False),
}


def _copy() -> Any:
    return types.FunctionType(_with_prefix.__code__, _with_prefix.__globals__, "with_prefix")


@BOTH
@pytest.mark.parametrize("row", SHAPES)
def test_a_mark_opens_what_is_marked(verifier: Verifier, row: str, mark: Any) -> None:
    """Functions and classes, wrapped before or after; not what inherits it, nor a partial of it."""
    make, opened = SHAPES[row]
    client = Client(guarded(verifier, Route("/x", make(mark))))
    assert client.get("/x").status_code == (200 if opened else 401)


def test_a_public_route_looks_at_no_token(pool: FakeUserPool, verifier: Verifier) -> None:
    """A valid token gives no principal there, and a bad one is no error."""
    client = Client(guarded(verifier, Route("/x", open_to_all), Route("/y", secret)))
    for token in ("garbage", pool.access_token()):
        reply = client.get("/x", headers=bearer(token))
        assert (reply.status_code, reply.json()) == (200, None)
    assert client.get("/y", headers=bearer(pool.access_token(subject="me"))).json() == "me"


@pytest.mark.parametrize(
    ("credential", "status", "subject"),
    [
        (None, 200, None),
        ("Basic dTpw", 200, None),
        ("Bearer TOKEN", 200, "me"),
        ("Bearer garbage", 401, ""),
        ("Bearer", 400, ""),
        ("Bearer a b", 400, ""),
    ],
)
@pytest.mark.parametrize("options", [{}, {"exclude": ["/x"]}, {"optional": True}], ids=repr)
def test_an_optional_route_welcomes_guests(
    pool: FakeUserPool, verifier: Verifier, options: Any, credential: str | None, status: int, subject: Any
) -> None:
    """No token, no principal; a good one names its owner, a bad one is refused, whatever is configured."""

    @optional
    async def feed(request: Request) -> JSONResponse:
        return await secret(request)

    client = Client(guarded(verifier, Route("/x", feed), **options))
    sent = (credential or "").replace("TOKEN", pool.access_token(subject="me"))
    reply = client.get("/x", headers={"Authorization": sent} if sent else {})
    assert reply.status_code == status
    if status == 200:
        assert reply.json() == subject


def test_an_optional_route_holds_its_guests_to_the_guards_policy(
    pool: FakeUserPool, verifier: Verifier
) -> None:
    """Whoever sends a token must have what `require=` wants; whoever sends none is a guest."""
    client = Client(guarded(verifier, Route("/x", optional(plain("open"))), require=READ))
    assert client.get("/x").status_code == 200
    assert client.get("/x", headers=bearer(pool.access_token())).status_code == 403
    assert client.get("/x", headers=bearer(pool.access_token(scopes=["orders/read"]))).status_code == 200


@BOTH
def test_a_mark_is_for_what_it_can_mark(mark: Any) -> None:
    """Anything else is a TypeError where it is written."""
    for wrong in (None, "/health", READ, View().health, Route("/x", secret), [secret]):
        with pytest.raises(TypeError, match="marks functions and classes, not"):
            mark(wrong)


@BOTH
@pytest.mark.parametrize("marked", [True, False])
def test_an_open_socket_route_opens(verifier: Verifier, mark: Any, *, marked: bool) -> None:
    """WebSocket routes and WebSocketEndpoint classes alike."""

    async def function(websocket: WebSocket) -> None:
        await websocket.accept()
        assert principal_of(websocket) is None

    class Socket(WebSocketEndpoint):
        async def on_connect(self, websocket: WebSocket) -> None:
            await websocket.accept()

    given: Callable[[Any], Any] = mark if marked else lambda endpoint: endpoint
    for endpoint in (given(function), given(Socket)):
        sent = run(guarded(verifier, WebSocketRoute("/x", endpoint)), websocket_scope(Ask(path="/x")))
        assert sent[0]["type"] == ("websocket.accept" if marked else "websocket.http.response.start")


def _both_ways(mark: Any) -> list[Callable[[], object]]:
    return [
        lambda: require(READ)(mark(plain())),
        lambda: require(READ)(logged(mark(plain()))),
        lambda: require(READ)(functools.partial(mark(_copy()), "x")),
        lambda: mark(require(READ)(plain())),
        lambda: mark(logged(require(READ)(plain()))),
        lambda: mark(functools.partial(require(READ)(plain()))),
        lambda: mark(type("Child", (Guarded,), {})),
        lambda: mark(type("Grandchild", (type("Child", (Guarded,), {}),), {})),
    ]


@BOTH
@pytest.mark.parametrize("way", range(8))
def test_require_and_a_mark_exclude_each_other(mark: Any, way: int) -> None:
    """In either order, through other decorators, and for the methods of a class."""
    with pytest.raises(TypeError, match=r"both @require and @(public|optional)"):
        _both_ways(mark)[way]()


def test_an_endpoint_has_one_mark() -> None:
    """Twice the same is one; public and optional are two."""
    endpoint = public(public(plain()))
    with pytest.raises(TypeError, match="both public and optional"):
        optional(endpoint)
    with pytest.raises(TypeError, match="both public and optional"):
        public(optional(plain()))
