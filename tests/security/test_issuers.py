"""Look-alike issuers and addresses in tokens: refused, without a request (ATK-09 to ATK-11, ATK-16, T1).

The attacks run in a process of its own under an audit hook of the interpreter, which neither our code nor a
dependency can bypass. It counts every socket, every connection and every look-up of a name, and forbids all
beyond loopback. The rows come back as JSON, and each is a test.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import REMOVE, FakeClock, FakeUserPool

POOL_ID = "us-west-2_Fake00001"
HOST, UPDATED_HOST = "cognito-idp.us-west-2.amazonaws.com", "issuer-cognito-idp.us-west-2.amazonaws.com"
ORIGINAL = f"https://{HOST}/{POOL_ID}"
UPDATED = f"https://{UPDATED_HOST}/{POOL_ID}"
REPLICA = f"https://cognito-idp.us-east-1.amazonaws.com/{POOL_ID}"

# `iss` values that resemble one of the three above (ATK-11, ATK-16, ATK-22, STD-21).
LOOKALIKES: dict[str, object] = {
    "another host": f"https://evil.example/{POOL_ID}",
    "user info": f"https://{HOST}@evil.example/{POOL_ID}",
    "user info and a slash": f"https://{HOST}/{POOL_ID}@evil.example",
    "password": f"https://{HOST}:{POOL_ID}@127.0.0.1/{POOL_ID}",
    "suffix": f"https://{HOST}.evil.example/{POOL_ID}",
    "prefix of the host": f"https://evil-{HOST}/{POOL_ID}",
    "prefix of the text": f"x{ORIGINAL}",
    "backslash": f"https://evil.example\\@{HOST}/{POOL_ID}",
    "path first": f"https://evil.example/{HOST}/{POOL_ID}",
    "fragment": f"{ORIGINAL}#x",
    "empty fragment": f"{ORIGINAL}#",
    "fragment before the host": f"https://evil.example#{HOST}/{POOL_ID}",
    "query": f"{ORIGINAL}?x=1",
    "empty query": f"{ORIGINAL}?",
    "semicolon": f"{ORIGINAL};x",
    "slash at the end": f"{ORIGINAL}/",
    "two slashes": f"https://{HOST}//{POOL_ID}",
    "dot segment": f"https://{HOST}/x/../{POOL_ID}",
    "dot segment at the end": f"{ORIGINAL}/.",
    "JWKS URL": f"{ORIGINAL}/.well-known/jwks.json",
    "CRLF": f"{ORIGINAL}\r\nHost: evil.example",
    "newline at the end": f"{ORIGINAL}\n",
    "space at the end": f"{ORIGINAL} ",
    "space before": f" {ORIGINAL}",
    "tab inside": f"https://{HOST}/\t{POOL_ID}",
    "NUL at the end": f"{ORIGINAL}\0",
    "NUL and another host": f"{ORIGINAL}\0.evil.example",
    "port": f"https://{HOST}:443/{POOL_ID}",
    "dot after the host": f"https://{HOST}./{POOL_ID}",
    "http": ORIGINAL.replace("https", "http"),
    "no scheme": ORIGINAL.removeprefix("https:"),
    "host alone": f"{HOST}/{POOL_ID}",
    "file": f"file:///{HOST}/{POOL_ID}",
    "gopher": f"gopher://127.0.0.1:9/{POOL_ID}",
    "loopback": f"http://127.0.0.1:9/{POOL_ID}",
    "metadata service": "http://169.254.169.254/latest/meta-data/",
    "scheme in capitals": ORIGINAL.replace("https", "HTTPS"),
    "host in capitals": ORIGINAL.replace(HOST, HOST.upper()),
    "pool in capitals": ORIGINAL.replace("Fake", "FAKE"),
    "region in the pool in capitals": ORIGINAL.replace("us-west-2_", "US-WEST-2_"),
    "percent-encoded letter": ORIGINAL.replace("Fake", "%46ake"),
    "percent-encoded slash": f"https://{HOST}%2F{POOL_ID}",
    "percent-encoded underscore": ORIGINAL.replace("_", "%5F"),
    "Cyrillic o": ORIGINAL.replace("cognito", "c\u043egnito"),
    "full-width letters": ORIGINAL.replace("Fake", "\uff26ake"),
    "full-width stop": ORIGINAL.replace(".", "\uff0e", 1),
    "ligature": ORIGINAL.replace("amazonaws", "amazona\u02b7s"),
    "combining accent": ORIGINAL + "\u0301",
    "zero-width space": ORIGINAL.replace(".", ".\u200b", 1),
    "soft hyphen": ORIGINAL.replace("-", "-\u00ad", 1),
    "direction mark": "\u202e" + ORIGINAL,
    "punycode": "https://xn--cgnito-idp-pxh.us-west-2.amazonaws.com/" + POOL_ID,
    "another pool": ORIGINAL[:-1] + "2",
    "longer pool": ORIGINAL + "1",
    "shorter pool": ORIGINAL[:-1],
    "one character": "h",
    "pool ID alone": POOL_ID,
    "region that is not listed": REPLICA.replace("us-east-1", "eu-west-1"),
    "made-up region": REPLICA.replace("us-east-1", "us-east-1.evil.example"),
    "updated issuer of the replica": UPDATED.replace("us-west-2.", "us-east-1."),
    "other partition": ORIGINAL + ".cn",
    "Chinese suffix": ORIGINAL.replace("amazonaws.com", "amazonaws.com.cn"),
    "FIPS endpoint": ORIGINAL.replace("cognito-idp", "cognito-idp-fips"),
    "identity pools (ATK-24)": "https://cognito-identity.amazonaws.com",
    "empty": "",
    "none": "None",
    "absent": REMOVE,
    "null": None,
    "true": True,
    "number": 1,
    "list": [ORIGINAL],
    "list of all": [ORIGINAL, UPDATED, REPLICA],
    "nested list": [[ORIGINAL]],
    "object": {ORIGINAL: ORIGINAL},
    "object with a url": {"url": ORIGINAL},
    "two, with a space": f"{ORIGINAL} {UPDATED}",
    "two, with a comma": f"{ORIGINAL},{UPDATED}",
    "a megabyte less than the limit": ORIGINAL + "/" * 6000,
    "format characters": "%s%n{0}{iss}${jndi:ldap://127.0.0.1:9/x}",
}
SIGNERS = ("pool", "foreign", "unknown")
# Seconds: the endpoints answer at once, but a busy machine may not.
PATIENT = 30.0

ADDRESSES = [
    "http://127.0.0.1:{port}/jwks.json",
    "http://localhost:{port}/",
    "https://evil.example/jwks.json",
]
ADDRESSES += [
    "http://169.254.169.254/latest/meta-data/iam/",
    "file://{file}",
    "gopher://127.0.0.1:{port}/_GET",
]
ADDRESSES += [
    "//127.0.0.1:{port}/",
    "http://[::1]:{port}/",
    "data:application/json,%7B%7D",
    "ftp://127.0.0.1/x",
]


# --- In the process under audit


class Audit:
    """Counts what touches the network or one file while it is on; off loopback it forbids it always."""

    def __init__(self, secret: str) -> None:
        self.on = False
        self.seen: list[str] = []
        self._secret = secret
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        touches = event.startswith(
            ("socket.", "urllib.", "http.", "subprocess.", "os.system", "os.posix_spawn")
        )
        if self.on and (touches or (event == "open" and args[0] == self._secret)):
            self.seen.append(event)
        if event in ("socket.getaddrinfo", "socket.gethostbyname") and args[0] not in (
            "127.0.0.1",
            "localhost",
        ):
            raise RuntimeError("a name was looked up")
        if (
            event == "socket.connect"
            and isinstance(args[1], tuple)
            and args[1][0] not in ("127.0.0.1", "::1")
        ):
            raise RuntimeError("a connection beyond loopback")

    def watch(self, attack: Callable[[], object]) -> tuple[str, list[str]]:
        """How the attack ends, and what it touched."""
        self.seen.clear()
        self.on = True
        try:
            attack()
            end = "accepted"
        except AuthError as error:
            end = error.reason
        finally:
            self.on = False
        return end, list(self.seen)


def asked(verifier: Verifier, token: str, *, asynchronous: bool) -> Callable[[], object]:
    """One verification; the event loop, which has sockets of its own, is made outside the audit."""
    if not asynchronous:
        return lambda: verifier.verify(token)

    def attack() -> object:
        coroutine = verifier.averify(token)
        try:
            return coroutine.send(None)  # to wait for something would be an end that no row expects
        except StopIteration as done:
            return done.value
        finally:
            coroutine.close()

    return attack


def issuer_rows(audit: Audit, pool: FakeUserPool, verifiers: dict[str, Verifier]) -> dict[str, Any]:
    """Every look-alike, by every signer, to every verifier."""
    found: dict[str, Any] = {}
    for name, value in LOOKALIKES.items():
        ends: set[str] = set()
        touched: list[str] = []
        for signer in SIGNERS:
            token = pool.access_token(claims={"iss": value}, signed_by=signer)  # type: ignore[arg-type]
            for verifier in verifiers.values():
                for asynchronous in (False, True):
                    end, seen = audit.watch(asked(verifier, token, asynchronous=asynchronous))
                    ends.add(end)
                    touched += seen
        found[name] = [sorted(ends), touched]
    return found


def address_rows(
    audit: Audit, pool: FakeUserPool, verifier: Verifier, port: int, file: str
) -> dict[str, Any]:
    """Every address in every header member that could hold one, and in claims that could."""
    found: dict[str, Any] = {}
    for template in ADDRESSES:
        address = template.format(port=port, file=file)
        options: list[dict[str, Any]] = [{"header": {name: address}} for name in ("jku", "x5u", "jwk", "x5c")]
        options += [{"header": {"jku": address, "kid": "x"}, "signed_by": "unknown"}]
        options += [{"claims": {"iss": address, "aud": address, "jku": address, "jwks_uri": address}}]
        # A plausible token of an unknown kid may ask the pool's own endpoints (R3), so this one is none (R5).
        options += [{"header": {"kid": address}, "expires_in": -60}]
        ends: set[str] = set()
        touched: list[str] = []
        for option in options:
            end, seen = audit.watch(asked(verifier, pool.access_token(**option), asynchronous=False))
            ends.add(end)
            touched += seen
        found[template] = [sorted(ends), touched]
    return found


def ready(verifier: Verifier) -> None:
    """Warm the verifier; on a busy machine a refresh may take more than its five seconds, so try again."""
    for _ in range(5):
        with suppress(AuthError):
            return verifier.warm(timeout=PATIENT)
    raise RuntimeError("the endpoints on loopback do not answer")


def main() -> None:
    """Run every row and print what was found."""
    clock = FakeClock()
    pool = FakeUserPool(POOL_ID, clock=clock)
    with tempfile.NamedTemporaryFile() as secret, pool.serve() as endpoints:
        audit = Audit(secret.name)
        warm = pool.verifier()
        ready(warm)
        derived = UserPool(POOL_ID, client_ids=[pool.client_id], replica_regions=["us-east-1"])
        narrow = pool.verifier(pool=pool.user_pool(issuer_kinds={"replica"}))
        verifiers = {
            "warm": warm,
            "cold": pool.verifier(),
            "cold-with-amazons-own-urls": Verifier(derived, token_use="access", clock=clock),
        }
        warm.verify(pool.access_token())
        before = endpoints.requests
        found = {
            "issuers": issuer_rows(audit, pool, verifiers),
            "not configured": {
                kind: audit.watch(asked(narrow, pool.access_token(issuer=kind), asynchronous=False))
                for kind in ("original", "updated")
            },
            "addresses": address_rows(audit, pool, warm, endpoints.original.port, secret.name),
            "requests": endpoints.requests - before,
            "accepted": audit.watch(lambda: warm.verify(pool.access_token(issuer="replica"))),
            # The audit bites: the same verifiers, where they have a reason for requests.
            "cold": audit.watch(lambda: verifiers["cold"].verify(pool.access_token(), timeout=PATIENT)),
            "unknown key": audit.watch(
                lambda: warm.verify(pool.access_token(signed_by="unknown"), timeout=PATIENT)
            ),
            "amazon": audit.watch(
                lambda: verifiers["cold-with-amazons-own-urls"].verify(pool.access_token())
            ),
        }
        for verifier in (warm, narrow, *verifiers.values()):
            verifier.close()
    sys.stdout.write(json.dumps(found))


# --- In the test's process


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What the process under audit saw."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    ran = subprocess.run([sys.executable, __file__], env=clean, check=False, capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stderr.decode()
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("row", LOOKALIKES)
def test_a_lookalike_is_unknown_and_causes_no_request(seen: dict[str, Any], row: str) -> None:
    """ATK-11, ATK-16, ATK-22: whatever key signed it, warm or cold, sync or async; no socket, no look-up."""
    assert seen["issuers"][row] == [["issuer_unknown"], []]


@pytest.mark.parametrize("row", ["original", "updated"])
def test_an_issuer_that_was_not_chosen_is_a_lookalike(seen: dict[str, Any], row: str) -> None:
    """ATK-21: where `issuer_kinds=` leaves a kind out, the pool's own key does not open for it."""
    assert seen["not configured"][row] == ["issuer_unknown", []]


