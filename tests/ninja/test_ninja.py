# ruff: noqa: E402 - see configure() below
"""ninja: one object for plain and async operations, beside others, with and without our answers.

The outcome table (adapters/test_outcomes.py) has ninja too; here is what only it can get wrong.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import AsyncRequestFactory, RequestFactory
from django.urls import path
from support.django_apis import COMMON, OURS, by_asgi, by_wsgi, project, report_of
from support.drivers import Ask, Reply
from support.drivers.django_wsgi import configure
from support.records import fields, refusals

from cognito_mr_auth import Principal, Verifier, errors, policy
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool

configure()  # ninja wants Django's settings while it is imported

from ninja import NinjaAPI, Router
from ninja.errors import HttpError
from ninja.security import APIKeyHeader
from ninja.testing import TestAsyncClient, TestClient

from cognito_mr_auth.ninja import AuthHttpError, CognitoAuth, principal_of

READ, WRITE = policy.scopes("orders/read"), policy.scopes("orders/write")
_numbers = count()


class Key(APIKeyHeader):
    """Another authentication, plain: X-Key."""

    param_name = "X-Key"

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        return "the key" if key == "right" else None


def who(request: Any) -> dict[str, Any]:
    """Returns the caller."""
    found = getattr(request, "auth", None)
    return {"auth": found.subject if isinstance(found, Principal) else repr(found)}


async def who_async(request: Any) -> dict[str, Any]:
    """The same as a coroutine function."""
    await asyncio.sleep(0)
    return who(request)


operations = pytest.mark.parametrize("operation", [who, who_async], ids=["plain", "async"])
servers = pytest.mark.parametrize("serve", [by_wsgi, by_asgi], ids=["wsgi", "asgi"])
Serve = Callable[[Ask], Reply]


def api_of(answers: CognitoAuth | None = None, **options: Any) -> NinjaAPI:
    """An API; with our responses, if `auth` is given."""
    made = NinjaAPI(urls_namespace=f"test-{next(_numbers)}", **options)
    if answers is not None:
        answers.init_api(made)
    return made


@contextmanager
def serving(api: NinjaAPI, **overridden: Any) -> Iterator[None]:
    """A project with this API."""
    with project(path("", api.urls), **overridden):
        yield


def bearer(token: str, *more: tuple[str, str]) -> Ask:
    """A request with a token."""
    return Ask((("Authorization", f"Bearer {token}"), *more), path="/x")


NOBODY = Ask(path="/x")


# --- Plain and async


@servers
@operations
def test_one_object_serves_plain_and_async_operations(
    pool: FakeUserPool, verifier: Verifier, operation: Any, serve: Serve
) -> None:
    """Under WSGI and ASGI; an operation that is not let in does not run."""
    auth = CognitoAuth(verifier)
    api = api_of(auth)
    api.get("/x", auth=auth.require(READ))(operation)
    with serving(api):
        assert serve(bearer(pool.access_token(subject="me", scopes=["orders/read"]))).json == {"auth": "me"}
        for ask, status in (
            (NOBODY, 401),
            (bearer("garbage"), 401),
            (bearer(pool.access_token(signed_by="foreign")), 401),
            (bearer(pool.access_token()), 403),
            (Ask((("Authorization", "Bearer a b"),), path="/x"), 400),
        ):
            said = serve(ask)
            assert said.status == status
            assert said.headers["www-authenticate"].startswith('Bearer realm="api"')
            assert list(said.json) == ["detail", "reason"]


@operations
def test_a_path_may_have_both_kinds(pool: FakeUserPool, verifier: Verifier, operation: Any) -> None:
    """The plain operations of a path that has async ones run in a thread."""
    auth = CognitoAuth(verifier)
    api = api_of(auth, auth=auth)
    api.get("/x")(operation)
    api.post("/x")(who_async)
    with serving(api):
        assert by_asgi(bearer(pool.access_token(subject="me"))).json == {"auth": "me"}
        assert by_asgi(NOBODY).status == 401


def test_hooks_may_be_coroutine_functions_where_operations_are(pool: FakeUserPool) -> None:
    """A plain operation cannot await one: that is an error, and closed."""

    async def revoked(principal: Principal) -> bool:
        return principal.subject == "mallory"

    auth = CognitoAuth(pool.offline_verifier(revoked=revoked))
    api = api_of(auth, auth=auth)
    api.get("/x")(who_async)
    api.get("/plain")(who)
    with serving(api):
        assert by_asgi(bearer(pool.access_token(subject="me"))).json == {"auth": "me"}
        assert by_asgi(bearer(pool.access_token(subject="mallory"))).json["reason"] == "token_revoked"
        assert by_wsgi(bearer(pool.access_token())._replace(path="/plain")).status == 500


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_a_plain_operation_on_the_event_loop_is_refused(pool: FakeUserPool, verifier: Verifier) -> None:
    """It would block the loop: only a test that calls it there could do so."""
    auth = CognitoAuth(verifier)
    api = api_of(auth, auth=auth)
    reached: list[Any] = []

    def operation(request: HttpRequest) -> None:
        reached.append(request)

    api.get("/x")(operation)
    client = TestClient(api)

    async def main() -> None:
        client.get("/x", headers={"Authorization": f"Bearer {pool.access_token()}"})

    with pytest.raises(RuntimeError):
        asyncio.run(main())
    gc.collect()
    assert reached == []


# --- Guards of operations


@servers
@operations
def test_guests_are_welcome_where_it_says_so(
    pool: FakeUserPool, verifier: Verifier, operation: Any, serve: Serve
) -> None:
    """`auth.optional`: nobody is a guest, and a bad token is refused."""
    seen: list[Principal | None] = []

    def looks(request: HttpRequest) -> dict[str, Any]:
        seen.append(principal_of(request))
        return who(request)

    auth = CognitoAuth(verifier)
    api = api_of(auth)
    api.get("/x", auth=auth.optional)(operation)
    api.get("/looks", auth=auth.optional)(looks)
    with serving(api):
        assert serve(NOBODY).json == {"auth": "<guest>"}
        assert serve(bearer("garbage")).status == 401
        assert serve(bearer(pool.access_token(subject="me"))).json == {"auth": "me"}
        assert serve(Ask(path="/looks")).status == 200
        assert serve(bearer(pool.access_token(subject="me"))._replace(path="/looks")).status == 200
    assert [found and found.subject for found in seen] == [None, "me"]


@operations
def test_routers_and_apis_take_the_same_guards(
    pool: FakeUserPool, verifier: Verifier, operation: Any
) -> None:
    """An operation's own guard replaces its router's, and that one replaces its API's."""
    auth = CognitoAuth(verifier)
    api, router = api_of(auth, auth=auth.require(READ)), Router(auth=auth)
    api.get("/api")(operation)
    router.get("/router")(operation)
    router.get("/open", auth=None)(operation)
    api.add_router("/r", router)
    with serving(api):
        statuses = {
            where: (
                by_wsgi(Ask(path=where)).status,
                by_wsgi(bearer(pool.access_token())._replace(path=where)).status,
            )
            for where in ("/api", "/r/router", "/r/open")
        }
    assert statuses == {"/api": (401, 403), "/r/router": (401, 200), "/r/open": (200, 200)}


