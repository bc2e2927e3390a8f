"""`_web.guard`: which settings are taken, and which fail in the constructor and name the value."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cognito_mr_auth import Principal, Verifier, errors, policy
from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.state import GUARD, PRINCIPAL
from cognito_mr_auth.testing import FakeUserPool


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """One pool: nothing here changes it."""
    return FakeUserPool()


@pytest.fixture(scope="module")
def verifier(pool: FakeUserPool) -> Verifier:
    """Its verifier."""
    return pool.offline_verifier()


def request_of(**headers: str) -> HTTPRequest:
    """A GET with these headers."""
    values = {name.replace("_", "-"): [value] for name, value in headers.items()}
    return HTTPRequest("GET", "/", "/", lambda name: values.get(name, []))


ORIGINS = ["https://app.example.com"]
REFUSED: list[dict[str, Any]] = [
    {"optional": 1},
    {"optional": None},
    {"close_at_expiry": "yes"},
    {"realm": ""},
    {"realm": 'a"b'},
    {"realm": "a\\b"},
    {"realm": "a\nb"},
    {"realm": "caf\xe9"},
    {"realm": b"api"},
    {"realm": None},
    {"timeout": 0},
    {"timeout": -1},
    {"timeout": 61},
    {"timeout": True},
    {"timeout": "2"},
    {"timeout": float("nan")},
    {"timeout": float("inf")},
    {"timeout": None},
    {"cookie": "at"},
    {"cookie": "", "allowed_origins": ORIGINS},
    {"cookie": "a b", "allowed_origins": ORIGINS},
    {"cookie": "a=b", "allowed_origins": ORIGINS},
    {"cookie": "a;b", "allowed_origins": ORIGINS},
    {"cookie": b"at", "allowed_origins": ORIGINS},
    {"cookie": True, "allowed_origins": ORIGINS},
    {"allowed_origins": ORIGINS},
    {"cookie": "at", "allowed_origins": []},
    {"cookie": "at", "allowed_origins": "https://app.example.com"},
    {"cookie": "at", "allowed_origins": ["*"]},
    {"cookie": "at", "allowed_origins": ["null"]},
    {"cookie": "at", "allowed_origins": [None]},
    {"cookie": "at", "allowed_origins": ["app.example.com"]},
    {"cookie": "at", "allowed_origins": ["https://app.example.com/"]},
    {"cookie": "at", "allowed_origins": ["https://App.example.com"]},
    {"cookie": "at", "allowed_origins": ["https://*.example.com"]},
    {"cookie": "at", "allowed_origins": ["https://u@app.example.com"]},
    {"cookie": "at", "allowed_origins": ["ftp://app.example.com"]},
    {"cookie": "at", "allowed_origins": ["https://app.example.com\n"]},
    {"cookie": "at", "allowed_origins": ["https://app.example.com:443"]},
    {"cookie": "at", "allowed_origins": ["http://app.example.com:80"]},
    {"subprotocol": ""},
    {"subprotocol": "a, b"},
    {"subprotocol": 5},
    {"resource": ""},
    {"resource": "api.example.com"},
    {"resource": "http://api.example.com"},
    {"resource": "https://api.example.com#x"},
    {"resource": "https://api.example.com?x=1"},
    {"resource": "https://u@api.example.com"},
    {"resource": "https://api.example.com/a%20b"},
    {"resource": "https://API.example.com"},
    {"resource": b"https://api.example.com"},
    {"resource": "https://api.example.com", "resource_scopes": "orders/read"},
    {"resource": "https://api.example.com", "resource_scopes": [5]},
    {"resource": "https://api.example.com", "resource_name": 5},
    {"resource": "https://api.example.com", "resource_metadata": "https://api.example.com/m"},
    {"resource_scopes": ["orders/read"]},
    {"resource_name": "Orders"},
    {"resource_metadata": "/m"},
    {"authorization_servers": ["https://a.example"]},
    {"resource": "https://api.example.com", "authorization_servers": "https://a.example"},
    {"resource": "https://api.example.com", "authorization_servers": []},
    {"resource": "https://api.example.com", "authorization_servers": ["a.example"]},
    {"preflight": "yes"},
    {"preflight": None},
    {"header": ""},
    {"header": "X Token"},
    {"header": b"X-Token"},
    {"header": None},
    {"header": "cookie"},
    {"header": "Sec-WebSocket-Protocol"},
    {"scheme": ""},
    {"scheme": "bearer"},
    {"scheme": "Token"},
    {"scheme": 5},
    {"resource_metadata": 'https://api.example.com/"'},
]


@pytest.mark.parametrize("options", REFUSED, ids=repr)
def test_nonsense_is_refused(verifier: Verifier, options: dict[str, Any]) -> None:
    """S7: a ConfigurationError that names one of the settings given."""
    with pytest.raises(errors.ConfigurationError) as caught:
        RequestGuard(verifier, **options)
    assert any(name in str(caught.value) for name in options)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0.5},
        {"timeout": 60},
        {"realm": "Orders API (v2), [beta]"},
        {
            "cookie": "__Host-at",
            "allowed_origins": ("https://a.example", "http://localhost:3000", "http://[::1]:8080"),
        },
        {"subprotocol": "cognito.bearer"},
        {"resource": "http://localhost:8000/mcp"},
        {"resource": "https://api.example.com:8443/a/b/"},
        {"resource_metadata": "https://meta.example.com/.well-known/x"},
        {"header": "x-amzn-oidc-accesstoken", "scheme": None},
        {"resource": "https://a.example", "authorization_servers": ("https://b.example/x",)},
    ],
    ids=repr,
)
def test_sense_is_taken(verifier: Verifier, options: dict[str, Any]) -> None:
    """What a user may rightly want is no error."""
    RequestGuard(verifier, **options)


@pytest.mark.parametrize(
    ("resource", "path", "url"),
    [
        ("https://a.example", "", "https://a.example"),
        ("https://a.example/", "", "https://a.example"),
        ("https://a.example/mcp", "/mcp", "https://a.example"),
        ("https://a.example/x/", "/x/", "https://a.example"),
        ("http://[::1]:8000/x", "/x", "http://[::1]:8000"),
    ],
)
def test_where_the_document_is(verifier: Verifier, resource: str, path: str, url: str) -> None:
    """RFC 9728 3.1: the well-known part goes between host and path; a final slash of the host goes."""
    metadata = RequestGuard(verifier, resource=resource).metadata
    assert metadata is not None
    assert metadata.path == "/.well-known/oauth-protected-resource" + path
    assert metadata.url == url + metadata.path


def test_a_document_without_wishes_is_short(verifier: Verifier) -> None:
    """What was not given does not stand in the document."""
    answer = RequestGuard(verifier, resource="https://a.example").document(
        HTTPRequest("HEAD", "/.well-known/oauth-protected-resource", "", lambda _name: ())
    )
    assert answer is not None
    assert b"scopes_supported" not in answer.body
    assert b"resource_name" not in answer.body
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("x-nothing") is None


# --- Policies of guard and route


def both(
    guard: RequestGuard, call: Callable[..., Any], acall: Callable[..., Any], *args: Any, **more: Any
) -> Any:
    """The outcome of both ways, which must be one: a principal, or the type of the error."""
    outcomes = []
    for run in (lambda: call(*args, **more), lambda: asyncio.run(acall(*args, **more))):
        try:
            outcomes.append(run())
        except errors.AuthError as error:
            outcomes.append(type(error))
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


A, B = policy.scopes("a/x"), policy.scopes("b/x")


@pytest.mark.parametrize(
    ("of_guard", "of_route", "held", "passes"),
    [
        (None, None, (), True),
        (A, None, ("a/x",), True),
        (A, None, ("b/x",), False),
        (None, B, ("b/x",), True),
        (None, B, ("a/x",), False),
        (A, B, ("a/x", "b/x"), True),
        (A, B, ("a/x",), False),
        (A, B, ("b/x",), False),
    ],
)
def test_both_policies_hold(
    pool: FakeUserPool,
    verifier: Verifier,
    of_guard: Any,
    of_route: Any,
    held: Any,
    passes: bool,
) -> None:
    """A route's policy comes on top of the guard's."""
    guard = RequestGuard(verifier, require=of_guard)
    asked = request_of(authorization=f"Bearer {pool.access_token(scopes=held)}")
    outcome = both(guard, guard.verify, guard.averify, asked, of_route)
    assert isinstance(outcome, Principal) if passes else outcome is errors.PolicyDenied


def test_a_found_principal_meets_the_routes_policy(pool: FakeUserPool, verifier: Verifier) -> None:
    """`require` judges a principal that a guard in front has found; none at all is missing credentials."""
    guard = RequestGuard(verifier)
    principal = verifier.verify(pool.access_token(scopes=["a/x"]))
    assert both(guard, guard.require, guard.arequire, principal, A) is principal
    assert both(guard, guard.require, guard.arequire, principal, None) is principal
    assert both(guard, guard.require, guard.arequire, principal, B) is errors.PolicyDenied
    admitted = policy.check(lambda _anything: True)
    for nobody in (None, object(), "5f0c", True, {"sub": "5f0c"}, Principal):
        for require in (None, A, admitted):
            assert both(guard, guard.require, guard.arequire, nobody, require) is errors.CredentialsMissing


@pytest.mark.parametrize("options", [{}, {"optional": True}, {"exclude": ["/"]}], ids=repr)
def test_a_routes_own_mark_holds(pool: FakeUserPool, verifier: Verifier, options: dict[str, Any]) -> None:
    """`need`: no setting of the guard opens a route that requires a token, or closes one to guests."""
    guard = RequestGuard(verifier, **options)
    nobody = None if options else errors.CredentialsMissing
    assert both(guard, guard.verify, guard.averify, request_of()) is nobody
    assert both(guard, guard.verify, guard.averify, request_of(), need="optional") is None
    outcome = both(guard, guard.verify, guard.averify, request_of(), need="required")
    assert outcome is errors.CredentialsMissing
    good = request_of(authorization=f"Bearer {pool.access_token()}")
    bad = request_of(authorization=f"Bearer {pool.access_token(signed_by='foreign')}")
    for need in ("required", "optional"):
        assert isinstance(both(guard, guard.verify, guard.averify, good, need=need), Principal)
        assert both(guard, guard.verify, guard.averify, bad, need=need) is errors.SignatureInvalid


@pytest.mark.parametrize("stand_in", [None, True, "5f0c", {"sub": "5f0c"}, Principal], ids=repr)
def test_a_value_that_is_no_principal_identifies_no_caller(pool: FakeUserPool, stand_in: Any) -> None:
    """A verifier's subclass that returns another value lets no request pass, not even as a guest."""

    class Careless(Verifier):
        def verify(self, *_: Any, **__: Any) -> Any:
            return stand_in

        async def averify(self, *_: Any, **__: Any) -> Any:
            return stand_in

    guard = RequestGuard(Careless(pool.user_pool(), token_use="access"), optional=True)
    asked = request_of(authorization=f"Bearer {pool.access_token()}")
    assert both(guard, guard.verify, guard.averify, asked) is errors.CredentialsMissing
    with pytest.raises(errors.CredentialsMissing):
        guard.verify(asked, timeout=1.0)


