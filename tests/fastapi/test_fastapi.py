"""What FastAPI adds to the outcomes that every adapter shares (test_outcomes.py)."""

import asyncio
import contextlib
import inspect
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Security
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from fastapi.security import SecurityScopes
from pydantic import BaseModel, Field, model_validator
from support.drivers import Ask, Reply
from support.drivers.client import _run, ask_http, http_scope

from cognito_mr_auth import Principal, errors, policy
from cognito_mr_auth.fastapi import CognitoAuth, principal_of
from cognito_mr_auth.fastapi._verification import NamedScope
from cognito_mr_auth.guard import Guard
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
    principal = principal_of(request)
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
    """An application that returns the caller, at /v1/x/, protected in one of FastAPI's ways."""
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
    "pair", [("a", NamedScope("a")), (NamedScope("a"), "a"), (NamedScope("a"), NamedScope("b"))], ids=repr
)
def test_a_named_scope_is_not_a_required_one(pair: tuple[str, str]) -> None:
    """FastAPI keeps results under the scopes, compared in sets and lists; both spellings sort and show."""
    one, other = pair
    assert one != other
    assert not one == other  # noqa: SIM201 - the operators are two methods
    assert len({one, other}) == 2
    assert json.dumps(sorted(pair)) == json.dumps(sorted(map(str, pair)))
    assert NamedScope("a") == NamedScope("a")


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


def uncalled(auth: CognitoAuth) -> dict[str, Any]:
    """Values that a user may put in a dependency's place."""
    return {
        "require": auth.require,
        "claims": auth.claims,
        "public": auth.public,
        "bind": auth.bind,
        "init_app": auth.init_app,
        "the class": CognitoAuth,
        "a guard": Guard(VERIFIER),
        "its averify": Guard(VERIFIER).averify,
        "a policy": A,
    }


@pytest.mark.parametrize("place", ["route", "parameter", "application", "security"])
@pytest.mark.parametrize("name", uncalled(CognitoAuth(VERIFIER)))
def test_a_dependency_without_its_parentheses_opens_nothing(name: str, place: str) -> None:
    """`Depends(auth.require)` would take the policy from the query: FastAPI refuses it, or nobody passes."""
    wrong = uncalled(CognitoAuth(VERIFIER))[name]
    reached: list[bool] = []

    def endpoint(given: Annotated[Any, Depends(wrong)] = None) -> None:
        reached.append(True)

    try:
        app = FastAPI(dependencies=[Depends(wrong)] if place == "application" else [])
        at = {"route": [Depends(wrong)], "security": [Security(wrong, scopes=["a"])]}
        app.get("/", dependencies=at.get(place))(
            endpoint if place == "parameter" else lambda: reached.append(True)
        )
    except Exception:  # noqa: BLE001 - whatever FastAPI says to it
        return
    for query in ("", "policy=a", "endpoint=a&model=a&verifier=a&app=a", "method=GET&path=/&headers=a"):
        scope = {**http_scope(Ask()), "query_string": query.encode()}
        with contextlib.suppress(Exception):
            asyncio.run(_run(app, scope, [{"type": "http.request", "body": b"", "more_body": False}]))
    assert not reached


@pytest.mark.parametrize("way", ["auth", "auth.optional", "auth.require()", "auth.claims(dict)"])
def test_a_dependency_is_no_decorator(way: str) -> None:
    """The coroutine that nobody awaits would leave the route open; it is a TypeError at once."""
    auth = CognitoAuth(VERIFIER)
    decorators: dict[str, Any] = {
        "auth": auth,
        "auth.optional": auth.optional,
        "auth.require()": auth.require(A),
        "auth.claims(dict)": auth.claims(dict),
    }
    for endpoint in (lambda: "reached", by_default, CognitoAuth):
        with pytest.raises(TypeError, match="not a decorator"):
            decorators[way](endpoint)


@pytest.mark.parametrize("way", ["require", "claims"])
def test_a_policy_forgotten_says_how_to_call_it(way: str) -> None:
    """`@auth.require` above an endpoint: the endpoint is no policy."""
    auth = CognitoAuth(VERIFIER)
    with pytest.raises(TypeError, match=r"policy"):
        auth.require(beside) if way == "require" else auth.claims(dict, beside)  # type: ignore[arg-type]


# --- Guests

