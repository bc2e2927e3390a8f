"""How the demo is shown: to a terminal, to a pipe, and as JSON."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from cognito_mr_auth.cli._demo.judge import Call, World
from cognito_mr_auth.cli._demo.losses import Losses
from cognito_mr_auth.cli._demo.ordinary import Ordinary
from cognito_mr_auth.cli._demo.plan import KINDS, Phase, Plan
from cognito_mr_auth.cli._demo.report import Board, Report
from cognito_mr_auth.cli._demo.show import AsJson, AsLines, AsTable, choose
from cognito_mr_auth.cli._demo.tokens import Shot

SHORT = Plan((Phase("one", 0.2), Phase("two", 0.2, cold="second")), rate=50.0)
VALID = Shot("", "valid", forged=False, kid="a")
SETTINGS = {"lifespan": 0.5, "timeout": 30.0}
ORDINARY = Ordinary("PyJWKClient", "PyJWT 2", SETTINGS, lambda *_: lambda _token: True)
INSTALL = 'pip install "cognito-mr-auth[cli,pyjwt]"'


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def _call(shot: Shot, seconds: float = 0.1) -> Call:
    return Call(shot, 1.0, 1.0 + seconds, frozenset())


def _losses(verifier: str, *answers: bool, waiting: int = 0) -> Losses:
    """One request of the first phase for each answer, and some that have none."""
    losses = Losses(verifier, 2)
    for _ in range(len(answers) + waiting):
        losses.sent(0)
    for answer in answers:
        losses.answered(0, accepted=answer)
    return losses


OURS = _losses("cognito-mr-auth", True, True, True)
THEIRS = _losses("PyJWKClient", True, False, waiting=1)
THEIRS_ENDED = _losses("PyJWKClient", True, False, waiting=1)
THEIRS_ENDED.end(0)


def _finished(*losses: Losses) -> Report:
    board = Board(SHORT, losses)
    board.is_now(World(0.0, frozenset(KINDS), frozenset("a")))
    board.enter(0)
    board.answered("replica")
    board.closed(board.opened(), _call(VALID), None, "a note")
    board.enter(1)
    board.closed(board.opened(), _call(Shot("", "[red]x", forged=True, kid=None)), None)
    board.enter(2)
    return board.report(1.5)


def _half(*losses: Losses) -> Report:
    board = Board(SHORT, losses)
    board.enter(0)
    return board.report(0.5)


@pytest.mark.parametrize(
    ("ordinary", "beside"),
    [
        pytest.param(None, f"To see an ordinary verifier beside it: {INSTALL}", id="alone"),
        pytest.param(ORDINARY, "PyJWT 2's PyJWKClient with its defaults", id="beside"),
        pytest.param(ORDINARY, "lifespan 0.5 s, timeout 30 s", id="settings"),
    ],
)
def test_the_head_says_what_runs_beside_it(
    ordinary: Ordinary | None, beside: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """How the ordinary verifier is set up, or how to see one, on a pipe and on a terminal."""
    AsLines().begin(SHORT, ordinary)
    assert beside in " ".join(capsys.readouterr().out.split())
    screen = io.StringIO()
    table = AsTable(Console(file=screen, width=200))
    table.begin(SHORT, ordinary)
    table.end(_half(OURS))
    assert beside in " ".join(screen.getvalue().split())


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Settings, a line per phase once it is over, its notes and faults, what was lost, one summary."""
    show = AsLines()
    show.begin(SHORT, ORDINARY)
    show.update(_half(OURS, THEIRS))
    assert "[1/2]" not in capsys.readouterr().out
    show.update(_finished(OURS, THEIRS))
    ended = _finished(OURS, THEIRS_ENDED)
    show.end(ended)
    assert capsys.readouterr().out.splitlines() == [
        "[1/2] one: 1 accepted, 0 refused, 0 unavailable (503), slowest 100 ms, answered: replica 1",
        "      lost in this phase: cognito-mr-auth 0 of 3, PyJWKClient 1 of 3 (1 wait)",
        "      a note",
        "[2/2] two: 1 accepted, 0 refused, 0 unavailable (503), slowest 100 ms, answered: nobody",
        "      lost in this phase: cognito-mr-auth 0 of 0, PyJWKClient 0 of 0",
        "      WRONG: forged token accepted: [red]x",
        "      WRONG: no valid token accepted",
        "valid requests lost  cognito-mr-auth  PyJWKClient",
        "[1/2] one                     0 of 3       2 of 3",
        "[2/2] two                     0 of 0       0 of 0",
        ended.summary,
        "Valid tokens: an ordinary verifier lost 2 of 3 requests, cognito-mr-auth lost 0.",
    ]


def test_ours_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Without an ordinary verifier there is one column, and nothing about another."""
    show = AsLines()
    show.end(_finished(OURS))
    *_, head, one, _two, _summary, last = capsys.readouterr().out.splitlines()
    assert head == "valid requests lost  cognito-mr-auth"
    assert one == "[1/2] one                     0 of 3"
    assert last == "Valid tokens: cognito-mr-auth lost 0 of 3 requests."


def test_what_was_broken_off_claims_no_losses(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was lost if no caller waited for the end."""
    AsLines().end(_half(OURS, THEIRS))
    AsTable(Console(force_terminal=False)).end(_half(OURS, THEIRS))
    assert "ordinary verifier lost" not in capsys.readouterr().out


