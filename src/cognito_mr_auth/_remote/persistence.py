"""What a pool keeps on disk, told as values: words to begin with, and problems as events (DESIGN P).

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
    """The words in the pool's key files, oldest first, and what was wrong with the files.

    Of two words of one URL both are told: the newer one counts, but only the store can say whether
    it is of any use (a time in the future, say, is of none).
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
            # A key file of our own is not there yet at the first start; a baked one was left out.
            if path == config.baked_key_file or error.reason != "missing":
                events.append(KeyFileProblem(config.provider, f"{what}: {error.reason}"))
        else:
            entries += found
            if found and urls.isdisjoint(each.url for each in found):
                events.append(KeyFileProblem(config.provider, f"{what}: other-endpoints"))
    return sorted(entries, key=_begun), events


def _begun(entry: KeyFileEntry) -> float:
    return entry.begun


def save(config: KeySetConfig, responses: Collection[KeyFileEntry]) -> Collection[Event]:
    """Write these words to the pool's key file; a failure is one event."""
    path = config.key_file or ""
    try:
        urls = [endpoint.url for endpoint in config.endpoints]
        key_file.write(path, config.provider, responses, urls)
    except key_file.KeyFileError as error:
        return (KeyFileProblem(config.provider, f"write: {error.reason}"),)
    return ()
