"""PyJWT as an oracle: nothing that we accept is refused by it under the same expectations.

Twelve thousand tokens: claims and headers changed and signed again, and each of those damaged as
text. The choices are drawn from a fixed seed; keys and dates are new, so a failure shows them.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest

from cognito_mr_auth import Principal, Verifier
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import MALFORMED, REMOVE, FakeUserPool

SEED = 7519
SIGNED_TOKENS = 2000
TEXTS_PER_TOKEN = 5
LEEWAY_SECONDS = 5.0

Random = random.Random
Token = tuple[str, str]
"""What to expect it as, "access" or "id", and its text."""


# --- The two sides


class Sides:
    """The library and the oracle, with the keys, issuers, clients and leeway of one pool."""

    def __init__(self) -> None:
        self.pool = FakeUserPool()
        self.verifiers: dict[str, Verifier] = {
            use: self.pool.offline_verifier(use, leeway=LEEWAY_SECONDS) for use in ("access", "id")
        }
        self.keys = jwt.PyJWKSet.from_dict(self.pool.jwks())
        self.issuers = [self.pool.issuer(kind) for kind in ("original", "replica", "updated")]

    def ours(self, use: str, token: str) -> Principal | None:
        """The principal, or None for a refusal; any other exception is a failure."""
        try:
            return self.verifiers[use].verify(token)
        except AuthError:
            return None

    def theirs(self, use: str, token: str) -> dict[str, Any] | None:
        """The payload, or None. PyJWT does not wrap each decoder's exception."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = self.keys[kid]
            if use == "access":
                # S6: unbound, or bound to its own client; PyJWT has to be told which.
                try:
                    return self._decode(token, key, None)
                except jwt.InvalidAudienceError:
                    pass
            return self._decode(token, key, self.pool.client_id)
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, OverflowError, RecursionError):
            return None

    def _decode(self, token: str, key: jwt.PyJWK, audience: str | None) -> dict[str, Any]:
        # What a `jti` looks like is no expectation of ours (DESIGN S4, S5): nothing reads it.
        return jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=audience,
            issuer=self.issuers,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat"], "verify_jti": False},
        )


# --- Signed tokens

ODD: list[Any] = [REMOVE, None, "", "x", 0, -1, 1.5, True, False, [], ["x"], {}, {"a": 1}, 10**30]


def times(now: int) -> dict[str, list[Any]]:
    """Moments for each of the three claims, at both sides of the limits."""
    odd = [*ODD, str(now), [now], now * 1000, 1e308, 253402300799, 253402300800]
    return {
        "exp": [now + 3600, now + 3600.5, now + 86400, now - 3, now - 10, now - 86400, *odd],
        "iat": [now, now - 60, now - 0.5, now + 3, now + 60, 0, *odd],
        "nbf": [REMOVE, now, now - 60, now + 3, now + 60, 0, *odd],
    }


def claim_values(pool: FakeUserPool, now: int) -> dict[str, list[Any]]:
    """What may stand in each claim, good and bad."""
    client, issuer = pool.client_id, pool.issuer()
    return times(now) | {
        "iss": [
            *ODD,
            pool.issuer("replica"),
            pool.issuer("updated"),
            issuer + "/",
            issuer.upper(),
            [issuer],
        ],
        "sub": ODD,
        "aud": [*ODD, client, [client], ["x", client], "https://api.example", client + " "],
        "client_id": [*ODD, client, client.upper(), [client]],
        "token_use": [*ODD, "access", "id", "any"],
        "jti": ODD,
        "scope": ODD,
        "cognito:groups": [*ODD, ["ops"], ["ops", 1]],
        "extra": [*ODD, "\u00e9\U0001f511\0", {"a": [{"b": [[]]}]}, 2**63, 1e-300],
    }


HEADERS: dict[str, list[Any]] = {
    "alg": ["RS256", "RS384", "PS256", "HS256", "none", "rs256", *ODD],
    "typ": ["JWT", "jwt", "at+jwt", "application/at+jwt", "logout+jwt", *ODD],
    "kid": ODD,
    "crit": [[], ["exp"], ["b64"], *ODD],
    "b64": ODD,
    "jku": ODD,
    "x5t": ODD,
    "cty": ["JWT", *ODD],
    "extra": ODD,
}


def signed(pool: FakeUserPool, rng: Random) -> Iterator[Token]:
    """Tokens with a signature of the pool over whatever they say; a third of them say it right."""
    mints: dict[str, Callable[..., str]] = {
        "access": pool.access_token,
        "id": pool.id_token,
        "machine": pool.machine_token,
    }
    for _ in range(SIGNED_TOKENS):
        kind = rng.choice(list(mints))
        use = rng.choice(["access", "id"]) if rng.random() < 0.05 else kind
        values = claim_values(pool, int(time.time()))
        claims = {name: rng.choice(values[name]) for name in _some(rng, list(values))}
        header = {name: rng.choice(HEADERS[name]) for name in _some(rng, list(HEADERS), 0.2)}
        token = mints[kind](
            issuer=rng.choice(["original", "replica", "updated"]),
            claims=claims,
            header=header,
            signed_by="pool" if rng.random() < 0.95 else rng.choice(["foreign", "unknown"]),
        )
        yield ("id" if use == "id" else "access"), token


