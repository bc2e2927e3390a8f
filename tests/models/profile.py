"""How many examples the machines run: more with COGNITO_MR_AUTH_EXAMPLES; fixed ones for planted bugs."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

# Some ten seconds for both machines.
EXAMPLES = int(os.environ.get("COGNITO_MR_AUTH_EXAMPLES", "100"))
STEPS = 50


def machine() -> settings:
    """The settings of a state machine."""
    # The first step generates RSA keys, so "too slow" would say nothing about the machine.
    usual = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        # The usual run takes the same examples each time; a longer one looks for new ones.
        derandomize="COGNITO_MR_AUTH_EXAMPLES" not in os.environ,
        suppress_health_check=[HealthCheck.too_slow],
    )
    if "COGNITO_MR_AUTH_PLANTED" not in os.environ:
        return usual
    # The same examples each time, and no shrinking, because only the verdict counts.
    return settings(usual, max_examples=250, derandomize=True, database=None, phases=[Phase.generate])
