"""Endpoints are asked as the library asks them; dates, TLS and proxies are noted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from cognito_mr_auth import ANY_CLIENT, UserPool
from cognito_mr_auth._aws.model import DateSample
from cognito_mr_auth._aws.side_by_side import Deadline
from cognito_mr_auth.cli._doctor.endpoints import EndpointAnswer, Fetcher, ask_endpoints
from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def served() -> Iterator[FakeUserPool]:
    """A pool that serves https."""
    pool = FakeUserPool(tls=True)
    with pool.serve():
        yield pool


@pytest.fixture
def endpoints(served: FakeUserPool) -> FakeEndpoints:
    """Its endpoints, well."""
    assert served.endpoints is not None
    served.endpoints.heal()
    return served.endpoints


def ask(served: FakeUserPool, endpoints: FakeEndpoints) -> dict[str, EndpointAnswer]:
    """What each answers, by its kind."""
    fetcher = Fetcher(wall=lambda: NOW, environment={}, ssl_context=endpoints.ssl_context)
    fetcher.prepare(endpoints.jwks_urls.values())
    found = ask_endpoints(served.user_pool(), fetcher, Deadline(60))
    return {each.endpoint.kind: each for each in found}


@pytest.mark.outside
def test_a_document(served: FakeUserPool, endpoints: FakeEndpoints) -> None:
    """Its keys and the version of TLS."""
    found = ask(served, endpoints)["original"]
    assert found.document is not None
    assert set(found.document.keys) == {key.kid for key in served.keys}
    assert (found.tls, found.proxy, found.date, found.answered) == ("TLSv1.3", None, None, True)
    assert found.name == "original us-west-2"
    assert found.seconds > 0


DATES = [
    pytest.param({"Date": formatdate(NOW - 7, usegmt=True)}, NOW - 7, id="date"),
    pytest.param({"Date": formatdate(NOW, usegmt=True), "Age": "0"}, NOW, id="fresh-from-a-cache"),
    pytest.param({"Date": formatdate(NOW, usegmt=True), "Age": "30"}, None, id="old-from-a-cache"),
    pytest.param({"Date": "yesterday"}, None, id="nonsense"),
]


@pytest.mark.parametrize(("headers", "expected"), DATES)
@pytest.mark.outside
def test_a_date(
    served: FakeUserPool, endpoints: FakeEndpoints, headers: dict[str, str], expected: float | None
) -> None:
    """Every answer's counts, whatever its status, but not what a cache has kept."""
    endpoints.original.fail("custom", status=500, headers=headers)
    found = ask(served, endpoints)["original"]
    sample = expected and DateSample("the endpoint original us-west-2", expected, NOW, NOW)
    assert (found.date, found.reason, found.status, found.answered) == (sample, "status", 500, True)


@pytest.mark.outside
def test_failures(served: FakeUserPool, endpoints: FakeEndpoints) -> None:
    """The reasons are those of the library's events; one Region's failure is not another's."""
    endpoints.original.fail("refuse")
    endpoints.updated.fail(403)
    endpoints.replica.fail("private_key")
    found = ask(served, endpoints)
    assert (found["original"].reason, found["original"].answered) == ("connect", False)
    assert found["updated"].not_enabled
    assert found["replica"].document is not None
    assert found["replica"].document.compromised


@pytest.mark.outside
def test_an_untrusted_certificate(served: FakeUserPool, endpoints: FakeEndpoints) -> None:
    """TLS is checked as the library checks it."""
    fetcher = Fetcher(environment={})
    fetcher.prepare(endpoints.jwks_urls.values())
    found = ask_endpoints(served.user_pool(), fetcher, Deadline(60))
    assert {each.reason for each in found} == {"tls-certificate"}


class _Stuck(Fetcher):
    """A fetcher that hangs, or breaks."""

    def __init__(self, release: threading.Event, error: Exception | None = None) -> None:
        super().__init__(environment={"https": "http://user:secret@proxy.example:3128"})
        self._release = release
        self._error = error

    def __call__(self, url: str, scope: object) -> bytes:
        if self._error is not None:
            raise self._error
        self._release.wait(60)
        return b""


POOL = UserPool("us-west-2_EXAMPLE", client_ids=ANY_CLIENT)


def test_what_hangs_ends_with_the_deadline() -> None:
    """No caller waits for a call that cannot be interrupted."""
    release = threading.Event()
    try:
        found = ask_endpoints(POOL, _Stuck(release), Deadline(0.01))
        assert [each.reason for each in found] == ["answer-timeout"] * 2
    finally:
        release.set()


def test_a_fault_of_ours_is_its_endpoints() -> None:
    """It is named by its class, and the other endpoints are asked."""
    found = ask_endpoints(POOL, _Stuck(threading.Event(), RuntimeError("secret")), Deadline(60))
    assert [(each.reason, each.answered) for each in found] == [("RuntimeError", False)] * 2


PROXIES = {
    "http://user:secret@proxy.example:3128": "proxy.example:3128",
    "proxy.example": "proxy.example",
    "http://:0": "unnamed",
    "": None,
}


@pytest.mark.parametrize(("variable", "expected"), PROXIES.items(), ids=range(len(PROXIES)))
def test_a_proxy_without_its_login(variable: str, expected: str | None) -> None:
    """Host and port are shown, user and password never are."""
    from cognito_mr_auth.cli._doctor.endpoints import _proxy_of

    assert _proxy_of("https://example.com/", Fetcher(environment={"https": variable})) == expected
