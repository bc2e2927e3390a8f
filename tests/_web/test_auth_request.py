"""`_web.auth_request`: the response to nginx's `auth_request`, from either of the two endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.drivers import Ask, Reply
from support.drivers.client import ask_http, ask_wsgi

from cognito_mr_auth import Verifier, asgi, policy, wsgi
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool

Headers = tuple[tuple[str, str], ...]


def by_asgi(given: Any, **options: Any) -> Callable[[Ask], Reply]:
    """Asks the ASGI endpoint."""
    app = asgi.auth_request(given, **options)
    return lambda ask: ask_http(app, ask, bool)


def by_wsgi(given: Any, **options: Any) -> Callable[[Ask], Reply]:
    """Asks the WSGI endpoint."""
    app = wsgi.auth_request(given, **options)
    return lambda ask: ask_wsgi(app, ask, bool)


BOTH = pytest.mark.parametrize("endpoint", [by_asgi, by_wsgi], ids=["asgi", "wsgi"])


def original(method: str = "GET", uri: str = "/orders") -> Headers:
    """What nginx says of the client's request."""
    return (("X-Original-Method", method), ("X-Original-URI", uri))


def bearer(token: str) -> Headers:
    """The header of a token."""
    return (("Authorization", f"Bearer {token}"),)


# --- The statuses that nginx knows

STATUSES: dict[str, tuple[Any, int, str | None]] = {
    # headers for a pool, status, error in the challenge
    "a good token": (lambda pool: bearer(pool.access_token(scopes=["orders/read"])), 204, None),
    "none": (lambda pool: (), 401, None),
    "another scheme": (lambda pool: (("Authorization", "Basic dTpw"),), 401, None),
    "a bad one": (lambda pool: bearer(pool.access_token(signed_by="foreign")), 401, "invalid_token"),
    "a malformed one": (lambda pool: (("Authorization", "Bearer a b"),), 401, "invalid_request"),
    "two": (lambda pool: bearer("a.b.c") + bearer("a.b.c"), 401, "invalid_request"),
    "without the scope": (lambda pool: bearer(pool.access_token()), 403, "insufficient_scope"),
}


@BOTH
@pytest.mark.parametrize("row", STATUSES)
def test_nginx_gets_yes_or_no(pool: FakeUserPool, verifier: Verifier, endpoint: Any, row: str) -> None:
    """204, 401 and 403, and nothing that it would make 500; the challenge and the body are the guard's."""
    headers, status, error = STATUSES[row]
    reply = endpoint(verifier, require=policy.scopes("orders/read"))(Ask((*original(), *headers(pool))))
    assert reply.status == status
    challenge = reply.headers.get("www-authenticate", "")
    assert (f'error="{error}"' in challenge) if error else ("error=" not in challenge)
    assert bool(reply.body) is (status != 204)
    assert reply.headers["cache-control"] == "no-store"


@BOTH
@pytest.mark.outside
def test_an_outage_stays_503(pool: FakeUserPool, endpoint: Any) -> None:
    """It becomes 500 in nginx, and 503 again by `error_page`: a 401 would send the client away."""
    with pool.serve() as endpoints:
        for each in endpoints:
            each.fail("refuse")
        with pool.verifier() as cold:
            reply = endpoint(cold)(Ask((*original(), *bearer(pool.access_token()))))
    assert (reply.status, "retry-after" in reply.headers) == (503, True)


@BOTH
def test_a_guard_and_guests(pool: FakeUserPool, verifier: Verifier, endpoint: Any) -> None:
    """A Guard's settings hold; with `optional=` a bad token is refused all the same."""
    ask = endpoint(Guard(verifier, realm="shop", optional=True))
    assert ask(Ask(original())).status == 204
    bad = ask(Ask((*original(), *bearer("garbage"))))
    assert bad.headers["www-authenticate"].startswith('Bearer realm="shop"')


@BOTH
def test_the_metadata_document_has_its_own_path(verifier: Verifier, endpoint: Any) -> None:
    """Asked for itself it is served; a client's request for it, which nginx asks about, needs a token."""
    ask = endpoint(verifier, resource="https://api.example.com")
    where = "/.well-known/oauth-protected-resource"
    assert ask(Ask(path=where)).json["resource"] == "https://api.example.com"
    assert ask(Ask(original(uri=where))).status == 401


# --- The client's request

