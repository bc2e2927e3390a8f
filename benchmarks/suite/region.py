"""Section 6, a Region dies: verifications over time while the primary's endpoint hangs and comes back.

    .venvs/bench/bin/python -m benchmarks.suite.region --smoke

The pool is on loopback over TLS, in its default form: the original endpoint, one replica, and an updated
issuer. That one answers 403, because the pool has not switched to it. Each contender runs in its own process,
one after the other on the same schedule: fine, hanging, back. It verifies a few hundred known tokens in turn,
as fast as it can, on one thread. Keys have a short life, so that they are refreshed many times in a run. Our
windows are the defaults (15 min, 1 h, 24 h) divided by the same number. The peers' key sets live as long as
ours do before they are renewed. Every other setting of a peer is its default, except in the row that names
another. Two kinds of time are not scaled: timeouts (ours 2 s, PyJWKClient 30 s, Powertools 3 s) and back-offs
(ours 2 to 60 s, Powertools' 1 to 30 s).

For each bin of 100 ms a contender records verifications, errors and the slowest call. "Standing still"
is the time in bins without a single success. A call counts in the phase in which it ended, and as the
slowest of the phase in which it began.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks._deployment import trusted
from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

from ._result import Result, Row, missing
from ._run import main

SECTION = "region"
# The argument that makes a child of us.
COMPETE = "--compete"
ROOT = Path(__file__).resolve().parents[2]
AUDIENCE = "https://orders.example.com"
BIN_SECONDS = 0.1
# Until the contender's first call, so that it and the schedule begin together.
LEAD_SECONDS = 0.2
# A contender that neither ends nor is released by heal() is stuck for good.
CHILD_SECONDS = 60
# Our defaults, 900 s, 3600 s and 86400 s, as multiples of the first.
REVALIDATE, MAX_STALE = 4, 96
PHASES = ("fine", "hanging", "back")

Verify = Callable[[str], object]


class Scale(NamedTuple):
    """How long each phase lasts, how long keys are fresh, in seconds; how many tokens."""

    phases: tuple[float, float, float]
    fresh: float
    tokens: int


FULL = Scale((4.0, 6.0, 4.0), 1.0, 300)
SMOKE = Scale((0.5, 1.0, 0.5), 0.2, 20)


# ---- the contenders, each in its own process


def ours(plan: Mapping[str, Any], *, replicas: bool = True, **options: Any) -> Verify:
    """Our verifier, which knows all endpoints of the pool or the primary's alone."""
    pool = UserPool(
        plan["user_pool_id"],
        client_ids=[plan["client_id"]],
        replica_regions=plan["replica_regions"],
        audience=AUDIENCE,
        jwks_urls=plan["jwks_urls"] if replicas else plan["jwks_url"],
    )
    fresh = plan["fresh"]
    verifier = Verifier(
        pool,
        token_use="access",
        refresh_after=fresh,
        revalidate_after=fresh * REVALIDATE,
        max_stale=fresh * MAX_STALE,
        ssl_context=ssl.create_default_context(cafile=plan["authority"]),
        **options,
    )
    verifier.warm()
    return verifier.verify


def pyjwt(plan: Mapping[str, Any], **options: Any) -> Verify:
    """PyJWT with its PyJWKClient, as its documentation has it, and the checks that ours makes."""
    import jwt

    context = ssl.create_default_context(cafile=plan["authority"])
    keys = jwt.PyJWKClient(plan["jwks_url"], lifespan=plan["fresh"], ssl_context=context, **options)
    expected = ("access", plan["client_id"])

    def verify(token: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=["RS256"],
            issuer=plan["issuer"],
            audience=AUDIENCE,
            options={"require": ["exp", "iat", "sub"]},
        )
        if (claims.get("token_use"), claims.get("client_id")) != expected:
            raise ValueError("another use or another client")
        return claims

    return verify


def powertools(plan: Mapping[str, Any]) -> Verify:
    """Powertools for AWS Lambda; it takes the authority from SSL_CERT_FILE."""
    from aws_lambda_powertools.utilities.auth_alpha import JWTVerifier

    verifier = JWTVerifier(
        issuer=plan["issuer"],
        audience=AUDIENCE,
        algorithms=["RS256"],
        jwks_uri=plan["jwks_url"],
        required_claims=["sub", "iat"],
        expected_claims={"token_use": "access", "client_id": plan["client_id"]},
        jwks_max_age_seconds=plan["fresh"],
    )
    verify: Verify = verifier.verify
    return verify


