"""A pool's stored responses on disk, so that a process can start in the middle of an outage (P).

Owns the file's format, its safety and the merge with what another process wrote. Knows nothing of
keys: documents go in and come out as they were served, and later pass the same checks as a fetch.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection
from typing import Any

from cognito_mr_auth._base.clock import CLOCK_SKEW, MAX_TIME
from cognito_mr_auth._base.encoding import Malformed, json_object
from cognito_mr_auth._jwks.model import KeyFileEntry

__all__ = ["MAX_FILE_BYTES", "KeyFileError", "read", "write"]

# Three endpoints with 64 KiB each, and the JSON around them.
MAX_FILE_BYTES = 256 * 1024
_FORMAT = 1
# A document is a string in the file, so its own nesting does not count.
_DEPTH = 4


class KeyFileError(Exception):
    """The file is missing, unsafe, unreadable or unwritable; `reason` is a fixed string."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read(path: str, user_pool_id: str) -> list[KeyFileEntry]:
    """The entries of a key file.

    Raises:
        KeyFileError: "missing", "unreadable", "not-regular", "owner", "writable", "too-large",
            "malformed" or "other-pool".
    """
    found = _parse(_bytes(path))
    if found is None:
        raise KeyFileError("malformed")
    pool_id, entries = found
    if pool_id != user_pool_id:
        raise KeyFileError("other-pool")
    return entries


def _bytes(path: str) -> bytes:
    try:
        # O_NONBLOCK: opening a FIFO would wait for a writer; NOFOLLOW is not asked for, since
        # Kubernetes mounts files as links, and the checks below are on what was opened.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
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
        if found.st_size > MAX_FILE_BYTES:
            raise KeyFileError("too-large")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError:  # EIO or ESTALE, of a network's file system
        raise KeyFileError("unreadable") from None
    finally:
        os.close(descriptor)


def _parse(data: bytes) -> tuple[object, list[KeyFileEntry]] | None:
    if len(data) > MAX_FILE_BYTES:
        return None
    try:
        value = json_object(data, _DEPTH)
    except Malformed:
        return None
    raws = value.get("endpoints")
    if value.get("format") != _FORMAT or not isinstance(raws, list):
        return None
    entries = [_entry(raw) for raw in raws]
    whole = [entry for entry in entries if entry is not None]
    return (value.get("user_pool_id"), whole) if len(whole) == len(entries) else None


def _entry(raw: Any) -> KeyFileEntry | None:
    if not isinstance(raw, dict):
        return None
    url, begun, document = raw.get("url"), raw.get("begun"), raw.get("jwks")
    if not isinstance(url, str) or not isinstance(document, str):
        return None
    if begun.__class__ not in (int, float) or not 0 <= begun <= MAX_TIME:
        return None
    return KeyFileEntry(url, float(begun), document.encode("utf-8"))


def write(path: str, user_pool_id: str, entries: Collection[KeyFileEntry], urls: Collection[str]) -> None:
    """Write the entries, keeping newer ones that another process has written meanwhile.

    `urls` are the pool's endpoints: entries of other URLs in the file are not kept.

    The file appears whole or not at all: a temporary file of mode 0600, fsync, rename.

    Raises:
        KeyFileError: "too-large" or "write".
    """
    newest = {entry.url: entry for entry in entries}
    # Without this bound, an entry with a future time would replace every correct entry.
    plausible = max((entry.begun for entry in entries), default=0.0) + CLOCK_SKEW
    try:
        for found in read(path, user_pool_id):
            ours = newest.get(found.url)
            newer = ours is None or ours.begun < found.begun
            if found.url in urls and newer and found.begun <= plausible:
                newest[found.url] = found
    except KeyFileError:
        pass  # a file that cannot be used is replaced
    data = json.dumps(
        {
            "format": _FORMAT,
            "user_pool_id": user_pool_id,
            "endpoints": [
                {"url": each.url, "begun": each.begun, "jwks": each.document.decode("utf-8")}
                for each in newest.values()
            ],
        },
        indent=1,
        ensure_ascii=False,
    ).encode("utf-8")
    if len(data) > MAX_FILE_BYTES:
        raise KeyFileError("too-large")
    try:
        _replace(path, data)
    except OSError:
        raise KeyFileError("write") from None


def _replace(path: str, data: bytes) -> None:
    # In the same directory, since a rename must not cross file systems. Two writers never share a name,
    # by its random part and O_EXCL, which also refuses a link that another user has placed there.
    temporary = f"{path}.{os.getpid()}.{os.urandom(6).hex()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
