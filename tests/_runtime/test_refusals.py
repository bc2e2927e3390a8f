"""Records of refusals: one for each, with its reason and whose token it was, and nothing of the token."""

from __future__ import annotations

import asyncio
import copy
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support.records import fields, refusals
from support.refusals import CANARY

from cognito_mr_auth import Principal, errors, policy
from cognito_mr_auth._runtime.refusals import LOGGER, _logger, located, record, settle
from cognito_mr_auth._web.host_errors import as_host_error
from cognito_mr_auth.aws_lambda import Authorizer, Unauthorized
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeClock, FakeUserPool

POOL_ID = FakeUserPool().user_pool_id


def revoked(answer: object) -> Callable[[Principal], object]:
    """A hook that always says that."""
    return lambda _principal: answer


# Name -> the token, options of the verifier, a policy, and the record's fields after the status.
ROWS: dict[
    str, tuple[Callable[[FakeUserPool], Any], dict[str, Any], policy.Policy | None, tuple[Any, ...]]
] = {
    "no token": (lambda p: None, {}, None, ("token_malformed", 401, None, None)),
    "garbage": (lambda p: CANARY, {}, None, ("token_malformed", 401, None, None)),
    "another pool": (
        lambda p: FakeUserPool("us-west-2_Other", clock=p.clock).access_token(),
        {},
        None,
        ("issuer_unknown", 401, None, None),
    ),
    "forged": (
        lambda p: p.access_token(signed_by="foreign"),
        {},
        None,
        ("signature_invalid", 401, POOL_ID, "original"),
    ),
    "unknown key, replica": (
        lambda p: p.access_token(signed_by="unknown", issuer="replica"),
        {},
        None,
        ("key_unknown", 401, POOL_ID, "replica"),
    ),
    "expired, updated": (
        lambda p: p.access_token(issuer="updated", expires_in=-60),
        {},
        None,
        ("token_expired", 401, POOL_ID, "updated"),
    ),
    "ID token": (lambda p: p.id_token(), {}, None, ("claim_rejected", 401, POOL_ID, "original")),
    "revoked": (
        lambda p: p.access_token(issuer="replica"),
        {"revoked": revoked(True)},
        None,
        ("token_revoked", 401, POOL_ID, "replica"),
    ),
    "revocation unknown": (
        lambda p: p.access_token(),
        {"revoked": revoked(None)},
        None,
        ("revocation_unavailable", 503, POOL_ID, "original"),
    ),
    "policy": (
        lambda p: p.access_token(),
        {},
        policy.scopes("a/b"),
        ("policy_denied", 403, POOL_ID, "original"),
    ),
    "check fails": (
        lambda p: p.access_token(),
        {},
        policy.check(lambda p: 1 / 0 > 0),
        ("check_unavailable", 503, POOL_ID, "original"),
    ),
}


@pytest.mark.parametrize("way", ["verify", "averify"])
@pytest.mark.parametrize("row", ROWS)
def test_a_refusal_leaves_one_record(row: str, way: str, pool: FakeUserPool) -> None:
    """At DEBUG, as a message and as fields: reason, status, and pool and kind of issuer where known."""
    make, options, require, expected = ROWS[row]
    verifier, token = pool.offline_verifier(**options), make(pool)
    verify = verifier.verify if way == "verify" else lambda *a, **k: asyncio.run(verifier.averify(*a, **k))
    with refusals() as records, pytest.raises(errors.AuthError):
        verify(token, require=require)
    [found] = records
    assert (found.name, found.levelno, fields(found)) == (LOGGER, logging.DEBUG, expected)
    assert found.getMessage() == "refused: {} ({}), pool {}, issuer {}".format(*expected)
    claim = vars(found)["cognito_mr_auth.claim"]
    assert claim == ("token_use" if row == "ID token" else None)
    parts = token.split(".") if token else ()
    for part in (CANARY, "alice", *parts):  # the name, and each part of a token
        assert part not in f"{found.getMessage()} {vars(found)}"


