"""A key used as another kind of key (ATK-02 to ATK-08, S1)."""

from __future__ import annotations

import hashlib
import hmac
import inspect
import json
import subprocess
import sys
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from support.network import Networked
from support.refusals import refused
from support.segments import octets_of, segment

from cognito_mr_auth import UserPool, Verifier, errors
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import REMOVE, FakeClock, FakeUserPool


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """One pool whose keys stay."""
    return FakeUserPool(clock=FakeClock())


def ends(verifier: Verifier, token: str) -> str:
    """The reason of the error, or the ID of the pool whose key verified the token."""
    try:
        return verifier.verify(token, timeout=0.5).user_pool_id
    except AuthError as error:
        return error.reason


# --- RS256 taken for HMAC


def secrets_of(pool: FakeUserPool) -> dict[str, bytes]:
    """Each form in which the public key can be had, as the secret of an HMAC."""
    spki = pool.access_key.public_pem()
    public: Any = serialization.load_pem_public_key(spki)
    jwk = pool.access_key.jwk()
    encoding, form = serialization.Encoding, serialization.PublicFormat
    pkcs1 = public.public_bytes(encoding.PEM, form.PKCS1)
    return {
        "empty": b"",
        "SPKI PEM": spki,
        "SPKI PEM, no newline": spki.strip(),
        "SPKI PEM, two newlines": spki + b"\n",
        "SPKI PEM, CRLF": spki.replace(b"\n", b"\r\n"),
        "SPKI PEM, leading space": b" " + spki,
        "SPKI PEM, leading newline": b"\n" + spki,
        "SPKI PEM, BOM": b"\xef\xbb\xbf" + spki,
        "SPKI PEM, one line": spki.replace(b"\n", b""),
        "PKCS1 PEM": pkcs1,
        "PKCS1 PEM, no newline": pkcs1.strip(),
        "SPKI DER": public.public_bytes(encoding.DER, form.SubjectPublicKeyInfo),
        "PKCS1 DER": public.public_bytes(encoding.DER, form.PKCS1),
        "OpenSSH": public.public_bytes(encoding.OpenSSH, form.OpenSSH),
        "n as text": jwk["n"].encode(),
        "n as octets": octets_of(jwk["n"]),
        "n with a leading zero": b"\0" + octets_of(jwk["n"]),
        "n in decimal": str(public.public_numbers().n).encode(),
        "e as octets": b"\1\0\1",
        "JWK": json.dumps(jwk).encode(),
        "JWK, compact": json.dumps(jwk, separators=(",", ":")).encode(),
        "JWK, repr": repr(jwk).encode(),
        "JWKS": json.dumps(pool.jwks()).encode(),
        "JWKS, compact": json.dumps(pool.jwks(), separators=(",", ":")).encode(),
        "kid": pool.access_key.kid.encode(),
        "pool ID": pool.user_pool_id.encode(),
        "None": b"None",
    }


@pytest.mark.parametrize("digest", ["256", "384", "512"])
@pytest.mark.parametrize("announced", ["HS", "RS256"])
def test_no_form_of_the_public_key_is_a_secret(pool: FakeUserPool, announced: str, digest: str) -> None:
    """ATK-02: an HMAC under any of them is refused, whichever algorithm the header names."""
    verifier = pool.offline_verifier()
    verifier.verify(pool.access_token())
    algorithm = f"HS{digest}" if announced == "HS" else announced
    kind = errors.AlgorithmNotAllowed if announced == "HS" else errors.SignatureInvalid
    for secret in secrets_of(pool).values():
        text = pool.access_token(header={"alg": algorithm}).rpartition(".")[0]
        tag = hmac.new(secret, text.encode(), f"sha{digest}").digest()
        for signature in (tag, hashlib.new(f"sha{digest}", secret + text.encode()).digest()):
            refused(kind, verifier.verify, f"{text}.{segment(signature)}")


@pytest.mark.needs("jwt")
def test_pyjwt_is_given_no_key_for_an_hmac(pool: FakeUserPool) -> None:
    """CVE-2026-48526: PyJWT's caller asks us for the key first, and an HMAC's token gets none."""
    import jwt

    from cognito_mr_auth.pyjwt import JWKClient

    client = JWKClient(pool.offline_verifier())
    for algorithm in ("HS256", "none", "RS512"):
        with pytest.raises(jwt.InvalidAlgorithmError):
            client.get_signing_key_from_jwt(pool.access_token(header={"alg": algorithm}))
    key = client.get_signing_key_from_jwt(pool.access_token())
    text = pool.access_token(header={"alg": "HS256"}).rpartition(".")[0]
    for secret in secrets_of(pool).values():
        tag = hmac.new(secret, text.encode(), "sha256").digest()
        with pytest.raises(jwt.PyJWTError):  # also for a caller that allows both and skips our check
            jwt.decode(f"{text}.{segment(tag)}", key, algorithms=["RS256", "HS256"])


VERIFY = """
import json, sys
from cognito_mr_auth import UserPool, Verifier, errors
pool_id, client, jwks, *tokens = json.load(sys.stdin)
pool = UserPool(pool_id, client_ids=[client], jwks=jwks, offline=True)
verifier = Verifier(pool, token_use="access", cache_size=0)
said = []
for token in tokens:
    try:
        said.append(verifier.verify(token).token_use)
    except errors.AuthError as error:
        said.append(error.reason)
print(json.dumps([said, [name for name in sys.modules if "hmac" in name]]))
"""