# what is at the route, what is sent -> status, who
GUESTS: dict[str, tuple[str | None, int, str | None]] = {
    "none": (None, 200, None),
    "good": (scoped("a", subject="me"), 200, "me"),
    "bad": ("garbage", 401, None),
    "malformed": ("", 400, None),
    "expired": (scoped("a", expires_in=-60), 401, None),
}


@pytest.mark.parametrize("options", [{}, {"exclude": ["/"]}, {"optional": True}], ids=repr)
@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("row", GUESTS)
def test_guests_are_let_in_and_bad_tokens_are_not(row: str, by_hand: bool, options: dict[str, Any]) -> None:
    """`auth.optional` gives None without a token; whatever the application says of the path."""
    token, status, who = GUESTS[row]
    auth = CognitoAuth(VERIFIER, **options)
    app = FastAPI()

    @app.get("/")
    async def feed(
        request: Request, caller: Annotated[Principal | None, Depends(auth.optional)]
    ) -> str | None:
        found = await auth.optional(request) if by_hand else caller
        assert principal_of(request) is caller
        return None if found is None else found.subject

    reply = get(app, token)
    assert (reply.status, reply.json if status == 200 else None) == (status, who)


@pytest.mark.parametrize("order", ["guests first", "guard first"])
def test_a_guest_is_no_guest_elsewhere(order: str) -> None:
    """What `auth.optional` has found never answers for `auth`, whichever FastAPI asks first."""
    auth = CognitoAuth(VERIFIER)
    needed = [Depends(auth.optional), Depends(auth)]
    for second in (Depends(auth), Depends(auth.require()), Security(auth, scopes=["a"])):
        needed = [Depends(auth.optional), second]
        app = FastAPI(dependencies=needed if order == "guests first" else needed[::-1])
        app.get("/")(lambda: "reached")
        assert get(app).status == 401
        assert get(app, "garbage").status == 401
        assert get(app, scoped("a")).status == 200


@pytest.mark.parametrize(
    ("override", "sent", "who"),
    [
        (fixed(None), scoped("a", subject="me"), None),
        (lambda: principal_with("a"), None, "overriding"),
        (lambda: principal_with("a"), "garbage", "overriding"),
        (object, None, None),
        (object, scoped("a", subject="me"), "me"),
        (object, "garbage", 401),
        (lambda: "me", None, None),
    ],
    ids=["nobody", "somebody", "not looked at", "a stand-in", "and a token", "and a bad one", "a name"],
)
def test_an_override_of_auth_is_one_of_its_guests(override: Any, sent: str | None, who: Any) -> None:
    """A stand-in that is not a Principal gives no principal, and the token decides."""
    auth = CognitoAuth(VERIFIER)
    app = FastAPI()

    @app.get("/")
    def feed(caller: Annotated[Principal | None, Depends(auth.optional)]) -> str | None:
        return None if caller is None else caller.subject

    app.dependency_overrides[auth] = override
    reply = get(app, sent)
    assert (reply.json if reply.status == 200 else reply.status) == who
    app.dependency_overrides = {auth.optional: fixed(principal_with("a"))}
    assert get(app).json == "overriding"


# --- Claims as a model


class Tenant(BaseModel):
    """What a route needs to know."""

    sub: str
    tenant: str = Field(alias="custom:tenant")
    level: int = Field(1, alias="custom:level", lt=10)


@dataclass
class Sub:
    """The same without pydantic."""

    sub: str


CLAIMS: dict[str, tuple[dict[str, Any], int]] = {
    "fits": ({"custom:tenant": "a"}, 200),
    "fits, as text": ({"custom:tenant": "a", "custom:level": "7"}, 200),
    "is missing": ({}, 403),
    "of another type": ({"custom:tenant": ["a-secret"]}, 403),
    "beyond a bound": ({"custom:tenant": "a", "custom:level": "77777"}, 403),
}


def test_a_unions_tag_is_no_name() -> None:
    """Where a claim's value chooses the model, the place of the fault begins with that value."""

    class Cat(BaseModel):
        username: Literal["cat-secret"]
        paws: int

    class Dog(BaseModel):
        username: Literal["dog"]

    app = FastAPI()
    auth = CognitoAuth(VERIFIER, app=app)
    model = Annotated[Cat | Dog, Field(discriminator="username")]

    @app.get("/")
    def pet(_pet: Any = Depends(auth.claims(model))) -> str:  # noqa: B008
        return "pet"

    reply = get(app, scoped("a", username="cat-secret"))
    assert reply.status == 403
    assert b"cat-secret" not in reply.body


