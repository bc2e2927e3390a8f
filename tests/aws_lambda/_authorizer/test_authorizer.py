"""Authorizers: their options, where they find a token, and what a cache may make of an answer."""

from __future__ import annotations

import json
import logging
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from support.lambda_events import KINDS, event, with_token, without_token

from cognito_mr_auth import Principal, events, policy
from cognito_mr_auth.aws_lambda import Authorizer, Unauthorized
from cognito_mr_auth.errors import CheckUnavailable, ConfigurationError
from cognito_mr_auth.testing import FakeClock, FakeUserPool

FAKE = FakeUserPool(clock=FakeClock())
VERIFIER = FAKE.offline_verifier()
TOKEN = FAKE.access_token(username="alice")
IOT_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
}


def allowed(answer: Mapping[str, Any]) -> list[str]:
    """The Resources of an answer's Allow statements."""
    statements = answer["policyDocument"]["Statement"]
    return [each for one in statements if one["Effect"] == "Allow" for each in one["Resource"]]


# -- settings -----------------------------------------------------------------------------------

NONSENSE: Mapping[str, tuple[dict[str, Any], str]] = {
    "a kind that is none": ({"kind": "rest"}, "kind='rest'"),
    "resources that are none": ({"resources": "route"}, "resources='route'"),
    "a response that is none": ({"response": "json"}, "response='json'"),
    "simple for REST": ({"kind": "rest-request", "response": "simple"}, "response does not apply"),
    "exact for a WebSocket": ({"kind": "websocket", "resources": "exact"}, "resources does not apply"),
    "escaped paths without routes": ({"escaped_paths": ["GET /{a}"]}, "escaped_paths needs routes="),
    "escaped paths for IoT": ({"kind": "iot", "escaped_paths": ["GET /{a}"]}, "escaped_paths does not apply"),
    "routes for AppSync": ({"kind": "appsync", "routes": {"GET /": None}}, "routes does not apply"),
    "routes and simple": ({"routes": {"GET /": None}, "response": "simple"}, "routes needs"),
    "routes and exact": ({"routes": {"GET /": None}, "resources": "exact"}, "routes needs"),
    "IoT without a policy": ({"kind": "iot"}, "iot_policy is needed"),
    "a policy for REST": ({"kind": "rest-token", "iot_policy": IOT_POLICY}, "iot_policy does not apply"),
    "a cookie for TOKEN": (
        {"kind": "rest-token", "cookie": "t", "allowed_origins": ["https://a.example"]},
        "cookie does not apply",
    ),
    "a query for TOKEN": ({"kind": "rest-token", "query": "token"}, "query does not apply"),
    "a subprotocol for HTTP": ({"kind": "http-2.0", "subprotocol": "bearer"}, "subprotocol does not apply"),
    "a prefix for REST": ({"kind": "rest-request", "strip_prefix": "x-"}, "strip_prefix does not apply"),
    "a usage key for HTTP": (
        {"kind": "http-2.0", "usage_identifier_key": lambda _: "k"},
        "usage_identifier_key does not apply",
    ),
    "a usage key that is text": ({"usage_identifier_key": "abc"}, "usage_identifier_key"),
    "a header for TOKEN": ({"kind": "rest-token", "header": "x-token"}, "header does not apply"),
    "a bare token for AppSync": ({"kind": "appsync", "bare_token": True}, "bare_token does not apply"),
    "a context for IoT": (
        {"kind": "iot", "iot_policy": IOT_POLICY, "context": ["sub"]},
        "context does not apply",
    ),
    "a ttl for REST": ({"kind": "rest-request", "ttl": 60}, "ttl does not apply"),
    "a query of an option's word": ({"kind": "rest-token", "query": "stage"}, "query does not apply"),
    "a cookie without origins": ({"cookie": "token"}, "cookie="),
    "a query with a space": ({"query": "a b"}, "query='a b'"),
    "an empty header": ({"header": ""}, "header=''"),
    "a header with a space": ({"header": "a b"}, "header='a b'"),
    "a header of bytes": ({"header": b"authorization"}, "header="),
    "a prefix of bytes": ({"strip_prefix": b"x-"}, "strip_prefix=b'x-': give a str"),
    "a suffix that is a number": ({"strip_suffix": 7}, "strip_suffix=7: give a str"),
    "a flag that is text": ({"bare_token": "yes"}, "bare_token='yes'"),
    "warm that is a number": ({"warm": 1}, "warm=1"),
    "a ttl over an hour": ({"ttl": 3601}, "ttl=3601"),
    "a negative ttl": ({"ttl": -1}, "ttl=-1"),
    "a ttl that is True": ({"ttl": True}, "ttl=True"),
    "no time to wait": ({"timeout": 0}, "timeout=0"),
    "a timeout that is no number": ({"timeout": float("nan")}, "timeout=nan"),
    "one context name": ({"context": "sub"}, "context='sub'"),
    "a reserved context name": ({"context": ["sub", "claims"]}, "context holds 'claims'"),
    "API Gateway's own name": ({"context": ["principalId"]}, "context holds 'principalId'"),
    "a context name twice": ({"context": ["sub", "sub"]}, "context holds a name twice"),
    "an empty context name": ({"context": [""]}, "context holds ''"),
    "fields as a list": ({"fields": ["Mutation.x"]}, "fields"),
    "a field without a type": ({"fields": {"deleteOrder": policy.scopes("a")}}, "fields holds"),
    "a field for everybody": ({"fields": {"Query.order": None}}, "fields["),
}


