"""Every adapter gives every request the same status, challenge and body (RFC 6750)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, NamedTuple

import pytest
from support.drivers import NEEDS, Ask, Reply, build
from support.drivers.client import handler
from support.records import fields, refusals

from cognito_mr_auth import Verifier, errors, policy
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeClock, FakeUserPool

T0 = 1_790_000_000.0

Headers = tuple[tuple[str, str], ...]


def drivers(*, websocket: bool | None = None, but: frozenset[str] = frozenset()) -> pytest.MarkDecorator:
    """Run the test with every driver, or with those for WebSockets, or for HTTP, alone."""
    rows = []
    for name, needed in NEEDS.items():
        if name in but or (websocket is not None and name.endswith("websocket") is not websocket):
            continue
        rows.append(pytest.param(name, marks=[pytest.mark.needs(*needed)] if needed else [], id=name))
    return pytest.mark.parametrize("driver", rows)


# A route that names its guard or policy is opened by no exclusion and no optional mode.
EXPLICIT = frozenset({"fastapi_require", "flask", "flask_async", "lambda_require", "starlette_backend"})
EXPLICIT |= {"django_require", "django_require_async", "drf", "ninja", "ninja_async"}
EXPLICIT |= {"aiohttp_require", "litestar_require"}
EXPLICIT |= {"grpc_require"}
# Where there are no preflights and no documents at a path, every call may change something, and no name of a
# method is ever decoded.
GRPC = frozenset({"grpc", "grpc_aio", "grpc_require", "grpc_threads"})
EXPLICIT |= {"chalice_require", "powertools_require"}
# Drivers whose `require` is the policy of a route, and not of the guard.
OF_A_ROUTE = EXPLICIT | {"asgi_require", "wsgi_require"}


class World(NamedTuple):
    """A pool at a fixed time, and an offline verifier of its access tokens."""

    pool: FakeUserPool
    verifier: Verifier


@pytest.fixture(scope="module")
def world() -> World:
    """One pool and verifier for every row: rows change neither."""
    pool = FakeUserPool(clock=FakeClock(wall=T0))
    return World(pool, pool.offline_verifier())


def _bearer(token: str) -> Headers:
    return (("Authorization", f"Bearer {token}"),)


def _error(code: str, description: str, more: str = "") -> str:
    return f'Bearer realm="api", error="{code}", error_description="{description}"{more}'


def test_every_adapter_has_a_driver() -> None:
    """The list of drivers is what lies in the directory, so that none is left out of the tables."""
    directory = import_module("support.drivers").__path__[0]
    from pathlib import Path

    found = {path.stem for path in Path(directory).glob("[!_]*.py")} - {"client"}
    assert found == set(NEEDS)


# --- What goes wrong -> status, challenge, detail


class Outcome(NamedTuple):
    """What the client must get."""

    status: int
    challenge: str | None = None
    detail: str | None = None
    reason: str | None = None


class Row(NamedTuple):
    """A token, the policy that it meets, and the outcome."""

    token: Callable[[FakeUserPool], str]
    outcome: Outcome
    require: policy.Policy | None = None


OK = Outcome(200)
MISSING = Outcome(401, 'Bearer realm="api"', "no access token was sent", "credentials_missing")
DENIED = "the token does not permit this request"
SCOPES_HINT = (
    "the token lacks a scope; users who sign in through the SDK get only aws.cognito.signin.user.admin "
    "unless a pre-token-generation trigger adds scopes"
)


BARE = 'the header holds a token without "Bearer" and a space before it'


def _token(**options: Any) -> Callable[[FakeUserPool], str]:
    return lambda pool: pool.access_token(**options)


def _refused(description: str, hint: str = "") -> Outcome:
    return Outcome(401, _error("invalid_token", description), description + (f": {hint}" if hint else ""))


def _denied(more: str = "", hint: str = "") -> Outcome:
    return Outcome(403, _error("insufficient_scope", DENIED, more), DENIED + (f": {hint}" if hint else ""))


OUTCOMES = {
    "good": Row(_token(), OK),
    "good, of the replica": Row(_token(issuer="replica"), OK),
    "good, of the updated issuer": Row(_token(issuer="updated"), OK),
    "a machine's": Row(lambda pool: pool.machine_token(), OK),
    "garbage": Row(lambda pool: "garbage", _refused("the token is malformed")),
    "forged": Row(_token(signed_by="foreign"), _refused("the token's signature is invalid")),
    "expired": Row(
        _token(expires_in=-60), _refused("the token has expired", "get a new one with the refresh token")
    ),
    "wrong client": Row(
        _token(client_id="2another3456789"),
        _refused(
            "the token's client_id is none of the configured app clients",
            "the token is for another app client of the user pool",
        ),
    ),
    "ID token": Row(
        lambda pool: pool.id_token(),
        _refused(
            "the token's token_use is not the expected one", "this is an ID token; send the access token"
        ),
    ),
    "unknown issuer": Row(
        lambda pool: FakeUserPool("eu-west-1_Other0001", clock=pool.clock).access_token(),
        _refused(
            "the token's issuer is not one of the configured issuers",
            "the token is from another user pool, or from a Region that is not listed in replica_regions",
        ),
    ),
    "missing scope": Row(
        _token(),
        _denied(', scope="orders/read orders/write"', SCOPES_HINT),
        policy.scopes("orders/read", "orders/write"),
    ),
    "missing group": Row(_token(), _denied(), policy.any_group("ops")),
    "scope there, group missing": Row(
        _token(scopes=["orders/read"]), _denied(), policy.scopes("orders/read") & policy.any_group("ops")
    ),
    "scope and group there": Row(
        _token(scopes=["orders/read"], groups=["ops"]),
        OK,
        policy.scopes("orders/read") & policy.any_group("ops"),
    ),
    "too old": Row(
        _token(claims={"auth_time": int(T0) - 3600}),
        Outcome(
            401,
            _error(
                "insufficient_user_authentication", "a more recent sign-in is required", ', max_age="300"'
            ),
            "a more recent sign-in is required: sign in again, then retry",
        ),
        policy.max_age(300),
    ),
}


@drivers()
@pytest.mark.parametrize("row", OUTCOMES)
def test_every_adapter_says_the_same(world: World, driver: str, row: str) -> None:
    """Same status, same challenge, same body; the application runs for a good token alone."""
    token, expected, require = OUTCOMES[row]
    reply = build(driver, world.verifier, require=require)(Ask(_bearer(token(world.pool))))
    check(reply, expected)


def check(reply: Reply, expected: Outcome) -> None:
    """The reply is that outcome, to the last octet."""
    assert (reply.status, reply.headers.get("www-authenticate")) == (expected.status, expected.challenge)
    assert reply.reached is (expected.status == 200)
    if expected.status != 200:
        assert reply.json["detail"] == (expected.detail or "")
        assert list(reply.json) == ["detail", "reason"]
        assert expected.reason in (None, reply.json["reason"])
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["content-length"] == str(len(reply.body))
        assert reply.headers["cache-control"] == "no-store"


# What was sent, the policy that it meets, the record's reason, and whether the pool is known.
RECORDED: dict[str, tuple[Callable[[FakeUserPool], Headers], policy.Policy | None, str, int, bool]] = {
    "none": (lambda pool: (), None, "credentials_missing", 401, False),
    "malformed": (lambda pool: (("Authorization", "Bearer"),), None, "request_malformed", 400, False),
    "garbage": (lambda pool: _bearer("garbage"), None, "token_malformed", 401, False),
    "expired": (lambda pool: _bearer(pool.access_token(expires_in=-60)), None, "token_expired", 401, True),
    "missing scope": (
        lambda pool: _bearer(pool.access_token()),
        policy.scopes("orders/write"),
        "policy_denied",
        403,
        True,
    ),
    "a foreign page": (
        lambda pool: (
            ("Cookie", f"at={pool.access_token()}"),
            ("Origin", "https://evil.example"),
            ("Upgrade", "websocket"),
        ),
        None,
        "origin_denied",
        403,
        False,
    ),
}


@drivers()
@pytest.mark.parametrize("row", RECORDED)
def test_every_refusal_leaves_one_record(world: World, driver: str, row: str) -> None:
    """W6: whichever part refused, the logger of refusals gets it once; of what passes it gets nothing.

    B2: it is counted once, too. Where a route's policy refuses, the verification before it may have passed.
    """
    headers, require, reason, status, known = RECORDED[row]
    ask = build(driver, world.verifier, require=require, **COOKIE)
    before = Counter(world.verifier.counts())
    with refusals() as records:
        ask(Ask(headers(world.pool)))
        counted = Counter(world.verifier.counts()) - before
        refused = {each: count for each, count in counted.items() if each.result != "accepted"}
        of = (world.pool.user_pool_id, "original") if known else (None, None)
        assert refused == {(*of, reason): 1}
        assert counted.total() in ((1, 2) if require is not None else (1,))
        assert [fields(each) for each in records] == [
            (reason, status, *((world.pool.user_pool_id, "original") if known else (None, None)))
        ]
        records.clear()
        token = world.pool.access_token(scopes=["orders/write"])
        before = Counter(world.verifier.counts())
        assert ask(Ask(_bearer(token))).reached
        assert records == []
        passed = {(world.pool.user_pool_id, "original", "accepted"): 1}
        assert Counter(world.verifier.counts()) - before == passed


@drivers()
@pytest.mark.outside
def test_an_outage_is_503(driver: str) -> None:
    """Keys that cannot be had: 503 with Retry-After and no challenge, in every adapter."""
    pool = FakeUserPool(clock=FakeClock(wall=T0))
    with pool.serve() as endpoints:
        for endpoint in endpoints:
            endpoint.fail("refuse")
        with pool.verifier() as verifier:
            reply = build(driver, verifier, timeout=0.3)(Ask(_bearer(pool.access_token())))
    assert (reply.status, reply.reached) == (503, False)
    assert reply.json == {
        "detail": "the issuer's signing keys are unavailable",
        "reason": "keys_unavailable",
    }
    assert 1 <= int(reply.headers["retry-after"]) <= 60
    assert "www-authenticate" not in reply.headers


@drivers()
@pytest.mark.parametrize("error", [RuntimeError("no database"), None, "yes"], ids=repr)
def test_a_broken_hook_is_503(driver: str, error: Any) -> None:
    """A revocation check that fails is an outage, never the caller's fault."""

    def revoked(_principal: Any) -> Any:
        if isinstance(error, Exception):
            raise error
        return error

    pool = FakeUserPool(clock=FakeClock(wall=T0))
    reply = build(driver, pool.offline_verifier(revoked=revoked))(Ask(_bearer(pool.access_token())))
    assert (reply.status, reply.headers["retry-after"], reply.reached) == (503, "1", False)


