"""The adapter for gRPC on real servers and channels: four kinds of call, and three ways to serve them."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from support.grpc_servers import KINDS, WAYS, Heard, ask, bearer, serving

from cognito_mr_auth import Verifier, errors, policy
from cognito_mr_auth.grpc import (
    AioCognitoAuthInterceptor,
    CognitoAuthInterceptor,
    principal_of,
    public,
    ready,
    require,
)
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeClock, FakeUserPool

Code = grpc.StatusCode

ways = pytest.mark.parametrize("way", WAYS)
kinds = pytest.mark.parametrize("kind", KINDS)
pytestmark = pytest.mark.outside

# An open method is answered within this time.
RESPONSIVE = 0.5


def who(context: Any) -> bytes:
    """Who asks, by the context and without it."""
    principal = principal_of(context)
    assert principal is principal_of()
    return b"guest" if principal is None else principal.subject.encode()


def blocking(decorate: Any = lambda method: method) -> dict[str, tuple[str, Any]]:
    """A handler of each kind that blocks; each returns the caller, in every message."""

    def unary_unary(_request: bytes, context: Any) -> bytes:
        return who(context)

    def unary_stream(_request: bytes, context: Any) -> Iterator[bytes]:
        yield who(context)
        yield who(context)

    def stream_unary(requests: Iterator[bytes], context: Any) -> bytes:
        return b"".join(who(context) for _ in requests)

    def stream_stream(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        for _ in requests:
            yield who(context)

    methods = (unary_unary, unary_stream, stream_unary, stream_stream)
    return {method.__name__: (method.__name__, decorate(method)) for method in methods}


def in_tasks(decorate: Any = lambda method: method) -> dict[str, tuple[str, Any]]:
    """The same as coroutine functions and async generators, and one that writes by itself."""

    async def unary_unary(_request: bytes, context: Any) -> bytes:
        return who(context)

    async def unary_stream(_request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield who(context)
        await asyncio.sleep(0)
        yield who(context)

    async def stream_unary(requests: Any, context: Any) -> bytes:
        return b"".join([who(context) async for _ in requests])

    async def stream_stream(requests: Any, context: Any) -> AsyncIterator[bytes]:
        async for _ in requests:
            yield who(context)

    async def writes(_request: bytes, context: Any) -> None:
        await context.write(who(context))
        await context.write(who(context))

    methods = (unary_unary, unary_stream, stream_unary, stream_stream)
    found = {method.__name__: (method.__name__, decorate(method)) for method in methods}
    return found | {"writes": ("unary_stream", decorate(writes))}


def methods_of(way: str, decorate: Any = lambda method: method) -> dict[str, tuple[str, Any]]:
    """What a server of this way serves."""
    return in_tasks(decorate) if way == "asyncio" else blocking(decorate)


SAID = {
    "unary_unary": [b"me"],
    "unary_stream": [b"me", b"me"],
    "stream_unary": [b"meme"],
    "stream_stream": [b"me", b"me"],
    "writes": [b"me", b"me"],
}


@ways
def test_every_kind_of_call(way: str, pool: FakeUserPool, verifier: Verifier) -> None:
    """A good token reaches the handler, and every other the guard's answer; no handler runs for it."""
    good, forged = pool.access_token(subject="me"), pool.access_token(signed_by="foreign")
    methods = methods_of(way)
    with serving(way, methods, verifier) as port:
        for name, (kind, _) in methods.items():
            assert ask(port, name, kind, bearer(good)) == Heard(Code.OK, SAID[name], "", {})
            assert ask(port, name, kind) == Heard(
                Code.UNAUTHENTICATED,
                [],
                "no access token was sent",
                {"auth-reason": "credentials_missing", "www-authenticate": 'Bearer realm="api"'},
            )
            for metadata, reason, code in (
                (bearer(forged), "signature_invalid", "invalid_token"),
                (bearer(good, good), "request_malformed", "invalid_request"),
            ):
                heard = ask(port, name, kind, metadata)
                assert (heard.code, heard.said) == (Code.UNAUTHENTICATED, [])
                assert heard.trailing["auth-reason"] == reason
                assert f'error="{code}"' in heard.trailing["www-authenticate"]


