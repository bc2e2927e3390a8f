"""What FastAPI adds to the outcomes that every adapter shares (test_outcomes.py)."""

import inspect
import json
import subprocess
import sys
from enum import StrEnum
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Security
from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes
from support.drivers import Ask, Reply
from support.drivers.client import _run, ask_http, http_scope

from cognito_mr_auth import Principal, errors, policy
from cognito_mr_auth.asgi import principal_of
from cognito_mr_auth.fastapi import CognitoAuth, _Named
from cognito_mr_auth.testing import FakeClock, FakeUserPool

POOL = FakeUserPool(clock=FakeClock())
VERIFIER = POOL.offline_verifier()


def get(app: Any, token: str | None = None, path: str = "/", *headers: tuple[str, str]) -> Reply:
    """GET, in this process."""
    sent = headers if token is None else (("Authorization", f"Bearer {token}"), *headers)
    return ask_http(app, Ask(sent, path=path), lambda: True)


def scoped(*names: str, **options: Any) -> str:
    """A token of exactly these scopes."""
    return POOL.access_token(scopes=names, **options)


def fixed(principal: Principal | None) -> Any:
    """An override that gives this principal."""

    def override() -> Principal | None:
        return principal

    return override


def principal_with(*names: str) -> Principal:
    """A principal for overrides."""
    return VERIFIER.verify(scoped(*names, subject="overriding"))


# --- The ways to declare it


def by_default(auth: CognitoAuth) -> Any:
    """Declared as a default value."""

    def endpoint(principal: Principal = Depends(auth)) -> str:  # noqa: B008
        return principal.subject

    return endpoint


def by(dependency: Any) -> Any:
    """Declared in the annotation."""

    async def endpoint(principal: Annotated[Principal, dependency]) -> str:
        return principal.subject

    return endpoint


def below(auth: CognitoAuth) -> Any:
    """Declared in a dependency of the user's."""

    def caller(principal: Annotated[Principal, Depends(auth)]) -> str:
        return principal.subject

    def endpoint(subject: Annotated[str, Depends(caller)]) -> str:
        return subject

    return endpoint


def beside(request: Request) -> str:
    """Declared elsewhere; the principal is in the scope."""
    principal = principal_of(request.scope)
    assert principal is not None
    return principal.subject


# way -> the endpoint; those not named here have the dependency beside them
ENDPOINTS: dict[str, Any] = {
    "default, sync": by_default,
    "annotated": lambda auth: by(Depends(auth)),
    "sub-dependency": below,
    "require": lambda auth: by(Depends(auth.require())),
    "security": lambda auth: by(Security(auth, scopes=["a"])),
}


def declared(auth: CognitoAuth, way: str) -> FastAPI:
    """An application that says who asks, at /v1/x/, protected in one of FastAPI's ways."""
    at = {way: [Depends(auth)]}
    app = FastAPI(dependencies=at.get("application"))
    router = APIRouter(dependencies=at.get("router"))
    outer = APIRouter(prefix="/v1")
    endpoint = ENDPOINTS[way](auth) if way in ENDPOINTS else beside
    router.get("/", dependencies=at.get("path operation"))(endpoint)
    outer.include_router(router, prefix="/x", dependencies=at.get("inclusion"))
    app.include_router(outer)
    return app


@pytest.mark.parametrize("way", [*ENDPOINTS, "application", "router", "inclusion", "path operation"])
def test_every_way_to_declare_it_protects(way: str) -> None:
    """Depends, Annotated and Security, at a parameter, a route, a router or the application."""
    app = declared(CognitoAuth(VERIFIER), way)
    assert get(app, path="/v1/x/").status == 401
    assert get(app, "garbage", "/v1/x/").status == 401
    good = get(app, scoped("a", subject="me"), "/v1/x/")
    assert (good.status, good.json) == (200, "me")


# --- Scopes and policies on one route

A, B, C = policy.scopes("a"), policy.scopes("b"), policy.scopes("c")
EITHER = policy.any_scope("a", "b")
OR_GROUP = A | policy.any_group("x")

