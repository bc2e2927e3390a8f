"""Uses that both type checkers must accept, without a hole: each answer has the type that is asserted.

Nobody runs this file. `scripts/check_types.py` has mypy and pyright read it, both in their strict mode.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from typing import Annotated, Any, Literal, assert_type

import grpc
from aiohttp import web
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from django.http import HttpRequest, HttpResponse
from django.views import View
from fastapi import Depends, FastAPI
from flask import Flask
from flask.views import MethodView
from litestar import Litestar, get
from pydantic import BaseModel
from rest_framework.views import APIView
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket

import cognito_mr_auth.aiohttp as of_aiohttp
import cognito_mr_auth.asgi as of_asgi
import cognito_mr_auth.django as of_django
import cognito_mr_auth.drf as of_drf
import cognito_mr_auth.fastapi as of_fastapi
import cognito_mr_auth.flask as of_flask
import cognito_mr_auth.grpc as of_grpc
import cognito_mr_auth.litestar as of_litestar
import cognito_mr_auth.mcp as of_mcp
import cognito_mr_auth.ninja as of_ninja
import cognito_mr_auth.starlette as of_starlette
from cognito_mr_auth import (
    ANY_CLIENT,
    Issuer,
    Principal,
    UserPool,
    Verifier,
    aws_lambda,
    errors,
    events,
    policy,
)
from cognito_mr_auth.aws_lambda import chalice as of_chalice
from cognito_mr_auth.aws_lambda import edge as of_edge
from cognito_mr_auth.aws_lambda import powertools as of_powertools
from cognito_mr_auth.discovery import user_pool
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.health import EndpointHealth, Health, State
from cognito_mr_auth.outcomes import Outcome
from cognito_mr_auth.pool import TokenUse
from cognito_mr_auth.principal import IssuerKind
from cognito_mr_auth.testing import FakeClock, FakeEndpoints, FakeUserPool
from cognito_mr_auth.testing.django import offline

# --- pools, verifiers, principals

POOL = UserPool("us-west-2_EXAMPLE", client_ids=["1example23456789"], issuer_kinds=["original", "replica"])
ANY = UserPool("us-west-2_EXAMPLE", client_ids=ANY_CLIENT, token_use="any", jwks_urls={"issuer": "https://x"})
verifier = Verifier(POOL, token_use="id", on_event=print, revoked=lambda principal: principal.is_machine)
assert_type(Verifier.from_env(token_use="any", leeway=1), Verifier)
assert_type(user_pool("us-west-2_EXAMPLE", replica_regions=["us-east-1"], offline=False), UserPool)


async def revoked_in_a_database(principal: Principal) -> bool:
    """An asyncio hook."""
    return principal.is_machine


awaiting = Verifier(POOL, revoked=revoked_in_a_database)


def chosen(kinds: list[IssuerKind], use: TokenUse) -> Verifier:
    """Settings that come from elsewhere have names for their types."""
    return Verifier(UserPool("us-west-2_EXAMPLE", client_ids=ANY_CLIENT, issuer_kinds=kinds), token_use=use)


principal = verifier.verify("token", require=policy.scopes("orders/read") & ~policy.any_group("guests"))
assert_type(principal, Principal)
assert_type(principal.token_use, Literal["access", "id"])
assert_type(principal.issuer, Issuer)
assert_type(principal.issuer.kind, Literal["original", "replica", "updated"])
assert_type(principal.scopes, frozenset[str])
assert_type(principal.username, str | None)

# --- what operators read

report = verifier.health()
assert_type(report, Health)
assert_type(report["providers"]["us-west-2_EXAMPLE"]["state"], State)
assert_type(report["providers"]["us-west-2_EXAMPLE"]["endpoints"], list[EndpointHealth])
assert_type(report["providers"]["us-west-2_EXAMPLE"]["endpoints"][0]["kind"], IssuerKind)
assert_type(verifier.counts(), dict[Outcome, int])
assert_type(verifier.newest_iat(), dict[tuple[str, IssuerKind], float | None])


def on_event(event: events.Event) -> None:
    """Events tell by their class which fields they have."""
    if isinstance(event, events.StateChanged):
        assert_type(event.after, State)
    elif isinstance(event, events.EndpointDisabled):
        assert_type(event.kind, IssuerKind)


def on_outcome(outcome: Outcome) -> None:
    """An outcome is a tuple with names."""
    assert_type(outcome.issuer_kind, IssuerKind | None)


heard = Verifier(POOL, on_event=on_event, on_outcome=on_outcome)

try:
    verifier.verify("token")
except errors.Unavailable as outage:
    assert_type(outage.retry_after, int)
except errors.PolicyDenied as denied:
    assert_type(denied.scopes, tuple[str, ...])
    assert_type(denied.oauth_error, str | None)
except errors.AuthError as refused:
    assert_type(refused.message, str)
    assert_type(refused.status, int)
    assert_type(refused.hint, str | None)

guard = Guard(verifier, preflight="pass", scheme=None)

# --- Flask

flask_auth = of_flask.CognitoAuth(verifier, app=Flask(__name__), cookie="t", allowed_origins=["https://x"])


@flask_auth.require(policy.scopes("orders/read"))
def flask_view(order: int) -> str:
    """A view keeps its parameters and its answer."""
    return of_flask.current_principal.subject


@flask_auth.optional
def flask_guests(order: int) -> str:
    """Guests have no principal."""
    found = of_flask.principal_of()
    assert_type(found, Principal | None)
    return "guest" if found is None else found.subject


@flask_auth.require()
class FlaskView(MethodView):
    """A class stays that class."""

    @flask_auth.public
    def get(self, order: int) -> str:
        """A method, too."""
        return ""


assert_type(flask_view(order=1), str)
assert_type(flask_guests(1), str)
assert_type(FlaskView().get(1), str)
assert_type(of_flask.principal_of(default=0), Principal | int | None)

# --- Django, REST framework, ninja


@of_django.require(policy.any_group("staff"))
def django_view(request: HttpRequest, order: int) -> HttpResponse:
    """A view keeps its parameters and its answer."""
    assert_type(of_django.principal_of(request), Principal | None)
    return HttpResponse()


@of_django.optional
async def django_async_view(request: HttpRequest) -> HttpResponse:
    """A coroutine function stays one."""
    return HttpResponse()


@of_django.public
class DjangoView(View):
    """A class stays that class."""

    @of_django.require()
    def get(self, request: HttpRequest, order: int) -> HttpResponse:
        """A method, too."""
        return HttpResponse()


class OrderView(APIView):
    """REST framework's names are classes of its own."""

    authentication_classes = (of_drf.CognitoAuthentication,)
    permission_classes = (of_drf.require(policy.scopes("orders/read")),)


