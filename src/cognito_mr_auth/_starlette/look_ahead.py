"""Finds the endpoint that a request will reach, before Starlette's router does.

This module follows routes, mounts, hosts and FastAPI's included routers. Where it is not certain, the
endpoint is neither public nor optional. A middleware between the guard and the router may still send the
request elsewhere, so a check in front of the router looks again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Host, Match, Mount, Route, Router, WebSocketRoute

from cognito_mr_auth._web.asgi_scope import read_request
from cognito_mr_auth._web.asgi_types import Receive, Scope, Send
from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth._web.exclusions import REST, unambiguous
from cognito_mr_auth._web.guard import Need, RequestGuard
from cognito_mr_auth._web.marks import last_opening
from cognito_mr_auth._web.state import OPENED, PRINCIPAL
from cognito_mr_auth.errors import CredentialsMissing

from .marks import Opened, opened

__all__ = ["LookAhead", "matched_route", "router_behind"]

Segments = tuple[str | None, ...]

# Layers that every application has. They pass a request on as it was received.
_OWN_LAYERS = frozenset(
    {
        "fastapi.middleware.asyncexitstack.AsyncExitStackMiddleware",
        "fastapi._body_limit.AppBodyLimitMiddleware",
        "fastapi.telemetry._asgi.ExceptionTelemetryMiddleware",
        "starlette.middleware.body_limit.RequestBodyLimitMiddleware",
        "starlette.middleware.errors.ServerErrorMiddleware",
        "starlette.middleware.exceptions.ExceptionMiddleware",
    }
)
_PLAIN = (Route, WebSocketRoute, Mount, Host)
_OF_FASTAPI = ("FastAPI", "APIRouter", "APIRoute", "APIWebSocketRoute")

# The route of a request where it is unknown. A parameter may match its first segment.
_ANYWHERE: Segments = (None,)
_UNKNOWN: Final = object()


def router_behind(app: Any) -> Router | None:
    """The router at the end of a chain of middleware; None where the chain cannot be followed.

    If a layer is not Starlette's or FastAPI's own, a `_RouterCheck` is put between the last layer and the
    router.
    """
    layer: Any = None
    all_own = True
    while app is not None and not isinstance(app, (Router, _RouterCheck)):
        layer, app = app, getattr(app, "app", None)
        all_own = all_own and _is_own(layer)
    if isinstance(app, _RouterCheck):
        return app.router
    if not isinstance(app, Router) or not _is_own(layer):
        return None
    if not all_own:
        layer.app = _RouterCheck(app)
    return app


class _RouterCheck:
    """A check in front of the router, because a look ahead cannot know where middleware sends a request."""

    def __init__(self, router: Router) -> None:
        self.router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, unless the mark of another endpoint has let it in.

        Raises:
            CredentialsMissing: the mark of another endpoint has let it in.
        """
        let_in_as = scope.get(OPENED, _UNKNOWN)  # a scope that was made anew has lost the guard's finding
        if (
            scope.get(PRINCIPAL) is None
            and let_in_as is not None
            and _look(self.router, scope, read_request(scope))[1] != let_in_as
        ):
            raise CredentialsMissing
        await self.router(scope, receive, send)


