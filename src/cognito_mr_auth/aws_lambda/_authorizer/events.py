"""Reads the events of authorizers: the kind of an event, and its request.

Owns the forms of events. Values that a client chose (headers, cookies, query, token) never decide the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth.aws_lambda._raw_event import mapping, raw_event
from cognito_mr_auth.errors import ConfigurationError, RequestMalformed

from .arn import NOWHERE, MethodArn

__all__ = ["HTTP", "KINDS", "REST", "Kind", "Request", "TokenLocation", "detect", "read", "unwrap"]

Kind = Literal["rest-token", "rest-request", "http-1.0", "http-2.0", "websocket", "appsync", "iot"]
"""The kinds of events."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""The kinds of authorizer events, which are the values of `kind=`."""
REST: Final = frozenset({"rest-token", "rest-request"})
HTTP: Final = frozenset({"http-1.0", "http-2.0"})

_UNKNOWN = "the event is not of a known kind of authorizer"


class TokenLocation(NamedTuple):
    """Where the token is: the header that holds it, and the text that AppSync's clients put around it."""

    header: str = "authorization"
    prefix: str = ""
    suffix: str = ""


class Request(NamedTuple):
    """The content of an event: the request, the method's ARN (not for AppSync and IoT), the cache key.

    `identity` has the values of API Gateway's cache key, if the event has them. `route_key` is the one of an
    HTTP API ("GET /orders/{id}").
    """

    http_request: HTTPRequest
    arn: MethodArn = NOWHERE
    identity: Sequence[str] = ()
    route_key: str = ""

    def __repr__(self) -> str:
        """Show no value that a client sent, because one of them is its token."""
        return "Request()"


def unwrap(event: Any) -> Mapping[str, Any]:
    """Return the event as JSON data. It may be one of Powertools' event classes.

    Raises:
        ConfigurationError: the event is not a JSON object.
    """
    raw = raw_event(event)
    if not isinstance(raw, Mapping):
        raise ConfigurationError(_UNKNOWN)
    return raw


def detect(event: Mapping[str, Any]) -> str:
    """Return the kind of an event, one of KINDS.

    Raises:
        ConfigurationError: the event is of no known kind.
    """
    context = mapping(event.get("requestContext"))
    if event.get("type") == "TOKEN":
        return "rest-token"
    if event.get("type") == "REQUEST":
        return _request_kind(event, context)
    if "authorizationToken" in event and "queryString" in context:
        return "appsync"
    if "protocolData" in event:
        return "iot"
    raise ConfigurationError(_UNKNOWN)


