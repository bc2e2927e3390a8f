"""Records of refusals and outages: one for each request that may not pass, with its reason.

This module has the logger `cognito_mr_auth.refusals` and the content of a record. A record has the reason,
the HTTP status, and the token's pool and issuer as far as they are known. It has no token and no claim's
value. Every failed verification comes here once, whichever way it was called. So does every other refusal of
an adapter. They are counted here too (see `_runtime.outcomes`).

A refusal passes several places: the verifier raises it, a guard answers it, and a framework gets a copy. The
first of them writes the record and marks the error. The one that answers removes the mark, because an
application may raise the same error again for another request.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from cognito_mr_auth.errors import AuthError

if TYPE_CHECKING:
    from logging import Logger

    from .outcomes import Outcomes

__all__ = ["LOGGER", "located", "record", "recorded", "settle"]

LOGGER = "cognito_mr_auth.refusals"

E = TypeVar("E", bound=AuthError)
T = TypeVar("T")


def located(error: E, origin: tuple[str | None, str | None] | None) -> E:
    """The error, with the provider and the issuer's kind of the token that it is about, if known."""
    if origin is not None:
        error._origin = origin
    return error


def record(error: AuthError, outcomes: Outcomes | None) -> None:
    """Count the refusal, write its record and mark the error, unless that was done before.

    `outcomes` are the verifier's; None if there is no verifier yet.
    """
    if not error._recorded:
        error._recorded = True
        _note(error, outcomes)


def recorded(steps: Generator[Any, Any, T], outcomes: Outcomes) -> Generator[Any, Any, T]:
    """Run these steps, and record a refusal at their end."""
    try:
        return (yield from steps)
    except AuthError as error:
        record(error, outcomes)
        raise


def settle(error: AuthError, outcomes: Outcomes | None) -> None:
    """Count a refusal that is answered now and write its record, unless that was done before."""
    if error._recorded:
        error._recorded = False
    else:
        _note(error, outcomes)


def _note(error: AuthError, outcomes: Outcomes | None) -> None:
    if outcomes is not None:
        outcomes.refused(error)
    _write(error)


def _write(error: AuthError) -> None:
    logger = _logger()
    if logger is None or not logger.isEnabledFor(10):  # logging.DEBUG
        return
    provider, kind = error._origin
    # One of LogRecord's own names would raise in the logger, and another library may use the same name.
    fields: dict[str, Any] = {
        "cognito_mr_auth.reason": error.reason,
        "cognito_mr_auth.status": error.status,
        "cognito_mr_auth.provider": provider,
        "cognito_mr_auth.issuer_kind": kind,
        "cognito_mr_auth.claim": getattr(error, "claim", None),
    }
    try:
        logger.debug(
            "refused: %s (%d), pool %s, issuer %s", error.reason, error.status, provider, kind, extra=fields
        )
    except Exception:  # noqa: BLE001 - H3: a handler of the application may raise, which changes nothing
        return


_found: list[Logger] = []


def _logger(modules: Container[str] = sys.modules) -> Logger | None:
    """The logger. None if nobody has imported `logging`, because then nobody can have configured it."""
    if "logging" not in modules:
        return None
    if not _found:
        from logging import getLogger

        _found.append(getLogger(LOGGER))
    return _found[0]
