"""django-ninja under ASGI and WSGI, for the table of requests; a pool that is out of reach below /dark."""

from __future__ import annotations

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest
from django.urls import path
from e2e.apps.settings import READ, verifier

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, COGNITO_AUTH={"VERIFIER": verifier("main")})
app = get_asgi_application()
plain = get_wsgi_application()

# ruff: noqa: E402 - the settings come first
from ninja import NinjaAPI

from cognito_mr_auth.ninja import CognitoAuth, principal_of

Answer = dict[str, str | None]
auth, dark = CognitoAuth(), CognitoAuth(verifier("dark"))
api = NinjaAPI(auth=auth, openapi_url=None, docs_url=None)
auth.init_api(api)


@api.get("/health", auth=None)
def health(request: HttpRequest) -> Answer:
    """No token is looked at."""
    return {"subject": None}


@api.get("/static/{name}", auth=None)
def static(request: HttpRequest, name: str) -> Answer:
    """No token is looked at."""
    return {"subject": None}


@api.get("/orders", auth=auth.require(READ))
def orders(request: HttpRequest) -> Answer:
    """Needs the scope."""
    return who(request)


@api.get("/dark/me", auth=dark)
async def out_of_reach(request: HttpRequest) -> Answer:
    """A pool whose keys are not available."""
    return who(request)


@api.api_operation(["GET", "OPTIONS"], "/{path:rest}")
async def everything(request: HttpRequest, rest: str) -> Answer:
    """Any valid token."""
    return who(request)


def who(request: HttpRequest) -> Answer:
    """Who asks."""
    principal = principal_of(request)
    return {"subject": None if principal is None else principal.subject}


urlpatterns = [path("", api.urls)]