# --- Header values -> outcome. "TOKEN" stands for a good token.

HEADERS: dict[str, tuple[tuple[str, ...], int, str | None]] = {
    # name: (header values, status, the challenge's error code)
    "none": ((), 401, None),
    "one": (("Bearer TOKEN",), 200, None),
    "lower case": (("bearer TOKEN",), 200, None),
    "upper case": (("BEARER TOKEN",), 200, None),
    "space around": ((" Bearer TOKEN\t",), 200, None),
    "Basic": (("Basic dXNlcjpwYXNz",), 401, None),
    "Negotiate alone": (("Negotiate",), 401, None),
    "Digest": (('Digest username="a", realm="b", nonce="c", uri="/"',), 401, None),
    "AWS signature": (
        ("AWS4-HMAC-SHA256 Credential=A/20261121/x/y/aws4_request, SignedHeaders=host, Signature=ab",),
        401,
        None,
    ),
    "the bare token": (("TOKEN",), 401, None),
    "another scheme that begins alike": (("BearerX TOKEN",), 401, None),
    "no space": (("BearerTOKEN",), 401, None),
    "DPoP": (("DPoP TOKEN",), 401, None),
    "two good": (("Bearer TOKEN", "Bearer TOKEN"), 400, "invalid_request"),
    "good and other": (("Bearer TOKEN", "Basic dXNlcjpwYXNz"), 400, "invalid_request"),
    "other and good": (("Basic dXNlcjpwYXNz", "Bearer TOKEN"), 400, "invalid_request"),
    "other and bare scheme": (("Basic dXNlcjpwYXNz", "Negotiate"), 400, "invalid_request"),
    "comma": (("Bearer TOKEN,Bearer TOKEN",), 400, "invalid_request"),
    "comma and space": (("Bearer TOKEN, Bearer TOKEN",), 400, "invalid_request"),
    "comma after": (("Bearer TOKEN,",), 400, "invalid_request"),
    "comma before": ((",Bearer TOKEN",), 400, "invalid_request"),
    "comma before a parameter": (('Bearer TOKEN, realm="x"',), 400, "invalid_request"),
    "empty": (("",), 401, None),
    "blank": ((" \t ",), 401, None),
    "two empty": (("", ""), 400, "invalid_request"),
    "empty and good": (("", "Bearer TOKEN"), 400, "invalid_request"),
    "scheme alone": (("Bearer",), 400, "invalid_request"),
    "scheme and space": (("Bearer ",), 400, "invalid_request"),
    "tab": (("Bearer\tTOKEN",), 400, "invalid_request"),
    "tab after the space": (("Bearer \tTOKEN",), 400, "invalid_request"),
    "tab in another scheme": (("Basic\tdXNlcjpwYXNz",), 400, "invalid_request"),
    "second space": (("Bearer  TOKEN",), 200, None),
    "many spaces": (("bearer" + " " * 500 + "TOKEN",), 200, None),
    "spaces alone": (("Bearer   ",), 400, "invalid_request"),
    "spaces, a tab, the token": (("Bearer  \tTOKEN",), 400, "invalid_request"),
    "spaces in another scheme": (("Basic  dXNlcjpwYXNz",), 401, None),
    "spaces and two tokens": (("Bearer  TOKEN  TOKEN",), 400, "invalid_request"),
    "several tokens": (("Bearer TOKEN TOKEN",), 400, "invalid_request"),
    "colon": (("Bearer: TOKEN",), 400, "invalid_request"),
    "quoted": (('Bearer "TOKEN"',), 400, "invalid_request"),
    "as a parameter": (('Bearer token="TOKEN"',), 400, "invalid_request"),
    "percent-encoded": (("Bearer%20TOKEN",), 401, None),
    "non-ASCII token": (("Bearer \xe9\xe8",), 400, "invalid_request"),
    "non-ASCII after": (("Bearer TOKEN\xa0",), 400, "invalid_request"),
    "non-ASCII scheme": (("B\xe9arer TOKEN",), 400, "invalid_request"),
    "non-breaking space": (("Bearer\xa0TOKEN",), 400, "invalid_request"),
    "NUL": (("Bearer TOKEN\x00",), 400, "invalid_request"),
    "line end": (("Bearer TOKEN\r\nX: y",), 400, "invalid_request"),
    "1 MB of letters": (("Bearer " + "a" * 1_000_000,), 401, "invalid_token"),
    "1 MB of dots": (("Bearer " + "." * 1_000_000,), 401, "invalid_token"),
    "1 MB of commas": (("Bearer " + "," * 1_000_000,), 400, "invalid_request"),
    "1 MB of another scheme": (("Basic " + "a" * 1_000_000,), 401, None),
    "well-formed, but no token": (("Bearer abc",), 401, "invalid_token"),
    "padded": (("Bearer TOKEN==",), 401, "invalid_token"),
    "two dots": (("Bearer ..",), 401, "invalid_token"),
}


