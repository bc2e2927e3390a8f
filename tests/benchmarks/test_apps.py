"""The applications of the benchmark's section 5 are what its table calls them.

fastapi-cognito is not installed for these tests; `make bench-smoke`, which has it, checks the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from benchmarks.suite.apps import fastapi_app, flask_app
from benchmarks.suite.apps._settings import ANSWER, Settings
from benchmarks.suite.requests import FRAMEWORKS, Framework
from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

APPS = {"FastAPI": fastapi_app, "Flask": flask_app}
HERE = [
    (framework, variant)
    for framework, module in APPS.items()
    for variant in module.BUILDERS
    if variant != "fastapi-cognito"
]

Asked = tuple[int, object]


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """One pool for the file: its keys take longer to make than everything else here."""
    return FakeUserPool()


@pytest.fixture(scope="module")
def endpoints(pool: FakeUserPool) -> Iterator[FakeEndpoints]:
    """Its endpoints, on loopback."""
    with pool.serve() as endpoints:
        yield endpoints


def ask(framework: str, settings: Settings, *tokens: str) -> list[Asked]:
    """Status and body of one application, for each token in turn, without a server between."""
    headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
    app = APPS[framework].build(settings)
    if framework == "Flask":
        said = [app.test_client().get("/orders", headers=each) for each in headers]
        return [(each.status_code, each.get_json(silent=True)) for each in said]

    async def ask_all() -> list[httpx.Response]:
        # Not Starlette's own TestClient, which warns where httpx is not the successor that it wants.
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return [await client.get("/orders", headers=each) for each in headers]

    return [(each.status_code, each.json()) for each in asyncio.run(ask_all())]


@pytest.mark.parametrize(("framework", "variant"), HERE)
def test_each_variant_lets_a_good_token_in(
    framework: str, variant: str, pool: FakeUserPool, endpoints: FakeEndpoints
) -> None:
    """With the same answer each, the first time and from the cache."""
    token = pool.access_token()
    found = ask(framework, Settings.of(pool, endpoints, variant), token, token)
    assert found == [(200, ANSWER), (200, ANSWER)]


@pytest.mark.parametrize(
    "claims",
    [{"signed_by": "foreign"}, {"expires_in": -600}, {"client_id": "another1client"}],
    ids=["forged", "expired", "another-client"],
)
@pytest.mark.parametrize(("framework", "variant"), HERE)
def test_each_guarded_variant_refuses_a_bad_token(
    framework: str, variant: str, claims: dict[str, object], pool: FakeUserPool, endpoints: FakeEndpoints
) -> None:
    """After a good one, so that caches are used as well; the unguarded ones accept it."""
    good, bad = pool.access_token(), pool.access_token(**claims)
    (first, _), (second, _) = ask(framework, Settings.of(pool, endpoints, variant), good, bad)
    guarded = variant in APPS[framework].GUARDED
    assert (first, second) == (200, 401 if guarded else 200)


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda framework: framework.name)
def test_the_table_has_every_variant(framework: Framework) -> None:
    """A variant that was built but never measured would be a claim without a figure."""
    module = APPS[framework.name]
    assert {each.name for each in framework.variants} == set(module.BUILDERS)
    assert {each.name for each in framework.variants if each.guarded} == set(module.GUARDED)


def test_settings_go_through_the_environment(
    pool: FakeUserPool, endpoints: FakeEndpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a server reads is what the benchmark wrote."""
    written = Settings.of(pool, endpoints, "no auth")
    for name, value in written.as_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.given() == written
