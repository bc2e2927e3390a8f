"""Readings: the sums of several verifiers, in which nothing is counted twice or lost."""

from __future__ import annotations

import gc
import json
import sys
from typing import Any

import pytest
from support.forks import in_child

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth._exporters.readings import Readings
from cognito_mr_auth.errors import TokenMalformed
from cognito_mr_auth.testing import FakeClock, FakeUserPool

POOL_ID = FakeUserPool().user_pool_id
ORIGINAL = (POOL_ID, "original", "accepted")
MALFORMED = (None, None, "token_malformed")


def readings(*verifiers: Verifier) -> Readings:
    """Of these."""
    made = Readings()
    for each in verifiers:
        made.add(each)
    return made


def bad(verifier: Verifier) -> None:
    """One refusal."""
    with pytest.raises(TokenMalformed):
        verifier.verify("garbage")


def test_each_count_is_exported_once(pool: FakeUserPool) -> None:
    """Differences add up to the counts; a row that is at zero is there."""
    verifier = pool.offline_verifier()
    verifier.verify(pool.access_token())
    read = readings(verifier)
    read.add(verifier)
    assert read.new().outcomes == {ORIGINAL: 1, (POOL_ID, "replica", "accepted"): 0} | {
        (POOL_ID, "updated", "accepted"): 0
    }
    bad(verifier)
    again = read.new().outcomes
    assert (again[ORIGINAL], again[MALFORMED]) == (0, 1)  # type: ignore[index]


def test_totals_of_several_never_fall(pool: FakeUserPool) -> None:
    """Two verifiers of a pool count together; one that goes takes nothing with it."""
    one, other = pool.offline_verifier(), pool.offline_verifier()
    read = readings(one, other)
    for each in (one, other, other):
        each.verify(pool.access_token())
    assert read.total().outcomes[ORIGINAL] == 3  # type: ignore[index]
    del other, each
    gc.collect()
    one.verify(pool.access_token())
    assert read.total().outcomes[ORIGINAL] == 4  # type: ignore[index]
    assert read.total().outcomes[ORIGINAL] == 4  # type: ignore[index]


def test_hook_failures(pool: FakeUserPool) -> None:
    """Of all hooks and verifiers."""

    def broken(_outcome: object) -> None:
        raise ValueError

    one, other = pool.offline_verifier(on_outcome=broken), pool.offline_verifier(on_outcome=broken)
    read = readings(one, other)
    for each in (one, other, other):
        bad(each)
    assert (read.total().hook_failures, read.total().hook_failures) == (3, 3)


@pytest.mark.outside
@pytest.mark.skipif(sys.platform == "win32", reason="this system cannot fork")
def test_a_child_begins_at_zero(pool: FakeUserPool) -> None:
    """F: whatever was read in the parent, and however much the child counts."""
    verifier = pool.offline_verifier()
    read = readings(verifier)
    for _ in range(3):
        verifier.verify(pool.access_token())
    assert read.total().outcomes[ORIGINAL] == 3  # type: ignore[index]

    def child() -> list[int]:
        seen = [read.total().outcomes[ORIGINAL]]  # type: ignore[index]
        for _ in range(5):
            verifier.verify(pool.access_token())
        return [*seen, read.total().outcomes[ORIGINAL]]  # type: ignore[index]

    assert in_child(child) == "[0, 5]"
    assert read.total().outcomes[ORIGINAL] == 3  # type: ignore[index]


def test_only_verifiers_are_read() -> None:
    """What else could be counted?"""
    with pytest.raises(TypeError, match="give a Verifier, not object"):
        Readings().add(object())  # type: ignore[arg-type]


# --- How things stand


def test_before_the_first_answer() -> None:
    """There is no age; the pool has no usable key; of its endpoints nothing bad is known."""
    verifier = Verifier(UserPool("us-west-2_EXAMPLE", client_ids=["a"]))
    found = readings(verifier).gauges()
    assert (found.ages, found.usable, found.newest) == ({}, {"us-west-2_EXAMPLE": 0}, {})
    assert found.up == {
        ("us-west-2_EXAMPLE", "cognito-idp.us-west-2.amazonaws.com"): 1,
        ("us-west-2_EXAMPLE", "issuer-cognito-idp.us-west-2.amazonaws.com"): 1,
    }