@drivers()
@pytest.mark.parametrize("row", HEADERS)
def test_every_header_value_has_one_outcome(world: World, driver: str, row: str) -> None:
    """RFC 6750 2.1 and 3.1: what was sent decides, not the adapter or the server behind it."""
    values, status, code = HEADERS[row]
    good = world.pool.access_token()
    sent = tuple(("Authorization", value.replace("TOKEN", good)) for value in values)
    reply = build(driver, world.verifier)(Ask(sent))
    assert (reply.status, reply.reached) == (status, status == 200)
    if status != 200:
        challenge = reply.headers["www-authenticate"]
        assert list(reply.json) == ["detail", "reason"]
        if row in ("the bare token", "no space"):
            check(reply, MISSING._replace(detail=f"{MISSING.detail}: {BARE}"))
        elif code is None:
            check(reply, MISSING)
        else:
            assert challenge.startswith(f'Bearer realm="api", error="{code}", error_description="')
        for secret in (good, good.rpartition(".")[2], "aaaa", "dXNlcjpwYXNz"):
            assert secret not in repr(reply)


@drivers()
def test_the_realm_is_the_users(world: World, driver: str) -> None:
    """`realm=` stands in the challenge."""
    reply = build(driver, world.verifier, realm="Orders API")(Ask())
    check(reply, MISSING._replace(challenge='Bearer realm="Orders API"'))


# --- Optional mode, exclusions, preflights


@drivers(but=EXPLICIT)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param((), 200, id="none"),
        pytest.param((("Authorization", "Basic dXNlcjpwYXNz"),), 200, id="another scheme"),
        pytest.param((("Authorization", "Bearer"),), 400, id="malformed"),
        pytest.param((("Authorization", ""),), 200, id="empty"),
        pytest.param((("Authorization", " "),), 200, id="blank"),
        pytest.param((("Authorization", "Bearer garbage"),), 401, id="bad"),
    ],
)
def test_optional_tolerates_a_missing_token_only(
    world: World, driver: str, headers: Headers, status: int
) -> None:
    """With `optional=True` a request without a token has no principal; a bad one is refused."""
    reply = build(driver, world.verifier, optional=True)(Ask(headers))
    assert (reply.status, reply.reached) == (status, status == 200)
    if status == 200:
        assert reply.json is None
    good = build(driver, world.verifier, optional=True)(Ask(_bearer(world.pool.access_token(subject="me"))))
    assert (good.status, good.json) == (200, "me")


