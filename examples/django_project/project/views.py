"""Views that know the principal of their request."""

from django.http import HttpRequest, JsonResponse

from cognito_mr_auth import policy
from cognito_mr_auth.django import public, require


@public
def health(_request: HttpRequest) -> JsonResponse:
    """Open to everybody."""
    return JsonResponse({"status": "ok"})


async def me(request: HttpRequest) -> JsonResponse:
    """Any valid token, because the settings say PROTECT_ALL."""
    principal = request.principal
    return JsonResponse({"subject": principal.subject, "issuer": principal.issuer.kind})


@require(policy.scopes("orders/read"))
def orders(_request: HttpRequest) -> JsonResponse:
    """A token with the scope."""
    return JsonResponse({"orders": []})
