"""`_web.life`: the lifespan of an application with a guard."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cognito_mr_auth import Verifier, errors
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.life import life_of
from cognito_mr_auth.testing import FakeUserPool

POOL = FakeUserPool()


class Watched(Verifier):
    """Says what is done with it."""

    def __init__(self, *pools: Any, fault: Exception | None = None) -> None:
        super().__init__(*pools)
        self.done: list[str] = []
        self.fault = fault

    async def awarm(self, **options: Any) -> None:
        self.done.append("warm")
        if self.fault is not None:
            raise self.fault
        await super().awarm(**options)

    def close(self) -> None:
        self.done.append("close")
        super().close()


def watched(**options: Any) -> Watched:
    """A verifier without requests."""
    return Watched(POOL.user_pool(offline=True), **options)


async def live(guard: RequestGuard, fault: Exception | None = None) -> None:
    """An application's life, which may end in an error."""
    async with life_of(guard)(object()):
        guard.verifier.done.append("serve")  # type: ignore[attr-defined]
        if fault is not None:
            raise fault


@pytest.mark.parametrize("way", ["asyncio", pytest.param("trio", marks=pytest.mark.needs("trio"))])
def test_warm_then_serve_then_close(way: str) -> None:
    """In this order, on either loop."""
    verifier = watched()
    if way == "trio":
        import trio

        trio.run(live, RequestGuard(verifier))
    else:
        asyncio.run(live(RequestGuard(verifier)))
    assert verifier.done == ["warm", "serve", "close"]


def test_an_outage_keeps_no_application_from_starting() -> None:
    """It serves, and its readiness tells; the verifier is closed all the same."""
    verifier = watched(fault=errors.KeysUnavailable())
    asyncio.run(live(RequestGuard(verifier)))
    assert verifier.done == ["warm", "serve", "close"]


@pytest.mark.parametrize("when", ["start", "later"])
def test_an_error_of_another_kind_goes_on_and_closes(when: str) -> None:
    """A fault of the program is not an outage."""
    verifier = watched(fault=LookupError() if when == "start" else None)
    with pytest.raises(LookupError):
        asyncio.run(live(RequestGuard(verifier), LookupError() if when == "later" else None))
    assert verifier.done[-1] == "close"
    assert ("serve" in verifier.done) is (when == "later")


def test_without_a_verifier_nothing_starts() -> None:
    """The mistake is seen at the start, and not with the first request."""
    with pytest.raises(errors.ConfigurationError):
        asyncio.run(live(RequestGuard(None)))