CONTENDERS: Mapping[str, Callable[[Mapping[str, Any]], Verify]] = {
    "ours": ours,
    "ours, no token cache": lambda plan: ours(plan, cache_size=0),
    "ours, no replica": lambda plan: ours(plan, replicas=False),
    "PyJWT": pyjwt,
    "PyJWT, timeout 2 s": lambda plan: pyjwt(plan, timeout=2),
    "Powertools": powertools,
}
YARDSTICK = "PyJWT"


def compete() -> None:
    """The child: its plan comes on stdin, then the moment to begin; its record goes to stdout."""
    plan = json.loads(sys.stdin.readline())
    try:
        verify = CONTENDERS[plan["contender"]](plan)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), flush=True)
        return
    prove(verify, plan)
    print(json.dumps({"ready": True}), flush=True)
    print(json.dumps(record(verify, plan, float(sys.stdin.readline()))), flush=True)


def prove(verify: Verify, plan: Mapping[str, Any]) -> None:
    """Raises unless the contender lets every token in and a forged one out."""
    for token in plan["tokens"]:
        verify(token)
    try:
        verify(plan["forged"])
    except Exception:  # noqa: BLE001 - each peer has errors of its own
        return
    raise RuntimeError(f"{plan['contender']} let a forged token in")


def record(verify: Verify, plan: Mapping[str, Any], start: float) -> dict[str, Any]:
    """Verify until the schedule is over: [verifications, errors, slowest s] by bin, slowest by phase."""
    ends = [start + sum(plan["phases"][: each + 1]) for each in range(len(PHASES))]
    bins = [[0, 0, 0.0] for _ in range(round((ends[-1] - start) / BIN_SECONDS))]
    slowest = [0.0] * len(PHASES)
    clock = time.monotonic
    time.sleep(max(0.0, start - clock()))
    for token in cycle(plan["tokens"]):
        began = clock()
        if began >= ends[-1]:
            break
        failed = 0
        try:
            verify(token)
        except Exception:  # noqa: BLE001 - each peer has errors of its own
            failed = 1
        ended = clock()
        taken = ended - began
        at = bins[min(int((ended - start) / BIN_SECONDS), len(bins) - 1)]
        at[failed] += 1
        at[2] = max(at[2], taken)
        phase = (began >= ends[0]) + (began >= ends[1])
        slowest[phase] = max(slowest[phase], taken)
    return {"bins": bins, "slowest": slowest}


# ---- the schedule


class Scene(NamedTuple):
    """The served pool, and the settings of every contender."""

    endpoints: FakeEndpoints
    settings: Mapping[str, Any]


@contextmanager
def scene(scale: Scale) -> Iterator[Scene]:
    """A pool on loopback over TLS, its authority in a file, and tokens."""
    pool = FakeUserPool(tls=True, updated_enabled=False)
    with tempfile.TemporaryDirectory() as folder, pool.serve() as endpoints:
        authority = Path(folder) / "ca.pem"
        authority.write_text(trusted(endpoints))
        tokens = [pool.access_token(audience=AUDIENCE, claims={"n": n}) for n in range(scale.tokens)]
        settings = {
            "user_pool_id": pool.user_pool_id,
            "client_id": pool.client_id,
            "replica_regions": list(pool.replica_regions),
            "issuer": pool.issuer(),
            "jwks_url": endpoints.original.url,
            "jwks_urls": endpoints.jwks_urls,
            "authority": str(authority),
            "tokens": tokens,
            "forged": pool.access_token(audience=AUDIENCE, signed_by="foreign"),
            "phases": scale.phases,
            "fresh": scale.fresh,
        }
        yield Scene(endpoints, settings)