@ways
def test_every_kind_keeps_its_policy(way: str, pool: FakeUserPool, verifier: Verifier) -> None:
    """`require` on the method: PERMISSION_DENIED names the scope that is missing."""
    good, plain = (pool.access_token(subject="me", scopes=scopes) for scopes in (["a/b"], []))
    methods = methods_of(way, require(policy.scopes("a/b")))
    with serving(way, methods, verifier) as port:
        for name, (kind, _) in methods.items():
            assert ask(port, name, kind, bearer(good)).said == SAID[name]
            heard = ask(port, name, kind, bearer(plain))
            assert (heard.code, heard.said) == (Code.PERMISSION_DENIED, [])
            assert heard.trailing["www-authenticate"].endswith('scope="a/b"')
            assert ask(port, name, kind).code is Code.UNAUTHENTICATED


@ways
def test_no_user_is_taken_for_another(way: str, pool: FakeUserPool, verifier: Verifier) -> None:
    """Eight clients at once, each with a name of its own and some with none."""
    methods = methods_of(way)
    with serving(way, methods, verifier, optional=True) as port, ThreadPoolExecutor(8) as clients:

        def visit(number: int) -> None:
            name = f"user{number}" if number % 4 else None
            metadata = bearer(pool.access_token(subject=name)) if name else None
            for _ in range(5):
                for kind in KINDS:
                    expected = [each.replace(b"me", (name or "guest").encode()) for each in SAID[kind]]
                    assert ask(port, kind, kind, metadata).said == expected

        list(clients.map(visit, range(16)))


@ways
def test_a_closed_server_shows_refused_clients_nothing(
    way: str, pool: FakeUserPool, verifier: Verifier
) -> None:
    """A method that is not there is UNIMPLEMENTED for its users alone, or where it is excluded."""
    with serving(way, {}, verifier, exclude=["/grpc.health.v1.Health/*"]) as port:
        for kind in KINDS:
            assert ask(port, "nowhere", kind).code is Code.UNAUTHENTICATED
            heard = ask(port, "nowhere", kind, bearer(pool.access_token()))
            assert (heard.code, heard.details) == (Code.UNIMPLEMENTED, "Method not found!")
            assert ask(port, "/grpc.health.v1.Health/Watch", kind).code is Code.UNIMPLEMENTED


@ways
def test_a_table_and_marks(way: str, pool: FakeUserPool, verifier: Verifier) -> None:
    """What the table does not name is closed, and a public method is open."""
    methods = methods_of(way)
    methods["open"] = ("unary_unary", public(methods["unary_unary"][1]))
    table = {"/test.Service/unary_unary": policy.scopes("a/b"), "/test.Service/unary_stream": None}
    good, plain = (bearer(pool.access_token(subject="me", scopes=scopes)) for scopes in (["a/b"], []))
    with serving(way, methods, verifier, methods=table) as port:
        # The same function is public under one name, and guarded by the table under the other.
        assert ask(port, "open", "unary_unary", plain).said == [b"guest"]
        assert ask(port, "unary_unary", "unary_unary", plain).code is Code.PERMISSION_DENIED
        assert ask(port, "unary_unary", "unary_unary", good).said == [b"me"]
        assert ask(port, "unary_stream", "unary_stream", plain).said == [b"me", b"me"]
        assert ask(port, "stream_unary", "stream_unary", good).code is Code.PERMISSION_DENIED


# --- Errors


