"""The templates of examples/lambda are clean and cache-safe, and their settings are known here."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Callable
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import hcl2
import pytest
from cfnlint import api
from cfnlint.decode import decode, decode_str
from support.lambda_events import with_token, without_token
from support.run import PROJECT

from cognito_mr_auth import UserPool
from cognito_mr_auth._config import environment as _environment
from cognito_mr_auth._jwks.model import KeyFileEntry
from cognito_mr_auth._remote import key_file
from cognito_mr_auth.aws_lambda import Authorizer
from cognito_mr_auth.aws_lambda._authorizer import environment as _ready
from cognito_mr_auth.testing import FakeUserPool

LAMBDA = PROJECT / "examples" / "lambda"
TEMPLATE, TERRAFORM = LAMBDA / "template.yaml", LAMBDA / "http_api.tf"
HANDLER = "cognito_mr_auth.aws_lambda.handler"
KNOWN = _environment.VARIABLES | _ready.VARIABLES
# Where multi-Region replication is to be had; cfn-lint knows where its resource types exist.
REGIONS = ["us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1"]
# The shortest life of a Cognito access token is 5 minutes: a cached answer outlives it by no more.
MAX_TTL_S = 300

REST, HTTP, SOCKET = "RestAuthorizer", "HttpAuthorizer", "WebSocketAuthorizer"
FUNCTIONS = [REST, HTTP, SOCKET]


@cache
def template() -> dict[str, Any]:
    """The SAM template as plain data."""
    found, problems = decode(str(TEMPLATE))
    assert not problems
    return json.loads(json.dumps(found, default=str))


def resource(name: str) -> dict[str, Any]:
    """A resource's properties."""
    return template()["Resources"][name]["Properties"]


@cache
def terraform() -> dict[str, Any]:
    """The Terraform file: its blocks by kind, then by "type.name" or name."""
    options = hcl2.SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)
    with TERRAFORM.open(encoding="utf-8") as file:
        found = hcl2.load(file, serialization_options=options)
    blocks: dict[str, Any] = {"locals": found["locals"][0]}
    for kind in ("variable", "output"):
        blocks[kind] = {name: body for block in found[kind] for name, body in block.items()}
    for block in found["resource"]:
        for kind, named in block.items():
            blocks |= {f"{kind}.{name}": body for name, body in named.items()}
    return blocks


# --- cfn-lint


def lint(text: str, regions: list[str], checks: str = "I") -> list[str]:
    """What cfn-lint says, down to its informational rules, or to its warnings (W)."""
    config: Any = {"regions": regions, "include_checks": [checks]}
    return [f"{match.rule.id} {match.message}" for match in api.lint(text, config=config)]


@pytest.mark.parametrize("region", REGIONS)
def test_cfn_lint_has_nothing_to_say(region: str) -> None:
    """The template is clean in each Region, informational rules included, and ignores no rule."""
    text = TEMPLATE.read_text("utf-8")
    assert lint(text, [region]) == []
    assert "cfn-lint" not in text


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("Type: UPDATED", "Type: NEWEST", id="issuer"),
        pytest.param("KmsKeyArn: !GetAtt", "KeyArn: !GetAtt", id="pool-key"),
        pytest.param("RegionName:", "Region:", id="replica"),
        pytest.param("UserPoolTier: ESSENTIALS", "UserPoolTier: BASIC", id="tier"),
        pytest.param("IdentitySource: [", "IdentitySources: [", id="websocket-authorizer"),
        pytest.param("!Ref WebSocketApi", "!Ref Nobody", id="reference"),
    ],
)
def test_cfn_lint_bites(right: str, wrong: str) -> None:
    """cfn-lint knows the properties that matter here: each one misspelt is an error."""
    text = TEMPLATE.read_text("utf-8")
    assert right in text
    assert lint(text.replace(right, wrong), REGIONS[:1])


# --- The SAM transform, into whose resources cfn-lint does not look