def _request_kind(event: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    version = event.get("version")
    if version == "2.0":
        return "http-2.0"
    # A path may end with "/$connect", too, but only a WebSocket's ARN has nothing else after its stage.
    if context.get("eventType") == "CONNECT" or MethodArn.parse(event.get("methodArn")).rest == "$connect":
        return "websocket"
    return "http-1.0" if version == "1.0" else "rest-request"


def read(event: Mapping[str, Any], kind: str, location: TokenLocation) -> Request:
    """Return the request of an event of that kind.

    Raises:
        ConfigurationError: the event is not of that kind.
        RequestMalformed: the token is not in the form that `location` describes.
    """
    return _READERS[kind](event, location)


# -- one reader for each kind -------------------------------------------------------------------


def _rest_token(event: Mapping[str, Any], location: TokenLocation) -> Request:
    value = event.get("authorizationToken")
    return Request(_only(location.header, value), MethodArn.parse(event.get("methodArn")))


def _rest_request(event: Mapping[str, Any], _location: TokenLocation) -> Request:
    arn = MethodArn.parse(event.get("methodArn"))
    return Request(_http_request(event, _method(arn, event.get("httpMethod"))), arn)


def _http_1(event: Mapping[str, Any], location: TokenLocation) -> Request:
    # Values joined with commas, which no token contains.
    identity = _texts(event.get("identitySource"))
    route_key = mapping(event.get("requestContext")).get("routeKey")
    return _rest_request(event, location)._replace(identity=identity, route_key=str(route_key))


def _http_2(event: Mapping[str, Any], _location: TokenLocation) -> Request:
    http = mapping(mapping(event.get("requestContext")).get("http"))
    cookies = _texts(event.get("cookies"))
    arn = MethodArn.parse(event.get("routeArn"))
    http_request = _http_request(event, _method(arn, http.get("method")))
    headers = http_request.header

    def header(name: str) -> Sequence[str]:
        # Payload 2.0 has the cookies outside of the headers.
        return ["; ".join(cookies)] if name == "cookie" and cookies else headers(name)

    identity = _texts(event.get("identitySource"))
    return Request(http_request._replace(header=header), arn, identity, str(event.get("routeKey")))


def _websocket(event: Mapping[str, Any], _location: TokenLocation) -> Request:
    http_request = _http_request(event, "GET")
    offered = http_request.header("sec-websocket-protocol")
    names = tuple(name.strip() for line in offered for name in line.split(","))
    http_request = http_request._replace(websocket=True, subprotocols=names)
    return Request(http_request, MethodArn.parse(event.get("methodArn")))


def _appsync(event: Mapping[str, Any], location: TokenLocation) -> Request:
    value = event.get("authorizationToken")
    if not isinstance(value, str):
        return Request(_only(location.header, None))
    stripped = value.removeprefix(location.prefix).removesuffix(location.suffix)
    if len(value) - len(stripped) != len(location.prefix) + len(location.suffix):
        raise RequestMalformed("the token stands without the prefix and suffix that are configured")
    return Request(_only(location.header, stripped))


def _iot(event: Mapping[str, Any], location: TokenLocation) -> Request:
    data = mapping(event.get("protocolData"))
    if "protocolData" not in event:
        raise ConfigurationError(_UNKNOWN)
    if isinstance(event.get("token"), str):  # AWS IoT has extracted the token itself
        return Request(_only(location.header, event["token"]))
    http = mapping(data.get("http"))
    in_headers = _lookup(http.get("headers"), location.header)
    found = [*in_headers, *_password(mapping(data.get("mqtt")).get("password"))]

    def header(name: str) -> Sequence[str]:
        return found if name == location.header else ()

    return Request(HTTPRequest("", "", "", header, query=lambda name: _in_query_string(http, name)))


_READERS: Mapping[str, Callable[[Mapping[str, Any], TokenLocation], Request]] = {
    "rest-token": _rest_token,
    "rest-request": _rest_request,
    "http-1.0": _http_1,
    "http-2.0": _http_2,
    "websocket": _websocket,
    "appsync": _appsync,
    "iot": _iot,
}


# -- the parts of events ------------------------------------------------------------------------


def _method(arn: MethodArn, given: object) -> object:
    """Return the request's method; None if it differs from the ARN's verb, to which the response applies."""
    return given if arn.verb in (None, given) else None


def _texts(value: Any) -> list[str]:
    """Return the strings of a string or an array; anything else is no credential."""
    members = value if isinstance(value, (list, tuple)) else [value]
    return [each for each in members if isinstance(each, str) and each]


def _lookup(headers: object, name: str) -> list[str]:
    """Return all values of a header, single or several, whatever the case of its name."""
    found: list[str] = []
    for key, value in mapping(headers).items():
        if key.lower() == name:
            found += _texts(value)
    return found


def _only(header: str, value: object) -> HTTPRequest:
    """Return a request for an event that has only one header's value."""
    values = _texts(value)
    return HTTPRequest("", "", "", lambda name: values if name == header else ())


def _http_request(event: Mapping[str, Any], method: object) -> HTTPRequest:
    """Return a request with headers and query, and every repeated value if the event has it."""

    def header(name: str) -> Sequence[str]:
        several = _lookup(event.get("multiValueHeaders"), name)
        return several or _lookup(event.get("headers"), name)

    def query(name: str) -> Sequence[str]:
        several = mapping(event.get("multiValueQueryStringParameters")).get(name)
        return _texts(several) or _texts(mapping(event.get("queryStringParameters")).get(name))

    return HTTPRequest(method if isinstance(method, str) else "", "", "", header, query=query)


def _in_query_string(http: Mapping[str, Any], name: str) -> Sequence[str]:
    from urllib.parse import parse_qs  # a slow import, and only IoT's query is an unparsed string

    text = http.get("queryString")
    if not isinstance(text, str):
        return ()
    try:
        return parse_qs(text.removeprefix("?"), max_num_fields=100).get(name, ())
    except ValueError:
        pass
    raise RequestMalformed("the query is malformed")


def _password(value: object) -> list[str]:
    """Return MQTT's password, in which MQTT clients send a token. AWS IoT encodes it in base64."""
    from binascii import Error, a2b_base64

    if not isinstance(value, str) or not value:
        return []
    try:
        return [a2b_base64(value, strict_mode=True).decode("ascii")]
    except (Error, ValueError):
        pass
    raise RequestMalformed("the MQTT password is not a token")
