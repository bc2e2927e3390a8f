"""The view for readiness probes.

Owns nothing but its place in Django; what it answers is `_web.readiness`'.
"""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse

from cognito_mr_auth._web.readiness import answer

from ._requests import respond
from ._settings import guard
from ._words import public

__all__ = ["ready"]


@public
def ready(request: HttpRequest, *, providers: Collection[str] = (), details: bool = False) -> HttpResponse:
    """A view for readiness probes, which is `public`: `path("ready", ready)`.

    It answers 200 `{"status": "pass"}`, or 503 `{"status": "fail"}`: what `Verifier.ready(*providers)` says.
    `details` adds what `Verifier.health` says, for a port that strangers do not reach. Both come from the
    route: `path("ready", ready, {"details": True})`.

    Raises:
        ConfigurationError: for a pool that the verifier does not have.
    """
    return respond(answer(guard().verifier, request.method, providers, details=details), request.method)


login_not_required(ready)  # LoginRequiredMiddleware would redirect probes
