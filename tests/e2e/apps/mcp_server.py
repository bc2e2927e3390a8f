"""An MCP server of the SDK behind the middleware, and one in the dark; every warning is an error."""

from __future__ import annotations

import warnings
from typing import Any

warnings.simplefilter("error")

from e2e.apps.settings import SETTINGS  # noqa: E402
from support.mcp_servers import application, server  # noqa: E402

from cognito_mr_auth import ANY_CLIENT, UserPool, Verifier, policy  # noqa: E402
from cognito_mr_auth.mcp import CognitoAuthMiddleware, principal_of  # noqa: E402

READ, WRITE = policy.scopes("orders/read"), policy.scopes("orders/write")


def guarded(name: str, path: str) -> Any:
    """The server with two tools at this path, for tokens that are bound to it."""
    made = server()

    @made.tool()
    async def whoami() -> dict[str, str]:
        principal = principal_of()
        assert principal is not None
        return {"subject": principal.subject, "kind": principal.issuer.kind}

    @made.tool()
    def refund() -> dict[str, list[str]]:
        principal = principal_of()
        assert principal is not None
        return {"scopes": sorted(principal.scopes)}

    settings = SETTINGS[name]
    pool = UserPool(client_ids=ANY_CLIENT, audience=settings["resource"], **settings["pool"])
    return CognitoAuthMiddleware(
        application(made, json_response=False, path=path),
        Verifier(pool),
        require=READ,
        tools={"*": None, "refund": WRITE},
        resource=settings["resource"],
        resource_scopes=["orders/read"],
        authorization_servers=settings["authorization_servers"],
        timeout=settings["timeout"],
    )


main, dark = guarded("main", "/mcp"), guarded("dark", "/dark/mcp")


async def app(scope: Any, receive: Any, send: Any) -> None:
    """One of the two, by path; the one in the dark lets nobody through, so it needs no lifespan."""
    await (dark if "/dark/" in scope.get("path", "") else main)(scope, receive, send)
