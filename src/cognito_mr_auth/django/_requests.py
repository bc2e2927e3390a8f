"""Converts Django's requests for the guard, and the guard's responses for Django.

Owns where a request stores what a guard has found: the WSGI environ (META), or the ASGI scope. A guard that
wraps Django stores its principal in the same place.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from cognito_mr_auth._web.asgi_scope import read_request as read_scope
from cognito_mr_auth._web.bearer import HTTPRequest, HTTPResponse, Sources
from cognito_mr_auth._web.state import REQUIRED, Default, principal_in
from cognito_mr_auth._web.wsgi_environ import read_request
from cognito_mr_auth.principal import Principal

__all__ = ["principal_of", "read", "replaces_csrf_token", "respond", "state", "vary"]

# RFC 9110 9.2.1: methods for which Django checks no CSRF token.
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_ADVICE = "list cognito_mr_auth.django.CognitoAuthMiddleware in MIDDLEWARE"


def read(request: HttpRequest) -> HTTPRequest:
    """Convert the request for the guard, under WSGI and ASGI. It may wrap Django's, as DRF's does.

    Path and method are those that Django routes, which other middleware may have changed. Django converts
    every method to upper case. If the guard has the original method, that one is used.
    """
    asked = read_request(request.META)
    method, raw_path, header = asked.method, asked.raw_path, asked.header
    if hasattr(request, "scope"):
        sent = read_scope(request.scope)
        method, raw_path = sent.method, sent.raw_path

        # Django joins several Cookie lines, which HTTP/2 allows (RFC 9113 8.2.3), with a comma.
        def header(name: str) -> Sequence[str]:
            return (sent if name == "cookie" else asked).header(name)

    if method.upper() != request.method:
        method = request.method
    return HTTPRequest(method, request.path_info, raw_path, header)


def state(request: HttpRequest) -> MutableMapping[str, Any]:
    """Return the mapping where a guard stores its result (see `_web.state`). No client can write there."""
    found: MutableMapping[str, Any] = getattr(request, "scope", request.META)
    return found


def principal_of(request: HttpRequest, default: Default = REQUIRED) -> Principal | Default | None:
    """Return the principal of a request; None if the request passed without a token.

    Raises:
        LookupError: no guard checked the request, and no `default` is given.
    """
    return principal_in(state(request), default, _ADVICE)


def respond(answer: HTTPResponse, method: str | None = None) -> HttpResponse:
    """Convert the guard's response to Django's. The response to a HEAD request has no body.

    For each 503 in an outage, Django would log an ERROR and mail it to ADMINS. The library logs the start of
    an outage once, so that is switched off.
    """
    body = b"" if method == "HEAD" else answer.body  # Django's handler removes it only in its test client
    response = HttpResponse(body, status=answer.status, headers=dict(answer.headers))
    if answer.status == 503:
        response._has_been_logged = True  # noqa: SLF001 - django.utils.log.log_response reads it
    return response


def replaces_csrf_token(asked: HTTPRequest, sources: Sources) -> bool:
    """Whether a page of another site cannot have caused this unsafe request, whose token is valid.

    No page can send Authorization, and the Origin was checked for a cookie with an unsafe method. Any other
    header may come from a proxy, which may have copied a cookie of its own, as load balancers do.
    """
    header = sources.header
    sent_by_no_page = header == "authorization" or not asked.header(header)
    return sent_by_no_page and asked.method not in _SAFE


def vary(response: HttpResponse, names: str) -> None:
    """Add Vary, so that caches do not give one principal's response to another (RFC 9111 4.1).

    `names` are the request headers that may hold a token.
    """
    present = response.headers.get("Vary")
    if present is None:
        response.headers["Vary"] = names
    elif present != names:
        patch_vary_headers(response, names.split(", "))
