"""The middleware: Django's protocol around a `Visit`, sync and async in one class.

Owns the methods that Django calls. Under ASGI everything here runs on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from cognito_mr_auth.errors import AuthError

from ._requests import read, respond
from ._settings import configured
from ._steps import run_async, run_sync
from ._visits import VISIT, Visit

__all__ = ["CognitoAuthMiddleware"]


class CognitoAuthMiddleware:
    """Verify the token of every request, configured by the setting COGNITO_AUTH.

        MIDDLEWARE = [..., "cognito_mr_auth.django.CognitoAuthMiddleware"]

    `request.principal` is a Principal, or None for a request without a token. A bad token is refused. A
    missing token is refused if the view has `require`, and with PROTECT_ALL if the view has no mark.

    Raises:
        ConfigurationError, TypeError: a setting is invalid. The application does not start.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        guard = configured().guard
        guard.verifier  # noqa: B018 - the property raises, so the application does not start
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        else:
            guard.refuse_async_hooks()
        # Django runs a plain `process_view` in a thread under ASGI, and a coroutine on a new loop under WSGI.
        self.process_view: Callable[..., Any] = self._aview if self._is_async else self._view

    def __call__(self, request: HttpRequest) -> Any:
        """Serve one request. Under ASGI it returns a coroutine that does."""
        return self._acall(request) if self._is_async else self._call(request)

    def _call(self, request: HttpRequest) -> HttpResponse:
        visit = _visit(request)
        if not isinstance(visit, Visit):
            return visit
        if not visit.enter_known(request, "verify"):
            run_sync(visit.come_in(request))
        response = self.get_response(request)
        if not visit.decided:
            response = run_sync(visit.replace(request, response))
        return visit.finish(response)

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        visit = _visit(request)
        if not isinstance(visit, Visit):
            return visit
        if not visit.enter_known(request, "averify"):
            await run_async(visit.come_in(request))
        response = await self.get_response(request)
        if not visit.decided:
            response = await run_async(visit.replace(request, response))
        return visit.finish(response)

    # An exception in `process_view` would be 500, because Django calls no `process_exception` for it.

    def _view(self, request: HttpRequest, view: Any, *_: object) -> HttpResponse | None:
        return run_sync(vars(request)[VISIT].enter(request, view))

    async def _aview(self, request: HttpRequest, view: Any, *_: object) -> HttpResponse | None:
        return await run_async(vars(request)[VISIT].enter(request, view))

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the guard's response to an AuthError that a view raises."""
        if not isinstance(exception, AuthError):
            return None
        return respond(vars(request)[VISIT].configured.guard.response(exception), request.method)


def _visit(request: HttpRequest) -> Visit | HttpResponse:
    """Return a new visit, or the response to a request for the RFC 9728 document."""
    found, asked = configured(), read(request)
    document = found.guard.document(asked)
    return Visit(request, found, asked) if document is None else respond(document, asked.method)
