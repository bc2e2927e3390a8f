"""App clients: whose they are, and how long their tokens live."""

from __future__ import annotations

from typing import Any

import pytest
from support.accounts import DENIED, account, app_client, configured, rows

from cognito_mr_auth import ANY_CLIENT
from cognito_mr_auth._aws.model import Trouble
from cognito_mr_auth.cli._doctor.client_checks import client_checks, duration

GONE = Trouble("not-there", "cognito-idp:DescribeUserPoolClient")
MANY = {f"c{n}": "" for n in range(7)}

CLIENTS: list[Any] = [
    pytest.param({}, {}, ["ok"], "configured are the pool's: a", id="well"),
    pytest.param(
        {}, {"client_ids": ["a", "z"]}, ["failure"], "no app client z; it has a (web)", id="unknown"
    ),
    pytest.param({"clients": {}}, {}, ["failure"], "it has none", id="none"),
    pytest.param({"clients": MANY}, {"client_ids": ["z"]}, ["failure"], "c4 and 2 more", id="many"),
    pytest.param({}, {"client_ids": ANY_CLIENT}, ["warning"], "ANY_CLIENT", id="any"),
    pytest.param(
        {},
        {"client_ids": ANY_CLIENT, "clients_given": False},
        ["unknown"],
        "not compared; the pool has a (web)",
        id="not-given",
    ),
    pytest.param({"dynamic": 3}, {}, ["warning", "ok"], "registered 3 of them themselves", id="dynamic"),
    pytest.param({"dynamic": None}, {}, ["ok"], "a", id="dynamic-unknown"),
    pytest.param({"clients": DENIED, "dynamic": DENIED}, {}, ["ok"], "a", id="described"),
    pytest.param(
        {"clients": DENIED, "described": {"a": app_client(), "z": GONE}},
        {},
        ["failure"],
        "no app client z; it has others",
        id="described-unknown",
    ),
    pytest.param({"clients": DENIED, "described": {}}, {}, ["unknown"], "iam:Action", id="denied"),
    pytest.param(
        {"clients": DENIED, "described": {"a": DENIED}}, {}, ["unknown"], "iam:Action", id="all-denied"
    ),
]


@pytest.mark.parametrize(("changes", "options", "expected", "text"), CLIENTS)
def test_the_clients(
    changes: dict[str, Any], options: dict[str, Any], expected: list[str], text: str
) -> None:
    """Each configured ID is one of the pool's."""
    found = rows(client_checks(account(**changes), configured(**options)), "app clients")
    assert [row.verdict for row in found] == expected
    assert text in found[0].said


LIFETIMES: list[Any] = [
    pytest.param([app_client()], {"token lifetimes": "ok"}, "1 h at most (a)", id="hour"),
    pytest.param(
        [app_client(), app_client("b", id_seconds=86400)],
        {"token lifetimes": "warning"},
        "1 d at most (b)",
        id="day",
    ),
    pytest.param(
        [app_client(access_seconds=5400)], {"token lifetimes": "warning"}, "90 min at most", id="more"
    ),
    pytest.param(
        [app_client(revocable=False)],
        {"token lifetimes": "ok", "token revocation": "warning"},
        "1 h",
        id="not-revocable",
    ),
    pytest.param([DENIED], {"token lifetimes": "unknown"}, "iam:Action", id="denied"),
    pytest.param([GONE], {}, "", id="gone"),
    pytest.param([], {}, "", id="none"),
]


@pytest.mark.parametrize(("described", "expected", "text"), LIFETIMES)
def test_lifetimes(described: list[Any], expected: dict[str, str], text: str) -> None:
    """The longest of access and ID tokens, over all app clients that were looked at."""
    found = list(client_checks(account(described=dict(enumerate(described))), configured()))
    found = [row for row in found if row.name.startswith("token")]
    assert {row.name: row.verdict for row in found} == expected
    assert not found or text in found[0].said


@pytest.mark.parametrize(
    ("seconds", "text"), [(300, "5 min"), (90, "90 s"), (3600, "1 h"), (5400, "90 min"), (172800, "2 d")]
)
def test_a_duration(seconds: int, text: str) -> None:
    """In the largest unit that divides it."""
    assert duration(seconds) == text


SCOPES: list[Any] = [
    pytest.param({}, "openid", "ok", id="own"),
    pytest.param({}, "orders/read", "warning", id="nobody-may-ask"),
    pytest.param({}, "orders/write", "failure", id="not-defined"),
    pytest.param(
        {"described": {"a": app_client(scopes=frozenset({"orders/read"}))}}, "orders/read", "ok", id="well"
    ),
    pytest.param({"described": {}}, "orders/read", "ok", id="clients-unknown"),
]


@pytest.mark.parametrize(("changes", "scope", "expected"), SCOPES)
def test_a_scope(changes: dict[str, Any], scope: str, expected: str) -> None:
    """A policy's scope can be had at all."""
    (row,) = rows(client_checks(account(**changes), configured(scopes=(scope,))), f"scope {scope}")
    assert row.verdict == expected


def test_scopes_that_may_not_be_read() -> None:
    """One row for all."""
    (row,) = rows(client_checks(account(scopes=DENIED), configured(scopes=("a/b", "c/d"))), "scopes")
    assert row.verdict == "unknown"


def test_without_a_region_there_is_no_row() -> None:
    """The pool's rows say why."""
    assert list(client_checks(account(source=None), configured())) == []
