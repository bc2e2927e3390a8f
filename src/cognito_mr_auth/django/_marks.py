"""The marks on views: their policies, and which views are open.

Owns where a mark is stored, and which marks apply to a request. A policy applies wherever Django finds it,
also if it is inherited. An opening applies only to the view that Django calls, not to a subclass or another
method. The attribute is our own, because REST framework and the admin set `login_required` on views that are
not marked public.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import unwrap
from typing import Any, Final, Literal, NamedTuple

from cognito_mr_auth._web.marks import is_own
from cognito_mr_auth.policy import Policy

__all__ = ["MARK", "UNMARKED", "Mark", "mark_of", "set_mark"]

MARK: Final = "_cognito_mr_auth_mark"
"""The attribute of a view that holds its Mark; `functools.wraps` copies it."""
_MARKED: Final = "_cognito_mr_auth_marked"  # the mark of the view on which it was set

# Only these modules are known to run no code of the application before they call the method of a request.
_DISPATCHERS = frozenset({"django.views.generic.base", "rest_framework.views"})


class Mark(NamedTuple):
    """What decorators have set for a view. A policy of None requires any principal."""

    policies: tuple[Policy | None, ...] = ()
    word: Literal["optional", "public"] | None = None

    def joined(self, other: Mark) -> Mark:
        """Combine two marks. Any policy closes the view, and "optional" is stricter than "public"."""
        more = [each for each in other.policies if all(each is not own for own in self.policies)]
        word = "optional" if "optional" in (self.word, other.word) else self.word or other.word
        return Mark((*self.policies, *more), word)


UNMARKED: Final = Mark()


def set_mark(made: Any, view: object, mark: Mark) -> None:
    """Mark a view that was made from another view, and keep the other view's marks."""
    setattr(made, MARK, getattr(view, MARK, UNMARKED).joined(mark))
    setattr(made, _MARKED, made)


def mark_of(view: Callable[..., Any], method: str) -> Mark:
    """Return the mark of the view that Django has chosen for a request of this method."""
    found = UNMARKED
    for mark, own in _marks(view, method):
        if mark is not None:
            counted = mark if own else mark._replace(word=None)
            found = counted if found is UNMARKED else found.joined(counted)
    return found


def _marks(view: Any, method: str) -> Iterator[tuple[Mark | None, bool]]:
    """Yield each mark, and whether it was set on this very view and not on one that it was made from."""
    mine: Mark | None = getattr(view, MARK, None)
    own = mine is not None and is_own(view, getattr(view, _MARKED, None))
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)  # `cls`: REST framework's ViewSets
    if cls is None:
        yield mine, own
        return
    # `as_view` copies the attributes of `dispatch`, which may be inherited from a marked class.
    inherited = getattr(cls.dispatch, MARK, None)
    yield mine, own and (mine is not inherited or _is_own(cls, "dispatch", mine))
    # A class with two marked bases has the `dispatch` of the first, so the other marks are collected here.
    for each in cls.__mro__:
        yield getattr(vars(each).get("dispatch"), MARK, None), False
    name = _handler(view, cls, method)
    mark: Mark | None = getattr(getattr(cls, name, None), MARK, None)
    yield mark, _is_own(cls, name, mark) and unwrap(cls.dispatch).__module__ in _DISPATCHERS


def _is_own(cls: type, name: str, mark: Mark | None) -> bool:
    """Whether a method got its mark from its own class, not from an inherited method that it wraps.

    A class decorator such as Django's `method_decorator(..., name="get")` makes an inherited method one of
    the class's own, with all its attributes. Each decorator of ours makes a new Mark.
    """
    parents = [vars(each).get(name) for each in cls.__mro__[1:]]
    return name in vars(cls) and all(getattr(each, MARK, None) is not mark for each in parents)


def _handler(view: Any, cls: Any, method: str) -> str:
    """Return the name of the class's method that Django calls for a request; "" if there is none."""
    actions: dict[str, str] | None = getattr(view, "actions", None)
    names = actions or {each: each for each in cls.http_method_names if hasattr(cls, each)}
    name = method.lower()
    return names.get("get" if name == "head" and name not in names else name, "")
