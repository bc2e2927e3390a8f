"""The response of a readiness endpoint: a status for everybody, details if they are requested."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.refusals import refused

from cognito_mr_auth import Verifier, health
from cognito_mr_auth._web.readiness import IGNORED, Readiness
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool

ONE, OTHER = FakeUserPool("us-west-2_One"), FakeUserPool("us-west-2_Other")


def half_ready() -> Verifier:
    """Two pools without requests, of which the first has keys."""
    empty = OTHER.user_pool(offline=True, jwks=None, key_file="/nowhere/keys.json")
    return Verifier(ONE.user_pool(offline=True), empty)


@pytest.mark.parametrize(
    ("providers", "status"),
    [
        pytest.param([], 503, id="all"),
        pytest.param([ONE.user_pool_id], 200, id="the ready one"),
        pytest.param([OTHER.user_pool_id], 503, id="the other"),
        pytest.param([ONE.user_pool_id, OTHER.user_pool_id], 503, id="both"),
        pytest.param([ONE.user_pool(offline=True)], 200, id="a pool"),
    ],
)
@pytest.mark.parametrize("details", [False, True])
def test_the_pools_that_routing_depends_on(providers: list[Any], status: int, details: bool) -> None:
    """A pod may serve its users though another pool's Regions are all away."""
    answer = Readiness(half_ready(), providers, details=details).answer("GET")
    said = json.loads(answer.body)
    assert (answer.status, said["status"]) == (status, {200: "pass", 503: "fail"}[status])
    assert said.keys() - {"status"} == (health.Health.__annotations__.keys() if details else set())
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("cache-control") == "no-store"


def test_details_are_what_health_says() -> None:
    """Which pool, and why; of all pools, whichever were named."""
    said = json.loads(Readiness(half_ready(), [ONE.user_pool_id], details=True).answer("GET").body)
    assert {name: each["ready"] for name, each in said["providers"].items()} == {
        ONE.user_pool_id: True,
        OTHER.user_pool_id: False,
    }
    assert said["ready"] is False


@pytest.mark.parametrize("details", ["yes", 1, None, [ONE.user_pool_id]], ids=repr)
def test_details_are_asked_for_aloud(details: Any) -> None:
    """Nothing that only looks true shows a report to clients without a token."""
    refused(ConfigurationError, Readiness, half_ready(), details=details)


@pytest.mark.parametrize(
    ("given", "providers", "kind"),
    [
        (None, [], TypeError),
        ("verifier", [], TypeError),
        (half_ready, [], TypeError),
        (half_ready(), ["us-west-2_Nobody"], ConfigurationError),
        (half_ready(), [[ONE.user_pool_id]], TypeError),
        (Guard(half_ready()), [""], ConfigurationError),
    ],
)
def test_mistakes_fail_when_it_is_made(given: Any, providers: list[Any], kind: type[Exception]) -> None:
    """And not with the first probe of a deployment."""
    refused(kind, Readiness, given, providers)


def test_a_guards_other_settings_mean_nothing_here() -> None:
    """Sockets and guests are its application's."""
    guard = Guard(ONE.offline_verifier(), optional=True, subprotocol="token", close_at_expiry=True)
    assert Readiness(guard).answer("HEAD").status == 200
    assert set(IGNORED) == {"optional", "subprotocol", "close_at_expiry"}


def test_a_verifier_that_comes_later() -> None:
    """A Guard is asked for it with each probe, and the names of its pools are looked at then."""
    guard = Guard()
    readiness, mistaken = Readiness(guard, [ONE.user_pool_id]), Readiness(guard, ["us-west-2_Nobody"])
    refused(ConfigurationError, readiness.answer, "GET")
    guard.bind(half_ready())
    assert readiness.answer("GET").status == 200
    refused(ConfigurationError, mistaken.answer, "GET")