class LookAhead:
    """Looks ahead for the requests of one guard, except where the result cannot matter.

    Matching a request with the routes costs as much as the rest of the guard's work. So it is left out where
    no endpoint is open and no exclusion has the request's path.
    """

    def __init__(self, router: Router | None, guard: RequestGuard) -> None:
        self._router = router
        self._guard = guard
        # At that last opening and behind these routes: whether no endpoint was open. One value, because
        # several threads may look at once.
        self._seen: tuple[object, list[BaseRoute], bool] = (_UNKNOWN, [], False)

    def __call__(self, scope: Scope, request: HTTPRequest) -> tuple[HTTPRequest, Need | None]:
        """The request with the segments of its route, and what the route needs; None for a public one."""
        word: Opened | None = None
        if not self.all_closed(scope) or self._guard.excludes(request):
            segments, word = _look(self._router, scope, request)
            request = HTTPRequest(*request[:-1], segments)  # takes a third of the time of _replace()
        scope[OPENED] = scope.get(OPENED) or word  # an outer guard may have let it in for a mark
        if word is None:
            return request, "configured"
        return request, None if word == "public" else "optional"

    def all_closed(self, _scope: Scope) -> bool:
        """Whether no endpoint behind the router is open. It notices new routes and new marks."""
        if self._router is None:
            return True
        routes, opening, seen = self._router.routes, last_opening(), self._seen
        if opening is not seen[0] or routes != seen[1]:
            routes = [*routes]
            plain = [each for each in routes if isinstance(each, (Route, WebSocketRoute))]
            none_open = len(plain) == len(routes) and not any(opened(each.endpoint) for each in plain)
            self._seen = seen = (opening, routes, opening is None or none_open)
        return seen[2]


def _look(router: Router | None, scope: Scope, request: HTTPRequest) -> tuple[Segments, Opened | None]:
    """The route's segments and its endpoint's mark. An unknown route counts as closed."""
    if router is None or not _routes(scope.get("app"), router):
        return _ANYWHERE, None
    try:
        _, endpoint, segments = _find(router.routes, {**scope})
    except Exception:  # noqa: BLE001 - a convertor may raise anything; the router raises it again later
        return _ANYWHERE, None
    word = opened(endpoint)  # before the check of the path, because most endpoints have no mark
    if word is not None and not unambiguous(request.path, request.raw_path):
        word = None
    return segments or _ANYWHERE, word


def matched_route(scope: Scope) -> Segments:
    """The segments of the route that was chosen, or will be; `_ANYWHERE` where they are unknown."""
    endpoint: object = None
    segments: Segments = ()
    with suppress(Exception):  # the scope has no router, or a convertor raises
        _, endpoint, segments = _find(scope["app"].router.routes, {**scope})
    # Below a mounted router the application's own routes may match the path too. The chosen route does not
    # have the prefix that it was included with.
    chosen = scope.get("endpoint", endpoint)
    return segments if chosen is endpoint and endpoint is not None and segments else _ANYWHERE


def _routes(application: object, router: Router) -> bool:
    """Whether this router is the application's.

    Below a Mount, scope["app"] may be the outer application. Its routes are not the ones behind the
    middleware, so a public "/health" there would open the one here.
    """
    return getattr(application, "router", None) is router and _sees_through(router)


def _find(routes: Iterable[BaseRoute], scope: Scope) -> tuple[Match, object, Segments]:
    """The first full match as the router finds it: the endpoint, or None if it is unknown, and its segments.

    Without a full match, the segments of the first route that matches except for its method.
    """
    partial: Segments = ()
    for route in routes:
        kind: Any = route
        if not isinstance(route, _PLAIN):
            if (included := _included(route)) is not None:
                if not _is_included_as_it_stands(route):
                    return Match.FULL, None, ()
                found = _find(included, scope)
                if found[0] is Match.FULL:
                    return found
                partial = partial or found[2]
                continue
            kind = getattr(route, "original_route", route)
            if kind is not route and _matches_in_its_own_way(kind):
                return Match.FULL, None, ()
        match, child = route.matches(scope)
        if match is Match.NONE:
            continue
        if match is Match.FULL:
            return match, *_behind(route, kind, {**scope, **child})
        partial = partial or _segments(route)
    return Match.NONE, None, partial


