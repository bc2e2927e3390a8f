"""Section 5: requests per second of an application, by what guards its one route.

    python -m benchmarks.suite.requests --smoke

FastAPI runs under uvicorn (one worker; its loop and parser as installed). Flask runs under gunicorn (one sync
worker, so a connection for each request). wrk drives them with one thread and a few connections. All servers
of a framework run side by side and are driven in turn. The rounds are short and go forth and back through the
variants. A figure is the median of its rounds, a ratio the median of each round's ratio.

All requests have the same token. Ours answers from its cache after the first request, as it would for a user
who sends many. The peers have no cache and verify each time, with their keys in memory. "Empty" is the
framework's own time for a dependency or a decorator that reads the header and finds no user.

wrk and the server share this machine's cores. Before a variant is driven it must accept the token, and refuse
one that another key has signed. wrk must not receive any status but 200.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from cognito_mr_auth.testing import FakeUserPool

from ._result import Result, Row, at_least, missing, plain
from ._run import main
from .apps._servers import GUNICORN, UVICORN, Server, ask, serving
from .apps._settings import Settings

__all__ = ["measure"]

SECTION = "requests"
# Rounds and their seconds: many short ones, so that what is compared ran at the same moment.
ROUNDS, SECONDS = 15, 1
SMOKE_ROUNDS, SMOKE_SECONDS = 1, 1
CONNECTIONS = 8
WRK_EXTRA_SECONDS = 30.0
NO_AUTH = "no auth"

_RATE = re.compile(r"^Requests/sec:\s+([0-9.]+)$", re.MULTILINE)
_WRONG = re.compile(r"^\s*Non-2xx.*$|^\s*Socket errors: .*timeout [1-9].*$", re.MULTILINE)


class Variant(NamedTuple):
    """One way to guard the route: its yardstick, its limit, and the package without which it is missing."""

    name: str
    against: str = NO_AUTH
    limit: float | None = None
    package: str = ""
    guarded: bool = True


class Framework(NamedTuple):
    """A framework under its server."""

    name: str
    command: tuple[str, ...]
    packages: tuple[str, ...]
    variants: tuple[Variant, ...]


FRAMEWORKS = (
    Framework(
        "FastAPI",
        UVICORN,
        ("fastapi", "uvicorn"),
        (
            Variant(NO_AUTH, guarded=False),
            Variant("ours, ASGI middleware", limit=0.90),
            Variant("empty dependency", guarded=False),
            Variant("ours, dependency", "empty dependency", 0.95),
            Variant("fastapi-cognito", package="fastapi_cognito"),
            Variant("PyJWT by hand", package="jwt"),
        ),
    ),
    Framework(
        "Flask",
        GUNICORN,
        ("flask", "gunicorn"),
        (
            Variant(NO_AUTH, guarded=False),
            Variant("ours, WSGI middleware"),
            Variant("empty decorator", guarded=False),
            Variant("ours, decorator", "empty decorator"),
            Variant("PyJWT by hand", package="jwt"),
        ),
    ),
)


class Tokens(NamedTuple):
    """One that is let in, and one that is not."""

    good: str
    forged: str


def drive(server: Server, token: str, seconds: int) -> float:
    """Requests per second, by wrk."""
    command = [shutil.which("wrk") or "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    command += [*server.wrk, "-H", f"Authorization: Bearer {token}", server.url]
    limit = seconds + WRK_EXTRA_SECONDS
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=limit).stdout
    rate, wrong = _RATE.search(said), _WRONG.search(said)
    if rate is None or wrong is not None or float(rate[1]) == 0:
        raise RuntimeError(f"wrk saw something else than answers of status 200:\n{said}")
    return float(rate[1])


def prove(variant: Variant, server: Server, tokens: Tokens) -> None:
    """Raises unless the variant lets the good token in and the forged one not, if it looks at them."""
    statuses = ask(server, tokens.good), ask(server, tokens.forged)
    if statuses != (200, 401 if variant.guarded else 200):
        raise RuntimeError(f"{variant.name} answered {statuses} to a good and a forged token")


@contextmanager
def started(framework: Framework, variants: list[Variant]) -> Iterator[tuple[dict[str, Server], Tokens]]:
    """A pool on loopback and a server for each variant, all proved."""
    pool = FakeUserPool()
    tokens = Tokens(pool.access_token(), pool.access_token(signed_by="foreign"))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, pool.serve() as served, ExitStack() as stack:
        servers = {}
        for variant in variants:
            settings = Settings.of(pool, served, variant.name)
            server = stack.enter_context(serving(framework.command, settings, Path(folder)))
            prove(variant, server, tokens)
            servers[variant.name] = server
        yield servers, tokens


def rounds_of(framework: Framework, variants: list[Variant], *, smoke: bool) -> dict[str, list[float]]:
    """Requests per second of each round, by variant."""
    rounds, seconds = (SMOKE_ROUNDS, SMOKE_SECONDS) if smoke else (ROUNDS, SECONDS)
    found: dict[str, list[float]] = {variant.name: [] for variant in variants}
    with started(framework, variants) as (servers, tokens):
        if not smoke:
            for server in servers.values():
                drive(server, tokens.good, 1)  # warms the server up
        for turn in range(rounds):
            for name in found if turn % 2 == 0 else reversed(found):
                found[name].append(drive(servers[name], tokens.good, seconds))
    return found


def rows_of(framework: Framework, found: Mapping[str, list[float]], absent: Mapping[str, str]) -> list[Row]:
    """The table's lines."""
    rows = []
    for variant in framework.variants:
        name = f"{framework.name}, {variant.name}"
        if variant.name in absent:
            rows.append(missing(SECTION, name, "req/s", absent[variant.name]))
            continue
        pairs = zip(found[variant.name], found[variant.against], strict=True)
        ratio = statistics.median(one / other for one, other in pairs)
        value = statistics.median(found[variant.name])
        row = plain(SECTION, name, value, "req/s", of=value / ratio, against=variant.against)
        rows.append(row if variant.limit is None else at_least(row, variant.limit))
    return rows


def _absent(framework: Framework) -> dict[str, str]:
    """Why variants cannot be measured here."""
    found = {}
    for variant in framework.variants:
        needed = (*framework.packages, *filter(None, [variant.package]))
        lacking = [name for name in needed if find_spec(name) is None]
        if shutil.which("wrk") is None:
            found[variant.name] = "wrk is not installed"
        elif lacking:
            found[variant.name] = f"{', '.join(lacking)} is not installed"
    return found


def measure(*, smoke: bool) -> Result:
    """Both frameworks, one after the other."""
    rows: list[Row] = []
    rounds: dict[str, Mapping[str, list[float]]] = {}
    for framework in FRAMEWORKS:
        absent = _absent(framework)
        present = [variant for variant in framework.variants if variant.name not in absent]
        rounds[framework.name] = rounds_of(framework, present, smoke=smoke) if present else {}
        rows += rows_of(framework, rounds[framework.name], absent)
    return Result(rows, {"requests-rounds": rounds})


if __name__ == "__main__":
    main(measure, __doc__)
