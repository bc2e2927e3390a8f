"""How FastAPI answers a refusal, over HTTP and WebSocket, and what a WebSocket route can see."""

import asyncio
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, Security, WebSocket
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from fastapi.security import SecurityScopes
from support.drivers import Ask, Reply
from support.drivers.client import _run, ask_http, ask_websocket, websocket_scope

from cognito_mr_auth import Principal, policy
from cognito_mr_auth.fastapi import AuthHTTPException, CognitoAuth, principal_of
from cognito_mr_auth.testing import FakeClock, FakeUserPool

POOL = FakeUserPool(clock=FakeClock())
VERIFIER = POOL.offline_verifier()

A = policy.scopes("a")
EITHER = policy.any_scope("a", "b")


def get(app: Any, token: str | None = None) -> Reply:
    """GET, in this process."""
    sent = () if token is None else (("Authorization", f"Bearer {token}"),)
    return ask_http(app, Ask(sent), lambda: True)


def scoped(*names: str, **options: Any) -> str:
    """A token of exactly these scopes."""
    return POOL.access_token(scopes=names, **options)


# --- Errors


def refusals() -> list[Any]:
    """A token and a policy per status."""
    return [
        pytest.param((), None, 401, id="none"),
        pytest.param(("Bearer",), None, 400, id="malformed"),
        pytest.param(("Bearer garbage",), None, 401, id="bad"),
        pytest.param((f"Bearer {scoped('b')}",), A, 403, id="scope"),
        pytest.param((f"Bearer {scoped('b')}",), policy.check(lambda _: 1), 503, id="check"),
    ]


@pytest.mark.parametrize(("values", "require", "status"), refusals())
@pytest.mark.parametrize("kind", [AuthHTTPException, HTTPException, "status"], ids=str)
def test_handlers_see_a_refusal(values: tuple[str, ...], require: Any, status: int, kind: Any) -> None:
    """A user's handler, of our class, FastAPI's or the status, gets the error and shapes the answer."""
    auth = CognitoAuth(VERIFIER)
    app = FastAPI(dependencies=[Depends(auth.require(require))])
    app.get("/")(lambda: "reached")
    seen: list[AuthHTTPException] = []

    @app.exception_handler(status if kind == "status" else kind)
    async def handler(_request: Request, refused: AuthHTTPException) -> JSONResponse:
        seen.append(refused)
        return JSONResponse({"reason": refused.error.reason}, 418, refused.headers)

    sent = tuple(("Authorization", value) for value in values)
    reply = ask_http(app, Ask(sent), lambda: True)
    [refused] = seen
    assert (reply.status, reply.json) == (418, {"reason": refused.error.reason})
    assert (refused.status_code, refused.error.status) == (status, status)
    assert set(refused.headers or ()) == {
        "cache-control",
        "retry-after" if status == 503 else "www-authenticate",
    }
    assert reply.headers["content-length"] == str(len(reply.body))


def test_a_refusal_carries_nothing_of_the_request() -> None:
    """Nothing that hangs on the exception, frames included, leads to the token."""
    auth = CognitoAuth(VERIFIER)
    app = FastAPI(dependencies=[Depends(auth)])
    app.get("/")(lambda: "reached")
    seen: list[AuthHTTPException] = []

    @app.exception_handler(AuthHTTPException)
    async def handler(_request: Request, refused: AuthHTTPException) -> JSONResponse:
        seen.append(refused)
        return JSONResponse({})

    token = POOL.access_token(signed_by="foreign")
    get(app, token)
    [refused] = seen
    assert token not in repr(refused) + str(refused) + repr(vars(refused)) + repr(refused.error)
    assert refused.__cause__ is None
    assert refused.__suppress_context__
    assert refused.error.__traceback__ is None
    assert refused.error.__context__ is None


def test_a_dependency_of_the_user_can_raise_it_on() -> None:
    """A sub-dependency that catches the refusal and raises it again changes nothing in the answer."""
    auth = CognitoAuth(VERIFIER)
    plain, wrapped = FastAPI(), FastAPI()
    plain.get("/", dependencies=[Depends(auth)])(lambda: "reached")

    async def again(connection: HTTPConnection) -> None:
        try:
            await auth(connection, SecurityScopes())
        except HTTPException as refused:
            raise refused from None

    wrapped.get("/", dependencies=[Depends(again)])(lambda: "reached")
    for token in (None, "garbage", POOL.access_token()):
        assert get(plain, token) == get(wrapped, token)


