"""AWS IoT's custom authorizers: the policy documents of a principal, and the form of the response.

Owns the placeholders of the template. A value that could widen an ARN or a topic filter is refused, never
escaped, because MQTT and IAM have different wildcards. A refused device fails at once, so the error is
noticed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from cognito_mr_auth.errors import ClaimRejected, ConfigurationError
from cognito_mr_auth.principal import Principal

from .callbacks import ask, require_callable

__all__ = ["DENIED", "IotPolicy", "IotPolicySource", "answer", "principal_id"]

IotPolicySource = Mapping[str, Any] | list[Any] | str | Callable[[Principal], Any]
"""A document, several, JSON text of either, or a callable that returns one of these for a principal."""

# "Defining your Lambda function" (AWS IoT Core): at most 10 documents of 2,048 characters each, a
# principalId of 1 to 128 letters and digits, both times from 300 to 86,400 s.
MAX_DOCUMENTS = 10
MAX_DOCUMENT_CHARS = 2048
LEAST_SECONDS = 300
MOST_SECONDS = 86_400

DENIED: Mapping[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Action": "iot:*", "Resource": "*"}],
}

# ${cognito:sub}: IAM's syntax with our own prefix, so that ${iot:ClientId} is left to AWS IoT.
_PLACEHOLDER = re.compile(r"\$\{cognito:([^}]*)\}")
# No wildcard of IAM (* ? $) or MQTT (+ #), no separator of topics (/), ARNs (:) or JSON strings.
_PLAIN = re.compile(r"[A-Za-z0-9._@=,-]+")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_OWN: Mapping[str, Callable[[Principal], object]] = {
    "sub": lambda principal: principal.subject,
    "client_id": lambda principal: principal.client_id,
    "username": lambda principal: principal.username,
    "user_pool_id": lambda principal: principal.user_pool_id,
    "principal_id": lambda principal: principal_id(principal),  # noqa: PLW0108 - it is defined below
}


class IotPolicy:
    """The policy documents that a principal gets.

    Raises:
        ConfigurationError: the template is not a policy document, or is too long.
    """

    __slots__ = ("_make", "_template")

    def __init__(self, source: IotPolicySource) -> None:
        self._make: Callable[[Principal], Any] | None = None
        self._template: list[dict[str, Any]] = []
        if callable(source):
            require_callable("iot_policy", source)
            self._make = source
        else:
            self._template = _documents(source)
            _check_placeholders(self._template)

    def of(self, principal: Principal) -> list[dict[str, Any]]:
        """Return the documents of one principal.

        Raises:
            ClaimRejected: a claim that the template names is absent, or could widen the policy.
            ConfigurationError: a callable returned something other than policy documents.
        """
        if self._make is not None:
            return _documents(ask("iot_policy", self._make, principal))

        def fill(text: str) -> str:
            return _PLACEHOLDER.sub(lambda match: _value(match[1], principal), text)

        return _documents(_map_strings(self._template, fill))


def _documents(source: Any) -> list[dict[str, Any]]:
    if isinstance(source, str):
        try:
            source = json.loads(source)
        except ValueError:
            source = None
    found = source if isinstance(source, list) else [source]
    if not 1 <= len(found) <= MAX_DOCUMENTS:
        raise ConfigurationError(f"iot_policy: 1 to {MAX_DOCUMENTS} policy documents, not {len(found)}")
    documents: list[dict[str, Any]] = []
    for each in found:
        if not isinstance(each, Mapping) or each.get("Version") != "2012-10-17" or not each.get("Statement"):
            raise ConfigurationError(
                "iot_policy: a policy document has a Version, 2012-10-17, and a Statement"
            )
        try:
            documents.append(json.loads(text := json.dumps(dict(each))))
        except (TypeError, ValueError):
            text = ""
        if not 0 < len(text) <= MAX_DOCUMENT_CHARS:
            raise ConfigurationError(
                f"iot_policy: JSON of at most {MAX_DOCUMENT_CHARS} characters a document"
            )
    return documents


def _check_placeholders(template: list[dict[str, Any]]) -> None:
    rest = json.dumps(_map_strings(template, lambda text: _PLACEHOLDER.sub("", text)))
    if "{cognito:" in rest.lower():
        raise ConfigurationError("iot_policy: a placeholder has the form ${cognito:name}, in a value")


def _map_strings(part: Any, change: Callable[[str], str]) -> Any:
    """Return the document with every string value changed, and no name."""
    if isinstance(part, str):
        return change(part)
    if isinstance(part, Mapping):
        return {name: _map_strings(value, change) for name, value in part.items()}
    if isinstance(part, list):
        return [_map_strings(value, change) for value in part]
    return part


def _value(name: str, principal: Principal) -> str:
    value = _OWN[name](principal) if name in _OWN else principal.claims.get(name)
    if not isinstance(value, str) or not _PLAIN.fullmatch(value):
        raise ClaimRejected(
            "a claim cannot be put into the policy", claim=name, hint="allowed: letters, digits, .-_@=,"
        )
    return value


def principal_id(principal: Principal) -> str:
    """Return an alphanumeric name of the principal: its pool, then its subject.

    A UUID loses its dashes (32 characters). A shorter alphanumeric subject, such as a machine's, stays as it
    is. Any other subject is replaced by its digest (64). So no two subjects of a pool have the same name.
    """
    subject = principal.subject
    if _UUID.fullmatch(subject):
        subject = subject.replace("-", "")
    elif not (subject.isascii() and subject.isalnum() and len(subject) < 32):
        from hashlib import sha256

        subject = sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()
    return "".join(filter(str.isalnum, principal.provider)) + subject


def answer(principal: Principal | None, documents: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Return the response to AWS IoT; `seconds` is the token's remaining life. None: not authenticated."""
    lasting = int(min(max(seconds, LEAST_SECONDS), MOST_SECONDS))
    return {
        "isAuthenticated": principal is not None,
        "principalId": "refused" if principal is None else principal_id(principal),
        "disconnectAfterInSeconds": lasting,
        "refreshAfterInSeconds": lasting,
        "policyDocuments": documents,
    }
