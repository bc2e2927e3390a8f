"""Tests of a Django project: settings with a fake user pool, and requests that already have a principal.

    @offline(pool)
    class OrderTests(TestCase):
        def test_orders(self):
            client = Client(headers=pool.headers(scopes=["orders/read"]))
            self.assertEqual(client.get("/orders").status_code, 200)

Owns what only Django's tests need. With pytest, the fixture `cognito_django_client` does both.
"""

from __future__ import annotations

from typing import Unpack

from django.http import HttpRequest
from django.test import override_settings

from cognito_mr_auth._web.state import GUARD, PRINCIPAL
from cognito_mr_auth.django._requests import state
from cognito_mr_auth.django._settings import NAME, OF_THE_VERIFIER, guard, loaded, read_settings
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.pool import TokenUse
from cognito_mr_auth.principal import Principal

from ._options import DjangoKeys
from ._pool import FakeUserPool

__all__ = ["act_as", "offline"]


def offline(
    pool: FakeUserPool, token_use: TokenUse = "access", **keys: Unpack[DjangoKeys]
) -> override_settings:
    """Return Django's `override_settings`, in which the pool's keys replace the project's verifier.

    Use it as a `with` block, or on a function or a TestCase. The other keys of COGNITO_AUTH stay, and `keys`
    change them.

    Raises:
        TypeError: the project's VERIFIER is a Guard, whose settings no other verifier has. Such a project
            uses `FakeUserPool.in_environ()`.
    """
    given = read_settings()
    if isinstance(loaded("VERIFIER", given.get("VERIFIER")), Guard):
        raise TypeError(
            "COGNITO_AUTH names a Guard, whose settings would be lost: use FakeUserPool.in_environ()"
        )
    kept = {name: value for name, value in given.items() if name not in OF_THE_VERIFIER}
    return override_settings(**{NAME: {**kept, "VERIFIER": pool.offline_verifier(token_use), **keys}})


def act_as(request: HttpRequest, principal: Principal | None) -> HttpRequest:
    """Return the request as if the middleware had found this principal. RequestFactory runs no middleware.

    Views with `require` check their policies against it.
    """
    request.principal = principal
    state(request).update({PRINCIPAL: principal, GUARD: guard()})
    return request
