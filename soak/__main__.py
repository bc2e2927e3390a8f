"""The soak: starts everything, lets it run, and prints the report.

    python -m soak [SECONDS] [--seed N]      600 by default; `make test-all` gives 60

Exit status 0: every limit of the report was kept; 1: one was broken; 2: the soak did not end by itself.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.testing import FakeUserPool

from . import load
from .chaos import Chaos
from .measure import Meter, Reading, library_threads, read
from .truth import LEEWAY, MAX_STALE, Judge
from .workers import Workers, gunicorn

THREADS, CLIENTS = 4, 4
WINDOWS: dict[str, Any] = {
    "refresh_after": 1.0,
    "revalidate_after": 2.0,
    "max_stale": MAX_STALE,
    "leeway": LEEWAY,
}
# R1: a caller waits two seconds; half as long again for a busy machine. Two clients of each sync worker may
# wait for one another.
SLOWEST_SECONDS = {"threads": 3.0, "asyncio": 3.0, "workers": 6.0}
# Python's allocator keeps what a burst needed; a leak of one token in a thousand would be ten times that.
DRIFT_MB = 24.0
# F: two at each of three endpoints, for the verifier in use and the one that it replaced.
MAX_THREADS = 2 * 3 * 2
JOIN_SECONDS = 30.0
WATCHDOG_SECONDS = 120.0


def main(arguments: list[str]) -> int:
    """The soak; its exit status."""
    options = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    options.add_argument("seconds", nargs="?", type=float, default=600.0)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    chosen = options.parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    sys.stdout.write(f"soaking for {chosen.seconds:.0f} s, seed {chosen.seed}\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, _watchdog(chosen.seconds):
        return Soak(Path(folder), chosen.seconds, chosen.seed).run()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _watchdog(seconds: float) -> Iterator[None]:
    """Ends a soak that does not end; gunicorn ends with this process (see soak/app.py)."""

    def bite() -> None:
        faulthandler.dump_traceback(all_threads=True)
        os._exit(2)

    timer = threading.Timer(seconds + WATCHDOG_SECONDS, bite)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Soak:
    """One run."""

    def __init__(self, folder: Path, seconds: float, seed: int) -> None:
        self._folder, self._seconds, self._seed = folder, seconds, seed
        self._pool = FakeUserPool()
        self._steady = self._pool.access_key
        self._judge = Judge(self._steady.kid)
        self._over = threading.Event()
        self._quiet = read(os.getpid())

    def run(self) -> int:
        """Everything up, the load and the chaos, everything down; then the report."""
        begun = time.monotonic()
        with self._pool.serve() as endpoints:
            settings = {"pool": self._settings(endpoints.jwks_urls), "verifier": WINDOWS}
            with gunicorn(self._folder, settings) as workers:
                turn = load.Turn(self._verifier())
                chaos = Chaos(self._pool, endpoints, workers, self._judge, turn, self._verifier, self._seed)
                meter = Meter(lambda: workers.pids)
                threads = self._threads(turn, workers, meter)
                for each in threads:
                    each.start()
                try:
                    chaos.run(self._seconds, self._over)
                finally:
                    self._over.set()
                    for each in threads:
                        each.join(JOIN_SECONDS)
                    turn.now[1].close()
                hung = [each.name for each in threads if each.is_alive()]
                restarts = workers.unasked_restarts
                stopped = workers.stop()
        facts = {
            "threads that hang": len(hung),
            "workers that died unasked": restarts,
            "processes left over": 0 if stopped else 1,
            "library threads left": self._left(),
            "sockets left": self._sockets_left(),
        }
        return self._report(meter, chaos, facts, time.monotonic() - begun)

    def _settings(self, urls: dict[str, str]) -> dict[str, Any]:
        return {
            "user_pool_id": self._pool.user_pool_id,
            "client_ids": [self._pool.client_id],
            "replica_regions": list(self._pool.replica_regions),
            "jwks_urls": urls,
            "key_file": str(self._folder / "workers.json"),
        }

    def _verifier(self) -> Verifier:
        """One of this process, with a key file of its own."""
        pool = self._pool.user_pool(key_file=self._folder / "keys.json")
        return self._pool.verifier(pool=pool, **WINDOWS)

    def _threads(self, turn: load.Turn, workers: Workers, meter: Meter) -> list[threading.Thread]:
        supply = load.Supply(self._pool, self._steady)
        seeds = iter(range(self._seed, self._seed + 1000, 100))
        jobs: list[tuple[str, Callable[..., None], tuple[Any, ...]]] = [
            ("mint", load.mint, (supply, self._over)),
            ("meter", meter.run, (self._over,)),
            ("asyncio", load.arun, (turn, supply, self._judge, self._over, next(seeds))),
        ]
        rest = (supply, self._judge, self._over)
        jobs += [(f"thread {n}", load.run_thread, (turn, *rest, next(seeds))) for n in range(THREADS)]
        jobs += [
            (f"client {n}", load.ask_over_http, (workers.url, *rest, next(seeds))) for n in range(CLIENTS)
        ]
        return [
            threading.Thread(target=work, args=given, name=f"soak: {name}", daemon=True)
            for name, work, given in jobs
        ]

    # ---- afterwards

    def _left(self) -> int:
        """The library's threads that have not ended a little after `close`."""
        until = time.monotonic() + JOIN_SECONDS
        while library_threads() and time.monotonic() < until:
            time.sleep(0.05)
        return library_threads()

    def _sockets_left(self) -> int:
        now = read(os.getpid())
        return now.sockets - self._quiet.sockets if now and self._quiet else 0

    def _report(self, meter: Meter, chaos: Chaos, facts: dict[str, int], seconds: float) -> int:
        judge, say = self._judge, sys.stdout.write
        say(
            f"\n{seconds:.0f} s: "
            + ", ".join(f"{count} x {what}" for what, count in chaos.counts.items())
            + "\n"
        )
        verdicts = {"accepted wrongly", "refused wrongly", "undocumented"}
        for what, count in sorted(judge.counts.items()):
            if what not in verdicts:
                say(f"  {what:48} {count:9,}\n")
        for pid in meter.readings:
            say(f"  {_line(meter, pid)}\n")
        say(f"  a new key was refused for at most {judge.slowest_adoption:.1f} s after it first signed\n")
        say(f"  a withdrawn key was accepted for at most {judge.slowest_withdrawal:.1f} s\n")
        drift = max(meter.drift_mb(pid) for pid in (*meter.readings, os.getpid()))
        musts: list[tuple[str, float, float]] = [
            *((what, judge.counts[what], 0) for what in sorted(verdicts)),
            *((what, count, 0) for what, count in facts.items()),
            *(
                (f"slowest of {each}, s", judge.slowest.get(each, 0.0), limit)
                for each, limit in SLOWEST_SECONDS.items()
            ),
            ("most threads of the library", meter.most_threads, MAX_THREADS),
            ("memory drift, MB", drift, DRIFT_MB),
        ]
        kept = [found <= limit for _, found, limit in musts]
        for (what, found, limit), good in zip(musts, kept, strict=True):
            say(f"  {what:48} {found:9.4g}  must be at most {limit:g}{'' if good else '   BROKEN'}\n")
        for each in judge.wrong:
            say(f"  {each}\n")
        idle = [each for each in SLOWEST_SECONDS if not judge.counts[f"{each}: accepted"]]
        for each in idle:
            say(f"  nothing was accepted by {each}: that is no soak\n")
        return 0 if all(kept) and not idle else 1


def _line(meter: Meter, pid: int) -> str:
    most: Reading = meter.most(pid)
    name = "this process" if pid == os.getpid() else f"worker {pid}"
    return (
        f"{name}: at most {most.memory_mb:.0f} MB, {most.threads} threads, {most.sockets} sockets; "
        f"drift {meter.drift_mb(pid):+.1f} MB"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
