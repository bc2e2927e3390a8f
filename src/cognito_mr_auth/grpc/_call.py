"""One call as its handler knows it: who asks, until when, and what of it passes.

Owns where the principal stands while a handler runs, and the call's end. Decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, TypeVar

from cognito_mr_auth._runtime.refusals import located
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.state import REQUIRED
from cognito_mr_auth.errors import TokenExpired
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal

__all__ = ["CURRENT", "Call", "current", "principal_of"]

T = TypeVar("T")

_ADVICE = (
    "give the server interceptors=[CognitoAuthInterceptor(verifier)], and ask in the handler: on its own "
    "thread or task, with its own context"
)


class Call:
    """A call that was let in. Entered, it is the one of which `principal_of()` speaks, until its end.

    `passed`: the policies that were asked when it was let in. `timed`: no message of it passes after its
    token's expiry.
    """

    __slots__ = ("_before", "_guard", "_passed", "_timed", "context", "over", "principal")

    _before: Token[Call]

    def __init__(
        self,
        guard: RequestGuard,
        context: object,
        principal: Principal | None,
        passed: Collection[Policy | None],
        *,
        timed: bool,
    ) -> None:
        self.context = context
        self.principal = principal
        # A task that a handler starts may outlive its call, and then work for others.
        self.over = False
        self._guard = guard
        self._passed = passed
        self._timed = timed and principal is not None

    def __enter__(self) -> None:
        self._before = CURRENT.set(self)

    def __exit__(self, *_raised: object) -> None:
        CURRENT.reset(self._before)

    @contextmanager
    def lasting(self) -> Iterator[None]:
        """From the end of the block on it is nobody's call, wherever a copy of its context lives on."""
        try:
            yield
        finally:
            self.over = True

    def given(self, context: object) -> Call:
        """This call, with the context that its handler gets."""
        self.context = context
        return self

    def require(self, policy: Policy | None) -> None:
        """Raises AuthError unless there is a principal, and the policy lets it pass."""
        self._guard.require(self.principal, None if policy in self._passed else policy)

    async def arequire(self, policy: Policy | None) -> None:
        """Like `require`, for asyncio."""
        await self._guard.arequire(self.principal, None if policy in self._passed else policy)

    # -- its end --------------------------------------------------------------------------------

    def check_time(self) -> None:
        """Raises TokenExpired for a timed call whose token has expired since."""
        left = self._seconds_left()
        if left is not None and left <= 0:
            raise self._expired()

    def received(self, messages: Any) -> Any:
        """The client's messages, or its one message; of a timed call those that come before the expiry."""
        return self._until_expiry(messages) if self._timed and hasattr(messages, "__next__") else messages

    async def within(self, awaitable: Awaitable[T]) -> T:
        """What the awaitable gives, unless the token of a timed call expires before."""
        left = self._seconds_left()
        if left is None:
            return await awaitable
        limit = asyncio.timeout(left)
        try:
            async with limit:
                return await awaitable
        except TimeoutError:
            if not limit.expired():
                raise
        raise self._expired()

    def _until_expiry(self, messages: Iterator[T]) -> Iterator[T]:
        for message in messages:
            self.check_time()
            yield message

    def _seconds_left(self) -> float | None:
        if not self._timed or self.principal is None:
            return None
        return self._guard.verifier._seconds_left(self.principal)

    def _expired(self) -> TokenExpired:
        principal = self.principal
        origin = None if principal is None else (principal.provider, principal.issuer.kind)
        return located(TokenExpired(), origin)


CURRENT: ContextVar[Call] = ContextVar("cognito_mr_auth.grpc")
"""The call whose handler runs here. No client can write there."""


def current() -> Call:
    """The call whose handler runs here.

    Raises:
        LookupError: no interceptor of ours has let it in.
    """
    call = _running()
    if call is None:
        raise LookupError(f"no guard has looked at this call: {_ADVICE}")
    return call


def _running() -> Call | None:
    call = CURRENT.get(None)
    return None if call is None or call.over else call


def principal_of(context: object = None, default: Any = REQUIRED) -> Principal | None:
    """The principal of the call whose handler runs here; None if the request passed without a token.

    Args:
        context: the handler's context, to be sure that it is this call's.
        default: what to give where no guard has looked at the call.

    Raises:
        LookupError: no guard has looked at it, or `context` is another call's, and there is no `default`.
    """
    call = _running()
    if call is not None and (context is None or context is call.context):
        return call.principal
    if default is REQUIRED:
        raise LookupError(f"no guard has looked at this call: {_ADVICE}")
    return default  # type: ignore[no-any-return]
