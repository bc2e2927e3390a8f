"""Runs a function in a forked child, and returns its result.

Owns the child: it ends without running anything of the tests, and one that hangs is killed.
"""

from __future__ import annotations

import os
import select
import traceback
from collections.abc import Callable

__all__ = ["in_child"]

CHILD_SECONDS = 10.0


def in_child(work: Callable[[], object]) -> str:
    """What a forked child says that the work gave; its traceback if it raised."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = str(work())
        except BaseException:  # noqa: BLE001 - whatever it is, the parent's test shall see it
            said = traceback.format_exc()
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], CHILD_SECONDS)
        if not ready:
            os.kill(child, 9)
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said if ready else "hangs"
