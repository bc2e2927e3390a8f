"""aws_lambda.CognitoAuth: a plain handler runs for good tokens alone; each event is answered in its form."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from support.drivers import Ask, Reply, build
from support.lambda_events import event as golden
from support.lambda_events import with_token

from cognito_mr_auth import Principal, Verifier, errors, policy
from cognito_mr_auth._remote.remote_key_set import Timeout
from cognito_mr_auth.aws_lambda import CognitoAuth
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeClock, FakeUserPool

KINDS = ("rest", "http-1.0", "http-2.0", "function-url", "alb", "alb-multi-value", "websocket-connect")
HTTP_KINDS = KINDS[:-1]
MULTI = frozenset({"rest", "http-1.0", "alb-multi-value", "websocket-connect"})
PAYLOAD_2 = frozenset({"http-2.0", "function-url"})
WELL_KNOWN = "/.well-known/oauth-protected-resource"


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """One pool: no row changes it."""
    return FakeUserPool(clock=FakeClock())


@pytest.fixture(scope="module")
def verifier(pool: FakeUserPool) -> Verifier:
    """Its offline verifier."""
    return pool.offline_verifier()


def _take_cookies(event: dict[str, Any]) -> None:
    for held in (event, event.get("headers", {}), event.get("multiValueHeaders", {})):
        held.pop("cookies", None)
        held.pop("cookie", None)


def event_of(kind: str, *authorization: str, method: str = "GET", path: str = "/orders", **more: str) -> Any:
    """The golden event of a kind with these Authorization headers, and others by name with underscores.

    A gateway joins what it cannot say twice: payload 2.0 with commas; `headers` hold the last. A preflight
    has no cookies.
    """
    event = golden(f"proxy-{kind}")
    if method == "OPTIONS":
        _take_cookies(event)
    values = {"Authorization": list(authorization)}
    values |= {name.replace("_", "-"): [value] for name, value in more.items()}
    for name in [name for name in event.get("headers", ()) if name.lower() == "authorization"]:
        del event["headers"][name]
    for name in [name for name in event.get("multiValueHeaders", ()) if name.lower() == "authorization"]:
        del event["multiValueHeaders"][name]
    for name, each in values.items():
        if not each:
            continue
        if "headers" in event:
            joined = ",".join(each) if kind in PAYLOAD_2 else each[-1]
            event["headers"][name.lower() if kind in PAYLOAD_2 else name] = joined
        if kind in MULTI:
            event["multiValueHeaders"][name] = each
    if kind in PAYLOAD_2:
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        event["requestContext"]["http"]["method"], event["routeKey"] = method, "$default"
    elif kind != "websocket-connect":
        event["httpMethod"], event["path"], event["resource"] = method, path, "/{proxy+}"
    return event


class Handler:
    """A handler that notes what it was given and answers with the subject."""

    def __init__(self, response: Any = None) -> None:
        self.calls: list[tuple[Any, Any, Principal | None]] = []
        self.response = response

    def __call__(self, event: Any, context: Any, *, principal: Principal | None) -> Any:
        self.calls.append((event, context, principal))
        if self.response is not None:
            return self.response
        return {"statusCode": 200, "headers": {}, "body": principal.subject if principal else "nobody"}


def guarded(verifier: Verifier, **options: Any) -> Callable[[Any], Any]:
    """The decorator of a CognitoAuth with these settings."""
    return CognitoAuth(verifier, **options).require()


def serve(verifier: Verifier, event: Any, context: Any = None, **options: Any) -> tuple[Any, Handler]:
    """What the function returns, and its handler."""
    handler = Handler()
    return guarded(verifier, **options)(handler)(event, context), handler


def headers_of(kind: str, answer: dict[str, Any]) -> dict[str, str]:
    """The answer's headers, from the one place where they may stand."""
    if kind != "alb-multi-value":
        assert "multiValueHeaders" not in answer
        return answer["headers"]
    assert "headers" not in answer
    return {name: value for name, [value] in answer["multiValueHeaders"].items()}


# --- Who passes


@pytest.mark.parametrize("kind", KINDS)
def test_a_golden_event_with_a_good_token_passes(pool: FakeUserPool, verifier: Verifier, kind: str) -> None:
    """The handler gets the event and the context that came in, and the token's principal by keyword."""
    token = pool.access_token(scopes=["orders/read"])
    event, context = with_token(f"proxy-{kind}", token), object()
    answer, handler = serve(verifier, event, context, require=policy.scopes("orders/read"))
    [(given, beside, principal)] = handler.calls
    assert given is event
    assert beside is context
    assert principal == verifier.verify(token)
    assert answer == {"statusCode": 200, "headers": {}, "body": principal.subject}


@pytest.mark.parametrize("kind", KINDS)
def test_event_classes_pass_too(pool: FakeUserPool, verifier: Verifier, kind: str) -> None:
    """Anything with `.raw_event` is an event, and the handler gets that object."""

    class Wrapped:
        raw_event = event_of(kind, f"Bearer {pool.access_token()}")

    event = Wrapped()
    answer, handler = serve(verifier, event)
    assert answer["statusCode"] == 200
    assert handler.calls[0][0] is event