@pytest.mark.parametrize(("options", "said"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_fails_in_the_constructor(options: dict[str, Any], said: str) -> None:
    """A setting that cannot be right is a ConfigurationError that begins with its name."""
    with pytest.raises(ConfigurationError) as caught:
        Authorizer(VERIFIER, **options)
    assert str(caught.value).startswith(said)


async def _never(_principal: object) -> bool:
    raise NotImplementedError


UNFIT: Mapping[str, tuple[Any, dict[str, Any]]] = {
    "no verifier": (FAKE, {}),
    "a function for a policy": (VERIFIER, {"require": lambda _: True}),
    "a function in routes": (VERIFIER, {"routes": {"GET /": lambda _: True}}),
    "a function in fields": (VERIFIER, {"fields": {"Query.order": lambda _: True}}),
    "an async check": (VERIFIER, {"require": policy.check(_never)}),
    "an async check in routes": (VERIFIER, {"routes": {"GET /": policy.check(_never)}}),
    "an async check in fields": (VERIFIER, {"fields": {"Query.order": policy.check(_never)}}),
    "an async revoked": (FAKE.offline_verifier(revoked=_never), {}),
    "an async usage key": (VERIFIER, {"usage_identifier_key": _never}),
    "an async IoT policy": (VERIFIER, {"iot_policy": _never}),
    "an async context": (VERIFIER, {"context": _never}),
    "an unknown setting": (VERIFIER, {"audience": "x"}),
}


@pytest.mark.parametrize(("verifier", "options"), UNFIT.values(), ids=UNFIT)
def test_unfit_values_are_type_errors(verifier: Any, options: dict[str, Any]) -> None:
    """What is no verifier, no policy, or can only be awaited, never becomes an authorizer."""
    with pytest.raises(TypeError):
        Authorizer(verifier, **options)


def test_an_unknown_setting_is_named_as_users_know_it() -> None:
    """The message names the class that the user called, as Python would."""
    with pytest.raises(TypeError, match=r"^Authorizer\(\) got an unexpected keyword argument 'audience'$"):
        Authorizer(VERIFIER, audience="x")  # type: ignore[call-arg]


def test_repr_shows_the_pool_alone() -> None:
    """`repr` says whose tokens it takes."""
    assert repr(Authorizer(VERIFIER)) == f"<Authorizer of {VERIFIER!r}>"


# -- events -------------------------------------------------------------------------------------

UNKNOWN_EVENTS: Mapping[str, Any] = {
    "text": "event",
    "an SQS event": {"Records": []},
    "a proxy event of REST": {"resource": "/", "httpMethod": "GET", "headers": {}, "requestContext": {}},
    "a proxy event of HTTP 2.0": {"version": "2.0", "rawPath": "/", "requestContext": {"http": {}}},
    "a TOKEN event without ARN": {"type": "TOKEN", "authorizationToken": f"Bearer {TOKEN}"},
    "a REQUEST event without ARN": {"type": "REQUEST", "headers": {}},
    "another service's ARN": {
        "type": "TOKEN",
        "methodArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
    },
    "an ARN without a stage": {
        "type": "TOKEN",
        "methodArn": "arn:aws:execute-api:us-east-1:123456789012:abc",
    },
    "an ARN that is a list": {"type": "TOKEN", "methodArn": ["arn"]},
    "wildcards for an account": {
        "type": "TOKEN",
        "methodArn": "arn:aws:execute-api:us-east-1:*:abc/prod/GET/",
    },
    "AppSync Events": {"authorizationToken": TOKEN, "requestContext": {"operation": "EVENT_CONNECT"}},
}


@pytest.mark.parametrize("unknown", UNKNOWN_EVENTS.values(), ids=UNKNOWN_EVENTS)
def test_unknown_events_get_no_answer(unknown: Any) -> None:
    """An event of no known kind is an error, and neither a yes nor a no."""
    with pytest.raises(ConfigurationError):
        Authorizer(VERIFIER, iot_policy=IOT_POLICY)(unknown)


MISPLACED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "IoT's event, no policy": ("iot", {}),
    "a WebSocket's event, routes": ("websocket", {"routes": {"GET /": None}}),
    "AppSync's event, routes": ("appsync", {"routes": {"GET /": None}}),
    "IoT's event where REQUEST was set": ("iot", {"kind": "rest-request"}),
    "a TOKEN event where REQUEST was set": ("rest-token", {"kind": "rest-request"}),
    "a REQUEST event where TOKEN was set": ("rest-request", {"kind": "rest-token"}),
    "HTTP 1.0's event where 2.0 was set": ("http-1.0", {"kind": "http-2.0"}),
    "REST's event where IoT was set": ("rest-request", {"kind": "iot", "iot_policy": IOT_POLICY}),
    "AppSync's event where HTTP was set": ("appsync", {"kind": "http-2.0"}),
}


@pytest.mark.parametrize(("kind", "options"), MISPLACED.values(), ids=MISPLACED)
def test_events_that_were_not_meant(kind: str, options: dict[str, Any]) -> None:
    """An event for which a setting is missing, or of another kind than the one set, is an error."""
    with pytest.raises(ConfigurationError):
        Authorizer(VERIFIER, **options)(with_token(kind, TOKEN))


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"appsync"}))
def test_an_unknown_event_where_a_kind_is_set(kind: str) -> None:
    """`kind=` decides for an event of no known shape, if it has what that kind needs."""
    options = {"iot_policy": IOT_POLICY} if kind == "iot" else {}
    with pytest.raises(ConfigurationError):
        Authorizer(VERIFIER, kind=kind, **options)({"Records": []})