# --- A principal that a guard in front has found

SOCKETS = {"subprotocol": "bearer"}
COOKIES = {"cookie": "at", "allowed_origins": ORIGINS}


@pytest.mark.parametrize(
    ("front", "behind", "counts"),
    [
        pytest.param({}, {}, True, id="equal settings"),
        pytest.param({"realm": "a", "optional": True}, {"exclude": ["/x"]}, True, id="other settings"),
        pytest.param(SOCKETS, SOCKETS, True, id="the same subprotocol"),
        pytest.param(SOCKETS, {}, True, id="a subprotocol in front"),
        pytest.param({**SOCKETS, **COOKIES}, {}, False, id="a subprotocol and a cookie in front"),
        pytest.param(COOKIES, COOKIES, True, id="the same cookie"),
        pytest.param(COOKIES, {}, False, id="a cookie in front"),
        pytest.param({}, COOKIES, False, id="a cookie behind"),
        pytest.param(
            COOKIES, {**COOKIES, "allowed_origins": ["https://b.example"]}, False, id="other origins"
        ),
        pytest.param({"header": "X-Token"}, {}, False, id="another header"),
        pytest.param({"scheme": None}, {}, False, id="another scheme"),
    ],
)
def test_a_principal_found_in_front_counts_if_it_would_be_found_here(
    pool: FakeUserPool, verifier: Verifier, front: Any, behind: Any, counts: bool
) -> None:
    """One verification for a request: of the same verifier, and a token in the same places."""
    first, second = RequestGuard(verifier, **front), RequestGuard(verifier, **behind)
    state = {GUARD: first, PRINCIPAL: verifier.verify(pool.access_token())}
    outcome = both(second, second.verify, second.averify, request_of(), behind=state)
    assert outcome is (state[PRINCIPAL] if counts else errors.CredentialsMissing)
    assert both(first, first.verify, first.averify, request_of(), behind=state) is state[PRINCIPAL]


