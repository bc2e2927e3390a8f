"""Runs the same generator sync or async. The generator decides, and yields the calls that may wait.

Owns these two runners. If a call raises anything but an AuthError, the request ends, and the generator does
not receive the exception.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from django.views.decorators.debug import sensitive_variables

from cognito_mr_auth._runtime.raised import Raised
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.verification import Method
from cognito_mr_auth._web.wsgi_environ import known
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.principal import Principal

__all__ = ["Call", "Steps", "leave_frames_out", "recall", "run_async", "run_sync"]

T = TypeVar("T")


class Call(NamedTuple):
    """A method to call. Its async twin has the same name with the prefix "a", as `verify` and `averify`."""

    target: object
    name: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any] = MappingProxyType({})


Steps = Generator[Call, Any, T]


def leave_frames_out(fault: Exception) -> None:
    """Remove the frames whose variables are the token from an exception, and keep where it was raised."""
    fault.add_note(f"frames: {', '.join(Raised.of(fault).frames)}")
    fault.with_traceback(None)


def recall(
    guard: RequestGuard, meta: Mapping[str, Any], method: Method, behind: Mapping[str, Any]
) -> Principal | None:
    """Return the principal of a known token, if a header alone decides (see `RequestGuard.deciding_header`).

    Exceptions lose their frames, whose variables are the token.
    """
    try:
        return known(guard, meta, method=method, behind=behind)
    except Exception as fault:
        leave_frames_out(fault)
        raise


def _run_sync(steps: Steps[T]) -> T:
    resume = partial(next, steps)
    while True:
        try:
            call = resume()
        except StopIteration as done:
            result: T = done.value
            return result
        try:
            resume = partial(steps.send, getattr(call.target, call.name)(*call.arguments, **call.options))
        except AuthError as error:
            resume = partial(steps.throw, error)


async def _run_async(steps: Steps[T]) -> T:
    resume = partial(next, steps)
    while True:
        try:
            call = resume()
        except StopIteration as done:
            result: T = done.value
            return result
        try:
            method = getattr(call.target, f"a{call.name}")
            resume = partial(steps.send, await method(*call.arguments, **call.options))
        except AuthError as error:
            resume = partial(steps.throw, error)
        except Exception as fault:
            if call.name == "verify":
                leave_frames_out(fault)
            raise


# Django's error reports show the variables of frames, and the frames below these hold the token. Django hides
# all frames below a plain function, but only the one frame of a coroutine; `leave_frames_out` removes the
# rest.
run_sync = sensitive_variables()(_run_sync)
"""Returns the value that the steps return. Every call runs on this thread."""
run_async = sensitive_variables()(_run_async)
"""The same with the async methods."""
