"""The applications of docs/graphql.md under uvicorn: requests, errors of fields, outages, subscriptions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import product
from typing import Any, NamedTuple

import httpx
import pytest
from support import pages
from support.servers import ANSWER_SECONDS, Server
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from cognito_mr_auth.testing import FakeUserPool

PAGE = "graphql.md"
APPS = ("strawberry_app.py", "ariadne_app.py")
SCOPE = ["orders/read"]


class Here(NamedTuple):
    """A running application and its pool."""

    pool: FakeUserPool
    server: Server
    path: str

    def post(self, query: str, token: str | None = None) -> httpx.Response:
        """One query."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url, document = f"{self.server.url}{self.path}", {"query": query}
        return httpx.post(url, json=document, headers=headers, timeout=ANSWER_SECONDS)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Here]]:
    """Any of the applications, started when it is first asked for; `dark`: its pool's endpoints are away."""
    found: dict[tuple[str, bool], Here] = {}
    with ExitStack() as stack:

        def get(name: str, *, dark: bool = False) -> Here:
            if (name, dark) not in found:
                pool = FakeUserPool()
                endpoints = stack.enter_context(pool.serve())
                if dark:
                    endpoints.fail("refuse")
                directory = tmp_path_factory.mktemp("server")
                server = stack.enter_context(pages.serving(PAGE, name, pool, directory))
                found[name, dark] = Here(pool, server, "/graphql" if name == "fastapi_app.py" else "/")
            return found[name, dark]

        yield get


def test_each_application_of_the_page_is_served_here() -> None:
    """None is shown that was not run."""
    assert set(pages.files(PAGE)) == {*APPS, "graphql_auth.py", "fastapi_app.py", "ide_app.py"}


# --- Requests


@pytest.mark.parametrize("name", APPS)
def test_a_request_needs_a_token(running: Callable[..., Here], name: str) -> None:
    """The refusal comes before GraphQL runs; introspection is a query like any other."""
    here = running(name)
    for query in ("{ me }", "{ __schema { types { name } } }"):
        missing, forged = here.post(query), here.post(query, here.pool.access_token(signed_by="foreign"))
        assert (missing.status_code, missing.json()["reason"]) == (401, "credentials_missing")
        assert missing.headers["www-authenticate"] == 'Bearer realm="api"'
        assert (forged.status_code, forged.json()["reason"]) == (401, "signature_invalid")
    assert httpx.get(here.server.url, params={"query": "{ me }"}).status_code == 401
    good = here.post("{ me }", here.pool.access_token(subject="alice"))
    assert (good.status_code, good.json()) == (200, {"data": {"me": "alice"}})


@pytest.mark.parametrize("name", APPS)
def test_a_field_that_may_not_be_read_is_an_error_of_the_field(
    running: Callable[..., Here], name: str
) -> None:
    """With the reason as an extension, and the rest of the query answered."""
    here = running(name)
    refused = here.post("{ me orders }", here.pool.access_token(subject="alice"))
    assert refused.status_code == 200
    assert refused.json()["data"] == {"me": "alice", "orders": None}
    [error] = refused.json()["errors"]
    assert error["path"] == ["orders"]
    assert error["extensions"] == {"reason": "policy_denied"}
    assert error["message"] == "the token does not permit this request"
    allowed = here.post("{ me orders }", here.pool.access_token(subject="alice", scopes=SCOPE))
    assert allowed.json() == {"data": {"me": "alice", "orders": []}}


@pytest.mark.parametrize("name", APPS)
def test_an_outage_of_the_keys_is_503(running: Callable[..., Here], name: str) -> None:
    """As everywhere."""
    here = running(name, dark=True)
    answer = here.post("{ me }", here.pool.access_token())
    assert (answer.status_code, answer.json()["reason"]) == (503, "keys_unavailable")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("name", [*APPS, "fastapi_app.py"])
