"""Nothing of a token or a key document shows anywhere (E, H3; ATK-61, ATK-62, ATK-69, STD-26).

Every part of a token and of a JWKS holds a canary. Everything that a program, a log or a client can get is
searched for it, and for any twelve characters of the token's text.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import hashlib
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

import httpx
import pytest
from support.drivers import NEEDS, Ask, build
from support.network import Networked

from cognito_mr_auth import Principal, UserPool, Verifier, errors, events, policy
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import MALFORMED, FakeClock, FakeUserPool

CANARY = "c4n4ry7Wren"
WINDOW = 12
# What a careless logger makes of a line: it would forge one, break a format, or blow a terminal up.
HOSTILE = f"{CANARY}\r\nINFO root: {CANARY}\x1b[31m %s %n {{0}} {{self.__dict__}} ${{jndi:x}}"

CLOCK = FakeClock()
POOL = FakeUserPool(clock=CLOCK)
FORGER = POOL.impostor(POOL.access_key.kid)

CLAIMS: dict[str, Any] = {
    "email": CANARY,
    "custom:x": [CANARY, {"deep": HOSTILE}],
    CANARY: CANARY,
    "sub": CANARY,
    "username": HOSTILE,
    "jti": CANARY,
    "scope": f"{CANARY} b",
    "cognito:groups": [CANARY],
    "origin_jti": CANARY,
}
HEADER = {CANARY: CANARY, "x5t": CANARY}


def token(**options: Any) -> str:
    """A token full of canaries."""
    claims = CLAIMS | options.pop("claims", {})
    header = HEADER | options.pop("header", {})
    return POOL.access_token(claims=claims, header=header, **options)


# --- What can be looked at


def walk(value: object, seen: dict[int, object]) -> Iterator[str]:
    """Every text and octet string that can be reached from here by attributes and items."""
    if id(value) in seen or isinstance(value, type(logging) | type):
        return
    seen[id(value)] = value  # held, so that nothing else gets its id
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode("latin-1")
    elif isinstance(value, Mapping):
        for key, item in list(value.items()):
            yield from walk(key, seen)
            yield from walk(item, seen)
    elif isinstance(value, Collection):
        for item in list(value):
            yield from walk(item, seen)
    names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    for name in names:
        with suppress(AttributeError):
            yield from walk(getattr(value, name), seen)
    if hasattr(value, "__dict__"):
        yield from walk(vars(value), seen)


def surfaces(error: BaseException) -> Iterator[str]:
    """Everything that an error shows: to a reader, a logger, another process, a debugger without locals."""
    assert error.__cause__ is None
    assert error.__context__ is None
    yield from (str(error), repr(error), ascii(error.args), f"{error!s:>5}", str(vars(error)))
    yield "".join(traceback.format_exception(error))
    yield "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
    yield logging.Formatter().formatException((type(error), error, error.__traceback__))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.dumps(error, protocol).decode("latin-1")
    bare = copy.copy(error)
    yield from (repr(bare), str(vars(bare)))
    yield from walk(bare, {})


def shown_by_event(event: events.Event) -> Iterator[str]:
    """Everything that an event shows."""
    yield from (str(event), repr(event), json.dumps(event.to_dict(), default=repr))
    yield pickle.dumps(event).decode("latin-1")
    yield from walk(event, {})


DJANGOS = ("django.request", "request")


def logged(record: logging.LogRecord) -> Iterator[str]:
    """Everything that a log record shows to any handler."""
    yield record.getMessage()
    yield logging.Formatter().format(record)
    # Django gives its own records of a refusal the request, as it does those of every status above 400.
    shown = {name: each for name, each in vars(record).items() if (record.name, name) != DJANGOS}
    yield from walk(shown, {})
    assert "\n" not in record.getMessage()
    assert "\x1b" not in record.getMessage()


def shown(verifier: Verifier, pool: UserPool) -> Iterator[str]:
    """What a verifier shows of itself."""
    yield from (repr(verifier), str(verifier), repr(pool), json.dumps(verifier.health()))
    with pytest.raises(TypeError) as caught:
        pickle.dumps(verifier)
    yield str(caught.value)


def clean(texts: Collection[str], text: str = "") -> None:
    """None of these holds a canary, part of the token, or its digest."""
    everything = "\0".join(texts)
    assert everything
    forms = {CANARY, CANARY.upper(), CANARY.encode().hex(), CANARY[::-1]}
    for lead in ("", "x", "xy"):  # its base64 at each alignment, without what its neighbours touch
        forms.add(base64.b64encode((lead + CANARY).encode()).decode().rstrip("=")[4:-2])
    if text:
        octets = text.encode("utf-8", "replace")
        forms |= {hashlib.sha256(octets).hexdigest(), str(hash(text))}
        forms |= {text[at : at + WINDOW] for at in range(len(text) - WINDOW + 1)}
    assert {form for form in forms if form in everything} == set()


# --- Everything that a token can end with


def broken(principal: Principal) -> bool:
    """A hook that fails with a canary in its error."""
    raise ValueError(f"{CANARY} {dict(principal.claims)}")


async def abroken(principal: Principal) -> bool:
    """The same, awaited."""
    await asyncio.sleep(0)
    raise ValueError(f"{CANARY} {dict(principal.claims)}")


class Row:
    """A token, the options of the verifier and the policy, and the error that follows."""

    def __init__(self, kind: type[AuthError], make: Callable[[], str], **options: Any) -> None:
        self.kind = kind
        self.make = make
        self.require: policy.Policy | None = options.pop("require", None)
        self.pool_options: dict[str, Any] = options.pop("pool", {})
        self.options = options


ROWS: dict[str, Row] = {
    "malformed": Row(errors.TokenMalformed, lambda: token() + ".A"),
    "a refresh token": Row(errors.TokenMalformed, lambda: token() + ".A.A"),
    "with a scheme": Row(errors.TokenMalformed, lambda: "bearer " + token()),
    "too long": Row(errors.TokenMalformed, lambda: token(claims={"long": CANARY * 2000})),
    "a duplicate": Row(errors.TokenMalformed, lambda: token(malformed="payload_duplicate_member")),
    "no JSON": Row(errors.TokenMalformed, lambda: token(malformed="payload_trailing_comma")),
    "no UTF-8": Row(errors.TokenMalformed, lambda: token(malformed="payload_invalid_utf8")),
    "a surrogate": Row(errors.TokenMalformed, lambda: token(malformed="payload_lone_surrogate")),
    "a long number": Row(
        errors.TokenMalformed, lambda: POOL.sign(None, b'{"%s":%s}' % (CANARY.encode(), b"9" * 5000))
    ),
    "not base64": Row(errors.TokenMalformed, lambda: token(malformed="padded_payload")),
    "no kid": Row(errors.TokenMalformed, lambda: token(header={"kid": [CANARY]})),
    "a jku": Row(errors.TokenMalformed, lambda: token(header={"jku": f"https://{CANARY}.example/"})),
    "typ": Row(errors.TokenMalformed, lambda: token(header={"typ": HOSTILE})),
    "alg": Row(errors.AlgorithmNotAllowed, lambda: token(header={"alg": HOSTILE})),
    "issuer": Row(errors.IssuerUnknown, lambda: token(claims={"iss": f"https://{HOSTILE}/"})),
    "issuer, a list": Row(errors.IssuerUnknown, lambda: token(claims={"iss": [HOSTILE] * 9})),
    "kid": Row(errors.KeyUnknown, lambda: token(header={"kid": HOSTILE})),
    "kid, long": Row(errors.KeyUnknown, lambda: token(header={"kid": CANARY * 20})),
    "kid, and could not pass": Row(errors.KeyUnknown, lambda: token(header={"kid": HOSTILE}, expires_in=-60)),
    # Two refreshes, then beyond the rate limit (R4).
    "kid, that no endpoint lists": Row(
        errors.KeyUnknown, lambda: token(header={"kid": HOSTILE}), transport="up"
    ),
    "forged": Row(errors.SignatureInvalid, lambda: token(signed_by=FORGER)),
    "expired": Row(errors.TokenExpired, lambda: token(expires_in=-60)),
    "early": Row(errors.TokenNotYetValid, lambda: token(not_before=CLOCK.wall + 60)),
    "exp": Row(errors.ClaimRejected, lambda: token(claims={"exp": HOSTILE})),
    "sub": Row(errors.ClaimRejected, lambda: token(claims={"sub": [HOSTILE]})),
    "token_use": Row(errors.ClaimRejected, lambda: token(claims={"token_use": HOSTILE})),
    "client": Row(errors.ClaimRejected, lambda: token(client_id=HOSTILE)),
    "jti": Row(errors.ClaimRejected, lambda: token(claims={"jti": [HOSTILE]})),
    "audience": Row(errors.ClaimRejected, lambda: token(audience=HOSTILE)),
    "audience, asked for": Row(
        errors.ClaimRejected, lambda: token(audience=HOSTILE), pool={"audience": "https://api.example"}
    ),
    "an ID token": Row(errors.ClaimRejected, lambda: POOL.id_token(email=CANARY, claims=CLAIMS)),
    "revoked": Row(errors.TokenRevoked, token, revoked=lambda _principal: True),
    "a hook that fails": Row(errors.RevocationUnavailable, token, revoked=broken),
    "a hook that says too much": Row(
        errors.RevocationUnavailable, token, revoked=lambda p: p.claims["email"]
    ),
    "a check that fails": Row(errors.CheckUnavailable, token, require=policy.check(broken)),
    "a check that says too much": Row(errors.CheckUnavailable, token, require=policy.check(lambda p: p)),  # type: ignore[arg-type,return-value]
    "scopes": Row(errors.PolicyDenied, token, require=policy.scopes("orders/read")),
    "groups": Row(errors.PolicyDenied, token, require=policy.groups("ops") & policy.claim("email", "x")),
    "sign-in": Row(
        errors.AuthenticationTooOld,
        lambda: token(claims={"auth_time": 1}),
        require=policy.max_age(60) & policy.claim("email", CANARY),
    ),
    "no keys": Row(errors.KeysUnavailable, token, transport="down"),
}
AFTER_ACCEPTANCE = (errors.TokenRevoked, errors.Unavailable, errors.PolicyDenied, errors.AuthenticationTooOld)

# Rows whose records somebody on call reads (B1): that of a function of the user's, and those of an outage.
REPORTED = {
    **{
        row: {("hooks", "WARNING")}
        for row in (
            "a hook that fails",
            "a hook that says too much",
            "a check that fails",
            "a check that says too much",
        )
    },
    "no keys": {("keys", "WARNING"), ("keys", "ERROR")},
}


def _down(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError(CANARY)


def _up(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=POOL.jwks())


NETWORKS = {"down": _down, "up": _up}


class World:
    """A verifier for one row, with everything that it reports."""

    def __init__(self, row: Row) -> None:
        self.events: list[events.Event] = []
        options = dict(row.options)
        settings: dict[str, Any] = {"offline": True} | row.pool_options
        if network := options.pop("transport", None):
            settings = {"offline": False, "jwks": None}
            options["transport"] = httpx.MockTransport(NETWORKS[network])
        self.pool = POOL.user_pool(**settings)
        self.verifier = Networked(
            self.pool, token_use="access", clock=CLOCK, on_event=self._on_event, **options
        )

    def _on_event(self, event: events.Event) -> None:
        self.events.append(event)
        raise ValueError(CANARY)  # a hook that fails is counted, and that is all


@pytest.mark.parametrize("name", ROWS)
def test_no_error_shows_its_token(
    name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Message, repr, attributes, causes, traceback, pickle, events, logs, health: sync, async, twice."""
    row = ROWS[name]
    text = row.make()
    world = World(row)
    found: list[str] = []
    with caplog.at_level(logging.DEBUG), world.verifier as verifier:
        calls: list[Callable[[], object]] = [
            lambda: verifier.verify(text, require=row.require),
            lambda: asyncio.run(verifier.averify(text, require=row.require)),
        ]
        for call in calls * 2:
            with pytest.raises(AuthError) as caught:
                call()
            assert type(caught.value) is row.kind
            found += surfaces(caught.value)
        found += shown(verifier, world.pool)
        if not issubclass(row.kind, AFTER_ACCEPTANCE):
            kept(verifier, text)
    found += [each for event in world.events for each in shown_by_event(event)]
    found += [each for record in caplog.records for each in logged(record)]
    out, err = capfd.readouterr()
    clean([*found, out, err], text)
    told = {(record.name.rpartition(".")[2], record.levelname) for record in caplog.records}
    assert REPORTED.get(name, set()) <= told


