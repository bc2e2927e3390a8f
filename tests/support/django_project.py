"""A Django project for the tests of its adapter: settings of a test's own, and clients of both kinds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django.test
from django.test import override_settings

from .drivers.django_wsgi import configure

OURS = "cognito_mr_auth.django.CognitoAuthMiddleware"

configure()


@contextmanager
def project(*routes: Any, middleware: Any = (OURS,), auth: Any = None, **settings: Any) -> Iterator[None]:
    """A project of these routes. `auth` is its COGNITO_AUTH; Django's own records are left out."""
    requests = logging.getLogger("django.request")
    before, requests.disabled = requests.disabled, True
    given = {"MIDDLEWARE": list(middleware), "ROOT_URLCONF": routes, **settings}
    try:
        with override_settings(COGNITO_AUTH=auth or {}, **given):
            yield
    finally:
        requests.disabled = before


def ask(
    path: str = "/", method: str = "GET", *, asynchronous: bool = False, client: Any = None, **headers: str
) -> Any:
    """The response of one request; `headers` have underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if asynchronous:
        asker = client or django.test.AsyncClient(raise_request_exception=False)
        return asyncio.run(asker.generic(method, path, headers=named))
    asker = client or django.test.Client(raise_request_exception=False)
    return asker.generic(method, path, headers=named)
