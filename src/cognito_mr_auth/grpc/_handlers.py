"""gRPC's handlers, by the kind of their calls: the behaviour of a handler, and copies with another behaviour.

Owns the names of the four kinds, and the handlers of methods that a server does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

__all__ = ["Behavior", "anot_found", "behavior_of", "like", "not_found", "reading_nothing"]

Behavior = Callable[..., Any]

# gRPC's names of behaviours and of the functions that make handlers. The key: does the request, the response
# stream?
_KINDS = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


def _kind(handler: Any) -> str:
    return _KINDS[bool(handler.request_streaming), bool(handler.response_streaming)]


def behavior_of(handler: Any) -> Behavior:
    """Return the function that serves a call."""
    behavior: Behavior = getattr(handler, _kind(handler))
    return behavior


def like(handler: Any, behavior: Behavior) -> Any:
    """Return a handler of the same kind with this behaviour."""
    return getattr(grpc, f"{_kind(handler)}_rpc_method_handler")(
        behavior,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


def reading_nothing(behavior: Behavior) -> Any:
    """Return a handler for calls of any kind, whose behaviour reads no message."""
    return grpc.stream_stream_rpc_method_handler(behavior)


# gRPC's own text. Only principals get it, because a closed server does not reveal its methods to others.
_NOT_FOUND = (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


def not_found(_requests: Any, context: Any) -> Any:
    """The behaviour for a method that the server does not have."""
    context.abort(*_NOT_FOUND)


async def anot_found(_requests: Any, context: Any) -> Any:
    """The same in a task."""
    await context.abort(*_NOT_FOUND)
