"""What clients hear, and what drf-spectacular says that they hear.

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
"""What an OpenAPI document says of the token."""


def exception_handler(exc: Exception, context: dict[str, Any]) -> Any:
    """REST framework's own handler, for every AuthError as well, whoever raised it.

    A request without a token that a view's permissions refuse gets the guard's answer too, whichever
    authentication class is the first.
    """
    from rest_framework.response import Response  # both import the views, which import this module
    from rest_framework.views import exception_handler as default

    request, view = context["request"], context["view"]
    if isinstance(exc, NotAuthenticated) and any(map(is_ours, request.authenticators)):
        if guard_of(request, view).is_preflight(read(request)):
            return Response(status=204)  # the view is not run: it would run for anybody
        exc = state(request).get(MISSING, exc)
    if not isinstance(exc, AuthError):
        return default(exc, context)
    response = default(api_exception(exc, guard_of(request, view)), context)
    response["Cache-Control"] = "no-store"
    if exc.status == 503:  # as for every answer of Django's: not one mail to ADMINS for each request
        response._has_been_logged = True  # noqa: SLF001 - django.utils.log.log_response reads it
    return response


def openapi_responses(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:  # noqa: ARG001
    """A postprocessing hook of drf-spectacular: what those hear who may not pass, at each such operation."""
    complete(result, SCHEME, None)
    return result
