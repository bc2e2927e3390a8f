"""Key files as values: what is written, and a problem as one event (P)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.rig import Rig

from cognito_mr_auth import events
from cognito_mr_auth._jwks.exposure import thumbprint
from cognito_mr_auth._jwks.model import KeyFileContents
from cognito_mr_auth._remote import persistence
from cognito_mr_auth.errors import ConfigurationError


@pytest.mark.parametrize("writable", [True, False])
def test_a_problem_with_a_file_is_one_event(writable: bool, tmp_path: Path) -> None:
    """P: no caller learns of it."""
    path = tmp_path / "keys.json"
    if not writable:
        path.mkdir()
    rig = Rig(key_file=path)
    rig.fill()
    config, contents = rig.pool._key_set_config, rig.key_set.contents(rig.clock())
    found = list(persistence.save(config, contents))
    if writable:
        assert found == []
        loaded, problems = persistence.load(config)
        assert problems == []
        assert sorted(each[:2] for each in loaded.entries) == sorted(each[:2] for each in contents.entries)
    else:
        [problem] = found
        assert isinstance(problem, events.KeyFileProblem)
        assert problem.reason.startswith("write: ")


EXPOSED, OTHER = thumbprint(1 << 2047), thumbprint(1 << 2048)


def test_of_two_files_the_newer_record_counts(tmp_path: Path) -> None:
    """T5: what either file knows of exposed keys is known."""
    own, baked = tmp_path / "own.json", tmp_path / "baked.json"
    rig = Rig(key_file=own, baked_key_file=baked)
    for path, exposed in ((own, {EXPOSED: 20.0}), (baked, {EXPOSED: 10.0, OTHER: 5.0})):
        config = rig.pool._key_set_config._replace(key_file=str(path))
        assert persistence.save(config, KeyFileContents((), exposed)) == ()
    assert persistence.load(rig.pool._key_set_config) == (
        KeyFileContents([], {EXPOSED: 20.0, OTHER: 5.0}),
        [],
    )


@pytest.mark.parametrize("what", ["key_file", "baked_key_file"])
def test_a_directory_of_others_is_named_with_its_remedy(what: str, tmp_path: Path) -> None:
    """P: the reason says what to do, and nothing of the path."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    config = Rig(**{what: shared / "keys.json"}).pool._key_set_config
    _, [problem] = persistence.load(config)
    assert isinstance(problem, events.KeyFileProblem)
    start = "read: " if what == "key_file" else "read baked: "
    assert problem.reason.startswith(f"{start}directory-writable (")
    assert "sub-directory of mode 0700" in problem.reason
    assert str(tmp_path) not in problem.reason


def system(lacks: str) -> Any:
    """The module `os` of a system that lacks this name."""
    names = {name: getattr(os, name) for name in dir(os) if name != lacks}
    return SimpleNamespace(**names | ({"supports_dir_fd": set()} if lacks == "dir_fd" else {}))


@pytest.mark.parametrize("what", ["key_file", "baked_key_file"])
@pytest.mark.parametrize("lacks", ["geteuid", "O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC", "fstatvfs", "dir_fd"])
def test_a_system_that_cannot_tell_who_may_write(what: str, lacks: str, tmp_path: Path) -> None:
    """P: Windows: such a key file could be anybody's, so the verifier says so when it is made."""
    config = Rig(**{what: tmp_path / "keys.json"}).pool._key_set_config
    with pytest.raises(ConfigurationError, match=r"key_file and baked_key_file need .*jwks="):
        persistence.load(config, system(lacks))
    assert persistence.load(Rig().pool._key_set_config, system(lacks)) == (KeyFileContents([], {}), [])


AS_ON_WINDOWS = """
import os, sys
for name in "geteuid getuid getegid O_NONBLOCK O_CLOEXEC O_NOFOLLOW fork register_at_fork fchmod".split():
    delattr(os, name)
from cognito_mr_auth import errors
from cognito_mr_auth.testing import FakeUserPool
fake = FakeUserPool()
assert fake.offline_verifier().verify(fake.access_token()).username == "alice"
try:
    fake.offline_verifier(pool=fake.user_pool(offline=True, key_file=sys.argv[1]))
except errors.ConfigurationError as error:
    print(error)
"""


@pytest.mark.outside
def test_a_whole_process_without_posix(tmp_path: Path) -> None:
    """P: the library is imported and verifies; a key file is refused at construction, by its name."""
    path = str(tmp_path / "keys.json")
    done = subprocess.run(
        [sys.executable, "-c", AS_ON_WINDOWS, path], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("key_file and baked_key_file need ")
