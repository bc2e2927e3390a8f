"""Which marks count for the view that Django calls."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from cognito_mr_auth import policy
from cognito_mr_auth.django import optional, public, require
from cognito_mr_auth.django._marks import MARK, UNMARKED, Mark, mark_of

A, B = policy.scopes("a"), policy.scopes("b")


def view(request: HttpRequest) -> HttpResponse:
    """A function."""
    return HttpResponse()


class Base(View):
    """A class."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


def made(parent: type = Base, **members: Any) -> Any:
    """A class of its own."""
    return type("Made", (parent,), members)


def custom(self: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
    """A dispatch of the application's, which may answer by itself."""
    return View.dispatch(self, request, *args, **kwargs)


ON_GET = made(get=public(Base.get))
WHOLE = public(made())
GUARDED = require(A)(made())
DECORATED = method_decorator(csrf_exempt, name="dispatch")(made(WHOLE))


class ViewSet:
    """As REST framework's: `as_view` names a method of the class for each method of HTTP."""

    dispatch = View.dispatch
    http_method_names = View.http_method_names

    @public
    def list(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    @require(A)
    def create(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    @classmethod
    def as_view(cls, actions: Any, parent: Any = None) -> Any:
        made = functools.partial(view)
        made.cls, made.actions = parent or cls, actions  # type: ignore[attr-defined]
        return made


class Pages:
    """Views that are methods of an object."""

    @public
    def page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


class Button:
    """An object that is a view."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


OPEN = public(view)
COPY = functools.update_wrapper(functools.partial(OPEN), OPEN)


@functools.wraps(COPY)
def wrapper(request: HttpRequest) -> HttpResponse:
    """Around a copy."""
    return COPY(request)


ACTIONS = ViewSet.as_view({"get": "list", "post": "create"})
DECORATED_ACTIONS = ViewSet.as_view(
    {"get": "list"}, method_decorator(csrf_exempt, name="list")(type("More", (ViewSet,), {}))
)
INHERITED_ACTIONS = ViewSet.as_view({"get": "list", "post": "create"}, type("More", (ViewSet,), {}))

# View, method -> policies, mark
ROWS: dict[str, tuple[Any, str, tuple[Any, ...], str | None]] = {
    "nothing": (view, "GET", (), None),
    "public": (public(view), "GET", (), "public"),
    "optional": (optional(view), "GET", (), "optional"),
    "required": (require()(view), "GET", (None,), None),
    "with a policy": (require(A)(view), "GET", (A,), None),
    "with two": (require(A)(require(B)(view)), "GET", (B, A), None),
    "with one twice": (require(A)(require(A)(view)), "GET", (A,), None),
    "public and optional": (public(optional(view)), "GET", (), "optional"),
    "optional and public": (optional(public(view)), "GET", (), "optional"),
    "required and public": (require(A)(public(view)), "GET", (A,), "public"),
    "a partial of a public one": (functools.partial(public(view)), "GET", (), None),
    "a partial with its attributes": (COPY, "GET", (), None),
    "a wrapper of that": (wrapper, "GET", (), None),
    "a partial with the attributes of a required one": (
        functools.update_wrapper(functools.partial(view), require(A)(view)),
        "GET",
        (A,),
        None,
    ),
    "a wrapper of a public one": (csrf_exempt(OPEN), "GET", (), "public"),
    "a partial that is public": (public(functools.partial(view)), "GET", (), "public"),
    "an object": (public(Button()), "GET", (), "public"),
    "a bound method": (Pages().page, "GET", (), "public"),
    "a bound method that is inherited": (type("More", (Pages,), {})().page, "GET", (), None),
    "a method": (ON_GET.as_view(), "GET", (), "public"),
    "HEAD of it": (ON_GET.as_view(), "HEAD", (), "public"),
    "another method": (ON_GET.as_view(), "POST", (), None),
    "a method that there is not": (ON_GET.as_view(), "DELETE", (), None),
    "OPTIONS, which Django answers": (ON_GET.as_view(), "OPTIONS", (), None),
    "a method named as a part of the class": (WHOLE.as_view(), "DISPATCH", (), "public"),
    "a method of a subclass": (made(ON_GET).as_view(), "GET", (), None),
    "a class": (WHOLE.as_view(), "POST", (), "public"),
    "a subclass": (made(WHOLE).as_view(), "GET", (), None),
    "a subclass with a mark of its own": (public(made(WHOLE)).as_view(), "GET", (), "public"),
    "a subclass's view": (public(made(WHOLE).as_view()), "GET", (), "public"),
    "a subclass's view that welcomes guests": (optional(made(WHOLE).as_view()), "GET", (), "optional"),
    "by method_decorator": (method_decorator(public, name="dispatch")(made()).as_view(), "GET", (), "public"),
    "by method_decorator, inherited": (
        made(method_decorator(public, name="dispatch")(made())).as_view(),
        "GET",
        (),
        None,
    ),
    "a subclass with a decorated dispatch": (DECORATED.as_view(), "GET", (), None),
    "a subclass with a decorated dispatch, marked too": (
        public(made(DECORATED)).as_view(),
        "GET",
        (),
        "public",
    ),
    "a subclass with a dispatch made of its parent's": (
        made(WHOLE, dispatch=csrf_exempt(WHOLE.dispatch)).as_view(),
        "GET",
        (),
        None,
    ),
    "a subclass of one with a decorated dispatch": (made(DECORATED).as_view(), "GET", (), None),
    "a subclass with a decorated method": (
        method_decorator(csrf_exempt, name="get")(made(ON_GET)).as_view(),
        "GET",
        (),
        None,
    ),
    "a subclass with a decorated method, marked too": (
        made(ON_GET, get=public(method_decorator(csrf_exempt)(ON_GET.get))).as_view(),
        "GET",
        (),
        "public",
    ),
    "a policy of a class": (GUARDED.as_view(), "GET", (A,), None),
    "a policy that is inherited": (made(GUARDED).as_view(), "GET", (A,), None),
    "policies of two bases": (
        type("Both", (GUARDED, require(B)(made())), {}).as_view(),
        "GET",
        (A, B),
        None,
    ),
    "a policy of a class below a dispatch of its subclass": (
        made(GUARDED, dispatch=custom).as_view(),
        "GET",
        (A,),
        None,
    ),
    "a policy of a class and one of its view": (require(B)(GUARDED.as_view()), "GET", (A, B), None),
    "a policy of a class, whose view is public": (public(GUARDED.as_view()), "GET", (A,), "public"),
    "a policy of a method that is inherited": (
        made(made(get=require(A)(Base.get))).as_view(),
        "GET",
        (A,),
        None,
    ),
    "a policy of another method": (made(get=require(A)(Base.get)).as_view(), "POST", (), None),
    "a method below a dispatch of the application's": (
        made(dispatch=custom, get=public(Base.get)).as_view(),
        "GET",
        (),
        None,
    ),
    "a method below a decorated dispatch": (
        method_decorator(csrf_exempt, name="dispatch")(made(get=public(Base.get))).as_view(),
        "GET",
        (),
        "public",
    ),
    "an action": (ACTIONS, "GET", (), "public"),
    "HEAD of an action": (ACTIONS, "HEAD", (), "public"),
    "an action with a policy": (ACTIONS, "POST", (A,), None),
    "an action that is inherited and decorated": (DECORATED_ACTIONS, "GET", (), None),
    "no action": (ACTIONS, "DELETE", (), None),
    "an action that is inherited": (INHERITED_ACTIONS, "GET", (), None),
    "a policy of an action that is inherited": (INHERITED_ACTIONS, "POST", (A,), None),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_mark_counts_where_it_was_set(row: str) -> None:
    """Policies are inherited, openings are not."""
    given, method, policies, word = ROWS[row]
    found = mark_of(given, method)
    assert found.word == word
    assert len(found.policies) == len(policies)
    assert all(one is other for one, other in zip(found.policies, policies, strict=True))


def test_the_attribute_is_our_own() -> None:
    """REST framework and Django set `login_required` on views that are not marked public."""
    opened = lambda request: HttpResponse()  # noqa: E731
    opened.login_required = False  # type: ignore[attr-defined]
    assert mark_of(opened, "GET") == UNMARKED
    assert getattr(public(view), MARK) == Mark(word="public")
    assert not hasattr(view, MARK)
