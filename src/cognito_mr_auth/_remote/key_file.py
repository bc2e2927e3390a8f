"""A pool's stored responses on disk, so that a process can start in the middle of an outage (P).

This module has the file's format, its safety, and the merge with what another process wrote. No private
member of a key reaches a disk (T5), because the file is written anew from public members. What is read later
passes the same checks as a fetched document.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from cognito_mr_auth._base.clock import CLOCK_SKEW, MAX_TIME
from cognito_mr_auth._base.encoding import Malformed, b64url_decode, json_object
from cognito_mr_auth._jwks.document import public_document
from cognito_mr_auth._jwks.exposure import MAX_EXPOSED, thumbprint
from cognito_mr_auth._jwks.model import KeyFileContents, KeyFileEntry

from .safe_path import KeyFileError, Place, place_of

__all__ = ["MAX_FILE_BYTES", "KeyFileError", "read", "write"]

# Three endpoints with 64 KiB each, 256 thumbprints, and the JSON around them.
MAX_FILE_BYTES = 256 * 1024
_FORMAT = 1
# A document is a string in the file, so its own nesting does not count.
_DEPTH = 4


def read(path: str, user_pool_id: str) -> KeyFileContents:
    """Read a key file.

    Raises:
        KeyFileError: "missing", "unreadable", "not-regular", "owner", "writable", "links", "too-large",
            "malformed" or "other-pool"; and as `place_of` does.
    """
    with place_of(path) as place:
        data = _bytes(place)
    found = _parse(data)
    if found is None:
        raise KeyFileError("malformed")
    pool_id, contents = found
    if pool_id != user_pool_id:
        raise KeyFileError("other-pool")
    return contents


def _bytes(place: Place) -> bytes:
    try:
        # O_NONBLOCK, because opening a FIFO would wait for a writer.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(place.name, flags, dir_fd=place.directory)
    except FileNotFoundError:
        raise KeyFileError("missing") from None
    except OSError:
        raise KeyFileError("unreadable") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise KeyFileError("not-regular")
        if found.st_uid not in (os.geteuid(), 0):
            raise KeyFileError("owner")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise KeyFileError("writable")
        # In a shared directory, others may give a file of ours a second name (a hard link).
        if place.shared and found.st_nlink > 1:
            raise KeyFileError("links")
        if found.st_size > MAX_FILE_BYTES:
            raise KeyFileError("too-large")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError:  # EIO or ESTALE, from a network file system
        raise KeyFileError("unreadable") from None
    finally:
        os.close(descriptor)


def _parse(data: bytes) -> tuple[object, KeyFileContents] | None:
    if len(data) > MAX_FILE_BYTES:
        return None
    try:
        value = json_object(data, _DEPTH)
    except Malformed:
        return None
    raws, records = value.get("endpoints"), value.get("exposed", [])
    if value.get("format") != _FORMAT or not isinstance(raws, list) or not isinstance(records, list):
        return None
    entries = [_entry(raw) for raw in raws]
    whole = [entry for entry in entries if entry is not None]
    exposed = dict(filter(None, map(_exposure, records)))
    if len(whole) < len(entries) or len(exposed) < len(records):
        return None
    return value.get("user_pool_id"), KeyFileContents(whole, exposed)


def _entry(raw: Any) -> KeyFileEntry | None:
    if not isinstance(raw, dict):
        return None
    url, begun, document = raw.get("url"), raw.get("begun"), raw.get("jwks")
    if not isinstance(url, str) or not isinstance(document, str):
        return None
    at, answered = _time(begun), _time(raw.get("answered", begun))
    if at is None or answered is None:
        return None
    return KeyFileEntry(url, at, document.encode("utf-8"), None if answered == at else answered)


def _exposure(raw: Any) -> tuple[str, float] | None:
    """A thumbprint and the time at which the exposure was last known (T5)."""
    if not isinstance(raw, dict):
        return None
    found, seen = raw.get("thumbprint"), _time(raw.get("seen"))
    if not isinstance(found, str) or not found.isascii() or seen is None:
        return None
    try:
        octets = b64url_decode(found.encode("ascii"))
    except Malformed:
        return None
    return (found, seen) if len(octets) == 32 else None


def _time(value: Any) -> float | None:
    return float(value) if value.__class__ in (int, float) and 0 <= value <= MAX_TIME else None


def write(
    path: str,
    user_pool_id: str,
    entries: Collection[KeyFileEntry],
    urls: Collection[str],
    exposed: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Write entries and exposed keys, and keep newer ones that another process has written meanwhile.

    `urls` are the pool's endpoints. Entries of other URLs in the file are dropped.

    The file appears whole or not at all: a temporary file of mode 0600, fsync, rename. A missing directory is
    made, with mode 0700.

    Raises:
        KeyFileError: "too-large" or "write"; and as `place_of` does.
    """
    try:
        before = read(path, user_pool_id)
    except KeyFileError:
        before = KeyFileContents()  # a file that cannot be used is replaced
    records = dict(exposed)
    newest = _merged(entries, before, urls, records)
    data = json.dumps(
        {
            "format": _FORMAT,
            "user_pool_id": user_pool_id,
            "endpoints": [_as_json(each, records) for each in newest],
            # After the documents, because these may hold exposures that another version did not notice.
            "exposed": [
                {"thumbprint": found, "seen": seen}
                for found, seen in sorted(records.items(), key=_seen)[:MAX_EXPOSED]
            ],
        },
        indent=1,
        ensure_ascii=False,
    ).encode("utf-8")
    if len(data) > MAX_FILE_BYTES:
        raise KeyFileError("too-large")
    try:
        with place_of(path, create=True, follow=False) as place:
            _replace(place, data)
    except OSError:
        raise KeyFileError("write") from None


