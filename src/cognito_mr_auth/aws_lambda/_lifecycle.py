"""The life of a function: its init, a restored snapshot, a ping, and how long an invocation may wait.

Owns the time limits. An outage never fails an init, because the first invocation fetches again and reports
it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from cognito_mr_auth._jwks.schedule import CALLER_WAIT_SECONDS
from cognito_mr_auth.errors import KeysUnavailable
from cognito_mr_auth.verifier import Verifier

__all__ = ["on_ping", "on_restore", "wait_limit", "warm_up"]

# Lambda gives an init 10 s, imports included, and a restore hook 10 s ("Lambda execution environment",
# "Runtime hooks for SnapStart").
INIT_SECONDS = CALLER_WAIT_SECONDS
# The part of an invocation that is kept for sending the response, which may report an outage. Lambda restarts
# a function that has timed out.
RESERVE_SECONDS = 0.25
LEAST_SECONDS = 0.05


def warm_up(verifier: Verifier, *, seconds: float = INIT_SECONDS) -> None:
    """Request keys from every endpoint, for at most `seconds`. Call it while the function starts.

    It raises nothing in an outage. Responses that arrive later are still used.
    """
    try:
        verifier.warm(timeout=seconds)
    except KeysUnavailable:
        import logging

        logging.getLogger("cognito_mr_auth").warning("no keys at init; the first invocation asks again")


def on_ping(verifier: Verifier, context: Any) -> dict[str, Any]:
    """Fetch the keys that the next caller would fetch. The response to a ping is empty and admits nobody."""
    states = {each["state"] for each in verifier._health()["providers"].values()}
    if states != {"fresh"}:
        warm_up(verifier, seconds=wait_limit(context, INIT_SECONDS))
    return {}


def on_restore(fetch: Callable[[], None]) -> None:
    """Call `fetch` after a SnapStart snapshot is restored, because its keys may be days old."""
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return
    try:
        from snapshot_restore_py import register_after_restore  # type: ignore[import-untyped]
    except ImportError:  # the managed runtime has it; without it, the first invocation fetches
        return
    register_after_restore(fetch)


def wait_limit(context: Any, seconds: float) -> float:
    """Return how long to wait for keys: `seconds`, or what Lambda's context object says is left."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if not callable(remaining):  # in a test, or in a local run
        return seconds
    left: float = remaining() / 1000 - RESERVE_SECONDS
    return max(LEAST_SECONDS, min(seconds, left))