@pytest.mark.parametrize("options", [{"revoked": abroken}, {"require": policy.check(abroken)}], ids=list)
def test_an_awaited_hook_that_fails_shows_nothing(options: dict[str, Any]) -> None:
    """An exception of a coroutine hook is neither cause nor context of the error (H2)."""
    text, require = token(), options.get("require")
    world = World(
        Row(errors.Unavailable, token, **{key: options[key] for key in options if key == "revoked"})
    )
    with pytest.raises(errors.Unavailable) as caught:
        asyncio.run(world.verifier.averify(text, require=require))
    clean(list(surfaces(caught.value)), text)


def kept(verifier: Verifier, text: str) -> None:
    """A verifier that has refused a token holds nothing of it (C3).

    The header is remembered as it came where the signature was valid; it holds no claim
    (`_jwt.compact.HeaderCache`).
    """
    header, _, rest = text.partition(".")
    held = [each for each in walk(vars(verifier), {}) if each != header]
    assert POOL.access_key.kid in held
    assert len(verifier._token_cache) == 0
    clean(held, rest)


LEAKS: dict[str, Callable[[str], BaseException]] = {
    "message": lambda text: AuthError(f"bad token {text[200:230]}"),
    "hint": lambda _text: AuthError("bad", hint=f"not for {CANARY}"),
    "claim": lambda _text: errors.ClaimRejected("bad", claim=CANARY),
    "attribute": lambda text: planted(AuthError(), token=text),
    "attribute deep inside": lambda _text: planted(AuthError(), state={"a": [({"b": CANARY.encode()},)]}),
    "principal": lambda text: planted(AuthError(), principal=POOL.offline_verifier().verify(text)),
    "part of it": lambda text: planted(AuthError(), start=text[:WINDOW]),
    "note": lambda _text: planted(AuthError(), __notes__=[CANARY]),
    "digest": lambda text: AuthError(hashlib.sha256(text.encode()).hexdigest()),
    "base64": lambda _text: AuthError(base64.b64encode(f"xx{CANARY}yyy".encode()).decode()),
}


