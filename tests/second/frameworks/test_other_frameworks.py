"""The applications of docs/other-frameworks.md, each under the server that the page names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from support import pages
from support.servers import ANSWER_SECONDS, Said, Server, ask
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from cognito_mr_auth.testing import FakeUserPool

PAGE = "other-frameworks.md"
HTTP = ("quart_app.py", "falcon_app.py", "falcon_asgi_app.py", "falcon_guard_app.py")
HTTP += ("sanic_asgi_app.py", "sanic_app.py")
SOCKETS = ("quart_app.py", "falcon_asgi_app.py", "sanic_asgi_app.py", "sanic_app.py")
ORIGIN = "https://app.example.com"


class Here(NamedTuple):
    """A running application and its pool."""

    pool: FakeUserPool
    server: Server

    def get(self, path: str, token: str | None = None, *headers: bytes, method: str = "GET") -> Said:
        """One request."""
        lines = [] if token is None else [f"Authorization: Bearer {token}".encode()]
        return ask(self.server, path, *lines, *headers, method=method)


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
                serving = pages.serving(PAGE, name, pool, directory, {"ORIGIN": ORIGIN})
                found[name, dark] = Here(pool, stack.enter_context(serving))
            return found[name, dark]

        yield get


def test_each_application_of_the_page_is_served_here() -> None:
    """None is shown that was not run."""
    assert set(pages.files(PAGE)) == {*HTTP, "dash_app.py", "quart_cors_app.py"}


# --- The responses to clients

MISSING = 'Bearer realm="api"'
DENIED = 'Bearer realm="api", error="insufficient_scope", .*'


class Row(NamedTuple):
    """A path, a token by its name, and the expected response."""

    path: str
    token: str | None
    status: int
    said: Any
    challenge: str | None = None


ROWS = {
    "excluded": Row("/health", None, 200, {"status": "ok"}),
    "excluded, in another spelling": Row("//health", None, 401, "credentials_missing", MISSING),
    "excluded, with a letter encoded": Row("/%68ealth", None, 401, "credentials_missing", MISSING),
    "excluded, by way of dots": Row("/x/..%2fhealth", None, 401, "credentials_missing", MISSING),
    "no token": Row("/me", None, 401, "credentials_missing", MISSING),
    "good": Row("/me", "good", 200, {"subject": "alice"}),
    "of the replica": Row("/me", "replica", 200, {"subject": "alice"}),
    "forged": Row("/me", "forged", 401, "signature_invalid", '.*error="invalid_token".*'),
    "expired": Row("/me", "expired", 401, "token_expired", '.*error="invalid_token".*'),
    "unknown path": Row("/nothing", None, 401, "credentials_missing", MISSING),
    "policy of a route": Row("/orders", "good", 403, "policy_denied", DENIED + 'scope="orders/read"'),
    "with the scope": Row("/orders", "scoped", 200, {"orders": []}),
    "raised in a handler": Row("/tenants/acme", "good", 403, "policy_denied", DENIED),
}


@pytest.mark.parametrize("name", HTTP)
def test_clients_get_the_answer_of_every_adapter(running: Callable[..., Here], name: str) -> None:
    """Status, challenge and reason of each row; the guard is in front of routing, exclusions are exact."""
    here = running(name)
    tokens = {
        "good": here.pool.access_token(subject="alice"),
        "replica": here.pool.access_token(subject="alice", issuer="replica"),
        "scoped": here.pool.access_token(subject="alice", scopes=["orders/read"]),
        "forged": here.pool.access_token(signed_by="foreign"),
        "expired": here.pool.access_token(expires_in=-60),
    }
    wrong = {}
    for title, row in ROWS.items():
        answer = here.get(row.path, row.token and tokens[row.token])
        body = json.loads(answer.body)
        challenge = answer.headers.get("www-authenticate")
        fits = challenge is None if row.challenge is None else re.fullmatch(row.challenge, challenge or "")
        said = body if row.status == 200 else body.get("reason")
        if answer.status != row.status or said != row.said or not fits:
            wrong[title] = answer
    assert wrong == {}


@pytest.mark.parametrize("name", HTTP)
def test_two_credentials_are_malformed(running: Callable[..., Here], name: str) -> None:
    """The guard sees every line of the header, whatever the framework makes of two."""
    here = running(name)
    good = here.pool.access_token()
    answer = here.get("/me", good, f"Authorization: Bearer {good}".encode())
    assert (answer.status, json.loads(answer.body)["reason"]) == (400, "request_malformed")


@pytest.mark.parametrize("name", HTTP)
def test_an_outage_is_503(running: Callable[..., Here], name: str) -> None:
    """Without keys a token is neither good nor bad; an open path is answered."""
    here = running(name, dark=True)
    answer = here.get("/me", here.pool.access_token())
    assert (answer.status, json.loads(answer.body)["reason"]) == (503, "keys_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert "www-authenticate" not in answer.headers
    assert here.get("/health").status == 200


HANDLERS = {
    "quart_app.py": "@app.errorhandler(errors.AuthError)",
    "falcon_app.py": "falcon_app.add_error_handler(errors.AuthError, let_out)",
    "falcon_asgi_app.py": "falcon_app.add_error_handler(errors.AuthError, let_out)",
    "sanic_asgi_app.py": "@sanic_app.exception(errors.AuthError)",
}


@pytest.mark.parametrize("name", HANDLERS)
def test_the_line_that_names_the_handler_is_needed(name: str, tmp_path: Path) -> None:
    """Without it a policy that fails in a handler is a 500; what the guard refuses, it refuses."""
    pool = FakeUserPool()
    with pool.serve(), pages.serving(PAGE, name, pool, tmp_path, without=HANDLERS[name]) as server:
        here = Here(pool, server)
        assert here.get("/orders", pool.access_token()).status == 500
        assert here.get("/me").status == 401


def test_sanics_own_server_opens_nothing_that_the_middleware_guards(tmp_path: Path) -> None:
    """Without the middleware, the application of the ASGI example serves no request."""
    pool, words = FakeUserPool(), ["sanic", "sanic_asgi_app:sanic_app", "--single-process"]
    with pool.serve(), pages.serving(PAGE, "sanic_asgi_app.py", pool, tmp_path, words=words) as server:
        for path in ("/health", "/me", "/orders", "/nothing"):
            assert Here(pool, server).get(path, pool.access_token()).status == 500


# --- CORS

PREFLIGHT = (f"Origin: {ORIGIN}".encode(), b"Access-Control-Request-Method: GET")
PREFLIGHT += (b"Access-Control-Request-Headers: authorization",)


@pytest.mark.parametrize("name", ["quart_cors_app.py", "falcon_guard_app.py"])
def test_browsers_of_another_origin_may_ask_and_read_refusals(
    running: Callable[..., Here], name: str
) -> None:
    """A preflight passes, and a refusal carries the headers without which a browser shows it to no script."""
    here = running(name)
    preflight = here.get("/me", None, *PREFLIGHT, method="OPTIONS")
    assert preflight.status == 200
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    refused = here.get("/me", None, PREFLIGHT[0])
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, ORIGIN)
    assert here.get("/me", here.pool.access_token(), PREFLIGHT[0]).status == 200


@pytest.mark.parametrize("name", [name for name in HTTP if name != "falcon_guard_app.py"])
def test_a_preflight_is_refused_where_nothing_answers_it_in_front(
    running: Callable[..., Here], name: str
) -> None:
    """As every request without a token."""
    assert running(name).get("/me", None, *PREFLIGHT, method="OPTIONS").status == 401


# --- WebSockets


@contextmanager
def socket(here: Here, token: str | None, **options: Any) -> Iterator[ClientConnection]:
    """An open WebSocket; an InvalidStatus where the handshake was refused."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    limits = {"open_timeout": ANSWER_SECONDS, "close_timeout": ANSWER_SECONDS, "proxy": None}
    url = f"ws://127.0.0.1:{here.server.port}/feed"
    with connect(url, additional_headers=headers, **limits, **options) as opened:
        yield opened


