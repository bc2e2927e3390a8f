"""The ready handler: each variable reaches its option, and a bad one fails the init by its name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.lambda_events import event, with_token, without_token

from cognito_mr_auth import aws_lambda, errors
from cognito_mr_auth._jwks.model import KeyFileEntry
from cognito_mr_auth._remote import key_file
from cognito_mr_auth.aws_lambda import Unauthorized
from cognito_mr_auth.aws_lambda._authorizer.environment import VARIABLES, build
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.testing import FakeUserPool

POOL = FakeUserPool()
PREFIX = "COGNITO_AUTHORIZER_"
NOWHERE = "http://127.0.0.1:9/jwks.json"
STAGE = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/"
IOT_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "client/${cognito:sub}"}],
    }
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pool's keys in a file, so that only the tests of `warm` ask an endpoint."""
    path = tmp_path_factory.mktemp("baked") / "keys.json"
    entry = KeyFileEntry(NOWHERE, time.time(), json.dumps(POOL.jwks()).encode())
    key_file.write(str(path), POOL.user_pool_id, [entry], [NOWHERE])
    return path


class Ready:
    """Makes the handler of a good environment, changed."""

    def __init__(self, keys: Path) -> None:
        self.base = {
            "COGNITO_USER_POOL_ID": POOL.user_pool_id,
            "COGNITO_CLIENT_IDS": POOL.client_id,
            "COGNITO_REPLICA_REGIONS": ",".join(POOL.replica_regions),
            "COGNITO_BAKED_KEY_FILE": str(keys),
            "COGNITO_JWKS_URLS": NOWHERE,
        }

    def __call__(self, changes: dict[str, str] | None = None, **variables: str) -> Any:
        """With these variables of the authorizer, and `changes` of any others."""
        ours = {PREFIX + name: text for name, text in variables.items()}
        return build(self.base | ours | (changes or {}))


@pytest.fixture
def ready(keys: Path) -> Ready:
    """What makes handlers."""
    return Ready(keys)


def token(**options: Any) -> str:
    """A token of the pool."""
    return POOL.access_token(**options)


def effect(answer: dict[str, Any]) -> str:
    """The effect of a policy document with one statement."""
    [statement] = answer["policyDocument"]["Statement"]
    found: str = statement["Effect"]
    return found


def allowed(answer: dict[str, Any]) -> list[str]:
    """What a policy document allows, below the stage."""
    found = [each for each in answer["policyDocument"]["Statement"] if each["Effect"] == "Allow"]
    return sorted(one.removeprefix(STAGE) for each in found for one in each["Resource"])


# --- What the variables mean


@pytest.mark.parametrize(
    "kind", ["rest-token", "rest-request", "http-1.0", "http-2.0", "websocket", "appsync"]
)
def test_no_variable_of_its_own_is_needed(kind: str, ready: Ready) -> None:
    """The pool's variables make a handler for every kind of API that has a safe default."""
    answer = ready()(with_token(kind, token()))
    assert answer.get("isAuthorized") is True or effect(answer) == "Allow"


def test_several_pools(ready: Ready, keys: Path) -> None:
    """The settings are those of Verifier.from_env(), several pools included."""
    pools = [
        {
            "user_pool_id": pool_id,
            "client_ids": [POOL.client_id],
            "baked_key_file": str(keys),
            "jwks_urls": NOWHERE,
        }
        for pool_id in (POOL.user_pool_id, "eu-west-1_Other")
    ]
    ready.base = {"COGNITO_USER_POOLS": json.dumps(pools)}
    answer = ready(WARM="false")(with_token("rest-token", token()))
    assert answer["principalId"].startswith(f"{POOL.user_pool_id}|")


def test_kind(ready: Ready) -> None:
    """A kind that is set decides for an event that looks like none."""
    unclear = with_token("http-2.0", token(), version="3.0")
    with pytest.raises(ConfigurationError):
        ready()(unclear)
    assert effect(ready(KIND="http-2.0")(unclear)) == "Allow"


def test_response(ready: Ready) -> None:
    """An HTTP API gets the form that it expects."""
    assert ready(RESPONSE="simple")(with_token("http-2.0", token()))["isAuthorized"] is True
    assert effect(ready(RESPONSE="iam")(with_token("http-2.0", token()))) == "Allow"


def test_resources(ready: Ready) -> None:
    """The whole stage by default, the one request by choice."""
    came = with_token("rest-request", token())
    assert allowed(ready()(came)) == allowed(ready(RESOURCES="stage")(came)) == ["*/*"]
    assert allowed(ready(RESOURCES="exact")(came)) == ["GET/orders"]


