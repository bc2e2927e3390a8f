"""What is installed with the library: every dependency is listed with its licence, and no other one is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
PAGE = (PROJECT / "docs" / "licences.md").read_text("utf-8")
CORE, EXTRAS = PAGE.split("## What an extra adds")

# Listed, and needed by some versions of a dependency or of Python alone.
SOMETIMES = {"sniffio", "typing-extensions"}

# How licences were named before PEP 639; where a name says no version or clause, any will do.
CLASSIFIERS = {
    "Apache Software License": "Apache",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def listed(text: str) -> dict[str, str]:
    """Distribution and licence of each row of a page's tables."""
    rows = re.findall(r"^\| ([a-z][\w-]*) \| ([\w.+ -]+) \|", text, re.MULTILINE)
    return {name: licence for name, licence in rows if name != "distribution"}


def names_of(requirements: Iterable[str]) -> set[str]:
    """The names of the requirements on this Python and machine, without any extra."""
    from packaging.requirements import Requirement  # pytest brings it
    from packaging.utils import canonicalize_name

    found = set()
    for line in requirements:
        each = Requirement(line)
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            found.add(str(canonicalize_name(each.name)))
    return found


def test_every_dependency_is_listed() -> None:
    """Nothing comes with the library that the page does not list, and nothing is listed in vain."""
    found: set[str] = set()
    todo = names_of(METADATA["dependencies"])
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo |= names_of(metadata.requires(name) or ())
    assert found - set(listed(CORE)) == set()
    assert set(listed(CORE)) - found <= SOMETIMES


def test_every_extra_is_listed() -> None:
    """The second table holds what the extras name, each with its extras, and no more."""
    extras: dict[str, list[str]] = METADATA["optional-dependencies"]
    named = {name for requirements in extras.values() for name in names_of(requirements)}
    assert set(listed(EXTRAS)) == named
    for name in named:
        (row,) = re.findall(rf"^\| {name} \|.*\|(.*)\|$", EXTRAS, re.MULTILINE)
        in_row = set(re.findall(r"`([\w-]+)`", row))
        assert in_row == {extra for extra, wanted in extras.items() if name in names_of(wanted)}


def fits(licence: str, found: metadata.PackageMetadata) -> bool:
    """Whether the page's licence is what a distribution's metadata says."""
    stated = (found.get_all("License-Expression") or found.get_all("License") or [""])[0]
    if stated and "\n" not in stated:
        return bool(stated == licence)
    names = [each.rpartition("::")[2].strip() for each in found.get_all("Classifier") or ()]
    kinds = [CLASSIFIERS[name] for name in names if name in CLASSIFIERS]
    return bool(kinds) and all(kind in licence for kind in kinds)


@pytest.mark.parametrize("name", [*listed(CORE), *listed(EXTRAS)])
def test_the_licence_is_the_one_that_the_package_names(name: str) -> None:
    """Each licence on the page is that of the installed package; what is not installed cannot be asked."""
    try:
        found = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        assert name in SOMETIMES | set(listed(EXTRAS))
    else:
        assert fits(listed(PAGE)[name], found)
