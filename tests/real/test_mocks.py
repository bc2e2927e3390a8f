"""Tools that replace time and HTTP in tests: our tokens follow them, and no fetch is late, hangs or escapes.

docs/testing.md shows how each is used; here stand the variants that users meet.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, cast
from unittest import mock

import httpx
import pytest
import respx
import time_machine
import trio
import vcr
from freezegun import freeze_time
from pytest_httpx import HTTPXMock
from support.resolvers import Resolver, reach

from cognito_mr_auth import Principal, UserPool, Verifier
from cognito_mr_auth._remote.cancel_scope import CancelScope
from cognito_mr_auth._remote.clocks import monotonic
from cognito_mr_auth._remote.fetch import JWKSFetcher
from cognito_mr_auth.aws_lambda import still_valid
from cognito_mr_auth.errors import KeysUnavailable, TokenExpired
from cognito_mr_auth.testing import FakeEndpoint, FakeUserPool

LATE = 2.0
"""Seconds by which every caller has heard: the default of `timeout=`."""

Freeze = Callable[[str], AbstractContextManager[Any]]


def patched(moment: str) -> AbstractContextManager[Any]:
    """What those do who need no package for it."""
    return mock.patch("time.time", return_value=datetime.fromisoformat(moment).timestamp())


FREEZES: dict[str, Freeze] = {
    "freezegun": freeze_time,
    "freezegun ticking": lambda moment: freeze_time(moment, tick=True),
    "freezegun with real asyncio": lambda moment: freeze_time(moment, real_asyncio=True),
    "freezegun that steps": lambda moment: freeze_time(moment, auto_tick_seconds=15),
    "time-machine": lambda moment: time_machine.travel(moment, tick=False),
    "time-machine ticking": lambda moment: time_machine.travel(moment, tick=True),
    "mock.patch": patched,
}
MOMENTS = ["1999-12-31T23:59:59+00:00", "2031-07-01T00:00:00+00:00"]

WAYS: dict[str, Callable[[Verifier, str], Principal]] = {
    "verify": lambda verifier, token: verifier.verify(token),
    "asyncio": lambda verifier, token: asyncio.run(verifier.averify(token)),
    "trio": lambda verifier, token: cast("Principal", trio.run(verifier.averify, token)),
}


@contextmanager
def answers_once_asked(silent: FakeEndpoint, *slow: FakeEndpoint) -> Iterator[None]:
    """Let the slow ones answer when the silent one has been asked, however long the machine stops between."""

    def answer() -> None:
        silent.asked()
        for endpoint in slow:
            endpoint.heal()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.mark.parametrize("moment", MOMENTS, ids=["past", "future"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("freeze", FREEZES)
def test_a_fetch_in_frozen_time(freeze: str, way: str, moment: str) -> None:
    """Keys are fetched, the next endpoint is asked after 200 ms, and the token is of the frozen time."""
    before = monotonic()
    with FREEZES[freeze](moment):
        fake = FakeUserPool()
        with fake.serve() as endpoints, fake.verifier() as verifier:
            endpoints.fail("slow")
            endpoints.updated.fail("hang")
            with answers_once_asked(endpoints.updated, endpoints.original, endpoints.replica):
                principal = WAYS[way](verifier, fake.access_token())
            frozen = time.time()
            assert endpoints.updated.requests
            assert verifier.health()["healthy"]
    assert 0 <= frozen - principal.issued_at < 3600
    assert abs(principal.issued_at - datetime.fromisoformat(moment).timestamp()) < 3600
    assert monotonic() - before < LATE


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("freeze", FREEZES)
def test_an_outage_in_frozen_time(freeze: str, way: str) -> None:
    """A caller's `timeout` is real time, so nobody waits for ever."""
    ways: dict[str, Callable[[Verifier, str], object]] = {
        "verify": lambda verifier, token: verifier.verify(token, timeout=0.3),
        "asyncio": lambda verifier, token: asyncio.run(verifier.averify(token, timeout=0.3)),
        "trio": lambda verifier, token: trio.run(lambda: verifier.averify(token, timeout=0.3)),
    }
    before = monotonic()
    with FREEZES[freeze](MOMENTS[1]):
        fake = FakeUserPool()
        with fake.serve() as endpoints, fake.verifier() as verifier:
            endpoints.fail("hang")
            with pytest.raises(KeysUnavailable):
                ways[way](verifier, fake.access_token())
    assert 0.3 <= monotonic() - before < 0.3 + 1.0


