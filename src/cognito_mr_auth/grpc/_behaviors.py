"""A handler behind the guard, for all four kinds of call, in threads and in tasks.

Owns where a call is verified: in the thread or task that runs the handler. `grpc.server` calls its
interceptors in the one thread that serves every call, so that thread must not wait.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import aclosing
from functools import partial, wraps
from typing import Any

from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth.errors import AuthError

from ._admission import Admission
from ._call import CURRENT, Call
from ._handlers import Behavior, anot_found, behavior_of, like, not_found, reading_nothing
from ._metadata import refusal

__all__ = ["aguarded", "guarded"]

Enter = Callable[[Any], Call]
"""Admits the call of a handler's context. Raises AuthError if the call is refused."""

_END = object()


def guarded(admission: Admission) -> Any:
    """Return the handler of grpc.server behind the guard."""
    handler = _known(admission.handler, not_found)
    behavior = behavior_of(handler)
    # Such a stream passes its responses to a callback, and returns no iterator.
    calls_back = getattr(behavior, "experimental_non_blocking", False)
    iterates = handler.response_streaming and not calls_back
    enter = partial(admission.enter, behavior)
    return like(handler, _on_thread(behavior, admission.guard, enter, iterates=iterates))


async def aguarded(admission: Admission) -> Any:
    """Return the handler of grpc.aio.server behind the guard."""
    handler = _known(admission.handler, anot_found)
    behavior = behavior_of(handler)
    if inspect.iscoroutinefunction(behavior) or inspect.isasyncgenfunction(behavior):
        return like(handler, _in_task(behavior, admission))
    # gRPC runs this in a thread. All threads might wait here for a coroutine that needs one of them.
    try:
        call = await admission.aenter(behavior)
    except AuthError as error:
        refused = refusal(admission.guard, error)
    else:
        return like(
            handler, _on_thread(behavior, admission.guard, call.given, iterates=handler.response_streaming)
        )

    async def deny(_requests: Any, context: Any) -> None:
        await context.abort(*refused)

    return reading_nothing(deny)


def _known(handler: Any, otherwise: Behavior) -> Any:
    """Return the handler, or one for a method that the server does not have."""
    return reading_nothing(otherwise) if handler is None else handler


# -- on a thread ----------------------------------------------------------------------------------


def _on_thread(behavior: Behavior, guard: RequestGuard, enter: Enter, *, iterates: bool) -> Behavior:
    """Return the behaviour of a handler that blocks. `iterates`: it returns an iterator of responses."""

    def one(request: Any, context: Any, *callback: Any) -> Any:
        try:
            call = enter(context)
            with call.lasting(), call:
                return behavior(call.received(request), context, *callback)
        except AuthError as error:
            refused = error
        code, details, metadata = refusal(guard, refused)
        context.set_trailing_metadata(metadata)
        # Not by `set_code`, which sends an empty message, after which a client does not retry.
        return context.abort(code, details)  # raises

    # A generator function, because grpc.aio calls it on its loop, where the handler itself must not run.
    def many(request: Any, context: Any) -> Iterator[Any]:
        try:
            yield from _responses(enter(context), behavior, request)
        except AuthError as error:
            refused = error
        else:
            return
        code, details, metadata = refusal(guard, refused)
        context.set_trailing_metadata(metadata)
        # Not by `abort`: in a thread of grpc.aio it overtakes the message before it, and hangs (in 1.85).
        context.set_code(code)
        context.set_details(details)

    return wraps(behavior)(many if iterates else one)


def _responses(call: Call, behavior: Behavior, request: Any) -> Iterator[Any]:
    """Yield the behaviour's responses. Between two responses the thread has no current call."""
    with call.lasting():
        with call:
            responses = iter(behavior(call.received(request), call.context))
        while True:
            with call:
                response = next(responses, _END)
            if response is _END:
                return
            call.check_time()
            yield response


# -- in a task ------------------------------------------------------------------------------------


def _in_task(behavior: Behavior, admission: Admission) -> Behavior:
    """Return the behaviour of a coroutine function, or of an async generator function.

    The task serves only this call, so the principal stays set in it.
    """

    async def one(request: Any, context: Any) -> Any:
        try:
            call = await admission.aenter(behavior, context)
            CURRENT.set(call)
            with call.lasting():
                return await call.within(behavior(request, context))
        except AuthError as error:
            refused = error
        return await context.abort(*refusal(admission.guard, refused))  # raises

    async def many(request: Any, context: Any) -> Any:
        try:
            call = await admission.aenter(behavior, context)
            CURRENT.set(call)
            with call.lasting():
                async with aclosing(behavior(request, context)) as responses:
                    while (response := await call.within(anext(responses, _END))) is not _END:
                        call.check_time()  # a generator that never awaits cannot be interrupted
                        yield response
        except AuthError as error:
            refused = error
        else:
            return
        await context.abort(*refusal(admission.guard, refused))

    return wraps(behavior)(many if inspect.isasyncgenfunction(behavior) else one)
