"""The official MCP SDK's server with our middleware, and with one that gives it a constant."""

from __future__ import annotations

import json
from typing import Any

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.mcpserver import MCPServer
from starlette.authentication import AuthCredentials

from benchmarks.suite.apps._servers import Request
from benchmarks.suite.apps._settings import ANSWER, Settings
from cognito_mr_auth.mcp import CognitoAuthMiddleware

from ._common import SOMEBODY, chosen, uvicorn

NAME = "MCP"
COMMAND = uvicorn(__name__)

# Of the last revision that every client speaks; a server without sessions wants no handshake.
_HEADERS = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
    "MCP-Protocol-Version": "2025-11-25",
}
_CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "orders", "arguments": {}}}
REQUEST = Request("POST", "/mcp", _HEADERS, json.dumps(_CALL))


def _app() -> Any:
    server = MCPServer("orders", log_level="WARNING")

    @server.tool()
    async def orders() -> dict[str, str]:
        """Nothing ordered."""
        return ANSWER

    return server.streamable_http_app(json_response=True, stateless_http=True)


def guarded(settings: Settings) -> Any:
    """Our middleware."""
    return CognitoAuthMiddleware(_app(), settings.verifier())


class Constant:
    """It looks for the header, and gives the SDK the same user each time, as its own authentication would."""

    def __init__(self, app: Any) -> None:
        self._app = AuthContextMiddleware(app)
        token = AccessToken(token="", client_id="orders", scopes=[], subject=SOMEBODY)
        self._found = {"auth": AuthCredentials(), "user": AuthenticatedUser(token)}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and any(name == b"authorization" for name, _value in scope["headers"]):
            scope.update(self._found)
        await self._app(scope, receive, send)


def constant(_settings: Settings) -> Any:
    """A constant."""
    return Constant(_app())


served = chosen(guarded, constant)
