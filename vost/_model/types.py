"""File types, modes and the small values that the public API takes and returns."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .changes import ChangeError

MODE_BLOB = 0o100644
MODE_EXECUTABLE = 0o100755
MODE_LINK = 0o120000
MODE_TREE = 0o040000
MODE_GITLINK = 0o160000
"""Mode of a submodule: a commit id in a tree. No :class:`FileType` stands for it."""


class FileType(str, Enum):
    """Kind of an entry in a tree. ``str()`` of a member is its value, such as ``"blob"``."""

    BLOB = "blob"
    EXECUTABLE = "executable"
    LINK = "link"
    TREE = "tree"

    def __str__(self) -> str:
        return self.value

    @property
    def filemode(self) -> int:
        """The mode that Git stores in a tree for this kind, such as ``0o100644``."""
        return _MODE_OF_TYPE[self]

    @classmethod
    def from_filemode(cls, mode: int) -> FileType:
        """Return the kind of entry that a mode in a tree stands for.

        Old versions of Git and other tools wrote regular modes such as ``0o100664``: they
        count as :attr:`EXECUTABLE` when the owner may execute the file, else as :attr:`BLOB`.

        Args:
            mode: Mode of a tree entry, such as ``0o100755``.

        Raises:
            ValueError: If the mode stands for none of the four kinds (a submodule, a device).

        Example:
            >>> FileType.from_filemode(0o100755)
            <FileType.EXECUTABLE: 'executable'>
        """
        known = _TYPE_OF_MODE.get(mode)
        if known is not None:
            return known
        if mode == MODE_GITLINK:
            raise ValueError("mode 0o160000 is a submodule: neither a file nor a directory")
        if 0 <= mode <= 0o177777 and stat.S_ISREG(mode):
            return cls.EXECUTABLE if mode & stat.S_IXUSR else cls.BLOB
        raise ValueError(f"unknown file mode {mode:#o}: not a file, a link or a directory")


_MODE_OF_TYPE = {
    FileType.BLOB: MODE_BLOB,
    FileType.EXECUTABLE: MODE_EXECUTABLE,
    FileType.LINK: MODE_LINK,
    FileType.TREE: MODE_TREE,
}
_TYPE_OF_MODE = {mode: file_type for file_type, mode in _MODE_OF_TYPE.items()}
_KIND_OF_MODE = {mode: kind.value for mode, kind in _TYPE_OF_MODE.items()} | {
    MODE_GITLINK: "commit"
}
_WRITABLE_MODES = frozenset((MODE_BLOB, MODE_EXECUTABLE, MODE_LINK))


def resolve_mode(mode: FileType | int | None) -> int | None:
    """Return the Git mode that the ``mode`` argument of a write asks for.

    Args:
        mode: ``FileType.BLOB``, ``EXECUTABLE`` or ``LINK``, the integer mode of one of them, or
            ``None`` for "as the operation sees fit".

    Returns:
        ``0o100644``, ``0o100755`` or ``0o120000``; ``None`` for ``None``.

    Raises:
        ValueError: For everything else. A directory is not written, it comes with its files.
    """
    if mode is None:
        return None
    number: object = mode.filemode if isinstance(mode, FileType) else mode
    if isinstance(number, int) and number in _WRITABLE_MODES:
        return int(number)
    shown = f"{mode:#o}" if type(mode) is int else repr(mode)
    raise ValueError(
        f"invalid mode {shown}: expected FileType.BLOB, EXECUTABLE or LINK,"
        " or 0o100644, 0o100755 or 0o120000"
    )


class BlobOid(bytes):
    """Id of a blob that is in the repository already: 40 hexadecimal characters in ASCII.

    It marks data that need not be stored again. Nothing is checked here: whoever commits it
    looks whether there is such an object and whether it is a blob.
    """

    __slots__ = ()


class WalkEntry(NamedTuple):
    """One entry of a directory.

    Args:
        name: Name without any directory.
        oid: Object id as 40 hexadecimal characters in ASCII.
        mode: Mode as the tree has it, such as ``0o100644``.
    """

    name: str
    oid: bytes
    mode: int

    @property
    def file_type(self) -> FileType:
        """Kind of the entry.

        Raises:
            ValueError: For a submodule or a mode that means nothing to Git.
        """
        return FileType.from_filemode(self.mode)


@dataclass(frozen=True, slots=True)
class StatResult:
    """What a path is, in one look.

    Args:
        mode: Git's mode, such as ``0o100644``.
        file_type: Kind of the entry.
        size: Bytes of the content (of the target for a link); 0 for a directory.
        hash: Object id as 40 hexadecimal characters.
        nlink: 1 for files and links, 2 plus the number of subdirectories for a directory.
        mtime: Time of the snapshot's commit in seconds since the epoch.
    """

    mode: int
    file_type: FileType
    size: int
    hash: str
    nlink: int
    mtime: float


class PathInfo(NamedTuple):
    """One line of a listing.

    Args:
        path: The path from the root.
        mode: Git's mode, such as ``0o100644``.
        hash: Object id as 40 hexadecimal characters.
        size: Bytes of the content (of the target for a link); ``None``: a directory, a submodule,
            or not looked up.
        target: What a link holds; ``None``: no link, or not looked up.
    """

    path: str
    mode: int
    hash: str
    size: int | None = None
    target: str | None = None

    @property
    def kind(self) -> str:
        """The value of its :class:`FileType`, or ``"commit"`` for a submodule."""
        return _KIND_OF_MODE.get(self.mode) or FileType.from_filemode(self.mode).value


class Listing(NamedTuple):
    """What is in a directory.

    Args:
        entries: The entries, in Git's order.
        warnings: What could not be shown, and why.
    """

    entries: list[PathInfo]
    warnings: list[ChangeError]


class StoreStatistics(NamedTuple):
    """How much there is in a store.

    Args:
        loose: Objects that are in no pack, each in a file of its own.
        packed: Objects in packs.
        packs: Number of packs.
        size: Bytes on disk, of everything in the repository; of the contents for a store in
            memory.
    """

    loose: int
    packed: int
    packs: int
    size: int


@dataclass(frozen=True, slots=True)
class WriteEntry:
    r"""What ``apply()`` writes at one path: a file (``data``) or a symbolic link (``target``).

    Args:
        data: Content as bytes, text (stored as UTF-8) or the path of a local file to read.
        mode: File type or Git mode; ``None`` is a plain file, or what the local file is.
        target: Text that a symbolic link holds; it may be empty and may name nothing.

    Raises:
        ValueError: If both or neither of ``data`` and ``target`` are given, if a link is given a
            mode, if the mode is none of a file or link, or if the target contains NUL.
        TypeError: If ``data`` or ``target`` is of another type.

    Example:
        >>> WriteEntry(b"#!/bin/sh\n", mode=FileType.EXECUTABLE).data
        b'#!/bin/sh\n'
    """

    data: bytes | bytearray | memoryview | str | os.PathLike[str] | None = None
    mode: FileType | int | None = None
    target: str | None = None

    def __post_init__(self) -> None:
        if self.data is not None and self.target is not None:
            raise ValueError("Cannot specify both data and target")
        if self.data is None and self.target is None:
            raise ValueError("Must specify either data or target")
        if self.target is None:
            self._check_data()
        else:
            self._check_target(self.target)

    def _check_data(self) -> None:
        if not isinstance(self.data, (bytes, bytearray, memoryview, str, os.PathLike)):
            raise TypeError(
                f"data must be bytes, str or os.PathLike, not {type(self.data).__name__}"
            )
        resolve_mode(self.mode)

    def _check_target(self, target: str) -> None:
        if self.mode is not None:
            raise ValueError("Cannot specify mode for symlinks")
        if not isinstance(target, str):
            raise TypeError(f"target must be str, not {type(target).__name__}")
        if "\0" in target:
            raise ValueError(f"a link target must not contain NUL: {target!r}")


@dataclass
class Signature:
    """Who writes: the name and the e-mail address of author and committer.

    ``str()`` gives the form that commits and reflogs use, ``name <email>``.

    Args:
        name: Any text without ``<``, ``>``, line breaks and NUL; it may be empty.
        email: The same.

    Raises:
        ValueError: If a value, also one assigned later, would make commits that Git calls corrupt.
        TypeError: If a value is not ``str``.

    Example:
        >>> str(Signature("Ada", "ada@example.org"))
        'Ada <ada@example.org>'
    """

    name: str
    email: str

    def __setattr__(self, attribute: str, value: object) -> None:
        # Checked here and not once at the start: the object is mutable by contract.
        _check_identity(attribute, value)
        super().__setattr__(attribute, value)

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


def _check_identity(attribute: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{attribute} must be str, not {type(value).__name__}")
    for character in "<>\n\0":
        if character in value:
            raise ValueError(f"{attribute} must not contain {character!r}: {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{attribute} cannot be encoded as UTF-8: {value!r}") from None


@dataclass(frozen=True, slots=True)
class ReflogEntry:
    """One movement of a branch, as its reflog has it.

    Args:
        old_sha: Id before, 40 hexadecimal characters; 40 zeros when there was nothing.
        new_sha: Id after; 40 zeros when the branch was removed.
        committer: Who moved it, ``name <email>``.
        timestamp: When, in whole seconds since the epoch.
        message: Why, in one line; empty when whoever moved it gave no reason.
    """

    old_sha: str
    new_sha: str
    committer: str
    timestamp: int
    message: str
