"""What the marks on aiohttp's handlers say of the one that a request will reach; the segments of its route.

Owns how the registered handler is looked at. A guard counts through wrappers and for subclasses of a view; an
opening holds for the very handler, view or method that it marks (W3).
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

# What `{name:.*}` becomes at the end of a route's pattern: a parameter that takes the rest of the path.
_TAKES_THE_REST = (">.*)", ">.+)")


class Admit(Protocol):
    """Lets a request pass to its handler, by an AuthError does not, or gives the answer in its place."""

    def __call__(self, request: web.Request, /) -> Awaitable[web.StreamResponse | None]:
        """The answer to a preflight, for which no handler runs."""


def guarded(admit: Admit, view: ViewT) -> ViewT:
    """The handler, which asks `admit` before it runs; a view is changed in place.

    Raises:
        TypeError: for what is neither a function nor a view, or is open.
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

    # Asks for all guarded classes, because a view with two of them as its bases inherits this from the first.
    def asking(this: web.View) -> Generator[Any, None, web.StreamResponse]:
        for each in outer_guards(type(this)):
            passed_over: web.StreamResponse | None = yield from each(this.request).__await__()
            if passed_over is not None:
                return passed_over
        return (yield from unguarded(this))

    add_guard(view, admit)
    setattr(view, "__await__", asking)  # noqa: B010 - subclasses inherit it


def word(request: web.Request) -> Opened | None:
    """The word of the handler that this request will reach; of a view, its own or its method's."""
    handler: Any = request.match_info.handler  # the middleware's argument may be a partial
    found = opened(handler)
    # What dispatches in its own way may never come to the method. What a view inherits is not its own.
    if found is None and isinstance(handler, type) and _dispatches_as_usual(handler):
        found = opened(vars(handler).get(request.method.lower()))
    return found


def _dispatches_as_usual(handler: type) -> bool:
    return all(
        getattr(handler, name, None) is getattr(web.View, name, None) for name in ("__await__", "_iter")
    )


def segments(request: web.Request) -> Sequence[str | None]:
    """The segments of the route, as `Exclusions.match` takes them; none where there is no route."""
    resource = request.match_info.route.resource
    if resource is None:
        return ()
    if type(resource) not in (web.PlainResource, web.DynamicResource, web.StaticResource):
        return (None,)  # nobody knows what it matches
    parts = resource.canonical.strip("/").split("/")
    found = [None if "{" in part else part for part in parts]
    if type(resource) is web.StaticResource:
        return [*found, REST]
    pattern = getattr(resource.get_info().get("pattern"), "pattern", "")
    if re.fullmatch(r"\{\w+\}", parts[-1]) and pattern.endswith(_TAKES_THE_REST):
        found[-1] = REST
    return found
