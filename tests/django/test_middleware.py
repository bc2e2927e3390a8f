"""django.CognitoAuthMiddleware: which view it decides on, what it leaves to Django, and what others see.

What every adapter promises stands in adapters/test_outcomes.py.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory
from django.urls import path
from django.views.debug import ExceptionReporter
from django.views.decorators.cache import cache_page
from support.django_project import OURS, ask, project
from support.drivers import Ask, Reply
from support.drivers.client import ask_http, ask_wsgi
from support.drivers.django_asgi import staying

from cognito_mr_auth import Verifier, asgi, errors, policy, wsgi
from cognito_mr_auth.django import CognitoAuthMiddleware, optional, principal_of, public, require
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeClock, FakeUserPool

BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["wsgi", "asgi"])
CSRF = "django.middleware.csrf.CsrfViewMiddleware"


def who(request: HttpRequest) -> HttpResponse:
    """Who asks, by both ways."""
    assert principal_of(request) is request.principal
    return JsonResponse({"subject": request.principal and request.principal.subject})


async def who_async(request: HttpRequest) -> HttpResponse:
    """The same as a coroutine function."""
    await asyncio.sleep(0)
    return who(request)


ROUTES = (
    path("who", who),
    path("async", who_async),
    path("public", public(who)),
    path("optional", optional(who_async)),
    path("required", require()(who)),
    path("slash/", who),
    path("<tenant>/invoices", lambda request, tenant: who(request)),
)


@pytest.fixture
def bearer(pool: FakeUserPool) -> dict[str, str]:
    """The header of a good token."""
    return {"Authorization": f"Bearer {pool.access_token(subject='me')}"}


FORGED = "Bearer a.b.c"

# Path -> status for nobody, for a bad token, for a good one; open by default, and with PROTECT_ALL.
ANSWERS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "/who": ((200, 401, 200), (401, 401, 200)),
    "/async": ((200, 401, 200), (401, 401, 200)),
    "/public": ((200, 200, 200), (200, 200, 200)),
    "/optional": ((200, 401, 200), (200, 401, 200)),
    "/required": ((401, 401, 200), (401, 401, 200)),
    "/nothing": ((404, 401, 404), (401, 401, 404)),
    "/slash": ((301, 401, 301), (401, 401, 301)),
}


@BOTH
@pytest.mark.parametrize("protect_all", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize("where", ANSWERS)
def test_a_view_says_who_passes(
    verifier: Verifier, bearer: dict[str, str], where: str, protect_all: bool, asynchronous: bool
) -> None:
    """Sync and async views under both protocols; an unknown URL is as a view that says nothing."""
    common = "django.middleware.common.CommonMiddleware"
    auth = {"VERIFIER": verifier, "PROTECT_ALL": protect_all}
    with project(*ROUTES, auth=auth, middleware=[common, OURS]):
        said = [
            ask(where, asynchronous=asynchronous, **headers)
            for headers in ({}, {"Authorization": FORGED}, bearer)
        ]
    assert tuple(each.status_code for each in said) == ANSWERS[where][protect_all]
    if where not in ("/public", "/nothing", "/slash"):
        assert said[2].json() == {"subject": "me"}
    if where == "/public":
        assert [each.json()["subject"] for each in said] == [None] * 3


# --- Which view that is


class Rewrites:
    """Middleware behind ours that sends requests elsewhere."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "X-Path" in request.headers:
            request.path_info = request.headers["X-Path"]
        if "X-Urls" in request.headers:
            request.urlconf = (path("public", who),)
        if "X-Method" in request.headers:
            request.method = request.headers["X-Method"]
        if "X-Answer" in request.headers:
            return HttpResponse("from a cache", headers={"Content-Length": "12", "X-Kept": "yes"})
        return self.get_response(request)


REWRITES = f"{__name__}.Rewrites"
# Headers -> path as sent, status without a token
SENT_ELSEWHERE: dict[str, tuple[str, dict[str, str], int]] = {
    "nowhere": ("/public", {}, 200),
    "from an excluded path to a private view": ("/health", {"X_Path": "/who"}, 401),
    "from a public view to a private one": ("/public", {"X_Path": "/who"}, 401),
    "from a private view to a public one": ("/who", {"X_Path": "/public"}, 200),
    "to other routes, where the path is private": ("/public", {"X_Urls": "yes"}, 401),
    "by middleware that answers itself": ("/who", {"X_Answer": "yes"}, 401),
    "by middleware that answers for a public view": ("/public", {"X_Answer": "yes"}, 401),
    "an excluded path that nobody answers": ("/health", {}, 404),
}


