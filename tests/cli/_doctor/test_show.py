"""How rows look, and what is shown while people wait."""

from __future__ import annotations

import io
import threading
from typing import Any

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from cognito_mr_auth.cli._doctor.examination import Examination
from cognito_mr_auth.cli._doctor.show import Progress, show, show_json
from cognito_mr_auth.cli._doctor.verdicts import Check

FOUND = [
    Examination(
        "us-west-2_EXAMPLE",
        (Check("clock", "ok", "right"), Check("a kid", "failure", "\x1b[2J", "do \x07 that")),
        answered=True,
    ),
    Examination("us-west-2_\u202eX", (), answered=False),
]


def printed(function: Any, *, color: bool) -> str:
    """What a function prints, as on a terminal or elsewhere."""

    @click.command()
    def command() -> None:
        function(FOUND)

    return CliRunner().invoke(command, color=color).output


def test_a_table() -> None:
    """Aligned, without colours elsewhere than on a terminal; nothing from outside reaches a terminal raw."""
    assert printed(show, color=False) == (
        "user pool us-west-2_EXAMPLE\n"
        "  ok       clock  right\n"
        "  failure  a kid  \\x1b[2J\n"
        "           do: do \\x07 that\n"
        "user pool us-west-2_\\u202eX\n"
        "1 failure, 1 ok\n"
    )


def test_colours_on_a_terminal() -> None:
    """The verdict alone is coloured, and the columns stay."""
    coloured = printed(show, color=True)
    assert "\x1b[31mfailure\x1b[0m  a kid" in coloured
    assert click.unstyle(coloured) == printed(show, color=False)


def test_a_document() -> None:
    """JSON in ASCII."""
    assert printed(show_json, color=False).isascii()


@pytest.mark.parametrize("terminal", [True, False])
def test_progress(terminal: bool) -> None:
    """Who has answered, on a terminal; nothing anywhere else."""
    out = io.StringIO()
    with Progress("us-west-2_\x07", Console(file=out, force_terminal=terminal, width=200)) as progress:
        thread = threading.Thread(target=progress, args=("us-east-1",))
        thread.start()
        thread.join()
        progress("key [red]us-east-1")
    text = out.getvalue()
    assert ("asking about us-west-2_\\x07" in text) is terminal
    assert bool(text) is terminal


def test_the_line_of_progress() -> None:
    """It counts, and names the last; markup in a name is text."""
    progress = Progress("p", Console(file=io.StringIO()))
    assert str(progress._line()) == "asking about p"
    progress("[red]x")
    assert str(progress._line()) == "asking about p; 1 answered, last [red]x"
