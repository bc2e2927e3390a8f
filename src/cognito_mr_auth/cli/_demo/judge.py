"""Judges each response of the demo: right or wrong.

Owns these judgements; no other module makes any. Pure: knows neither clock nor verifier.

    valid token    accepted: right     401, 403, 400: wrong     503: right where no key could be had
    forged token   accepted: wrong     401: right               503: right where no key could be had

"No key could be had" is `key_could_be_had` below.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from cognito_mr_auth import errors

from .plan import KINDS
from .tokens import Shot

__all__ = ["SETTLE_S", "Call", "World", "fault"]

# A verifier without keys retries a failed endpoint after at most 2 s (R6). So an endpoint supplies a key for
# certain only if it has been well for that long.
SETTLE_S: Final = 2.0


class World(NamedTuple):
    """Which endpoints were well and which kids listed, from `since` (monotonic seconds) to the next World."""

    since: float
    well: frozenset[str]
    listed: frozenset[str]


class Call(NamedTuple):
    """One verification: the token, its begin and end, and the kids that the verifier held then."""

    shot: Shot
    began: float
    ended: float
    held: frozenset[str]


def _in_force(worlds: Collection[World], begin: float, end: float) -> list[World]:
    """Return the worlds in force at some moment between the two, the one at `begin` included."""
    before = [world for world in worlds if world.since <= begin]
    return [*before[-1:], *(world for world in worlds if begin < world.since <= end)]


def key_could_be_had(call: Call, worlds: Collection[World]) -> bool:
    """Whether the verifier could know, within this call, which key the token's kid names.

    It could in three cases. It held the key. An endpoint that lists the kid was well from SETTLE_S before to
    the end of the call. Or no endpoint lists the kid, and every endpoint was well for that time. R3 requires
    the response of only one endpoint, so this is lenient. A token that is refused without a key needs none.
    """
    if call.shot.kid is None or call.shot.kid in call.held:
        return True
    around = _in_force(worlds, call.began - SETTLE_S, call.ended)
    well = frozenset[str](KINDS).intersection(*(world.well for world in around))
    if not call.shot.listed:
        return len(well) == len(KINDS)
    during = _in_force(worlds, call.began, call.ended)
    return bool(well) and all(call.shot.kid in world.listed for world in during)


def fault(call: Call, error: errors.AuthError | None, worlds: Collection[World]) -> str | None:
    """Return what was wrong with the response (`error`, or None for accepted); None if it was right."""
    if error is None:
        return f"forged token accepted: {call.shot.what}" if call.shot.forged else None
    if isinstance(error, errors.Unavailable):
        if key_could_be_had(call, worlds):
            return f"503 though the key could be had: {call.shot.what}"
        return None
    return None if call.shot.forged else f"valid token refused: {call.shot.what} ({error.reason})"
