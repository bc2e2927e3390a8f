"""Three ways to show the demo: a live table, plain lines, one JSON document.

Owns only presentation: each way gets reports and prints. Escape codes go only to terminals.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TextIO

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .ordinary import INSTALL

if TYPE_CHECKING:
    from .losses import Column, Score
    from .ordinary import Ordinary
    from .plan import Plan
    from .report import PhaseReport, Report

__all__ = ["Show", "choose"]

REFRESHES_PER_SECOND: Final = 8
_ROW_FORMATS: Final = {"waiting": "dim", "running": "bold", "ended": ""}
# Widths of the table's columns in characters, with the lines between them: the phases, and one verifier's
# losses.
PHASE_WIDTH: Final = 35
LOST_WIDTH: Final = 18


class Show(Protocol):
    """The output of the demo while it runs."""

    def begin(self, plan: Plan, ordinary: Ordinary | None) -> None:
        """Called before the first phase; `ordinary` runs beside ours."""

    def update(self, report: Report) -> None:
        """Called ten times a second."""

    def end(self, report: Report) -> None:
        """Called at the end with the last report, also after an exception."""


def choose(out: TextIO, *, as_json: bool) -> Show:
    """JSON if requested, a live table on a terminal, else plain lines."""
    if as_json:
        return AsJson()
    # Not rich's own detection, because FORCE_COLOR and similar variables override it. rich obeys NO_COLOR.
    console = Console(file=out, force_terminal=out.isatty(), highlight=False)
    return AsTable(console) if console.is_terminal and not console.is_dumb_terminal else AsLines()


def _head(plan: Plan, ordinary: Ordinary | None) -> str:
    windows = ", ".join(f"{name} {value:.3g} s" for name, value in plan.windows.items())
    return (
        f"One user pool, three endpoints on loopback, {plan.rate:g} tokens a second, "
        f"two of five forged.\nShortened windows: {windows}.\n{_beside(ordinary)}"
    )


def _beside(ordinary: Ordinary | None) -> str:
    if ordinary is None:
        return f"To see an ordinary verifier beside it: {INSTALL}"
    settings = ", ".join(f"{name} {value:.3g} s" for name, value in ordinary.settings.items())
    return (
        f"Beside it an ordinary verifier: {ordinary.version}'s {ordinary.name} with its defaults, on the "
        f"primary Region; every issuer is accepted.\nIts times, shortened like revalidate_after but for the "
        f"timeout: {settings}."
    )


def _answered(phase: PhaseReport) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in phase.answered.items()) or "nobody"


class AsJson:
    """One document at the end, nothing before."""

    def __init__(self) -> None:
        self._settings: dict[str, Any] = {}

    def begin(self, plan: Plan, ordinary: Ordinary | None) -> None:
        """Remember the settings."""
        self._settings = {"rate": plan.rate, "windows": plan.windows, "ordinary": None}
        if ordinary is not None:
            named = {"verifier": ordinary.name, "version": ordinary.version}
            self._settings["ordinary"] = named | dict(ordinary.settings)

    def update(self, report: Report) -> None:
        """Do nothing."""

    def end(self, report: Report) -> None:
        """Print the document."""
        click.echo(json.dumps(self._settings | report.to_dict(), indent=2))


class AsLines:
    """A line per phase, as soon as our last call has ended. At the end, the losses."""

    def __init__(self) -> None:
        self._shown = 0

    def begin(self, plan: Plan, ordinary: Ordinary | None) -> None:
        """Print the settings."""
        click.echo(_head(plan, ordinary))

    def update(self, report: Report) -> None:
        """Print the phases that are over."""
        for phase in report.phases[self._shown :]:
            if phase.state != "ended" or phase.open_calls:
                break
            lost = ", ".join(_lost_so_far(column, self._shown) for column in report.columns)
            self._shown += 1
            click.echo(
                f"[{self._shown}/{len(report.phases)}] {phase.name}: {phase.accepted} accepted, "
                f"{phase.refused} refused, {phase.unavailable} unavailable (503), "
                f"slowest {phase.slowest_ms:.0f} ms, answered: {_answered(phase)}"
            )
            click.echo(f"      lost in this phase: {lost}")
            for note in phase.notes:
                click.echo(f"      {note}")
            for wrong in phase.wrong:
                click.echo(f"      WRONG: {wrong}")

    def end(self, report: Report) -> None:
        """Print the losses and the summary."""
        self.update(report)
        if report.complete:
            for line in _lost_table(report):
                click.echo(line)
        click.echo(report.summary)
        if report.complete:
            click.echo(report.lost)


class AsTable:
    """A table that is drawn again and again."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=REFRESHES_PER_SECOND)

    def begin(self, plan: Plan, ordinary: Ordinary | None) -> None:
        """Print the settings, then draw the empty table."""
        self._console.print(_head(plan, ordinary), markup=False)
        self._live.start()

    def update(self, report: Report) -> None:
        """Draw the current table."""
        self._live.update(_picture(report, self._console.width))

    def end(self, report: Report) -> None:
        """Draw the last table, then print the summary."""
        self._live.update(_picture(report, self._console.width))
        self._live.stop()
        style = "bold green" if report.ok else "bold red"
        self._console.print(Text(report.summary, style=style), soft_wrap=True)
        if report.complete:
            self._console.print(Text(report.lost, style="bold"), soft_wrap=True)


