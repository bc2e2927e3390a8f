"""What a release needs: the Pythons that its wheel is tested on, and whether there may be a release at all.

usage: python scripts/release.py pythons      prints the Pythons of the classifiers, as a JSON list
       python scripts/release.py ready TAG    status 1 and each reason, if the tree is no release TAG

The workflows call it before they install anything, so it imports the standard library alone.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

# Stands for the project's address until there is one. RFC 2606 reserves the name, so no link to it can work.
PLACEHOLDER = "example.invalid"
WITH_ADDRESS = ("pyproject.toml", "README.md", "CONTRIBUTING.md")
_PYTHON = re.compile(r"Programming Language :: Python :: (3\.\d+)")


def pythons(pyproject: str) -> list[str]:
    """The minor versions that the classifiers name, in their order."""
    classifiers: list[str] = tomllib.loads(pyproject)["project"]["classifiers"]
    return [found[1] for each in classifiers if (found := _PYTHON.fullmatch(each))]


def obstacles(tree: Path, tag: str) -> list[str]:
    """Why the tree may not be released as `tag`; empty if it may."""
    texts = {name: (tree / name).read_text("utf-8") for name in (*WITH_ADDRESS, "CHANGELOG.md")}
    version: str = tomllib.loads(texts["pyproject.toml"])["project"]["version"]
    found = [
        f"{name} still has the address {PLACEHOLDER}, which leads nowhere"
        for name in WITH_ADDRESS
        if PLACEHOLDER in texts[name]
    ]
    if tag != f"v{version}":
        found.append(f"the tag is {tag!r}, but the version in pyproject.toml is {version}")
    if not re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", texts["CHANGELOG.md"], re.MULTILINE
    ):
        found.append(f"CHANGELOG.md has no line `## [{version}] - YYYY-MM-DD`")
    return found


def main(*arguments: str) -> int:
    """Run one of the two commands; the exit status."""
    match arguments:
        case ["pythons"]:
            print(json.dumps(pythons((PROJECT / "pyproject.toml").read_text("utf-8"))))
            return 0
        case ["ready", tag]:
            found = obstacles(PROJECT, tag)
            for each in found:
                print(f"not ready: {each}", file=sys.stderr)
            return 1 if found else 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