EXCLUDED: dict[str, tuple[Headers, bool]] = {
    "that path": (original(uri="/health"), True),
    "with a query": (original(uri="/health?full=1"), True),
    "below the prefix": (original(uri="/static/a.css"), True),
    "encoded below the prefix": (original(uri="/static/%61.css"), True),
    "encoded": (original(uri="/he%61lth"), False),
    "another": (original(uri="/orders"), False),
    "that path in the query": (original(uri="/orders?/health"), False),
    "dots": (original(uri="/static/../orders"), False),
    "encoded dots": (original(uri="/static/%2e%2e/orders"), False),
    "an encoded slash": (original(uri="/static/..%2forders"), False),
    "twice encoded": (original(uri="/static/%252e%252e/orders"), False),
    "two slashes": (original(uri="//health"), False),
    "a whole URL": (original(uri="https://api.example.com/health"), False),
    "empty": (original(uri=""), False),
    "not said": ((("X-Original-Method", "GET"),), False),
    "said twice": ((*original(uri="/health"), ("X-Original-URI", "/orders")), False),
    "said twice alike": ((*original(uri="/health"), ("X-Original-URI", "/health")), False),
}


@BOTH
@pytest.mark.parametrize("row", EXCLUDED)
def test_excluded_is_what_nginx_says_the_path_is(verifier: Verifier, endpoint: Any, row: str) -> None:
    """X-Original-URI, once; the path of nginx's own request counts for nothing."""
    headers, excluded = EXCLUDED[row]
    reply = endpoint(verifier, exclude=["/health", "/static/*"])(Ask(headers, path="/health"))
    assert reply.status == (204 if excluded else 401)


ORIGIN, EVIL = ("Origin", "https://app.example.com"), ("Origin", "https://evil.example")
HANDSHAKE = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
COOKIES: dict[str, tuple[Headers, int]] = {
    "read": (original(), 204),
    "read, from anywhere": ((*original(), EVIL), 204),
    "head": (original("HEAD"), 204),
    "options": (original("OPTIONS"), 204),
    "write, own origin": ((*original("POST"), ORIGIN), 204),
    "write, no origin": (original("POST"), 403),
    "write, foreign origin": ((*original("DELETE"), EVIL), 403),
    "unknown method": (original("BREW"), 403),
    "another case": (original("get"), 403),
    "not said": ((("X-Original-URI", "/orders"),), 403),
    "not said, own origin": ((("X-Original-URI", "/orders"), ORIGIN), 204),
    "said twice": ((*original(), ("X-Original-Method", "POST")), 403),
    "said twice alike": ((*original(), ("X-Original-Method", "GET")), 403),
    "handshake, own origin": ((*original(), HANDSHAKE, ORIGIN), 204),
    "handshake, no origin": ((*original(), HANDSHAKE), 403),
    "handshake, foreign origin": ((*original(), HANDSHAKE, EVIL), 403),
    "an upgrade that nginx passes on": ((*original(), ("Upgrade", "websocket"), EVIL), 403),
}


@BOTH
@pytest.mark.parametrize("row", COOKIES)
def test_a_cookie_counts_by_the_clients_method(
    pool: FakeUserPool, verifier: Verifier, endpoint: Any, row: str
) -> None:
    """It always asks with GET, so a header gives the client's method. Handshakes need an Origin."""
    headers, status = COOKIES[row]
    options: Any = {"cookie": "at", "allowed_origins": ["https://app.example.com"]}
    sent = (*headers, ("Cookie", f"at={pool.access_token()}"))
    assert endpoint(verifier, **options)(Ask(sent)).status == status


@BOTH
def test_a_preflight_needs_a_token(verifier: Verifier, endpoint: Any) -> None:
    """A body and its length, by which a false one would be known, are hidden. nginx can answer true ones."""
    preflight = (ORIGIN, ("Access-Control-Request-Method", "POST"))
    ask = endpoint(verifier, preflight="pass")
    for method in ("GET", "OPTIONS"):
        assert ask(Ask((*original("OPTIONS"), *preflight), method)).status == 401


@BOTH
def test_a_subprotocol_is_no_token_here(pool: FakeUserPool, verifier: Verifier, endpoint: Any) -> None:
    """It would go on to the application behind nginx, which would show it; so it is not looked at."""
    offered = ("Sec-WebSocket-Protocol", f"bearer, {pool.access_token()}")
    ask = endpoint(Guard(verifier, subprotocol="bearer"))
    assert ask(Ask((*original(), HANDSHAKE, offered))).status == 401
