"""Any framework: aiohttp's middleware."""

from typing import Any

from aiohttp import web

from cognito_mr_auth import Principal, Verifier, errors
from cognito_mr_auth.guard import Guard

guard = Guard(Verifier.from_env(), exclude=["/health"])
CALLER = web.RequestKey("caller", Principal | None)


@web.middleware
async def authenticated(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        request[CALLER] = await guard.averify(
            method=request.method, path=request.path, headers=request.headers.items()
        )
        return await handler(request)
    except errors.AuthError as error:
        said = guard.response(error)
        return web.Response(status=said.status, headers=said.headers, body=said.body)
