"""What a principal must have to pass: values that combine with `&`, `|` and `~`.

    orders = policy.scopes("orders/read") & policy.any_group("ops", "admin")
    principal = verifier.verify(token, require=orders)

A policy says yes, no or cannot-tell. It cannot tell where a claim is absent or has the wrong type, or where a
check failed. Only yes passes. `~` of cannot-tell stays cannot-tell, so a token without a tier never passes
"not of tier x". One absence has a meaning: Cognito leaves out `cognito:groups` for users without a group.
Evaluation is pure, except that it calls the functions of `check`.
Every function here raises ConfigurationError for an argument that cannot be right.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal

from cognito_mr_auth._base.checks import is_client_id
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.principal import Principal

from ._leaves import LEAVES, Context, Verdict

__all__ = [
    "Policy",
    "any_group",
    "any_scope",
    "check",
    "claim",
    "claim_contains",
    "client",
    "groups",
    "has_claim",
    "issued_within",
    "lifetime",
    "machine",
    "max_age",
    "scopes",
]

_CheckFunction = Callable[[Principal], "bool | Awaitable[bool]"]
_Kind = Literal[
    "scopes",
    "groups",
    "client",
    "machine",
    "has_claim",
    "claim",
    "claim_contains",
    "max_age",
    "issued_within",
    "lifetime",
    "check",
    "and",
    "or",
    "not",
]


class Policy:
    """A requirement on a principal. The functions of this module make it; `&`, `|` and `~` combine it.

    It is immutable. `scope_names` has all scopes that it names, in order, for documentation. `copy` and
    `pickle` work; `pickle` needs the function of a `check` to be picklable.
    """

    __slots__ = ("_kind", "_parts", "_value")
    _kind: _Kind
    _value: Any
    _parts: tuple[Policy, ...]

    def __init__(self, kind: _Kind, value: Any = None, parts: tuple[Policy, ...] = ()) -> None:
        """Use this module's functions instead."""
        put = object.__setattr__
        put(self, "_kind", kind)
        put(self, "_value", value)
        put(self, "_parts", parts)

    def __and__(self, other: object) -> Policy:
        return Policy("and", None, (self, other)) if isinstance(other, Policy) else NotImplemented

    def __or__(self, other: object) -> Policy:
        return Policy("or", None, (self, other)) if isinstance(other, Policy) else NotImplemented

    def __invert__(self) -> Policy:
        return Policy("not", None, (self,))

    def __bool__(self) -> bool:
        # `require=a and b` would silently drop `a`; the operators are `&` and `|`.
        raise TypeError("a policy has no truth value; combine policies with & and |")

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
        if self._kind == "check":
            return f"check({getattr(self._value, '__name__', 'callable')})"
        return LEAVES[self._kind].show(self._value)

    def __copy__(self) -> Policy:
        return self

    def __deepcopy__(self, memo: object) -> Policy:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self._kind, self._value, self._parts))

    @property
    def scope_names(self) -> tuple[str, ...]:
        """Every scope that the policy names, each once, in the order in which they were written."""
        if self._kind == "scopes":
            names: tuple[str, ...] = self._value[1]
            return names
        if self._kind == "not":  # a client should not request a scope that must be absent
            return ()
        return tuple(dict.fromkeys(name for part in self._parts for name in part.scope_names))

    @property
    def _demands(self) -> frozenset[object]:
        """One value for each condition that it joins with `&`. All conditions must hold for it to pass.

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
    def _joined(self) -> tuple[Policy, ...]:
        """The two policies that `&` has joined; empty for any other policy."""
        return self._parts if self._kind == "and" else ()

    @property
    def _own_demands(self) -> set[object]:
        """Like `_demands`, without the demands of the joined policies."""
        if self._kind == "and":
            return set()
        if self._kind in LEAVES:
            return LEAVES[self._kind].demands(self._value)
        # A callable may define its own equality, so identity counts; `|` and `~` equal only themselves.
        return {("check", id(self._value)) if self._kind == "check" else id(self)}

    def _leaves(self, kind: _Kind) -> Iterator[Policy]:
        """The leaves of one kind, from left to right."""
        if self._kind == kind:
            yield self
        for part in self._parts:
            yield from part._leaves(kind)

    def _helpful_answers(self, wanted: bool = True) -> Iterator[tuple[int, bool]]:
        """For each check, by identity, the answer that helps the policy to pass. Under `~` that is no."""
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

    def _evaluate(self, context: Context) -> Verdict:
        """Yes (True), no (False) or cannot-tell (None), by Kleene's three-valued logic.

        Raises:
            _Pending: the context has no answer of a check yet.
        """
        kind = self._kind
        if kind in context.granted:
            return True
        if kind == "not":
            inner = self._parts[0]._evaluate(context)
            return None if inner is None else not inner
        if kind in ("and", "or"):
            decisive = kind == "or"
            verdict: Verdict = not decisive
            for part in self._parts:
                found = part._evaluate(context)
                if found is decisive:
                    return decisive
                if found is None:
                    verdict = None
            return verdict
        if kind == "check":
            return _check(self, context)
        return LEAVES[kind].evaluate(self._value, context)


class _Pending(Exception):  # noqa: N818 - a signal between the policy and the verifier
    """A check must run before the evaluation can go on."""

    def __init__(self, leaf: Policy) -> None:
        super().__init__()
        self.leaf = leaf


def _check(leaf: Policy, context: Context) -> Verdict:
    if id(leaf) not in context.answers:
        raise _Pending(leaf)
    answer = context.answers[id(leaf)]
    # Anything but True and False (1, "yes", None, a forgotten return) is a broken check and no yes.
    return answer if answer is True or answer is False else None


def _rebuild(kind: _Kind, value: Any, parts: tuple[Policy, ...]) -> Policy:
    """The policy that was pickled. An unknown kind is refused now, and not at the first request."""
    if kind not in LEAVES and kind not in ("check", "and", "or", "not"):
        raise ValueError("this policy was pickled by another version of cognito_mr_auth")
    return Policy(kind, value, parts)


def _names(kind: str, values: tuple[str, ...], *, spaces: bool) -> tuple[str, ...]:
    if not values:
        raise ConfigurationError(f"{kind}() with nothing would pass or refuse everyone; name one")
    for value in values:
        if isinstance(value, (list, tuple, set, frozenset)):
            raise ConfigurationError(f"{kind}() takes names, not a {type(value).__name__}: {kind}(*[...])")
        if value.__class__ is not str or not value:
            raise ConfigurationError(f"{kind}() takes non-empty strings, not {value!r}")
        if not spaces and any(char.isspace() for char in value):
            raise ConfigurationError(f"{kind}({value!r}): one scope has no white space; pass each")
    return tuple(values)


def scopes(*all_of: str) -> Policy:
    """All of these scopes are in the access token's `scope` (RFC 6749 section 3.3, exact match)."""
    return Policy("scopes", (True, _names("scopes", all_of, spaces=False)))


