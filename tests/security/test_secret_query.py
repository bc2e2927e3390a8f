"""The query of a `jwks_urls` entry, which may hold a secret, goes out with the request and nowhere else."""

from __future__ import annotations

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cognito_mr_auth import UserPool, Verifier, errors, events
from cognito_mr_auth._jwks.model import Endpoint, KeyFileEntry, KeySetConfig, StoredResponse
from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

SECRET = "hunter2"
FAKE = FakeUserPool()


def lots_of_text(*values: object) -> str:
    """Every way in which a value becomes text."""
    return "\n".join(f"{value} {value!r}" for value in values)


@pytest.mark.outside
@pytest.mark.parametrize("fault", [None, 404, 500, "is-away"])
def test_a_query_is_shown_nowhere(fault: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Not by health, events, logs (httpx's own too), errors, key files and reprs, in an outage or without."""
    caplog.set_level(logging.DEBUG)
    seen: list[events.Event] = []
    shown: list[object] = [seen]
    with FAKE.serve() as serving:
        _spoil(serving, fault)
        urls = {
            url: f"{place}?key={SECRET}&of={n}" for n, (url, place) in enumerate(serving.jwks_urls.items())
        }
        pool = UserPool(
            FAKE.user_pool_id,
            client_ids=["1example23456789"],
            replica_regions=["us-east-1"],
            jwks_urls=urls,
            key_file=tmp_path / "keys.json",
        )
        with Verifier(pool, token_use="access", on_event=seen.append) as verifier:
            try:
                verifier.warm(timeout=2)
            except errors.KeysUnavailable as error:
                shown += [error, error.hint, vars(error)]
            shown += [pool, pool._key_set_config, verifier, verifier.health(), caplog.text]
            shown += [endpoint.url for endpoint in pool._key_set_config.endpoints]
    shown += [event.to_dict() for event in seen]
    if fault is None:
        shown.append((tmp_path / "keys.json").read_text("utf-8"))
    text = lots_of_text(*shown, json.dumps(verifier.health()))
    assert "/.well-known/jwks.json" in text
    assert SECRET not in text
    assert SECRET not in lots_of_text(*caplog.records)


def _spoil(serving: FakeEndpoints, fault: Any) -> None:
    for each in serving:
        if fault == "is-away":
            each.stop()
        elif fault is not None:
            each.fail(fault)


@pytest.mark.outside
def test_the_request_carries_it() -> None:
    """What is fetched is the URL as it was given, also where two differ by their query alone."""
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(500)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/jwks?key={SECRET}&of="
        urls = {issuer: f"{url}{n}" for n, issuer in enumerate(FAKE.user_pool().issuers)}
        pool = UserPool(FAKE.user_pool_id, client_ids=["a"], replica_regions=["us-east-1"], jwks_urls=urls)
        with Verifier(pool, token_use="access") as verifier, pytest.raises(errors.KeysUnavailable):
            verifier.warm()
        server.shutdown()
        thread.join()
    assert sorted(asked) == [f"/jwks?key={SECRET}&of={n}" for n in range(3)]


@pytest.mark.parametrize(
    "value",
    [
        Endpoint("https://a.example/", "original", None, loopback=False, query=SECRET),
        KeySetConfig(
            "us-west-2_EXAMPLE",
            (Endpoint("https://a.example/", "original", None, loopback=False, query=SECRET),),
            seed=SECRET.encode(),
        ),
        KeyFileEntry("https://a.example/", 0.0, SECRET.encode()),
        StoredResponse("https://a.example/", (0.0, 0.0), {}, SECRET.encode()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_repr_shows_it(value: object) -> None:
    """A value may end in a traceback with its locals."""
    assert SECRET not in lots_of_text(value, [value])
