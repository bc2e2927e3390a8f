"""The types of `health()`, as users annotate with them."""

from __future__ import annotations

import json
from typing import get_type_hints

import pytest

from cognito_mr_auth import health
from cognito_mr_auth.testing import FakeUserPool


@pytest.mark.parametrize("name", ["Health", "ProviderHealth", "EndpointHealth"])
def test_a_type_is_a_plain_dict_with_known_members(name: str) -> None:
    """Annotations can be resolved at run time, as pydantic does it."""
    kind = getattr(health, name)
    assert get_type_hints(kind)
    assert kind() == {}


def test_a_report_is_json() -> None:
    """It goes through JSON unchanged."""
    report: health.Health = FakeUserPool().offline_verifier().health()
    assert json.loads(json.dumps(report)) == report
    assert (report["ready"], report["healthy"]) == (True, True)
