"""What a pool keeps on disk, told as values: words to begin with, and problems as events (DESIGN P).

Owns the translation between `_key_file` and the verifier: no problem with a file is ever an exception
to a caller.
"""

from __future__ import annotations

from collections.abc import Collection

from . import _key_file as key_file
from ._snapshot import Record
from .events import Event, KeyFileProblem
from .pool import UserPool

__all__ = ["load", "save"]


def load(pool: UserPool) -> tuple[list[Record], list[Event]]:
    """The words in the pool's key file, if it has one, and what was wrong with it."""
    if pool.key_file is None:
        return [], []
    try:
        return key_file.read(pool.key_file, pool.user_pool_id), []
    except key_file.KeyFileError as error:
        problem = KeyFileProblem(pool.user_pool_id, f"read: {error.reason}")
        return [], [] if error.reason == "missing" else [problem]


def save(pool: UserPool, words: Collection[Record]) -> Collection[Event]:
    """Write these words to the pool's key file; a failure is one event."""
    path = pool.key_file or ""
    try:
        urls = [endpoint.url for endpoint in pool.endpoints]
        key_file.write(path, pool.user_pool_id, words, urls)
    except key_file.KeyFileError as error:
        return (KeyFileProblem(pool.user_pool_id, f"write: {error.reason}"),)
    return ()