def test_a_process_that_verifies_has_loaded_no_hmac() -> None:
    """Good tokens are accepted and forged ones refused in a process into which no module for HMAC was loaded.

    tests/security/test_standards_source.py says the same of the source.
    """
    pool = FakeUserPool()
    tokens = [pool.access_token(), pool.access_token(malformed="hs256_with_public_key")] * 20
    given = json.dumps([pool.user_pool_id, pool.client_id, pool.jwks(), *tokens])
    ran = subprocess.run(
        [sys.executable, "-c", VERIFY], input=given, text=True, capture_output=True, check=True
    )
    said, loaded = json.loads(ran.stdout)
    assert said == ["access", "algorithm_not_allowed"] * 20
    assert loaded == []


def test_nothing_turns_the_checks_off() -> None:
    """ATK-54: no argument says what not to verify; both methods give a principal or raise."""
    for method in (Verifier.verify, Verifier.averify):
        assert list(inspect.signature(method).parameters) == ["self", "token", "require", "timeout"]
    settings = {*inspect.signature(Verifier).parameters, *inspect.signature(UserPool).parameters}
    doubtful = {name for name in settings if any(word in name for word in ("verify", "skip", "check", "alg"))}
    assert doubtful == set()
    assert {name for name in settings if "insecure" in name} == {"insecure_emulator"}


# --- Keys that say something else than RS256


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
@pytest.mark.parametrize("said", [REMOVE, "RS256"], ids=["no-alg", "rs256"])
def test_the_token_does_not_choose(pool: FakeUserPool, said: object, algorithm: Any) -> None:
    """ATK-03: another algorithm of the very key is refused, announced or not; the JWK may have no `alg`."""
    jwk = {
        name: value for name, value in (pool.access_key.jwk() | {"alg": said}).items() if value is not REMOVE
    }
    verifier = pool.offline_verifier(pool=pool.user_pool(offline=True, jwks={"keys": [jwk]}))
    assert ends(verifier, pool.access_token()) == pool.user_pool_id
    for announced, reason in ((algorithm, "algorithm_not_allowed"), ("RS256", "signature_invalid")):
        text = pool.access_token(header={"alg": announced}).rpartition(".")[0]
        signature = pool.access_key.sign(text.encode(), algorithm)
        assert ends(verifier, f"{text}.{segment(signature)}") == reason


def others(pool: FakeUserPool) -> dict[str, Any]:
    """Members under the good kid that are no key for RS256."""
    jwk, kid = pool.access_key.jwk(), pool.access_key.kid
    point = {"x": segment(bytes(31) + b"\4"), "y": segment(bytes(31) + b"\5")}
    return {
        "ATK-04 alg RS512": jwk | {"alg": "RS512"},
        "ATK-04 alg PS256": jwk | {"alg": "PS256"},
        "ATK-04 alg HS256": jwk | {"alg": "HS256"},
        "ATK-04 alg none": jwk | {"alg": "none"},
        "ATK-04 alg list": jwk | {"alg": ["RS256"]},
        "ATK-07 EC": {"kty": "EC", "crv": "P-256", "kid": kid, **point},
        "ATK-07 OKP": {"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": point["x"]},
        "ATK-07 oct": {"kty": "oct", "kid": kid, "k": segment(pool.access_key.public_pem()), "alg": "HS256"},
        "ATK-07 RSA with the members of EC": {"kty": "RSA", "crv": "P-256", "kid": kid, **point},
        "ATK-07 EC with the members of RSA": jwk | {"kty": "EC"},
        "STD-23 use enc": jwk | {"use": "enc"},
        "STD-23 key_ops encrypt": jwk | {"key_ops": ["encrypt"]},
    }


@pytest.mark.parametrize("name", others(FakeUserPool()))
def test_no_other_key_under_the_kid_is_used(pool: FakeUserPool, name: str) -> None:
    """It is skipped: alone its kid is unknown, beside the RSA key, on either side, it changes nothing."""
    member, good = others(pool)[name], pool.access_key.jwk()
    for keys, reason in (
        ([member, pool.id_key.jwk()], "key_unknown"),
        ([member, good], pool.user_pool_id),
        ([good, member], pool.user_pool_id),
    ):
        verifier = pool.offline_verifier(pool=pool.user_pool(offline=True, jwks={"keys": keys}))
        assert ends(verifier, pool.access_token()) == reason
        assert ends(verifier, pool.access_token(signed_by="foreign")) != pool.user_pool_id
        assert ends(verifier, pool.access_token(malformed="hs256_with_public_key")) == "algorithm_not_allowed"


@pytest.mark.parametrize("keys", [[], [{"kty": "oct", "kid": "k", "k": "AAAA"}], [None, 1, "x"]], ids=repr)
def test_no_key_is_no_verdict(pool: FakeUserPool, keys: list[Any]) -> None:
    """ATK-08: endpoints without a usable key are an outage, for unsigned tokens as for good ones."""
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json={"keys": keys}))
    configured = pool.user_pool(offline=False, jwks=None)
    verifier = Networked(configured, token_use="access", transport=transport, clock=FakeClock())
    with verifier:
        header, payload, _ = pool.access_token(header={"kid": "k"}).split(".")
        for token in (
            pool.access_token(),
            f"{header}.{payload}.",
            f"{header}.{payload}.{segment(bytes(256))}",
        ):
            assert ends(verifier, token) == "keys_unavailable"
        assert ends(verifier, pool.access_token(malformed="alg_none")) == "algorithm_not_allowed"
