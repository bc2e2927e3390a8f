"""Django under ASGI, behind the guard."""

import os

from django.core.asgi import get_asgi_application

from cognito_mr_auth.asgi import CognitoAuthMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django = get_asgi_application()

from .auth import verifier  # noqa: E402 - Django is set up before anything of the project is imported

application = CognitoAuthMiddleware(django, verifier, exclude=["/health", "/ready"])
