"""Django's requests and responses, to and from what the guard reads and answers.

Owns where a request keeps what a guard has found: the WSGI environ (META), or the ASGI scope. A guard around
Django has left its principal in the same place.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from cognito_mr_auth._web.asgi_scope import read_request as read_scope
from cognito_mr_auth._web.bearer import HTTPRequest, HTTPResponse
from cognito_mr_auth._web.state import REQUIRED, Default, principal_in
from cognito_mr_auth._web.wsgi_environ import read_request
from cognito_mr_auth.principal import Principal

__all__ = ["principal_of", "read", "respond", "state", "vary"]

_ADVICE = "list cognito_mr_auth.django.CognitoAuthMiddleware in MIDDLEWARE"


def read(request: HttpRequest) -> HTTPRequest:
    """The request as the guard reads it, under WSGI and ASGI; also one that wraps Django's, as DRF's does.

    Path and method are those that Django routes, which middleware in front may have changed. Django writes
    every method in capitals; where the guard knows better, it is as it was sent.
    """
    asked = read_request(request.META)
    method, raw_path, header = asked.method, asked.raw_path, asked.header
    if hasattr(request, "scope"):
        sent = read_scope(request.scope)
        method, raw_path = sent.method, sent.raw_path

        # Several lines of cookies, as HTTP/2 has them (RFC 9113 8.2.3), Django joins with a comma.
        def header(name: str) -> Sequence[str]:
            return (sent if name == "cookie" else asked).header(name)

    if method.upper() != request.method:
        method = request.method
    return HTTPRequest(method, request.path_info, raw_path, header)


def state(request: HttpRequest) -> MutableMapping[str, Any]:
    """Where a guard leaves what it has found (see `_web.state`): no client can write there."""
    found: MutableMapping[str, Any] = getattr(request, "scope", request.META)
    return found


def principal_of(request: HttpRequest, default: Default = REQUIRED) -> Principal | Default | None:
    """The principal of a request; None if it was let through without a token.

    Raises:
        LookupError: no guard has looked at it, and there is no `default`.
    """
    return principal_in(state(request), default, _ADVICE)


def respond(answer: HTTPResponse, method: str | None = None) -> HttpResponse:
    """The guard's answer as Django's response; that to a HEAD has no body.

    Django logs a 503 as an ERROR, and mails it to ADMINS, for each request of an outage. The library's own
    records say once that it has begun.
    """
    body = b"" if method == "HEAD" else answer.body  # Django's handler cuts it off in its test client alone
    response = HttpResponse(body, status=answer.status, headers=dict(answer.headers))
    if answer.status == 503:
        response._has_been_logged = True  # noqa: SLF001 - django.utils.log.log_response reads it
    return response


def vary(response: HttpResponse, names: str) -> None:
    """Keep Django's cache, and others, from giving one principal's response to another (RFC 9111 4.1).

    `names` are the request's headers that may hold a token.
    """
    present = response.headers.get("Vary")
    if present is None:
        response.headers["Vary"] = names
    elif present != names:
        patch_vary_headers(response, names.split(", "))
