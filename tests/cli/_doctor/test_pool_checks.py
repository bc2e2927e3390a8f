"""The pool and its replicas against the configuration: a table for each row."""

from __future__ import annotations

from typing import Any

import pytest
from support.accounts import DENIED, PRIMARY, SECONDARY, account, configured, rows, settings

from cognito_mr_auth import ANY_CLIENT
from cognito_mr_auth._aws.model import Domain, RegionAnswer, Replica, Trouble
from cognito_mr_auth.cli._doctor.pool_checks import pool_checks, replicas_of


def verdict(name: str, found: Any, **options: Any) -> tuple[str, str]:
    """The one row of that name: its verdict and what it says."""
    (row,) = rows(pool_checks(found, configured(**options)), name)
    return row.verdict, row.said


WELL = RegionAnswer(settings(), ())
REGIONS = [
    pytest.param(WELL, "ok", "answers", id="well"),
    pytest.param(RegionAnswer(DENIED, DENIED), "unknown", "iam:Action", id="denied"),
    pytest.param(RegionAnswer(Trouble("unreachable"), DENIED), "warning", "may lag", id="away"),
    pytest.param(RegionAnswer(Trouble("late"), DENIED), "warning", "may lag", id="late"),
    pytest.param(RegionAnswer(Trouble("no-credentials"), DENIED), "unknown", "credentials", id="credentials"),
    pytest.param(RegionAnswer(Trouble("clock"), DENIED), "unknown", "signature", id="clock"),
]


@pytest.mark.parametrize(("answer", "expected", "text"), REGIONS)
def test_a_region(answer: RegionAnswer, expected: str, text: str) -> None:
    """What each Region's API does, while another one answers."""
    found = account(regions={PRIMARY: answer, SECONDARY: WELL}, source=SECONDARY)
    got, said = verdict(f"Region {PRIMARY}", found)
    assert (got, text in said) == (expected, True)


@pytest.mark.parametrize(("region", "expected"), [(PRIMARY, "failure"), (SECONDARY, "warning")])
def test_a_pool_that_is_not_there(region: str, expected: str) -> None:
    """In the primary it is a failure, at a Region that is configured as a replica a warning."""
    gone = RegionAnswer(Trouble("not-there"), Trouble("not-there"))
    assert verdict(f"Region {region}", account(regions={region: gone}, source=None))[0] == expected


@pytest.mark.parametrize(
    ("replicas", "advice"),
    [pytest.param([], "--replica-region", id="none"), pytest.param([SECONDARY], "endpoints below", id="one")],
)
def test_silence_everywhere(replicas: list[str], advice: str) -> None:
    """Nothing more can be said; a replica's Region would have helped where none was named."""
    silent = RegionAnswer(Trouble("unreachable"), Trouble("unreachable"))
    found = account(regions={PRIMARY: silent}, source=None)
    (row,) = pool_checks(found, configured(replica_regions=replicas))
    assert (row.verdict, advice in row.do) == ("unknown", True)


REPLICAS = [
    pytest.param([SECONDARY], [SECONDARY], [("ok", "as configured: us-east-1")], id="equal"),
    pytest.param([], [], [("ok", "as configured: none")], id="none"),
    pytest.param(
        [],
        [SECONDARY],
        [("warning", "us-east-1 is configured, and the pool has no replica there")],
        id="absent",
    ),
    pytest.param(
        [SECONDARY],
        [],
        [("failure", "the pool has a replica in us-east-1, and tokens that it issues are refused")],
        id="not-configured",
    ),
    pytest.param(["eu-west-1"], [SECONDARY], [("failure", None), ("warning", None)], id="another"),
]


@pytest.mark.parametrize(("real", "wanted", "expected"), REPLICAS)
def test_replicas(real: list[str], wanted: list[str], expected: list[tuple[str, str | None]]) -> None:
    """What AWS has and what is configured are the same, or each difference is a row."""
    found = account(replicas=tuple(Replica(each, "ACTIVE") for each in real))
    got = rows(pool_checks(found, configured(replica_regions=wanted)), "replicas")
    assert [
        (row.verdict, row.said if text else None) for row, (_, text) in zip(got, expected, strict=True)
    ] == expected


@pytest.mark.parametrize("kind", ["not-permitted", "not-enabled", "throttled"])
def test_replicas_that_cannot_be_listed(kind: Any) -> None:
    """Unknown, and never "no replica"; the configured ones count as there."""
    found = account(replicas=Trouble(kind, "cognito-idp:ListUserPoolReplicas"))
    assert verdict("replicas", found)[0] == "unknown"
    assert replicas_of(found, configured()) == {SECONDARY}


