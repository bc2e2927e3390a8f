"""PyJWT behind JWKClient takes no token that the library would not take, whichever PyJWT it is."""

from __future__ import annotations

import pytest

from cognito_mr_auth.testing import MALFORMED, FakeUserPool

pytestmark = pytest.mark.needs("jwt")


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """One pool for all rows: none changes it."""
    return FakeUserPool()


@pytest.mark.parametrize("damage", MALFORMED)
def test_a_damaged_token_gets_no_key(damage: str, pool: FakeUserPool) -> None:
    """ATK-65: no key for what is malformed, so that PyJWT is only left to check a signature.

    PyJWT 2.10.1, our lower bound, reads `crit`, padding and duplicate members as it likes.
    """
    import jwt

    from cognito_mr_auth.pyjwt import JWKClient

    client = JWKClient(pool.offline_verifier())
    token = pool.access_token(malformed=damage)
    try:
        key = client.get_signing_key_from_jwt(token)
    except jwt.PyJWTError:
        return
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, key, algorithms=["RS256"], issuer=client.issuers)