def several(request: HttpRequest) -> None:
    """What is called by hand has its type."""
    assert_type(django_view(request, order=1), HttpResponse)
    assert_type(DjangoView().get(request, 1), HttpResponse)
    assert_type(of_ninja.CognitoAuth(verifier).require(), of_ninja.CognitoAuth)
    assert_type(of_ninja.CognitoAuth().optional, of_ninja.CognitoAuth)


# --- Starlette, FastAPI


@of_starlette.require(policy.scopes("orders/read"))
async def starlette_endpoint(request: Request) -> JSONResponse:
    """An endpoint keeps its parameters; the guard may answer in its place."""
    assert_type(of_starlette.principal_of(request), Principal | None)
    return JSONResponse({})


@of_starlette.require()
def starlette_plain(request: Request) -> JSONResponse:
    """A plain function becomes a coroutine function."""
    return JSONResponse({})


@of_starlette.require()
async def starlette_socket(socket: WebSocket) -> None:
    """An endpoint of WebSockets."""


@of_starlette.public
async def starlette_public(request: Request) -> JSONResponse:
    """It is left as it is."""
    return JSONResponse({})


starlette_app = Starlette(
    routes=[Route("/", starlette_endpoint), Route("/ready", of_starlette.ready(verifier))],
    lifespan=of_starlette.lifespan(verifier),
)
starlette_app.add_middleware(of_starlette.CognitoAuthMiddleware, verifier=verifier, close_at_expiry=True)


async def calls(request: Request, socket: WebSocket) -> None:
    """What a test calls by hand has its type."""
    assert_type(await starlette_endpoint(request=request), JSONResponse | Response)
    assert_type(await starlette_plain(request), JSONResponse | Response)
    assert_type(await starlette_public(request), JSONResponse)
    await starlette_socket(socket)


class Claims(BaseModel):
    """A model of a token's claims."""

    tenant: str


fastapi_app = FastAPI()
fastapi_auth = of_fastapi.CognitoAuth(verifier, app=fastapi_app, protect_all=True, subprotocol="token")
Reader = Annotated[Principal, Depends(fastapi_auth.require(policy.scopes("orders/read")))]
Guest = Annotated[Principal | None, Depends(fastapi_auth.optional)]
Tenant = Annotated[Claims, Depends(fastapi_auth.claims(Claims))]
assert_type(fastapi_auth.require(), Callable[..., Awaitable[Principal]])
assert_type(fastapi_auth.optional, Callable[..., Awaitable[Principal | None]])
assert_type(fastapi_auth.claims(Claims), Callable[..., Awaitable[Claims]])


@fastapi_app.get("/orders/{order}")
@fastapi_auth.public
async def fastapi_route(order: int, reader: Reader, guest: Guest, tenant: Tenant) -> str:
    """It is left as it is."""
    assert_type(reader, Principal)
    assert_type(tenant.tenant, str)
    return reader.subject if guest is None else guest.subject


# --- ASGI, MCP


async def asgi_app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """An application of its own."""
    assert_type(of_asgi.principal_of(scope), Principal | None)
    assert_type(await of_asgi.require(scope, policy.scopes("a")), Principal)


guarded_app = of_asgi.CognitoAuthMiddleware(asgi_app, verifier, preflight="refuse")
mcp_app = of_mcp.CognitoAuthMiddleware(asgi_app, verifier, tools={"add": policy.scopes("add"), "*": None})
assert_type(of_mcp.principal_of(default=None), Principal | None)