@pytest.mark.parametrize("row", ADDRESSES)
def test_an_address_in_a_token_is_never_used(seen: dict[str, Any], row: str) -> None:
    """ATK-10, ATK-09: in jku, x5u, kid, jwk, x5c and claims; not the network, not the file that it names."""
    ends, touched = seen["addresses"][row]
    assert touched == []
    assert set(ends) == {"token_malformed", "issuer_unknown", "key_unknown"}


def test_no_endpoint_was_asked(seen: dict[str, Any]) -> None:
    """The pool's own endpoints, some of them named in the rows, saw no request."""
    assert seen["requests"] == 0


def test_the_audit_bites(seen: dict[str, Any]) -> None:
    """A known key touches nothing; a cold start and an unknown key do, and Amazon's names are looked up."""
    assert seen["accepted"] == ["accepted", []]
    assert seen["cold"][0] == "accepted"
    assert "socket.connect" in seen["cold"][1]
    assert seen["unknown key"][0] == "key_unknown"
    assert "socket.connect" in seen["unknown key"][1]
    assert seen["amazon"][0] == "keys_unavailable"
    assert "socket.getaddrinfo" in seen["amazon"][1]


def test_the_file_speaks_for_every_issuer() -> None:
    """The constants above are the issuers of the pool, so that the look-alikes resemble the right text."""
    assert set(FakeUserPool(POOL_ID).user_pool(offline=True).issuers) == {ORIGINAL, UPDATED, REPLICA}


if __name__ == "__main__":
    main()
