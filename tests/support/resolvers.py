"""A resolver of the test's, and peers that answer nothing: what the network layer meets beyond loopback.

Owns no promise.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

SECONDS = 10.0
"""What takes longer hangs."""


def entry(address: str) -> tuple[Any, ...]:
    """An address as `getaddrinfo` gives it."""
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 0, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 0))


def _is_literal(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Resolver:
    """A `getaddrinfo` with these addresses by name, which may be silent until `end`."""

    def __init__(self, found: Mapping[str, Sequence[str]]) -> None:
        self.found = dict(found)
        self.asked: list[str] = []
        self.silent: dict[str, threading.Event] = {}

    def silence(self, *names: str) -> None:
        """Look-ups of these names wait from now on."""
        self.silent |= {name: threading.Event() for name in names}

    def end(self, *names: str) -> None:
        """They wait no longer."""
        for name in names or tuple(self.silent):
            self.silent.pop(name).set()

    def __call__(self, name: str, _port: int, **_options: Any) -> list[tuple[Any, ...]]:
        self.asked.append(name)
        silent = self.silent.get(name)
        if silent is not None:
            assert silent.wait(SECONDS)
        if _is_literal(name):
            return [entry(name)]
        if name not in self.found:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [entry(each) for each in self.found[name]]


@contextmanager
def full_backlog(address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """The port of a listener that answers no SYN: Linux drops what comes when a backlog is full."""
    with socket.socket() as silent, ExitStack() as full:
        silent.bind((address, port))
        silent.listen(0)
        port = silent.getsockname()[1]
        for _ in range(3):
            each = full.enter_context(socket.socket())
            each.setblocking(False)
            with suppress(BlockingIOError):
                each.connect((address, port))
        yield port


def reach(condition: Callable[[], bool]) -> None:
    """Wait until it is so, which must be soon."""
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)


def descriptors() -> int:
    """How many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


def sockets() -> int:
    """How many of them are sockets: a server's thread may open others whenever it comes to that."""
    return sum(_target(each).startswith("socket:") for each in os.listdir("/proc/self/fd"))


def _target(descriptor: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:  # that which has listed them
        return ""
