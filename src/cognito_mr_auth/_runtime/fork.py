"""What a forked child drops: its parent's locks, refreshes, threads and connections (F).

This module has the only hook that resets a child. Before a fork only `_remote.http_client` has a hook. No
wait for our other locks is needed, because the child gets new ones.
"""

from __future__ import annotations

import os
from _weakrefset import WeakSet  # it is `weakref.WeakSet`, but importing `weakref` costs half a millisecond
from typing import Protocol

__all__ = ["track"]


class _ResetsAfterFork(Protocol):
    def _reset_after_fork(self) -> None: ...


_tracked: WeakSet[_ResetsAfterFork] = WeakSet()


def track(one: _ResetsAfterFork) -> None:
    """Call `one._reset_after_fork()` in every child that this process forks while `one` lives."""
    _tracked.add(one)


def _in_child() -> None:
    for one in list(_tracked):
        one._reset_after_fork()


if hasattr(os, "register_at_fork"):  # pragma: no branch - absent on Windows alone
    os.register_at_fork(after_in_child=_in_child)
