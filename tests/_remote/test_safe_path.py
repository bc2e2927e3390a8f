"""The path to a key file: no other user may control it, and usual places must work (P)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cognito_mr_auth._remote.key_file import KeyFileError, read, write
from cognito_mr_auth._remote.safe_path import MAX_LINKS, kind_of, place_of

POOL_ID, STRANGER = "us-west-2_EXAMPLE", 61234
ROOT = os.geteuid() == 0


def reading(path: Path) -> str:
    """The result of reading this path: "read", or the reason of the refusal."""
    try:
        read(str(path), POOL_ID)
    except KeyFileError as error:
        return error.reason
    return "read"


def writing(path: Path) -> str:
    """The result of writing this path: "written", or the reason of the refusal."""
    try:
        write(str(path), POOL_ID, [], [])
    except KeyFileError as error:
        return error.reason
    return "written"


def directory(path: Path, mode: int) -> Path:
    """A directory of that mode, whatever the umask."""
    path.mkdir()
    path.chmod(mode)
    return path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A directory of ours, with a key file beside what the test lays out."""
    write(str(tmp_path / "upload.json"), POOL_ID, [], [])
    return tmp_path


def _loose(base: Path) -> Path:
    return directory(base / "loose", 0o777)


def _sticky(base: Path) -> Path:
    return directory(base / "sticky", 0o1777)


def _in(place: Callable[[Path], Path], *names: str, mode: int = 0o755) -> Callable[[Path], Path]:
    """The file in a directory, or in one of that mode below it."""

    def lay(base: Path) -> Path:
        path = place(base)
        for name in names:
            path = directory(path / name, mode)
        write(str(base / "made.json"), POOL_ID, [], [])
        (base / "made.json").rename(path / "keys.json")
        return path / "keys.json"

    return lay


def _linked(place: Callable[[Path], Path], target: str = "../upload.json") -> Callable[[Path], Path]:
    """A link of ours in that directory."""

    def lay(base: Path) -> Path:
        path = place(base) / "keys.json"
        path.symlink_to(target)
        return path

    return lay


def _hard_link(base: Path) -> Path:
    path = _sticky(base) / "keys.json"
    os.link(base / "upload.json", path)
    return path


def _hard_link_in_our_own(base: Path) -> Path:
    path = base / "twin.json"
    os.link(base / "upload.json", path)
    return path


def _config_map(base: Path, mode: int = 0o1777) -> Path:
    """As Kubernetes' atomic writer lays a volume out."""
    volume = directory(base / "volume", mode)
    dated = directory(volume / "..2026_11_29", 0o755)
    (base / "upload.json").rename(dated / "keys.json")
    (volume / "..data").symlink_to(dated.name)
    (volume / "keys.json").symlink_to("..data/keys.json")
    return volume / "keys.json"


def _mac_tmp(base: Path) -> Path:
    """As on macOS: /tmp is a link to private/tmp."""
    directory(base / "private", 0o755)
    path = _in(lambda base: directory(base / "private/tmp", 0o1777))(base)
    (base / "tmp").symlink_to("private/tmp")
    return base / "tmp" / path.name


def _chain(length: int) -> Callable[[Path], Path]:
    def lay(base: Path) -> Path:
        target = base / "upload.json"
        for number in range(length):
            link = base / f"link{number}"
            link.symlink_to(target)
            target = link
        return target

    return lay


def _through_a_file(base: Path) -> Path:
    return base / "upload.json" / "keys.json"


def _to_a_directory(target: str) -> Callable[[Path], Path]:
    return _linked(lambda base: directory(base / "own", 0o700), target)


