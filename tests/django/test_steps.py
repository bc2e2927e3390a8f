"""Both ways to run a generator of calls."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cognito_mr_auth import errors
from cognito_mr_auth.django._steps import Call, Steps, run_async, run_sync


class Target:
    """Something with a method and its async twin."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def work(self, answer: Any, *, more: int = 0) -> Any:
        self.called.append("work")
        return self._done(answer, more)

    async def awork(self, answer: Any, *, more: int = 0) -> Any:
        self.called.append("awork")
        return self._done(answer, more)

    def _done(self, answer: Any, more: int) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer + more


def steps(target: Target, *answers: Any) -> Steps[list[Any]]:
    """Collects what the calls give, and refusals."""
    found: list[Any] = []
    for answer in answers:
        try:
            found.append((yield Call(target, "work", (answer,), {"more": 1})))
        except errors.AuthError as error:
            found.append(error.reason)
    return found


def awaited(given: Steps[Any]) -> Any:
    """The async way."""
    return asyncio.run(run_async(given))


@pytest.mark.parametrize(("run", "name"), [(run_sync, "work"), (awaited, "awork")], ids=["sync", "async"])
def test_the_generator_gets_results_and_refusals(run: Any, name: str) -> None:
    """No call at all is a way too."""
    target = Target()
    assert run(steps(target)) == []
    assert run(steps(target, 1, errors.PolicyDenied(), 2)) == [2, "policy_denied", 3]
    assert target.called == [name] * 3


@pytest.mark.parametrize("run", [run_sync, awaited], ids=["sync", "async"])
@pytest.mark.parametrize("fault", [ZeroDivisionError(), StopIteration(), StopAsyncIteration()], ids=repr)
def test_a_fault_ends_it(run: Any, fault: Exception) -> None:
    """Also an exception that would end a generator: no request passes by it."""
    with pytest.raises((ZeroDivisionError, StopIteration, StopAsyncIteration, RuntimeError)):
        run(steps(Target(), fault))
