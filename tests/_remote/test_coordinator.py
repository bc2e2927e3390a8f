"""`RefreshCoordinator`: attempts and their results, the order of effects, odd transports, the lock."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from support.rig import DOWN, Caller, Rig

from cognito_mr_auth import UserPool, events
from cognito_mr_auth._jwks.model import FetchError, KeyFileContents, KeyFileEntry, KeySetConfig
from cognito_mr_auth._jwks.report import provider_health
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
    assert _save_nothing(rig.pool._key_set_config, KeyFileContents()) == ()
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


def test_each_attempt_has_15_s() -> None:
    """R1: whenever it begins."""
    rig = Rig()
    caller = rig.call(rig.kid)
    rig.later(0.5)
    caller.step()
    rig.land("replica", DOWN)
    rig.land("updated")
    assert rig.fetch.seconds == pytest.approx([15.0, 15.0], abs=1.0)  # of real time


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


def test_an_answer_after_a_freeze_counts_with_its_age() -> None:
    """R7: as old as its request by the larger clock; what hangs beside it is hung up."""
    rig = Rig()
    caller = rig.call(rig.kid)
    rig.later(0.2)
    caller.step()
    rig.clock.freeze(600)
    rig.land("updated")
    assert rig.keys.health(rig.clock())["age"] == pytest.approx(600.2)
    assert rig.key() is not None
    assert rig.hung_up() == ["replica"]
    assert not rig.attempts("replica")[0].connection.cancelled  # type: ignore[attr-defined]
    rig.land("replica")  # what lay there unread
    assert len(rig.key_set.entries()) == 2


def test_a_signals_handler_that_raises_while_threads_start() -> None:
    """F: what has no thread is no attempt, and the next look begins it."""
    rig = Rig()
    rig.fill()
    rig.later(901.0)
    start, starts = rig.threads.start, []

    def interrupted(*args: Any, **named: Any) -> bool:
        starts.append(args[0])
        if len(starts) == 2:
            raise KeyboardInterrupt
        return len(starts) == 1 and start(*args, **named)

    rig.threads.start = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        rig.key()
    rig.threads.start = start  # type: ignore[method-assign]
    assert rig.out() == ["updated"]
    attempts = rig.coordinator.machine.attempts
    assert [each.endpoint.kind for each in attempts if each.first] == ["updated"]
    rig.later(1.0)
    rig.key()
    assert rig.out() == ["updated", "replica", "original"]


def test_an_interrupted_start_forgets_what_was_refused_before_it() -> None:
    """F: also the endpoint whose host was full."""
    rig = Rig()
    rig.fill()
    rig.later(901.0)
    start, starts = rig.threads.start, []

    def interrupted(*args: Any, **named: Any) -> bool:
        starts.append(args[0])
        if len(starts) == 2:
            raise SystemExit
        return False

    rig.threads.start = interrupted  # type: ignore[method-assign]
    with pytest.raises(SystemExit):
        rig.key()
    rig.threads.start = start  # type: ignore[method-assign]
    assert not any(each.first for each in rig.coordinator.machine.attempts)
    rig.later(1.0)
    rig.key()
    assert len(rig.out()) == 3


def test_a_result_from_before_a_fork_or_after_the_end_is_dropped() -> None:
    """K4: neither stored nor counted, nor does it wake anybody."""
    for end in (Rig.fork, Rig.close):
        for answer in (None, DOWN):
            rig = Rig()
            rig.call(rig.kid)
            end(rig)
            rig.land("updated", answer)
            assert rig.key() is None
            assert rig.key_set.states[rig.updated.url].failures == 0
            assert rig.events == []
            assert rig.out() == []


def test_room_after_the_end() -> None:
    """K4: a thread that ends looks once more, and begins nothing."""
    rig = Rig()
    rig.threads.full = True
    caller = rig.call(rig.kid)
    rig.keys.close()
    rig.threads.make_room()
    assert rig.out() == []
    assert isinstance(caller.step(), KeysUnavailable)


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


def test_the_background_loads_in_one_go() -> None:
    """F: no caller waits for it, so it gives no turn away."""
    rig = Rig()
    rig.fill()
    rig.fetch.steps = 3
    rig.later(1000)
    assert rig.key() is not None
    assert rig.out() == ["updated", "replica", "original"]


@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), ImportError("no httpx")])
def test_what_cannot_be_prepared_is_an_outage(error: Exception, steps: int) -> None:
    """FI-64: no refresh can begin. It is reported once until it is over; stored keys are served (R)."""
    rig = Rig()
    rig.fetch.unready, rig.fetch.steps = error, steps
    for _ in range(3):
        assert isinstance(rig.call(rig.kid).outcome, KeysUnavailable)
        assert isinstance(rig.warm().outcome, KeysUnavailable)
    assert [(each.reason, each.url) for each in rig.events_of(events.FetchFailed)] == [
        ("setup", rig.updated.url)
    ]
    why = rig.call(rig.kid).outcome
    assert "SSL_CERT_FILE" in str(why)
    assert {each["last_error"] for each in provider_health(rig.key_set, rig.clock())["endpoints"]} == {
        "setup"
    }
    rig.fetch.unready = None
    rig.fill()
    assert {each["hint"] for each in provider_health(rig.key_set, rig.clock())["endpoints"]} == {None}
    stale = [KeyFileEntry(rig.updated.url, rig.clock()[0] - 2 * 3600, rig.jwks())]
    restarted = Rig(fake=rig.fake, entries=stale)
    restarted.fetch.unready, restarted.fetch.steps = error, steps
    assert [restarted.call(rig.kid).outcome.kid for _ in range(2)] == [rig.kid, rig.kid]
    assert [each.reason for each in restarted.events_of(events.FetchFailed)] == ["setup"]
    assert restarted.out() == []


def test_what_is_loaded_is_not_looked_for_again() -> None:
    """F: a refused token costs no look at what the HTTP client needs."""
    rig = Rig()
    rig.fill()
    prepared = len(rig.fetch.prepared)
    rig.call("unknown")
    assert len(rig.fetch.prepared) == prepared


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_while_saving_is_not_the_last_attempt() -> None:
    """P: whatever the disk did to one thread, the next answer is written."""
    rig = Rig(key_file="keys.json")
    attempts: list[object] = []

    def save(pool: UserPool, contents: KeyFileContents) -> list[Event]:
        attempts.append(contents)
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


class Baking(Rig):
    """A rig whose key file takes `slow` seconds to write, during a `warm`."""

    slow = 0.0
    caller: Caller | None = None

    def _save(self, config: KeySetConfig, contents: KeyFileContents) -> Collection[Event]:
        self.later(self.slow)
        if self.caller is not None and self.caller.waiting:
            self.caller.step()
            self.log.append("still waiting" if self.caller.waiting else "gone")
        return super()._save(config, contents)


@pytest.mark.parametrize(("slow", "last"), [(0.0, "still waiting"), (0.9, "gone")], ids=["quick", "slow"])
def test_warming_waits_for_the_key_file(slow: float, last: str) -> None:
    """P: a process that only warms, to bake a file, ends with the file written; within its timeout."""
    rig = Baking(key_file="keys.json")
    rig.slow = slow
    rig.caller = rig.warm()
    for kind in list(rig.out()):
        rig.land(kind)
    judged = [entry for entry in rig.log if entry in ("still waiting", "gone")]
    assert judged[-1] == last
    rig.caller.step()
    assert not rig.caller.waiting
    assert len(rig.saved[-1]) == 3


class Overtaken(Rig):
    """A rig in which the replica's answer comes while the first one is being saved."""

    def _save(self, config: KeySetConfig, contents: KeyFileContents) -> Collection[Event]:
        if "replica" in self.out():
            self.land("replica")
        return super()._save(config, contents)