@pytest.mark.parametrize(
    ("variables", "holds", "passes"),
    [
        pytest.param({"SCOPES": "a/r, a/w"}, {"scopes": ["a/r", "a/w", "x"]}, True, id="scopes-all"),
        pytest.param({"SCOPES": "a/r,a/w"}, {"scopes": ["a/r"]}, False, id="scopes-one"),
        pytest.param({"ANY_SCOPE": "a/r,a/w"}, {"scopes": ["a/w"]}, True, id="any-scope"),
        pytest.param({"ANY_SCOPE": "a/r,a/w"}, {"scopes": ["a"]}, False, id="no-scope"),
        pytest.param({"GROUPS": "ops,admin"}, {"groups": ["admin", "ops"]}, True, id="groups-all"),
        pytest.param({"GROUPS": "ops,admin"}, {"groups": ["ops"]}, False, id="groups-one"),
        pytest.param({"ANY_GROUP": "ops,admin"}, {"groups": ["ops"]}, True, id="any-group"),
        pytest.param({"ANY_GROUP": "ops,admin"}, {}, False, id="no-group"),
        pytest.param(
            {"SCOPES": "a", "ANY_SCOPE": "b,c", "GROUPS": "g", "ANY_GROUP": "h,i"},
            {"scopes": ["a", "c"], "groups": ["g", "i"]},
            True,
            id="all-four",
        ),
        pytest.param({"SCOPES": "a", "GROUPS": "g"}, {"scopes": ["a"]}, False, id="and-not-or"),
        pytest.param({"SCOPES": "a", "ANY_GROUP": "g"}, {"groups": ["g"]}, False, id="and-not-or-either"),
    ],
)
def test_what_is_required(
    variables: dict[str, str], holds: dict[str, Any], passes: bool, ready: Ready
) -> None:
    """Each policy variable is a requirement, and several are all of them."""
    answer = ready(**variables)(with_token("rest-token", token(**holds)))
    assert effect(answer) == ("Allow" if passes else "Deny")


ROUTES = {
    "GET /me": {},
    "GET /orders": {"scopes": ["orders/read"]},
    "POST /orders": {"scopes": ["orders/read", "orders/write"]},
    "DELETE /orders": {"scopes": ["orders/write"], "any_group": ["ops", "admin"]},
    "PUT /orders": {"any_scope": ["orders/write"], "groups": ["ops", "admin"]},
}
HOLDERS = [
    pytest.param({}, ["GET/me"], id="nothing"),
    pytest.param({"scopes": ["orders/read"]}, ["GET/me", "GET/orders"], id="read"),
    pytest.param(
        {"scopes": ["orders/read", "orders/write"]}, ["GET/me", "GET/orders", "POST/orders"], id="write"
    ),
    pytest.param(
        {"scopes": ["orders/write"], "groups": ["ops"]}, ["DELETE/orders", "GET/me"], id="write-in-ops"
    ),
    pytest.param(
        {"scopes": ["orders/write"], "groups": ["ops", "admin"]},
        ["DELETE/orders", "GET/me", "PUT/orders"],
        id="write-in-both",
    ),
]


@pytest.mark.parametrize(("holds", "routes"), HOLDERS)
def test_routes(holds: dict[str, Any], routes: list[str], ready: Ready) -> None:
    """The table says, route by route, who may call it."""
    answer = ready(ROUTES=json.dumps(ROUTES))(with_token("rest-request", token(**holds)))
    assert allowed(answer) == routes


