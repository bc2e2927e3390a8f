"""What is shown of a key set: honest about its age, for programs and for people."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.rig import DOWN, Rig

from cognito_mr_auth import events, health
from cognito_mr_auth._jwks.model import KeyFileEntry
from cognito_mr_auth._jwks.report import provider_health
from cognito_mr_auth.testing import FakeUserPool

FAKE = FakeUserPool()
DAY = 86400.0


def report(rig: Rig) -> Any:
    """As a program that has it by JSON sees it."""
    return json.loads(json.dumps(provider_health(rig.key_set, rig.clock())))


def test_the_life_of_a_set() -> None:
    """B3: by its age it is ready, healthy, usable for so long; a stale one is ready and never healthy."""
    rig = Rig(fake=FAKE)
    seen = [report(rig)]
    rig.fill()
    for seconds in (0, 1800, 1800, DAY - 3601, 1):
        rig.later(seconds)
        seen.append(report(rig))
    names = ("state", "ready", "healthy", "age", "usable_for")
    assert [tuple(each[name] for name in names) for each in seen] == [
        ("empty", False, False, None, 0.0),
        ("fresh", True, True, 0.0, DAY),
        ("aged", True, True, 1800.0, DAY - 1800),
        ("stale", True, False, 3600.0, DAY - 3600),
        ("stale", True, False, DAY - 1, 1.0),
        ("expired", False, False, DAY, 0.0),
    ]
    assert rig.events_of(events.StateChanged) == []


def test_a_seed_without_age_is_usable_for_ever() -> None:
    """P: `jwks=` of an offline pool. No number stands for that."""
    rig = Rig(fake=FAKE, jwks=FAKE.jwks(), offline=True)
    rig.later(100 * DAY)
    found = report(rig)
    assert (found["state"], found["ready"], found["usable_for"], found["endpoints"]) == (
        *("fresh", True, None),
        [],
    )


def test_a_set_whose_every_key_is_in_quarantine_is_not_ready() -> None:
    """K3: it is young, and verifies nothing."""
    rig = Rig(fake=FAKE)
    rig.fill()
    twins = {"keys": [FAKE.impostor(key.kid).jwk() for key in FAKE.keys]}
    rig.warm()
    rig.land("updated", json.dumps(twins).encode())
    found = report(rig)
    assert [found[name] for name in ("state", "ready", "usable_for", "keys", "quarantined")] == [
        *("fresh", False, 0.0, 0, 2),
    ]


def test_an_endpoint() -> None:
    """Each with what it answered last, and what its last error means."""
    rig = Rig(fake=FAKE)
    rig.warm()
    rig.land("updated")
    rig.land("original", DOWN)
    rig.later(0.25)
    updated, replica, original = report(rig)["endpoints"]
    assert [each["age"] for each in (updated, original, replica)] == [0.25, None, None]
    assert (original["failures"], original["last_error"], original["retry_in"]) == (1, "connect", 1.25)
    assert (updated["url"], updated["kind"], updated["region"]) == (
        *("https://issuer-cognito-idp.us-west-2.amazonaws.com/us-west-2_Fake00001/.well-known/jwks.json",),
        *("updated", "us-west-2"),
    )
    assert [each["disabled"] for each in (updated, original, replica)] == [False] * 3


@pytest.mark.parametrize("age", [None, 10.0, 7200.0, 2 * DAY])
def test_the_types_say_every_member(age: float | None) -> None:
    """The annotations that users write hold what comes, in every state."""
    first = Rig(fake=FAKE)
    entries = [
        KeyFileEntry(each.url, first.clock.wall - (age or 0.0), first.jwks())
        for each in first.pool._key_set_config.endpoints
        if age is not None
    ]
    rig = Rig(fake=FAKE, entries=entries)
    found = provider_health(rig.key_set, rig.clock())
    assert found.keys() == health.ProviderHealth.__annotations__.keys()
    for each in found["endpoints"]:
        assert each.keys() == health.EndpointHealth.__annotations__.keys()
    assert found["state"] in health.State.__args__  # type: ignore[attr-defined]