def test_another_verifiers_principal_counts_for_nothing(pool: FakeUserPool, verifier: Verifier) -> None:
    """It has other pools, clients and hooks; nor does a value that only stands in a principal's place."""
    guard, other = RequestGuard(verifier), RequestGuard(pool.offline_verifier())
    principal = verifier.verify(pool.access_token())
    for state in (
        {GUARD: other, PRINCIPAL: principal},
        {GUARD: None, PRINCIPAL: principal},
        {PRINCIPAL: principal},
        {GUARD: guard, PRINCIPAL: None},
        {GUARD: guard, PRINCIPAL: "5f0c"},
        {GUARD: guard},
    ):
        outcome = both(guard, guard.verify, guard.averify, request_of(), behind=state)
        assert outcome is errors.CredentialsMissing


def test_the_policy_of_the_guard_behind_holds(pool: FakeUserPool, verifier: Verifier) -> None:
    """A found principal has met the policy of the guard that found it, and no other."""
    front, behind = RequestGuard(verifier), RequestGuard(verifier, require=A)
    for scopes, passes in ((["a/x"], True), (["b/x"], False)):
        state = {GUARD: front, PRINCIPAL: verifier.verify(pool.access_token(scopes=scopes))}
        outcome = both(behind, behind.verify, behind.averify, request_of(), behind=state)
        assert outcome is (state[PRINCIPAL] if passes else errors.PolicyDenied)
        of_route = both(front, front.verify, front.averify, request_of(), A, behind=state)
        assert of_route is outcome