# Name -> the status that the client gets, and what it sent. "TOKEN" stands for a token with orders/read.
CAUSES: dict[str, tuple[int, tuple[str, ...], Any]] = {
    "none": (401, (), None),
    "another scheme": (401, ("Basic eDp5",), None),
    "garbage": (401, ("Bearer x.y.z",), None),
    "malformed": (400, ("Bearer a b",), None),
    "empty": (401, ("",), None),
    "two in one": (400, ("Bearer TOKEN,Bearer TOKEN",), None),
    "no scope": (403, ("Bearer TOKEN",), policy.scopes("orders/write")),
    "no group": (403, ("Bearer TOKEN",), policy.any_group("ops")),
    "broken check": (503, ("Bearer TOKEN",), policy.check(lambda principal: 1 / 0 > 0)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cause", CAUSES)
def test_a_refusal_is_that_of_every_adapter(
    pool: FakeUserPool, verifier: Verifier, cause: str, kind: str
) -> None:
    """Status, headers and body are what the WSGI middleware says, in the event's own form."""
    status, sent, require = CAUSES[cause]
    sent = tuple(value.replace("TOKEN", pool.access_token(scopes=["orders/read"])) for value in sent)
    answer, handler = serve(verifier, event_of(kind, *sent), require=require)
    elsewhere: Reply = build("wsgi", verifier, require=require)(
        Ask(tuple(("Authorization", value) for value in sent), path="/orders")
    )
    assert not handler.calls
    assert answer["statusCode"] == elsewhere.status == status
    assert headers_of(kind, answer) == {
        name: value for name, value in elsewhere.headers.items() if name != "content-length"
    }
    assert answer["body"].encode() == elsewhere.body
    assert answer["isBase64Encoded"] is False
    json.dumps(answer)


PHRASES = {
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    503: "503 Service Unavailable",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cause", ["none", "malformed", "no scope", "broken check"])
def test_only_load_balancers_get_a_phrase(
    pool: FakeUserPool, verifier: Verifier, cause: str, kind: str
) -> None:
    """`statusDescription` for a load balancer, and no other event's answer holds it."""
    status, sent, require = CAUSES[cause]
    sent = tuple(value.replace("TOKEN", pool.access_token()) for value in sent)
    answer, _ = serve(verifier, event_of(kind, *sent), require=require)
    assert answer.get("statusDescription") == (PHRASES[status] if kind.startswith("alb") else None)
    members = {"statusCode", "body", "isBase64Encoded", "statusDescription", "headers", "multiValueHeaders"}
    assert set(answer) <= members


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_a_head_request_gets_no_body(verifier: Verifier, kind: str) -> None:
    """RFC 9110 9.3.2: "the server MUST NOT send content in the response"; 8.6: its length is GET's."""
    answer, _ = serve(verifier, event_of(kind, method="HEAD"))
    assert (answer["statusCode"], answer["body"]) == (401, "")
    whole, _ = serve(verifier, event_of(kind))
    assert headers_of(kind, answer)["content-length"] == str(len(whole["body"].encode()))


# --- Where a token may stand


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION", "aUtHoRiZaTiOn"])
@pytest.mark.parametrize("kind", KINDS)
def test_header_names_have_no_case(pool: FakeUserPool, verifier: Verifier, kind: str, name: str) -> None:
    """RFC 9110 5.1: "Field names are case-insensitive"."""
    event = event_of(kind)
    token = f"Bearer {pool.access_token()}"
    if kind in MULTI:
        event["multiValueHeaders"][name] = [token]
    else:
        event["headers"][name] = token
    assert serve(verifier, event)[0]["statusCode"] == 200


@pytest.mark.parametrize("kind", ["rest", "http-1.0", "http-2.0", "function-url", "alb-multi-value"])
def test_a_duplicate_is_refused(pool: FakeUserPool, verifier: Verifier, kind: str) -> None:
    """Two Authorization headers are 400, however the event says that there were two."""
    good = f"Bearer {pool.access_token()}"
    assert serve(verifier, event_of(kind, good, good))[0]["statusCode"] == 400


@pytest.mark.parametrize("kind", KINDS)
def test_a_duplicate_in_another_case_is_refused(pool: FakeUserPool, verifier: Verifier, kind: str) -> None:
    """One header under two spellings is two headers."""
    event = event_of(kind, f"Bearer {pool.access_token()}")
    where = event["multiValueHeaders"] if kind in MULTI else event["headers"]
    where["AUTHORIZATION"] = where.get("Authorization") or where["authorization"]
    assert serve(verifier, event)[0]["statusCode"] == 400


HOSTILE_MULTI: dict[str, tuple[Any, int]] = {
    # the value of multiValueHeaders; "TOKEN" in it stands for "Bearer " and a good token
    "null": (None, 200),
    "empty": ({}, 401),
    "list": ([], 401),
    "list of pairs": ([["Authorization", "TOKEN"]], 401),
    "number": (5, 401),
    "string": ("Authorization", 401),
    "value null": ({"Authorization": None}, 401),
    "value empty": ({"Authorization": []}, 401),
    "value string": ({"Authorization": "TOKEN"}, 400),
    "value number": ({"Authorization": 5}, 400),
    "value object": ({"Authorization": {"0": "TOKEN"}}, 400),
    "member null": ({"Authorization": [None]}, 400),
    "member number": ({"Authorization": [5]}, 400),
    "member list": ({"Authorization": [["TOKEN"]]}, 400),
    "good and null": ({"Authorization": ["TOKEN", None]}, 400),
    "name number": ({5: ["TOKEN"]}, 401),
    "good": ({"Authorization": ["TOKEN"]}, 200),
}


def fill(value: Any, token: str) -> Any:
    """The value, with a token in place of "TOKEN"."""
    if isinstance(value, dict):
        return {name: fill(each, token) for name, each in value.items()}
    if isinstance(value, list):
        return [fill(each, token) for each in value]
    return f"Bearer {token}" if value == "TOKEN" else value


@pytest.mark.parametrize("kind", sorted(MULTI))
@pytest.mark.parametrize("row", HOSTILE_MULTI)
def test_multi_value_headers_win(pool: FakeUserPool, verifier: Verifier, row: str, kind: str) -> None:
    """Where an event has them, they alone say what was sent, whatever stands in `headers`."""
    given, status = HOSTILE_MULTI[row]
    event = event_of(kind, f"Bearer {pool.access_token()}")
    event.setdefault("headers", {"Authorization": f"Bearer {pool.access_token()}"})
    event["multiValueHeaders"] = fill(given, pool.access_token())
    answer, handler = serve(verifier, event)
    assert (answer["statusCode"], bool(handler.calls)) == (status, status == 200)


HOSTILE_SINGLE: dict[str, tuple[Any, int]] = {
    "null": (None, 401),
    "empty": ({}, 401),
    "list": (["Authorization"], 401),
    "number": (5, 401),
    "string": ("Authorization", 401),
    "value null": ({"Authorization": None}, 401),
    "value list": ({"Authorization": ["TOKEN"]}, 400),
    "value number": ({"Authorization": 5}, 400),
    "value object": ({"Authorization": {}}, 400),
    "value flag": ({"Authorization": True}, 400),
    "name number": ({5: "TOKEN"}, 401),
    "good": ({"Authorization": "TOKEN"}, 200),
}


@pytest.mark.parametrize("kind", ["rest", "http-1.0", "http-2.0", "function-url", "alb", "websocket-connect"])
@pytest.mark.parametrize("row", HOSTILE_SINGLE)
def test_hostile_headers_let_nothing_through(
    pool: FakeUserPool, verifier: Verifier, row: str, kind: str
) -> None:
    """What is no header is absent, and what is no string is malformed."""
    given, status = HOSTILE_SINGLE[row]
    event = event_of(kind)
    event.pop("multiValueHeaders", None)
    event["headers"] = fill(given, pool.access_token())
    answer, handler = serve(verifier, event)
    assert (answer["statusCode"], bool(handler.calls)) == (status, status == 200)


def test_payload_2_knows_no_multi_value_headers(pool: FakeUserPool, verifier: Verifier) -> None:
    """They are none of its members, so nothing is read from them."""
    event = event_of("http-2.0") | {"multiValueHeaders": {"Authorization": [f"Bearer {pool.access_token()}"]}}
    assert serve(verifier, event)[0]["statusCode"] == 401


COOKIE: dict[str, Any] = {"cookie": "at", "allowed_origins": ["https://app.example.com"]}
COOKIES: dict[str, tuple[str, Any, int]] = {
    # name: (kind, what stands in `cookies`, or else in the Cookie header; status)
    "payload 2.0": ("http-2.0", ["theme=dark", "at=TOKEN"], 200),
    "payload 2.0, twice": ("http-2.0", ["at=TOKEN", "at=TOKEN"], 400),
    "payload 2.0, two in one": ("http-2.0", ["theme=dark; at=TOKEN"], 200),
    "payload 2.0, none": ("http-2.0", [], 401),
    "payload 2.0, header alone": ("http-2.0", "at=TOKEN", 200),
    "payload 2.0, no list": ("http-2.0", {"at": "TOKEN"}, 401),
    "payload 2.0, no strings": ("http-2.0", [None, 5, ["at=TOKEN"]], 401),
    "function URL, both": ("function-url", ["at=TOKEN"], 200),
    "REST": ("rest", "theme=dark; at=TOKEN", 200),
    "REST, twice": ("rest", "at=TOKEN; at=TOKEN", 400),
    "payload 1.0": ("http-1.0", "at=TOKEN", 200),
    "ALB": ("alb", "at=TOKEN", 200),
    "ALB, multi-value": ("alb-multi-value", "at=TOKEN", 200),
    "REST, none": ("rest", "theme=dark", 401),
}


@pytest.mark.parametrize("row", COOKIES)
def test_a_chosen_cookie_may_hold_the_token(pool: FakeUserPool, verifier: Verifier, row: str) -> None:
    """By explicit choice, from where the event has cookies; payload 2.0 has them apart from the headers."""
    kind, given, status = COOKIES[row]
    token = pool.access_token()
    if isinstance(given, str):
        event = event_of(kind, Cookie=given.replace("TOKEN", token))
        event.pop("cookies", None)
    else:
        event = event_of(kind, Cookie=f"at={token}")
        event["cookies"] = json.loads(json.dumps(given).replace("TOKEN", token))
    if kind in MULTI:
        event["multiValueHeaders"].pop("cookie", None)
    assert serve(verifier, event, **COOKIE)[0]["statusCode"] == status
    assert serve(verifier, event)[0]["statusCode"] == 401


@pytest.mark.parametrize(
    ("kind", "method", "origin", "status"),
    [
        ("http-2.0", "POST", "https://app.example.com", 200),
        ("http-2.0", "POST", "https://evil.example", 403),
        ("http-2.0", "POST", None, 403),
        ("rest", "DELETE", "https://evil.example", 403),
        ("websocket-connect", "GET", "https://app.example.com", 200),
        ("websocket-connect", "GET", "https://evil.example", 403),
    ],
)
def test_a_cookie_comes_from_an_allowed_origin(
    pool: FakeUserPool, verifier: Verifier, kind: str, method: str, origin: str | None, status: int
) -> None:
    """RFC 6750 5.3: not where another site may have caused the request; a $connect counts as such."""
    headers = {"Cookie": f"at={pool.access_token()}"} | ({"Origin": origin} if origin else {})
    event = event_of(kind, method=method, **headers)
    if "cookies" in event:
        event["cookies"] = [headers["Cookie"]]
    assert serve(verifier, event, **COOKIE)[0]["statusCode"] == status


SUBPROTOCOLS = {
    "after the marker": ("v1, bearer, TOKEN", 200),
    "no spaces": ("bearer,TOKEN", 200),
    "tabs": ("bearer\t,\tTOKEN", 200),
    "no token": ("v1, bearer", 400),
    "twice": ("bearer, TOKEN, bearer, TOKEN", 400),
    "no marker": ("TOKEN", 401),
    "none": ("", 401),
}


@pytest.mark.parametrize("row", SUBPROTOCOLS)
def test_a_chosen_subprotocol_may_hold_the_token(pool: FakeUserPool, verifier: Verifier, row: str) -> None:
    """By explicit choice, on `$connect` alone."""
    offered, status = SUBPROTOCOLS[row]
    offered = offered.replace("TOKEN", pool.access_token())
    event = event_of("websocket-connect", Sec_WebSocket_Protocol=offered)
    assert serve(verifier, event, subprotocol="bearer")[0]["statusCode"] == status
    assert serve(verifier, event)[0]["statusCode"] == 401
    elsewhere = event_of("rest", Sec_WebSocket_Protocol=offered)
    assert serve(verifier, elsewhere, subprotocol="bearer")[0]["statusCode"] == 401


CONNECTED: dict[str, tuple[Any, Any]] = {
    # what the handler answers, and the headers that go out
    "no headers": ({"statusCode": 200}, {"Sec-WebSocket-Protocol": "bearer"}),
    "null": ({"statusCode": 200, "headers": None}, {"Sec-WebSocket-Protocol": "bearer"}),
    "others": ({"statusCode": 200, "headers": {"A": "1"}}, {"A": "1", "Sec-WebSocket-Protocol": "bearer"}),
    "its own": (
        {"statusCode": 200, "headers": {"sec-websocket-protocol": "v1"}},
        {"sec-websocket-protocol": "v1"},
    ),
    "its own, multi-value": (
        {"statusCode": 200, "multiValueHeaders": {"Sec-WebSocket-Protocol": ["v1"]}},
        None,
    ),
}


@pytest.mark.parametrize("row", CONNECTED)
def test_the_marker_is_answered(pool: FakeUserPool, verifier: Verifier, row: str) -> None:
    """Browsers want one of what they offered: the marker, unless the handler picks another."""
    said, headers = CONNECTED[row]
    offered = f"v1, bearer, {pool.access_token()}"
    event = event_of("websocket-connect", Sec_WebSocket_Protocol=offered)
    answer = guarded(verifier, subprotocol="bearer")(Handler(said))(event, None)
    assert answer.get("headers") == headers
    bearer = event_of("websocket-connect", f"Bearer {pool.access_token()}", Sec_WebSocket_Protocol="v1")
    assert guarded(verifier, subprotocol="bearer")(Handler(said))(bearer, None) is said
    assert guarded(verifier, subprotocol="bearer")(Handler("text"))(event, None) == "text"


# --- What needs no token


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_excluded_paths_are_open(verifier: Verifier, kind: str) -> None:
    """The event's path is compared, and an odd spelling of one opens nothing."""
    rows = {"/health": 200, "/health/": 401, "/static/a.css": 200, "/static/../orders": 401}
    rows |= {"/static/%2e%2e/orders": 401, "/static//a": 401, "/orders": 401}
    for path, status in rows.items():
        answer, handler = serve(verifier, event_of(kind, path=path), exclude=["/health", "/static/*"])
        assert (path, answer["statusCode"]) == (path, status)
        assert [principal for *_, principal in handler.calls] == ([None] if status == 200 else [])


ROUTED: dict[str, tuple[str, str, bool]] = {
    # the route's template, the event's path, whether "/static/*" or "/prod/static/*" opens it
    "its own": ("/static/{file}", "/static/a.css", True),
    "its own, greedy": ("/static/{file+}", "/static/css/a.css", True),
    "its own, whole": ("/static/a.css", "/static/a.css", True),
    "all paths": ("/{proxy+}", "/static/a.css", True),
    "a tenant named so": ("/{tenant}/invoices", "/static/invoices", False),
    "with a slash": ("/{tenant}/invoices", "/static/invoices/", False),
    "a tenant and all below": ("/{tenant}/{rest+}", "/static/a/b", False),
    "a tenant alone": ("/{tenant}", "/static/", False),
    "a base path": ("/static/{file}", "/static/static/a.css", False),
    "a decoded slash": ("/{tenant}/invoices", "/static/x/invoices", False),
    "a base path, all paths": ("/{proxy+}", "/prod/static/a.css", True),
    "another length": ("/{tenant}/invoices/{id}", "/static/invoices", False),
    "another route": ("/orders/{id}", "/static/a.css", False),
    "the root": ("/", "/static/a.css", False),
}


@pytest.mark.parametrize("kind", ["rest", "http-1.0", "http-2.0"])
@pytest.mark.parametrize("row", ROUTED)
def test_an_exclusion_opens_no_parameter(verifier: Verifier, row: str, kind: str) -> None:
    """API Gateway says which route it has matched: what a parameter takes is no segment of an exclusion."""
    template, path, opened = ROUTED[row]
    event = event_of(kind, path=path)
    if kind == "http-2.0":
        event["routeKey"] = event["requestContext"]["routeKey"] = f"ANY {template}"
    else:
        event["resource"] = template
    excluded = ["/static/*", "/prod/static/*"]
    assert serve(verifier, event, exclude=excluded)[0]["statusCode"] == (200 if opened else 401)
    assert serve(verifier, event, exclude=[path])[0]["statusCode"] == 200


STAGED = {
    "its own": ("/static/{file}", "/prod/static/a.css", True),
    "all paths": ("/{proxy+}", "/prod/static/a.css", True),
    "a tenant": ("/{tenant}/invoices", "/prod/static/invoices", False),
    "a tenant and all below": ("/{tenant}/{rest+}", "/prod/static/a", False),
    "another stage": ("/static/{file}", "/test/static/a.css", False),
    "a custom domain": ("/static/{file}", "/static/a.css", False),
}


@pytest.mark.parametrize(("template", "path", "opened"), STAGED.values(), ids=STAGED)
def test_a_stage_is_part_of_the_path(verifier: Verifier, template: str, path: str, opened: bool) -> None:
    """Payload 2.0 begins the path with the stage's name, which no template has."""
    event = event_of("http-2.0", path=path) | {"routeKey": f"GET {template}"}
    event["requestContext"]["stage"] = "prod"
    excluded = ["/prod/static/*", "/test/static/*"]
    assert serve(verifier, event, exclude=excluded)[0]["statusCode"] == (200 if opened else 401)


@pytest.mark.parametrize("template", [None, 5, ["/static/{file}"], "$default", "static", ""], ids=repr)
def test_without_a_template_the_path_decides(verifier: Verifier, template: Any) -> None:
    """Load balancers, function URLs and the default route have none."""
    for kind, name in (("rest", "resource"), ("http-2.0", "routeKey")):
        event = event_of(kind, path="/static/a.css") | {name: template}
        assert serve(verifier, event, exclude=["/static/*"])[0]["statusCode"] == 200


def test_a_socket_is_never_excluded(verifier: Verifier) -> None:
    """A $connect has no path."""
    answer, _ = serve(verifier, event_of("websocket-connect"), exclude=["/", "/static/*"])
    assert answer["statusCode"] == 401


@pytest.mark.parametrize("kind", KINDS)
def test_optional_lets_no_token_pass_and_a_bad_one_not(verifier: Verifier, kind: str) -> None:
    """`optional=True`: the principal is None for a request without a token."""
    answer, handler = serve(verifier, event_of(kind), optional=True)
    assert (answer["body"], handler.calls[0][2]) == ("nobody", None)
    assert serve(verifier, event_of(kind, "Bearer x.y.z"), optional=True)[0]["statusCode"] == 401


@pytest.mark.parametrize("kind", KINDS)
def test_guests_are_welcome_at_one_function(pool: FakeUserPool, verifier: Verifier, kind: str) -> None:
    """`@auth.optional`: None without a token, the principal with a good one; a bad one is refused."""
    auth = CognitoAuth(verifier, require=policy.groups("staff"), exclude=["/orders"])
    rows: list[tuple[tuple[str, ...], int, str | None]] = [
        ((), 200, "nobody"),
        (("Basic eDp5",), 200, "nobody"),
        ((f"Bearer {pool.access_token(subject='me', groups=['staff'])}",), 200, "me"),
        ((f"Bearer {pool.access_token()}",), 403, None),
        (("Bearer x.y.z",), 401, None),
        (("Bearer",), 400, None),
        (("",), 200, "nobody"),
    ]
    for sent, status, said in rows:
        handler = Handler()
        answer = auth.optional(handler)(event_of(kind, *sent), None)
        assert (answer["statusCode"], len(handler.calls)) == (status, status == 200)
        assert said in (None, answer["body"])
        if status == 200:
            [(_, _, principal)] = handler.calls
            assert (principal is None) is (said == "nobody")


def test_a_preflight_is_a_guest(verifier: Verifier) -> None:
    """With `preflight="pass"` an optional function gets it without a principal, and its body stays here."""
    event, handler = event_of("rest", method="OPTIONS", **PREFLIGHT), Handler()
    answer = CognitoAuth(verifier, preflight="pass").optional(handler)(event, None)
    assert (answer["statusCode"], answer["body"], handler.calls[0][2]) == (200, "", None)


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_the_metadata_document_is_served(verifier: Verifier, kind: str) -> None:
    """RFC 9728 3: the document without a token, its URL in the challenge, no body for HEAD."""
    ask = partial(serve, verifier, resource="https://api.example.com", realm="Orders")
    answer, handler = ask(event_of(kind, path=WELL_KNOWN))
    assert not handler.calls
    assert answer["statusCode"] == 200
    assert headers_of(kind, answer)["content-type"] == "application/json"
    assert json.loads(answer["body"])["resource"] == "https://api.example.com"
    assert ask(event_of(kind, path=WELL_KNOWN, method="HEAD"))[0]["body"] == ""
    challenge = headers_of(kind, ask(event_of(kind))[0])["www-authenticate"]
    assert challenge == f'Bearer realm="Orders", resource_metadata="https://api.example.com{WELL_KNOWN}"'


PREFLIGHT: dict[str, str] = {"Origin": "https://app.example.com", "Access_Control_Request_Method": "GET"}
SAID: dict[str, tuple[Any, Any]] = {
    # what the handler says to a preflight, and what goes out
    "headers": (
        {
            "statusCode": 204,
            "headers": {"Access-Control-Allow-Origin": "*", "Content-Length": "6"},
            "body": "secret",
        },
        {
            "statusCode": 204,
            "headers": {"Access-Control-Allow-Origin": "*"},
            "body": "",
            "isBase64Encoded": False,
        },
    ),
    "multi-value": (
        {
            "statusCode": 200,
            "multiValueHeaders": {"content-length": ["6"], "Vary": ["Origin"]},
            "body": "secret",
        },
        {"statusCode": 200, "multiValueHeaders": {"Vary": ["Origin"]}, "body": "", "isBase64Encoded": False},
    ),
    "binary": (
        {"statusCode": 200, "headers": None, "body": "c2VjcmV0", "isBase64Encoded": True},
        {"statusCode": 200, "headers": None, "body": "", "isBase64Encoded": False},
    ),
}


@pytest.mark.parametrize("kind", HTTP_KINDS)
@pytest.mark.parametrize("row", SAID)
def test_preflights_reach_the_handler_by_choice(verifier: Verifier, row: str, kind: str) -> None:
    """`preflight="pass"`: no principal, and the answer's body stays here. Else it is any request."""
    said, expected = SAID[row]
    event = event_of(kind, method="OPTIONS", **PREFLIGHT)
    handler = Handler(said)
    assert guarded(verifier, preflight="pass")(handler)(event, None) == expected
    assert handler.calls[0][2] is None
    assert guarded(verifier)(handler)(event, None)["statusCode"] == 401
    for headers in ({}, {"Content_Length": "0"}):  # with a body it is none, whatever a header claims
        forged = {**event_of(kind, method="OPTIONS", **PREFLIGHT, **headers), "body": "delete"}
        assert guarded(verifier, preflight="pass")(handler)(forged, None)["statusCode"] == 401


@pytest.mark.parametrize("said", ["secret", {"secret": 1}, ["secret"], 5], ids=repr)
def test_a_preflights_answer_without_a_status_is_all_body(verifier: Verifier, said: Any) -> None:
    """Payload 2.0 takes such a response for the body, so nothing of it goes out."""
    event = event_of("http-2.0", method="OPTIONS", **PREFLIGHT)
    answer = guarded(verifier, preflight="pass")(Handler(said))(event, None)
    assert answer == {"statusCode": 200, "headers": {}, "body": "", "isBase64Encoded": False}


# --- Errors of the handler


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_of_the_handler_is_answered(pool: FakeUserPool, verifier: Verifier, kind: str) -> None:
    """An AuthError that the handler raises is answered like the guard's own, and keeps no frame."""
    raised: list[errors.AuthError] = []

    @guarded(verifier)
    def handler(event: Any, context: Any, principal: Principal) -> Any:
        try:
            verifier.require(principal, policy.scopes("orders/write"))
        except errors.AuthError as error:
            raised.append(error)
            raise

    answer = handler(event_of(kind, f"Bearer {pool.access_token()}"), None)
    assert answer["statusCode"] == 403
    assert 'error="insufficient_scope"' in headers_of(kind, answer)["www-authenticate"]
    assert raised[0].__traceback__ is None


def test_other_errors_go_through(pool: FakeUserPool, verifier: Verifier) -> None:
    """What else a handler raises is its own affair."""

    @guarded(verifier)
    def handler(event: Any, context: Any, principal: Principal) -> Any:
        raise KeyError("orders")

    with pytest.raises(KeyError, match="orders"):
        handler(event_of("rest", f"Bearer {pool.access_token()}"), None)


def test_any_response_goes_through(pool: FakeUserPool, verifier: Verifier) -> None:
    """The handler's response is returned as it is, whatever it is."""
    event = event_of("http-2.0", f"Bearer {pool.access_token()}")
    for said in ("text", {"a": 1}, [1], {"statusCode": 204}):
        assert guarded(verifier)(Handler(said))(event, None) is said


# --- Other events


def _with(kind: str, change: Callable[[Any], Any], name: str = "none of these") -> tuple[Any, str]:
    event = event_of(kind, "Bearer TOKEN")
    changed = change(event)
    return (event if changed is None else changed), name


OTHERS: dict[str, tuple[Any, str]] = {
    "SQS": ({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}, "none of these"),
    "a direct call": ({"order": 5}, "none of these"),
    "a list": ([], "none of these"),
    "a string": ("event", "none of these"),
    "EventBridge": ({"version": "0", "source": "aws.s3", "detail-type": "x"}, "none of these"),
    "VPC Lattice": (
        {
            "version": "2.0",
            "path": "/orders",
            "method": "GET",
            "headers": {},
            "requestContext": {"region": "x"},
        },
        "none of these",
    ),
    "REST without a context": _with("rest", lambda event: event.pop("requestContext") and None),
    "context null": _with("rest", lambda event: event.update(requestContext=None)),
    "context a string": _with("http-2.0", lambda event: event.update(requestContext="http")),
    "no method": _with("rest", lambda event: event.pop("httpMethod") and None),
    "method null": _with("rest", lambda event: event.update(httpMethod=None), "without a method"),
    "method a number": _with("alb", lambda event: event.update(httpMethod=5), "without a method"),
    "path null": _with("alb-multi-value", lambda event: event.update(path=None), "without a method"),
    "no raw path": _with("http-2.0", lambda event: event.pop("rawPath") and None, "without a method"),
    "http null": _with(
        "http-2.0", lambda event: event["requestContext"].update(http=None), "without a method"
    ),
    "http a list": _with(
        "http-2.0", lambda event: event["requestContext"].update(http=[]), "without a method"
    ),
    "a socket's message": _with(
        "websocket-connect",
        lambda event: event["requestContext"].update(eventType="MESSAGE"),
        "a WebSocket's message",
    ),
    "a socket's end": _with(
        "websocket-connect",
        lambda event: event["requestContext"].update(eventType="DISCONNECT"),
        "a WebSocket's message",
    ),
    "an object": (object(), "none of these"),
}
AUTHORIZER_EVENTS = ("rest-token", "rest-request", "http-1.0", "http-2.0", "websocket", "appsync")


@pytest.mark.parametrize("row", OTHERS)
def test_other_events_do_not_run_the_handler(verifier: Verifier, row: str) -> None:
    """A ConfigurationError says what was expected, nothing of the event, also where no token is needed."""
    event, said = OTHERS[row]
    handler = Handler()
    with pytest.raises(errors.ConfigurationError, match=f"^CognitoAuth is for events of .*{said}") as caught:
        guarded(verifier, optional=True, exclude=["/orders"])(handler)(event, None)
    assert not handler.calls
    assert "TOKEN" not in str(caught.value)


@pytest.mark.parametrize("kind", AUTHORIZER_EVENTS)
def test_an_authorizers_event_does_not_run_the_handler(
    pool: FakeUserPool, verifier: Verifier, kind: str
) -> None:
    """A function that is the authorizer by mistake gets an error that says so."""
    event, handler = with_token(kind, pool.access_token()), Handler()
    with pytest.raises(errors.ConfigurationError, match="an authorizer's: give the function an aws_lambda"):
        guarded(verifier)(handler)(event, None)
    assert not handler.calls


# --- The decorator


async def coroutine_function(event: Any, context: Any, principal: Any) -> None:
    """No handler for Lambda."""


class AsyncCall:
    """Nor this."""

    async def __call__(self, event: Any, context: Any, principal: Any) -> None: ...


@pytest.mark.parametrize(
    "handler",
    [coroutine_function, partial(coroutine_function), AsyncCall(), None, "handler"],
    ids=["coroutine function", "partial of one", "object whose call is one", "None", "name"],
)
def test_a_handler_is_a_plain_function(verifier: Verifier, handler: Any) -> None:
    """A coroutine function would give a coroutine for every request, good or bad: TypeError at decoration."""
    with pytest.raises(TypeError, match="coroutine"):
        guarded(verifier)(handler)


async def asks(_principal: Any) -> bool:
    """A hook that is a coroutine function."""
    return True


def test_bare_decoration_is_refused(verifier: Verifier) -> None:
    """`@auth.require` would take the handler for a policy, `@CognitoAuth` for a verifier; both say so."""
    auth: Any = CognitoAuth(verifier)
    bare: Any = CognitoAuth
    for decorator, said in ((auth.require, r"call it as @require\(\)"), (bare, "Verifier, not function")):
        with pytest.raises(TypeError, match=said):

            @decorator
            def handler(event: Any, context: Any, principal: Any) -> None: ...


@pytest.mark.parametrize(
    "wrong",
    ["orders/read", ["orders/read"], lambda _: True, policy.check(asks)],
    ids=["text", "a list", "a function", "an async check"],
)
def test_a_policy_is_a_policy(verifier: Verifier, wrong: Any) -> None:
    """Anything else fails when the function starts; so does a check that Lambda cannot await."""
    with pytest.raises(TypeError):
        CognitoAuth(verifier).require(wrong)


@pytest.mark.parametrize(
    "wrong",
    [None, "handler", policy.groups("ops"), [], coroutine_function],
    ids=["none", "text", "policy", "list", "async"],
)
def test_optional_takes_the_handler_itself(verifier: Verifier, wrong: Any) -> None:
    """`@auth.optional` is no maker of decorators: what is no handler fails when the function starts."""
    auth: Any = CognitoAuth(verifier)
    with pytest.raises(TypeError, match="guards functions"):
        auth.optional(wrong)
    with pytest.raises(TypeError):
        auth.optional()


def test_a_decorator_in_a_handlers_place_runs_nothing(verifier: Verifier) -> None:
    """`handler = auth.require(...)` without a handler fails for every event, whatever its token."""
    forgotten: Any = CognitoAuth(verifier).require()
    with pytest.raises(TypeError):
        forgotten(event_of("rest"), None)


def test_two_decorators_are_one_too_many(verifier: Verifier) -> None:
    """A guarded handler takes no principal from outside, so no second guard fits around it."""
    auth = CognitoAuth(verifier)
    for outer in (auth.require(), auth.require(policy.groups("ops")), auth.optional):
        with pytest.raises(TypeError, match="passed by keyword"):
            outer(auth.require()(Handler().__call__))


def test_its_repr_names_the_verifier_alone(verifier: Verifier) -> None:
    """It may be logged."""
    assert repr(CognitoAuth(verifier)) == f"CognitoAuth({verifier!r})"
    assert repr(CognitoAuth()) == "CognitoAuth()"


def test_no_policy_beside_optional(verifier: Verifier) -> None:
    """`optional=True` would hand the handler None where it counts on the policy."""
    with pytest.raises(errors.ConfigurationError, match="optional=True"):
        CognitoAuth(verifier, optional=True).require(policy.scopes("orders/read"))


@pytest.mark.parametrize("kind", KINDS)
def test_each_function_has_its_policy(pool: FakeUserPool, verifier: Verifier, kind: str) -> None:
    """One CognitoAuth guards several functions: its own policy holds for all, a function's for that one."""
    auth = CognitoAuth(verifier, require=policy.groups("staff"))
    rows = {(): 403, ("orders/read",): 200}
    for scopes, expected in rows.items():
        for groups in ((), ("staff",)):
            event = event_of(kind, f"Bearer {pool.access_token(scopes=scopes, groups=groups)}")
            reader, anybody = Handler(), Handler()
            status = auth.require(policy.scopes("orders/read"))(reader)(event, None)["statusCode"]
            assert status == (expected if groups else 403)
            assert len(reader.calls) == (status == 200)
            assert auth.require()(anybody)(event, None)["statusCode"] == (200 if groups else 403)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"require": policy.check(asks)}, TypeError),
        ({"subprotocol": "a, b"}, errors.ConfigurationError),
        ({"close_at_expiry": True}, TypeError),
    ],
    ids=repr,
)
def test_settings_fail_at_decoration(verifier: Verifier, options: dict[str, Any], error: type) -> None:
    """S7: nonsense fails when the function starts, not when a request comes."""
    with pytest.raises(error):
        guarded(verifier, **options)


