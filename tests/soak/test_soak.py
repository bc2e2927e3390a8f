"""The soak's judge bites, and its chaos keeps to the rules that make every answer judgeable.

`make soak` runs it for ten minutes; these tests check its parts without load.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from cognito_mr_auth.testing import FakeUserPool
from soak.chaos import MODES, Chaos
from soak.load import Supply
from soak.measure import MIN_READINGS, Meter, Reading
from soak.truth import MAX_STALE, NEW_KEY_SECONDS, Answer, Judge, Shot

STEADY, NEW = "steady", "new"
WRONG = ("accepted wrongly", "refused wrongly", "undocumented")


def shot(kid: str = STEADY, *, life: float = 3600.0, **changes: Any) -> Shot:
    """A request with a valid token, unless given otherwise."""
    return Shot("a.b.c", kid, "alice", time.time() + life)._replace(**changes)


def answer(said: str = "alice", *, accepted: bool = True, ago: float = 0.0) -> Answer:
    """Its answer; `begun` counts from the test's own moment."""
    return Answer("worker 1", accepted, said, 0.01 - ago, 0.0)


def refusal(said: str = "key_unknown", *, ago: float = 0.0) -> Answer:
    """A refusal."""
    return answer(said, accepted=False, ago=ago)


def _nothing(_: Judge) -> None:
    """The steady key is at every endpoint from the beginning."""


def _new(judge: Judge) -> None:
    judge.published(NEW)


def _adopted(judge: Judge) -> None:
    judge.published(NEW)
    judge.hear("threads", shot(NEW), answer()._replace(begun=time.time()))


def _old_news(judge: Judge) -> None:
    judge.published(NEW)
    judge._published[NEW] -= NEW_KEY_SECONDS + 1.0


def _withdrawn(judge: Judge) -> None:
    judge.published(NEW)
    judge.withdrawn(NEW)


def _long_withdrawn(judge: Judge) -> None:
    _withdrawn(judge)
    judge._withdrawn[NEW] -= MAX_STALE + 1.0


FORGED = shot()._replace(expires_at=0.0)
# What happened before, the token, the answer, and the verdict.
VERDICTS: dict[str, tuple[Callable[[Judge], None], Shot, Answer, str]] = {
    "a valid token accepted": (_nothing, shot(), answer(), "accepted"),
    "another subject than the token's": (_nothing, shot(), answer("eve"), "accepted wrongly"),
    "a forged token refused": (_nothing, FORGED, refusal("signature_invalid"), "refused"),
    "a forged token accepted": (_nothing, FORGED, answer(), "accepted wrongly"),
    "an expired token refused": (_nothing, shot(life=-2), refusal("token_expired"), "refused, expired"),
    "an expired token accepted": (_nothing, shot(life=-2), answer(), "accepted wrongly"),
    "a valid token refused as forged": (_nothing, shot(), refusal("signature_invalid"), "refused wrongly"),
    "the steady key refused": (_nothing, shot(), refusal(), "refused wrongly"),
    "an outage's answer for the steady key": (_nothing, shot(), refusal("503"), "refused wrongly"),
    "a new key, on its way": (_new, shot(NEW), refusal(), "refused, its key on the way"),
    "a new key that nobody confirms": (
        _new, shot(NEW), refusal("key_unconfirmed"), "refused, its key on the way"
    ),
    "a new key, refused as forged": (_new, shot(NEW), refusal("signature_invalid"), "refused wrongly"),
    "a new key that was accepted before": (_adopted, shot(NEW), refusal(), "refused wrongly"),
    "one that was on its way": (_adopted, shot(NEW), refusal(ago=2.0), "refused, its key on the way"),
    "a key that never comes around": (_old_news, shot(NEW), refusal(), "refused wrongly"),
    "a key withdrawn a moment ago": (_withdrawn, shot(NEW), answer(), "accepted"),
    "a withdrawn key refused": (_withdrawn, shot(NEW), refusal(), "refused, its key withdrawn"),
    "a key withdrawn long ago": (_long_withdrawn, shot(NEW), answer(), "accepted wrongly"),
    "an exception of another kind": (_nothing, FORGED, refusal("!KeyError: 1"), "undocumented"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "sent", "came", "verdict"), VERDICTS.values(), ids=VERDICTS)
def test_the_judge(before: Callable[[Judge], None], sent: Shot, came: Answer, verdict: str) -> None:
    """Each answer is judged by what was known when its request began."""
    judge = Judge(STEADY)
    before(judge)
    judge.counts.clear()
    judge.hear("threads", sent, came._replace(begun=time.time() + came.begun))
    wrong = {verdict: 1} if verdict in WRONG else {}
    assert judge.counts == {f"threads: {verdict}": 1, **wrong}
    assert len(judge.wrong) == len(wrong)


def test_the_supply_is_what_it_says() -> None:
    """Every valid token verifies to its subject, and no forged one verifies."""
    pool = FakeUserPool()
    supply = Supply(pool, pool.access_key)
    with pool.offline_verifier() as verifier:
        judge = Judge(pool.access_key.kid)
        for each in (*supply._valid, *supply._forged):
            try:
                accepted, said = True, verifier.verify(each.token).subject
            except Exception as error:  # noqa: BLE001 - the judge says which
                accepted, said = False, getattr(error, "reason", f"!{error}")
            judge.hear("threads", each, Answer("here", accepted, said, time.time(), 0.0))
    assert judge.counts == {"threads: accepted": len(supply._valid), "threads: refused": len(supply._forged)}
    assert len(supply._forged) >= 7


class _Silent:
    """Workers that get no request."""

    pids: tuple[int, ...] = ()


@pytest.mark.parametrize("seed", range(3))
def test_one_endpoint_goes_on_answering(seed: int) -> None:
    """From one episode to the next one endpoint is well in both, except in whole outages."""
    pool = FakeUserPool()
    endpoints = pool.serve()  # never started: the chaos only sets their faults
    silent: Any = _Silent()
    chaos = Chaos(pool, endpoints, silent, Judge(""), silent, silent, seed)
    all_endpoints = set(endpoints)
    for _ in range(200):
        before = chaos._failing
        chaos._fail(chaos._chosen(chaos._dice.randrange(4)))
        assert chaos._failing in (all_endpoints, chaos._failing & all_endpoints)
        if all_endpoints not in (before, chaos._failing):
            assert all_endpoints - before - chaos._failing
    assert set(MODES).isdisjoint({"private_key", "conflict"})


def test_a_drift_is_seen() -> None:
    """The second quarter of a process's life against its last, and nothing for one that lived briefly."""
    meter = Meter(list)
    meter.readings = {
        1: [Reading(50.0 + second, 1, 1) for second in range(4 * MIN_READINGS)],
        2: [Reading(50.0, 1, 1)] * 4 * MIN_READINGS,
        3: [Reading(second * 9.0, 1, 1) for second in range(MIN_READINGS - 1)],
    }
    assert meter.drift_mb(1) == 2 * MIN_READINGS
    assert [meter.drift_mb(pid) for pid in (2, 3, 4)] == [0.0, 0.0, 0.0]
    assert meter.most(1) == Reading(50.0 + 4 * MIN_READINGS - 1, 1, 1)
