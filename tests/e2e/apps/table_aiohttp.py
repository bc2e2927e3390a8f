"""aiohttp, for the table of requests: a closed application, and handlers whose pool is out of reach."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import WSMsgType, web
from e2e.apps.settings import EXCLUDED, MARKER, READ, verifier

from cognito_mr_auth.aiohttp import CognitoAuth, principal_of

logging.basicConfig(level=logging.INFO)  # the access log

main = CognitoAuth(
    verifier("main"),
    protect_all=True,
    exclude=[*EXCLUDED, "/dark/*"],
    subprotocol=MARKER,
    close_at_expiry=True,
)
dark = CognitoAuth(verifier("dark"))


def said(request: web.Request) -> dict[str, Any]:
    """Who asks."""
    principal = principal_of(request)
    return {"subject": None if principal is None else principal.subject}


async def everything(request: web.Request) -> web.StreamResponse:
    """Any valid token, or an excluded path; over a WebSocket it says too which subprotocols there are."""
    socket = web.WebSocketResponse()
    if not socket.can_prepare(request):
        return web.json_response(said(request))
    await socket.prepare(request)
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    await socket.send_json({**said(request), "offered": [each for each in offered.split(", ") if each]})
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


def app(_arguments: list[str]) -> web.Application:
    """What `python -m aiohttp.web` calls."""
    found = web.Application()
    main.init_app(found)
    dark.init_app(found)
    found.router.add_get("/orders", main.require(READ)(everything))
    found.router.add_get("/dark/me", dark.require()(everything))
    found.router.add_route("*", "/{path:.*}", _anything)
    return found


async def _anything(request: web.Request) -> web.StreamResponse:
    # Not the function that the guards above have marked.
    return await everything(request)
