"""The events for a person on call: an endpoint down or back, keys stale, missing, good again (B1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.rig import DOWN, Rig

from cognito_mr_auth._jwks.reachability import Reachability, all_fail
from cognito_mr_auth._jwks.schedule import EndpointState
from cognito_mr_auth.events import Event
from cognito_mr_auth.testing import FakeUserPool

FAKE = FakeUserPool()
UP, OFF = EndpointState(), EndpointState(disabled=True)
THREE = {"a": UP, "b": UP, "c": UP}
HOURS = 7200.0


def seen(steps: list[tuple[Any, ...]], states: dict[str, EndpointState] = THREE) -> list[str]:
    """The news of these steps: (when, what, where), as "down a 1000": since when, or for how long."""
    subject, events = Reachability("p", HOURS), list[Event]()
    for at, what, url in steps:
        now = (1000.0 + at, 50.0 + at)
        if what == "fails":
            subject.failed(url, "connect", states, now, events)
        elif what == "answers":
            subject.answered(url, now, events)
        else:
            subject.disabled(url)
    found = [each.to_dict() for each in events]
    return [
        f"{each['event'][8:].lower()} {each['url']} {each.get('since', each.get('seconds')):g}"
        for each in found
    ]


ANSWER = [(0, "answers", "a"), (0, "answers", "b"), (0, "answers", "c")]


@pytest.mark.parametrize(
    ("steps", "news"),
    [
        pytest.param([*ANSWER, (1, "fails", "a")], [], id="one-failure"),
        pytest.param([*ANSWER, (1, "fails", "a"), (9, "fails", "a")], ["down a 1001"], id="two-in-a-row"),
        pytest.param(
            [*ANSWER, (1, "fails", "a"), (9, "fails", "a"), (20, "fails", "a"), (99, "answers", "a")],
            ["down a 1001", "up a 98"],
            id="and-back",
        ),
        pytest.param(
            [*ANSWER, (1, "fails", "a"), (2, "answers", "a"), (3, "fails", "a")], [], id="not-in-a-row"
        ),
        pytest.param([*ANSWER, (1, "fails", "a"), (9, "fails", "b")], [], id="one-each"),
        pytest.param([(1, "fails", "a")], ["down a 1001"], id="during-the-start"),
        pytest.param([(1, "fails", "a"), (2, "answers", "a")], ["down a 1001", "up a 1"], id="a-slow-start"),
        pytest.param([(1, "disabled", "a"), (2, "disabled", "a")], [], id="not-enabled"),
        pytest.param(
            [(1, "fails", "a"), (2, "disabled", "a"), (3, "answers", "a")],
            ["down a 1001"],
            id="not-enabled-now",
        ),
        pytest.param(
            [*ANSWER, (1, "fails", "a"), (HOURS + 1, "fails", "a"), (HOURS + 2, "fails", "a")],
            ["down a 8201"],
            id="nobody-asked-in-between",
        ),
        pytest.param(
            [
                *ANSWER,
                *[(1, "fails", "a"), (2, "fails", "a"), (3, "fails", "b"), (4, "fails", "b")],
                (5, "fails", "c"),
            ],
            ["down a 1001", "down b 1003", "down c 1005"],
            id="the-last-one-up",
        ),
    ],
)
def test_down_and_up(steps: list[tuple[Any, ...]], news: list[str]) -> None:
    """Down with the second failure in a row; or at once, if no other response came, or no other is up."""
    assert seen(steps) == news


@pytest.mark.parametrize(
    ("states", "news"),
    [
        pytest.param({"a": UP}, [], id="alone"),
        pytest.param({"a": UP, "b": OFF}, [], id="alone-but-for-a-disabled-one"),
    ],
)
def test_the_only_endpoint_fails_twice(states: dict[str, EndpointState], news: list[str]) -> None:
    """Of a pool in one Region a single failure says no more than of any other."""
    steps = [(0, "answers", "a"), (1, "fails", "a")]
    assert seen(steps, states) == news
    assert seen([*steps, (3, "fails", "a")], states) == ["down a 1001"]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([UP], False),
        ([OFF, UP], False),
        ([OFF, OFF], True),
        ([EndpointState(failures=1), OFF], True),
        ([], True),
    ],
)
def test_all_fail(states: list[EndpointState], expected: bool) -> None:
    """An issuer that is not enabled is no help."""
    assert all_fail(states) is expected


# --- Keys


def news(rig: Rig) -> list[str]:
    """The events about keys that concern a person on call, without the others; the list is emptied."""
    found = [type(each).__name__ for each in rig.events if type(each).__name__ in WORDS]
    rig.events.clear()
    return found


WORDS = {"KeysStale", "KeysUnusable", "KeysUsable"}
ALL = ("updated", "original", "replica")


def ask(rig: Rig, *, dead: bool, wait: float = 0.0) -> object:
    """One caller; every attempt ends at once, or after so many seconds."""
    caller = rig.call(rig.kid)
    while rig.threads.out:
        rig.later(wait)
        for kind in rig.out():
            rig.land(kind, DOWN if dead else None)
        caller.step()
    return caller.outcome


@pytest.fixture
def rig() -> Rig:
    """A pool that has its keys."""
    filled = Rig(fake=FAKE)
    filled.fill()
    return filled


@pytest.mark.parametrize("hours", [0.5, 2.0, 10.0, 30.0])
def test_an_idle_process_is_no_news(hours: float, rig: Rig) -> None:
    """It wakes with aged, stale or expired keys, which the first caller renews."""
    rig.later(hours * 3600.0)
    ask(rig, dead=False)
    assert news(rig) == []


def test_stale_keys_are_news_when_their_renewal_fails(rig: Rig) -> None:
    """Once, with their age and the time left; and once more when there are no keys, and when all is well."""
    rig.later(2 * 3600.0)
    ask(rig, dead=True)
    [stale] = [each for each in rig.events if type(each).__name__ == "KeysStale"]
    assert (round(stale.age), round(stale.usable_for)) == (7200, 79200)
    assert news(rig) == ["KeysStale"]
    rig.later(3600.0)
    ask(rig, dead=True)
    assert news(rig) == []
    rig.later(86400.0)
    ask(rig, dead=True)
    [gone] = [each for each in rig.events if type(each).__name__ == "KeysUnusable"]
    assert "original issuer in us-west-2: connect" in gone.reason
    assert news(rig) == ["KeysUnusable"]
    rig.later(90.0)
    ask(rig, dead=False)
    [good] = [each for each in rig.events if type(each).__name__ == "KeysUsable"]
    assert good.seconds >= 90.0
    assert news(rig) == ["KeysUsable"]


def test_a_start_without_an_answer_is_news_when_all_have_failed() -> None:
    """Before that, another endpoint may answer."""
    rig = Rig(fake=FAKE)
    caller = rig.warm()
    rig.land("original", DOWN)
    rig.land("updated", DOWN)
    assert news(rig) == []
    rig.land("replica", DOWN)
    assert news(rig) == ["KeysUnusable"]
    caller.step()
    assert news(rig) == []


def test_a_caller_who_is_refused_in_silence_is_news() -> None:
    """Nothing has failed yet, but a caller got a 503 and no endpoint has answered for a second."""
    rig = Rig(fake=FAKE)
    caller = rig.call(rig.kid)
    rig.later(2.0)
    caller.step()
    assert not caller.waiting
    assert news(rig) == ["KeysUnusable"]


def test_a_caller_who_would_not_wait_is_none() -> None:
    """A healthy process whose first caller gives it no time logs nothing (B1)."""
    rig = Rig(fake=FAKE)
    caller = rig.call(rig.kid, timeout=0.0)
    assert not caller.waiting
    assert news(rig) == []


@pytest.mark.parametrize("hours", [2.0, 30.0], ids=["stale", "expired"])
def test_an_offline_pool_whose_keys_grow_old_is_news(hours: float, tmp_path: Path) -> None:
    """Nothing refreshes them, so a person must act."""
    filled = Rig(fake=FAKE)
    filled.fill()
    entries = filled.key_set.entries()
    rig = Rig(fake=FAKE, offline=True, entries=entries, baked_key_file=tmp_path / "keys.json")
    rig.clock.advance(hours * 3600.0)
    rig.call(rig.kid)
    assert news(rig) == ["KeysStale" if hours < 24 else "KeysUnusable"]


def test_a_client_that_cannot_be_loaded_is_news() -> None:
    """No fetch can begin, so none fails."""
    rig = Rig(fake=FAKE)
    rig.fetch.unready = OSError()
    rig.call(rig.kid)
    rig.call(rig.kid)
    assert news(rig) == ["KeysUnusable"]


def test_a_closed_verifier_is_no_news() -> None:
    """Requests that are in progress when a process ends raise no alarm."""
    rig = Rig(fake=FAKE)
    rig.close()
    rig.call(rig.kid)
    assert news(rig) == []


def test_what_is_left(rig: Rig) -> None:
    """An endpoint is up while its keys are in use and it has not failed since."""
    assert [each.up for each in rig.keys.outlook(rig.clock()).endpoints.values()] == [True] * 3
    rig.later(1000.0)
    rig.key()
    rig.land("original", DOWN)
    left = rig.keys.outlook(rig.clock())
    assert {each.kind: each.up for each in left.endpoints.values()} == {
        **dict.fromkeys(ALL, True),
        "original": False,
    }
    assert (left.age, left.usable_for) == (1000.0, 85400.0)
    rig.later(90000.0)
    assert rig.keys.outlook(rig.clock())[1:] == (None, None)


def test_short_ages_of_keys_break_no_row_off() -> None:
    """An endpoint that hangs fails 15 s apart: it is down too where ages are seconds, as in a rehearsal."""
    subject, events = Reachability("p", 6.0), list[Event]()
    subject.answered("a", (1000.0, 50.0), events)
    subject.failed("a", "answer-timeout", THREE, (1015.0, 65.0), events)
    subject.failed("a", "answer-timeout", THREE, (1075.0, 125.0), events)
    assert [type(each).__name__ for each in events] == ["EndpointDown"]


def test_what_only_a_key_file_knows_is_not_said_to_answer() -> None:
    """After a restart in a total loss nobody has answered: no record may say that another Region serves."""
    before = Rig()
    before.fill()
    rig = Rig(entries=before.key_set.entries())
    assert not any(each.up for each in rig.key_set.outlook(rig.clock()).endpoints.values())
    rig.warm()
    rig.land("replica")
    assert [each.kind for each in rig.key_set.outlook(rig.clock()).endpoints.values() if each.up] == [
        "replica"
    ]
