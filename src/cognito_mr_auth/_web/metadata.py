"""The protected-resource metadata document (RFC 9728): which issuers' tokens an API accepts.

This module has the document, its path and its URL. `resource` is configuration. It is never formed from a
Host header, because the client chooses that.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from json import dumps

from cognito_mr_auth._base.checks import HOST, LOOPBACK, LOOPBACK_IPV6
from cognito_mr_auth.errors import ConfigurationError

from .bearer import HTTPResponse

__all__ = ["METHODS", "WELL_KNOWN", "ResourceMetadata", "check_url", "metadata_of", "metadata_url"]

WELL_KNOWN = "/.well-known/oauth-protected-resource"
METHODS = ("GET", "HEAD", "OPTIONS")
"""The methods of its URL, for routers. `answers` lacks the first two until the issuers are known."""

# The document changes only with a deployment, and an hour is common for issuers' documents.
MAX_AGE_SECONDS = 3600

# Clients in browsers read this public document too. They may send MCP's header, which causes a preflight.
_FOR_BROWSERS = (
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", ", ".join(METHODS)),
    ("access-control-allow-headers", "*"),
)

# RFC 9728 1.2: an https URL without fragment. Queries, user info and percent-encoding are refused too, so
# that a resource has only one form. Plain http is for tests, on loopback.
_HERE = rf"{LOOPBACK}|\[{LOOPBACK_IPV6}\]"  # an authority has IPv6 addresses in brackets (RFC 3986 3.2.2)
_URL = re.compile(
    rf"(?P<origin>https://{HOST}(?::[0-9]+)?|http://(?:{_HERE})(?::[0-9]+)?)"
    r"(?P<path>(?:/[A-Za-z0-9\-._~!$&'()*+,;=:@]*)*)"
)


def check_url(name: str, value: object) -> re.Match[str]:
    """The parts `origin` and `path` of a URL that a setting may have.

    Raises:
        ConfigurationError: it is no such URL. The message names the setting and its value.
    """
    found = _URL.fullmatch(value) if type(value) is str else None
    if found is None:
        raise ConfigurationError(f"{name}={value!r}: give a URL such as 'https://api.example.com/orders'")
    return found


class ResourceMetadata:
    """The document of one resource. `path` is where it is served, `url` is what the challenge names.

    `answers` are the responses by method. Those to GET and HEAD exist once the issuers are known.
    """

    __slots__ = ("_document", "answers", "path", "url")

    def __init__(
        self,
        resource: str,
        *,
        scopes: Collection[str] = (),
        name: str | None = None,
        authorization_servers: Collection[str] | None = None,
    ) -> None:
        parts = check_url("resource", resource)
        if isinstance(scopes, (str, bytes)) or not all(type(each) is str for each in scopes):
            raise ConfigurationError(f"resource_scopes={scopes!r}: give a list of scopes")
        if name is not None and type(name) is not str:
            raise ConfigurationError(f"resource_name={name!r}: give a str")
        # RFC 9728 3.1: between host and path; a slash that only ends the host is dropped.
        tail = parts["path"] if parts["path"] != "/" else ""
        self.path = WELL_KNOWN + tail
        self.url = parts["origin"] + self.path
        self._document: dict[str, object] = {
            "resource": resource,
            "authorization_servers": _servers(authorization_servers),
            "bearer_methods_supported": ["header"],
        }
        if scopes:
            self._document["scopes_supported"] = list(scopes)
        if name is not None:
            self._document["resource_name"] = name
        allowed = (("allow", ", ".join(METHODS)), *_FOR_BROWSERS)
        self.answers = {"OPTIONS": HTTPResponse(204, allowed, b"")}

    @property
    def servers_chosen(self) -> bool:
        """Whether `authorization_servers` says which issuers it lists."""
        return bool(self._document["authorization_servers"])

    def name_issuers(self, issuers: Collection[str]) -> None:
        """List these issuers, unless `authorization_servers` has chosen others."""
        servers = self._document["authorization_servers"] or list(issuers)
        document = {**self._document, "authorization_servers": servers}
        body = dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        headers = (
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("cache-control", f"public, max-age={MAX_AGE_SECONDS}"),
            *_FOR_BROWSERS,
        )
        self.answers |= dict.fromkeys(("GET", "HEAD"), HTTPResponse(200, headers, body))


def _servers(given: Collection[str] | None) -> list[str]:
    if given is None:
        return []
    if isinstance(given, (str, bytes)) or not given:
        raise ConfigurationError(f"authorization_servers={given!r}: give a list of issuers' URLs")
    for each in given:
        check_url("authorization_servers", each)
    return list(given)


def metadata_of(
    resource: str | None,
    scopes: Collection[str],
    name: str | None,
    authorization_servers: Collection[str] | None,
) -> ResourceMetadata | None:
    """The document that these settings describe; None without a resource.

    Raises:
        ConfigurationError: a setting is wrong, or there are settings but no resource.
    """
    if resource is not None:
        return ResourceMetadata(
            resource, scopes=scopes, name=name, authorization_servers=authorization_servers
        )
    if scopes or name is not None or authorization_servers is not None:
        raise ConfigurationError(
            "resource_scopes=, resource_name= and authorization_servers= belong to resource="
        )
    return None


def metadata_url(metadata: ResourceMetadata | None, url: str | None) -> str | None:
    """The URL that the challenge names: of the document that is served here, or that something else serves.

    Raises:
        ConfigurationError: both are given, or the URL is wrong.
    """
    if metadata is not None and url is not None:
        raise ConfigurationError("resource_metadata= is for a document that resource= does not serve")
    if url is not None:
        check_url("resource_metadata", url)
    return metadata.url if metadata is not None else url
