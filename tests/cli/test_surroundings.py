"""Colours: whether a terminal gets them, and that nothing else does."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cognito_mr_auth.cli import main
from cognito_mr_auth.cli._surroundings import Surroundings, may_be_coloured
from cognito_mr_auth.testing import FakeUserPool

ENVIRONMENTS = [
    pytest.param({}, True, id="nothing"),
    pytest.param({"TERM": "xterm"}, True, id="a-terminal"),
    pytest.param({"TERM": "dumb"}, False, id="dumb"),
    pytest.param({"TERM": "unknown"}, False, id="unknown"),
    pytest.param({"TERM": "dumb", "FORCE_COLOR": "1"}, True, id="dumb-but-forced"),
    pytest.param({"TERM": "xterm", "NO_COLOR": "1"}, False, id="no-color"),
    pytest.param({"TERM": "xterm", "NO_COLOR": ""}, True, id="no-color-empty"),
    pytest.param({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, id="no-color-wins"),
]


@pytest.mark.parametrize(("environ", "expected"), ENVIRONMENTS)
def test_colours(environ: dict[str, str], expected: bool) -> None:
    """A terminal has them unless NO_COLOR or a dumb terminal forbids them; on no other output are any."""
    assert may_be_coloured(environ) is expected
    token = FakeUserPool().access_token()
    # `color` is whether the runner's output counts as a terminal.
    for terminal in (True, False):
        done = CliRunner().invoke(main, ["inspect"], input=token, obj=Surroundings(environ), color=terminal)
        assert done.exit_code == 0
        assert ("\x1b[" in done.output) is (terminal and expected)


def test_json_has_no_colour() -> None:
    """Not on a terminal either, because a person may copy it."""
    token = FakeUserPool().access_token(lifetime=-100)
    done = CliRunner().invoke(main, ["inspect", "--json"], input=token, obj=Surroundings({}), color=True)
    assert "\x1b" not in done.output
