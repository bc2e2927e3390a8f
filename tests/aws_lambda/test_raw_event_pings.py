"""Pings that keep a function warm are answered, and admit nobody; nothing that a client causes is a ping."""

from __future__ import annotations

from typing import Any

import pytest
from support.lambda_events import KINDS, event, with_token

from cognito_mr_auth import Verifier
from cognito_mr_auth.aws_lambda import Authorizer, CognitoAuth
from cognito_mr_auth.aws_lambda._raw_event import is_ping
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.testing import FakeClock, FakeUserPool

FAKE = FakeUserPool(clock=FakeClock())
VERIFIER = FAKE.offline_verifier()
PINGS: dict[str, dict[str, Any] | None] = {
    "nothing": {},
    "null": None,
    "serverless-plugin-warmup": {"source": "serverless-plugin-warmup"},
    "serverless-plugin-lambda-warmup": {"source": "serverless-plugin-lambda-warmup"},
    "a flag": {"warmup": True},
    "a flag in two words": {"warm-up": True},
    "a flag in capitals": {"WARM_UP": 1},
    "a flag in Pascal's case": {"KeepWarm": True},
    "another flag": {"keepwarm": True},
    "a short flag": {"warm": True},
    "a ping": {"ping": "pong"},
    "a source": {"source": "warmup"},
    "a source in other words": {"source": "keep-warm"},
    "a plug-in in camel case": {"source": "serverlessPluginWarmup"},
    "a flag and how many": {"warmer": True, "concurrency": 3},
    "a type in capitals": {"type": "WARMUP"},
    "a type": {"type": "warmer", "warmerId": "x", "index": 0, "concurrency": 1, "delay": 75},
    "EventBridge": {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2015-10-08T16:53:06Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule"],
        "detail": {},
    },
    "EventBridge Scheduler": {"version": "0", "source": "aws.scheduler", "detail-type": "Scheduled Event"},
}


class Wrapped:
    """An event class as Powertools makes them."""

    def __init__(self, raw: Any) -> None:
        self.raw_event = raw


def _guarded(_event: Any, _context: Any, principal: Any) -> Any:
    raise NotImplementedError


@pytest.mark.parametrize("kind", [None, *KINDS])
@pytest.mark.parametrize("ping", PINGS.values(), ids=PINGS)
def test_an_authorizer_answers_a_ping(ping: dict[str, Any] | None, kind: str | None) -> None:
    """With nothing: no traceback in the log, and no answer that any API takes for a yes."""
    options: dict[str, Any] = (
        {"iot_policy": {"Version": "2012-10-17", "Statement": [{}]}} if kind == "iot" else {}
    )
    authorizer = Authorizer(VERIFIER, kind=kind, **options)
    assert authorizer(ping) == authorizer(Wrapped(ping)) == {}


@pytest.mark.parametrize("ping", PINGS.values(), ids=PINGS)
def test_a_guarded_function_answers_a_ping(ping: dict[str, Any] | None) -> None:
    """The function's own code does not run, because the ping has no token."""
    auth = CognitoAuth(VERIFIER)
    for guarded in (auth.require()(_guarded), auth.optional(_guarded)):
        assert guarded(ping, None) == {}


PROXIES = ("alb", "alb-multi-value", "function-url", "http-1.0", "http-2.0", "rest", "websocket-connect")


@pytest.mark.parametrize("kind", [*KINDS, *(f"proxy-{each}" for each in PROXIES)])
def test_a_request_is_no_ping(kind: str) -> None:
    """Whatever a client puts where it can, beside the members that its service writes."""
    for words in ({}, {"source": "aws.events"}, {"source": "warmup"}, {"warmup": True}, {"WARM": True}):
        assert not is_ping(event(kind) | words)
    good = with_token(kind, FAKE.access_token()) | {"warmup": True}
    if kind == "rest-token":
        assert Authorizer(VERIFIER)(good)["policyDocument"]["Statement"][0]["Effect"] == "Allow"


NO_PINGS: dict[str, Any] = {
    "text": "ping",
    "a list": [],
    "a flag that says no": {"warmup": False},
    "part of a word": {"warmups": True, "source": "warmups"},
    "a source that is a list": {"source": ["warmup"]},
    "a type that is a number": {"type": 1, "warmup": True},
    "a name that is a number": {1: True},
    "another source": {"source": "aws.s3", "detail": {}},
    "another type": {"type": "TOKEN", "warmup": True},
    "records": {"Records": [], "warmup": True},
}


@pytest.mark.parametrize("unknown", NO_PINGS.values(), ids=NO_PINGS)
def test_what_is_no_ping_stays_an_error(unknown: Any) -> None:
    """An event of no known kind is still a mistake of the set-up, and is shown as one."""
    with pytest.raises(ConfigurationError):
        Authorizer(VERIFIER)(unknown)
    with pytest.raises(ConfigurationError):
        CognitoAuth(VERIFIER).require()(_guarded)(unknown, None)


class Context:
    """Lambda's context object, with so many milliseconds left."""

    def get_remaining_time_in_millis(self) -> int:
        return 3_000


@pytest.mark.outside
def test_a_ping_fetches_the_keys_that_the_next_caller_would_wait_for() -> None:
    """One that finds no fresh keys asks every endpoint; the next one finds them and asks nobody."""
    pool = FakeUserPool()
    with pool.serve() as endpoints:
        verifier = Verifier(pool.user_pool(), token_use="access")
        authorizer = Authorizer(verifier)
        assert verifier.health()["healthy"] is False
        assert authorizer({}, Context()) == {}
        assert verifier.health()["healthy"] is True
        asked = endpoints.requests
        assert authorizer({"warmup": True}, Context()) == {}
        assert endpoints.requests == asked
        verifier.close()


@pytest.mark.outside
def test_a_ping_in_an_outage_is_answered() -> None:
    """It fails no invocation: Lambda would start the function anew, and call that an error."""
    pool = FakeUserPool()
    with pool.serve() as endpoints:
        endpoints.fail("refuse")
        verifier = Verifier(pool.user_pool(), token_use="access")
        assert Authorizer(verifier)({}, Context()) == {}
        verifier.close()
