"""One call as its handler sees it: its principal, its expiry, and which of its messages pass.

Owns where the principal is stored while a handler runs, and the end of the call. Decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, TypeVar

from cognito_mr_auth._runtime.refusals import located
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.state import REQUIRED, Default
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
    """An admitted call. From `__enter__` to its end, `principal_of()` returns its principal.

    `passed`: the policies that were checked at its admission. `timed`: no message of the call passes after
    its token's expiry.
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
        # A task that a handler starts may outlive its call, and must not act for its principal then.
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
        """Mark the call as over after the block, for every copy of its context."""
        try:
            yield
        finally:
            self.over = True

    def given(self, context: object) -> Call:
        """Return this call, with the context that its handler gets."""
        self.context = context
        return self

    def require(self, policy: Policy | None) -> None:
        """Raise AuthError unless there is a principal and the policy accepts it."""
        self._guard.require(self.principal, None if policy in self._passed else policy)

    async def arequire(self, policy: Policy | None) -> None:
        """Like `require`, for asyncio."""
        await self._guard.arequire(self.principal, None if policy in self._passed else policy)

    # -- its end --------------------------------------------------------------------------------

    def check_time(self) -> None:
        """Raise TokenExpired if the call is timed and its token has expired since."""
        left = self._seconds_left()
        if left is not None and left <= 0:
            raise self._expired()

    def received(self, messages: Any) -> Any:
        """Return the client's messages, or its one message; of a timed call, those before the expiry."""
        return self._until_expiry(messages) if self._timed and hasattr(messages, "__next__") else messages

    async def within(self, awaitable: Awaitable[T]) -> T:
        """Return the result of the awaitable, unless the token of a timed call expires before."""
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
"""The call whose handler runs here. No client can write to it."""


def current() -> Call:
    """Return the call whose handler runs here.

    Raises:
        LookupError: no interceptor of ours has admitted a call here.
    """
    call = _running()
    if call is None:
        raise LookupError(f"no guard has looked at this call: {_ADVICE}")
    return call


def _running() -> Call | None:
    call = CURRENT.get(None)
    return None if call is None or call.over else call


def principal_of(context: object = None, default: Default = REQUIRED) -> Principal | Default | None:
    """Return the principal of the call whose handler runs here; None if the call passed without a token.

    Args:
        context: the handler's context, to make sure that the call is this one.
        default: the value to return, instead of an error, if no guard checked the call.

    Raises:
        LookupError: no guard checked the call, or `context` is another call's, and no `default` is given.
    """
    call = _running()
    if call is not None and (context is None or context is call.context):
        return call.principal
    if default is REQUIRED:
        raise LookupError(f"no guard has looked at this call: {_ADVICE}")
    return default
