"""Describes the guard for OpenAPI documents and Swagger UI, as plain JSON values.

This module has the security scheme, the responses to requests that may not pass, and their settings. It knows
no framework.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from cognito_mr_auth._base.checks import LABEL, is_client_id
from cognito_mr_auth.errors import ConfigurationError

__all__ = ["SecurityScheme", "complete", "responses"]

# A domain may end in an internationalized label (xn--...), which HOST_NAME's top-level label does not match.
# That label begins with a letter, so the domain is no IP address.
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z)(?:{LABEL}\.)+(?=[a-z]){LABEL}")
# OpenAPI 3.1, Components Object: the form of a component's name.
_NAME = re.compile(r"[A-Za-z0-9._-]+")
# OpenAPI 3.1, Path Item Object: its operations.
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})

_CHALLENGE = ("WWW-Authenticate", "string", "What is wrong with the token (RFC 6750, section 3).")
_RETRY = ("Retry-After", "integer", "Seconds to wait before the next attempt.")
_RESPONSES: dict[int, tuple[str, tuple[str, str, str]]] = {
    400: ("The token was sent in a malformed way, or more than once.", _CHALLENGE),
    401: ("The token is missing, invalid or expired, or the sign-in is too old.", _CHALLENGE),
    403: ("The token does not permit this request.", _CHALLENGE),
    503: ("The token cannot be checked at the moment.", _RETRY),
}


class SecurityScheme:
    """The Security Scheme Object of one guard: a bearer token, or the authorization code grant of a domain.

    Without a name from the user, the name depends on the content. So two guards of one document share a
    scheme only if their schemes are equal. `init_oauth` is the argument of Swagger UI's function of that
    name; None without a domain.

    Raises:
        ConfigurationError: the domain is no host name, OpenAPI does not allow the name, there is a client
            without a domain, or the client's ID has a wrong form.
    """

    def __init__(self, name: str | None, domain: str | None, client_id: str | None) -> None:
        if name is not None and (type(name) is not str or not _NAME.fullmatch(name)):
            raise ConfigurationError(f"scheme_name={name!r}: give letters, digits, '.', '-' and '_'")
        if domain is not None and (type(domain) is not str or not _DOMAIN.fullmatch(domain)):
            raise ConfigurationError(f"login_domain={domain!r}: give a host name such as 'auth.example.com'")
        self._name = name
        self._domain = domain
        self._scopes: dict[str, str] = {}
        self._id_tokens = False
        self.init_oauth = _init_oauth(domain, client_id)

    def add(self, scopes: Iterable[str]) -> None:
        """Offer these scopes too when somebody signs in."""
        self._scopes |= dict.fromkeys(scopes, "")
        if self.init_oauth is not None:
            # Changed in place, because the page got these settings before the routes existed.
            self.init_oauth["scopes"] = " ".join(self._scopes)

    def send_id_tokens(self) -> None:
        """Let Swagger UI send the ID token of the sign-in. By default it sends the access token."""
        if not self._id_tokens and self._domain is not None:
            self._id_tokens = True
            self._scopes = {"openid": "", **self._scopes}  # without "openid" Cognito gives no ID token
            self.add(())

    def clashes_with(self, other: SecurityScheme) -> bool:
        """Whether a document can hold only one of the two, because they differ and have the same name."""
        mine, others = (self._domain, self._id_tokens), (other._domain, other._id_tokens)
        return self.name == other.name and mine != others

    @property
    def name(self) -> str:
        """Its name in the document."""
        own = ["Cognito", self._domain, "id" if self._id_tokens else None]
        return "-".join(filter(None, own)) if self._name is None else self._name

    @property
    def document(self) -> dict[str, Any]:
        """The object as JSON."""
        if self._domain is None:
            return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        code = {
            "authorizationUrl": f"https://{self._domain}/oauth2/authorize",
            "tokenUrl": f"https://{self._domain}/oauth2/token",
            "scopes": {**self._scopes},
        }
        # Swagger UI's own extension. It names the member of the token response that Swagger UI sends.
        token = {"x-tokenName": "id_token"} if self._id_tokens else {}
        return {"type": "oauth2", "flows": {"authorizationCode": code}, **token}


def _init_oauth(domain: str | None, client_id: str | None) -> dict[str, Any] | None:
    if client_id is not None:
        if domain is None:
            raise ConfigurationError("swagger_client_id= needs login_domain=, where its users sign in")
        if not is_client_id(client_id):
            raise ConfigurationError(f"swagger_client_id={client_id!r}: give the id of an app client")
    if domain is None:
        return None
    client = {} if client_id is None else {"clientId": client_id}
    return {**client, "usePkceWithAuthorizationCodeGrant": True, "scopes": ""}


def complete(
    document: dict[str, Any], scheme: SecurityScheme, is_open: Callable[[str, str], bool] | None
) -> None:
    """Add to a document what its framework cannot know. A second call changes nothing.

    Each operation that needs the scheme gets the responses to requests that may not pass. `is_open` is for an
    application that is protected as a whole. It says whether the operation of a path and method needs no
    token.
    """
    for path, item in document.get("paths", {}).items():
        for method in _METHODS & item.keys():
            operation = item[method]
            if is_open is not None and "security" not in operation and not is_open(path, method):
                operation["security"] = [{scheme.name: []}]
                schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
                schemes.setdefault(scheme.name, scheme.document)
            if any(scheme.name in each for each in operation.get("security", ())):
                for status, response in responses().items():
                    operation.setdefault("responses", {}).setdefault(str(status), response)
    schemes = document.get("components", {}).get("securitySchemes", {})
    if "flows" in schemes.get(scheme.name, ()):
        # Another guard with an equal description may have added other scopes.
        code = schemes[scheme.name]["flows"]["authorizationCode"]
        code["scopes"] = scheme.document["flows"]["authorizationCode"]["scopes"] | code["scopes"]


def responses() -> dict[int | str, dict[str, Any]]:
    """Response Objects by status, in new dicts that the caller may change."""
    return {status: _response(*documented) for status, documented in _RESPONSES.items()}


def _response(description: str, header: tuple[str, str, str]) -> dict[str, Any]:
    name, kind, meaning = header
    members = {"detail": {"type": "string"}, "reason": {"type": "string"}}
    schema = {"type": "object", "properties": members, "required": ["detail"]}
    return {
        "description": description,
        "headers": {name: {"description": meaning, "schema": {"type": kind}}},
        "content": {"application/json": {"schema": schema}},
    }
