"""The URL of a guard's RFC 9728 document, if the guard is behind Django's routing.

Owns the view. The middleware serves its own document before any URL is resolved.
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
    """Return the pattern if the guard has such a document. Add it to the root of the project's URLs."""
    metadata = guard.metadata
    if metadata is None:
        return []

    # The challenge sends refused clients here, so it must be open where middleware or a login guards every
    # view.
    @login_not_required  # type: ignore[untyped-decorator, unused-ignore]
    @public
    def document(request: HttpRequest) -> HttpResponse:
        answer = metadata.answers.get(request.method or "")
        if answer is None:
            return HttpResponseNotAllowed(list(metadata.answers))
        return respond(answer, request.method)

    return [path(metadata.path.removeprefix("/"), document)]