def transformed(text: str) -> dict[str, Any]:
    """What CloudFormation makes of a SAM template, by AWS's own transform."""
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    class Session:
        """Its Region is all that the transform asks for."""

        region_name = REGIONS[0]

    found, problems = decode_str(text)
    assert not problems
    bare = json.loads(json.dumps(found, default=str))
    for each in bare["Resources"].values():
        if "CodeUri" in each["Properties"]:
            each["Properties"]["CodeUri"] = "s3://bucket/authorizer.zip"  # as `sam deploy` does
    made: dict[str, Any] = Translator({}, Parser(), boto_session=Session()).translate(bare, {})
    return made


@pytest.mark.needs("samtranslator")
def test_the_transform_takes_it() -> None:
    """AWS's SAM transform accepts the template; what it makes is clean, and guards all but preflights."""
    made = transformed(TEMPLATE.read_text("utf-8"))
    body = made["Resources"]["RestApi"]["Properties"]["Body"]
    responses = body["x-amazon-apigateway-gateway-responses"]
    assert set(responses) == {"ACCESS_DENIED", "DEFAULT_5XX", "UNAUTHORIZED"}
    for path, operations in body["paths"].items():
        for verb, operation in operations.items():
            assert ("security" in operation) is (verb != "options"), (path, verb)
    rest_made = body["securityDefinitions"]["Cognito"]["x-amazon-apigateway-authorizer"]
    assert rest_made["identitySource"] == "method.request.header.Authorization"
    http_body = made["Resources"]["HttpApi"]["Properties"]["Body"]
    http_made = http_body["components"]["securitySchemes"]["Cognito"]["x-amazon-apigateway-authorizer"]
    assert http_made["identitySource"] == ["$request.header.Authorization"]
    assert http_made["enableSimpleResponses"] is True
    assert rest_made["authorizerResultTtlInSeconds"] == http_made["authorizerResultTtlInSeconds"] == MAX_TTL_S
    assert lint(json.dumps(made), REGIONS[:1], "W") == []  # SAM names the partition, says I3042


@pytest.mark.needs("samtranslator")
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("FunctionPayloadType: REQUEST", "FunctionPayloadType: ALL", id="rest-authorizer"),
        pytest.param("AuthorizerPayloadFormatVersion:", "PayloadFormatVersion:", id="http-authorizer"),
        pytest.param("!GetAtt RestAuthorizer.Arn", "!GetAtt Nobody.Arn", id="reference"),
        pytest.param("UNAUTHORIZED:", "UNAUTHORIZED: {Status: 401}\n        Other:", id="gateway-response"),
    ],
)
def test_the_transform_bites(right: str, wrong: str) -> None:
    """A mistake inside a SAM resource shows in the transform, or in what cfn-lint says of its output."""
    from samtranslator.model.exceptions import InvalidDocumentException

    text = TEMPLATE.read_text("utf-8")
    assert right in text
    try:
        said = lint(json.dumps(transformed(text.replace(right, wrong))), REGIONS[:1], "W")
    except InvalidDocumentException as error:
        said = [str(error)]
    assert said


@pytest.mark.parametrize("path", [TEMPLATE, TERRAFORM], ids=lambda path: path.name)
def test_no_account_and_no_region_is_named(path: Path) -> None:
    """No account ID and no Region stands in a template, beyond an example of a pool ID."""
    text = path.read_text("utf-8").replace("us-west-2_EXAMPLE", "")
    assert re.findall(r"\b[0-9]{12}\b|\b[a-z]{2,4}(?:-[a-z]+)+-[0-9]\b", text) == []


# --- The pool


def test_the_pool_can_be_replicated() -> None:
    """Tier, multi-Region key, updated issuer and replica are as AWS's page on replication asks."""
    pool, key = resource("UserPool"), resource("PoolKey")
    assert pool["UserPoolTier"] in ("ESSENTIALS", "PLUS")
    assert pool["IssuerConfiguration"] == {"Type": "UPDATED"}
    arn = {"Fn::GetAtt": ["PoolKey", "Arn"]}
    assert pool["KeyConfiguration"] == {"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": arn}
    assert key["MultiRegion"] is True
    assert resource("Replica") == {"UserPoolId": {"Ref": "UserPool"}, "RegionName": {"Ref": "ReplicaRegion"}}
    assert template()["Resources"]["Replica"]["Condition"] == "HasReplica"
    kept = {name for name, each in template()["Resources"].items() if each.get("DeletionPolicy") == "Retain"}
    assert kept == {"UserPool", "PoolKey", "Replica"}


