"""Exports a snapshot: the bytes of the archive piece by piece, and where they go."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from vost._model.errors import PathIsDirectoryError
from vost._model.progress import Progress
from vost._storage.temporary import sync_directory, write_all
from vost._transfer.archives.entries import PIECE, Exported, Selection
from vost._transfer.archives.formats import ZIP, compression_of, family_of
from vost._transfer.archives.tarout import compressed, tar_pieces
from vost._transfer.archives.zipout import zip_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from vost._engine.commits import Commit
    from vost._engine.repository import Repository
    from vost._model.progress import ProgressReport


def export(
    repository: Repository,
    commit: Commit,
    path: str,
    format: str,
    check: Callable[[], None],
    report: ProgressReport | None = None,
) -> Iterator[bytes]:
    """Yield the bytes of an archive of a snapshot, in pieces of some 64 KiB.

    Args:
        repository: Where the snapshot is.
        commit: Its commit.
        path: The directory or file to export; ``""``: everything.
        format: One of ``FORMATS``.
        check: Called between steps; raises when the caller was cancelled.
        report: Told how far the work is.

    Raises:
        PathNotFoundError: If nothing is at ``path``.
        ArchiveError: If the snapshot holds something that no archive may.
        CorruptObjectError, MissingObjectError: If the repository is damaged.
    """
    selection = Selection(repository, commit.tree, path, check)
    total = selection.count()
    entries = iter(selection) if report is None else _reported(selection, total, report)
    if family_of(format) == ZIP:
        yield from _gathered(zip_pieces(entries, commit.time_seconds))
    else:
        pieces = tar_pieces(entries, commit.time_seconds)
        yield from _gathered(compressed(_gathered(pieces), compression_of(format)))


def write_to_file(file: IO[bytes], pieces: Iterable[bytes]) -> None:
    """Write pieces to a binary file object of the caller's.

    Raises:
        OSError: If it takes nothing.
    """
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            taken: int | None = file.write(rest)
            if taken is None or taken >= len(rest):  # None: of a writer that never says
                break
            if taken <= 0:
                raise OSError("the file object takes no more bytes")
            rest = rest[taken:]


def write_to_path(path: str, pieces: Iterable[bytes]) -> None:
    """Write pieces to a file that appears when it is complete, durably; until then, the old stays.

    A device or a pipe is written to as it is.

    Raises:
        PathIsDirectoryError: If ``path`` is a directory.
        FileNotFoundError: If its directory does not exist.
        OSError: If it cannot be written.
    """
    from pathlib import Path  # late: a snapshot has no need of it

    target = Path(path)
    mode = _mode_of(target)
    if mode is not None and stat.S_ISDIR(mode):
        raise PathIsDirectoryError(f"Is a directory: {str(target)!r} (a file was expected)")
    if mode is not None and not stat.S_ISREG(mode):
        with target.open("wb", buffering=0) as file:
            write_to_file(file, pieces)
        return
    descriptor, temporary = _create_beside(target)
    try:
        try:
            for piece in pieces:
                write_all(descriptor, piece)
            if mode is not None:
                _keep_permissions(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if os.name != "nt":
        sync_directory(str(target.parent))


def _reported(selection: Selection, total: int, report: ProgressReport) -> Iterator[Exported]:
    handled = 0
    for done, entry in enumerate(selection):
        report(Progress("exporting", done, total, handled, entry.name))
        yield entry
        handled += entry.size
    report(Progress("exporting", total, total, handled), final=True)


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join small pieces and cut large ones: each one costs a system call, or a step."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE:
            data = b"".join(waiting)
            for start in range(0, size - size % PIECE, PIECE):
                yield data[start : start + PIECE]
            rest = data[size - size % PIECE :]
            waiting, size = [rest], len(rest)
    if size:
        yield b"".join(waiting)


def _mode_of(target: Path) -> int | None:
    """Return the mode of what is there, through links; ``None`` if nothing is."""
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return None


def _create_beside(target: Path) -> tuple[int, Path]:
    """Create a file of an unheard-of name in the same directory, with the usual permissions."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    flags |= getattr(os, "O_BINARY", 0)
    while True:
        # Cut, for the whole name must not be longer than a file system allows.
        temporary = target.parent / f".{target.name[:40]}.{os.urandom(8).hex()}.tmp"
        try:
            return os.open(temporary, flags, 0o666), temporary
        except FileExistsError:
            continue
        except FileNotFoundError:
            raise FileNotFoundError(
                f"No such directory: {str(target.parent)!r} (for {str(target)!r})"
            ) from None


def _keep_permissions(descriptor: int, mode: int) -> None:
    if hasattr(os, "fchmod"):
        with suppress(OSError):
            os.fchmod(descriptor, stat.S_IMODE(mode) & 0o777)
