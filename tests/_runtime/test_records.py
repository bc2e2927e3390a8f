"""The texts of the log: one line that says what failed, what that means, and what to do."""

from __future__ import annotations

import logging

import pytest

from cognito_mr_auth import events
from cognito_mr_auth._jwks.reachability import EndpointOutlook, Outlook
from cognito_mr_auth._runtime.records import record_of
from cognito_mr_auth.events import Event

POOL, URL, OTHER, THIRD = "us-west-2_A", "https://a.test/k", "https://b.test/k", "https://c.test/k"
SINCE = 1_790_000_000.0


def outlook(
    *up: str, age: float | None = None, usable_for: float | None = None, region: str | None = "us-west-2"
) -> Outlook:
    """Of a pool with three endpoints, of which these are up."""
    endpoints = {
        URL: EndpointOutlook("original", region, up=URL in up),
        OTHER: EndpointOutlook("replica", "us-east-1", up=OTHER in up),
        THIRD: EndpointOutlook("updated", region, up=THIRD in up),
    }
    return Outlook(endpoints, age, usable_for)


def message(event: Event, left: Outlook | None, **more: object) -> str:
    """The line of a record."""
    record = record_of(event, left, **more)
    return record.template % record.args


DOWN = events.EndpointDown(POOL, URL, "status 503", SINCE)
HEAD = "endpoint down: the original issuer in us-west-2, pool us-west-2_A, has not answered since "


@pytest.mark.parametrize(
    ("left", "says"),
    [
        pytest.param(
            outlook(OTHER, age=60.0, usable_for=86340.0),
            "Nothing needs doing, because tokens of every issuer are verified with the keys of the replica "
            "issuer in us-east-1.",
            id="one-is-left",
        ),
        pytest.param(
            outlook(OTHER, THIRD, age=60.0, usable_for=86340.0),
            "Nothing needs doing, because tokens of every issuer are verified with the keys of the replica "
            "issuer in us-east-1 and the updated issuer in us-west-2.",
            id="two-are-left",
        ),
        pytest.param(
            outlook(URL, age=720.0, usable_for=85680.0),
            "No endpoint of the pool is left. Tokens are verified with keys that are 12 min old, for 23 h "
            "48 min more.",
            id="none-is-left",
        ),
        pytest.param(
            outlook(),
            "The pool has no usable key, so its tokens are answered with 503 until an endpoint answers.",
            id="no-keys",
        ),
    ],
)
def test_a_region_that_is_down(left: Outlook, says: str) -> None:
    """Which, since when and why; whether anything needs doing; how long it may stay so."""
    assert message(DOWN, left) == f"{HEAD}2026-09-21 14:13:20 UTC (status 503). {says}"


def test_a_reason_has_its_meaning() -> None:
    """With the terms of `health()` and its hint."""
    event = events.EndpointDown(POOL, URL, "proxy 407 through HTTPS_PROXY", SINCE)
    assert "(proxy 407 through HTTPS_PROXY: the proxy wants a login; set HTTPS_PROXY=" in message(
        event, outlook()
    )


