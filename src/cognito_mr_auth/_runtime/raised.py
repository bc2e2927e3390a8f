"""What is kept about a user's function that has failed: the exception's class, and where it was raised.

This module decides what may be shown. The exception's message and arguments and the variables of a frame are
never shown, because user code raises `ValueError(token)`. It does not import `traceback`, whose text also has
lines of source.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from types import TracebackType

__all__ = ["Raised", "name_of"]

# The innermost frames of a traceback show where it broke. An endless recursion has a thousand frames.
MAX_FRAMES = 8
# The limit of a name, a file or a class, because a program may choose any text for them.
MAX_CHARS = 200


class Raised:
    """The class of what a hook raised, and its frames as "file:line in function", the innermost last."""

    __slots__ = ("error", "frames")

    def __init__(self, error: str, frames: tuple[str, ...] = ()) -> None:
        self.error = error
        self.frames = frames

    @classmethod
    def of(cls, error: BaseException, *, skip: int = 1) -> Raised:
        """From an exception that was caught. The outermost `skip` frames are ours."""
        kind = type(error)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        return cls(_plain(f"{module}{kind.__qualname__}"), _frames(error.__traceback__, skip))

    @classmethod
    def answer(cls, answer: object) -> Raised:
        """From an answer that is neither True nor False."""
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
    except Exception:  # noqa: BLE001 - reading an object's attributes may run any code
        return None
    if type(name) is not str:
        return None
    return _plain(f"{module}.{name}" if type(module) is str else name)


def _plain(text: str) -> str:
    """The text, shortened and on one line. Otherwise the name of a class or file could forge a record."""
    cut = text[:MAX_CHARS]
    return cut if cut.isprintable() else ascii(cut)[1:-1]
