"""Tokens in cookies: an answer covers what was decided, whatever API Gateway's cache makes of it.

A browser sends a cookie along with any request that a page of another site causes. A GET needs no Origin, so
an answer to it must not let the POST pass that the same page sends next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.gateway import API, statements_of, verdict

from cognito_mr_auth import policy
from cognito_mr_auth.aws_lambda import Authorizer, Unauthorized
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.testing import FakeClock, FakeUserPool

FAKE = FakeUserPool(clock=FakeClock())
VERIFIER = FAKE.offline_verifier()
OWN, FOREIGN = "https://app.example.com", "https://evil.example"
COOKIE = f"session={FAKE.access_token(scopes=['orders'])}"
SETTINGS: Mapping[str, Any] = {"cookie": "session", "allowed_origins": [OWN]}
ROUTES = {
    "ANY /orders": policy.scopes("orders"),
    "ANY /orders/{id}": policy.scopes("orders"),
    "ANY /admin": policy.groups("admins"),
}
KINDS = ("rest-request", "http-1.0", "http-2.0")
VERBS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


def event(
    kind: str,
    verb: str,
    rest: str | None = None,
    *,
    origin: str | None = None,
    identity: Any = (COOKIE,),
    key: str = "ANY /orders",
) -> dict[str, Any]:
    """A request with the cookie; `rest` is the ARN's end, if it is not for /orders."""
    arn = API + (f"{verb}/orders" if rest is None else rest)
    headers = {"Cookie": COOKIE} | ({"Origin": origin} if origin is not None else {})
    if kind == "http-2.0":
        del headers["Cookie"]
        return {
            "type": "REQUEST",
            "version": "2.0",
            "routeArn": arn,
            "routeKey": key,
            "cookies": [COOKIE],
            "identitySource": None if identity is None else list(identity),
            "headers": {name.lower(): value for name, value in headers.items()},
            "requestContext": {"http": {"method": verb}, "routeKey": key},
        }
    made: dict[str, Any] = {
        "type": "REQUEST",
        "httpMethod": verb,
        "methodArn": arn,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "requestContext": {"httpMethod": verb, "routeKey": key},
    }
    if kind == "http-1.0":
        made |= {"version": "1.0", "identitySource": None if identity is None else ",".join(identity)}
    return made


def allowed(answer: Mapping[str, Any]) -> set[str]:
    """What an answer allows of every method, on the path that was asked for and others."""
    if "policyDocument" not in answer:
        return set()
    statements = statements_of(answer["policyDocument"])
    asked = [f"{verb}/{path}" for verb in VERBS for path in ("orders", "orders/5", "orders/", "admin", "")]
    asked += ["$connect", "$default"]
    return {each for each in asked if verdict(statements, API + each) == "allow"}


def answer(options: Mapping[str, Any], asked: dict[str, Any]) -> Mapping[str, Any]:
    """The answer, or an empty one for Unauthorized."""
    try:
        return Authorizer(VERIFIER, **SETTINGS, **options)(asked)
    except Unauthorized:
        return {}