def planted(error: BaseException, **attributes: object) -> BaseException:
    """The error with these attributes."""
    vars(error).update(attributes)
    return error


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_the_search_bites(leak: Callable[[str], BaseException]) -> None:
    """A leak in any of these places is found; so is one in an event, and a chained exception."""
    text = token()
    with pytest.raises(AssertionError):
        clean(list(surfaces(leak(text))), text)
    with pytest.raises(AssertionError):
        clean(list(shown_by_event(events.KeyFileProblem("pool", f"bad {CANARY}"))))
    chained = AuthError()
    chained.__context__ = ValueError(CANARY)
    with pytest.raises(AssertionError):
        list(surfaces(chained))


def test_every_error_that_a_token_can_cause_has_a_row() -> None:
    """The tree of errors without its inner classes, and without those that need a request."""

    def leaves(kind: type[AuthError]) -> Iterator[type[AuthError]]:
        # Not those that adapters make, which are a host's own kind of exception too.
        below = [each for each in kind.__subclasses__() if each in vars(errors).values()]
        yield from [leaf for each in below for leaf in leaves(each)] if below else [kind]

    needs_a_request = {errors.CredentialsMissing, errors.RequestMalformed, errors.OriginDenied}
    assert {row.kind for row in ROWS.values()} == {*leaves(AuthError), errors.PolicyDenied} - needs_a_request


