"""Section 4: what a new process costs, from its start to its first verified token.

    python -m benchmarks.suite.cold_start --smoke

Whole processes take turns. Those of Python see the packages of a deployment and no start-up hooks, as in
`benchmarks/cold_start.py`; the yardstick only imports `cryptography`'s RSA. Each prints the subject of the
token that it has verified, and is timed until the parent has read it. Keys that are fetched come over TLS
from loopback, as Cognito's do over the Internet; whether a process asked for keys is checked each time.

Before anything is measured, each program must refuse the same token with a forged signature.
"""

from __future__ import annotations

import json
import select
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from benchmarks._deployment import command, inherited, packages, trusted
from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

from ._node import home, node_missing
from ._result import Result, Row, ahead_of, at_least, at_most, missing, plain
from ._run import main

__all__ = ["measure"]

SECTION = "cold-start"
# The medians' sample sizes; a smoke run only shows that each program does its work.
ROUNDS, SMOKE_ROUNDS = 15, 2
CHILD_SECONDS = 60.0
AUDIENCE = "https://orders.example.com"
SUBJECT = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

# The limits of issue 5.
RSA_LIMIT, PYJWT_LIMIT = 2.4, 1.8

BASE = "bare import of RSA"
OURS, OURS_FETCHED = "ours, key file", "ours, keys fetched"
STATIC, CLIENT = "PyJWT, static key", "PyJWT, PyJWKClient"
TOOLS, TOOLS_FETCHED = "Powertools auth_alpha, static JWKS", "Powertools auth_alpha, JWKS fetched"
JWT_VERIFY = "aws-jwt-verify (Node), static JWKS"

IMPORT_ALONE = """
from cryptography.hazmat.primitives.asymmetric import padding, rsa
print("SUBJECT", flush=True)
""".replace("SUBJECT", SUBJECT)
# Each setting as an application would have it: a module of constants, here of the environment.
READY = """
import os, sys
from cognito_mr_auth import UserPool, Verifier
pool = UserPool(
    os.environ["POOL"],
    client_ids=[os.environ["CLIENT"]],
    replica_regions=["us-east-1"],
    audience=os.environ["AUDIENCE"],
    KEYS
)
print(Verifier(pool, token_use="access").verify(os.environ["TOKEN"]).subject, flush=True)
"""
# The pool's own endpoints are on the Internet: with fresh keys none of them may be asked, and what asks
# imports httpx before. The line was printed, so this is not timed.
NOT_ASKED = """
if "httpx" in sys.modules:
    raise SystemExit("keys were asked for")
"""
FROM_KEY_FILE = 'key_file=os.environ["KEY_FILE"],'
FROM_LOOPBACK = 'jwks_urls=__import__("json").loads(os.environ["JWKS_URLS"]),'

PYJWT = """
import os
import jwt
KEYS
claims = jwt.decode(
    os.environ["TOKEN"],
    key,
    algorithms=["RS256"],
    issuer=os.environ["ISSUER"],
    audience=os.environ["AUDIENCE"],
    options={"require": ["exp", "sub"]},
)
if (claims["token_use"], claims["client_id"]) != ("access", os.environ["CLIENT"]):
    raise PermissionError("not for this client")
print(claims["sub"], flush=True)
"""
POWERTOOLS = """
import json, os
from aws_lambda_powertools.utilities.auth_alpha import JWTVerifier
verifier = JWTVerifier(
    issuer=os.environ["ISSUER"],
    audience=os.environ["AUDIENCE"],
    algorithms=["RS256"],
    required_claims=["sub"],
    expected_claims={"token_use": "access", "client_id": os.environ["CLIENT"]},
    KEYS
)
print(verifier.verify(os.environ["TOKEN"])["sub"], flush=True)
"""
NODE_SCRIPT = """
const { CognitoJwtVerifier } = require("aws-jwt-verify");
const { readFileSync } = require("node:fs");
const { POOL, CLIENT, JWKS_FILE, TOKEN } = process.env;
const verifier = CognitoJwtVerifier.create({ userPoolId: POOL, tokenUse: "access", clientId: CLIENT });
verifier.cacheJwks(JSON.parse(readFileSync(JWKS_FILE, "utf8")));
console.log(verifier.verifySync(TOKEN).sub);
"""
FROM_PEM = 'key = open(os.environ["PEM_FILE"]).read()'
FROM_CLIENT = (
    'key = jwt.PyJWKClient(os.environ["JWKS_URL"]).get_signing_key_from_jwt(os.environ["TOKEN"]).key'
)
FROM_TLS, FROM_FILE = 'jwks_uri=os.environ["JWKS_URL"],', 'jwks=json.load(open(os.environ["JWKS_FILE"])),'