@pytest.mark.parametrize("where", ["task-root", "working-directory", "absolute"])
def test_routes_file(where: str, ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table may be a file that is shipped with the code."""
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "routes.json").write_text(json.dumps(ROUTES))
    changes = {"LAMBDA_TASK_ROOT": str(tmp_path)} if where == "task-root" else {}
    if where == "working-directory":
        monkeypatch.chdir(tmp_path)
    path = str(folder / "routes.json") if where == "absolute" else "config/routes.json"
    answer = ready(changes, ROUTES_FILE=path)(with_token("rest-request", token()))
    assert allowed(answer) == ["GET/me"]


def test_context(ready: Ready) -> None:
    """What the API gets is chosen by name."""
    answer = ready(CONTEXT="username, scope")(with_token("rest-token", token(username="bob", scopes=["a"])))
    assert answer["context"] == {"username": "bob", "scope": "a"}


def test_escaped_paths(ready: Ready) -> None:
    """Routes whose paths may hold escapes are named beside the table."""
    table = {"GET /users/{mail}": {}, "GET /files/{name}": {}, "GET /admin": {"groups": ["ops"]}}
    handler = ready(ROUTES=json.dumps(table), ESCAPED_PATHS="GET /users/{mail}")
    answer = handler(with_token("rest-request", token()))
    denied = [each for each in answer["policyDocument"]["Statement"] if each["Effect"] == "Deny"]
    assert f"{STAGE}GET/files/*%*" in denied[0]["Resource"]
    assert f"{STAGE}*%*" not in denied[0]["Resource"]
    assert f"{STAGE}*%2f*" in denied[0]["Resource"]
    table["GET /users/me"] = {"groups": ["ops"]}
    with pytest.raises(ConfigurationError, match=f"^{PREFIX}ESCAPED_PATHS: escaped_paths: below 'GET /users"):
        ready(ROUTES=json.dumps(table), ESCAPED_PATHS="GET /users/{mail}")


def test_header(ready: Ready) -> None:
    """The token may stand in another header."""
    headers = {"X-Token": f"Bearer {token()}"}
    moved = event("rest-request", headers=headers, multiValueHeaders={})
    assert effect(ready(HEADER="X-Token")(moved)) == "Allow"
    with pytest.raises(Unauthorized):
        ready()(moved)


def test_bare_token(ready: Ready) -> None:
    """A token without its scheme is taken by choice alone."""
    bare = with_token("rest-token", token(), authorizationToken=token())
    assert effect(ready(BARE_TOKEN="true")(bare)) == "Allow"
    for handler in (ready(), ready(BARE_TOKEN="false")):
        with pytest.raises(Unauthorized):
            handler(bare)


def test_cookie_and_allowed_origins(ready: Ready) -> None:
    """The token may stand in a cookie, which is taken from the pages that are named."""
    handler = ready(COOKIE="session", ALLOWED_ORIGINS="https://app.example, https://b.example")

    def asked(origin: str) -> Any:
        headers = {"Cookie": f"session={token()}", "Origin": origin}
        return without_token("rest-request", httpMethod="POST", headers=headers, multiValueHeaders={})

    for origin in ("https://app.example", "https://b.example"):
        assert effect(handler(asked(origin))) == "Allow"
    with pytest.raises(Unauthorized):
        handler(asked("https://evil.example"))
    with pytest.raises(Unauthorized):
        ready()(asked("https://app.example"))


def test_query(ready: Ready) -> None:
    """The token may stand in a query parameter."""
    query = {"access_token": token()}
    asked = without_token("websocket", queryStringParameters=query, multiValueQueryStringParameters={})
    assert effect(ready(QUERY="access_token")(asked)) == "Allow"
    with pytest.raises(Unauthorized):
        ready()(asked)


def test_subprotocol(ready: Ready) -> None:
    """The token may stand after a marker in the WebSocket's subprotocols."""
    headers = {"Sec-WebSocket-Protocol": f"chat, bearer, {token()}"}
    asked = without_token("websocket", headers=headers, multiValueHeaders={})
    assert effect(ready(SUBPROTOCOL="bearer")(asked)) == "Allow"
    with pytest.raises(Unauthorized):
        ready()(asked)


def test_strip_prefix_and_suffix(ready: Ready) -> None:
    """What AppSync's clients put around the token is taken off, white space included."""
    handler = ready(STRIP_PREFIX="Custom ", STRIP_SUFFIX="-x")
    around = event("appsync", authorizationToken=f"Custom {token()}-x")
    assert handler(around)["isAuthorized"] is True
    for other in (token(), f"Custom{token()}-x", f"Custom {token()}"):
        assert handler(event("appsync", authorizationToken=other))["isAuthorized"] is False
    assert ready()(around)["isAuthorized"] is False


@pytest.mark.parametrize("text", [IOT_POLICY, f"[{IOT_POLICY}]"], ids=["one", "several"])
def test_iot_policy(text: str, ready: Ready) -> None:
    """A device gets the documents of the template, filled in."""
    [document] = ready(IOT_POLICY=text)(with_token("iot", token(subject="device7")))["policyDocuments"]
    assert document["Statement"][0]["Resource"] == "client/device7"


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("60", 60), (" 3600 ", 3600)])
def test_ttl(text: str, seconds: int, ready: Ready) -> None:
    """AppSync caches an answer for at most so long."""
    handler = ready(TTL=text)
    assert handler(with_token("appsync", token(expires_in=86400)))["ttlOverride"] == seconds


@pytest.mark.outside
def test_timeout(ready: Ready) -> None:
    """An invocation waits for keys for so long, and not for the two seconds of the default."""
    with POOL.serve() as endpoints:
        endpoints.fail("hang")
        changes = {"COGNITO_JWKS_URLS": endpoints.original.url, "COGNITO_BAKED_KEY_FILE": "nowhere"}
        handler = ready(changes, TIMEOUT="0.05", WARM="false")
        began = time.monotonic()
        with pytest.raises(errors.KeysUnavailable):
            handler(with_token("rest-token", token()))
        assert time.monotonic() - began < 2.0


WARM = [
    # WARM, how Lambda initializes, whether keys are at hand: whether they are asked for.
    pytest.param(None, None, True, False, id="at-hand"),
    pytest.param(None, None, False, True, id="nothing-at-hand"),
    pytest.param("auto", "on-demand", True, False, id="on-demand"),
    pytest.param("auto", "on-demand", False, True, id="on-demand-nothing-at-hand"),
    pytest.param(None, "provisioned-concurrency", True, True, id="provisioned"),
    pytest.param("auto", "snap-start", True, True, id="snap-start"),
    pytest.param("true", "on-demand", True, True, id="true"),
    pytest.param("false", "provisioned-concurrency", True, False, id="false-provisioned"),
    pytest.param("false", "on-demand", False, False, id="false-nothing-at-hand"),
]


