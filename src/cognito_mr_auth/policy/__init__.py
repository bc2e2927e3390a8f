"""What a principal must have to pass: values that combine with `&`, `|` and `~` (H1).

    orders = policy.scopes("orders/read") & policy.any_group("ops", "admin")
    principal = verifier.verify(token, require=orders)

Owns the three-valued logic: yes, no, or cannot-tell (a claim absent or of the wrong type, a check
that failed). Only yes passes, and `~` of cannot-tell stays cannot-tell, so that "not in group x" is
never answered by a token that says nothing of groups. Evaluation here is pure but for `check`.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from ._base.clock import MAX_TIME
from .errors import ConfigurationError
from .principal import Principal

__all__ = [
    "Policy",
    "any_group",
    "any_scope",
    "check",
    "claim",
    "groups",
    "max_age",
    "scopes",
]

_CheckFunction = Callable[[Principal], "bool | Awaitable[bool]"]
_Verdict = bool | None
"""True for yes, False for no, None for cannot-tell."""

_Kind = Literal["scopes", "groups", "claim", "max_age", "check", "and", "or", "not"]


class _Context(NamedTuple):
    """What an evaluation may look at: the principal, the wall clock, and answers of checks.

    `answers` maps the identity of a check to what it gave; `granted` lists kinds of leaves taken as
    yes, which is how a refusal finds out what would have helped.
    """

    principal: Principal
    now: float
    answers: Mapping[int, object]
    granted: frozenset[str] = frozenset()


class Policy:
    """A requirement on a principal. Made by this module's functions, combined with `&`, `|`, `~`.

    Immutable. `scope_names` are all scopes that it names, in order, for documentation.
    """

    __slots__ = ("_kind", "_parts", "_value")
    _kind: _Kind
    _value: Any
    _parts: "tuple[Policy, ...]"

    def __init__(self, kind: _Kind, value: Any = None, parts: "tuple[Policy, ...]" = ()) -> None:
        """Use this module's functions instead."""
        put = object.__setattr__
        put(self, "_kind", kind)
        put(self, "_value", value)
        put(self, "_parts", parts)

    def __and__(self, other: object) -> "Policy":
        return Policy("and", None, (self, other)) if isinstance(other, Policy) else NotImplemented

    def __or__(self, other: object) -> "Policy":
        return Policy("or", None, (self, other)) if isinstance(other, Policy) else NotImplemented

    def __invert__(self) -> "Policy":
        return Policy("not", None, (self,))

    def __bool__(self) -> bool:
        # `require=a and b` would silently drop `a`; the operators are `&` and `|`.
        raise TypeError("a policy has no truth value: combine policies with & and |")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a policy is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a policy is immutable")

    def __repr__(self) -> str:
        if self._kind in ("and", "or"):
            sign = " & " if self._kind == "and" else " | "
            return "(" + sign.join(map(repr, self._parts)) + ")"
        if self._kind == "not":
            return f"~{self._parts[0]!r}"
        return _REPR[self._kind](self._value)

    @property
    def scope_names(self) -> tuple[str, ...]:
        """Every scope that the policy names, each once, in the order of writing."""
        if self._kind == "scopes":
            names: tuple[str, ...] = self._value[1]
            return names
        if self._kind == "not":  # a scope that must be absent is not one to request
            return ()
        return tuple(dict.fromkeys(name for part in self._parts for name in part.scope_names))

    @property
    def _demands(self) -> frozenset[object]:
        """What must all hold for it to pass: one value for each condition that it joins with `&`.

        Policies that share a value share that condition. A principal that fails a policy fails every
        policy whose demands include its demands. A condition that was written twice may have two values.
        """
        found: set[object] = set()
        seen: set[int] = set()
        waiting = [self]
        while waiting:
            part = waiting.pop()
            if id(part) not in seen:
                seen.add(id(part))
                waiting += part._joined
                found |= part._own_demands
        return frozenset(found)

    @property
    def _joined(self) -> "tuple[Policy, ...]":
        """The two policies that `&` has joined; nothing for any other policy."""
        return self._parts if self._kind == "and" else ()

    @property
    def _own_demands(self) -> set[object]:
        """The same as `_demands`, without those of the policies that it joins. True is not 1."""
        if self._kind == "and":
            return set()
        if self._kind in ("scopes", "groups"):
            need_all, names = self._value
            if need_all or len(names) == 1:
                return {(self._kind, name) for name in names}
            return {(self._kind, frozenset(names))}
        if self._kind == "claim":
            name, value = self._value
            return {("claim", name, type(value), value)}
        if self._kind == "max_age":
            return {("max_age", self._value)}
        # A check's callable may compare as it likes; `|` and `~` are only ever equal to themselves.
        return {("check", id(self._value)) if self._kind == "check" else id(self)}

    def _leaves(self, kind: _Kind) -> "Iterator[Policy]":
        """The leaves of one kind, from left to right."""
        if self._kind == kind:
            yield self
        for part in self._parts:
            yield from part._leaves(kind)

    def _helpful_answers(self, wanted: bool = True) -> Iterator[tuple[int, bool]]:
        """For each check, by identity, the answer that helps the policy to pass: no under `~`."""
        if self._kind == "check":
            yield id(self), wanted
        for part in self._parts:
            yield from part._helpful_answers(wanted != (self._kind == "not"))

    @property
    def _function(self) -> _CheckFunction:
        """The callable of a `check` leaf."""
        found: _CheckFunction = self._value
        return found

    @property
    def _seconds(self) -> int:
        """The limit of a `max_age` leaf."""
        found: int = self._value
        return found

    def _evaluate(self, context: _Context) -> _Verdict:
        """Yes (True), no (False) or cannot-tell (None), by Kleene's three-valued logic.

        Raises:
            _Pending: for a check whose answer is not in the context yet.
        """
        kind = self._kind
        if kind in context.granted:
            return True
        if kind == "not":
            inner = self._parts[0]._evaluate(context)
            return None if inner is None else not inner
        if kind in ("and", "or"):
            decisive = kind == "or"
            verdict: _Verdict = not decisive
            for part in self._parts:
                found = part._evaluate(context)
                if found is decisive:
                    return decisive
                if found is None:
                    verdict = None
            return verdict
        if kind == "check":
            return _check(self, context)
        return _LEAVES[kind](self._value, context)