def refused(here: Here, token: str | None) -> tuple[int, Any]:
    """Status and reason of a handshake that must not succeed."""
    with pytest.raises(InvalidStatus) as raised, socket(here, token):
        raise AssertionError("it opened")
    response = raised.value.response
    return response.status_code, json.loads(response.body or b"{}").get("reason")


@pytest.mark.parametrize("name", SOCKETS)
def test_a_websocket_needs_a_token(running: Callable[..., Here], name: str) -> None:
    """A refused handshake has the status and body of a request; a good one opens and goes on."""
    here = running(name)
    assert refused(here, None) == (401, "credentials_missing")
    assert refused(here, here.pool.access_token(signed_by="foreign")) == (401, "signature_invalid")
    with socket(here, here.pool.access_token(subject="alice", scopes=["orders/read"])) as opened:
        assert "alice" in opened.recv(ANSWER_SECONDS)
        opened.send("hello")
        assert opened.recv(ANSWER_SECONDS) == "hello"


@pytest.mark.parametrize("name", ["quart_app.py", "falcon_asgi_app.py"])
def test_a_websockets_policy_answers_the_handshake(running: Callable[..., Here], name: str) -> None:
    """`require` before the socket is accepted."""
    here = running(name)
    assert refused(here, here.pool.access_token()) == (403, "policy_denied")


