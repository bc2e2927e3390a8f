"""`Verifier._recall`: a token that is known, and everything of which it says nothing (C2)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from cognito_mr_auth import Verifier
from cognito_mr_auth._base.digest import sha256
from cognito_mr_auth._runtime.outcomes import Tally
from cognito_mr_auth._runtime.recall import Recalling
from cognito_mr_auth._runtime.token_cache import TokenCache
from cognito_mr_auth.testing import FakeClock, FakeUserPool


def accepted(verifier: Verifier) -> int:
    """How many verifications were accepted."""
    return sum(count for outcome, count in verifier.counts().items() if outcome[2] == "accepted")


def test_a_known_token_is_one_more_verification(pool: FakeUserPool) -> None:
    """It gives the very principal that `verify` gave, and counts once."""
    verifier, token = pool.offline_verifier(), pool.access_token()
    principal = verifier.verify(token)
    assert verifier._recall(token.encode()) is principal
    assert accepted(verifier) == 2


def test_an_unknown_token_counts_nothing(pool: FakeUserPool) -> None:
    """Whatever it is, a good one included: `verify` will say, and count it."""
    verifier = pool.offline_verifier()
    verifier.verify(pool.access_token())
    before = verifier.counts()
    other, forged = pool.access_token(subject="other"), pool.access_token(signed_by="foreign")
    for text in ("", "x", "x" * 400, other, forged, "caf\xe9" * 100, "\ud800" * 400):
        assert verifier._recall(text.encode("utf-8", "surrogatepass")) is None
        assert verifier._recall(text.encode("latin-1", "replace")) is None
    assert verifier.counts() == before


@pytest.mark.parametrize(
    "hooks", [{"revoked": lambda _: False}, {"on_outcome": lambda _: None}], ids=["revoked", "on_outcome"]
)
def test_a_hook_is_asked_by_verify_alone(hooks: dict[str, Any], pool: FakeUserPool) -> None:
    """Where there is one, a known token is none by itself."""
    verifier, token = pool.offline_verifier(**hooks), pool.access_token()
    verifier.verify(token)
    assert verifier._recall(token.encode()) is None


MOVES: dict[str, Callable[[FakeClock], None]] = {
    "the token has expired": lambda clock: clock.advance(400),
    "the token has just expired": lambda clock: clock.advance(305),
    "the clock was set back": lambda clock: clock.jump_wall(-400),
}


@pytest.mark.parametrize("hits", range(3))
@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_it_is_timed(
    move: Callable[[FakeClock], None], hits: int, pool: FakeUserPool, clock: FakeClock
) -> None:
    """A refusal is left to `verify`, so that it leaves one record and is counted once (C2)."""
    verifier, token = pool.offline_verifier(), pool.access_token(expires_in=300)
    principal = verifier.verify(token)
    for _ in range(hits):
        assert verifier._recall(token.encode()) is principal
    before = verifier.counts()
    move(clock)
    assert verifier._recall(token.encode()) is None
    assert verifier.counts() == before


def test_its_key_must_still_be_the_one(pool: FakeUserPool) -> None:
    """Another key of the same name verifies it anew."""
    verifier, token = pool.offline_verifier(), pool.access_token()
    verifier.verify(token)
    cache = verifier._token_cache
    digest = cache.digest(token)
    assert digest is not None
    principal, key, *rest = cache.find(digest) or ()
    before: Any = (principal, SimpleNamespace(kid=key.kid), *rest)
    cache.keep(digest, before)
    assert verifier._recall(token.encode()) is None
    assert verifier.verify(token) == principal


class Asked(Recalling):
    """Counts how often it is asked what a hit is worth. The keys are unchanged until 500 and 50 seconds."""

    def __init__(self, end: float, *, current: bool = True) -> None:
        self.octets, self.now, self.asked, self._unhooked = b"x" * 400, (100.0, 10.0), 0, True
        self.key_set: Any = SimpleNamespace(snapshot=object())
        self._clock = lambda: self.now
        pool = FakeUserPool()
        self.principal = pool.offline_verifier().verify(pool.access_token())
        lasting = (self.key_set, self.key_set.snapshot, (500.0, 50.0)) if current else None
        source: Any = SimpleNamespace(safe_until=lambda _key: lasting)
        key: Any = None
        self._token_cache = TokenCache(8)
        tally = Tally(None, None)
        self._token_cache.keep(sha256(self.octets), (self.principal, key, source, (90.0, end), tally))

    def _hit(self, _cached: Any, _now: Any, _require: None) -> Any:
        self.asked += 1
        return self.principal


LATER: dict[str, tuple[float, tuple[float, float], bool]] = {
    "at once": (1000.0, (100.0, 10.0), False),
    "before the keys change": (1000.0, (499.9, 49.9), False),
    "the keys are as old on the wall clock": (1000.0, (500.0, 10.0), True),
    "the keys are as old on the monotonic clock": (1000.0, (100.0, 50.0), True),
    "the token ends first": (200.0, (199.9, 10.0), False),
    "the token has ended": (200.0, (200.0, 10.0), True),
    "before it is valid": (1000.0, (89.9, 10.0), True),
    "as soon as it is valid": (1000.0, (90.0, 10.0), False),
    "a broken wall clock": (1000.0, (float("nan"), 10.0), True),
    "a broken monotonic clock": (1000.0, (100.0, float("nan")), True),
}


@pytest.mark.parametrize(("end", "now", "anew"), LATER.values(), ids=LATER)
def test_an_answer_stands_as_long_as_nothing_changes(
    end: float, now: tuple[float, float], anew: bool
) -> None:
    """The verifier is asked once, and again when a time of the token or of its keys has come (C2, R7)."""
    verifier = Asked(end)
    assert verifier._recall(verifier.octets) is verifier.principal
    verifier.now = now
    assert verifier._recall(verifier.octets) is verifier.principal
    assert verifier.asked == 1 + anew


def test_an_answer_ends_with_its_key_set() -> None:
    """The verifier is asked again after each change of the keys, and each time if the key has gone (C2)."""
    verifier = Asked(1000.0)
    verifier._recall(verifier.octets)
    verifier.key_set.snapshot = object()
    verifier._recall(verifier.octets)
    gone = Asked(1000.0, current=False)
    for _ in range(2):
        gone._recall(gone.octets)
    assert (verifier.asked, gone.asked) == (2, 2)


def test_whoever_recalls_says_what_a_hit_is_worth() -> None:
    """There is no answer by default."""
    cached: Any = ()
    with pytest.raises(NotImplementedError):
        Recalling()._hit(cached, (0.0, 0.0), None)
