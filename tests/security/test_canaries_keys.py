"""Nothing of a key document, no private key and no claim shows anywhere (ATK-62, STD-24, STD-26; FI-12)."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.network import Networked

from cognito_mr_auth import errors, events
from cognito_mr_auth.testing import FakeClock, FakeUserPool, SigningKey

CANARY = "c4n4ry7Wren"
POOL = FakeUserPool(clock=FakeClock(), replica_regions=[])
JWK = POOL.access_key.jwk()
LEAKED = SigningKey("leaked")


def jwks(*members: Any, **more: Any) -> httpx.Response:
    """A document of these members."""
    return httpx.Response(200, json={"keys": list(members), **more})


def raising(error: Exception) -> httpx.Response:
    """A transport that fails with an error of its own."""
    raise error


ANSWERS: dict[str, Callable[[], httpx.Response]] = {
    "an HTML page": lambda: httpx.Response(200, text=f"<html>{CANARY}</html>"),
    "JSON of another kind": lambda: httpx.Response(200, json={"message": CANARY}),
    "broken JSON": lambda: httpx.Response(200, text=f'{{"keys":[{{"{CANARY}":'),
    "no UTF-8": lambda: httpx.Response(200, content=CANARY.encode() + b"\xff"),
    "a name twice": lambda: httpx.Response(200, text=f'{{"keys":[],"{CANARY}":1,"{CANARY}":2}}'),
    "an error page": lambda: httpx.Response(503, text=CANARY, headers={"x-amzn-error": CANARY}),
    "a redirect": lambda: httpx.Response(302, headers={"location": f"https://{CANARY}.example/"}),
    "Retry-After": lambda: httpx.Response(429, headers={"retry-after": CANARY}),
    "an encoding": lambda: httpx.Response(200, headers={"content-encoding": CANARY}, content=b"x"),
    "a length": lambda: httpx.Response(
        200, headers={"content-length": CANARY}, stream=httpx.ByteStream(b"{}")
    ),
    "members beside the keys": lambda: jwks(JWK, **{CANARY: CANARY}),
    "members of a key": lambda: jwks(JWK | {CANARY: CANARY, "x5u": f"https://{CANARY}.example/"}),
    "odd members": lambda: jwks(
        JWK, CANARY, [CANARY], {CANARY: CANARY}, {"kty": CANARY}, {"kty": "oct", "k": CANARY}
    ),
    "odd kinds": lambda: jwks(JWK, JWK | {"use": CANARY}, JWK | {"alg": CANARY}, JWK | {"key_ops": [CANARY]}),
    "odd numbers": lambda: jwks(JWK, JWK | {"n": CANARY}, JWK | {"e": CANARY}, JWK | {"kid": [CANARY]}),
    "private members": lambda: jwks(JWK, LEAKED.jwk(private=True), JWK | {"d": CANARY, "n": "AQAB"}),
    "a transport's own error": lambda: raising(RuntimeError(CANARY)),
    "a connection's error": lambda: raising(httpx.ConnectError(CANARY)),
    "a protocol's error": lambda: raising(httpx.RemoteProtocolError(CANARY)),
    "a decoder's error": lambda: raising(UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, CANARY)),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_no_key_document_shows(
    answer: Callable[[], httpx.Response],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Errors, events, logs at every level, health and both reprs hold our own text, with keys and without."""
    received: list[events.Event] = []
    path = tmp_path / "keys.json"
    path.write_text(f'{{"{CANARY}":')
    configured = POOL.user_pool(offline=False, jwks=None, key_file=path)
    transport = httpx.MockTransport(lambda _request: answer())
    found: list[str] = []
    with (
        caplog.at_level(logging.DEBUG),
        Networked(
            configured, token_use="access", transport=transport, clock=FakeClock(), on_event=received.append
        ) as verifier,
    ):
        for token in (POOL.access_token(), POOL.access_token(signed_by="unknown")):
            try:
                found.append(repr(verifier.verify(token, timeout=0.5)))
            except errors.AuthError as error:
                found += [
                    repr((error.__cause__, error.__context__)),
                    str(error),
                    repr(error),
                    str(vars(error)),
                    pickle.dumps(error).decode("latin-1"),
                ]
        found += [json.dumps(verifier.health()), repr(verifier), repr(configured)]
    for event in received:
        found += [repr(event), json.dumps(event.to_dict()), pickle.dumps(event).decode("latin-1")]
    # httpx logs a line for each request, which holds nothing of the body, either.
    found += [f"{record.getMessage()} {record.exc_text} {record.args}" for record in caplog.records]
    found += capfd.readouterr()
    everything = "\0".join(found)
    assert received
    secret = LEAKED.jwk(private=True)
    for needle in (CANARY, CANARY.encode().hex(), secret["d"][:16], secret["p"][:16], JWK["n"][:16]):
        assert needle not in everything


@pytest.mark.parametrize("broken", [f'{{"keys":"{CANARY}"}}', f'{{"keys":[{{"kty":"{CANARY}"}}]}}', CANARY])
def test_a_seed_that_is_none_is_not_repeated(broken: str) -> None:
    """A ConfigurationError about `jwks=` names the fault and holds nothing of the document."""
    with pytest.raises(errors.ConfigurationError) as caught:
        POOL.offline_verifier(pool=POOL.user_pool(offline=True, jwks=broken))
    assert CANARY not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__!r:.200}"


def test_a_principal_shows_what_is_asked_for() -> None:
    """Its repr, errors and formatted text hold no claim; only `claims`, `to_dict` and the like do."""
    token = POOL.access_token(username=CANARY, groups=[CANARY], claims={"email": CANARY, "sub": CANARY})
    principal = POOL.offline_verifier().verify(token)
    found = [str(principal), f"{principal}", ascii(principal), repr([principal, {"who": principal}])]
    attacks: list[Callable[[], object]] = [
        lambda: setattr(principal, "sub", CANARY),
        lambda: delattr(principal, "claims"),
        lambda: principal.email,  # type: ignore[attr-defined]
    ]
    for attack in attacks:
        with pytest.raises(AttributeError) as caught:
            attack()
        found.append(str(caught.value))
    assert CANARY not in "".join(found)
    assert principal.to_dict()["claims"]["email"] == CANARY
