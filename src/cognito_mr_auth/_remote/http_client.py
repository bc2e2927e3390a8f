"""Loads the HTTP client in small steps, on the thread that asks for it (F).

Owns the list of the steps, and the only hook before a fork. An event loop runs others between two steps,
because the whole takes a fifth of a second. A fork waits for the step that another thread takes, because its
child would find that import half done, and wait for ever for its end. Loads what `import httpx` loads, and
nothing more.
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

# In this order each brings a part of what the later ones need, so that none takes long.
FIRST = (
    "ssl",
    "email.utils",
    "urllib.request",
    "encodings.idna",  # getaddrinfo's, whose failed import a forked child remembers
    "h11",
)
# What httpcore and httpx import where it is installed; of a row, up to the first that is missing.
OPTIONAL = (
    ("h2.connection",),
    ("trio",),
    ("click", "pygments.lexers", "rich.console", "rich.progress"),  # httpx's command line
)
LAST = ("httpcore", "httpx", "cognito_mr_auth._remote.transport")

# A fork waits no longer: the forking thread may be inside an import that the step waits for.
FORK_SECONDS = 5.0

# Reentrant, since a module that a step imports may fork. `logging` does the same for its lock.
_one_step = threading.RLock()


def _before_fork(seconds: float = FORK_SECONDS) -> None:
    _one_step.acquire(timeout=seconds)


def _in_parent() -> None:
    with suppress(RuntimeError):  # not held by this thread: the wait took too long
        _one_step.release()


def _in_child() -> None:
    global _one_step  # noqa: PLW0603 - its holder is not in this process
    _one_step = threading.RLock()


if hasattr(os, "register_at_fork"):  # pragma: no branch - absent on Windows alone
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)


def load() -> Iterator[None]:
    """Import everything that a fetch uses; yields after each step that took time.

    Raises:
        ImportError, OSError: something that a fetch needs cannot be loaded.
    """
    yield from _import(FIRST)
    for names in OPTIONAL:
        # Whatever its import raises, httpcore or httpx meets it again and knows what it means.
        with suppress(Exception):
            yield from _import(names)
    yield from _import(LAST)


def _import(names: Iterable[str]) -> Iterator[None]:
    for name in names:
        if sys.modules.get(name) is None:  # None blocks an import, which the import itself says
            with _one_step:
                __import__(name)
            yield


def load_certificates() -> Iterator[None]:
    """Import what `default_ssl_context` needs beside `load`; yields alike."""
    yield from _import(("certifi",))


def default_ssl_context() -> ssl.SSLContext:
    """A context that trusts what httpx trusts, SSL_CERT_FILE and SSL_CERT_DIR included, from TLS 1.2 on.

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
