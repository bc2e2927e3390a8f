"""What happens in the demo, as data: phases, their faults, the stream and the verifiers' windows.

Owns the story alone. Runs nothing and judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

__all__ = ["KINDS", "Phase", "Plan", "story"]

KINDS: Final = ("updated", "original", "replica")
"""The demo's endpoints, in the order in which a verifier prefers them."""

# Six phases of which the last is twice as long: 15.4 s, half of the 30 s that the demo may take.
PHASE_SECONDS: Final = 2.2
# Enough for smooth counts, and a tenth of what one core can mint and verify.
TOKENS_PER_SECOND: Final = 40.0
# Where the windows of a real verifier are 15 min, 1 h and 24 h. The set is to age within a phase, to
# be stale within the outage, and to outlive it.
REFRESH_AFTER_S: Final = 0.5
REVALIDATE_AFTER_S: Final = 1.0
MAX_STALE_S: Final = 60.0

# The primary Region's endpoints accept requests and never answer: the worst way to fail, since a
# client learns of it only by waiting. The updated issuer is in it, so that only the replica is left.
PRIMARY_HANGS: Final = MappingProxyType({"updated": "hang", "original": "hang"})
ALL_DOWN: Final = MappingProxyType({"updated": "503", "original": "refuse", "replica": "reset"})


@dataclass(frozen=True, slots=True)
class Phase:
    """One act: how long, in seconds, and what changes at its beginning.

    `faults` are modes of FakeEndpoint.fail() by kind of endpoint; kinds not named are well. `cold`
    names a verifier that starts now, without keys. `unknown_kid` sends one forged token whose kid
    nobody lists: only one, since a verifier spends at most 2 + T/5 flights on such kids in T seconds
    (DESIGN R4), and the rotation is to find the rest.
    """

    name: str
    seconds: float
    faults: Mapping[str, str] = field(default_factory=dict)
    rotate: bool = False
    cold: str | None = None
    unknown_kid: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole demo: phases, tokens per second, and the verifiers' shortened windows in seconds."""

    phases: tuple[Phase, ...]
    rate: float = TOKENS_PER_SECOND
    refresh_after: float = REFRESH_AFTER_S
    revalidate_after: float = REVALIDATE_AFTER_S
    max_stale: float = MAX_STALE_S

    @property
    def windows(self) -> dict[str, Any]:
        """The windows as Verifier takes them."""
        names = ("refresh_after", "revalidate_after", "max_stale")
        return {name: getattr(self, name) for name in names}


def story(phase_seconds: float = PHASE_SECONDS, rate: float = TOKENS_PER_SECOND) -> Plan:
    """The default plan; shorter phases shorten the windows with them."""
    scale = phase_seconds / PHASE_SECONDS
    phases = (
        Phase("all is well", phase_seconds, unknown_kid=True),
        Phase("the primary Region hangs", phase_seconds, PRIMARY_HANGS),
        Phase(
            "meanwhile a second verifier starts cold", phase_seconds, PRIMARY_HANGS, cold="second"
        ),
        Phase("keys rotate, one Region lives", phase_seconds, PRIMARY_HANGS, rotate=True),
        Phase("everything is down", phase_seconds, ALL_DOWN, cold="third", unknown_kid=True),
        # Twice as long: after two failures an endpoint is left alone for up to 4 s (DESIGN R6).
        Phase("recovery", 2 * phase_seconds),
    )
    return Plan(phases, rate, REFRESH_AFTER_S * scale, REVALIDATE_AFTER_S * scale)