# The guards of an operation -> status without a token, for a token without scopes, with either, with both
CHAINS: dict[str, tuple[Callable[[CognitoAuth], CognitoAuth], tuple[int, int, int, int, int]]] = {
    "a policy": (lambda auth: auth.require(READ), (401, 403, 200, 403, 200)),
    "two": (lambda auth: auth.require(READ).require(WRITE), (401, 403, 403, 403, 200)),
    "one, then none": (lambda auth: auth.require(READ).require(), (401, 403, 200, 403, 200)),
    "none, then one": (lambda auth: auth.require().require(READ), (401, 403, 200, 403, 200)),
    "none at all": (lambda auth: auth.require().require(), (401, 200, 200, 200, 200)),
    "one for guests": (lambda auth: auth.require(READ).optional, (200, 403, 200, 403, 200)),
    "one for no guests": (lambda auth: auth.optional.require(READ), (401, 403, 200, 403, 200)),
}


@pytest.mark.parametrize("row", CHAINS)
def test_words_in_a_row_hold_together(pool: FakeUserPool, verifier: Verifier, row: str) -> None:
    """An object that asks for something already, such as one for all writers, may be asked for more."""
    words, statuses = CHAINS[row]
    auth = CognitoAuth(verifier)
    api = api_of(auth)
    api.get("/x", auth=words(auth))(who)
    scopes = [[], ["orders/read"], ["orders/write"], ["orders/read", "orders/write"]]
    tokens = [pool.access_token(scopes=each) for each in scopes]
    with serving(api):
        assert tuple(by_wsgi(ask).status for ask in (NOBODY, *map(bearer, tokens))) == statuses


