"""What `python -m netns` can do without root: list its rows, and say why it laid no bed."""

from __future__ import annotations

import os

import pytest

from netns.__main__ import main
from netns.rows import ROWS
from netns.web_rows import WEB_ROWS

ALL = {**ROWS, **WEB_ROWS}
NOBODY = 65534


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The names that it lists."""
    assert main(["--list", *arguments]) == 0
    return [line.split()[0] for line in capsys.readouterr().out.splitlines()]


def test_the_rows_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """All, some by name, or the brief ones; no row is in both tables."""
    assert listed(capsys) == list(ALL)
    assert len(ALL) == len(ROWS) + len(WEB_ROWS)
    assert listed(capsys, "--only", "thaw,tenants-24") == ["thaw", "tenants-24"]
    assert listed(capsys, "--brief") == [name for name, row in ALL.items() if row.brief]


def test_an_unknown_row_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name must not look like rows that passed."""
    with pytest.raises(SystemExit) as ended:
        main(["--only", "thaw,thorw"])
    assert ended.value.code == 2
    assert "no such row: thorw" in capsys.readouterr().err


@pytest.mark.outside
def test_without_root_it_says_so_and_passes(capfd: pytest.CaptureFixture[str]) -> None:
    """Also if everything is required, because rights cannot be installed."""
    child = os.fork()
    if not child:
        if not os.geteuid():
            os.setresuid(NOBODY, NOBODY, NOBODY)
        os._exit(main([]))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert capfd.readouterr().out == "skipped: network namespaces need root on Linux\n"
