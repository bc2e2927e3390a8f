"""OpenTelemetry: an in-memory reader sees the sums, whatever shares the meter, and spans are never made."""

from __future__ import annotations

import gc
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from cognito_mr_auth import Verifier, otel
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import FakeUserPool

POOL_ID = FakeUserPool().user_pool_id
POOL, KIND, OUTCOME = (f"cognito_mr_auth.{each}" for each in ("pool.id", "issuer.kind", "outcome"))


class Reader:
    """A provider with a reader of its own."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader])
        self.meter = self.provider.get_meter("orders")

    def metrics(self) -> dict[str, Any]:
        """By name, as they are now."""
        data = self.reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def points(self, name: str) -> dict[frozenset[tuple[str, Any]], Any]:
        """By attributes."""
        found = self.metrics()[f"cognito_mr_auth.{name}"].data.data_points
        return {frozenset(point.attributes.items()): point.value for point in found}


@pytest.fixture
def here() -> Any:
    """One, shut down at the end."""
    made = Reader()
    yield made
    made.provider.shutdown()


def attempt(verifier: Verifier, token: str) -> None:
    """Whatever comes of it."""
    try:
        verifier.verify(token)
    except AuthError:
        return


def row(**attributes: str) -> frozenset[tuple[str, Any]]:
    """Attributes by short names."""
    names = {"pool": POOL, "kind": KIND, "outcome": OUTCOME, "error": "error.type"}
    return frozenset((names[each], value) for each, value in attributes.items())


def test_the_sums_are_the_verifiers(here: Reader, pool: FakeUserPool) -> None:
    """By pool, kind and outcome; what came before its issuer was known has no pool; zeros are there."""
    verifier = pool.offline_verifier()
    otel.export(verifier, meter=here.meter)
    otel.export(verifier, meter=here.meter)
    for token in (pool.access_token(), pool.access_token(), pool.access_token(expires_in=-60), "garbage"):
        attempt(verifier, token)
    for _ in range(2):  # a collection takes nothing away
        assert here.points("verifications") == {
            row(pool=POOL_ID, kind="original", outcome="accepted"): 2,
            row(pool=POOL_ID, kind="replica", outcome="accepted"): 0,
            row(pool=POOL_ID, kind="updated", outcome="accepted"): 0,
            row(pool=POOL_ID, kind="original", outcome="token_expired", error="token_expired"): 1,
            row(outcome="token_malformed", error="token_malformed"): 1,
        }


def test_two_verifiers_share_a_meter(here: Reader, pool: FakeUserPool) -> None:
    """The second one's counts are there, too: those of one pool are added up."""
    other_pool = FakeUserPool("eu-west-1_Other0001", clock=pool.clock)
    verifiers = [pool.offline_verifier(), pool.offline_verifier(), other_pool.offline_verifier()]
    for each, token in zip(verifiers, [pool, pool, other_pool], strict=True):
        otel.export(each, meter=here.meter)
        each.verify(token.access_token())
    found = here.points("verifications")
    assert found[row(pool=POOL_ID, kind="original", outcome="accepted")] == 2
    assert found[row(pool="eu-west-1_Other0001", kind="original", outcome="accepted")] == 1


def test_one_verifier_has_several_meters(here: Reader, pool: FakeUserPool) -> None:
    """Each reader gets all counts."""
    verifier, other = pool.offline_verifier(), Reader()
    for each in (here, other):
        otel.export(verifier, meter=each.meter)
    verifier.verify(pool.access_token())
    for each in (here, other):
        assert each.points("verifications")[row(pool=POOL_ID, kind="original", outcome="accepted")] == 1
    other.provider.shutdown()


def test_a_verifier_that_goes_takes_nothing_away(here: Reader, pool: FakeUserPool) -> None:
    """A counter never falls."""
    verifier = pool.offline_verifier()
    otel.export(verifier, meter=here.meter)
    verifier.verify(pool.access_token())
    expected = here.points("verifications")
    del verifier
    gc.collect()
    assert here.points("verifications") == expected


