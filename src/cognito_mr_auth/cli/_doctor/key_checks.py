"""Checks of the KMS key that encrypts the pool: a replicated pool needs a multi-Region one of its own.

Pure: makes rows from the responses of AWS. A full evaluation of the key's policy is out of scope.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cognito_mr_auth._aws.model import Account, EncryptionKey, PoolSettings, Trouble, known

from .pool_checks import replicas_of
from .verdicts import Check, Configured, listed, unknown

__all__ = ["key_checks"]

_NAME: Final = "encryption key"
_AWS_OWNED: Final = "AWS_OWNED_KEY"
_MULTI_REGION: Final = (
    "create a multi-Region key of your own, replicate it, and give it to the pool (KeyConfiguration)"
)
# Cognito Developer Guide, "Encryption at rest": both must be allowed to use the key.
_PRINCIPALS: Final = frozenset({"cognito-idp.amazonaws.com", "identitystore.amazonaws.com"})
# States of a key that are temporary.
_PASSING: Final = frozenset({"Creating", "Updating"})


def key_checks(account: Account, configured: Configured) -> Iterator[Check]:
    """Yield the rows of the key: one for an unsuitable key, else one for each Region."""
    settings = known(account.regions[account.source].pool) if account.source else None
    if settings is None:
        return
    replicas = replicas_of(account, configured)
    if settings.key_arn is None or settings.key_type == _AWS_OWNED:
        yield _of_aws(settings, replicas)
        return
    for region in (configured.pool.region, *sorted(replicas)):
        found = account.keys.get(region)
        name = f"{_NAME}, {region}"
        if isinstance(found, EncryptionKey):
            yield from _in_region(name, found, replicas)
        elif found is not None and found.kind == "not-there":
            do = "replicate the multi-Region key to that Region"
            yield Check(name, "failure" if replicas else "warning", "KMS does not know the key here", do)
        else:
            yield unknown(name, found or Trouble("unreachable", "kms:DescribeKey"))


def _of_aws(settings: PoolSettings, replicas: frozenset[str]) -> Check:
    if replicas:
        return Check(
            _NAME, "failure", "AWS's own: a replica needs a multi-Region key of yours", _MULTI_REGION
        )
    if settings.key_type == _AWS_OWNED:
        return Check(_NAME, "ok", "AWS's own; a replica would need a multi-Region key of yours")
    return Check(_NAME, "unknown", f"{settings.key_type} without an ARN", "look into the AWS console")


def _in_region(name: str, key: EncryptionKey, replicas: frozenset[str]) -> Iterator[Check]:
    problems: Sequence[Check] = [
        *_state(name, key),
        *_reach(name, key, replicas),
        *_policy(name, key),
    ]
    kind = "multi-Region" if key.regions is not None else "single-Region"
    yield from problems or [Check(name, "ok", f"{kind}, {key.state}")]


def _state(name: str, key: EncryptionKey) -> Iterator[Check]:
    if key.state in _PASSING:
        yield Check(name, "warning", f"its state is {key.state}", "wait until it is Enabled")
    elif key.state != "Enabled":
        said = f"its state is {key.state or 'not named'}: the pool cannot use it"
        yield Check(name, "failure", said, "enable it, or cancel its deletion")


def _reach(name: str, key: EncryptionKey, replicas: frozenset[str]) -> Iterator[Check]:
    if not replicas:
        return
    if key.regions is None:
        yield Check(name, "failure", "a single-Region key: a replica needs a multi-Region one", _MULTI_REGION)
    elif missing := replicas - key.regions:
        said = f"it has no replica key in {listed(missing)}"
        yield Check(name, "failure", said, "replicate the multi-Region key to that Region")


def _policy(name: str, key: EncryptionKey) -> Iterator[Check]:
    if isinstance(key.principals, Trouble):
        yield unknown(f"{name}, policy", key.principals)
    elif missing := _PRINCIPALS - key.principals:
        said = f"no statement of its policy allows {listed(missing)}"
        do = "let both use it, in each Region's own policy (AWS's guide has the statements)"
        yield Check(f"{name}, policy", "warning", said, do)
