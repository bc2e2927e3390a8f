"""The marks on the aiohttp handler that a request will reach, and the segments of its route.

Owns how the registered handler is inspected. A guard works through wrappers and for subclasses of a view. An
opening applies only to the very handler, view or method that is marked (W3).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Generator, Sequence
from functools import wraps
from inspect import isawaitable
from typing import Any, Protocol, TypeVar, cast

from aiohttp import web

from cognito_mr_auth._web.exclusions import REST
from cognito_mr_auth._web.marks import Opened, add_guard, mark_wrapper, opened, outer_guards

from ._requests import request_in

__all__ = ["Admit", "guarded", "segments", "word"]

ViewT = TypeVar("ViewT", bound=Callable[..., Any])

# The end of a route's pattern for `{name:.*}`, a parameter that matches the rest of the path.
_TAKES_THE_REST = (">.*)", ">.+)")


class Admit(Protocol):
    """Lets a request reach its handler, raises an AuthError, or returns a response in its place."""

    def __call__(self, request: web.Request, /) -> Awaitable[web.StreamResponse | None]:
        """Return the response to a preflight, for which no handler runs."""


def guarded(admit: Admit, view: ViewT) -> ViewT:
    """Return the handler, which calls `admit` before it runs. A view class is changed in place.

    Raises:
        TypeError: the argument is neither a function nor a view, or it is open.
    """
    given: object = view
    if not callable(given) or (isinstance(given, type) and not issubclass(given, web.View)):
        raise TypeError("require() guards functions, subclasses of web.View, and their methods")
    if isinstance(view, type):
        _guard_class(view, admit)
        return cast("ViewT", view)
    add_guard(view, admit)

    @wraps(view)
    async def asking(*args: Any, **kwargs: Any) -> Any:
        passed_over = await admit(request_in((*args, *kwargs.values())))
        if passed_over is not None:
            return passed_over
        said = view(*args, **kwargs)
        return await said if isawaitable(said) else said

    return cast("ViewT", mark_wrapper(asking))


def _guard_class(view: type[web.View], admit: Admit) -> None:
    unguarded = view.__await__

    # Runs the guards of all guarded base classes, because a view with two of them inherits the first
    # `__await__`.
    def asking(this: web.View) -> Generator[Any, None, web.StreamResponse]:
        for each in outer_guards(type(this)):
            passed_over: web.StreamResponse | None = yield from each(this.request).__await__()
            if passed_over is not None:
                return passed_over
        return (yield from unguarded(this))

    add_guard(view, admit)
    setattr(view, "__await__", asking)  # noqa: B010 - subclasses inherit it


def word(request: web.Request) -> Opened | None:
    """Return the mark of the handler that this request will reach; for a view, its own or its method's."""
    handler: Any = request.match_info.handler  # the middleware's argument may be a partial
    found = opened(handler)
    # A view that dispatches in its own way may never call the method. An inherited mark does not apply.
    if found is None and isinstance(handler, type) and _dispatches_as_usual(handler):
        found = opened(vars(handler).get(request.method.lower()))
    return found


def _dispatches_as_usual(handler: type) -> bool:
    return all(
        getattr(handler, name, None) is getattr(web.View, name, None) for name in ("__await__", "_iter")
    )


def segments(request: web.Request) -> Sequence[str | None]:
    """Return the segments of the route for `Exclusions.match`; none if there is no route."""
    resource = request.match_info.route.resource
    if resource is None:
        return ()
    if type(resource) not in (web.PlainResource, web.DynamicResource, web.StaticResource):
        return (None,)  # this kind of resource may match any path
    parts = resource.canonical.strip("/").split("/")
    found = [None if "{" in part else part for part in parts]
    if type(resource) is web.StaticResource:
        return [*found, REST]
    pattern = getattr(resource.get_info().get("pattern"), "pattern", "")
    if re.fullmatch(r"\{\w+\}", parts[-1]) and pattern.endswith(_TAKES_THE_REST):
        found[-1] = REST
    return found
