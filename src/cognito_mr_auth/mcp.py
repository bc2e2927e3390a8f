"""Authentication for MCP servers: the official SDK, FastMCP, and any other that serves MCP over HTTP.

    app = CognitoAuthMiddleware(server.streamable_http_app(), verifier)

The guard verifies the token. So an outage gives 503, and a refusal names what is missing. The SDK's own
middleware answers 401 in every case. This module owns what the SDK reads afterwards: its user, which it needs
for sessions and `get_access_token()`. That user has the same issuer whichever Region signed the token. It
also owns `principal_of()`, which tools call. `_web.tool_calls` reads which tool a request calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Unpack

try:
    from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
    from mcp.server.auth.provider import AccessToken
    from mcp.server.lowlevel import server as _lowlevel
    from starlette.authentication import AuthCredentials, UnauthenticatedUser
except ImportError as _missing:
    raise ImportError(
        'cognito_mr_auth.mcp needs the MCP SDK: pip install "cognito-mr-auth[mcp]"', name="mcp"
    ) from _missing

from ._web import asgi_scope as asgi
from ._web.asgi_types import App, Receive, Scope, Send
from ._web.guard import RequestGuard
from ._web.settings import Options
from ._web.state import PRINCIPAL, REQUIRED, Default, principal_in
from ._web.tool_calls import ToolPolicies
from .errors import ConfigurationError
from .guard import Guard
from .policy import Policy
from .principal import Principal
from .verifier import Verifier

__all__ = ["CognitoAuthMiddleware", "principal_of"]

_ADVICE = "put CognitoAuthMiddleware around the application, and serve it over HTTP"

_current: ContextVar[Mapping[str, Any] | None] = ContextVar("cognito_mr_auth.mcp", default=None)
# SDK 1.x runs all tools of a session in the context of the request that opened it (python-sdk#2208). So the
# calling request is read from here. SDK 2.x runs each tool in the context of its own request.
_called_by: ContextVar[Any] = getattr(_lowlevel, "request_ctx", None) or ContextVar(
    "cognito_mr_auth.mcp.none"
)


def principal_of(context: Any = None, default: Default = REQUIRED) -> Principal | Default | None:
    """Return the caller of this tool, resource or prompt; None if the request passed without a token.

    Args:
        context: the `Context` of the SDK or FastMCP, a Starlette request, or an ASGI scope. By default, the
            request that is being served, in coroutines and in the threads in which the SDK runs tools.
        default: the value to return, instead of an error, if no guard checked the request, as with stdio.

    Raises:
        LookupError: no guard checked the request, and no `default` is given.
    """
    context = _called_by.get(None) if context is None else context
    state = (_current.get() or {}) if context is None else _scope(context)
    return principal_in(state, default, _ADVICE)


def _scope(context: Any) -> Mapping[str, Any]:
    for name in ("request_context", "request", "scope"):
        context = getattr(context, name, context)
    return context if isinstance(context, Mapping) else {}


class _AccessToken(AccessToken):
    """The SDK's token, from which it knows the owner of the session. Its repr shows nothing of the token."""

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return []


def _fill_scope(scope: Scope, guard: RequestGuard, principal: Principal | None) -> None:
    asgi.fill_scope(scope, guard, principal)
    if principal is None:
        scope["auth"], scope["user"] = AuthCredentials(), UnauthenticatedUser()
        return
    scopes = sorted(principal.scopes)
    token = _AccessToken(
        token="",  # nothing reads it, and the SDK's objects appear in logs
        client_id=principal.client_id or "",
        scopes=scopes,
        expires_at=int(principal.expires_at),
        subject=principal.subject,
        claims={"iss": _owner(principal)},
    )
    scope["auth"], scope["user"] = AuthCredentials(scopes), AuthenticatedUser(token)


def _owner(principal: Principal) -> str:
    """The pool's original issuer. It is equal in every Region, because the SDK compares it during a session.

    `Principal.issuer` is the issuer of the token itself.
    """
    issuer, pool_id = principal.issuer, principal.user_pool_id
    if pool_id is None:
        return issuer.url
    primary, rest = pool_id.partition("_")[0], issuer.url.partition(f".{issuer.region}.")[2]
    return f"https://cognito-idp.{primary}.{rest}"


class CognitoAuthMiddleware:
    """Let HTTP requests reach an MCP server only with a token that the verifier accepts.

    Args:
        app: the server as an ASGI application, made without authentication of its own.
        verifier: the verifier of the tokens, or a `Guard`, which has its own options.
        tools: for each tool's name, the policy that its callers must meet beside the guard's policy; None
            requires nothing more. `"*"` stands for all tools not named; without it, those are refused.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them. With
            `resource`, `authorization_servers` must say where clients sign in.

    Other requests get 400, 401, 403 or 503, as with `asgi.CognitoAuthMiddleware`. A 403 for scopes names all
    scopes that the call needs. With `tools`, the body of every request except GET, HEAD, DELETE and OPTIONS
    is read once the token is verified; it must be JSON-RPC of at most 4 MiB.

    Raises:
        ConfigurationError, TypeError: a setting is invalid. This includes `resource` without
            `authorization_servers`, and a pool with ANY_CLIENT and no `audience`.
    """

    def __init__(
        self,
        app: App,
        verifier: Verifier | Guard,
        *,
        tools: Mapping[str, Policy | None] | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._app = AuthContextMiddleware(app)
        self._tools = None if tools is None else ToolPolicies(tools)
        self._guard = RequestGuard.of("CognitoAuthMiddleware", verifier, options)
        metadata = self._guard.metadata
        if metadata is not None and not metadata.servers_chosen:
            # A client signs in at the first issuer and tries no other; some of a pool's issuers answer 403.
            raise ConfigurationError(
                "resource= needs authorization_servers= here: the issuer that the pool signs its tokens as"
            )
        self._checked = self._guard.bound
        if self._checked:
            _check_clients(self._guard.verifier)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if not self._checked and self._guard.bound:
            _check_clients(self._guard.verifier)
            self._checked = True
        await asgi.serve(self._serve, self._guard, scope, receive, send, fill=_fill_scope)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request that passes, or the lifespan, which has no client."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if self._tools is not None:
            judged = await self._tools.judge(self._guard, scope, receive)
            if judged is None:
                return  # the client has disconnected
            receive = judged
        current = _current.set({PRINCIPAL: scope[PRINCIPAL]})  # not the scope, which holds the token
        try:
            await self._app(scope, receive, send)
        finally:
            _current.reset(current)


def _check_clients(verifier: Verifier) -> None:
    """Raises ConfigurationError if tokens of any app of a pool pass (MCP, "Token Audience Binding")."""
    for entry in verifier._entries.values():
        bound = entry.expected.audience is not None and entry.expected.token_use == "access"
        if entry.expected.client_ids is None and not bound:
            raise ConfigurationError(
                "client_ids=ANY_CLIENT needs audience= and access tokens here, or any app of the pool passes"
            )