@pytest.mark.parametrize(
    ("scopes", "token", "status"),
    [(["a"], "a", 200), (["a"], "b", 403), (["a", "b"], "a", 403), (["a"], None, 200), ([], "b", 200)],
)
def test_guests_with_scopes(scopes: list[str], token: str | None, status: int) -> None:
    """`Security(auth.optional, scopes=...)`: whoever sends a token has all of them."""
    app = FastAPI()
    auth = CognitoAuth(VERIFIER, app=app)

    @app.get("/")
    def feed(_caller: Any = Security(auth.optional, scopes=scopes)) -> str:  # noqa: B008
        return "feed"

    assert get(app, None if token is None else scoped(token)).status == status


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("row", CLAIMS)
def test_claims_are_a_model(row: str, by_hand: bool) -> None:
    """What does not fit is 403 and names the claims, none of their values."""
    claims, status = CLAIMS[row]
    auth = CognitoAuth(VERIFIER, exclude=["/"], optional=True)
    app = FastAPI()
    auth.init_app(app)
    needed = auth.claims(Tenant, policy.any_scope("a", "b"))

    if by_hand:

        @app.get("/")
        async def tenant(request: Request) -> str:
            return (await needed(request)).tenant
    else:

        @app.get("/")
        def tenant(found: Annotated[Tenant, Depends(needed)]) -> str:
            return found.tenant

    reply = get(app, scoped("a", claims=claims))
    assert reply.status == status
    if status == 200:
        assert reply.json == "a"
    else:
        name = "custom:level" if "custom:level" in claims else "custom:tenant"
        said = f"the token does not permit this request: its claims do not fit: {name}"
        assert reply.json == {"detail": said, "reason": "policy_denied"}
        assert 'error="insufficient_scope"' in reply.headers["www-authenticate"]
    assert get(app).status == 401
    assert get(app, "garbage").status == 401
    assert get(app, scoped("c", claims=claims)).status == 403


def test_a_model_may_judge_all_claims_together() -> None:
    """Then the answer names none; and the error that it raises holds no value either."""

    class Fussy(BaseModel):
        @model_validator(mode="before")
        @classmethod
        def refuse(cls, claims: Any) -> Any:
            raise ValueError(claims["sub"])

    auth = CognitoAuth(VERIFIER)
    app = FastAPI(dependencies=[Depends(auth.claims(Fussy))])
    app.get("/")(lambda: "reached")
    seen: list[Any] = []

    @app.exception_handler(errors.PolicyDenied)
    async def handler(_request: Request, error: Any) -> JSONResponse:
        seen.append(error)
        return JSONResponse(error.detail, 418)

    assert get(app, scoped("a", subject="secret")).json == (
        "the token does not permit this request: its claims do not fit"
    )
    assert "secret" not in repr(vars(seen[0])) + repr(seen[0].__context__) + repr(seen[0].__cause__)


def test_claims_are_other_types_too() -> None:
    """A dataclass, and what stands behind an override."""
    auth = CognitoAuth(VERIFIER)
    app = FastAPI()

    @app.get("/")
    def me(found: Annotated[Sub, Depends(auth.claims(Sub))]) -> str:
        return found.sub

    assert get(app, scoped("a", subject="me")).json == "me"
    app.dependency_overrides[auth] = fixed(principal_with("a"))
    assert get(app).json == "overriding"
    app.dependency_overrides[auth] = fixed(None)
    assert get(app).status == 401


# --- A principal as the answer


