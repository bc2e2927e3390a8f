"""What a second terminal asks of a served pool, by paths: every one that means something, and others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cognito_mr_auth import errors
from cognito_mr_auth.testing import FAULTS, FakeEndpoints, FakeUserPool
from cognito_mr_auth.testing._control import Control

pytestmark = pytest.mark.outside


class World:
    """A pool with two replicas that serves, and its control."""

    def __init__(self, pool: FakeUserPool, endpoints: FakeEndpoints) -> None:
        self.pool = pool
        self.endpoints = endpoints
        self.control = Control(self.pool, self.endpoints, lambda kind: self.pool.access_token(issuer=kind))

    def post(self, path: str) -> str:
        """The text of a request that must succeed."""
        answer = self.control.answer("POST", path)
        assert answer.status == 200, answer
        return answer.text

    @property
    def modes(self) -> list[str | None]:
        """The mode of each endpoint: original, the two replicas, updated."""
        return [each.mode for each in self.endpoints]


@pytest.fixture
def world() -> Iterator[World]:
    """One of its own for each row."""
    pool = FakeUserPool(replica_regions=["us-east-1", "eu-west-1"])
    with pool.serve() as endpoints:
        yield World(pool, endpoints)


H = "hang"
WELL = None


@pytest.mark.parametrize(
    ("name", "modes"),
    [
        ("all", [H, H, H, H]),
        ("primary", [H, WELL, WELL, H]),
        ("us-west-2", [H, WELL, WELL, H]),
        ("us-east-1", [WELL, H, WELL, WELL]),
        ("eu-west-1", [WELL, WELL, H, WELL]),
        ("original", [H, WELL, WELL, WELL]),
        ("replica", [WELL, H, H, WELL]),
        ("updated", [WELL, WELL, WELL, H]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_name_is_the_endpoints_that_it_says(world: World, name: str, modes: list[str | None]) -> None:
    """A Region is all its endpoints, a kind those of every Region; healing one leaves the others alone."""
    world.post(f"{name}/hang")
    assert world.modes == modes
    world.post("all/503")
    world.post(f"{name}/heal")
    assert world.modes == [WELL if mode == H else "503" for mode in modes]


@pytest.mark.parametrize("mode", FAULTS)
def test_every_mode_has_its_path(world: World, mode: str) -> None:
    """What `fail()` knows can be asked for, and the answer shows it."""
    text = world.post(f"replica/{mode}")
    assert world.modes == [WELL, mode, mode, WELL]
    assert [line.split()[2] for line in text.splitlines()[:4]] == ["well", mode, mode, "well"]


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        pytest.param("GET", "", 200, "", id="state"),
        pytest.param("GET", "/", 200, "", id="state-with-a-slash"),
        pytest.param("POST", "", 405, "GET", id="state-changes-nothing"),
        pytest.param("GET", "primary/hang", 405, "POST", id="a-look-breaks-nothing"),
        pytest.param("GET", "rotate", 405, "POST", id="a-look-rotates-nothing"),
        pytest.param("HEAD", "withdraw", 405, "POST", id="head"),
        pytest.param("POST", "token", 405, "GET", id="token"),
        pytest.param("POST", "primary/fly", 404, "", id="no-such-mode"),
        pytest.param("POST", "mars/hang", 404, "", id="no-such-endpoint"),
        pytest.param("POST", "primary", 404, "", id="no-mode"),
        pytest.param("POST", "primary/hang/now", 404, "", id="too-much"),
        pytest.param("POST", "primary/HANG", 404, "", id="in-capitals"),
        pytest.param("POST", "token/hang", 404, "", id="token-is-no-endpoint"),
        pytest.param("GET", "token/mars", 404, "", id="no-such-kind"),
        pytest.param("GET", "token/all", 404, "", id="no-kind"),
        pytest.param("POST", "../rotate", 404, "", id="dots"),
        pytest.param("POST", "rotate/%2e", 404, "", id="encoded"),
    ],
)
def test_other_requests_change_nothing(world: World, method: str, path: str, status: int, allow: str) -> None:
    """What is no command is answered with those that there are."""
    before = world.pool.keys
    answer = world.control.answer(method, path)
    assert (answer.status, answer.allow) == (status, allow)
    assert status == 200 or all(word in answer.text for word in ("primary", "us-east-1", "hang", "/rotate"))
    assert world.modes == [WELL] * 4
    assert world.pool.keys == before


def test_a_pool_without_a_replica_has_no_name_for_one() -> None:
    """A path for what the pool has not is no command, and is not offered."""
    pool = FakeUserPool(replica_regions=[])
    control = Control(pool, pool.serve(), lambda kind: pool.access_token(issuer=kind))
    for method, path in (("POST", "replica/hang"), ("GET", "token/replica")):
        answer = control.answer(method, path)
        assert answer.status == 404
        assert "replica" not in answer.text


@pytest.mark.parametrize("path", ["token", "token/original", "token/replica", "token/updated"])
def test_a_token_is_of_the_kind_and_of_the_newest_key(world: World, path: str) -> None:
    """After a rotation whoever signs in gets a token of the new key."""
    old = world.control.answer("GET", path).text.strip()
    world.post("rotate")
    new = world.control.answer("GET", path).text.strip()
    with world.pool.offline_verifier() as verifier:
        kinds = {verifier.verify(token).issuer.kind for token in (old, new)}
    assert kinds == {path.partition("/")[2] or "original"}
    world.post("withdraw")
    with world.pool.offline_verifier() as verifier:
        verifier.verify(new)
        with pytest.raises(errors.KeyUnknown):
            verifier.verify(old)


def test_the_state_shows_requests_and_the_signing_key(world: World) -> None:
    """A line for each endpoint, with its URL where it serves, and one for the keys."""
    before = world.pool.access_key.kid
    lines = world.post("rotate").splitlines()
    urls = [each.url for each in world.endpoints]
    assert [line.split() for line in lines[:4]] == [
        ["original", "us-west-2", "well", "0", "requests", urls[0]],
        ["replica", "us-east-1", "well", "0", "requests", urls[1]],
        ["replica", "eu-west-1", "well", "0", "requests", urls[2]],
        ["updated", "us-west-2", "well", "0", "requests", urls[3]],
    ]
    assert world.pool.access_key.kid != before
    assert lines[4] == f"4 keys are listed; access tokens are signed with {world.pool.access_key.kid}"
