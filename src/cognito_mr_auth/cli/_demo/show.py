"""Three ways to show the demo: a live table, plain lines, one JSON document.

Owns presentation alone: each way gets reports and prints. Escape codes go to terminals only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from .plan import Plan
    from .report import PhaseReport, Report

__all__ = ["Show", "choose"]

REFRESHES_PER_SECOND: Final = 8
_ROW_FORMATS: Final = {"waiting": "dim", "running": "bold", "ended": ""}


class Show(Protocol):
    """The output of the demo while it runs."""

    def begin(self, plan: Plan) -> None:
        """Before the first phase."""

    def update(self, report: Report) -> None:
        """Ten times a second."""

    def end(self, report: Report) -> None:
        """At the end, also when an exception is raised, with the last report."""


def choose(out: TextIO, *, as_json: bool) -> Show:
    """JSON if asked for, a live table on a terminal, else plain lines."""
    if as_json:
        return AsJson()
    # Not rich's own guess, because FORCE_COLOR and similar variables override it.
    console = Console(file=out, force_terminal=out.isatty(), highlight=False)
    return AsTable(console) if console.is_terminal and not console.is_dumb_terminal else AsLines()


def _head(plan: Plan) -> str:
    windows = ", ".join(f"{name} {value:.3g} s" for name, value in plan.windows.items())
    return (
        f"One user pool, three endpoints on loopback, {plan.rate:g} tokens a second, "
        f"two of five forged.\nShortened windows: {windows}."
    )


def _answered(phase: PhaseReport) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in phase.answered.items()) or "nobody"


class AsJson:
    """One document at the end, nothing before."""

    def __init__(self) -> None:
        self._settings: dict[str, Any] = {}

    def begin(self, plan: Plan) -> None:
        """Remember the settings."""
        self._settings = {"rate": plan.rate, "windows": plan.windows}

    def update(self, report: Report) -> None:
        """Nothing."""

    def end(self, report: Report) -> None:
        """The document."""
        click.echo(json.dumps(self._settings | report.to_dict(), indent=2))


class AsLines:
    """A line per phase, as soon as its last call has ended."""

    def __init__(self) -> None:
        self._shown = 0

    def begin(self, plan: Plan) -> None:
        """The settings."""
        click.echo(_head(plan))

    def update(self, report: Report) -> None:
        """The phases that are over."""
        for phase in report.phases[self._shown :]:
            if phase.state != "ended" or phase.open_calls:
                break
            self._shown += 1
            click.echo(
                f"[{self._shown}/{len(report.phases)}] {phase.name}: {phase.accepted} accepted, "
                f"{phase.refused} refused, {phase.unavailable} unavailable (503), "
                f"slowest {phase.slowest_ms:.0f} ms, answered: {_answered(phase)}"
            )
            for note in phase.notes:
                click.echo(f"      {note}")
            for wrong in phase.wrong:
                click.echo(f"      WRONG: {wrong}")

    def end(self, report: Report) -> None:
        """The summary."""
        self.update(report)
        click.echo(report.summary)


class AsTable:
    """A table that is drawn again and again."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=REFRESHES_PER_SECOND)

    def begin(self, plan: Plan) -> None:
        """The settings, then the empty table."""
        self._console.print(_head(plan))
        self._live.start()

    def update(self, report: Report) -> None:
        """The table as it stands."""
        self._live.update(_picture(report))

    def end(self, report: Report) -> None:
        """The last table and the summary."""
        self._live.update(_picture(report))
        self._live.stop()
        style = "bold green" if report.ok else "bold red"
        self._console.print(Text(report.summary, style=style), soft_wrap=True)


def _picture(report: Report) -> Group:
    notes: list[Text] = []
    table = Table()
    table.add_column("phase", no_wrap=True)
    for title in ("accepted", "refused", "503", "slowest ms"):
        table.add_column(title, justify="right")
    table.add_column("answered")
    for number, phase in enumerate(report.phases, start=1):
        notes += [Text(f"{number} {note}", style="cyan") for note in phase.notes]
        notes += [Text(f"{number} WRONG: {wrong}", style="bold red") for wrong in phase.wrong]
        cells = ["", "", "", "", ""]
        if phase.state != "waiting":
            cells = [f"{phase.accepted}", f"{phase.refused}", f"{phase.unavailable}"]
            cells += [f"{phase.slowest_ms:.0f}", _answered(phase)]
        table.add_row(f"{number} {phase.name}", *cells, style=_ROW_FORMATS[phase.state])
    return Group(table, *notes, Text(f"{report.seconds:.1f} s", style="dim"))
