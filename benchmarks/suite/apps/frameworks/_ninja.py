"""What django-ninja's applications share: one operation, authenticated by ours or by a constant.

Ninja wants Django's settings when it is imported.
"""

from __future__ import annotations

from typing import Any

from benchmarks.suite.apps._settings import Settings

from ._common import SOMEBODY
from ._django import application, configure


def guarded_app(settings: Settings, operation: Any, *, asgi: bool = False) -> Any:
    """With our authentication."""
    configure(settings)
    from cognito_mr_auth.ninja import CognitoAuth

    auth, api = CognitoAuth(), _api()
    auth.init_api(api)
    api.get("/orders", auth=auth)(operation)
    return application("", api.urls, asgi=asgi)


def constant_app(settings: Settings, operation: Any, *, asgi: bool = False) -> Any:
    """With one of ninja's kind that reads the header, and everybody is the same."""
    configure(settings)
    from ninja.security.http import HttpAuthBase

    class Constant(HttpAuthBase):
        openapi_scheme = "bearer"

        def __call__(self, request: Any) -> Any:
            return SOMEBODY if request.headers.get("Authorization") else None

    class AsyncConstant(Constant):
        async def __call__(self, request: Any) -> Any:
            return SOMEBODY if request.headers.get("Authorization") else None

    api = _api()
    api.get("/orders", auth=AsyncConstant() if asgi else Constant())(operation)
    return application("", api.urls, asgi=asgi)


def _api() -> Any:
    from ninja import NinjaAPI

    return NinjaAPI(openapi_url=None, docs_url=None)
