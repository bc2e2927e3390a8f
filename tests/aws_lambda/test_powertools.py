"""Conformance with AWS Lambda Powertools: its builders give what we give, and its events are ours, too.

We do not depend on Powertools. Where both can say the same about an event, they must say it with the
same dict, since users read Powertools' documentation beside ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import (
    ALBEvent,
    APIGatewayProxyEvent,
    APIGatewayProxyEventV2,
    APIGatewayWebSocketEvent,
    LambdaFunctionUrlEvent,
)
from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerEventV2,
    APIGatewayAuthorizerRequestEvent,
    APIGatewayAuthorizerResponse,
    APIGatewayAuthorizerResponseV2,
    APIGatewayAuthorizerResponseWebSocket,
    APIGatewayAuthorizerTokenEvent,
)
from aws_lambda_powertools.utilities.data_classes.appsync_authorizer_event import (
    AppSyncAuthorizerEvent,
    AppSyncAuthorizerResponse,
)
from support.lambda_events import KINDS, event, with_token, without_token

from cognito_mr_auth import policy
from cognito_mr_auth.aws_lambda import Authorizer, CognitoAuth, Unauthorized, principal_from_authorizer
from cognito_mr_auth.testing import FakeUserPool

POOL = FakeUserPool()
SUBJECT = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
PRINCIPAL = f"{POOL.user_pool_id}|{SUBJECT}"
SCOPE = "orders/read"
NEEDED = policy.scopes(SCOPE)
IOT_POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}

# Each kind's event as Powertools wraps it; AWS IoT's has no class there.
EVENTS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "rest-token": APIGatewayAuthorizerTokenEvent,
    "rest-request": APIGatewayAuthorizerRequestEvent,
    "http-1.0": APIGatewayAuthorizerRequestEvent,
    "http-2.0": APIGatewayAuthorizerEventV2,
    "websocket": APIGatewayAuthorizerRequestEvent,
    "appsync": AppSyncAuthorizerEvent,
}
PROXY_EVENTS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "proxy-rest": APIGatewayProxyEvent,
    "proxy-http-1.0": APIGatewayProxyEvent,
    "proxy-http-2.0": APIGatewayProxyEventV2,
    "proxy-function-url": LambdaFunctionUrlEvent,
    "proxy-alb": ALBEvent,
    "proxy-alb-multi-value": ALBEvent,
    "proxy-websocket-connect": APIGatewayWebSocketEvent,
}


class Raw:
    """What else has `.raw_event`, as older Powertools and other wrappers do."""

    def __init__(self, raw_event: dict[str, Any]) -> None:
        self.raw_event = raw_event


def token(**options: Any) -> str:
    """A user's good token with the scope that is needed, unless said otherwise."""
    return POOL.access_token(
        **{"subject": SUBJECT, "scopes": [SCOPE], "groups": ["admins", "ops"], **options}
    )


def authorizer(**options: Any) -> Authorizer:
    """One that needs the scope."""
    return Authorizer(POOL.offline_verifier(), **{"require": NEEDED, **options})


def answer(kind: str, given: str, **options: Any) -> Any:
    """What ours says about the golden event of that kind with this token."""
    return authorizer(**options)(with_token(kind, given), None)


# ---- responses


POLICIES: Mapping[str, Any] = {
    "rest-token": APIGatewayAuthorizerResponse,
    "rest-request": APIGatewayAuthorizerResponse,
}


@pytest.mark.parametrize("kind", POLICIES)
def test_rest_answers_equal_those_of_its_builder(kind: str) -> None:
    """Allow and Deny of a whole stage, with the context and the usage plan's key."""
    said = answer(kind, token(), usage_identifier_key=lambda _principal: "the-key")
    builder = APIGatewayAuthorizerResponse.from_route_arn(
        event(kind)["methodArn"], PRINCIPAL, said["context"], "the-key"
    )
    builder.allow_all_routes()
    assert said == builder.asdict()

    said = answer(kind, token(scopes=["orders/write"]))
    builder = APIGatewayAuthorizerResponse.from_route_arn(
        event(kind)["methodArn"], PRINCIPAL, said["context"]
    )
    builder.deny_all_routes()
    assert said == builder.asdict()