def test_the_client_can_ask_for_the_scopes() -> None:
    """The app client may ask for every scope that the functions ask for, and they exist."""
    server = resource("OrdersScopes")
    scopes = {f"{server['Identifier']}/{each['ScopeName']}" for each in server["Scopes"]}
    assert scopes == {"orders/read", "orders/write"}
    assert scopes <= set(resource("AppClient")["AllowedOAuthScopes"])
    table = json.loads((LAMBDA / "routes.json").read_text("utf-8"))
    asked = {scope for route in table.values() for scope in route.get("scopes", [])}
    asked |= {environment(name).get("COGNITO_AUTHORIZER_SCOPES", "orders/read") for name in FUNCTIONS}
    asked.add(terraform()["locals"]["authorizer_environment"]["COGNITO_AUTHORIZER_SCOPES"])
    assert asked <= scopes


# --- The authorizers' environments

POOL = FakeUserPool()
# What the intrinsic functions of a template, and the expressions of Terraform, come to.
VALUES = {
    "UserPool": POOL.user_pool_id,
    "AppClient": POOL.client_id,
    "ReplicaRegion": POOL.replica_regions[0],
    "${var.user_pool_id}": POOL.user_pool_id,
    '${join(",", var.client_ids)}': POOL.client_id,
    '${join(",", var.replica_regions)}': POOL.replica_regions[0],
}


def value(given: Any, replicated: bool) -> str | None:
    """The value of a variable; None for one that is left out."""
    if isinstance(given, str):
        return VALUES.get(given, given)
    if "Fn::If" in given:
        condition, yes, no = given["Fn::If"]
        assert condition == "HasReplica"
        return value(yes if replicated else no, replicated)
    return None if given["Ref"] == "AWS::NoValue" else VALUES[given["Ref"]]


def environment(name: str, *, replicated: bool = True) -> dict[str, str]:
    """The variables that a function of the SAM template gets, at the second deployment or the first."""
    shared = template()["Globals"]["Function"]["Environment"]["Variables"]
    variables = {**shared, **resource(name)["Environment"]["Variables"]}
    found = {each: value(given, replicated) for each, given in variables.items()}
    return {each: text for each, text in found.items() if text is not None}


def terraform_environment() -> dict[str, str]:
    """The variables that Terraform's function gets."""
    found = terraform()["locals"]["authorizer_environment"]
    return {name: value(given, replicated=True) or "" for name, given in found.items()}


def keys_at(path: Path) -> str:
    """A key file with the pool's keys, as build_zip.py bakes one; its path."""
    [url, *_] = [
        each.url
        for each in UserPool(POOL.user_pool_id, client_ids=[POOL.client_id])._key_set_config.endpoints
    ]
    entries = [KeyFileEntry(url, time.time(), json.dumps(POOL.jwks()).encode())]
    key_file.write(str(path), POOL.user_pool_id, entries, [url])
    return str(path)


def authorizer(variables: dict[str, str], directory: Path) -> Authorizer:
    """The ready handler of these variables, with the zip's files in a directory."""
    files = {
        "/var/task/cognito-keys.json": keys_at(directory / "keys.json"),
        "/var/task/routes.json": str(LAMBDA / "routes.json"),
    }
    return _ready.build({name: files.get(text, text) for name, text in variables.items()})


