"""Finding things in a snapshot by path.

Every function takes a ``Reader`` and the id of a root tree, and touches only the trees on the
path. Submodules (gitlinks) and entries of unknown kind read as absent: vost has no content for
them; commits preserve them. Whoever moves, removes or shows entries asks for submodules too.
"""

from __future__ import annotations

import stat as stat_module
from binascii import hexlify
from typing import TYPE_CHECKING, NoReturn

from vost._engine.trees import Entry, mode_of
from vost._model.errors import (
    CorruptObjectError,
    MissingObjectError,
    ObjectNotFoundError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
)
from vost._model.objects import ObjectType, Oid, oid_to_hex
from vost._model.paths import decode_name, decode_names, encode_path
from vost._model.types import (
    MODE_BLOB,
    MODE_EXECUTABLE,
    MODE_GITLINK,
    MODE_LINK,
    MODE_TREE,
    FileType,
    StatResult,
    WalkEntry,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vost._engine.repository import Reader, Repository
    from vost._storage.protocols import ObjectStream

DAMAGE = (ObjectNotFoundError, CorruptObjectError)
_ELSEWHERE = frozenset((b".", b".."))
_PLAIN_MODES = frozenset((MODE_BLOB, MODE_EXECUTABLE, MODE_LINK, MODE_TREE))


def canonical_mode(mode: int) -> int | None:
    """Return the mode that a foreign entry counts as; ``None`` for what vost cannot show.

    Old Git versions stored modes such as ``0o100664``: they are plain or executable files.
    """
    if mode in _PLAIN_MODES:
        return mode
    if stat_module.S_ISREG(mode):
        return MODE_EXECUTABLE if mode & 0o100 else MODE_BLOB
    if stat_module.S_ISDIR(mode):
        return MODE_TREE
    return None


def is_forged(name: bytes) -> bool:
    """Tell whether a name of a tree would lead elsewhere if it were taken for a path."""
    return b"/" in name or name in _ELSEWHERE


class _ShownModes(dict[bytes, "int | None"]):
    """What modes count as, by their text in a tree; odd ones are looked into when met."""

    def __missing__(self, text: bytes) -> int | None:
        return canonical_mode(mode_of(text))


_SHOWN_MODES = _ShownModes({b"%o" % mode: mode for mode in _PLAIN_MODES})
_MOVABLE_MODES = _ShownModes({**_SHOWN_MODES, b"160000": MODE_GITLINK})


def find(reader: Reader, root: Oid, path: str) -> Entry | None:
    """Return the entry at ``path`` (``""``: the root), or ``None`` if nothing is there.

    What lies below a file, and what vost has no content for, is not there.
    """
    if not path:
        return Entry(MODE_TREE, root)
    oid = root
    *parents, name = encode_path(path).split(b"/")
    try:
        for parent in parents:
            entry = reader.tree(oid).find(parent)
            if entry is None or entry.mode != MODE_TREE:
                return None
            oid = entry.oid
        entry = reader.tree(oid).find(name)
    except DAMAGE as error:
        _raise_at(path, error)
    if entry is None or entry.mode in _PLAIN_MODES:
        return entry
    mode = canonical_mode(entry.mode)
    return None if mode is None else Entry(mode, entry.oid)


def find_entry(reader: Reader, root: Oid, path: str) -> Entry | None:
    """Return the entry at ``path`` as ``find`` does, and a submodule too."""
    entry = find(reader, root, path)
    if entry is not None or not path:
        return entry
    directory, _, name = path.rpartition("/")
    above = find(reader, root, directory)
    if above is None or above.mode != MODE_TREE:
        return None
    entry = reader.tree(above.oid).find(encode_path(name))
    return entry if entry is not None and entry.mode == MODE_GITLINK else None


def require(reader: Reader, root: Oid, path: str) -> Entry:
    """Return the entry at ``path``.

    Raises:
        PathNotFoundError: If nothing is there, or a parent of it is a file.
    """
    entry = find(reader, root, path)
    if entry is None:
        raise PathNotFoundError(f"No such file or directory in the snapshot: {path!r}")
    return entry


def require_file(reader: Reader, root: Oid, path: str) -> Entry:
    """Return the entry of the file or link at ``path``.

    Raises:
        PathNotFoundError: If nothing is there.
        PathNotDirectoryError: If a parent of the path is a file.
        PathIsDirectoryError: If it is a directory.
    """
    entry = find(reader, root, path)
    if entry is None:
        _raise_absent(reader, root, path)
    if entry.mode == MODE_TREE:
        raise PathIsDirectoryError(f"Is a directory: {path!r} (a file was expected)")
    return entry


def require_directory(reader: Reader, root: Oid, path: str) -> Entry:
    """Return the entry of the directory at ``path``.

    Raises:
        PathNotFoundError: If nothing is there.
        PathNotDirectoryError: If it is a file, or a parent of it is.
    """
    entry = find(reader, root, path)
    if entry is None:
        _raise_absent(reader, root, path)
    if entry.mode != MODE_TREE:
        raise PathNotDirectoryError(f"Not a directory: {path!r} (a directory was expected)")
    return entry


def require_free(reader: Reader, root: Oid, path: str) -> None:
    """Check that a file at ``path`` would take the place of nothing but a file.

    Raises:
        PathNotDirectoryError: If a parent of the path is no directory.
        PathIsDirectoryError: If it is a directory.
    """
    oid = root
    *parents, name = encode_path(path).split(b"/")
    try:
        for depth, parent in enumerate(parents, start=1):
            entry = reader.tree(oid).find(parent)
            if entry is None:
                return
            if entry.mode != MODE_TREE:
                blocking = "/".join(path.split("/")[:depth])
                raise PathNotDirectoryError(f"Not a directory: {blocking}")
            oid = entry.oid
        entry = reader.tree(oid).find(name)
    except DAMAGE as error:
        _raise_at(path, error)
    if entry is not None and entry.mode == MODE_TREE:
        raise PathIsDirectoryError(f"Is a directory: {path}")


def _raise_absent(reader: Reader, root: Oid, path: str) -> NoReturn:
    parts = path.split("/")
    for length in range(1, len(parts)):
        parent = "/".join(parts[:length])
        entry = find(reader, root, parent)
        if entry is not None and entry.mode != MODE_TREE:
            raise PathNotDirectoryError(f"Not a directory: {parent!r} (on the way to {path!r})")
    raise PathNotFoundError(f"No such file or directory in the snapshot: {path!r}")


def entries(reader: Reader, oid: Oid, path: str) -> list[tuple[bytes, Entry]]:
    """Return the entries of the directory ``oid``, which is at ``path``."""
    try:
        return reader.tree(oid).entries()
    except DAMAGE as error:
        _raise_at(path, error)


def exists(reader: Reader, root: Oid, path: str) -> bool:
    """Tell whether a file, link or directory is at ``path``."""
    return find(reader, root, path) is not None


def is_dir(reader: Reader, root: Oid, path: str) -> bool:
    """Tell whether a directory is at ``path``."""
    entry = find(reader, root, path)
    return entry is not None and entry.mode == MODE_TREE


def file_type(reader: Reader, root: Oid, path: str) -> FileType:
    """Return what is at ``path``."""
    return FileType.from_filemode(require(reader, root, path).mode)


def object_hash(reader: Reader, root: Oid, path: str) -> str:
    """Return the id of the blob or tree at ``path``, in hexadecimal."""
    return oid_to_hex(require(reader, root, path).oid)


def size(reader: Reader, root: Oid, path: str) -> int:
    """Return the size in bytes of the file at ``path``, or of a directory's tree object."""
    entry = require(reader, root, path)
    if entry.mode != MODE_TREE:
        return _content_size(reader, entry, path)
    try:
        return len(reader.tree(entry.oid).data)
    except DAMAGE as error:
        _raise_at(path, error)


def stat(reader: Reader, root: Oid, path: str, mtime: float) -> StatResult:
    """Return everything that is known of ``path``; directories have size 0."""
    entry = require(reader, root, path)
    if entry.mode == MODE_TREE:
        try:
            length, links = 0, 2 + reader.tree(entry.oid).count_trees()
        except DAMAGE as error:
            _raise_at(path, error)
    else:
        length, links = _content_size(reader, entry, path), 1
    return StatResult(
        mode=entry.mode,
        file_type=FileType.from_filemode(entry.mode),
        size=length,
        hash=oid_to_hex(entry.oid),
        nlink=links,
        mtime=mtime,
    )


def listdir(reader: Reader, root: Oid, path: str) -> list[WalkEntry]:
    """Return the entries of the directory at ``path``, in tree order."""
    found = _children(reader, require_directory(reader, root, path).oid, path)
    return [WalkEntry(name, hexlify(oid), mode) for name, mode, oid in found]


def ls(reader: Reader, root: Oid, path: str) -> list[str]:
    """Return the names in the directory at ``path``, in tree order."""
    oid = require_directory(reader, root, path).oid
    try:
        names = reader.tree(oid).plain_names()
    except DAMAGE as error:
        _raise_at(path, error)
    if names is not None:
        return decode_names(names)
    return [name for name, _, _ in _children(reader, oid, path)]


def ls_recursive(reader: Reader, root: Oid, path: str) -> list[str]:
    """Return the full paths of all files and links below the directory at ``path``."""
    directory = require_directory(reader, root, path)
    return [found for found, _ in walk_files(reader, directory.oid, path)]


def walk(reader: Reader, root: Oid, path: str) -> Iterator[tuple[str, list[str], list[WalkEntry]]]:
    """Yield ``(directory, names of subdirectories, files)``, top-down, in tree order.

    Raises:
        PathNotFoundError: On the first step, if nothing is at ``path``.
        PathNotDirectoryError: On the first step, if ``path`` is a file.
    """
    pending = [(path, require_directory(reader, root, path).oid)]
    while pending:
        directory, oid = pending.pop()
        names: list[str] = []
        files: list[WalkEntry] = []
        below: list[tuple[str, Oid]] = []
        for name, mode, child in _children(reader, oid, directory):
            if mode == MODE_TREE:
                names.append(name)
                below.append((f"{directory}/{name}" if directory else name, child))
            else:
                files.append(WalkEntry(name, hexlify(child), mode))
        yield directory, names, files
        pending.extend(reversed(below))


def walk_files(
    reader: Reader, oid: Oid, path: str, *, submodules: bool = False
) -> Iterator[tuple[str, Entry]]:
    """Yield path and entry of every file and link below the tree ``oid``, depth first.

    Args:
        reader: Finds trees.
        oid: The tree.
        path: Where it is.
        submodules: Yield submodules too.
    """
    modes = _MOVABLE_MODES if submodules else _SHOWN_MODES
    pending = [(path, oid)]
    while pending:
        directory, tree_oid = pending.pop()
        prefix = f"{directory}/" if directory else ""
        below: list[tuple[str, Oid]] = []
        for name, mode, child in _children(reader, tree_oid, directory, modes):
            if mode == MODE_TREE:
                below.append((prefix + name, child))
            else:
                yield prefix + name, Entry(mode, child)
        pending.extend(reversed(below))


def _children(
    reader: Reader, oid: Oid, path: str, modes: _ShownModes = _SHOWN_MODES
) -> list[tuple[str, int, Oid]]:
    """Return name, mode and id of what is in a directory, but for what vost cannot show."""
    try:
        rows = reader.tree(oid).rows()
    except DAMAGE as error:
        _raise_at(path, error)
    names = decode_names([name for _, name, _ in rows])
    return [
        (name, mode, child)
        for name, (text, _, child) in zip(names, rows)  # noqa: B905 - same length
        if (mode := modes[text]) is not None
    ]


def read(repository: Repository, root: Oid, path: str, offset: int, length: int | None) -> bytes:
    """Return the content of the file at ``path``, or at most ``length`` bytes from ``offset``."""
    entry = require_file(repository, root, path)
    try:
        if offset or length is not None:
            return repository.objects.get_range(entry.oid, offset, length)
        object_type, data = repository.objects.get(entry.oid)
    except DAMAGE as error:
        _raise_at(path, error)
    return data if object_type is ObjectType.BLOB else _raise_no_blob(path, entry.oid, object_type)


def read_many(repository: Repository, root: Oid, paths: list[str]) -> list[bytes]:
    """Return the contents of many files, in the order of ``paths``."""
    oids = [require_file(repository, root, path).oid for path in paths]
    try:
        contents = repository.objects.get_many(oids)
    except DAMAGE:
        # Which one it is: the long way tells, in the order of the paths.
        return [read(repository, root, path, 0, None) for path in paths]
    return [
        data if object_type is ObjectType.BLOB else _raise_no_blob(path, oid, object_type)
        for path, oid, (object_type, data) in zip(paths, oids, contents)  # noqa: B905 - same length
    ]


def _raise_no_blob(path: str, oid: Oid, object_type: ObjectType) -> NoReturn:
    raise CorruptObjectError(
        f"{path!r}: object {oid_to_hex(oid)} is a {object_type.name.lower()}, not a blob"
    )


def open_blob(repository: Repository, root: Oid, path: str) -> tuple[Oid, int]:
    """Return id and size in bytes of the file at ``path``, for a reader of it."""
    entry = require_file(repository, root, path)
    return entry.oid, _content_size(repository, entry, path)


def open_stream(repository: Repository, oid: Oid, offset: int) -> ObjectStream:
    """Open a blob for reading from ``offset`` (bytes)."""
    return repository.objects.open_stream(oid, offset)


def readlink(repository: Repository, root: Oid, path: str) -> str:
    """Return the target of the symbolic link at ``path``.

    Raises:
        PathNotFoundError: If nothing is there.
        ValueError: If it is no symbolic link.
    """
    entry = require(repository, root, path)
    if entry.mode != MODE_LINK:
        raise ValueError(f"Not a symbolic link: {path!r}")
    return decode_name(read(repository, root, path, 0, None))


def read_by_hash(repository: Repository, oid: Oid, offset: int, length: int | None) -> bytes:
    """Return the content of a blob, or a part of it, by id.

    Raises:
        ObjectNotFoundError: If there is no such object.
        ValueError: If it is no blob.
    """
    size_by_hash(repository, oid)
    if offset or length is not None:
        return repository.objects.get_range(oid, offset, length)
    return repository.objects.get(oid)[1]


def size_by_hash(repository: Repository, oid: Oid) -> int:
    """Return the size of a blob in bytes, by id.

    Raises:
        ObjectNotFoundError: If there is no such object.
        ValueError: If it is no blob.
    """
    header = repository.objects.header(oid)
    if header.type is not ObjectType.BLOB:
        raise ValueError(f"Object {oid_to_hex(oid)} is a {header.type.name.lower()}, not a blob")
    return header.size


def stream_by_hash(repository: Repository, oid: Oid, offset: int) -> ObjectStream:
    """Open a blob for reading from ``offset`` (bytes), by id.

    Raises:
        ObjectNotFoundError: If there is no such object.
        ValueError: If it is no blob.
    """
    size_by_hash(repository, oid)
    return open_stream(repository, oid, offset)


def has_blob(repository: Repository, oid: Oid) -> bool:
    """Tell whether a blob of that id exists."""
    try:
        return repository.objects.header(oid).type is ObjectType.BLOB
    except ObjectNotFoundError:
        return False


def _content_size(reader: Reader, entry: Entry, path: str) -> int:
    try:
        return reader.blob_size(entry.oid)
    except DAMAGE as error:
        _raise_at(path, error)


def _raise_at(path: str, error: ObjectNotFoundError | CorruptObjectError) -> NoReturn:
    raise_damaged(repr(path) if path else "the root directory", error)


def raise_damaged(where: str, error: ObjectNotFoundError | CorruptObjectError) -> NoReturn:
    """Raise an error that says where the damage is: people know paths and refs, not object ids.

    Args:
        where: What cannot be read.
        error: What the storage says about the object behind it.

    Raises:
        MissingObjectError: If the object is missing.
        CorruptObjectError: If it is damaged.
    """
    if isinstance(error, ObjectNotFoundError):
        raise MissingObjectError(
            f"{where} is damaged: {error} (git fsck lists what else is)"
        ) from error
    raise CorruptObjectError(f"{where} is damaged: {error}") from error