def _seen(record: tuple[str, float]) -> float:
    """A sort key that puts the newest first."""
    return -record[1]


def _merged(
    entries: Collection[KeyFileEntry],
    before: KeyFileContents,
    urls: Collection[str],
    records: dict[str, float],
) -> Collection[KeyFileEntry]:
    """The newer entry of each endpoint. The file's exposures are added to `records`, with the newer time."""
    newest = {entry.url: entry for entry in entries}
    # Without this bound, an entry with a future time would replace every correct entry.
    latest = max([*(entry.begun for entry in entries), *records.values(), 0.0]) + CLOCK_SKEW
    for found in before.entries:
        ours = newest.get(found.url)
        if found.url not in urls or found.begun > latest:
            continue
        answered = max((each.answered or each.begun for each in (found, ours) if each), default=0.0)
        newer = found if ours is None or ours.begun < found.begun else ours
        newest[found.url] = newer._replace(answered=min(answered, latest))
    for one, seen in before.exposed.items():
        records[one] = max(records.get(one, 0.0), min(seen, latest))
    return newest.values()


def _as_json(entry: KeyFileEntry, records: dict[str, float]) -> dict[str, object]:
    document, exposed = public_document(entry.document)
    for modulus in exposed:
        found = thumbprint(modulus)
        records[found] = max(records.get(found, 0.0), entry.begun)
    answered = entry.begun if entry.answered is None else entry.answered
    return {
        "url": entry.url,
        "begun": entry.begun,
        "answered": answered,
        "jwks": document.decode("utf-8"),
    }


def _replace(place: Place, data: bytes) -> None:
    # In the same directory, because a rename must not cross file systems. Two writers never share a name,
    # because of its random part and O_EXCL. O_EXCL also refuses a link that another user has placed there.
    where = place.directory
    temporary = f"{place.name}.{os.getpid()}.{os.urandom(6).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600, dir_fd=where)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, place.name, src_dir_fd=where, dst_dir_fd=where)
    except BaseException:
        os.unlink(temporary, dir_fd=where)
        raise