def watch(name: str, on: Scene) -> dict[str, Any]:
    """One contender through the schedule: its record, or {"missing": why}."""
    environment = {**os.environ, "SSL_CERT_FILE": on.settings["authority"]}
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.suite.region", COMPETE],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdin and child.stdout  # noqa: S101, PT018 - for the reader: pipes
        child.stdin.write(json.dumps({**on.settings, "contender": name}) + "\n")
        child.stdin.flush()
        said = json.loads(child.stdout.readline() or "{}")
        if not said.get("ready"):
            _, complaint = child.communicate(timeout=CHILD_SECONDS)
            last = complaint.strip().splitlines()[-1:] or ["it said nothing"]
            return {"missing": said.get("missing", last[0])}
        start = time.monotonic() + LEAD_SECONDS
        child.stdin.write(f"{start!r}\n")
        child.stdin.flush()
        break_and_heal(on, start)
        answer, _ = child.communicate(timeout=CHILD_SECONDS)
        found: dict[str, Any] = json.loads(answer)
        return found
    finally:
        on.endpoints.heal()
        child.kill()
        child.communicate()


def break_and_heal(on: Scene, start: float) -> None:
    """Let the primary hang at its time, and come back at its time."""
    fine, hanging, _ = on.settings["phases"]
    time.sleep(max(0.0, start + fine - time.monotonic()))
    on.endpoints.original.fail("hang")
    time.sleep(max(0.0, start + fine + hanging - time.monotonic()))
    on.endpoints.original.heal()


# ---- rows and plots


def measure(*, smoke: bool) -> Result:
    """Every contender through the schedule, one after the other."""
    scale = SMOKE if smoke else FULL
    with scene(scale) as on:
        found = {name: watch(name, on) for name in CONTENDERS}
    yardstick = figures(found[YARDSTICK], scale) if "bins" in found[YARDSTICK] else None
    rows: list[Row] = []
    for name, seen in found.items():
        if "missing" in seen:
            rows.append(missing(SECTION, f"{name}: verifications, fine", "/s", seen["missing"]))
            continue
        for what, (value, unit) in figures(seen, scale).items():
            of = yardstick[what][0] if yardstick and unit in ("/s", "ms") else 0.0
            row = Row(SECTION, f"{name}: {what}", value, unit, None)
            rows.append(row._replace(ratio=value / of, against=YARDSTICK) if of else row)
    seen = {name: each["bins"] for name, each in found.items() if "bins" in each}
    return Result(rows, series(seen, scale))


def figures(seen: Mapping[str, Any], scale: Scale) -> dict[str, tuple[float, str]]:
    """The figures of a contender's record, by name: (value, unit)."""
    bins, found = seen["bins"], {}
    edge, edges = 0.0, [0]
    for length in scale.phases:
        edge += length
        edges.append(round(edge / BIN_SECONDS))
    for phase, length, first, last in zip(PHASES, scale.phases, edges, edges[1:], strict=False):
        found[f"verifications, {phase}"] = sum(each[0] for each in bins[first:last]) / length, "/s"
    for phase, slowest in zip(PHASES, seen["slowest"], strict=True):
        found[f"slowest, {phase}"] = slowest * 1000, "ms"
    found["standing still"] = sum(not each[0] for each in bins) * BIN_SECONDS, "s"
    found["errors"] = float(sum(each[1] for each in bins)), "errors"
    return found


def series(seen: Mapping[str, list[list[float]]], scale: Scale) -> dict[str, Any]:
    """The two plots over time; a bin's point stands at its middle, in seconds."""
    fine, hanging, _ = scale.phases
    marks = [[fine, "the primary hangs"], [fine + hanging, "it is back"]]

    def plot(title: str, label: str, value: Callable[[list[float]], float]) -> dict[str, Any]:
        lines = {
            name: [[round((at + 0.5) * BIN_SECONDS, 3), value(each)] for at, each in enumerate(bins)]
            for name, bins in seen.items()
        }
        return {"title": title, "x": "seconds", "y": label, "lines": lines, "log": "y", "marks": marks}

    return {
        "region-verifications": plot(
            "A Region dies: verifications per second", "verifications/s", lambda each: each[0] / BIN_SECONDS
        ),
        "region-slowest": plot(
            "A Region dies: the slowest call that ended", "ms", lambda each: round(each[2] * 1000, 4)
        ),
        "region-errors": {name: [each[1] for each in bins] for name, bins in seen.items()},
    }


if __name__ == "__main__":
    if COMPETE in sys.argv:
        compete()
    else:
        main(measure, __doc__)
