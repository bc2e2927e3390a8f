"""`with` and `async with` for objects whose `close` waits for nothing.

This module has these four methods alone.
"""

from __future__ import annotations

from typing import Self

__all__ = ["Closing"]


class Closing:
    """Closes itself at the end of a `with` or `async with` block."""

    def close(self) -> None:
        """Close the object."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.close()