LAYOUTS = [
    pytest.param(lambda base: base / "upload.json", "read", "written", id="our-own"),
    pytest.param(_in(_sticky), "read", "written", id="sticky"),
    pytest.param(_in(_sticky, "sub"), "read", "written", id="below-sticky"),
    pytest.param(_linked(_sticky), "read", "written", id="our-link-in-sticky"),
    pytest.param(_hard_link, "links", "written", id="a-second-name-in-sticky"),
    pytest.param(_hard_link_in_our_own, "read", "written", id="a-second-name-of-our-own"),
    pytest.param(_in(_loose), "directory-writable", "directory-writable", id="loose"),
    pytest.param(_linked(_loose), "directory-writable", "directory-writable", id="our-link-in-loose"),
    pytest.param(_in(_loose, "sub", mode=0o700), "read", "written", id="the-remedy"),
    pytest.param(_in(_loose, "sub"), "directory-writable", "directory-writable", id="remedy-of-another-mode"),
    pytest.param(_in(_loose, "a", "b", mode=0o700), "read", "written", id="below-the-remedy"),
    pytest.param(
        _in(lambda base: directory(base / "group", 0o770)),
        "directory-writable",
        "directory-writable",
        id="the-group-writes",
    ),
    pytest.param(_in(lambda base: directory(base / "g", 0o1770)), "read", "written", id="a-sticky-group"),
    pytest.param(_config_map, "read", "written", id="config-map"),
    pytest.param(
        lambda base: _config_map(base, 0o777), "directory-writable", "directory-writable", id="links-in-loose"
    ),
    pytest.param(_mac_tmp, "read", "written", id="mac-tmp"),
    pytest.param(_chain(MAX_LINKS), "read", "written", id="40-links"),
    pytest.param(_chain(MAX_LINKS + 1), "unreadable", "written", id="41-links"),
    pytest.param(_through_a_file, "unreadable", "write", id="through-a-file"),
    pytest.param(_to_a_directory("."), "not-regular", "written", id="link-to-its-directory"),
    pytest.param(_to_a_directory(".."), "not-regular", "written", id="link-upwards"),
    pytest.param(_to_a_directory("/"), "not-regular", "written", id="link-to-the-root"),
    pytest.param(_to_a_directory("gone/keys.json"), "missing", "written", id="dangling"),
    pytest.param(lambda base: base / ("x" * 300), "unreadable", "write", id="long-name"),
]


@pytest.mark.parametrize(
    ("mode", "flags", "kind"),
    [
        pytest.param(0o755, 0, "private", id="ours-alone"),
        pytest.param(0o1755, 0, "private", id="ours-alone-and-sticky"),
        pytest.param(0o775, 0, "loose", id="the-group-writes"),
        pytest.param(0o757, 0, "loose", id="others-write"),
        pytest.param(0o2777, 0, "loose", id="empty-dir-of-a-group"),
        pytest.param(0o1777, 0, "shared", id="sticky"),
        pytest.param(0o3777, 0, "shared", id="secret-of-a-group"),
        pytest.param(0o777, os.ST_RDONLY, "private", id="config-map"),
        pytest.param(0o777, os.ST_RDONLY | os.ST_NOSUID, "private", id="config-map-without-suid"),
        pytest.param(0o777, os.ST_NOSUID, "loose", id="another-flag"),
    ],
)
def test_who_may_change_what_is_in_a_directory(mode: int, flags: int, kind: str) -> None:
    """Kubernetes lays a ConfigMap out in a directory of mode 0777, and mounts it read-only."""
    assert kind_of(mode, flags) == kind


@pytest.mark.parametrize(("lay", "read_as", "written_as"), LAYOUTS)
def test_where_a_key_file_may_be(
    lay: Callable[[Path], Path], read_as: str, written_as: str, base: Path
) -> None:
    """Every directory and link on the way is judged, for readers and for writers."""
    path = lay(base)
    assert reading(path) == read_as
    assert writing(path) == written_as
    if written_as == "written":
        assert (reading(path), path.is_symlink()) == ("read", False)
        assert not list(base.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("lay", "strange", "read_as", "written_as"),
    [
        pytest.param(_in(_sticky), "keys.json", "owner", "write-or-written", id="file-in-sticky"),
        pytest.param(_linked(_sticky), "keys.json", "link-owner", "write-or-written", id="link-in-sticky"),
        pytest.param(_in(_sticky, "sub"), ".", "directory-owner", "directory-owner", id="directory"),
        pytest.param(_in(_sticky, "sub"), "..", "directory-owner", "directory-owner", id="on-the-way"),
        pytest.param(
            _in(_loose, "sub", mode=0o700), ".", "directory-owner", "directory-owner", id="remedy-of-another"
        ),
        pytest.param(_config_map, "../volume/..data", "link-owner", "write-or-written", id="data-link"),
        pytest.param(_mac_tmp, "../tmp", "link-owner", "link-owner", id="link-on-the-way"),
    ],
)
def test_what_another_user_has_laid_out(
    lay: Callable[[Path], Path], strange: str, read_as: str, written_as: str, base: Path
) -> None:
    """A link, a directory or a file of another user is not followed, entered or read."""
    path = lay(base)
    place = path if strange == "keys.json" else Path(os.path.normpath(path.parent / strange))
    if not ROOT:  # who alone may give a file away
        assert reading(path) == "read"
        return
    os.lchown(place, STRANGER, STRANGER)
    assert reading(path) == read_as
    # In a sticky directory the kernel lets root alone replace what is another user's.
    assert writing(path) == ("written" if written_as == "write-or-written" else written_as)


