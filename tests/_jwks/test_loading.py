"""What a key set begins with: which entries of key files count, and how old they are (P).

`test_key_set.py` has what becomes of them.
"""

from __future__ import annotations

import json

import pytest

from cognito_mr_auth import UserPool
from cognito_mr_auth._jwks.document import Document, read_document
from cognito_mr_auth._jwks.loading import load_entries, load_seed
from cognito_mr_auth._jwks.model import CacheLifetimes, KeyFileEntry
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.testing import FakeUserPool

FAKE = FakeUserPool()
RAW = json.dumps(FAKE.jwks()).encode()
POOL = UserPool("us-west-2_EXAMPLE", client_ids=["c"], replica_regions=["us-east-1"])
ENDPOINTS = POOL._key_set_config.endpoints
URL = ENDPOINTS[0].url
LIFETIMES = CacheLifetimes(900.0, 3600.0, 86400.0)
NOW = (1_000_000.0, 50.0)


def read(raw: bytes, local: bool = False) -> Document:
    """A document from anywhere."""
    return read_document(raw, allow_emulators=local, known={}.get)


@pytest.mark.parametrize(
    ("url", "age", "document", "used", "known"),
    [
        pytest.param(URL, 10.0, RAW, True, True, id="usable"),
        pytest.param(URL, -30.0, RAW, True, True, id="slightly-in-the-future"),
        pytest.param(URL, -90.0, RAW, False, False, id="in-the-future"),
        pytest.param(URL, 86400.0, RAW, False, True, id="too-old"),
        pytest.param(URL, 10.0, b"{}", False, True, id="no-document"),
        pytest.param(URL, 10.0, b'{"keys":[{"kty":"EC"}]}', False, True, id="no-usable-key"),
        pytest.param("https://other.test/keys", 10.0, RAW, False, False, id="another-pools"),
    ],
)
def test_entries(url: str, age: float, document: bytes, used: bool, known: bool) -> None:
    """One that is not used still says when its endpoint answered last, if it is one of the pool's."""
    entry = KeyFileEntry(url, NOW[0] - age, document)
    responses, states = load_entries([entry], ENDPOINTS, LIFETIMES, NOW, read)
    assert (url in responses, url in states) == (used, known)
    if used:
        assert responses[url].begun == (NOW[0] - age, NOW[1] - max(0.0, age))


def test_a_seed_is_due_for_renewal() -> None:
    """It is as old as keys that a caller waits for."""
    response, document = load_seed(RAW, LIFETIMES, NOW, read)
    assert response.begun == (NOW[0] - 3600.0, NOW[1] - 3600.0)
    assert response.keys == document.keys


@pytest.mark.parametrize(
    ("raw", "says"),
    [(b"[]", "jwks is no JWKS document: "), (b'{"keys":[{"kty":"EC"}]}', "jwks holds no usable key: ")],
)
def test_a_seed_that_is_none(raw: bytes, says: str) -> None:
    """A configuration that cannot be right fails at once (S7)."""
    with pytest.raises(ConfigurationError, match=says):
        load_seed(raw, LIFETIMES, NOW, read)
