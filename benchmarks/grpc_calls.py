"""Calls per second of a gRPC server behind the interceptor, as a ratio to one that compares a constant.

    .venv/bin/python benchmarks/grpc_calls.py

Each of the three servers is a separate process. One has no authentication. One has an interceptor that wraps
each handler as ours does and compares the token with a constant. One has ours, whose token is cached after
the first call. Four threads of this process, each with its own channel, make unary calls of few octets. The
servers are driven in turn, back and forth. Prints medians of calls per second and of the server's processor
time for a call, with the medians of each round's ratios. The processor time is more exact, because clients
and servers share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc

from cognito_mr_auth.grpc import AioCognitoAuthInterceptor, CognitoAuthInterceptor
from cognito_mr_auth.testing import FakeUserPool

VARIANTS = ("no auth", "constant", "ours")
CLIENTS = 4


def _denied(context: Any) -> None:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "")


class Constant(grpc.ServerInterceptor):  # type: ignore[misc]
    """Admits one token by a comparison, and knows nothing about it."""

    def __init__(self, token: str) -> None:
        self._value = f"Bearer {token}"

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        """The handler behind the comparison."""
        handler = continuation(details)
        metadata, behavior, value = details.invocation_metadata, handler.unary_unary, self._value

        def guarded(request: bytes, context: Any) -> Any:
            if [each for name, each in metadata if name == "authorization"] != [value]:
                _denied(context)
            return behavior(request, context)

        return grpc.unary_unary_rpc_method_handler(guarded)


class AioConstant(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """The same for asyncio."""

    def __init__(self, token: str) -> None:
        self._value = f"Bearer {token}"

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """The handler behind the comparison."""
        handler = await continuation(details)
        metadata, behavior, value = details.invocation_metadata, handler.unary_unary, self._value

        async def guarded(request: bytes, context: Any) -> Any:
            if [each for name, each in metadata if name == "authorization"] != [value]:
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "")
            return await behavior(request, context)

        return grpc.unary_unary_rpc_method_handler(guarded)


def answer(request: bytes, _context: Any) -> bytes:
    """Answer with the same bytes; a call with a message gets the server's processor time instead."""
    return b"ok" if not request else str(time.process_time()).encode()


async def aanswer(request: bytes, context: Any) -> bytes:
    """The same from a coroutine function."""
    return answer(request, context)


def _service(behavior: Any) -> Any:
    methods = {"Call": grpc.unary_unary_rpc_method_handler(behavior)}
    return grpc.method_handlers_generic_handler("bench.Service", methods)


def serve(variant: str) -> None:
    """A server that prints its port and a token, until its standard input ends."""
    pool = FakeUserPool()
    token = pool.access_token(expires_in=86400)
    made: dict[str, list[Any]] = {
        "no auth": [],
        "constant": [Constant(token)],
        "ours": [CognitoAuthInterceptor(pool.offline_verifier())],
    }
    server = grpc.server(ThreadPoolExecutor(8), interceptors=made[variant])
    server.add_generic_rpc_handlers((_service(answer),))
    print(server.add_insecure_port("127.0.0.1:0"), token, flush=True)
    server.start()
    sys.stdin.read()
    server.stop(0).wait()


async def aserve(variant: str) -> None:
    """The same with asyncio."""
    pool = FakeUserPool()
    token = pool.access_token(expires_in=86400)
    made: dict[str, list[Any]] = {
        "no auth": [],
        "constant": [AioConstant(token)],
        "ours": [AioCognitoAuthInterceptor(pool.offline_verifier())],
    }
    server = grpc.aio.server(interceptors=made[variant])
    server.add_generic_rpc_handlers((_service(aanswer),))
    print(server.add_insecure_port("127.0.0.1:0"), token, flush=True)
    await server.start()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(0)


@contextmanager
def served(kind: str, variant: str) -> Iterator[tuple[int, str]]:
    """The port and the token of a server in a process of its own."""
    command = [sys.executable, __file__, "--serve", kind, variant]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe, as asked for
        port, token = process.stdout.readline().split()
        yield int(port), token
    finally:
        process.communicate(timeout=10)


Rate = tuple[float, float]
"""Calls per second, and those of a second of the server's processor time."""


def drive(port: int, token: str, seconds: float) -> Rate:
    """Call for so many seconds."""
    counts, over = [0] * CLIENTS, threading.Event()
    metadata = [("authorization", f"Bearer {token}")]
    options = [("grpc.use_local_subchannel_pool", 1)]  # else all channels of a process share a connection

    def work(number: int) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            call = channel.unary_unary("/bench.Service/Call")
            while not over.is_set():
                call(b"", metadata=metadata)
                counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        look = channel.unary_unary("/bench.Service/Call")
        used, began = float(look(b"?", metadata=metadata)), time.monotonic()
        for thread in threads:
            thread.start()
        over.wait(seconds)
        over.set()
        for thread in threads:
            thread.join()
        took, used = time.monotonic() - began, float(look(b"?", metadata=metadata)) - used
    return sum(counts) / took, sum(counts) / used


def measure(kind: str, rounds: int, seconds: float) -> None:
    """Print a line for each variant."""
    found: dict[str, list[Rate]] = {variant: [] for variant in VARIANTS}
    with ExitStack() as stack:
        servers = {variant: stack.enter_context(served(kind, variant)) for variant in VARIANTS}
        for server in servers.values():
            drive(*server, seconds=0.5)  # warms it up
        for turn in range(rounds):
            for variant in VARIANTS if turn % 2 == 0 else reversed(VARIANTS):
                found[variant].append(drive(*servers[variant], seconds=seconds))
    for variant, rates in found.items():
        pairs = list(zip(rates, found["constant"], strict=True))
        by_clock, by_processor = (
            statistics.median(one[i] / other[i] for one, other in pairs) for i in (0, 1)
        )
        calls, per_second = (statistics.median(each[i] for each in rates) for i in (0, 1))
        print(
            f"{kind:8} {variant:9} {calls:6.0f} calls/s, {by_clock:.2f} x constant; "
            f"{1e6 / per_second:4.0f} us of the processor, {by_processor:.3f} x as fast as constant",
            flush=True,
        )


def main() -> None:
    """Both kinds of server."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    if options.serve:
        kind, variant = options.serve
        asyncio.run(aserve(variant)) if kind == "asyncio" else serve(variant)
        return
    for kind in ("threads", "asyncio"):
        measure(kind, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
