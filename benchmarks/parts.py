"""Where the time of a token that was never seen goes, beside the bare RSA verification.

    python benchmarks/parts.py

For each part of the path: what it takes in a loop of its own, and what the whole path saves when the part is
taken out of it. The second is more, for RSA's code and Python's push each other out of the processor's
caches and branch predictors: whatever comes first after a signature pays for that. "Everything in one
function" makes the same checks with no call of ours at all; it is what no arrangement of the code can beat,
and it is why the limit of 1.65 (issue 5) is not kept: see docs/performance.md.

All in one process, in turns; the best round counts. It takes parts out by putting others in their place, as
nothing but a measurement may.
"""

from __future__ import annotations

import sys
import time
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from cognito_mr_auth import Verifier, _claims, _encoding, _jws, _sha256, _verified, principal, verifier
from cognito_mr_auth.testing import FakeUserPool

TOKENS, ROUNDS = 1500, 9

Part = tuple[Any, str, Callable[..., Any], Callable[[], object]]
"""Where the part stands (an object and a name), what takes its place, and the part alone."""


class Scene:
    """Tokens, what they consist of, and the key that verifies them."""

    def __init__(self) -> None:
        self.pool = FakeUserPool()
        self.tokens = [self.pool.access_token(claims={"n": number}) for number in range(TOKENS)]
        self.parsed = [_jws.parse(token) for token in self.tokens]
        self.key = self.pool.offline_verifier().signing_key(self.tokens[0]).public

    def fresh(self, cache_size: int = 1024) -> Verifier:
        """A verifier that has seen one token, and so knows the header, as after a second of service."""
        made = self.pool.offline_verifier(cache_size=cache_size)
        made.verify(self.tokens[0])
        return made

    def bare(self) -> None:
        """RSA and nothing else, over the very bytes."""
        padding, digest = PKCS1v15(), SHA256()
        for jws in self.parsed:
            self.key.verify(jws.signature, jws.signed, padding, digest)

    def all_of(self, verify: Callable[[str], object]) -> None:
        """Each token once."""
        for token in self.tokens:
            verify(token)


def timed(work: Callable[[], object], count: int = TOKENS) -> float:
    """Microseconds for each of `count`."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) / count * 1e6


@contextmanager
def without(where: Any, name: str, substitute: Callable[..., Any]) -> Iterator[None]:
    """Something else in a part's place."""
    real = getattr(where, name)
    setattr(where, name, substitute)
    try:
        yield
    finally:
        setattr(where, name, real)


def parts_of(scene: Scene) -> dict[str, Part]:
    """The path's parts, from first to last."""
    token, jws = scene.tokens[0], scene.parsed[0]
    octets = _encoding.b64url_decode(token.split(".")[1].encode())
    found, route = scene.fresh(), scene.fresh()._routes[scene.pool.issuer("original")]  # noqa: SLF001
    cache, headers, digest = found._verified, found._headers, _sha256.sha256(token.encode())  # noqa: SLF001
    now = time.time()
    who = found.verify(token)
    numbers = iter(range(1 << 62))
    return {
        "digest of the token": (
            _verified,
            "sha256",
            lambda _: next(numbers).to_bytes(8, "big"),
            lambda: cache.digest(token),
        ),
        "base64 of payload and signature": (
            _jws,
            "_decoded",
            lambda _segment, name: octets if name == "payload" else jws.signature,
            lambda: [_encoding.b64url_decode(each.encode()) for each in token.split(".")[1:]],
        ),
        "strict JSON": (_jws, "json_object", lambda _: jws.payload, lambda: _encoding.json_object(octets)),
        "parsing in all": (verifier, "parse", lambda *_: jws, lambda: _jws.parse(token, headers)),
        "claims": (
            verifier,
            "check_claims",
            lambda *_: (0.0, 1e12),
            lambda: _claims.check_claims(jws.payload, route.expected, now),
        ),
        "principal": (
            verifier,
            "principal_from_payload",
            lambda *_: who,
            lambda: principal.principal_from_payload(jws.payload, route.issuer, "us-west-2_Example"),
        ),
        "keeping it": (
            _verified.Verified,
            "keep",
            lambda *_: None,
            lambda: cache.keep(digest, (who, None, None, None)),  # type: ignore[arg-type]
        ),
        "RSA and its digest": (
            verifier,
            "verify_signature",
            lambda *_: None,
            lambda: _jws.verify_signature(jws, scene.key),
        ),
    }


