"""Requests per second of each framework behind our adapter, over the same behind a constant authentication.

    .venv/bin/python -m benchmarks.frameworks --limit 0.93
    .venv/bin/python -m benchmarks.frameworks flask plain_asgi

Measures the modules of benchmarks/suite/apps/frameworks whose framework is installed in this environment, all
or those that are named, one after the other: two servers side by side, driven by wrk in turn, for short
rounds that go forth and back. Both are started several times, because where a process lies in memory makes
it some hundredths faster or slower for as long as it runs. One token throughout, as of a user who keeps
asking. Before that, ours must let a good token in and refuse a forged one, and the constant must let both in;
both give the same answer.

Prints, for each, the medians and the median of the rounds' ratios. `processor_ratio` is the same for the
processor time that a request takes of the server's processes, which other programs on the machine disturb
less; the limit is on requests per second. A framework below it is measured again, twice at most. Exit status
1 when one stays below it. Ends by itself, after a minute for each framework.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Literal, NamedTuple

from benchmarks.suite.apps import frameworks
from benchmarks.suite.apps._servers import ORDERS, Server, answer, serving
from benchmarks.suite.apps._settings import ANSWER, Settings
from benchmarks.suite.requests import drive
from cognito_mr_auth.testing import FakeUserPool

ATTEMPTS = 3
# What each of the two answers to a good and to a forged token.
ANSWERS = {"guarded": (200, 401), "constant": (200, 200)}


class Round(NamedTuple):
    """Requests per second, and per second of processor time."""

    rate: float
    of_processor: float


class Rounds(NamedTuple):
    """What each round found."""

    guarded: list[Round]
    constant: list[Round]

    def ratio(self, of: Literal["rate", "of_processor"] = "rate") -> float:
        """The median of the rounds' ratios."""
        pairs = zip(*self, strict=True)
        return statistics.median(getattr(one, of) / getattr(other, of) for one, other in pairs)


def driven(server: Server, token: str, seconds: int) -> Round:
    """One round of one server."""
    before = server.processor_seconds()
    rate = drive(server, token, seconds)
    return Round(rate, rate * seconds / (server.processor_seconds() - before))


def names() -> list[str]:
    """Every application that there is."""
    return sorted(each.name for each in iter_modules(frameworks.__path__) if not each.name.startswith("_"))


def application(name: str) -> Any:
    """Its module.

    Raises:
        ImportError: its framework or its server is not installed.
    """
    module = import_module(f"{frameworks.__name__}.{name}")
    if "." not in module.COMMAND[0]:
        import_module(module.COMMAND[0])
    for package in getattr(module, "LATER", ()):
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return module


def is_answer(body: bytes) -> bool:
    """Whether the route was reached; a protocol above HTTP says with status 200 that it was not."""
    return json.dumps(ANSWER, separators=(",", ":")).encode() in body.replace(b" ", b"")


@contextmanager
def started(module: Any) -> Iterator[tuple[dict[str, Server], str]]:
    """Both servers, proved, and the good token."""
    pool = FakeUserPool()
    good, forged = pool.access_token(), pool.access_token(signed_by="foreign")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, pool.serve() as served, ExitStack() as stack:
        servers, request = {}, getattr(module, "REQUEST", ORDERS)
        for variant, expected in ANSWERS.items():
            settings = Settings.of(pool, served, variant)
            server = stack.enter_context(serving(module.COMMAND, settings, Path(folder), request))
            said = answer(server, good), answer(server, forged)
            if tuple(status for status, _body in said) != expected or not is_answer(said[0][1]):
                raise RuntimeError(f"{module.NAME}, {variant}: {said} to a good and a forged token")
            servers[variant] = server
        yield servers, good


def measured(module: Any, starts: int, rounds: int, seconds: int) -> Rounds:
    """Drive both in turn, after each of these starts."""
    found = Rounds([], [])
    for _ in range(starts):
        with started(module) as (servers, token):
            for server in servers.values():
                drive(server, token, 1)  # warms it up
            for turn in range(rounds):
                for variant in list(ANSWERS) if turn % 2 else reversed(ANSWERS):
                    getattr(found, variant).append(driven(servers[variant], token, seconds))
    return found


def row(module: Any, found: Rounds, limit: float) -> str:
    """One line of JSON."""
    rates = {
        f"{variant}_per_s": round(statistics.median(each.rate for each in rounds))
        for variant, rounds in found._asdict().items()
    }
    ratios = {"ratio": round(found.ratio(), 3), "processor_ratio": round(found.ratio("of_processor"), 3)}
    return json.dumps({"framework": module.NAME, **rates, **ratios, "kept": found.ratio() >= limit})


def present(wanted: Sequence[str]) -> Iterator[Any]:
    """The modules that can be measured here; says what is missing for the others."""
    for name in wanted:
        try:
            yield application(name)
        except ImportError as error:
            print(json.dumps({"framework": name, "missing": str(error)}), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure until each keeps the limit, or has missed it in every attempt."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=4, help="after each start")
    parser.add_argument("--seconds", type=int, default=1, help="of each round")
    parser.add_argument("--limit", type=float, default=0.93)
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in names()]:
        parser.error(f"no such application: {', '.join(unknown)}")
    if shutil.which("wrk") is None:
        parser.error("wrk is not installed")
    left = list(present(options.names or names()))
    for _ in range(ATTEMPTS):
        for module in list(left):
            found = measured(module, options.starts, options.rounds, options.seconds)
            print(row(module, found, options.limit), flush=True)
            if found.ratio() >= options.limit:
                left.remove(module)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
