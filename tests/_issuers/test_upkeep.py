"""All pools of a verifier: which are meant, and one verdict of several."""

from __future__ import annotations

from typing import Any, cast

import pytest
from support.refusals import refused
from support.rig import DOWN, Rig

from cognito_mr_auth import Verifier, health
from cognito_mr_auth._issuers.upkeep import are_ready, chosen, health_of, warming
from cognito_mr_auth._runtime.run import run_sync
from cognito_mr_auth.errors import ConfigurationError, KeysUnavailable
from cognito_mr_auth.testing import FakeUserPool

POOLS = [FakeUserPool(f"us-west-2_Pool{n}") for n in range(3)]
USER_POOLS = [each.user_pool(offline=True) for each in POOLS]
IDS = [each.user_pool_id for each in POOLS]


class Name(str):
    """What a framework or an enumeration makes of a string."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        pytest.param([], [0, 1, 2], id="none"),
        pytest.param([IDS[1]], [1], id="an ID"),
        pytest.param([USER_POOLS[2], IDS[0]], [2, 0], id="a pool and an ID"),
        pytest.param([Name(IDS[1])], [1], id="a subclass of str"),
        pytest.param([IDS[1], USER_POOLS[1]], [1, 1], id="one twice"),
    ],
)
def test_which_pools_are_meant(given: list[Any], meant: list[int]) -> None:
    """Those that are named, by an ID or as a pool; all, where none is."""
    key_sets = cast("Any", dict(zip(IDS, "abc", strict=True)))
    assert list(chosen(key_sets, given)) == ["abc"[at] for at in meant]


@pytest.mark.parametrize("given", ["us-west-2_Nobody", "", f"{IDS[0]} ", IDS[0].lower(), IDS[0].encode()])
def test_a_slip_in_a_name_is_named(given: Any) -> None:
    """A probe for a pool that is not there must not pass, nor fail for ever unexplained."""
    verifier = Verifier(*USER_POOLS)
    if isinstance(given, bytes):
        assert "not bytes" in str(refused(TypeError, verifier.ready, given))
        return
    said = str(refused(ConfigurationError, verifier.ready, IDS[1], given))
    assert repr(given) in said
    assert IDS[0] in said


@pytest.mark.parametrize("given", [None, 5, True, [IDS[0]], (IDS[0],), {IDS[0]}, [], POOLS[0]], ids=repr)
def test_a_pool_is_given_as_one_or_by_its_id(given: Any) -> None:
    """A list in place of its members is a TypeError, and an empty one never means "all"."""
    refused(TypeError, Verifier(*USER_POOLS).ready, given)


def test_each_pool_gets_its_refresh() -> None:
    """B3: the first pool that is not ready keeps no other from being asked for."""
    rigs = [Rig(fake=each) for each in POOLS]
    now = rigs[0].clock()
    assert are_ready([each.keys for each in rigs], now) is False
    assert [len(each.out()) for each in rigs] == [3, 3, 3]


@pytest.mark.parametrize(
    ("filled", "ready"), [((), False), ((0,), False), ((0, 1), False), ((0, 1, 2), True)], ids=str
)
def test_one_verdict_of_several(filled: tuple[int, ...], ready: bool) -> None:
    """A verifier is ready, and healthy, while each of its pools is."""
    rigs = [Rig(fake=each) for each in POOLS]
    for at in filled:
        rigs[at].fill()
    now = rigs[0].clock()
    key_sets = {rig.fake.user_pool_id: rig.keys for rig in rigs}
    assert are_ready([*key_sets.values()], now) is ready
    found = health_of(key_sets, now, 4)
    assert (found["ready"], found["healthy"], found["hook_failures"]) == (ready, ready, 4)
    assert [at for at, each in enumerate(found["providers"].values()) if each["ready"]] == [*filled]
    assert found.keys() == health.Health.__annotations__.keys()


def test_a_pool_without_keys_fails_the_warming_of_all() -> None:
    """One error, though the others are warm."""
    rigs = [Rig(fake=each) for each in POOLS[:2]]
    rigs[0].fill()
    rigs[1].later(0.0)
    for endpoint in rigs[1].pool._key_set_config.endpoints:
        rigs[1].fetch.answers[endpoint.url] = DOWN
    refused(KeysUnavailable, run_sync, warming({rig.fake.user_pool_id: rig.keys for rig in rigs}, 0.0))
