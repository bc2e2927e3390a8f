"""Follows a page with several terminals, as its reader would: commands, Ctrl-C, and what is to be seen.

A line before a block of the page says what the block is:

    <!-- terminal NAME -->         commands for this terminal; each must end with status 0
    <!-- terminal NAME, stays -->  the same, but the last one goes on
    <!-- file NAME -->             a file of this content
    <!-- seen in NAME -->          lines that this terminal shows from where the last look ended, in order,
                                   with others between them; `...` stands for anything
    <!-- seen in NAME, in any order -->  the same for lines of which either may come first
    <!-- not run -->               for a place that the tests cannot reach

and a line of its own, `<!-- ctrl-c NAME -->`, interrupts what goes on there. A block of code without such a
line is an error, so that no command of the page goes unexecuted by mistake.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

__all__ = ["Step", "Terminals", "steps"]

# A step on a busy machine takes a fraction of it; what has not come by then does not come.
DEADLINE_S = 60.0
_PART = re.compile(
    r"(?:^ *<!-- (?P<mark>[^\n]*) -->\n)?^ *```\w*\n(?P<code>.*?)^ *```$|^<!-- ctrl-c (?P<key>\w+) -->$",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(
    r"terminal (?P<terminal>\w+)(?P<stays>, stays)?|file (?P<file>[\w.]+)"
    r"|seen in (?P<seen>\w+)(?P<any>, in any order)?|not run"
)
# A shell that heeds Ctrl-C, also where these tests run in the background of another and inherit that it is
# ignored, which no shell lets a `trap` undo (POSIX, "Signals and Error Handling").
_SHELL = "import os, signal; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp('sh', ['sh'])"
# What no program of a page prints.
_END = "[[status "


class Step(NamedTuple):
    """One thing that the reader does, or sees: its `kind`, where, and the text.

    Kinds are run, stay, file, seen, any (seen in any order) and ctrl-c.
    """

    line: int
    kind: str
    place: str
    text: str


def steps(page: str) -> Iterator[Step]:
    """What there is to do on a page, in order.

    Raises:
        ValueError: a block says not what it is.
    """
    for part in _PART.finditer(page):
        line = page.count("\n", 0, part.start("code") if part["code"] is not None else part.start()) + 1
        if part["key"]:
            yield Step(line, "ctrl-c", part["key"], "")
            continue
        mark = _MARK.fullmatch(part["mark"] or "")
        if mark is None:
            raise ValueError(f"line {line}: a block that says not what it is: {part['mark']}")
        if mark["terminal"]:
            yield Step(line, "stay" if mark["stays"] else "run", mark["terminal"], part["code"])
        elif mark["file"]:
            yield Step(line, "file", mark["file"], part["code"])
        elif mark["seen"]:
            yield Step(line, "any" if mark["any"] else "seen", mark["seen"], part["code"])


class Terminals:
    """The reader's terminals, all in one directory; a `with` block ends whatever runs in them."""

    def __init__(
        self, directory: Path, environment: Mapping[str, str], *, deadline: float = DEADLINE_S
    ) -> None:
        self._directory = directory
        self._environment = environment
        self._deadline = deadline
        self._open: dict[str, _Terminal] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        for terminal in self._open.values():
            terminal.close()

    def follow(self, step: Step) -> None:
        """Do this, or see it.

        Raises:
            AssertionError: it went wrong, or did not come.
        """
        if step.kind == "file":
            (self._directory / step.place).write_text(step.text, "utf-8")
            return
        if step.place not in self._open:
            self._open[step.place] = _Terminal(self._directory, self._environment, self._deadline)
        terminal = self._open[step.place]
        try:
            match step.kind:
                case "ctrl-c":
                    terminal.interrupt()
                case "seen":
                    for line in step.text.splitlines():
                        terminal.see([line])
                case "any":
                    terminal.see(step.text.splitlines())
                case kind:
                    terminal.run(step.text, stays=kind == "stay")
        except AssertionError as error:
            shown = "\n".join(f"--- {name}\n" + "\n".join(each.lines) for name, each in self._open.items())
            raise AssertionError(f"line {step.line} of the page, in {step.place}: {error}\n{shown}") from None


class _Terminal:
    """A shell in a session of its own, and what it and its children have printed."""

    def __init__(self, directory: Path, environment: Mapping[str, str], deadline: float) -> None:
        self._deadline = deadline
        self._shell = subprocess.Popen(
            [sys.executable, "-c", _SHELL],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._seen = 0
        self._goes_on = False
        self._change = threading.Condition()
        self._over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._write("trap : INT")  # so that a Ctrl-C ends what runs, and not the shell

    def _read(self) -> None:
        assert self._shell.stdout is not None
        for line in self._shell.stdout:
            with self._change:
                self.lines.append(line.rstrip("\n"))
                self._change.notify_all()
        with self._change:
            self._over = True
            self._change.notify_all()

    def _write(self, text: str) -> None:
        assert self._shell.stdin is not None
        try:
            self._shell.stdin.write(text + "\n")
            self._shell.stdin.flush()
        except BrokenPipeError:
            raise AssertionError("the shell has ended") from None

    def _await(self, pattern: re.Pattern[str], start: int) -> tuple[int, re.Match[str]]:
        """The first line from there on that matches, and the place after it."""
        until = time.monotonic() + self._deadline
        with self._change:
            while True:
                for place in range(start, len(self.lines)):
                    found = pattern.fullmatch(self.lines[place])
                    if found:
                        return place + 1, found
                start = len(self.lines)
                left = until - time.monotonic()
                if left <= 0 or self._over or not self._change.wait(left):
                    raise AssertionError(f"no line {pattern.pattern!r}")

    def run(self, block: str, *, stays: bool) -> None:
        """Each command of the block; the status of each must be 0."""
        assert not self._goes_on, "something still runs here"
        commands = [each for each in _commands(block) if not each.startswith("#")]
        for number, command in enumerate(commands, 1):
            if stays and number == len(commands):
                self._goes_on = True
                self._write(f"{{ {command}\n}} </dev/null")
                return
            start = len(self.lines)
            self._write(f"{{ {command}\n}} </dev/null\nprintf '\\n{_END}%s]]\\n' $?")
            _, found = self._await(re.compile(re.escape(_END) + r"(\d+)\]\]"), start)
            assert found[1] == "0", f"{command!r} ended with status {found[1]}"

    def see(self, lines: list[str]) -> None:
        """Wait for a line of each of these forms, in whatever order they come."""
        start = self._seen
        for line in lines:
            pattern = ".*".join(re.escape(part) for part in line.rstrip().split("..."))
            place, _ = self._await(re.compile(pattern), start)
            self._seen = max(self._seen, place)

    def interrupt(self) -> None:
        """Ctrl-C: to all that runs here, and wait until it has ended."""
        assert self._goes_on, "nothing runs here"
        start = len(self.lines)
        os.killpg(self._shell.pid, signal.SIGINT)
        self._write(f"printf '\\n{_END}0]]\\n'")
        self._await(re.compile(re.escape(_END) + r"0\]\]"), start)
        self._goes_on = False

    def close(self) -> None:
        """End the session, whatever runs in it."""
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        with suppress(BrokenPipeError):
            self._shell.stdin.close()
        self._shell.stdout.close()


def _commands(block: str) -> Iterator[str]:
    """The commands of a block; one over several lines, by a backslash at the end of each, is one."""
    yield from (line for line in block.replace("\\\n", "").splitlines() if line.strip())
