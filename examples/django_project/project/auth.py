"""The verifier, the principal of a request, a decorator for views, and the answer to what views raise."""

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


class AuthErrors:
    """Answers an AuthError that a view raises; Django would make 500 of it."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Nothing of its own."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The guard's answer, with its challenge."""
        if not isinstance(exception, errors.AuthError):
            return None
        answer = wsgi.response(_place(request), exception)
        return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))


def require(needed: policy.Policy) -> Callable[[View], View]:
    """Let only principals pass who meet the policy."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest) -> HttpResponse:
            wsgi.require(_place(request), needed)
            return view(request)

        return guarded

    return decorate
