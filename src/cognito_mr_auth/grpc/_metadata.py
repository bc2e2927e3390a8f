"""The metadata of a call: to the guard's request, and from its answer.

Owns the way from a call's metadata to an HTTPRequest, and from an AuthError to a status with its trailing
metadata. Decides nothing.
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

# Everything else is the token's fault, or the credential's: a malformed one has no status of its own here.
_CODES = {403: StatusCode.PERMISSION_DENIED, 503: StatusCode.UNAVAILABLE}

# Names of trailing metadata. The first two are ours and HTTP's; clients with a retry policy obey the third.
REASON, CHALLENGE, PUSHBACK = "auth-reason", "www-authenticate", "grpc-retry-pushback-ms"


def read_request(method: str, metadata: Sequence[tuple[str, str | bytes]] | None) -> HTTPRequest:
    """The call as the guard reads requests: a POST of its method's name, whose headers are its metadata.

    The name is never decoded, as gRPC compares it with the names of its methods as it was sent.
    """
    pairs = metadata or ()

    def header(name: str) -> Sequence[str]:
        return [value for key, value in pairs if key == name and isinstance(value, str)]

    return HTTPRequest("POST", method, method, header)


class Refusal(NamedTuple):
    """What `context.abort` takes."""

    code: StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str], ...]


def refusal(guard: RequestGuard, error: AuthError) -> Refusal:
    """The guard's answer in the words of gRPC."""
    answer = guard.response(error)
    said = loads(answer.body)
    metadata = [(REASON, said["reason"])]
    if (challenge := answer.header("www-authenticate")) is not None:
        metadata.append((CHALLENGE, challenge))
    if (seconds := answer.header("retry-after")) is not None:
        metadata.append((PUSHBACK, f"{seconds}000"))
    return Refusal(_CODES.get(answer.status, StatusCode.UNAUTHENTICATED), said["detail"], tuple(metadata))
