"""The life of an application with this guard: its verifier is warmed at the start and closed at the end.

This module has the order of these steps. Adapters give it the form of their framework's lifespan.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from cognito_mr_auth.errors import KeysUnavailable

from .guard import RequestGuard

__all__ = ["Lifespan", "life_of"]

Lifespan = Callable[..., AbstractAsyncContextManager[None]]


def life_of(guard: RequestGuard) -> Lifespan:
    """The lifespan of an application with this guard: a function of the application, which it ignores."""

    @asynccontextmanager
    async def lifespan(_app: Any = None) -> AsyncIterator[None]:
        with guard.verifier as verifier:
            with suppress(KeysUnavailable):  # an outage must not keep a process from starting
                await verifier.awarm()
            yield

    return lifespan