def test_a_principal_can_be_returned() -> None:
    """With and without its type, alone and in a model, it is shown as to_dict(); and nobody can send one."""
    auth = CognitoAuth(VERIFIER)
    app = FastAPI()

    class Answer(BaseModel):
        caller: Principal

    def unsaid(caller: Annotated[Principal, Depends(auth)]):  # type: ignore[no-untyped-def]
        return caller

    def said(caller: Annotated[Principal, Depends(auth)]) -> Principal:
        return caller

    def within(caller: Annotated[Principal, Depends(auth)]) -> Answer:
        return Answer(caller=caller)

    def sent(answer: Answer) -> str:
        return answer.caller.subject

    app.get("/said")(said)
    app.get("/unsaid")(unsaid)
    app.get("/none", response_model=None)(said)
    app.get("/within")(within)
    app.post("/sent")(sent)
    token = scoped("a", subject="me", groups=["ops"], claims={"address": {"city": "Ulm"}})
    shown = json.loads(json.dumps(VERIFIER.verify(token).to_dict()))
    for path in ("/said", "/unsaid", "/none"):
        assert get(app, token, path).json == shown
        assert token.rpartition(".")[2] not in get(app, token, path).body.decode()
    assert get(app, token, "/within").json == {"caller": shown}
    body = json.dumps({"caller": shown}).encode()
    scope = http_scope(Ask((("Content-Type", "application/json"),), "POST", "/sent"))
    start, *_ = asyncio.run(_run(app, scope, [{"type": "http.request", "body": body, "more_body": False}]))
    assert start["status"] == 422
    said_to_be = app.openapi()["paths"]["/said"]["get"]["responses"]["200"]["content"]
    schema = said_to_be["application/json"]["schema"]
    assert set(schema["properties"]) == set(schema["required"]) == set(shown)


def test_a_principal_without_its_dependency_is_not_used() -> None:
    """Who forgets `Depends` gets no principal from the query, and no route that passes."""
    app = FastAPI()

    @app.get("/")
    def me(caller: Principal) -> str:
        return caller.subject

    for query in (b"", b"caller=me", b"caller={}"):
        scope = {**http_scope(Ask()), "query_string": query}
        start, *_ = asyncio.run(_run(app, scope, []))
        assert start["status"] == 422


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
    """`await auth.require(p)(request)`: FastAPI's marker in the principal's place admits no request."""
    require, token, status = BY_HAND[row]
    auth = CognitoAuth(VERIFIER, **options)
    app = FastAPI()

    @app.get("/")
    async def subject(request: Request) -> str:
        principal = await auth.require(require)(request, **given)
        assert isinstance(principal, Principal)
        return principal.subject

    assert get(app, token).status == status


ASKED: dict[str, tuple[dict[str, Any], str | None, Any]] = {
    # options, the token, the outcome
    "no token": ({}, None, 401),
    "a bad token": ({}, "garbage", 401),
    "a good token": ({}, scoped("a", subject="me"), "me"),
    "without the guard's scope": ({"require": A}, scoped("b", subject="me"), 403),
    "optional, no token": ({"optional": True}, None, None),
    "optional, a bad token": ({"optional": True}, "garbage", 401),
    "excluded": ({"exclude": ["/"]}, None, None),
}


@pytest.mark.parametrize("row", ASKED)
@pytest.mark.parametrize("place", ["endpoint", "dependency"])
def test_auth_itself_can_be_asked_by_hand(row: str, place: str) -> None:
    """An API key or a session, else a token: `await auth(request)` is `Depends(auth)` where it is due."""
    options, token, outcome = ASKED[row]
    auth = CognitoAuth(VERIFIER, **options)
    app = FastAPI()

    async def caller(request: Request) -> str | None:
        if "x-api-key" in request.headers:
            return "a machine"
        principal = await auth(request)
        return None if principal is None else principal.subject

    if place == "endpoint":
        app.get("/")(caller)
    else:

        @app.get("/")
        def endpoint(found: Annotated[str | None, Depends(caller)]) -> str | None:
            return found

    reply = get(app, token)
    assert (reply.json if reply.status == 200 else reply.status) == outcome
    assert get(app, token, "/", ("X-API-Key", "k")).json == "a machine"


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
    """With "pass" one is answered with 204; without its headers OPTIONS is a request like any other."""
    app = open_app(preflight="pass")
    preflight = ask_http(app, Ask(PREFLIGHT, "OPTIONS", path), lambda: True)
    assert (preflight.status, preflight.body) == (204, b"")
    if path != "/quiet":
        assert ask_http(app, Ask((), "OPTIONS", path), lambda: True).status == 401


def test_a_preflight_passes_before_there_is_a_verifier() -> None:
    """It has no token, so no verifier is asked."""
    app = FastAPI()
    app.options("/", dependencies=[Depends(CognitoAuth(preflight="pass"))])(lambda: "reached")
    assert ask_http(app, Ask(PREFLIGHT, "OPTIONS", "/"), lambda: True).status == 204


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