def any_scope(*any_of: str) -> Policy:
    """At least one of these scopes is in the access token's `scope`."""
    return Policy("scopes", (False, _names("any_scope", any_of, spaces=False)))


def groups(*all_of: str) -> Policy:
    """The user is in all of these groups (`cognito:groups`, exact match)."""
    return Policy("groups", (True, _names("groups", all_of, spaces=True)))


def any_group(*any_of: str) -> Policy:
    """The user is in at least one of these groups."""
    return Policy("groups", (False, _names("any_group", any_of, spaces=True)))


def client(*any_of: str) -> Policy:
    """The token is of one of these app clients: `client_id` of an access token, `aud` of an ID token."""
    for value in _names("client", any_of, spaces=True):
        if not is_client_id(value):
            raise ConfigurationError(f"client() holds {value!r}, which is no app client ID")
    return Policy("client", any_of)


def machine() -> Policy:
    """The principal is an app client on its own (client credentials, RFC 6749 section 4.4).

    It passes where `Principal.is_machine` is true.
    """
    return Policy("machine")


def has_claim(name: str) -> Policy:
    """The claim is present, with any value. A claim that is null counts as cannot-tell."""
    return Policy("has_claim", _claim_name("has_claim", name))


def claim(name: str, value: str | int | float | bool) -> Policy:
    """The claim has this value and the value's type. `True` is not 1, and "1" is not 1."""
    return Policy("claim", _named_value("claim", name, value))


def claim_contains(name: str, value: str | int | float | bool) -> Policy:
    """The claim is an array that has this value, with its type, as a member. A string is no array."""
    return Policy("claim_contains", _named_value("claim_contains", name, value))


def _claim_name(kind: str, name: str) -> str:
    if name.__class__ is not str or not name:
        raise ConfigurationError(f"{kind}() takes a claim's name, not {name!r}")
    return name


def _named_value(kind: str, name: str, value: object) -> tuple[str, object]:
    _claim_name(kind, name)
    if value.__class__ not in (str, int, float, bool):
        raise ConfigurationError(
            f"{kind}({name!r}, ...) takes a str, int, float or bool; use check() for other values"
        )
    if isinstance(value, float) and not abs(value) < float("inf"):  # this form refuses NaN too
        raise ConfigurationError(f"{kind}({name!r}, ...): no claim is infinite or NaN")
    return name, value


def max_age(seconds: int) -> Policy:
    """The user signed in (`auth_time`) at most this many seconds ago (RFC 9470, OIDC Core section 2)."""
    return Policy("max_age", _whole_seconds("max_age", seconds))


def issued_within(seconds: int) -> Policy:
    """The token was issued (`iat`) at most this many seconds ago. A refresh gives the client a new token."""
    return Policy("issued_within", _whole_seconds("issued_within", seconds))


def lifetime(seconds: int) -> Policy:
    """The token was issued for at most this many seconds: `exp` minus `iat`."""
    return Policy("lifetime", _whole_seconds("lifetime", seconds))


def _whole_seconds(kind: str, seconds: int) -> int:
    if seconds.__class__ is not int or seconds < 0:
        raise ConfigurationError(f"{kind}() takes a whole number of seconds, not {seconds!r}")
    return seconds


def check(function: _CheckFunction) -> Policy:
    """Your own predicate on the principal. A coroutine function works with `averify` alone.

    True passes and False refuses. Anything else, an exception included, is cannot-tell, which refuses too.
    A plain function runs on the caller's thread, which is the event loop's under `averify`. So it may read
    memory only.
    """
    if not callable(function):
        raise ConfigurationError(f"check() takes a callable, not {type(function).__name__}")
    return Policy("check", function)


def __dir__() -> list[str]:
    return __all__
