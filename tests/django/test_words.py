"""`require`, `optional` and `public` on every kind of view, with and without the middleware."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from support.django_project import OURS, ask, project
from support.drivers import Ask
from support.drivers.client import ask_wsgi

from cognito_mr_auth import Verifier, errors, policy, wsgi
from cognito_mr_auth.django import optional, public, require
from cognito_mr_auth.testing import FakeUserPool

BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["wsgi", "asgi"])
READ = policy.scopes("orders/read")
WRITE = policy.scopes("orders/write")


def plain(_request: HttpRequest, **_: object) -> HttpResponse:
    """A function."""
    return HttpResponse("in")


async def coroutine(_request: HttpRequest) -> HttpResponse:
    """A coroutine function."""
    return HttpResponse("in")


class Plain(View):
    """A class."""

    def get(self, _request: HttpRequest) -> HttpResponse:
        return HttpResponse("in")


class Later(View):
    """A class of coroutine functions."""

    async def get(self, _request: HttpRequest) -> HttpResponse:
        return HttpResponse("in")


def hides(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that does not use `functools.wraps`."""

    def hiding(*args: Any) -> Any:
        return view(*args)

    return hiding


def of_class(parent: type[View], decorate: Any) -> Any:
    """Decorates a class of its own."""
    return decorate(type("Own", (parent,), {})).as_view()


def of_method(parent: type[View], decorate: Any) -> Any:
    """Decorates a method without `method_decorator`."""
    return type("Own", (parent,), {"get": decorate(parent.get)}).as_view()  # type: ignore[attr-defined]


def by_method_decorator(parent: type[View], decorate: Any, name: str) -> Any:
    """Decorates as Django's documentation has it."""
    return method_decorator(decorate, name=name)(type("Own", (parent,), {})).as_view()


WAYS: dict[str, Callable[[Any], Any]] = {
    "a function": lambda word: word(plain),
    "a coroutine function": lambda word: word(coroutine),
    "below another decorator": lambda word: csrf_exempt(word(plain)),
    "below one that hides it": lambda word: hides(word(plain)),
    "above another decorator": lambda word: word(csrf_exempt(plain)),
    "a class": lambda word: of_class(Plain, word),
    "a class of coroutines": lambda word: of_class(Later, word),
    "a method": lambda word: of_method(Plain, word),
    "a coroutine method": lambda word: of_method(Later, word),
    "dispatch": lambda word: by_method_decorator(Plain, word, "dispatch"),
    "dispatch of coroutines": lambda word: by_method_decorator(Later, word, "dispatch"),
    "a method, by method_decorator": lambda word: by_method_decorator(Plain, word, "get"),
    "a coroutine method, by method_decorator": lambda word: by_method_decorator(Later, word, "get"),
    "what as_view gives": lambda word: word(Plain.as_view()),
    "what as_view gives, of coroutines": lambda word: word(Later.as_view()),
}


@BOTH
@pytest.mark.parametrize("way", WAYS)
def test_require_guards_every_kind_of_view(
    pool: FakeUserPool, verifier: Verifier, way: str, asynchronous: bool
) -> None:
    """Twice with the same view, because `method_decorator` decorates at every request."""
    view = WAYS[way](require(READ))
    without, with_it = pool.access_token(), pool.access_token(scopes=["orders/read"])
    with project(path("", view), auth={"VERIFIER": verifier, "OPTIONAL": True}):
        for _ in range(2):
            assert ask(asynchronous=asynchronous).status_code == 401
            said = ask(asynchronous=asynchronous, Authorization=f"Bearer {without}")
            assert (said.status_code, said.json()["reason"]) == (403, "policy_denied")
            said = ask(asynchronous=asynchronous, Authorization=f"Bearer {with_it}")
            assert (said.status_code, said.content) == (200, b"in")


@BOTH
@pytest.mark.parametrize("way", sorted(set(WAYS) - {"below one that hides it"}))
def test_public_and_optional_open_every_kind_of_view(
    verifier: Verifier, way: str, asynchronous: bool
) -> None:
    """In a project that is closed as a whole; what is hidden from Django stays closed."""
    for word, bad in ((public, 200), (optional, 401)):
        with project(path("", WAYS[way](word)), auth={"VERIFIER": verifier, "PROTECT_ALL": True}):
            assert ask(asynchronous=asynchronous).status_code == 200
            assert ask(asynchronous=asynchronous, Authorization="Bearer a.b.c").status_code == bad
    with project(path("", hides(public(plain))), auth={"VERIFIER": verifier, "PROTECT_ALL": True}):
        assert ask(asynchronous=asynchronous).status_code == 401


@BOTH
def test_a_function_stays_open_at_no_other_url(verifier: Verifier, asynchronous: bool) -> None:
    """The mark is on the view that the decorator returns, and not on the function that it got."""
    view = Plain.as_view()
    routes = (path("a", public(plain)), path("b", plain), path("c", public(view)), path("d", view))
    with project(*routes, auth={"VERIFIER": verifier, "PROTECT_ALL": True}):
        said = {each: ask(f"/{each}", asynchronous=asynchronous).status_code for each in "abcd"}
    assert said == {"a": 200, "b": 401, "c": 200, "d": 401}


