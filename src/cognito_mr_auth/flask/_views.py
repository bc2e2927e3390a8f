"""The marks on Flask's views: their guards, which views are open, and the segments of their routes.

Owns how the marks of the registered view are found, so that a decorator above `@app.get`, which never sees
the route, guards it as well. A guard is inherited and works through wrappers. An opening applies only to the
view that is called. `_web.marks` sets marks, and detects a copied mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from flask import Flask, Request, Response, current_app, request
from flask.views import MethodView, View
from werkzeug.routing import Rule

from cognito_mr_auth._web.exclusions import REST
from cognito_mr_auth._web.guard import Need
from cognito_mr_auth._web.marks import Opened, add_guard, mark_open, mark_wrapper, opened, outer_guards
from cognito_mr_auth.policy import Policy

__all__ = ["Enforce", "guarded", "guards_of_view", "here", "mark_view", "required", "segments"]

ViewT = TypeVar("ViewT", bound=Callable[..., Any])

# Attributes of a view: the guards that our wrapper enforces when it is called, and whether `as_view` made the
# view before it was marked.
_OWN_GUARDS = "_cognito_mr_auth_own_guards"
_OF_CLASS = "_cognito_mr_auth_marked_view_of_class"

# The syntax of werkzeug.routing, <converter(arguments):name>. No excluded path contains a parameter's value.
_PARAMETER = re.compile(r"<(?:(?P<converter>[a-zA-Z_]\w*)(?:\(.*?\))?:)?[a-zA-Z_]\w*>")
_ONE, _MANY = "<", ">"


Ask = Callable[[Flask, Request], Response | None]
"""Checks a request against a view's policy. Returns the response to a preflight, for which no view runs."""


class Enforce(Protocol):
    """Lets the request pass, or raises an AuthError."""

    def __call__(self, app: Flask, current: Request, policy: Policy | None, need: Need) -> Response | None:
        """Return the response to a preflight, for which no view runs."""


class _ViewGuard(NamedTuple):
    """One requirement on a view: the function that enforces it, and its policy, if any."""

    enforce: Enforce
    policy: Policy | None

    def ask(self, app: Flask, current: Request) -> Response | None:
        return self.enforce(app, current, self.policy, "required")


# -- setting marks --------------------------------------------------------------------------------


def required(enforce: Enforce, policy: Policy | None, view: ViewT) -> ViewT:
    """Return the view behind a guard. A class is changed in place.

    Raises:
        TypeError: the argument is not a view, or the view is open.
    """
    guard = _ViewGuard(enforce, policy)
    add_guard(view, guard)
    if isinstance(view, type):
        if not issubclass(view, View):
            raise TypeError("require() guards functions and subclasses of flask.views.View")
        view.decorators = [*view.decorators, partial(required, enforce, policy)]
        return cast("ViewT", view)
    made = guarded(guard.ask, view)
    setattr(made, _OWN_GUARDS, (*getattr(view, _OWN_GUARDS, ()), guard))
    return mark_wrapper(made)


def guarded(ask: Ask, view: ViewT) -> ViewT:
    """Return the view, which runs only if `ask` returns no response."""
    is_async = iscoroutinefunction(view)  # computed once, because `ensure_sync` computes it for each request

    @wraps(view)
    def asking(*args: Any, **kwargs: Any) -> Any:
        app, current = here()
        answer = ask(app, current)
        if answer is not None:
            return answer
        return (app.ensure_sync(view) if is_async else view)(*args, **kwargs)

    return cast("ViewT", asking)


def mark_view(word: Opened, view: ViewT) -> ViewT:
    """Mark a view as open. Raises TypeError if it is not a view, or has another mark already."""
    mark_open(word, view, each_method=True)
    if hasattr(view, "view_class"):
        setattr(view, _OF_CLASS, True)
    return view


# -- finding them ---------------------------------------------------------------------------------


def here() -> tuple[Flask, Request]:
    """Return the running application and its request, because an access by proxy costs a microsecond."""
    app, current = cast("Any", current_app), cast("Any", request)
    return app._get_current_object(), current._get_current_object()  # noqa: SLF001 - documented by Flask


def guards_of_view(app: Flask, current: Request) -> tuple[list[Ask], Need | None]:
    """Return the guards of the request's view, and what the view itself needs: None if it is public."""
    parts = _parts(app, current)
    guards = [
        guard.ask for part, _ in parts for guard in (*getattr(part, _OWN_GUARDS, ()), *outer_guards(part))
    ]
    if guards:
        return guards, "required"
    words = {_opened(part) for part, own in parts if own}
    if "optional" in words:
        return [], "optional"
    return [], None if "public" in words else "configured"


def _parts(app: Flask, current: Request) -> list[tuple[Any, bool]]:
    """Return the registered view; for a class-based view, the class and the method too.

    Each comes with whether it is the view's own, not inherited.
    """
    if current.endpoint is None:  # no route matches, or the router redirects
        return []
    view = app.view_functions[current.endpoint]
    parts: list[tuple[Any, bool]] = [(view, True)]
    cls = getattr(view, "view_class", None)
    if cls is not None:
        method = current.method.lower()
        if method == "head" and not hasattr(cls, method):
            method = "get"
        parts += [(cls, True), (cls.dispatch_request, "dispatch_request" in vars(cls))]
        if cls.dispatch_request is MethodView.dispatch_request:  # another may not call the method
            parts.append((getattr(cls, method, None), method in vars(cls)))
    return parts


def _opened(part: Any) -> Opened | None:
    """Return the mark of this very object. A class's attribute does not apply to its subclasses."""
    cls = getattr(part, "view_class", None)
    # A class's `decorators` are inherited by subclasses, and as_view names the class only after they run.
    inherited = cls is not None and not hasattr(part, _OF_CLASS) and "decorators" not in vars(cls)
    return None if inherited else opened(part)


def segments(rule: Rule | None) -> Sequence[str | None]:
    """Return the segments of a route for `Exclusions.match`; none if no route is known."""
    if rule is None:
        return ()
    converters = rule.map.converters

    def stand_in(found: re.Match[str]) -> str:
        return _ONE if converters[found["converter"] or "default"].part_isolating else _MANY

    parts = _PARAMETER.sub(stand_in, rule.rule).strip("/").split("/")
    return [REST if part == _MANY else None if _ONE in part or _MANY in part else part for part in parts]
