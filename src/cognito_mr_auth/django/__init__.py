"""Authentication for Django: middleware, and words for views."""

from __future__ import annotations

try:
    import django  # noqa: F401 - the extra
except ImportError as error:
    raise ImportError(
        'cognito_mr_auth.django needs Django: pip install "cognito-mr-auth[django]"', name="django"
    ) from error

from cognito_mr_auth._web.user import CognitoUser

from ._requests import principal_of

__all__ = ["CognitoUser", "principal_of"]
