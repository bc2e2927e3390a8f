"""One call as the guard and its handler know it: what it asks with, who asks, and how it is refused.

Owns the way from a call's metadata to the guard's request, from an AuthError to a status with its trailing
metadata, and where the principal stands while a handler runs. Decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from json import loads
from typing import Any, NamedTuple, TypeVar

from grpc import StatusCode

from cognito_mr_auth._runtime.refusals import located
from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.state import REQUIRED
from cognito_mr_auth.errors import AuthError, TokenExpired
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal

__all__ = ["CURRENT", "Call", "Refusal", "current", "principal_of", "read_request", "refusal"]

T = TypeVar("T")

# Everything else is the token's fault, or the credential's: a malformed one has no status of its own here.
_CODES = {403: StatusCode.PERMISSION_DENIED, 503: StatusCode.UNAVAILABLE}

# Names of trailing metadata. The first two are ours and HTTP's; clients with a retry policy obey the third.
REASON, CHALLENGE, PUSHBACK = "auth-reason", "www-authenticate", "grpc-retry-pushback-ms"

_ADVICE = (
    "give the server interceptors=[CognitoAuthInterceptor(verifier)], and ask in the handler: on its own "
    "thread or task, with its own context"
)


def read_request(method: str, metadata: Sequence[tuple[str, str | bytes]] | None) -> HTTPRequest:
    """The call as the guard reads requests: a POST of its method's name, whose headers are its metadata.

    The name is never decoded, as gRPC compares it with the names of its methods as it was sent.
    """
    pairs = metadata or ()

    def header(name: str) -> Sequence[str]:
        return [value for key, value in pairs if key == name and isinstance(value, str)]

    return HTTPRequest("POST", method, method, header)


class Refusal(NamedTuple):
    """What `context.abort` takes."""

    code: StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str], ...]


def refusal(guard: RequestGuard, error: AuthError) -> Refusal:
    """The guard's answer in the words of gRPC."""
    answer = guard.response(error)
    said = loads(answer.body)
    metadata = [(REASON, said["reason"])]
    if (challenge := answer.header("www-authenticate")) is not None:
        metadata.append((CHALLENGE, challenge))
    if (seconds := answer.header("retry-after")) is not None:
        metadata.append((PUSHBACK, f"{seconds}000"))
    return Refusal(_CODES.get(answer.status, StatusCode.UNAUTHENTICATED), said["detail"], tuple(metadata))


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
    """The principal of the call whose handler runs here; None if it was let through without a token.

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
