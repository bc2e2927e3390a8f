"""The demo as its users start it: on a terminal, into a pipe, as JSON."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from cognito_mr_auth.cli import main
from cognito_mr_auth.cli._demo.plan import story


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


@pytest.mark.outside
def test_json() -> None:
    """One document, with the lifetimes, the phases and the verdict."""
    done = CliRunner().invoke(main, ["demo", "--phase-seconds", "0.5", "--rate", "20", "--json"])
    document = json.loads(done.output)
    assert (done.exit_code, document["ok"]) == (0, True), document
    assert document["windows"]["max_stale"] == 60
    assert [phase["name"] for phase in document["phases"]] == [each.name for each in story().phases]
    assert document["summary"].startswith("WELL after")
    assert document["lost"][0]["verifier"] == "cognito-mr-auth"
    assert document["lost"][0]["lost"] == 0
