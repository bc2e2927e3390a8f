"""`_web.exclusions`: which entries `exclude=` takes, and what each matches by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_mr_auth._web.exclusions import REST, Exclusions
from cognito_mr_auth.errors import ConfigurationError


@pytest.mark.parametrize(
    "entry", ["/", "/health", "/a/b", "/a/", "/static/*", "/a/b/*", "/a.b-c_d~e", "/@x:y"]
)
def test_an_entry_matches_itself(entry: str) -> None:
    """A whole path is matched as it stands, a leading one with anything below."""
    path = entry.replace("*", "x")
    assert Exclusions([entry]).match(path, path)
    assert Exclusions(["/other", entry]).match(path, "")  # a server that does not say what was sent
    assert not Exclusions([entry]).match(path + "%2f", path + "%252f")


@pytest.mark.parametrize(
    "entries",
    [
        "/health",
        b"/health",
        ["health"],
        [""],
        ["*"],
        ["/*"],
        ["/a*"],
        ["/a/*b"],
        ["/*/b"],
        ["/a/**"],
        ["//"],
        ["/a//b"],
        ["/a/../b"],
        ["/a/."],
        ["/a%2fb"],
        ["/a\\b"],
        ["/a b"],
        ["/caf\xe9"],
        ["/a?b"],
        ["/a\n"],
        [b"/a"],
        [None],
        [5],
    ],
    ids=repr,
)
def test_nonsense_is_refused(entries: Any) -> None:
    """An entry that could be read in two ways, or opens everything, is a ConfigurationError."""
    with pytest.raises(ConfigurationError, match="exclude"):
        Exclusions(entries)


def test_nothing_matches_nothing() -> None:
    """Without entries nothing is excluded."""
    assert not Exclusions()
    assert not Exclusions().match("/", "/")


@pytest.mark.parametrize(
    ("raw", "matches"),
    [
        ("/static/x", True),
        ("/static/x?next=/../..%2f", True),
        ("http://host/static/x", False),  # absolute form, which no exclusion needs
        ("/static/%2E%2E/x", False),
        ("/static/x%2Fy", False),
        ("/static/x%5cy", False),
        ("/static//x", False),
    ],
)
def test_what_was_sent_counts_too(raw: str, matches: bool) -> None:
    """The decoded path alone may hide how it was sent; the query never counts."""
    assert Exclusions(["/static/*"]).match("/static/x", raw) is matches


@pytest.mark.parametrize(
    ("path", "raw", "matches"),
    [
        ("/health", "/%68ealth", False),
        ("/health", "/api/%68ealth", False),
        ("/health", "/%61pi/health", True),  # the root is the server's to read
        ("/health/", "/healt%68/", False),
        ("/static/x", "/%73tatic/x", False),
        ("/static/static/x", "/%73tatic/static/x", False),
        ("/static/caf\xe9 x", "/static/caf%C3%A9%20x", True),
        ("/static/js/y", "/static/j%73/y", True),  # as the shorter entry says
        ("/health", "/moved", True),  # replaced by a middleware in front
    ],
)
def test_an_entry_is_spelled_out(path: str, raw: str, *, matches: bool) -> None:
    """To a router that decodes nothing an encoded name is another one; below an entry it does not matter."""
    assert Exclusions(["/health", "/health/", "/static/*", "/static/js/*"]).match(path, raw) is matches


ROUTES: list[tuple[str, list[str | None], bool]] = [
    # excluded, the segments of the route that /static/js/x leads to, whether it is open
    ("/static/*", ["static", REST], True),
    ("/static/*", ["static", "js", "x"], True),
    ("/static/*", ["static", None, None], True),
    ("/static/*", [REST], True),
    ("/static/*", [None, "js", "x"], False),
    ("/static/*", [None, REST], False),
    ("/static/*", [REST, "x"], False),
    ("/static/*", ["static", REST, "x"], True),
    ("/static/js/*", ["static", REST, "x"], False),
    ("/static/*", [None, None, None], False),
    ("/static/js/*", ["static", REST], True),
    ("/static/js/*", ["static", "js", None], True),
    ("/static/js/*", ["static", None, "x"], False),
    ("/static/js/*", [None, "js", "x"], False),
    ("/static/js/x", [None, None, None], True),
]


@pytest.mark.parametrize(("entry", "route", "matches"), ROUTES)
def test_a_leading_path_does_not_open_a_parameter(
    entry: str, route: list[str | None], *, matches: bool
) -> None:
    """A leading path names files, and no tenant of that name; a whole path names itself."""
    assert Exclusions([entry]).match("/static/js/x", "/static/js/x", route) is matches
    assert Exclusions([entry, "/other/*"]).match("/static/js/x", "", route) is matches


SEGMENT = st.sampled_from(
    ["static", "a", ".", "..", "", "..;", "%2e%2e", "\\", "x\\..", "..x", "%2f", "orders"]
)


@given(st.lists(SEGMENT, max_size=6))
def test_no_excluded_path_leaves_its_directory(segments: list[str]) -> None:
    """A reader that decodes an excluded path twice and resolves its dots and backslashes stays below it."""
    from posixpath import normpath
    from urllib.parse import unquote

    path = "/static/" + "/".join(segments)
    if Exclusions(["/static/*"]).match(path, path):
        twice = unquote(unquote(path)).replace("\\", "/")
        assert normpath(twice.replace("..;", "..")).startswith("/static")
