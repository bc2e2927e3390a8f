"""docs/runbook.md, followed by the letter: each command, in the terminal and when the page says so."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.run import PROJECT
from support.terminals import Step, Terminals, steps

pytestmark = pytest.mark.outside

PAGE = PROJECT / "docs" / "runbook.md"
# What the reader waits for in minutes, the test waits for in seconds.
FASTER = {
    "cognito-mr-auth demo": "cognito-mr-auth demo --phase-seconds 0.5",
    "REFRESH_AFTER=10": "REFRESH_AFTER=1",
    "REVALIDATE_AFTER=20": "REVALIDATE_AFTER=4",
    "MAX_STALE=120": "MAX_STALE=20",
}


@contextmanager
def free_port() -> Iterator[int]:
    """A port that no other process gets: bound here, never listened on, left for SO_REUSEADDR."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def environment() -> dict[str, str]:
    """A shell's, in which this environment's programs come first and no pool is named."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COGNITO_")}
    return {
        **inherited,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
    }


def test_the_game_day_goes_as_the_page_says(tmp_path: Path) -> None:
    """Whoever follows the page sees what it shows, from the first command to the last."""
    with free_port() as port, Terminals(tmp_path, environment()) as terminals:
        for step in steps(PAGE.read_text("utf-8")):
            text = step.text.replace("8000", str(port))
            for slow, fast in FASTER.items():
                text = text.replace(slow, fast)
            terminals.follow(step._replace(text=text))


# --- What follows a page bites


# Takes a signal as soon as it has said so, which a shell that is about to start a program may not.
GOES_ON = """python -c 'import time; print("begun", flush=True); time.sleep(100)'"""


def page(*blocks: tuple[str, str]) -> list[Step]:
    """The steps of a page of these blocks, each with its mark."""
    text = "\n".join(f"<!-- {mark} -->\n```sh\n{code}\n```\n" for mark, code in blocks)
    return list(steps(text))


def follow(directory: Path, *blocks: tuple[str, str], deadline: float = 30.0) -> None:
    """Follow such a page."""
    with Terminals(directory, environment(), deadline=deadline) as terminals:
        for step in page(*blocks):
            terminals.follow(step)


def test_a_page_is_followed(tmp_path: Path) -> None:
    """Commands share a terminal and a directory, lines are seen in order, and Ctrl-C ends what goes on."""
    follow(
        tmp_path,
        ("file one.txt", "from the page"),
        ("terminal a", "WORD=kept\ncat one.txt \\\n    > two.txt"),
        ("terminal b, stays", GOES_ON),
        ("seen in b", "beg..."),
        ("terminal a", "# a remark\ncat two.txt; echo $WORD"),
        ("seen in a, in any order", "kept\nfrom the page"),
        ("not run", "exit 9"),
    )
    [step] = steps("<!-- ctrl-c b -->\n")
    with Terminals(tmp_path, environment()) as terminals:
        terminals.follow(Step(1, "stay", "b", GOES_ON))
        terminals.follow(Step(1, "seen", "b", "begun"))
        terminals.follow(step)
        terminals.follow(Step(1, "run", "b", "true"))


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        pytest.param(
            [("terminal a", "true\nfalse\ntrue")], "'false' ended with status 1", id="a-command-fails"
        ),
        pytest.param([("terminal a", "exit 0")], "no line", id="the-terminal-is-closed"),
        pytest.param([("terminal a", "echo one"), ("seen in a", "one.")], "no line 'one", id="not-the-line"),
        pytest.param(
            [("terminal a", "echo two; echo one"), ("seen in a", "one\ntwo")], "no line 'two'", id="order"
        ),
        pytest.param(
            [("terminal a", "echo one"), ("seen in a, in any order", "one\ntwo")],
            "no line 'two'",
            id="not-both",
        ),
        pytest.param(
            [("terminal a", "echo one"), ("seen in a", "one"), ("seen in a", "one")],
            "no line",
            id="seen-once",
        ),
        pytest.param(
            [("terminal a, stays", "sleep 100"), ("terminal a", "true")], "something still runs", id="busy"
        ),
    ],
)
def test_what_a_page_says_must_come_true(tmp_path: Path, blocks: list[tuple[str, str]], says: str) -> None:
    """A command that fails, and a line that does not come, fail and show what was there."""
    with pytest.raises(AssertionError, match=says) as caught:
        follow(tmp_path, *blocks, deadline=1.0)
    assert "--- a" in str(caught.value)


def test_ctrl_c_needs_something_to_end(tmp_path: Path) -> None:
    """A page that ends what does not run is wrong."""
    with Terminals(tmp_path, environment()) as terminals, pytest.raises(AssertionError, match="nothing runs"):
        terminals.follow(Step(1, "ctrl-c", "a", ""))


@pytest.mark.parametrize(
    "mark",
    ["", "<!-- terminal -->\n", "<!-- terminals a -->\n", "<!-- run -->\n"],
    ids=["none", "who", "slip", "other"],
)
def test_a_block_without_a_mark_is_an_error(mark: str) -> None:
    """No command goes unexecuted because its mark was forgotten, nor one that is indented."""
    for indent in ("", "   "):
        with pytest.raises(ValueError, match="line"):
            list(steps(f"{mark}{indent}```sh\n{indent}true\n{indent}```\n"))