class Context:
    """What the runtime hands to a function, as far as it matters here."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 8000


ENVIRONMENTS: dict[str, Callable[[], dict[str, str]]] = {
    "rest": lambda: environment(REST),
    "http": lambda: environment(HTTP),
    "websocket": lambda: environment(SOCKET),
    "terraform": terraform_environment,
    "rest-without-replica": lambda: environment(REST, replicated=False),
}


@pytest.mark.parametrize("row", ENVIRONMENTS)
def test_every_variable_exists(row: str) -> None:
    """Each COGNITO_* variable of a template is one that the library reads, and none is empty."""
    variables = ENVIRONMENTS[row]()
    assert {name for name in variables if name.startswith("COGNITO_")} <= KNOWN
    assert {"COGNITO_USER_POOL_ID", "COGNITO_CLIENT_IDS", "COGNITO_AUTHORIZER_KIND"} <= set(variables)
    assert "" not in variables.values()
    assert "COGNITO_JWKS_URLS" not in variables
    replicated = row != "rest-without-replica"
    assert ("COGNITO_REPLICA_REGIONS" in variables) is replicated
    assert ("COGNITO_BAKED_KEY_FILE" in variables) is replicated


def offered(token: str) -> dict[str, Any]:
    """A handshake as a browser sends it, with the token as a subprotocol."""
    bare = without_token("websocket")
    bare["headers"]["Sec-WebSocket-Protocol"] = f"bearer, {token}"
    bare["multiValueHeaders"]["Sec-WebSocket-Protocol"] = [f"bearer, {token}"]
    return bare


def effect(answer: dict[str, Any]) -> str:
    """Allow or Deny of a document's statements; simple answers as True or False."""
    if "isAuthorized" in answer:
        return str(answer["isAuthorized"])
    return "/".join(sorted({each["Effect"] for each in answer["policyDocument"]["Statement"]}))


EVENTS: dict[str, tuple[Callable[[str], dict[str, Any]], str, str]] = {
    "rest": (lambda token: with_token("rest-request", token), "Allow", "Allow"),  # without scopes: GET /me
    "http": (lambda token: with_token("http-2.0", token), "True", "False"),
    "websocket": (offered, "Allow", "Deny"),
    "terraform": (lambda token: with_token("http-2.0", token), "True", "False"),
}


@pytest.mark.parametrize("row", EVENTS)
def test_the_function_answers(row: str, tmp_path: Path) -> None:
    """With its template's environment, each function answers its own kind of event, offline."""
    handler = authorizer(ENVIRONMENTS[row](), tmp_path)
    shaped, good, poor = EVENTS[row]
    reader, without_scope = POOL.access_token(scopes=["orders/read"]), POOL.access_token(scopes=["openid"])
    answer = handler(shaped(reader), Context())
    assert good in effect(answer)
    assert answer["context"]["scope"] == "orders/read"
    assert poor in effect(handler(shaped(without_scope), Context()))


