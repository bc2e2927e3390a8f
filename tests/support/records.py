"""The records of the logger of refusals while a block runs.

Owns the handler, its removal, and the names of the fields.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from cognito_mr_auth._runtime.refusals import LOGGER

__all__ = ["fields", "refusals"]


@contextmanager
def refusals() -> Iterator[list[logging.LogRecord]]:
    """The records, in the order in which they were written."""
    found: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record)

    logger, handler = logging.getLogger(LOGGER), Keep()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def fields(record: logging.LogRecord) -> tuple[object, ...]:
    """Reason, status, provider and kind of issuer, as a structured log gets them."""
    names = ("reason", "status", "provider", "issuer_kind")
    return tuple(getattr(record, f"cognito_mr_auth.{name}") for name in names)