def test_an_outage_of_a_fields_policy_is_503(running: Callable[..., Here], name: str) -> None:
    """For the whole request: no 200 that holds an error, and none of the fields that were found."""
    here = running(name)
    answer = here.post("{ me secret }", here.pool.access_token())
    assert (answer.status_code, answer.json()["reason"]) == (503, "check_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert here.post("{ me }", here.pool.access_token()).status_code == 200


def test_graphiqls_page_is_open_and_nothing_behind_it(running: Callable[..., Here]) -> None:
    """GET gives the page, whatever it asks for; a query needs its token."""
    here = running("ide_app.py")
    queries = ("{ me }", "{ __typename }", "subscription { ticks }")
    accepts = ("text/html", "application/json", "multipart/mixed;boundary=graphql", "text/event-stream")
    for query, accept in product(queries, accepts):
        url, headers = f"{here.server.url}/", {"Accept": accept, "Content-Type": accept}
        said = httpx.get(url, params={"query": query}, headers=headers, timeout=ANSWER_SECONDS)
        assert said.status_code == 200
        assert said.headers["content-type"].startswith("text/html")
    assert here.post("{ me }").status_code == 401
    assert here.post("{ me }", here.pool.access_token()).status_code == 200


@pytest.mark.parametrize("name", ["fastapi_app.py"])
def test_the_principal_is_a_dependency(running: Callable[..., Here], name: str) -> None:
    """In FastAPI, where it stands in the context."""
    here = running(name)
    assert here.post("{ me }").status_code == 401
    assert here.post("{ me }", here.pool.access_token(subject="alice")).json() == {"data": {"me": "alice"}}


# --- Subscriptions, by graphql-transport-ws


@contextmanager
def opened(here: Here, header: str | None = None) -> Iterator[ClientConnection]:
    """A socket that has said nothing yet."""
    limits = {"open_timeout": ANSWER_SECONDS, "close_timeout": ANSWER_SECONDS, "proxy": None}
    headers = {} if header is None else {"Authorization": f"Bearer {header}"}
    url = f"ws://127.0.0.1:{here.server.port}/"
    subprotocols: Any = ["graphql-transport-ws"]
    with connect(url, subprotocols=subprotocols, additional_headers=headers, **limits) as found:
        assert found.subprotocol == "graphql-transport-ws"
        yield found


def say(socket: ClientConnection, kind: str, **more: Any) -> None:
    """One message of the client."""
    socket.send(json.dumps({"type": kind, **more}))


def hear(socket: ClientConnection) -> Any:
    """The next one of the server."""
    return json.loads(socket.recv(ANSWER_SECONDS))


def closed_with(socket: ClientConnection, heard: list[Any] | None = None) -> int | None:
    """The code with which the server closes it; what it says before goes into `heard`."""
    try:
        while True:
            message = hear(socket)
            if heard is not None:
                heard.append(message)
    except ConnectionClosed as error:
        return error.rcvd and error.rcvd.code


def subscribe(socket: ClientConnection) -> Any:
    """Ask for ticks; the first answer."""
    say(socket, "subscribe", id="1", payload={"query": "subscription { ticks }"})
    return hear(socket)


FIRST = {"id": "1", "type": "next", "payload": {"data": {"ticks": 0}}}


@pytest.mark.parametrize("name", APPS)
def test_a_subscriptions_token_comes_in_connection_init(running: Callable[..., Here], name: str) -> None:
    """It is the connection's from then on."""
    here = running(name)
    with opened(here) as socket:
        say(socket, "connection_init", payload={"token": here.pool.access_token(scopes=SCOPE)})
        assert hear(socket)["type"] == "connection_ack"
        assert subscribe(socket) == FIRST


@pytest.mark.parametrize("name", APPS)
def test_a_clients_token_may_come_with_the_handshake(running: Callable[..., Here], name: str) -> None:
    """A client that is no browser sends its header; a bad one does not open the socket."""
    here = running(name)
    with opened(here, here.pool.access_token(scopes=SCOPE)) as socket:
        say(socket, "connection_init")
        assert hear(socket)["type"] == "connection_ack"
        assert subscribe(socket) == FIRST
    with pytest.raises(InvalidStatus) as raised, opened(here, here.pool.access_token(signed_by="foreign")):
        raise AssertionError("it opened")
    assert raised.value.response.status_code == 401


INITS: dict[str, Callable[[FakeUserPool], dict[str, Any]]] = {
    "none": lambda _pool: {},
    "an empty payload": lambda _pool: {"payload": {}},
    "a forged token": lambda pool: {"payload": {"token": pool.access_token(signed_by="foreign")}},
    "an expired token": lambda pool: {"payload": {"token": pool.access_token(expires_in=-60)}},
    "another pool's": lambda _pool: {
        "payload": {"token": FakeUserPool("us-west-2_Other0001").access_token()}
    },
    "no text": lambda _pool: {"payload": {"token": 7}},
    "a list": lambda pool: {"payload": [pool.access_token()]},
}


@pytest.mark.parametrize("row", INITS)
@pytest.mark.parametrize("name", APPS)
def test_a_connection_without_a_good_token_is_closed(
    running: Callable[..., Here], name: str, row: str
) -> None:
    """With 4403, which graphql-ws tries again with a new token; no operation is begun."""
    here = running(name)
    heard: list[Any] = []
    with opened(here) as socket:
        say(socket, "connection_init", **INITS[row](here.pool))
        with suppress(ConnectionClosed):
            say(socket, "subscribe", id="1", payload={"query": "subscription { ticks }"})
        code = closed_with(socket, heard)
    assert heard == []
    # A payload that is no object is malformed (4400) to Strawberry.
    assert code == 4403 or (code, row) == (4400, "a list")


@pytest.mark.parametrize("name", APPS)
def test_an_operation_before_connection_init_is_refused(running: Callable[..., Here], name: str) -> None:
    """The handshake passes as a guest's, and nothing else does."""
    with opened(running(name)) as socket:
        say(socket, "subscribe", id="1", payload={"query": "{ me }"})
        assert closed_with(socket) == 4401


@pytest.mark.parametrize("name", APPS)
def test_a_connections_owner_does_not_change(running: Callable[..., Here], name: str) -> None:
    """Another user's token in connection_init is refused if the handshake has brought one."""
    here = running(name)
    with opened(here, here.pool.access_token(subject="alice", scopes=SCOPE)) as socket:
        say(socket, "connection_init", payload={"token": here.pool.access_token(subject="mallory")})
        assert closed_with(socket) == 4403


@pytest.mark.parametrize("name", APPS)
def test_a_subscription_that_is_not_permitted_is_an_error(running: Callable[..., Here], name: str) -> None:
    """Of the operation, with its reason; the connection stays."""
    here = running(name)
    with opened(here) as socket:
        say(socket, "connection_init", payload={"token": here.pool.access_token(subject="alice")})
        assert hear(socket)["type"] == "connection_ack"
        said = subscribe(socket)
        found = said["payload"] if said["type"] == "error" else said["payload"]["errors"]
        assert [each["extensions"] for each in found] == [{"reason": "policy_denied"}]
        say(socket, "subscribe", id="2", payload={"query": "{ me }"})
        heard = [hear(socket)]
        while heard[-1].get("id") != "2":
            heard.append(hear(socket))
        assert heard[-1]["payload"] == {"data": {"me": "alice"}}


@pytest.mark.parametrize("name", APPS)
@pytest.mark.parametrize("by", ["handshake", "connection_init"])
def test_a_connection_ends_with_its_token(running: Callable[..., Here], name: str, by: str) -> None:
    """With 4403, while a subscription is under way."""
    here = running(name)
    token = here.pool.access_token(expires_in=2, scopes=SCOPE)
    with opened(here, token if by == "handshake" else None) as socket:
        say(socket, "connection_init", **({} if by == "handshake" else {"payload": {"token": token}}))
        assert hear(socket)["type"] == "connection_ack"
        assert subscribe(socket) == FIRST
        assert closed_with(socket) == 4403


# --- Logs


@pytest.mark.parametrize("name", APPS)
def test_no_log_holds_a_token(running: Callable[..., Here], name: str) -> None:
    """Nor the traceback of a refusal, though both libraries log the errors of fields."""
    here = running(name)
    tokens = [here.pool.access_token(), here.pool.access_token(signed_by="foreign")]
    for token in tokens:
        here.post("{ me orders secret }", token)
        with opened(here) as socket:
            say(socket, "connection_init", payload={"token": token})
            with suppress(ConnectionClosed):
                subscribe(socket)
                hear(socket)
    log = here.server.log
    assert "POST /" in log
    assert "Traceback" not in log
    assert [part for token in tokens for part in token.split(".")[1:] if part[:24] in log] == []
