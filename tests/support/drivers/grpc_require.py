"""grpc.require: a method that names its policy, and answers with a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth import grpc as ours
from cognito_mr_auth.policy import Policy

from . import Asker
from ._grpc import asker, handler_of, who
from .client import Reached

WEBSOCKET = False


def build(verifier: Verifier, require: Policy | None = None, **options: Any) -> Asker:
    """A method that neither `exclude` nor `optional` opens."""
    reached = Reached()
    said = who(reached)

    @ours.require(require)
    def behavior(_request: bytes, context: Any) -> Iterator[bytes]:
        yield said(context)

    interceptor = ours.CognitoAuthInterceptor(verifier, **options)
    return asker(interceptor, handler_of(behavior, streams=True), reached)
