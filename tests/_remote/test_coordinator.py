"""`RefreshCoordinator`: attempts and their results, the order of effects, odd transports, the lock."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import pytest
from support.rig import DOWN, Rig

from cognito_mr_auth import UserPool, events
from cognito_mr_auth._jwks.model import FetchError, KeyFileEntry
from cognito_mr_auth._remote.dependencies import Dependencies, _save_nothing
from cognito_mr_auth.errors import KeysUnavailable
from cognito_mr_auth.events import Event


def test_waiters_first_then_the_file_then_the_hooks(tmp_path: Path) -> None:
    """H3, P: waiters are woken first, then the file is written, then events are emitted, without the lock."""
    rig = Rig(key_file=tmp_path / "keys.json")
    rig.save_events = [events.KeyFileProblem(rig.pool.user_pool_id, "full")]
    caller = rig.call(rig.kid)
    assert caller.wait is not None
    caller.wait[0].add_done_callback(lambda _: rig._unlocked("waiter"))
    rig.land("updated")
    assert rig.log == ["waiter", "save", "emit"]
    assert rig.events[-1] == rig.save_events[0]
    assert [entry.url for entry in rig.saved[0]] == [rig.updated.url]


def test_nothing_is_saved_without_a_key_file_or_an_answer(tmp_path: Path) -> None:
    """P: the file is written after an answer only."""
    rig = Rig()
    rig.fill()
    assert rig.saved == []
    rig = Rig(key_file=tmp_path / "keys.json")
    rig.call(rig.kid)
    rig.land("updated", DOWN)
    assert rig.saved == []
    assert _save_nothing(rig.pool, []) == ()
    assert Dependencies._field_defaults["save"] is _save_nothing


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (RuntimeError("a user's transport"), "broken-transport"),
        (SystemExit(), "broken-transport"),
        (FetchError("connect"), "connect"),
        (b"<html>", "document-not-jwks"),
        (b'{"keys":[]}', "document-no-usable-key"),
    ],
)
def test_a_failure_is_counted_and_reported(answer: bytes | BaseException, reason: str) -> None:
    """K4, R6: an answer that is no key set is a failure with a fixed reason."""
    rig = Rig()
    rig.call(rig.kid)
    rig.land("updated", answer)
    assert [each.reason for each in rig.events_of(events.FetchFailed)] == [reason]
    assert rig.key_set.states[rig.updated.url].failures == 1


def test_each_attempt_has_what_is_left_of_the_refresh() -> None:
    """R1: a refresh has 5 s from its first attempt."""
    rig = Rig()
    caller = rig.call(rig.kid)
    rig.later(0.5)
    caller.step()
    rig.land("original", DOWN)
    rig.land("updated")
    assert rig.fetch.seconds == pytest.approx([4.5, 4.5])


def test_a_waiter_cannot_cancel_the_progress() -> None:
    """Sync and async: a cancelled waiter never cancels a refresh."""
    rig = Rig()
    caller = rig.call(rig.kid)
    assert caller.wait is not None
    assert not caller.wait[0].cancel()


def test_an_offline_pool_loads_no_client() -> None:
    """F: nothing is prepared where no endpoint is ever asked."""
    fake = Rig().fake
    rig = Rig(fake=fake, jwks=fake.jwks(), offline=True)
    rig.warm()
    rig.call("unknown")
    assert rig.fetch.prepared == []


def test_a_frozen_refresh_asks_no_other_endpoint() -> None:
    """R7: after a freeze the rest of the queue would be asked in vain, so the refresh ends."""
    rig = Rig()
    rig.call(rig.kid)
    rig.clock.freeze(3600)
    rig.land("updated")
    assert rig.coordinator.current is None
    assert len(rig.threads.asked) == 1
    assert rig.key() is None


def test_the_last_refresh_without_an_answer_is_remembered() -> None:
    """R4: a caller beyond the rate limit is answered by what the last refresh brought."""
    rig = Rig()
    assert rig.coordinator.last_answered
    rig.call(rig.kid)
    for kind in ("updated", "original", "replica"):
        rig.land(kind, DOWN)
    assert not rig.coordinator.last_answered


def test_an_older_answer_is_an_answer_but_no_news() -> None:
    """K4: by the request's start; an answer of an older request never replaces a newer one."""
    rig = Rig()
    old = json.dumps(rig.fake.jwks()).encode()
    rig.fake.rotate()
    rig.fill()
    before = rig.key_set.entries()
    now = rig.clock()
    document = rig.key_set.read(old, local=False)
    assert rig.key_set.store_response(rig.updated, (now[0] - 9, now[1] - 9), old, document, 0.1, now, [])
    assert rig.key_set.entries() == before


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), ImportError("no httpx")])
def test_what_cannot_be_prepared_is_an_outage(error: Exception) -> None:
    """FI-64: no refresh can begin. It is reported once until it is over; stored keys are served (R)."""
    rig = Rig()
    rig.fetch.unready = error
    for _ in range(3):
        assert isinstance(rig.call(rig.kid).outcome, KeysUnavailable)
        assert isinstance(rig.warm().outcome, KeysUnavailable)
    assert [(each.reason, each.url) for each in rig.events_of(events.FetchFailed)] == [
        ("setup", rig.updated.url)
    ]
    rig.fetch.unready = None
    key = rig.fill()
    rig.later(2 * 3600)
    rig.fetch.unready = error
    assert [rig.call(rig.kid).outcome for _ in range(2)] == [key, key]
    assert [each.reason for each in rig.events_of(events.FetchFailed)] == ["setup"]
    assert rig.out() == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_while_saving_is_not_the_last_attempt() -> None:
    """P: whatever the disk did to one thread, the next answer is written."""
    rig = Rig(key_file="keys.json")
    attempts: list[object] = []

    def save(pool: UserPool, entries: Collection[KeyFileEntry]) -> list[Event]:
        attempts.append(entries)
        if len(attempts) == 1:
            raise MemoryError
        return []

    refreshes = rig.coordinator
    refreshes._dependencies = rig.dependencies._replace(save=save)
    rig.warm()
    with pytest.raises(MemoryError):
        rig.land("updated")
    assert refreshes.saved is None
    rig.land("original")
    assert (len(attempts), refreshes.saved) == (2, None)
