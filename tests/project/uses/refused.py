"""Uses that both type checkers must refuse, each at its line with the complaint that stands there.

Nobody runs this file. `scripts/check_types.py` has mypy and pyright read it. A wrong line that one of them
takes fails the check, and so does a complaint that is not written here. A line ends with the codes of both:
`# mypy pyright`.
"""
# pyright: standard, reportUnnecessaryComparison=true

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from aiohttp import web
from django.http import HttpRequest, HttpResponse
from fastapi import FastAPI
from flask import Flask
from starlette.requests import Request
from starlette.responses import JSONResponse

import cognito_mr_auth.aiohttp as of_aiohttp
import cognito_mr_auth.asgi as of_asgi
import cognito_mr_auth.django as of_django
import cognito_mr_auth.fastapi as of_fastapi
import cognito_mr_auth.flask as of_flask
import cognito_mr_auth.grpc as of_grpc
import cognito_mr_auth.litestar as of_litestar
import cognito_mr_auth.mcp as of_mcp
import cognito_mr_auth.starlette as of_starlette
from cognito_mr_auth import ANY_CLIENT, Principal, UserPool, Verifier, aws_lambda, events, policy
from cognito_mr_auth.aws_lambda import chalice as of_chalice
from cognito_mr_auth.aws_lambda import powertools as of_powertools
from cognito_mr_auth.discovery import user_pool
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.outcomes import Outcome
from cognito_mr_auth.testing import FakeUserPool
from cognito_mr_auth.testing.django import offline

ID = "us-west-2_EXAMPLE"
pool = UserPool(ID, client_ids=ANY_CLIENT)
verifier = Verifier(pool)
principal = verifier.verify("token")
endpoint = verifier.health()["providers"][ID]["endpoints"][0]


def see(value: object) -> None:
    """Uses a value."""


# --- what must be chosen has no default, and settings are words

UserPool(ID)  # call-arg reportCallIssue
UserPool(ID, client_ids=None)  # arg-type reportArgumentType
UserPool(ID, client_ids=ANY_CLIENT, token_use="refresh")  # arg-type reportArgumentType
UserPool(ID, client_ids=ANY_CLIENT, issuer_kinds=["primary"])  # list-item reportArgumentType
UserPool(ID, client_ids=ANY_CLIENT, issuer_kinds="original")  # arg-type reportArgumentType
user_pool(ID, issuer_kinds=["primary"])  # list-item reportArgumentType
user_pool(ID, client_id="1example23456789")  # call-arg reportCallIssue
Verifier([pool])  # arg-type reportArgumentType
Verifier(pool, token_use="Access")  # arg-type reportArgumentType
Verifier(pool, leway=5)  # call-arg reportCallIssue
Verifier(pool, revoked=lambda principal: principal.subject)  # arg-type,return-value reportArgumentType
policy.check(lambda principal: principal.subject)  # arg-type,return-value reportArgumentType
policy.max_age("300")  # arg-type reportArgumentType
Verifier.from_env(token_use="both")  # arg-type reportArgumentType
Guard(verifier, preflight="allow")  # arg-type reportArgumentType
Guard(verifier, exlude=["/ready"])  # call-arg reportCallIssue

# --- principals, errors, events, health

verifier.verify(b"token")  # arg-type reportArgumentType
verifier.verify("token", require="orders/read")  # arg-type reportArgumentType
verifier.verify("token", policy.scopes("orders/read"))  # call-arg reportCallIssue
see(principal.subjct)  # attr-defined reportAttributeAccessIssue
principal.claims["sub"] = "another"  # index reportIndexIssue
principal.username.upper()  # union-attr reportOptionalMemberAccess
see(principal.token_use == "any")  # comparison-overlap reportUnnecessaryComparison
see(principal.issuer.kind == "primary")  # comparison-overlap reportUnnecessaryComparison
see(verifier.health()["provider"])  # typeddict-item reportGeneralTypeIssues
see(verifier.health()["providers"][ID]["state"] == "old")  # comparison-overlap reportUnnecessaryComparison
see(endpoint["kind"] == "primary")  # comparison-overlap reportUnnecessaryComparison
see(events.StateChanged(ID, "fresh", "old"))  # arg-type reportArgumentType
see(events.EndpointDisabled(ID, "url", 403, "primary"))  # arg-type reportArgumentType
see(Outcome(ID, "primary", "accepted"))  # arg-type reportArgumentType
see(policy.scopes("a") and policy.scopes(["b"]))  # arg-type reportArgumentType

# --- decorators keep the parameters of what they guard

flask_auth = of_flask.CognitoAuth(verifier, app=Flask(__name__))


@flask_auth.require()
def flask_view(order: int) -> str:
    """A view."""
    return ""


