"""Runs the Python blocks of a Markdown file, so that what we show works.

usage: python docs.py [--together] FILE
       python docs.py --pasted FILES

Each block runs in a namespace of its own, as it runs for a reader who pastes it alone. A block whose first
line begins `# Continues` says to its reader that it needs the block before it, and gets that one's
namespace. A block after `<!-- not run -->` or `<!-- file NAME -->` is left out. `--together` is for pages
that do not say which blocks continue: all share one namespace, and `await` may stand at the top level. A
traceback names the Markdown file and its line.

`--pasted` counts, with nothing left out: it gives each block a fresh interpreter, and names those that do
not run alone, with the first comment that tells the reader why, or with the error.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LEFT_OUT = re.compile(r"<!-- (not run|file \S+) -->\s*$")
_CONTINUES = "# Continues"
# The marks that tell a reader that a block is no program: it continues another, or is a part of a file.
_MARK = re.compile(rf"{_CONTINUES}|# Part of")


class Block(NamedTuple):
    """One Python block: the number of the line before it, its code, and what stands before it."""

    line: int
    code: str
    before: str

    @property
    def left_out(self) -> bool:
        """Whether the test of its page does not run it."""
        return _LEFT_OUT.search(self.before) is not None

    @property
    def file(self) -> bool:
        """Whether it is a whole file, with a name."""
        return self.left_out and self.before.rpartition("<!--")[2].startswith(" file ")

    @property
    def mark(self) -> str | None:
        """The comment that tells a reader why the block does not run alone."""
        first = self.code.partition("\n")[0]
        return first if _MARK.match(first) else None

    @property
    def why(self) -> str | None:
        """Why a reader does not expect the block to run alone."""
        return self.mark or ("a file, which the page's command serves" if self.file else None)


def every_block(text: str) -> Iterator[Block]:
    """Each Python block of a page."""
    for match in _BLOCK.finditer(text):
        before = text[: match.start()]
        yield Block(before.count("\n") + 1, match.group(1), before)


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """The number of the line before each block that is to run, and its code."""
    for block in every_block(text):
        if not block.left_out:
            yield block.line, block.code


def run(path: Path, *, together: bool) -> int:
    """Runs a file's blocks; how many there were."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if together else 0
    count = 0
    with asyncio.Runner() as runner:
        for line, code in blocks(path.read_text("utf-8")):
            count += 1
            if not together and not code.startswith(_CONTINUES):
                namespace = {"__name__": "__main__"}
            compiled = compile("\n" * line + code, path, "exec", flags, dont_inherit=True)
            if inspect.CO_COROUTINE & compiled.co_flags:
                runner.run(eval(compiled, namespace))  # noqa: S307 - our own documentation
            else:
                exec(compiled, namespace)  # noqa: S102 - our own documentation
    return count


def pasted(code: str) -> str | None:
    """Runs a block in a fresh interpreter and an empty directory; gives the error's last line, or None."""
    variables = {name: text for name, text in os.environ.items() if not name.startswith("COGNITO_")}
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "block.py")
        file.write_text(code, "utf-8")
        command = [sys.executable, str(file)]
        done = subprocess.run(
            command, cwd=directory, env=variables, capture_output=True, text=True, timeout=60, check=False
        )
    return None if done.returncode == 0 else (done.stderr.strip() or "?").splitlines()[-1]


def count(paths: list[Path]) -> None:
    """Prints how many blocks of the pages run when they are pasted alone, and why the others do not."""
    found = [(path, block) for path in paths for block in every_block(path.read_text("utf-8"))]
    with ThreadPoolExecutor(2) as pool:
        errors = list(pool.map(pasted, [block.code for _, block in found]))
    for path in paths:
        mine = [(block, error) for (at, block), error in zip(found, errors, strict=True) if at == path]
        print(f"{path}: {sum(error is None for _, error in mine)} of {len(mine)}")  # noqa: T201
        for block, error in mine:
            if error is not None:
                reason = block.why or f"not marked: {error}"
                print(f"  {path}:{block.line + 1}: {reason}")  # noqa: T201
    unmarked = sum(
        error is not None and block.why is None for (_, block), error in zip(found, errors, strict=True)
    )
    alone = errors.count(None)
    print(f"{alone} of {len(found)} blocks run when pasted alone; {unmarked} of the others say not why")  # noqa: T201


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--pasted", *names]:
            count([Path(name) for name in names])
        case ["--together", name]:
            print(run(Path(name), together=True), "blocks ran")  # noqa: T201
        case [name]:
            print(run(Path(name), together=False), "blocks ran")  # noqa: T201