def test_the_table() -> None:
    """Drawn while it runs; notes and faults are text, whatever they hold; the last line is about losses."""
    screen = io.StringIO()
    show = AsTable(Console(file=screen, force_terminal=True, width=100, color_system=None))
    show.begin(SHORT, ORDINARY)
    show.update(_half(OURS, THEIRS))
    ended = _finished(OURS, THEIRS_ENDED)
    show.end(ended)
    shown = screen.getvalue()
    assert "max_stale 60 s" in shown
    assert "1 a note" in shown
    assert "2 WRONG: forged token accepted: [red]x" in shown
    assert ended.summary in shown
    assert re.search(r"1 one +│ +0 lost │ +2 lost │", shown)
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()[-1] == ended.lost


def test_what_waits_is_seen_in_the_table() -> None:
    """Until it is answered, or lost at the end."""
    screen = io.StringIO()
    show = AsTable(Console(file=screen, width=100))
    show.begin(SHORT, ORDINARY)
    show.end(_half(OURS, THEIRS, _losses("third", waiting=2)))
    assert re.search(r"1 one +│ +0 lost │ +1 lost, 1 wait │ +0 lost, 2 wait │", screen.getvalue())


@pytest.mark.parametrize(
    ("width", "losses", "titles"),
    [
        pytest.param(56, [OURS], "", id="tiny"),
        pytest.param(80, [OURS], "503 accepted refused", id="80-alone"),
        pytest.param(80, [OURS, THEIRS], "503", id="80-beside"),
        pytest.param(100, [OURS, THEIRS], "503 accepted refused", id="100-beside"),
        pytest.param(120, [OURS, THEIRS], "503 accepted refused slowest", id="120-beside"),
        pytest.param(160, [OURS, THEIRS], "503 accepted refused slowest answered", id="160-beside"),
    ],
)
def test_the_table_fits_the_terminal(width: int, losses: list[Losses], titles: str) -> None:
    """What was lost is always there; details come as there is room, and no line is wrapped or cut."""
    screen = io.StringIO()
    plan = Plan((Phase("keys rotate, one Region lives", 0.2), Phase("two", 0.2)))
    board = Board(plan, losses)
    board.enter(2)
    show = AsTable(Console(file=screen, width=width))
    show.begin(plan, None)
    show.end(board.report(0.0))
    lines = screen.getvalue().splitlines()
    (head,) = [line for line in lines if " phase " in line]
    assert all(losses.column().verifier in head for losses in losses)
    assert [
        each for each in ("503", "accepted", "refused", "slowest", "answered") if each in head
    ] == titles.split()
    assert any("1 keys rotate, one Region lives" in line for line in lines)
    assert "…" not in screen.getvalue()


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        pytest.param({}, True, id="terminal"),
        pytest.param({"NO_COLOR": "1"}, False, id="no-color"),
        pytest.param({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, id="no-color-wins"),
    ],
)
def test_colours(environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets them, unless NO_COLOR is set: then no escape code names a colour."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    screen = Terminal()
    show = choose(screen, as_json=False)
    show.begin(SHORT, ORDINARY)
    show.end(_finished(OURS, THEIRS_ENDED))
    codes = {
        code for found in re.findall(r"\x1b\[([0-9;]*)m", screen.getvalue()) for code in found.split(";")
    }
    assert bool({code for code in codes if code[:1] in ("3", "4", "9") and len(code) > 1}) is coloured


def test_json_comes_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing before the end."""
    show = AsJson()
    show.begin(SHORT, ORDINARY)
    show.update(_half(OURS, THEIRS))
    assert capsys.readouterr().out == ""
    show.end(_finished(OURS, THEIRS_ENDED))
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert document["rate"] == 50.0
    assert document["ordinary"] == {"verifier": "PyJWKClient", "version": "PyJWT 2", **SETTINGS}
    assert document["lost"][1] == {
        "verifier": "PyJWKClient",
        "sent": 3,
        "accepted": 1,
        "lost": 2,
        "phases": [{"sent": 3, "accepted": 1, "lost": 2}, {"sent": 0, "accepted": 0, "lost": 0}],
    }
    assert set(document["phases"][0]) == {
        "name",
        "accepted",
        "refused",
        "unavailable",
        "slowest_ms",
        "answered",
        "notes",
        "wrong",
    }


@pytest.mark.parametrize(
    ("out", "term", "as_json", "expected"),
    [
        pytest.param(Terminal(), "xterm", False, AsTable, id="terminal"),
        pytest.param(Terminal(), "dumb", False, AsLines, id="dumb-terminal"),
        pytest.param(io.StringIO(), "xterm", False, AsLines, id="pipe"),
        pytest.param(Terminal(), "xterm", True, AsJson, id="json"),
    ],
)
def test_the_show_fits_the_output(
    out: io.StringIO, term: str, as_json: bool, expected: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table needs a terminal that can draw it; FORCE_COLOR makes no terminal of a pipe."""
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert isinstance(choose(out, as_json=as_json), expected)


def test_json_without_an_ordinary_verifier(capsys: pytest.CaptureFixture[str]) -> None:
    """`ordinary` is null, and there is one column."""
    show = AsJson()
    show.begin(SHORT, None)
    show.end(_finished(OURS))
    document = json.loads(capsys.readouterr().out)
    assert document["ordinary"] is None
    assert [column["verifier"] for column in document["lost"]] == ["cognito-mr-auth"]
