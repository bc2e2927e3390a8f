"""Enforces the guards of a request's handler, in order, and sends the guard's responses.

Owns when the guard is called, and whether a response has begun when an error occurs. The guard decides which
requests pass.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from cognito_mr_auth._runtime.refusals import record, settle
from cognito_mr_auth._web.asgi_types import POLICY_VIOLATION
from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth._web.guard import Need, RequestGuard
from cognito_mr_auth._web.marks import outer_guards
from cognito_mr_auth._web.preflight import ANSWER
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.policy import Policy

from . import _handlers, _sockets
from ._requests import STATE, leave, principal_of, read, respond, without_body

__all__ = ["Enforcement", "Handler"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Keys of a request's state: the policies that its principal has met, and the response that is being sent.
_PASSED, _BEGUN = "passed", "begun"


class Enforcement:
    """The parts that all applications of one CognitoAuth share: the middleware, and the check of handlers."""

    def __init__(self, guard: RequestGuard, *, protect_all: bool) -> None:
        self._guard = guard
        self._protect_all = protect_all

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve one request."""
        found = request.setdefault(STATE, {})
        if self._enter_known(request, found):
            try:
                return await handler(request)
            except AuthError as error:
                return await self._refuse(error, found.get(_BEGUN))
        guard, asked = self._guard, read(request)
        if (document := guard.document(asked)) is not None:
            return respond(document)
        try:
            passed_over = await self._enter(request, asked)
            if passed_over is not None:
                return passed_over
            shown = _sockets.without_token(request, asked, guard) if asked.websocket else request
            said = await handler(shown)
        except AuthError as error:
            return await self._refuse(error, found.get(_BEGUN))
        finally:
            if asked.websocket:
                await _sockets.end(request, guard)
        return without_body(said) if guard.is_preflight(asked) else said

    async def preparing(self, request: web.Request, response: web.StreamResponse) -> None:
        """Run by aiohttp before it sends a response."""
        if STATE not in request:  # aiohttp answers `Expect` before any middleware runs
            return
        if isinstance(response, web.WebSocketResponse):
            _sockets.opens(request, response, self._guard)
        request[STATE][_BEGUN] = response

    def _enter_known(self, request: web.Request, found: dict[Any, Any]) -> bool:
        """Whether the token of an HTTP request is known, where nothing else decides; then it has passed."""
        header = self._guard.deciding_header
        if header is None or not self._protect_all or "Upgrade" in request.headers:
            return False
        handler = request.match_info.handler
        if _handlers.word(request) is not None or outer_guards(handler):
            return False
        values = [value.encode("utf-8", "surrogatepass") for value in request.headers.getall(header.name, ())]
        principal = self._guard.known("averify", values, found)
        if principal is None:
            return False
        leave(request, principal, self._guard)
        found[_PASSED] = {(self, None)}
        return True

    async def _enter(self, request: web.Request, asked: HTTPRequest) -> web.StreamResponse | None:
        """Enforce the handler's marks and `protect_all`. Return the response to a preflight."""
        word = _handlers.word(request)
        if word == "public":
            leave(request, principal_of(request, None))
        elif word == "optional":
            await self._enforce(request, asked, None, "optional")
        elif self._protect_all:
            # A route of every method would run its handler for the preflight, without a principal.
            if self._guard.is_preflight(asked) and request.match_info.route.method != "OPTIONS":
                return respond(ANSWER)
            if self._guard.asks_for_route:
                asked = asked._replace(route=_handlers.segments(request))
            await self._enforce(request, asked, None, "configured")
        for admit in outer_guards(request.match_info.handler):
            passed_over: web.StreamResponse | None = await admit(request)
            if passed_over is not None:
                return passed_over
        return None

    async def admit(self, request: web.Request, policy: Policy | None) -> web.StreamResponse | None:
        """Enforce a handler's own guard. Return the response to a preflight, for which no handler runs."""
        if STATE not in request:
            raise RuntimeError("this CognitoAuth does not know the running application: call init_app(app)")
        asked = read(request)
        if self._guard.is_preflight(asked):
            return respond(ANSWER)
        await self._enforce(request, asked, policy, "required")
        return None

    async def _enforce(
        self, request: web.Request, asked: HTTPRequest, policy: Policy | None, need: Need
    ) -> None:
        """Find the principal and check the policy, each once per request."""
        found = request[STATE]
        passed: set[object] = found.setdefault(_PASSED, set())
        if (self, policy) in passed:
            return
        principal = await self._guard.averify(asked, policy, need=need, behind=found)
        leave(request, principal, self._guard)
        if principal is not None:
            passed |= {(self, None), (self, policy)}

    async def _refuse(self, error: AuthError, begun: web.StreamResponse | None) -> web.StreamResponse:
        """Respond to an error. An open socket is closed, and a response that has begun is cut off."""
        if begun is None:
            return respond(self._guard.response(error))
        if not isinstance(begun, web.WebSocketResponse):
            record(error, self._guard.outcomes)
            raise error
        settle(error, self._guard.outcomes)
        await begun.close(code=POLICY_VIOLATION)
        return begun