# the dependencies in order ("a" is Security(auth, scopes=["a"])), the token's scopes, its groups, status
COMBINED: dict[str, tuple[tuple[Any, ...], tuple[str, ...], tuple[str, ...], int]] = {
    "one": (("a",), ("a",), (), 200),
    "one, missing": (("a",), ("b",), (), 403),
    "two, one missing": (("a b",), ("a",), (), 403),
    "two": (("a b",), ("b", "a"), (), 200),
    "apart, one missing": (("a", "b"), ("a",), (), 403),
    "either, by the second": ((EITHER,), ("b",), (), 200),
    "either, by none": ((EITHER,), ("c",), (), 403),
    "or group, by the group": ((OR_GROUP,), ("c",), ("x",), 200),
    "named first, then required": ((EITHER, "a"), ("b",), (), 403),
    "required first, then named": (("a", EITHER), ("b",), (), 403),
    "named first, then required, held": ((EITHER, "a"), ("a",), (), 200),
    "named alone first, then required": ((OR_GROUP, "a"), ("b",), ("x",), 403),
    "required, then named alone": (("a", OR_GROUP), ("b",), ("x",), 403),
    "both of both, in both orders": ((EITHER, "a b", EITHER), ("a",), (), 403),
    "any token, named, required": (("", OR_GROUP, "a", ""), ("b",), ("x",), 403),
    "two policies of the same names": ((EITHER, policy.scopes("a", "b")), ("a",), (), 403),
    "two policies, other order": ((policy.scopes("b", "a"), EITHER), ("a",), (), 403),
    "policies that both pass": ((EITHER, OR_GROUP), ("a",), (), 200),
    "one policy of two fails": ((A, B), ("a",), (), 403),
    "a group and a scope": ((policy.any_group("x"), "a"), ("a",), (), 403),
    "a check": ((policy.check(lambda principal: "a" in principal.scopes),), ("b",), (), 403),
    "not": ((~A,), ("a",), (), 403),
}


def needing(auth: CognitoAuth, needs: tuple[Any, ...], level: str) -> FastAPI:
    """An application that has all of these dependencies, in this order."""
    dependencies = [
        Depends(auth.require(need))
        if isinstance(need, policy.Policy)
        else Security(auth, scopes=need.split())
        for need in needs
    ]
    app = FastAPI(dependencies=dependencies if level == "application" else [])
    app.get("/", dependencies=dependencies if level == "route" else [])(lambda: "reached")
    return app


@pytest.mark.parametrize("row", COMBINED)
@pytest.mark.parametrize("level", ["route", "application"])
def test_every_requirement_of_a_route_counts(row: str, level: str) -> None:
    """Whatever FastAPI keeps for a request, no requirement is answered by another one's result."""
    needs, scopes, groups, status = COMBINED[row]
    app = needing(CognitoAuth(VERIFIER), needs, level)
    assert get(app, scoped(*scopes, groups=groups)).status == status
    assert get(app).status == 401


@pytest.mark.parametrize(
    "pair", [("a", _Named("a")), (_Named("a"), "a"), (_Named("a"), _Named("b"))], ids=repr
)
def test_a_named_scope_is_not_a_required_one(pair: tuple[str, str]) -> None:
    """FastAPI keeps results under the scopes, compared in sets and lists; both spellings sort and show."""
    one, other = pair
    assert one != other
    assert not one == other  # noqa: SIM201 - the operators are two methods
    assert len({one, other}) == 2
    assert json.dumps(sorted(pair)) == json.dumps(sorted(map(str, pair)))
    assert _Named("a") == _Named("a")


@pytest.mark.parametrize("row", COMBINED)
def test_every_policy_of_a_route_judges_an_override(row: str) -> None:
    """`Security`'s scopes are the overriding dependency's business; policies are judged as ever."""
    needs, scopes, groups, _ = COMBINED[row]
    auth = CognitoAuth(VERIFIER)
    app = needing(auth, needs, "route")
    principal = VERIFIER.verify(scoped(*scopes, groups=groups))
    app.dependency_overrides[auth] = fixed(principal)
    assert get(app).status == (200 if all(passes(principal, need) for need in needs) else 403)


def passes(principal: Principal, need: Any) -> bool:
    """Whether a policy lets the principal pass; scopes of `Security` do."""
    try:
        return not isinstance(need, policy.Policy) or bool(VERIFIER.require(principal, need))
    except errors.PolicyDenied:
        return False


