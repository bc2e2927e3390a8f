"""Prints rows: a table for people, one document for programs, and what is being waited for.

Owns only the form. `_text` escapes everything that comes from outside.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Self

import click
from rich.console import Console
from rich.status import Status
from rich.text import Text

from cognito_mr_auth.cli._text import echo_json, safe

from .examination import Examination
from .verdicts import VERDICTS, Verdict, worst

__all__ = ["Progress", "show", "show_json"]

_COLOURS: Final[dict[Verdict, str]] = {
    "failure": "red",
    "warning": "yellow",
    "unknown": "magenta",
    "ok": "green",
}
_WIDTH: Final = max(map(len, VERDICTS))
# The plural of each verdict.
_PLURALS: Final[dict[Verdict, str]] = {"failure": "failures", "warning": "warnings"}


def show(found: Sequence[Examination]) -> None:
    """One table for each pool, and a line that counts."""
    for pool in found:
        click.echo(f"user pool {safe(pool.user_pool_id)}")
        names = max((len(safe(check.name)) for check in pool.checks), default=0)
        for check in pool.checks:
            # Padded before it is coloured, because escape codes count in the length.
            verdict = click.style(check.verdict.ljust(_WIDTH), fg=_COLOURS[check.verdict])
            click.echo(f"  {verdict}  {safe(check.name).ljust(names)}  {safe(check.said)}")
            if check.do:
                click.echo(f"  {'':{_WIDTH}}  do: {safe(check.do)}")
    counts = Counter(check.verdict for pool in found for check in pool.checks)
    words = [_counted(verdict, counts[verdict]) for verdict in VERDICTS if counts[verdict]]
    click.echo(", ".join(words))


def _counted(verdict: Verdict, count: int) -> str:
    return f"{count} {verdict if count == 1 else _PLURALS.get(verdict, verdict)}"


def show_json(found: Sequence[Examination]) -> None:
    """Print the same as one document."""
    pools: list[dict[str, Any]] = [
        {
            "user_pool_id": pool.user_pool_id,
            "verdict": worst(pool.checks),
            "answered": pool.answered,
            "checks": [
                {name: value or None for name, value in check._asdict().items()} for check in pool.checks
            ],
        }
        for pool in found
    ]
    echo_json({"verdict": worst(check for pool in found for check in pool.checks), "pools": pools})


class Progress:
    """Shows what has answered so far, on standard error, if that is a terminal.

    It is a context manager. Call it with the name of each endpoint that has answered, from any thread.
    """

    def __init__(self, pool: str, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        self._pool = pool
        self._lock = threading.Lock()
        self._answered: list[str] = []
        self._status: Status | None = Status(self._line(), console=console) if console.is_terminal else None

    def _line(self) -> Text:
        said = f"asking about {self._pool}"
        if self._answered:
            said += f"; {len(self._answered)} answered, last {self._answered[-1]}"
        return Text(safe(said))

    def __call__(self, name: str) -> None:
        """Show that this one has answered."""
        with self._lock:
            self._answered.append(name)
            if self._status is not None:
                self._status.update(self._line())

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._status is not None:
            self._status.stop()
