"""The marks on views: their policies, and which views are open.

Owns where a mark stands and which marks count for a request. A policy counts wherever Django finds it,
inherited ones too. An opening counts for the view that Django calls and for no other: not for a subclass, and
not for another method. The attribute is our own, because REST framework and the admin set `login_required` on
views of which nobody said that they are public.
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
_MARKED: Final = "_cognito_mr_auth_marked"  # that of the view which it was set on

# Only these are known to do nothing before they call the method of a request. A decorator around them is none
# of the application's code paths.
_DISPATCHERS = frozenset({"django.views.generic.base", "rest_framework.views"})


class Mark(NamedTuple):
    """What decorators have said of a view. A policy of None asks for any principal."""

    policies: tuple[Policy | None, ...] = ()
    word: Literal["optional", "public"] | None = None

    def joined(self, other: Mark) -> Mark:
        """Both. Any policy closes, and "optional" is stricter than "public"."""
        more = [each for each in other.policies if all(each is not own for own in self.policies)]
        word = "optional" if "optional" in (self.word, other.word) else self.word or other.word
        return Mark((*self.policies, *more), word)


UNMARKED: Final = Mark()


def set_mark(made: Any, view: object, mark: Mark) -> None:
    """Mark a view that was made of another one, whose marks it keeps."""
    setattr(made, MARK, getattr(view, MARK, UNMARKED).joined(mark))
    setattr(made, _MARKED, made)


def mark_of(view: Callable[..., Any], method: str) -> Mark:
    """What is said of the view that Django has chosen for a request of this method."""
    found = UNMARKED
    for mark, own in _marks(view, method):
        if mark is not None:
            counted = mark if own else mark._replace(word=None)
            found = counted if found is UNMARKED else found.joined(counted)
    return found


def _marks(view: Any, method: str) -> Iterator[tuple[Mark | None, bool]]:
    """Each mark, and whether it was set on this very view, rather than on one that it was made of."""
    mine: Mark | None = getattr(view, MARK, None)
    own = mine is not None and is_own(view, getattr(view, _MARKED, None))
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)  # REST framework's ViewSets
    if cls is None:
        yield mine, own
        return
    # `as_view` copies the attributes of `dispatch`, which may be inherited.
    inherited = getattr(cls.dispatch, MARK, None)
    yield mine, own and (mine is not inherited or _is_own(cls, "dispatch", mine))
    # A class with two of these as its bases has the first one's `dispatch`, and may have one of its own.
    for each in cls.__mro__:
        yield getattr(vars(each).get("dispatch"), MARK, None), False
    name = _handler(view, cls, method)
    mark: Mark | None = getattr(getattr(cls, name, None), MARK, None)
    yield mark, _is_own(cls, name, mark) and unwrap(cls.dispatch).__module__ in _DISPATCHERS


def _is_own(cls: type, name: str, mark: Mark | None) -> bool:
    """Whether a method has its mark from its class, and not from a parent's method that it wraps.

    A decorator of the class, such as Django's `method_decorator(..., name="get")`, makes the method that is
    inherited one of the class's own, with all its attributes. Each word makes a new Mark.
    """
    parents = [vars(each).get(name) for each in cls.__mro__[1:]]
    return name in vars(cls) and all(getattr(each, MARK, None) is not mark for each in parents)


def _handler(view: Any, cls: Any, method: str) -> str:
    """The name of the method of the class that Django calls for a request; "" for none."""
    actions: dict[str, str] | None = getattr(view, "actions", None)
    names = actions or {each: each for each in cls.http_method_names if hasattr(cls, each)}
    name = method.lower()
    return names.get("get" if name == "head" and name not in names else name, "")
