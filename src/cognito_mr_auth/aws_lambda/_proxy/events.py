"""The events of plain handlers, and the form of response that each of them needs (Lambda proxy integration).

Owns the forms: API Gateway's REST, HTTP (payload 1.0 and 2.0) and WebSocket `$connect` events, function URLs,
load balancers with and without multi-value headers, VPC Lattice (both versions). Values that a client chose
never decide the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, NoReturn

from cognito_mr_auth._web.bearer import HTTPRequest, HTTPResponse
from cognito_mr_auth._web.exclusions import REST
from cognito_mr_auth.aws_lambda._raw_event import mapping, raw_event
from cognito_mr_auth.errors import ConfigurationError

__all__ = ["Call", "content", "marked", "read", "respond", "without_body"]

_ALB: Final = "alb"
_ALB_MULTI: Final = "alb-multi-value"
_HTTP_2: Final = "http-2.0"
_LATTICE: Final = "vpc-lattice"
_LATTICE_2: Final = "vpc-lattice-2.0"
_REST: Final = "rest"  # also HTTP APIs with payload 1.0
_WEBSOCKET: Final = "websocket"

# Replaces a value that is not a string. It is no credential and no origin, but it counts as sent. An empty
# Authorization would not count.
_MALFORMED: Final = "\0"

_WANTED = (
    "CognitoAuth is for events of REST APIs, HTTP APIs, WebSocket APIs ($connect), function URLs, "
    "load balancers and VPC Lattice; this event is "
)


class Call(NamedTuple):
    """One request and the kind of its event, which decides the form of the response."""

    kind: str
    http_request: HTTPRequest


def read(event: object) -> Call:
    """Return the request of an event, which is a dict or an object with `.raw_event`.

    The path is the event's own. In payload 2.0 it begins with the stage's name, unless that is `$default`.

    Raises:
        ConfigurationError: the event is of another kind. The message shows nothing of the event.
    """
    raw = mapping(raw_event(event))
    context = mapping(raw.get("requestContext"))
    kind = _kind(raw, context)
    header = _headers(raw, kind)
    if kind == _WEBSOCKET:
        offered = [each.strip(" \t") for line in header("sec-websocket-protocol") for each in line.split(",")]
        return Call(kind, HTTPRequest("GET", "", "", header, websocket=True, subprotocols=offered))
    if kind == _HTTP_2:
        method, path = mapping(context.get("http")).get("method"), raw.get("rawPath")
        template, stage = str(raw.get("routeKey")).rpartition(" ")[2], context.get("stage")
    elif kind in (_LATTICE, _LATTICE_2):
        method, path = raw.get("method"), raw.get("raw_path" if kind == _LATTICE else "path")
        path = path.partition("?")[0] if isinstance(path, str) else None
        template, stage = "", None
    else:
        method, path = raw.get("httpMethod"), raw.get("path")
        template, stage = str(raw.get("resource")), None
    if not isinstance(method, str) or not isinstance(path, str):
        _refuse("without a method and a path")
    return Call(kind, HTTPRequest(method, path, path, header, route=_route(template, path, stage)))


def _kind(raw: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    if any(name in raw for name in ("methodArn", "routeArn", "authorizationToken")):
        _refuse("an authorizer's: give the function an aws_lambda.Authorizer")
    if context.get("eventType") in ("MESSAGE", "DISCONNECT"):
        _refuse("a WebSocket's message, which has no headers: see aws_lambda.principal_from_authorizer()")
    if context.get("eventType") == "CONNECT":
        return _WEBSOCKET
    if "elb" in context:
        return _ALB_MULTI if isinstance(raw.get("multiValueHeaders"), Mapping) else _ALB
    if raw.get("version") == "2.0" and "http" in context:
        return _HTTP_2
    if context and "httpMethod" in raw and "path" in raw:
        return _REST
    if "serviceNetworkArn" in context:
        return _LATTICE_2
    if "raw_path" in raw and not context:
        return _LATTICE
    return _refuse("none of these")


def _refuse(what: str) -> NoReturn:
    raise ConfigurationError(_WANTED + what)


# -- the route ----------------------------------------------------------------------------------


def _route(template: str, path: str, stage: object) -> Sequence[str | None]:
    """Return the segments of the route that API Gateway has matched, for `Exclusions.match`; () without one.

    No template has the stage with which the path may begin. A path that does not fit its template matches no
    exclusion. Such a path may have a custom domain's base path or a decoded slash.
    """
    if not template.startswith("/"):
        return ()
    own, sent = [_parameter(each) for each in template.strip("/").split("/")], path.strip("/").split("/")
    if sent[0] == stage and _fits(own, sent[1:]):
        return [sent[0], *own]
    return own if _fits(own, sent) else (None,)


def _parameter(segment: str) -> str | None:
    if segment.startswith("{"):
        return REST if segment.endswith("+}") else None
    return segment


def _fits(own: Sequence[str | None], sent: Sequence[str]) -> bool:
    whole = own[-1] != REST
    fixed = own if whole else own[:-1]
    if len(sent) < len(own) or (whole and len(sent) > len(own)):
        return False
    return all(each in (None, part) for each, part in zip(fixed, sent, strict=False))


# -- headers ------------------------------------------------------------------------------------


def _headers(raw: Mapping[str, Any], kind: str) -> Callable[[str], list[str]]:
    """Return all values of a header, in any case. If the event has multi-value headers, only those are read.

    `headers` beside them has only the last value of each, so it hides duplicates.
    """
    several = kind != _HTTP_2 and raw.get("multiValueHeaders") is not None
    given: Mapping[Any, Any] = mapping(raw.get("multiValueHeaders" if several else "headers"))
    several = several or kind == _LATTICE_2
    cookies = raw.get("cookies") if kind == _HTTP_2 else None

    def header(name: str) -> list[str]:
        if name == "cookie" and cookies is not None:  # payload 2.0 has one string for each cookie
            return _values(cookies, several=True)
        if name == "content-length" and raw.get("body"):  # the handler gets the body, whatever a header says
            return [str(len(str(raw["body"])))]
        return [
            value
            for key, values in given.items()
            if isinstance(key, str) and key.lower() == name
            for value in _values(values, several=several)
        ]

    return header


def _values(value: Any, *, several: bool) -> list[str]:
    if value is None:
        return []
    if several and isinstance(value, list):
        return [each if isinstance(each, str) else _MALFORMED for each in value]
    return [value if isinstance(value, str) and not several else _MALFORMED]


# -- answers ------------------------------------------------------------------------------------


def content(answer: HTTPResponse, method: str) -> tuple[dict[str, str], str]:
    """Return headers and body of a response for a gateway to send.

    It adds the length, except for HEAD, whose response gives the length of GET's (RFC 9110 8.6, 9.3.2).
    """
    is_head = method == "HEAD"
    headers = {name: value for name, value in answer.headers if is_head or name != "content-length"}
    return headers, "" if is_head else answer.body.decode()


def respond(answer: HTTPResponse, call: Call) -> dict[str, Any]:
    """Return a response in the form of the event, for the function to return."""
    headers, body = content(answer, call.http_request.method)
    response: dict[str, Any] = {"statusCode": answer.status}
    if call.kind in (_ALB, _ALB_MULTI, _LATTICE, _LATTICE_2):
        response["statusDescription"] = f"{answer.status} {HTTPStatus(answer.status).phrase}"
    if call.kind == _ALB_MULTI:  # a load balancer that sends multi-value headers accepts no others
        response["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
    else:
        response["headers"] = headers
    response["body"] = body
    response["isBase64Encoded"] = False
    return response


def without_body(response: object, call: Call) -> dict[str, Any]:
    """Remove the body of a handler's response to a preflight, because a preflight has no principal.

    If it has no status, payload 2.0 uses the whole response as the body.
    """
    if not isinstance(response, dict) or "statusCode" not in response:
        return respond(HTTPResponse(200, (), b""), call)
    kept = {**response, "body": "", "isBase64Encoded": False}
    for name in ("headers", "multiValueHeaders"):
        if isinstance(kept.get(name), dict):
            kept[name] = {key: kept[name][key] for key in kept[name] if str(key).lower() != "content-length"}
    return kept


def marked(response: object, call: Call, marker: str | None) -> object:
    """Add the marker to the response if a `$connect` offered it and the handler selects no subprotocol.

    Browsers close a connection for which no offered subprotocol was selected (RFC 6455 4.1).
    """
    if marker not in call.http_request.subprotocols or not isinstance(response, dict):
        return response
    given = (response.get("headers"), response.get("multiValueHeaders"))
    names = {str(name).lower() for each in given for name in mapping(each)}
    if "sec-websocket-protocol" in names:
        return response
    return {**response, "headers": {**mapping(response.get("headers")), "Sec-WebSocket-Protocol": marker}}