# --- WebSocket


def socket_app(auth: CognitoAuth, dependency: Any, seen: list[Any], pick: str | None = None) -> FastAPI:
    """A WebSocket route that notes what it can see."""
    app = FastAPI()

    async def early(websocket: WebSocket) -> None:
        seen.append(len(websocket.headers))  # Starlette keeps what it made here

    @app.websocket("/", dependencies=[Depends(early)])
    async def socket(websocket: WebSocket, principal: Annotated[Principal | None, dependency]) -> None:
        seen.append((websocket.headers.get("sec-websocket-protocol"), list(websocket["subprotocols"])))
        seen.append(repr(dict(websocket)) + repr(websocket.headers.raw))
        await websocket.accept(pick)
        await websocket.send_json(None if principal is None else principal.subject)
        await websocket.close()

    return app


@pytest.mark.parametrize(
    ("offered", "picked", "visible", "answered"),
    [
        ("bearer, TOKEN", None, ["bearer"], "bearer"),
        ("bearer, TOKEN, chat", None, ["bearer", "chat"], "bearer"),
        ("chat, bearer, TOKEN", "chat", ["chat", "bearer"], "chat"),
    ],
)
@pytest.mark.parametrize("way", ["depends", "require", "security", "both"])
@pytest.mark.parametrize("exclude", [[], ["/"]], ids=["", "excluded"])
def test_a_token_in_a_subprotocol_is_out_of_sight(
    offered: str, picked: str | None, visible: list[str], answered: str, way: str, exclude: list[str]
) -> None:
    """The endpoint sees neither the token nor its header; the marker is answered if it picks none."""
    auth = CognitoAuth(VERIFIER, subprotocol="bearer", exclude=exclude)
    needed = Depends(auth.require(EITHER))
    dependency = {"depends": Depends(auth), "security": Security(auth, scopes=["a"])}.get(way, needed)
    seen: list[Any] = []
    app = socket_app(auth, dependency, seen, picked)
    if way == "both":
        app.router.dependencies.append(Depends(auth))
        outer = FastAPI(dependencies=[Depends(auth), Security(auth, scopes=["a"])])
        outer.include_router(app.router)
        app = outer
    token = scoped("a", subject="me")
    reply = ask_websocket(
        app, Ask((("Sec-WebSocket-Protocol", offered.replace("TOKEN", token)),)), lambda: True
    )
    who = None if way == "depends" and exclude else "me"
    assert (reply.status, reply.json, reply.headers["sec-websocket-protocol"]) == (200, who, answered)
    _, what, everything = seen
    assert what == (", ".join(visible), visible)
    assert token not in everything


@pytest.mark.parametrize("markers", [("a", "a"), ("a", "b")], ids=["one marker", "two markers"])
@pytest.mark.parametrize("whose", ["first", "second"])
def test_each_guard_finds_its_own_subprotocol(whose: str, markers: tuple[str, str]) -> None:
    """One hides its token from the endpoint, and the next guard of the route still finds its own."""
    other = FakeUserPool("eu-west-1_Other0001", clock=FakeClock())
    first = CognitoAuth(VERIFIER, subprotocol=markers[0], optional=True)
    second = CognitoAuth(other.offline_verifier(), subprotocol=markers[1], optional=True)
    mine, theirs = POOL.access_token(subject="me"), other.access_token(subject="me")
    app = FastAPI()

    async def either(websocket: WebSocket) -> Principal | None:
        for auth in (first, second):
            try:
                principal = await auth(websocket)
            except AuthHTTPException:
                continue
            if principal is not None:
                return principal
        return None

    @app.websocket("/")
    async def socket(websocket: WebSocket, caller: Annotated[Principal | None, Depends(either)]) -> None:
        await websocket.accept()
        seen = [websocket.scope["subprotocols"], websocket.headers["sec-websocket-protocol"]]
        await websocket.send_json([None if caller is None else caller.provider, *seen])

    token, marker = (mine, markers[0]) if whose == "first" else (theirs, markers[1])
    reply = ask_websocket(app, Ask((("Sec-WebSocket-Protocol", f"{marker}, {token}, chat"),)), lambda: True)
    provider = (POOL if whose == "first" else other).user_pool_id
    assert reply.json == [provider, [marker, "chat"], f"{marker}, chat"]
    both = f"a, {mine}, b, {theirs}, chat"
    if markers[1] == "b":
        reply = ask_websocket(app, Ask((("Sec-WebSocket-Protocol", both),)), lambda: True)
        assert reply.json[0] == POOL.user_pool_id
        app.dependency_overrides[either] = lambda: None  # both guards at the route
        app.router.dependencies += [Depends(first), Depends(second)]
        reached: list[Any] = []

        @app.websocket("/both")
        async def socket_of_both(websocket: WebSocket) -> None:
            reached.append((websocket.scope["subprotocols"], repr(dict(websocket))))
            await websocket.accept()

        ask_websocket(app, Ask((("Sec-WebSocket-Protocol", both),), path="/both"), lambda: True)
        [(offered, shown)] = reached
        assert offered == ["a", "b", "chat"]
        assert mine not in shown
        assert theirs not in shown