@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_no_damaged_token_shows(name: str) -> None:
    """Each way to damage a token ends in an error without a trace of it."""
    text = POOL.access_token(claims=CLAIMS, header=HEADER, malformed=name)
    with pytest.raises(errors.TokenRejected) as caught:
        POOL.offline_verifier().verify(text)
    clean(list(surfaces(caught.value)), text)


# --- What the client receives

REQUESTS: dict[str, Callable[[str], tuple[tuple[str, str], ...]]] = {
    "one header": lambda text: (("Authorization", f"Bearer {text}"),),
    "two headers": lambda text: (("Authorization", f"Bearer {text}"), ("Authorization", f"Bearer {text}")),
    "no scheme": lambda text: (("Authorization", text),),
    "another scheme": lambda text: (("Authorization", f"Basic {text}"),),
    "a comma": lambda text: (("Authorization", f"Bearer {text},{CANARY}"),),
    "a cookie that is not configured": lambda text: (("Cookie", f"token={text}"),),
    "a token in other headers": lambda text: (
        ("X-Token", text),
        ("Referer", f"https://x/?access_token={text}"),
    ),
}
SPOKEN = [
    pytest.param(name, marks=[pytest.mark.needs(*needed)] if needed else [], id=name)
    for name, needed in NEEDS.items()
]


