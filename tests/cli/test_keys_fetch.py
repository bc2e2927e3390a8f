"""`keys fetch`: a key file that a verifier can start from, or a plain no."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cognito_mr_auth import events
from cognito_mr_auth.cli import main
from cognito_mr_auth.cli._keys_fetch import _Listener
from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool


@pytest.fixture
def pool() -> FakeUserPool:
    """A pool of its own, since key files differ."""
    return FakeUserPool()


@pytest.fixture
def endpoints(pool: FakeUserPool) -> Iterator[FakeEndpoints]:
    """Its endpoints on loopback."""
    with pool.serve() as endpoints:
        yield endpoints


def _fetch(pool: FakeUserPool, url: str, path: Path, *options: str) -> Result:
    arguments = ["--user-pool-id", pool.user_pool_id, "--jwks-url", url, "--key-file", str(path)]
    return CliRunner().invoke(main, ["keys", "fetch", *arguments, *options])


@pytest.mark.outside
def test_it_writes_a_file_that_verifies(pool: FakeUserPool, endpoints: FakeEndpoints, tmp_path: Path) -> None:
    """The file is private to its owner, and an offline verifier accepts the pool's tokens with it."""
    path = tmp_path / "keys.json"
    done = _fetch(pool, endpoints.original.url, path)
    assert done.exit_code == 0, done.output
    assert "original us-west-2: 2 keys in" in done.output
    assert path.stat().st_mode & 0o777 == 0o600
    baked = pool.user_pool(offline=True, jwks=None, key_file=path, jwks_urls=endpoints.original.url)
    with pool.offline_verifier("any", pool=baked) as verifier:
        assert verifier.verify(pool.access_token())
        assert verifier.verify(pool.id_token())


@pytest.mark.outside
def test_json(pool: FakeUserPool, endpoints: FakeEndpoints, tmp_path: Path) -> None:
    """A program gets one document."""
    path = tmp_path / "keys.json"
    document = json.loads(_fetch(pool, endpoints.original.url, path, "--json").output)
    assert document["written"] == str(path)
    assert document["endpoints"]["original us-west-2"].startswith("2 keys")
    assert (document["remarks"], document["hint"]) == ([], None)


# mode of failure -> what is reported of it
FAILURES = {
    "500": "status, status 500",
    "refuse": "connect",
    "empty_keys": "failed: ",
    "html": "failed: ",
    "private_key": "private members",
}


@pytest.mark.parametrize(("mode", "expected"), FAILURES.items(), ids=list(FAILURES))
@pytest.mark.outside
def test_without_keys_nothing_is_written(
    pool: FakeUserPool, endpoints: FakeEndpoints, tmp_path: Path, mode: str, expected: str
) -> None:
    """An endpoint that gives no usable key: exit status 3, and no keys in a file."""
    endpoints.original.fail(mode)
    done = _fetch(pool, endpoints.original.url, tmp_path / "keys.json")
    assert done.exit_code == 3
    assert expected in done.output
    assert "no keys written" in done.output
    written = [json.loads(each.read_text()) for each in tmp_path.iterdir()]
    # What has leaked is recorded, so that no later file lets it in (T5).
    assert [(each["endpoints"], len(each["exposed"])) for each in written] == (
        [([], 2)] if mode == "private_key" else []
    )


@pytest.mark.outside
def test_no_private_member_is_written_or_shown(
    pool: FakeUserPool, endpoints: FakeEndpoints, tmp_path: Path
) -> None:
    """T5: one key of two leaks: the file to be baked has the other, and says which one not to use."""
    path = tmp_path / "keys.json"
    [kept, _], [_, leaked] = pool.jwks()["keys"], pool.jwks(private=True)["keys"]
    endpoints.original.fail("custom", status=200, body=json.dumps({"keys": [kept, leaked]}).encode())
    done = _fetch(pool, endpoints.original.url, path)
    assert done.exit_code == 0
    assert "serves private members: rotate the pool's keys" in done.output
    for name in ("d", "p", "q", "dp", "dq", "qi"):
        assert leaked[name] not in path.read_text() + done.output
    [entry] = json.loads(path.read_text())["endpoints"]
    assert [each["kid"] for each in json.loads(entry["jwks"])["keys"]] == [kept["kid"]]
    assert len(json.loads(path.read_text())["exposed"]) == 1


