"""Faults of the process: clocks, freezes, no threads or descriptors left, its end (FI-50..70)."""

from __future__ import annotations

import asyncio
import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from faults.cell import (
    BRIEFLY,
    DAY,
    HOUR,
    MARGIN,
    PATIENTLY,
    SOON,
    Cell,
    EventRecorder,
    Place,
    State,
    at_once,
    refusal,
    said,
    states,
    threads,
)
from support.fetches import alive, landed

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.errors import AuthError, TokenNotYetValid
from cognito_mr_auth.testing import FakeClock, FakeUserPool

PROGRAMS = Path(__file__).resolve().parent / "programs"
YEARS = 3652 * DAY
NAN = math.nan


@pytest.fixture
def healed(place: Place) -> Iterator[Place]:
    """The place, which is well again afterwards."""
    try:
        yield place
    finally:
        landed()
        place.heal()


# --- Clocks


@pytest.mark.parametrize("outage", [False, True], ids=["all-well", "outage"])
@pytest.mark.parametrize("jump", [25 * HOUR, YEARS], ids=["past-max-stale", "ten-years"])
def test_a_clock_that_jumps_ahead_and_back(jump: float, outage: bool, healed: Place) -> None:
    """Tokens expire and are good again; no key is lost, also in an outage (FI-51, R7)."""
    with healed.verifier() as verifier:
        verifier.warm(timeout=SOON)
        token = healed.pool.access_token()
        if outage:
            healed.endpoints.fail("refuse")
        healed.clock.jump_wall(jump)
        there = said(verifier, token, BRIEFLY if outage else PATIENTLY)
        healed.clock.jump_wall(-jump)
        assert there == ("503 keys_unavailable" if outage else "401 token_expired")
        assert at_once(verifier, token) == "accepted"
        assert at_once(verifier, healed.pool.access_token(signed_by="foreign")) == "401 signature_invalid"


@pytest.mark.parametrize("back", [HOUR, YEARS], ids=["an-hour", "ten-years"])
def test_a_clock_that_is_set_back(back: float, healed: Place) -> None:
    """Keys get no younger by it: they age by the monotonic clock, and are renewed in time (FI-50, R7)."""
    with healed.verifier() as verifier:
        verifier.warm(timeout=SOON)
        healed.clock.jump_wall(-back)
        asked = healed.endpoints.requests
        assert at_once(verifier, healed.pool.access_token()) == "accepted"
        healed.clock.advance(HOUR / 3)
        assert at_once(verifier, healed.pool.access_token()) == "accepted"
        landed()
        assert healed.endpoints.requests - asked == len(healed.endpoints)
        healed.clock.jump_wall(back)


def test_a_crowd_after_a_freeze_makes_one_refresh(healed: Place) -> None:
    """Thawed after six hours, sixteen threads at once: all accepted, each endpoint asked once (FI-52, R1)."""
    with healed.verifier() as verifier, ThreadPoolExecutor(16) as executor:
        verifier.warm(timeout=SOON)
        asked = [each.requests for each in healed.endpoints]
        healed.clock.freeze(6 * HOUR)
        gate = threading.Barrier(16)
        token = healed.pool.access_token()

        def one(_number: int) -> str:
            gate.wait(SOON)
            return said(verifier, token, PATIENTLY)

        assert set(executor.map(one, range(16))) == {"accepted"}
        after = [each.requests for each in healed.endpoints]
        assert max(now - then for now, then in zip(after, asked, strict=True)) == 1


@pytest.mark.parametrize(
    ("wrong", "lifetime", "outcome"),
    [
        pytest.param(-600.0, HOUR, "401 token_not_yet_valid", id="ten-minutes-slow"),
        pytest.param(600.0, 300.0, "401 token_expired", id="ten-minutes-fast"),
        pytest.param(600.0, HOUR, "accepted", id="fast-but-still-good"),
    ],
)
def test_a_container_whose_clock_is_wrong(wrong: float, lifetime: float, outcome: str, place: Place) -> None:
    """The token is refused, with a hint about clocks; no claim's value is shown (FI-54, E)."""
    token = place.pool.access_token(expires_in=lifetime)
    clock = FakeClock(place.clock.wall + wrong)
    with place.verifier(clock=clock) as verifier:
        assert said(verifier, token, PATIENTLY) == outcome
        if wrong < 0:
            with pytest.raises(TokenNotYetValid) as refused:
                verifier.verify(token)
            shown = f"{refused.value} {refused.value.hint}"
            assert "clock" in shown
            assert str(int(place.clock.wall)) not in shown


