"""Authentication at the edge: a Lambda@Edge function for CloudFront's viewer requests.

    auth = CognitoAuth(verifier, exclude=["/assets/*"])
    handler = auth      # or @auth.require(policy) on a handler of your own

Owns the form of CloudFront's events and generated responses, and the header that names the principal to the
origin. The guard decides which requests pass. Reads no environment variable, because Lambda@Edge has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Unpack
from urllib.parse import unquote

from cognito_mr_auth._web.bearer import HTTPRequest, HTTPResponse
from cognito_mr_auth._web.settings import Options, check_name
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from ._authorizer.context import principal_id
from ._proxy.handler_guard import Form, HandlerGuard
from ._raw_event import mapping

__all__ = ["CognitoAuth"]

# "Quotas on Lambda@Edge": a response to a viewer request, headers included, has at most 40 KB.
MAX_RESPONSE_OCTETS: Final = 40_000

# "Restrictions on edge functions": headers that a function must not add, and those that it must not change on
# a viewer request. CloudFront answers 502 in both cases.
_FORBIDDEN = re.compile(
    r"connection|expect|keep-alive|proxy-(?:authenticate|authorization|connection)|trailer|upgrade"
    r"|x-accel-(?:buffering|charset|limit-rate|redirect)|x-amz-.*|x-amzn-.*|x-cache|x-edge-.*"
    r"|x-forwarded-proto|x-real-ip|content-length|host|transfer-encoding|via"
    # Headers that route a request, and headers by which other software names the caller.
    r"|authorization|cookie|origin|cdn-loop|x-forwarded-.*|cloudfront-.*|sec-.*"
)

# Replaces a value that is not a string. It is no credential and no origin, but it counts as sent.
_MALFORMED: Final = "\0"


class _Call(NamedTuple):
    """One viewer request: CloudFront's own object, and the request that the guard reads."""

    request: dict[str, Any]
    http_request: HTTPRequest

    def __repr__(self) -> str:
        return f"_Call({self.http_request!r})"


def _read(event: object) -> _Call:
    """Return the viewer request of an event.

    Raises:
        ConfigurationError: the event is of another kind, such as an origin request. Cached responses would be
            sent without a check then. The message shows nothing of the event.
    """
    records = mapping(event).get("Records")
    cf = mapping(mapping(records[0]).get("cf")) if isinstance(records, list) and records else {}
    request = cf.get("request")
    if mapping(cf.get("config")).get("eventType") != "viewer-request" or not isinstance(request, dict):
        raise ConfigurationError("edge.CognitoAuth is for viewer requests; this event is of another kind")
    method, uri = request.get("method"), request.get("uri")
    if not isinstance(method, str) or not isinstance(uri, str):
        raise ConfigurationError("the viewer request has no method or no uri")
    header = _header_of(request)
    # CloudFront does not show the header Upgrade, which identifies a handshake.
    handshake = bool(header("sec-websocket-key"))
    return _Call(request, HTTPRequest(method, unquote(uri), uri, header, handshake))


def _header_of(request: dict[str, Any]) -> Callable[[str], Sequence[str]]:
    given = mapping(request.get("headers"))
    body = mapping(request.get("body")).get("data")

    def header(name: str) -> list[str]:
        if name == "content-length" and body:  # the origin gets the body, whatever a header says
            return [str(len(str(body)))]
        found = [pairs for key, pairs in given.items() if str(key).lower() == name]
        values = [each for pairs in found for each in (pairs if isinstance(pairs, list) else [pairs])]
        texts = [mapping(each).get("value") for each in values]
        return [text if isinstance(text, str) else _MALFORMED for text in texts]

    return header


def _respond(answer: HTTPResponse, _call: _Call) -> dict[str, Any]:
    """Return a generated response. CloudFront adds its length, and removes the body for HEAD."""
    headers = {
        name: [{"key": name.title(), "value": value}]
        for name, value in answer.headers
        if name != "content-length"
    }
    size = len(answer.body) + sum(len(name) + len(value) for name, value in answer.headers)
    body = answer.body.decode() if size <= MAX_RESPONSE_OCTETS else ""  # a longer one would be a 502
    phrase = HTTPStatus(answer.status).phrase
    return {"status": str(answer.status), "statusDescription": phrase, "headers": headers, "body": body}


def _without_body(response: Any, _call: _Call) -> Any:
    """Remove the body of a generated response to a preflight; a request for the origin stays unchanged."""
    if not isinstance(response, dict) or "status" not in response:
        return response
    return {name: value for name, value in response.items() if name not in ("body", "bodyEncoding")}


_VIEWER_REQUEST = Form(_read, _respond, _without_body)


class CognitoAuth(HandlerGuard):
    """Guards a CloudFront distribution's viewer requests. It is itself the function's handler.

        handler = CognitoAuth(verifier, require=policy.any_group("staff"), identity_header="X-Identity")

    A request that passes goes on to the cache and the origin. Other requests get a generated response: 400,
    401, 403 or 503 with a challenge (RFC 6750 3) and the body `{"detail": "...", "reason": "..."}`.
    `@auth.require(policy)` and `@auth.optional` guard your own handler `(event, context, principal)`, which
    returns the request or a response. An AuthError that it raises gets the same response.

    Args:
        verifier: the verifier of the tokens, or a `Guard`, which has its own options. Hooks must not be
            coroutine functions. `bind` can set it later.
        identity_header: a header for the origin, with the pool's ID, "|" and the subject. A header of that
            name from a viewer is removed from every request.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them. With
            `preflight="pass"`, preflights go on to the origin without a principal, and its response keeps its
            body. So the origin must answer OPTIONS without content.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """

    def __init__(
        self,
        verifier: Verifier | Guard | None = None,
        *,
        identity_header: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(_VIEWER_REQUEST, verifier, options, Options.__optional_keys__)
        self._identity_header = identity_header
        if identity_header is not None:
            check_name("identity_header", identity_header)
            if _FORBIDDEN.fullmatch(_plain_name(identity_header)):
                raise ConfigurationError(f"identity_header={identity_header!r}: CloudFront keeps that name")

    def __call__(self, event: Any, context: Any = None) -> Any:
        """Return the request, to let it pass, or a generated response to a viewer request."""
        return self._serve(_go_on, None, "configured", event, context)

    def _run(self, handler: Callable[[], Any], call: _Call, principal: Principal | None) -> Any:
        if self._identity_header is not None:
            headers = call.request.setdefault("headers", {})
            name = _plain_name(self._identity_header)
            # Servers with CGI's or WSGI's names treat X_Name and X-Name as equal, and some X.Name too.
            for sent in [each for each in headers if _plain_name(each) == name]:
                del headers[sent]
            if principal is not None:
                value = principal_id(principal, _fits_a_header)
                headers[self._identity_header.lower()] = [{"key": self._identity_header, "value": value}]
        return super()._run(handler, call, principal)


def _plain_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "-", name.lower())


def _fits_a_header(subject: str) -> bool:
    return subject.isascii() and subject.isprintable()


def _go_on(event: Any, _context: Any, principal: Principal | None) -> Any:  # noqa: ARG001
    return event["Records"][0]["cf"]["request"]
