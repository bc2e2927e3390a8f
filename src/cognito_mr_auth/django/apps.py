"""The Django application: `INSTALLED_APPS = [..., "cognito_mr_auth.django"]` runs the system checks.

It also registers the authentication class with drf-spectacular.
"""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.core import checks

from ._checks import check_deployment, check_settings

__all__ = ["CognitoAuthConfig"]


class CognitoAuthConfig(AppConfig):  # type: ignore[misc] # Django has no types
    """Registers the checks; there are no models."""

    name = "cognito_mr_auth.django"
    label = "cognito_mr_auth"
    verbose_name: str = "Cognito authentication"

    def ready(self) -> None:
        """Register the checks that `manage.py check`, `runserver`, `migrate` and `test` run."""
        checks.register(check_settings, checks.Tags.security)
        checks.register(check_deployment, checks.Tags.security, deploy=True)
        if self.apps.is_installed("drf_spectacular"):
            # drf-spectacular finds an extension by its import, which must come after the applications.
            import_module("cognito_mr_auth.drf._openapi")
