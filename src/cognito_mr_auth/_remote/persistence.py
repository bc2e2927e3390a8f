"""Key files as values: the entries to begin with, and problems as events (P).

This module translates between `_remote.key_file` and the verifier. A problem with a file is never an
exception for a caller.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from cognito_mr_auth._jwks.model import KeyFileContents, KeyFileEntry, KeySetConfig
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.events import Event, KeyFileProblem

__all__ = ["load", "save"]


# What an operator can do if other users decide what is in the file's place.
_REMEDIES: Mapping[str, str] = {
    "directory-writable": "others can write to its directory; give it a sub-directory of mode 0700",
    "directory-owner": "a directory on its way is another user's; give it one of our own, mode 0700",
    "link-owner": "a link on its way is another user's; give it a sub-directory of mode 0700",
    "links": "in a shared directory the file has a second name; give it a sub-directory of mode 0700",
}


def _problem(provider: str, what: str, reason: str) -> KeyFileProblem:
    remedy = _REMEDIES.get(reason)
    return KeyFileProblem(provider, f"{what}: {reason}" + (f" ({remedy})" if remedy else ""))


def load(config: KeySetConfig, system: Any = os) -> tuple[KeyFileContents, list[Event]]:
    """The content of the pool's key files, oldest entries first, and an event for each problem with a file.

    If two entries have one URL, both are returned. The newer one counts, but only `KeySet` can decide whether
    it is usable. An entry from the future is not.

    Raises:
        ConfigurationError: key files are configured on a system that does not show who may write a file.
    """
    if config.key_file is None and config.baked_key_file is None:
        return KeyFileContents([], {}), []
    from . import key_file, safe_path  # imported here, because most pools have no key file

    if not safe_path.supported(system):
        raise ConfigurationError(
            "key_file and baked_key_file need a POSIX system, because only such a system tells who may write "
            "a file; leave them out, or give the keys as jwks="
        )
    entries: list[KeyFileEntry] = []
    exposed: dict[str, float] = {}
    events: list[Event] = []
    urls = {endpoint.url for endpoint in config.endpoints}
    for path, what in ((config.baked_key_file, "read baked"), (config.key_file, "read")):
        if path is None:
            continue
        try:
            found = key_file.read(path, config.provider)
        except key_file.KeyFileError as error:
            # `key_file` does not exist at the first start. A missing baked file is a mistake.
            if path == config.baked_key_file or error.reason != "missing":
                events.append(_problem(config.provider, what, error.reason))
        else:
            entries += found.entries
            for one, seen in found.exposed.items():
                exposed[one] = max(exposed.get(one, 0.0), seen)
            if found.entries and urls.isdisjoint(each.url for each in found.entries):
                events.append(_problem(config.provider, what, "other-endpoints"))
    return KeyFileContents(sorted(entries, key=_begun), exposed), events


def _begun(entry: KeyFileEntry) -> float:
    return entry.begun


def save(config: KeySetConfig, contents: KeyFileContents) -> Collection[Event]:
    """Write the contents to the pool's key file. A failure is one event."""
    from . import key_file  # `load` has loaded it, on another thread than that of a fetch

    path = config.key_file or ""
    try:
        urls = [endpoint.url for endpoint in config.endpoints]
        key_file.write(path, config.provider, contents.entries, urls, contents.exposed)
    except key_file.KeyFileError as error:
        return (_problem(config.provider, "write", error.reason),)
    return ()