def test_an_unknown_event_for_appsync() -> None:
    """AppSync's events need nothing beside the token: one without is refused."""
    assert Authorizer(VERIFIER, kind="appsync")({"Records": []})["isAuthorized"] is False


@pytest.mark.parametrize("kind", KINDS)
def test_set_kinds_answer_as_detected_ones(kind: str) -> None:
    """Setting the kind changes no answer."""
    options = {"iot_policy": IOT_POLICY} if kind == "iot" else {}
    good = with_token(kind, TOKEN)
    assert Authorizer(VERIFIER, kind=kind, **options)(good) == Authorizer(VERIFIER, **options)(good)


def test_a_path_is_no_websocket() -> None:
    """A REST path that ends with /$connect is REST: a client chose it."""
    arn = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/GET/x/$connect"
    answer = Authorizer(VERIFIER)(with_token("rest-request", TOKEN, methodArn=arn))
    assert allowed(answer) == ["arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/*/*"]


# -- where tokens stand -------------------------------------------------------------------------


def _headers(kind: str, **headers: Any) -> dict[str, Any]:
    return {**without_token(kind), "headers": headers, "multiValueHeaders": None}


def _multi(kind: str, **headers: Any) -> dict[str, Any]:
    return {**without_token(kind), "headers": {}, "multiValueHeaders": headers}


