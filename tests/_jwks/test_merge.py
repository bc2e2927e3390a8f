"""What several endpoints answered, merged to one key set: union, age, quarantine, compromised keys."""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import Any

import pytest

from cognito_mr_auth._base.clock import Instant
from cognito_mr_auth._jwks.document import read_document
from cognito_mr_auth._jwks.exposure import ExposedKeys
from cognito_mr_auth._jwks.merge import assemble
from cognito_mr_auth._jwks.model import CacheLifetimes, Key, Snapshot, StoredResponse
from cognito_mr_auth.testing import SigningKey

# Kept alive, because the kit gives the material of a released key to the next one.
SIGNERS = SigningKey("a"), SigningKey("b")
LIFETIMES = CacheLifetimes(refresh_after=900.0, revalidate_after=3600.0, max_stale=86400.0)
NOW: Instant = (1_800_000_000.0, 5_000.0)
A, B = read_document(json.dumps({"keys": [each.jwk() for each in SIGNERS]}).encode()).keys.values()


def keys(**named: Key) -> MappingProxyType[str, Key]:
    """Keys under kids, as a stored response holds them."""
    return MappingProxyType({kid: key._replace(kid=kid) for kid, key in named.items()})


def ago(seconds: float) -> Instant:
    """The moment that many seconds before NOW, on both clocks."""
    return (NOW[0] - seconds, NOW[1] - seconds)


def response(url: str, age: float, held: Any = None, **more: Any) -> StoredResponse:
    """What an endpoint answered that long ago."""
    return StoredResponse(url, ago(age), keys() if held is None else held, b"", **more)


def union(
    *responses: StoredResponse, fresh_for: float = 900.0, exposed: ExposedKeys | None = None
) -> Snapshot:
    """The snapshot of these responses, the same in whatever order they come."""
    snapshots = [assemble(each, NOW, LIFETIMES, fresh_for, exposed) for each in (responses, responses[::-1])]
    assert snapshots[0] == snapshots[1]
    return snapshots[0]


def exposed(*held: Key) -> ExposedKeys:
    """The record of these keys."""
    record = ExposedKeys()
    record.note("url", frozenset(key.material[0] for key in held))
    return record


def test_no_response_no_key() -> None:
    """The empty key set: no keys, no age, and a decision is needed."""
    snapshot = union()
    assert (dict(snapshot.keys), dict(snapshot.quarantined)) == ({}, {})
    assert snapshot.begun is None
    assert snapshot.safe_for < 0
    assert snapshot.rebuild_in == math.inf


def test_the_keys_are_the_union_of_the_standing_responses() -> None:
    """A lagging replica takes no new key away, a lost Region no old one (K1, K2)."""
    snapshot = union(response("lagging", 10, keys(old=A)), response("primary", 20, keys(old=A, new=B)))
    assert set(snapshot.keys) == {"old", "new"}
    assert snapshot.begun == ago(10)
    assert (snapshot.safe_for, snapshot.rebuild_in) == (890.0, 86380.0)
    assert (snapshot.made, snapshot.fresh_for) == (NOW, 900.0)


@pytest.mark.parametrize(
    ("age", "stands"),
    [
        pytest.param(-60.0, True, id="from-the-future"),
        pytest.param(0.0, True, id="new"),
        pytest.param(86399.75, True, id="just-within"),
        pytest.param(86400.0, False, id="at-max-stale"),
        pytest.param(1e6, False, id="long-gone"),
    ],
)
def test_a_response_stands_until_max_stale(age: float, *, stands: bool) -> None:
    """A response older than `max_stale` gives no key."""
    snapshot = union(response("gone", age, keys(a=A)))
    assert list(snapshot.keys) == ["a"] * stands
    assert snapshot.begun == (ago(age) if stands else None)


@pytest.mark.parametrize("set_back", [(0, 1e6), (1e6, 0)], ids=["wall", "monotonic"])
def test_age_is_the_larger_of_both_clocks(set_back: Instant) -> None:
    """A clock that was set back, or stood still, makes no key look younger (R7)."""
    stopped = (NOW[0] - 90000.0 + set_back[0], NOW[1] - 90000.0 + set_back[1])
    assert not union(StoredResponse("url", stopped, keys(a=A), b"")).keys


def test_the_age_is_that_of_the_newest_response_with_keys() -> None:
    """A response that lists compromised keys alone does not make the set young."""
    snapshot = union(response("leak", 5, keys(b=B)), response("url", 700, keys(a=A)), exposed=exposed(B))
    assert snapshot.begun == ago(700)
    assert snapshot.safe_for == 200.0


