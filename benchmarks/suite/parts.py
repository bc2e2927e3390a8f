"""Section 1b: where the time of a token that was never seen goes, beside the bare RSA verification.

    python -m benchmarks.suite.parts

For each part of the path there are two times. "Alone" is its time in its own loop. "In place" is the time
that the whole path saves without it. The second is more, because RSA's code and Python's evict each other
from the processor's caches and branch predictors. The code that follows a signature pays for that.
"Everything in one function" makes the same checks without any call of ours. No arrangement of the code is
faster, so the limit of 1.65 is not kept: see docs/performance.md.

All variants take turns in one process. The best round counts, because the differences are small. A part is
taken out by replacing it, which only a measurement may do.
"""

from __future__ import annotations

import time
from binascii import a2b_base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from cognito_mr_auth import Verifier, principal, verifier
from cognito_mr_auth._base import digest as _digest
from cognito_mr_auth._base import encoding
from cognito_mr_auth._jwt import claims as _claims
from cognito_mr_auth._jwt import compact as _compact
from cognito_mr_auth._runtime import token_cache
from cognito_mr_auth.testing import FakeUserPool

from ._result import Result, Row, plain
from ._run import main

SECTION = "parts"
# More tokens than the default cache keeps, so that room must be made for each.
TOKENS, ROUNDS = 1500, 15
SMOKE_TOKENS, SMOKE_ROUNDS = 50, 1
BARE = "bare RSA"

Part = tuple[Any, str, Callable[[], Callable[..., Any]], Callable[[], object]]
"""Where the part stands (an object and a name), what makes its substitute for a pass, and the part alone."""


class Scene:
    """Tokens, what they consist of, and the key that verifies them."""

    def __init__(self, count: int) -> None:
        self.pool = FakeUserPool()
        self.first = self.pool.access_token()
        self.tokens = [self.pool.access_token(claims={"n": number}) for number in range(count)]
        self.parsed = [_compact.parse(token) for token in self.tokens]
        self.key = cast(RSAPublicKey, load_pem_public_key(self.pool.access_key.public_pem()))

    def fresh(self, cache_size: int = 1024) -> Verifier:
        """A verifier that has seen one token, and so knows the header, as after a second of service."""
        made = self.pool.offline_verifier(cache_size=cache_size)
        made.verify(self.first)
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


def timed(work: Callable[[], object], count: int) -> float:
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


def always(value: object) -> Callable[[], Callable[..., Any]]:
    """A substitute that gives the same each time."""
    return lambda: lambda *_: value


def in_order(values: Sequence[object]) -> Callable[[], Callable[..., Any]]:
    """A substitute that gives what the part would have, the tokens coming in order."""

    def made() -> Callable[..., Any]:
        following = iter(values).__next__
        return lambda *_: following()

    return made


def parts_of(scene: Scene) -> dict[str, Part]:
    """The path's parts, from first to last."""
    token, jws = scene.tokens[0], scene.parsed[0]
    halves = [
        [encoding.b64url_decode(half.encode()) for half in each.split(".")[1:]] for each in scene.tokens
    ]
    found = scene.fresh()
    route = found._entries[scene.pool.issuer("original")]
    cache, headers, digest = found._token_cache, found._header_cache, _digest.sha256(token.encode())  # noqa: SLF001
    keys = [number.to_bytes(8, "big") for number in range(len(scene.tokens))]
    now, who = time.time(), found.verify(token)
    entry: Any = (who, None, None, None)
    return {
        "digest of the token": (token_cache, "sha256", in_order(keys), lambda: cache.digest(token)),
        "base64 of payload and signature": (
            _compact,
            "_decoded",
            in_order([half for pair in halves for half in pair]),
            lambda: [encoding.b64url_decode(each.encode()) for each in token.split(".")[1:]],
        ),
        "strict JSON": (
            _compact,
            "json_object",
            in_order([each.payload for each in scene.parsed]),
            lambda: encoding.json_object(halves[0][0]),
        ),
        "parsing in all": (verifier, "parse", in_order(scene.parsed), lambda: _compact.parse(token, headers)),
        "RSA and its digest": (
            verifier,
            "verify_signature",
            always(None),
            lambda: _compact.verify_signature(jws, scene.key),
        ),
        "claims": (
            verifier,
            "check_claims",
            always((0.0, 1e12)),
            lambda: _claims.check_claims(jws.payload, route.expected, now),
        ),
        "principal": (
            verifier,
            "_principal_from_payload",
            always(who),
            lambda: principal._principal_from_payload(  # noqa: SLF001
                jws.payload, route.issuer, "us-west-2_Example", "us-west-2_Example"
            ),
        ),
        "keeping it": (token_cache.TokenCache, "keep", always(None), lambda: cache.keep(digest, entry)),
    }


def one_function(made: Verifier) -> Callable[[str], object]:  # noqa: C901, PLR0915 - that is its point
    """Every check of the path in a single function, for tokens without lists, objects and escapes."""
    kids, cache, routes = made._header_cache.kids, made._token_cache, made._entries  # noqa: SLF001
    wall, monotonic, scan = time.time, time.monotonic, encoding._scan  # noqa: SLF001
    new, put = object.__new__, object.__setattr__
    padding, hashed, sha256 = PKCS1v15(), Prehashed(SHA256()), _digest.sha256

    def octets_of(text: bytes) -> bytes:
        if 43 in text or 47 in text or 61 in text:
            raise ValueError
        tail = len(text) & 3
        if tail and text[-1] not in (b"" if tail == 1 else b"AQgw" if tail == 2 else b"AEIMQUYcgkosw048"):
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
        key = route.key_set.key_now(kid, now)
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
        put(made, "provider", route.pool.user_pool_id)
        put(made, "user_pool_id", route.pool.user_pool_id)
        cache.keep(digest, (made, key, route.key_set, span))
        return made

    return verify


def best_of(scene: Scene, rounds: int) -> dict[str, float]:
    """Microseconds for one token, by what was measured."""
    parts, count = parts_of(scene), len(scene.tokens)
    wholes: dict[str, Callable[[], Callable[[], None]]] = {
        BARE: lambda: scene.bare,
        "ours": lambda: partial(scene.all_of, scene.fresh().verify),
        "ours, without cache": lambda: partial(scene.all_of, scene.fresh(0).verify),
        "everything in one function": lambda: partial(scene.all_of, one_function(scene.fresh())),
    }
    best: dict[str, float] = {}

    def take(name: str, value: float) -> None:
        best[name] = min(best.get(name, value), value)

    for _ in range(rounds):
        for name, prepare in wholes.items():
            take(name, timed(prepare(), count))
        for name, (where, attribute, substitute, alone) in parts.items():
            take(f"{name}, alone", timed(partial(again, alone, count), count))
            verify = scene.fresh().verify
            with without(where, attribute, substitute()):
                take(f"without {name}", timed(partial(scene.all_of, verify), count))
    for name in parts:
        best[f"{name}, in place"] = best["ours"] - best.pop(f"without {name}")
    return best


def again(work: Callable[[], object], count: int) -> None:
    """The same work that often."""
    for _ in range(count):
        work()


def measure(*, smoke: bool) -> Result:
    """The parts, and the whole."""
    best = best_of(Scene(SMOKE_TOKENS if smoke else TOKENS), SMOKE_ROUNDS if smoke else ROUNDS)
    rows: list[Row] = [
        plain(SECTION, name, value, "us", of=best[BARE], against=BARE) for name, value in best.items()
    ]
    return Result(rows, {})


if __name__ == "__main__":
    main(measure, __doc__)
