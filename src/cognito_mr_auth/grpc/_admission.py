"""Whether a call may pass: the demands of its method, the question to the guard, and the admitted call.

Owns what the guard is asked, and how long that may take. gRPC sends an exception's text to the client, so
unexpected errors here are only logged.
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

# The share of a call's remaining time that it may wait for keys. The rest is needed to send the reason.
SHARE_FOR_KEYS = 0.9


class Admission(NamedTuple):
    """What the calls of one handler must show. `handler` is None if the server has no such method."""

    guard: RequestGuard
    methods: Methods
    details: Any
    handler: Any

    def enter(self, behavior: object, context: Any) -> Call:
        """Admit the call, on a thread that may block. Raises AuthError if the call is refused."""
        with _hidden_from_client():
            demand, asked = self._asked(behavior, context)
            principal = None if demand.need is None else self.guard.verify(**asked)
        return self._call(context, principal, demand)

    async def aenter(self, behavior: object, context: Any = None) -> Call:
        """Like `enter`, in the call's own task. The deadline is unknown until there is a context."""
        with _hidden_from_client():
            demand, asked = self._asked(behavior, context)
            principal = None if demand.need is None else await self.guard.averify(**asked)
        return self._call(context, principal, demand)

    def _asked(self, behavior: object, context: Any) -> tuple[Demand, dict[str, Any]]:
        """Return the demands of the method, and the arguments for the guard."""
        request = read_request(self.details.method, self.details.invocation_metadata)
        demand = self.methods.demand(self.guard, request, None if self.handler is None else behavior)
        # None or infinite, if there is no deadline.
        left = None if context is None else context.time_remaining()
        seconds = None if left is None else min(self.guard.timeout, left * SHARE_FOR_KEYS)
        return demand, {"request": request, "require": demand.policy, "need": demand.need, "timeout": seconds}

    def _call(self, context: Any, principal: Principal | None, demand: Demand) -> Call:
        handler = self.handler
        streams = handler is not None and (handler.request_streaming or handler.response_streaming)
        timed = self.guard.close_at_expiry and streams
        return Call(self.guard, context, principal, demand.policies, timed=timed)


@contextmanager
def _hidden_from_client() -> Iterator[None]:
    """Hide the text of an exception that is not a refusal from the client. The log shows its cause."""
    try:
        yield
    except AuthError:
        raise
    except Exception as error:
        raise RuntimeError("the call cannot be authenticated: see the server's log") from error
