"""django-ninja, in one file.

python -m cognito_mr_auth.testing --scope orders/read -- uvicorn --app-dir examples ninja_app:application
"""

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["cognito_mr_auth.django"],  # the system checks
)
application = get_asgi_application()

# ruff: noqa: E402 - the settings come first
from ninja import NinjaAPI

from cognito_mr_auth import policy
from cognito_mr_auth.django import ready
from cognito_mr_auth.ninja import CognitoAuth

auth = CognitoAuth()  # the pool comes from the COGNITO_ variables
api = NinjaAPI(auth=auth)
auth.init_api(api)


@api.get("/health", auth=None)
def health(request: HttpRequest) -> dict[str, str]:
    """Open to everybody."""
    return {"status": "ok"}


@api.get("/me")
async def me(request: HttpRequest) -> dict[str, str]:
    """Any valid token, because the API requires one."""
    return {"subject": request.auth.subject, "issuer": request.auth.issuer.kind}


@api.get("/orders", auth=auth.require(policy.scopes("orders/read")))
def orders(request: HttpRequest) -> dict[str, list[str]]:
    """A token with the scope."""
    return {"orders": []}


urlpatterns = [path("ready", ready), path("", api.urls)]
