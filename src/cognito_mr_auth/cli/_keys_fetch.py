"""`cognito-mr-auth keys fetch`: a pool's keys in a file, for baking into an image.

Owns only the command; the Verifier fetches, checks and writes. Never reports success for keys that no
endpoint has served in this call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import click

from cognito_mr_auth import ANY_CLIENT, UserPool, Verifier, errors, events
from cognito_mr_auth._remote.key_file import KeyFileError, read

from ._options import Exit, json_option, pool_options, usage_errors
from ._text import echo_json, safe

__all__ = ["keys"]

# How long after `warm` the last events may come, because they follow the writing of the file (H3, P).
EVENTS_S: Final = 2.0


@click.group()
def keys() -> None:
    """A user pool's signing keys."""


@keys.command()
@pool_options
@click.option(
    "--key-file",
    required=True,
    type=click.Path(dir_okay=False),
    help="Where to write; a file of the same pool is brought up to date.",
)
@json_option
def fetch(
    user_pool_id: str,
    replica_regions: Sequence[str],
    jwks_url: str | None,
    key_file: str,
    as_json: bool,
) -> None:
    """Ask every endpoint of a pool for its keys and write them to a key file.

    Exit status: 0 written, 2 wrong usage (a file that cannot be written too), 3 no usable key.
    """
    began = time.time()
    listener = _Listener()
    with usage_errors():
        pool = UserPool(
            user_pool_id,
            client_ids=ANY_CLIENT,
            replica_regions=replica_regions,
            jwks_urls=jwks_url,
            key_file=key_file,
        )
        verifier = Verifier(pool, token_use="any", on_event=listener)
    failure: errors.AuthError | None = None
    with verifier:
        try:
            verifier.warm()
        except errors.KeysUnavailable as error:
            failure = error
        listener.wait({endpoint.url for endpoint in pool._key_set_config.endpoints})
        meanings = _meanings(verifier)
    answers = {
        f"{endpoint.kind} {endpoint.region}": listener.said(endpoint.url)
        for endpoint in pool._key_set_config.endpoints
    }
    fetched = failure is None and bool(listener.fetched)
    written = fetched and not listener.fetched.isdisjoint(_on_disk(key_file, user_pool_id, began))
    hint = "the key file cannot be written" if fetched and not written else ""
    if failure is not None and failure.hint:
        hint = failure.hint  # it has the meanings already
    else:
        listener.remarks += meanings
    _show(answers, listener.remarks, key_file if written else None, hint, as_json)
    if not fetched:
        raise SystemExit(Exit.KEYS_UNAVAILABLE)
    if not written:
        raise SystemExit(Exit.USAGE)


def _meanings(verifier: Verifier) -> list[str]:
    """Return the meanings of the endpoints' failures, each once."""
    endpoints = [each for pool in verifier._health()["providers"].values() for each in pool["endpoints"]]
    return list({f"{each['last_error']}: {each['hint']}": None for each in endpoints if each["hint"]})


class _Listener:
    """The verifier's hook. It records the response of each endpoint, and other remarks."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._said: dict[str, str] = {}
        self.fetched: set[str] = set()
        self.remarks: list[str] = []

    def __call__(self, event: events.Event) -> None:
        with self._changed:
            self._take(event)
            self._changed.notify_all()

    def _take(self, event: events.Event) -> None:
        match event:
            case events.FetchSucceeded():
                self.fetched.add(event.url)
                ms = event.seconds * 1000
                self._said[event.url] = f"{event.keys} keys in {ms:.0f} ms"
            case events.FetchFailed():
                status = "" if event.status is None else f", status {event.status}"
                self._said[event.url] = f"failed: {event.reason}{status}"
            case events.EndpointDisabled():
                self._said[event.url] = f"not enabled (status {event.status})"
            case events.KeysSkipped():
                reasons = ", ".join(f"{count} {reason}" for reason, count in event.reasons)
                self.remarks.append(f"{event.url} lists members that are not used: {reasons}")
            case events.KeyQuarantined():
                self.remarks.append(f"endpoints contradict each other on key {event.kid}")
            case events.KeyExposed():
                self.remarks.append(f"{event.url} serves private members: rotate the pool's keys")
            case events.KeyFileProblem():
                self.remarks.append(f"key file: {event.reason}")
            case _:
                pass  # changes of state follow from the events above

    def wait(self, urls: set[str]) -> None:
        """Wait until each of these endpoints has answered or failed, for EVENTS_S at most."""
        with self._changed:
            self._changed.wait_for(lambda: urls <= self._said.keys(), EVENTS_S)

    def said(self, url: str) -> str:
        return self._said.get(url, "no answer in time")


def _on_disk(path: str, user_pool_id: str, since: float) -> set[str]:
    """Return the URLs of the file's entries whose request began at `since` or later, in wall seconds."""
    try:
        records = read(path, user_pool_id)
    except KeyFileError:
        return set()
    return {record.url for record in records.entries if record.begun >= since}


def _show(
    answers: dict[str, str], remarks: Sequence[str], key_file: str | None, hint: str, as_json: bool
) -> None:
    if as_json:
        document: dict[str, Any] = {"written": key_file, "endpoints": answers}
        echo_json(document | {"remarks": list(remarks), "hint": hint or None})
        return
    for name, answer in answers.items():
        click.echo(f"{name}: {answer}")
    for remark in remarks:
        click.echo(f"note: {safe(remark)}")
    if key_file is None:
        click.echo(f"no keys written{': ' if hint else ''}{safe(hint)}")
    else:
        click.echo(f"written: {safe(key_file)} (mode 0600: readable for its owner alone)")
