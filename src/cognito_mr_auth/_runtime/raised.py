"""What is remembered of a user's function that has failed: the exception's class, and where it came from.

Owns what may be shown of it. Never the exception's message, its arguments, or what a frame holds: user code
raises `ValueError(token)`. Imports no traceback, whose text has lines of source as well.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from types import TracebackType

__all__ = ["Raised", "name_of"]

# The innermost frames of a traceback, which say where it broke. A recursion without end has a thousand.
MAX_FRAMES = 8
# Of a name, a file or a class, which a program may make of anything.
MAX_CHARS = 200


class Raised:
    """The class of what a hook raised, and its frames as "file:line in function", the innermost last."""

    __slots__ = ("error", "frames")

    def __init__(self, error: str, frames: tuple[str, ...] = ()) -> None:
        self.error = error
        self.frames = frames

    @classmethod
    def of(cls, error: BaseException, *, skip: int = 1) -> Raised:
        """Of an exception that was caught; the outermost `skip` frames are ours."""
        kind = type(error)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        return cls(_plain(f"{module}{kind.__qualname__}"), _frames(error.__traceback__, skip))

    @classmethod
    def answer(cls, answer: object) -> Raised:
        """Of an answer that is neither True nor False."""
        return cls(_plain(f"answered {type(answer).__qualname__}"))


def _frames(traceback: TracebackType | None, skip: int) -> tuple[str, ...]:
    inner: deque[TracebackType] = deque(maxlen=MAX_FRAMES)
    while traceback is not None:
        if skip > 0:
            skip -= 1
        else:
            inner.append(traceback)
        traceback = traceback.tb_next
    return tuple(_frame(each) for each in inner)


def _frame(traceback: TracebackType) -> str:
    code = traceback.tb_frame.f_code
    return _plain(f"{code.co_filename}:{traceback.tb_lineno} in {code.co_name}")


def name_of(function: object) -> str:
    """Module and name of a function, of what a partial calls, or of a callable object's class."""
    while isinstance(function, partial):
        function = function.func
    return _named(function) or _named(type(function)) or "?"


def _named(function: object) -> str | None:
    try:
        module, name = function.__module__, function.__qualname__  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - an object's attributes are its own code
        return None
    if type(name) is not str:
        return None
    return _plain(f"{module}.{name}" if type(module) is str else name)


def _plain(text: str) -> str:
    """Cut, and on one line: whoever names a class or a file could forge a record otherwise."""
    cut = text[:MAX_CHARS]
    return cut if cut.isprintable() else ascii(cut)[1:-1]
