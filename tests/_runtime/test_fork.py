"""A forked child: it drops what is its parent's, and verifies at once."""

from __future__ import annotations

import gc
import os

import pytest
from support.fetches import landed
from support.forks import in_child

from cognito_mr_auth import Verifier
from cognito_mr_auth._runtime import fork
from cognito_mr_auth.testing import FakeClock, FakeUserPool

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


class Tracked:
    """Counts how often it was reset."""

    def __init__(self) -> None:
        self.resets = 0

    def _reset_after_fork(self) -> None:
        self.resets += 1


@pytest.mark.outside
def test_a_child_is_reset_once() -> None:
    """Each tracked object is reset once in the child, twice in a grandchild, never in the parent."""
    one, other = Tracked(), Tracked()
    for each in (one, other, one):
        fork.track(each)
    assert in_child(lambda: (one.resets, other.resets)) == "(1, 1)"
    assert in_child(lambda: in_child(lambda: one.resets)) == "2"
    assert (one.resets, other.resets) == (0, 0)


def test_tracking_keeps_nothing_alive() -> None:
    """An object that is gone is neither reset nor kept."""
    gone = Tracked()
    fork.track(gone)
    before = len(fork._tracked)
    del gone
    gc.collect()
    assert len(fork._tracked) < before


@pytest.fixture
def pool() -> FakeUserPool:
    """A pool with one endpoint of each kind."""
    return FakeUserPool()


@pytest.mark.outside
def test_no_lock_of_the_parent_stops_a_child(pool: FakeUserPool) -> None:
    """Whatever another thread of the parent held while it forked, the child verifies and fetches."""
    token = pool.access_token(username="bob")
    with pool.serve(), pool.verifier() as verifier:
        verifier.verify(token)
        [key_set] = verifier._key_sets.values()
        with verifier._token_cache._lock, key_set._coordinator.lock, verifier._threads._lock:
            # A known key needs no lock: only a fetch takes those of the key set and the fetch threads.
            said = in_child(lambda: (verifier.verify(token).username, verifier.warm()))
        assert said == "('bob', None)"
        assert verifier.verify(token).username == "bob"


@pytest.mark.outside
def test_a_child_fetches_for_itself(pool: FakeUserPool) -> None:
    """The child begins a refresh of its own, because the one under way is the parent's."""
    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.fail("slow", times=1)
        with pytest.raises(Exception, match="unavailable"):
            verifier.verify(pool.access_token(), timeout=0.0)
        assert verifier._fetcher._scopes
        said = in_child(lambda: (verifier.verify(pool.access_token()).username, verifier.health()["healthy"]))
        assert said == "('alice', True)"


@pytest.mark.outside
def test_a_child_is_ready_with_its_parents_keys_and_fetches_its_own(clock: FakeClock) -> None:
    """B3: what was fetched before the fork counts in the child, whose probe renews it, too."""
    pool = FakeUserPool(clock=clock)

    def probed() -> tuple[bool, bool, str]:
        first = verifier.ready()
        landed()
        return first, verifier.ready(), verifier.health()["providers"][pool.user_pool_id]["state"]

    with pool.serve() as endpoints, pool.verifier() as verifier:
        assert in_child(probed) == "(False, True, 'fresh')"
        verifier.warm()
        clock.advance(7200)
        before = endpoints.requests
        assert in_child(probed) == "(True, True, 'fresh')"
        assert endpoints.requests == before + 3


@pytest.mark.outside
def test_the_parent_goes_on_after_a_child_has_closed(pool: FakeUserPool) -> None:
    """The child shuts down no connection of the parent's: the fetch that was under way succeeds."""
    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.fail("slow")
        with pytest.raises(Exception, match="unavailable"):
            verifier.verify(pool.access_token(), timeout=0.0)
        assert endpoints.updated.asked() or endpoints.original.asked()
        assert in_child(verifier.close) == "None"
        endpoints.heal()
        assert verifier.verify(pool.access_token()).username == "alice"


@pytest.mark.outside
def test_a_cache_of_the_childs_own(pool: FakeUserPool) -> None:
    """The child begins with an empty cache and a new lock; the parent keeps what it has."""
    verifier: Verifier | None = pool.offline_verifier()
    assert verifier is not None
    verifier.verify(pool.access_token())
    assert in_child(lambda: len(verifier._token_cache)) == "0"
    assert len(verifier._token_cache) == 1
