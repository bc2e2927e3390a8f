"""Views that know the principal of their request."""

from django.http import HttpRequest, JsonResponse

from cognito_mr_auth import policy

from .auth import principal, require, verifier


def health(_request: HttpRequest) -> JsonResponse:
    """Open to everybody: the middleware excludes it."""
    return JsonResponse({"status": "ok"})


def ready(_request: HttpRequest) -> JsonResponse:
    """For a readiness probe: whether there are keys to verify tokens with."""
    yes = verifier.ready()
    return JsonResponse({"status": "pass" if yes else "fail"}, status=200 if yes else 503)


def me(request: HttpRequest) -> JsonResponse:
    """Any valid token."""
    found = principal(request)
    return JsonResponse({"subject": found.subject, "issuer": found.issuer.kind} if found else {})


@require(policy.scopes("orders/read"))
def orders(_request: HttpRequest) -> JsonResponse:
    """A token with the scope."""
    return JsonResponse({"orders": []})
