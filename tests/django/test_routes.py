"""Which segments of a Django route are certainly literal."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import get_resolver, path, re_path

from cognito_mr_auth._web.exclusions import REST, Exclusions
from cognito_mr_auth.django._routes import segments

ROWS: dict[str, tuple[str, list[str | None]]] = {
    "the root": ("", [""]),
    "literal": ("static/app.js", ["static", "app.js"]),
    "a final slash": ("static/css/", ["static", "css"]),
    "a parameter": ("<tenant>/invoices", [None, "invoices"]),
    "a converter": ("<int:year>/<slug:name>", [None, None]),
    "part of a segment": ("v<int:version>/x", [None, "x"]),
    "all the rest": ("static/<path:path>", ["static", REST]),
    "another converter, which may take slashes": ("static/<mine:path>", ["static", None]),
    "an expression": (r"^static/(?P<path>.*)$", ["static", REST]),
    "one that needs something": (r"^static/(?P<path>.+)\Z", ["static", REST]),
    "one without a name": (r"^static/(.*)$", ["static", REST]),
    "one without a group": (r"^.*$", [REST]),
    "one of alternatives": (r"^(?P<a>static|private)/x$", [None, "x"]),
    "one with a slash inside": (r"^(?P<a>static/.*|x)$", [None, None]),
    "an optional segment": (r"^static?/x", [None, "x"]),
    "a class of characters": (r"^[a-z]+/x", [None, "x"]),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_is_not_certainly_literal_is_a_parameter(row: str) -> None:
    """Whether `path()` or `re_path()` wrote it."""
    route, expected = ROWS[row]
    assert segments(route) == expected


def _view(_request: HttpRequest, **_: object) -> HttpResponse:
    return HttpResponse()


MATCHES = {
    "path, literal": (path("static/<path:path>", _view), True),
    "path, a tenant": (path("<tenant>/x", _view), False),
    "re_path, literal": (re_path(r"^static/(?P<path>.*)$", _view), True),
    "re_path, a tenant": (re_path(r"^(?P<tenant>\w+)/x$", _view), False),
    "path, a tenant that may hold slashes": (path("<path:tenant>/x", _view), False),
    "re_path, a tenant that may hold slashes": (re_path(r"^(.+)/x$", _view), False),
    "everything": (re_path(r"^.*$", _view), True),
}


@pytest.mark.parametrize("row", MATCHES)
def test_a_prefix_opens_no_parameter_of_that_value(row: str) -> None:
    """As Django gives the route of a match."""
    route, excluded = MATCHES[row]
    match = get_resolver((route,)).resolve("/static/x")
    assert Exclusions(["/static/*"]).match("/static/x", "", segments(match.route)) is excluded
