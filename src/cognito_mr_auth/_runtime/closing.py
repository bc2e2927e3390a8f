"""`with` and `async with` for what has a `close` that waits for nobody.

Owns these four methods alone.
"""

from __future__ import annotations

from typing import Self

__all__ = ["Closing"]


class Closing:
    """Closes itself at the end of a `with` or `async with` block."""

    def close(self) -> None:
        """End it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.close()
