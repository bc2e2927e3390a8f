"""Calls a user's callable for a value about a principal: a usage plan's key, a device's policy, a context.

Owns what its failure means: it is an outage, as a failing `policy.check` is. Its exception never leaves
this module, because it may hold a claim.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cognito_mr_auth._runtime.hooks import is_async
from cognito_mr_auth.errors import CheckUnavailable, ConfigurationError
from cognito_mr_auth.principal import Principal

__all__ = ["ask", "require_callable"]


def require_callable(name: str, function: object) -> None:
    """Raises ConfigurationError if it cannot be called, and TypeError if it is a coroutine function."""
    if not callable(function):
        raise ConfigurationError(f"{name}: give a callable that takes a principal")
    if is_async(function):
        raise TypeError(f"{name} is a coroutine function, which Lambda does not await")


def ask(name: str, function: Callable[[Principal], Any], principal: Principal) -> Any:
    """The callable's result.

    Raises:
        CheckUnavailable: it raised something.
    """
    with suppress(Exception):  # a user's code may raise anything, with a claim in its message
        return function(principal)
    raise CheckUnavailable(hint=f"{name} raised an exception")
