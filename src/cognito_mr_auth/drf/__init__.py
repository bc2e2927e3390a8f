"""Authentication for Django REST framework: an authentication class, and permissions made from policies.

    REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["cognito_mr_auth.drf.CognitoAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "EXCEPTION_HANDLER": "cognito_mr_auth.drf.exception_handler",
    }

Owns the public names. The guard of COGNITO_AUTH, or of a class made by `using`, decides which requests pass.
"""

from __future__ import annotations

try:
    import rest_framework  # noqa: F401 - the extra
except ImportError as _missing:
    raise ImportError(
        'cognito_mr_auth.drf needs Django REST framework: pip install "cognito-mr-auth[drf]"',
        name="rest_framework",
    ) from _missing

from ._answers import exception_handler, openapi_responses
from ._authentication import CognitoAuthentication, principal_of
from ._exceptions import AuthAPIException
from ._permissions import require

__all__ = [
    "AuthAPIException",
    "CognitoAuthentication",
    "exception_handler",
    "openapi_responses",
    "principal_of",
    "require",
]