@pytest.mark.parametrize("word", ["auth.require", "policy"])
@operations
def test_an_invalid_mark_lets_no_request_in(
    pool: FakeUserPool, verifier: Verifier, operation: Any, word: str
) -> None:
    """A `require` that was not called, and a bare policy, are errors for each request."""
    auth = CognitoAuth(verifier)
    api = api_of(auth)
    api.get("/x", auth={"auth.require": auth.require, "policy": READ}[word])(operation)
    with serving(api):
        for ask in (NOBODY, bearer(pool.access_token(scopes=["orders/read"]))):
            assert by_wsgi(ask).status == 500


@pytest.mark.parametrize(
    "wrong", [lambda principal: True, "orders/read", NinjaAPI], ids=["function", "scope", "class"]
)
def test_require_takes_a_policy(verifier: Verifier, wrong: Any) -> None:
    """Anything else fails where it is written."""
    with pytest.raises(TypeError, match="takes a policy"):
        CognitoAuth(verifier).require(wrong)


def test_the_principal_is_known_after_a_guard(verifier: Verifier) -> None:
    """A LookupError names what is missing."""
    request = RequestFactory().get("/x")
    with pytest.raises(LookupError, match="auth="):
        principal_of(request)
    assert principal_of(request, default=None) is None


# --- Beside other authentications


@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
@servers
@operations
def test_it_may_have_any_place_in_a_list(
    pool: FakeUserPool, verifier: Verifier, operation: Any, serve: Serve, first: bool
) -> None:
    """A request without a token is the other's; where nobody is found, the answer is ours."""
    auth = CognitoAuth(verifier)
    both = [auth.require(READ), Key()] if first else [Key(), auth.require(READ)]
    api = api_of(auth, auth=both)
    api.get("/x")(operation)
    key = ("X-Key", "right")
    with serving(api), refusals() as records:
        assert serve(Ask((key,), path="/x")).json == {"auth": "'the key'"}
        nobody = serve(NOBODY)
        assert (nobody.status, nobody.headers["www-authenticate"]) == (401, 'Bearer realm="api"')
        assert [fields(each)[:2] for each in records] == [("credentials_missing", 401)]
        assert serve(bearer("garbage")).status == 401
        # The other one is asked first, or it is not asked at all.
        assert serve(bearer("garbage", key)).status == (401 if first else 200)


def test_where_it_has_no_place_the_answer_is_ninjas(verifier: Verifier) -> None:
    """An operation of another authentication alone says nothing of tokens, behind the middleware too."""
    auth = CognitoAuth(verifier)
    api = api_of(auth)
    api.get("/x", auth=Key())(who)
    for middleware in ((COMMON,), (COMMON, OURS)):
        with serving(api, middleware=middleware, COGNITO_AUTH={"VERIFIER": verifier}):
            said = by_wsgi(NOBODY)
        assert (said.status, said.json) == (401, {"detail": "Unauthorized"})
        assert "www-authenticate" not in said.headers


@operations
def test_behind_the_middleware_a_token_is_verified_once(pool: FakeUserPool, operation: Any) -> None:
    """Both go by the same settings, so it takes what the middleware has found."""
    asked: list[Principal] = []

    def revoked(principal: Principal) -> bool:
        asked.append(principal)
        return False

    given = {"VERIFIER": pool.offline_verifier(revoked=revoked)}
    with project(COGNITO_AUTH=given):
        auth = CognitoAuth()
        api = api_of(auth, auth=auth.require(READ))
        api.get("/x")(operation)
    with serving(api, middleware=(COMMON, OURS), COGNITO_AUTH=given):
        assert by_asgi(bearer(pool.access_token(scopes=["orders/read"]))).status == 200
        assert len(asked) == 1
        assert by_asgi(bearer(pool.access_token())).status == 403


# --- Answers


@operations
def test_without_our_answers_an_api_is_closed_too(pool: FakeUserPool, operation: Any) -> None:
    """Those of ninja have the right status; what an outage is due to is the operator's."""
    dark = Verifier(pool.user_pool(offline=True, jwks=None, key_file="/nowhere/keys.json"))
    auth, unlit = CognitoAuth(pool.offline_verifier()), CognitoAuth(dark)
    api = api_of(auth=auth)
    api.get("/x")(operation)
    api.get("/scope", auth=auth.require(READ))(operation)
    api.get("/dark", auth=unlit)(operation)
    with serving(api):
        said = [
            (reply.status, reply.json)
            for reply in (
                by_wsgi(NOBODY),
                by_wsgi(bearer("garbage")),
                by_wsgi(bearer(pool.access_token())._replace(path="/scope")),
                by_wsgi(bearer(pool.access_token())._replace(path="/dark")),
            )
        ]
    assert said == [
        (401, {"detail": "Unauthorized"}),
        (401, {"detail": "the token is malformed"}),
        (403, {"detail": "the token does not permit this request"}),
        (503, {"detail": "the issuer's signing keys are unavailable"}),
    ]


