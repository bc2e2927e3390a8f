"""Signing keys: Cognito's form, never shared, cheap in hundreds."""

from __future__ import annotations

import base64
import gc
import os

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cognito_mr_auth.testing import FakeUserPool, SigningKey
from cognito_mr_auth.testing._tokens.keys import RESERVE, Reserve


def number(text: str) -> int:
    """A Base64urlUInt."""
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def test_a_jwk_looks_like_cognitos() -> None:
    """The public JWK has Cognito's six members, 2048 bits, e=AQAB, and a 44-character kid."""
    key = SigningKey()
    jwk = key.jwk()
    assert set(jwk) == {"alg", "e", "kid", "kty", "n", "use"}
    assert (jwk["alg"], jwk["e"], jwk["kty"], jwk["use"]) == ("RS256", "AQAB", "RSA", "sig")
    assert number(jwk["n"]).bit_length() == 2048
    assert jwk["kid"] == key.kid
    assert len(key.kid) == 44
    assert key.kid.endswith("=")
    assert len(base64.b64decode(key.kid, validate=True)) == 32


def test_the_private_members_make_the_same_key() -> None:
    """`private` adds d, p, q, dp, dq, qi, and they belong to n."""
    jwk = SigningKey().jwk(private=True)
    assert set(jwk) - set(SigningKey().jwk()) == {"d", "p", "q", "dp", "dq", "qi"}
    assert number(jwk["p"]) * number(jwk["q"]) == number(jwk["n"])
    assert number(jwk["qi"]) * number(jwk["q"]) % number(jwk["p"]) == 1


def test_the_pem_forms_are_one_key() -> None:
    """The private PEM signs what the public PEM verifies."""
    key = SigningKey()
    private = serialization.load_pem_private_key(key.private_pem(), None)
    public = serialization.load_pem_public_key(key.public_pem())
    assert isinstance(private, rsa.RSAPrivateKey)
    assert isinstance(public, rsa.RSAPublicKey)
    signature = private.sign(b"data", padding.PKCS1v15(), hashes.SHA256())
    assert signature == key.sign(b"data")
    public.verify(signature, b"data", padding.PKCS1v15(), hashes.SHA256())
    assert repr(key) == f"SigningKey(kid={key.kid!r})"


def test_living_keys_are_never_shared() -> None:
    """Twenty living pools have forty different moduli, and forty kids."""
    pools = [FakeUserPool() for _ in range(20)]
    keys = [jwk for pool in pools for jwk in pool.jwks()["keys"]]
    assert len({jwk["n"] for jwk in keys}) == len({jwk["kid"] for jwk in keys}) == 40


def test_a_key_of_a_dead_pool_comes_back_under_another_kid() -> None:
    """A hundred pools, one after the other, cost two generated keys at most, and no kid returns."""
    gc.collect()
    before = RESERVE.generated
    kids = {jwk["kid"] for _ in range(100) for jwk in FakeUserPool().jwks()["keys"]}
    assert RESERVE.generated - before <= 2
    assert len(kids) == 200


@pytest.mark.parametrize("export", ["private_pem", "private jwk"])
def test_an_exported_key_never_comes_back(export: str) -> None:
    """A key whose private half was handed out is never given to another owner."""
    key = SigningKey()
    modulus = key.jwk()["n"]
    if export == "private_pem":
        key.private_pem()
    else:
        key.jwk(private=True)
    del key
    gc.collect()
    idle = [private.public_key().public_numbers().n for _, private in RESERVE._idle]
    assert number(modulus) not in idle


def test_a_withdrawn_key_stays_its_pools() -> None:
    """However often a pool rotates and withdraws, no modulus of its own comes back."""
    pool = FakeUserPool()
    seen: list[str] = []
    for _ in range(4):
        seen += [jwk["n"] for jwk in pool.jwks()["keys"]]
        pool.rotate()
        pool.withdraw()
    assert len(set(seen)) == len(seen) == 8


def test_a_forked_child_does_not_inherit_idle_keys() -> None:
    """A key that another process gave back is passed over."""
    reserve = Reserve()
    ours, theirs = reserve.take(), reserve.take()
    reserve.give_back(os.getpid(), ours)
    reserve.give_back(os.getpid() + 1, theirs)
    assert reserve.take() is ours
    assert reserve.generated == 2


def test_a_twin_has_the_same_material_under_its_own_kid() -> None:
    """under() changes the kid and nothing else."""
    key = SigningKey("first")
    twin = key.under("second")
    assert (key.kid, twin.kid) == ("first", "second")
    assert twin.jwk()["n"] == key.jwk()["n"]