@pytest.mark.parametrize(("text", "initialization", "at_hand", "asked"), WARM)
@pytest.mark.outside
def test_warm(
    text: str | None, initialization: str | None, at_hand: bool, asked: bool, ready: Ready, tmp_path: Path
) -> None:
    """Keys are asked for at init where nobody waits for it, or where the first caller would wait."""
    variables = {} if text is None else {"WARM": text}
    with POOL.serve() as endpoints:
        url = endpoints.original.url
        path = tmp_path / "keys.json"
        if at_hand:
            entry = KeyFileEntry(url, time.time(), json.dumps(POOL.jwks()).encode())
            key_file.write(str(path), POOL.user_pool_id, [entry], [url])
        changes = {"COGNITO_JWKS_URLS": url, "COGNITO_BAKED_KEY_FILE": str(path)}
        if initialization is not None:
            changes["AWS_LAMBDA_INITIALIZATION_TYPE"] = initialization
        ready(changes, **variables)
        assert endpoints.requests == int(asked)


@pytest.mark.parametrize("at_hand", [1, 2])
@pytest.mark.outside
def test_warm_for_one_pool_of_two(at_hand: int, ready: Ready, keys: Path) -> None:
    """One pool without keys is enough to ask: its callers would wait."""
    others = FakeUserPool("eu-west-1_Other")
    with POOL.serve() as endpoints, others.serve() as other_endpoints:
        members = []
        for pool, served in ((POOL, endpoints), (others, other_endpoints)):
            url = served.original.url
            path = keys.with_name(f"{at_hand}-{pool.user_pool_id}.json")
            if len(members) < at_hand:
                entry = KeyFileEntry(url, time.time(), json.dumps(pool.jwks()).encode())
                key_file.write(str(path), pool.user_pool_id, [entry], [url])
            member = {"user_pool_id": pool.user_pool_id, "client_ids": [pool.client_id]}
            members.append(member | {"jwks_urls": url, "baked_key_file": str(path)})
        ready.base = {"COGNITO_USER_POOLS": json.dumps(members)}
        ready()
        assert other_endpoints.requests == (1 if at_hand == 1 else 0)


@pytest.mark.outside
def test_an_outage_at_init_is_none_of_the_init(ready: Ready) -> None:
    """No endpoint answers, and the handler stands; its first invocation asks again."""
    with POOL.serve() as endpoints:
        endpoints.fail("refuse")
        changes = {"COGNITO_JWKS_URLS": endpoints.original.url, "COGNITO_BAKED_KEY_FILE": "nowhere"}
        handler = ready(changes)
        with pytest.raises(errors.KeysUnavailable):
            handler(with_token("rest-token", token()))


# --- What cannot be right


def test_every_variable_has_its_row() -> None:
    """Every variable has a row of nonsense below."""
    assert {f"{PREFIX}{row.values[0]}" for row in NONSENSE} == VARIABLES


@pytest.mark.parametrize("name", sorted(VARIABLES))
@pytest.mark.parametrize("value", ["", " ", "\t\n"], ids=["empty", "space", "other-space"])
def test_empty_is_an_error(name: str, value: str, ready: Ready) -> None:
    """An empty variable is a mistake."""
    with pytest.raises(ConfigurationError, match=f"^{name} is empty"):
        ready({name: value})


@pytest.mark.parametrize("name", ["SCOPES", "ANY_SCOPE", "GROUPS", "ANY_GROUP", "CONTEXT", "ALLOWED_ORIGINS"])
@pytest.mark.parametrize("value", [",", "a,", ",a", "a, ,b"])
def test_an_empty_member_is_an_error(name: str, value: str, ready: Ready) -> None:
    """Neither is an empty member of a list."""
    with pytest.raises(ConfigurationError, match=f"^{PREFIX}{name} has an empty member"):
        ready(**{name: value})


LONG = "hunter2 " * 20

