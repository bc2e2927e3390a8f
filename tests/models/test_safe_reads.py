"""A known kid in a fresh set takes no lock and causes no I/O (R8)."""

from __future__ import annotations

from typing import Any

import pytest
from support.rig import Rig


class Untouchable:
    """A lock, a thread starter and a network whose use fails the test."""

    def __enter__(self) -> None:
        raise AssertionError("R8: a lock was taken")

    def __exit__(self, *_exc: object) -> None:
        """Never reached."""

    def __call__(self, *_args: Any, **_options: Any) -> Any:
        raise AssertionError("R8: it was called")

    acquire = prepare_steps = start = __call__


@pytest.mark.parametrize("way", ["key_now", "resolve"])
@pytest.mark.parametrize("kid", ["known", "known-for-long"])
def test_a_known_kid_takes_no_lock_and_causes_no_request(way: str, kid: str) -> None:
    """R8: no lock, no thread and no network; `resolve` ends without a single wait."""
    rig = Rig()
    key = rig.fill()
    rig.later(899.0 if kid == "known-for-long" else 0.0)
    untouchable: Any = Untouchable()
    rig.coordinator.lock = untouchable
    rig.coordinator._dependencies = rig.keys._dependencies = rig.dependencies._replace(
        threads=untouchable, fetch=untouchable
    )
    found = rig.key() if way == "key_now" else rig.call(rig.kid).outcome
    assert found is key
