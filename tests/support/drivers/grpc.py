"""grpc.CognitoAuthInterceptor in front of a handler that blocks."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.grpc import CognitoAuthInterceptor, optional, public, require

from . import NEEDED, Asker
from ._grpc import asker, handler_of, who
from .client import Reached

WEBSOCKET = False


def behavior_of(reached: Reached) -> Any:
    """A handler's behaviour that returns the caller."""
    said = who(reached)

    def behavior(_request: bytes, context: Any) -> bytes:
        return said(context)

    return behavior


def words(verifier: Verifier) -> Asker:
    """A server whose methods say `public`, `optional`, `require`, or nothing."""
    reached = Reached()
    behaviors = {
        "/public": public(behavior_of(reached)),
        "/optional": optional(behavior_of(reached)),
        "/required": require(NEEDED)(behavior_of(reached)),
        "/private": behavior_of(reached),
    }
    handlers = {name: handler_of(behavior) for name, behavior in behaviors.items()}
    return asker(CognitoAuthInterceptor(verifier), handlers, reached)


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker whose every method there is."""
    reached = Reached()
    return asker(CognitoAuthInterceptor(verifier, **options), handler_of(behavior_of(reached)), reached)
