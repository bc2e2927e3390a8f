"""What each kind of requirement asks of a principal, as one table: verdict, conditions, repr (H1).

This module has the verdicts of single requirements: yes, no, or cannot-tell. It never combines them, and
calls no function of a user. A requirement on an age is cannot-tell for a moment in the future beyond the
leeway, because a negative age would be below every limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cognito_mr_auth._base.clock import MAX_TIME
from cognito_mr_auth._base.named_tuple import NamedTuple
from cognito_mr_auth.principal import Principal, _is_partial

__all__ = ["LEAVES", "Context", "Verdict"]

Verdict = bool | None
"""True for yes, False for no, None for cannot-tell."""


class Context(NamedTuple):
    """The input of an evaluation: the principal, the wall clock, and the answers of checks.

    `answers` maps the identity of a check to what it returned. `granted` lists kinds of leaves that count as
    yes; a refusal uses it to find out what would have helped. `leeway` is in seconds.
    """

    principal: Principal
    now: float
    answers: Mapping[int, object]
    granted: frozenset[str] = frozenset()
    leeway: float = 0.0


class Leaf:
    """One kind of requirement: its verdict, the conditions that must all hold, and its repr.

    `demands` gives one value for each condition. Two policies with one value share that condition. This is no
    NamedTuple, because every import of the library would pay for it.
    """

    __slots__ = ("demands", "evaluate", "show")

    def __init__(
        self,
        evaluate: Callable[[Any, Context], Verdict],
        demands: Callable[[Any], set[object]],
        show: Callable[[Any], str],
    ) -> None:
        self.evaluate = evaluate
        self.demands = demands
        self.show = show


def _scopes(value: tuple[bool, tuple[str, ...]], context: Context) -> Verdict:
    need_all, names = value
    principal = context.principal
    if principal.token_use != "access" or principal.claims.get("scope").__class__ is not str:
        return None
    held = principal.scopes
    return all(n in held for n in names) if need_all else any(n in held for n in names)


def _groups(value: tuple[bool, tuple[str, ...]], context: Context) -> Verdict:
    need_all, names = value
    principal = context.principal
    held = principal.groups
    if "cognito:groups" in principal.claims or _is_partial(principal):
        claimed = principal.claims.get("cognito:groups")
        if claimed.__class__ is not tuple or len(claimed) != len(held):
            return None  # a bare string, null, an array with a member that is no string, or not passed on
    # Otherwise the claim is absent, because Cognito leaves it out for users without a group.
    return all(n in held for n in names) if need_all else any(n in held for n in names)


def _client(client_ids: tuple[str, ...], context: Context) -> Verdict:
    held = context.principal.client_id
    return None if held is None else held in client_ids


def _machine(_: None, context: Context) -> Verdict:
    claims = context.principal.claims
    if "username" in claims and claims["username"].__class__ is not str:
        return None
    return context.principal.is_machine


def _has_claim(name: str, context: Context) -> Verdict:
    claims = context.principal.claims
    if _may_be_absent(name, context.principal):
        return None
    if name in claims:
        return None if claims[name] is None else True  # OIDC Core 5.3.2: null is no way to omit a claim
    return None if _is_partial(context.principal) else False


def _may_be_absent(name: str, principal: Principal) -> bool:
    """Whether an authorizer has passed on no groups, so that the token itself may have no such claim."""
    return name == "cognito:groups" and not principal.claims.get(name, True) and _is_partial(principal)


def _claim(value: tuple[str, object], context: Context) -> Verdict:
    name, wanted = value
    held = context.principal.claims.get(name)
    if held.__class__ is not wanted.__class__:
        return None  # True is not 1, "1" is not 1, and an absent claim is not an unequal one
    return bool(held == wanted)


def _claim_contains(value: tuple[str, object], context: Context) -> Verdict:
    name, wanted = value
    held = context.principal.claims.get(name)
    if held.__class__ is not tuple or _may_be_absent(name, context.principal):
        return None  # a string is no array, because "admin" is a part of "not-admin"
    alike = [member for member in held if member.__class__ is wanted.__class__]
    if wanted in alike:
        return True
    return False if len(alike) == len(held) else None


def _max_age(seconds: int, context: Context) -> Verdict:
    return _within(seconds, context.principal.claims.get("auth_time"), context)


def _issued_within(seconds: int, context: Context) -> Verdict:
    return _within(seconds, context.principal.claims.get("iat"), context)


def _within(seconds: int, moment: Any, context: Context) -> Verdict:
    """Whether the moment is at most this many seconds ago, on the verifier's clock."""
    if not _is_time(moment):
        return None
    age: float = context.now - moment
    # This form also gives cannot-tell for the NaN of a broken clock.
    return age <= seconds if age >= -context.leeway else None


def _lifetime(seconds: int, context: Context) -> Verdict:
    claims = context.principal.claims
    issued: Any = claims.get("iat")
    expires: Any = claims.get("exp")
    if not _is_time(issued) or not _is_time(expires) or expires < issued:
        return None
    return bool(expires - issued <= seconds)


def _is_time(moment: Any) -> bool:
    # An implausible time (S4) is no moment, and an int that no float holds cannot be subtracted.
    return moment.__class__ in (int, float) and 0 <= moment <= MAX_TIME


def _names_of(kind: str) -> Callable[[tuple[bool, tuple[str, ...]]], set[object]]:
    def demands(value: tuple[bool, tuple[str, ...]]) -> set[object]:
        need_all, names = value
        if need_all or len(names) == 1:
            return {(kind, name) for name in names}
        return {(kind, frozenset(names))}

    return demands


def _value_of(kind: str) -> Callable[[tuple[str, object]], set[object]]:
    # The type is a part, because True equals 1.
    return lambda value: {(kind, value[0], type(value[1]), value[1])}


def _call(name: str, values: tuple[Any, ...]) -> str:
    return f"{name}({', '.join(map(repr, values))})"


LEAVES: Mapping[str, Leaf] = {
    "scopes": Leaf(
        _scopes, _names_of("scopes"), lambda value: _call("scopes" if value[0] else "any_scope", value[1])
    ),
    "groups": Leaf(
        _groups, _names_of("groups"), lambda value: _call("groups" if value[0] else "any_group", value[1])
    ),
    "client": Leaf(_client, lambda ids: {("client", frozenset(ids))}, lambda ids: _call("client", ids)),
    "machine": Leaf(_machine, lambda _: {("machine",)}, lambda _: "machine()"),
    "has_claim": Leaf(
        _has_claim, lambda name: {("has_claim", name)}, lambda name: _call("has_claim", (name,))
    ),
    "claim": Leaf(_claim, _value_of("claim"), lambda value: f"claim({value[0]!r}, ...)"),
    "claim_contains": Leaf(
        _claim_contains, _value_of("claim_contains"), lambda value: f"claim_contains({value[0]!r}, ...)"
    ),
    "max_age": Leaf(_max_age, lambda seconds: {("max_age", seconds)}, lambda seconds: f"max_age({seconds})"),
    "issued_within": Leaf(
        _issued_within,
        lambda seconds: {("issued_within", seconds)},
        lambda seconds: f"issued_within({seconds})",
    ),
    "lifetime": Leaf(
        _lifetime, lambda seconds: {("lifetime", seconds)}, lambda seconds: f"lifetime({seconds})"
    ),
}
"""Every kind, except `check` (a user's function answers it) and the operators."""
