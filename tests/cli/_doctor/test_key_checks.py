"""The KMS key of a pool: a table."""

from __future__ import annotations

from typing import Any

import pytest
from support.accounts import DENIED, PRIMARY, SECONDARY, account, configured, key, settings

from cognito_mr_auth._aws.model import EncryptionKey, Replica, Trouble
from cognito_mr_auth.cli._doctor.key_checks import key_checks

HERE, THERE = f"encryption key, {PRIMARY}", f"encryption key, {SECONDARY}"
NOT_THERE = Trouble("not-there", "kms:DescribeKey", "NotFoundException")

# Keys by Region, whether the pool has a replica -> rows that are not ok, as name and verdict.
KEYS: list[Any] = [
    pytest.param({}, True, {}, id="well"),
    pytest.param({PRIMARY: key(regions=None)}, True, {HERE: "failure"}, id="single-region"),
    pytest.param({PRIMARY: key(regions=None)}, False, {}, id="single-region-alone"),
    pytest.param({SECONDARY: NOT_THERE}, True, {THERE: "failure"}, id="no-replica-key"),
    pytest.param({PRIMARY: NOT_THERE}, False, {HERE: "warning"}, id="nowhere"),
    pytest.param({PRIMARY: key(regions=frozenset({PRIMARY}))}, True, {HERE: "failure"}, id="not-replicated"),
    pytest.param({SECONDARY: key(state="Disabled")}, True, {THERE: "failure"}, id="disabled"),
    pytest.param({PRIMARY: key(state="PendingDeletion")}, False, {HERE: "failure"}, id="going"),
    pytest.param({PRIMARY: key(state="")}, False, {HERE: "failure"}, id="no-state"),
    pytest.param({PRIMARY: key(state="Updating")}, True, {HERE: "warning"}, id="passing"),
    pytest.param(
        {SECONDARY: key(principals=frozenset({"cognito-idp.amazonaws.com"}))},
        True,
        {f"{THERE}, policy": "warning"},
        id="policy",
    ),
    pytest.param({PRIMARY: key(principals=DENIED)}, True, {f"{HERE}, policy": "unknown"}, id="policy-denied"),
    pytest.param({PRIMARY: DENIED}, True, {HERE: "unknown"}, id="denied"),
    pytest.param({PRIMARY: None}, True, {HERE: "unknown"}, id="not-asked"),
]


@pytest.mark.parametrize(("changes", "replicated", "expected"), KEYS)
def test_a_key_of_ones_own(
    changes: dict[str, EncryptionKey | Trouble | None], replicated: bool, expected: dict[str, str]
) -> None:
    """In each Region of the pool it exists, is enabled, and serves Cognito."""
    keys = {name: each for name, each in ({PRIMARY: key(), SECONDARY: key()} | changes).items() if each}
    replicas = (Replica(SECONDARY, "ACTIVE"),) if replicated else ()
    found = list(key_checks(account(replicas=replicas, keys=keys), configured()))
    assert {row.name: row.verdict for row in found if row.verdict != "ok"} == expected
    assert {row.name.removesuffix(", policy") for row in found} == {HERE, *([THERE] if replicated else [])}


@pytest.mark.parametrize(
    ("kind", "arn", "replicated", "expected"),
    [
        pytest.param("AWS_OWNED_KEY", None, False, "ok", id="aws"),
        pytest.param("AWS_OWNED_KEY", None, True, "failure", id="aws-replicated"),
        pytest.param("AWS_OWNED_KEY", "arn:aws:kms:us-west-2:1:key/x", False, "ok", id="aws-with-an-arn"),
        pytest.param("CUSTOMER_MANAGED_KEY", None, False, "unknown", id="nameless"),
    ],
)
def test_a_key_of_awss(kind: str, arn: str | None, replicated: bool, expected: str) -> None:
    """A replicated pool needs a key of its own."""
    replicas = (Replica(SECONDARY, "ACTIVE"),) if replicated else ()
    found = account(settings(key_type=kind, key_arn=arn), replicas=replicas)
    (row,) = key_checks(found, configured())
    assert row.verdict == expected


@pytest.mark.parametrize("changes", [{"source": None}, {"pool": DENIED}], ids=["silence", "denied"])
def test_without_settings_there_is_no_row(changes: dict[str, Any]) -> None:
    """The pool's rows say why."""
    assert list(key_checks(account(**changes), configured())) == []
