"""A Starlette application in which every route needs a token unless it is marked public.

python -m cognito_mr_auth.testing --scope orders/read -- uvicorn --app-dir examples starlette_app:app
"""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.starlette import CognitoAuthMiddleware, lifespan, public, ready, require

verifier = Verifier.from_env()


@public
async def health(_request: Request) -> JSONResponse:
    """Open to everybody, without a token."""
    return JSONResponse({"status": "ok"})


async def me(request: Request) -> JSONResponse:
    """Any valid token, because the middleware requires one."""
    principal = request.user.principal
    return JSONResponse({"subject": principal.subject, "issuer": principal.issuer.kind})


@require(policy.scopes("orders/read"))
async def orders(_request: Request) -> JSONResponse:
    """A token with this scope."""
    return JSONResponse({"orders": []})


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/ready", ready(verifier)),
        Route("/me", me),
        Route("/orders", orders),
    ],
    middleware=[Middleware(CognitoAuthMiddleware, verifier=verifier)],
    lifespan=lifespan(verifier),
)