EXCLUDE = ["/health", "/static/*", "/a/b/*"]
PATHS: dict[str, tuple[str, bool]] = {
    # the path as sent, and whether it is excluded
    "whole": ("/health", True),
    "below": ("/static/app.js", True),
    "deep below": ("/static/css/app.css", True),
    "below two segments": ("/a/b/c", True),
    "the leading segment itself": ("/static", False),
    "with a slash": ("/static/", True),
    "another": ("/orders", False),
    "begins alike": ("/healthy", False),
    "ends alike": ("/api/health", False),
    "leading segment begins alike": ("/statically/x", False),
    "one segment of two": ("/a/bc", False),
    "slash behind": ("/health/", False),
    "upper case": ("/HEALTH", False),
    "double slash before": ("//health", False),
    "double slash within": ("/static//x", False),
    "dot": ("/static/./x", False),
    "dot at the end": ("/static/.", False),
    "two dots": ("/static/../orders", False),
    "two dots at the end": ("/static/x/..", False),
    "two dots with a parameter": ("/static/..;/orders", False),
    "encoded dots": ("/static/%2e%2e/orders", False),
    "half-encoded dots": ("/static/.%2E/orders", False),
    "backslash": ("/static/..\\orders", False),
    "encoded backslash": ("/static/%5c..%5Corders", False),
    "encoded slash": ("/static/..%2forders", False),
    "encoded slash alone": ("/static/a%2Fb", False),
    "encoded slash in the first segment": ("/static%2fx", False),
    "twice encoded slash": ("/static/%252e%252e%252forders", False),
    "NUL": ("/health%00", False),
    "NUL below": ("/static/x%00", False),
    "line end": ("/static/x%0a", False),
    "space": ("/static/x%20y", True),
    "a file that begins with dots": ("/static/..x", True),
    "a file with dots": ("/static/a..b", True),
}


# How API Gateway writes a path into an event is its own matter (aws_lambda/_proxy/test_cognito_auth.py).
@drivers(but=EXPLICIT | {"chalice", "lambda_rest", "lambda_websocket", "powertools"})
@pytest.mark.parametrize("row", PATHS)
def test_an_excluded_path_is_that_path(world: World, driver: str, row: str) -> None:
    """`exclude=` opens whole paths and whole leading segments; no other spelling, however it is read."""
    path, excluded = PATHS[row]
    excluded = excluded and not (driver in GRPC and "%" in path)
    reply = build(driver, world.verifier, exclude=EXCLUDE)(Ask(path=path, raw_path=path))
    assert reply.reached is excluded, reply.status
    if excluded:
        assert (reply.status, reply.json) == (200, None)
    else:
        assert reply.status in (401, 404)  # a router may know no such path; the application did not run


ORIGIN = ("Origin", "https://app.example.com")
WANTED = ("Access-Control-Request-Method", "POST")


@drivers(websocket=False, but=GRPC)
@pytest.mark.parametrize(
    ("method", "headers", "passes"),
    [
        pytest.param("OPTIONS", (ORIGIN, WANTED), True, id="preflight"),
        pytest.param("OPTIONS", (ORIGIN,), False, id="without the wanted method"),
        pytest.param("OPTIONS", (WANTED,), False, id="without origin"),
        pytest.param("OPTIONS", (), False, id="options"),
        pytest.param("GET", (ORIGIN, WANTED), False, id="get"),
        pytest.param("POST", (ORIGIN, WANTED), False, id="post"),
        pytest.param("options", (ORIGIN, WANTED), False, id="lower case"),
        pytest.param("OPTIONS", (ORIGIN, WANTED, ("X-HTTP-Method-Override", "DELETE")), False, id="override"),
        pytest.param("OPTIONS", (ORIGIN, WANTED, ("x-http-method", "GET")), False, id="override, Microsoft"),
        pytest.param("OPTIONS", (ORIGIN, WANTED, ("X-Method-Override", "")), False, id="override, IBM"),
        pytest.param("OPTIONS", (ORIGIN, WANTED, ("Cookie", "session=1")), False, id="with a cookie"),
        pytest.param("OPTIONS", (ORIGIN, WANTED, ("Content-Length", "2")), False, id="with a body"),
        pytest.param("OPTIONS", (ORIGIN, WANTED, ("Content-Length", "0")), True, id="with an empty body"),
        pytest.param("OPTIONS", (ORIGIN, WANTED, ("Transfer-Encoding", "chunked")), False, id="chunked"),
        pytest.param("OPTIONS", (ORIGIN, WANTED, ("Content-Type", "text/plain")), False, id="with a type"),
        pytest.param("OPTIONS", (ORIGIN, WANTED, ("Upgrade", "websocket")), False, id="upgrade"),
        pytest.param("OPTIONS", (ORIGIN, WANTED, ("Authorization", "Basic eA==")), False, id="Basic"),
    ],
)
def test_a_preflight_passes(
    world: World, driver: str, method: str, headers: Headers, *, passes: bool
) -> None:
    """With `preflight="pass"` a browser's CORS preflight passes, without principal or body (Fetch, 4.8)."""
    reply = build(driver, world.verifier, preflight="pass")(Ask(headers, method))
    assert reply.status < 400 if passes else reply.status in (401, 405)
    assert (not reply.reached and not passes) or reply.body == b""
    # A route that names its guard is not run at all: it would run for anybody.
    assert not reply.reached or (passes and driver not in EXPLICIT)


@drivers(but=frozenset(NEEDS) - OF_A_ROUTE)
def test_a_routes_policy_is_opened_by_nothing(world: World, driver: str) -> None:
    """What it guards counts on a principal: neither an excluded path nor a preflight runs it."""
    opened: dict[str, Any] = {"exclude": ["/open"]} | ({} if driver in GRPC else {"preflight": "pass"})
    ask = build(driver, world.verifier, require=policy.scopes("orders/read"), **opened)
    excluded = ask(Ask(path="/open"))
    assert (excluded.status, excluded.reached) == (401, False)
    assert not ask(Ask((ORIGIN, WANTED), "OPTIONS")).reached
    token = world.pool.access_token(scopes=["orders/read"])
    assert ask(Ask(_bearer(token), path="/orders")).reached