@pytest.mark.parametrize(("kind", "arn"), [("http-1.0", "methodArn"), ("http-2.0", "routeArn")])
def test_http_policies_differ_in_the_verb_alone(kind: str, arn: str) -> None:
    """Its builder allows `stage/*/*`, which leaves out a $default route, whose ARN has no verb."""
    for scopes, said_by in (([SCOPE], "allow_all_routes"), (["orders/write"], "deny_all_routes")):
        said = answer(kind, token(scopes=scopes))
        builder = APIGatewayAuthorizerResponse.from_route_arn(event(kind)[arn], PRINCIPAL, said["context"])
        getattr(builder, said_by)()
        theirs = builder.asdict()
        (ours,) = said["policyDocument"]["Statement"][0]["Resource"]
        assert theirs["policyDocument"]["Statement"][0]["Resource"] == [f"{ours}/*"]
        said["policyDocument"]["Statement"][0]["Resource"] = [f"{ours}/*"]
        assert said == theirs


ROUTES = {"GET /orders": NEEDED, "POST /orders": policy.scopes("orders/write"), "GET /health/live": None}


@pytest.mark.parametrize("kind", POLICIES)
def test_a_route_table_is_what_its_builder_gives_for_the_same_routes(kind: str) -> None:
    """Of routes without parameters, those that the principal may call are allowed one by one."""
    said = answer(kind, token(), require=None, routes=ROUTES)
    builder = APIGatewayAuthorizerResponse.from_route_arn(
        event(kind)["methodArn"], PRINCIPAL, said["context"]
    )
    builder.allow_route("GET", "/orders")
    builder.allow_route("GET", "/health/live")
    (ours,) = said["policyDocument"].pop("Statement")
    theirs = builder.asdict()
    (statement,) = theirs["policyDocument"].pop("Statement")
    assert said == theirs
    assert {**ours, "Resource": sorted(ours["Resource"])} == {
        **statement,
        "Resource": sorted(statement["Resource"]),
    }


@pytest.mark.parametrize("kind", POLICIES)
def test_an_exact_answer_is_what_its_builder_gives_for_the_one_route(kind: str) -> None:
    """`resources="exact"` is its `allow_route` of the event's own verb and path."""
    said = answer(kind, token(), resources="exact")
    builder = APIGatewayAuthorizerResponse.from_route_arn(
        event(kind)["methodArn"], PRINCIPAL, said["context"]
    )
    builder.allow_route("GET", "/orders")
    assert said == builder.asdict()


@pytest.mark.parametrize(("scopes", "effect"), [([SCOPE], "allow"), (["orders/write"], "deny")])
def test_websocket_answers_equal_those_of_its_builder(scopes: list[str], effect: str) -> None:
    """$connect, whose ARN has no verb."""
    said = answer("websocket", token(scopes=scopes))
    builder = APIGatewayAuthorizerResponseWebSocket.from_route_arn(
        event("websocket")["methodArn"], PRINCIPAL, said["context"]
    )
    (builder.allow_route if effect == "allow" else builder.deny_route)("$connect")
    assert said == builder.asdict()


@pytest.mark.parametrize(("scopes", "passed"), [([SCOPE], True), (["orders/write"], False)])
def test_simple_answers_equal_those_of_its_builder(scopes: list[str], passed: bool) -> None:
    """HTTP API with payload 2.0; arrays stay arrays in the context, which its docstring does not know."""
    said = answer("http-2.0", token(scopes=scopes), response="simple")
    assert said["context"]["groups"] == ["admins", "ops"]
    assert said == APIGatewayAuthorizerResponseV2(authorize=passed, context=said["context"]).asdict()


APPSYNC: Mapping[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "allowed": ({}, {}, {"authorize": True, "max_age": 300}),
    "for a minute": ({}, {"ttl": 60}, {"authorize": True, "max_age": 60}),
    "without a field": (
        {},
        {"fields": {"Mutation.deleteOrder": policy.scopes("orders/write"), "Query.orders": NEEDED}},
        {"authorize": True, "max_age": 300, "deny_fields": ["Mutation.deleteOrder"]},
    ),
    "without the scope": ({"scopes": ["orders/write"]}, {}, {"authorize": False, "max_age": 0}),
    "expired": ({"expires_in": -60}, {}, {"authorize": False, "max_age": 0}),
}