class Program(NamedTuple):
    """A program, the distributions without which it is missing, and whether it asks for keys."""

    code: str
    distributions: tuple[str, ...] = ()
    asks: bool = False


POWERED = ("aws-lambda-powertools", "pyjwt", "urllib3")
PROGRAMS: Mapping[str, Program] = {
    BASE: Program(IMPORT_ALONE),
    OURS: Program(READY.replace("KEYS", FROM_KEY_FILE) + NOT_ASKED),
    OURS_FETCHED: Program(READY.replace("KEYS", FROM_LOOPBACK), asks=True),
    STATIC: Program(PYJWT.replace("KEYS", FROM_PEM), ("pyjwt",)),
    CLIENT: Program(PYJWT.replace("KEYS", FROM_CLIENT), ("pyjwt",), asks=True),
    TOOLS: Program(POWERTOOLS.replace("KEYS", FROM_FILE), POWERED),
    TOOLS_FETCHED: Program(POWERTOOLS.replace("KEYS", FROM_TLS), POWERED, asks=True),
    JWT_VERIFY: Program(NODE_SCRIPT),
}


class Scene(NamedTuple):
    """The variables of child processes, how each is started, and the endpoints that they may ask."""

    environment: Mapping[str, str]
    commands: Mapping[str, list[str]]
    endpoints: FakeEndpoints
    good: str
    forged: str


@contextmanager
def scene(names: list[str]) -> Iterator[Scene]:
    """A pool on loopback, its keys in files, two tokens, and a command for each program."""
    pool = FakeUserPool(tls=True)
    with tempfile.TemporaryDirectory() as temporary, pool.serve() as endpoints:
        folder = Path(temporary)
        files = {
            name: folder / name.lower() for name in ("KEY_FILE", "JWKS_FILE", "PEM_FILE", "SSL_CERT_FILE")
        }
        pool.verifier(pool=pool.user_pool(key_file=files["KEY_FILE"])).warm()
        files["KEY_FILE"].write_text(_deployed(files["KEY_FILE"].read_text(), endpoints))
        files["JWKS_FILE"].write_text(json.dumps(pool.jwks()))
        files["PEM_FILE"].write_bytes(pool.access_key.public_pem())
        files["SSL_CERT_FILE"].write_text(trusted(endpoints))
        variables = {name: str(file) for name, file in files.items()} | {
            "POOL": pool.user_pool_id,
            "CLIENT": pool.client_id,
            "ISSUER": pool.issuer(),
            "AUDIENCE": AUDIENCE,
            "JWKS_URL": endpoints.original.url,
            "JWKS_URLS": json.dumps(endpoints.jwks_urls),
            "NODE_PATH": str(home() / "node_modules"),
        }
        yield Scene(
            {**inherited(), **variables},
            _commands(names, folder),
            endpoints,
            pool.access_token(subject=SUBJECT, audience=AUDIENCE),
            pool.access_token(subject=SUBJECT, audience=AUDIENCE, signed_by="foreign"),
        )


def _deployed(text: str, endpoints: FakeEndpoints) -> str:
    """The key file as a pool writes it whose endpoints are Cognito's own."""
    for endpoint in endpoints:
        text = text.replace(json.dumps(endpoint.url), json.dumps(f"{endpoint.issuer}/.well-known/jwks.json"))
    return text


