"""The recipes of docs/testing.md for mocks of time and HTTP, run as they stand, with the real packages.

Each block is its own test file, in one run of pytest. No recipe may use a network beyond loopback. A mock
that a fetch bypasses would do that silently.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"
SECTION = re.compile(r"^## Mocks of time and HTTP\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Whoever leaves the machine fails the test that did it, or the next one.
CONFTEST = """
import sys
import pytest

beyond = []


def listen(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", "::1", "localhost"):
        beyond.append(arguments[0])
    if event == "socket.connect" and arguments[1][0] not in ("127.0.0.1", "::1"):
        beyond.append(arguments[1])


sys.addaudithook(listen)


@pytest.fixture(autouse=True)
def stays_here():
    yield
    assert beyond == []
"""


def recipes() -> list[str]:
    """The blocks of the section, in order."""
    found = SECTION.search(PAGE.read_text("utf-8"))
    assert found is not None
    return [match.group(1) for match in BLOCK.finditer(found.group(1))]


def test_every_recipe_passes_and_leaves_the_machine_alone(tmp_path: Path) -> None:
    """For each of the tools that the page names there is one, and it passes."""
    blocks = recipes()
    text = "\n".join(blocks)
    for tool in ("freeze_time", "freezer", "time_machine", "mock.patch", "respx", "httpx_mock", "vcr"):
        assert tool in text, tool
    (tmp_path / "conftest.py").write_text(CONFTEST, "utf-8")
    for number, block in enumerate(blocks):
        (tmp_path / f"test_recipe_{number}.py").write_text(block, "utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-W",
            "error",
            "--rootdir",
            tmp_path,
        ],
        cwd=tmp_path,
        env={**os.environ, "HTTPS_PROXY": "", "https_proxy": ""},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    assert f"{text.count('def test_')} passed" in done.stdout
