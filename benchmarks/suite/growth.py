"""Section 7, growth: pools, distinct tokens, threads, processes, and what memory each of them takes.

    .venvs/bench/bin/python -m benchmarks.suite.growth --smoke

All pools of a verifier list the same two keys, because only look-ups grow with pools. Each pool still reads
its own JWKS and has its own key set. Variants take turns with the next tokens of their rings. A ratio is the
median of the ratios within one turn, so a machine that slows down slows all variants.

An "uncached" token is never found in the cache. The cache holds half as many tokens as the ring (with
threads: one thread's share of it). The tokens come in the same order each time, and the least recently used
one is evicted. So each token is gone before it comes again.

Memory is the size of a full cache by tracemalloc, minus the size of the same payloads from `json.loads`. It
does not include OpenSSL's memory for keys; a process's resident size does.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import random
import threading
import time
import tracemalloc
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.testing import FakeUserPool

from ._peers import SIZES, mint
from ._result import Result, Row, at_most, missing, plain
from ._run import main

SECTION = "growth"
SPAWN = multiprocessing.get_context("spawn")
STATM = Path("/proc/self/statm")
READY_SECONDS = 60
KB = 1024
# The limits.
POOLS_WITHIN, KB_OVER_CLAIMS = 1.05, 3.0


class Scale(NamedTuple):
    """How much is measured."""

    pools: tuple[int, ...]
    entries: tuple[int, ...]
    threads: tuple[int, ...]
    processes: tuple[int, ...]
    tokens: int
    """In a ring, and in one pass over a part of it."""
    batch: int
    rounds: int
    seconds: float
    """For which threads or processes run, in one turn."""
    turns: int
    """Of threads and processes."""
    cached: int
    """Tokens in the cache whose memory is measured."""


FULL = Scale((1, 10, 100, 1000), (1, 1000, 100_000), (1, 2, 4, 8), (1, 2), 2000, 250, 300, 0.5, 7, 2000)
SMOKE = Scale((1, 10, 100), (1, 100, 500), (1, 2), (1, 2), 100, 50, 6, 0.1, 1, 100)


# ---- pools


def numbered(fake: FakeUserPool, number: int) -> UserPool:
    """A pool with the fake's keys under an issuer of its own, offline."""
    return UserPool(
        f"us-west-2_Bench{number:05}",
        client_ids=[fake.client_id],
        replica_regions=["us-east-1"],
        jwks=fake.jwks(),
        offline=True,
    )


def token_of(fake: FakeUserPool, pool: UserPool, number: int) -> str:
    """The pool's token with this number."""
    issuer = next(url for url, each in pool.issuers.items() if each.kind == "original")
    return fake.access_token(claims={"iss": issuer, "n": number})


def sweep(verifier: Verifier, tokens: Sequence[str], batch: int = 0) -> Callable[[], float]:
    """A pass over the next `batch` tokens of the ring, or all of them: seconds for one token.

    The whole ring was verified once: caches are full, and OpenSSL has prepared each key.
    """
    size = batch or len(tokens)
    slices = cycle([tokens[first : first + size] for first in range(0, len(tokens), size)])

    def once(chosen: Sequence[str]) -> float:
        verify = verifier.verify
        started = time.perf_counter()
        for token in chosen:
            verify(token)
        return (time.perf_counter() - started) / len(chosen)

    once(tokens)
    return lambda: once(next(slices))