def test_the_rest_function_knows_routes(tmp_path: Path) -> None:
    """A reader's document names the routes of routes.json that a reader may call, and no other."""
    handler = authorizer(environment(REST), tmp_path)
    allowed = [
        arn.partition("/prod/")[2]
        for statement in handler(
            with_token("rest-request", POOL.access_token(scopes=["orders/read"])), Context()
        )["policyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
        for arn in (
            [statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"]
        )
    ]
    assert sorted(arn.replace("?*", "*") for arn in allowed) == ["GET/me", "GET/orders", "GET/orders/*"]


# --- The authorizers in front of the APIs


def test_the_functions_hold_no_code() -> None:
    """Each authorizer is the ready handler of one zip, built for its machine and Python."""
    shared = template()["Globals"]["Function"]
    for name in FUNCTIONS:
        assert resource(name)["Handler"] == HANDLER
        assert resource(name)["CodeUri"] == "authorizer.zip"
    function = terraform()["aws_lambda_function.authorizer"]
    assert function["handler"] == HANDLER
    assert (shared["Runtime"], shared["Architectures"]) == (function["runtime"], function["architectures"])
    options = build_zip().parsed(["--no-keys", "--output", "authorizer.zip"])
    assert shared["Runtime"] == f"python{options.python}"
    assert shared["Architectures"] == [options.architecture]
    # "Lambda authorizers for HTTP APIs": the authorizer must answer within 10 s.
    assert shared["Timeout"] < 10
    assert function["timeout"] < 10


def rest() -> dict[str, Any]:
    """REST's authorizer, whichever its name."""
    auth = resource("RestApi")["Auth"]
    return auth["Authorizers"][auth["DefaultAuthorizer"]]


def http() -> dict[str, Any]:
    """The HTTP API's authorizer."""
    auth = resource("HttpApi")["Auth"]
    return auth["Authorizers"][auth["DefaultAuthorizer"]]


def tf() -> dict[str, Any]:
    """Terraform's authorizer."""
    return terraform()["aws_apigatewayv2_authorizer.cognito"]


SOURCES: dict[str, Callable[[], list[str]]] = {
    "rest": lambda: [f"header.{name}" for name in rest()["Identity"]["Headers"]],
    "http": lambda: [f"header.{name}" for name in http()["Identity"]["Headers"]],
    "websocket": lambda: [
        each.removeprefix("route.request.") for each in resource("WebSocketTokens")["IdentitySource"]
    ],
    "terraform": lambda: [each.removeprefix("$request.") for each in tf()["identity_sources"]],
}


@pytest.mark.parametrize("row", SOURCES)
def test_the_cache_key_holds_the_token(row: str) -> None:
    """Each authorizer's identity sources are the one place that its function takes the token from."""
    variables = ENVIRONMENTS[row]()
    prefix = "COGNITO_AUTHORIZER_"
    assert not {f"{prefix}COOKIE", f"{prefix}QUERY", f"{prefix}HEADER"} & set(variables)
    place = "sec-websocket-protocol" if f"{prefix}SUBPROTOCOL" in variables else "authorization"
    assert [each.lower() for each in SOURCES[row]()] == [f"header.{place}"]


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(lambda: rest()["Identity"]["ReauthorizeEvery"], id="rest"),
        pytest.param(lambda: http()["Identity"]["ReauthorizeEvery"], id="http"),
        pytest.param(lambda: tf()["authorizer_result_ttl_in_seconds"], id="terraform"),
    ],
)
def test_an_answer_is_not_kept_for_long(seconds: Callable[[], int]) -> None:
    """Answers are cached, and for no more than the shortest life of an access token."""
    assert 0 < int(seconds()) <= MAX_TTL_S


def test_both_sides_agree_on_the_answer() -> None:
    """Where an API takes simple answers its function gives them, and the kinds are those of the APIs."""
    assert rest()["FunctionPayloadType"] == "REQUEST"
    assert http()["AuthorizerPayloadFormatVersion"] == "2.0"
    assert tf()["authorizer_payload_format_version"] == "2.0"
    simple = {REST: False, HTTP: http()["EnableSimpleResponses"], SOCKET: False}
    for name, expected in simple.items():
        assert (environment(name).get("COGNITO_AUTHORIZER_RESPONSE") == "simple") is expected
    assert tf()["enable_simple_responses"] is True
    assert terraform_environment()["COGNITO_AUTHORIZER_RESPONSE"] == "simple"
    kinds = {name: environment(name)["COGNITO_AUTHORIZER_KIND"] for name in FUNCTIONS}
    assert kinds == {REST: "rest-request", HTTP: "http-2.0", SOCKET: "websocket"}


def test_the_gateway_may_ask() -> None:
    """API Gateway is permitted to invoke each authorizer, and the HTTP and WebSocket backends."""
    assert http()["EnableFunctionDefaultPermissions"] is True  # SAM's default for REST
    for permission, function in (
        ("WebSocketAuthorizerPermission", SOCKET),
        ("WebSocketBackendPermission", "Backend"),
    ):
        found = resource(permission)
        assert found["FunctionName"] == {"Ref": function}
        assert found["Principal"] == "apigateway.amazonaws.com"
        assert "${WebSocketApi}/" in found["SourceArn"]["Fn::Sub"]
    assert function_of(resource("WebSocketTokens")["AuthorizerUri"]) == SOCKET
    assert rest()["FunctionArn"] == {"Fn::GetAtt": [REST, "Arn"]}
    assert http()["FunctionArn"] == {"Fn::GetAtt": [HTTP, "Arn"]}
    arn = terraform()["aws_lambda_permission.authorizer"]["source_arn"]
    assert arn.endswith("/authorizers/${aws_apigatewayv2_authorizer.cognito.id}")