flask_view("1")  # arg-type reportArgumentType
flask_view()  # call-arg reportCallIssue
flask_auth.require("orders/read")  # arg-type reportArgumentType
of_flask.CognitoAuth(verifier, subprotocol="token")  # call-arg reportCallIssue
see(of_flask.principal_of().subject)  # union-attr reportOptionalMemberAccess


@of_django.require()
def django_view(request: HttpRequest, order: int) -> HttpResponse:
    """A view."""
    return HttpResponse()


@of_starlette.require()
async def starlette_endpoint(request: Request) -> JSONResponse:
    """An endpoint."""
    return JSONResponse({})


aiohttp_auth = of_aiohttp.CognitoAuth(verifier)


@aiohttp_auth.require(policy.scopes("orders/read"))
async def aiohttp_handler(request: web.Request) -> web.Response:
    """A handler."""
    return web.Response()


chalice_auth = of_chalice.CognitoAuth(verifier)


@chalice_auth.require()
def chalice_view(order: str) -> str:
    """A view."""
    return ""


class Servicer:
    """Methods of gRPC."""

    @of_grpc.require()
    def get_order(self, request: bytes, context: Any) -> bytes:
        """One answer."""
        return b""


async def calls(request: HttpRequest, starlette_request: Request) -> None:
    """Wrong arguments."""
    django_view(request, "1")  # arg-type reportArgumentType
    await starlette_endpoint(1)  # arg-type reportArgumentType
    (await starlette_endpoint(starlette_request)).render_as("text")  # union-attr reportAttributeAccessIssue
    await aiohttp_handler(1)  # arg-type reportArgumentType
    chalice_view(1)  # arg-type reportArgumentType
    Servicer().get_order("1", None)  # arg-type reportArgumentType


of_django.require("orders/read")  # arg-type reportArgumentType
of_starlette.require("orders/read")  # arg-type reportArgumentType
of_grpc.CognitoAuthInterceptor(verifier, resource="https://api")  # call-arg reportCallIssue
of_litestar.CognitoAuth(verifier).require(policy.scopes)  # arg-type reportArgumentType
of_fastapi.CognitoAuth(verifier, app=FastAPI()).claims(1)  # arg-type reportArgumentType


async def asgi_app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """An application."""
    see(of_asgi.principal_of(scope).subject)  # union-attr reportOptionalMemberAccess


of_asgi.CognitoAuthMiddleware(asgi_app, verifier, preflight=True)  # arg-type reportArgumentType
of_mcp.CognitoAuthMiddleware(asgi_app, verifier, tools={"add": "scope"})  # dict-item reportArgumentType

# --- AWS Lambda

lambda_auth = aws_lambda.CognitoAuth(verifier)


@lambda_auth.require(policy.scopes("orders/read"))
def lambda_handler(event: dict[str, Any], context: object, principal: Principal) -> str:
    """A handler."""
    return ""


lambda_handler({}, None, principal)  # call-arg reportCallIssue
lambda_handler("event", None)  # arg-type reportArgumentType
aws_lambda.Authorizer(verifier, kind="http-3.0")  # arg-type reportArgumentType
aws_lambda.Authorizer(verifier, response="json")  # arg-type reportArgumentType
aws_lambda.emf("verifier")  # arg-type reportArgumentType
aws_lambda.emff(verifier)  # attr-defined reportAttributeAccessIssue
of_chalice.authorizer(verifier, kind="iot")  # call-arg reportCallIssue
of_powertools.CognitoAuth(verifier, app="resolver")  # arg-type reportArgumentType


@lambda_auth.require()  # arg-type reportArgumentType
def takes_no_principal(event: Any, context: Any) -> str:
    """The guard would have nobody to hand the principal to."""
    return ""


@lambda_auth.optional  # arg-type reportArgumentType
def takes_no_guest(event: Any, context: Any, principal: Principal) -> str:
    """A guest's principal is None."""
    return principal.subject


# --- tests of users

fake = FakeUserPool(replica_regions=["us-east-1"])
fake.access_token(issuer="primary")  # arg-type reportArgumentType
fake.access_token(scope=["orders/read"])  # call-arg reportCallIssue
fake.access_token(malformed="broken")  # arg-type reportArgumentType
fake.access_token(signed_by="me")  # arg-type reportArgumentType
fake.headers(group="staff")  # call-arg reportCallIssue
fake.offline_verifier("refresh")  # arg-type reportArgumentType
fake.offline_verifier(leway=1)  # call-arg reportCallIssue
fake.user_pool(audiences="https://api")  # call-arg reportCallIssue
fake.user_pool(issuer_kinds=["primary"])  # list-item reportArgumentType
fake.serve().original.fail("explode")  # arg-type reportArgumentType
fake.serve().fail(418)  # arg-type reportArgumentType
fake.serve().original.fail("hang", after="1")  # arg-type reportArgumentType
offline(fake, PROTECT=True)  # call-arg reportCallIssue
offline(fake, PREFLIGHT="allow")  # arg-type reportArgumentType