def _some(rng: Random, names: list[str], chance: float = 0.7) -> list[str]:
    """None of the names, one, or two."""
    return rng.sample(names, rng.choice([1, 1, 2])) if rng.random() < chance else []


def malformed(pool: FakeUserPool) -> Iterator[Token]:
    """Every damage that the kit knows."""
    for name in MALFORMED:
        yield "access", pool.access_token(malformed=name)
        yield "id", pool.id_token(malformed=name)


# --- Damaged text

CHARACTERS = "ABCXYZabcxyz0189-_+/=. \n\t\0\u00e9\uff21"


def _at(rng: Random, text: str) -> int:
    return rng.randrange(len(text))


def _replaced(rng: Random, text: str, _: str) -> str:
    at = _at(rng, text)
    return text[:at] + rng.choice(CHARACTERS) + text[at + 1 :]


def _inserted(rng: Random, text: str, _: str) -> str:
    at = _at(rng, text)
    return text[:at] + rng.choice(CHARACTERS) + text[at:]


def _deleted(rng: Random, text: str, _: str) -> str:
    at = _at(rng, text)
    return text[:at] + text[at + 1 :]


def _cut(rng: Random, text: str, _: str) -> str:
    return text[: _at(rng, text)]


def _other_part(rng: Random, text: str, other: str) -> str:
    """One segment of another token."""
    mine, its = text.split("."), other.split(".")
    index = rng.randrange(3)
    mine[index] = its[index]
    return ".".join(mine)


def _shuffled(rng: Random, text: str, _: str) -> str:
    parts = text.split(".")
    rng.shuffle(parts)
    return ".".join(parts)


def _other_last_character(rng: Random, text: str, _: str) -> str:
    """Bits that lax decoders ignore, at the end of a segment."""
    parts = text.split(".")
    index = rng.randrange(3)
    parts[index] = parts[index][:-1] + rng.choice("ABCDQRghwx4567-_")
    return ".".join(parts)


def _padded(rng: Random, text: str, _: str) -> str:
    parts = text.split(".")
    index = rng.randrange(3)
    parts[index] += "=" * rng.choice([1, 2, -len(parts[index]) % 4])
    return ".".join(parts)


def _wrapped(rng: Random, text: str, _: str) -> str:
    return rng.choice([" ", "", "\n", "Bearer ", "\ufeff"]) + text + rng.choice(["", "\n", " ", "."])


DAMAGES = [
    _replaced,
    _inserted,
    _deleted,
    _cut,
    _other_part,
    _shuffled,
    _other_last_character,
    _padded,
    _wrapped,
]


def tokens(pool: FakeUserPool, rng: Random) -> Iterator[Token]:
    """All of them: each signed token, and texts that were made from it."""
    yield from malformed(pool)
    before = pool.access_token()
    for use, text in signed(pool, rng):
        yield use, text
        for _ in range(TEXTS_PER_TOKEN):
            yield use, rng.choice(DAMAGES)(rng, text, before)
        before = text


# --- The comparison


@pytest.fixture(scope="module")
def sides() -> Iterator[Sides]:
    """One pool for all tokens."""
    made = Sides()
    yield made
    for verifier in made.verifiers.values():
        verifier.close()


def test_nothing_that_we_accept_is_refused_by_pyjwt(sides: Sides) -> None:
    """Over 10,000 tokens, of which both sides accept some and refuse some."""
    counts: Counter[tuple[str, str]] = Counter()
    lax = []
    for use, token in tokens(sides.pool, Random(SEED)):
        payload = sides.theirs(use, token)  # first: in between a token can only expire
        principal = sides.ours(use, token)
        counts[_word(principal), _word(payload)] += 1
        if principal is None:
            continue
        if payload is None:
            lax.append((use, token))
        elif principal.to_dict()["claims"] != payload or sides.ours(use, token) != principal:
            lax.append(("read otherwise", token))
    assert lax == [], sides.pool.jwks()
    print("COUNTS",counts)
    assert counts.total() >= 10_000
    assert counts["accepted", "accepted"] >= 500
    assert counts["refused", "refused"] >= 5_000
    assert counts["refused", "accepted"] >= 100  # where we are the stricter side (DESIGN S, T3)


def _word(result: object) -> str:
    return "refused" if result is None else "accepted"


@pytest.mark.parametrize("use", ["access", "id"])
def test_both_sides_accept_what_is_right(sides: Sides, use: str) -> None:
    """Without this, an oracle with a wrong key or issuer would agree to every refusal."""
    mints = {"access": [sides.pool.access_token, sides.pool.machine_token], "id": [sides.pool.id_token]}
    for mint in mints[use]:
        for kind in ("original", "replica", "updated"):
            token = mint(issuer=kind)
            assert sides.ours(use, token) is not None
            assert sides.theirs(use, token) is not None