ORIGINS = {"cookie": "session", "allowed_origins": ["https://app.example"]}
IN_PASSWORD = {"mqtt": {"username": "device", "password": b64encode(TOKEN.encode()).decode()}}
FOUND: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "any case": ({}, _headers("rest-request", AUTHORIZATION=f"bearer {TOKEN}")),
    "several values": ({}, _multi("rest-request", authorization=[f"Bearer {TOKEN}"])),
    "several values, HTTP 1.0": ({}, _multi("http-1.0", Authorization=[f"Bearer {TOKEN}"])),
    "another header": ({"header": "X-Token"}, _headers("http-2.0", **{"x-token": f"Bearer {TOKEN}"})),
    "bare": ({"bare_token": True}, _headers("rest-request", Authorization=TOKEN)),
    "bare, TOKEN": ({"bare_token": True}, event("rest-token", authorizationToken=TOKEN)),
    "a cookie": (ORIGINS, _headers("rest-request", Cookie=f"a=b; session={TOKEN}")),
    "a cookie, HTTP 2.0": (ORIGINS, {**without_token("http-2.0"), "cookies": ["a=b", f"session={TOKEN}"]}),
    "a query parameter": (
        {"query": "token"},
        {**without_token("websocket"), "queryStringParameters": {"token": TOKEN}},
    ),
    "a query parameter, several": (
        {"query": "token"},
        {**without_token("rest-request"), "multiValueQueryStringParameters": {"token": [TOKEN]}},
    ),
    "a subprotocol": (
        {"subprotocol": "bearer"},
        _headers("websocket", **{"sec-websocket-protocol": f"chat, bearer, {TOKEN}"}),
    ),
    "AppSync with a scheme": ({}, with_token("appsync", f"Bearer {TOKEN}")),
    "AppSync with a prefix": ({"strip_prefix": "lambda-"}, with_token("appsync", f"lambda-{TOKEN}")),
    "AppSync with a suffix": ({"strip_suffix": "#"}, with_token("appsync", f"Bearer {TOKEN}#")),
    "MQTT's password": (
        {"iot_policy": IOT_POLICY},
        {**without_token("iot"), "protocolData": IN_PASSWORD},
    ),
    "IoT's header": (
        {"iot_policy": IOT_POLICY},
        {**without_token("iot"), "protocolData": {"http": {"headers": {"Authorization": TOKEN}}}},
    ),
    "IoT's query": (
        {"iot_policy": IOT_POLICY, "query": "t"},
        {**without_token("iot"), "protocolData": {"http": {"queryString": f"?a=b&t={TOKEN}"}}},
    ),
}


def passed(answer: Mapping[str, Any]) -> bool:
    """Whether an answer lets the caller in, of whatever kind it is."""
    if "policyDocument" in answer:
        return bool(allowed(answer))
    return bool(answer.get("isAuthorized") or answer.get("isAuthenticated"))


@pytest.mark.parametrize(("options", "asked"), FOUND.values(), ids=FOUND)
def test_tokens_are_found_where_they_were_looked_for(options: dict[str, Any], asked: dict[str, Any]) -> None:
    """Each source, by choice."""
    assert passed(Authorizer(VERIFIER, **options)(asked))


SOURCES = ("header", "bare_token", "cookie", "allowed_origins", "query", "subprotocol")
CHOSEN = {
    name: ({key: value for key, value in options.items() if key not in SOURCES}, asked)
    for name, (options, asked) in FOUND.items()
    if set(options) & set(SOURCES)
}


@pytest.mark.parametrize(("options", "asked"), CHOSEN.values(), ids=CHOSEN)
def test_no_source_is_read_unasked(options: dict[str, Any], asked: dict[str, Any]) -> None:
    """The same requests are refused where their source was not chosen."""
    assert not _in(Authorizer(VERIFIER, **options), asked)


def _in(authorizer: Authorizer, asked: Any) -> bool:
    try:
        return passed(authorizer(asked))
    except Unauthorized:
        return False


