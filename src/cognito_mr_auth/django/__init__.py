"""Authentication for Django: middleware, and decorators for views.

    MIDDLEWARE = [..., "cognito_mr_auth.django.CognitoAuthMiddleware"]
    COGNITO_AUTH = {"USER_POOL_ID": "us-west-2_EXAMPLE", "CLIENT_IDS": ["1example23456789"]}

    @require(policy.scopes("orders/read"))
    def orders(request): ...  # request.principal

Owns the public names. The guard of the setting COGNITO_AUTH decides which requests pass.
"""

from __future__ import annotations

try:
    import django  # noqa: F401 - the extra
except ImportError as _missing:
    raise ImportError(
        'cognito_mr_auth.django needs Django: pip install "cognito-mr-auth[django]"', name="django"
    ) from _missing

from cognito_mr_auth._web.user import CognitoUser

from ._middleware import CognitoAuthMiddleware
from ._requests import principal_of
from ._users import user_for
from ._views import ready
from ._words import optional, public, require

__all__ = [
    "CognitoAuthMiddleware",
    "CognitoUser",
    "optional",
    "principal_of",
    "public",
    "ready",
    "require",
    "user_for",
]