NONSENSE = [
    # The variable, its value, and what is said after its name; what else is set, if anything.
    pytest.param("KIND", "rest", ": kind='rest'", {}, id="kind"),
    pytest.param("KIND", "HTTP-2.0", ": kind='HTTP-2.0'", {}, id="kind-in-capitals"),
    pytest.param("RESPONSE", "json", ": response='json'", {}, id="response"),
    pytest.param("RESPONSE", "simple", ": response", {"KIND": "rest-token"}, id="response-of-another-kind"),
    pytest.param("RESOURCES", "all", ": resources='all'", {}, id="resources"),
    pytest.param("HEADER", "a b", ": header='a b'", {}, id="header"),
    pytest.param("SCOPES", "a b", ": scopes('a b')", {}, id="scopes-with-spaces"),
    pytest.param("ANY_SCOPE", "a\tb", ": any_scope('a", {}, id="scope-with-a-tab"),
    pytest.param("GROUPS", "a,", " has an empty member", {}, id="group"),
    pytest.param("ANY_GROUP", ",a", " has an empty member", {}, id="any-group"),
    pytest.param("ESCAPED_PATHS", "GET /{a}", ": escaped_paths needs routes=", {}, id="escaped-no-routes"),
    pytest.param(
        "ESCAPED_PATHS",
        "GET /{b}",
        ": escaped_paths holds",
        {"ROUTES": '{"GET /{a}":{}}'},
        id="escaped-route",
    ),
    pytest.param("CONTEXT", "sub,sub", ": context holds a name twice", {}, id="context-twice"),
    pytest.param("CONTEXT", "claims", ": context holds 'claims'", {}, id="context-reserved"),
    pytest.param("BARE_TOKEN", "yes", "='yes': give true or false", {}, id="flag-yes"),
    pytest.param("BARE_TOKEN", "True", "='True': give true or false", {}, id="flag-capital"),
    pytest.param("BARE_TOKEN", "1", "='1': give true or false", {}, id="flag-one"),
    pytest.param("BARE_TOKEN", LONG, "='hunter2 hunter2 hunt...': give", {}, id="flag-long"),
    pytest.param("COOKIE", "a=b", ": cookie='a=b'", {"ALLOWED_ORIGINS": "https://a.example"}, id="cookie"),
    pytest.param("COOKIE", "session", ": cookie= and allowed_origins=", {}, id="cookie-without-origins"),
    pytest.param(
        "ALLOWED_ORIGINS", "https://a.example/", ": allowed_origins holds", {"COOKIE": "a"}, id="origin-slash"
    ),
    pytest.param("ALLOWED_ORIGINS", "*", ": allowed_origins holds '*'", {"COOKIE": "a"}, id="origin-star"),
    pytest.param("QUERY", "a b", ": query='a b'", {}, id="query"),
    pytest.param("SUBPROTOCOL", "a,b", ": subprotocol='a,b'", {}, id="subprotocol"),
    pytest.param("STRIP_PREFIX", "a", ": strip_prefix", {"KIND": "rest-token"}, id="prefix"),
    pytest.param("STRIP_SUFFIX", "a", ": strip_suffix", {"KIND": "rest-token"}, id="suffix"),
    pytest.param("IOT_POLICY", "@policy.json", ": not JSON in UTF-8", {}, id="iot-policy-file"),
    pytest.param("IOT_POLICY", "1", ": give a JSON object, or an array", {}, id="iot-policy-number"),
    pytest.param("IOT_POLICY", '"{}"', ": give a JSON object", {}, id="iot-policy-text"),
    pytest.param("IOT_POLICY", "{}", ": iot_policy", {}, id="iot-policy-empty"),
    pytest.param("IOT_POLICY", "[]", ": iot_policy", {}, id="iot-policy-none"),
    pytest.param("IOT_POLICY", '{"a":1,"a":2}', ": duplicate member", {}, id="iot-policy-duplicate"),
    pytest.param("IOT_POLICY", IOT_POLICY, ": iot_policy", {"KIND": "rest-token"}, id="iot-policy-alone"),
    pytest.param("TTL", "5m", "='5m': give a number", {}, id="ttl"),
    pytest.param("TTL", "-1", "='-1': give a number", {}, id="ttl-negative"),
    pytest.param("TTL", "+1", "='+1': give a number", {}, id="ttl-plus"),
    pytest.param("TTL", "1e3", "='1e3': give a number", {}, id="ttl-exponent"),
    pytest.param("TTL", "1_0", "='1_0': give a number", {}, id="ttl-underscore"),
    pytest.param("TTL", "\u0661", "='\u0661': give a number", {}, id="ttl-arabic"),
    pytest.param("TTL", "9" * 5000, "='99999999999999999999...': give a number", {}, id="ttl-long"),
    pytest.param("TTL", "1.5", ": ttl=1.5", {}, id="ttl-fraction"),
    pytest.param("TTL", "3601", ": ttl=3601", {}, id="ttl-too-long"),
    pytest.param("TIMEOUT", "0", ": timeout=0", {}, id="timeout-none"),
    pytest.param("TIMEOUT", "61", ": timeout=61", {}, id="timeout-too-long"),
    pytest.param("TIMEOUT", "nan", "='nan': give a number", {}, id="timeout-nan"),
    pytest.param("TIMEOUT", "inf", "='inf': give a number", {}, id="timeout-infinite"),
    pytest.param("TIMEOUT", ".5", "='.5': give a number", {}, id="timeout-no-digit"),
    pytest.param("TIMEOUT", "1.", "='1.': give a number", {}, id="timeout-no-digit-after"),
    pytest.param("WARM", "yes", "='yes': use true, false or auto", {}, id="warm"),
    pytest.param("WARM", "AUTO", "='AUTO': use true, false or auto", {}, id="warm-capitals"),
    pytest.param("ROUTES", "GET /orders", ": not JSON", {}, id="routes-no-json"),
    pytest.param("ROUTES", "[]", ": give a JSON object", {}, id="routes-array"),
    pytest.param("ROUTES", "{}", ": give a JSON object", {}, id="routes-none"),
    pytest.param("ROUTES", '{"GET /a":{},"GET /a":{}}', ": duplicate member", {}, id="routes-twice"),
    pytest.param("ROUTES", '{"GET /a":null}', ": 'GET /a': give an object; {}", {}, id="route-null"),
    pytest.param("ROUTES", '{"GET /a":["s"]}', ": 'GET /a': give an object", {}, id="route-array"),
    pytest.param("ROUTES", '{"GET /a":"s"}', ": 'GET /a': give an object", {}, id="route-text"),
    pytest.param(
        "ROUTES", '{"GET /a":{"scope":["s"]}}', ": 'GET /a': no member 'scope'; there", {}, id="route-slip"
    ),
    pytest.param(
        "ROUTES", '{"GET /a":{"scopes":"s"}}', ": 'GET /a': scopes is no JSON array", {}, id="route-bare-text"
    ),
    pytest.param(
        "ROUTES", '{"GET /a":{"groups":[1]}}', ": 'GET /a': groups is no JSON array", {}, id="route-number"
    ),
    pytest.param("ROUTES", '{"GET /a":{"scopes":[]}}', ": 'GET /a': scopes() with", {}, id="route-no-scope"),
    pytest.param("ROUTES", '{"GET /a":{"any_group":[""]}}', ": 'GET /a': any_group()", {}, id="route-empty"),
    pytest.param("ROUTES", '{"GET a":{}}', ": routes holds 'GET a'", {}, id="route-form"),
    pytest.param("ROUTES", '{"GET /a":{}}', ": routes needs", {"RESPONSE": "simple"}, id="routes-simple"),
    pytest.param("ROUTES", "{}", f": {PREFIX}ROUTES_FILE is set", {"ROUTES_FILE": "a"}, id="routes-and-file"),
    pytest.param(
        "ROUTES_FILE",
        "nowhere.json",
        ": 'nowhere.json' cannot be read (FileNotFoundError)",
        {},
        id="file-missing",
    ),
    pytest.param("ROUTES_FILE", ".", ": '.' cannot be read (IsADirectoryError)", {}, id="file-folder"),
    pytest.param("ROUTES_FILE", "a\0b", r": 'a\x00b' cannot be read (ValueError)", {}, id="file-nul"),
]


