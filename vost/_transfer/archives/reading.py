"""Imports an archive into a draft: what format it is, and what comes of it."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, NamedTuple

from vost._model.errors import ArchiveError
from vost._transfer.archives.formats import (
    TAR,
    ZIP,
    cannot_detect,
    family_of,
    format_of_name,
    recognise,
    unsupported_compression,
)
from vost._transfer.archives.members import Limits, Members
from vost._transfer.archives.source import Source, opened, seekable_file
from vost._transfer.archives.tarin import import_tar, not_a_tar
from vost._transfer.archives.zipin import import_zip, not_a_zip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vost._engine.contents import Content, Place
    from vost._engine.draft import Draft
    from vost._engine.trees import Entry
    from vost._model.changes import ChangeError
    from vost._model.progress import ProgressReport


class ImportOptions(NamedTuple):
    """How an archive is imported.

    Attributes:
        dest: The directory that it goes to; ``""``: the root.
        format: One of ``FORMATS``; ``None``: by the data, then by the name.
        limits: What it may hold at most.
        strict: Whether what is suspicious is refused or a warning.
        replace: Whether a file may take the place of a directory, and a directory that of a file.
    """

    dest: str
    format: str | None
    limits: Limits
    strict: bool
    replace: bool


class _Kept:
    """Content that tells afterwards what it was stored as."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.entry: Entry | None = None

    def store(self, place: Place) -> Entry:
        self.entry = self._content.store(place)
        return self.entry


def import_archive(
    draft: Draft,
    source: str | IO[bytes],
    options: ImportOptions,
    spool_dir: Path | None,
    check: Callable[[], None],
    report: ProgressReport,
) -> list[ChangeError]:
    """Stage what an archive holds and return what may surprise.

    Args:
        draft: Takes it.
        source: A local path, or a binary file object, which is left open.
        options: How it is imported.
        spool_dir: Where a zip file from a pipe may lie meanwhile; ``None``: the system's place.
        check: Called between pieces; raises when the caller was cancelled.
        report: Told how far the work is.

    Raises:
        ArchiveError: If it is damaged, holds what is refused, or holds no files.
        ValueError: If its format is not recognised.
        FileNotFoundError, IsADirectoryError, OSError: If it cannot be read.
        IsADirectoryError, NotADirectoryError: If a directory or a file is in the way and stays.
    """
    prefix = options.dest + "/" if options.dest else ""

    def claim(path: str) -> None:
        if not options.replace:
            draft.require_free(prefix + path)

    def put(path: str, content: Content) -> Entry:
        kept = _Kept(content)
        draft.put_many([(prefix + path, kept)])
        assert kept.entry is not None
        return kept.entry

    with opened(source) as found:
        members = Members(found.name, options.limits, claim, put, strict=options.strict)
        family, compression = _judge(found, options.format)
        if family == ZIP:
            _import_zip(found, members, spool_dir, check, report)
        else:
            import_tar(found, compression, members, check, report)
    if not members.files:
        what = "Zip file" if family == ZIP else "Tar archive"
        raise ArchiveError(f"{what} contains no files: {members.archive}{_reason(members)}")
    return members.warnings


def _reason(members: Members) -> str:
    """Return why an archive contains nothing that can be imported; ``""``: it is empty."""
    if not members.warnings:
        return ""
    more = len(members.warnings) - 1
    return f" ({members.warnings[0].error}{f'; and {more} more' if more else ''})"


def _import_zip(
    source: Source,
    members: Members,
    spool_dir: Path | None,
    check: Callable[[], None],
    report: ProgressReport,
) -> None:
    with seekable_file(source, spool_dir, members.largest_file(), check) as file:
        if file is None:
            raise ArchiveError(f"Archive too large: {source.name} (max_size= sets the limit)")
        import_zip(file, members, check, report)


def _judge(source: Source, format: str | None) -> tuple[str, str | None]:
    """Return the family of an archive and how it is compressed, or raise what is wrong with it."""
    seen = recognise(source.head)
    wanted = format or format_of_name(source.name)
    family = seen.family or (wanted and family_of(wanted))
    if format is not None:
        family = family_of(format)
    if family is None:
        raise _not_recognised(source)
    if family == ZIP:
        if seen.family == TAR:
            raise not_a_zip(source.name, "it is a tar archive")
        return ZIP, None
    unsupported = unsupported_compression(source.head) if seen.family is None else None
    if seen.family == ZIP or unsupported:
        reason = f"{unsupported} is not supported" if unsupported else "it is a zip file"
        raise not_a_tar(source.name, reason)
    if not source.head:
        raise not_a_tar(source.name, "it is empty")
    return TAR, seen.compression


def _not_recognised(source: Source) -> ValueError:
    unsupported = unsupported_compression(source.head)
    if unsupported:
        return not_a_tar(source.name, f"{unsupported} is not supported")
    return cannot_detect(source.name)
