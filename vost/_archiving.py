"""Archives of a snapshot: zip and tar, in and out."""

from __future__ import annotations

import operator
import os
from contextlib import aclosing
from typing import IO, TYPE_CHECKING

from vost._model.changes import ChangeReport
from vost._model.paths import check_writable_segments, normalize_root
from vost._offload import Reporter, check, run, stream
from vost._snapshot import Snapshot
from vost._transfer.archives.formats import check_format, require_format_of_name
from vost._transfer.archives.source import local_name, name_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

    from vost._engine.draft import Draft
    from vost._model.changes import ChangeError
    from vost._model.progress import Progress
    from vost.fs import FS


class ArchiveOperations(Snapshot):
    """What makes an archive of a snapshot, and a snapshot of an archive."""

    async def archive_out(
        self,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        format: str | None = None,
        path: str | os.PathLike[str] = "",
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Write the files and links of the snapshot to an archive.

        The same snapshot gives the same bytes: all time stamps are the commit's. Submodules are
        left out. A file of that name is replaced when the archive is complete and on disk; until
        then, and when the export fails, it stays as it is.

        Args:
            target: Path of the archive, or a binary file object to write to; it is left open, and
                when the export fails it has got a part.
            format: ``"zip"``, ``"tar"``, ``"tar.gz"``, ``"tar.bz2"`` or ``"tar.xz"``; ``None``:
                by the extension of ``target``.
            path: Export only this directory, with names relative to it, or only this file.
            progress: Called a few times a second with how far the work is.

        Raises:
            ValueError: If the format is unknown, the path is invalid, or the snapshot holds a
                name that would be dangerous to extract.
            TypeError: If ``target`` is neither a path nor a binary file object.
            FileNotFoundError: If nothing is at ``path``, or there is no directory for ``target``.
            IsADirectoryError: If ``target`` is a directory.
            OSError: If it cannot be written.

        Example:
            >>> await fs.archive_out("backup.tar.gz")
        """
        place = _target(target)
        chosen = _export_format(place, format)
        selected = normalize_root(path)
        commit = await self._loaded()
        report = Reporter(progress)

        def write() -> None:
            from vost._storage.wholefiles import write_whole_file  # late, as all that copies
            from vost._transfer.archives.writing import export, write_to_file

            pieces = export(self._repository, commit, selected, chosen, check, report)
            if isinstance(place, str):
                write_whole_file(place, pieces, check)
            else:
                write_to_file(place, pieces)

        await run(write)

    async def archive(
        self,
        format: str,
        *,
        path: str | os.PathLike[str] = "",
        progress: Callable[[Progress], None] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of an archive of the snapshot, as ``archive_out`` writes them.

        Args:
            format: As for ``archive_out``.
            path: As for ``archive_out``.
            progress: As for ``archive_out``.

        Returns:
            Pieces of some 64 KiB, made when they are asked for.

        Raises:
            ValueError: On the first step, if the format is unknown, the path is invalid, or the
                snapshot holds a name that would be dangerous to extract.
            FileNotFoundError: On the first step, if nothing is at ``path``.

        Example:
            >>> async for piece in fs.archive("zip"):
            ...     print(len(piece))
        """
        chosen = check_format(format)
        selected = normalize_root(path)
        commit = await self._loaded()
        report = Reporter(progress)

        def pieces_of_archive() -> Iterator[bytes]:
            from vost._transfer.archives.writing import export  # late, as all that copies

            return export(self._repository, commit, selected, chosen, check, report)

        async with aclosing(stream(pieces_of_archive)) as pieces:
            async for piece in pieces:
                yield piece

    async def archive_in(
        self,
        source: str | os.PathLike[str] | IO[bytes],
        dest: str | os.PathLike[str] = "",
        *,
        format: str | None = None,
        message: str | None = None,
        parents: Sequence[FS] | None = None,
        strict: bool = True,
        replace: bool = True,
        max_size: int | None = 10 << 30,
        max_members: int | None = 1_000_000,
        progress: Callable[[Progress], None] | None = None,
    ) -> FS:
        """Add the files and links of an archive in one commit, and return the new snapshot.

        What the snapshot has besides stays. An archive is read in bounded memory; nothing is
        committed unless all of it was accepted. What may surprise is in ``changes.warnings`` of
        the result: devices that were skipped, names with ``.git`` that were left out, hard links
        without a target.

        Args:
            source: Path of the archive, or a binary file object, which need not be seekable and is
                left open.
            dest: The directory that it goes to.
            format: ``"zip"`` or ``"tar"``, or another format of ``archive_out``; ``None``: by the
                data, then by the extension. How a tar is compressed is always seen in the data.
            message: Commit message, as for ``write``.
            parents: Further parents, as for ``write``.
            strict: Refuse absolute names, links that may lead outside, members that are there
                twice, files that are also directories, and a tar without an end mark. Otherwise
                the leading slash is dropped, the last member wins, and the rest is a warning.
            replace: Let a file take the place of a directory of the snapshot, and a directory that
                of a file.
            max_size: Bytes that all members may have together, uncompressed; ``None``: no limit.
            max_members: How many members there may be; ``None``: no limit.
            progress: Called a few times a second with how far the work is.

        Raises:
            ValueError: If the archive is damaged, larger than allowed, of an unknown format or
                without any file, or if it holds what is refused, ``..`` in a name always.
            TypeError: If ``source`` is neither a path nor a binary file object.
            FileNotFoundError: If there is no such archive.
            IsADirectoryError: If it is a directory; without ``replace``, also if a directory of the
                snapshot is in the way.
            NotADirectoryError: Without ``replace``, if a file of the snapshot is.
            PermissionError: If the snapshot is read-only.
            StaleSnapshotError: If the branch has advanced.

        Example:
            >>> fs = await fs.archive_in("data.zip", "imported", max_size=1 << 30)
        """
        self._require_writable()
        place = _source(source)
        directory = normalize_root(dest)
        check_writable_segments(directory)
        chosen = None if format is None else check_format(format)
        largest, most = _limit("max_size", max_size), _limit("max_members", max_members)
        recorded = self._options(message, "ar", parents)
        spool_dir = self._repository.spool_dir
        report = Reporter(progress)
        warnings: list[ChangeError] = []

        def stage(draft: Draft) -> None:
            from vost._transfer.archives.members import Limits  # late, as all that copies
            from vost._transfer.archives.reading import ImportOptions, import_archive

            options = ImportOptions(directory, chosen, Limits(largest, most), strict, replace)
            warnings.extend(import_archive(draft, place, options, spool_dir, check, report))

        fs = await self._commit_edits(stage, recorded)
        if fs._oid == self._oid or fs.changes is None:
            unchanged = ChangeReport(warnings=warnings) if warnings else None
            return self._with_commit(await self._loaded(), unchanged)
        fs.changes.warnings.extend(warnings)
        return fs


def _target(target: str | os.PathLike[str] | IO[bytes]) -> str | IO[bytes]:
    if isinstance(target, (str, os.PathLike)):
        return local_name(target)
    if not callable(getattr(target, "write", None)):
        raise TypeError(f"target must be a path or a file object, not {type(target).__name__}")
    if hasattr(target, "encoding"):
        raise TypeError("target must be a binary file object, and this one takes text")
    return target


def _source(source: str | os.PathLike[str] | IO[bytes]) -> str | IO[bytes]:
    if isinstance(source, (str, os.PathLike)):
        return local_name(source)
    if not callable(getattr(source, "read", None)):
        raise TypeError(f"source must be a path or a file object, not {type(source).__name__}")
    if hasattr(source, "encoding"):
        raise TypeError("source must be a binary file object, and this one has text")
    return source


def _export_format(target: str | IO[bytes], format: str | None) -> str:
    if format is not None:
        return check_format(format)
    return require_format_of_name(target if isinstance(target, str) else name_of(target))


def _limit(name: str, value: int | None) -> int | None:
    if value is not None and operator.index(value) < 0:
        raise ValueError(f"{name} must be >= 0 or None, got {value}")
    return value