def test_a_cached_token_too(pool: FakeUserPool, clock: FakeClock) -> None:
    """What a hit refuses has a record with the pool; what passes has none."""
    verifier, token = pool.offline_verifier(), pool.access_token(issuer="replica", expires_in=300)
    with refusals() as records:
        for _ in range(2):
            verifier.verify(token)
            asyncio.run(verifier.averify(token))
        assert records == []
        clock.advance(306)
        with pytest.raises(errors.TokenExpired):
            verifier.verify(token)
    assert [fields(each) for each in records] == [("token_expired", 401, POOL_ID, "replica")]


@pytest.mark.outside
def test_an_outage_leaves_a_record(pool: FakeUserPool) -> None:
    """So does a key that is awaited in vain."""
    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.fail("refuse")
        with refusals() as records:
            with pytest.raises(errors.KeysUnavailable):
                verifier.verify(pool.access_token(issuer="updated"), timeout=0.3)
            with pytest.raises(errors.KeysUnavailable):
                asyncio.run(verifier.averify(pool.access_token(), timeout=0.3))
    assert [fields(each) for each in records] == [
        ("keys_unavailable", 503, POOL_ID, "updated"),
        ("keys_unavailable", 503, POOL_ID, "original"),
    ]


def test_a_policy_after_the_verification(pool: FakeUserPool) -> None:
    """`require` and `arequire` record their refusal; who only asks whether a policy passes does not."""
    verifier = pool.offline_verifier()
    principal, wanted = verifier.verify(pool.access_token()), policy.scopes("a/b")
    with refusals() as records:
        assert verifier._permits(principal, policy.max_age(60))
        assert not verifier._permits(principal, wanted)
        with pytest.raises(errors.PolicyDenied):
            verifier.require(principal, wanted)
        with pytest.raises(errors.PolicyDenied):
            asyncio.run(verifier.arequire(principal, wanted))
    assert [fields(each) for each in records] == [("policy_denied", 403, POOL_ID, "original")] * 2


ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/prod/GET/orders"


def test_an_authorizer_in_lambda(pool: FakeUserPool) -> None:
    """One record for each refused event; a route table that allows some routes refuses nothing."""
    routes = {"GET /orders": None, "GET /a": policy.scopes("a/b"), "GET /b": policy.groups("b")}
    authorizer = Authorizer(pool.offline_verifier(), routes=routes)
    guarded = Authorizer(pool.offline_verifier(), require=policy.groups("b"))

    def event(token: str) -> dict[str, str]:
        return {"type": "TOKEN", "methodArn": ARN, "authorizationToken": token}

    with refusals() as records:
        assert authorizer(event(f"Bearer {pool.access_token()}"))
        assert records == []
        for token in ("", "Bearer", f"Bearer {pool.access_token(expires_in=-60)}"):
            with pytest.raises(Unauthorized):
                authorizer(event(token))
        assert guarded(event(f"Bearer {pool.access_token()}"))
    assert [fields(each)[::2] for each in records] == [
        ("credentials_missing", None),
        ("request_malformed", None),
        ("token_expired", POOL_ID),
        ("policy_denied", POOL_ID),
    ]


# --- A guard for any framework


def ask(guard: Guard, token: str | None, *, way: str = "verify", **more: Any) -> Principal | None:
    """One request of a guard."""
    headers = [] if token is None else [("Authorization", token)]
    if way == "verify":
        return guard.verify(method="GET", path="/", headers=headers, **more)
    return asyncio.run(guard.averify(method="GET", path="/", headers=headers, **more))


@pytest.mark.parametrize("answers", [0, 1, 2], ids=["own answer", "the guard's", "asked twice"])
@pytest.mark.parametrize("way", ["verify", "averify"])
def test_a_guards_refusals(way: str, answers: int, pool: FakeUserPool) -> None:
    """Also those that come before any token is verified, whoever makes the answer."""
    guard = Guard(pool.offline_verifier())
    for token, require, expected in (
        (None, None, ("credentials_missing", 401, None, None)),
        ("Bearer", None, ("request_malformed", 400, None, None)),
        (f"Bearer {pool.access_token(expires_in=-60)}", None, ("token_expired", 401, POOL_ID, "original")),
        (f"Bearer {pool.access_token()}", policy.groups("a"), ("policy_denied", 403, POOL_ID, "original")),
    ):
        with refusals() as records:
            with pytest.raises(errors.AuthError) as caught:
                ask(guard, token, way=way, require=require)
            for _ in range(min(answers, 1)):
                guard.response(caught.value)
        assert [fields(each) for each in records] == [expected]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["require", "arequire"])
