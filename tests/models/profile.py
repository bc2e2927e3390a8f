"""How much the machines run: COGNITO_MR_AUTH_EXAMPLES for more, scripts/mutants.py for a verdict alone."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

# Some ten seconds for both machines.
EXAMPLES = int(os.environ.get("COGNITO_MR_AUTH_EXAMPLES", "100"))
STEPS = 50


def machine() -> settings:
    """The settings of a state machine."""
    # The first step fetches nothing yet generates RSA keys, so "too slow" would say nothing.
    calm = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    if "COGNITO_MR_AUTH_PLANTED" not in os.environ:
        return calm
    # A planted bug is found or not: always by the same examples, and nobody reads the smallest.
    return settings(calm, max_examples=250, derandomize=True, database=None, phases=[Phase.generate])
