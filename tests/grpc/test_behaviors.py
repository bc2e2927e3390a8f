"""grpc: handlers of all kinds behind the guard, on threads and in tasks.

Servers and channels are in tests/e2e/test_grpc.py.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import pytest
from support.drivers._grpc import AioContext, Context, Details, acall, call

from cognito_mr_auth import Principal, Verifier, errors, policy
from cognito_mr_auth.grpc import (
    AioCognitoAuthInterceptor,
    CognitoAuthInterceptor,
    principal_of,
    public,
    require,
)
from cognito_mr_auth.grpc._admission import SHARE_FOR_KEYS
from cognito_mr_auth.testing import FakeClock, FakeUserPool


def who() -> str:
    """Who asks."""
    principal = principal_of()
    return "guest" if principal is None else principal.subject


class Blocking:
    """Handlers of the four kinds on threads; one of them gives a list, and one a callback its responses."""

    def unary_unary(self, request: Any, _context: Any) -> str:
        return f"{who()} {request}"

    def unary_stream(self, request: Any, _context: Any) -> Iterator[str]:
        yield f"{who()} {request}"
        yield who()

    def stream_unary(self, requests: Any, _context: Any) -> str:
        return f"{who()} {''.join(requests)}"

    def stream_stream(self, requests: Any, _context: Any) -> Iterator[str]:
        for request in requests:
            yield f"{who()} {request}"


class InTasks:
    """The same as coroutine functions and async generators."""

    async def unary_unary(self, request: Any, _context: Any) -> str:
        await asyncio.sleep(0)
        return f"{who()} {request}"

    async def unary_stream(self, request: Any, _context: Any) -> AsyncIterator[str]:
        yield f"{who()} {request}"
        await asyncio.sleep(0)
        yield who()

    async def stream_unary(self, requests: Any, _context: Any) -> str:
        return f"{who()} {''.join(requests)}"

    async def stream_stream(self, requests: Any, _context: Any) -> AsyncIterator[str]:
        for request in requests:
            await asyncio.sleep(0)
            yield f"{who()} {request}"


KINDS = {
    "unary_unary": ("a", ["me a"]),
    "unary_stream": ("a", ["me a", "me"]),
    "stream_unary": (["a", "b"], ["me ab"]),
    "stream_stream": (["a", "b"], ["me a", "me b"]),
}
kinds = pytest.mark.parametrize("kind", KINDS)

Ask = Callable[..., tuple[Context, list[Any]]]


def _sync(verifier: Verifier, details: Details, handler: Any, request: Any = "", **options: Any) -> Any:
    return call(CognitoAuthInterceptor(verifier, **options), details, handler, request)


def _aio(verifier: Verifier, details: Details, handler: Any, request: Any = "", **options: Any) -> Any:
    return asyncio.run(acall(AioCognitoAuthInterceptor(verifier, **options), details, handler, request))


WAYS: dict[str, tuple[Ask, Any]] = {
    "grpc.server": (_sync, Blocking()),
    "grpc.aio.server": (_aio, InTasks()),
    "grpc.aio.server, on a thread": (_aio, Blocking()),
}
ways = pytest.mark.parametrize("way", WAYS)


def handler_for(kind: str, behavior: Any) -> Any:
    """A handler of this kind."""
    return getattr(grpc, f"{kind}_rpc_method_handler")(
        behavior, request_deserializer=str, response_serializer=repr
    )


def bearing(token: str | None, method: str = "/a.B/C") -> Details:
    """A call with this token."""
    return Details(method, () if token is None else (("authorization", f"Bearer {token}"),))


@ways
@kinds
def test_every_kind_knows_its_principal(verifier: Verifier, pool: FakeUserPool, way: str, kind: str) -> None:
    """In every message; there is no principal afterwards."""
    ask, servicer = WAYS[way]
    request, expected = KINDS[kind]
    given = iter(request) if isinstance(request, list) else request
    details = bearing(pool.access_token(subject="me"))
    context, said = ask(verifier, details, handler_for(kind, getattr(servicer, kind)), given)
    assert (context.code, said) == (grpc.StatusCode.OK, expected)
    assert principal_of(default="nobody") == "nobody"


@ways
@pytest.mark.parametrize("streams", [False, True])
def test_what_outlives_its_call_has_no_principal(
    verifier: Verifier, pool: FakeUserPool, way: str, *, streams: bool
) -> None:
    """A task that the first call starts may work for all later ones, in a copy of the first one's context."""
    kept: list[contextvars.Context] = []

    def keep(principal_asked: Principal | None) -> str:
        kept.append(contextvars.copy_context())
        assert kept[-1].run(principal_of) is principal_asked
        return "kept"

    def one(request: Any, context: Any) -> str:
        return keep(principal_of())

    def many(request: Any, context: Any) -> Iterator[str]:
        yield keep(principal_of())

    async def aone(request: Any, context: Any) -> str:
        return keep(principal_of())

    async def amany(request: Any, context: Any) -> AsyncIterator[str]:
        yield keep(principal_of())

    ask, _ = WAYS[way]
    behavior: Any = ((one, many), (aone, amany))[way == "grpc.aio.server"][streams]
    handler = handler_for("unary_stream" if streams else "unary_unary", behavior)
    assert ask(verifier, bearing(pool.access_token()), handler)[1] == ["kept"]
    with pytest.raises(LookupError, match="no guard has looked at this call"):
        kept[0].run(principal_of)
    assert kept[0].run(principal_of, None, "nobody") == "nobody"


