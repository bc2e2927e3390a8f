"""Section 2: the same token again, as each request of a session brings it.

    python -m benchmarks.suite.again --smoke

Ours finds the principal by the token's SHA-256, and checks its times and its key. The peers verify again,
because they store nothing. The yardstick is the least work of any cache: to compute the SHA-256 of the token
and look it up in a dict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from time import perf_counter

from cognito_mr_auth.testing import FakeUserPool

from . import _node
from ._peers import PEERS, SIZES, bare_rsa, build, mint, prove, signed
from ._result import Result, Row, at_least, at_most
from ._rounds import Bench, Found, Sample, each_of, measured
from ._run import main

SECTION = "again"
BATCH, SHORT_BATCH = 2000, 50
MOST_RSA, LEAST_PYJWT, MOST_SYNC = 0.15, 20.0, 2.0
SYNC, ASYNC, LIMIT = "ours", "ours, async", "SHA-256 and dict"
SMALL = "1.0 KB"


@contextmanager
def variants() -> Iterator[Bench]:
    """What takes turns: ours for each size, the peers for the small token."""
    pool = FakeUserPool()
    bench = Bench({}, {}, {})
    with asyncio.Runner() as runner:
        for size in SIZES:
            [token] = mint(pool, size, 1)
            verifier = pool.offline_verifier()
            prove("ours", verifier.verify, pool)
            verifier.verify(token)  # it is cached from here on
            bench.samples[f"bare RSA, {size}"] = _over(bare_rsa(pool), signed(token), SHORT_BATCH)
            bench.samples[f"{LIMIT}, {size}"] = _over(_look_up(token), token, BATCH)
            bench.samples[f"{SYNC}, {size}"] = _over(verifier.verify, token, BATCH)
            bench.samples[f"{ASYNC}, {size}"] = _awaited(runner, verifier.averify, token)
            if size == SMALL:
                small = token
                _add_peers(bench, pool, token)
        yield bench._replace(afterwards=lambda rounds: _under_node(bench, pool, small, rounds))


def _over(call: Callable[..., object], argument: object, batch: int) -> Sample:
    return each_of(call, [argument] * batch, batch)


def _look_up(token: str) -> Callable[[str], object]:
    """The least that recalling a token by its digest takes."""
    known = {sha256(token.encode()).digest(): object()}

    def look_up(text: str) -> object:
        return known[sha256(text.encode()).digest()]

    return look_up


def _awaited(runner: asyncio.Runner, averify: Callable[[str], Awaitable[object]], token: str) -> Sample:
    """A loop of awaits inside one coroutine, as a request's handler would await."""

    async def loop() -> float:
        tokens = [token] * BATCH
        started = perf_counter()
        for each in tokens:
            await averify(each)
        return (perf_counter() - started) / BATCH

    return lambda _number: runner.run(loop())


def _add_peers(bench: Bench, pool: FakeUserPool, token: str) -> None:
    for peer in PEERS:
        name = f"{peer.name}, {SMALL}"
        verify, about = build(peer, pool)
        if verify is None:
            bench.absent[name] = about
            continue
        own = mint(pool, SMALL, 1, bound=True)[0] if peer.bound else token
        bench.samples[name] = _over(verify, own, SHORT_BATCH)
        bench.notes[name] = about


def _under_node(bench: Bench, pool: FakeUserPool, token: str, rounds: int) -> Mapping[str, float]:
    name, why = f"{_node.NODE_PEER}, {SMALL}", _node.node_missing()
    if why:
        bench.absent[name] = why
        return {}
    seconds, about = _node.node_seconds(pool, {SMALL: [token]}, rounds)
    bench.notes[name] = f"{about}: {_node.NODE_CHECKS}"
    return {name: seconds[name]}


def rows(found: Found) -> list[Row]:
    """The table's lines and their limits."""
    lines: list[Row] = []
    for name in found.medians:
        size = next(size for size in SIZES if name.endswith(f", {size}"))
        row = found.row(name, f"bare RSA, {size}")
        lines.append(at_most(row, MOST_RSA) if name == f"{SYNC}, {SMALL}" else row)
    for size in SIZES:
        sync, on_loop = f"{SYNC}, {size}", f"{ASYNC}, {size}"
        times = found.medians[on_loop] / found.medians[sync]
        row = Row(SECTION, f"{on_loop}: over sync", times, "x", times, "ours sync")
        lines.append(at_most(row, MOST_SYNC) if size == SMALL else row)
        over = found.medians[sync] / found.medians[f"{LIMIT}, {size}"]
        lines.append(Row(SECTION, f"{sync}: over {LIMIT}", over, "x", over, LIMIT))
    if f"PyJWT, {SMALL}" in found.medians:
        factor = found.times_as_fast(f"{SYNC}, {SMALL}", f"PyJWT, {SMALL}", against="PyJWT")
        lines.append(at_least(factor, LEAST_PYJWT))
    return lines


def measure(*, smoke: bool) -> Result:
    """Every variant's median, and the limits of the 1.0 KB token."""
    found = measured(SECTION, smoke=smoke)
    return found.result(rows(found))


if __name__ == "__main__":
    main(measure, __doc__)
