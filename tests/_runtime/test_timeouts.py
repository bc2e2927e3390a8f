"""`timeout=`: which values are a number of seconds, in every method, whether keys are due or not."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from support.verdicts import at_once

from cognito_mr_auth import Verifier, errors
from cognito_mr_auth._runtime.timeouts import MAX_WAIT_SECONDS, Remaining, checked_timeout
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool

NO_NUMBER = ["2", None, True, False, b"2", [2], 2j, Decimal(2), lambda: 2.0, float]
NO_WAIT = [-1, -0.001, -math.inf, math.nan, -(10**400)]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(0, 0), (0.0, 0), (2, 2), (0.25, 0.25), (math.inf, MAX_WAIT_SECONDS), (10**400, MAX_WAIT_SECONDS)],
    ids=str,
)
def test_a_number_of_seconds(value: Any, seconds: float) -> None:
    """Nothing, any number, and as long as it takes, which is more than a lock can wait."""
    assert checked_timeout(value) == seconds


def test_a_hosts_own_deadline() -> None:
    """It is asked when the waiting begins, and not before."""
    asked: list[int] = []
    remaining = Remaining(lambda: asked.append(1) or 1.5)  # type: ignore[func-returns-value]
    assert checked_timeout(remaining) is remaining
    assert asked == []
    assert remaining() == 1.5


DOORS: dict[str, Callable[[Verifier, Any], Any]] = {
    "verify": lambda verifier, timeout: verifier.verify("a token", timeout=timeout),
    "averify": lambda verifier, timeout: at_once(verifier.averify("a token", timeout=timeout)),
    "warm": lambda verifier, timeout: verifier.warm(timeout=timeout),
    "awarm": lambda verifier, timeout: at_once(verifier.awarm(timeout=timeout)),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("value", [*NO_NUMBER, *NO_WAIT], ids=lambda value: repr(value)[:12])
def test_nonsense_fails_with_the_call(door: str, value: Any, verifier: Verifier) -> None:
    """A TypeError for what is no number, a ValueError for what is no wait; before the token is looked at."""
    kind = TypeError if any(value is each for each in NO_NUMBER) else ValueError
    with pytest.raises(kind, match="timeout=") as caught:
        DOORS[door](verifier, value)
    assert not isinstance(caught.value, (errors.AuthError, ConfigurationError))


@pytest.mark.parametrize("value", [*NO_NUMBER, *NO_WAIT, 0, math.inf], ids=lambda value: repr(value)[:12])
def test_a_guards_timeout_is_checked_when_it_is_made(value: Any, verifier: Verifier) -> None:
    """A setting that cannot be right is a ConfigurationError."""
    with pytest.raises(ConfigurationError, match=r"^timeout="):
        Guard(verifier, timeout=value)


@pytest.mark.parametrize("value", [*NO_NUMBER, *NO_WAIT], ids=lambda value: repr(value)[:12])
def test_a_token_that_is_remembered_changes_nothing(value: Any, pool: FakeUserPool) -> None:
    """The first test finds the mistake, and not the first outage."""
    verifier, token = pool.offline_verifier(), pool.access_token()
    verifier.verify(token)
    with pytest.raises((TypeError, ValueError), match="timeout="):
        verifier.verify(token, timeout=value)


@pytest.mark.outside
@pytest.mark.parametrize("value", [math.inf, 10**400, 1e300], ids=["infinity", "beyond a float", "huge"])
def test_as_long_as_it_takes(value: Any, pool: FakeUserPool) -> None:
    """No wait is too long for a lock, a loop or `warm`."""
    with pool.serve(), pool.verifier() as verifier:
        verifier.warm(timeout=value)
        assert verifier.verify(pool.access_token(), timeout=value).username == "alice"
    with pool.serve(), pool.verifier() as verifier:
        assert asyncio.run(verifier.averify(pool.access_token(), timeout=value)).username == "alice"
