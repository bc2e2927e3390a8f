"""Real gRPC servers on loopback, in this process: blocking, asyncio, and asyncio with handlers that block.

Owns their life and their clients'. Messages are octets, so no generated code is needed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc

from cognito_mr_auth.grpc import AioCognitoAuthInterceptor, CognitoAuthInterceptor

__all__ = ["KINDS", "WAYS", "Heard", "ask", "bearer", "serving"]

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
WAYS = ("blocking", "asyncio", "threads of asyncio")
SERVICE = "test.Service"

SECONDS = 20.0
"""No call takes a tenth of it."""

Metadata = list[tuple[str, str]]


class Heard(NamedTuple):
    """What a client gets: the code, the messages, the details and the trailing metadata."""

    code: grpc.StatusCode
    said: list[bytes]
    details: str
    trailing: dict[str, Any]


def bearer(*tokens: str) -> Metadata:
    """The metadata of a call with these tokens."""
    return [("authorization", f"Bearer {token}") for token in tokens]


Behaviors = Mapping[str, tuple[str, Any]]
"""From a method's name to its kind and its behaviour."""


def _generic(methods: Mapping[str, tuple[str, Any]]) -> grpc.GenericRpcHandler:
    handlers = {
        name: getattr(grpc, f"{kind}_rpc_method_handler")(behavior)
        for name, (kind, behavior) in methods.items()
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


@contextmanager
def serving(
    way: str,
    behaviors: Behaviors,
    verifier: Any,
    *,
    before: tuple[Any, ...] = (),
    workers: int = 8,
    **options: Any,
) -> Iterator[int]:
    """The port of a server with these methods; `before` are interceptors in front of ours."""
    if way == "blocking":
        interceptors = [*before, CognitoAuthInterceptor(verifier, **options)]
        server = grpc.server(ThreadPoolExecutor(workers), interceptors=interceptors)
        server.add_generic_rpc_handlers((_generic(behaviors),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield port
        finally:
            server.stop(0).wait(SECONDS)
        return
    with _loop() as run:
        port, stop = run(_start(behaviors, verifier, before, options))
        try:
            yield port
        finally:
            run(stop())


async def _start(
    behaviors: Behaviors, verifier: Any, before: tuple[Any, ...], options: Mapping[str, Any]
) -> tuple[int, Callable[[], Any]]:
    interceptors = [*before, AioCognitoAuthInterceptor(verifier, **options)]
    server = grpc.aio.server(interceptors=interceptors)
    server.add_generic_rpc_handlers((_generic(behaviors),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return port, lambda: server.stop(0)


@contextmanager
def _loop() -> Iterator[Callable[[Any], Any]]:
    """An event loop on a thread, and a way to run coroutines in it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="loop of the server")
    thread.start()
    try:
        yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(SECONDS)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def ask(
    port: int,
    method: str,
    kind: str,
    metadata: Metadata | None = None,
    messages: tuple[bytes, ...] = (b"a", b"b"),
    *,
    seconds: float = SECONDS,
    options: tuple[tuple[str, Any], ...] = (),
) -> Heard:
    """One call over a channel of its own."""
    name = method if method.startswith("/") else f"/{SERVICE}/{method}"
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        make = getattr(channel, kind)(name)
        request = iter(messages) if kind.startswith("stream") else messages[0]
        if kind.endswith("stream"):
            call, said = make(request, metadata=metadata, timeout=seconds), []
            try:
                said.extend(call)
            except grpc.RpcError as error:
                return _refused(error, said)
        else:
            try:
                response, call = make.with_call(request, metadata=metadata, timeout=seconds)
            except grpc.RpcError as error:
                return _refused(error, [])
            said = [response]
        return Heard(call.code(), said, call.details(), dict(call.trailing_metadata() or ()))


def _refused(error: Any, said: list[bytes]) -> Heard:
    return Heard(error.code(), said, error.details(), dict(error.trailing_metadata() or ()))