@pytest.mark.parametrize("freeze", FREEZES)
def test_what_was_made_before_the_freeze_follows_it(freeze: str) -> None:
    """Pools, verifiers and keys are often a session's and a freeze is one test's, which leaves no trace."""
    fake = FakeUserPool()
    with fake.serve(), fake.verifier() as verifier:
        verifier.verify(fake.access_token())
        for moment in MOMENTS:
            with FREEZES[freeze](moment):
                principal = verifier.verify(fake.access_token())
                assert abs(principal.issued_at - datetime.fromisoformat(moment).timestamp()) < 3600
        now = verifier.verify(fake.access_token()).issued_at
        assert abs(now - time.time()) < 60


def test_time_that_a_test_lets_pass() -> None:
    """Tokens expire by it, and keys are fetched again."""
    fake = FakeUserPool()
    with freeze_time("2026-01-15 12:00:00") as frozen, fake.serve() as endpoints, fake.verifier() as verifier:
        token = fake.access_token(expires_in=300)
        verifier.warm()
        asked = endpoints.requests
        verifier.verify(token)
        assert endpoints.requests == asked
        frozen.tick(7200)
        with pytest.raises(TokenExpired):
            verifier.verify(token)
        verifier.verify(fake.access_token())
        assert endpoints.requests > asked
        frozen.move_to("2025-01-15 12:00:00")
        verifier.verify(fake.access_token())


def test_every_thread_sees_the_frozen_time() -> None:
    """Freezegun shows real time near the base of a thread, where a fetch's and a worker's readings lie."""
    fake = FakeUserPool()
    found: list[Any] = []
    with freeze_time("2031-07-01 12:00:00"), fake.serve(), fake.verifier() as verifier:
        for target, arguments in ((fake.access_token, ()), (verifier.verify, (fake.access_token(),))):
            work = threading.Thread(target=lambda t=target, a=arguments: found.append(t(*a)))
            work.start()
            work.join()
        direct = threading.Thread(target=verifier.warm)
        direct.start()
        direct.join()
        with ThreadPoolExecutor() as pool:
            found.append(pool.submit(verifier.verify, found[0]).result())
        assert {each.issued_at for each in found[1:]} == {time.time()}
        assert {round(each["age"]) for each in verifier.health()["providers"].values()} == {0}


@pytest.mark.parametrize("freeze", FREEZES)
def test_a_function_behind_an_authorizer_follows_it(freeze: str) -> None:
    """Lambda's `still_valid` compares `exp` with the time of day as well."""
    authorizer = {"jwt": {"claims": {"exp": "1000000000"}}}
    event = {"version": "2.0", "requestContext": {"authorizer": authorizer}}
    for moment, valid in zip(MOMENTS, (True, False), strict=True):
        with FREEZES[freeze](moment):
            assert still_valid(event) is valid


LOADED_IN_A_FREEZE = """
from freezegun import freeze_time

with freeze_time("2040-01-15 12:00:00"):
    from cognito_mr_auth.testing import FakeEndpoint, FakeUserPool

    fake = FakeUserPool(tls=True)
    with fake.serve() as endpoints, fake.verifier() as verifier:
        endpoints.updated.fail("hang")
        assert verifier.verify(fake.access_token()).issued_at == 2210241600
with fake.offline_verifier() as verifier:
    assert verifier.verify(fake.access_token()).issued_at < 2210241600
"""


def test_a_library_that_is_imported_in_the_freeze() -> None:
    """By the first test that needs it; the throw-away certificates it makes there are of the real time."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED_IN_A_FREEZE], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- HTTP

MOCKED = r"https://.+/\.well-known/jwks\.json"


class Mocked:
    """A pool whose endpoints are Cognito's own, and a verifier's result for one token."""

    def __init__(self) -> None:
        self.fake = FakeUserPool(replica_regions=[])

    def verifier(self) -> Verifier:
        pool = UserPool(self.fake.user_pool_id, client_ids=[self.fake.client_id])
        return Verifier(pool, token_use="access")

    def refused(self) -> KeysUnavailable:
        """The error where the mock serves no keys; each fetch thread has ended."""
        with self.verifier() as verifier:
            with pytest.raises(KeysUnavailable) as caught:
                verifier.verify(self.fake.access_token(), timeout=0.3)
            reach(lambda: verifier._threads.live == 0)
        return caught.value


@pytest.fixture
def mocked() -> Mocked:
    """A pool for this test."""
    return Mocked()


@pytest.fixture(autouse=True)
def stays_here() -> Iterator[None]:
    """A test fails that asks a name server, or connects beyond loopback."""
    _listen()
    _beyond.clear()
    yield
    assert _beyond == []


_beyond: list[object] = []


@cache
def _listen() -> None:
    """For good, because Python forgets no hook."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", "::1"):
            _beyond.append(arguments[0])
        if event == "socket.connect" and arguments[1][0] not in ("127.0.0.1", "::1"):
            _beyond.append(arguments[1])

    sys.addaudithook(hook)


