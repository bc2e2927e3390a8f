"""aiohttp.CognitoAuth: `@auth.require(policy)` on a handler that answers every path and method."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from cognito_mr_auth import Verifier
from cognito_mr_auth.aiohttp import CognitoAuth

from . import Asker
from ._aiohttp import asker, who
from .client import Reached

WEBSOCKET = False


def build(verifier: Verifier, require: Any = None, **options: Any) -> Asker:
    """A handler that names its guard: neither `exclude` nor `optional` opens it."""
    reached = Reached()
    auth = CognitoAuth(verifier, **options)
    handler = auth.require(require)(who(reached))
    return asker(auth, lambda: [web.route("*", "/{path:.*}", handler)], reached)