@pytest.mark.outside
def test_while_a_region_is_away(pool: FakeUserPool, clock: FakeClock) -> None:
    """An endpoint is down after its second failure in a row, and up with its next answer."""
    with pool.serve() as endpoints, pool.verifier() as verifier:
        host = endpoints.original.url.split("/")[2]
        read = readings(verifier)

        def ask_again() -> dict[tuple[str, str], int]:
            clock.advance(1000)
            verifier.warm()
            return read.gauges().up

        assert ask_again()[POOL_ID, host] == 1
        assert len(read.gauges().up) == 3
        endpoints.original.fail("refuse")
        assert ask_again()[POOL_ID, host] == 1
        up = ask_again()
        assert (up.pop((POOL_ID, host)), set(up.values())) == (0, {1})
        endpoints.original.heal()
        assert ask_again()[POOL_ID, host] == 1
        clock.advance(500)
        assert 500 <= read.gauges().ages[POOL_ID] < 600


@pytest.mark.outside
def test_an_endpoint_that_never_answered_is_down_at_once(pool: FakeUserPool) -> None:
    """After its first failure: it has nothing to live on."""
    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.original.fail("refuse")
        verifier.warm()
        up = readings(verifier).gauges().up
        assert sorted(up.values()) == [0, 1, 1]


@pytest.mark.outside
def test_an_issuer_that_is_not_enabled_is_not_down(pool: FakeUserPool) -> None:
    """K5: it is left out, since it is no trouble."""
    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.updated.fail("403")
        verifier.warm()
        assert len(readings(verifier).gauges().up) == 2


@pytest.mark.outside
def test_keys_in_quarantine_are_not_usable(pool: FakeUserPool) -> None:
    """K3: nothing is accepted, whatever the age of the set; health says so too."""
    twins = json.dumps({"keys": [pool.impostor(key.kid).jwk() for key in pool.keys]}).encode()
    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.original.fail("custom", status=200, body=twins)
        verifier.warm()
        assert readings(verifier).gauges().usable == {POOL_ID: 0}
        report = verifier.health()["providers"][POOL_ID]
        assert (report["state"], report["ready"], report["healthy"]) == ("fresh", False, False)


@pytest.mark.outside
def test_a_hook_may_read_the_verifier_of_its_event(pool: FakeUserPool) -> None:
    """A reading in the middle of another one's event, on the same thread, waits for nobody."""
    made = Readings()
    found: list[int] = []

    def on_event(_event: object) -> None:
        with made._lock:
            found.append(len(made.total().outcomes) + len(made.gauges().up))

    with pool.serve() as endpoints, pool.verifier(on_event=on_event) as verifier:
        made.add(verifier)
        endpoints.original.fail("refuse")
        verifier.warm()
    assert found


def test_the_worst_of_two_verifiers_counts() -> None:
    """Of two keys of one pool the older; of a pool that has keys and one that has none, none."""
    clock = FakeClock(wall=1_790_000_000.0)
    pool = FakeUserPool(clock=clock)
    old = pool.offline_verifier()
    clock.advance(50)
    young, none = pool.offline_verifier(), Verifier(UserPool(POOL_ID, client_ids=["a"]))
    old.verify(pool.access_token())
    found = readings(old, young, none).gauges()
    assert found.usable == {POOL_ID: 0}
    assert found.ages[POOL_ID] == max(each.health()["providers"][POOL_ID]["age"] for each in (old, young))
    assert found.newest == {(POOL_ID, "original"): old.newest_iat()[POOL_ID, "original"]}


URLS: dict[str, tuple[str, str]] = {
    "a port": ("https://keys.example:8443/a/jwks.json", "keys.example:8443"),
    "no path": ("https://keys.example/", "keys.example"),
    "a query": ("https://keys.example/a?secret=1", "keys.example"),
    "IPv6": ("http://[::1]:8080/a", "[::1]:8080"),
}


@pytest.mark.parametrize("row", URLS)
def test_an_endpoint_is_its_host(row: str) -> None:
    """Never a path or a query, which may be anything."""
    url, host = URLS[row]
    pool: Any = UserPool("us-west-2_EXAMPLE", client_ids=["a"], jwks_urls=url)
    assert readings(Verifier(pool)).gauges().up == {("us-west-2_EXAMPLE", host): 1}


def test_two_endpoints_of_a_host_are_one() -> None:
    """The worse of them counts."""
    ours = (
        "https://cognito-idp.us-west-2.amazonaws.com",
        "https://issuer-cognito-idp.us-west-2.amazonaws.com",
    )
    urls = {f"{issuer}/us-west-2_EXAMPLE": f"https://keys.example/{n}" for n, issuer in enumerate(ours)}
    verifier = Verifier(UserPool("us-west-2_EXAMPLE", client_ids=["a"], jwks_urls=urls))
    assert readings(verifier).gauges().up == {("us-west-2_EXAMPLE", "keys.example"): 1}