@pytest.mark.parametrize("row", APPSYNC)
def test_appsync_answers_equal_those_of_its_builder(row: str) -> None:
    """With the context, the denied fields and the seconds for which the answer may be cached."""
    minted, options, built = APPSYNC[row]
    said = answer("appsync", token(**minted), **options)
    theirs = AppSyncAuthorizerResponse(resolver_context=said.get("resolverContext"), **built)
    assert said == theirs.asdict()


@pytest.mark.parametrize("kind", ["rest-token", "rest-request", "http-1.0", "websocket", "appsync"])
def test_the_context_holds_what_its_docstring_allows(kind: str) -> None:
    """Names are strings; values are strings, whole numbers or booleans, none of them nested."""
    said = answer(kind, token())
    for name, value in (said.get("context") or said["resolverContext"]).items():
        assert type(name) is str
        assert type(value) in (str, int, bool)


# ---- events


@pytest.mark.parametrize("wrap", [*dict.fromkeys(EVENTS.values()), Raw])
@pytest.mark.parametrize("named", [False, True], ids=["detected", "named"])
def test_its_authorizer_events_are_taken(wrap: Callable[..., Any], named: bool) -> None:
    """Ours says about its event class what it says about the dict inside."""
    kinds = [kind for kind, each in EVENTS.items() if each is wrap] or list(KINDS)
    for kind in kinds:
        options: dict[str, Any] = {"kind": kind} if named else {}
        if kind == "iot":
            options["iot_policy"] = IOT_POLICY
        asked = authorizer(**options)
        raw = with_token(kind, token())
        assert without_moment(asked(wrap(raw), None)) == without_moment(asked(raw, None))


def without_moment(said: dict[str, Any]) -> dict[str, Any]:
    """An answer without what depends on the second in which it was given."""
    return {name: value for name, value in said.items() if not name.endswith("InSeconds")}


@pytest.mark.parametrize("kind", ["rest-token", "rest-request", "websocket"])
@pytest.mark.parametrize("given", ["expired", "none"])
def test_a_bad_token_in_its_event_raises_unauthorized(kind: str, given: str) -> None:
    """As in a dict: `Unauthorized`, of which API Gateway makes a 401."""
    raw = without_token(kind) if given == "none" else with_token(kind, token(expires_in=-60))
    with pytest.raises(Unauthorized, match=r"\AUnauthorized\Z"):
        authorizer()(EVENTS[kind](raw), None)


@pytest.mark.parametrize("kind", PROXY_EVENTS)
def test_its_proxy_events_are_taken(kind: str) -> None:
    """A plain handler gets the event as it came, and the principal; a bad token is answered with 401."""
    seen: list[Any] = []

    @CognitoAuth(POOL.offline_verifier()).require(NEEDED)
    def handler(event: Any, _context: Any, principal: Any) -> dict[str, Any]:
        seen.extend((event, principal.subject))
        return {"statusCode": 200, "body": "ok"}

    wrapped = PROXY_EVENTS[kind](with_token(kind, token()))
    assert handler(wrapped, None)["statusCode"] == 200
    assert seen == [wrapped, SUBJECT]
    refused = PROXY_EVENTS[kind](with_token(kind, token(expires_in=-60)))
    assert handler(refused, None)["statusCode"] == 401
    assert len(seen) == 2


def test_a_principal_is_read_from_its_event() -> None:
    """`principal_from_authorizer` reads what the authorizer in front has put into the event."""
    context = answer("rest-request", token())["context"]
    # API Gateway makes strings of the values.
    flat = {name: str(value) for name, value in context.items()} | {"principalId": PRINCIPAL}
    raw = event("proxy-rest")
    raw["requestContext"]["authorizer"] = flat
    principal = principal_from_authorizer(APIGatewayProxyEvent(raw))
    assert (principal.subject, principal.groups) == (SUBJECT, ("admins", "ops"))