@pytest.mark.parametrize(
    ("scopes", "status"), [(("me", "a"), 200), (("me",), 403), (("a",), 403), ((), 403)], ids=str
)
def test_scopes_come_down_the_tree(scopes: tuple[str, ...], status: int) -> None:
    """Scopes of `Security(get_user, scopes=["me"])` are required by the `auth` below it."""
    auth = CognitoAuth(VERIFIER)

    def get_user(principal: Annotated[Principal, Security(auth, scopes=["a"])]) -> str:
        return principal.subject

    app = FastAPI()

    @app.get("/")
    def me(user: Annotated[str, Security(get_user, scopes=["me"])]) -> str:
        return user

    reply = get(app, scoped(*scopes))
    assert reply.status == status
    if status == 403:
        assert 'error="insufficient_scope"' in reply.headers["www-authenticate"]
        assert 'scope="me a"' in reply.headers["www-authenticate"]


@pytest.mark.parametrize(("scopes", "status"), [(("b", "c"), 200), (("b",), 403), (("c",), 403)], ids=str)
def test_scopes_above_a_policy_are_required_too(scopes: tuple[str, ...], status: int) -> None:
    """`Security(auth.require(p), scopes=["c"])`: the policy and the scope."""
    auth = CognitoAuth(VERIFIER)
    app = FastAPI(dependencies=[Security(auth.require(EITHER), scopes=["c"])])
    app.get("/")(lambda: "reached")
    assert get(app, scoped(*scopes)).status == status


def test_scopes_may_be_an_enumeration() -> None:
    """Members of a str enumeration are the scopes of their values."""

    class Scope(StrEnum):
        READ = "orders/read"

    auth = CognitoAuth(VERIFIER)
    app = FastAPI(dependencies=[Security(auth, scopes=[Scope.READ])])
    app.get("/")(lambda: "reached")
    assert get(app, scoped("orders/read")).status == 200
    assert get(app, scoped("orders/write")).status == 403


@pytest.mark.parametrize(
    "value",
    [lambda _principal: True, "orders/read", ["a"], True, CognitoAuth],
    ids=["a function", "a scope", "a list", "true", "a class"],
)
def test_a_policy_is_a_policy(value: Any) -> None:
    """`auth.require` of anything else is a TypeError when the route is declared."""
    with pytest.raises(TypeError, match="takes a policy"):
        CognitoAuth(VERIFIER).require(value)


def test_a_dependency_without_its_parentheses_is_an_error() -> None:
    """`Depends(auth.require)` would take the policy from the query: FastAPI refuses it at once."""
    app = FastAPI()
    with pytest.raises(Exception, match=r"(?i)policy"):
        app.get("/", dependencies=[Depends(CognitoAuth(VERIFIER).require)])(lambda: "reached")


# --- Called by hand

BY_HAND: dict[str, tuple[policy.Policy | None, str | None, int]] = {
    "no token": (None, None, 401),
    "a bad token": (None, "garbage", 401),
    "a good token": (None, scoped("b"), 200),
    "no token, and a policy that admits anything": (policy.check(lambda _anything: True), None, 401),
    "no token, and a scope": (A, None, 401),
    "a token without the scope": (A, scoped("b"), 403),
    "a token with the scope": (A, scoped("a"), 200),
}


@pytest.mark.parametrize(
    "given", [{}, {"principal": object()}, {"principal": "5f0c"}], ids=["bare", "an object", "a str"]
)
@pytest.mark.parametrize("options", [{}, {"optional": True, "exclude": ["/"]}], ids=repr)
@pytest.mark.parametrize("row", BY_HAND)
def test_by_hand_the_token_is_verified(row: str, options: dict[str, Any], given: dict[str, Any]) -> None:
    """`await auth.require(p)(request)`: FastAPI's marker in the principal's place admits nobody."""
    require, token, status = BY_HAND[row]
    auth = CognitoAuth(VERIFIER, **options)
    app = FastAPI()

    @app.get("/")
    async def subject(request: Request) -> str:
        principal = await auth.require(require)(request, **given)
        assert isinstance(principal, Principal)
        return principal.subject

    assert get(app, token).status == status


@pytest.mark.parametrize("require", [None, policy.check(lambda _anything: True)], ids=["any", "check"])
def test_an_overrides_stand_in_is_no_principal(require: policy.Policy | None) -> None:
    """An override that gives anything but a Principal is not believed: the token decides."""
    auth = CognitoAuth(VERIFIER)
    app = FastAPI(dependencies=[Depends(auth.require(require))])
    app.get("/")(lambda: "reached")
    app.dependency_overrides[auth] = fixed(object())  # type: ignore[arg-type]
    assert get(app).status == 401
    assert get(app, scoped("a")).status == 200