@pytest.mark.parametrize(("name", "value", "says", "others"), NONSENSE)
def test_a_wrong_value_is_named(
    name: str, value: str, says: str, others: dict[str, str], ready: Ready
) -> None:
    """The refusal names the variable, then what is wrong with its value."""
    with pytest.raises(ConfigurationError) as caught:
        ready(**({name: value} | others))
    assert str(caught.value).startswith(f"{PREFIX}{name}{says}")
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_what_is_missing_is_named(ready: Ready) -> None:
    """Where another variable needs one that is not set, the missing one is named."""
    with pytest.raises(ConfigurationError, match=f"^{PREFIX}IOT_POLICY: iot_policy is needed"):
        ready(KIND="iot")
    with pytest.raises(ConfigurationError, match=f"^{PREFIX}COOKIE: cookie= and allowed_origins="):
        ready(ALLOWED_ORIGINS="https://a.example")


def test_a_former_name_names_the_new_one(ready: Ready) -> None:
    """COGNITO_ISSUERS is a verifier's variable, whose new name its message gives here, too."""
    with pytest.raises(ConfigurationError, match=r"^COGNITO_ISSUERS .* COGNITO_ISSUER_KINDS$"):
        ready({"COGNITO_ISSUERS": "updated"})


@pytest.mark.parametrize("name", ["SCOPE", "scopes", "TTLS", "", "FIELDS", "USAGE_IDENTIFIER_KEY"])
def test_an_unknown_variable_is_an_error(name: str, ready: Ready) -> None:
    """A mistake in a name must not leave a requirement out."""
    with pytest.raises(ConfigurationError, match=f"^{PREFIX}{name}: there is no such variable"):
        ready(**{name: "orders/read"})


SLIPS = {
    "COGNITO_AUDIENCES": "COGNITO_AUDIENCE",
    "COGNTIO_AUDIENCE": "COGNITO_AUDIENCE",
    "COGNITO_AUTH_TTL": f"{PREFIX}TTL",
    "COGNITO_AUTHORISER_SCOPES": f"{PREFIX}SCOPES",
    "COGNITO_AUTH_GROUPS": f"{PREFIX}GROUPS",
    "COGNITO_AUTHORIZATION_SCOPES": f"{PREFIX}SCOPES",
    "COGNTIO_AUTHORIZER_SCOPES": f"{PREFIX}SCOPES",
    "COGNITO_AUTHORIZERS_ROUTE": f"{PREFIX}ROUTES",
    "COGNITO_SCOPES": f"{PREFIX}SCOPES",
    "COGNITO_ANY_GROUPS": f"{PREFIX}ANY_GROUP",
    "COGNITO_ROUTES_FILE": f"{PREFIX}ROUTES_FILE",
    "Cognito_Authorizer_Scopes": f"{PREFIX}SCOPES",
    "COGNITO_AUTHORIZER-GROUPS": f"{PREFIX}GROUPS",
}


