"""gRPC's side of a call without a network, so that metadata may hold what a client refuses to send.

Owns how a server calls interceptors and runs handlers, and the translation of the client's result to HTTP: a
status for each code, `retry-after` for `grpc-retry-pushback-ms`, and the body for details and `auth-reason`.
The parts that gRPC lacks (the body's type, its length, `cache-control`) are those of HTTP's adapters.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import grpc

from cognito_mr_auth.grpc import principal_of

from . import Ask, Asker, Reply
from .client import Reached

STATUS = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNIMPLEMENTED: 404,
    grpc.StatusCode.UNAVAILABLE: 503,
}
# The methods of HTTP with which a client may make a call; any other names no method of gRPC.
CALLS = ("GET", "HEAD", "POST")


class AbortedError(Exception):
    """What ends a handler that aborts."""


class Details(NamedTuple):
    """The details of a call that an interceptor gets."""

    method: str
    invocation_metadata: tuple[tuple[str, str | bytes], ...]


class Context:
    """A handler's context, of which these tests need little."""

    def __init__(self, seconds: float | None = None) -> None:
        self.code, self.details, self.trailing = grpc.StatusCode.OK, "", ()
        self._seconds = seconds

    def time_remaining(self) -> float | None:
        return self._seconds

    def set_trailing_metadata(self, metadata: Any) -> None:
        self.trailing = metadata

    def set_code(self, code: grpc.StatusCode) -> None:
        self.code = code

    def set_details(self, details: str) -> None:
        self.details = details

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        self.code, self.details = code, details
        raise AbortedError


class AioContext(Context):
    """The same for coroutine functions."""

    async def abort(  # type: ignore[override]
        self, code: grpc.StatusCode, details: str, trailing_metadata: Any = ()
    ) -> None:
        self.trailing = trailing_metadata
        super().abort(code, details)


def reply(context: Context, body: bytes, *, reached: bool) -> Reply:
    """The client's result, translated to HTTP."""
    headers = dict(context.trailing)
    status = STATUS[context.code]
    if status == 200:
        return Reply(status, headers, body, reached)
    if 'error="invalid_request"' in headers.get("www-authenticate", ""):
        status = 400  # gRPC has one code for both
    if "grpc-retry-pushback-ms" in headers:
        headers["retry-after"] = str(int(headers["grpc-retry-pushback-ms"]) // 1000)
    said = {"detail": context.details, "reason": headers.get("auth-reason")}
    body = json.dumps(said, ensure_ascii=False).encode()
    headers |= {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "cache-control": "no-store",
    }
    return Reply(status, headers, body, reached)


def details_of(ask: Ask) -> Details:
    """The call that a request would be."""
    path = ask.path if ask.raw_path is None else ask.raw_path
    method = path if ask.method in CALLS else f"{path}/{ask.method}"
    return Details(method, tuple((name.lower(), value) for name, value in ask.headers))


def who(reached: Reached) -> Callable[[Any], bytes]:
    """Return the caller; every handler does."""

    def said(context: Any) -> bytes:
        reached.mark()
        principal = principal_of(context)
        return json.dumps(None if principal is None else principal.subject).encode()

    return said


def handler_of(behavior: Any, *, streams: bool = False) -> Any:
    """A handler of one request, and one response or several."""
    if behavior is None:
        return None
    kind = "unary_stream" if streams else "unary_unary"
    return getattr(grpc, f"{kind}_rpc_method_handler")(behavior)


def _behavior_of(handler: Any) -> Any:
    kinds = (handler.request_streaming, handler.response_streaming)
    return getattr(handler, "_".join("stream" if each else "unary" for each in kinds))


def call(
    interceptor: Any, details: Details, handler: Any, request: Any = b"", context: Context | None = None
) -> tuple[Context, list[Any]]:
    """One call of a sync server: asked in one place, run in another, in a context of its own."""
    here = context or Context()

    def run() -> list[Any]:
        found = interceptor.intercept_service(lambda _details: handler, details)
        said = _behavior_of(found)(request, here)
        return list(said) if found.response_streaming else [said]

    try:
        return here, contextvars.Context().run(run)
    except AbortedError:
        return here, []


async def acall(
    interceptor: Any, details: Details, handler: Any, request: Any = b"", context: Context | None = None
) -> tuple[Context, list[Any]]:
    """One call of an asyncio server, whose sync handlers run on another thread."""

    async def continuation(_details: Details) -> Any:
        return handler

    found = await interceptor.intercept_service(continuation, details)
    behavior = _behavior_of(found)
    in_task = inspect.iscoroutinefunction(behavior) or inspect.isasyncgenfunction(behavior)
    here = context or (AioContext() if in_task else Context())
    try:
        if inspect.iscoroutinefunction(behavior):
            return here, [await behavior(request, here)]
        if in_task:
            return here, [each async for each in behavior(request, here)]
        if found.response_streaming:  # called on the loop, and iterated elsewhere
            return here, await asyncio.to_thread(list, behavior(request, here))
        return here, [await asyncio.to_thread(behavior, request, here)]
    except AbortedError:
        return here, []


def asker(interceptor: Any, handlers: Any, reached: Reached, *, aio: bool = False) -> Asker:
    """An asker; `handlers` is one for every method, or a dict."""

    def ask(request: Ask) -> Reply:
        details = details_of(request)
        handler = handlers.get(details.method) if isinstance(handlers, Mapping) else handlers
        if aio:
            context, said = asyncio.run(acall(interceptor, details, handler))
        else:
            context, said = call(interceptor, details, handler)
        return reply(context, b"".join(said), reached=reached.look())

    return ask
