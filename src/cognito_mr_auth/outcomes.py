"""What became of one verification, as `Verifier.counts()` and the hook `on_outcome` say it.

Owns the shape alone. It holds no token and no claim's value, and takes few values: the configured providers,
three kinds of issuer, and the reasons of `errors`.
"""

from __future__ import annotations

from typing import NamedTuple

from .principal import IssuerKind

__all__ = ["Outcome"]


class Outcome(NamedTuple):
    """How a verification ended, and for whose token. It equals the plain tuple of its fields.

    `provider` and `issuer_kind` are None for what was refused before its issuer was known: no credential, a
    malformed one, an issuer that is not configured. `result` is "accepted", or the `reason` of the error.
    """

    provider: str | None
    issuer_kind: IssuerKind | None
    result: str
