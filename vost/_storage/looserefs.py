"""Reading refs that are files: one id, or the name of another ref, in each."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from vost._model.errors import GitError

from .intent import PLAIN
from .lockfiles import LOCK_SUFFIX
from .refchecks import is_ref_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from vost._model.objects import Oid

RefValue: TypeAlias = "Oid | str"
"""What a ref file says: an object id (bytes), or the full name of another ref (str)."""

_LONGEST = 8192
_SYMBOLIC = b"ref:"


def read_loose(git_dir: str, name: str) -> RefValue | None:
    """Return what the file of a ref says; ``None`` if there is no such file.

    Raises:
        GitError: If the file is damaged, or a symbolic link. (``HEAD`` may be a link to a ref,
            as Git made it long ago.)
    """
    path = f"{git_dir}/{name}"
    try:
        fd = os.open(path, os.O_RDONLY | PLAIN)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return _no_plain_file(path, name, error)
    try:
        data = os.read(fd, _LONGEST)
    except IsADirectoryError:
        return None
    finally:
        os.close(fd)
    return parse_value(data, path)


def parse_value(data: bytes, path: str) -> RefValue:
    """Return what the content of a ref file means.

    Raises:
        GitError: If it means nothing; the message names ``path``.
    """
    if data.startswith(_SYMBOLIC):
        target = os.fsdecode(data[len(_SYMBOLIC) :].strip())
        if is_ref_name(target) and target != "HEAD":
            return target
    elif len(data) == 40 or data[40:41].isspace():  # Git allows anything after the white space
        with suppress(ValueError):
            oid = bytes.fromhex(data[:40].decode("ascii"))
            if len(oid) == 20:  # fromhex passes over spaces
                return oid
    raise GitError(
        f"{path} is damaged: expected an object id (40 hex characters) or 'ref: refs/...', "
        f"found {data[:60]!r} (delete the file, or point the ref at a commit with git update-ref)"
    )


def _no_plain_file(path: str, name: str, error: OSError) -> RefValue | None:
    """Handle what opening a ref without following links answers for other things."""
    if error.errno == errno.ELOOP:
        target = os.readlink(path)
        if name == "HEAD" and is_ref_name(target):
            return target
        raise GitError(f"{path} is a symbolic link: expected a file with an object id") from error
    if error.errno == errno.ENAMETOOLONG:
        return None
    if isinstance(error, PermissionError) and os.path.isdir(path):  # Windows
        return None
    raise error


def walk_loose(git_dir: str, prefix: str) -> Iterator[tuple[str, RefValue]]:
    """Yield the refs that are files and whose full name starts with ``prefix``, unordered.

    Files whose names cannot be refs (lock files among them) are passed over.

    Raises:
        GitError: If one of them is damaged.
    """
    pending = [prefix[: prefix.rfind("/") + 1] or "refs/"]
    while pending:
        directory = pending.pop()
        for entry in _entries(f"{git_dir}/{directory}"):
            name = directory + entry.name
            if entry.is_dir(follow_symlinks=False):
                name += "/"
                if name.startswith(prefix) or prefix.startswith(name):
                    pending.append(name)
            elif name.startswith(prefix) and is_ref_name(name):
                value = read_loose(git_dir, name)
                if value is not None:  # packed or deleted this moment
                    yield name, value


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def lock_below(path: str) -> str | None:
    """Return a lock file somewhere below the directory ``path``."""
    for directory, _, names in os.walk(path):
        for name in names:
            if name.endswith(LOCK_SUFFIX):
                return os.path.join(directory, name)
    return None
