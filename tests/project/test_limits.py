"""Every limit is the number that docs/architecture.md and the other documents say.

Other tests show that a limit holds, many of them by its name; so only this one notices a changed number.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest

from cognito_mr_auth import Verifier

HOUR, KIB = 3600.0, 1024

# Rule (by its letter in docs/architecture.md), module, name, number.
LIMITS: list[tuple[str, str, str, float]] = [
    ("O", "_jwt.compact", "MAX_TOKEN_CHARS", 16 * KIB),
    ("O", "_jwt.compact", "MAX_HEADER_CHARS", 2 * KIB),
    ("S3", "_base.checks", "MAX_KID_CHARS", 256),
    ("O", "_jwt.compact", "MAX_HEADERS", 64),
    ("S1", "_jwks.document", "MIN_BITS", 2048),
    ("S1", "_jwks.document", "MAX_BITS", 8192),
    ("S1", "_jwks.document", "MIN_EXPONENT", 2**16),
    ("S1", "_jwks.document", "MAX_EXPONENT", 2**32),
    ("S2", "_base.encoding", "MAX_DEPTH", 32),
    ("S2", "_base.encoding", "MAX_CONTAINERS", 1024),
    ("W3", "_web.tool_calls", "MAX_BODY_BYTES", 4 * KIB * KIB),
    ("S4", "_jwt.claims", "MAX_TIME", 253402300799),
    ("S4", "_config.options", "MAX_LEEWAY", 300),
    ("O", "_config.options", "MIN_TOKEN_LENGTH", KIB),
    ("O", "_config.options", "MAX_TOKEN_LENGTH", 64 * KIB),
    ("R1", "_runtime.timeouts", "MAX_WAIT_SECONDS", 24 * HOUR),
    ("S7", "_config.options", "MAX_STALE_LIMIT", 7 * 24 * HOUR),
    ("K3", "_remote.remote_key_set", "QUARANTINE_SECONDS", 60),
    ("K5", "_jwks.schedule", "DISABLED_SECONDS", HOUR),
    ("R", "_jwks.schedule", "JITTER", 0.1),
    ("R", "_jwks.schedule", "JITTER_AFTER_OUTAGE", 0.5),
    ("R1", "_jwks.schedule", "ATTEMPT_SECONDS", 15),
    ("R1", "_jwks.schedule", "SILENT_ATTEMPT_SECONDS", 5),
    ("R1", "_jwks.schedule", "SECOND_CONNECTION_SECONDS", 1.5),
    ("R1", "_jwks.schedule", "CALLER_WAIT_SECONDS", 2),
    ("R2", "_jwks.schedule", "HEDGE_SECONDS", 0.2),
    ("R3", "_jwks.schedule", "RECENT_SECONDS", 10),
    ("R4", "_jwks.rate_limit", "BURST", 2),
    ("R4", "_jwks.rate_limit", "SECONDS_FOR_ONE", 5),
    ("R4", "_jwks.rate_limit", "UNANSWERED_SECONDS", 1),
    ("R4", "_jwks.rate_limit", "PAYMENT_SECONDS", 15),
    ("R6", "_jwks.schedule", "MAX_BACK_OFF", 60),
    ("R6", "_jwks.schedule", "MAX_BACK_OFF_WITHOUT_KEYS", 2),
    ("R6", "_jwks.attempt", "THAW_SECONDS", 5),
    ("R6", "_jwks.attempt", "THAW_ATTEMPTS", 2),
    ("R7", "_remote.clocks", "FRAMES", 5),
    ("W7", "_jwks.schedule", "SILENCE_SECONDS", 1),
    ("W7", "_jwks.schedule", "GRACE_SECONDS", 0.6),
    ("F", "_jwks.schedule", "WARM_SECONDS", 5),
    ("F", "_jwks.schedule", "WARM_QUIET_SECONDS", 1),
    ("F", "_remote.fetch", "MAX_PIECES", 1024),
    ("F", "_jwks.model", "MAX_DOCUMENT_BYTES", 64 * KIB),
    ("F", "_jwks.document", "MAX_KEYS", 32),
    ("F", "_remote.transport", "MAX_OCTETS", 160 * KIB),
    ("F", "_remote.racing", "STAGGER_SECONDS", 0.25),
    ("F", "_remote.racing", "MAX_ADDRESSES", 16),
    ("F", "_remote.names", "SILENCE_SECONDS", 0.25),
    ("F", "_remote.names", "MAX_HOSTS", 64),
    ("F", "_remote.names", "MAX_KEPT_ADDRESSES", 64),
    ("F", "_remote.threads", "MAX_PER_ENDPOINT", 2),
    ("F", "_remote.threads", "MAX_PER_HOST", 16),
    ("F", "_remote.threads", "MAX_FIRST_PER_HOST", 12),
    ("F", "_remote.threads", "MAX_BACKGROUND_PER_HOST", 8),
    ("F", "_remote.coordinator", "LOOK_SECONDS", 1),
    ("B1", "_jwks.reachability", "FAILURES_OF_DOWN", 2),
    ("B1", "_jwks.reachability", "LEAST_BROKEN_OFF", 120),
    ("B1", "_runtime.flapping", "PAIR_SECONDS", 300),
    ("B1", "_runtime.dispatch", "HOOK_SECONDS", 60),
    ("B1", "_runtime.dispatch", "MAX_HOOKS", 128),
    ("B1", "_runtime.raised", "MAX_FRAMES", 8),
    ("B1", "_runtime.raised", "MAX_CHARS", 200),
    ("C1", "_runtime.token_cache", "MAX_CACHED_CHARS", 8 * KIB),
    ("P", "_remote.key_file", "MAX_FILE_BYTES", 256 * KIB),
    ("P", "_remote.safe_path", "MAX_LINKS", 40),
    ("T5", "_jwks.exposure", "MAX_EXPOSED", 256),
    ("T5", "_jwks.exposure", "FOLDED_BITS", 16),
    ("P", "_base.clock", "CLOCK_SKEW", 60),
    ("doctor", "_aws.boto", "CONNECT_SECONDS", 2),
    ("doctor", "_aws.boto", "READ_SECONDS", 5),
    ("doctor", "_aws.boto", "ATTEMPTS", 2),
    ("doctor", "_aws.reading", "MAX_PAGES", 20),
    ("doctor", "_aws.account", "ASK_SECONDS", 30),
    ("doctor", "_aws.account", "MAX_DESCRIBED", 20),
    ("doctor", "discovery", "TIMEOUT_SECONDS", 30),
]


@pytest.mark.parametrize(
    ("_rule", "module", "name", "number"), LIMITS, ids=[f"{rule}-{name}" for rule, _, name, _ in LIMITS]
)
def test_a_limit_is_what_the_documents_say(_rule: str, module: str, name: str, number: float) -> None:
    """No bound changes by mistake."""
    assert getattr(import_module(f"cognito_mr_auth.{module}"), name) == number


DEFAULTS: dict[str, Any] = {
    "leeway": 5.0,
    "cache_size": 1024,
    "refresh_after": HOUR / 4,
    "revalidate_after": HOUR,
    "max_stale": 24 * HOUR,
    "token_use": "access",
    "token_types": ("JWT", "at+jwt"),
    "max_token_length": 16 * KIB,
}


def test_the_defaults_are_what_the_documents_say() -> None:
    """R, S4, C1: of the constructor, and of both ways to verify."""
    parameters = inspect.signature(Verifier).parameters
    assert {name: parameters[name].default for name in DEFAULTS} == DEFAULTS
    for method in (Verifier.verify, Verifier.averify):
        assert inspect.signature(method).parameters["timeout"].default == 2.0
    for method in (Verifier.warm, Verifier.awarm):
        assert inspect.signature(method).parameters["timeout"].default == 5.0
