"""What happens in the demo, as data: phases, their faults, the stream and the verifiers' windows.

Owns the plan alone. Runs nothing and judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from cognito_mr_auth.testing import FaultMode

__all__ = ["KINDS", "Phase", "Plan", "story"]

KINDS: Final = ("updated", "original", "replica")
"""The demo's endpoints, in the order in which a verifier prefers them."""

# Six phases, of which the last may last four times as long: 20 s at most, of the 30 s allowed.
PHASE_SECONDS: Final = 2.2
# Enough for smooth counts, and a tenth of what one core can mint and verify.
TOKENS_PER_SECOND: Final = 40.0
# A real verifier's windows are 15 min, 1 h and 24 h. Here the set is refreshed several times in a phase, and
# outlives the outage by far. The second window is longer than the 5 s after which a silent Region counts as
# failed, as in production.
REFRESH_AFTER_S: Final = 0.5
REVALIDATE_AFTER_S: Final = 6.0
MAX_STALE_S: Final = 60.0

# The primary Region's endpoints accept requests and never answer. This is the worst failure, because a client
# notices it only by waiting. The updated issuer is in that Region too, so only the replica is left.
PRIMARY_HANGS: Final[Mapping[str, FaultMode]] = MappingProxyType({"updated": "hang", "original": "hang"})
ALL_DOWN: Final[Mapping[str, FaultMode]] = MappingProxyType(
    {"updated": "503", "original": "refuse", "replica": "reset"}
)


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase: its seconds, and what changes at its beginning.

    It lasts up to `longer` seconds longer, until every endpoint has answered the first verifier.
    `faults` are modes of FakeEndpoint.fail() by kind of endpoint; kinds not named are well. `cold`
    names a verifier that starts now, without keys. `unknown_kid` sends one forged token whose kid
    no endpoint lists. A verifier makes at most 2 + T/5 refreshes for such kids in T s (R4), and the rotation
    needs the others.
    """

    name: str
    seconds: float
    faults: Mapping[str, FaultMode] = field(default_factory=dict)
    rotate: bool = False
    cold: str | None = None
    unknown_kid: bool = False
    longer: float = 0.0

    @property
    def keys_to_be_had(self) -> bool:
        """Whether any endpoint is well."""
        return not self.faults.keys() >= set(KINDS)


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole demo: phases, tokens per second, and the shortened windows in seconds."""

    phases: tuple[Phase, ...]
    rate: float = TOKENS_PER_SECOND
    refresh_after: float = REFRESH_AFTER_S
    revalidate_after: float = REVALIDATE_AFTER_S
    max_stale: float = MAX_STALE_S

    @property
    def windows(self) -> dict[str, Any]:
        """The windows as arguments of Verifier."""
        names = ("refresh_after", "revalidate_after", "max_stale")
        return {name: getattr(self, name) for name in names}


def story(phase_seconds: float = PHASE_SECONDS, rate: float = TOKENS_PER_SECOND) -> Plan:
    """Return the default plan. Shorter phases make the verifiers refresh their keys more often."""
    phases = (
        Phase("all is well", phase_seconds, unknown_kid=True),
        Phase("the primary Region hangs", phase_seconds, PRIMARY_HANGS),
        Phase("a second verifier starts cold", phase_seconds, PRIMARY_HANGS, cold="second"),
        Phase("keys rotate, one Region lives", phase_seconds, PRIMARY_HANGS, rotate=True),
        Phase("everything is down", phase_seconds, ALL_DOWN, cold="third", unknown_kid=True),
        # Longer, because after its third failure an endpoint is left alone for up to 8 s (R6).
        Phase("recovery", phase_seconds, longer=3 * phase_seconds),
    )
    return Plan(phases, rate, REFRESH_AFTER_S * phase_seconds / PHASE_SECONDS)
