"""`_web.verification`: the short way answers what the long way would, or says nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest

from cognito_mr_auth import Principal, Verifier, errors, policy, wsgi
from cognito_mr_auth._web.bearer import HTTPRequest, Sources
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.state import PRINCIPAL
from cognito_mr_auth._web.verification import Method, done, known, sole_header
from cognito_mr_auth.asgi import CognitoAuthMiddleware
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool


def request_of(*values: str, name: str = "authorization", **more: Any) -> HTTPRequest:
    """A request with these lines of one header."""
    found = {name: list(values), **more.pop("headers", {})}
    asked = HTTPRequest("GET", "/orders", "/orders", lambda each: found.get(each, []))
    return asked._replace(**more)


@pytest.mark.parametrize(
    ("sources", "header"),
    [
        (Sources(), "authorization"),
        (Sources(header="x-token"), "x-token"),
        (Sources(bare=True), "authorization"),
        (Sources(scheme=None), None),
        (Sources(cookie="at"), None),
        (Sources(subprotocol="bearer"), None),
        (Sources(query="token"), None),
    ],
    ids=repr,
)
def test_the_short_way_is_for_one_place_alone(sources: Sources, header: str | None) -> None:
    """Where a token may stand elsewhere too, both places have to be read."""
    found = sole_header(sources)
    assert (found and found.name) == header


@pytest.mark.parametrize(
    ("form", "short"),
    [
        (("Bearer {}",), True),
        (("bearer {}",), False),
        (("Bearer  {}",), False),
        (("Bearer {} ",), False),
        ((" Bearer {}",), False),
        (("Bearer\t{}",), False),
        (("{}",), False),
        (("Basic {}",), False),
        (("Bearer {}", "Bearer {}"), False),
        (("Bearer {},Bearer {}",), False),
        ((), False),
    ],
)
def test_one_form_is_known(form: tuple[str, ...], short: bool, pool: FakeUserPool) -> None:
    """Of every other form it says nothing, whatever the long way will say."""
    verifier, token = pool.offline_verifier(), pool.access_token()
    principal = verifier.verify(token)
    values = [each.replace("{}", token).encode() for each in form]
    methods: list[Method] = ["verify", "averify"]
    for method in methods:
        assert known(verifier, method, values, {}) is (principal if short else None)


def both(guard: RequestGuard, asked: HTTPRequest, **options: Any) -> Any:
    """What both ways give: a principal, or a class of error."""

    async def awaited() -> Any:
        return await guard.averify(asked, **options)

    found: list[Any] = []
    for ask in (lambda: guard.verify(asked, **options), lambda: asyncio.run(awaited())):
        try:
            found.append(ask())
        except errors.AuthError as error:
            found.append(type(error))
    assert found[0] is found[1]
    return found[0]


NEEDS_A = policy.scopes("a")
PREFLIGHT = {"origin": ["https://a.example"], "access-control-request-method": ["PUT"]}


@pytest.mark.parametrize(
    ("settings", "asked", "options", "expected"),
    [
        ({}, {}, {}, Principal),
        ({"optional": True}, {}, {}, Principal),
        ({"exclude": ["/health"]}, {}, {}, Principal),
        ({"exclude": ["/orders"]}, {}, {}, type(None)),
        ({"exclude": ["/orders"]}, {}, {"need": "required"}, Principal),
        ({"exclude": ["/orders"]}, {}, {"need": "optional"}, Principal),
        ({"require": NEEDS_A}, {}, {}, errors.PolicyDenied),
        ({}, {}, {"require": NEEDS_A}, errors.PolicyDenied),
        ({"preflight": "pass"}, {"method": "OPTIONS", "headers": PREFLIGHT}, {}, Principal),
        ({"header": "X-Token"}, {}, {}, errors.CredentialsMissing),
        ({"cookie": "at", "allowed_origins": ["https://a.example"]}, {}, {}, Principal),
    ],
    ids=str,
)
def test_a_known_token_changes_no_answer(
    settings: Any, asked: Any, options: Any, expected: Any, pool: FakeUserPool
) -> None:
    """The answer to a token's first request is the answer to its next ones."""
    verifier, token = pool.offline_verifier(), pool.access_token()
    guard, request = RequestGuard(verifier, **settings), request_of(f"Bearer {token}", **asked)
    first = both(guard, request, **options)
    verifier.verify(token)
    again = both(guard, request, **options)
    assert type(again) is type(first)
    assert again == first
    assert (first if isinstance(first, type) else type(first)) is expected


def test_what_stands_in_a_verifiers_place_is_asked(pool: FakeUserPool) -> None:
    """A subclass's method and a test's patch are called for a known token too."""

    class Own(Verifier):
        def verify(self, *_: Any, **__: Any) -> Any:
            raise errors.TokenRevoked

        async def averify(self, *_: Any, **__: Any) -> Any:
            raise errors.TokenRevoked

    token = pool.access_token()
    asked = request_of(f"Bearer {token}")
    own = Own(pool.user_pool(), token_use="access")
    assert both(RequestGuard(own), asked) is errors.TokenRevoked
    verifier = pool.offline_verifier()
    verifier.verify(token)
    with patch.multiple(verifier, verify=own.verify, averify=own.averify):
        assert both(RequestGuard(verifier), asked) is errors.TokenRevoked
    with patch.multiple(Verifier, verify=Own.verify, averify=Own.averify):
        assert both(RequestGuard(verifier), asked) is errors.TokenRevoked


