"""Policies go to other processes: copy and pickle, and what cannot be pickled."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from cognito_mr_auth import policy
from cognito_mr_auth.policy import Policy, _rebuild
from cognito_mr_auth.policy._leaves import Context
from cognito_mr_auth.principal import Issuer, Principal


def named(_: Principal) -> bool:
    """A check that another process finds by its name."""
    return True


CHECK = policy.check(named)
POLICIES = [
    policy.scopes("a", "b") & ~policy.any_group("c") | policy.groups("d"),
    policy.any_scope("a") & policy.client("a", "b") & ~policy.machine(),
    policy.has_claim("a") | policy.claim("a", True) | policy.claim_contains("a", 1.5),
    policy.max_age(1) & policy.issued_within(2) & policy.lifetime(3),
    CHECK & ~CHECK,
]


def pickled(protocol: int) -> Callable[[Any], Any]:
    """A copy by pickle."""
    return lambda value: pickle.loads(pickle.dumps(value, protocol))  # noqa: S301


WAYS = [copy.copy, copy.deepcopy, *map(pickled, range(pickle.HIGHEST_PROTOCOL + 1))]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rule", POLICIES, ids=repr)
def test_a_copy_is_the_same_policy(rule: Policy, way: Callable[[Any], Any]) -> None:
    """It asks the same, and is as immutable."""
    twin = way(rule)
    assert (repr(twin), twin.scope_names) == (repr(rule), rule.scope_names)
    with pytest.raises(AttributeError, match="immutable"):
        twin.anything = 1
    with pytest.raises(TypeError):
        bool(twin)


def test_a_check_stays_one_in_many_places() -> None:
    """What is one check before is one after, so that it runs once."""
    twin = pickled(pickle.HIGHEST_PROTOCOL)(CHECK & ~CHECK)
    assert len({id(leaf) for leaf in twin._leaves("check")}) == 1
    leaf = next(twin._leaves("check"))
    who = Principal({"token_use": "id"}, issuer=Issuer("https://x", "original", "x"), user_pool_id="x_y")
    assert (leaf._function, twin._evaluate(Context(who, 0.0, {id(leaf): True}))) == (named, False)


def test_a_lambda_is_not_pickled() -> None:
    """Python's own rule and error: a function goes by its name."""
    rule = policy.check(lambda _: True)
    assert copy.deepcopy(rule) is rule
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(rule & policy.scopes("a"))


def test_a_kind_of_another_version() -> None:
    """A policy that this version does not know fails where it is read, not at the first request."""
    kind: Any = "colour"
    with pytest.raises(ValueError, match="another version"):
        _rebuild(kind, "red", ())