def _lost_so_far(column: Column, index: int) -> str:
    score = column.phases[index]
    waiting = f" ({score.waiting} wait)" if score.waiting else ""
    return f"{column.verifier} {score.lost} of {score.sent}{waiting}"


def _lost_table(report: Report) -> list[str]:
    """Return two columns, or ours alone: the lost valid tokens of each phase."""
    rows = [("valid requests lost", *(column.verifier for column in report.columns))]
    for index, phase in enumerate(report.phases):
        scores = (column.phases[index] for column in report.columns)
        rows.append(
            (f"[{index + 1}/{len(report.phases)}] {phase.name}", *(f"{s.lost} of {s.sent}" for s in scores))
        )
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]


class _Detail(NamedTuple):
    """A column about our verifier, shown if the table is wide enough."""

    title: str
    width: int
    cell: Callable[[PhaseReport], str]


# The first ones stay in a narrow table.
_DETAILS: Final = (
    _Detail("503", 6, lambda phase: f"{phase.unavailable}"),
    _Detail("accepted", 11, lambda phase: f"{phase.accepted}"),
    _Detail("refused", 10, lambda phase: f"{phase.refused}"),
    _Detail("slowest ms", 13, lambda phase: f"{phase.slowest_ms:.0f}"),
    _Detail("answered", 35, _answered),
)


def _details(width: int, columns: int) -> tuple[_Detail, ...]:
    """Return the details that fit beside so many verifiers' columns."""
    room = width - PHASE_WIDTH - LOST_WIDTH * columns
    return _DETAILS[: sum(used <= room for used in accumulate(detail.width for detail in _DETAILS))]


def _lost(score: Score) -> Text:
    waiting = f", {score.waiting} wait" if score.waiting else ""
    style = "red" if score.lost else "yellow" if waiting else "green"
    return Text(f"{score.lost} lost{waiting}", style=style)


def _picture(report: Report, width: int) -> Group:
    notes: list[Text] = []
    details = _details(width, len(report.columns))
    table = Table()
    table.add_column("phase", no_wrap=True)
    for title in (*(column.verifier for column in report.columns), *(detail.title for detail in details)):
        table.add_column(title, justify="left" if title == "answered" else "right")
    for number, phase in enumerate(report.phases, start=1):
        notes += [Text(f"{number} {note}", style="cyan") for note in phase.notes]
        notes += [Text(f"{number} WRONG: {wrong}", style="bold red") for wrong in phase.wrong]
        cells: list[Text | str] = []
        if phase.state != "waiting":
            cells += [_lost(column.phases[number - 1]) for column in report.columns]
            cells += [detail.cell(phase) for detail in details]
        table.add_row(f"{number} {phase.name}", *cells, style=_ROW_FORMATS[phase.state])
    return Group(table, *notes, Text(f"{report.seconds:.1f} s", style="dim"))