def raising(way: str, error: Exception) -> dict[str, tuple[str, Any]]:
    """Handlers that raise, one of them after its first message."""

    def one(_request: Any, _context: Any) -> Any:
        raise error

    def many(_request: Any, _context: Any) -> Iterator[bytes]:
        yield b"first"
        raise error

    async def aone(_request: Any, _context: Any) -> Any:
        raise error

    async def amany(_request: Any, _context: Any) -> AsyncIterator[bytes]:
        yield b"first"
        raise error

    first, second = (aone, amany) if way == "asyncio" else (one, many)
    return {"one": ("unary_unary", first), "many": ("unary_stream", second)}


@ways
def test_an_error_of_a_handler_is_a_refusal(way: str, pool: FakeUserPool, verifier: Verifier) -> None:
    """W5: with its code and its challenge; a stream breaks off with it."""
    with serving(way, raising(way, errors.PolicyDenied("another tenant's")), verifier) as port:
        for name, kind, said in (("one", "unary_unary", []), ("many", "unary_stream", [b"first"])):
            heard = ask(port, name, kind, bearer(pool.access_token()))
            assert (heard.code, heard.said, heard.details) == (
                Code.PERMISSION_DENIED,
                said,
                "another tenant's",
            )
            assert heard.trailing["auth-reason"] == "policy_denied"


@ways
def test_what_goes_wrong_is_for_the_log(
    way: str, pool: FakeUserPool, caplog: pytest.LogCaptureFixture
) -> None:
    """Clients get no text of an exception of ours, and no log holds a token."""
    token = pool.access_token()
    with serving(way, methods_of(way), Guard()) as port, caplog.at_level(logging.DEBUG):
        for kind in KINDS:
            heard = ask(port, kind, kind, bearer(token))
            assert (heard.code, heard.said) == (Code.UNKNOWN, [])
            assert "see the server's log" in heard.details
            assert "bind" not in heard.details
    assert "call bind(verifier)" in caplog.text
    assert token.rpartition(".")[2] not in caplog.text


