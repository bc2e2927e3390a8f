"""aiohttp.CognitoAuth(protect_all=True): the application as a whole is guarded."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from cognito_mr_auth import Verifier
from cognito_mr_auth.aiohttp import CognitoAuth

from . import NEEDED, Asker
from ._aiohttp import asker, who
from .client import Reached

WEBSOCKET = False


def words(verifier: Verifier) -> Asker:
    """An application whose handlers say `public`, `optional`, `require`, or nothing."""
    reached = Reached()
    auth = CognitoAuth(verifier, protect_all=True)
    handlers = {
        "/public": auth.public(who(reached)),
        "/optional": auth.optional(who(reached)),
        "/required": auth.require(NEEDED)(who(reached)),
        "/private": who(reached),
    }
    return asker(auth, lambda: [web.get(path, handler) for path, handler in handlers.items()], reached)


def build(verifier: Verifier, **options: Any) -> Asker:
    """An application with no guard on its handler."""
    reached = Reached()
    auth = CognitoAuth(verifier, protect_all=True, **options)
    handler = who(reached)
    return asker(auth, lambda: [web.route("*", "/{path:.*}", handler)], reached)
