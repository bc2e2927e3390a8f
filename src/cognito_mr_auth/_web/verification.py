"""What stands between a guard and its verifier: a way that is short for known tokens, and what comes back.

Owns neither rule nor order. Most requests bring a token that was verified before; for these, what a guard
does around the look-up counts more than the look-up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from cognito_mr_auth.errors import CredentialsMissing
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from .bearer import Sources

__all__ = ["aidentified", "done", "identified", "is_own", "known", "sole_header"]

_OWN = (Verifier.verify, Verifier.averify)


def sole_header(sources: Sources) -> str | None:
    """The header of a token, if it stands there with its scheme or nowhere."""
    elsewhere = (sources.cookie, sources.subprotocol, sources.query) != (None, None, None)
    return None if elsewhere or sources.scheme is None else sources.header


def known(verifier: Verifier, ask: Callable[..., object], values: Sequence[bytes]) -> Principal | None:
    """The principal of a token that was verified before, in `values` of its `sole_header`.

    None says nothing: then the guard has to go the long way, which would have led to the same at twice the
    cost. Its other checks are about what such a request is not: one with this header is no preflight, and
    what was verified is made of a token's letters. `ask` is what the guard would call; a subclass's own or a
    test's has to be.
    """
    if len(values) != 1:
        return None
    value = values[0]
    # All but a few have this form. `is_own` stands here too, because a call costs as much as the rest.
    if value[:7] != b"Bearer " or getattr(ask, "__func__", None) not in _OWN:
        return None
    return verifier._recall(value[7:])  # noqa: SLF001 - a method for adapters


def is_own(ask: Callable[..., object]) -> bool:
    """Whether this method is a Verifier's, and not a subclass's or a test's."""
    return getattr(ask, "__func__", None) in _OWN


def identified(principal: object) -> Principal:
    """The principal. What stands in its place, such as a framework's marker, identifies nobody."""
    if not isinstance(principal, Principal):
        raise CredentialsMissing
    return principal


async def aidentified(verification: Awaitable[object]) -> Principal:
    """The same of what a verification gives."""
    return identified(await verification)


async def done(principal: Principal | None) -> Principal | None:
    """What was found at once, for who awaits it."""
    return principal
