"""The pools of the bed, their documents and their tokens; and waiting until callers met something.

Owns the one key pair before a rotation and the one after it, which all pools share: making a key takes longer
than most rows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import cache

from cognito_mr_auth import UserPool
from cognito_mr_auth.testing import FakeUserPool

from .world import PRIMARY

__all__ = ["Material", "material", "replicated", "until"]

POOL_ID = f"{PRIMARY}_Netns00001"
CLIENT_ID = "1example23456789"
REPLICAS = ("us-east-1", "eu-west-1")
TOKENS = 12
# Valid at every age that a client's clock is set to.
LIFETIME = 3 * 86400
POLL_SECONDS = 0.05


class Material:
    """Documents before (`old`) and after (`new`) a rotation, and tokens of both."""

    def __init__(self) -> None:
        self._pool = FakeUserPool(POOL_ID, replica_regions=REPLICAS, client_id=CLIENT_ID)
        self.old = self._document()
        self.old_tokens = [self._token(f"user{number}") for number in range(TOKENS)]
        self._key = self._pool.access_key
        self._pool.rotate()
        self.new = self._document()
        self.new_tokens = [self._token(f"user{number}") for number in range(TOKENS)]
        self.forged = [self._token("mallory", kid=f"forged-{number}") for number in range(200)]

    def _document(self) -> bytes:
        return json.dumps(self._pool.jwks()).encode()

    def _token(self, username: str, **header: object) -> str:
        return self._pool.access_token(username=username, header=header, expires_in=LIFETIME)

    def old_token_of(self, pool_id: str) -> str:
        """A token of another pool that signs with the same key."""
        issuer = f"https://cognito-idp.{PRIMARY}.amazonaws.com/{pool_id}"
        return self._pool.access_token(signed_by=self._key, claims={"iss": issuer}, expires_in=LIFETIME)


@cache
def material() -> Material:
    """Made once."""
    return Material()


def replicated(pool_id: str = POOL_ID, replicas: Sequence[str] = REPLICAS) -> UserPool:
    """A pool with replicas, as an application configures it."""
    return UserPool(pool_id, client_ids=[CLIENT_ID], replica_regions=list(replicas))


def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until it holds, at most so long."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
