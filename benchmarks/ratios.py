"""Whether verification still costs about what it should, as ratios to one bare RSA-2048 verification.

    .venv/bin/python benchmarks/ratios.py

A guard, not a measurement: the limits are two to ten times what `make bench` finds, so that only a mistake
reaches them. Samples of all kinds take turns in one process, and the shortest of each kind counts, which
is the one that nothing disturbed. Exit status 1 when a limit is missed in each of three attempts;
`--scale 0.1` makes the limits ten times as strict.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from _attempts import arguments, attempt
from suite._peers import bare_rsa, mint, signed

from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import FakeUserPool

# Kind -> (the kind that it is compared with, the highest ratio).
LIMITS: Mapping[str, tuple[str, float]] = {
    "never seen": ("bare RSA", 5.0),
    "again": ("bare RSA", 0.6),
    "again, async": ("again", 4.0),
    "forged signature": ("never seen", 2.5),
    "1 MB of dots": ("bare RSA", 1.0),
}
# Calls in one sample: 1 or 2 ms, so that one is seldom interrupted.
FEW, MANY = 40, 400

Sample = Callable[[], float]


def over(call: Callable[[str], object], tokens: Sequence[str]) -> float:
    """Seconds for one call."""
    started = time.perf_counter()
    for token in tokens:
        call(token)
    return (time.perf_counter() - started) / len(tokens)


async def awaited(call: Callable[[str], object], tokens: Sequence[str]) -> float:
    """The same on an event loop."""
    started = time.perf_counter()
    for token in tokens:
        await call(token)  # type: ignore[misc]
    return (time.perf_counter() - started) / len(tokens)


def refusing(call: Callable[[str], object]) -> Callable[[str], None]:
    """Return a function whose call must fail."""

    def refuse(token: str) -> None:
        try:
            call(token)
        except AuthError:
            return
        raise RuntimeError("accepted a bad token")

    return refuse


def samples(pool: FakeUserPool, runner: asyncio.Runner) -> Mapping[str, Sample]:
    """What takes turns."""
    tokens = mint(pool, "1.0 KB", FEW)
    bare, octets = bare_rsa(pool), {token: signed(token) for token in tokens}
    # With another token's signature, because one of another key may be too large for ours and refused at
    # once.
    forged = [tokens[0].rpartition(".")[0] + "." + tokens[1].rpartition(".")[2]] * FEW
    verifier = pool.offline_verifier()
    verifier.verify(tokens[0])
    refuse = refusing(verifier.verify)

    def never_seen() -> float:
        fresh = pool.offline_verifier()
        fresh.verify(pool.access_token())  # its keys are ready from here on
        return over(fresh.verify, tokens)

    return {
        "bare RSA": lambda: over(lambda token: bare(octets[token]), tokens),
        "never seen": never_seen,
        "again": lambda: over(verifier.verify, tokens[:1] * MANY),
        "again, async": lambda: runner.run(awaited(verifier.averify, tokens[:1] * MANY)),
        "forged signature": lambda: over(refuse, forged),
        "1 MB of dots": lambda: over(refuse, ["." * 1024 * 1024] * FEW),
    }


def measure(rounds: int) -> dict[str, float]:
    """The ratio of each kind."""
    with asyncio.Runner() as runner:
        kinds = samples(FakeUserPool(), runner)
        rows = [[sample() for sample in kinds.values()] for _ in range(rounds)]
    least = dict(zip(kinds, map(min, zip(*rows, strict=True)), strict=True))
    return {kind: round(least[kind] / least[against], 3) for kind, (against, _) in LIMITS.items()}


def main() -> int:
    """Measure until an attempt keeps every limit."""
    options = arguments(__doc__, rounds=10, scale=1.0).parse_args()
    return attempt(
        lambda: measure(options.rounds),
        lambda found: all(found[kind] <= limit * options.scale for kind, (_, limit) in LIMITS.items()),
    )


if __name__ == "__main__":
    sys.exit(main())