def test_the_other_instruments(here: Reader, pool: FakeUserPool) -> None:
    """Names, units and attributes; an endpoint is a server's address and port."""
    with pool.serve() as endpoints, pool.verifier() as verifier:
        otel.export(verifier, meter=here.meter)
        token = pool.access_token(issuer="replica")
        principal = verifier.verify(token)
        assert {name: metric.unit for name, metric in here.metrics().items()} == {
            "cognito_mr_auth.verifications": "{verification}",
            "cognito_mr_auth.hook.failures": "{failure}",
            "cognito_mr_auth.key_set.age": "s",
            "cognito_mr_auth.key_set.usable": "1",
            "cognito_mr_auth.endpoint.up": "1",
            "cognito_mr_auth.newest_token.timestamp": "s",
        }
        assert here.points("hook.failures") == {frozenset(): 0}
        assert here.points("key_set.usable") == {row(pool=POOL_ID): 1}
        assert here.points("newest_token.timestamp") == {
            row(pool=POOL_ID, kind="replica"): principal.issued_at
        }
        ports = {int(each.url.split(":")[2].partition("/")[0]) for each in endpoints}
        assert set(here.points("endpoint.up")) == {
            row(pool=POOL_ID) | {("server.address", "127.0.0.1"), ("server.port", port)} for port in ports
        }
        [age] = here.points("key_set.age").values()
        assert 0 <= age < 60


test_the_other_instruments = pytest.mark.outside(test_the_other_instruments)


def test_an_endpoint_without_a_port() -> None:
    """Has an address alone."""
    assert otel._attributes({"endpoint": "cognito-idp.us-west-2.amazonaws.com"}) == {
        "server.address": "cognito-idp.us-west-2.amazonaws.com"
    }


def test_nothing_of_a_token_is_an_attribute(here: Reader, pool: FakeUserPool) -> None:
    """B2: no client, user or kid, and no issuer that a token made up."""
    verifier = pool.offline_verifier()
    otel.export(verifier, meter=here.meter)
    for claims in ({}, {"iss": "https://evil.example/c4n4ry"}, {"sub": "c4n4ry"}):
        attempt(verifier, pool.access_token(username="c4n4ry", claims=claims))
    said = str(here.reader.get_metrics_data())
    assert "c4n4ry" not in said
    assert pool.client_id not in said


def test_only_a_verifier_is_exported(here: Reader) -> None:
    """And the meter stays free for one."""
    with pytest.raises(TypeError, match="give a Verifier"):
        otel.export(object(), meter=here.meter)  # type: ignore[arg-type]
    assert here.reader.get_metrics_data() is None or here.metrics() == {}


GLOBAL = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from cognito_mr_auth import otel
from cognito_mr_auth.testing import FakeUserPool

pool = FakeUserPool()
early, late = pool.offline_verifier(), pool.offline_verifier()
otel.export(early)
second = pool.offline_verifier()
otel.export(second)
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
otel.export(late)
for each in (early, second, late):
    each.verify(pool.access_token())
[scope] = reader.get_metrics_data().resource_metrics[0].scope_metrics
[found] = [each for each in scope.metrics if each.name == "cognito_mr_auth.verifications"]
print(scope.scope.name, sum(point.value for point in found.data.data_points))
"""


@pytest.mark.outside
def test_the_global_provider_may_come_later() -> None:
    """Verifiers that were exported before the application chose a provider are there as well."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{GLOBAL}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["cognito_mr_auth", "3"]


@pytest.mark.outside
def test_the_api_alone_is_needed() -> None:
    """Without an SDK the export costs nothing, and says nothing."""
    program = """
import sys
sys.modules["opentelemetry.sdk"] = None
from cognito_mr_auth import otel
from cognito_mr_auth.testing import FakeUserPool
pool = FakeUserPool()
verifier = pool.offline_verifier()
otel.export(verifier)
print(verifier.verify(pool.access_token()).token_use)
"""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{program}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout.split(), done.stderr) == (["access"], "")
