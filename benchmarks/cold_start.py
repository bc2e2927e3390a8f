"""The cost of a Lambda authorizer's cold start, from a new process to its first response.

    .venv/bin/python benchmarks/cold_start.py --rounds 15 --limit 2.8

Whole processes of this interpreter take turns. They see the packages of a deployment and no start-up hooks.
One only imports `cryptography`'s RSA. The others are the ready-made handler with a baked key file,
Powertools' `auth_alpha`, and a handler on PyJWT's PyJWKClient. Each answers the same REST TOKEN event, and
its response is checked. The last rows show the cost of ours if the key file is older, or missing.

Fetched keys come from loopback over TLS, as Cognito's do. Powertools may also read them from a file, its best
case. Prints medians and ratios to RSA's import. The exit status is 1 if ours is above the limit, or slower
than a peer, in each of three attempts.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from _attempts import arguments, attempt
from _deployment import command, inherited, packages, trusted

from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

CHILD_SECONDS = 60
AUDIENCE = "https://orders.example.com"
SUBJECT = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
ARN = "arn:aws:execute-api:us-west-2:123456789012:abcdef123/prod/GET/orders"
# Older than refresh_after: such keys are used, and refreshed in the background.
AGE_SECONDS = 30 * 60
BASE, OURS = "cryptography's RSA", "ours, keys baked just now"

IMPORT_ALONE = """
from cryptography.hazmat.primitives.asymmetric import rsa
print("{}", flush=True)
"""
FIRST_ANSWER = """
print(json.dumps(handler(json.loads(os.environ["EVENT"]), None)), flush=True)
"""
READY = """
import json, os
from cognito_mr_auth.aws_lambda import handler
"""
AGED = """
import os
os.environ["COGNITO_BAKED_KEY_FILE"] = os.environ["AGED_KEY_FILE"]
"""
POWERTOOLS = """
import json, os
from aws_lambda_powertools.utilities.auth_alpha import JWTVerifier
verifier = JWTVerifier(
    issuer=os.environ["ISSUER"],
    audience=os.environ["COGNITO_AUDIENCE"],
    algorithms=["RS256"],
    required_claims=["sub"],
    expected_claims={"token_use": "access", "client_id": os.environ["COGNITO_CLIENT_IDS"]},
    KEYS
)
def handler(event, context):
    return verifier.authorize(event, context_claims=["sub", "client_id"])
"""
PYJWT = """
import json, os
import jwt
keys = jwt.PyJWKClient(os.environ["COGNITO_JWKS_URLS"])
def handler(event, context):
    token = event["authorizationToken"].removeprefix("Bearer ")
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token).key,
        algorithms=["RS256"],
        issuer=os.environ["ISSUER"],
        audience=os.environ["COGNITO_AUDIENCE"],
        options={"require": ["exp", "sub"]},
    )
    if (claims["token_use"], claims["client_id"]) != ("access", os.environ["COGNITO_CLIENT_IDS"]):
        raise Exception("Unauthorized")
    allow = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": [event["methodArn"]]}
    return {
        "principalId": claims["sub"],
        "policyDocument": {"Version": "2012-10-17", "Statement": [allow]},
        "context": {"sub": claims["sub"], "client_id": claims["client_id"]},
    }
