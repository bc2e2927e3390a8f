"""Django's requests as the guard reads them, and its answers as Django's responses."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from support.drivers import Ask
from support.drivers.client import environ_of, http_scope
from support.drivers.django_wsgi import configure

from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.state import GUARD, PRINCIPAL
from cognito_mr_auth.django import principal_of
from cognito_mr_auth.django._requests import read, respond, state
from cognito_mr_auth.testing import FakeUserPool

configure()


def by_wsgi(ask: Ask) -> Any:
    """What Django makes of an environ."""
    return WSGIRequest(environ_of(ask))


def by_asgi(ask: Ask) -> Any:
    """What Django makes of a scope."""
    return ASGIRequest(http_scope(ask), None)


class Wrapped:
    """As REST framework's request: what it does not know, it asks the one that it wraps."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)


KINDS = pytest.mark.parametrize(
    "kind",
    [by_wsgi, by_asgi, lambda ask: Wrapped(by_wsgi(ask)), lambda ask: Wrapped(by_asgi(ask))],
    ids=["wsgi", "asgi", "wrapped wsgi", "wrapped asgi"],
)


@KINDS
def test_a_request_is_read_as_it_was_sent(kind: Any) -> None:
    """Method, path, the path as sent, and every header."""
    sent = Ask((("X-Token", "a"), ("Origin", "https://a.example")), "patch", raw_path="/caf%C3%A9")
    asked = read(kind(sent))
    assert (asked.method, asked.path, asked.raw_path) == ("patch", "/café", "/caf%C3%A9")
    assert list(asked.header("x-token")) == ["a"]
    assert list(asked.header("origin")) == ["https://a.example"]
    assert list(asked.header("authorization")) == []
    assert not asked.websocket


@KINDS
def test_path_and_method_are_those_that_django_routes(kind: Any) -> None:
    """Middleware in front may change both."""
    request = kind(Ask(path="/a"))
    target = getattr(request, "_request", request)
    target.path_info, target.method = "/b", "DELETE"
    assert (read(request).method, read(request).path) == ("DELETE", "/b")


@pytest.mark.parametrize("kind", [by_wsgi, by_asgi])
def test_cookies_in_several_lines_are_several(kind: Any) -> None:
    """HTTP/2 sends them so, and Django joins them with a comma under ASGI."""
    asked = read(kind(Ask((("Cookie", "a=1"), ("Cookie", "at=x")))))
    assert "; ".join(asked.header("cookie")) == "a=1; at=x"


def test_a_scope_without_a_raw_path_has_none() -> None:
    """It is optional in ASGI."""
    scope = http_scope(Ask())
    del scope["raw_path"]
    assert read(ASGIRequest(scope, None)).raw_path == ""


@KINDS
def test_who_asks_is_known_once_a_guard_has_looked(pool: FakeUserPool, kind: Any) -> None:
    """Before the middleware it is an error and not a guest, unless a default is given."""
    request = kind(Ask((("Cognito-mr-auth.principal", "alice"),)))
    with pytest.raises(LookupError, match="MIDDLEWARE"):
        principal_of(request)
    assert principal_of(request, None) is None
    state(request).update({PRINCIPAL: pool.principal(), GUARD: None})
    assert principal_of(request) == pool.principal() or principal_of(request) is not None


@pytest.mark.parametrize("status", [200, 401, 503])
def test_an_answer_is_djangos(status: int) -> None:
    """With every header; a HEAD has no body; Django itself makes no record of an outage."""
    answer = HTTPResponse(status, (("content-type", "application/json"), ("content-length", "2")), b"{}")
    response = respond(answer, "GET")
    assert (response.status_code, response.content) == (status, b"{}")
    assert (response["Content-Type"], response["Content-Length"]) == ("application/json", "2")
    assert getattr(response, "_has_been_logged", False) is (status == 503)
    assert (respond(answer, "HEAD").content, respond(answer, "HEAD")["Content-Length"]) == (b"", "2")
