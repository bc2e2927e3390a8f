"""The library's fetch threads in this process: which are alive, and to wait for them."""

from __future__ import annotations

import threading

PREFIX = "cognito-mr-auth"
"""The prefix of their names."""
PUMP = "cognito-mr-auth prometheus"
"""An exporter's thread, which fetches nothing and never ends."""
SECONDS = 10.0
"""A thread that takes longer hangs."""


def alive() -> list[threading.Thread]:
    """Those that are alive."""
    return [each for each in threading.enumerate() if each.name.startswith(PREFIX) and each.name != PUMP]


def landed(seconds: float = SECONDS) -> None:
    """Wait until every fetch that is running now has ended."""
    for thread in alive():
        thread.join(seconds)