@drivers(websocket=False, but=GRPC)
def test_preflights_can_be_shut_out(world: World, driver: str) -> None:
    """By default, and with `preflight="refuse"`, they need a token, as everything else."""
    for options in ({}, {"preflight": "refuse"}):
        check(build(driver, world.verifier, **options)(Ask((ORIGIN, WANTED), "OPTIONS")), MISSING)


# --- An error that the application raises itself


def _raised(error: errors.AuthError) -> Callable[[World], object]:
    def work(_world: World) -> object:
        raise error

    return work


IN_A_HANDLER: dict[str, tuple[Callable[[World], object], Outcome]] = {
    "a policy of its own": (
        _raised(errors.PolicyDenied("another tenant's orders")),
        Outcome(
            403,
            _error("insufficient_scope", "another tenant's orders"),
            "another tenant's orders",
            "policy_denied",
        ),
    ),
    "a sign-in that is too old": (
        _raised(errors.AuthenticationTooOld(max_age=60)),
        Outcome(
            401,
            _error("insufficient_user_authentication", "a more recent sign-in is required", ', max_age="60"'),
            "a more recent sign-in is required",
            "authentication_too_old",
        ),
    ),
    "nobody": (_raised(errors.CredentialsMissing()), MISSING),
    "an outage": (
        _raised(errors.KeysUnavailable(retry_after=7)),
        Outcome(503, None, "the issuer's signing keys are unavailable", "keys_unavailable"),
    ),
    "an expired token, verified by hand": (
        lambda world: world.verifier.verify(world.pool.access_token(expires_in=-60)),
        _refused("the token has expired", "get a new one with the refresh token"),
    ),
    "a principal without the scope, asked by hand": (
        lambda world: world.verifier.verify(world.pool.access_token(), require=policy.scopes("a/b")),
        _denied(', scope="a/b"', SCOPES_HINT),
    ),
}


@drivers()
@pytest.mark.parametrize("row", IN_A_HANDLER)
def test_an_error_in_a_handler_is_answered_alike(world: World, driver: str, row: str) -> None:
    """W5: whoever raises an AuthError, the client gets its status, challenge, Retry-After and body."""
    work, expected = IN_A_HANDLER[row]
    ask = build(driver, world.verifier)
    with handler(lambda: work(world)):
        reply = ask(Ask(_bearer(world.pool.access_token())))
    assert reply.reached
    check(reply._replace(reached=False), expected)
    assert reply.headers.get("retry-after") == ("7" if expected.status == 503 else None)


# --- A route's own mark in a closed application

WORDS = ("aiohttp", "django_middleware", "django_middleware_async", "fastapi_protect_all")
WORDS += ("flask_protect_all", "grpc", "grpc_aio", "litestar", "powertools", "starlette")
# Here what leads to no route is for the framework, or the gateway before it, to answer.
OF_ROUTES = ("chalice", "drf", "ninja", "ninja_async")
GOOD, FORGED, ENTITLED = {"subject": "me"}, {"signed_by": "foreign"}, {"subject": "me", "scopes": ["a/b"]}
ROUTES: dict[str, tuple[str, str, dict[str, Any] | None, int, Any]] = {
    # method, path, options of the token or None, status, who is said to ask
    "public, nobody": ("GET", "/public", None, 200, None),
    "public, a token is not looked at": ("GET", "/public", FORGED, 200, None),
    "public, a good one neither": ("GET", "/public", GOOD, 200, None),
    "public, HEAD": ("HEAD", "/public", None, 200, None),
    "public, a method that it does not have": ("DELETE", "/public", None, 401, None),
    "public, below": ("GET", "/public/x", None, 401, None),
    "optional, nobody": ("GET", "/optional", None, 200, None),
    "optional, a good token": ("GET", "/optional", GOOD, 200, "me"),
    "optional, a bad token": ("GET", "/optional", FORGED, 401, None),
    "optional, a method that it does not have": ("DELETE", "/optional", None, 401, None),
    "required, nobody": ("GET", "/required", None, 401, None),
    "required, without the scope": ("GET", "/required", GOOD, 403, None),
    "required, with the scope": ("GET", "/required", ENTITLED, 200, "me"),
    "no word, nobody": ("GET", "/private", None, 401, None),
    "no word, a good token": ("GET", "/private", GOOD, 200, "me"),
    "unknown, nobody": ("GET", "/nowhere", None, 401, None),
    "unknown, a good token": ("GET", "/nowhere", GOOD, 404, None),
}


NO_ROUTE = {"public, a method that it does not have", "public, below", "unknown, nobody"}
NO_ROUTE |= {"optional, a method that it does not have"}


@pytest.mark.parametrize(
    "driver",
    [pytest.param(name, marks=pytest.mark.needs(*NEEDS[name]), id=name) for name in (*WORDS, *OF_ROUTES)],
)
@pytest.mark.parametrize("row", ROUTES)
def test_a_routes_mark_holds_for_that_route(world: World, driver: str, row: str) -> None:
    """W3: `public`, `optional` and `require` say the same everywhere, and nothing else is open."""
    method, path, options, status, who = ROUTES[row]
    headers = () if options is None else _bearer(world.pool.access_token(**options))
    ask = import_module(f"support.drivers.{driver}").words(world.verifier)
    ask(Ask(headers, "GET", "/private"))  # what the verifier knows by now opens and shows nothing either
    reply = ask(Ask(headers, method, path))
    if driver in OF_ROUTES and row in NO_ROUTE:
        assert (reply.status in (401, 404, 405), reply.reached) == (True, False)
        return
    assert (reply.status, reply.reached) == (status, status == 200)
    if status == 200 and method != "HEAD":
        assert reply.json == who
    if status in (401, 403):
        assert reply.json["reason"] in ("credentials_missing", "signature_invalid", "policy_denied")