def test_a_guest_of_one_guard_is_anothers_principal() -> None:
    """`principal_of` gives the principal that a guard of the route has found, whichever was asked last."""
    other = FakeUserPool("eu-west-1_Other0001", clock=FakeClock())
    ours = CognitoAuth(VERIFIER)
    theirs = CognitoAuth(other.offline_verifier(), header="X-Other")
    app = FastAPI(dependencies=[Depends(ours), Depends(theirs.optional)])

    @app.get("/")
    def who(request: Request) -> list[str]:
        principal = principal_of(request)
        assert principal is not None
        return [principal.provider]

    assert get(app, scoped("a")).json == [POOL.user_pool_id]


def test_a_handshake_can_be_asked_about_before_its_route() -> None:
    """In a middleware of one's own there is no WebSocket yet: a plain connection will do."""
    auth = CognitoAuth(VERIFIER, subprotocol="bearer")
    app = FastAPI()
    found: list[Principal | None] = []

    @app.websocket("/")
    async def socket(websocket: WebSocket, caller: Annotated[Principal, Depends(auth)]) -> None:
        found.append(caller)
        await websocket.accept("bearer")
        await websocket.send_json(websocket.scope["subprotocols"])

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        found.append(await auth(HTTPConnection(scope)))
        await app(scope, receive, send)

    offered = (("Sec-WebSocket-Protocol", f"bearer, {scoped('a')}, chat"),)
    assert ask_websocket(middleware, Ask(offered), lambda: True).json == ["bearer", "chat"]
    assert found[0] is found[1] is not None


def test_a_socket_without_a_token_in_a_subprotocol_is_left_alone() -> None:
    """A token in the header: what is offered stays, and nothing is answered that was not picked."""
    auth = CognitoAuth(VERIFIER, subprotocol="bearer")
    seen: list[Any] = []
    sent = (("Authorization", f"Bearer {POOL.access_token()}"), ("Sec-WebSocket-Protocol", "chat"))
    reply = ask_websocket(socket_app(auth, Depends(auth), seen), Ask(sent), lambda: True)
    assert (reply.status, reply.headers) == (200, {})
    assert seen[1] == ("chat", ["chat"])


@pytest.mark.parametrize(
    ("token", "status"),
    [(None, 401), ("garbage", 401), (scoped("b"), 403)],
    ids=["none", "garbage", "another scope"],
)
@pytest.mark.parametrize("way", ["depends", "require", "security"])
def test_a_socket_is_refused_before_it_opens(way: str, token: str | None, status: int) -> None:
    """With the status where the server can say it, else with close code 1008."""
    auth = CognitoAuth(VERIFIER, require=A if way == "depends" else None)
    ways = {"depends": Depends(auth), "require": Depends(auth.require(A))}
    seen: list[Any] = []
    app = socket_app(auth, ways.get(way, Security(auth, scopes=["a"])), seen)
    ask = Ask(() if token is None else (("Authorization", f"Bearer {token}"),))
    reply = ask_websocket(app, ask, lambda: True)
    assert reply.status == status
    assert reply.headers["www-authenticate"].startswith('Bearer realm="api"')
    [closed] = asyncio.run(_run(app, websocket_scope(ask, denial=False), [{"type": "websocket.connect"}]))
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
    assert [type(each) for each in seen] == [int, int]  # only `early` ran
