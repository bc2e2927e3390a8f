"""A bare ASGI application with a policy."""

from typing import Any

from cognito_mr_auth import Verifier, asgi, policy


async def orders(scope: Any, receive: Any, send: Any) -> None:
    caller = await asgi.require(scope, policy.scopes("orders/read"))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": caller.subject.encode()})


app = asgi.CognitoAuthMiddleware(orders, Verifier.from_env())