@BOTH
def test_several_policies_hold_together(pool: FakeUserPool, verifier: Verifier, asynchronous: bool) -> None:
    """Stacked, or on a class and on its method; also where one hides the other."""
    both = type("Both", (Plain,), {"get": require(READ)(Plain.get)})
    views = (
        require(READ)(require(WRITE)(plain)),
        require(READ)(hides(require(WRITE)(plain))),
        require(WRITE)(both).as_view(),  # type: ignore[attr-defined]
        require(READ)(require(WRITE)(type("Both", (Later,), {}))).as_view(),  # type: ignore[attr-defined]
        method_decorator([require(READ), require(WRITE)], name="dispatch")(
            type("Both", (Later,), {})
        ).as_view(),
    )
    for view in views:
        with project(path("", view), auth={"VERIFIER": verifier}):
            for scopes, status in (
                (["orders/read"], 403),
                (["orders/write"], 403),
                (["orders/read", "orders/write"], 200),
            ):
                token = f"Bearer {pool.access_token(scopes=scopes)}"
                assert ask(asynchronous=asynchronous, Authorization=token).status_code == status


def test_the_class_is_left_as_it_was_made() -> None:
    """`require` on a class changes that class; these tests share theirs, so the order would matter."""
    assert Plain.__dict__.keys() & {"dispatch"} == set()


# --- Without the middleware


@pytest.mark.parametrize("way", sorted(WAYS))
def test_without_the_middleware_a_guarded_view_fails(way: str, verifier: Verifier) -> None:
    """A RequestFactory or a project that forgot it: an error that says what to do, and never an open view."""
    view = WAYS[way](require())

    async def awaited() -> Any:
        return await view(RequestFactory().get("/"))

    with pytest.raises(errors.ConfigurationError, match="MIDDLEWARE"):
        asyncio.run(awaited())
    with project(path("", view), auth={"VERIFIER": verifier}, middleware=[]):
        assert ask().status_code == 500


def test_a_guard_around_django_is_enough(pool: FakeUserPool, verifier: Verifier) -> None:
    """`require` takes the principal that the WSGI middleware has found."""
    from django.core.wsgi import get_wsgi_application

    token = pool.access_token(scopes=["orders/read"])
    with project(path("", require(READ)(plain)), middleware=[]):
        app = wsgi.CognitoAuthMiddleware(get_wsgi_application(), verifier)
        for sent, status in ((token, 200), (pool.access_token(), 403)):
            said = ask_wsgi(app, Ask((("Authorization", f"Bearer {sent}"),)), bool)
            assert said.status == status


def test_an_open_view_needs_no_middleware() -> None:
    """It asks nothing."""
    assert public(plain)(RequestFactory().get("/")).content == b"in"
    assert optional(plain)(RequestFactory().get("/")).content == b"in"


# --- Beside Django's own


LOGIN = "django.contrib.auth.middleware.LoginRequiredMiddleware"
SESSIONS = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
COOKIES = "django.contrib.sessions.backends.signed_cookies"


def test_a_guarded_view_needs_no_login(pool: FakeUserPool, verifier: Verifier) -> None:
    """LoginRequiredMiddleware leaves to `require` what that guards, and closes all else."""
    opened = public(type("Opened", (Plain,), {}))
    inheriting = type("Inheriting", (opened,), {})  # type: ignore[misc]
    routes = (
        path("required", require()(plain)),
        path("public", public(plain)),
        path("inheriting", inheriting.as_view()),
    )
    token = {"Authorization": f"Bearer {pool.access_token()}"}
    middleware = [*SESSIONS, OURS, LOGIN]
    with project(*routes, auth={"VERIFIER": verifier}, middleware=middleware, SESSION_ENGINE=COOKIES):
        assert ask("/required").status_code == 401
        assert ask("/required", **token).status_code == 200
        assert ask("/public").status_code == 302
        assert ask("/inheriting").status_code == 302


# --- What is no view


@pytest.mark.parametrize("nonsense", [1, "view", None, dict, FakeUserPool], ids=repr)
@pytest.mark.parametrize("word", [public, optional, require()], ids=["public", "optional", "require"])
def test_what_is_no_view_is_not_marked(word: Any, nonsense: Any) -> None:
    """It fails where it is written."""
    with pytest.raises(TypeError, match=r"is not a view( class)?$"):
        word(nonsense)


@pytest.mark.parametrize(
    "nonsense",
    ["orders/read", plain, Plain, lambda _principal: True, ["a"]],
    ids=["a scope", "a view", "a class", "a function", "a list"],
)
def test_what_is_no_policy_is_refused(nonsense: Any) -> None:
    """A decorator that was not called is one of them."""
    with pytest.raises(TypeError, match="takes a policy"):
        require(nonsense)


def test_a_view_is_called_with_a_request() -> None:
    """A direct caller gets it."""
    with pytest.raises(TypeError, match="with a request"):
        require()(plain)("request")


def test_the_view_keeps_its_name() -> None:
    """Documentation and logs name views."""
    assert require()(plain).__name__ == "plain"
    assert public(coroutine).__doc__ == coroutine.__doc__
