"""Completion: the scripts, and the answers to a shell."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cognito_mr_auth.cli import main
from cognito_mr_auth.testing import FakeUserPool

SCRIPTS = {"bash": "complete -o nosort -F", "zsh": "#compdef cognito-mr-auth", "fish": "complete --no-files"}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_script(shell: str) -> None:
    """For the program's name, whatever it was started as."""
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert SCRIPTS[shell] in done.output
    assert f"_COGNITO_MR_AUTH_COMPLETE={shell}_complete" in done.output
    assert "cognito-mr-auth" in done.output


def test_another_shell() -> None:
    """The shells are named."""
    done = CliRunner().invoke(main, ["completion", "tcsh"])
    assert done.exit_code == 2
    assert "fish" in done.output


def _completed(*words: str) -> list[str]:
    asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    environment = asked | {"_COGNITO_MR_AUTH_COMPLETE": "bash_complete"}
    done = CliRunner().invoke(main, [], prog_name="cognito-mr-auth", env=environment)
    assert done.exit_code == 0, done.output
    return [line.partition(",")[2] for line in done.output.splitlines()]


def test_commands_options_and_choices() -> None:
    """All of them are completed."""
    assert _completed("cognito-mr-auth", "ver") == ["verify"]
    assert _completed("cognito-mr-auth", "verify", "--from") == ["--from-env"]
    assert _completed("cognito-mr-auth", "verify", "--token-use", "a") == ["access", "any"]


def test_a_token_on_the_line_is_not_repeated() -> None:
    """A shell that asks gets no traceback, and no part of the token."""
    token = FakeUserPool().access_token()
    answers = _completed("cognito-mr-auth", "inspect", token, "--js")
    assert answers == ["--json"]
