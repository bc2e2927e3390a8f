"""`_web.marks`: what a mark opens, what closes, and what contradicts what, without any framework."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from cognito_mr_auth import policy
from cognito_mr_auth._web.marks import (
    add_guard,
    mark_open,
    mark_required,
    mark_wrapper,
    opened,
    outer_guards,
    required,
    wrapped,
)

READ = policy.scopes("orders/read")


def plain() -> Any:
    """A new endpoint, because a mark stays on what it was set on."""

    def endpoint(*_args: Any) -> None: ...

    return endpoint


def logged(endpoint: Any) -> Any:
    """A decorator as users write them."""

    @functools.wraps(endpoint)
    def wrapper(*args: Any) -> Any:
        return endpoint(*args)

    return wrapper


def copied(endpoint: Any) -> Any:
    """A partial to which a mark was copied."""
    return functools.update_wrapper(functools.partial(endpoint), endpoint)


def called(endpoint: Any) -> Any:
    """What the endpoint gives."""
    return endpoint()


class Parent:
    """Methods as endpoints."""

    @functools.partial(mark_open, "public")
    def method(self) -> None: ...


class Child(Parent):
    """One that has nothing of its own."""


def public(endpoint: Any) -> Any:
    """The mark that the rows use; both marks behave alike."""
    return mark_open("public", endpoint)


OPENED: dict[str, tuple[Callable[[], Any], bool]] = {
    "a function": (lambda: public(plain()), True),
    "below a decorator": (lambda: logged(public(plain())), True),
    "above a decorator": (lambda: public(logged(plain())), True),
    "a partial": (lambda: public(functools.partial(plain())), True),
    "a wrapper of a partial": (lambda: logged(public(copied(plain()))), True),
    "a class": (lambda: public(type("Page", (), {})), True),
    "a method": (lambda: Parent().method, True),
    "a wrapper of a method": (lambda: logged(Parent().method), True),
    "a subclass": (lambda: type("More", (public(type("Page", (), {})),), {}), False),
    "an object of the class": (lambda: called(public(type("Page", (), {}))), False),
    "an inherited method": (lambda: Child().method, False),
    "a wrapper of an inherited method": (lambda: logged(Child().method), False),
    "a copy": (lambda: copied(public(plain())), False),
    "a wrapper of a copy": (lambda: logged(copied(public(plain()))), False),
    "unmarked": (plain, False),
    "nothing": (lambda: None, False),
}


@pytest.mark.parametrize("row", OPENED)
def test_a_mark_opens_what_is_marked(row: str) -> None:
    """W3: the very object and what is wrapped around it, and neither heirs nor copies."""
    make, is_open = OPENED[row]
    assert opened(make()) == ("public" if is_open else None)


def test_a_requirement_counts_wherever_it_is_found() -> None:
    """It only closes; a copy and a wrapper of it have it as well."""
    endpoint = plain()
    mark_required(endpoint, endpoint, (READ, None))
    for each in (endpoint, logged(endpoint), copied(endpoint)):
        assert (required(each), opened(each)) == ((READ, None), None)
    assert required(plain()) is required(public(plain())) is None


def _required(endpoint: Any) -> Any:
    return mark_required(endpoint, endpoint)


def _class(**members: Any) -> Any:
    return type("Page", (), members)


CONTRADICTIONS: dict[str, Callable[[], object]] = {
    "required and public": lambda: public(_required(plain())),
    "public and required": lambda: _required(public(plain())),
    "a partial of a required one": lambda: public(functools.partial(_required(plain()))),
    "a partial of a public one": lambda: _required(functools.partial(public(plain()))),
    "a class with a required method": lambda: public(_class(get=_required(plain()))),
    "a subclass of a required class": lambda: public(type("More", (_required(_class()),), {})),
    "a guard around a public one": lambda: add_guard(logged(public(plain())), object()),
    "public and optional": lambda: mark_open("optional", public(plain())),
}


@pytest.mark.parametrize("row", CONTRADICTIONS)
def test_words_that_contradict_each_other(row: str) -> None:
    """A TypeError where the second one is written."""
    with pytest.raises(TypeError, match=r"both (@require and @public|public and optional)"):
        CONTRADICTIONS[row]()


def test_a_class_whose_methods_say_it_for_themselves() -> None:
    """If each method is judged by its own mark, that contradicts no mark of the class."""
    page = _class(get=_required(plain()))
    assert opened(mark_open("public", page, each_method=True)) == "public"
    with pytest.raises(TypeError, match="both @require"):
        mark_open("public", type("More", (_required(_class()),), {}), each_method=True)


@pytest.mark.parametrize(
    "wrong", [None, "/health", READ, Parent().method], ids=["nothing", "a path", "a policy", "a bound method"]
)
def test_a_mark_is_for_what_it_can_mark(wrong: Any) -> None:
    """Anything else is a TypeError where it is written."""
    with pytest.raises(TypeError, match="marks functions and classes, not"):
        public(wrong)


def test_a_guard_counts_for_whatever_is_registered() -> None:
    """At the function and at all that it wraps, once each; the wrapper that asks it has none around it."""
    inner = plain()
    outer, guard, other = logged(inner), object(), object()
    assert list(wrapped(Parent().method)) == [Parent.method]
    assert list(wrapped(outer)) == [outer, inner]
    for each in (guard, guard, other):
        add_guard(outer, each)
    assert outer_guards(outer) == outer_guards(inner) == (guard, other)
    asking = mark_wrapper(logged(outer))
    assert (outer_guards(asking), required(asking)) == ((), ())
    assert outer_guards(plain()) == ()