def _behind(route: BaseRoute, kind: BaseRoute, scope: Scope) -> tuple[object, Segments]:
    """The endpoint of a route that matches, or the endpoint inside its mounted application."""
    if not isinstance(kind, _PLAIN) or not _is_the_frameworks(kind, "handle"):
        return None, _segments(route)  # unknown, because a foreign route may call anything
    if not isinstance(kind, (Mount, Host)):
        return getattr(route, "endpoint", None), _segments(route)
    outer = () if isinstance(kind, Host) else _segments(route)
    inner = _strip(getattr(route, "app", None))
    if not _sees_through(inner):  # the application decides everything below the mount's own segments
        return None, (*outer, REST) if outer else _ANYWHERE
    _, endpoint, rest = _find(inner.router.routes if isinstance(inner, Starlette) else inner.routes, scope)
    return endpoint, (*outer, *rest)


def _included(route: BaseRoute) -> list[BaseRoute] | None:
    """The routes of a router that FastAPI has included, each with `original_route`; None for a plain one.

    Since 0.137 FastAPI keeps an included router as one route. `iter_route_contexts` exists since 0.137.2.
    """
    contexts = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    return None if contexts is None or hasattr(route, "original_route") else list(contexts([route]))


def _is_included_as_it_stands(route: Any) -> bool:
    """Whether FastAPI's own routers, at each level, decide what an included router matches and calls."""
    router = getattr(route, "original_router", None)
    if router is None:
        return True
    nested = [each for each in router.routes if hasattr(each, "original_router")]
    return _is_the_frameworks(router, "matches", "handle") and all(map(_is_included_as_it_stands, nested))


def _matches_in_its_own_way(included: BaseRoute) -> bool:
    """Whether an included route's class has its own matching, which the contexts do not call."""
    return isinstance(included, Route) and not _is_the_frameworks(included, "matches")


def _segments(route: Any) -> Segments:
    """The segments of a route, as `Exclusions.match` takes them."""
    path = getattr(route, "path", None)
    return _segments_of(path) if isinstance(path, str) else ()


@lru_cache(1024)
def _segments_of(path: str) -> Segments:
    *leading, last = path.strip("/").split("/")
    rest = REST if last.startswith("{") and last.endswith(":path}") and "{" not in last[1:] else None
    named = tuple(None if "{" in each else each for each in leading)
    if "{" in last:
        return (*named, rest)
    return (*named, last) if last else named


# -- what can be followed -------------------------------------------------------------------------


def _sees_through(inner: object) -> bool:
    """Whether an application passes a request to its routes unchanged, as far as can be known.

    A middleware of its own may rewrite the request, and FastAPI replaces the root path.
    """
    if isinstance(inner, Starlette):
        return (
            not inner.user_middleware
            and not getattr(inner, "root_path", "")
            and _is_the_frameworks(inner, "__call__", "build_middleware_stack")
            and (inner.middleware_stack is None or _strip(inner.middleware_stack) is inner.router)
            and _sees_through(inner.router)
        )
    return (
        isinstance(inner, Router)
        and _is_the_frameworks(inner, "__call__", "app")
        and _strip(inner.middleware_stack) == inner.app
    )


def _strip(layer: Any) -> Any:
    """The application behind the layers that every application has."""
    while _is_own(layer):
        layer = layer.app
    return layer


def _is_own(layer: Any) -> bool:
    kind = type(layer)
    return f"{kind.__module__}.{kind.__qualname__}" in _OWN_LAYERS


def _is_the_frameworks(thing: Any, *methods: str) -> bool:
    """Whether Starlette or FastAPI wrote these methods, and no subclass or instance replaces them."""
    kind: Any = type(thing)
    return all(name not in vars(thing) and _is_inherited(kind, name) for name in methods)


@lru_cache(256)
def _is_inherited(kind: type, method: str) -> bool:
    fastapi = [sys.modules.get(f"fastapi.{name}") for name in ("applications", "routing")]
    named = [getattr(module, name, None) for module in fastapi for name in _OF_FASTAPI]
    own = getattr(kind, method, None)
    return any(own is getattr(host, method, None) for host in (Starlette, Router, *_PLAIN, *named))