def test_one_thread_saves_at_a_time_and_loses_nothing() -> None:
    """P: what comes while the file is being written is written next, by the same thread."""
    rig = Overtaken(key_file="keys.json")
    rig.warm()
    rig.land("updated")
    assert [len(entries) for entries in rig.saved] == [1, 2]
    rig.land("original")
    assert len(rig.saved[-1]) == 3


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside-33-keys"])
def test_an_exposure_is_written_whatever_else_is_in_the_document(beside: bool) -> None:
    """T5: a document of exposed keys alone is no answer, and one that is too long is not used."""
    rig = Rig(key_file="keys.json")
    members = rig.fake.jwks(private=True)["keys"] + ([{"kty": "EC"}] * 32 if beside else [])
    rig.fill()
    written = len(rig.saved)
    for _ in range(2):
        rig.warm()
        rig.land("original", json.dumps({"keys": members}).encode())
        rig.land("updated", DOWN)
        rig.land("replica", DOWN)
    assert len(rig.saved) == written + 1  # the second time is not reported
    assert len(rig.saved[-1]) == 3
    assert set(rig.saved_exposed[-1].values()) == {rig.clock()[0]}
    assert len(rig.saved_exposed[-1]) == 2
    assert [each.moduli for each in rig.events if isinstance(each, events.KeyExposed)] == [2]
    assert not rig.key_set.snapshot.keys
    assert isinstance(rig.call(rig.kid, timeout=0.0).outcome, KeysUnavailable)


def test_no_caller_writes_the_file() -> None:
    """P: a request that comes between an answer and its saving does not wait for a disk."""
    rig = Rig(key_file="keys.json")
    saved_at_wake: list[int] = []

    def woken(_progress: object) -> None:
        rig.call("unknown")
        saved_at_wake.append(len(rig.saved))

    caller = rig.warm()
    assert caller.wait is not None
    caller.wait[0].add_done_callback(woken)
    rig.land("updated")
    assert saved_at_wake == [0]
    assert len(rig.saved) == 1


def test_a_free_slot_without_waiting_callers() -> None:
    """F: nothing begins."""
    rig = Rig()
    rig.threads.full = True
    rig.call(rig.kid).steps.close()
    rig.threads.make_room()
    assert rig.out() == []


def test_the_end_of_an_unused_guard() -> None:
    """K4: no waiter, no attempt; twice as well as once."""
    rig = Rig()
    rig.keys.close()
    rig.keys.close()
    assert isinstance(rig.call(rig.kid).outcome, KeysUnavailable)
    assert rig.out() == []