@BOTH
@pytest.mark.parametrize("row", SENT_ELSEWHERE)
def test_it_decides_on_the_view_that_django_chose(
    verifier: Verifier, bearer: dict[str, str], row: str, asynchronous: bool
) -> None:
    """Whatever middleware behind it has changed; with a token all of them pass."""
    where, headers, status = SENT_ELSEWHERE[row]
    auth = {"VERIFIER": verifier, "PROTECT_ALL": True, "EXCLUDE": ["/health"]}
    with project(*ROUTES, auth=auth, middleware=[OURS, REWRITES]):
        assert ask(where, asynchronous=asynchronous, **headers).status_code == status
        assert ask(where, asynchronous=asynchronous, **headers, **bearer).status_code in (200, 404)


def test_an_exclusion_names_a_route(verifier: Verifier, bearer: dict[str, str]) -> None:
    """EXCLUDE of "/static/*" does not open a tenant named "static", whose view then knows who calls."""
    with project(*ROUTES, auth={"VERIFIER": verifier, "PROTECT_ALL": True, "EXCLUDE": ["/static/*"]}):
        assert ask("/static/invoices").status_code == 401
        assert ask("/static/invoices", **bearer).json() == {"subject": "me"}
        assert ask("/static/nothing").status_code == 404


def test_an_excluded_path_has_no_principal(verifier: Verifier, bearer: dict[str, str]) -> None:
    """No token is looked at there, with PROTECT_ALL and without it, unless its view names its guard."""
    for protect_all in (False, True):
        auth = {"VERIFIER": verifier, "PROTECT_ALL": protect_all, "EXCLUDE": ["/who", "/required"]}
        with project(*ROUTES, auth=auth):
            assert ask("/who", **bearer).json() == {"subject": None}
            assert ask("/who", Authorization=FORGED).status_code == 200
            assert ask("/required").status_code == 401
            assert ask("/required", **bearer).json() == {"subject": "me"}


# --- Preflights