BROKEN_CLOCKS = {"both": (NAN, NAN), "wall": (NAN, 1e3), "monotonic": (1.79e9, NAN)}


@pytest.mark.parametrize("reading", BROKEN_CLOCKS.values(), ids=BROKEN_CLOCKS)
def test_a_clock_that_gives_no_number(reading: tuple[float, float]) -> None:
    """NaN makes no key young and no expired token good: an outage, until the clock is mended (FI-53)."""
    clock = FakeClock()
    now = [clock()]
    pool = FakeUserPool(clock=clock)
    expired, good = pool.access_token(expires_in=-60), pool.access_token()
    with pool.serve(), pool.verifier(cache_size=8, clock=lambda: now[0]) as verifier:
        assert said(verifier, good, PATIENTLY) == "accepted"
        now[0] = reading
        assert said(verifier, expired, BRIEFLY) == "503 keys_unavailable"
        assert said(verifier, good, BRIEFLY) == "503 keys_unavailable"
        now[0] = clock()
        assert said(verifier, good, PATIENTLY) == "accepted"
        assert said(verifier, expired, PATIENTLY) == "401 token_expired"


@pytest.mark.parametrize("reading", BROKEN_CLOCKS.values(), ids=BROKEN_CLOCKS)
def test_a_clock_that_gives_no_number_to_keys_that_never_age(reading: tuple[float, float]) -> None:
    """Offline keys have no age, so the token's times decide: without a wall time none is good (FI-53, S4)."""
    now = [FakeClock()()]
    pool = FakeUserPool(clock=FakeClock())
    seen, expired = pool.access_token(), pool.access_token(expires_in=-60)
    with pool.offline_verifier(clock=lambda: now[0]) as verifier:
        assert said(verifier, seen, PATIENTLY) == "accepted"
        now[0] = reading
        outcomes = [said(verifier, each, PATIENTLY) for each in (seen, pool.access_token(), expired)]
    if math.isnan(reading[0]):
        assert "accepted" not in outcomes
    assert outcomes[-1] == "401 token_expired"


def test_a_clock_that_raises() -> None:
    """The caller gets what the user's clock raises; no token passes, and nothing stays broken (FI-53)."""
    clock = FakeClock()
    broken = [False]

    def raising() -> tuple[float, float]:
        if broken[0]:
            raise LookupError("no time")
        return clock()

    pool = FakeUserPool(clock=clock)
    with pool.serve(), pool.verifier(clock=raising) as verifier:
        verifier.warm()
        landed()
        broken[0] = True
        with pytest.raises(LookupError):
            verifier.verify(pool.access_token())
        broken[0] = False
        assert said(verifier, pool.access_token(), PATIENTLY) == "accepted"


# --- Threads and descriptors


@contextmanager
def no_more_threads() -> Iterator[None]:
    """The stack is larger than any memory, so no thread can be started."""
    before = threading.stack_size(1 << 46)
    try:
        yield
    finally:
        threading.stack_size(before)


@states
def test_a_process_that_may_start_no_thread(state: State, healed: Place) -> None:
    """Usable keys are served, else it is 503; with threads again, all is well (FI-58, F)."""
    known = "accepted" if state.usable else "503 keys_unavailable"
    unknown = "503 key_unconfirmed" if state.usable else "503 keys_unavailable"
    with healed.verifier() as verifier:
        cell = Cell(healed, state, verifier, EventRecorder())
        cell.reach()
        with no_more_threads():
            if state.at_once:
                assert at_once(verifier, cell.token) == known
            assert said(verifier, cell.token, BRIEFLY) == known
            assert said(verifier, cell.mint(signed_by="unknown"), BRIEFLY) == unknown
        assert said(verifier, cell.mint(), PATIENTLY) == "accepted"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError])
def test_a_fetch_thread_that_dies(error: type[BaseException], healed: Place) -> None:
    """A hook kills each fetch thread; waiters have their keys by then, the next refresh runs (FI-56, H3)."""

    def deadly(_event: object) -> None:
        if threading.current_thread() in alive():
            raise error

    with healed.verifier(on_event=deadly) as verifier:
        for cycle in range(4):
            asked = healed.endpoints.requests
            assert said(verifier, healed.pool.access_token(), PATIENTLY) == "accepted"
            landed()
            assert healed.endpoints.requests - asked == (len(healed.endpoints) if cycle else 1)
            healed.clock.advance(HOUR / 3)
        assert verifier._threads.live == 0