def test_an_async_revocation_hook_is_refused(pool: FakeUserPool) -> None:
    """H2: what only `averify` could ask fails at decoration."""
    with pytest.raises(TypeError, match="coroutine function"):
        guarded(pool.offline_verifier(revoked=asks))


def test_the_handler_keeps_its_name(verifier: Verifier) -> None:
    """functools.wraps: logs and docs show the function that was written."""

    @guarded(verifier)
    def orders(event: Any, context: Any, principal: Any) -> None:
        """What is on order."""

    assert (orders.__name__, orders.__doc__) == ("orders", "What is on order.")


# --- A verifier that comes late, and a guard of several adapters


@pytest.mark.parametrize("guard", [None, Guard()], ids=["its own guard", "a shared one"])
def test_settings_may_come_after_the_import(
    pool: FakeUserPool, verifier: Verifier, guard: Guard | None
) -> None:
    """Until `bind` an event is a ConfigurationError and runs nothing, with a good token and without any."""
    auth, handler, guest = CognitoAuth(guard), Handler(), Handler()
    orders, feed = auth.require(policy.groups("ops"))(handler), auth.optional(guest)
    good = event_of("rest", f"Bearer {pool.access_token(groups=['ops'])}")
    for function in (orders, feed):
        for event in (good, event_of("rest")):
            with pytest.raises(errors.ConfigurationError, match="no verifier yet"):
                function(event, None)
    assert handler.calls == guest.calls == []
    auth.bind(verifier)
    assert orders(good, None)["statusCode"] == feed(event_of("rest"), None)["statusCode"] == 200
    auth.bind(verifier)  # the same one again changes nothing
    with pytest.raises(errors.ConfigurationError, match="a verifier already"):
        auth.bind(pool.offline_verifier())


