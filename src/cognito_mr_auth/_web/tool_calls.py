"""Who may call which tool of an MCP server. It reads a request's body before the server reads it.

This module has the policies by tool, and the form of a body: JSON that every parser reads in the same way.
The body decides in every revision of the protocol. The headers `Mcp-Method` and `Mcp-Name` of 2026-07-28 only
repeat it, and SDKs before 2.0 do not compare them with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth.errors import ConfigurationError, PolicyDenied, RequestMalformed
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal

from .asgi_types import Message, Receive, Scope
from .guard import RequestGuard
from .state import PRINCIPAL

__all__ = ["ToolPolicies", "read_body", "replayed", "tools_called"]

ANY_TOOL = "*"  # no name of a tool has a "*" (MCP, "Tool Names")
# Requests with other methods may have a body that calls a tool, whatever a server does with the method.
_WITHOUT_A_BODY = frozenset({"DELETE", "GET", "HEAD", "OPTIONS"})

# The SDK's default limit (mcp.server.transport_security, 2.3).
MAX_BODY_BYTES = 4 * 1024 * 1024


class ToolPolicies:
    """What callers of each tool must have beside the guard's policy: a policy by the tool's name, or None.

    "*" stands for every tool that is not named. Without it, nobody may call those tools.

    Raises:
        ConfigurationError: `tools` is no dict of tools' names.
        TypeError: a policy is none.
    """

    def __init__(self, tools: object) -> None:
        if not isinstance(tools, Mapping) or not tools:
            raise ConfigurationError(f"tools={tools!r}: give a dict of tools' names and policies")
        for name, policy in tools.items():
            if type(name) is not str or not name:
                raise ConfigurationError(f"tools holds {name!r}, which is no tool's name")
            require_policy(policy)
        self._policies: dict[str, Policy | None] = dict(tools)

    async def judge(self, guard: RequestGuard, scope: Scope, receive: Receive) -> Receive | None:
        """A `receive` for the application, if the principal may make the calls that the body holds.

        None if the client leaves before the body ends, because half a body calls nothing.

        Raises:
            RequestMalformed: another parser could read the body differently, or it is a WebSocket, whose
                messages nobody here will see.
            AuthError: a policy refuses the principal.
        """
        if scope["type"] != "http":
            raise RequestMalformed("tools can only be called over HTTP here")
        if scope["method"] in _WITHOUT_A_BODY:
            return receive
        body = await read_body(receive)
        if body is None:
            return None
        for name in tools_called(body):
            await self._check(guard, scope[PRINCIPAL], name)
        return replayed(body, receive)

    async def _check(self, guard: RequestGuard, principal: Principal | None, name: str) -> None:
        if name not in self._policies and ANY_TOOL not in self._policies:
            raise PolicyDenied("nobody may call this tool")
        policy = self._policies.get(name, self._policies.get(ANY_TOOL))
        if policy is None:
            return
        try:
            await guard.arequire(principal, policy)
        except PolicyDenied as error:
            if error.scopes and principal is not None:
                # A client may ask for these scopes alone, so the scopes that the guard needs are named too.
                needed = [each for each in guard.scope_names if each in principal.scopes]
                error.scopes = tuple(dict.fromkeys((*needed, *error.scopes)))
            raise


async def read_body(receive: Receive) -> bytes | None:
    """The whole body of a request; None if the client leaves before its end.

    Raises:
        RequestMalformed: it has more than MAX_BODY_BYTES.
    """
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise RequestMalformed(f"the body has more than {MAX_BODY_BYTES} bytes")
        more = message.get("more_body", False)
    return bytes(body)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that returns a body which was read before, and then further messages."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


def tools_called(body: bytes) -> list[str]:
    """The names of the tools that a JSON-RPC message, or a batch of them, calls.

    Raises:
        RequestMalformed: another parser could read the message differently.
    """
    found = _value(body)
    messages = found if isinstance(found, list) else [found]
    names: list[str] = []
    for each in messages:
        if not isinstance(each, dict):
            raise RequestMalformed("the body must be JSON-RPC in UTF-8, with no name twice")
        if each.get("method") == "tools/call":
            params = each.get("params")
            name = params.get("name") if isinstance(params, dict) else None
            if not isinstance(name, str):
                raise RequestMalformed("a call names no tool")
            names.append(name)
    return names


def _value(body: bytes) -> Any:
    """The JSON value. None in place of a parser's exception, because that would hold the body."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # If two members have one name, some parsers take the first and others the last (RFC 8259 4).
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name twice")
    return members