@pytest.mark.outside
def test_a_directory_of_others_is_no_place_to_bake_in(
    pool: FakeUserPool, endpoints: FakeEndpoints, tmp_path: Path
) -> None:
    """P: exit status 2, the remedy, and no file; a directory that is missing is made for its owner alone."""
    tmp_path.chmod(0o777)
    done = _fetch(pool, endpoints.original.url, tmp_path / "keys.json")
    assert done.exit_code == 2
    assert "sub-directory of mode 0700" in done.output
    assert list(tmp_path.iterdir()) == []
    assert _fetch(pool, endpoints.original.url, tmp_path / "sub" / "keys.json").exit_code == 0
    assert (tmp_path / "sub").stat().st_mode & 0o777 == 0o700


@pytest.mark.outside
def test_old_keys_are_not_reported_as_new(
    pool: FakeUserPool, endpoints: FakeEndpoints, tmp_path: Path
) -> None:
    """A file that is there already does not turn a failed fetch into a success."""
    path = tmp_path / "keys.json"
    assert _fetch(pool, endpoints.original.url, path).exit_code == 0
    before = path.read_bytes()
    endpoints.original.fail(503)
    done = _fetch(pool, endpoints.original.url, path)
    assert done.exit_code == 3
    assert "no keys written" in done.output
    assert path.read_bytes() == before


@pytest.mark.outside
def test_what_a_failure_means_is_said_beside_old_keys(
    pool: FakeUserPool, endpoints: FakeEndpoints, tmp_path: Path
) -> None:
    """Old keys make a failed fetch no outage, which would have a hint; its meaning is a note then."""
    path = tmp_path / "keys.json"
    assert _fetch(pool, endpoints.original.url, path).exit_code == 0
    endpoints.original.fail("refuse")
    assert "note: connect: the connection is refused" in _fetch(pool, endpoints.original.url, path).output


@pytest.mark.outside
def test_odd_members_are_reported(pool: FakeUserPool, endpoints: FakeEndpoints, tmp_path: Path) -> None:
    """A member that is left out is worth a note, and no failure."""
    endpoints.original.fail("odd_member")
    done = _fetch(pool, endpoints.original.url, tmp_path / "keys.json")
    assert done.exit_code == 0
    assert "members that are not used: 1 " in done.output


@pytest.mark.outside
def test_a_file_that_cannot_be_written(pool: FakeUserPool, endpoints: FakeEndpoints, tmp_path: Path) -> None:
    """Keys were had but the path is wrong: exit status 2."""
    (tmp_path / "no").touch()
    done = _fetch(pool, endpoints.original.url, tmp_path / "no" / "keys.json")
    assert done.exit_code == 2
    assert "no keys written: the key file cannot be written" in done.output


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--user-pool-id", "pool"], id="pool-id"),
        pytest.param(["--jwks-url", "http://keys.example/"], id="http"),
    ],
)
@pytest.mark.outside
def test_wrong_usage(
    pool: FakeUserPool, endpoints: FakeEndpoints, tmp_path: Path, options: list[str]
) -> None:
    """What cannot be right is exit status 2."""
    done = _fetch(pool, endpoints.original.url, tmp_path / "keys.json", *options)
    assert done.exit_code == 2


EVENTS = [
    (events.FetchSucceeded("p", "u", 0.25, 2, 0), "2 keys in 250 ms", True, []),
    (events.FetchFailed("p", "u", "timeout", 5.0, None, 1.0), "failed: timeout", False, []),
    (events.FetchFailed("p", "u", "status", 0.1, 500, 1.0), "failed: status, status 500", False, []),
    (events.EndpointDisabled("p", "u", 403, "updated"), "not enabled (status 403)", False, []),
    (
        events.KeyQuarantined("p", "kid", ("u", "v")),
        "no answer in time",
        False,
        ["endpoints contradict each other on key kid"],
    ),
    (
        events.KeyFileProblem("p", "read: writable"),
        "no answer in time",
        False,
        ["key file: read: writable"],
    ),
    (events.StateChanged("p", "empty", "fresh"), "no answer in time", False, []),
]


@pytest.mark.parametrize(
    ("event", "said", "fetched", "remarks"), EVENTS, ids=[type(row[0]).__name__ for row in EVENTS]
)
def test_what_an_event_means(event: events.Event, said: str, fetched: bool, remarks: list[str]) -> None:
    """What an endpoint said, in words."""
    listener = _Listener()
    listener(event)
    assert (listener.said("u"), bool(listener.fetched), listener.remarks) == (said, fetched, remarks)