@pytest.mark.parametrize(("name", "meant"), SLIPS.items(), ids=SLIPS)
def test_a_slip_is_named(name: str, meant: str, ready: Ready) -> None:
    """A name near one of ours is an error that says which one was meant."""
    with pytest.raises(ConfigurationError) as caught:
        ready({name: "orders/read"})
    assert str(caught.value).startswith(f"{name}: there is no such variable; did you mean {meant}?")


# Each adds to what a token must have: with the variable that was meant beside it, one would still be missing.
REQUIREMENTS = {
    "COGNITO_SCOPES": "SCOPES",
    "COGNITO_SCOPE": "SCOPES",
    "COGNITO_AUTH_SCOPES": "SCOPES",
    f"{PREFIX}SCOPE": "SCOPES",
    "COGNTIO_AUTHORIZER_SCOPES": "SCOPES",
    "COGNITO_GROUP": "GROUPS",
    f"{PREFIX}ANY_GROUPS": "ANY_GROUP",
}


@pytest.mark.parametrize(("name", "meant"), REQUIREMENTS.items(), ids=REQUIREMENTS)
def test_a_slip_of_a_requirement_is_named_beside_it(name: str, meant: str, ready: Ready) -> None:
    """Two lists of scopes are two requirements, of which the second would be left out."""
    with pytest.raises(ConfigurationError, match=f"^{name}: .* did you mean {PREFIX}{meant}\\?"):
        ready({name: "orders/write"}, **{meant: "orders/read"})


MISSING = {
    "COGNITO_CLIENT_ID": "COGNITO_CLIENT_IDS",
    "COGNTIO_CLIENT_IDS": "COGNITO_CLIENT_IDS",
    "COGNITO_USERPOOL_ID": "COGNITO_USER_POOL_ID",
}


@pytest.mark.parametrize(("name", "meant"), MISSING.items(), ids=MISSING)
def test_a_slip_of_what_is_missing_is_named(name: str, meant: str, ready: Ready) -> None:
    """What is required and not set is named together with the name that is nearly it."""
    environment = {key: value for key, value in ready.base.items() if key != meant} | {name: "x"}
    with pytest.raises(ConfigurationError, match=rf"^{meant} is not set \({name} is set; check its name\)"):
        build(environment)


BESIDE = ("CLIENT_ID", "USERPOOL_ID", "USER_POOL", "USER_POOL_IDS", "JWKS_URL", "REPLICA_REGION", "AUTH_TTL")


def test_names_beside_the_variable_that_was_meant_do_no_harm(ready: Ready) -> None:
    """Applications have such names of their own, and the setting is not left out."""
    others = {f"COGNITO_{name}": "" for name in BESIDE} | {
        "cognito_user_pool_id": "x",
        "CognitoUserPoolId": "x",
    }
    handler = ready(
        others | {"COGNITO_AUTHORIZER_ID": "a", f"{PREFIX}ARN": "b", f"{PREFIX}NAME": "c"}, TTL="5"
    )
    assert effect(handler(with_token("rest-token", token()))) == "Allow"


OTHERS = (
    "IDENTITY_POOL_ID",
    "DOMAIN",
    "REGION",
    "APP_CLIENT_ID",
    "USER_POOL_CLIENT_ID",
    "USER_POOL_ARN",
    "ISSUER",
)
OTHERS += ("CLIENT_SECRET", "REDIRECT_URI", "TOKEN_ENDPOINT", "USERNAME", "ADMIN_GROUP", "LOGIN_URL", "JWKS")


def test_variables_of_others_do_no_harm(ready: Ready) -> None:
    """An environment that is shared with other programs makes the same handler."""
    others = {f"COGNITO_{name}": "" for name in OTHERS} | {
        "COGNITO": "x",
        "COGNITOS": "x",
        "CONFIG_FILE": "x",
    }
    assert effect(ready(others)(with_token("rest-token", token()))) == "Allow"


def _write(content: bytes, mode: int = 0o644) -> Callable[[Path], None]:
    def lay(path: Path) -> None:
        path.write_bytes(content)
        path.chmod(mode)

    return lay