# --- The metadata document (RFC 9728)

RESOURCE = "https://api.example.com/orders"
WELL_KNOWN = "/.well-known/oauth-protected-resource/orders"


def original_first(issuers: Iterable[str]) -> list[str]:
    """A client begins with the first, and only the original issuer is there for every pool (RFC 9728 2)."""
    return sorted(issuers, key=lambda url: not url.startswith("https://cognito-idp.us-west-2."))


@drivers(websocket=False, but=GRPC)
def test_the_metadata_document_is_served(world: World, driver: str) -> None:
    """RFC 9728 3: at its well-known path, to anybody, whatever the Host header says."""
    ask = build(
        driver, world.verifier, resource=RESOURCE, resource_scopes=["orders/read"], resource_name="Orders"
    )
    for host in ("api.example.com", "evil.example"):
        reply = ask(Ask((("Host", host),), path=WELL_KNOWN))
        assert (reply.status, reply.reached) == (200, False)
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["access-control-allow-origin"] == "*"
        assert reply.json == {
            "resource": RESOURCE,
            "authorization_servers": original_first(world.verifier.issuers),
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["orders/read"],
            "resource_name": "Orders",
        }
    assert 0 < int(reply.headers["cache-control"].removeprefix("public, max-age=")) <= 86400
    head = ask(Ask(method="HEAD", path=WELL_KNOWN))
    assert (head.status, head.body, head.reached) == (200, b"", False)
    assert head.headers["content-length"] == str(len(reply.body))
    assert ask(Ask(method="POST", path=WELL_KNOWN)).status in (401, 405)


@drivers(websocket=False, but=GRPC)
def test_browsers_may_ask_for_the_metadata_document(world: World, driver: str) -> None:
    """Its URL answers OPTIONS, and a preflight for a header of a client's own, whatever `preflight` says."""
    ask = build(driver, world.verifier, resource=RESOURCE)
    wanted = (ORIGIN, WANTED, ("Access-Control-Request-Headers", "mcp-protocol-version"))
    for headers in ((), wanted):
        reply = ask(Ask(headers, "OPTIONS", WELL_KNOWN))
        assert (reply.status, reply.body, reply.reached) == (204, b"", False)
        assert "GET" in reply.headers["access-control-allow-methods"]
        assert reply.headers["access-control-allow-headers"] == "*"


@drivers()
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"resource": RESOURCE}, id="served here"),
        pytest.param({"resource_metadata": f"https://api.example.com{WELL_KNOWN}"}, id="elsewhere"),
    ],
)
def test_the_challenge_names_the_document(world: World, driver: str, options: dict[str, Any]) -> None:
    """RFC 9728 5.1: `resource_metadata` in the challenge, with and without an error code."""
    if driver in GRPC:  # the Guard is shared with what serves the document
        ask = build(driver, Guard(world.verifier, **options))  # type: ignore[arg-type]
    else:
        ask = build(driver, world.verifier, **options)
    where = f'resource_metadata="https://api.example.com{WELL_KNOWN}"'
    check(ask(Ask()), MISSING._replace(challenge=f'Bearer realm="api", {where}'))
    bad = ask(Ask(_bearer(world.pool.access_token(signed_by="foreign"))))
    assert bad.headers["www-authenticate"].endswith(
        f', error_description="the token\'s signature is invalid", {where}'
    )


# --- Other sources of a token, by choice

OTHER_HEADERS: dict[str, tuple[dict[str, Any], Headers, Outcome]] = {
    # options, headers with TOKEN for a good token, outcome
    "a header of a load balancer": ({"header": "X-Token"}, (("X-Token", "Bearer TOKEN"),), OK),
    "in another case": ({"header": "x-token"}, (("X-TOKEN", "Bearer TOKEN"),), OK),
    "the usual one is not read then": ({"header": "X-Token"}, (("Authorization", "Bearer TOKEN"),), MISSING),
    "without its scheme": (
        {"header": "X-Token"},
        (("X-Token", "TOKEN"),),
        MISSING._replace(detail=f"{MISSING.detail}: {BARE}"),
    ),
    "twice": (
        {"header": "X-Token"},
        (("X-Token", "Bearer TOKEN"), ("X-Token", "Bearer TOKEN")),
        Outcome(
            400,
            _error(
                "invalid_request",
                "the X-Token header must be 'Bearer', a space and one token, and come once",
            ),
            'the X-Token header must be "Bearer", a space and one token, and come once',
        ),
    ),
    "a bare token": ({"header": "X-Token", "scheme": None}, (("X-Token", "TOKEN"),), OK),
    "a bare token in the usual header": ({"scheme": None}, (("Authorization", "TOKEN"),), OK),
    "a scheme where none is due": (
        {"scheme": None},
        (("Authorization", "Bearer TOKEN"),),
        Outcome(
            400,
            _error(
                "invalid_request",
                "the Authorization header must be one token alone, without 'Bearer', and come once",
            ),
            'the Authorization header must be one token alone, without "Bearer", and come once',
        ),
    ),
    "two bare tokens": (
        {"scheme": None},
        (("Authorization", "TOKEN,TOKEN"),),
        Outcome(
            400,
            _error(
                "invalid_request",
                "the Authorization header must be one token alone, without 'Bearer', and come once",
            ),
            'the Authorization header must be one token alone, without "Bearer", and come once',
        ),
    ),
    "no header": ({"header": "X-Token", "scheme": None}, (), MISSING),
}


@drivers()
@pytest.mark.parametrize("row", OTHER_HEADERS)
def test_another_header_holds_the_token(world: World, driver: str, row: str) -> None:
    """`header=` and `scheme=` say where and how a proxy hands the token on."""
    options, headers, expected = OTHER_HEADERS[row]
    good = world.pool.access_token()
    sent = tuple((name, value.replace("TOKEN", good)) for name, value in headers)
    check(build(driver, world.verifier, **options)(Ask(sent)), expected)


