"""The marks on Flask's views: their guards, which views are open, and the segments of their routes.

Owns where marks are set and how those of the registered view are found, so that a decorator above
`@app.get`, which never sees the route, guards it as well. A guard is inherited and seen through wrappers; an
opening holds for the view that is called, and for no other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, MethodType
from typing import Any, Literal, NamedTuple, cast

from flask import Flask, Request, Response, current_app, request
from flask.views import MethodView
from werkzeug.routing import Rule

from cognito_mr_auth._runtime.hooks import require_sync
from cognito_mr_auth._web.exclusions import REST
from cognito_mr_auth._web.guard import Need
from cognito_mr_auth.policy import Policy

__all__ = [
    "ViewGuard",
    "check_policy",
    "guards_of_view",
    "here",
    "mark_open",
    "mark_view",
    "mark_wrapper",
    "segments",
]

# Attributes of a view: the guards that our wrapper enforces when it is called, the guards of wrappers around
# it, and the mark of an open view.
_OWN_GUARDS = "_cognito_mr_auth_own_guards"
_OUTER_GUARDS = "_cognito_mr_auth_outer_guards"
_OPENED = "_cognito_mr_auth_opened"

# As werkzeug.routing reads them: <converter(arguments):name>. What stands in for them is in no excluded path.
_PARAMETER = re.compile(r"<(?:(?P<converter>[a-zA-Z_]\w*)(?:\(.*?\))?:)?[a-zA-Z_]\w*>")
_ONE, _MANY = "<", ">"


class ViewGuard(NamedTuple):
    """One requirement on a view: the function that checks it, and its policy, if any."""

    check: Callable[[Policy | None], Response | None]
    policy: Policy | None


class _Opened(NamedTuple):
    """What opens a view, on what it was written, and the class, if that was made by `as_view`."""

    word: Literal["public", "optional"]
    view: object
    view_class: type | None


def check_policy(policy: Policy | None) -> None:
    """Raises TypeError for what is no policy, such as the view of an uncalled decorator."""
    if callable(policy):
        raise TypeError(
            "require() takes a policy: call it, as in @auth.require(); policy.check() makes one of a function"
        )
    require_sync(policy)


# -- setting marks --------------------------------------------------------------------------------


def mark_view(view_guard: ViewGuard, view: object) -> None:
    """Mark a view, and all that it wraps, because any of them may be the registered one."""
    while view is not None:
        target = getattr(view, "__func__", view)  # a bound method takes no attributes
        if _OPENED in vars(target):
            raise TypeError(f"a view cannot be both {vars(target)[_OPENED].word} and required")
        before: tuple[ViewGuard, ...] = getattr(target, _OUTER_GUARDS, ())
        if view_guard not in before:  # Flask-RESTful's `method_decorators` are applied for each request
            setattr(target, _OUTER_GUARDS, (*before, view_guard))
        view = getattr(view, "__wrapped__", None)


def mark_wrapper(view_guard: ViewGuard, wrapper: object, view: object) -> None:
    """Mark our own wrapper. `wraps` copied the view's marks, and what guards that from outside is not its."""
    setattr(wrapper, _OWN_GUARDS, (*getattr(view, _OWN_GUARDS, ()), view_guard))
    setattr(wrapper, _OUTER_GUARDS, ())


def mark_open(word: Literal["public", "optional"], view: object) -> None:
    """Mark a view as open. Raises TypeError for what is no view, or says otherwise already."""
    if not callable(view) or isinstance(view, MethodType):
        raise TypeError(f"{word} marks functions and View classes, and takes nothing else")
    if getattr(view, _OWN_GUARDS, ()) or getattr(view, _OUTER_GUARDS, ()):
        raise TypeError(f"a view cannot be both {word} and required")
    before: _Opened | None = getattr(view, "__dict__", {}).get(_OPENED)
    if before is not None and before.word != word:
        raise TypeError(f"a view cannot be both {before.word} and {word}")
    setattr(view, _OPENED, _Opened(word, view, getattr(view, "view_class", None)))


# -- finding them ---------------------------------------------------------------------------------


def here() -> tuple[Flask, Request]:
    """The running application and its request, not their proxies: a question to one costs a microsecond."""
    app, current = cast("Any", current_app), cast("Any", request)
    return app._get_current_object(), current._get_current_object()  # noqa: SLF001 - documented by Flask


def guards_of_view(app: Flask, current: Request) -> tuple[list[ViewGuard], Need | None]:
    """The guards of the view that this request goes to, and the view's own word: None for a public one."""
    parts = list(_parts(app, current))
    view_guards = [
        view_guard
        for part, _ in parts
        for name in (_OWN_GUARDS, _OUTER_GUARDS)
        for view_guard in getattr(part, name, ())
    ]
    if view_guards:
        return view_guards, "required"
    words = {mark.word for part, own in parts if own and (mark := _opening(part)) is not None}
    if "optional" in words:
        return [], "optional"
    return [], None if words else "configured"


def _parts(app: Flask, current: Request) -> Iterator[tuple[Any, bool]]:
    """The registered view; of a class-based one the class and the method too.

    With each, whether it is the view's own, and not inherited.
    """
    if current.endpoint is None:  # nothing matches, or a redirect
        return
    view = app.view_functions[current.endpoint]
    yield view, True
    if hasattr(view, "view_class"):
        cls = view.view_class
        method = current.method.lower()
        if method == "head" and not hasattr(cls, method):
            method = "get"
        yield cls, True
        yield cls.dispatch_request, "dispatch_request" in vars(cls)
        if cls.dispatch_request is MethodView.dispatch_request:  # another may never come to the method
            yield getattr(cls, method, None), method in vars(cls)


def _opening(part: Any) -> _Opened | None:
    """What opens this very part. A class's attribute does not count for its subclasses."""
    mark: _Opened | None = getattr(part, "__dict__", {}).get(_OPENED)
    # What functools.wraps() makes is a function. A partial or a copied instance has another's mark.
    if mark is None or (not isinstance(part, (FunctionType, MethodType)) and mark.view is not part):
        return None
    cls = getattr(part, "view_class", None)
    # Written in a class's `decorators`, which subclasses inherit: as_view names the class only afterwards.
    inherited = cls is not None and mark.view_class is None and "decorators" not in vars(cls)
    return None if inherited else mark


def segments(rule: Rule | None) -> Sequence[str | None]:
    """The segments of a route as `Exclusions.match` takes them; none if no route is known."""
    if rule is None:
        return ()
    converters = rule.map.converters

    def stand_in(found: re.Match[str]) -> str:
        return _ONE if converters[found["converter"] or "default"].part_isolating else _MANY

    parts = _PARAMETER.sub(stand_in, rule.rule).strip("/").split("/")
    return [REST if part == _MANY else None if _ONE in part or _MANY in part else part for part in parts]