# --- What opens a route, and what does not

PREFLIGHT = (("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "GET"))


def open_app(**options: Any) -> FastAPI:
    """Application-wide `auth`, and one route each that says nothing, a policy, any token, a scope."""
    auth = CognitoAuth(VERIFIER, exclude=["/quiet", "/any", "/policy", "/scope"], **options)
    app = FastAPI(dependencies=[Depends(auth)])
    routes: dict[str, Any] = {
        "/quiet": Depends(auth),
        "/any": Depends(auth.require()),
        "/policy": Depends(auth.require(A)),
        "/scope": Security(auth, scopes=["a"]),
    }
    for path, dependency in routes.items():

        def endpoint(principal: Annotated[Principal | None, dependency]) -> str | None:
            return None if principal is None else principal.subject

        app.api_route(path, methods=["GET", "OPTIONS"])(endpoint)
    return app


@pytest.mark.parametrize("options", [{}, {"optional": True}], ids=repr)
@pytest.mark.parametrize(
    ("path", "token", "outcome"),
    [
        ("/quiet", None, (200, None)),
        ("/quiet", "good", (200, None)),  # an excluded path: the token is not looked at
        ("/quiet", "bad", (200, None)),
        ("/any", None, 401),
        ("/any", "good", (200, "me")),
        ("/any", "bad", 401),
        ("/any", "poor", (200, "me")),
        ("/policy", None, 401),
        ("/policy", "good", (200, "me")),
        ("/policy", "bad", 401),
        ("/policy", "poor", 403),
        ("/scope", None, 401),
        ("/scope", "good", (200, "me")),
        ("/scope", "bad", 401),
        ("/scope", "poor", 403),
    ],
)
def test_what_a_route_names_is_not_opened(
    options: dict[str, Any], path: str, token: str | None, outcome: Any
) -> None:
    """Neither an exclusion nor the optional mode opens a route that names a policy or a scope."""
    tokens = {
        "good": scoped("a", subject="me"),
        "bad": "garbage",
        "poor": scoped("b", subject="me"),
        None: None,
    }
    reply = get(open_app(**options), tokens[token], path)
    assert ((reply.status, reply.json) if reply.status == 200 else reply.status) == outcome


@pytest.mark.parametrize("path", ["/quiet", "/any", "/policy", "/scope"])
def test_a_preflight_runs_no_route(path: str) -> None:
    """A CORS preflight is answered with 204; without its headers OPTIONS is a request like any other."""
    app = open_app()
    preflight = ask_http(app, Ask(PREFLIGHT, "OPTIONS", path), lambda: True)
    assert (preflight.status, preflight.body) == (204, b"")
    if path != "/quiet":
        assert ask_http(app, Ask((), "OPTIONS", path), lambda: True).status == 401


# --- Once per request


def test_a_token_is_verified_once_per_request() -> None:
    """Application, router, route and policy share one verification: `revoked` is asked once."""
    asked: list[Principal] = []

    def revoked(principal: Principal) -> bool:
        asked.append(principal)
        return False

    auth = CognitoAuth(POOL.offline_verifier(revoked=revoked))
    app = FastAPI(dependencies=[Depends(auth), Depends(auth.require(EITHER))])
    app.get("/", dependencies=[Security(auth, scopes=["a"]), Depends(auth.require(A))])(lambda: "reached")
    token = scoped("a")
    assert get(app, token).status == 200
    assert len(asked) == 1
    assert get(app, token).status == 200
    assert len(asked) == 2


def test_guards_do_not_believe_each_other() -> None:
    """A guard does not use the principal that another one found, whichever comes first."""
    other = FakeUserPool("eu-west-1_Other0001", clock=FakeClock())
    ours, theirs = CognitoAuth(VERIFIER), CognitoAuth(other.offline_verifier())
    for order in ([ours, theirs], [theirs, ours]):
        app = FastAPI(dependencies=[Depends(each) for each in order])
        app.get("/", dependencies=[Depends(each.require()) for each in order])(lambda: "reached")
        for token in (POOL.access_token(), other.access_token()):
            assert get(app, token).status == 401


def test_requests_do_not_share_a_principal() -> None:
    """The next request begins with nothing."""
    auth = CognitoAuth(VERIFIER)
    app = declared(auth, "annotated")
    assert get(app, POOL.access_token(), "/v1/x/").status == 200
    assert get(app, None, "/v1/x/").status == 401


def test_the_scope_of_a_request_shows_no_token() -> None:
    """What is kept in the scope has no repr that holds a token, a claim or a header."""
    auth = CognitoAuth(VERIFIER, cookie="at", allowed_origins=["https://app.example.com"])
    app = FastAPI(dependencies=[Depends(auth)])
    seen: list[str] = []

    @app.get("/")
    def look(request: Request) -> None:
        seen.extend(repr(value) for key, value in request.scope.items() if key != "headers")

    token = POOL.access_token()
    assert get(app, None, "/", ("Cookie", f"at={token}")).status == 200
    assert seen
    assert not [each for each in seen if token in each or token.rpartition(".")[2] in each]


# --- Overrides


@pytest.mark.parametrize(
    ("overriding", "status"),
    [(principal_with("a"), 200), (principal_with("b"), 403), (None, 401)],
    ids=["with the scope", "without it", "none"],
)
@pytest.mark.parametrize("options", [{}, {"optional": True, "exclude": ["/"]}], ids=repr)
def test_one_override_is_enough(overriding: Principal | None, status: int, options: dict[str, Any]) -> None:
    """`dependency_overrides[auth]` stands behind every `auth.require` too; the policy judges it."""
    auth = CognitoAuth(VERIFIER, **options)
    app = FastAPI()

    @app.get("/")
    def subject(principal: Annotated[Principal, Depends(auth.require(A))]) -> str:
        return principal.subject

    app.dependency_overrides[auth] = fixed(overriding)
    reply = get(app)
    assert reply.status == status
    if status == 200:
        assert reply.json == "overriding"
    # A token beside the override is not looked at.
    assert get(app, scoped("a") if overriding is None else "garbage").status == status
    app.dependency_overrides.clear()
    assert get(app).status == 401


def test_an_override_sees_the_scopes() -> None:
    """An override with SecurityScopes gets the scopes as plain text."""
    auth = CognitoAuth(VERIFIER)
    given: list[str] = []

    def override(scopes: SecurityScopes) -> Principal:
        given.append(scopes.scope_str)
        return principal_with("a", "b", "c")

    app = FastAPI(dependencies=[Security(auth.require(EITHER), scopes=["c"])])
    app.get("/")(lambda: "reached")
    app.dependency_overrides[auth] = override
    assert get(app).status == 200
    assert given == ["c a b"]


# --- Housekeeping


def test_its_repr_is_harmless() -> None:
    """It shows the verifier's repr, which names pools alone."""
    assert repr(CognitoAuth(VERIFIER)) == f"CognitoAuth({VERIFIER!r})"


def test_its_annotations_are_not_postponed() -> None:
    """FastAPI resolves names through `__globals__`, which an instance lacks."""
    parameters = inspect.signature(CognitoAuth(VERIFIER)).parameters.values()
    assert [each.annotation for each in parameters] == [HTTPConnection, SecurityScopes]


@pytest.mark.outside
def test_a_missing_extra_is_named() -> None:
    """Without FastAPI the import fails with the command that helps."""
    code = (
        "import sys; sys.modules['fastapi'] = None\n"
        "try: import cognito_mr_auth.fastapi\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == 'FastAPI is missing: pip install "cognito-mr-auth[fastapi]"\n'


# --- trio


@pytest.mark.outside
@pytest.mark.needs("trio")
def test_an_application_under_trio() -> None:
    """Keys that must be fetched are waited for in the way of the library that runs."""
    import trio

    def status(token: str) -> int:
        scope = http_scope(Ask((("Authorization", f"Bearer {token}"),)))
        sent = trio.run(_run, app, scope, [{"type": "http.request", "body": b"", "more_body": False}])
        found: int = sent[0]["status"]
        return found

    pool = FakeUserPool()
    good, poor = pool.access_token(scopes=["orders/read"]), pool.access_token()
    heard = []
    with pool.serve() as endpoints:
        for fault in ("", "refuse"):
            endpoints.heal()
            if fault:
                endpoints.fail(fault)
            with pool.verifier() as verifier:  # whose keys must be fetched
                app = FastAPI()
                app.get("/")(by(Depends(CognitoAuth(verifier).require(policy.scopes("orders/read")))))
                heard.append([status(good), status(poor)])
    assert heard == [[200, 403], [503, 503]]
