"""A handler behind the guard, for all four kinds of call, on threads and in tasks.

Owns where a call is verified: on the thread or in the task that would run the handler, because the thread on
which `grpc.server` asks its interceptors serves every call. gRPC hands an exception's text to the client, so
what goes wrong in here is told to the log alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from functools import partial, wraps
from typing import Any, NamedTuple

import grpc

from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.principal import Principal

from ._call import CURRENT, Call, read_request, refusal
from ._methods import Demand, Methods

__all__ = ["Admission", "aguarded", "guarded"]

Behavior = Callable[..., Any]
Enter = Callable[[Any], Call]
"""From a handler's context to its call. Raises AuthError for one that may not pass."""

# Of the time that a call has left, what it may wait for keys; the rest is for an answer that says why.
SHARE_FOR_KEYS = 0.9

_END = object()


class Admission(NamedTuple):
    """What the calls of one handler have to show. `handler` is None for a method that the server has not."""

    guard: RequestGuard
    methods: Methods
    details: Any
    handler: Any

    def enter(self, behavior: Behavior, context: Any) -> Call:
        """The call, on a thread that may block. Raises AuthError for one that may not pass."""
        with _untold():
            request, demand, principal = *self._asked(behavior), None
            if demand.need is not None:
                seconds = self._seconds_for_keys(context)
                principal = self.guard.verify(request, demand.policy, need=demand.need, timeout=seconds)
        return self._call(context, principal, demand)

    async def aenter(self, behavior: Behavior, context: Any = None) -> Call:
        """Like `enter`, in the call's own task. Before there is a context, its deadline is not known."""
        with _untold():
            request, demand, principal = *self._asked(behavior), None
            if demand.need is not None:
                seconds = None if context is None else self._seconds_for_keys(context)
                verification = self.guard.averify(request, demand.policy, need=demand.need, timeout=seconds)
                principal = await verification
        return self._call(context, principal, demand)

    def _asked(self, behavior: Behavior) -> tuple[HTTPRequest, Demand]:
        request = read_request(self.details.method, self.details.invocation_metadata)
        return request, self.methods.demand(self.guard, request, None if self.handler is None else behavior)

    def _seconds_for_keys(self, context: Any) -> float:
        left: float | None = context.time_remaining()  # None, or without end, where there is no deadline
        return self.guard.timeout if left is None else min(self.guard.timeout, left * SHARE_FOR_KEYS)

    def _call(self, context: Any, principal: Principal | None, demand: Demand) -> Call:
        handler = self.handler
        streams = handler is not None and (handler.request_streaming or handler.response_streaming)
        timed = self.guard.close_at_expiry and streams
        return Call(self.guard, context, principal, demand.policies, timed=timed)


@contextmanager
def _untold() -> Iterator[None]:
    """Keeps the text of an exception that is no refusal from the client; the log shows its cause."""
    try:
        yield
    except AuthError:
        raise
    except Exception as error:
        raise RuntimeError("the call cannot be authenticated: see the server's log") from error


def guarded(admission: Admission) -> Any:
    """The handler of grpc.server behind the guard."""
    handler = _known(admission.handler, _not_found)
    behavior = _behavior_of(handler)
    # Such a stream hands its responses to a callback, and gives no iterator.
    calls_back = getattr(behavior, "experimental_non_blocking", False)
    iterates = handler.response_streaming and not calls_back
    enter = partial(admission.enter, behavior)
    return _like(handler, _on_thread(behavior, admission.guard, enter, iterates=iterates))


async def aguarded(admission: Admission) -> Any:
    """The handler of grpc.aio.server behind the guard."""
    handler = _known(admission.handler, _anot_found)
    behavior = _behavior_of(handler)
    if inspect.iscoroutinefunction(behavior) or inspect.isasyncgenfunction(behavior):
        return _like(handler, _in_task(behavior, admission))
    # gRPC runs it on a thread. All threads might be waiting there for a coroutine that needs one of them.
    try:
        call = await admission.aenter(behavior)
    except AuthError as error:
        refused = refusal(admission.guard, error)
    else:
        return _like(
            handler, _on_thread(behavior, admission.guard, call.given, iterates=handler.response_streaming)
        )

    async def deny(_requests: Any, context: Any) -> None:
        await context.abort(*refused)

    return grpc.stream_stream_rpc_method_handler(deny)  # for calls of any kind: it reads no message


def _known(handler: Any, not_found: Behavior) -> Any:
    return grpc.stream_stream_rpc_method_handler(not_found) if handler is None else handler


# As gRPC names behaviours and what makes handlers, by whether requests and responses are streams.
_KINDS = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


def _kind(handler: Any) -> str:
    return _KINDS[bool(handler.request_streaming), bool(handler.response_streaming)]


def _behavior_of(handler: Any) -> Behavior:
    behavior: Behavior = getattr(handler, _kind(handler))
    return behavior


def _like(handler: Any, behavior: Behavior) -> Any:
    """A handler of the same kind with this behaviour."""
    make = getattr(grpc, f"{_kind(handler)}_rpc_method_handler")
    return make(
        behavior,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


# -- on a thread ----------------------------------------------------------------------------------


def _on_thread(behavior: Behavior, guard: RequestGuard, enter: Enter, *, iterates: bool) -> Behavior:
    """The behaviour of a handler that blocks. `iterates`: it gives an iterator of responses."""

    def one(request: Any, context: Any, *callback: Any) -> Any:
        try:
            call = enter(context)
            with call.lasting(), call:
                return behavior(call.received(request), context, *callback)
        except AuthError as error:
            refused = error
        code, details, metadata = refusal(guard, refused)
        context.set_trailing_metadata(metadata)
        # Not by `set_code`, which sends an empty message, after which no client would come again.
        return context.abort(code, details)  # raises

    # A generator function, because grpc.aio calls it on its loop, where a handler must not run.
    def many(request: Any, context: Any) -> Iterator[Any]:
        try:
            yield from _responses(enter(context), behavior, request)
        except AuthError as error:
            refused = error
        else:
            return
        code, details, metadata = refusal(guard, refused)
        context.set_trailing_metadata(metadata)
        # Not by `abort`, which on a thread of grpc.aio overtakes the message before it, and hangs (in 1.85).
        context.set_code(code)
        context.set_details(details)

    return wraps(behavior)(many if iterates else one)


def _responses(call: Call, behavior: Behavior, request: Any) -> Iterator[Any]:
    """What the behaviour answers. Between two responses the thread is nobody's."""
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
    """The behaviour of a coroutine function, or of an async generator function.

    The task is the call's own, so it stays its principal's.
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
                        call.check_time()  # a generator that never waits is never interrupted
                        yield response
        except AuthError as error:
            refused = error
        else:
            return
        await context.abort(*refusal(admission.guard, refused))

    return wraps(behavior)(many if inspect.isasyncgenfunction(behavior) else one)


# -- methods that the server does not have --------------------------------------------------------

# As gRPC itself says it, and to the server's users alone: a closed one tells nobody else what it has. The
# handlers fit calls of any kind, because they read no message.
_NOT_FOUND = (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


def _not_found(_requests: Any, context: Any) -> Any:
    context.abort(*_NOT_FOUND)


async def _anot_found(_requests: Any, context: Any) -> Any:
    await context.abort(*_NOT_FOUND)