# --- A verifier that comes later


def test_a_guard_without_a_verifier_lets_no_request_in(pool: FakeUserPool, verifier: Verifier) -> None:
    """Until `bind` every request is a ConfigurationError, whatever the settings open; bound once for all."""
    guard = RequestGuard(None, optional=True, exclude=["/x"], resource="https://a.example")
    good = request_of(authorization=f"Bearer {pool.access_token()}")
    assert guard.document(request_of()._replace(path="/.well-known/oauth-protected-resource")) is None
    for request in (good, request_of(), request_of()._replace(path="/x")):
        for run in (lambda r: guard.verify(r), lambda r: asyncio.run(guard.averify(r))):  # noqa: PLW0108
            with pytest.raises(errors.ConfigurationError, match=r"call bind\(verifier\)"):
                run(request)
    assert not guard.bound
    guard.bind(verifier)
    guard.bind(verifier)
    assert guard.bound
    assert isinstance(both(guard, guard.verify, guard.averify, good), Principal)
    with pytest.raises(errors.ConfigurationError, match="verifier already"):
        guard.bind(pool.offline_verifier())
    with pytest.raises(TypeError, match="give a Verifier"):
        RequestGuard(None).bind("verifier")  # type: ignore[arg-type]


def test_what_blocks_refuses_a_coroutine_function_whenever_it_comes(pool: FakeUserPool) -> None:
    """H2: at once where there is a verifier, or by `bind`, which then binds nothing."""

    async def revoked(_principal: Principal) -> bool:
        return False

    later, now = RequestGuard(None), RequestGuard(pool.offline_verifier(revoked=revoked))
    later.refuse_async_hooks()
    with pytest.raises(TypeError, match="coroutine function"):
        now.refuse_async_hooks()
    with pytest.raises(TypeError, match="coroutine function"):
        later.bind(pool.offline_verifier(revoked=revoked))
    assert not later.bound


