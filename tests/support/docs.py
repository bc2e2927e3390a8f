"""Runs the Python blocks of a Markdown file, so that what we show works.

usage: python docs.py README.md

All blocks of a file share one namespace, in order; `await` may stand at the top level. A block
after a line `<!-- not run -->` or `<!-- file NAME -->` is left out. A traceback names the Markdown
file and its line.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LEFT_OUT = re.compile(r"<!-- (not run|file \S+) -->\s*$")


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """The number of the line before each block that is to run, and its code."""
    for match in _BLOCK.finditer(text):
        before = text[: match.start()]
        if not _LEFT_OUT.search(before):
            yield before.count("\n") + 1, match.group(1)


def run(path: Path) -> int:
    """Runs a file's blocks; how many there were."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    count = 0
    with asyncio.Runner() as runner:
        for line, code in blocks(path.read_text("utf-8")):
            count += 1
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compiled = compile("\n" * line + code, path, "exec", flags, dont_inherit=True)
            if inspect.CO_COROUTINE & compiled.co_flags:
                runner.run(eval(compiled, namespace))  # noqa: S307 - our own documentation
            else:
                exec(compiled, namespace)  # noqa: S102 - our own documentation
    return count


if __name__ == "__main__":
    print(run(Path(sys.argv[1])), "blocks ran")  # noqa: T201
