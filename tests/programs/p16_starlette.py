"""Starlette: everything is closed but the health check, one route wants a scope."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.starlette import CognitoAuthMiddleware, principal_of, public, require


@public
async def health(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


@require(policy.scopes("orders/read"))
async def orders(request: Request) -> PlainTextResponse:
    caller = principal_of(request)
    return PlainTextResponse(caller.subject if caller else "")


app = Starlette(
    routes=[Route("/health", health), Route("/orders", orders)],
    middleware=[Middleware(CognitoAuthMiddleware, verifier=Verifier.from_env())],
)
