"""A pool's stored responses on disk: written whole or not at all, and read only from a file that is safe."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_mr_auth import Verifier, errors, events
from cognito_mr_auth._jwks.document import read_document
from cognito_mr_auth._jwks.exposure import MAX_EXPOSED, thumbprint
from cognito_mr_auth._jwks.model import KeyFileEntry
from cognito_mr_auth._remote import key_file as _key_file
from cognito_mr_auth._remote.key_file import MAX_FILE_BYTES, KeyFileError
from cognito_mr_auth.testing import FakeClock, FakeUserPool, SigningKey

POOL_ID = "us-west-2_EXAMPLE"
# Kept alive, because the kit gives the material of a released key to the next one.
SIGNER, OTHER_SIGNER = SigningKey("\u00e9"), SigningKey("other")


def document(*members: dict[str, Any]) -> bytes:
    """A document as the file holds it."""
    return json.dumps({"keys": members}, ensure_ascii=False, separators=(",", ":")).encode()


ONE = KeyFileEntry("https://one.test/jwks.json", 1_700_000_000.25, document(SIGNER.jwk()))
OTHER = KeyFileEntry("https://other.test/jwks.json", 1_700_000_100.0, document())
EXPOSED, BURNT = (thumbprint(each) for each in (1 << 2047, 1 << 2048))


def write(path: Path, *entries: KeyFileEntry, exposed: Mapping[str, float] = MappingProxyType({})) -> None:
    """Write for the pool of these tests."""
    _key_file.write(str(path), POOL_ID, entries, (ONE.url, OTHER.url), exposed)


def read(path: Path) -> list[KeyFileEntry]:
    """The entries, read for the pool of these tests."""
    return list(_key_file.read(str(path), POOL_ID).entries)


def exposed(path: Path) -> dict[str, float]:
    """The record of exposed keys, read for the pool of these tests."""
    return dict(_key_file.read(str(path), POOL_ID).exposed)


def refusal(call: Callable[..., Any], *values: Any) -> str:
    """The reason with which the call refuses."""
    with pytest.raises(KeyFileError) as caught:
        call(*values)
    assert str(caught.value) == caught.value.reason
    return caught.value.reason


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a key file may be."""
    return tmp_path / "keys.json"


# --- Writing


def test_what_is_written_is_read(path: Path) -> None:
    """URLs, times and octets come back as they were."""
    write(path, ONE, OTHER)
    assert read(path) == [ONE, OTHER]


def test_the_format(path: Path) -> None:
    """The file is JSON that a person can read: per endpoint URL, times and document; the exposed keys."""
    write(path, ONE, OTHER._replace(answered=OTHER.begun + 5), exposed={EXPOSED: 17.5})
    assert json.loads(path.read_text("utf-8")) == {
        "format": 1,
        "user_pool_id": POOL_ID,
        "endpoints": [
            {"url": ONE.url, "begun": ONE.begun, "answered": ONE.begun, "jwks": ONE.document.decode()},
            {
                "url": OTHER.url,
                "begun": OTHER.begun,
                "answered": OTHER.begun + 5,
                "jwks": OTHER.document.decode(),
            },
        ],
        "exposed": [{"thumbprint": EXPOSED, "seen": 17.5}],
    }


def test_a_file_without_the_newer_members_is_read(path: Path) -> None:
    """An older version's: an endpoint last answered when it served its keys, and no key has leaked."""
    entry = {"url": ONE.url, "begun": ONE.begun, "jwks": ONE.document.decode()}
    _text({"format": 1, "user_pool_id": POOL_ID, "endpoints": [entry]})(path)
    assert (read(path), exposed(path)) == ([ONE], {})


