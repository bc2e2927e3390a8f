"""The view for readiness probes.

Owns only Django's part; `_web.readiness` makes the response.
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
    """A `public` view for readiness probes: `path("ready", ready)`.

    It answers 200 `{"status": "pass"}` or 503 `{"status": "fail"}`, as `Verifier.ready(*providers)` decides.
    `details` adds what `Verifier.health` returns. Use it only on a port that the public cannot reach. Set
    both arguments in the route: `path("ready", ready, {"details": True})`.

    Raises:
        ConfigurationError: the verifier does not have a pool of `providers`.
    """
    return respond(answer(guard().verifier, request.method, providers, details=details), request.method)


login_not_required(ready)  # LoginRequiredMiddleware would redirect probes