UPGRADE = ("Upgrade", "websocket")
COOKIE = {"cookie": "at", "allowed_origins": ["https://app.example.com", "http://localhost:3000"]}


def _cookie(value: str) -> tuple[str, str]:
    return ("Cookie", value)


COOKIES: dict[str, tuple[str, Headers, int]] = {
    # method, headers with TOKEN for a good token, status over HTTP
    "read": ("GET", (_cookie("at=TOKEN"),), 200),
    "read, from anywhere": ("GET", (_cookie("at=TOKEN"), ("Origin", "https://evil.example")), 200),
    "among others": ("GET", (_cookie("a=1; at=TOKEN; b=2"),), 200),
    "in a second header": ("GET", (_cookie("a=1"), _cookie("at=TOKEN")), 200),
    "write, own origin": ("POST", (_cookie("at=TOKEN"), ORIGIN), 200),
    "write, other own origin": ("DELETE", (_cookie("at=TOKEN"), ("Origin", "http://localhost:3000")), 200),
    "write, foreign origin": ("POST", (_cookie("at=TOKEN"), ("Origin", "https://evil.example")), 403),
    "write, no origin": ("POST", (_cookie("at=TOKEN"),), 403),
    "write, null origin": ("PUT", (_cookie("at=TOKEN"), ("Origin", "null")), 403),
    "write, origin begins alike": (
        "PATCH",
        (_cookie("at=TOKEN"), ("Origin", "https://app.example.com.evil.example")),
        403,
    ),
    "write, two origins": ("POST", (_cookie("at=TOKEN"), ORIGIN, ("Origin", "https://evil.example")), 403),
    "write, other port": ("POST", (_cookie("at=TOKEN"), ("Origin", "https://app.example.com:8443")), 403),
    "write, other scheme": ("POST", (_cookie("at=TOKEN"), ("Origin", "http://app.example.com")), 403),
    "unknown method": ("BREW", (_cookie("at=TOKEN"),), 403),
    "other name": ("GET", (_cookie("attic=TOKEN"),), 401),
    "other case": ("GET", (_cookie("AT=TOKEN"),), 401),
    "empty": ("GET", (_cookie("at="),), 401),
    "no value": ("GET", (_cookie("at"),), 401),
    "twice": ("GET", (_cookie("at=TOKEN; at=TOKEN"),), 400),
    "twice, one bad": ("GET", (_cookie("at=x; at=TOKEN"),), 400),
    "quoted": ("GET", (_cookie('at="TOKEN"'),), 200),
    "half quoted": ("GET", (_cookie('at="TOKEN'),), 400),
    "an empty one in quotes": ("GET", (_cookie('at=""'),), 401),
    "twice, one quoted": ("GET", (_cookie('at="TOKEN"; at=TOKEN'),), 400),
    "handshake, own origin": ("GET", (_cookie("at=TOKEN"), UPGRADE, ORIGIN), 200),
    "handshake, foreign origin": (
        "GET",
        (_cookie("at=TOKEN"), UPGRADE, ("Origin", "https://evil.example")),
        403,
    ),
    "handshake, no origin": ("GET", (_cookie("at=TOKEN"), UPGRADE), 403),
    "any upgrade, no origin": ("GET", (_cookie("at=TOKEN"), ("Upgrade", "h2c")), 403),
    "extended CONNECT, no origin": ("CONNECT", (_cookie("at=TOKEN"),), 403),
    "non-ASCII": ("GET", (_cookie("at=\xe9"),), 400),
    "bad": ("GET", (_cookie("at=garbage"),), 401),
    "cookie and header": ("GET", (_cookie("at=TOKEN"), ("Authorization", "Bearer TOKEN")), 400),
    "cookie and another scheme": ("GET", (_cookie("at=TOKEN"), ("Authorization", "Basic dTpw")), 200),
    "cookie and a malformed header": ("GET", (_cookie("at=TOKEN"), ("Authorization", "Bearer")), 400),
    "header alone, foreign origin": (
        "POST",
        (("Authorization", "Bearer TOKEN"), ("Origin", "https://evil.example")),
        200,
    ),
}


OWN = [[origin] for origin in COOKIE["allowed_origins"]]
# Their cookie counts; over a WebSocket its origin is looked at whatever the method.
ON_WEBSOCKETS_TOO = {"read", "read, from anywhere", "among others", "in a second header", "bad", "quoted"}
ON_WEBSOCKETS_TOO |= {"cookie and another scheme"}


@drivers()
@pytest.mark.parametrize("row", COOKIES)
def test_a_cookie_is_taken_where_it_was_chosen(world: World, driver: str, row: str) -> None:
    """A cookie needs an allowed origin on methods that change something, and on every WebSocket."""
    method, headers, status = COOKIES[row]
    good = world.pool.access_token()
    sent = tuple((name, value.replace("TOKEN", good)) for name, value in headers)
    module = import_module(f"support.drivers.{driver}")
    origins = [value for name, value in headers if name == "Origin"]
    if (module.WEBSOCKET or driver in GRPC) and row in ON_WEBSOCKETS_TOO and origins[:1] not in OWN:
        status = 403
    reply = build(driver, world.verifier, **COOKIE)(Ask(sent, method))
    if method in ("BREW", "CONNECT") and reply.status == 405:
        assert not reply.reached
        return
    assert (reply.status, reply.reached) == (status, status == 200)
    if status == 403:
        check(
            reply, Outcome(403, 'Bearer realm="api"', "the token's cookie is not accepted from this origin")
        )


@drivers()
def test_only_the_header_is_looked_at_unless_chosen(world: World, driver: str) -> None:
    """No cookie, subprotocol or query is read by default."""
    token = world.pool.access_token()
    sent = (_cookie(f"at={token}; access_token={token}"), ("Sec-WebSocket-Protocol", f"bearer, {token}"))
    reply = build(driver, world.verifier)(Ask((*sent, ("X-Authorization", f"Bearer {token}"))))
    check(reply, MISSING)


