"""What became of one verification, as `Verifier.counts()` and the hook `on_outcome` report it.

This module holds the shape alone. It holds no token and no claim's value. Few values are possible: the
configured pools, three kinds of issuer, and the reasons of `errors`.
"""

from __future__ import annotations

from typing import NamedTuple

from .principal import IssuerKind

__all__ = ["Outcome"]


class Outcome(NamedTuple):
    """How a verification ended, and for which pool. It equals the plain tuple of its fields.

    `provider` and `issuer_kind` are None where the refusal came before the issuer was known: no credential, a
    malformed one, or an issuer that is not configured. `result` is "accepted", or the error's `reason`.
    """

    provider: str | None
    issuer_kind: IssuerKind | None
    result: str
