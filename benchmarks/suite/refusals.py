"""Section 3: what a refused token costs, beside a valid one that was never seen and beside bare RSA.

    python -m benchmarks.suite.refusals --smoke

An attacker chooses the token, and must not cause more work with it than a valid token does. Each kind of bad
token is sent to one verifier with its keys in memory. Each refusal must be of the error class that its row
names. Refusals are never cached, so the same few tokens can be used again and again. A payload of 16 KiB must
be read before it can be judged, so such tokens are compared with a valid one of that length. Their ratio to a
usual token is shown too.

The rate limit for unknown kids is used up beforehand, and stays so because the verifier's clock stands still.
So the row "rate limit reached" makes no fetch, which is checked too. That clock reads the system's clocks as
well.
"""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from cognito_mr_auth import Verifier, errors
from cognito_mr_auth.testing import FakeUserPool

from ._peers import bare_rsa, mint, signed
from ._result import Result, Row, at_most
from ._rounds import Bench, Found, Sample, each_of, measured
from ._run import main

SECTION = "refusals"
RING, BATCH, KINDS = 1100, 50, 10
MOST_VALID, MOST_RSA = 1.1, 0.3
VALID, BARE = "a valid token, never seen", "bare RSA"
GARBAGE = ("x.y.z", "random text of 1 KB", "1 MB of dots", "16 KiB of valid characters")
MAX_CHARS = 16 * 1024
# Octets of a payload of that length, beside header, signature and good claims.
ROOM = MAX_CHARS * 3 // 4 - 920
BIG_VALID = "a valid token, 16 KiB of members"
BIG = (
    "forged signature, 16 KiB of members",
    "nested deeply, 16 KiB",
    "16 KiB of brackets, a slip at the end",
)
# A fetch uses one of two units; a third unknown kid meets the rate limit.
KIDS_TO_SPEND = 3

Refused = Mapping[str, tuple[type[errors.AuthError], list[str]]]


def bad_tokens(pool: FakeUserPool) -> Refused:
    """Kind -> the error it must meet, and some tokens."""
    other = "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Other"

    def minted(**options: object) -> list[str]:
        return [pool.access_token(**options) for _ in range(KINDS)]  # type: ignore[arg-type]

    return {
        "forged signature": (errors.SignatureInvalid, _forged(minted())),
        "expired": (errors.TokenExpired, minted(expires_in=-60)),
        "unknown issuer": (errors.IssuerUnknown, minted(claims={"iss": other})),
        "wrong client": (errors.ClaimRejected, minted(client_id="2another3456789")),
        "an ID token": (errors.ClaimRejected, [pool.id_token() for _ in range(KINDS)]),
        "wrong alg": (errors.AlgorithmNotAllowed, minted(malformed="hs256_with_public_key")),
        "unknown kid, rate limit reached": (errors.KeyUnknown, minted(signed_by="unknown")),
        "unknown kid, expired": (errors.KeyUnknown, minted(signed_by="unknown", expires_in=-60)),
        "nested deeply, 500 levels": (errors.TokenMalformed, minted(malformed="payload_deep")),
        BIG[0]: (errors.SignatureInvalid, [_unsigned(pool, _members(pool))]),
        BIG[1]: (errors.TokenMalformed, [_unsigned(pool, _nested(pool))]),
        BIG[2]: (errors.TokenMalformed, [_unsigned(pool, _brackets(pool))]),
        **{name: (errors.TokenMalformed, list(texts)) for name, texts in _garbage().items()},
    }


def _forged(tokens: list[str]) -> list[str]:
    """Give each token its neighbour's signature.

    A signature of another key may be a number too large for ours, and would be refused at once.
    """
    signatures = [token.rpartition(".")[2] for token in tokens]
    bodies = (token.rpartition(".")[0] for token in tokens)
    return [".".join(pair) for pair in zip(bodies, signatures[1:] + signatures[:1], strict=True)]


def _garbage() -> Mapping[str, list[str]]:
    """Texts that never were tokens."""
    rng = random.Random(1)  # noqa: S311 - the same garbage each time
    characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    def text(count: int) -> str:
        return "".join(rng.choices(characters, k=count))

    third = (MAX_CHARS - 2) // 3
    return dict(
        zip(
            GARBAGE,
            (
                ["x.y.z", "eyJ.eyJ.sig", "a.b.c", "..", "AAAA.AAAA.AAAA"],
                [text(1024) for _ in range(KINDS)],
                ["." * 1024 * 1024],
                [".".join(text(third) for _ in range(3)) for _ in range(KINDS)],
            ),
            strict=True,
        )
    )


