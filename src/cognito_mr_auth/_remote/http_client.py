"""Loads the HTTP client in small steps, on the thread that asks for it (F).

This module has the list of the steps, and the only hook before a fork. An event loop runs other tasks between
two steps, because all of them take a fifth of a second. A fork waits for the step of another thread, because
its child would find that import half done and wait for its end for ever. It loads what `import httpx` loads,
and nothing more.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

__all__ = [
    "FIRST",
    "LAST",
    "OPTIONAL",
    "default_ssl_context",
    "load",
    "load_certificates",
    "without_old_versions",
]

# The order makes each step short, because each one loads a part of what the later ones need.
FIRST = (
    "ssl",
    "email.utils",
    "urllib.request",
    "encodings.idna",  # getaddrinfo needs it, and a forked child remembers its failed import
    "h11",
)
# httpcore and httpx import these if they are installed. Of a row, loading stops at the first missing one.
OPTIONAL = (
    ("h2.connection",),
    ("trio",),
    ("click", "pygments.lexers", "rich.console", "rich.progress"),  # httpx's command line
)
LAST = ("httpcore", "httpx", "cognito_mr_auth._remote.transport")

# The longest wait of a fork. The forking thread may be inside an import that the step waits for.
FORK_SECONDS = 5.0

# Reentrant, because a module that a step imports may fork. `logging` does the same for its lock.
_one_step = threading.RLock()


def _before_fork(seconds: float = FORK_SECONDS) -> None:
    _one_step.acquire(timeout=seconds)


def _in_parent() -> None:
    with suppress(RuntimeError):  # this thread does not hold it, because the wait took too long
        _one_step.release()


def _in_child() -> None:
    global _one_step  # noqa: PLW0603 - the thread that held it does not exist in this process
    _one_step = threading.RLock()


if hasattr(os, "register_at_fork"):  # pragma: no branch - absent on Windows alone
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)


def load() -> Iterator[None]:
    """Import everything that a fetch uses. Yields after each step that took time.

    Raises:
        ImportError, OSError: something that a fetch needs cannot be loaded.
    """
    yield from _import(FIRST)
    for names in OPTIONAL:
        # If its import raises, httpcore or httpx raises the same again and handles it.
        with suppress(Exception):
            yield from _import(names)
    yield from _import(LAST)


def _import(names: Iterable[str]) -> Iterator[None]:
    for name in names:
        if sys.modules.get(name) is None:  # None may also block an import; then the import raises
            with _one_step:
                __import__(name)
            yield


def load_certificates() -> Iterator[None]:
    """Import what `default_ssl_context` needs beside `load`. Yields in the same way."""
    yield from _import(("certifi",))


def default_ssl_context() -> ssl.SSLContext:
    """A context that trusts what httpx trusts, including SSL_CERT_FILE and SSL_CERT_DIR, from TLS 1.2 on.

    Raises:
        ImportError, OSError: the certificates cannot be loaded.
    """
    import httpx

    return without_old_versions(httpx.create_ssl_context())


def without_old_versions(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context, which now speaks TLS 1.2 at least (RFC 9325 3.1.1).

    Python says so itself unless it is built, as Debian's is, to leave that to OpenSSL's configuration.
    """
    import ssl

    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    return context