def test_another_regions_list_will_do() -> None:
    """The first Region that gives a list is believed."""
    regions = {
        PRIMARY: RegionAnswer(settings(), DENIED),
        SECONDARY: RegionAnswer(settings(), (Replica(SECONDARY, "ACTIVE"),)),
    }
    assert verdict("replicas", account(regions=regions))[0] == "ok"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("ACTIVE", "ok"),
        ("INACTIVE", "warning"),
        ("CREATING", "warning"),
        ("DELETING", "failure"),
        ("PENDING_CREATE", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_replicas_status(status: str, expected: str) -> None:
    """A value that AWS did not have yet is shown, without a crash."""
    got, said = verdict(f"replica {SECONDARY}", account(replicas=(Replica(SECONDARY, status),)))
    assert (got, status in said) == (expected, True)


ISSUERS = [
    # type, replicas, accepted kinds, verdict, what to do
    pytest.param("UPDATED", True, None, "ok", "", id="updated-all"),
    pytest.param("UPDATED", True, ["updated"], "ok", "", id="updated-alone"),
    pytest.param(
        "UPDATED", True, ["original", "replica"], "failure", "accept updated too", id="updated-missing"
    ),
    pytest.param("ORIGINAL", False, ["original"], "ok", "", id="original"),
    pytest.param("ORIGINAL", False, ["updated"], "failure", "switch the pool", id="updated-required"),
    pytest.param("ORIGINAL", True, ["original"], "failure", "accept replica too", id="replica-missing"),
    pytest.param("ORIGINAL", True, None, "ok", "", id="original-all"),
    pytest.param("HYBRID", True, None, "unknown", "IssuerConfiguration", id="unknown"),
]


@pytest.mark.parametrize(("kind", "replicated", "accepted", "expected", "advice"), ISSUERS)
def test_the_issuer(
    kind: str, replicated: bool, accepted: list[str] | None, expected: str, advice: str
) -> None:
    """Each kind that is minted has to be accepted; what is accepted beside it harms nothing."""
    replicas = (Replica(SECONDARY, "ACTIVE"),) if replicated else ()
    regions = [SECONDARY] if replicated else []
    found = account(settings(issuer_type=kind), replicas=replicas)
    (row,) = rows(pool_checks(found, configured(issuer_kinds=accepted, replica_regions=regions)), "issuer")
    assert (row.verdict, advice in row.do) == (expected, True)


def test_a_replica_that_is_not_configured_is_one_row() -> None:
    """Its issuer is not complained of twice."""
    found = account(settings(issuer_type="ORIGINAL"))
    assert verdict("issuer", found, replica_regions=[])[0] == "ok"


@pytest.mark.parametrize(
    ("kind", "replicated", "count"),
    [("ORIGINAL", True, 1), ("ORIGINAL", False, 0), ("UPDATED", True, 0)],
    ids=["original-replicated", "original", "updated-replicated"],
)
def test_the_original_issuer_of_a_replicated_pool(kind: str, replicated: bool, count: int) -> None:
    """AWS asks for the updated one there."""
    replicas = (Replica(SECONDARY, "ACTIVE"),) if replicated else ()
    checks = pool_checks(account(settings(issuer_type=kind), replicas=replicas), configured())
    found = rows(checks, "issuer of a replicated pool")
    assert [row.verdict for row in found] == ["warning"] * count


@pytest.mark.parametrize(
    ("tier", "replicated", "expected"),
    [
        ("ESSENTIALS", True, "ok"),
        ("PLUS", True, "ok"),
        ("LITE", False, "ok"),
        ("LITE", True, "failure"),
        (None, True, "unknown"),
    ],
)
def test_the_plan(tier: str | None, replicated: bool, expected: str) -> None:
    """LITE has no replicas."""
    replicas = (Replica(SECONDARY, "ACTIVE"),) if replicated else ()
    assert verdict("plan", account(settings(tier=tier), replicas=replicas))[0] == expected


TRIGGERS = [
    pytest.param({"PreSignUp"}, {"PreSignUp"}, ["ok"], id="same"),
    pytest.param(set(), set(), ["ok"], id="none"),
    pytest.param({"PreSignUp"}, set(), ["warning"], id="another"),
    pytest.param({"PreTokenGeneration"}, set(), ["failure"], id="claims-of-the-primary"),
    pytest.param(set(), {"PreTokenGenerationConfig V2_0"}, ["failure"], id="claims-of-the-replica"),
    pytest.param(
        {"PreTokenGenerationConfig V1_0"},
        {"PreTokenGenerationConfig V2_0"},
        ["failure", "failure"],
        id="versions",
    ),
]


@pytest.mark.parametrize(("here", "there", "expected"), TRIGGERS)
def test_triggers(here: set[str], there: set[str], expected: list[str]) -> None:
    """Each difference is a row; a claim that one Region's tokens lack is a failure."""
    regions = {
        PRIMARY: RegionAnswer(settings(triggers=frozenset(here)), ()),
        SECONDARY: RegionAnswer(settings(triggers=frozenset(there)), ()),
    }
    found = rows(pool_checks(account(regions=regions), configured()), "triggers")
    assert [row.verdict for row in found] == expected


def test_triggers_of_one_region_alone() -> None:
    """There is nothing to compare."""
    found = account(regions={PRIMARY: RegionAnswer(settings(), ())})
    assert rows(pool_checks(found, configured()), "triggers") == []


DOMAINS = [
    pytest.param(Domain("shop", SECONDARY), True, "ok", id="fails-over"),
    pytest.param(Domain("shop", None), True, "warning", id="stays"),
    pytest.param(Domain("shop", "eu-west-1"), True, "failure", id="elsewhere"),
    pytest.param(Domain("shop", None), False, "ok", id="no-replica"),
    pytest.param(DENIED, True, "unknown", id="denied"),
]


@pytest.mark.parametrize(("domain", "replicated", "expected"), DOMAINS)
def test_a_domain(domain: Domain | Trouble, replicated: bool, expected: str) -> None:
    """Sign-in pages fail over to the replica, or stay where they are."""
    replicas = (Replica(SECONDARY, "ACTIVE"),) if replicated else ()
    found = account(replicas=replicas, domains={"shop": domain})
    assert verdict("domain shop", found)[0] == expected


def test_settings_that_may_not_be_read() -> None:
    """Issuer, key and plan are unknown; the list of replicas needs another permission."""
    checks = list(pool_checks(account(DENIED), configured(client_ids=ANY_CLIENT)))
    assert {row.name for row in checks if row.verdict == "unknown"} == {
        f"Region {PRIMARY}",
        f"Region {SECONDARY}",
        "issuer",
        "encryption key",
        "plan",
    }
    assert verdict("replicas", account(DENIED))[0] == "ok"