def test_who_awaits_gets_what_was_found_at_once(pool: FakeUserPool) -> None:
    """None is an answer too."""
    principal = pool.offline_verifier().verify(pool.access_token())
    assert asyncio.run(done(principal)) is principal  # type: ignore[arg-type]
    assert asyncio.run(done(None)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "alone"),
    [
        ({}, "authorization"),
        ({"header": "X-Token"}, "x-token"),
        ({"optional": True, "preflight": "pass", "subprotocol": None}, "authorization"),
        ({"scheme": None}, None),
        ({"require": NEEDS_A}, None),
        ({"exclude": ["/health"]}, None),
        ({"resource": "https://api.example.com"}, None),
        ({"subprotocol": "bearer"}, None),
        ({"cookie": "at", "allowed_origins": ["https://a.example"]}, None),
    ],
    ids=str,
)
def test_a_header_decides_alone_where_nothing_else_may(
    settings: Any, alone: str | None, pool: FakeUserPool
) -> None:
    """Not where a path is open, where the document is served, or where a policy is asked."""
    header = RequestGuard(pool.offline_verifier(), **settings).deciding_header
    assert (header and header.name) == alone


def over_asgi(verifier: Verifier, settings: Any, method: str, path: str, token: str) -> list[str]:
    """What an application behind one ASGI middleware, then behind two, sees at two requests each."""
    reached: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        reached.append(seen_as(scope[PRINCIPAL]))

    async def nothing(*_: Any) -> Any:
        return {}

    headers = [(b"authorization", b"Bearer " + token.encode())]
    single = CognitoAuthMiddleware(app, verifier, **settings)
    for guarded in (single, CognitoAuthMiddleware(single, verifier)):
        for _ in range(2):
            scope = {"type": "http", "method": method, "path": path, "headers": headers}
            asyncio.run(guarded(scope, nothing, nothing))
    return reached


def over_wsgi(verifier: Verifier, settings: Any, method: str, path: str, token: str) -> list[str]:
    """The same of WSGI."""
    reached: list[str] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        reached.append(seen_as(environ[PRINCIPAL]))
        start_response("200 OK", [])
        return []

    single = wsgi.CognitoAuthMiddleware(app, verifier, **settings)
    for guarded in (single, wsgi.CognitoAuthMiddleware(single, verifier)):
        for _ in range(2):
            environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_AUTHORIZATION": f"Bearer {token}"}
            list(guarded(environ, lambda *_: None))
    return reached


def over_guard(verifier: Verifier, settings: Any, method: str, path: str, token: str) -> list[str]:
    """The same of a Guard that is asked by hand; nobody stands in front of one, so each asks for itself."""
    guard, bare = Guard(verifier, **settings), Guard(verifier)
    request: Any = {"method": method, "path": path, "headers": [("AUTHORIZATION", f"Bearer {token}")]}
    if guard.document(method=method, path=path) is not None:
        return []
    reached: list[str] = []
    for asked in (guard, bare):
        for ask in (lambda: asked.verify(**request), lambda: asyncio.run(asked.averify(**request))):  # noqa: B023
            with suppress(errors.PolicyDenied):
                reached.append(seen_as(ask()))
    return reached if len(reached) > 2 else []


def seen_as(principal: object) -> str:
    """How the rows name it."""
    return "nobody" if principal is None else "somebody"


@pytest.mark.parametrize(
    ("settings", "path", "seen"),
    [
        ({}, "/orders", "somebody"),
        ({"exclude": ["/orders"]}, "/orders", "nobody"),
        ({"exclude": ["/health"]}, "/orders", "somebody"),
        ({"resource": "https://api.example.com"}, "/.well-known/oauth-protected-resource", None),
        ({"resource": "https://api.example.com"}, "/orders", "somebody"),
        ({"require": NEEDS_A}, "/orders", None),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize("serve", [over_asgi, over_wsgi, over_guard])
def test_a_known_token_changes_nothing_that_an_application_sees(
    serve: Any, settings: Any, path: str, seen: str | None, method: str, pool: FakeUserPool
) -> None:
    """Behind a middleware, on its own, and behind one that opens no path and so has found somebody."""
    verifier, token = pool.offline_verifier(), pool.access_token()
    assert serve(verifier, settings, method, path, token) == (
        [] if seen is None else [seen, seen, "somebody", "somebody"]
    )


def test_guards_that_share_a_verifier_count_once(pool: FakeUserPool) -> None:
    """The one behind takes what the one in front has found, over ASGI and WSGI."""
    for serve in (over_asgi, over_wsgi):
        verifier, token = pool.offline_verifier(), pool.access_token()
        serve(verifier, {}, "GET", "/orders", token)  # two requests to one guard, two to two guards
        assert sum(verifier.counts().values()) == 4


def test_a_guard_reads_one_header(pool: FakeUserPool) -> None:
    """A known token elsewhere lets nobody in."""
    verifier, token = pool.offline_verifier(), pool.access_token()
    verifier.verify(token)
    with pytest.raises(errors.CredentialsMissing):
        Guard(verifier).verify(method="GET", path="/", headers=[("X-Token", f"Bearer {token}")])


def test_a_guard_reads_headers_that_can_be_read_once(pool: FakeUserPool) -> None:
    """A framework may give an iterator, whether or not the token is known."""
    guard, token = Guard(pool.offline_verifier()), pool.access_token()
    for _ in range(2):
        once = iter([("Authorization", f"Bearer {token}")])
        assert guard.verify(method="GET", path="/", headers=once) is not None
        once = iter([("Authorization", f"Bearer {pool.access_token()}")])
        assert asyncio.run(guard.averify(method="GET", path="/", headers=once)) is not None
