"""Key files as values: entries to begin with, and problems as events (P).

Owns the translation between `_remote.key_file` and the verifier: no problem with a file is ever an exception
to a caller.
"""

from __future__ import annotations

from collections.abc import Collection

from cognito_mr_auth._jwks.model import KeyFileEntry, KeySetConfig
from cognito_mr_auth.events import Event, KeyFileProblem

from . import key_file

__all__ = ["load", "save"]


def load(config: KeySetConfig) -> tuple[list[KeyFileEntry], list[Event]]:
    """The entries of the pool's key files, oldest first, and an event for each problem with a file.

    Of two entries of one URL both are returned: the newer one counts, but only `KeySet` can decide
    whether it is usable (one from the future is not).
    """
    entries: list[KeyFileEntry] = []
    events: list[Event] = []
    urls = {endpoint.url for endpoint in config.endpoints}
    for path, what in ((config.baked_key_file, "read baked"), (config.key_file, "read")):
        if path is None:
            continue
        try:
            found = key_file.read(path, config.provider)
        except key_file.KeyFileError as error:
            # `key_file` does not exist at the first start; a missing baked file is a mistake.
            if path == config.baked_key_file or error.reason != "missing":
                events.append(KeyFileProblem(config.provider, f"{what}: {error.reason}"))
        else:
            entries += found
            if found and urls.isdisjoint(each.url for each in found):
                events.append(KeyFileProblem(config.provider, f"{what}: other-endpoints"))
    return sorted(entries, key=_begun), events


def _begun(entry: KeyFileEntry) -> float:
    return entry.begun


def save(config: KeySetConfig, entries: Collection[KeyFileEntry]) -> Collection[Event]:
    """Write these entries to the pool's key file; a failure is one event."""
    path = config.key_file or ""
    try:
        urls = [endpoint.url for endpoint in config.endpoints]
        key_file.write(path, config.provider, entries, urls)
    except key_file.KeyFileError as error:
        return (KeyFileProblem(config.provider, f"write: {error.reason}"),)
    return ()