HOSTILE: Mapping[str, tuple[dict[str, Any], Any]] = {
    "two headers": ({}, _multi("rest-request", Authorization=[f"Bearer {TOKEN}", f"Bearer {TOKEN}"])),
    "two spellings": (
        {},
        _headers("rest-request", Authorization=f"Bearer {TOKEN}", AUTHORIZATION=f"Bearer {TOKEN}"),
    ),
    "joined with a comma": ({}, _headers("http-2.0", authorization=f"Bearer {TOKEN},Bearer {TOKEN}")),
    "null headers": ({}, {**without_token("rest-request"), "headers": None, "multiValueHeaders": None}),
    "headers that are a list": ({}, {**without_token("rest-request"), "headers": [f"Bearer {TOKEN}"]}),
    "a header that is a number": ({}, _headers("rest-request", Authorization=5)),
    "a header that is an object": ({}, _headers("rest-request", Authorization={"Bearer": TOKEN})),
    "a header in the query": (
        {},
        {**without_token("rest-request"), "queryStringParameters": {"Authorization": TOKEN}},
    ),
    "two in the query": (
        {"query": "t"},
        {**without_token("rest-request"), "multiValueQueryStringParameters": {"t": [TOKEN, TOKEN]}},
    ),
    "joined in the query, HTTP 2.0": (
        {"query": "t"},
        {**without_token("http-2.0"), "queryStringParameters": {"t": f"{TOKEN},{TOKEN}"}},
    ),
    "header and query": (
        {"query": "t"},
        with_token("rest-request", TOKEN, multiValueQueryStringParameters={"t": [TOKEN]}),
    ),
    "another case in the query": (
        {"query": "token"},
        {**without_token("websocket"), "queryStringParameters": {"Token": TOKEN}},
    ),
    "a cookie from a foreign page": (
        ORIGINS,
        {
            **_headers("rest-request", Cookie=f"session={TOKEN}", Origin="https://evil.example"),
            "httpMethod": "POST",
        },
    ),
    "a cookie from no page": (
        ORIGINS,
        {**_headers("rest-request", Cookie=f"session={TOKEN}"), "httpMethod": "POST"},
    ),
    "a cookie and no method": (
        ORIGINS,
        {**_headers("rest-request", Cookie=f"session={TOKEN}"), "httpMethod": None},
    ),
    "the marker twice": (
        {"subprotocol": "bearer"},
        _headers("websocket", **{"Sec-WebSocket-Protocol": f"bearer, bearer, {TOKEN}"}),
    ),
    "AppSync without the prefix": ({"strip_prefix": "lambda-"}, with_token("appsync", TOKEN)),
    "AppSync without the suffix": ({"strip_suffix": "#"}, with_token("appsync", TOKEN)),
    "prefix and suffix are one": ({"strip_prefix": "ab", "strip_suffix": "b"}, with_token("appsync", "ab")),
    "AppSync with a number": ({}, event("appsync", authorizationToken=5)),
    "AppSync with null": ({}, event("appsync", authorizationToken=None)),
    "header and password": (
        {"iot_policy": IOT_POLICY},
        {
            **without_token("iot"),
            "protocolData": {"http": {"headers": {"Authorization": TOKEN}}, **IN_PASSWORD},
        },
    ),
    "a password that is no base64": (
        {"iot_policy": IOT_POLICY},
        {**without_token("iot"), "protocolData": {"mqtt": {"password": TOKEN}}},
    ),
    "a password of octets": (
        {"iot_policy": IOT_POLICY},
        {**without_token("iot"), "protocolData": {"mqtt": {"password": "gICA"}}},
    ),
    "no protocol's data": ({"iot_policy": IOT_POLICY}, {**without_token("iot"), "protocolData": None}),
    "a query that is none": (
        {"iot_policy": IOT_POLICY, "query": "t"},
        {**without_token("iot"), "protocolData": {"http": {"queryString": 5}}},
    ),
    "a query of a thousand": (
        {"iot_policy": IOT_POLICY, "query": "t"},
        {**without_token("iot"), "protocolData": {"http": {"queryString": "?" + "&".join(["t=1"] * 1000)}}},
    ),
}