PREFLIGHT = (("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "POST"))


def preflight(where: str, *headers: tuple[str, str], asynchronous: bool) -> Reply:
    """The answer to a browser's; Django's test client adds an empty cookie, which no browser does."""
    request = Ask((*PREFLIGHT, *headers), "OPTIONS", where)
    if not asynchronous:
        return ask_wsgi(get_wsgi_application(), request, bool)
    inner = get_asgi_application()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, staying(receive), send)

    return ask_http(application, request, bool)


@BOTH
def test_a_preflight_runs_no_closed_view(verifier: Verifier, asynchronous: bool) -> None:
    """With PREFLIGHT "pass": 204 for a closed view, which an open one answers; middleware's has no body."""
    auth = {"VERIFIER": verifier, "PROTECT_ALL": True, "PREFLIGHT": "pass"}
    answers = ("X-Answer", "yes")
    with project(*ROUTES, auth=auth, middleware=[OURS, REWRITES]):
        for where, status, body in [
            ("/who", 204, b""),
            ("/required", 204, b""),
            ("/optional", 200, b'{"subject": null}'),
            ("/public", 200, b'{"subject": null}'),
            ("/nothing", 404, b""),
        ]:
            said = preflight(where, asynchronous=asynchronous)
            assert (said.status, said.body) == (status, body), where
        said = preflight("/who", answers, asynchronous=asynchronous)
        assert (said.status, said.body, said.headers["x-kept"]) == (200, b"", "yes")
        assert "content-length" not in said.headers
    with project(*ROUTES, auth={"VERIFIER": verifier, "PREFLIGHT": "pass"}, middleware=[OURS, REWRITES]):
        assert preflight("/who", answers, asynchronous=asynchronous).body == b"from a cache"


# --- CSRF

# How the token comes -> method, headers with TOKEN, status behind Django's own check
FROM_A_PAGE: dict[str, tuple[dict[str, str], int]] = {
    "no token": ({}, 403),
    "a header": ({"Authorization": "Bearer TOKEN"}, 200),
    "a header, from a foreign page": (
        {"Authorization": "Bearer TOKEN", "Origin": "https://evil.example"},
        200,
    ),
    "a bad header": ({"Authorization": "Bearer x.y.z"}, 401),
    "a cookie, from an allowed page": ({"Cookie": "at=TOKEN", "Origin": "https://app.example.com"}, 200),
    "a cookie, from a foreign page": ({"Cookie": "at=TOKEN", "Origin": "https://evil.example"}, 403),
    "a cookie, from nowhere": ({"Cookie": "at=TOKEN"}, 403),
}


@BOTH
@pytest.mark.parametrize("first", [CSRF, OURS], ids=["its check first", "ours first"])
@pytest.mark.parametrize("row", FROM_A_PAGE)
def test_a_token_stands_in_for_djangos_csrf_token(
    pool: FakeUserPool, verifier: Verifier, row: str, first: str, asynchronous: bool
) -> None:
    """No other site's page can send the header, and a cookie has passed the check of its origin."""
    headers, status = FROM_A_PAGE[row]
    token = pool.access_token()
    sent = {name: value.replace("TOKEN", token) for name, value in headers.items()}
    auth = {"VERIFIER": verifier, "COOKIE": "at", "ALLOWED_ORIGINS": ["https://app.example.com"]}
    kind = AsyncClient if asynchronous else Client
    client = kind(enforce_csrf_checks=True)
    middleware = [first, CSRF if first == OURS else OURS]
    with project(*ROUTES, auth=auth, middleware=middleware):
        said = ask("/who", "POST", asynchronous=asynchronous, client=client, **sent)
    assert said.status_code == status


# COGNITO_AUTH beside the verifier, headers with TOKEN, status behind Django's own check
NOT_FROM_A_PAGE: dict[str, tuple[dict[str, Any], dict[str, str], int]] = {
    "a header that a proxy makes of its cookie": ({"HEADER": "X-Token"}, {"X_Token": "Bearer TOKEN"}, 403),
    "such a header, where a cookie is taken too": (
        {"HEADER": "X-Token", "COOKIE": "at", "ALLOWED_ORIGINS": ["https://app.example.com"]},
        {"X_Token": "Bearer TOKEN"},
        403,
    ),
    "the cookie, beside such a header": (
        {"HEADER": "X-Token", "COOKIE": "at", "ALLOWED_ORIGINS": ["https://app.example.com"]},
        {"Cookie": "at=TOKEN", "Origin": "https://app.example.com"},
        200,
    ),
    "a proxy that makes Authorization of its cookie": (
        {"CSRF_EXEMPT": False},
        {"Authorization": "Bearer TOKEN"},
        403,
    ),
}


@pytest.mark.parametrize("row", NOT_FROM_A_PAGE)
def test_a_proxys_header_stands_in_for_nothing(pool: FakeUserPool, verifier: Verifier, row: str) -> None:
    """Another site's page sends the proxy's cookie, and the proxy makes the header of it."""
    auth, headers, status = NOT_FROM_A_PAGE[row]
    token = pool.access_token()
    sent = {name: value.replace("TOKEN", token) for name, value in headers.items()}
    client = Client(enforce_csrf_checks=True)
    with project(*ROUTES, auth={"VERIFIER": verifier, **auth}, middleware=[OURS, CSRF]):
        assert ask("/required", "POST", client=client, **sent).status_code == status
        assert ask("/required", "GET", client=client, **sent).status_code == 200


def test_a_method_that_is_changed_later_needs_the_cookies_origin(
    pool: FakeUserPool, verifier: Verifier
) -> None:
    """A GET that becomes a DELETE behind the middleware changes something too."""
    auth = {"VERIFIER": verifier, "COOKIE": "at", "ALLOWED_ORIGINS": ["https://app.example.com"]}
    cookie = {"Cookie": f"at={pool.access_token()}", "X_Method": "DELETE"}
    with project(*ROUTES, auth=auth, middleware=[OURS, REWRITES]):
        assert ask("/required", **cookie).status_code == 403
        assert ask("/required", **cookie, Origin="https://app.example.com").status_code == 200


# --- A guard in front


@BOTH
def test_a_principal_of_a_guard_in_front_is_taken(pool: FakeUserPool, asynchronous: bool) -> None:
    """The WSGI or ASGI middleware around Django has verified the token; it is not done twice."""
    asked: list[object] = []
    verifier = pool.offline_verifier(revoked=lambda principal: asked.append(principal) or False)
    headers = (("Authorization", f"Bearer {pool.access_token(subject='me')}"),)
    with project(*ROUTES, auth={"VERIFIER": verifier}):
        request = Ask(headers, path="/required")
        if asynchronous:
            inner = asgi.CognitoAuthMiddleware(get_asgi_application(), verifier)

            async def application(scope: Any, receive: Any, send: Any) -> None:
                await inner(scope, staying(receive), send)

            said = ask_http(application, request, bool)
        else:
            said = ask_wsgi(wsgi.CognitoAuthMiddleware(get_wsgi_application(), verifier), request, bool)
    assert (said.status, said.json, len(asked)) == (200, {"subject": "me"}, 1)


# --- The event loop


def test_nothing_leaves_the_event_loop(pool: FakeUserPool) -> None:
    """Verification, a policy and the decision run on the loop's own thread."""
    threads: list[int] = []
    here = lambda _principal: threads.append(threading.get_ident()) or True  # noqa: E731
    verifier = pool.offline_verifier(revoked=lambda principal: not here(principal))
    view = require(policy.check(here))(who_async)
    token = {"Authorization": f"Bearer {pool.access_token()}"}
    with project(path("", view), auth={"VERIFIER": verifier}):
        assert ask("/", asynchronous=True, **token).status_code == 200
    assert set(threads) == {threading.get_ident()}
    assert len(threads) == 2  # the view of `require` does not ask again


async def never(_principal: object) -> bool:
    """A hook that can only be awaited."""
    return False


def test_an_async_hook_works_under_asgi_and_stops_wsgi(pool: FakeUserPool) -> None:
    """If the server cannot await it, the application does not start."""
    verifier = pool.offline_verifier(revoked=never)
    token = {"Authorization": f"Bearer {pool.access_token()}"}
    with project(*ROUTES, auth={"VERIFIER": verifier}):
        assert ask("/required", asynchronous=True, **token).status_code == 200
        with pytest.raises(TypeError, match="coroutine function"):
            get_wsgi_application()


# --- What goes wrong


@pytest.mark.parametrize("start", [get_wsgi_application, get_asgi_application])
@pytest.mark.parametrize(
    "auth",
    [
        {"VERIFIER": "support.nothing.here"},
        {"VERIFIER": Guard()},
        {"USER_POOL_ID": "us-west-2_EXAMPLE"},
        {"PROTECT_ALL": "yes"},
    ],
    ids=str,
)
def test_a_mistake_in_the_settings_stops_the_application(auth: Any, start: Callable[[], Any]) -> None:
    """A server runs no system checks."""
    with project(*ROUTES, auth=auth), pytest.raises(errors.ConfigurationError):
        start()


def fails(_request: HttpRequest) -> HttpResponse:
    """A view with a fault."""
    raise ZeroDivisionError


async def denies(_request: HttpRequest) -> HttpResponse:
    """A view that refuses by itself."""
    raise errors.PolicyDenied("another tenant")


@BOTH
def test_an_error_of_a_view_is_answered_if_it_is_ours(verifier: Verifier, asynchronous: bool) -> None:
    """Any other is Django's."""
    with project(path("fails", fails), path("denies", denies), auth={"VERIFIER": verifier}):
        assert ask("/fails", asynchronous=asynchronous).status_code == 500
        said = ask("/denies", asynchronous=asynchronous)
    assert (said.status_code, said.json()["detail"]) == (403, "another tenant")
    assert said["WWW-Authenticate"].startswith('Bearer realm="api", error="insufficient_scope"')


class Mailed(logging.Handler):
    """In the place of Django's AdminEmailHandler."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@BOTH
def test_an_outage_is_not_mailed_for_each_request(pool: FakeUserPool, asynchronous: bool) -> None:
    """Django makes an ERROR of every 5xx; ours has its own record, once for the outage."""
    verifier = pool.offline_verifier(revoked=lambda _principal: None)  # type: ignore[arg-type, return-value]
    mailed, logger = Mailed(), logging.getLogger("django.request")
    token = {"Authorization": f"Bearer {pool.access_token()}"}
    with project(*ROUTES, path("fails", public(fails)), auth={"VERIFIER": verifier}):
        logger.disabled = False
        logger.addHandler(mailed)
        try:
            assert ask("/who", asynchronous=asynchronous, **token).status_code == 503
            assert mailed.records == []
            assert ask("/fails", asynchronous=asynchronous).status_code == 500
            assert len(mailed.records) == 1
        finally:
            logger.removeHandler(mailed)


class Broken:
    """A clock that fails, as only a fault of the library's could."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.broken = False

    def __call__(self) -> tuple[float, float]:
        if self.broken:
            raise ZeroDivisionError
        return self.clock()


def reported(request: Any, serve: Callable[[Any], Any]) -> str:
    """What Django mails of the fault."""
    try:
        serve(request)
    except ZeroDivisionError:
        report = ExceptionReporter(request, *sys.exc_info())
        return str(report.get_traceback_text() + report.get_traceback_html())
    raise AssertionError("no fault")


@BOTH
@pytest.mark.parametrize("known", [False, True])
def test_no_report_of_a_fault_shows_the_token(
    pool: FakeUserPool, clock: FakeClock, known: bool, asynchronous: bool
) -> None:
    """Django's reports, which are mailed, show the variables of frames. They still say where it broke."""
    broken = Broken(clock)
    verifier = pool.offline_verifier(clock=broken)
    token = pool.access_token()
    if known:
        verifier.verify(token)
    broken.broken = True
    factory = AsyncRequestFactory() if asynchronous else RequestFactory()
    request = factory.get("/", headers={"Authorization": f"Bearer {token}"})
    with project(*ROUTES, auth={"VERIFIER": verifier}):
        middleware = CognitoAuthMiddleware(who_async if asynchronous else who)
        serve = (lambda given: asyncio.run(middleware(given))) if asynchronous else middleware
        text = reported(request, serve)
    assert ("recall.py" if known else "verifier.py") in text
    for part in token.split("."):
        assert part not in text


@BOTH
def test_a_method_in_the_verifiers_place_is_asked(pool: FakeUserPool, asynchronous: bool) -> None:
    """A subclass's or a test's is asked about a known token too, under WSGI and under ASGI."""
    verifier, token = pool.offline_verifier(), pool.access_token()
    verifier.verify(token)
    factory = AsyncRequestFactory() if asynchronous else RequestFactory()
    request = factory.get("/", headers={"Authorization": f"Bearer {token}"})

    async def view(_request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    name = "averify" if asynchronous else "verify"
    revoked = patch.object(verifier, name, side_effect=errors.TokenRevoked)
    with project(*ROUTES, auth={"VERIFIER": verifier}), revoked:
        reply = CognitoAuthMiddleware(view if asynchronous else lambda _request: HttpResponse())(request)
        assert (asyncio.run(reply) if asynchronous else reply).status_code == 401


# --- Caches


@BOTH
@pytest.mark.parametrize("where", ["above", "site"])
def test_a_cached_page_is_shown_to_its_owner_alone(
    pool: FakeUserPool, verifier: Verifier, where: str, asynchronous: bool
) -> None:
    """By a decorator above `require`, or with the site. Django itself knows of Authorization alone."""
    served = Counter[str]()

    def counted(request: HttpRequest) -> HttpResponse:
        served[request.principal.subject] += 1
        return HttpResponse(request.principal.subject)

    keep = cache_page(60)
    view = {"above": keep(require()(counted)), "site": require()(counted)}
    middleware = [OURS]
    if where == "site":
        caches = [f"django.middleware.cache.{name}CacheMiddleware" for name in ("Update", "FetchFrom")]
        middleware = [caches[0], OURS, caches[1]]
    caches_of_test = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": f"{where}"}
    }
    tokens = {name: f"Bearer {pool.access_token(subject=name)}" for name in ("alice", "bob")}
    auth = {"VERIFIER": verifier, "HEADER": "X-Token"}
    with project(path("", view[where]), auth=auth, middleware=middleware, CACHES=caches_of_test):
        from django.core.cache import cache

        cache.clear()
        for _ in range(2):
            for name, token in tokens.items():
                said = ask("/", asynchronous=asynchronous, X_Token=token)
                assert (said.status_code, said.content.decode()) == (200, name)
            assert ask("/", asynchronous=asynchronous).status_code == 401
    assert served == {"alice": 1, "bob": 1}


def stream(_request: HttpRequest) -> StreamingHttpResponse:
    """A response that has no content yet."""
    return StreamingHttpResponse([b"a", b"b"])


class Varies:
    """Middleware that says what its response depends on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Vary"] = "X-Other"
        return response


def test_a_response_names_what_it_depends_on(verifier: Verifier) -> None:
    """RFC 9110 12.5.5: `Vary` has the header, and the cookie where one may hold the token."""
    routes = (path("stream", require()(stream)), path("optional", optional(stream)), *ROUTES)
    for more, vary in (
        ({}, "Authorization"),
        ({"COOKIE": "at", "ALLOWED_ORIGINS": ["https://a.example"]}, "Authorization, Cookie"),
        ({"HEADER": "X-Token"}, "X-Token"),
    ):
        with project(*routes, auth={"VERIFIER": verifier, **more}):
            assert ask("/optional")["Vary"] == vary
            assert ask("/who")["Vary"] == vary
            assert "Vary" not in ask("/public")
            with project(
                *routes, auth={"VERIFIER": verifier, **more}, middleware=[OURS, f"{__name__}.Varies"]
            ):
                assert ask("/who")["Vary"] == f"X-Other, {vary}"


def test_a_redirect_of_a_view_stays(verifier: Verifier, bearer: dict[str, str]) -> None:
    """A response that is no page of ours passes as it is."""
    view = require()(lambda _request: HttpResponseRedirect("/elsewhere"))
    with project(path("", view), auth={"VERIFIER": verifier}):
        assert ask("/", **bearer)["Location"] == "/elsewhere"