@pytest.mark.parametrize("driver", SPOKEN)
def test_no_answer_shows_the_token(driver: str, caplog: pytest.LogCaptureFixture) -> None:
    """Status, headers and body of every refusal, for every row and every way to send it (RFC 6750 5.2)."""
    with caplog.at_level(logging.DEBUG):
        for row in ROWS.values():
            text = "".join(each for each in row.make() if each.isprintable() and each.isascii())
            world = World(row)
            ask = build(driver, world.verifier, require=row.require, timeout=0.1)  # one row has no keys
            found = []
            for headers in (
                REQUESTS.values() if row.kind is errors.SignatureInvalid else [REQUESTS["one header"]]
            ):
                reply = ask(Ask(headers(text)))
                assert not reply.reached
                found += [str(reply.status), str(dict(reply.headers)), reply.body.decode("latin-1")]
            found += [each for event in world.events for each in shown_by_event(event)]
            world.verifier.close()
            clean(found, text)
    clean(["something", *(each for record in caplog.records for each in logged(record))])


@pytest.mark.parametrize("driver", ["asgi", "wsgi"])
def test_a_cookie_from_elsewhere_shows_nothing(driver: str) -> None:
    """OriginDenied, and a cookie that is there twice."""
    ask = build(driver, POOL.offline_verifier(), cookie="token", allowed_origins=["https://app.example"])
    text = token()
    for headers in (
        (("Cookie", f"token={text}"), ("Origin", f"https://{CANARY}.example")),
        (("Cookie", f"token={text}; token={CANARY}"), ("Origin", "https://app.example")),
    ):
        reply = ask(Ask(headers, method="POST"))
        assert (reply.status in (400, 403), reply.reached) == (True, False)
        clean([str(dict(reply.headers)), reply.body.decode()], text)
