"""The marks on Flask's views: their guards, and which views are public.

Owns where marks are set and how those of the registered view are found, so that a decorator above
`@app.get`, which never sees the route, guards it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from flask import Response, current_app, request
from flask.views import MethodView

from cognito_mr_auth.policy import Policy

__all__ = ["OUTER_GUARDS", "OWN_GUARDS", "PUBLIC", "ViewGuard", "guards_of_view", "mark_view"]

# Attributes of a view: the guards that our wrapper enforces when it is called, the guards of wrappers around
# it, and the mark of a public view.
OWN_GUARDS = "_cognito_mr_auth_own_guards"
OUTER_GUARDS = "_cognito_mr_auth_outer_guards"
PUBLIC = "_cognito_mr_auth_public"


class ViewGuard(NamedTuple):
    """One requirement on a view: the function that checks it, and its policy, if any."""

    check: Callable[[Policy | None], Response | None]
    policy: Policy | None


def mark_view(view_guard: ViewGuard, view: object) -> None:
    """Mark a view, and all that it wraps, because any of them may be the registered one."""
    while view is not None:
        target = getattr(view, "__func__", view)  # a bound method takes no attributes
        if PUBLIC in vars(target):
            raise TypeError("a view cannot be both public and required")
        setattr(target, OUTER_GUARDS, (*getattr(target, OUTER_GUARDS, ()), view_guard))
        view = getattr(view, "__wrapped__", None)


def guards_of_view() -> tuple[list[ViewGuard], bool]:
    """The marks of the view that this request goes to, and whether it is public."""
    parts = list(_parts())
    view_guards = [
        view_guard
        for part in parts
        for name in (OWN_GUARDS, OUTER_GUARDS)
        for view_guard in getattr(part, name, ())
    ]
    # Only a class's own attribute counts, because a subclass of a public view is not public.
    return view_guards, any(PUBLIC in getattr(part, "__dict__", ()) for part in parts)


def _parts() -> Iterator[object]:
    """The registered view; of a class-based one the class and the method too."""
    if request.endpoint is None:  # nothing matches, or a redirect
        return
    view = current_app.view_functions[request.endpoint]
    yield view
    if hasattr(view, "view_class"):
        cls = view.view_class
        method = request.method.lower()
        if method == "head" and not hasattr(cls, method):
            method = "get"
        yield from (cls, cls.dispatch_request)
        if cls.dispatch_request is MethodView.dispatch_request:  # another may never come to the method
            yield getattr(cls, method, None)