def _commands(names: list[str], folder: Path) -> dict[str, list[str]]:
    seen = packages(folder / "packages")
    script = folder / "first.cjs"
    script.write_text(NODE_SCRIPT)
    found = {name: command(PROGRAMS[name].code, seen) for name in names if name != JWT_VERIFY}
    if JWT_VERIFY in names:
        found[JWT_VERIFY] = [shutil.which("node") or "node", str(script)]
    return {name: found[name] for name in names}


def absent(name: str) -> str:
    """Why a program cannot be run here; "" for one that can."""
    if name == JWT_VERIFY:
        return node_missing()
    for each in PROGRAMS[name].distributions:
        try:
            distribution(each)
        except PackageNotFoundError:
            return f"{each} is not installed"
    return ""


def first(name: str, here: Scene, token: str) -> tuple[float, bytes]:
    """Seconds from the start of a new process to its first line, and the line; b"" if it failed."""
    environment = {**here.environment, "TOKEN": token}
    started = time.perf_counter()
    child = subprocess.Popen(
        here.commands[name], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert child.stdout  # noqa: S101 - for the reader: a pipe
        with child.stdout:
            ready, _, _ = select.select([child.stdout], [], [], CHILD_SECONDS)
            line = child.stdout.readline() if ready else b""
            taken = time.perf_counter() - started
        return taken, line.strip() if child.wait(CHILD_SECONDS) == 0 else b""
    finally:
        child.kill()
        child.wait(CHILD_SECONDS)


def seconds(name: str, here: Scene) -> float:
    """One measured process, which must verify the token with keys from the place that was meant."""
    asked = here.endpoints.requests
    taken, line = first(name, here, here.good)
    if line != SUBJECT.encode():
        raise RuntimeError(f"{name} did not verify the token")
    fetched = here.endpoints.requests > asked
    if fetched != PROGRAMS[name].asks:
        raise RuntimeError(f"{name}: keys were {'' if fetched else 'not '}fetched")
    return taken


def prove(name: str, here: Scene) -> None:
    """Raises unless the program verifies a good token, and refuses one that another key has signed."""
    seconds(name, here)  # writes the byte code as well, and warms the disk
    _, line = first(name, here, here.forged)
    if line and name != BASE:
        raise RuntimeError(f"{name} took a forged token for good")


def measure(*, smoke: bool) -> Result:
    """Medians in milliseconds; the programs take turns, in the other direction every second round."""
    excuses = {name: absent(name) for name in PROGRAMS}
    names = [name for name in PROGRAMS if not excuses[name]]
    taken: dict[str, list[float]] = {name: [] for name in names}
    with scene(names) as here:
        for name in names:
            prove(name, here)
        for turn in range(SMOKE_ROUNDS if smoke else ROUNDS):
            for name in names if turn % 2 == 0 else reversed(names):
                taken[name].append(seconds(name, here) * 1000)
    found = {name: statistics.median(each) for name, each in taken.items()}
    rows = [_row(name, found, excuses[name]) for name in PROGRAMS]
    rows += [_ahead(found, STATIC, PYJWT_LIMIT), _ahead(found, JWT_VERIFY)]
    return Result(rows, {"cold-start-rounds": {"ms": taken}})


def _row(name: str, found: Mapping[str, float], excuse: str) -> Row:
    if excuse:
        return missing(SECTION, name, "ms", excuse)
    row = plain(SECTION, name, found[name], "ms", of=found[BASE], against=BASE)
    return at_most(row, RSA_LIMIT) if name == OURS else row


def _ahead(found: Mapping[str, float], peer: str, least: float | None = None) -> Row:
    """How many times as long the peer takes as ours with a key file; ahead of it, if no limit says more."""
    name = f"{OURS}: times as fast as {peer}"
    if peer not in found:
        return missing(SECTION, name, "x", "there is no peer to compare with")
    times = found[peer] / found[OURS]
    row = Row(SECTION, name, times, "x", times, "its speed")
    return ahead_of(row) if least is None else at_least(row, least)


if __name__ == "__main__":
    main(measure, __doc__)