@pytest.mark.parametrize("wrong", [None, "verifier", FakeUserPool, Guard()], ids=repr)
def test_only_a_verifier_is_bound(wrong: Any) -> None:
    """Anything else is a TypeError, and nothing is bound."""
    auth = CognitoAuth()
    with pytest.raises(TypeError, match="give a Verifier"):
        auth.bind(wrong)
    assert not auth._guard.bound


def test_a_verifier_that_only_awaits_is_not_bound(pool: FakeUserPool) -> None:
    """H2: its `revoked`, or the guard's check, is a coroutine function: TypeError when it comes."""
    with pytest.raises(TypeError, match="coroutine function"):
        CognitoAuth().bind(pool.offline_verifier(revoked=asks))
    with pytest.raises(TypeError, match="coroutine function"):
        CognitoAuth(Guard(require=policy.check(asks))).bind(pool.offline_verifier())


def test_a_shared_guard_keeps_its_settings(pool: FakeUserPool, verifier: Verifier) -> None:
    """Its realm, exclusions and policy hold here; options beside it are refused."""
    auth = CognitoAuth(Guard(verifier, realm="Orders", exclude=["/health"], require=policy.groups("ops")))
    handler = auth.require()(Handler())
    refused = handler(event_of("rest"), None)
    assert refused["headers"]["www-authenticate"] == 'Bearer realm="Orders"'
    assert handler(event_of("rest", path="/health"), None)["statusCode"] == 200
    assert handler(event_of("rest", f"Bearer {pool.access_token()}"), None)["statusCode"] == 403
    for options in ({"realm": "x"}, {"subprotocol": "bearer"}, {"optional": True}):
        with pytest.raises(errors.ConfigurationError, match="belongs to the Guard"):
            CognitoAuth(Guard(verifier), **options)  # type: ignore[arg-type]