@ways
@kinds
@pytest.mark.parametrize("token", [None, "garbage"])
def test_no_kind_runs_for_who_may_not_pass(
    verifier: Verifier, way: str, kind: str, token: str | None
) -> None:
    """W1: neither the handler nor the reading of a message."""
    ask, _ = WAYS[way]
    ran: list[str] = []

    def noted(request: Any, _context: Any) -> Any:
        ran.append(request)
        return []

    async def awaited(request: Any, _context: Any) -> None:
        ran.append(request)

    def messages() -> Iterator[str]:
        ran.append("read")
        yield ""

    behavior = awaited if way == "grpc.aio.server" else noted
    context, said = ask(verifier, bearing(token), handler_for(kind, behavior), messages())
    assert (context.code, said, ran) == (grpc.StatusCode.UNAUTHENTICATED, [], [])


@ways
@pytest.mark.parametrize("token", [None, "garbage"])
def test_a_public_method_reads_no_token(verifier: Verifier, way: str, token: str | None) -> None:
    """Not even a bad token is read, and there is no principal."""
    ask, _ = WAYS[way]
    behavior = _decorated(public, in_task=way == "grpc.aio.server", streams=False)
    assert ask(verifier, bearing(token), handler_for("unary_unary", behavior))[1] == ["guest"]


@ways
@kinds
def test_a_handler_keeps_its_kind_and_serializers(
    verifier: Verifier, pool: FakeUserPool, way: str, kind: str
) -> None:
    """The server goes by them."""
    details = bearing(pool.access_token())
    handler = handler_for(kind, getattr(WAYS[way][1], kind))
    if way == "grpc.server":
        found = CognitoAuthInterceptor(verifier).intercept_service(lambda _details: handler, details)
    else:

        async def continuation(_details: Any) -> Any:
            return handler

        async def main() -> Any:
            return await AioCognitoAuthInterceptor(verifier).intercept_service(continuation, details)

        found = asyncio.run(main())
    names = ("request_streaming", "response_streaming", "request_deserializer", "response_serializer")
    assert [getattr(found, name) for name in names] == [getattr(handler, name) for name in names]
    assert getattr(found, kind).__name__ == kind


def test_the_thread_that_asks_verifies_nothing(pool: FakeUserPool) -> None:
    """grpc.server asks its interceptors on the one thread that serves all calls."""
    verified: list[str] = []
    verifier = pool.offline_verifier(
        revoked=lambda _principal: bool(verified.append(threading.current_thread().name))
    )
    interceptor = CognitoAuthInterceptor(verifier)
    handler = handler_for("unary_unary", Blocking().unary_unary)
    details = bearing(pool.access_token(subject="me"))
    found = interceptor.intercept_service(lambda _details: handler, details)
    assert verified == []
    worker = threading.Thread(target=found.unary_unary, args=("", Context()), name="of the pool")
    worker.start()
    worker.join()
    assert verified == ["of the pool"]


# --- Errors of handlers


@ways
@kinds
def test_an_error_of_a_handler_is_a_refusal(
    verifier: Verifier, pool: FakeUserPool, way: str, kind: str
) -> None:
    """W5: in the first message or later; what has been sent stays sent."""
    ask, _ = WAYS[way]
    streams = kind.endswith("stream")

    def one(_request: Any, _context: Any) -> Any:
        raise errors.PolicyDenied("another tenant's")

    def many(_request: Any, _context: Any) -> Iterator[str]:
        yield "first"
        one(None, None)

    async def aone(_request: Any, _context: Any) -> None:
        one(None, None)

    async def amany(_request: Any, _context: Any) -> AsyncIterator[str]:
        yield "first"
        one(None, None)

    behavior = {False: (one, many), True: (aone, amany)}[way == "grpc.aio.server"][streams]
    context, _ = ask(verifier, bearing(pool.access_token()), handler_for(kind, behavior))
    assert (context.code, context.details) == (grpc.StatusCode.PERMISSION_DENIED, "another tenant's")
    assert dict(context.trailing)["auth-reason"] == "policy_denied"


