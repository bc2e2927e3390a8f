"""Calls a user's function for a value about a principal: a usage plan's key, a device's policy, a context.

Owns the meaning of its failure, which is an outage, as with a failing `policy.check`. Its exception never
leaves this module, because it may hold a claim. Its class and frames are attached to the error, and the
Authorizer reports them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from cognito_mr_auth._runtime.hooks import Report, is_async
from cognito_mr_auth._runtime.raised import Raised
from cognito_mr_auth._runtime.refusals import located
from cognito_mr_auth.errors import AuthError, CheckUnavailable, ConfigurationError
from cognito_mr_auth.principal import Principal

__all__ = ["ask", "report_failure", "require_callable"]


def require_callable(name: str, function: object) -> None:
    """Raise ConfigurationError if it cannot be called, and TypeError if it is a coroutine function."""
    if not callable(function):
        raise ConfigurationError(f"{name}: give a callable that takes a principal")
    if is_async(function):
        raise TypeError(f"{name} is a coroutine function, which Lambda does not await")


def ask(name: str, function: Callable[[Principal], Any], principal: Principal) -> Any:
    """Return the result of the user's function.

    Raises:
        CheckUnavailable: the function raised an exception.
    """
    try:
        return function(principal)
    except Exception as error:  # noqa: BLE001 - a user's code may raise anything, with a claim in its message
        failure = _Failure(name, function, Raised.of(error))
    unavailable = located(
        CheckUnavailable(hint=f"{name} raised an exception"), (principal.provider, principal.issuer.kind)
    )
    unavailable.__dict__[_FAILURE] = failure
    raise unavailable


_FAILURE = "_failure"


class _Failure(NamedTuple):
    name: str
    function: object
    raised: Raised


def report_failure(error: AuthError, report: Report) -> None:
    """Report the failure of a user's function, if that caused the error."""
    failure: _Failure | None = error.__dict__.pop(_FAILURE, None)
    if failure is not None:
        report(*failure)
