"""The marks and guards of Litestar's route handlers, and the path that leads to them.

Owns marks on route handlers, which are objects and not the functions that they call, and the class of our
guards. Litestar copies handlers when it registers them, and copies routers and controllers with everything in
them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count
from threading import Lock
from typing import Any, Final, Literal, NamedTuple, Self, TypeVar
from urllib.parse import unquote

from litestar import Controller
from litestar.connection import ASGIConnection
from litestar.handlers import ASGIRouteHandler, BaseRouteHandler
from litestar.routes import BaseRoute, HTTPRoute
from litestar.utils import normalize_path
from litestar.utils.sync import AsyncCallable

from cognito_mr_auth._web.asgi_scope import route_path
from cognito_mr_auth._web.asgi_types import Scope
from cognito_mr_auth._web.exclusions import REST
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.policy import Policy

__all__ = ["Requirement", "Word", "mark", "path_of", "refuse_cached", "requirements", "segments", "word_of"]

Word = Literal["public", "optional"]
HandlerT = TypeVar("HandlerT", bound=BaseRouteHandler)

_MARK: Final = "cognito_mr_auth.mark"
_serials, _lock = count(), Lock()


class Requirement:
    """A Litestar guard that requires a principal which the policy accepts."""

    def __init__(
        self, ask: Callable[[Scope, Policy | None], Awaitable[object]], policy: Policy | None
    ) -> None:
        self._ask = ask
        self.policy = policy

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler
    ) -> None:
        """Raise AuthError for a connection that is refused."""
        await self._ask(connection.scope, self.policy)  # type: ignore[arg-type]

    def __deepcopy__(self, _memo: object) -> Self:
        """Return itself, because a copy would have its own verifier."""
        return self


class _Mark(NamedTuple):
    """The mark of one handler. All copies of the handler have the same number."""

    word: Word
    number: int


def mark(word: Word, handler: HandlerT) -> HandlerT:
    """Mark a route handler as open, to everybody or to guests.

    Raises:
        TypeError: the argument is not a route handler, or it has another mark.
    """
    if not isinstance(handler, BaseRouteHandler):
        raise TypeError(f"{word} marks route handlers: put it above @get, @websocket and the like")
    if any(isinstance(each, Requirement) for each in handler.guards or ()):
        raise TypeError(f"a route handler cannot have both a guard of require() and @{word}")
    before = handler.opt.get(_MARK)
    if before is not None and before.word != word:
        raise TypeError("a route handler cannot be both public and optional")
    with _lock:
        handler.opt[_MARK] = _Mark(word, next(_serials))
    return handler


def word_of(handler: BaseRouteHandler) -> Word | None:
    """Return the mark of a registered handler. A mark that a controller inherits does not apply (W3)."""
    found = handler.opt.get(_MARK)
    if not isinstance(found, _Mark):
        return None
    function: Any = handler.fn
    while isinstance(function, AsyncCallable):
        function = function.func
    controller = getattr(function, "__self__", None)
    if isinstance(controller, Controller):
        own = [each for each in vars(type(controller)).values() if isinstance(each, BaseRouteHandler)]
        if not any(each.opt.get(_MARK) == found for each in own):
            return None
    return found.word


def requirements(guards: Iterable[object]) -> list[Requirement]:
    """Return our guards among a handler's guards."""
    return [each for each in guards if isinstance(each, Requirement)]


def refuse_cached(route: BaseRoute, method: Callable[..., object]) -> None:
    """Raise ConfigurationError if Litestar would cache what this method provides for all later requests."""
    of_route: Any = route  # only HTTP routes have several handlers
    handlers = of_route.route_handlers if isinstance(route, HTTPRoute) else [of_route.route_handler]
    for handler in handlers:
        for name, provide in handler.resolve_dependencies().items():
            if provide.use_cache and getattr(provide.dependency, "__func__", None) is method:
                raise ConfigurationError(
                    f"Provide(use_cache=True) of {name!r} gives everybody the principal of the first caller"
                )


# -- where a request leads ------------------------------------------------------------------------


def path_of(scope: Scope) -> str:
    """Return the decoded path below the application's root as it was sent; Litestar's router has replaced it.

    If the server does not give it, return the router's path; none for a mount, because the router shows it
    only the rest. Return none also if the router has read another path. It removes the root wherever the path
    contains it, and earlier middleware may have changed the path.
    """
    is_mount, routed = _is_mount(scope["route_handler"]), scope["path"]
    raw: bytes | None = scope.get("raw_path")
    if not raw:
        return "" if is_mount else routed
    path = route_path(unquote(raw.partition(b"?")[0].decode("latin-1")), scope.get("root_path") or "")
    sent = normalize_path(path)
    same = sent.endswith(routed.rstrip("/")) if is_mount else sent == routed
    return path if same else ""


def segments(scope: Scope) -> Sequence[str | None]:
    """Return the segments of the route for `Exclusions.match`; one parameter for a mount."""
    if _is_mount(scope["route_handler"]):
        return (None,)
    found: list[str | None] = []
    for part in scope["path_template"].strip("/").split("/"):
        if not part.startswith("{"):
            found.append(part)
            continue
        # Only a parameter of the type "path" begins with a slash; it matches the rest of the path.
        value = str(scope["path_params"].get(part.strip("{}"), ""))
        found.append(REST if value.startswith("/") else None)
    return found


def _is_mount(handler: object) -> bool:
    return isinstance(handler, ASGIRouteHandler) and handler.is_mount