SUBPROTOCOLS: dict[str, tuple[str | None, int, str | None]] = {
    # what is offered, the status, what is answered
    "pair": ("bearer, TOKEN", 200, "bearer"),
    "pair, no space": ("bearer,TOKEN", 200, "bearer"),
    "pair and another": ("bearer, TOKEN, chat", 200, "bearer"),
    "another and pair": ("chat, bearer, TOKEN", 200, "bearer"),
    "none": (None, 401, None),
    "another": ("chat", 401, None),
    "token without marker": ("TOKEN", 401, None),
    "marker alone": ("bearer", 400, None),
    "marker after the token": ("TOKEN, bearer", 400, None),
    "marker twice": ("bearer, TOKEN, bearer, TOKEN", 400, None),
    "empty after marker": ("bearer, ,TOKEN", 400, None),
    "bad token": ("bearer, garbage", 401, None),
    "other case": ("Bearer, TOKEN", 401, None),
}


@drivers(websocket=True)
@pytest.mark.parametrize("row", SUBPROTOCOLS)
def test_a_subprotocol_can_be_the_token(world: World, driver: str, row: str) -> None:
    """`[marker, token]` is taken where it was chosen, and the marker is answered."""
    offered, status, answered = SUBPROTOCOLS[row]
    good = world.pool.access_token()
    sent = () if offered is None else (("Sec-WebSocket-Protocol", offered.replace("TOKEN", good)),)
    reply = build(driver, world.verifier, subprotocol="bearer")(Ask(sent))
    assert (reply.status, reply.reached) == (status, status == 200)
    if status == 200:
        assert reply.headers.get("sec-websocket-protocol") == answered
    both = build(driver, world.verifier, subprotocol="bearer")(Ask((*sent, *_bearer(good))))
    assert both.status == (400 if status in (200, 400) or row == "bad token" else 200)


# --- Configuration

NONSENSE: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "a function as policy": ({"require": lambda _principal: True}, TypeError),
    "a scope as policy": ({"require": "orders/read"}, TypeError),
    "preflight, no word": ({"preflight": True}, errors.ConfigurationError),
    "optional, not a bool": ({"optional": "no"}, errors.ConfigurationError),
    "exclude, a str": ({"exclude": "/health"}, errors.ConfigurationError),
    "cookie without origins": ({"cookie": "at"}, errors.ConfigurationError),
    "origins without cookie": ({"allowed_origins": ["https://a.example"]}, errors.ConfigurationError),
    "realm with a quote": ({"realm": 'a"b'}, errors.ConfigurationError),
    "resource from nowhere": ({"resource": "api"}, errors.ConfigurationError),
    "timeout of nothing": ({"timeout": 0}, errors.ConfigurationError),
    "an unknown option": ({"tokn_use": "access"}, TypeError),
    "a header with a space": ({"header": "X Token"}, errors.ConfigurationError),
    "the cookies' header": ({"header": "Cookie"}, errors.ConfigurationError),
    "another scheme": ({"scheme": "Token"}, errors.ConfigurationError),
    "servers without a resource": (
        {"authorization_servers": ["https://a.example"]},
        errors.ConfigurationError,
    ),
    "no servers": ({"resource": RESOURCE, "authorization_servers": []}, errors.ConfigurationError),
}


@drivers()
@pytest.mark.parametrize("row", NONSENSE)
def test_nonsense_fails_at_once(world: World, driver: str, row: str) -> None:
    """An invalid setting fails when the adapter is made, not at the first request."""
    options, kind = NONSENSE[row]
    with pytest.raises(kind):
        build(driver, world.verifier, **options)


@drivers()
@pytest.mark.parametrize("value", ["verifier", FakeUserPool, policy.groups("a")], ids=repr)
def test_a_verifier_is_a_verifier(driver: str, value: Any) -> None:
    """Anything else in its place fails when the adapter is made."""
    with pytest.raises((TypeError, errors.ConfigurationError)):
        build(driver, value)


@drivers()
def test_no_verifier_is_no_way_in(world: World, driver: str) -> None:
    """Without a verifier an adapter is not made, or it fails each request until it has one."""
    unbound: Any = None
    with pytest.raises((TypeError, errors.ConfigurationError)):
        build(driver, unbound)(Ask(_bearer(world.pool.access_token())))


# --- A Guard in place of a verifier


@drivers()
def test_a_guard_in_place_of_a_verifier(world: World, driver: str) -> None:
    """Its settings hold, and options beside it are refused, because only one of both could hold."""
    ask = build(driver, Guard(world.verifier, realm="Orders API"))  # type: ignore[arg-type]
    check(ask(Ask()), MISSING._replace(challenge='Bearer realm="Orders API"'))
    assert ask(Ask(_bearer(world.pool.access_token()))).reached
    with pytest.raises(errors.ConfigurationError, match="realm= belongs to the Guard"):
        build(driver, Guard(world.verifier), realm="other")  # type: ignore[arg-type]


# Which can, or are never asked for a socket.
CLOSES = frozenset(
    {"asgi", "asgi_require", "asgi_websocket", "django_asgi", "starlette", "starlette_websocket"}
)
CLOSES |= {"fastapi", "fastapi_require", "fastapi_protect_all"}
CLOSES |= {"django_middleware", "django_middleware_async", "django_require", "django_require_async"}
CLOSES |= {"aiohttp", "aiohttp_require", "aiohttp_websocket"}
CLOSES |= {"litestar", "litestar_require", "litestar_websocket"}
CLOSES |= GRPC


@drivers(but=CLOSES)
def test_a_guards_setting_is_never_dropped(world: World, driver: str) -> None:
    """Where sockets cannot be closed when their token expires, a Guard that says so is an error."""
    with pytest.raises(errors.ConfigurationError, match="close_at_expiry="):
        build(driver, Guard(world.verifier, close_at_expiry=True))(  # type: ignore[arg-type]
            Ask(_bearer(world.pool.access_token()))
        )
