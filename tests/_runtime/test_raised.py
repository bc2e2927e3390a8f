"""What is remembered of a function that has failed: class and frames, and nothing that it was given."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pytest
from support.refusals import CANARY

from cognito_mr_auth._runtime.raised import MAX_CHARS, MAX_FRAMES, Raised, name_of

HERE = Path(__file__).name


class Odd(Exception):  # noqa: N818 - the name is the point
    """An exception of a module."""


def inner(kind: type[BaseException]) -> None:
    """Raises it, with a claim in its message and in a variable."""
    secret = CANARY
    raise kind(secret)


def outer(kind: type[BaseException]) -> None:
    """Calls the one that raises, and makes something else of one kind."""
    try:
        inner(kind)
    except ValueError as cause:
        raise Odd(CANARY) from cause


def endless() -> None:
    """A recursion."""
    endless()


def caught(function: Callable[[], object], skip: int = 1) -> Raised:
    """What is remembered of its exception; the first frame is this function's."""
    try:
        function()
    except Exception as error:  # noqa: BLE001 - a user's hook may raise anything
        return Raised.of(error, skip=skip)
    raise AssertionError


@pytest.mark.parametrize(
    ("function", "error", "frames"),
    [
        pytest.param(partial(inner, KeyError), "KeyError", ["inner"], id="built-in"),
        pytest.param(partial(outer, TypeError), "TypeError", ["outer", "inner"], id="deeper"),
        pytest.param(partial(outer, ValueError), f"{__name__}.Odd", ["outer"], id="with-a-cause"),
        pytest.param(endless, "RecursionError", ["endless"] * MAX_FRAMES, id="endless"),
        pytest.param(partial(int, "x"), "ValueError", [], id="no-frame"),
    ],
)
def test_class_and_frames(function: Callable[[], object], error: str, frames: list[str]) -> None:
    """The innermost frames, as file, line and function: no message, no argument, no cause, no variable."""
    raised = caught(function)
    assert raised.error == error
    assert [each.rpartition(" in ")[2] for each in raised.frames] == frames
    assert all(f"{HERE}:" in each for each in raised.frames)
    assert CANARY not in f"{raised.error}{raised.frames}"


def test_a_traceback_that_is_ours_alone() -> None:
    """Our own frames are left out, however few there are."""
    assert caught(partial(inner, KeyError), skip=9).frames == ()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("a\nWARNING forged", r"a\nWARNING forged", id="line-end"),
        pytest.param("a\x1b[31m", r"a\x1b[31m", id="terminal"),
        pytest.param("a\u2028b", r"a\u2028b", id="another-line-end"),
        pytest.param("x" * 500, "x" * MAX_CHARS, id="long"),
    ],
)
def test_a_name_breaks_no_line(name: str, shown: str) -> None:
    """A class and a file may be named anything."""
    kind = type(name, (Exception,), {"__module__": "builtins"})
    assert caught(partial(inner, kind)).error == shown

    def raising() -> None:
        exec(compile("raise ValueError", name, "exec"))  # noqa: S102 - a file of that name

    assert all("\n" not in each and "\x1b" not in each for each in caught(raising).frames)


class _Callable:
    def __call__(self) -> bool:
        return False

    def method(self) -> bool:
        return False


class _Hostile:
    """Says something else of itself, or raises when it is asked."""

    def __getattr__(self, name: str) -> Any:
        raise KeyError(CANARY)


class _Lying:
    def __init__(self) -> None:
        self.__qualname__ = CANARY.encode()


class _Nameless(type):
    @property
    def __module__(cls) -> str:  # type: ignore[override]
        raise KeyError(CANARY)


class _Unnamed(metaclass=_Nameless):
    pass


@pytest.mark.parametrize(
    ("function", "name"),
    [
        pytest.param(inner, f"{__name__}.inner", id="function"),
        pytest.param(partial(partial(inner, ValueError)), f"{__name__}.inner", id="partial"),
        pytest.param(_Callable().method, f"{__name__}._Callable.method", id="method"),
        pytest.param(_Callable(), f"{__name__}._Callable", id="object"),
        pytest.param(lru_cache(inner), f"{__name__}.inner", id="wrapped"),
        pytest.param(print, "builtins.print", id="built-in"),
        pytest.param([].append, "list.append", id="method-of-a-built-in"),
        pytest.param(_Hostile(), f"{__name__}._Hostile", id="hostile"),
        pytest.param(_Lying(), f"{__name__}._Lying", id="lying"),
        pytest.param(_Unnamed(), "?", id="nameless"),
    ],
)
def test_names(function: object, name: str) -> None:
    """Module and name, as the author of the function finds it; what raises when it is asked has none."""
    assert name_of(function) == name
