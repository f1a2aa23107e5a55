"""Reads tar archives front to back, in one pass, from anything that can be read."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Protocol, TypeVar, cast

from vost._model.errors import ArchiveError
from vost._model.paths import encode_path
from vost._model.progress import Progress
from vost._transfer.archives.inflating import Inflated
from vost._transfer.archives.members import Again, MemberContent, counted, file_mode

if TYPE_CHECKING:
    from collections.abc import Callable
    from tarfile import TarInfo

    from vost._engine.trees import Entry
    from vost._model.progress import ProgressReport
    from vost._transfer.archives.members import Members
    from vost._transfer.archives.source import Source

T = TypeVar("T")

_BLOCK = 512
_CHUNK = 1 << 18
_LARGEST_HEADER = 4 << 20
"""Bytes that the headers of one member may take, with long names and maps of holes."""

_LONGEST_END = 64 << 20
"""Bytes behind the end mark that are still read, so that checksums behind them are looked at."""


class _TarFile(Protocol):
    """What of a ``tarfile.TarFile`` is used here; type checkers know only a part of it."""

    offset: int
    firstmember: TarInfo | None
    members: list[TarInfo]

    def next(self) -> TarInfo | None: ...

    def extractfile(self, member: TarInfo) -> IO[bytes] | None: ...


class _Forward:
    """The file that tarfile reads: nothing but forward, and headers of a bounded size.

    Args:
        read: Returns at most so many of the next bytes; ``b""`` at the end.
        broken: Makes the error for damaged data.
        check: Called between pieces; raises when the caller was cancelled.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        broken: Callable[[str], ArchiveError],
        check: Callable[[], None],
    ) -> None:
        self._next = read
        self._broken = broken
        self._check = check
        self._position = 0
        self._allowance: int | None = None
        self._ends = 0
        self.last = b""

    def begin_header(self) -> None:
        """Bound what is read until ``end_header``."""
        self._allowance = _LARGEST_HEADER
        self._ends = 0

    def end_header(self) -> None:
        """Read content again, which is bounded by the size of its member."""
        self._allowance = None

    def read(self, size: int) -> bytes:
        if self._allowance is not None:
            self._allowance -= size
            if self._allowance < 0:
                raise self._broken("the header of a member is too large")
        pieces: list[bytes] = []
        left = size
        while left > 0 and (piece := self._next(left)):
            pieces.append(piece)
            left -= len(piece)
        self.last = b"".join(pieces)
        self._position += len(self.last)
        if not self.last and size:
            self._ends += 1
            if self._ends > 2:  # tarfile would go on for ever
                raise self._broken("it breaks off")
        return self.last

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, whence: int = 0) -> int:
        """Skip what is in between."""
        if whence or position < self._position:
            raise self._broken("a member lies where there was one already")
        while self._position < position:
            self._check()
            piece = self._next(min(position - self._position, _CHUNK))
            if not piece:
                raise self._broken("it breaks off")
            self._position += len(piece)
        return position

    def drain(self, size: int) -> None:
        """Read on to the end, but no more than ``size`` bytes."""
        while size > 0 and (piece := self._next(_CHUNK)):
            self._check()
            size -= len(piece)


def import_tar(
    source: Source,
    compression: str | None,
    members: Members,
    check: Callable[[], None],
    report: ProgressReport,
) -> None:
    """Store what a tar archive holds.

    Args:
        source: The archive.
        compression: How it is compressed; ``None``: not at all.
        members: The rules, and who stores.
        check: Called between pieces; raises when the caller was cancelled.
        report: Told how far the work is.

    Raises:
        ArchiveError: If it is no tar archive, is damaged, or holds what is refused.
    """
    _TarImport(source, compression, members, check, report).run()


def not_a_tar(archive: str, reason: object) -> ArchiveError:
    """Return the error for what is no tar archive, or a damaged one."""
    return ArchiveError(f"Not a valid tar archive: {reason} (in {archive})")


