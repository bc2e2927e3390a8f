"""Powertools, Chalice and Lambda@Edge under AWS's own runtime client, and Chalice's own local server.

What counts are the bytes that the client posts to the Runtime API, and what a real connection gets: API
Gateway, CloudFront and a browser see nothing else.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.drivers import Ask
from support.drivers.edge import event_of as edge_event
from support.drivers.powertools import event_of as http_event
from support.lambda_events import event as golden
from support.run import running
from support.runtime_api import RuntimeApi, function

from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

pytestmark = pytest.mark.outside

COMMON = """
import json, os
from cognito_mr_auth import Verifier, policy
verifier = Verifier.from_env()
NEEDED = policy.scopes("orders/read")
"""
POWERTOOLS = """
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from cognito_mr_auth.aws_lambda.powertools import CognitoAuth, principal_of
app = APIGatewayHttpResolver()
auth = CognitoAuth(verifier, app=app, protect_all=True)

@app.get("/orders", middlewares=[auth.require(NEEDED)])
def orders():
    return {"subject": principal_of(app).subject}

handler = app.resolve
"""
CHALICE = """
from chalice.app import Chalice
from cognito_mr_auth.aws_lambda.chalice import CognitoAuth, principal_of
app = Chalice(app_name="orders")
auth = CognitoAuth(verifier, app=app, protect_all=True)

@app.route("/orders")
@auth.require(NEEDED)
def orders():
    return {"subject": principal_of(app.current_request).subject}

handler = app
"""
EDGE = """
from cognito_mr_auth.aws_lambda.edge import CognitoAuth
handler = CognitoAuth(verifier, require=NEEDED, identity_header="X-Identity")
"""
# The wait for keys is 2 s at most (test_edge.py holds it to that), and an attempt goes on for 15 s; between
# them is room for a busy machine.
ANSWER_S = 10.0


class Kind(NamedTuple):
    """One framework: a function's source, and how an event carries a token."""

    source: str
    event: Any
    status: str


def _chalice_event(headers: Any) -> dict[str, Any]:
    event = golden("proxy-rest")
    for name in ("headers", "multiValueHeaders"):
        event[name].pop("Authorization")
    event["multiValueHeaders"] |= {name: [value] for name, value in headers}
    event["requestContext"] |= {"resourcePath": "/orders", "httpMethod": "GET"}
    return event | {"multiValueQueryStringParameters": None, "pathParameters": None, "body": None}


KINDS = {
    "powertools": Kind(POWERTOOLS, lambda headers: http_event(Ask(headers, path="/orders")), "statusCode"),
    "chalice": Kind(CHALICE, _chalice_event, "statusCode"),
    "edge": Kind(EDGE, lambda headers: edge_event(Ask(headers, path="/orders")), "status"),
}


@contextmanager
def deployed(kind: Kind, directory: Path) -> Iterator[tuple[RuntimeApi, FakeUserPool, FakeEndpoints, Any]]:
    """The function under AWS's client, and a pool of its own."""
    (directory / "own.py").write_text(COMMON + kind.source)
    pool = FakeUserPool()
    with pool.serve() as endpoints, RuntimeApi() as api:
        environment = {
            "COGNITO_USER_POOL_ID": pool.user_pool_id,
            "COGNITO_CLIENT_IDS": pool.client_id,
            "COGNITO_JWKS_URLS": json.dumps(endpoints.jwks_urls),
            "COGNITO_REPLICA_REGIONS": "us-east-1",
        }
        with function(api, "own.handler", directory, environment) as child:
            yield api, pool, endpoints, child


@pytest.mark.parametrize("name", KINDS)
def test_the_answers_of_a_deployed_function(name: str, tmp_path: Path) -> None:
    """A good token passes, also of the replica while the primary Region hangs; others are refused in time."""
    kind = KINDS[name]

    def headers(pool: FakeUserPool, **options: Any) -> Any:
        token = pool.access_token(**{"subject": "me", "scopes": ["orders/read"], **options})
        return (("Authorization", f"Bearer {token}"),)

    with deployed(kind, tmp_path) as (api, pool, endpoints, child):
        endpoints.original.fail("hang")

        def said(sent: Any) -> Any:
            began = time.monotonic()
            outcome = api.invoke(kind.event(sent))
            assert outcome.what == "response", outcome.body
            assert time.monotonic() - began < ANSWER_S
            return outcome.json

        good = said(headers(pool, issuer="replica"))
        if name == "edge":
            identity = good["headers"]["x-identity"][0]["value"]
            assert (good["uri"], identity) == ("/orders", f"{pool.user_pool_id}|me")
        else:
            assert (good["statusCode"], json.loads(good["body"])) == (200, {"subject": "me"})
        for sent, status in (
            ((), 401),
            (headers(pool, scopes=[]), 403),
            (headers(pool, signed_by="foreign"), 401),
            ((("Authorization", "Bearer"),), 400),
        ):
            assert str(said(sent)[kind.status]) == str(status)
        assert "eyJ" not in child.log


@pytest.mark.parametrize("name", KINDS)
def test_an_outage_is_503_in_time(name: str, tmp_path: Path) -> None:
    """Every endpoint hangs from the start: 503 with Retry-After, before the function would be ended."""
    kind = KINDS[name]
    with deployed(kind, tmp_path) as (api, pool, endpoints, _child):
        endpoints.fail("hang")
        headers = (("Authorization", f"Bearer {pool.access_token(scopes=['orders/read'])}"),)
        api.invoke(kind.event(()))  # the init is over
        began = time.monotonic()
        said = api.invoke(kind.event(headers)).json
        waited = time.monotonic() - began
    assert (str(said[kind.status]), waited < ANSWER_S) == ("503", True)
    assert "retry-after" in {each.lower() for each in said["headers"]}


# --- Chalice's local server


def test_chalices_local_server_asks_the_authorizer() -> None:
    """`chalice local` of the example: 401 for no token and a bad one, 403 without the scope, and the view."""
    with socket.socket() as holder:  # bound and never listened on, so that no other process gets the port
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        _ask_the_local_server(port)


def _ask_the_local_server(port: int) -> None:
    command = ["chalice", "--project-dir", "examples/chalice_app", "local", "--no-autoreload"]
    with running(["--scope", "orders/read", "--", *command, "--port", str(port)]) as runner:
        good, plain = runner.until("TOKEN="), runner.until("TOKEN_WITHOUT_SCOPES=")

        def get(path: str, token: str | None) -> tuple[int, Any]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            with closing(connection), suppress(ConnectionError):
                connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
                response = connection.getresponse()
                return response.status, json.loads(response.read())
            return 0, None

        until = time.monotonic() + 20
        while get("/ready", None)[0] != 200 and time.monotonic() < until:
            threading.Event().wait(0.05)
        assert get("/invoices", good) == (200, {"invoices": []})
        assert get("/invoices", None)[0] == 401
        assert get("/invoices", "x.y.z") == (401, {"message": "Unauthorized"})
        assert get("/invoices", plain)[0] == 403
        assert get("/orders", plain)[0] == 403
        assert get("/orders", good) == (200, {"orders": []})
        assert get("/nowhere", good)[0] == 403  # the gateway's own status for an unknown URL
        runner.process.terminate()
        runner.end()