@pytest.mark.parametrize(
    ("lay", "reason"),
    [
        pytest.param(lambda mine, base: mine.symlink_to(base / "upload.json"), "link-owner", id="link"),
        pytest.param(lambda mine, _base: mine.mkdir(0o700), "directory-owner", id="directory"),
    ],
)
def test_in_a_directory_that_all_users_share(
    lay: Callable[[Path, Path], None], reason: str, base: Path
) -> None:
    """A name in /tmp belongs to whoever was first: of another user it is neither followed nor entered."""
    mine = Path("/tmp", f"cognito-mr-auth-{os.urandom(8).hex()}")
    lay(mine, base)
    path = mine / "keys.json" if mine.is_dir() and not mine.is_symlink() else mine
    try:
        if ROOT:
            os.lchown(mine, STRANGER, STRANGER)
        with pytest.raises(KeyFileError) as caught, place_of(str(path), user=0 if ROOT else STRANGER):
            """Not reached."""
        assert caught.value.reason == reason
    finally:
        mine.unlink() if mine.is_symlink() else mine.rmdir()


def test_what_root_has_laid_out() -> None:
    """Root may do anything to this process anyway."""
    with place_of("/etc/hostname") as place:
        assert (place.name, place.shared) == ("hostname", False)


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"]], ids=["one", "three"])
@pytest.mark.parametrize("place", [_sticky, _loose, lambda base: base], ids=["sticky", "loose", "our-own"])
def test_a_missing_directory_is_made(place: Callable[[Path], Path], names: list[str], base: Path) -> None:
    """With mode 0700, whatever the umask allows; a reader makes none."""
    path = place(base).joinpath(*names, "keys.json")
    assert reading(path) == "missing"
    assert not path.parent.exists()
    before = os.umask(0)
    try:
        assert writing(path) == "written"
    finally:
        os.umask(before)
    assert [each.stat().st_mode & 0o7777 for each in list(path.parents)[: len(names)]] == [0o700] * len(names)
    assert reading(path) == "read"


def test_a_directory_that_may_only_be_passed(base: Path) -> None:
    """Mode 0711, as home directories have it, needs no permission to list."""
    path = _in(lambda base: directory(base / "home", 0o711))(base)
    (base / "home").chmod(0o311)
    assert reading(path) == "read"


def test_a_directory_that_is_swapped_on_the_way(base: Path) -> None:
    """What was judged is what is used: the walk goes on from the directory that it has opened."""
    inner = directory(base / "inner", 0o700)
    write(str(inner / "keys.json"), POOL_ID, [], [])
    with place_of(str(inner / "keys.json")) as place:
        inner.rename(base / "moved")
        _loose(base).rename(inner)
        assert os.listdir(base / "inner") == []
        os.stat(place.name, dir_fd=place.directory)


def test_every_descriptor_is_closed(base: Path) -> None:
    """However the walk ends."""
    descriptors = Path("/proc/self/fd") if os.path.exists("/proc/self/fd") else Path("/dev/fd")
    before = len(list(descriptors.iterdir()))
    for path in (base / "upload.json", base / "no/keys.json", _in(_loose)(base), _chain(50)(base)):
        reading(path)
        writing(path)
    assert len(list(descriptors.iterdir())) == before