def test_the_wrong_interceptor_lets_no_call_in(
    pool: FakeUserPool, verifier: Verifier, caplog: pytest.LogCaptureFixture
) -> None:
    """grpc.server with asyncio's fails each call, and says so in the log; grpc.aio.server is not made."""
    server = grpc.server(ThreadPoolExecutor(1), interceptors=[AioCognitoAuthInterceptor(verifier)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    heard = ask(port, "any", "unary_unary", bearer(pool.access_token()))
    server.stop(0).wait(10)
    assert (heard.code, heard.details) == (Code.UNKNOWN, "Error in service handler!")
    assert "grpc.server needs a CognitoAuthInterceptor" in caplog.text

    async def main() -> None:
        with pytest.raises(ValueError, match="Interceptor must be"):
            grpc.aio.server(interceptors=[CognitoAuthInterceptor(verifier)])

    asyncio.run(main())


# --- Outages


@ways
def test_callers_without_keys_delay_no_other(way: str) -> None:
    """The thread that serves all calls never waits for keys: an open method is answered meanwhile."""
    pool = FakeUserPool()
    methods = methods_of(way)
    methods["open"] = ("unary_unary", public(methods_of(way)["unary_unary"][1]))
    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.fail("hang")
        with serving(way, methods, verifier, timeout=3) as port, ThreadPoolExecutor(4) as clients:
            waiting = [clients.submit(ask, port, kind, kind, bearer(pool.access_token())) for kind in KINDS]
            slowest = 0.0
            while not all(each.done() for each in waiting):
                began = time.monotonic()
                assert ask(port, "open", "unary_unary").said == [b"guest"]
                slowest = max(slowest, time.monotonic() - began)
            assert {each.result().code for each in waiting} == {Code.UNAVAILABLE}
        endpoints.heal()
    assert slowest < RESPONSIVE


@pytest.mark.parametrize("way", ["blocking", "asyncio"])
@pytest.mark.parametrize("kind", ["unary_unary", "stream_stream"])
def test_a_call_gets_the_outage_before_its_deadline(way: str, kind: str) -> None:
    """UNAVAILABLE says more than DEADLINE_EXCEEDED: the wait for keys ends a little earlier."""
    pool = FakeUserPool()
    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.fail("hang")
        with serving(way, methods_of(way), verifier, timeout=30) as port:
            heard = ask(port, kind, kind, bearer(pool.access_token()), seconds=3)
        endpoints.heal()
    assert heard.code is Code.UNAVAILABLE
    assert heard.trailing["auth-reason"] == "keys_unavailable"
    assert "www-authenticate" not in heard.trailing


RETRIES = """{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.01s",
"maxBackoff": "0.01s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}"""


class OnceOut(Verifier):
    """A verifier that is out of keys for the first call."""

    out = True

    def verify(self, token: str, **options: Any) -> Any:
        if self.out:
            self.out = False
            raise errors.KeysUnavailable(retry_after=1)
        return super().verify(token, **options)

    async def averify(self, token: str, **options: Any) -> Any:
        return self.verify(token, **options)


@ways
@kinds
def test_clients_with_a_retry_policy_come_again_when_they_should(
    way: str, kind: str, pool: FakeUserPool
) -> None:
    """They obey `grpc-retry-pushback-ms` in place of their own back-off, and their users notice no outage."""
    verifier = OnceOut(pool.user_pool(offline=True, jwks=pool.jwks()), clock=pool.clock)
    retries = (("grpc.service_config", RETRIES),)
    with serving(way, methods_of(way), verifier) as port:
        began = time.monotonic()
        heard = ask(port, kind, kind, bearer(pool.access_token(subject="me")), options=retries)
        took = time.monotonic() - began
    assert heard.said == SAID[kind]
    assert 0.9 < took < 5


# --- Streams that outlive their token


@pytest.mark.parametrize("row", ["waits", "writes", "reads", "answers"])
def test_a_stream_of_an_asyncio_server_ends_with_its_token(
    row: str, clock: FakeClock, pool: FakeUserPool
) -> None:
    """`close_at_expiry`: whatever it waits for, its client gets UNAUTHENTICATED."""
    cancelled = threading.Event()

    async def rest() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cancelled.set()

    async def waits(_request: bytes, _context: Any) -> AsyncIterator[bytes]:
        yield b"first"
        await rest()

    async def writes(_request: bytes, context: Any) -> None:
        await context.write(b"first")
        await rest()

    async def reads(requests: Any, _context: Any) -> bytes:
        async for _ in requests:
            await rest()
        return b""

    async def answers(requests: Any, _context: Any) -> AsyncIterator[bytes]:
        async for _ in requests:
            yield b"first"
            await rest()

    methods = {
        "waits": ("unary_stream", waits),
        "writes": ("unary_stream", writes),
        "reads": ("stream_unary", reads),
        "answers": ("stream_stream", answers),
    }
    verifier = pool.offline_verifier()
    token = pool.access_token(expires_in=1)
    clock.advance(0.7)
    with serving("asyncio", methods, verifier, close_at_expiry=True) as port:
        heard = ask(port, row, methods[row][0], bearer(token))
        assert cancelled.wait(5)
    assert (heard.code, heard.details) == (Code.UNAUTHENTICATED, "the token has expired")
    assert heard.said == ([] if row == "reads" else [b"first"])


@pytest.mark.parametrize("way", ["blocking", "threads of asyncio"])
def test_a_stream_on_a_thread_ends_with_its_next_message(
    way: str, clock: FakeClock, pool: FakeUserPool, verifier: Verifier
) -> None:
    """A thread cannot be interrupted; after the expiry it sends nothing more."""

    def ticks(_request: bytes, _context: Any) -> Iterator[bytes]:
        yield b"in time"
        clock.advance(1)
        yield b"late"

    with serving(way, {"ticks": ("unary_stream", ticks)}, verifier, close_at_expiry=True) as port:
        heard = ask(port, "ticks", "unary_stream", bearer(pool.access_token(expires_in=1)))
    assert (heard.code, heard.said) == (Code.UNAUTHENTICATED, [b"in time"])


# --- What else a server may have


def test_a_stream_may_hand_its_responses_to_a_callback(pool: FakeUserPool, verifier: Verifier) -> None:
    """As gRPC's own health servicer does on grpc.server."""

    def watch(_request: bytes, context: Any, callback: Any) -> None:
        callback(who(context))
        callback(None)

    watch.experimental_non_blocking = True  # type: ignore[attr-defined]
    with serving("blocking", {"watch": ("unary_stream", watch)}, verifier) as port:
        assert ask(port, "watch", "unary_stream", bearer(pool.access_token(subject="me"))).said == [b"me"]
        assert ask(port, "watch", "unary_stream").code is Code.UNAUTHENTICATED


@pytest.mark.parametrize("aio", [False, True])
def test_a_readiness_probe(verifier: Verifier, *, aio: bool) -> None:
    """`grpc.health.v1.Health/Check` as Kubernetes asks it, in a closed server."""
    method = "/grpc.health.v1.Health/Check"
    if not aio:
        server = grpc.server(ThreadPoolExecutor(1), interceptors=[CognitoAuthInterceptor(verifier)])
        server.add_generic_rpc_handlers((ready(verifier),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        heard = [ask(port, method, "unary_unary", messages=(each,)) for each in (b"", b"\x0a\x01x")]
        server.stop(0).wait(10)
    else:

        async def main() -> list[Heard]:
            server = grpc.aio.server(interceptors=[AioCognitoAuthInterceptor(verifier)])
            server.add_generic_rpc_handlers((ready(verifier),))
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            asked = [(port, method, "unary_unary", None, (each,)) for each in (b"", b"\x0a\x01x")]
            heard = [await asyncio.to_thread(ask, *each) for each in asked]
            await server.stop(0)
            return heard

        heard = asyncio.run(main())
    assert [(each.code, each.said) for each in heard] == [(Code.OK, [b"\x08\x01"]), (Code.NOT_FOUND, [])]


WATCHES = """{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}"""


@ways
@pytest.mark.parametrize("excluded", [True, False])
def test_a_client_that_watches_health_connects_where_it_is_excluded(
    way: str, pool: FakeUserPool, verifier: Verifier, *, excluded: bool
) -> None:
    """It goes on where it gets UNIMPLEMENTED, and never connects where it gets UNAUTHENTICATED."""
    exclude = ["/grpc.health.v1.Health/*"] if excluded else []
    with serving(way, methods_of(way), verifier, exclude=exclude) as port:
        heard = ask(
            port,
            "unary_unary",
            "unary_unary",
            bearer(pool.access_token(subject="me")),
            seconds=20 if excluded else 1,
            options=(("grpc.service_config", WATCHES),),
        )
    assert heard.code is (Code.OK if excluded else Code.UNAVAILABLE)


def test_call_credentials_are_a_token(pool: FakeUserPool, verifier: Verifier) -> None:
    """What `grpc.access_token_call_credentials` sends. With a token in the metadata too there are two."""
    interceptors = [CognitoAuthInterceptor(verifier)]
    server = grpc.server(ThreadPoolExecutor(1), interceptors=interceptors)
    handler = grpc.unary_unary_rpc_method_handler(blocking()["unary_unary"][1])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", {"who": handler}),))
    port = server.add_secure_port("127.0.0.1:0", grpc.local_server_credentials())
    server.start()
    token = pool.access_token(subject="me")
    credentials = grpc.composite_channel_credentials(
        grpc.local_channel_credentials(), grpc.access_token_call_credentials(token)
    )
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
        who_asks = channel.unary_unary("/test.Service/who")
        assert who_asks(b"", timeout=10) == b"me"
        with pytest.raises(grpc.RpcError) as caught:
            who_asks(b"", metadata=bearer(token), timeout=10)
    server.stop(0).wait(10)
    assert caught.value.code() is Code.UNAUTHENTICATED
    assert dict(caught.value.trailing_metadata())["auth-reason"] == "request_malformed"
