"""An MCP server whose tools need a token, one of them with its own scope; and plain routes beside /mcp.

python -m cognito_mr_auth.testing --scope orders/read -- uvicorn --app-dir examples mcp_server:app
"""

from mcp.server.mcpserver import MCPServer
from starlette.requests import Request
from starlette.responses import JSONResponse

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.mcp import CognitoAuthMiddleware, principal_of
from cognito_mr_auth.starlette import ready, require

server = MCPServer("orders")
verifier = Verifier.from_env()
server.custom_route("/ready", methods=["GET"])(ready(verifier))


@server.tool()
async def whoami() -> dict[str, str]:
    """The owner of the token. Any valid token passes."""
    return {"subject": principal_of().subject, "issuer": principal_of().issuer.kind}


@server.tool()
def list_orders() -> list[str]:
    """A token with the scope orders/read, which `tools=` below requires."""
    return ["1001", "1002"]


@server.custom_route("/health", methods=["GET"])
async def health(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


@server.custom_route("/me", methods=["GET"])
async def me(request: Request) -> JSONResponse:
    return JSONResponse({"issuer": principal_of(request).issuer.kind})


@server.custom_route("/orders", methods=["GET"])
@require(policy.scopes("orders/read"))
async def orders(_request: Request) -> JSONResponse:
    return JSONResponse({"orders": []})


app = CognitoAuthMiddleware(
    server.streamable_http_app(),
    verifier,
    tools={"whoami": None, "list_orders": policy.scopes("orders/read")},
    exclude=["/health", "/ready"],
    resource="http://127.0.0.1:8000/mcp",
    # The fake pool's issuer. For your own pool, give the one issuer that it signs its tokens as.
    authorization_servers=["https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Fake00001"],
)
