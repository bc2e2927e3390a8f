"""Django under WSGI, behind the guard."""

import os

from django.core.wsgi import get_wsgi_application

from cognito_mr_auth.wsgi import CognitoAuthMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django = get_wsgi_application()

from .auth import verifier  # noqa: E402 - Django is set up before anything of the project is imported

application = CognitoAuthMiddleware(django, verifier, exclude=["/health", "/ready"])
