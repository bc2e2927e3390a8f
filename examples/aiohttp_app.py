"""aiohttp: any valid token at one route, a scope at another, and everything else closed.

python -m cognito_mr_auth.testing --scope orders/read -- python examples/aiohttp_app.py 8000
"""

import sys

from aiohttp import web

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.aiohttp import CognitoAuth, principal_of

auth = CognitoAuth(Verifier.from_env(), protect_all=True)
routes = web.RouteTableDef()


@routes.get("/health")
@auth.public
async def health(_request: web.Request) -> web.Response:
    """Open to everybody, without a token."""
    return web.json_response({"status": "ok"})


@routes.get("/me")
async def me(request: web.Request) -> web.Response:
    """Any valid token, because everything is protected."""
    principal = principal_of(request)
    return web.json_response({"subject": principal.subject, "issuer": principal.issuer.kind})


@routes.get("/orders")
@auth.require(policy.scopes("orders/read"))
async def orders(_request: web.Request) -> web.Response:
    """A token with this scope."""
    return web.json_response({"orders": []})


def create_app() -> web.Application:
    """Return the application with its guard, which fetches keys before the first request."""
    app = web.Application()
    auth.init_app(app)
    app.cleanup_ctx.append(auth.lifespan)
    app.router.add_get("/ready", auth.ready)
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    web.run_app(create_app(), host="127.0.0.1", port=int(sys.argv[1]))