def one_function(made: Verifier) -> Callable[[str], object]:  # noqa: C901, PLR0915 - that is its point
    """Every check of the path in a single function, for tokens without lists, objects and escapes."""
    kids, cache, routes = made._headers.kids, made._verified, made._routes  # noqa: SLF001
    wall, monotonic, scan = time.time, time.monotonic, _encoding._scan  # noqa: SLF001
    new, put = object.__new__, object.__setattr__
    padding, hashed, sha256 = PKCS1v15(), Prehashed(SHA256()), _sha256.sha256

    def octets_of(text: bytes) -> bytes:
        if 43 in text or 47 in text or 61 in text:
            raise ValueError
        spare = len(text) & 3
        if spare and text[-1] not in (b"" if spare == 1 else b"AQgw" if spare == 2 else b"AEIMQUYcgkosw048"):
            raise ValueError
        padded = text + b"==="[: -len(text) % 4]
        return a2b_base64(padded.replace(b"-", b"+").replace(b"_", b"/"), strict_mode=True)

    def verify(token: str) -> object:  # noqa: C901
        now = wall(), monotonic()
        if token.__class__ is not str or len(token) > 8192:
            raise ValueError
        text = token.encode()
        digest = sha256(text)
        entry = cache.find(digest)
        if entry is not None:
            return entry[0]
        signed, _, signature = text.rpartition(b".")
        header, dot, payload = signed.partition(b".")
        if not dot or 46 in payload:
            raise ValueError
        kid = kids[header]
        decoded, signature = octets_of(payload).decode(), octets_of(signature)
        if "[" in decoded or decoded.find("{", 1) > 0 or "\\" in decoded:
            raise ValueError
        claims, end = scan(decoded, 0)
        if end != len(decoded) or claims.__class__ is not dict:
            raise ValueError
        get = claims.get
        route = routes[get("iss")]
        key = route.store.key_now(kid, now)
        if key is None:
            raise ValueError
        key.public.verify(signature, sha256(signed), padding, hashed)
        issued, expires, expected = get("iat"), get("exp"), route.expected
        if issued.__class__ is not int or expires.__class__ is not int or "nbf" in claims or "aud" in claims:
            raise ValueError
        span = issued - expected.leeway, expires + expected.leeway
        if not (issued >= 0 and expires <= _claims.MAX_TIME and span[0] <= now[0] < span[1]):
            raise ValueError
        subject, client = get("sub"), get("client_id")
        if subject.__class__ is not str or not subject or get("token_use") != "access":
            raise ValueError
        if "jti" in claims and claims["jti"].__class__ is not str:
            raise ValueError
        if expected.client_ids is not None and client not in expected.client_ids:
            raise ValueError
        made = new(principal.Principal)
        put(made, "_claims", claims)
        put(made, "issuer", route.issuer)
        put(made, "user_pool_id", route.pool.user_pool_id)
        cache.keep(digest, (made, key, route.store, span))
        return made

    return verify


def measure() -> list[tuple[str, float, float | None]]:
    """Name, microseconds in place, microseconds in a loop of its own (where it has one)."""
    scene = Scene()
    parts = parts_of(scene)
    best: dict[str, float] = {}

    def take(name: str, value: float) -> None:
        best[name] = min(best.get(name, value), value)

    for _ in range(ROUNDS):
        take("bare RSA", timed(scene.bare))
        take("ours", timed(lambda: scene.all_of(scene.fresh().verify)))
        take("ours, without cache", timed(lambda: scene.all_of(scene.fresh(0).verify)))
        take("everything in one function", timed(lambda: scene.all_of(one_function(scene.fresh()))))
        for name, (where, attribute, substitute, alone) in parts.items():
            take(name, timed(lambda alone=alone: [alone() for _ in range(TOKENS)]))  # type: ignore[misc]
            verify = scene.fresh().verify
            with without(where, attribute, substitute):
                take(f"without {name}", timed(lambda verify=verify: scene.all_of(verify)))  # type: ignore[misc]
    rows: list[tuple[str, float, float | None]] = [
        (name, best[name], None)
        for name in ("bare RSA", "ours", "ours, without cache", "everything in one function")
    ]
    return rows + [(name, best["ours"] - best[f"without {name}"], best[name]) for name in parts]


def main() -> None:
    """Print the table."""
    rows = measure()
    bare = rows[0][1]
    print(f"{'':34}{'in place':>10}{'alone':>10}{'in place':>12}")
    for name, in_place, alone in rows:
        own = "" if alone is None else f"{alone:.1f} us"
        print(f"{name:34}{in_place:7.1f} us{own:>10}{in_place / bare:9.2f} x RSA")


if __name__ == "__main__":
    main()
