"""The verifier, the principal of a request, and a decorator for views that need more than a valid token."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from cognito_mr_auth import Principal, Verifier, errors, policy, wsgi

verifier = Verifier.from_env()
View = Callable[[HttpRequest], HttpResponse]


def _place(request: HttpRequest) -> Mapping[str, Any]:
    """Where the middleware has put its results: the scope under ASGI, the environ (META) under WSGI."""
    place: Mapping[str, Any] = getattr(request, "scope", request.META)
    return place


def principal(request: HttpRequest) -> Principal | None:
    """The principal of a request."""
    return wsgi.principal_of(_place(request))


def require(needed: policy.Policy) -> Callable[[View], View]:
    """Let only principals pass who meet the policy."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest) -> HttpResponse:
            try:
                wsgi.require(_place(request), needed)
            except errors.AuthError as error:
                answer = wsgi.response(_place(request), error)
                return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
            return view(request)

        return guarded

    return decorate
