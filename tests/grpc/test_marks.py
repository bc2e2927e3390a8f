"""grpc: the marks `public`, `optional` and `require` on a servicer's methods, and what has a copy of one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from cognito_mr_auth import policy
from cognito_mr_auth._web.marks import opened, required
from cognito_mr_auth.grpc import optional, public, require

SCOPES, GROUPS = policy.scopes("a/b"), policy.groups("ops")


def logged(method: Any) -> Any:
    """A decorator as users write them, and as interceptors wrap behaviours."""

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return wrapper


class Base:
    """A servicer of which others are made."""

    @public
    def inherited(self, request: Any, context: Any) -> None: ...

    @public
    def overridden(self, request: Any, context: Any) -> None: ...

    @require(SCOPES)
    def needed(self, request: Any, context: Any) -> None: ...


class Servicer(Base):
    """Its methods say it all."""

    @public
    def open(self, request: Any, context: Any) -> None: ...

    @optional
    async def for_guests(self, request: Any, context: Any) -> None: ...

    @logged
    @public
    def below(self, request: Any, context: Any) -> None: ...

    @public
    @logged
    def above(self, request: Any, context: Any) -> None: ...

    def overridden(self, request: Any, context: Any) -> None: ...

    @require(SCOPES)
    @require(GROUPS)
    def both(self, request: Any, context: Any) -> None: ...

    @classmethod
    @public
    def of_the_class(cls, request: Any, context: Any) -> None: ...

    @staticmethod
    @public
    def static(request: Any, context: Any) -> None: ...

    def unmarked(self, request: Any, context: Any) -> None: ...


class Called:
    """An object that is called, with another's mark."""

    def __call__(self, request: Any, context: Any) -> None: ...


def copied() -> Any:
    """An object to which functools has copied a mark."""
    return functools.update_wrapper(Called(), Servicer.open)


SERVICER = Servicer()

FOUND: dict[str, tuple[Callable[[], Any], str | None]] = {
    "public": (lambda: SERVICER.open, "public"),
    "optional": (lambda: SERVICER.for_guests, "optional"),
    "below another decorator": (lambda: SERVICER.below, "public"),
    "above another decorator": (lambda: SERVICER.above, "public"),
    "of the class": (lambda: SERVICER.of_the_class, "public"),
    "static": (lambda: SERVICER.static, "public"),
    "a function": (lambda: public(lambda request, context: None), "public"),
    "wrapped by an interceptor": (lambda: logged(SERVICER.open), "public"),
    "required": (lambda: SERVICER.both, "required"),
    "required, wrapped": (lambda: logged(SERVICER.both), "required"),
    "required, inherited": (lambda: SERVICER.needed, "required"),
    "inherited": (lambda: SERVICER.inherited, None),
    "inherited, wrapped": (lambda: logged(SERVICER.inherited), None),
    "the parent's own": (lambda: Base().inherited, "public"),
    "overridden": (lambda: SERVICER.overridden, None),
    "borrowed": (lambda: Servicer.open.__get__(Base()), None),
    "a partial": (lambda: functools.partial(Servicer.open, None), None),
    "a partial with a copied mark": (
        lambda: functools.update_wrapper(functools.partial(Servicer.open, None), Servicer.open),
        None,
    ),
    "an object with a copied mark": (copied, None),
    "unmarked": (lambda: SERVICER.unmarked, None),
    "an object": (Called, None),
}


@pytest.mark.parametrize("row", FOUND)
def test_a_mark_holds_for_that_method(row: str) -> None:
    """W3: an opening holds for the very method; a requirement is inherited, because it only closes."""
    make, word = FOUND[row]
    behavior = make()
    assert (opened(behavior) if required(behavior) is None else "required") == word


def test_several_requirements_hold_together() -> None:
    """The inner ones first."""
    assert required(SERVICER.both) == (GROUPS, SCOPES)


NONSENSE: dict[str, Callable[[], object]] = {
    "public and required": lambda: public(require()(lambda request, context: None)),
    "required and public": lambda: require()(public(lambda request, context: None)),
    "optional and required": lambda: optional(require(SCOPES)(lambda request, context: None)),
    "required and optional": lambda: require(SCOPES)(optional(lambda request, context: None)),
    "public and optional": lambda: public(optional(lambda request, context: None)),
    "a class": lambda: public(Servicer),
    "a bound method": lambda: public(SERVICER.unmarked),
    "a partial": lambda: optional(functools.partial(Servicer.open, None)),
    "a class, required": lambda: require()(Servicer),
    "a bound method, required": lambda: require()(SERVICER.unmarked),
    "a scope": lambda: require("a/b"),  # type: ignore[arg-type]
    "uncalled": lambda: require(lambda request, context: None),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("row", NONSENSE)
def test_nonsense_fails_where_it_is_written(row: str) -> None:
    """What cannot be meant is a TypeError when the class is made."""
    with pytest.raises(TypeError):
        NONSENSE[row]()


def test_a_mark_may_be_said_twice() -> None:
    """It says the same."""
    assert opened(public(public(lambda request, context: None))) == "public"


@pytest.mark.parametrize("kind", ["open", "for_guests", "both"])
def test_the_function_stays_what_it_is(kind: str) -> None:
    """The functions show the kind of a handler, and documentation shows the functions."""
    method = getattr(Servicer, kind)
    assert method.__name__ == kind
    assert inspect.iscoroutinefunction(method) is (kind == "for_guests")