class Stopwatch(Verifier):
    """A verifier that notes the timeout that it was given."""

    def __init__(self, *pools: Any, **options: Any) -> None:
        super().__init__(*pools, **options)
        self.waits: list[float] = []

    def verify(self, token: str, *, require: Any = None, timeout: float = -1.0) -> Principal:
        self.waits.append(timeout)
        return super().verify(token, require=require, timeout=timeout)

    async def averify(
        self,
        token: str,
        *,
        require: Any = None,
        timeout: float = -1.0,  # noqa: ASYNC109 - as in Verifier
    ) -> Principal:
        self.waits.append(timeout)
        return await super().averify(token, require=require, timeout=timeout)


async def _awaited(awaitable: Awaitable[object]) -> object:
    return await awaitable


@pytest.mark.parametrize(
    ("given", "waited"), [({}, 1.5), ({"timeout": None}, 1.5), ({"timeout": 0.05}, 0.05)]
)
def test_one_request_may_have_less_time(pool: FakeUserPool, given: dict[str, Any], waited: float) -> None:
    """`timeout=` of a call takes the place of the guard's own, for that call."""
    verifier = Stopwatch(pool.user_pool(), token_use="access")
    guard = RequestGuard(verifier, timeout=1.5)
    asked = request_of(authorization=f"Bearer {pool.access_token()}")
    guard.verify(asked, **given)
    asyncio.run(_awaited(guard.averify(asked, **given)))
    both(guard, guard.verify, guard.averify, asked)
    assert verifier.waits == [waited, waited, 1.5, 1.5]


# --- Loading the HTTP client


class Unloadable(Verifier):
    """A verifier whose HTTP client cannot be loaded."""

    def __init__(self, *pools: Any, error: Exception, **options: Any) -> None:
        super().__init__(*pools, **options)
        self.error = error

    def _load_http_client(self) -> None:
        raise self.error


class Empty(Verifier):
    """A double of a test's own, whose constructor does not call Verifier's."""

    def __init__(self) -> None:
        """Nothing."""


@pytest.mark.parametrize("error", [ImportError("no httpx"), OSError(24, "Too many open files")])
def test_a_client_that_cannot_be_loaded_is_no_error_yet(pool: FakeUserPool, error: Exception) -> None:
    """F: the application starts, and the first request that must fetch reports it as an outage."""
    verifier = Unloadable(pool.user_pool(), token_use="access", error=error)
    assert RequestGuard(verifier).verifier is verifier


def test_a_double_without_pools() -> None:
    """A subclass that makes nothing of a Verifier is taken, as before."""
    assert RequestGuard(Empty()).timeout == 2.0


LOADS = """
import sys
from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth.testing import FakeUserPool

offline = FakeUserPool().offline_verifier()
online = Verifier(UserPool("us-west-2_EXAMPLE", client_ids=["1example23456789"]), token_use="access")
assert "httpx" not in sys.modules
RequestGuard({verifier}, {options})
print("httpx" in sys.modules, {verifier}._fetcher._ssl_context is not None)
"""


@pytest.mark.outside
@pytest.mark.parametrize(
    ("verifier", "options", "variables", "loaded"),
    [
        pytest.param("online", "", {}, True, id="online"),
        pytest.param("online", "load_client=False", {}, False, id="lambda adapter"),
        pytest.param("online", "", {"AWS_LAMBDA_FUNCTION_NAME": "api"}, False, id="in lambda"),
        pytest.param("offline", "", {}, False, id="offline"),
    ],
)
def test_who_loads_the_client_when_it_is_made(
    verifier: str, options: str, variables: dict[str, str], loaded: bool
) -> None:
    """F: an application's start, and not its first request, unless no fetch may come or AWS Lambda counts."""
    unwanted = ("COVERAGE", "AWS_LAMBDA_FUNCTION_NAME")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(unwanted)}
    done = subprocess.run(
        [sys.executable, "-c", LOADS.format(verifier=verifier, options=options)],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{loaded} {loaded}\n"
