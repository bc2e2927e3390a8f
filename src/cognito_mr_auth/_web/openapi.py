"""Describes the guard for OpenAPI documents and Swagger UI, as plain JSON values.

Owns the security scheme, the responses to requests that may not pass, and the settings that these need.
Knows no framework.
"""

from __future__ import annotations

import re
from typing import Any

from cognito_mr_auth._base.checks import LABEL, is_client_id
from cognito_mr_auth.errors import ConfigurationError

__all__ = ["init_oauth", "responses", "scheme"]

# A domain may end in an internationalized label (xn--...), which HOST_NAME's top-level label cannot be. It
# begins with a letter, so that it is no IP address.
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z)(?:{LABEL}\.)+(?=[a-z]){LABEL}")

_CHALLENGE = ("WWW-Authenticate", "string", "What is wrong with the token (RFC 6750, section 3).")
_RETRY = ("Retry-After", "integer", "Seconds to wait before the next attempt.")
_RESPONSES: dict[int, tuple[str, tuple[str, str, str]]] = {
    400: ("The access token was sent in a malformed way, or more than once.", _CHALLENGE),
    401: ("The access token is missing, invalid or expired, or the sign-in is too old.", _CHALLENGE),
    403: ("The access token does not permit this request.", _CHALLENGE),
    503: ("The access token cannot be checked at the moment.", _RETRY),
}


def scheme(domain: str | None) -> dict[str, Any]:
    """The Security Scheme Object: a bearer token, or the authorization code grant of a domain.

    Raises:
        ConfigurationError: for a domain that is no host name.
    """
    if domain is None:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    if type(domain) is not str or not _DOMAIN.fullmatch(domain):
        raise ConfigurationError(f"login_domain={domain!r}: give a host name such as 'auth.example.com'")
    code = {
        "authorizationUrl": f"https://{domain}/oauth2/authorize",
        "tokenUrl": f"https://{domain}/oauth2/token",
        "scopes": {},
    }
    return {"type": "oauth2", "flows": {"authorizationCode": code}}


def init_oauth(domain: str | None, client_id: str | None) -> dict[str, Any] | None:
    """The argument of Swagger UI's `initOAuth`; None without a domain.

    Raises:
        ConfigurationError: for a client without a domain, or one that Cognito would not have made.
    """
    if client_id is not None:
        if domain is None:
            raise ConfigurationError("swagger_client_id= needs login_domain=, where its users sign in")
        if not is_client_id(client_id):
            raise ConfigurationError(f"swagger_client_id={client_id!r}: give the id of an app client")
    if domain is None:
        return None
    client = {} if client_id is None else {"clientId": client_id}
    return {**client, "usePkceWithAuthorizationCodeGrant": True}


def responses() -> dict[int | str, dict[str, Any]]:
    """Response Objects by status, in new dicts that the caller may change."""
    return {status: _response(*documented) for status, documented in _RESPONSES.items()}


def _response(description: str, header: tuple[str, str, str]) -> dict[str, Any]:
    name, kind, meaning = header
    schema = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
    return {
        "description": description,
        "headers": {name: {"description": meaning, "schema": {"type": kind}}},
        "content": {"application/json": {"schema": schema}},
    }