def function_of(uri: dict[str, str]) -> str:
    """The function that an invocation URI names."""
    found = re.search(r"/functions/\$\{(\w+)\.Arn\}/invocations$", uri["Fn::Sub"])
    assert found
    return found[1]


def test_every_route_is_guarded() -> None:
    """No route is left without an authorizer; REST's are those of the route table."""
    api = {"Api": [], "HttpApi": []}
    for each in resource("Backend")["Events"].values():
        assert "Auth" not in each["Properties"]  # else the default authorizer could be left out
        api[each["Type"]].append(f"{each['Properties']['Method']} {each['Properties']['Path']}")
    assert sorted(api["Api"]) == sorted(json.loads((LAMBDA / "routes.json").read_text("utf-8")))
    assert api["HttpApi"]
    connect = resource("ConnectRoute")
    assert (connect["RouteKey"], connect["AuthorizationType"]) == ("$connect", "CUSTOM")
    assert connect["AuthorizerId"] == {"Ref": "WebSocketTokens"}
    route = terraform()["aws_apigatewayv2_route.orders"]
    assert route["authorization_type"] == "CUSTOM"
    assert route["authorizer_id"] == "${aws_apigatewayv2_authorizer.cognito.id}"


@pytest.mark.parametrize(
    ("name", "status", "challenge"),
    [
        pytest.param("UNAUTHORIZED", 401, "'Bearer realm=\"api\"'", id="401"),
        pytest.param("ACCESS_DENIED", 403, '\'Bearer realm="api", error="insufficient_scope"\'', id="403"),
        pytest.param("DEFAULT_5XX", None, None, id="500"),
    ],
)
def test_refusals_can_be_read(name: str, status: int | None, challenge: str | None) -> None:
    """What API Gateway refuses has a challenge (RFC 6750, 3), and the CORS header for pages to read it."""
    found = resource("RestApi")["GatewayResponses"][name]
    headers = found["ResponseParameters"]["Headers"]
    assert found.get("StatusCode") == status
    assert headers.get("WWW-Authenticate") == challenge
    assert headers["Access-Control-Allow-Origin"] == {"Fn::Sub": "'${AllowedOrigin}'"}
    assert headers["Vary"] == "'Origin'"


def test_preflights_pass() -> None:
    """A preflight, which carries no token, meets no authorizer."""
    assert resource("RestApi")["Auth"]["AddDefaultAuthorizerToCorsPreflight"] is False
    assert "Authorization" in resource("RestApi")["Cors"]["AllowHeaders"]
    assert resource("HttpApi")["CorsConfiguration"]["AllowHeaders"] == ["authorization"]


# --- The function that they guard


