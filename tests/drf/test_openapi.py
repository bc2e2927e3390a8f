# ruff: noqa: E402 - see configure() below
"""drf._openapi: what drf-spectacular says of views that take our tokens."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.urls import path
from support.django_apis import project
from support.drivers.django_wsgi import configure

from cognito_mr_auth import Verifier, policy

configure()  # REST framework wants Django's settings while it is imported

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.validation import validate_schema
from rest_framework import permissions
from rest_framework.response import Response
from rest_framework.views import APIView

from cognito_mr_auth.drf import CognitoAuthentication, openapi_responses, require

READ, WRITE = policy.scopes("orders/read"), policy.scopes("orders/write")


def document(authentication: list[Any], allow: list[Any]) -> Any:
    """The document of a project with one view."""

    def get(self: Any, request: Any) -> Response:
        """No request comes here."""
        return Response()

    members = {"authentication_classes": authentication, "permission_classes": allow, "schema": AutoSchema()}
    kind = type("Orders", (APIView,), {**members, "get": get, "serializer_class": None})
    with project(path("orders", kind.as_view())):
        generator = SchemaGenerator(patterns=[path("orders", kind.as_view())])
        made = generator.get_schema(request=None, public=True)
    return openapi_responses(made, generator, None, True)


@pytest.fixture
def ours(verifier: Verifier) -> Any:
    """A class of its own: subclasses are found too."""
    return CognitoAuthentication.using(verifier)


SECURITY: dict[str, tuple[list[Any], list[Any]]] = {
    # permissions -> the operation's security
    "any principal": ([require()], [{"Cognito": []}]),
    "a scope": ([require(READ)], [{"Cognito": ["orders/read"]}]),
    "two classes": ([require(WRITE), require(READ)], [{"Cognito": ["orders/read", "orders/write"]}]),
    "combined": (
        [require(READ) & (require(WRITE) | permissions.IsAdminUser)],
        [{"Cognito": ["orders/read", "orders/write"]}],
    ),
    "REST framework's own": ([permissions.IsAuthenticated], [{"Cognito": []}]),
    "guests too": ([permissions.AllowAny], [{"Cognito": []}, {}]),
}


@pytest.mark.parametrize("version", ["3.0.3", "3.1.1"])
@pytest.mark.parametrize("row", SECURITY)
def test_an_operation_names_the_scheme_and_its_scopes(
    ours: Any, row: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document is valid, has the scheme, and the answers to those who may not pass."""
    allow, security = SECURITY[row]
    monkeypatch.setattr(spectacular_settings, "OAS_VERSION", version)
    made = document([ours], allow)
    validate_schema(made)
    operation = made["paths"]["/orders"]["get"]
    assert operation["security"] == security
    assert {"400", "401", "403", "503"} <= operation["responses"].keys()
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert made["components"]["securitySchemes"] == {"Cognito": scheme}


def test_an_open_view_says_nothing_of_it() -> None:
    """Neither the scheme nor the answers."""
    made = document([], [permissions.AllowAny])
    assert "Cognito" not in str(made)
    assert made["paths"]["/orders"]["get"]["responses"].keys() == {"200"}


def test_a_project_may_do_without_drf_spectacular() -> None:
    """Then nothing is imported for it."""
    with project(INSTALLED_APPS=["cognito_mr_auth.django"]):
        assert not apps.is_installed("drf_spectacular")