def test_a_routes_policy(asynchronous: bool, pool: FakeUserPool) -> None:
    """A guest at a route that needs a principal, and a principal that a policy refuses."""
    guard = Guard(pool.offline_verifier(), optional=True)
    principal = ask(guard, f"Bearer {pool.access_token(issuer='replica')}")
    need = guard.require if not asynchronous else lambda *a: asyncio.run(guard.arequire(*a))
    with refusals() as records:
        assert ask(guard, None) is None
        assert records == []
        for given, require in ((None, None), (principal, policy.groups("a"))):
            with pytest.raises(errors.AuthError) as caught:
                need(given, require)
            guard.response(caught.value)
    assert [fields(each) for each in records] == [
        ("credentials_missing", 401, None, None),
        ("policy_denied", 403, POOL_ID, "replica"),
    ]


def test_an_error_that_is_raised_again_counts_again(pool: FakeUserPool) -> None:
    """An application may raise one object for each of its refusals."""
    guard, error = Guard(pool.offline_verifier()), errors.PolicyDenied(f"not for {CANARY}")
    with refusals() as records:
        for _ in range(3):
            guard.response(error)
    assert [fields(each) for each in records] == [("policy_denied", 403, None, None)] * 3
    assert CANARY not in str([vars(each) for each in records])


# --- The mark


def test_a_copy_is_the_same_refusal() -> None:
    """A framework's copy of an error that was recorded is not recorded once more; a deep copy, neither."""

    class HostError(Exception):
        pass

    error = located(errors.PolicyDenied(), ("a-pool", "original"))
    with refusals() as records:
        record(error, None)
        record(error, None)
        settle(as_host_error(error, HostError), None)  # type: ignore[arg-type]
        settle(copy.deepcopy(error), None)
    assert [fields(each) for each in records] == [("policy_denied", 403, "a-pool", "original")]


# --- What it costs, and what it may not break


def test_without_the_logger_nothing_is_made(pool: FakeUserPool, caplog: pytest.LogCaptureFixture) -> None:
    """Records are DEBUG: at INFO there is none."""
    caplog.set_level(logging.INFO, LOGGER)
    with pytest.raises(errors.TokenMalformed):
        pool.offline_verifier().verify("garbage")
    assert caplog.records == []


@pytest.mark.parametrize("part", ["handler", "filter"])
def test_a_handler_that_raises_changes_no_answer(part: str, pool: FakeUserPool) -> None:
    """H3: the caller gets the refusal, whatever the application's logging does."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("no disk")

    def broken(_record: logging.LogRecord) -> bool:
        raise RuntimeError("no disk")

    logger, handler = logging.getLogger(LOGGER), Broken() if part == "handler" else logging.NullHandler()
    if part == "filter":
        handler.addFilter(broken)
    logger.addHandler(handler)
    try:
        with refusals(), pytest.raises(errors.TokenMalformed) as caught:
            pool.offline_verifier().verify("garbage")
    finally:
        logger.removeHandler(handler)
    assert caught.value.__context__ is None


def test_a_logger_is_looked_up_where_there_may_be_one() -> None:
    """Once `logging` is imported, and then once."""
    assert _logger({}) is None
    assert _logger() is _logger() is logging.getLogger(LOGGER)


WITHOUT_LOGGING = """
import sys
before = "logging" in sys.modules
import cognito_mr_auth
from cognito_mr_auth import UserPool, Verifier, errors
verifier = Verifier(UserPool("us-west-2_EXAMPLE", client_ids=["a"]))
try:
    verifier.verify("garbage")
except errors.TokenMalformed:
    print(before, "logging" in sys.modules)
"""


@pytest.mark.outside
def test_who_logs_nothing_loads_no_logging() -> None:
    """`logging` is not imported for a refusal that nobody can have asked for."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{WITHOUT_LOGGING}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["False", "False"]
