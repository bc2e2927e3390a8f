"""The demo as its users start it: on a terminal and into a pipe."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import Any

import pytest


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
@pytest.mark.outside
def test_the_command(terminal: bool) -> None:
    """A live table on a terminal, else plain lines, whatever the environment says of colours."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        with os.fdopen(theirs, "wb") as tty:
            running = subprocess.Popen(
                [sys.executable, "-m", "cognito_mr_auth.cli", "demo", "--phase-seconds", "0.5"],
                stdin=subprocess.DEVNULL,
                stdout=tty if terminal else subprocess.PIPE,
                env=os.environ | {"FORCE_COLOR": "1", "TERM": "xterm"},
            )
        with running:
            output = _until_closed(screen) if terminal else running.communicate()[0]
    assert running.returncode == 0, output.decode()
    assert b"WELL after" in output
    assert (b"\x1b" in output) is terminal
    assert (b"[6/6] recovery" in output) is not terminal


def _until_closed(screen: Any) -> bytes:
    """What a terminal shows until its last writer is gone, which Linux reports as EIO."""
    pieces = []
    while True:
        try:
            pieces.append(screen.read(65536))
        except OSError:
            break
        if not pieces[-1]:
            break
    return b"".join(pieces)