ERRORS: dict[str, tuple[Any, str]] = {
    "connect": (httpx.ConnectError("mocked"), "connect: "),
    "timeout": (httpx.ReadTimeout("mocked"), "answer-timeout: "),
    "a class": (httpx.ConnectTimeout, "connect-timeout: "),
    "no network's": (ValueError("mocked"), "broken-transport"),
}


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_respx_answers(mocked: Mocked, using: str) -> None:
    """In both its ways; what is mocked goes by Cognito's own URL."""
    with respx.mock(using=using, assert_all_called=False) as router, mocked.verifier() as verifier:
        route = router.get(url__regex=MOCKED).mock(httpx.Response(200, json=mocked.fake.jwks()))
        assert verifier.verify(mocked.fake.access_token()).username == "alice"
        assert route.called


@pytest.mark.parametrize(("error", "reason"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("using", ["httpcore", "httpx"])
@pytest.mark.parametrize("by_function", [False, True], ids=["error", "function"])
def test_respx_raises(mocked: Mocked, using: str, error: Any, reason: str, by_function: bool) -> None:
    """Each error is an outage with its reason, and ends the thread: a function's is raised from itself."""

    def side_effect(_request: httpx.Request) -> httpx.Response:
        raise error("mocked") if isinstance(error, type) else error

    with respx.mock(using=using, assert_all_called=False) as router:
        router.get(url__regex=MOCKED).mock(side_effect=side_effect if by_function else error)
        assert reason in (mocked.refused().hint or "")


@pytest.mark.httpx_mock(can_send_already_matched_responses=True, assert_all_responses_were_requested=False)
def test_pytest_httpx_answers(mocked: Mocked, httpx_mock: HTTPXMock) -> None:
    """From fetch threads of a verifier that was made before or in the test."""
    httpx_mock.add_response(json=mocked.fake.jwks())
    with mocked.verifier() as verifier:
        assert asyncio.run(verifier.averify(mocked.fake.access_token())).username == "alice"
    assert all(request.url.host.endswith("amazonaws.com") for request in httpx_mock.get_requests())


@pytest.mark.httpx_mock(can_send_already_matched_responses=True)
def test_pytest_httpx_raises(mocked: Mocked, httpx_mock: HTTPXMock) -> None:
    """An outage, whose reason is the mocked one."""
    httpx_mock.add_exception(httpx.ReadTimeout("mocked"))
    assert "answer-timeout: " in (mocked.refused().hint or "")


@pytest.mark.httpx_mock(assert_all_requests_were_expected=False)
def test_pytest_httpx_does_not_expect_it(mocked: Mocked, httpx_mock: HTTPXMock) -> None:
    """A request that no mock expects is a time-out to httpx, and asks no network either."""
    assert "answer-timeout: " in (mocked.refused().hint or "")


def test_pytest_httpx_sees_the_proxy(httpx_mock: HTTPXMock) -> None:
    """A mock may be for what goes through a proxy."""
    httpx_mock.add_response(proxy_url="http://proxy.example:3128/", json={"keys": []})
    resolver = Resolver({})
    fetcher = JWKSFetcher(environment={"https": "http://proxy.example:3128"}, getaddrinfo=resolver)
    fetcher.prepare([])
    assert fetcher("https://cognito-idp.us-west-2.amazonaws.com/k", CancelScope(5.0)) == b'{"keys":[]}'
    assert resolver.asked == []


@pytest.mark.httpx_mock(should_mock=lambda request: request.url.host != "127.0.0.1")
def test_pytest_httpx_lets_loopback_pass(httpx_mock: HTTPXMock) -> None:
    """As its users choose: a served fake pool beside mocked requests."""
    fake = FakeUserPool()
    with fake.serve() as endpoints, fake.verifier() as verifier:
        verifier.verify(fake.access_token())
        assert endpoints.requests


def test_vcr_plays_what_it_has_and_no_more(tmp_path: Path) -> None:
    """A recorded answer serves again; what was not recorded is an outage, not a request."""
    fake = FakeUserPool()
    cassette = str(tmp_path / "keys.yaml")
    with fake.serve() as endpoints:
        pool = fake.user_pool()
        with vcr.use_cassette(cassette), Verifier(pool, token_use="access") as verifier:
            verifier.warm()
        asked = endpoints.requests
        assert asked == len(endpoints)
        for _ in range(2):
            with (
                vcr.use_cassette(cassette, record_mode="none"),
                Verifier(pool, token_use="access") as verifier,
            ):
                assert verifier.verify(fake.access_token()).username == "alice"
        assert endpoints.requests == asked
    mocked = Mocked()
    with vcr.use_cassette(cassette, record_mode="none"):
        assert "broken-transport" in (mocked.refused().hint or "")