"""
FROM_TLS = 'jwks_uri=os.environ["COGNITO_JWKS_URLS"],'
FROM_FILE = 'jwks=json.load(open(os.environ["JWKS_FILE"])),'


class Subject(NamedTuple):
    """A program, its own variables, and whether it requests keys (None: it may)."""

    code: str
    variables: tuple[str, ...] = ()
    asks: bool | None = True


SUBJECTS: Mapping[str, Subject] = {
    BASE: Subject(IMPORT_ALONE, asks=False),
    OURS: Subject(READY + FIRST_ANSWER, ("COGNITO_BAKED_KEY_FILE",), asks=False),
    "Powertools, JWKS in a file": Subject(
        POWERTOOLS.replace("KEYS", FROM_FILE) + FIRST_ANSWER, ("JWKS_FILE",), asks=False
    ),
    "Powertools, JWKS fetched": Subject(
        POWERTOOLS.replace("KEYS", FROM_TLS) + FIRST_ANSWER, ("SSL_CERT_FILE",)
    ),
    "PyJWT's PyJWKClient": Subject(PYJWT + FIRST_ANSWER, ("SSL_CERT_FILE",)),
    "ours, baked 30 minutes ago": Subject(
        AGED + READY + FIRST_ANSWER, ("AGED_KEY_FILE", "SSL_CERT_FILE"), asks=None
    ),
    "ours, keys fetched": Subject(READY + FIRST_ANSWER, ("SSL_CERT_FILE",)),
}
PEERS = tuple(name for name in SUBJECTS if "ours" not in name and name != BASE)
_OWN = {name for subject in SUBJECTS.values() for name in subject.variables}


class Scene(NamedTuple):
    """The served pool, the variables of child processes, and the folder of packages that they see."""

    environment: Mapping[str, str]
    endpoints: FakeEndpoints
    packages: Path


@contextmanager
def scene() -> Iterator[Scene]:
    """A pool on loopback, its keys in files, and a token."""
    pool = FakeUserPool(tls=True)
    with tempfile.TemporaryDirectory() as temporary, pool.serve() as endpoints:
        folder = Path(temporary)
        baked, aged, jwks, authority = (
            folder / name for name in ("keys.json", "aged.json", "jwks.json", "ca.pem")
        )
        pool.verifier(pool=pool.user_pool(jwks_urls=endpoints.original.url, key_file=baked)).warm()
        aged.write_text(_aged(baked.read_text()))
        jwks.write_text(json.dumps(pool.jwks()))
        authority.write_text(trusted(endpoints))
        token = pool.access_token(subject=SUBJECT, audience=AUDIENCE)
        event = {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": ARN}
        variables = {
            "EVENT": json.dumps(event),
            "ISSUER": pool.issuer(),
            "JWKS_FILE": str(jwks),
            "SSL_CERT_FILE": str(authority),
            "COGNITO_USER_POOL_ID": pool.user_pool_id,
            "COGNITO_CLIENT_IDS": pool.client_id,
            "COGNITO_AUDIENCE": AUDIENCE,
            "COGNITO_JWKS_URLS": endpoints.original.url,
            "COGNITO_BAKED_KEY_FILE": str(baked),
            "AGED_KEY_FILE": str(aged),
        }
        yield Scene({**inherited(), **variables}, endpoints, packages(folder / "packages"))


def _aged(text: str) -> str:
    """Return the key file as it would be some time after it was baked."""
    found = json.loads(text)
    for endpoint in found["endpoints"]:
        endpoint["begun"] -= AGE_SECONDS
    return json.dumps(found)


def seconds(name: str, scene: Scene) -> float:
    """Return the seconds from the start of a new process to its first response, which must be correct."""
    subject = SUBJECTS[name]
    dropped = _OWN - set(subject.variables)
    environment = {each: text for each, text in scene.environment.items() if each not in dropped}
    asked = scene.endpoints.requests
    started = time.perf_counter()
    child = subprocess.Popen(command(subject.code, scene.packages), env=environment, stdout=subprocess.PIPE)
    try:
        assert child.stdout  # noqa: S101 - for the reader: a pipe
        with child.stdout:
            answer = child.stdout.readline()
            taken = time.perf_counter() - started
    except BaseException:
        child.kill()
        raise
    finally:
        child.wait(CHILD_SECONDS)
    _prove(name, answer, asked_for_keys=scene.endpoints.requests > asked)
    return taken


def _prove(name: str, answer: bytes, *, asked_for_keys: bool) -> None:
    """Raise unless this principal was admitted, with keys from the expected source."""
    if not answer:
        raise RuntimeError(f"{name} gave no answer")
    said = json.loads(answer)
    if name != BASE:
        effects = [each["Effect"] for each in said["policyDocument"]["Statement"]]
        if effects != ["Allow"] or not said["principalId"].endswith(SUBJECT):
            raise RuntimeError(f"{name} did not let the right principal in")
    if SUBJECTS[name].asks not in (None, asked_for_keys):
        raise RuntimeError(f"{name}: keys were {'' if asked_for_keys else 'not '}fetched")


def measure(served: Scene, rounds: int) -> dict[str, float]:
    """Return medians in milliseconds by name. The programs take turns."""
    rows = [[seconds(name, served) for name in SUBJECTS] for _ in range(rounds)]
    columns = zip(*rows, strict=True)
    return {
        name: round(statistics.median(column) * 1000, 1)
        for name, column in zip(SUBJECTS, columns, strict=True)
    }


def passes(found: Mapping[str, float], limit: float) -> bool:
    """Whether ours keeps the limit, and is ahead of every peer."""
    return found[OURS] <= limit * found[BASE] and all(found[OURS] < found[name] for name in PEERS)


def show(limit: float, found: Mapping[str, float]) -> None:
    """The table."""
    print(f"{'Python ' + sys.version.split()[0]:30}      ms   x RSA")
    for name, taken in found.items():
        at_most = f"   (limit {limit})" if name == OURS else ""
        print(f"{name:30}{taken:8.1f}{taken / found[BASE]:8.2f}{at_most}")


def line(found: Mapping[str, float]) -> None:
    """The same as one line of JSON."""
    ratio = round(found[OURS] / found[BASE], 2)
    print(json.dumps({"python": sys.version.split()[0], "ms": found, "ratio": ratio}))


def main() -> int:
    """Measure until an attempt keeps the limit."""
    parser = arguments(__doc__, rounds=15, limit=2.8)
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    options = parser.parse_args()
    with scene() as served:
        measure(served, 1)  # writes the byte code, and warms the disk
        return attempt(
            lambda: measure(served, options.rounds),
            lambda found: passes(found, options.limit),
            line if options.json else partial(show, options.limit),
        )


if __name__ == "__main__":
    sys.exit(main())
