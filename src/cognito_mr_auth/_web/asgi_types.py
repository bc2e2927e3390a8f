"""The types of an ASGI application, and the only close code of a refusal (ASGI 3.0, RFC 6455).

This module has these names alone.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["POLICY_VIOLATION", "App", "Message", "Receive", "Scope", "Send"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# RFC 6455 7.4.1.
POLICY_VIOLATION = 1008
