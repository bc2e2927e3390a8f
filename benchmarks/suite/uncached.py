"""Section 1: one verification of a token that was never seen, with the pool's keys at hand.

    python -m benchmarks.suite.uncached --smoke

The cache keeps the last 1,024 tokens. Each ring holds 1,100 distinct tokens, read in order, so a token is
always evicted before it comes again. Every verification is the full strict path. It stores the token's entry
and evicts an old one, as in a server that has run for an hour. The benchmark proves that none was found in
the cache: ours must not take less than half of bare RSA on the same bytes. Two more rows show the share of
the cache: with free room, in a verifier that is replaced every 1,000 tokens, and without cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cognito_mr_auth.testing import FakeUserPool

from . import _node
from ._peers import PEERS, SIZES, bare_rsa, build, mint, prove, signed
from ._result import Result, Row, ahead_of, at_least, at_most
from ._rounds import Bench, Found, Sample, each_of, measured
from ._run import main

SECTION = "uncached"
RING, RING_WITH_ROOM, BATCH = 1100, 1000, 50
MOST_RSA, LEAST_PYJWT = 1.65, 2.2
# A recalled token takes a tenth of bare RSA; a smoke run on a busy machine must not be taken for one.
RECALLED = 0.5
AHEAD_OF = ("joserfc", "authlib", _node.NODE_PEER)


@contextmanager
def variants() -> Iterator[Bench]:
    """What takes turns, for each size."""
    pool = FakeUserPool()
    bench = Bench({}, {}, {})
    rings = {size: mint(pool, size, RING) for size in SIZES}
    for size, ring in rings.items():
        ours = pool.offline_verifier()
        prove("ours", ours.verify, pool)
        for token in ring:
            ours.verify(token)  # the cache is full from here on
        bench.samples[f"bare RSA, {size}"] = each_of(bare_rsa(pool), [*map(signed, ring)], BATCH)
        bench.samples[f"ours, {size}"] = each_of(ours.verify, ring, BATCH)
        bench.samples[f"ours, room in the cache, {size}"] = _with_room(pool, ring)
        bench.notes[f"ours, room in the cache, {size}"] = "no entry is thrown out"
        uncaching = pool.offline_verifier(cache_size=0)
        bench.samples[f"ours, without cache, {size}"] = each_of(uncaching.verify, ring, BATCH)
        bench.notes[f"ours, without cache, {size}"] = "cache_size=0"
        _add_peers(bench, pool, size, ring)
    yield bench._replace(afterwards=lambda rounds: _under_node(bench, pool, rings, rounds))


def _with_room(pool: FakeUserPool, ring: list[str]) -> Sample:
    """A new verifier whenever its cache would be full; it has seen a token's header, but none of these."""
    fresh = ring[:RING_WITH_ROOM]
    other = mint(pool, "1.0 KB", 1)[0]
    sample: Sample

    def on_a_new_one(number: int) -> float:
        nonlocal sample
        if number % (RING_WITH_ROOM // BATCH) == 0:
            verifier = pool.offline_verifier()
            verifier.verify(other)
            sample = each_of(verifier.verify, fresh, BATCH)
        return sample(number)

    return on_a_new_one


def _add_peers(bench: Bench, pool: FakeUserPool, size: str, ring: list[str]) -> None:
    for peer in PEERS:
        name = f"{peer.name}, {size}"
        verify, about = build(peer, pool)
        if verify is None:
            bench.absent[name] = about
            continue
        tokens = mint(pool, size, RING, bound=True) if peer.bound else ring
        bench.samples[name] = each_of(verify, tokens, BATCH)
        bench.notes[name] = about


def _under_node(
    bench: Bench, pool: FakeUserPool, rings: Mapping[str, list[str]], rounds: int
) -> Mapping[str, float]:
    """The same tokens in Node; a missing one is noted for each size."""
    why = _node.node_missing()
    if why:
        bench.absent.update({f"{_node.NODE_PEER}, {size}": why for size in rings})
        return {}
    seconds, about = _node.node_seconds(pool, rings, rounds)
    for size in rings:
        peer, bare = f"{_node.NODE_PEER}, {size}", f"{_node.NODE_BARE}, {size}"
        times = seconds[peer] / seconds[bare]
        bench.notes[peer] = f"{about}: {_node.NODE_CHECKS}; {times:.2f} x Node's bare RSA"
    return seconds


def rows(found: Found) -> list[Row]:
    """The table's lines and their limits."""
    lines: list[Row] = []
    for size in SIZES:
        bare, ours = f"bare RSA, {size}", f"ours, {size}"
        if found.medians[ours] < found.medians[bare] * RECALLED:
            raise RuntimeError("a token was recalled: ours cannot be faster than bare RSA")
        for name in found.medians:
            if not name.endswith(f", {size}"):
                continue
            row = found.row(name, bare)
            lines.append(at_most(row, MOST_RSA) if name == "ours, 1.0 KB" else row)
    ours = "ours, 1.0 KB"
    if "PyJWT, 1.0 KB" in found.medians:
        factor = found.times_as_fast(ours, "PyJWT, 1.0 KB", against="PyJWT")
        lines.append(at_least(factor, LEAST_PYJWT))
    peers = [peer for peer in AHEAD_OF if f"{peer}, 1.0 KB" in found.medians]
    factors = (found.times_as_fast(ours, f"{peer}, 1.0 KB", against=peer) for peer in peers)
    lines += map(ahead_of, factors)
    return lines


def measure(*, smoke: bool) -> Result:
    """Every variant's median, and the limits of the 1.0 KB token."""
    found = measured(SECTION, smoke=smoke)
    return found.result(rows(found))


if __name__ == "__main__":
    main(measure, __doc__)
