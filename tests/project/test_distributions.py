"""What users download: the wheel and the source distribution hold what they should, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs("hatch_fancy_pypi_readme", "hatchling")

PROJECT = Path(__file__).resolve().parents[2]
SRC = PROJECT / "src"
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
NAME = f"cognito_mr_auth-{METADATA['version']}"


def build(kind: str, tree: Path, target: Path) -> Path:
    """Builds a wheel or an sdist of a tree, with the backend alone; its path."""
    program = f"import sys, hatchling.build as backend; print(backend.build_{kind}(sys.argv[1]))"
    command: list[str | Path] = [sys.executable, "-c", program, target]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    name: str = done.stdout.split()[-1]
    return target / name


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the tree."""
    return build("wheel", PROJECT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    place = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", PROJECT, place)) as archive:
        # Before 3.11.4 there is no filter, and from 3.12 to 3.13 it is a warning to name none.
        filtered: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(place, **filtered)  # noqa: S202 - our own, made just now
    return place / NAME


def names(wheel: Path) -> set[str]:
    """The files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def read(wheel: Path, name: str) -> bytes:
    """A file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name)


# --- What is in them


def test_the_wheel_is_the_package_and_nothing_else(wheel: Path) -> None:
    """Every module, `py.typed`, and a wheel's metadata; no test, no script."""
    ours = {
        path.relative_to(SRC).as_posix()
        for path in SRC.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    said = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
    assert names(wheel) == ours | {f"{NAME}.dist-info/{name}" for name in said}
    assert "cognito_mr_auth/py.typed" in ours
    for name in ours:
        assert read(wheel, name) == (SRC / name).read_bytes()


def test_the_sdist_is_what_builds_and_explains_it(sdist: Path) -> None:
    """Sources, documents and the licence: no test, benchmark, result, CI script or pinned tool."""
    assert {path.name for path in sdist.iterdir()} == {
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "SECURITY.md",
        "STABILITY.md",
        "docs",
        "pyproject.toml",
        "src",
    }
    suffixes = {path.suffix for path in sdist.rglob("*") if path.is_file()}
    assert suffixes <= {"", ".md", ".py", ".toml", ".typed", ".svg", ".png", ".yaml"}  # a template of docs/


def test_the_sdist_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    """Octet by octet: a build from source gives what was tested, and a build can be repeated."""
    again = build("wheel", sdist, tmp_path)
    assert names(again) == names(wheel)
    assert again.read_bytes() == wheel.read_bytes()


SECRETS = re.compile(rb"PRIVATE KEY|AKIA[0-9A-Z]{16}|eyJ[\w-]{40,}\.eyJ[\w-]{40,}\.[\w-]{40,}")


def test_neither_holds_a_secret(sdist: Path, wheel: Path) -> None:
    """No private key, no access key and no signed token; test_rules.py looks for machines' names."""
    octets = {path.name: path.read_bytes() for path in sdist.rglob("*") if path.is_file()}
    octets |= {name: read(wheel, name) for name in names(wheel)}
    assert [name for name, text in octets.items() if SECRETS.search(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"-----BEGIN RSA PRIVATE KEY-----", id="key"),
        pytest.param(b"AKIA" + b"A" * 16, id="access-key"),
        pytest.param(b".".join([b"eyJ" + b"a" * 40, b"eyJ" + b"b" * 40, b"c" * 342]), id="token"),
    ],
)
def test_secrets_are_found(text: bytes) -> None:
    """That test bites."""
    assert SECRETS.search(b"x = '" + text + b"'")


# --- What they say of themselves


def _said(wheel: Path) -> Message:
    return BytesParser().parsebytes(read(wheel, f"{NAME}.dist-info/METADATA"))


def test_both_say_the_same(sdist: Path, wheel: Path) -> None:
    """PKG-INFO of the one is METADATA of the other."""
    assert (sdist / "PKG-INFO").read_bytes() == read(wheel, f"{NAME}.dist-info/METADATA")


def test_the_metadata_is_right(wheel: Path) -> None:
    """Name, version, Python, licence, description: as the project says."""
    said = _said(wheel)
    assert (said["Name"], said["Version"]) == (METADATA["name"], METADATA["version"])
    assert (said["Requires-Python"], said["Summary"]) == (">=3.11", METADATA["description"])
    assert (said["License-Expression"], said.get_all("License-File")) == ("Apache-2.0", ["LICENSE"])
    assert said["Description-Content-Type"] == "text/markdown"
    assert read(wheel, f"{NAME}.dist-info/licenses/LICENSE") == (PROJECT / "LICENSE").read_bytes()
    assert "Root-Is-Purelib: true" in read(wheel, f"{NAME}.dist-info/WHEEL").decode()