@pytest.mark.parametrize(
    ("event", "says"),
    [
        pytest.param(
            events.EndpointUp(POOL, URL, 11_000.0),
            "endpoint up: the original issuer in us-west-2, pool us-west-2_A, answers again after 3 h 3 min.",
            id="up",
        ),
        pytest.param(
            events.KeysStale(POOL, 3660.0, 82740.0),
            "stale keys: nothing renews the keys of pool us-west-2_A, which are 1 h 1 min old. Tokens are "
            "verified with them for 22 h 59 min more, then answered with 503.",
            id="stale",
        ),
        pytest.param(
            events.KeysUnusable(POOL, "original issuer in us-west-2: connect"),
            "no usable keys: tokens of pool us-west-2_A are answered with 503 until an endpoint answers. "
            "original issuer in us-west-2: connect",
            id="unusable",
        ),
        pytest.param(
            events.KeysUsable(POOL, 59.9),
            "keys again: pool us-west-2_A has fresh keys, after 59 s",
            id="usable",
        ),
        pytest.param(
            events.KeyQuarantined(POOL, "k\n%s", (URL, OTHER)),
            "quarantined key: pool us-west-2_A has two keys with the kid 'k\\n%s', of the original issuer in "
            "us-west-2 and the replica issuer in us-east-1. Tokens that name it are answered with 503. Find "
            "out which of them is wrong.",
            id="quarantined",
        ),
        pytest.param(
            events.KeyExposed(POOL, OTHER, 2),
            "exposed keys: pool us-west-2_A, the replica issuer in us-east-1 has served the private half of "
            "2. Their tokens are refused. Rotate the pool's keys.",
            id="exposed",
        ),
        pytest.param(
            events.KeyExposed(POOL, "", 1),
            "exposed keys: pool us-west-2_A, a key file's record or jwks= has served the private half of 1. "
            "Their tokens are refused. Rotate the pool's keys.",
            id="exposed-in-a-file",
        ),
        pytest.param(
            events.EndpointDisabled(POOL, OTHER, 404, "replica"),
            "issuer not enabled: the replica issuer in us-east-1, pool us-west-2_A, answers 404: is the "
            "Region in replica_regions by mistake, or the replica not active yet?",
            id="no-replica",
        ),
        pytest.param(
            events.EndpointDisabled(POOL, THIRD, 403, "updated"),
            "issuer not enabled: the updated issuer in us-west-2, pool us-west-2_A, answers 403: the pool "
            "has not switched to it",
            id="not-updated",
        ),
        pytest.param(
            events.KeyFileProblem(POOL, "write: no space"),
            "key file: pool us-west-2_A, write: no space",
            id="key-file",
        ),
        pytest.param(
            events.InsecureEmulator(POOL),
            "insecure emulator: pool us-west-2_A trusts plain http, and keys that anybody can sign with",
            id="emulator",
        ),
        pytest.param(
            events.HookFailed("logging", "cognito_mr_auth.keys", "OSError", 2),
            "hook failed: logging, cognito_mr_auth.keys: OSError, 2 so far. Its record is lost.",
            id="a-handler",
        ),
        pytest.param(
            events.StateChanged(POOL, "fresh", "aged"),
            "StateChanged(provider='us-west-2_A', before='fresh', after='aged')",
            id="another",
        ),
    ],
)
def test_the_marks(event: Event, says: str) -> None:
    """Readable without the fields, on one line."""
    assert message(event, outlook(OTHER, age=1.0, usable_for=1.0)) == says


def test_a_setup_that_fails() -> None:
    """No fetch can begin, so no endpoint is to blame."""
    failed = events.FetchFailed(POOL, URL, "setup", 0.0, None, 0.0)
    assert message(failed, None).startswith(
        f"no keys can be fetched: pool {POOL}, setup: the HTTP client or its certificates cannot be loaded"
    )


@pytest.mark.parametrize(
    ("url", "left", "place"),
    [
        pytest.param("https://vpce.test/pool/jwks.json", outlook(region=None), "vpce.test", id="unknown"),
        pytest.param(URL, outlook(region=None), "a.test", id="no-region"),
        pytest.param("odd", outlook(), "odd", id="no-url"),
    ],
)
def test_an_endpoint_without_a_region_is_named_by_its_host(url: str, left: Outlook, place: str) -> None:
    """Its path may be anything."""
    assert message(events.EndpointUp(POOL, url, 1.0), left).startswith(f"endpoint up: {place}, pool ")


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        *[(0.0, "0 s"), (59.9, "59 s"), (60.0, "1 min"), (3599.0, "59 min"), (3600.0, "1 h")],
        *[(3660.0, "1 h 1 min"), (86400.0, "1 d"), (90000.0, "1 d 1 h"), (90060.0, "1 d 1 h")],
        *[(float("inf"), "inf s"), (float("nan"), "nan s"), (-1.0, "-1.0 s")],
    ],
)
def test_durations(seconds: float, says: str) -> None:
    """The two largest units; a broken clock breaks no record."""
    assert message(events.EndpointUp(POOL, URL, seconds), None).endswith(f" after {says}.")


@pytest.mark.parametrize("since", [float("inf"), float("nan"), -1.0, 1e18])
def test_a_time_that_no_calendar_knows(since: float) -> None:
    """The wall clock may be the user's own."""
    assert f"since {since} (" in message(events.EndpointDown(POOL, URL, "dns-timeout", since), None)


def test_no_field_is_one_of_the_loggers_own() -> None:
    """`makeRecord` raises KeyError for a field that a LogRecord has."""
    record = logging.makeLogRecord({})
    for event in (DOWN, events.HookFailed("revoked", "name", "error", 1)):
        fields = record_of(event, outlook(OTHER)).fields_of(event)
        assert all(name.startswith("cognito_mr_auth.") for name in fields)
        assert not fields.keys() & vars(record).keys()
    fields = record_of(DOWN, outlook(OTHER)).fields_of(DOWN)
    assert fields["cognito_mr_auth.endpoint_region"] == "us-west-2"
    assert fields["cognito_mr_auth.endpoint_kind"] == "original"
    assert fields["cognito_mr_auth.event"] == "EndpointDown"