@pytest.mark.parametrize(("options", "asked"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_requests_are_refused(options: dict[str, Any], asked: Any) -> None:
    """Whatever a client sends, the answer is a refusal and never another error."""
    assert not _in(Authorizer(VERIFIER, **options), asked)


def test_a_foreign_page_locks_no_user_out() -> None:
    """A cookie from a foreign page is 401 and no Deny: that would be cached under the victim's cookie."""
    asked = _headers("rest-request", Cookie=f"session={TOKEN}", Origin="https://evil.example")
    with pytest.raises(Unauthorized):
        Authorizer(VERIFIER, **ORIGINS)({**asked, "httpMethod": "DELETE"})


# -- the cache ----------------------------------------------------------------------------------

KEYED: Mapping[str, tuple[str, dict[str, Any], Any, bool]] = {
    "the token": ("http-2.0", {}, [f"Bearer {TOKEN}"], True),
    "the token and a tenant": ("http-2.0", {}, ["tenant-1", f"Bearer {TOKEN}"], True),
    "none: no cache": ("http-2.0", {}, None, True),
    "an empty list": ("http-2.0", {}, [], True),
    "something else": ("http-2.0", {}, ["tenant-1"], False),
    "1.0: the token": ("http-1.0", {}, f"tenant-1,Bearer {TOKEN}", True),
    "1.0: none": ("http-1.0", {}, None, True),
    "1.0: something else": ("http-1.0", {}, "tenant-1", False),
}


@pytest.mark.parametrize(("kind", "options", "identity", "fits"), KEYED.values(), ids=KEYED)
def test_the_cache_key_holds_the_token(kind: str, options: dict[str, Any], identity: Any, fits: bool) -> None:
    """An HTTP API whose cache would give one caller's answer to another is found out at once."""
    asked = with_token(kind, TOKEN, identitySource=identity)
    if fits:
        assert passed(Authorizer(VERIFIER, **options)(asked))
    else:
        with pytest.raises(ConfigurationError, match="identity sources"):
            Authorizer(VERIFIER, **options)(asked)


LIVES = {"an hour": (3600, 300), "four minutes": (240, 240), "leeway alone": (-3, 0)}


@pytest.mark.parametrize(("expires_in", "expected"), LIVES.values(), ids=LIVES)
def test_appsync_caches_no_longer_than_the_token_lives(expires_in: int, expected: int) -> None:
    """`ttlOverride` ends with the token, and is whole seconds."""
    token = FAKE.access_token(expires_in=expires_in, issued_at=int(FAKE.clock()[0]))
    answer = Authorizer(VERIFIER)(with_token("appsync", token))
    assert answer["ttlOverride"] == expected


def test_a_ttl_of_zero() -> None:
    """Caching can be turned off."""
    assert Authorizer(VERIFIER, ttl=0)(with_token("appsync", TOKEN))["ttlOverride"] == 0


def test_fields_that_not_everybody_may_use() -> None:
    """AppSync: the fields that a principal lacks are denied, and no others."""
    fields = {
        "Mutation.deleteOrder": policy.scopes("orders/write"),
        "Query.order": policy.scopes("orders/read"),
    }
    reader = FAKE.access_token(scopes=["orders/read"])
    owner = FAKE.access_token(scopes=["orders/read", "orders/write"])
    authorizer = Authorizer(VERIFIER, fields=fields)
    assert authorizer(with_token("appsync", reader))["deniedFields"] == ["Mutation.deleteOrder"]
    assert "deniedFields" not in authorizer(with_token("appsync", owner))


# -- policy documents ---------------------------------------------------------------------------

ARNS = {
    "commercial": "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/GET/orders",
    "China": "arn:aws-cn:execute-api:cn-north-1:123456789012:abcdef123/prod/GET/orders",
    "GovCloud": "arn:aws-us-gov:execute-api:us-gov-west-1:123456789012:abcdef123/prod/GET/orders",
    "ISO": "arn:aws-iso:execute-api:us-iso-east-1:123456789012:abcdef123/prod/GET/orders",
    "ISOB": "arn:aws-iso-b:execute-api:us-isob-east-1:123456789012:abcdef123/prod/GET/orders",
    "EU sovereign": "arn:aws-eusc:execute-api:eusc-de-east-1:123456789012:abcdef123/prod/GET/orders",
    "the console's test": "arn:aws:execute-api:us-east-1:123456789012:abcdef123/ESTestInvoke-stage/GET/",
}


@pytest.mark.parametrize("arn", ARNS.values(), ids=ARNS)
def test_every_partition(arn: str) -> None:
    """The document names the API and stage of the event, whatever partition it is in."""
    answer = Authorizer(VERIFIER)(with_token("rest-token", TOKEN, methodArn=arn))
    assert allowed(answer) == ["/".join(arn.split("/")[:2]) + "/*/*"]


def test_default_stage_and_route() -> None:
    """An HTTP API's $default stage, and the ARN of its $default route, which has no verb."""
    arn = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/$default/$default"
    answer = Authorizer(VERIFIER)(with_token("http-2.0", TOKEN, routeArn=arn))
    assert allowed(answer) == ["arn:aws:execute-api:us-east-1:123456789012:abcdef123/$default/*"]


PATHS = {
    "plain": ("GET/orders/5", "GET/orders/5"),
    "a star": ("GET/*", "GET/${*}"),
    "a question mark": ("GET/a?c", "GET/a${?}c"),
    "a variable": ("GET/${aws:username}", "GET/${$}{aws:username}"),
    "a dollar": ("GET/$5", "GET/$5"),
    "encoded": ("GET/a%2Fb", "GET/a%2Fb"),
    "another language": ("GET/bücher", "GET/bücher"),
    "a line break": ("GET/a\nb", "GET/a\nb"),
}


@pytest.mark.parametrize(("rest", "named"), PATHS.values(), ids=PATHS)
def test_exact_names_one_path(rest: str, named: str) -> None:
    """`exact` allows the path that was asked for; what IAM would read as more is escaped."""
    prefix = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/"
    answer = Authorizer(VERIFIER, resources="exact")(
        with_token("rest-request", TOKEN, methodArn=prefix + rest)
    )
    assert allowed(answer) == [prefix + named]


def test_exact_beyond_an_arn() -> None:
    """A path that no Resource can name (512 characters) is denied."""
    prefix = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/GET/"
    authorizer = Authorizer(VERIFIER, resources="exact")
    longest = prefix + "a" * (512 - len(prefix))
    assert allowed(authorizer(with_token("rest-request", TOKEN, methodArn=longest))) == [longest]
    assert allowed(authorizer(with_token("rest-request", TOKEN, methodArn=longest + "a"))) == []


KEYS: Mapping[str, tuple[Any, Any]] = {"a key": ("key-1", "key-1"), "none": (None, "absent")}


@pytest.mark.parametrize(("given", "expected"), KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("kind", ["rest-token", "rest-request"])
def test_usage_plans(kind: str, given: Any, expected: str) -> None:
    """REST: the hook's API key goes beside the document, on an Allow alone."""
    options: dict[str, Any] = {"usage_identifier_key": lambda principal: given}
    answer = Authorizer(VERIFIER, **options)(with_token(kind, TOKEN))
    assert answer.get("usageIdentifierKey", "absent") == expected
    denied = Authorizer(VERIFIER, require=policy.scopes("no"), **options)(with_token(kind, TOKEN))
    assert "usageIdentifierKey" not in denied


@pytest.mark.parametrize("given", ["", 5, b"key", True], ids=repr)
def test_a_broken_usage_hook_is_an_error(given: Any) -> None:
    """What is no key is never handed on."""
    with pytest.raises(TypeError):
        Authorizer(VERIFIER, usage_identifier_key=lambda _: given)(with_token("rest-token", TOKEN))


def test_a_usage_key_that_breaks_a_line_is_left_out() -> None:
    """A key that was made of a claim goes into no answer with a line end; the plan then has no key."""
    for bad in ("k\r\nX-Admin: 1", "k\x00", "k\x85", "k\u2028", "k\x7f"):
        answer = Authorizer(VERIFIER, usage_identifier_key=lambda _, bad=bad: bad)(
            with_token("rest-token", TOKEN)
        )
        assert allowed(answer)
        assert "usageIdentifierKey" not in answer


class Wrapped:
    """An event class as Powertools makes them."""

    def __init__(self, raw: Any) -> None:
        self.raw_event = raw


def _leaking(principal: Any) -> Any:
    raise KeyError(principal.subject)


def test_what_a_hook_raises_is_an_outage() -> None:
    """It may hold a claim, so it never leaves; the answer is an error, and no refusal."""
    options: list[tuple[str, dict[str, Any]]] = [
        ("rest-token", {"usage_identifier_key": _leaking}),
        ("iot", {"iot_policy": _leaking}),
        ("rest-token", {"context": _leaking}),
        ("appsync", {"context": _leaking}),
    ]
    for kind, option in options:
        with pytest.raises(CheckUnavailable) as caught:
            Authorizer(VERIFIER, **option)(with_token(kind, TOKEN))
        assert caught.value.__context__ is None
        assert next(iter(option)) in (caught.value.hint or "")


def test_a_bad_token_shows_no_error_of_the_set_up() -> None:
    """Without a good token, a client sees no error of the set-up."""
    forged = FAKE.access_token(signed_by="foreign")
    answer = Authorizer(VERIFIER)(with_token("http-2.0", forged, identitySource=["tenant-1"]))
    assert answer == {"errorMessage": "Unauthorized"}


def test_a_default_route_and_a_table() -> None:
    """A table cannot name an ARN without a path; that is an error, and no cached Deny."""
    arn = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/$default"
    with pytest.raises(ConfigurationError, match=re.escape("ANY /{proxy+}")):
        Authorizer(VERIFIER, routes={"ANY /{proxy+}": None})(with_token("http-2.0", TOKEN, routeArn=arn))


def test_event_classes_are_unwrapped() -> None:
    """What has `.raw_event` is taken as that."""
    assert Authorizer(VERIFIER)(Wrapped(with_token("rest-token", TOKEN)))["principalId"]
    with pytest.raises(ConfigurationError):
        Authorizer(VERIFIER)(Wrapped("text"))


def test_every_answer_is_json() -> None:
    """The runtime can write each answer, with claims of every type in its context."""
    claims = {"n": 1.5, "b": True, "s": "ü", "l": ["a", 1], "o": {"k": [None]}, "z": None}
    rich = FAKE.access_token(claims=claims, groups=["a"], scopes=["x", "y"])
    for kind in KINDS:
        options: dict[str, Any] = {"iot_policy": IOT_POLICY} if kind == "iot" else {}
        answer = Authorizer(VERIFIER, context=["groups", *claims], **options)(with_token(kind, rich))
        assert json.loads(json.dumps(answer)) == answer


def test_operators_see_why(caplog: pytest.LogCaptureFixture) -> None:
    """A refusal's reason and hint are logged; the client gets neither."""
    caplog.set_level(logging.INFO, "cognito_mr_auth")
    with pytest.raises(Unauthorized):
        Authorizer(VERIFIER)(with_token("rest-token", FAKE.id_token()))
    [record] = caplog.records
    assert "claim_rejected" in record.message
    assert "send the access token" in record.message


def broken(principal: Principal) -> Any:
    """A callable with a bug whose error holds a claim."""
    raise ValueError(principal.subject)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param("rest-token", {"context": broken}, id="context"),
        pytest.param("rest-token", {"usage_identifier_key": broken}, id="usage_identifier_key"),
        pytest.param("iot", {"iot_policy": broken}, id="iot_policy"),
    ],
)
def test_operators_see_which_callable_raised(
    kind: str, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """B1: its name, the class of its exception and its frames, once a minute; nothing of the token."""
    heard: list[events.Event] = []
    verifier = FAKE.offline_verifier(on_event=heard.append)
    for _ in range(3):
        with pytest.raises(CheckUnavailable):
            Authorizer(verifier, **options)(with_token(kind, FAKE.access_token(subject="c4n4ry7Wren")))
    [name] = options
    assert heard == [events.HookFailed(name, f"{__name__}.broken", "ValueError", 1)]
    [record] = [each for each in caplog.records if each.name == "cognito_mr_auth.hooks"]
    assert " in broken" in record.getMessage()
    assert "c4n4ry7Wren" not in f"{record.getMessage()}{vars(record)}"
    assert verifier.health()["hook_failures"] == 3