# --- aiohttp, Litestar, gRPC

aiohttp_auth = of_aiohttp.CognitoAuth(verifier, app=web.Application(), optional=True)


@aiohttp_auth.require(policy.scopes("orders/read"))
async def aiohttp_handler(request: web.Request) -> web.Response:
    """A handler keeps its parameters and its answer."""
    assert_type(of_aiohttp.principal_of(request), Principal | None)
    return web.Response()


async def awaited(request: web.Request) -> None:
    """What is called by hand has its type."""
    assert_type(await aiohttp_handler(request), web.Response)


litestar_auth = of_litestar.CognitoAuth(verifier, protect_all=True)


@litestar_auth.public
@get("/about")
async def litestar_handler() -> dict[str, str]:
    """A route handler stays one."""
    return {}


@get("/orders", guards=[litestar_auth.require(policy.scopes("orders/read"))])
async def litestar_orders() -> dict[str, str]:
    """A guard is one of Litestar's."""
    return {}


litestar_app = Litestar([litestar_handler, litestar_orders], plugins=[litestar_auth])


class Servicer:
    """Methods keep their parameters and answers, of all kinds."""

    @of_grpc.require(policy.scopes("orders/read"))
    def get_order(self, request: bytes, context: Any) -> bytes:
        """One answer."""
        return b""

    @of_grpc.optional
    def orders(self, request: bytes, context: Any) -> Iterator[bytes]:
        """A stream."""
        yield b""

    @of_grpc.require()
    async def watch(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        """An asyncio stream."""
        yield b""


assert_type(Servicer().get_order(b"", None), bytes)
assert_type(Servicer().orders(b"", None), Iterator[bytes])
assert_type(Servicer().watch(b"", None), AsyncIterator[bytes])
interceptors: list[grpc.ServerInterceptor] = [
    of_grpc.CognitoAuthInterceptor(verifier, methods={"/pkg.Orders/*": policy.scopes("orders/read")}),
]

# --- AWS Lambda

authorizer = aws_lambda.Authorizer(verifier, kind="http-2.0", response="simple", routes={"GET /a": None})
assert_type(authorizer({}, None), dict[str, Any])
assert_type(aws_lambda.handler, aws_lambda.Authorizer)
assert_type(aws_lambda.emf(verifier), str)
assert_type(aws_lambda.principal_from_authorizer({}), Principal)
assert_type(aws_lambda.still_valid({}), bool)

lambda_auth = aws_lambda.CognitoAuth(verifier, subprotocol="token")


@lambda_auth.require(policy.scopes("orders/read"))
def lambda_handler(event: dict[str, Any], context: object, principal: Principal) -> str:
    """The guard takes the principal away from the parameters, and may answer in the handler's place."""
    return principal.subject


@lambda_auth.optional
def lambda_guests(event: dict[str, Any], context: object, *, principal: Principal | None) -> str:
    """Guests are welcome."""
    return ""


assert_type(lambda_handler({}, None), str | dict[str, Any])
assert_type(lambda_guests({}, None), str | dict[str, Any])
edge_handler = of_edge.CognitoAuth(verifier, identity_header="X-Identity", exclude=["/assets/*"])

resolver = APIGatewayHttpResolver()
powertools_auth = of_powertools.CognitoAuth(verifier, app=resolver, behind_authorizer=True)


@resolver.get("/orders", middlewares=[powertools_auth.require(policy.scopes("a")), powertools_auth.optional])
def powertools_route() -> dict[str, str]:
    """A middleware leaves the route as it is."""
    assert_type(of_powertools.principal_of(resolver), Principal | None)
    return {}


chalice_auth = of_chalice.CognitoAuth(verifier, protect_all=True)


@chalice_auth.require(policy.scopes("orders/read"))
def chalice_view(order: str) -> dict[str, str]:
    """A view keeps its parameters and its answer."""
    return {}


assert_type(powertools_route(), dict[str, str])
assert_type(chalice_view(order="1"), dict[str, str])
assert_type(of_chalice.authorizer(verifier, resources="exact"), Callable[[Any], dict[str, Any]])

# --- tests of users

pool = FakeUserPool(clock=FakeClock())
token = pool.access_token(scopes=["orders/read"], issuer="replica", region="us-east-1", malformed="alg_none")
assert_type(token, str)
assert_type(pool.headers(groups=["staff"], expires_in=60, signed_by="foreign"), dict[str, str])
assert_type(pool.principal(federated=True), Principal)
assert_type(pool.user_pool(audience="https://api", issuer_kinds=["updated"]), UserPool)
assert_type(pool.offline_verifier("any", cache_size=0), Verifier)
with pool.serve() as endpoints:
    assert_type(endpoints, FakeEndpoints)
    assert_type(endpoints.original.kind, IssuerKind)
    endpoints.replica.fail(503, times=1, retry_after=1)
    endpoints.fail("hang", delay=0.1)
with offline(pool, token_use="access", PROTECT_ALL=True, EXCLUDE=["/assets/*"]):
    pass