@ways
def test_other_errors_of_a_handler_are_its_own(verifier: Verifier, pool: FakeUserPool, way: str) -> None:
    """They are answered as without us: by gRPC."""

    def one(_request: Any, _context: Any) -> Any:
        raise ZeroDivisionError

    async def aone(_request: Any, _context: Any) -> None:
        raise ZeroDivisionError

    ask, _ = WAYS[way]
    behavior = aone if way == "grpc.aio.server" else one
    with pytest.raises(ZeroDivisionError):
        ask(verifier, bearing(pool.access_token()), handler_for("unary_unary", behavior))


class Overtaking(Context):
    """That of a handler on a thread of an asyncio server, after a message."""

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise AssertionError


@pytest.mark.parametrize("way", ["grpc.server", "grpc.aio.server, on a thread"])
def test_a_stream_on_a_thread_aborts_nothing(verifier: Verifier, pool: FakeUserPool, way: str) -> None:
    """That would overtake the message before, and hang. What is set is sent when the handler returns."""

    def denied(_request: Any, _context: Any) -> Any:
        raise errors.PolicyDenied

    details = bearing(pool.access_token())
    handler, context = handler_for("unary_stream", denied), Overtaking()
    if way == "grpc.server":
        _, said = call(CognitoAuthInterceptor(verifier), details, handler, "", context)
    else:
        _, said = asyncio.run(acall(AioCognitoAuthInterceptor(verifier), details, handler, "", context))
    assert (context.code, said) == (grpc.StatusCode.PERMISSION_DENIED, [])


def test_refused_calls_take_no_thread_of_an_asyncio_server(verifier: Verifier) -> None:
    """Who is refused is refused in the call's task, before a message is read."""

    async def continuation(_details: Any) -> Any:
        return handler_for("unary_unary", Blocking().unary_unary)

    async def main() -> Any:
        return await AioCognitoAuthInterceptor(verifier).intercept_service(continuation, bearing(None))

    found = asyncio.run(main())
    assert inspect.iscoroutinefunction(found.stream_stream)


# --- Policies of methods


def _decorated(decorate: Any, *, in_task: bool, streams: bool) -> Any:
    def one(_request: Any, _context: Any) -> str:
        return who()

    def many(_request: Any, _context: Any) -> Iterator[str]:
        yield who()

    async def aone(_request: Any, _context: Any) -> str:
        return who()

    async def amany(_request: Any, _context: Any) -> AsyncIterator[str]:
        yield who()

    return decorate(((one, many), (aone, amany))[in_task][streams])


@ways
@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_methods_policy_holds(
    verifier: Verifier, pool: FakeUserPool, way: str, *, streams: bool, hidden: bool
) -> None:
    """Also where an interceptor between hides the mark; then the method asks by itself."""
    ask, _ = WAYS[way]
    behavior = _decorated(require(policy.scopes("a/b")), in_task=way == "grpc.aio.server", streams=streams)
    if hidden:
        behavior = hiding(behavior)
    handler = handler_for("unary_stream" if streams else "unary_unary", behavior)
    good, plain = pool.access_token(subject="me", scopes=["a/b"]), pool.access_token()
    for options in ({}, {"optional": True}, {"exclude": ["/a.B/*"]}):
        if not (hidden and "exclude" in options):  # where no token is looked at, nobody is let in
            assert ask(verifier, bearing(good), handler, **options)[1] == ["me"]
            assert (
                ask(verifier, bearing(plain), handler, **options)[0].code is grpc.StatusCode.PERMISSION_DENIED
            )
        assert ask(verifier, bearing(None), handler, **options)[0].code is grpc.StatusCode.UNAUTHENTICATED


def hiding(behavior: Any) -> Any:
    """What a careless interceptor makes of a behaviour: no `functools.wraps`."""
    if inspect.isasyncgenfunction(behavior):

        async def amany(request: Any, context: Any) -> AsyncIterator[str]:
            async for response in behavior(request, context):
                yield response

        return amany
    if inspect.iscoroutinefunction(behavior):

        async def aone(request: Any, context: Any) -> Any:
            return await behavior(request, context)

        return aone

    def one(request: Any, context: Any) -> Any:
        return behavior(request, context)

    return one


