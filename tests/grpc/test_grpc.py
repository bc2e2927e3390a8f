"""grpc: the interceptors' settings, what they refuse to be made with, and the readiness handler."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from support.drivers._grpc import Context, Details, acall, call, handler_of

from cognito_mr_auth import Verifier, errors, policy
from cognito_mr_auth.grpc import (
    AioCognitoAuthInterceptor,
    CognitoAuthInterceptor,
    principal_of,
    public,
    ready,
)
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool

BOTH = pytest.mark.parametrize("interceptor", [CognitoAuthInterceptor, AioCognitoAuthInterceptor])

MEANINGLESS: dict[str, Any] = {
    "preflight": "refuse",
    "resource": "https://api.example.com",
    "resource_scopes": ["orders/read"],
    "resource_name": "Orders",
    "authorization_servers": ["https://a.example"],
    "subprotocol": "bearer",
}


@BOTH
@pytest.mark.parametrize("name", MEANINGLESS)
def test_what_means_nothing_is_refused(interceptor: Any, verifier: Verifier, name: str) -> None:
    """A setting that would do nothing is a mistake of whoever set it."""
    with pytest.raises(errors.ConfigurationError, match=f"{name}= does not apply to gRPC"):
        interceptor(verifier, **{name: MEANINGLESS[name]})


@BOTH
def test_a_guard_that_is_shared_with_http_is_taken(interceptor: Any, verifier: Verifier) -> None:
    """Its document is served elsewhere; what gRPC has no sockets for is refused."""
    interceptor(Guard(verifier, resource="https://api.example.com", preflight="pass"))
    with pytest.raises(errors.ConfigurationError, match="subprotocol="):
        interceptor(Guard(verifier, subprotocol="bearer"))


@BOTH
def test_the_table_is_checked_at_once(interceptor: Any, verifier: Verifier) -> None:
    """A name that is none, or what is no policy, fails before the server starts; beside a Guard, too."""
    for given in (verifier, Guard(verifier)):
        interceptor(given, methods={"/shop.Orders/*": None})
        with pytest.raises(errors.ConfigurationError):
            interceptor(given, methods={"shop.Orders": None})
        with pytest.raises(TypeError):
            interceptor(given, methods={"/shop.Orders/*": "orders/read"})


async def _later(_principal: Any) -> bool:
    return True


async def _never(_principal: Any) -> bool:
    return False


ASYNC: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "revoked": ({"revoked": _never}, {}),
    "require": ({}, {"require": policy.check(_later)}),
    "methods": ({}, {"methods": {"/*": policy.check(_later)}}),
}


@pytest.mark.parametrize("row", ASYNC)
def test_only_an_asyncio_server_awaits(pool: FakeUserPool, row: str) -> None:
    """H2: a hook that is a coroutine function fails at once where handlers block, and works where not."""
    hooks, options = ASYNC[row]
    verifier = pool.offline_verifier(**hooks)
    with pytest.raises(TypeError, match="coroutine function"):
        CognitoAuthInterceptor(verifier, **options)
    interceptor = AioCognitoAuthInterceptor(verifier, **options)
    details = Details("/a.B/C", (("authorization", f"Bearer {pool.access_token(subject='me')}"),))

    def blocking(_request: bytes, context: Any) -> str:
        principal = principal_of(context)
        return "" if principal is None else principal.subject

    async def awaiting(request: bytes, context: Any) -> str:
        return blocking(request, context)

    for behavior in (blocking, awaiting):
        assert asyncio.run(acall(interceptor, details, handler_of(behavior)))[1] == ["me"]


def test_the_error_of_a_wrong_server_names_the_right_one(verifier: Verifier) -> None:
    """grpc.server would take a coroutine for a handler; grpc.aio.server looks at the class itself."""
    with pytest.raises(RuntimeError, match=r"grpc\.server needs a CognitoAuthInterceptor"):
        AioCognitoAuthInterceptor(verifier).intercept_service(lambda _details: None, Details("/a.B/C", ()))  # type: ignore[arg-type, return-value]
    assert not isinstance(CognitoAuthInterceptor(verifier), grpc.aio.ServerInterceptor)


def test_what_goes_wrong_is_for_the_log(pool: FakeUserPool) -> None:
    """An exception's text goes to the client: ours says nothing, and its cause is logged."""

    async def awaiting(_request: bytes, _context: Any) -> bytes:
        return b"reached"

    def blocking(_request: bytes, _context: Any) -> bytes:
        return b"reached"

    details = Details("/a.B/C", (("authorization", f"Bearer {pool.access_token()}"),))
    with pytest.raises(
        RuntimeError, match=r"^the call cannot be authenticated: see the server's log$"
    ) as caught:
        call(CognitoAuthInterceptor(Guard()), details, handler_of(blocking))
    assert isinstance(caught.value.__cause__, errors.ConfigurationError)
    for behavior in (awaiting, blocking):
        with pytest.raises(RuntimeError, match=r"see the server's log$"):
            asyncio.run(acall(AioCognitoAuthInterceptor(Guard()), details, handler_of(behavior)))


# --- Readiness

CHECK = "/grpc.health.v1.Health/Check"


def probed(given: Any, request: bytes = b"") -> tuple[Context, list[Any]]:
    """The response to a probe through a closed server's interceptor."""
    details = Details(CHECK, ())
    handler = ready(given).service(details)
    assert handler is not None
    return call(CognitoAuthInterceptor(given), details, handler, request)


def without_keys() -> Verifier:
    """A verifier without keys and without requests."""
    pool = FakeUserPool()
    return Verifier(pool.user_pool(offline=True, jwks=None, key_file="/nowhere/keys.json"))


def test_a_probe_gets_whether_calls_may_be_sent(verifier: Verifier) -> None:
    """B3: protobuf's SERVING and NOT_SERVING, without a token, in a closed server too."""
    assert probed(verifier)[1] == [b"\x08\x01"]
    assert probed(Guard(verifier))[1] == [b"\x08\x01"]
    assert probed(without_keys())[1] == [b"\x08\x02"]


def test_a_probe_of_one_service_is_not_answered(verifier: Verifier) -> None:
    """An unregistered service is NOT_FOUND, as the protocol says."""
    context, said = probed(verifier, b"\x0a\x01x")
    assert (context.code, said) == (grpc.StatusCode.NOT_FOUND, [])


def test_a_probe_reads_no_token(pool: FakeUserPool, verifier: Verifier) -> None:
    """It is public: a bad one is as good as none."""
    details = Details(CHECK, (("authorization", "Bearer garbage"),))
    handler = ready(verifier).service(details)
    assert call(CognitoAuthInterceptor(verifier), details, handler)[1] == [b"\x08\x01"]


def test_nothing_else_of_its_service_is_there(verifier: Verifier) -> None:
    """Neither Watch nor another service."""
    for method in ("/grpc.health.v1.Health/Watch", "/grpc.health.v1.Health", "/other.Health/Check"):
        assert ready(verifier).service(Details(method, ())) is None


def test_what_it_cannot_answer_for_is_an_error(verifier: Verifier) -> None:
    """A pool that is not there, and what is no verifier."""
    with pytest.raises(errors.ConfigurationError):
        ready(verifier, "us-west-2_Nobody")
    with pytest.raises(TypeError):
        ready(None)  # type: ignore[arg-type]


def test_the_marks_belong_to_the_module() -> None:
    """`public` marks what `ready` marks."""
    assert public(lambda request, context: None) is not None
