"""docs/operations.md: its templates parse, and its figures are theirs."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
import yaml
from cfnlint import api
from cfnlint.decode import decode
from support.run import PROJECT

PAGE = (PROJECT / "docs" / "operations.md").read_text("utf-8")
TEMPLATE = PROJECT / "docs" / "operations" / "sign-in-health-checks.yaml"
KILLED, ROUTED = "/health", "/ready"
TIMES = "\u00d7"


@cache
def resources() -> dict[str, Any]:
    """The template's resources: name -> properties."""
    found, problems = decode(str(TEMPLATE))
    assert not problems
    plain = json.loads(json.dumps(found, default=str))["Resources"]
    return {name: each["Properties"] for name, each in plain.items()}


def check(name: str) -> Any:
    """One health check's settings."""
    return resources()[name]["HealthCheckConfig"]


def row(text: str, column: int = 1) -> str:
    """A cell of the page's table row that begins with this text."""
    [found] = [line for line in PAGE.splitlines() if line.startswith(f"| {text}")]
    return found.strip("| ").split(" | ")[column]


def number(text: str) -> int:
    """The number that a cell begins with."""
    [found] = re.findall(r"^\d+", text)
    return int(found)


# --- Kubernetes


@cache
def container() -> dict[str, Any]:
    """The container of the page's manifest."""
    [block] = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    [found] = yaml.safe_load(block)["containers"]
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("probe", "path"), [("startupProbe", KILLED), ("livenessProbe", KILLED), ("readinessProbe", ROUTED)]
)
def test_what_kills_a_container_never_asks_for_keys(probe: str, path: str) -> None:
    """A restart throws away keys that would have served through the outage."""
    assert container()[probe]["httpGet"] == {"path": path, "port": container()["ports"][0]["containerPort"]}


@pytest.mark.parametrize("name", ["startup", "readiness"])
def test_the_seconds_of_a_probe_are_those_of_the_manifest(name: str) -> None:
    """As "30 x 2 s = 60 s" in the table below it."""
    probe = container()[f"{name}Probe"]
    times, period = probe["failureThreshold"], probe["periodSeconds"]
    assert f"after {times} {TIMES} {period} s = {times * period} s here" in row(name)


# --- Route 53


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_cfn_lint_has_nothing_to_say(region: str) -> None:
    """The template is clean, informational rules included."""
    text = TEMPLATE.read_text("utf-8")
    config: Any = {"regions": [region], "include_checks": ["I"]}
    assert [str(match) for match in api.lint(text, config=config)] == []


def test_three_things_are_watched_and_two_decide() -> None:
    """The calculated check has these children and threshold."""
    calculated = check("SignIn")
    assert [child["Ref"] for child in calculated["ChildHealthChecks"]] == ["Reachable", "Succeeding", "Quick"]
    assert (
        f"while {calculated['HealthThreshold']} of these {len(calculated['ChildHealthChecks'])} are" in PAGE
    )


def test_the_key_document_of_the_region_is_asked_for() -> None:
    """The very URL that a verifier derives for that Region, and what stands in every key document."""
    reachable = check("Reachable")
    host, path = (reachable[name]["Fn::Sub"] for name in ("FullyQualifiedDomainName", "ResourcePath"))
    from cognito_mr_auth.testing import FakeUserPool

    pool = FakeUserPool("us-west-2_EXAMPLE", replica_regions=["us-east-1"])
    for kind, region in (("original", "us-west-2"), ("replica", "us-east-1")):
        url = f"https://{host}{path}".replace("${WatchedRegion}", region)
        url = url.replace("${UserPoolId}", pool.user_pool_id)
        assert url == f"{pool.issuer(kind)}/.well-known/jwks.json"  # type: ignore[arg-type]
    assert reachable["SearchString"] in json.dumps(pool.jwks())
    assert f"`{reachable['SearchString']}`" in PAGE


def test_the_alarms_are_those_of_the_page() -> None:
    """Their thresholds stand in its table, and each is judged as the arithmetic says."""
    fails, slow = resources()["SignInFails"], resources()["SignInIsSlow"]
    assert f"fewer than {fails['Threshold']} % succeed" in row("error rate")
    assert f"over {slow['Threshold'] // 1000} s" in row("latency")
    assert (fails["ComparisonOperator"], slow["ComparisonOperator"]) == (
        *("LessThanThreshold", "GreaterThanThreshold"),
    )
    for name, alarm in (("Succeeding", fails), ("Quick", slow)):
        assert alarm["Period"] == number(row("an alarm judges"))
        assert alarm["Period"] >= 60  # Route 53 takes metrics of standard resolution alone
        assert check(name)["InsufficientDataHealthStatus"] == "LastKnownStatus"


def test_the_arithmetic_from_dead_to_switched() -> None:
    """Each sum on the page is made of the template's figures and the two that it assumes."""
    reachable, alarm = check("Reachable"), resources()["SignInFails"]
    interval, times = reachable["RequestInterval"], reachable["FailureThreshold"]
    period, periods = alarm["Period"], alarm["EvaluationPeriods"]
    thresholds = [line for line in PAGE.splitlines() if line.startswith("| and fails after")]
    assert [number(line.split("|")[2].strip()) for line in thresholds] == [times, periods]
    assert number(row("the endpoint check asks")) == interval
    arrives, ttl = number(row("its metric arrives")), number(row("resolvers keep"))
    by_reach, ordinary = interval * times + ttl, 30 * times + ttl
    by_two = period * periods + arrives + ttl
    assert f"{interval} {TIMES} {times} + {ttl} = {by_reach} s from" in PAGE
    assert f"30 {TIMES} {times} + {ttl} = {ordinary} s." in PAGE
    assert f"{period} {TIMES} {periods} + {arrives} + {ttl} = {by_two} s." in PAGE