def in_turns(passes: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each pass gave, round by round; every other round runs them backwards."""
    found: dict[str, list[float]] = {name: [] for name in passes}
    gc.collect()
    for number in range(rounds):
        for name in list(passes) if number % 2 else reversed(passes):
            found[name].append(passes[name]())
    return found


def compared(name: str, unit: str, values: Sequence[float], base: Sequence[float], against: str) -> Row:
    """A row whose ratio is the median of the ratios within a turn."""
    ratio = median(value / of for value, of in zip(values, base, strict=True))
    factor = 1e6 if unit == "us" else 1.0
    value = median(values) * factor
    return plain(SECTION, name, value, unit, of=value / ratio, against=against)


def pools(scale: Scale) -> Result:
    """A token's cost by the number of pools, cached and not."""
    fake = FakeUserPool()
    lines: dict[str, Any] = {}
    rows: list[Row] = []
    for kind, kept in (("uncached", scale.tokens // 2), ("cached", scale.tokens)):
        passes = {}
        for count in scale.pools:
            mine = [numbered(fake, each) for each in range(count)]
            tokens = [token_of(fake, mine[each % count], each) for each in range(scale.tokens)]
            verifier = Verifier(*mine, token_use="access", cache_size=kept)
            passes[f"{count:,}"] = sweep(verifier, tokens, scale.batch)
        found = in_turns(passes, scale.rounds)
        for count, values in found.items():
            row = compared(f"pools: {count}, {kind}", "us", values, found["1"], "1 pool")
            last = count == f"{scale.pools[-1]:,}"
            rows.append(at_most(row, POOLS_WITHIN) if last else row)
        lines[kind] = [
            [count, median(values) * 1e6] for count, values in zip(scale.pools, found.values(), strict=True)
        ]
    plot = {"title": "One token, by the number of pools", "x": "pools", "y": "us", "lines": lines}
    return Result(rows, {"growth-pools": {**plot, "log": "xy"}})


# ---- distinct tokens


def distinct(scale: Scale) -> Result:
    """A token's cost by how many distinct ones come, in a cache for all of them and in the default one."""
    fake = FakeUserPool()
    tokens = [fake.access_token(claims={"n": number}) for number in range(scale.entries[-1])]
    rng = random.Random(7)  # noqa: S311 - which token comes next is no secret
    rows: list[Row] = []
    lines: dict[str, Any] = {}
    for kind, options in (("a cache for all", {"cache_size": len(tokens)}), ("the default cache", {})):
        passes = {}
        for count in scale.entries:
            verifier = fake.offline_verifier(**options)
            sweep(verifier, tokens[:count])
            drawn = [tokens[rng.randrange(count)] for _ in range(scale.tokens)]
            passes[f"{count:,}"] = sweep(verifier, drawn, scale.batch)
        found = in_turns(passes, scale.rounds)
        rows += [
            compared(f"tokens: {count}, {kind}", "us", values, found["1"], "1 token")
            for count, values in found.items()
        ]
        lines[kind] = [
            [count, median(values) * 1e6] for count, values in zip(scale.entries, found.values(), strict=True)
        ]
    plot = {"title": "One token, by how many distinct ones come", "x": "tokens", "y": "us", "lines": lines}
    return Result(rows, {"growth-tokens": {**plot, "log": "xy"}})


# ---- threads and processes


def per_second(verifier: Verifier, shares: Sequence[Sequence[str]], seconds: float) -> float:
    """Verifications per second of one thread for each share of tokens."""
    counts = [0] * len(shares)
    gate = threading.Barrier(len(shares) + 1)

    def work(number: int) -> None:
        verify, share, done = verifier.verify, shares[number], 0
        gate.wait()
        until = time.perf_counter() + seconds
        for token in cycle(share):
            verify(token)
            done += 1
            if time.perf_counter() >= until:
                break
        counts[number] = done

    workers = [threading.Thread(target=work, args=(number,)) for number in range(len(shares))]
    for each in workers:
        each.start()
    gate.wait()
    started = time.perf_counter()
    for each in workers:
        each.join()
    return sum(counts) / (time.perf_counter() - started)


def threads(scale: Scale) -> Result:
    """Verifications per second of all threads together, on one verifier."""
    fake = FakeUserPool()
    share = scale.tokens // scale.threads[-1]
    tokens = [fake.access_token(claims={"n": number}) for number in range(scale.tokens)]
    shares = [tokens[share * each : share * (each + 1)] for each in range(scale.threads[-1])]
    rows: list[Row] = []
    lines: dict[str, Any] = {}
    for kind, kept in (("uncached", share // 2), ("cached", scale.tokens)):
        verifier = fake.offline_verifier(cache_size=kept)
        sweep(verifier, tokens)
        passes = {
            str(count): lambda verifier=verifier, count=count: per_second(
                verifier, shares[:count], scale.seconds
            )
            for count in scale.threads
        }
        found = in_turns(passes, scale.turns)
        rows += [
            compared(f"threads: {count}, {kind}", "/s", values, found["1"], "1 thread")
            for count, values in found.items()
        ]
        lines[kind] = [[int(count), median(values)] for count, values in found.items()]
    plot = {"title": "Verifications per second of all threads", "x": "threads", "y": "verifications/s"}
    return Result(rows, {"growth-threads": {**plot, "lines": lines, "log": "y"}})


_gate: Any = None


def _meet(gate: Any) -> None:
    """In a new process: where all of them wait for each other."""
    globals()["_gate"] = gate


def _in_process(count: int, seconds: float) -> dict[str, float]:
    """In a new process: verifications per second, uncached and cached, beside the others."""
    fake = FakeUserPool()
    tokens = [fake.access_token(claims={"n": number}) for number in range(count)]
    rates = {}
    for kind, kept in (("uncached", count // 2), ("cached", count)):
        verifier = fake.offline_verifier(cache_size=kept)
        sweep(verifier, tokens)
        _gate.wait(READY_SECONDS)
        rates[kind] = per_second(verifier, [tokens], seconds)
    return rates


def processes(scale: Scale) -> Result:
    """Verifications per second of all processes together, each with a verifier of its own."""
    found: dict[int, list[dict[str, float]]] = {count: [] for count in scale.processes}
    for _ in range(scale.turns):
        for count in scale.processes:
            gate = SPAWN.Barrier(count)
            with ProcessPoolExecutor(count, SPAWN, initializer=_meet, initargs=(gate,)) as executor:
                share = scale.tokens // scale.threads[-1]
                work = [executor.submit(_in_process, share, scale.seconds) for _ in range(count)]
                said = [each.result() for each in work]
            found[count].append({kind: sum(each[kind] for each in said) for kind in said[0]})
    return Result(
        [
            compared(
                f"processes: {count}, {kind}",
                "/s",
                [each[kind] for each in totals],
                [each[kind] for each in found[1]],
                "1 process",
            )
            for kind in ("uncached", "cached")
            for count, totals in found.items()
        ],
        {},
    )


# ---- memory


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives in a new process, whose heap holds nothing else."""
    with ProcessPoolExecutor(1, SPAWN) as executor:
        return executor.submit(work, *arguments).result()


def traced(make: Callable[[], object]) -> float:
    """Bytes that are still held when `make` is done, its result included."""
    gc.collect()
    tracemalloc.start()
    kept = make()
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return float(held)


def _cached_tokens(size: str, count: int) -> dict[str, float]:
    """KB per token of a full cache, of the claims alone, and of a cache whose principals were asked."""
    fake = FakeUserPool()
    first, *tokens = mint(fake, size, count + 1)
    payloads = [urlsafe_b64decode(token.split(".")[1] + "==") for token in tokens]

    def filled(*, ask: bool) -> Verifier:
        for token in tokens:
            principal = verifier.verify(token)
            if ask:
                _ = principal.scopes, principal.groups
        return verifier

    found = {"claims": traced(lambda: [json.loads(payload) for payload in payloads])}
    for name, ask in (("cache", False), ("asked", True)):
        verifier = fake.offline_verifier(cache_size=count + 1)
        verifier.verify(first)  # what is loaded or made once is no token's own
        found[name] = traced(lambda ask=ask: filled(ask=ask))
    return {name: held / count / KB for name, held in found.items()}


def _resident() -> float:
    return int(STATM.read_text().split()[1]) * float(os.sysconf("SC_PAGE_SIZE"))


def _many(fake: FakeUserPool, count: int) -> Verifier:
    return Verifier(*(numbered(fake, each) for each in range(count)), token_use="access", cache_size=0)


def _pools_traced(count: int) -> float:
    """KB of Python objects per pool of a verifier with many, its UserPool included."""
    fake = FakeUserPool()
    _many(fake, 1).verify(token_of(fake, numbered(fake, 0), 0))  # what is loaded or made once
    return traced(lambda: _many(fake, count)) / count / KB


def _pools_resident(count: int) -> dict[str, float]:
    """The same of the process's memory, and after a token of each pool was verified."""
    fake = FakeUserPool()
    # One pool at a time: what many of them leave behind would be used again below, and hide it.
    tokens = [token_of(fake, numbered(fake, each), each) for each in range(count)]
    _many(fake, 1).verify(tokens[0])
    gc.collect()
    before = _resident()
    verifier = _many(fake, count)
    gc.collect()
    built = _resident() - before
    sweep(verifier, tokens)
    return {"built": built / count / KB, "used": (_resident() - before) / count / KB}


def memory(scale: Scale) -> Result:
    """KB per cached token over its claims, and per pool."""
    rows: list[Row] = []
    for size in SIZES:
        found = alone(_cached_tokens, size, scale.cached)
        claims = found["claims"]
        rows.append(Row(SECTION, f"memory: claims of a token, {size}", claims, "KB", None))
        for which, what in (("cache", "cached token"), ("asked", "cached token, scopes and groups read")):
            over = found[which] - claims
            name = f"memory: {what}, over its claims, {size}"
            row = plain(SECTION, name, over, "KB", of=KB_OVER_CLAIMS, against=f"{KB_OVER_CLAIMS:g} KB")
            rows.append(at_most(row, 1))
    count = scale.pools[-1]
    held = alone(_pools_traced, count)
    rows.append(Row(SECTION, "memory: pool, Python's own", held, "KB", None))
    resident = alone(_pools_resident, count) if STATM.exists() else {}
    for name, what in (("built", "resident"), ("used", "resident, a token of each verified")):
        if name in resident:
            rows.append(Row(SECTION, f"memory: pool, {what}", resident[name], "KB", None))
        else:
            rows.append(missing(SECTION, f"memory: pool, {what}", "KB", f"no {STATM} here"))
    return Result(rows, {})


PARTS: tuple[Callable[[Scale], Result], ...] = (pools, distinct, threads, processes, memory)


def measure(*, smoke: bool) -> Result:
    """Every part, one after the other."""
    scale = SMOKE if smoke else FULL
    found = [part(scale) for part in PARTS]
    rows = [row for each in found for row in each.rows]
    return Result(rows, {name: plot for each in found for name, plot in each.series.items()})


if __name__ == "__main__":
    main(measure, __doc__)