class _TarImport:
    def __init__(
        self,
        source: Source,
        compression: str | None,
        members: Members,
        check: Callable[[], None],
        report: ProgressReport,
    ) -> None:
        self._members = members
        read = source.read
        if compression is not None:
            read = Inflated(read, compression, self._broken).read
        self._report = report
        self._check = check
        self._is_stream = not source.is_seekable
        self._forward = _Forward(read, self._broken, check)
        self._pending: dict[str, tuple[str, str]] = {}  # path -> name and target of a hard link

    def run(self) -> None:
        members = self._members
        archive = self._open()
        while (info := self._next(archive)) is not None:
            self._check()
            self._report(Progress("importing", len(members.files), None, members.size, info.name))
            self._take(archive, info)
            archive.members.clear()  # tarfile would keep them all
        self._require_end(archive)
        self._forward.drain(_LONGEST_END)
        for path, (name, target) in self._pending.items():
            if path in members.files:
                self._link(name, path, target)
        total = len(members.files)
        self._report(Progress("importing", total, total, members.size), final=True)

    def _open(self) -> _TarFile:
        import tarfile  # late: it takes a while

        file = cast("IO[bytes]", self._forward)
        # What is opened for reading reads the first header.
        opened = self._reading_header(
            lambda: tarfile.TarFile(fileobj=file, encoding="utf-8", errors="surrogateescape")
        )
        return cast("_TarFile", opened)

    def _next(self, archive: _TarFile) -> TarInfo | None:
        if archive.firstmember is None:
            if not archive.offset:
                return None  # nothing was found at the start; tarfile of 3.10 would go back for it
            self._forward.seek(archive.offset)  # refuses what tarfile would go round in circles by
        return self._reading_header(archive.next)

    def _reading_header(self, step: Callable[[], T]) -> T:
        """Have tarfile read a header; it raises whatever comes of damaged ones."""
        from tarfile import TarError

        self._forward.begin_header()
        try:
            return step()
        except ArchiveError:
            raise
        except (TarError, ValueError, LookupError, ArithmeticError, RecursionError) as error:
            raise self._broken(str(error) or "a header is damaged") from error
        finally:
            self._forward.end_header()

    def _broken(self, reason: str) -> ArchiveError:
        return not_a_tar(self._members.archive, reason)

    def _require_end(self, archive: _TarFile) -> None:
        """Insist on an end mark: tarfile also ends where a header is damaged, or at any rate."""
        last = self._forward.last
        if len(last) == _BLOCK and not last.strip(b"\0"):
            return
        if last:
            raise self._broken(f"the header at byte {archive.offset} is damaged")
        if self._members.strict:
            raise self._broken("it breaks off without an end mark; strict=False takes it")
        self._members.warn(self._members.archive, "no end mark: the archive may be incomplete")

    def _take(self, archive: _TarFile, info: TarInfo) -> None:
        members, name = self._members, info.name
        has_data = info.isreg() or not (
            info.isdir() or info.issym() or info.islnk() or info.isdev()
        )
        if has_data and info.size < 0:
            raise self._broken(f"{name!r}: a negative size")
        members.begin(name, info.size if has_data else 0)
        if info.isdir():
            members.directory(name)
        elif not (info.isreg() or info.issym() or info.islnk()):
            members.path_of(name)
            members.warn(name, f"skipping a device, FIFO or unknown member: {name}")
        elif (path := members.file(name)) is not None:
            self._pending.pop(path, None)
            if info.isreg():
                self._store(archive, info, path)
            elif info.issym():
                members.store_link(name, path, encode_path(info.linkname))
            else:
                self._take_hard_link(name, path, info.linkname)

    def _store(self, archive: _TarFile, info: TarInfo, path: str) -> None:
        import tarfile

        def damaged(reason: object) -> ArchiveError:
            return self._broken(f"{info.name!r}: {reason}")

        member = archive.extractfile(info)
        assert member is not None

        def read(size: int) -> bytes:
            try:
                return member.read(size)
            except tarfile.TarError as error:
                raise damaged(error) from error

        before = self._members.size - info.size
        begun = Progress("importing", len(self._members.files), None, before, info.name)
        with member:
            reading = counted(read, begun, self._report)
            content = MemberContent(reading, info.size, file_mode(info.mode), damaged)
            self._members.store(path, content)

    def _take_hard_link(self, name: str, path: str, target: str) -> None:
        members = self._members
        if members.strict and (target.startswith("/") or ".." in target.split("/")):
            raise members.outside_hard_link(name, target)
        if self._is_stream or self._stored(target) is not None:
            self._link(name, path, target)
        else:
            self._pending[path] = (name, target)

    def _stored(self, target: str) -> Entry | None:
        """Return what was stored for the member that a hard link names."""
        try:
            return self._members.files.get(self._members.path_of(target))
        except ArchiveError:
            return None

    def _link(self, name: str, path: str, target: str) -> None:
        entry = self._stored(target)
        if entry is not None:
            self._members.store(path, Again(entry))
            return
        self._members.forget(path)
        self._members.warn(
            name, f"skipping hard link (unresolvable in streaming mode): {name} -> {target}"
        )