@pytest.mark.parametrize("name", SOCKETS)
def test_a_websocket_ends_with_its_token(running: Callable[..., Here], name: str) -> None:
    """With 1008, and not before."""
    here = running(name)
    with socket(here, here.pool.access_token(expires_in=2, scopes=["orders/read"])) as opened:
        opened.recv(ANSWER_SECONDS)
        assert closed_with(opened) == 1008


@pytest.mark.parametrize("name", [name for name in SOCKETS if name != "sanic_app.py"])
def test_a_websockets_token_may_be_a_subprotocol(running: Callable[..., Here], name: str) -> None:
    """As browsers can send it."""
    here = running(name)
    token = here.pool.access_token(scopes=["orders/read"])
    with socket(here, None, subprotocols=["bearer", token]) as opened:
        assert opened.subprotocol == "bearer"
        assert opened.recv(ANSWER_SECONDS)


def test_sanics_own_socket_is_closed_where_its_policy_fails(running: Callable[..., Here]) -> None:
    """It is accepted before the handler runs."""
    here = running("sanic_app.py")
    with socket(here, here.pool.access_token()) as opened:
        assert closed_with(opened) == 1008


def closed_with(opened: ClientConnection) -> int | None:
    """The code with which the server closes the socket, which says nothing before."""
    with pytest.raises(ConnectionClosed) as raised:
        opened.recv(ANSWER_SECONDS)
    return raised.value.rcvd and raised.value.rcvd.code


# --- Logs


@pytest.mark.parametrize("name", HTTP)
def test_no_log_holds_a_token(running: Callable[..., Here], name: str) -> None:
    """Whatever the framework logs of a refusal, of an error in a handler and of an outage."""
    here, dark = running(name), running(name, dark=True)
    tokens = [here.pool.access_token(), here.pool.access_token(signed_by="foreign"), dark.pool.access_token()]
    for path in ("/me", "/orders", "/tenants/acme"):
        for token in tokens[:2]:
            here.get(path, token)
    dark.get("/me", tokens[2])
    logs = here.server.log + dark.server.log
    assert logs
    assert [part for token in tokens for part in token.split(".")[1:] if part[:24] in logs] == []


# --- Dash

ASKED = {
    "output": "report.children",
    "outputs": {"id": "report", "property": "children"},
    "inputs": [{"id": "month", "property": "value", "value": "May"}],
    "changedPropIds": ["month.value"],
}
HTML = "Accept: text/html,*/*;q=0.8"
OWN = f"Origin: {ORIGIN}"
FOREIGN = "Origin: https://evil.example"