# --- Time


class Stopwatch(Verifier):
    """A verifier that notes the timeout that it was given."""

    waits: list[float]

    def verify(self, token: str, *, require: Any = None, timeout: Timeout = -1.0) -> Principal:
        self.waits.append(timeout() if callable(timeout) else timeout)
        return super().verify(token, require=require, timeout=timeout)


class Invocation:
    """Lambda's context object, as far as time goes."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


@pytest.mark.parametrize(
    ("context", "options", "waited"),
    [
        (None, {}, 2.0),
        (None, {"timeout": 1.5}, 1.5),
        (Invocation(30_000), {}, 2.0),
        (Invocation(30_000), {"timeout": 0.5}, 0.5),
        (Invocation(1_250), {}, 1.0),
        (Invocation(300), {}, 0.05),
        (Invocation(10), {}, 0.05),
        (Invocation(-5), {"timeout": 0.5}, 0.05),
    ],
)
def test_keys_are_waited_for_as_long_as_there_is_time(
    pool: FakeUserPool, context: Any, options: dict[str, Any], waited: float
) -> None:
    """The guard's timeout, or what the invocation has left but a quarter of a second, and never nothing."""
    verifier = Stopwatch(pool.user_pool(), token_use="access", clock=pool.clock)
    verifier.waits = []
    answer, _ = serve(verifier, event_of("rest", f"Bearer {pool.access_token()}"), context, **options)
    assert answer["statusCode"] == 200
    assert verifier.waits == [pytest.approx(waited)]