def run(program: str, *arguments: str, seconds: float = 60.0) -> Any:
    """What a program of this folder prints, as JSON; it must end well and write no error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAMS / program), *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_process_without_a_free_descriptor(tls: bool) -> None:
    """From the first fetch on it is an outage, never another error; then it recovers (FI-64)."""
    pool = FakeUserPool(clock=FakeClock(), tls=tls)
    with pool.serve() as endpoints:
        found = run("descriptors.py", json.dumps(endpoints.jwks_urls), pool.access_token(expires_in=DAY))
    assert found["cold"][0] == "503 keys_unavailable"  # even an import cannot open its file
    assert set(found["cold"]) <= {"503 keys_unavailable", "accepted"}
    assert set(found["stale"]) == {"accepted"}
    # Over TLS its own certificate is not known to the program: it recovers to an honest outage.
    assert found["after"] == ("503 keys_unavailable" if tls else "accepted")


# --- Loops


@pytest.mark.needs("uvloop")
def test_a_loop_that_is_not_asyncios_own(healed: Place) -> None:
    """On uvloop: one cold refresh serves a crowd, and a fault costs each caller its timeout (FI-62)."""
    import uvloop

    async def crowd(verifier: Verifier, token: str, seconds: float) -> set[str]:
        async def one() -> str:
            try:
                return (await verifier.averify(token, timeout=seconds)).token_use
            except AuthError as error:
                return refusal(error)

        return set(await asyncio.gather(*(one() for _ in range(50))))

    for fault, seconds, outcome in ((None, PATIENTLY, "access"), ("hang", BRIEFLY, "503 keys_unavailable")):
        asked = [each.connections for each in healed.endpoints]
        if fault is not None:
            healed.endpoints.fail(fault)
        begun = time.monotonic()
        with healed.verifier() as verifier, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            assert runner.run(crowd(verifier, healed.pool.access_token(), seconds)) == {outcome}
        assert time.monotonic() - begun < seconds + MARGIN
        after = [each.connections for each in healed.endpoints]
        assert max(now - then for now, then in zip(after, asked, strict=True)) == 1


# --- Silence below HTTP


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels answer when their backlog is full")
def test_a_host_that_drops_packets(place: Place) -> None:
    """SYN without an answer: the deadline holds; the thread ends with its refresh at latest (FI-03, R1)."""
    with socket.socket() as listener, suppress(BlockingIOError):
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/jwks.json"
        full = [socket.socket() for _ in range(3)]
        for each in full:
            each.setblocking(False)
            with suppress(BlockingIOError):
                each.connect(listener.getsockname())
        pool = UserPool(place.pool.user_pool_id, client_ids=[place.pool.client_id], jwks_urls=url)
        with Verifier(pool, token_use="access", clock=place.clock) as verifier:
            assert said(verifier, place.pool.access_token(), BRIEFLY) == "503 keys_unavailable"
            assert max(threads().values()) == 1
        for each in full:
            each.close()
        while alive():  # its next SYN, a second after the first, is accepted and closed
            listener.accept()[0].close()
            landed()


# --- The end


@pytest.mark.parametrize("how", ["idle", "thread", "asyncio", "atexit"])
def test_a_process_that_ends_during_a_refresh(how: str, healed: Place) -> None:
    """It ends within a second, without a traceback, also while callers wait (FI-57, F)."""
    healed.endpoints.fail("hang")
    urls = json.dumps(healed.endpoints.jwks_urls)
    program = [
        sys.executable,
        "-W",
        "error",
        str(PROGRAMS / "ending.py"),
        how,
        urls,
        healed.pool.access_token(),
    ]
    # Without coverage, which has something to write at the end.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    with subprocess.Popen(
        program, env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == "leaving\n"
        begun = time.monotonic()
        output, errors = child.communicate(timeout=SOON)
        assert time.monotonic() - begun < 1.0 + MARGIN
    assert (child.returncode, errors) == (0, "")
    assert output == ("503 keys_unavailable\n" if how == "atexit" else "")
