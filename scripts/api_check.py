"""Compares the public API with the last release's, so that no name or parameter disappears by accident.

usage: python scripts/api_check.py     (`make api-check` calls it, with the main environment's Python)

The last release is the newest tag `v*` among the ancestors of the commit. Griffe reads both trees and imports
neither. A break is allowed if the changelog's newest section names what it breaks in backticks, without the
package's name: `policy.scopes`. Until a first tag exists, the names that tests/project/test_public_names.py
lists are the promise. Status 1 if the promise is broken.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import griffe

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = "cognito_mr_auth"
NAMES = "tests/project/test_public_names.py"


def last_tag() -> str | None:
    """The newest tag of a release; None before the first."""
    done = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", "--match=v*"],  # noqa: S607
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() or None


def breaks(tag: str) -> Iterator[tuple[str, str]]:
    """What is broken since the tag: its path without the package's name, and what happened to it."""
    before = griffe.load_git(PACKAGE, ref=tag, repo=PROJECT, search_paths=["src"])
    after = griffe.load(PACKAGE, search_paths=[PROJECT / "src"], allow_inspection=False)
    for each in griffe.find_breaking_changes(before, after):
        text = each.explain(griffe.ExplanationStyle.ONE_LINE)
        yield each.obj.path.removeprefix(f"{PACKAGE}."), re.sub(r"\x1b\[[\d;]*m", "", text)


def newest_section(changelog: str) -> str:
    """The changelog from its first version's heading to the second's."""
    return re.split(r"^## \[", changelog, flags=re.MULTILINE)[1]


def main() -> int:
    """Compare, and print what is broken; the exit status."""
    tag = last_tag()
    if tag is None:
        print(f"no release yet: the public names are those of {NAMES}", flush=True)
        tests = [sys.executable, "-m", "pytest", "--quiet", NAMES]
        return subprocess.run(tests, cwd=PROJECT, check=False).returncode
    section = newest_section((PROJECT / "CHANGELOG.md").read_text("utf-8"))
    status = 0
    for path, text in breaks(tag):
        named = f"`{path}`" in section
        print(text, "(in the changelog)" if named else f"(name `{path}` in CHANGELOG.md, or undo it)")
        status = status if named else 1
    print(f"compared with {tag}: {'see above' if status else 'nothing is broken in silence'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
