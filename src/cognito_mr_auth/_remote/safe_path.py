"""The path to a key file, checked so that no other user decides what is there (P).

This module walks the path. It opens each directory from the one before it and checks its descriptor, so what
is checked is what is used. Links are followed one by one under the same rules. It knows nothing of a file's
content.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

__all__ = ["KeyFileError", "Place", "kind_of", "place_of", "supported"]

# Linux ends with ELOOP after 40 links.
MAX_LINKS = 40

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
# The calls that Windows lacks. Without them, nobody can find out who may write a file.
_NEEDED = ("geteuid", "fstatvfs", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK")
# O_PATH, where it exists, needs no permission to list the directory. Passing through it needs none either.
_DIRECTORY = (
    getattr(os, "O_PATH", os.O_RDONLY)
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


class KeyFileError(Exception):
    """The file is missing, unsafe, unreadable or unwritable. `reason` is a fixed string."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def supported(system: Any = os) -> bool:
    """Whether this system, by its module `os`, can show who may write a file."""
    return all(hasattr(system, name) for name in _NEEDED) and system.open in system.supports_dir_fd


class Place(NamedTuple):
    """The place of a file that exists or may exist: its directory, open and checked, and its name there.

    `shared` means that others may add files to the directory, but change none of ours (the sticky bit).
    """

    directory: int
    name: str
    shared: bool


# Who may add, replace and remove the content of a directory. Private: only we and root. Shared: anyone,
# except what belongs to others (the sticky bit). Loose: anyone.
_PRIVATE, _SHARED, _LOOSE = "private", "shared", "loose"


def kind_of(mode: int, mount_flags: int) -> str:
    """Who may change the content of a directory of this mode, on a mount with these flags of statvfs."""
    if not mode & _OTHERS_WRITE or mount_flags & os.ST_RDONLY:
        return _PRIVATE
    return _SHARED if mode & stat.S_ISVTX else _LOOSE


@contextmanager
def place_of(
    path: str, *, create: bool = False, follow: bool = True, user: int | None = None
) -> Iterator[Place]:
    """The place of this file. Its directory is closed at the end.

    Every directory and every link on the path must be ours or root's. After a directory that others can write
    to and that has no sticky bit, only a directory of ours with mode 0700 is entered. Nobody writes to a
    read-only mount. That is how Kubernetes mounts a ConfigMap, although its directory has mode 0777.

    Args:
        path: of the file. Links in it are followed, but a link as its last part only with `follow`.
        create: make missing directories, with mode 0700.
        follow: whether the file may be a link. A link that will be replaced is not followed.
        user: the user on whose behalf the check is; the process's user by default.

    Raises:
        KeyFileError: "missing", "unreadable" ("write" with `create`), "not-regular", "link-owner",
            "directory-owner" or "directory-writable".
    """
    walk = _Walk(os.geteuid() if user is None else user, create=create, follow=follow)
    try:
        yield walk.to(os.path.abspath(path))
    finally:
        walk.close()


class _Walk:
    """One walk. It holds the descriptor of the directory that it has reached."""

    def __init__(self, user: int, *, create: bool, follow: bool) -> None:
        self._user = user
        self._create = create
        self._follow = follow
        self._links = 0
        self._here, self._kind = -1, _PRIVATE

    def to(self, path: str) -> Place:
        """Walk to the end of the path."""
        try:
            return self._to(path)
        except OSError as error:  # no permission, no directory, or too long a name
            missing = isinstance(error, FileNotFoundError)
            raise KeyFileError("write" if self._create else "missing" if missing else "unreadable") from None

    def close(self) -> None:
        """Close the directory."""
        if self._here >= 0:
            os.close(self._here)
            self._here = -1

    def _to(self, path: str) -> Place:
        steps = self._begin(path, [])
        while steps:
            name = steps.pop()
            if not steps and not self._follow:
                return self._arrive(name)
            found = self._look(name, last=not steps)
            if found is not None and stat.S_ISLNK(found.st_mode):
                self._judge_link(found)
                steps = self._begin(os.readlink(name, dir_fd=self._here), steps)
            elif not steps:
                return self._arrive(name)
            else:
                self._enter(os.open(name, _DIRECTORY, dir_fd=self._here))
        raise KeyFileError("not-regular")  # the path, or a link, names a directory

    def _begin(self, path: str, then: list[str]) -> list[str]:
        """The steps of a path in reverse, with the next one last. An absolute path begins at the root."""
        if path.startswith("/"):
            self._kind = _PRIVATE
            self._enter(os.open("/", _DIRECTORY))
        return [*then, *(step for step in reversed(path.split("/")) if step not in ("", "."))]

    def _look(self, name: str, *, last: bool) -> os.stat_result | None:
        """What has this name, without following a link; None for a file that does not exist yet."""
        try:
            return os.stat(name, dir_fd=self._here, follow_symlinks=False)
        except FileNotFoundError:
            if last:
                return None
            if not self._create:
                raise
        with suppress(FileExistsError):  # another process has just made it
            os.mkdir(name, 0o700, dir_fd=self._here)
        return os.stat(name, dir_fd=self._here, follow_symlinks=False)

    def _judge_link(self, found: os.stat_result) -> None:
        self._links += 1
        if self._links > MAX_LINKS:
            raise KeyFileError("unreadable")
        if self._kind == _LOOSE:
            raise KeyFileError("directory-writable")
        if found.st_uid not in (self._user, 0):
            raise KeyFileError("link-owner")

    def _enter(self, descriptor: int) -> None:
        """Enter this directory, if it is safe."""
        before = self._kind
        self.close()
        self._here = descriptor
        found = os.fstat(descriptor)
        if found.st_uid not in (self._user, 0):
            raise KeyFileError("directory-owner")
        if before == _LOOSE and (found.st_uid != self._user or found.st_mode & 0o077):
            # Anyone may have moved another directory of ours here, such as one for uploads.
            raise KeyFileError("directory-writable")
        self._kind = kind_of(found.st_mode, os.fstatvfs(descriptor).f_flag)

    def _arrive(self, name: str) -> Place:
        if self._kind == _LOOSE:
            raise KeyFileError("directory-writable")
        return Place(self._here, name, self._kind == _SHARED)