def backend(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The template's inline function."""
    monkeypatch.setenv("ALLOWED_ORIGIN", "https://app.example.com")
    scope: dict[str, Any] = {}
    exec(compile(resource("Backend")["InlineCode"], str(TEMPLATE), "exec"), scope)  # noqa: S102 - our template
    return scope["handler"]


def message(expires_at: float) -> dict[str, Any]:
    """A message on an open WebSocket."""
    who = {"sub": "alice", "exp": str(int(expires_at))}
    context = {"routeKey": "$default", "eventType": "MESSAGE", "connectionId": "c1", "authorizer": who}
    return {"requestContext": context, "body": "{}"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(lambda: offered("t"), {"headers": {"Sec-WebSocket-Protocol": "bearer"}}, id="connect"),
        pytest.param(lambda: message(time.time() + 60), {"statusCode": 200}, id="message"),
        pytest.param(lambda: message(time.time() - 60), {"statusCode": 401}, id="message-after-expiry"),
        pytest.param(
            lambda: {"requestContext": {"authorizer": {"sub": "alice", "principalId": "p"}}},
            {"statusCode": 200, "sub": "alice"},
            id="rest",
        ),
        pytest.param(
            lambda: {"version": "2.0", "requestContext": {"authorizer": {"lambda": {"sub": "alice"}}}},
            {"statusCode": 200, "sub": "alice"},
            id="http",
        ),
    ],
)
def test_the_backend_answers(
    request_: Callable[[], dict[str, Any]], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guarded function knows who calls, echoes the marker and never the token, and minds the expiry."""
    answer = backend(monkeypatch)(request_(), Context())
    found = {**answer, **json.loads(answer.get("body", "{}"))}
    assert {name: found[name] for name in expected} == expected


def test_the_marker_is_one() -> None:
    """The subprotocol that the backend answers is the one that the authorizer looks for."""
    marker = environment(SOCKET)["COGNITO_AUTHORIZER_SUBPROTOCOL"]
    assert f'"Sec-WebSocket-Protocol": "{marker}"' in resource("Backend")["InlineCode"]


# --- Terraform's own


def test_terraform_is_whole() -> None:
    """Every variable and resource that an expression names is there, and empty variables are left out."""
    text = TERRAFORM.read_text("utf-8")
    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(terraform()["variable"])
    named = {".".join(each) for each in re.findall(r"\b(aws_\w+)\.(\w+)\.", text)} - {"aws_partition.current"}
    assert named <= set(terraform())
    variables = terraform()["aws_lambda_function.authorizer"]["environment"][0]["variables"]
    assert variables.endswith('if value != ""}}')
    assert set(terraform()["output"]) == {"url", "authorizer_function"}
    headers = terraform()["aws_apigatewayv2_integration.backend"]["request_parameters"]
    assert all(name.startswith("overwrite:") for name in headers)


# --- The README


@cache
def build_zip() -> Any:
    """The build script as a module."""
    spec = spec_from_file_location("build_zip", LAMBDA / "build_zip.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(path: Path) -> list[list[str]]:
    """The arguments of each command in the README's shell block."""
    [block] = re.findall(r"```sh\n(.*?)```", path.read_text("utf-8"), re.DOTALL)
    return [shlex.split(line) for line in block.replace("\\\n", " ").splitlines()]


def test_the_readme_deploys_in_five_commands() -> None:
    """The README's commands are five, each with options and parameters that exist."""
    zips, deploys = [], []
    found = commands(LAMBDA / "README.md")
    assert [words[:2] for words in found] == [
        ["python", "examples/lambda/build_zip.py"],
        ["sam", "deploy"],
        ["aws", "kms"],
        ["python", "examples/lambda/build_zip.py"],
        ["sam", "deploy"],
    ]
    for words in found:
        if words[0] == "python":
            zips.append(build_zip().parsed(words[2:]))
        elif words[0] == "sam":
            given = words[words.index("--parameter-overrides") + 1 :]
            deploys.append({each.partition("=")[0] for each in given})
            assert PROJECT / words[words.index("--template-file") + 1] == TEMPLATE
    needed = {name for name, each in template()["Parameters"].items() if "Default" not in each}
    assert all(needed <= given <= set(template()["Parameters"]) for given in deploys)
    assert ["ReplicaRegion" in given for given in deploys] == [False, True]
    assert [each.no_keys for each in zips] == [True, False]
    for each in zips:
        assert PROJECT / each.output == LAMBDA / resource(REST)["CodeUri"]
        assert PROJECT / each.routes == LAMBDA / "routes.json"


def test_the_readme_names_the_outputs() -> None:
    """The README names every output of the stack."""
    text = (LAMBDA / "README.md").read_text("utf-8")
    assert [name for name in template()["Outputs"] if f"`{name}`" not in text] == []


def test_one_sentence_per_line() -> None:
    """The README has a sentence per line."""
    prose = re.sub(r"```.*?```", "", (LAMBDA / "README.md").read_text("utf-8"), flags=re.DOTALL)
    assert [line for line in prose.splitlines() if re.search(r"[.!?] [A-Z]", line)] == []
