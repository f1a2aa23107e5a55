"""The reflog: one line for each movement of a ref, in Git's format.

Lines are hints, not truth: one may tell of a movement that a crash prevented, and a foreign
program may have left one out or written nonsense. So reading never fails over a line.

Source: https://git-scm.com/docs/gitrepository-layout and Git's ``refs/files-backend.c``.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import NamedTuple

from vost._model.errors import GitError
from vost._model.objects import ZERO_OID, Oid, is_hex_oid, oid_to_hex
from vost._model.types import ReflogEntry

from .directories import remove_empty_directories, remove_empty_parents, sync_directories
from .intent import PLAIN

_FOLDED = str.maketrans("\n\r\0", "   ")


class Appended(NamedTuple):
    """A line that was appended, so that it can be taken back."""

    path: str
    before: int
    after: int


def fold(text: str) -> str:
    """Return ``text`` as one line: line ends become spaces, trailing ones go away."""
    return text.rstrip("\r\n").translate(_FOLDED)


def make_entry(
    old: Oid | None, new: Oid | None, identity: str, time: int, message: str
) -> ReflogEntry:
    """Return the entry for one movement; ``None`` stands for no object."""
    return ReflogEntry(
        old_sha=oid_to_hex(old or ZERO_OID),
        new_sha=oid_to_hex(new or ZERO_OID),
        committer=fold(identity),
        timestamp=time,
        message=fold(message),
    )


def format_line(entry: ReflogEntry) -> bytes:
    """Return the line of a log file, with its line end."""
    line = (
        f"{entry.old_sha} {entry.new_sha} {entry.committer} {entry.timestamp} +0000"
        f"\t{entry.message}\n"
    )
    return line.encode("utf-8", "surrogateescape")


def parse(data: bytes) -> list[ReflogEntry]:
    """Return the entries of a log file, oldest first; malformed lines are passed over."""
    entries = (_parse_line(line) for line in data.decode("utf-8", "replace").split("\n"))
    return [entry for entry in entries if entry is not None]


def _parse_line(line: str) -> ReflogEntry | None:
    head, _, message = line.partition("\t")
    old, new, who = ([*head.split(" ", 2), "", ""])[:3]
    if not (is_hex_oid(old) and is_hex_oid(new)):
        return None
    # The zone is the last word, the time the one before; a name may hold any number of spaces.
    name, _, zone = who.rstrip(" ").rpartition(" ")
    name, _, seconds = name.rpartition(" ")
    if not zone[1:].isdigit():
        return None
    try:
        timestamp = int(seconds)
    except ValueError:
        return None
    return ReflogEntry(old, new, name, timestamp, message.rstrip("\r"))


def read(path: str) -> list[ReflogEntry] | None:
    """Return the entries of the log file ``path``; ``None`` if there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | PLAIN)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise GitError(f"{path} is a symbolic link: expected a file") from error
    try:
        return parse(b"".join(iter(lambda: os.read(fd, 1 << 20), b"")))
    except IsADirectoryError:
        return None
    finally:
        os.close(fd)


def append(git_dir: str, name: str, entry: ReflogEntry, *, durable: bool) -> Appended:
    """Append one line to the log of a ref, which is made if it is missing.

    Raises:
        GitError: If logs of other, deleted refs are where the file or its directory must be.
        OSError: If the line cannot be written, for want of space for example.
    """
    line = format_line(entry)
    path = f"{git_dir}/logs/{name}"
    fd = _open(path)
    appended = Appended(path, 0, 0)
    try:
        before = os.fstat(fd).st_size
        appended = Appended(path, before, before)
        if before and not _ends_with_a_line(fd, before):
            line = b"\n" + line  # or it would be lost behind what a crash cut off
        written = os.write(fd, line)
        appended = Appended(path, before, before + written)
        if written != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        if durable:
            os.fsync(fd)
            if before == 0:
                sync_directories(git_dir, path)
    except BaseException:
        take_back(appended)
        raise
    finally:
        os.close(fd)
    return appended


def _open(path: str) -> int:
    """Open a log file for appending; clear empty directories out of its way."""
    for _ in range(3):
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | PLAIN, 0o666)
        except FileNotFoundError:
            _make_parent(path)
        except IsADirectoryError:
            if not remove_empty_directories(path):
                raise _stale_logs(path) from None
        except NotADirectoryError:
            raise _stale_logs(os.path.dirname(path)) from None
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise GitError(f"{path} is a symbolic link: expected a file") from error
    raise GitError(f"{path} cannot be made: its directory is removed as often as it is made")


def _ends_with_a_line(fd: int, size: int) -> bool:
    os.lseek(fd, size - 1, os.SEEK_SET)
    return os.read(fd, 1) == b"\n"


def _make_parent(path: str) -> None:
    parent = os.path.dirname(path)
    try:
        os.makedirs(parent, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise _stale_logs(parent) from None


def _stale_logs(path: str) -> GitError:
    return GitError(
        f"{path} is in the way of a new reflog: it holds the log of a ref that was deleted "
        "(move or remove it)"
    )


def take_back(appended: Appended) -> None:
    """Remove a line again, unless others have been appended since."""
    with suppress(OSError):
        if os.path.getsize(appended.path) != appended.after:
            return
        if appended.before == 0:
            os.unlink(appended.path)
        else:
            os.truncate(appended.path, appended.before)


def remove(git_dir: str, name: str) -> None:
    """Remove the log of a ref, and the directories that are empty then."""
    path = f"{git_dir}/logs/{name}"
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        os.unlink(path)
    remove_empty_parents(f"{git_dir}/logs", name)