TABLES: dict[str, dict[str, Any]] = {
    "the stage": {},
    "a policy": {"require": policy.scopes("orders")},
    "routes": {"routes": ROUTES},
    "exact": {"resources": "exact"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", TABLES)
def test_an_answer_covers_one_method_and_path(row: str, kind: str) -> None:
    """Whatever the page: a safe method gets itself alone, another one nothing without an allowed Origin."""
    for verb in VERBS:
        for origin in (OWN, FOREIGN, None, "null", ""):
            found = allowed(answer(TABLES[row], event(kind, verb, origin=origin)))
            passes = verb in ("GET", "HEAD", "OPTIONS") or origin == OWN
            assert found == ({f"{verb}/orders"} if passes else set()), (verb, origin)


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_gets_an_answer_for_all_requests(kind: str) -> None:
    """The same authorizer goes on to answer a token in a header as a cache needs it."""
    asked = event(kind, "GET", origin=FOREIGN, identity=None)
    token = COOKIE.removeprefix("session=")
    for name in ("headers", "multiValueHeaders"):
        if name in asked:
            asked[name] = {"Authorization": [f"Bearer {token}"] if name != "headers" else f"Bearer {token}"}
    asked.pop("cookies", None)
    assert {"GET/orders", "DELETE/orders", "POST/admin"} <= allowed(answer({}, asked))


def test_a_route_that_the_table_denies() -> None:
    """A table is asked about the path as it was written: another spelling opens nothing."""
    for rest in (
        "GET/admin",
        "GET/%61dmin",
        "GET/orders/..%2Fadmin",
        "GET/orders/../admin",
        "GET/nowhere",
        "GET/",
    ):
        assert allowed(answer({"routes": ROUTES}, event("rest-request", "GET", rest))) == set(), rest
    found = answer({"routes": ROUTES}, event("rest-request", "GET", "GET/orders/5"))
    assert allowed(found) == {"GET/orders/5"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_method_is_the_one_of_the_arn(kind: str) -> None:
    """An event that names another method than its ARN changes something, for all that anybody knows."""
    for told in ("GET", "", None, "get"):
        asked = event(kind, "POST", "POST/orders")
        asked["httpMethod"] = told
        asked["requestContext"] = {"http": {"method": told}, "httpMethod": told}
        assert allowed(answer({}, asked)) == set()


def test_a_handshake_needs_an_origin() -> None:
    """WebSockets: $connect alone is allowed, and from an allowed page alone."""
    connect = {
        "type": "REQUEST",
        "methodArn": API + "$connect",
        "requestContext": {"eventType": "CONNECT", "routeKey": "$connect"},
    }
    for origin in (OWN, FOREIGN, None, "null"):
        headers = {"Cookie": COOKIE} | ({"Origin": origin} if origin else {})
        found = allowed(answer({}, connect | {"headers": headers}))
        assert found == ({"$connect"} if origin == OWN else set()), origin
        upgrade = event("rest-request", "GET", origin=origin)
        upgrade["headers"] |= {"Upgrade": "websocket"}
        upgrade["multiValueHeaders"] = None
        assert bool(allowed(answer({}, upgrade))) is (origin == OWN)


# Identity sources beside the cookie, the route's key, and whether they hold method and route.
CACHE_KEYS: dict[str, tuple[Any, str, bool]] = {
    "no cache": (None, "GET /orders", True),
    "no identity sources": ((), "GET /orders", True),
    "the cookie alone": ((COOKIE,), "GET /orders", False),
    "the route's key": ((COOKIE, "GET /orders"), "GET /orders", True),
    "another order": (("GET /orders", COOKIE), "GET /orders", True),
    "a route of any method": ((COOKIE, "ANY /orders"), "ANY /orders", False),
    "a route of any method, and the method": ((COOKIE, "ANY /orders", "GET"), "ANY /orders", True),
    "the method alone": ((COOKIE, "GET"), "GET /orders", False),
    "the default route": ((COOKIE, "$default"), "$default", False),
    "the default route, and the method": ((COOKIE, "$default", "GET"), "$default", True),
    "another route's key": ((COOKIE, "GET /other"), "GET /orders", False),
    "a path": ((COOKIE, "/orders"), "GET /orders", False),
}


@pytest.mark.parametrize(("identity", "key", "fits"), CACHE_KEYS.values(), ids=CACHE_KEYS)
def test_a_simple_response_needs_a_cache_key_that_holds_the_request(
    identity: Any, key: str, fits: bool
) -> None:
    """A yes without a document cannot be restricted, so a cache that would share it is refused."""
    authorizer = Authorizer(VERIFIER, response="simple", **SETTINGS)
    asked = event("http-2.0", "GET", identity=identity, key=key)
    if fits:
        assert authorizer(asked)["isAuthorized"] is True
    else:
        with pytest.raises(ConfigurationError, match=r"\$context.routeKey"):
            authorizer(asked)


@pytest.mark.parametrize("kind", ["http-1.0", "http-2.0"])
def test_a_default_route_has_no_method_in_its_arn(kind: str) -> None:
    """Neither can an answer for it be restricted: the cache's key must hold the request there, too."""
    shared = event(kind, "GET", "$default", key="$default")
    with pytest.raises(ConfigurationError, match=r"\$context.httpMethod"):
        answer({}, shared)
    alone = event(kind, "GET", "$default", key="$default", identity=(COOKIE, "$default", "GET"))
    assert allowed(answer({}, alone)) == {"$default"}
    assert allowed(answer({}, event(kind, "GET", "$default", key="$default", identity=None))) == {"$default"}


def test_a_foreign_post_gets_no_simple_yes() -> None:
    """Without a cache, each request is decided by its own Origin."""
    authorizer = Authorizer(VERIFIER, response="simple", **SETTINGS)
    for origin in (FOREIGN, None):
        asked = event("http-2.0", "POST", origin=origin, identity=None)
        assert authorizer(asked) == {"errorMessage": "Unauthorized"}
    assert authorizer(event("http-2.0", "POST", origin=OWN, identity=None))["isAuthorized"] is True


@pytest.mark.parametrize("header", ["Cookie", "cookie", "Sec-WebSocket-Protocol"])
def test_a_cookie_is_no_header(header: str) -> None:
    """`header=` would read what a browser sends unasked, without its Origin."""
    with pytest.raises(ConfigurationError, match=f"^header='{header}'"):
        Authorizer(VERIFIER, header=header, bare_token=True)
