"""The protected-resource metadata document (RFC 9728): which issuers' tokens an API takes.

Owns the document, its path and its URL. `resource` is configuration and never formed from a Host
header, because the client chooses that.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from json import dumps

from cognito_mr_auth._base.checks import HOST, LOOPBACK, LOOPBACK_IPV6
from cognito_mr_auth.errors import ConfigurationError

from .bearer import HTTPResponse

__all__ = ["WELL_KNOWN", "ResourceMetadata", "check_url"]

WELL_KNOWN = "/.well-known/oauth-protected-resource"

# RFC 9728 1.2: an https URL without fragment; we refuse queries, user info and percent-encoding too,
# so that one resource has one spelling. Plain http is for tests, on loopback.
_HERE = rf"{LOOPBACK}|\[{LOOPBACK_IPV6}\]"  # in an authority IPv6 addresses have brackets (RFC 3986 3.2.2)
_URL = re.compile(
    rf"(?P<origin>https://{HOST}(?::[0-9]+)?|http://(?:{_HERE})(?::[0-9]+)?)"
    r"(?P<path>(?:/[A-Za-z0-9\-._~!$&'()*+,;=:@]*)*)"
)


def check_url(name: str, value: object) -> re.Match[str]:
    """The parts `origin` and `path` of a URL that a setting may have.

    Raises:
        ConfigurationError: naming the setting and its value.
    """
    found = _URL.fullmatch(value) if type(value) is str else None
    if found is None:
        raise ConfigurationError(f"{name}={value!r}: give a URL such as 'https://api.example.com/orders'")
    return found


class ResourceMetadata:
    """The document of one resource. `path` is where it is served, `url` what the challenge names."""

    __slots__ = ("answer", "path", "url")

    def __init__(
        self,
        resource: str,
        *,
        issuers: Collection[str],
        scopes: Collection[str] = (),
        name: str | None = None,
    ) -> None:
        parts = check_url("resource", resource)
        if isinstance(scopes, (str, bytes)) or not all(type(each) is str for each in scopes):
            raise ConfigurationError(f"resource_scopes={scopes!r}: give a list of scopes")
        if name is not None and type(name) is not str:
            raise ConfigurationError(f"resource_name={name!r}: give a str")
        # RFC 9728 3.1: between host and path, without a slash that only ends the host.
        tail = parts["path"] if parts["path"] != "/" else ""
        self.path = WELL_KNOWN + tail
        self.url = parts["origin"] + self.path
        document: dict[str, object] = {
            "resource": resource,
            "authorization_servers": list(issuers),
            "bearer_methods_supported": ["header"],
        }
        if scopes:
            document["scopes_supported"] = list(scopes)
        if name is not None:
            document["resource_name"] = name
        body = dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        headers = (
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("access-control-allow-origin", "*"),  # clients in browsers read it too, and it is public
        )
        self.answer = HTTPResponse(200, headers, body)