class _Pending(Exception):  # noqa: N818 - a signal between the policy and the verifier
    """A check must run before the evaluation can go on."""

    def __init__(self, leaf: Policy) -> None:
        super().__init__()
        self.leaf = leaf


def _check(leaf: Policy, context: _Context) -> _Verdict:
    if id(leaf) not in context.answers:
        raise _Pending(leaf)
    answer = context.answers[id(leaf)]
    # Anything but True and False (1, "yes", None, a forgotten return) is a broken check, not a yes.
    return answer if answer is True or answer is False else None


def _scopes(value: tuple[bool, tuple[str, ...]], context: _Context) -> _Verdict:
    need_all, names = value
    principal = context.principal
    if principal.token_use != "access" or principal.claims.get("scope").__class__ is not str:
        return None
    held = principal.scopes
    return all(n in held for n in names) if need_all else any(n in held for n in names)


def _groups(value: tuple[bool, tuple[str, ...]], context: _Context) -> _Verdict:
    need_all, names = value
    claimed = context.principal.claims.get("cognito:groups")
    held = context.principal.groups
    if claimed.__class__ is not tuple or len(claimed) != len(held):
        return None  # absent, a bare string, or an array with members that are no strings
    return all(n in held for n in names) if need_all else any(n in held for n in names)


def _claim(value: tuple[str, object], context: _Context) -> _Verdict:
    name, wanted = value
    held = context.principal.claims.get(name)
    if held.__class__ is not wanted.__class__:
        return None  # True is not 1, "1" is not 1, and absent is not unequal
    return bool(held == wanted)


