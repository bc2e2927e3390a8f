"""Converts a call's metadata to the guard's request, and the guard's response to a status.

Owns the conversion of metadata to an HTTPRequest, and of an AuthError to a status with its trailing metadata.
Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from json import loads
from typing import NamedTuple

from grpc import StatusCode

from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth.errors import AuthError

__all__ = ["Refusal", "read_request", "refusal"]

# All other statuses are the fault of the credential. A malformed one has no status of its own in gRPC.
_CODES = {403: StatusCode.PERMISSION_DENIED, 503: StatusCode.UNAVAILABLE}

# Names of trailing metadata. The first is ours, the second is HTTP's, and clients with a retry policy obey
# the third.
REASON, CHALLENGE, PUSHBACK = "auth-reason", "www-authenticate", "grpc-retry-pushback-ms"


def read_request(method: str, metadata: Sequence[tuple[str, str | bytes]] | None) -> HTTPRequest:
    """Convert the call for the guard: a POST to its method's name, with its metadata as headers.

    The name is never decoded, because gRPC compares the name as sent with the names of its methods.
    """
    pairs = metadata or ()

    def header(name: str) -> Sequence[str]:
        return [value for key, value in pairs if key == name and isinstance(value, str)]

    return HTTPRequest("POST", method, method, header)


class Refusal(NamedTuple):
    """The arguments of `context.abort`."""

    code: StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str], ...]


def refusal(guard: RequestGuard, error: AuthError) -> Refusal:
    """Convert the guard's response to gRPC's status and metadata."""
    answer = guard.response(error)
    said = loads(answer.body)
    metadata = [(REASON, said["reason"])]
    if (challenge := answer.header("www-authenticate")) is not None:
        metadata.append((CHALLENGE, challenge))
    if (seconds := answer.header("retry-after")) is not None:
        metadata.append((PUSHBACK, f"{seconds}000"))
    return Refusal(_CODES.get(answer.status, StatusCode.UNAUTHENTICATED), said["detail"], tuple(metadata))