def test_a_guarded_method_without_an_interceptor_is_closed() -> None:
    """A forgotten interceptor opens nothing."""
    with pytest.raises(LookupError, match="no guard has looked at this call"):
        _decorated(require(), in_task=False, streams=False)("", Context())


# --- Methods that the server does not have


@ways
def test_a_closed_server_shows_refused_clients_nothing(
    verifier: Verifier, pool: FakeUserPool, way: str
) -> None:
    """Whether a method is there is for those with a token, as whether a URL is."""
    ask, _ = WAYS[way]
    nobody = ask(verifier, bearing(None), None)[0]
    somebody = ask(verifier, bearing(pool.access_token()), None, require=policy.scopes("a/b"))[0]
    user = ask(verifier, bearing(pool.access_token(scopes=["a/b"])), None, require=policy.scopes("a/b"))[0]
    assert nobody.code is grpc.StatusCode.UNAUTHENTICATED
    assert somebody.code is grpc.StatusCode.PERMISSION_DENIED
    assert (user.code, user.details) == (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


@ways
def test_what_is_excluded_is_unimplemented(verifier: Verifier, way: str) -> None:
    """A client that probes for the health service goes on without it."""
    ask, _ = WAYS[way]
    details = bearing(None, "/grpc.health.v1.Health/Watch")
    context, _ = ask(verifier, details, None, exclude=["/grpc.health.v1.Health/*"])
    assert (context.code, context.details) == (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


# --- How long a call waits for keys


class Counting(Verifier):
    """A verifier that notes how long it may wait."""

    seconds: list[float]

    def verify(self, token: str, *, require: Any = None, timeout: float = 2.0) -> Any:
        self.seconds.append(timeout)
        raise errors.KeysUnavailable

    async def averify(self, token: str, **options: Any) -> Any:
        self.verify(token, **options)


DEADLINES = {
    "none": (None, 1.5),
    "without end": (9e18, 1.5),
    "far": (10.0, 1.5),
    "near": (1.0, SHARE_FOR_KEYS),
    "over": (0.0, 0.0),
}


@pytest.mark.parametrize("row", DEADLINES)
@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream"])
def test_a_call_leaves_time_to_say_why(pool: FakeUserPool, kind: str, row: str) -> None:
    """It waits for keys as long as the guard says, or for most of what its deadline has left."""
    left, expected = DEADLINES[row]
    verifier = Counting(pool.user_pool())
    verifier.seconds = []
    details = bearing(pool.access_token())
    context, acontext = Context(left), AioContext(left)
    handler, ahandler = (handler_for(kind, getattr(each, kind)) for each in (Blocking(), InTasks()))
    call(CognitoAuthInterceptor(verifier, timeout=1.5), details, handler, "", context)
    interceptor = AioCognitoAuthInterceptor(verifier, timeout=1.5)
    asyncio.run(acall(interceptor, details, ahandler, "", acontext))
    assert context.code is acontext.code is grpc.StatusCode.UNAVAILABLE
    assert verifier.seconds == [expected, expected]


def test_a_handler_on_a_thread_of_an_asyncio_server_waits_in_its_task(pool: FakeUserPool) -> None:
    """Or all threads might wait for a hook that needs one; the call's end cancels it."""
    verifier = Counting(pool.user_pool())
    verifier.seconds = []
    handler = handler_for("unary_unary", Blocking().unary_unary)
    interceptor = AioCognitoAuthInterceptor(verifier, timeout=1.5)
    asyncio.run(acall(interceptor, bearing(pool.access_token()), handler, "", AioContext(0.1)))
    assert verifier.seconds == [1.5]


# --- Streams that outlive their token


def _forever(_request: Any, _context: Any) -> Iterator[str]:
    while True:
        yield "more"


async def _aforever(_request: Any, _context: Any) -> AsyncIterator[str]:
    while True:
        yield "more"


async def _awaiting(_request: Any, _context: Any) -> AsyncIterator[str]:
    yield "more"
    await asyncio.get_running_loop().create_future()


async def _writing(_request: Any, _context: Any) -> None:
    await asyncio.get_running_loop().create_future()


ENDLESS = {
    "grpc.server": (_sync, _forever, 1.0),
    "a thread of grpc.aio.server": (_aio, _forever, 1.0),
    "a generator that never waits": (_aio, _aforever, 1.0),
    "a generator that waits": (_aio, _awaiting, 0.0),
    "a coroutine function": (_aio, _writing, 0.0),
}


@pytest.mark.parametrize("row", ENDLESS)
def test_a_stream_ends_with_its_token(clock: FakeClock, pool: FakeUserPool, row: str) -> None:
    """With `close_at_expiry` no response passes after the expiry, and what waits is woken."""
    ask, behavior, passed = ENDLESS[row]
    steps = iter([0.5, 0.4])

    class Passing(Verifier):
        """A verifier in whose time each look at the clock takes its time."""

        def _seconds_left(self, principal: Any) -> float:
            clock.advance(next(steps, passed))
            return super()._seconds_left(principal)

    verifier = Passing(pool.user_pool(offline=True, jwks=pool.jwks()), clock=clock)
    details = bearing(pool.access_token(expires_in=1))
    context, _ = ask(verifier, details, handler_for("unary_stream", behavior), close_at_expiry=True)
    assert (context.code, context.details) == (grpc.StatusCode.UNAUTHENTICATED, "the token has expired")
    assert dict(context.trailing)["auth-reason"] == "token_expired"


@pytest.mark.parametrize("kind", ["stream_unary", "stream_stream"])
def test_no_request_comes_after_the_expiry(
    clock: FakeClock, verifier: Verifier, pool: FakeUserPool, kind: str
) -> None:
    """A handler on a thread notices it at the next message, unless it waits for none."""
    read: list[str] = []

    def messages() -> Iterator[str]:
        yield "in time"
        clock.advance(1)
        yield "late"

    def one(requests: Any, _context: Any) -> str:
        read.extend(requests)
        return "done"

    def many(requests: Any, context: Any) -> Iterator[str]:
        for request in requests:
            read.append(request)
            yield request

    handler = handler_for(kind, one if kind == "stream_unary" else many)
    context, _ = _sync(
        verifier, bearing(pool.access_token(expires_in=1)), handler, messages(), close_at_expiry=True
    )
    assert (context.code, read) == (grpc.StatusCode.UNAUTHENTICATED, ["in time"])


@ways
def test_one_answer_takes_its_time(clock: FakeClock, pool: FakeUserPool, way: str) -> None:
    """A call that is no stream was let in, and ends; so does a guest's stream."""
    ask, servicer = WAYS[way]
    verifier = pool.offline_verifier()
    handler = handler_for("unary_unary", servicer.unary_unary)
    details = bearing(pool.access_token(subject="me", expires_in=-3))  # within the leeway
    assert ask(verifier, details, handler, "a", close_at_expiry=True)[1] == ["me a"]
    stream = handler_for("unary_stream", servicer.unary_stream)
    assert ask(verifier, bearing(None), stream, "a", close_at_expiry=True, optional=True)[1] == [
        "guest a",
        "guest",
    ]


# --- A stream that the client leaves


@pytest.mark.parametrize("in_task", [False, True])
def test_a_stream_that_is_left_is_closed(verifier: Verifier, pool: FakeUserPool, *, in_task: bool) -> None:
    """What the handler holds is given back at once, as without us."""
    closed: list[bool] = []
    details = bearing(pool.access_token())

    def many(_request: Any, _context: Any) -> Iterator[str]:
        try:
            yield "a"
        finally:
            closed.append(True)

    async def amany(_request: Any, _context: Any) -> AsyncIterator[str]:
        try:
            yield "a"
        finally:
            closed.append(True)

    if in_task:

        async def main() -> None:
            async def continuation(_details: Any) -> Any:
                return handler_for("unary_stream", amany)

            found = await AioCognitoAuthInterceptor(verifier).intercept_service(continuation, details)
            responses = found.unary_stream("", AioContext())
            assert await anext(responses) == "a"
            await responses.aclose()

        asyncio.run(main())
    else:
        handler = handler_for("unary_stream", many)
        found = CognitoAuthInterceptor(verifier).intercept_service(lambda _details: handler, details)
        responses = found.unary_stream("", Context())
        assert next(responses) == "a"
        del responses
        gc.collect()
    assert closed == [True]


# --- Streams without a thread


def test_a_stream_may_hand_its_responses_to_a_callback(verifier: Verifier, pool: FakeUserPool) -> None:
    """As gRPC's own health servicer does, which grpc.server knows by an attribute of the behaviour."""
    heard: list[str] = []

    def watch(_request: Any, _context: Any, callback: Callable[[str], None]) -> None:
        callback(who())

    watch.experimental_non_blocking = True  # type: ignore[attr-defined]
    handler = handler_for("unary_stream", watch)
    details = bearing(pool.access_token(subject="me"))
    found = CognitoAuthInterceptor(verifier).intercept_service(lambda _details: handler, details)
    assert found.unary_stream.experimental_non_blocking
    found.unary_stream("", Context(), heard.append)
    assert heard == ["me"]
