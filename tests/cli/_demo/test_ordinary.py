"""The ordinary verifier of the demo: it is set up fairly, and loses requests only for want of keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

from cognito_mr_auth.cli._demo.ordinary import Accepts, found, proxies_leave_loopback
from cognito_mr_auth.cli._demo.plan import Plan, story
from cognito_mr_auth.cli._demo.tokens import stream
from cognito_mr_auth.testing import FakeUserPool, FaultMode


def _absent() -> Any:
    raise ModuleNotFoundError("No module named 'jwt'")


UNUSABLE = [
    pytest.param(_absent, id="absent"),
    pytest.param(SimpleNamespace, id="another-jwt"),
    pytest.param(lambda: SimpleNamespace(PyJWKClient=lambda uri, lifespan: None), id="older"),
]


@pytest.mark.parametrize("load", UNUSABLE)
def test_without_pyjwt_there_is_none(load: Callable[[], Any]) -> None:
    """Absent, too old, or a package that is called `jwt` as well."""
    assert found(story(), load) is None


def test_its_times_are_shortened_as_ours_are() -> None:
    """By as much as `revalidate_after`, whose default is an hour; the timeout of a network stays."""
    ordinary = found(Plan((), revalidate_after=36.0))
    assert ordinary is not None
    assert ordinary.settings == {"lifespan": 3.0, "cooldown_duration": 0.3, "timeout": 30.0}


def test_the_settings_are_its_own_defaults() -> None:
    """With windows that are not shortened, PyJWKClient gets its own defaults."""
    import jwt

    ordinary = found(Plan((), revalidate_after=3600.0))
    assert ordinary is not None
    plain, told = (
        jwt.PyJWKClient("http://127.0.0.1/"),
        jwt.PyJWKClient("http://127.0.0.1/", **ordinary.settings),
    )
    for client in (plain, told):
        assert client.jwk_set_cache is not None
        assert (client.timeout, client.cooldown_duration, client.jwk_set_cache.lifespan) == (30, 30, 300)


@pytest.fixture
def pool() -> Iterator[FakeUserPool]:
    """Served on loopback."""
    pool = FakeUserPool()
    with pool.serve(), proxies_leave_loopback(os.environ):
        yield pool


def _ordinary(pool: FakeUserPool) -> Accepts:
    ordinary = found(story())
    assert ordinary is not None
    assert pool.endpoints is not None
    issuers = [endpoint.issuer for endpoint in pool.endpoints]
    return ordinary.make(pool, pool.endpoints.original, issuers)


@pytest.mark.outside
def test_while_all_is_well_it_is_right_about_every_token(pool: FakeUserPool) -> None:
    """Every valid token of the stream is accepted, of all issuers; every forged one is refused."""
    accepts = _ordinary(pool)
    shots = list(islice(stream(pool), 25))
    assert [accepts(shot.token) for shot in shots] == [not shot.forged for shot in shots]
    assert not accepts(pool.access_token(client_id="2another3456789"))
    assert not accepts(pool.id_token(client_id="2another3456789"))


FAULTS: list[FaultMode] = [
    "503",
    "404",
    "refuse",
    "reset",
    "garbage",
    "html",
    "truncated",
    "empty",
    "empty_keys",
]
FAULTS += ["redirect", "old_keys"]


@pytest.mark.outside
def test_without_keys_it_refuses(pool: FakeUserPool) -> None:
    """However its endpoint fails, the request is lost, and nothing else happens; then it works again."""
    assert pool.endpoints is not None
    endpoint = pool.endpoints.original
    for mode in FAULTS:
        endpoint.fail(mode)
        pool.rotate()
        accepts = _ordinary(pool)
        assert not accepts(pool.access_token()), mode
        endpoint.heal()
        assert _ordinary(pool)(pool.access_token()), mode


PROXIES = [
    pytest.param({}, {}, id="none"),
    pytest.param({"no_proxy": "a.example"}, {"no_proxy": "a.example"}, id="lower-case"),
    pytest.param({"NO_PROXY": "a.example"}, {"NO_PROXY": "a.example"}, id="upper-case"),
    pytest.param({"no_proxy": ""}, {"no_proxy": ""}, id="empty"),
]


@pytest.mark.parametrize(("environment", "afterwards"), PROXIES)
def test_the_environment_is_as_it_was(environment: dict[str, str], afterwards: dict[str, str]) -> None:
    """Proxies leave loopback alone within the block only, also if it ends in an error."""

    def within() -> None:
        with proxies_leave_loopback(environment):
            assert environment["no_proxy"] == "127.0.0.1"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        within()
    assert environment == afterwards


@pytest.mark.outside
def test_a_proxy_takes_nothing_from_it(pool: FakeUserPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyJWKClient would ask HTTP_PROXY for loopback, and lose what is no Region's fault."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert _ordinary(pool)(pool.access_token())
    monkeypatch.delenv("no_proxy")
    assert not _ordinary(pool)(pool.access_token())
