"""The library's threads in this process, each of which fetches: which are alive, and to wait for them."""

from __future__ import annotations

import threading

PREFIX = "cognito-mr-auth"
"""Of their names."""
SECONDS = 10.0
"""What ends, ends within this time, or it hangs."""


def alive() -> list[threading.Thread]:
    """Those that are alive."""
    return [each for each in threading.enumerate() if each.name.startswith(PREFIX)]


def landed(seconds: float = SECONDS) -> None:
    """Wait until no fetch of now is out any more."""
    for thread in alive():
        thread.join(seconds)
