"""The URL of a guard's RFC 9728 document, for guards that stand behind Django's routing.

Owns the view. The middleware answers for itself, before any URL is resolved.
"""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path

from cognito_mr_auth._web.guard import RequestGuard

from ._requests import respond
from ._words import public

__all__ = ["document_urls"]


def document_urls(guard: RequestGuard) -> list[URLPattern]:
    """The pattern, if the guard has such a document. It belongs to the root of the project's URLs."""
    metadata = guard.metadata
    if metadata is None:
        return []

    # Whoever is refused is sent here, also where the middleware or a login guards every view.
    @login_not_required  # type: ignore[untyped-decorator, unused-ignore]
    @public
    def document(request: HttpRequest) -> HttpResponse:
        answer = metadata.answers.get(request.method or "")
        if answer is None:
            return HttpResponseNotAllowed(list(metadata.answers))
        return respond(answer, request.method)

    return [path(metadata.path.removeprefix("/"), document)]