def test_the_mode_is_0600_whatever_the_umask(path: Path) -> None:
    """No other user can write or read it, whatever the file before it allowed."""
    path.touch(0o644)
    before = os.umask(0)
    try:
        write(path, ONE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_readers_never_see_half_a_file(path: Path) -> None:
    """While one thread writes again and again, every reading finds a whole file."""
    write(path, ONE)
    done = threading.Event()

    def writer() -> None:
        for number in range(30):
            write(
                path,
                ONE._replace(
                    begun=ONE.begun + number,
                    document=document(*[SIGNER.jwk() | {"kid": str(each)} for each in range(32)]),
                ),
            )
        done.set()

    thread = threading.Thread(target=writer)
    thread.start()
    while not done.is_set():
        assert [stored.url for stored in read(path)] == [ONE.url]
    thread.join()
    assert os.listdir(path.parent) == [path.name]


def test_a_reader_keeps_the_file_that_it_opened(path: Path) -> None:
    """The file is replaced, not overwritten."""
    write(path, ONE)
    with path.open("rb") as file:
        write(path, OTHER)
        assert json.load(file)["endpoints"][0]["url"] == ONE.url


def test_a_link_is_replaced_not_followed(path: Path, tmp_path: Path) -> None:
    """A link in the file's place does not choose what is overwritten."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    path.symlink_to(victim)
    write(path, ONE)
    assert (victim.read_text(), path.is_symlink(), read(path)) == ("untouched", False, [ONE])


def test_a_link_is_read(path: Path, tmp_path: Path) -> None:
    """Kubernetes mounts files as links."""
    write(tmp_path / "real", ONE)
    path.symlink_to("real")
    assert read(path) == [ONE]


NEW = document(SIGNER.jwk() | {"kid": "new"})
NEWER, OLDER = ONE.begun + 1, ONE.begun - 1
FOREIGN = ONE._replace(url="https://elsewhere.example/jwks.json")


@pytest.mark.parametrize(
    ("held", "written", "result"),
    [
        pytest.param([ONE], [ONE._replace(begun=OLDER)], [ONE], id="newer-is-kept"),
        pytest.param([ONE], [ONE._replace(begun=NEWER)], [ONE._replace(begun=NEWER)], id="older-is-replaced"),
        pytest.param(
            [ONE], [ONE._replace(document=NEW)], [ONE._replace(document=NEW)], id="of-equals-the-own"
        ),
        pytest.param(
            [ONE._replace(begun=NEWER), OTHER._replace(begun=NEWER)],
            [ONE, OTHER],
            [ONE._replace(begun=NEWER), OTHER],
            id="each-by-itself",
        ),
        pytest.param(
            [OTHER._replace(begun=OLDER)],
            [ONE],
            [ONE, OTHER._replace(begun=OLDER)],
            id="an-endpoint-that-we-did-not-reach",
        ),
        pytest.param([FOREIGN], [ONE], [ONE], id="no-endpoint-of-the-pool"),
        pytest.param([ONE._replace(begun=ONE.begun + 3600)], [ONE], [ONE], id="from-the-future-is-replaced"),
        pytest.param([ONE], [], [], id="nothing"),
    ],
)
def test_the_newer_entry_wins(
    held: list[KeyFileEntry], written: list[KeyFileEntry], result: list[KeyFileEntry], path: Path
) -> None:
    """What another process has written meanwhile is kept where it is newer, and can be true."""
    write(path, *held)
    write(path, *written)
    assert read(path) == result


@pytest.mark.parametrize(
    "content", [b"", b"junk", b'{"format":1,"user_pool_id":"us-west-2_OTHER","endpoints":[]}']
)
def test_what_is_no_key_file_is_replaced(content: bytes, path: Path) -> None:
    """Whatever the path held before, the next write replaces it."""
    path.write_bytes(content)
    write(path, ONE)
    assert read(path) == [ONE]


def test_what_cannot_be_written_leaves_nothing(path: Path, tmp_path: Path) -> None:
    """A failed write has one reason, the file before it stays, and no temporary file is left."""
    (tmp_path / "folder").mkdir()
    assert refusal(write, tmp_path / "folder", ONE) == "write"
    write(path, ONE)
    assert refusal(write, path / "keys.json", ONE) == "write"
    assert refusal(write, path, OTHER._replace(url=OTHER.url + "x" * MAX_FILE_BYTES)) == "too-large"
    assert read(path) == [ONE]
    assert sorted(os.listdir(tmp_path)) == ["folder", "keys.json"]


# --- Exposed keys


@pytest.mark.parametrize(
    ("held", "written", "result"),
    [
        pytest.param({EXPOSED: 5.0}, {}, {EXPOSED: 5.0}, id="the-others"),
        pytest.param({}, {EXPOSED: 5.0}, {EXPOSED: 5.0}, id="ours"),
        pytest.param({EXPOSED: 5.0}, {BURNT: 7.0}, {BURNT: 7.0, EXPOSED: 5.0}, id="both"),
        pytest.param({EXPOSED: 5.0}, {EXPOSED: 7.0}, {EXPOSED: 7.0}, id="ours-is-newer"),
        pytest.param({EXPOSED: 9.0}, {EXPOSED: 7.0}, {EXPOSED: 9.0}, id="the-others-is-newer"),
        pytest.param({EXPOSED: 9e9}, {BURNT: 7.0}, {EXPOSED: 67.0, BURNT: 7.0}, id="from-the-future"),
    ],
)
def test_exposed_keys_of_both_are_kept(
    held: dict[str, float], written: dict[str, float], result: dict[str, float], path: Path
) -> None:
    """T5: with the newer time, which is bounded, or one process with a wrong clock would keep it for ever."""
    write(path, exposed=held)
    write(path, exposed=written)
    assert exposed(path) == result
    assert list(exposed(path)) == list(result)  # the newest first


def test_a_flood_of_exposed_keys_keeps_the_newest(path: Path) -> None:
    """T5: of many processes too, the file stays small."""
    prints = [thumbprint((1 << 2047) + number) for number in range(MAX_EXPOSED + 44)]
    write(path, exposed={each: float(at) for at, each in enumerate(prints[:200])})
    write(path, exposed={each: float(at) for at, each in enumerate(prints[200:], 200)})
    assert set(exposed(path)) == set(prints[44:])
    assert path.stat().st_size < 40_000


PRIVATE = SIGNER.jwk(private=True)
LEAKY = document(PRIVATE, OTHER_SIGNER.jwk())
FOUND = thumbprint(read_document(document(SIGNER.jwk())).keys["\u00e9"].material[0])


@pytest.mark.parametrize("where", ["ours", "the-others"])
def test_no_private_member_is_written(where: str, path: Path) -> None:
    """T5: not of what was fetched, and not of what an older version has written; the exposure is recorded."""
    if where == "ours":
        write(path, ONE._replace(document=LEAKY))
    else:
        entry = {"url": ONE.url, "begun": ONE.begun, "jwks": LEAKY.decode()}
        _text(_whole(endpoints=[entry]))(path)
        write(path, OTHER)
    text = path.read_text("utf-8")
    assert not any(PRIVATE[name] in text for name in ("d", "p", "q", "dp", "dq", "qi"))
    [kept] = [each for each in read(path) if each.url == ONE.url]
    assert kept.document == document(OTHER_SIGNER.jwk())
    assert exposed(path) == {FOUND: ONE.begun}


def test_the_later_of_two_answers_is_kept(path: Path) -> None:
    """R3: whoever wrote the keys, the file says when the endpoint last answered anybody."""
    write(path, ONE._replace(answered=ONE.begun + 50))
    write(path, ONE._replace(begun=ONE.begun + 10), OTHER)
    [kept, _] = read(path)
    assert (kept.begun, kept.answered) == (ONE.begun + 10, ONE.begun + 50)


# --- Refusing to read


def _mode(mode: int) -> Callable[[Path], None]:
    def lay(path: Path) -> None:
        write(path, ONE)
        path.chmod(mode)

    return lay


def _text(value: object) -> Callable[[Path], None]:
    def lay(path: Path) -> None:
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        path.chmod(0o600)

    return lay


def _whole(**changes: object) -> dict[str, object]:
    return {"format": 1, "user_pool_id": POOL_ID, "endpoints": []} | changes


def _entry(**changes: object) -> Callable[[Path], None]:
    entry = {"url": ONE.url, "begun": 5, "jwks": "{}"} | changes
    return _text(_whole(endpoints=[entry]))


def _exposure(*, twice: bool = False, **changes: object) -> Callable[[Path], None]:
    record = {"thumbprint": EXPOSED, "seen": 5} | changes
    return _text(_whole(exposed=[record] * (2 if twice else 1)))


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))  # the whole path may be too long for an address


@pytest.mark.parametrize(
    ("lay", "reason"),
    [
        pytest.param(lambda path: None, "missing", id="missing"),
        pytest.param(lambda path: path.symlink_to("nowhere"), "missing", id="dangling-link"),
        pytest.param(lambda path: path.symlink_to(path.name), "unreadable", id="link-to-itself"),
        pytest.param(_socket, "unreadable", id="socket"),
        pytest.param(lambda path: os.mkfifo(path, 0o600), "not-regular", id="fifo"),
        pytest.param(lambda path: path.mkdir(0o700), "not-regular", id="directory"),
        pytest.param(lambda path: path.symlink_to("/dev/null"), "not-regular", id="device"),
        pytest.param(_mode(0o620), "writable", id="group-writable"),
        pytest.param(_mode(0o602), "writable", id="world-writable"),
        pytest.param(_mode(0o666), "writable", id="all-writable"),
        pytest.param(_text(" " * (MAX_FILE_BYTES + 1)), "too-large", id="too-large"),
        pytest.param(_text(""), "malformed", id="empty"),
        pytest.param(_text("[]"), "malformed", id="array"),
        pytest.param(_text('{"format":1,"format":1}'), "malformed", id="duplicate-member"),
        pytest.param(_text("[" * 100_000), "malformed", id="deep"),
        pytest.param(_text({}), "malformed", id="no-members"),
        pytest.param(_text(_whole(format=2)), "malformed", id="another-format"),
        pytest.param(_text(_whole(endpoints={})), "malformed", id="endpoints-no-list"),
        pytest.param(_text(_whole(endpoints=["x"])), "malformed", id="entry-no-object"),
        pytest.param(_text(_whole(user_pool_id="us-west-2_OTHER")), "other-pool", id="other-pool"),
        pytest.param(_text(_whole(user_pool_id=None)), "other-pool", id="no-pool"),
        pytest.param(_entry(url=None), "malformed", id="no-url"),
        pytest.param(_entry(jwks={}), "malformed", id="document-no-text"),
        pytest.param(_entry(begun=None), "malformed", id="no-begun"),
        pytest.param(_entry(begun="5"), "malformed", id="begun-text"),
        pytest.param(_entry(begun=True), "malformed", id="begun-bool"),
        pytest.param(_entry(begun=-1), "malformed", id="begun-negative"),
        pytest.param(_entry(begun=float("nan")), "malformed", id="begun-nan"),
        pytest.param(_entry(begun=float("inf")), "malformed", id="begun-infinite"),
        pytest.param(_entry(begun=1e300), "malformed", id="begun-far-away"),
        pytest.param(_entry(begun=10**400), "malformed", id="begun-beyond-a-float"),
        pytest.param(_entry(answered="5"), "malformed", id="answered-text"),
        pytest.param(_entry(answered=None), "malformed", id="answered-null"),
        pytest.param(_text(_whole(exposed={})), "malformed", id="exposed-no-list"),
        pytest.param(_text(_whole(exposed=["x"])), "malformed", id="exposure-no-object"),
        pytest.param(_exposure(thumbprint=None), "malformed", id="no-thumbprint"),
        pytest.param(_exposure(thumbprint="\u00e9" * 43), "malformed", id="thumbprint-beyond-ascii"),
        pytest.param(_exposure(thumbprint=EXPOSED + "="), "malformed", id="thumbprint-padded"),
        pytest.param(_exposure(thumbprint=EXPOSED[:-3]), "malformed", id="thumbprint-too-short"),
        pytest.param(_exposure(seen=None), "malformed", id="no-seen"),
        pytest.param(_exposure(seen=-1), "malformed", id="seen-negative"),
        pytest.param(_exposure(seen=10**400), "malformed", id="seen-beyond-a-float"),
        pytest.param(_exposure(twice=True), "malformed", id="exposure-twice"),
    ],
)
@pytest.mark.outside
def test_what_is_not_read(
    lay: Callable[[Path], None], reason: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unsafe or nonsensical file is refused at once, with a reason."""
    monkeypatch.chdir(path.parent)
    lay(path)
    assert refusal(read, path) == reason


def test_one_bad_entry_spoils_the_file(path: Path) -> None:
    """We write no bad entry, so another writer may have written the other entries too."""
    good = {"url": ONE.url, "begun": 5, "jwks": "{}"}
    _text(_whole(endpoints=[good, good | {"begun": "5"}]))(path)
    assert refusal(read, path) == "malformed"


def test_only_our_own_files_and_roots(path: Path) -> None:
    """The owner is this process's user or root."""
    write(path, ONE)
    if os.geteuid() != 0:
        assert refusal(_key_file.read, "/etc/hostname", POOL_ID) == "malformed"  # root's: read, no key file
        return
    os.chown(path, 12345, -1)
    assert refusal(read, path) == "owner"
    os.chown(path, 0, 12345)
    assert read(path) == [ONE]


def test_a_file_that_grows_while_it_is_read() -> None:
    """What is too large by the time of reading is no key file."""
    assert _key_file._parse(b" " * (MAX_FILE_BYTES + 1)) is None


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_octets_break_the_reader(data: bytes) -> None:
    """Whatever the file holds is refused or read; nothing else happens."""
    assert _key_file._parse(data) is None


# --- A baked file beside the other

HOUR = 3600.0


class Bakery:
    """A pool without network whose key files the test writes, and what its verifier reports of them."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.pool = FakeUserPool(clock=self.clock)
        self.own, self.baked = folder / "own.json", folder / "baked.json"
        self.emitted: list[events.Event] = []
        [self.url, *_] = [each.url for each in self.pool.user_pool()._key_set_config.endpoints]

    def lay(self, path: Path, age: float, *, user_pool_id: str | None = None, url: str = "") -> None:
        """The keys of this moment, in a file that says that they are of that age."""
        document = json.dumps(self.pool.jwks()).encode()
        url = url or self.url
        stored = KeyFileEntry(url, self.clock()[0] - age, document)
        _key_file.write(str(path), user_pool_id or self.pool.user_pool_id, [stored], [url])

    def verifier(self, **options: Any) -> Verifier:
        """A verifier that has these files and nothing else."""
        files = {"key_file": self.own, "baked_key_file": self.baked}
        made = self.pool.user_pool(**({"offline": True, "jwks": None} | files | options))
        return self.pool.offline_verifier(pool=made, on_event=self.emitted.append)

    def problems(self) -> list[str]:
        """The problems with key files that the hook received."""
        return [each.reason for each in self.emitted if isinstance(each, events.KeyFileProblem)]


@pytest.fixture
def bakery(tmp_path: Path) -> Bakery:
    """Two paths of key files, and nothing there."""
    return Bakery(tmp_path)


def test_a_baked_file_is_enough_to_start_with(bakery: Bakery) -> None:
    """An offline pool verifies with the keys that were shipped with it."""
    bakery.lay(bakery.baked, HOUR / 2)
    verifier = bakery.verifier(key_file=None)
    assert verifier.verify(bakery.pool.access_token()).username == "alice"
    assert (bakery.problems(), verifier.health()["healthy"]) == ([], True)


@pytest.mark.parametrize(
    ("own", "baked", "winner"),
    [
        pytest.param(1, 2, "own", id="own-is-newer"),
        pytest.param(2, 1, "baked", id="baked-is-newer"),
        pytest.param(2, 2, "own", id="of-equals-the-own"),
        pytest.param(None, 2, "baked", id="baked-alone"),
        pytest.param(2, None, "own", id="own-alone"),
        pytest.param(-1, 2, "baked", id="own-is-from-the-future"),
        pytest.param(2, -1, "own", id="baked-is-from-the-future"),
        pytest.param(2, 25, "own", id="baked-is-too-old"),
        pytest.param(25, 2, "baked", id="own-is-too-old"),
    ],
)
def test_the_newer_entry_of_an_endpoint_counts(
    own: float | None, baked: float | None, winner: str, bakery: Bakery
) -> None:
    """Of two entries the newer one that can be true counts; the keys of the older one are dropped."""
    tokens = {}
    for name, path, age in (("own", bakery.own, own), ("baked", bakery.baked, baked)):
        bakery.pool.rotate()
        bakery.pool.withdraw()
        tokens[name] = bakery.pool.access_token()
        if age is not None:
            bakery.lay(path, age * HOUR)
    verifier = bakery.verifier()
    assert verifier.verify(tokens.pop(winner)).username == "alice"
    [other] = tokens.values()
    with pytest.raises(errors.KeyUnknown):
        verifier.verify(other)


def test_entries_of_different_endpoints_stand_together(bakery: Bakery) -> None:
    """The files are merged entry by entry: each has the entry of another endpoint."""
    first = bakery.pool.access_token()
    bakery.lay(bakery.own, HOUR)
    bakery.pool.rotate()
    bakery.pool.withdraw()
    [_, bakery.url, *_] = [each.url for each in bakery.pool.user_pool()._key_set_config.endpoints]
    bakery.lay(bakery.baked, HOUR)
    verifier = bakery.verifier()
    for token in (first, bakery.pool.access_token()):
        assert verifier.verify(token).username == "alice"


def _junk(path: Path) -> None:
    path.write_text("junk")
    path.chmod(0o600)


@pytest.mark.parametrize(
    ("lay", "expected"),
    [
        pytest.param(lambda bakery: None, ["read baked: missing"], id="none"),
        pytest.param(lambda bakery: bakery.lay(bakery.own, 0), ["read baked: missing"], id="baked-left-out"),
        pytest.param(lambda bakery: bakery.lay(bakery.baked, 0), [], id="own-not-yet-there"),
        pytest.param(lambda bakery: _junk(bakery.own), ["read baked: missing", "read: malformed"], id="both"),
        pytest.param(
            lambda bakery: bakery.lay(bakery.baked, 0, user_pool_id="us-west-2_OTHER"),
            ["read baked: other-pool"],
            id="of-another-pool",
        ),
        pytest.param(
            lambda bakery: bakery.lay(bakery.baked, 0, url="https://keys.example/jwks.json"),
            ["read baked: other-endpoints"],
            id="of-other-endpoints",
        ),
    ],
)
def test_each_problem_is_an_event(lay: Callable[[Bakery], None], expected: list[str], bakery: Bakery) -> None:
    """A missing baked file is a problem; a missing `key_file` is none, as the first answer creates it."""
    lay(bakery)
    bakery.verifier()
    assert bakery.problems() == expected


def test_one_bad_file_does_not_spoil_the_other(bakery: Bakery) -> None:
    """What can be read is used."""
    _junk(bakery.own)
    bakery.lay(bakery.baked, HOUR)
    verifier = bakery.verifier()
    assert verifier.verify(bakery.pool.access_token()).username == "alice"
    assert bakery.problems() == ["read: malformed"]


@pytest.mark.parametrize("own", [True, False], ids=["beside-the-own", "alone"])
@pytest.mark.outside
def test_a_baked_file_is_never_written(own: bool, tmp_path: Path) -> None:
    """What is fetched goes into the other file, where there is one."""
    pool = FakeUserPool()
    own_path, baked = tmp_path / "own.json", tmp_path / "baked.json"
    with pool.serve() as endpoints:
        old = KeyFileEntry(endpoints.original.url, 1_700_000_000.0, json.dumps(pool.jwks()).encode())
        _key_file.write(str(baked), pool.user_pool_id, [old], [old.url])
        before = (baked.read_bytes(), baked.stat().st_mtime_ns)
        configured = pool.user_pool(key_file=own_path if own else None, baked_key_file=baked)
        with pool.verifier(pool=configured) as verifier:
            verifier.warm()
            assert verifier.verify(pool.access_token()).username == "alice"
    assert (baked.read_bytes(), baked.stat().st_mtime_ns) == before
    assert own_path.exists() is own


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="only Linux has a file that cannot be read")
def test_an_error_while_reading() -> None:
    """P: EIO or ESTALE of a network's file system is a problem with a file, and no exception to a caller."""
    assert refusal(_key_file.read, "/proc/self/mem", POOL_ID) == "unreadable"
