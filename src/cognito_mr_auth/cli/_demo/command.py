"""`cognito-mr-auth demo`: watch the main job while Regions fail.

Owns only the command: plan, run, show, exit status.
"""

from __future__ import annotations

import os
import sys

import click

from cognito_mr_auth.cli._options import Exit, json_option

from .ordinary import Ordinary, found, proxies_leave_loopback
from .plan import PHASE_SECONDS, TOKENS_PER_SECOND, Plan, story
from .report import Board, Report
from .run import MakeVerifier, real_verifier, run
from .show import Show, choose

__all__ = ["demo", "perform"]

# Six phases, of which the last may last four times as long: 28 s of the 30 s allowed. The rest is for the
# start, and for the end, which waits for the last responses of an ordinary verifier.
MAX_PHASE_SECONDS = 3.1
# Below this a cold start, which takes up to 600 ms, would not end in its phase.
MIN_PHASE_SECONDS = 0.5


@click.command()
@click.option(
    "--phase-seconds",
    type=click.FloatRange(MIN_PHASE_SECONDS, MAX_PHASE_SECONDS),
    default=PHASE_SECONDS,
    show_default=True,
    help="How long a phase lasts.",
)
@click.option(
    "--rate",
    type=click.FloatRange(10, 200),
    default=TOKENS_PER_SECOND,
    show_default=True,
    help="Tokens a second.",
)
@json_option
def demo(phase_seconds: float, rate: float, as_json: bool) -> None:
    """Watch a verifier while a Region hangs, keys rotate, and everything goes down.

    All on loopback: a fake user pool with three endpoints, valid tokens of its three issuers and
    forged ones between them. Exit status 0 only if no valid token was refused, no forged one
    accepted, and 503 came only where no key could be had.

    Beside it, on the same tokens, runs an ordinary verifier: PyJWT's PyJWKClient (extra pyjwt). It has
    no part in the exit status.
    """
    plan = story(phase_seconds, rate)
    with proxies_leave_loopback(os.environ):
        status = perform(plan, choose(sys.stdout, as_json=as_json), ordinary=found(plan))
    raise SystemExit(status)


def perform(
    plan: Plan,
    show: Show,
    make_verifier: MakeVerifier = real_verifier,
    ordinary: Ordinary | None = None,
) -> Exit:
    """Run the plan, show it, and return the exit status, which depends on our verifier alone."""
    last = Board(plan).report(0.0)

    def watch(report: Report) -> None:
        nonlocal last
        last = report
        show.update(report)

    show.begin(plan, ordinary)
    try:
        run(plan, watch, make_verifier, ordinary)
    finally:
        show.end(last)
    return Exit.WELL if last.ok else Exit.REFUSED
