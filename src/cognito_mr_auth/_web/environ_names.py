"""The names of headers in a WSGI environ (PEP 3333, "environ Variables")."""

from __future__ import annotations

from functools import lru_cache

__all__ = ["MAY_BE_EMPTY", "environ_variable"]

# These two have no prefix, and a server may give an empty text for a missing one.
MAY_BE_EMPTY = frozenset({"CONTENT_LENGTH", "CONTENT_TYPE"})


# A guard asks for the names of its settings and a few fixed ones.
@lru_cache(maxsize=64)
def environ_variable(header: str) -> str:
    """The variable that holds a header."""
    name = header.upper().replace("-", "_")
    return name if name in MAY_BE_EMPTY else "HTTP_" + name