@pytest.mark.parametrize(
    ("lay", "says"),
    [
        pytest.param(_write(b""), "not JSON in UTF-8", id="empty"),
        pytest.param(_write(b"[]"), "give a JSON object", id="array"),
        pytest.param(_write(b'{"GET a": {}}'), "routes holds 'GET a'", id="route"),
        pytest.param(_write(b'\xef\xbb\xbf{"GET /a": {}}'), "not JSON in UTF-8", id="byte-order-mark"),
        pytest.param(_write(b'{"GET /\xff": {}}'), "not JSON in UTF-8", id="latin-1"),
        pytest.param(_write(b" " * (256 * 1024 + 1)), "is larger than 256 KiB", id="too-large"),
        pytest.param(os.mkfifo, "not JSON in UTF-8", id="fifo"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "is larger than 256 KiB", id="device"),
    ],
)
def test_a_bad_file_of_routes(lay: Callable[[Path], object], says: str, ready: Ready, tmp_path: Path) -> None:
    """It is refused at once, by its variable."""
    path = tmp_path / "routes.json"
    lay(path)
    with pytest.raises(ConfigurationError) as caught:
        ready(ROUTES_FILE=str(path))
    assert str(caught.value).startswith(f"{PREFIX}ROUTES_FILE: ")
    assert says in str(caught.value)


def test_a_file_of_routes_of_the_largest_size(ready: Ready, tmp_path: Path) -> None:
    """256 KiB are taken."""
    path = tmp_path / "routes.json"
    path.write_text(json.dumps(ROUTES).ljust(256 * 1024))
    assert allowed(ready(ROUTES_FILE=str(path))(with_token("rest-request", token()))) == ["GET/me"]


@pytest.mark.parametrize("name", ["COGNITO_USER_POOL_ID", "COGNITO_CLIENT_IDS"])
def test_the_pools_variables_are_named_too(name: str, ready: Ready) -> None:
    """A missing setting of the verifier's own is named."""
    del ready.base[name]
    with pytest.raises(ConfigurationError, match=f"^{name} is not set"):
        ready()


# --- The module

CLOSED = """
import os

class Closed(dict):
    def _refuse(self, name, *_):
        if str(name).startswith(("COGNITO_", "AWS_", "LAMBDA_", "_HANDLER")):
            raise SystemExit(f"import read {name}")
        return name
    def __getitem__(self, name):
        return super().__getitem__(self._refuse(name))
    def get(self, name, default=None):
        return super().get(self._refuse(name), default)
    def __contains__(self, name):
        return super().__contains__(self._refuse(name))
    def items(self):
        raise SystemExit("import read everything")
    __iter__ = keys = values = copy = items

os.environ = Closed(os.environ)
import cognito_mr_auth.aws_lambda
print("read nothing")
"""
TWICE = """
import os, cognito_mr_auth.aws_lambda as module
first = module.handler
os.environ.clear()
from cognito_mr_auth.aws_lambda import handler
print(handler is first is module.handler, type(handler).__name__)
"""
LATER = """
import os, cognito_mr_auth.aws_lambda as module
variables = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("COGNITO_")}
try:
    module.handler
except ValueError as error:
    print(type(error).__name__, error)
os.environ.update(variables)
print(type(module.handler).__name__)
"""


def run(program: str, environment: dict[str, str]) -> tuple[str, str]:
    """What a new process prints, and its last line of errors."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("COGNITO_", "AWS_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout, (done.stderr.strip().splitlines() or [""])[-1]


@pytest.mark.outside
def test_importing_reads_no_environment(ready: Ready) -> None:
    """The module can be imported where no variable is set, and takes no note of any."""
    assert run(CLOSED, ready.base) == ("read nothing\n", "")


@pytest.mark.outside
def test_the_handler_is_built_once(ready: Ready) -> None:
    """The second look-up gives the first one's handler, whatever the environment says by then."""
    assert run(TWICE, ready.base) == ("True Authorizer\n", "")


@pytest.mark.outside
def test_a_missing_variable_fails_the_look_up() -> None:
    """The runtime's look-up of the handler fails by the variable's name, so the init does."""
    program = "from cognito_mr_auth.aws_lambda import handler"
    out, error = run(program, {})
    assert out == ""
    assert error.startswith("cognito_mr_auth.errors.ConfigurationError: COGNITO_USER_POOL_ID is not set")


def test_no_other_name_is_made_up() -> None:
    """Only the handler and the promised names are made when they are asked for."""
    assert not hasattr(aws_lambda, "Handler")


@pytest.mark.outside
def test_a_failed_look_up_is_not_remembered(ready: Ready) -> None:
    """The next one reads the variables again."""
    out, error = run(LATER, ready.base)
    assert error == ""
    [first, second] = out.splitlines()
    assert first.startswith("ConfigurationError COGNITO_USER_POOL_ID is not set")
    assert second == "Authorizer"


@pytest.mark.parametrize("name", ["SCOPES", "ANY_SCOPE"])
def test_scopes_of_id_tokens(name: str, ready: Ready) -> None:
    """An ID token has no scope, so a requirement that nobody can meet fails the init."""
    with pytest.raises(ConfigurationError, match=f"^{PREFIX}{name}: ID tokens have no scopes"):
        ready({"COGNITO_TOKEN_USE": "id"}, **{name: "orders/read"})
