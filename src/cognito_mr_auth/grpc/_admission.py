"""Whether a call may pass: what its method demands, asked of the guard, and the call that is let in.

Owns what is asked, and for how long the answer may take. gRPC hands an exception's text to the client, so
what goes wrong in here is told to the log alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.principal import Principal

from ._call import Call
from ._metadata import read_request
from ._methods import Demand, Methods

__all__ = ["SHARE_FOR_KEYS", "Admission"]

# Of the time that a call has left, what it may wait for keys; the rest is for an answer that says why.
SHARE_FOR_KEYS = 0.9


class Admission(NamedTuple):
    """What the calls of one handler have to show. `handler` is None for a method that the server has not."""

    guard: RequestGuard
    methods: Methods
    details: Any
    handler: Any

    def enter(self, behavior: object, context: Any) -> Call:
        """The call, on a thread that may block. Raises AuthError for one that may not pass."""
        with _untold():
            demand, asked = self._asked(behavior, context)
            principal = None if demand.need is None else self.guard.verify(**asked)
        return self._call(context, principal, demand)

    async def aenter(self, behavior: object, context: Any = None) -> Call:
        """Like `enter`, in the call's own task. Before there is a context, its deadline is not known."""
        with _untold():
            demand, asked = self._asked(behavior, context)
            principal = None if demand.need is None else await self.guard.averify(**asked)
        return self._call(context, principal, demand)

    def _asked(self, behavior: object, context: Any) -> tuple[Demand, dict[str, Any]]:
        """What the method demands, and what the guard is asked."""
        request = read_request(self.details.method, self.details.invocation_metadata)
        demand = self.methods.demand(self.guard, request, None if self.handler is None else behavior)
        # None, or without end, where there is no deadline.
        left = None if context is None else context.time_remaining()
        seconds = None if left is None else min(self.guard.timeout, left * SHARE_FOR_KEYS)
        return demand, {"request": request, "require": demand.policy, "need": demand.need, "timeout": seconds}

    def _call(self, context: Any, principal: Principal | None, demand: Demand) -> Call:
        handler = self.handler
        streams = handler is not None and (handler.request_streaming or handler.response_streaming)
        timed = self.guard.close_at_expiry and streams
        return Call(self.guard, context, principal, demand.policies, timed=timed)


@contextmanager
def _untold() -> Iterator[None]:
    """Keeps the text of an exception that is no refusal from the client; the log shows its cause."""
    try:
        yield
    except AuthError:
        raise
    except Exception as error:
        raise RuntimeError("the call cannot be authenticated: see the server's log") from error