@pytest.mark.parametrize(
    ("ages", "kept", "quarantined"),
    [
        pytest.param((10, 20), None, ("first", "second"), id="both-young"),
        pytest.param((10, 10), None, ("first", "second"), id="same-moment"),
        pytest.param((10, 3599.5), None, ("first", "second"), id="just-young"),
        pytest.param((10, 3600), A, (), id="one-at-the-limit"),
        pytest.param((7200, 7100), B, (), id="both-old-the-second-newer"),
        pytest.param((90000, 7100), B, (), id="the-first-gone"),
    ],
)
def test_young_responses_that_contradict_quarantine_the_kid(
    ages: tuple[float, float], kept: Key | None, quarantined: tuple[str, ...]
) -> None:
    """Of two young responses with different keys neither counts; an older one loses to the newer (K3)."""
    responses = [
        response("first", ages[0], keys(kid=A, one=A)),
        response("second", ages[1], keys(kid=B, two=B)),
    ]
    snapshot = assemble(responses, NOW, LIFETIMES, 900.0)
    found = snapshot.keys.get("kid")
    assert (found and found.material) == (kept and kept.material)
    assert snapshot.quarantined.get("kid", ()) == quarantined
    assert {"one", "two"} - set(snapshot.keys) == ({"one"} if ages[0] >= 86400 else set())


def test_all_endpoints_that_contradict_are_named() -> None:
    """An endpoint that agrees with the newest is not named; the quarantine ends when the oldest ages."""
    snapshot = union(
        response("newest", 10, keys(kid=A)),
        response("agrees", 20, keys(kid=A)),
        response("differs", 100, keys(kid=B)),
        response("differs-too", 1000, keys(kid=B)),
        response("too-old", 4000, keys(kid=B)),
    )
    assert dict(snapshot.quarantined) == {"kid": ("newest", "differs", "differs-too")}
    assert snapshot.rebuild_in == 2600.0
    assert not snapshot.keys


def test_a_response_that_contradicts_itself_quarantines_its_kid() -> None:
    """Two keys under one kid in one young document: 503 for it, whatever another response says."""
    torn = response("torn", 10, keys(fine=B), conflicts=frozenset({"kid"}))
    snapshot = union(torn, response("url", 20, keys(kid=A)))
    assert dict(snapshot.quarantined) == {"kid": ("torn",)}
    assert list(snapshot.keys) == ["fine"]
    assert snapshot.rebuild_in == 3590.0
    old = torn._replace(begun=ago(3600))
    assert set(union(old, response("url", 20, keys(kid=A))).keys) == {"fine", "kid"}


def test_compromised_keys_are_unusable_from_every_response() -> None:
    """A key that leaked is unusable under every kid and with every exponent, whoever lists it (T5)."""
    other_exponent = A._replace(material=(A.material[0], 65539))
    fine = response("url", 10, keys(a=A, alias=A, b=B, e=other_exponent))
    assert list(union(fine, exposed=exposed(A)).keys) == ["b"]
    assert list(union(fine, response("two", 20, keys(a=A)), exposed=exposed(A)).keys) == ["b"]
    assert set(union(fine, exposed=ExposedKeys()).keys) == {"a", "alias", "b", "e"}


@pytest.mark.parametrize(
    ("held", "begun"),
    [
        pytest.param({"a": A}, None, id="nothing-else"),
        pytest.param({"a": A, "b": B}, ago(10), id="another-key-too"),
    ],
)
def test_a_response_whose_keys_are_compromised_gives_no_age(
    held: dict[str, Key], begun: Instant | None
) -> None:
    """K2, T5: a pool whose keys have all leaked has no usable set, however young its answers are."""
    assert union(response("url", 10, keys(**held)), exposed=exposed(A)).begun == begun


def test_a_compromised_key_contradicts_no_other() -> None:
    """A key that is unusable anyway quarantines no kid."""
    snapshot = union(response("one", 20, keys(kid=A)), response("two", 30, keys(kid=B)), exposed=exposed(A))
    assert snapshot.keys["kid"].material == B.material
    assert not snapshot.quarantined


def test_an_offline_seed_never_ages() -> None:
    """With `offline=True` the seed stands for ever and needs no decision."""
    snapshot = union(response("jwks", 1e9, keys(a=A), never_expires=True))
    assert list(snapshot.keys) == ["a"]
    assert (snapshot.safe_for, snapshot.rebuild_in) == (math.inf, math.inf)
    assert snapshot.never_expires


def test_a_key_file_beside_an_offline_seed_is_judged_by_its_age() -> None:
    """Responses that age still change the set when they expire."""
    snapshot = union(response("jwks", 1e9, keys(a=A), never_expires=True), response("file", 80000, keys(b=B)))
    assert set(snapshot.keys) == {"a", "b"}
    assert (snapshot.safe_for, snapshot.rebuild_in) == (6400.0, 6400.0)


def test_a_set_past_its_refresh_needs_a_decision() -> None:
    """`safe_for` is negative once the jittered refresh age has passed."""
    assert union(response("url", 1000, keys(a=A)), fresh_for=950.0).safe_for == -50.0
