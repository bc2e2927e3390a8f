"""The account data of AWS for the checks. Everything is right except what a test changes."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import UserPool
from cognito_mr_auth._aws.model import (
    Account,
    AppClient,
    EncryptionKey,
    PoolSettings,
    RegionAnswer,
    Replica,
    Trouble,
)
from cognito_mr_auth.cli._doctor.verdicts import Check, Configured

PRIMARY, SECONDARY = "us-west-2", "us-east-1"
DENIED = Trouble("not-permitted", "iam:Action", "AccessDeniedException")
REPLICATED = (Replica(SECONDARY, "ACTIVE"),)
SERVICES = frozenset({"cognito-idp.amazonaws.com", "identitystore.amazonaws.com"})


def settings(**changes: Any) -> PoolSettings:
    """A replicated pool's settings."""
    found = PoolSettings(
        issuer_type="UPDATED",
        key_type="CUSTOMER_MANAGED_KEY",
        key_arn="arn:aws:kms:us-west-2:1:key/mrk-1",
        tier="ESSENTIALS",
        domains=(),
        triggers=frozenset(),
    )
    return found._replace(**changes)


def key(**changes: Any) -> EncryptionKey:
    """A key that is right."""
    return EncryptionKey("Enabled", frozenset({PRIMARY, SECONDARY}), SERVICES)._replace(**changes)


def app_client(client_id: str = "a", **changes: Any) -> AppClient:
    """An app client that is right."""
    return AppClient(client_id, 3600, 3600, revocable=True, scopes=frozenset({"openid"}))._replace(**changes)


def account(
    pool: PoolSettings | Trouble | None = None,
    *,
    replicas: tuple[Replica, ...] | Trouble = REPLICATED,
    **changes: Any,
) -> Account:
    """Both Regions say the same of the pool."""
    answer = RegionAnswer(settings() if pool is None else pool, replicas)
    found = Account(
        regions={PRIMARY: answer, SECONDARY: answer},
        source=PRIMARY,
        clients={"a": "web"},
        dynamic=0,
        described={"a": app_client()},
        keys={PRIMARY: key(), SECONDARY: key()},
        scopes=frozenset({"orders/read"}),
        domains={},
        dates=(),
    )
    return found._replace(**changes)


def configured(**options: Any) -> Configured:
    """A verifier that fits; `scopes`, `leeway` and `clients_given` are the command's, the rest the pool's."""
    own = {name: options.pop(name) for name in ("scopes", "leeway", "clients_given") if name in options}
    pool = {"client_ids": ["a"], "replica_regions": [SECONDARY]} | options
    return Configured(UserPool("us-west-2_EXAMPLE", **pool), **own)


def rows(checks: Any, name: str) -> list[Check]:
    """The rows of that name."""
    return [each for each in checks if each.name == name]
