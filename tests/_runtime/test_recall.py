"""`Verifier._recall`: a token that is known, and everything of which it says nothing (C2)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from cognito_mr_auth import Verifier
from cognito_mr_auth._runtime.recall import Recalling
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
    "the clock was set back": lambda clock: clock.jump_wall(-400),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_it_is_timed(move: Callable[[FakeClock], None], pool: FakeUserPool, clock: FakeClock) -> None:
    """A refusal is left to `verify`, so that it leaves one record and is counted once."""
    verifier, token = pool.offline_verifier(), pool.access_token(expires_in=300)
    verifier.verify(token)
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


def test_whoever_recalls_says_what_a_hit_is_worth() -> None:
    """There is no answer by default."""
    with pytest.raises(NotImplementedError):
        Recalling()._hit((), (0.0, 0.0), None)