class Request(NamedTuple):
    """What a browser or Dash's script sends, whose cookie it is, and the expected response."""

    path: str
    token: str | None
    status: int
    holds: str = ""
    headers: tuple[str, ...] = ()


DASH = {
    "a probe, before anybody": Request("/health", None, 200, "ok"),
    "the page": Request("/", "good", 200, "<title>Dash</title>", (HTML,)),
    "the page without a token": Request("/", None, 302, "/sign-in", (HTML,)),
    "the page with an expired one": Request("/", "expired", 302, "/sign-in", (HTML,)),
    "the page with a forged one": Request("/", "forged", 401, "signature_invalid", (HTML,)),
    "the layout": Request("/_dash-layout", "good", 200, "Hello alice"),
    "the layout without a token": Request("/_dash-layout", None, 401, "credentials_missing"),
    "the list of callbacks without a token": Request("/_dash-dependencies", None, 401, "credentials_missing"),
    "a script without a token": Request(
        "/_dash-component-suites/dash/x.js", None, 401, "credentials_missing"
    ),
}
CALLBACKS = {
    "a callback": Request("", "scoped", 200, "May of alice", (OWN,)),
    "without the scope": Request("", "good", 403, "policy_denied", (OWN,)),
    "without a token": Request("", None, 401, "credentials_missing", (OWN,)),
    "from another site": Request("", "scoped", 403, "origin_denied", (FOREIGN,)),
    "from nowhere": Request("", "scoped", 403, "origin_denied"),
}


def test_dash_is_guarded_as_a_whole(running: Callable[..., Here]) -> None:
    """Page, layout and scripts need the cookie; a browser without one is sent to sign in."""
    here = running("dash_app.py")
    tokens = dash_tokens(here.pool)
    wrong = {}
    for title, row in DASH.items():
        cookie = [] if row.token is None else [f"Cookie: __Host-access_token={tokens[row.token]}"]
        answer = here.get(row.path, None, *(line.encode() for line in (*cookie, *row.headers)))
        if answer.status != row.status or row.holds not in answer.body.decode():
            wrong[title] = answer
    assert wrong == {}


def test_dashs_callbacks_know_who_asks(running: Callable[..., Here]) -> None:
    """They are POSTs: the cookie counts from the own origin alone. A policy that fails is 403."""
    here = running("dash_app.py")
    tokens = dash_tokens(here.pool)
    wrong = {}
    for title, row in CALLBACKS.items():
        headers = dict(line.split(": ", 1) for line in row.headers)
        if row.token is not None:
            headers["Cookie"] = f"__Host-access_token={tokens[row.token]}"
        url = f"{here.server.url}/_dash-update-component"
        answer = httpx.post(url, json=ASKED, headers=headers, timeout=ANSWER_SECONDS)
        if answer.status_code != row.status or row.holds not in answer.text:
            wrong[title] = (answer.status_code, answer.text)
    assert wrong == {}


def test_dash_in_an_outage(running: Callable[..., Here]) -> None:
    """503, for the page as for a callback."""
    here = running("dash_app.py", dark=True)
    answer = here.get(
        "/_dash-layout", None, f"Cookie: __Host-access_token={here.pool.access_token()}".encode()
    )
    assert (answer.status, json.loads(answer.body)["reason"]) == (503, "keys_unavailable")
    assert int(answer.headers["retry-after"]) >= 1


def dash_tokens(pool: FakeUserPool) -> dict[str, str]:
    """By name."""
    alice = {"subject": "alice", "username": "alice"}
    return {
        "good": pool.access_token(**alice),
        "scoped": pool.access_token(**alice, scopes=["orders/read"]),
        "expired": pool.access_token(expires_in=-60),
        "forged": pool.access_token(signed_by="foreign"),
    }
