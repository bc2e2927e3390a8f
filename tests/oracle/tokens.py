"""Tokens for the judges: every shape that Cognito documents, and whatever could be taken for one.

Owns no promise. Choices are drawn from a generator that is handed in; keys and dates are new each time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from cognito_mr_auth.testing import MALFORMED, REMOVE, FakeUserPool

TEXTS_PER_TOKEN = 5

Random = random.Random
Token = tuple[str, str]
"""What to expect it as, "access" or "id", and its text."""


# --- Cognito's shapes

GROUPS = ["ops", "admin", "us-west-2_Fake00001_Google"]
TRIGGER: dict[str, Any] = {
    "tenant": "t-1",
    "level": 3,
    "beta": True,
    "teams": ["a", "b"],
    "plan": {"name": "gold", "seats": [{"n": 1}, {"n": 2.5}]},
    "custom:note": '\u00e9\u4e2d\U0001f511 with "quotes" and \\ and \n',
}
# Claims of an access token by the name of the shape.
ACCESS_SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "with groups": {"groups": GROUPS},
    "of an SDK sign-in": {"scopes": ["aws.cognito.signin.user.admin"]},
    "with scopes of a resource server": {"scopes": ["openid", "orders/read", "https://api.example/w"]},
    "without scopes": {"scopes": []},
    "federated": {"federated": "Google", "groups": GROUPS[2:]},
    "with a device": {"claims": {"device_key": "us-west-2_a1b2c3d4-0000-4000-8000-000000000000"}},
    "with a trigger's claims": {"claims": TRIGGER},
    "with its client as audience": {"claims": {"aud": "1example23456789"}},
    "without what is optional": {
        "claims": dict.fromkeys(("version", "origin_jti", "event_id", "auth_time", "jti", "scope"), REMOVE)
    },
    "with a new claim": {"claims": {"a_claim_of_next_year": [1, "two", None]}},
    "with nbf": {"not_before": 0},
    "of a day": {"expires_in": 86400},
    "with typ JWT": {"header": {"typ": "JWT"}},
    "with typ at+jwt": {"header": {"typ": "at+jwt"}},
    "with a sub that is no UUID": {"subject": "oidc|1234"},
    "with a hundred groups": {"groups": [f"team-{number:03}" for number in range(100)]},
}
ID_SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "with groups": {"groups": GROUPS},
    "federated": {"federated": "Google"},
    "with roles": {
        "claims": {
            "cognito:roles": ["arn:aws:iam::123456789012:role/a"],
            "cognito:preferred_role": "arn:aws:iam::123456789012:role/a",
        }
    },
    "with a nonce and at_hash": {"claims": {"nonce": "n-0S6_WzA2Mj", "at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}},
    "with custom attributes": {"claims": {"custom:tier": "1", "phone_number_verified": False}},
    "with a trigger's claims": {"claims": TRIGGER},
    "with its client as authorized party": {"claims": {"azp": "1example23456789"}},
    "without an e-mail address": {"claims": {"email": REMOVE, "email_verified": REMOVE}},
    "with typ JWT": {"header": {"typ": "JWT"}},
}
MACHINE_SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "with several scopes": {"scopes": ["orders/read", "orders/write"]},
    "with a trigger's claims": {"claims": TRIGGER},
    "without auth_time": {"claims": {"auth_time": REMOVE}},
}


def cognito_tokens(pool: FakeUserPool) -> Iterator[tuple[str, Token]]:
    """Every documented shape under each kind of issuer, with its name."""
    mints: list[tuple[str, Callable[..., str], dict[str, dict[str, Any]]]] = [
        ("access", pool.access_token, ACCESS_SHAPES),
        ("id", pool.id_token, ID_SHAPES),
        ("machine", pool.machine_token, MACHINE_SHAPES),
    ]
    for kind, mint, shapes in mints:
        for name, options in shapes.items():
            for issuer in ("original", "replica", "updated"):
                use = "id" if kind == "id" else "access"
                yield f"{kind}, {name}, {issuer}", (use, mint(issuer=issuer, **options))


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


def signed(pool: FakeUserPool, rng: Random, count: int) -> Iterator[Token]:
    """Tokens with a signature of the pool over whatever they say; a third of them say it right."""
    mints: dict[str, Callable[..., str]] = {
        "access": pool.access_token,
        "id": pool.id_token,
        "machine": pool.machine_token,
    }
    for _ in range(count):
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


def damaged(rng: Random, text: str, other: str) -> str:
    """The text with one of the damages; `other` is another token."""
    return rng.choice(DAMAGES)(rng, text, other)


# --- All of them


def tokens(pool: FakeUserPool, rng: Random, count: int) -> Iterator[Token]:
    """Every malformed kind, and `count` signed tokens, each with texts that were made from it."""
    yield from malformed(pool)
    before = pool.access_token()
    for use, text in signed(pool, rng, count):
        yield use, text
        for _ in range(TEXTS_PER_TOKEN):
            yield use, damaged(rng, text, before)
        before = text
