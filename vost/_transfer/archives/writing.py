"""Exports a snapshot: the bytes of the archive piece by piece, and where they go."""

from __future__ import annotations

from dataclasses import replace
from typing import IO, TYPE_CHECKING

from vost._model.progress import Progress
from vost._transfer.archives.entries import PIECE, Exported, Selection
from vost._transfer.archives.formats import ZIP, compression_of, family_of
from vost._transfer.archives.tarout import compressed, tar_pieces
from vost._transfer.archives.zipout import zip_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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


def _reported(selection: Selection, total: int, report: ProgressReport) -> Iterator[Exported]:
    handled = 0
    for done, entry in enumerate(selection):
        begun = Progress("exporting", done, total, handled, entry.name)
        report(begun)
        yield entry._replace(pieces=_counted(entry.pieces, begun, report))
        handled += entry.size
    report(Progress("exporting", total, total, handled), final=True)


def _counted(pieces: Iterator[bytes], begun: Progress, report: ProgressReport) -> Iterator[bytes]:
    """Report how far a file is: a large one takes long."""
    size = begun.bytes
    for piece in pieces:
        yield piece
        size += len(piece)
        if report.is_due():
            report(replace(begun, bytes=size))


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
