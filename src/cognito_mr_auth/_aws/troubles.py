"""Translates an exception of boto3 into a `Trouble`.

This module has the tables, and is pure. It knows boto3's exceptions by the names of their classes, because
versions differ in them. It keeps an error's code and never its message, which names accounts and roles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from .model import Kind, Trouble

__all__ = ["trouble_of"]

# The codes of AWS's answers. No service model lists AccessDeniedException.
_CODES: Final[Mapping[str, Kind]] = {
    "AccessDenied": "not-permitted",
    "AccessDeniedException": "not-permitted",
    "NotAuthorizedException": "not-permitted",
    "UnauthorizedOperation": "not-permitted",
    "ExpiredToken": "no-credentials",
    "ExpiredTokenException": "no-credentials",
    "IncompleteSignature": "no-credentials",
    "InvalidAccessKeyId": "no-credentials",
    "InvalidClientTokenId": "no-credentials",
    "MissingAuthenticationToken": "no-credentials",
    "MissingAuthenticationTokenException": "no-credentials",
    "UnrecognizedClientException": "no-credentials",
    "InvalidSignatureException": "clock",
    "RequestExpired": "clock",
    "RequestTimeTooSkewed": "clock",
    "SignatureDoesNotMatch": "clock",
    "NotFoundException": "not-there",
    "ResourceNotFoundException": "not-there",
    "OperationNotEnabledException": "not-enabled",
    "UnsupportedOperationException": "not-enabled",
    "RequestLimitExceeded": "throttled",
    "Throttling": "throttled",
    "ThrottlingException": "throttled",
    "TooManyRequestsException": "throttled",
}
# Classes of botocore.exceptions. The first class in an exception's MRO that is listed decides.
_CLASSES: Final[Mapping[str, Kind]] = {
    "NoCredentialsError": "no-credentials",
    "PartialCredentialsError": "no-credentials",
    "CredentialRetrievalError": "no-credentials",
    "TokenRetrievalError": "no-credentials",
    "NoAuthTokenError": "no-credentials",
    "SSOError": "no-credentials",
    "LoginError": "no-credentials",
    "InvalidConfigError": "no-credentials",
    "ProfileNotFound": "no-credentials",
    "HTTPClientError": "unreachable",
    "ConnectionError": "unreachable",
}
# The first labels of hosts that give credentials. If STS cannot be reached, that proves nothing of the pool's
# Region.
_GIVERS_OF_CREDENTIALS: Final = ("sts", "sts-fips", "oidc", "portal", "signin")


def trouble_of(error: Exception, permission: str, operation: str) -> Trouble:
    """The trouble that an exception means. `operation` is the call that raised it."""
    answer = getattr(error, "response", None)
    if isinstance(answer, Mapping):
        return _refusal(error, answer, permission, operation)
    names = [kind.__name__ for kind in type(error).__mro__]
    found: Kind = next((_CLASSES[name] for name in names if name in _CLASSES), "failed")
    if found == "unreachable" and _asked_for_credentials(error):
        found = "no-credentials"
    return Trouble(found, permission, names[0])


def _refusal(error: Exception, answer: Mapping[str, Any], permission: str, operation: str) -> Trouble:
    code = str(answer.get("Error", {}).get("Code", ""))
    if getattr(error, "operation_name", operation) != operation:  # a call for credentials, such as AssumeRole
        return Trouble("no-credentials", permission, code)
    return Trouble(_CODES.get(code, "failed"), permission, code)


def _asked_for_credentials(error: Exception) -> bool:
    url = getattr(error, "kwargs", {}).get("endpoint_url")
    host = urlsplit(url).hostname if isinstance(url, str) else None
    return (host or "").partition(".")[0] in _GIVERS_OF_CREDENTIALS
