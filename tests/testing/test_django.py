"""The test kit for Django: a project with a fake user pool, and requests that have a principal."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory, SimpleTestCase
from django.urls import path
from support.django_project import project

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.django import principal_of, require
from cognito_mr_auth.django._settings import configured
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool
from cognito_mr_auth.testing.django import act_as, offline

POOL = FakeUserPool()
OF_THE_PROJECT = {"USER_POOL_ID": "us-west-2_EXAMPLE", "CLIENT_IDS": ["1example"], "PROTECT_ALL": True}


@require(policy.scopes("orders/read"))
def orders(request: HttpRequest) -> HttpResponse:
    """A guarded view."""
    return HttpResponse(request.principal.subject)


def test_a_project_takes_the_pools_tokens() -> None:
    """In place of its own pool; its other settings stay, unless the test changes them."""
    with project(path("orders", orders), auth=OF_THE_PROJECT):
        with offline(POOL):
            assert configured().protect_all
            client = Client(headers=POOL.headers(subject="me", scopes=["orders/read"]))
            assert client.get("/orders").content == b"me"
        with offline(POOL, "id", PROTECT_ALL=False):
            assert not configured().protect_all
            token = {"Authorization": f"Bearer {POOL.id_token()}"}
            assert Client(headers=token).get("/nothing").status_code == 404
        assert configured().guard.verifier.issuers[0].endswith("us-west-2_EXAMPLE")


def test_it_decorates_a_test_case() -> None:
    """As Django's own `override_settings`."""
    seen: list[Any] = []
    with project(path("orders", orders), auth=OF_THE_PROJECT):

        class Tests(SimpleTestCase):
            def test(self) -> None:
                seen.append(Client(headers=POOL.headers(scopes=["orders/read"])).get("/orders").status_code)

        result = unittest.TestResult()
        unittest.TestSuite([offline(POOL)(Tests)("test")]).run(result)
        assert result.wasSuccessful()
    assert seen == [200]


@pytest.mark.parametrize(
    "given", [Guard(POOL.offline_verifier()), f"{__name__}.GUARD"], ids=["it", "its path"]
)
def test_a_guards_settings_are_not_lost(given: Any) -> None:
    """No other verifier has them."""
    with project(auth={"VERIFIER": given}), pytest.raises(TypeError, match="in_environ"):
        offline(POOL)


GUARD = Guard(POOL.offline_verifier())


@pytest.mark.parametrize("factory", [RequestFactory(), AsyncRequestFactory()], ids=["wsgi", "asgi"])
def test_a_request_of_a_factory_gets_a_principal(verifier: Verifier, factory: Any) -> None:
    """The view's policy is asked of it."""
    with project(auth={"VERIFIER": verifier}):
        reader = POOL.principal(subject="me", scopes=["orders/read"])
        request = act_as(factory.get("/"), reader)
        assert principal_of(request) is request.principal is reader
        assert orders(request).content == b"me"
        assert orders(act_as(factory.get("/"), POOL.principal())).status_code == 403
        assert orders(act_as(factory.get("/"), None)).status_code == 401


@pytest.fixture
def in_a_project() -> Iterator[None]:
    """A project with a pool of its own, set up before the fixture that is tested."""
    with project(path("orders", orders), auth=OF_THE_PROJECT):
        yield


def test_the_fixture_gives_a_client(in_a_project: None, cognito_django_client: Any) -> None:
    """With a token of the test's own, for the project's own settings."""
    assert cognito_django_client(scopes=["orders/read"]).get("/orders").status_code == 200
    assert cognito_django_client().get("/orders").status_code == 403
    assert Client().get("/nothing").status_code == 401  # PROTECT_ALL
