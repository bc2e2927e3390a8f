"""What happens to a caller between two of its looks, or on top of it: races, collectors, signals (R, F).

On one thread (support.rig), so each race happens where the test wants it.
"""

from __future__ import annotations

import threading

import pytest
from support.rig import DOWN, Rig

from cognito_mr_auth.errors import KeysUnavailable


def test_an_abandoned_visit_ends_without_the_lock() -> None:
    """F: the collector may end a visit, of a loop that was closed say, on a thread that holds the lock."""
    rig = Rig()
    rig.fill()
    caller = rig.call("forged")
    ending = threading.Thread(target=caller.steps.close, daemon=True)
    with rig.flights.lock:
        ending.start()
        ending.join(5.0)
        assert not ending.is_alive()
    assert not rig.store._seekers
