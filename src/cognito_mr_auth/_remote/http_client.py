"""Loads the HTTP client in small steps, on the thread that asks for it (F).

Owns the list of the steps. An event loop runs others between two of them, because the whole takes a fifth
of a second. No other thread may do it, because a fork during its import would leave the import lock held in
the child. Loads what `import httpx` loads, and nothing more.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

__all__ = ["FIRST", "LAST", "OPTIONAL", "default_ssl_context", "load", "load_certificates"]

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
            import_module(name)
            yield


def load_certificates() -> Iterator[None]:
    """Import what `default_ssl_context` needs beside `load`; yields alike."""
    yield from _import(("certifi",))


def default_ssl_context() -> ssl.SSLContext:
    """A context that trusts what httpx trusts, SSL_CERT_FILE and SSL_CERT_DIR included.

    Raises:
        ImportError, OSError: the certificates cannot be loaded.
    """
    import httpx

    return httpx.create_ssl_context()