@pytest.mark.outside
def test_an_outage_is_503() -> None:
    """Keys that cannot be had: 503 with Retry-After and no challenge, never the caller's fault."""
    pool = FakeUserPool()
    with pool.serve() as endpoints:
        for endpoint in endpoints:
            endpoint.fail("refuse")
        with pool.verifier() as verifier:
            answer, handler = serve(verifier, event_of("alb-multi-value", f"Bearer {pool.access_token()}"))
    assert not handler.calls
    assert (answer["statusCode"], answer["statusDescription"]) == (503, "503 Service Unavailable")
    assert 1 <= int(answer["multiValueHeaders"]["retry-after"][0]) <= 60
    assert "www-authenticate" not in answer["multiValueHeaders"]


def _variable(event: Any, context: Any) -> None:
    principal = event
    del principal


NAMES = {
    "by position": (lambda event, context, principal: None, True),
    "by keyword": (lambda event, context, *, principal=None: None, True),
    "anything": (lambda event, context, **more: None, True),
    "another name": (lambda event, context, user: None, False),
    "none": (lambda event, context: None, False),
    "a variable of that name": (_variable, False),
}


@pytest.mark.parametrize(("handler", "fits"), NAMES.values(), ids=NAMES)
def test_a_handler_takes_the_principal_by_name(verifier: Verifier, handler: Any, fits: bool) -> None:
    """One that could not be called is refused when it is decorated, not at the first good request."""
    if fits:
        assert guarded(verifier)(handler)
    else:
        with pytest.raises(TypeError, match="passed by keyword"):
            guarded(verifier)(handler)