@operations
def test_a_handler_of_the_users_wins(pool: FakeUserPool, verifier: Verifier, operation: Any) -> None:
    """One for an error below AuthError; it gets an error of both kinds, which holds no token."""
    auth = CognitoAuth(verifier)
    api = api_of(auth, auth=auth)
    seen: list[Any] = []

    @api.exception_handler(errors.TokenExpired)
    def expired(request: HttpRequest, exc: Any) -> Any:
        seen.append(exc)
        return api.create_response(request, {"mine": exc.reason}, status=exc.status_code)

    api.get("/x")(operation)
    token = pool.access_token(expires_in=-600)
    with serving(api):
        said = by_wsgi(bearer(token))
    assert (said.status, said.json) == (401, {"mine": "token_expired"})
    [error] = seen
    assert isinstance(error, AuthHttpError)
    assert isinstance(error, HttpError)
    assert type(error.error) is errors.TokenExpired
    assert (error.error.__traceback__, error.__suppress_context__) == (None, True)
    assert error.response.status == 401
    assert token.rpartition(".")[2] not in repr((vars(error), str(error)))


def test_the_handlers_of_two_audiences_give_each_its_own(pool: FakeUserPool, verifier: Verifier) -> None:
    """The guard that has looked makes the answer, whichever was the last to install handlers."""
    partners = FakeUserPool("us-west-2_Partner01")
    here, there = CognitoAuth(verifier), CognitoAuth(partners.offline_verifier(), realm="partners")
    api = api_of(here)
    there.init_api(api)

    def fails(request: HttpRequest) -> None:
        raise errors.PolicyDenied("not today")

    for where, auth in (("/here", here), ("/there", there)):
        api.get(where, auth=auth)(fails)
    with serving(api):
        for where, realm, token in (
            ("/here", "api", pool.access_token()),
            ("/there", "partners", partners.access_token()),
        ):
            for ask in (bearer(token), NOBODY):
                challenge = by_wsgi(ask._replace(path=where)).headers["www-authenticate"]
                assert challenge.startswith(f'Bearer realm="{realm}"')


@pytest.mark.parametrize("debug", [True, False])
def test_nothing_of_a_header_is_logged(
    pool: FakeUserPool, verifier: Verifier, caplog: pytest.LogCaptureFixture, debug: bool
) -> None:
    """The bearer class of ninja itself logs the whole header of another scheme where DEBUG is on."""
    auth = CognitoAuth(verifier)
    api = api_of(auth, auth=auth)
    api.get("/x")(who)
    with serving(api, DEBUG=debug), caplog.at_level(logging.DEBUG):
        for sent in ("Basic c2VjcmV0", "Secret c2VjcmV0", f"Bearer {pool.access_token(expires_in=-600)}"):
            assert by_wsgi(Ask((("Authorization", sent),), path="/x")).status == 401
    secrets = ("c2VjcmV0", "eyJ")
    assert [
        each.getMessage() for each in caplog.records if any(part in repr(vars(each)) for part in secrets)
    ] == []


def test_a_report_of_an_error_shows_no_token(pool: FakeUserPool) -> None:
    """Django's error pages and mails show the variables of frames; here an operation cannot ask a hook."""

    async def revoked(_principal: Principal) -> bool:
        return False

    token = pool.access_token()
    auth = CognitoAuth(pool.offline_verifier(revoked=revoked))
    api = api_of(auth, auth=auth)
    api.get("/x")(who)
    request = RequestFactory().get("/x", HTTP_AUTHORIZATION=f"Bearer {token}")
    with serving(api):
        view = api.urls[0][-2].callback
        report = report_of(lambda: view(request), request)
    assert "coroutine function" in report
    assert token.rpartition(".")[2] not in report
    assert token.split(".")[1] not in report


class Broken:
    """A clock that fails, as only a fault of the library's could."""

    broken = False

    def __call__(self) -> tuple[float, float]:
        if self.broken:
            raise ZeroDivisionError
        return 1.0, 1.0


