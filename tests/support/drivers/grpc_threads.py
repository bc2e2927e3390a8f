"""grpc.AioCognitoAuthInterceptor in front of a handler that blocks, and answers with a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.grpc import AioCognitoAuthInterceptor

from . import Asker
from ._grpc import asker, handler_of, who
from .client import Reached

WEBSOCKET = False


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker whose every method there is."""
    reached = Reached()
    said = who(reached)

    def behavior(_request: bytes, context: Any) -> Iterator[bytes]:
        yield said(context)

    interceptor = AioCognitoAuthInterceptor(verifier, **options)
    return asker(interceptor, handler_of(behavior, streams=True), reached, aio=True)