def _max_age(seconds: int, context: _Context) -> _Verdict:
    moment = context.principal.claims.get("auth_time")
    # An implausible time (S4) is no sign-in, and an int beyond floats cannot be subtracted.
    if moment.__class__ not in (int, float) or not 0 <= moment <= MAX_TIME:
        return None
    age: float = context.now - moment
    return age <= seconds


_LEAVES: dict[str, Callable[[Any, _Context], _Verdict]] = {
    "scopes": _scopes,
    "groups": _groups,
    "claim": _claim,
    "max_age": _max_age,
}


def _call(name: str, values: tuple[Any, ...]) -> str:
    return f"{name}({', '.join(map(repr, values))})"


_REPR: dict[str, Callable[[Any], str]] = {
    "scopes": lambda value: _call("scopes" if value[0] else "any_scope", value[1]),
    "groups": lambda value: _call("groups" if value[0] else "any_group", value[1]),
    "claim": lambda value: f"claim({value[0]!r}, ...)",
    "max_age": lambda value: f"max_age({value})",
    "check": lambda value: f"check({getattr(value, '__name__', 'callable')})",
}


def _names(kind: str, values: tuple[str, ...], *, spaces: bool) -> tuple[str, ...]:
    if not values:
        raise ConfigurationError(f"{kind}() with nothing would pass or refuse everyone: name one")
    for value in values:
        if isinstance(value, (list, tuple, set, frozenset)):
            raise ConfigurationError(f"{kind}() takes names, not a {type(value).__name__}: {kind}(*[...])")
        if value.__class__ is not str or not value:
            raise ConfigurationError(f"{kind}() takes non-empty strings, not {value!r}")
        if not spaces and any(char.isspace() for char in value):
            raise ConfigurationError(f"{kind}({value!r}): one scope has no white space; pass each")
    return tuple(values)


def scopes(*all_of: str) -> Policy:
    """Every one of these scopes is in the access token's `scope` (RFC 6749 3.3, exact match)."""
    return Policy("scopes", (True, _names("scopes", all_of, spaces=False)))


def any_scope(*any_of: str) -> Policy:
    """At least one of these scopes is in the access token's `scope`."""
    return Policy("scopes", (False, _names("any_scope", any_of, spaces=False)))


def groups(*all_of: str) -> Policy:
    """The user is in every one of these groups (`cognito:groups`, exact match)."""
    return Policy("groups", (True, _names("groups", all_of, spaces=True)))


def any_group(*any_of: str) -> Policy:
    """The user is in at least one of these groups."""
    return Policy("groups", (False, _names("any_group", any_of, spaces=True)))


def claim(name: str, value: str | int | float | bool) -> Policy:
    """The claim has this value and its type: `True` is not 1, "1" is not 1."""
    if name.__class__ is not str or not name:
        raise ConfigurationError(f"claim() takes a claim's name, not {name!r}")
    if value.__class__ not in (str, int, float, bool):
        raise ConfigurationError(
            f"claim({name!r}, ...) takes a str, int, float or bool; use check() for other values"
        )
    return Policy("claim", (name, value))


def max_age(seconds: int) -> Policy:
    """The user signed in (`auth_time`) at most this many seconds ago (RFC 9470, OIDC Core 2)."""
    if seconds.__class__ is not int or seconds < 0:
        raise ConfigurationError(f"max_age() takes a whole number of seconds, not {seconds!r}")
    return Policy("max_age", seconds)


def check(function: _CheckFunction) -> Policy:
    """Your own predicate on the principal. Coroutine functions work with `averify` alone.

    Anything but True or False, an exception included, is cannot-tell and refuses. A plain function runs on
    the caller's thread, which under `averify` is the event loop's, so it may read memory only.
    """
    if not callable(function):
        raise ConfigurationError(f"check() takes a callable, not {type(function).__name__}")
    return Policy("check", function)


def __dir__() -> list[str]:
    return __all__
