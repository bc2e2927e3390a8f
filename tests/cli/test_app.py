"""The command line as a whole: what it needs, what it never repeats, how it is started."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cognito_mr_auth.cli import main
from cognito_mr_auth.cli._input import looks_like_token, read_token
from cognito_mr_auth.testing import MALFORMED, FakeUserPool


def _python(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("absent", ["click", "rich"])
@pytest.mark.outside
def test_a_missing_package_names_the_extra(absent: str) -> None:
    """Without click or rich, importing the command line says what to install."""
    code = f"import sys; sys.modules[{absent!r}] = None; import cognito_mr_auth.cli"
    last_line = _python("-c", code).stderr.splitlines()[-1]
    assert last_line == f'ImportError: the command line needs {absent}: pip install "cognito-mr-auth[cli]"'


@pytest.mark.outside
def test_the_library_does_not_load_it() -> None:
    """Neither the library nor its testing kit loads click or rich."""
    code = (
        "import sys, cognito_mr_auth, cognito_mr_auth.testing\n"
        "print([name for name in ('click', 'rich', 'cognito_mr_auth.cli') if name in sys.modules])"
    )
    assert _python("-c", code).stdout == "[]\n"


@pytest.mark.outside
def test_it_runs_as_a_module() -> None:
    """`python -m cognito_mr_auth.cli` is the console script."""
    done = _python("-m", "cognito_mr_auth.cli", "inspect", stdin=FakeUserPool().access_token())
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("UNVERIFIED")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["TOKEN"], id="as-command"),
        pytest.param(["inspect", "TOKEN"], id="as-argument"),
        pytest.param(["inspect", "--", "TOKEN"], id="after-dashes"),
        pytest.param(["inspect", "-", "TOKEN"], id="as-a-second-argument"),
        pytest.param(["verify", "--token", "TOKEN"], id="as-an-unknown-option"),
        pytest.param(["verify", "--token=TOKEN"], id="within-an-option"),
        pytest.param(["verify", "--client-id", "TOKEN"], id="as-a-value"),
        pytest.param(["inspect", "Bearer TOKEN"], id="with-its-scheme"),
        pytest.param(["keys", "fetch", "TOKEN"], id="below-a-group"),
    ],
)
def test_a_token_on_the_command_line_is_refused_and_not_repeated(arguments: list[str]) -> None:
    """Wherever it stands, it is a usage error whose message holds no part of the token."""
    token = FakeUserPool().access_token()
    done = CliRunner().invoke(main, [each.replace("TOKEN", token) for each in arguments])
    assert done.exit_code == 2
    assert "standard input" in done.output
    assert not any(part in done.output for part in token.split("."))


@pytest.mark.parametrize("name", ["alg_none", "empty_signature", "one_segment", "two_segments"])
def test_damaged_tokens_are_recognised(name: str) -> None:
    """So is a token that would be refused, or a piece of one."""
    assert looks_like_token(FakeUserPool().access_token(malformed=name))


def test_the_version() -> None:
    """`--version` says the distribution's."""
    done = CliRunner().invoke(main, ["--version"])
    assert done.exit_code == 0
    assert done.output == f"cognito-mr-auth {version('cognito-mr-auth')}\n"


LOOKS = [
    ("eyJhbGciOiJSUzI1NiJ9.", True),
    ("a" * 40 + "." + "b" * 40 + "." + "c" * 40, True),
    ("-", False),
    ("verify", False),
    ("us-west-2_EXAMPLE", False),
    ("https://vpce-0123456789abcdef0-abcdefgh.cognito-idp.us-west-2.vpce.amazonaws.com/x", False),
    ("https://issuer-cognito-idp.eusc-de-east-1.amazonaws.eu/eusc-de-east-1_A1b2C3d4E", False),
    ("/somewhere/a-rather-long-directory/a-rather-long-name.of-a-key-file.json", False),
    ("token.jwt", False),
    ("eyJ", False),
]


@pytest.mark.parametrize(("argument", "expected"), LOOKS, ids=[row[0][:30] for row in LOOKS])
def test_other_arguments_are_left_alone(argument: str, expected: bool) -> None:
    """Hosts, pool IDs and paths are no tokens."""
    assert looks_like_token(argument) is expected


CONTENTS = [
    pytest.param(b" a.b.c\r\n", "a.b.c", id="white-space"),
    pytest.param(b"a.\xff.c", "a.\ufffd.c", id="not-utf8"),
    pytest.param(b"x" * 200_000, "x" * 131072, id="endless"),
]


@pytest.mark.parametrize(("content", "token"), CONTENTS)
def test_a_token_is_read(content: bytes, token: str, tmp_path: Path) -> None:
    """White space around it goes, nothing else is repaired, and reading ends."""
    (tmp_path / "token").write_bytes(content)
    with (tmp_path / "token").open("rb") as file:
        assert read_token(file) == token


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_no_token_is_wrong_usage(content: bytes, tmp_path: Path) -> None:
    """An empty file is wrong usage, not a refused token."""
    (tmp_path / "token").write_bytes(content)
    with (tmp_path / "token").open("rb") as file, pytest.raises(click.UsageError):
        read_token(file)


def test_a_terminal_shows_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """A user who gives neither a file nor a pipe sees what to do."""
    ours, theirs = pty.openpty()
    os.write(ours, b"a.b.c\n\x04")
    with os.fdopen(theirs, "rb", buffering=0) as terminal:
        assert read_token(terminal) == "a.b.c"
    os.close(ours)
    assert "Ctrl-D" in capsys.readouterr().err


def test_every_malformed_token_can_be_given() -> None:
    """No damage makes `inspect` fail with anything but a refusal."""
    pool = FakeUserPool()
    for name in MALFORMED:
        token = pool.access_token(malformed=name)
        done = CliRunner().invoke(main, ["inspect"], input=token.encode("utf-8", "replace"))
        assert done.exit_code in (0, 1, 2), (name, done.output)
        assert done.exception is None or isinstance(done.exception, SystemExit), name
