"""The responses to refused requests, and their description for drf-spectacular.

Owns the exception handler and the postprocessing hook, which a project names in its settings.
"""

from __future__ import annotations

from typing import Any, Final

from rest_framework.exceptions import NotAuthenticated

from cognito_mr_auth._web.openapi import SecurityScheme, complete
from cognito_mr_auth._web.state import MISSING
from cognito_mr_auth.django._requests import read, state
from cognito_mr_auth.errors import AuthError

from ._authentication import guard_of, is_ours
from ._exceptions import api_exception

__all__ = ["SCHEME", "exception_handler", "openapi_responses"]

SCHEME: Final = SecurityScheme(None, None, None)
"""The description of the token in an OpenAPI document."""


def exception_handler(exc: Exception, context: dict[str, Any]) -> Any:
    """Handle every AuthError, whoever raised it; pass all other exceptions to REST framework's handler.

    A request without a token that a view's permissions refuse gets the guard's response too, whichever
    authentication class comes first.
    """
    from rest_framework.response import Response  # imported here, because its views import this module
    from rest_framework.views import exception_handler as default

    request, view = context["request"], context["view"]
    if isinstance(exc, NotAuthenticated) and any(map(is_ours, request.authenticators)):
        if guard_of(request, view).is_preflight(read(request)):
            return Response(status=204)  # the view does not run, because it would run without a principal
        exc = state(request).get(MISSING, exc)
    if not isinstance(exc, AuthError):
        return default(exc, context)
    response = default(api_exception(exc, guard_of(request, view)), context)
    response["Cache-Control"] = "no-store"
    if exc.status == 503:  # as with all our Django responses, so that ADMINS get no mail for each request
        response._has_been_logged = True  # noqa: SLF001 - django.utils.log.log_response reads it
    return response


def openapi_responses(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:  # noqa: ARG001
    """A drf-spectacular postprocessing hook that adds the responses to refused requests to each operation."""
    complete(result, SCHEME, None)
    return result