# --- What an index shows

URLS = METADATA["urls"]
BLOB = f"{URLS['Source']}/blob/v{METADATA['version']}/"
LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_the_urls_have_the_labels_that_an_index_knows(wheel: Path) -> None:
    """Each gets its icon there; all lead to one project."""
    said = dict(each.split(", ", 1) for each in _said(wheel).get_all("Project-URL") or ())
    assert said == URLS
    assert list(said) == ["Homepage", "Documentation", "Source", "Changelog", "Issues"]
    assert all(url == said["Source"] or url.startswith(f"{said['Source']}/") for url in said.values())


@pytest.mark.needs("trove_classifiers")
def test_the_classifiers_exist(wheel: Path) -> None:
    """An index refuses one that it does not know; PEP 639 has no place for a licence's."""
    from trove_classifiers import classifiers, deprecated_classifiers

    said = _said(wheel).get_all("Classifier") or []
    assert said == METADATA["classifiers"] == sorted(said, key=lambda each: each.replace(".", "~"))
    assert set(said) <= classifiers - deprecated_classifiers.keys()
    assert [each for each in said if each.startswith("License ::")] == []


def test_the_index_page_is_the_readme(wheel: Path) -> None:
    """The same text, but for links into the tree, which become links to the files of this version."""
    shown = str(_said(wheel).get_payload())
    assert shown.replace(BLOB, "").strip() == (PROJECT / "README.md").read_text("utf-8").strip()


def test_no_link_of_the_index_page_is_dead(wheel: Path) -> None:
    """Each is absolute or stays on the page, and a link into the tree names a file that is there."""
    links = LINK.findall(str(_said(wheel).get_payload()))
    assert [each for each in links if not each.startswith(("https://", "#"))] == []
    files = [each.removeprefix(BLOB).partition("#")[0] for each in links if each.startswith(BLOB)]
    assert len(files) > 10
    assert [each for each in files if not (PROJECT / each).exists()] == []


@pytest.mark.needs("twine")
def test_twine_finds_nothing(tmp_path: Path) -> None:
    """The metadata of both are valid, and the description can be rendered; a warning counts."""
    built = [build(kind, PROJECT, tmp_path) for kind in ("sdist", "wheel")]
    done = _twine(*built)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2


@pytest.mark.needs("twine")
def test_twine_bites(wheel: Path, tmp_path: Path) -> None:
    """A description without its type is a warning, and fails."""
    spoiled = tmp_path / wheel.name
    with zipfile.ZipFile(wheel) as before, zipfile.ZipFile(spoiled, "w") as after:
        for name in before.namelist():
            after.writestr(
                name, before.read(name).replace(b"Content-Type: text/markdown", b"Content-Type: text/x-rst")
            )
    assert _twine(spoiled).returncode == 1


def _twine(*paths: Path) -> subprocess.CompletedProcess[str]:
    """As `make dist` runs it."""
    command = [sys.executable, "-m", "twine", "check", "--strict", *paths]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


# --- What it needs


def _promised() -> Iterator[tuple[str, str]]:
    yield from (("", each) for each in METADATA["dependencies"])
    for extra, wanted in METADATA["optional-dependencies"].items():
        yield from ((extra, each) for each in wanted)


def test_the_requirements_are_the_projects(wheel: Path) -> None:
    """Each dependency with its lower bound, under its extra, without an upper bound; no more."""
    from packaging.requirements import Requirement

    said = _said(wheel)
    found = set()
    for line in said.get_all("Requires-Dist") or ():
        each = Requirement(line)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", str(each.marker or ""))
        found.add((extra[1] if extra else "", f"{each.name}{each.specifier}"))
    assert found == set(_promised())
    assert all(re.fullmatch(r"[\w-]+>=[\d.]+", each) for _, each in found)
    assert set(said.get_all("Provides-Extra") or ()) == set(METADATA["optional-dependencies"])


def test_the_entry_points_are_there(wheel: Path) -> None:
    """The command, and the pytest plugin, which is a module of the wheel."""
    text = read(wheel, f"{NAME}.dist-info/entry_points.txt").decode()
    assert "cognito-mr-auth = cognito_mr_auth.cli:main" in text
    assert "cognito_mr_auth = cognito_mr_auth_pytest" in text
    assert "cognito_mr_auth_pytest.py" in names(wheel)
