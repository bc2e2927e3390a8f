"""CloudWatch's embedded metric format: lines that CloudWatch accepts, and that tell each count once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.aws_lambda import emf
from cognito_mr_auth.errors import AuthError, ConfigurationError
from cognito_mr_auth.testing import FakeClock, FakeUserPool

POOL_ID = FakeUserPool().user_pool_id


def attempt(verifier: Verifier, token: str, **options: Any) -> None:
    """Whatever comes of it."""
    try:
        verifier.verify(token, **options)
    except AuthError:
        return


def read(text: str) -> dict[str, dict[str, Any]]:
    """Each line by its pool, once it was found to be what CloudWatch asks for."""
    found = {}
    for line in text.split("\n"):
        document = json.loads(line)
        [directive] = document["_aws"]["CloudWatchMetrics"]
        assert set(document["_aws"]) == {"CloudWatchMetrics", "Timestamp"}
        assert directive["Dimensions"] == [["pool"]]
        assert isinstance(document["pool"], str)
        assert document["pool"]
        assert 0 < len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert metric["Unit"] in ("Count", "Seconds")
            assert isinstance(document[metric["Name"]], int | float)
        found[document["pool"]] = document
    return found


def test_a_line(pool: FakeUserPool, clock: FakeClock) -> None:
    """What was counted since the last call, with details beside the metrics."""
    verifier = pool.offline_verifier(cache_size=0)
    token = pool.access_token(issuer="replica")
    for each in (token, token, pool.access_token(expires_in=-60)):
        attempt(verifier, each)
    text = emf(verifier)
    assert "\n" not in text
    line = read(text)[POOL_ID]
    assert line["_aws"]["Timestamp"] == int(clock.wall * 1000)
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "CognitoMrAuth"
    assert {each["Name"]: line[each["Name"]] for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]} == {
        "Accepted": 2,
        "Refused": 1,
        "Unavailable": 0,
        "Unconfirmed": 0,
        "KeySetAge": line["KeySetAge"],
        "EndpointsDown": 0,
    }
    assert line["outcomes"] == {"replica": {"accepted": 2}, "original": {"token_expired": 1}}
    assert line["newest_iat"] == {"replica": verifier.newest_iat()[POOL_ID, "replica"]}


def test_each_count_is_exported_once(pool: FakeUserPool) -> None:
    """Differences: those of another verifier of the pool are its own."""
    verifier, other = pool.offline_verifier(), pool.offline_verifier()
    seen = []
    for count in (2, 0, 3):
        for _ in range(count):
            verifier.verify(pool.access_token())
        seen.append(read(emf(verifier))[POOL_ID]["Accepted"])
    assert seen == [2, 0, 3]
    assert read(emf(other))[POOL_ID]["Accepted"] == 0


def test_several_pools_have_a_line_each(pool: FakeUserPool) -> None:
    """One more for what belongs to none, where there is any."""
    other = FakeUserPool("eu-west-1_Other0001", clock=pool.clock)
    verifier = Verifier(pool.user_pool(offline=True), other.user_pool(offline=True), clock=pool.clock)
    verifier.verify(other.access_token())
    lines = read(emf(verifier))
    assert {name: line["Accepted"] for name, line in lines.items()} == {POOL_ID: 0, "eu-west-1_Other0001": 1}
    attempt(verifier, "garbage")
    unknown = read(emf(verifier))["unknown"]
    assert (unknown["Refused"], unknown["HookFailures"]) == (1, 0)
    assert unknown["outcomes"] == {"unknown": {"token_malformed": 1}}
    assert "unknown" not in read(emf(verifier))


def test_what_hooks_raise(pool: FakeUserPool) -> None:
    """Of the whole verifier."""

    def broken(_outcome: object) -> None:
        raise ValueError

    verifier = pool.offline_verifier(on_outcome=broken)
    verifier.verify(pool.access_token())
    assert read(emf(verifier))["unknown"]["HookFailures"] == 1


def test_an_outage_differs_from_a_refusal(pool: FakeUserPool) -> None:
    """Apart from refusals, because it raises an alarm; without keys there is no age."""
    verifier = Verifier(UserPool(POOL_ID, client_ids=[pool.client_id]), clock=pool.clock)
    verifier.close()
    attempt(verifier, pool.access_token(), timeout=0)
    line = read(emf(verifier))[POOL_ID]
    assert (line["Unavailable"], line["Refused"], "KeySetAge" in line) == (1, 0, False)
    assert line["newest_iat"] == {}


@pytest.mark.outside
def test_forged_tokens_raise_no_alarm(pool: FakeUserPool) -> None:
    """An unknown key while a Region is away is Unconfirmed; the Region is an endpoint that is down."""
    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.original.fail("refuse")
        verifier.warm()
        attempt(verifier, pool.access_token(signed_by="unknown"), timeout=0.5)
        line = read(emf(verifier))[POOL_ID]
    assert (line["Unavailable"], line["Unconfirmed"], line["EndpointsDown"]) == (0, 1, 1)


def test_nothing_of_a_token_is_shown(pool: FakeUserPool) -> None:
    """B2: no client, user or kid, and no issuer that a token made up."""
    verifier = pool.offline_verifier()
    for claims in ({}, {"iss": "https://evil.example/c4n4ry"}, {"sub": "c4n4ry"}):
        attempt(verifier, pool.access_token(username="c4n4ry", claims=claims))
    text = emf(verifier)
    assert "c4n4ry" not in text
    assert pool.client_id not in text


@pytest.mark.parametrize("namespace", ["", "AWS/Lambda", "a" * 256, None, 5], ids=repr)
def test_a_namespace_is_the_applications(namespace: Any, pool: FakeUserPool) -> None:
    """S7."""
    with pytest.raises(ConfigurationError, match="namespace="):
        emf(pool.offline_verifier(), namespace=namespace)


def test_only_a_verifier_is_exported() -> None:
    """What else could be counted?"""
    for other in (None, object(), UserPool("us-west-2_EXAMPLE", client_ids=["a"])):
        with pytest.raises(TypeError, match="give a Verifier"):
            emf(other)  # type: ignore[arg-type]


def test_the_namespace(pool: FakeUserPool) -> None:
    """As it was given."""
    line = read(emf(pool.offline_verifier(), namespace="Orders"))[POOL_ID]
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Orders"
