"""A function's life: init in an outage, little time left, a freeze in mid-fetch, a restored snapshot."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.lambda_events import with_token

from cognito_mr_auth.aws_lambda import Authorizer, warm_up
from cognito_mr_auth.aws_lambda._lifecycle import wait_limit
from cognito_mr_auth.errors import KeysUnavailable
from cognito_mr_auth.testing import FakeClock, FakeUserPool


class Invocation:
    """Lambda's context object, as far as it is read."""

    def __init__(self, milliseconds: float) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> float:
        return self.milliseconds


TIMEOUTS = {
    "plenty": (Invocation(10_000), 2.0),
    "a second": (Invocation(1000), 0.75),
    "next to nothing": (Invocation(100), 0.05),
    "over": (Invocation(-5), 0.05),
    "no context": (None, 2.0),
    "a context of a test": (object(), 2.0),
}


@pytest.mark.parametrize(("context", "seconds"), TIMEOUTS.values(), ids=TIMEOUTS)
def test_the_timeout_of_an_invocation(context: Any, seconds: float) -> None:
    """An invocation waits for keys as long as it may, and keeps a quarter of a second for the answer."""
    assert wait_limit(context, 2.0) == pytest.approx(seconds)


@pytest.mark.outside
def test_a_key_at_hand_asks_for_no_time() -> None:
    """The remaining time is read when the waiting begins; a token whose key is there waits for nothing."""

    class Unread:
        """A context that must not be asked."""

        def get_remaining_time_in_millis(self) -> float:
            raise AssertionError("nobody waits")

    fake = FakeUserPool()
    with fake.serve(), fake.verifier() as verifier:
        verifier.warm()
        answer = Authorizer(verifier)(with_token("rest-token", fake.access_token()), Unread())
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"


@pytest.mark.outside
def test_an_outage_is_reported_before_the_time_is_up() -> None:
    """With little time left, a hanging endpoint is an error of ours, and no timeout of Lambda's."""
    fake = FakeUserPool()
    with fake.serve() as endpoints, fake.verifier() as verifier:
        endpoints.fail("hang")
        begun = time.monotonic()
        with pytest.raises(KeysUnavailable):
            Authorizer(verifier)(with_token("rest-token", fake.access_token()), Invocation(600))
        assert time.monotonic() - begun < 1.5  # 0.35 s by design; the default would be 2 s


@pytest.mark.outside
def test_keys_are_there_after_init() -> None:
    """`warm=True` asks every endpoint at init, so that the first invocation asks nobody."""
    fake = FakeUserPool()
    with fake.serve() as endpoints, fake.verifier() as verifier:
        authorizer = Authorizer(verifier, warm=True)
        assert endpoints.requests == len(endpoints)
        authorizer(with_token("rest-token", fake.access_token()))
        assert endpoints.requests == len(endpoints)


@pytest.mark.outside
def test_a_dead_region_fails_no_init() -> None:
    """One endpoint that answers is enough; a Region that hangs costs the init its timeout and no more."""
    fake = FakeUserPool()
    with fake.serve() as endpoints, fake.verifier() as verifier:
        endpoints.original.fail("hang")
        begun = time.monotonic()
        warm_up(verifier, seconds=0.3)
        assert time.monotonic() - begun < 1.5
        endpoints.fail("hang")
        assert Authorizer(verifier)(with_token("rest-token", fake.access_token()))["principalId"]


@pytest.mark.outside
def test_an_outage_fails_no_init(caplog: pytest.LogCaptureFixture) -> None:
    """Without any key, the init succeeds with a warning, and the first invocation asks again."""
    fake = FakeUserPool()
    with fake.serve() as endpoints, fake.verifier() as verifier:
        endpoints.fail("503")
        authorizer = Authorizer(verifier, warm=True)
        assert "no keys at init" in caplog.text
        event = with_token("rest-token", fake.access_token())
        with pytest.raises(KeysUnavailable):
            authorizer(event)


@pytest.mark.outside
def test_a_fetch_that_a_freeze_interrupted() -> None:
    """A background fetch frozen in mid-air is no failure, and the thawed function asks anew."""
    clock = FakeClock()
    fake = FakeUserPool(clock=clock)
    event = with_token("rest-token", fake.access_token(expires_in=86_400))
    with fake.serve() as endpoints, fake.verifier() as verifier:
        authorizer = Authorizer(verifier, warm=True)
        asked = [each.requests for each in endpoints]
        endpoints.fail("hang")
        clock.advance(1200)  # over refresh_after: served at once, asked in the background
        assert authorizer(event)["principalId"]
        assert all(each.asked(n + 1) for each, n in zip(endpoints, asked, strict=True))
        clock.freeze(600)  # the answer was sent: Lambda stops the process here
        endpoints.heal()
        assert authorizer(event)["principalId"]
        assert all(each.asked(n + 2) for each, n in zip(endpoints, asked, strict=True))
        states = verifier.health()["providers"][fake.user_pool_id]["endpoints"]
        assert [each["failures"] for each in states] == [0] * len(endpoints)


@pytest.mark.outside
def test_keys_outlive_the_process_in_tmp(tmp_path: Path) -> None:
    """A `key_file` under /tmp serves a process that starts in an outage, in the same sandbox."""
    fake = FakeUserPool()
    event = with_token("rest-token", fake.access_token())
    path = tmp_path / "keys.json"
    with fake.serve() as endpoints:
        with fake.verifier(pool=fake.user_pool(key_file=path)) as first:
            warm_up(first)
        endpoints.fail("503")
        with fake.verifier(pool=fake.user_pool(key_file=path)) as second:
            assert Authorizer(second)(event)["principalId"]


RESTORE = """
import sys
hooks = []
class Module:
    register_after_restore = staticmethod(lambda function, *args: hooks.append((function, args)))
sys.modules["snapshot_restore_py"] = {module}
from cognito_mr_auth.aws_lambda import Authorizer, CognitoAuth
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool
fake = FakeUserPool()
with fake.serve() as endpoints, fake.verifier() as verifier:
    {made}
    for function, args in hooks:
        function(*args)
    print(len(hooks), endpoints.requests)
"""
AUTHORIZER = "Authorizer(verifier)"
RESTORES = {
    "SnapStart": (AUTHORIZER, "snap-start", "Module", "1 3"),
    "SnapStart without the runtime's module": (AUTHORIZER, "snap-start", "None", "0 0"),
    "on demand": (AUTHORIZER, "on-demand", "Module", "0 0"),
    "a guard": ("CognitoAuth(verifier)", "snap-start", "Module", "1 3"),
    "a guard, bound": ("CognitoAuth().bind(verifier)", "snap-start", "Module", "1 3"),
    "a shared guard, bound": (
        "guard = Guard(); CognitoAuth(guard); guard.bind(verifier)",
        "snap-start",
        "Module",
        "1 3",
    ),
    "a guard, not bound": ("CognitoAuth()", "snap-start", "Module", "1 0"),
}


@pytest.mark.parametrize(("made", "start", "module", "expected"), RESTORES.values(), ids=RESTORES)
@pytest.mark.outside
def test_restored_snapshots(made: str, start: str, module: str, expected: str) -> None:
    """After a restore every endpoint is asked: the snapshot's keys may be days old."""
    done = subprocess.run(
        [sys.executable, "-c", RESTORE.replace("{module}", module).replace("{made}", made)],
        env={**os.environ, "AWS_LAMBDA_INITIALIZATION_TYPE": start},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout.strip(), done.stderr) == (expected, "")
