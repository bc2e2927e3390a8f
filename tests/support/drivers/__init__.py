"""One way to put a request to every adapter: a driver per adapter, so that one table fits all.

A driver module has `build(verifier, require=None, **options)`, which gives a function from `Ask` to `Reply`.
The application behind the guard answers every path and method with 200 and, as JSON, the principal's subject
or null. `WEBSOCKET` says that its requests are WebSocket handshakes. `words(verifier)`, if the adapter has
marks for a route of a closed application, returns such a function for an application with four routes:
"/public", "/optional", "/required" and "/private".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from cognito_mr_auth import Verifier, policy

# Driver -> what it imports beyond the core (tests carry these as `needs` marks).
NEEDS: dict[str, tuple[str, ...]] = {
    "aiohttp": ("aiohttp",),
    "aiohttp_require": ("aiohttp",),
    "aiohttp_websocket": ("aiohttp",),
    "asgi": (),
    "asgi_require": (),
    "asgi_websocket": (),
    "chalice": ("chalice",),
    "chalice_require": ("chalice",),
    "edge": (),
    "fastapi": ("fastapi",),
    "fastapi_protect_all": ("fastapi",),
    "fastapi_require": ("fastapi",),
    "fastapi_websocket": ("fastapi",),
    "starlette": ("starlette",),
    "starlette_backend": ("starlette",),
    "starlette_websocket": ("starlette",),
    "django_asgi": ("django",),
    "django_middleware": ("django",),
    "django_middleware_async": ("django",),
    "django_require": ("django",),
    "django_require_async": ("django",),
    "django_wsgi": ("django",),
    "drf": ("django", "rest_framework"),
    "flask": ("flask",),
    "flask_async": ("asgiref", "flask"),
    "flask_protect_all": ("flask",),
    "litestar": ("litestar",),
    "litestar_require": ("litestar",),
    "litestar_websocket": ("litestar",),
    "grpc": ("grpc",),
    "grpc_aio": ("grpc",),
    "grpc_require": ("grpc",),
    "grpc_threads": ("grpc",),
    "lambda_require": (),
    "lambda_rest": (),
    "lambda_websocket": (),
    "ninja": ("django", "ninja"),
    "ninja_async": ("django", "ninja"),
    "powertools": ("aws_lambda_powertools",),
    "powertools_require": ("aws_lambda_powertools",),
    "mcp": ("mcp",),
    "wsgi": (),
    "wsgi_require": (),
}


class Ask(NamedTuple):
    """One request as it stands on the wire: header names as sent, values in latin-1, duplicates kept.

    `raw_path` is the path as sent where it differs from `path`.
    """

    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    path: str = "/"
    raw_path: str | None = None


class Reply(NamedTuple):
    """What the client gets. `reached`: the application ran; a WebSocket that opens has status 200.

    `headers` have lower-case names; the body of a WebSocket that opened is what the app said first.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    reached: bool

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


Asker = Callable[[Ask], Reply]

NEEDED = policy.scopes("a/b")
"""What the route "/required" of each `words` wants."""


def build(driver: str, verifier: Verifier, **options: Any) -> Asker:
    """The asker of one driver, by name."""
    made: Asker = import_module(f"support.drivers.{driver}").build(verifier, **options)
    return made
