"""The types of `health()`, as users annotate with them."""

from __future__ import annotations

import json
import subprocess
import sys
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


@pytest.mark.outside
def test_the_types_need_no_other_package() -> None:
    """They are the standard library's where typing_extensions is not there."""
    program = (
        "import sys; sys.modules['typing_extensions'] = None\n"
        "from cognito_mr_auth.health import Health; print(Health(ready=True))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "{'ready': True}\n"


@pytest.mark.needs("fastapi")
def test_a_fastapi_route_returns_a_report() -> None:
    """With its type, which the OpenAPI document shows."""
    from fastapi import FastAPI

    app, verifier = FastAPI(), FakeUserPool().offline_verifier()

    @app.get("/report")
    def report() -> health.Health:
        return verifier.health()

    assert "Health" in app.openapi()["components"]["schemas"]


def test_a_report_is_json() -> None:
    """It goes through JSON unchanged."""
    report: health.Health = FakeUserPool().offline_verifier().health()
    assert json.loads(json.dumps(report)) == report
    assert (report["ready"], report["healthy"]) == (True, True)
