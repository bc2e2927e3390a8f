"""`with` and `async with` close what they hold."""

from __future__ import annotations

import asyncio

import pytest
from support.refusals import refused

from cognito_mr_auth._runtime.closing import Closing


class Door(Closing):
    """Counts how often it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_a_block_gives_the_thing_and_closes_it() -> None:
    """However it ends, and an error goes on."""

    async def enter(door: Door) -> None:
        async with door as inside:
            assert inside is door
            raise KeyError

    door = Door()
    with door as inside:
        assert inside is door
        assert door.closed == 0
    assert door.closed == 1
    with pytest.raises(KeyError):
        asyncio.run(enter(door))
    assert door.closed == 2


def test_what_has_no_close_says_so() -> None:
    """A subclass must have one."""
    refused(NotImplementedError, Closing().close)