@pytest.mark.parametrize("asynchronous", [False, True], ids=["plain", "async"])
def test_no_report_of_a_fault_shows_the_token(pool: FakeUserPool, asynchronous: bool) -> None:
    """On the event loop too, where Django hides the variables of one frame alone."""
    clock = Broken()
    auth = CognitoAuth(pool.offline_verifier(clock=clock))
    clock.broken = True
    token = pool.access_token()
    api = api_of(auth, auth=auth)
    api.get("/x")(who_async if asynchronous else who)
    factory = AsyncRequestFactory() if asynchronous else RequestFactory()
    request = factory.get("/x", headers={"Authorization": f"Bearer {token}"})
    with serving(api):
        view = api.urls[0][-2].callback
        report = report_of(lambda: asyncio.run(view(request)) if asynchronous else view(request), request)
    assert "verifier.py" in report
    assert "ZeroDivisionError" in report
    for part in token.split("."):
        assert part not in report


# --- OpenAPI


def test_the_document_has_the_scheme(verifier: Verifier) -> None:
    """A bearer token that is a JWT, once, at each operation that needs or welcomes one."""
    auth = CognitoAuth(verifier)
    api = api_of(auth)
    for where, word in (("/a", auth), ("/b", auth.require(READ)), ("/c", auth.optional), ("/d", None)):
        api.get(where, auth=word)(who)
    document = json.loads(json.dumps(api.get_openapi_schema(path_prefix="")))
    schemes = document["components"]["securitySchemes"]
    assert schemes == {"CognitoAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    security = {where: item["get"].get("security") for where, item in document["paths"].items()}
    needs = [{"CognitoAuth": []}]
    assert security == {"/a": needs, "/b": needs, "/c": needs, "/d": None}


# --- Set-up


def test_the_settings_are_looked_up_for_each_request() -> None:
    """So that a test may override them; without any, there is nothing to make the object of."""
    pools = [FakeUserPool(name) for name in ("us-west-2_One000001", "us-west-2_Two000002")]
    with project(COGNITO_AUTH={"VERIFIER": pools[0].offline_verifier()}):
        auth = CognitoAuth()
    api = api_of(auth, auth=auth)
    api.get("/x")(who)
    for pool in pools:
        with serving(api, COGNITO_AUTH={"VERIFIER": pool.offline_verifier(), "REALM": pool.user_pool_id}):
            assert by_wsgi(bearer(pool.access_token())).status == 200
            assert by_wsgi(NOBODY).headers["www-authenticate"] == f'Bearer realm="{pool.user_pool_id}"'
    with project(COGNITO_AUTH={}), pytest.raises(errors.ConfigurationError, match="COGNITO_"):
        CognitoAuth()


@pytest.mark.parametrize(
    ("make", "kind", "match"),
    [
        (lambda verifier: CognitoAuth(verifier, optional=True), errors.ConfigurationError, "auth.optional"),
        (lambda verifier: CognitoAuth(realm="x"), TypeError, "needs a Verifier"),
        (lambda verifier: CognitoAuth(verifier).init_api(Router()), TypeError, "NinjaAPI"),
    ],
    ids=["optional", "options alone", "no API"],
)
def test_what_cannot_be_right_fails_at_once(verifier: Verifier, make: Any, kind: Any, match: str) -> None:
    """Where it is written."""
    with pytest.raises(kind, match=match):
        make(verifier)


def test_a_guard_may_set_what_means_nothing_here(pool: FakeUserPool, verifier: Verifier) -> None:
    """One that a middleware shares: neither its `optional` nor its `exclude` opens an operation."""
    auth = CognitoAuth(Guard(verifier, optional=True, exclude=["/x"]))
    api = api_of(auth, auth=auth)
    api.get("/x")(who)
    with serving(api):
        assert by_wsgi(NOBODY).status == 401
        assert by_wsgi(bearer(pool.access_token(subject="me"))).json == {"auth": "me"}


def test_ninjas_test_clients_go_the_whole_way(pool: FakeUserPool, verifier: Verifier) -> None:
    """Both, without a project's URLs."""
    auth = CognitoAuth(verifier)
    api = api_of(auth, auth=auth)
    api.get("/plain")(who)
    api.get("/async")(who_async)
    headers = {"Authorization": f"Bearer {pool.access_token(subject='me')}"}
    assert TestClient(api).get("/plain", headers=headers).json() == {"auth": "me"}
    assert TestClient(api).get("/plain").status_code == 401

    async def main() -> tuple[Any, int]:
        client = TestAsyncClient(api)
        found = (await client.get("/async", headers=headers)).json()
        return found, (await client.get("/async")).status_code

    assert asyncio.run(main()) == ({"auth": "me"}, 401)