def _nested(pool: FakeUserPool) -> bytes:
    """Return a payload as deeply nested as fits into a token."""
    return _stuffed(pool, b"[" * (ROOM // 2) + b"]" * (ROOM // 2))


def _brackets(pool: FakeUserPool) -> bytes:
    """Return as many shallow brackets as fit, and then an error, so it must be read to its end."""
    return _stuffed(pool, b"[" + b"[]," * (ROOM // 3) + b"]")


def _members(pool: FakeUserPool) -> bytes:
    """Return a valid payload of as many members as fit, which is the most expensive to read."""
    return _stuffed(pool, b"{" + b",".join(b'"%04x":0' % number for number in range(ROOM // 9)) + b"}")


def _stuffed(pool: FakeUserPool, value: bytes) -> bytes:
    """Return a payload of valid claims, as long as allowed, with one more claim of this JSON."""
    claims = pool.access_token().split(".")[1]
    payload = base64.urlsafe_b64decode(claims + "==")
    return payload[:-1] + b',"x":' + value + b"}"


def _unsigned(pool: FakeUserPool, payload: bytes) -> str:
    """With the signature of another token."""
    good, signature = pool.sign(None, payload), pool.access_token().rpartition(".")[2]
    if not 0.95 * MAX_CHARS < len(good) <= MAX_CHARS:
        raise RuntimeError(f"{len(good)} characters are not 16 KiB")
    return f"{good.rpartition('.')[0]}.{signature}"


def _refuses(verifier: Verifier) -> Callable[[str], None]:
    """A verification that has to fail, with the least around it."""
    verify = verifier.verify

    def refuse(token: str) -> None:
        try:
            verify(token)
        except errors.AuthError:
            return
        raise RuntimeError("accepted a bad token")

    return refuse


def _still_clock() -> Callable[[], tuple[float, float]]:
    """Costs what the system's clocks cost, and gives one moment."""
    moment = (time.time(), time.monotonic())

    def clock() -> tuple[float, float]:
        time.time()
        time.monotonic()
        return moment

    return clock


@contextmanager
def variants() -> Iterator[Bench]:
    """What takes turns: the two yardsticks, and each kind."""
    pool = FakeUserPool()
    ring = mint(pool, "1.0 KB", RING)
    with pool.serve() as endpoints, pool.verifier(clock=_still_clock()) as verifier:
        for token in ring:
            verifier.verify(token)  # the keys are there and the cache is full from here on
        samples: dict[str, Sample] = {
            f"{BARE}, 1.0 KB": each_of(bare_rsa(pool), [*map(signed, ring)], BATCH),
            VALID: each_of(verifier.verify, ring, BATCH),
        }
        # Too long to be remembered, so that the same one is verified anew each time.
        big = pool.sign(None, _members(pool))
        samples[BIG_VALID] = each_of(verifier.verify, [big] * BATCH, BATCH)
        _spend(verifier, pool)
        asked = endpoints.requests
        notes = {}
        for name, (error, tokens) in bad_tokens(pool).items():
            _prove(verifier, name, error, tokens)
            again = [tokens[number % len(tokens)] for number in range(BATCH)]
            samples[name] = each_of(_refuses(verifier), again, BATCH)
            notes[name] = error.__name__
        yield Bench(samples, notes)
        if endpoints.requests != asked:
            raise RuntimeError("a bad token made the verifier ask for keys")


def _spend(verifier: Verifier, pool: FakeUserPool) -> None:
    refuse = _refuses(verifier)
    for _ in range(KIDS_TO_SPEND):
        refuse(pool.access_token(signed_by="unknown"))


def _prove(verifier: Verifier, name: str, error: type[errors.AuthError], tokens: list[str]) -> None:
    for token in tokens:
        try:
            verifier.verify(token)
        except error:
            continue
        except errors.AuthError as other:
            raise RuntimeError(f"{name} meets {other!r}, not {error.__name__}") from other
        raise RuntimeError(f"{name} is accepted")


def rows(found: Found) -> list[Row]:
    """The table's lines and their limits."""
    bare, valid = f"{BARE}, 1.0 KB", VALID
    lines = [found.row(each, bare) for each in (bare, valid, BIG_VALID)]
    for name in found.medians:
        if name in (bare, valid, BIG_VALID):
            continue
        row = found.row(name, valid, against="a valid token")
        if name in BIG:
            lines.append(row)
            row = found.row(name, BIG_VALID, against="a valid one of 16 KiB")
        lines.append(at_most(row, MOST_VALID))
        if name in GARBAGE:
            lines.append(at_most(found.row(name, bare), MOST_RSA))
    return lines


def measure(*, smoke: bool) -> Result:
    """Every kind's median, and its limit."""
    found = measured(SECTION, smoke=smoke)
    return found.result(rows(found))


if __name__ == "__main__":
    main(measure, __doc__)
