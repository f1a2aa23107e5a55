"""What of a snapshot goes into an archive: names that are safe to extract, contents in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vost._engine import lookup
from vost._engine.trees import Entry
from vost._model.errors import ArchiveError, CorruptObjectError
from vost._model.objects import ObjectType, oid_to_hex
from vost._model.paths import is_dotgit
from vost._model.types import MODE_LINK, MODE_TREE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vost._engine.repository import Repository
    from vost._model.objects import Oid
    from vost._model.types import WalkEntry

PIECE = 1 << 16
"""Bytes of content that are handled at a time."""

_LARGEST_LINK = 1 << 20


class Exported(NamedTuple):
    """A file or link of a snapshot, on its way into an archive.

    Attributes:
        name: Its name in the archive.
        mode: Its Git mode.
        size: Bytes of its content.
        pieces: The content, in pieces.
        target: The content of a link; ``None`` for a file.
    """

    name: str
    mode: int
    size: int
    pieces: Iterator[bytes]
    target: bytes | None = None


class Selection:
    """The files and links of a snapshot at or below a path, in the order of ``walk``.

    Args:
        repository: Where they are.
        root: The id of the snapshot's root tree.
        path: The directory that names are relative to, or one file; ``""`` is everything.
        check: Called between steps; raises when the caller was cancelled.

    Raises:
        PathNotFoundError: If nothing is at ``path``.
    """

    def __init__(
        self, repository: Repository, root: Oid, path: str, check: Callable[[], None]
    ) -> None:
        self._repository = repository
        self._root = root
        self._path = path
        self._check = check
        self._top = lookup.require(repository, root, path)

    def count(self) -> int:
        """Look at all names and links before the first byte is written; count the entries.

        Raises:
            ArchiveError: If a name would be dangerous to extract, or a link cannot be archived.
            CorruptObjectError: If something is no blob or is damaged.
        """
        if self._top.mode != MODE_TREE:
            directory, _, name = self._path.rpartition("/")
            _check_names(directory, [name])
            return 1
        total = 0
        for directory, names, files in lookup.walk(self._repository, self._root, self._path):
            self._check()
            _check_names(directory, [*names, *(file.name for file in files)])
            for file in files:
                if file.mode == MODE_LINK:
                    self._exported(_joined(directory, file.name), file.name, _entry_of(file))
            total += len(files)
        return total

    def __iter__(self) -> Iterator[Exported]:
        """Yield what goes into the archive.

        Raises:
            ArchiveError: If a link cannot be archived.
            CorruptObjectError: If something is no blob or is damaged.
        """
        if self._top.mode != MODE_TREE:
            yield self._exported(self._path, self._path.rpartition("/")[2], self._top)
            return
        prefix = len(self._path) + 1 if self._path else 0
        for directory, _, files in lookup.walk(self._repository, self._root, self._path):
            for file in files:
                self._check()
                path = _joined(directory, file.name)
                yield self._exported(path, path[prefix:], _entry_of(file))

    def _exported(self, path: str, name: str, entry: Entry) -> Exported:
        try:
            header = self._repository.objects.header(entry.oid)
        except lookup.DAMAGE as error:
            lookup.raise_damaged(repr(path), error)
        if header.type is not ObjectType.BLOB:
            raise CorruptObjectError(
                f"{path!r}: object {oid_to_hex(entry.oid)} is a {header.type.name.lower()}, "
                "not a blob"
            )
        pieces = self._pieces(path, entry.oid, header.size)
        if entry.mode != MODE_LINK:
            return Exported(name, entry.mode, header.size, pieces)
        if header.size > _LARGEST_LINK:
            raise ArchiveError(f"Cannot archive {path!r}: a link of {header.size} bytes is none")
        target = b"".join(pieces)
        _check_target(path, target)
        return Exported(name, entry.mode, len(target), iter((target,)), target)

    def _pieces(self, path: str, oid: Oid, size: int) -> Iterator[bytes]:
        objects = self._repository.objects
        try:
            if size <= PIECE:
                yield objects.get(oid)[1]
                return
            with objects.open_stream(oid) as stream:
                while piece := stream.read(PIECE):
                    self._check()
                    yield piece
        except lookup.DAMAGE as error:
            lookup.raise_damaged(repr(path), error)


def _entry_of(file: WalkEntry) -> Entry:
    return Entry(file.mode, bytes.fromhex(file.oid.decode()))


def _joined(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _check_names(directory: str, names: list[str]) -> None:
    """Check the names in one directory of the snapshot.

    A tree that was made by hand may hold anything: names that climb out of the place where the
    archive is extracted, and two entries of one name, a link and a directory that is then
    written through the link.

    Raises:
        ArchiveError: If there are such names.
    """
    for name in names:
        if name in {"", ".", ".."} or "/" in name or "\0" in name or is_dotgit(name):
            raise ArchiveError(
                f"Cannot archive {_joined(directory, name)!r}: "
                f"the name {name!r} is dangerous to extract"
            )
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ArchiveError(
            f"Cannot archive {twice!r} in {directory or 'the root directory'!r}: "
            "two entries have this name"
        )


def _check_target(path: str, target: bytes) -> None:
    if b"\0" in target:
        raise ArchiveError(f"Cannot archive {path!r}: the target of the link contains NUL")
    try:
        target.decode()
    except UnicodeDecodeError:
        raise ArchiveError(f"Symlink target for {path} is not valid UTF-8") from None
