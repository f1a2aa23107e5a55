"""The objects of a repository on disk."""

from __future__ import annotations

import os
import stat
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from vost._model.errors import CorruptObjectError, NotARepositoryError, ObjectNotFoundError

from .commitgraph import CommitGraph, read_graph
from .damage import DamagedDataError, describe_damage
from .deflate import Deflater
from .deltas import DeltaBaseCache
from .handles import HandleLimit
from .leftovers import remove_leftovers
from .loose import LooseObjects
from .objectdirectory import Alternates, ObjectDirectory, Search, find_alternates
from .packmany import read_small
from .packread import Pack, PackGoneError
from .packscan import PackEntry, PackInfo, copy_entry, describe, iter_entries, remove_pack
from .packwrite import PackWriter
from .streams import range_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from vost._model.objects import ObjectHeader, ObjectType, Oid

    from .diskwriter import DiskWriter
    from .protocols import CommitLink, CommitNode, ObjectStream

_T = TypeVar("_T")

_MAX_OPEN_PACKS = 64
_DELTA_CACHE_SIZE = 32 << 20
_MANY = 8
_HEX_DIGITS = frozenset("0123456789abcdef")
_ABSENT = (FileNotFoundError, NotADirectoryError)
_TRY_ELSEWHERE = (*_ABSENT, PackGoneError, DamagedDataError, CorruptObjectError)

_live: weakref.WeakSet[DiskObjects] = weakref.WeakSet()


class DiskObjects:
    """Loose objects, packs and alternates of a repository (see ``Objects`` in the protocols).

    Any number of threads may use one of these at once, and a forked child may go on with it.

    Args:
        objects_dir: The ``objects`` directory of the repository.
        compression: ``None`` for the fastest that pays, ``0`` to store new objects
            uncompressed, ``1`` to ``9`` for zlib at that level.
        fsync_loose: Make loose objects durable too; may be changed later.
        follow_alternates: Follow alternates outside the repository as well.

    Raises:
        NotARepositoryError: If ``objects_dir`` is a symbolic link or no directory.
        ValueError: If ``compression`` is out of range.
    """

    def __init__(
        self,
        objects_dir: Path,
        *,
        compression: int | None = None,
        fsync_loose: bool = False,
        follow_alternates: bool = False,
    ) -> None:
        path = os.fspath(objects_dir)
        _check_directory(path)
        self.fsync_loose = fsync_loose
        self._path = path
        self._follow_outside = follow_alternates
        self._deflater = Deflater(compression)
        self._bases = DeltaBaseCache(_DELTA_CACHE_SIZE)
        self._handles = HandleLimit(_MAX_OPEN_PACKS)
        self._primary = ObjectDirectory(path, self._bases, self._handles)
        self._packs = self._primary.packs
        self._loose = self._primary.loose
        self._graph: CommitGraph | None = None
        self._graph_read = False
        self._alternates: Alternates | None = None
        self._directories: tuple[ObjectDirectory, ...] = ()
        _live.add(self)

    # -- reading ------------------------------------------------------------------------

    def header(self, oid: Oid) -> ObjectHeader:
        """Return type and size without reading the content.

        Raises:
            ObjectNotFoundError: If there is no such object.
            CorruptObjectError: If its header is damaged.
        """
        return self._look_up(oid, Pack.header, LooseObjects.header)

    def get(self, oid: Oid) -> tuple[ObjectType, bytes]:
        """Return type and content; the content is verified against the id.

        Raises:
            ObjectNotFoundError: If there is no such object.
            CorruptObjectError: If it is damaged.
        """
        packs = self._packs.ordered
        if packs:
            # Mostly it is in the pack that the last one was in: the rest of _look_up() is not
            # worth its time then.
            try:
                at = packs[0].find(oid)
                if at is not None:
                    return packs[0].get(oid, at)
            except _TRY_ELSEWHERE:
                pass
        return self._look_up(oid, Pack.get, LooseObjects.get)

    def get_many(self, oids: Sequence[Oid]) -> list[tuple[ObjectType, bytes]]:
        """Return type and content of many objects, in the order of ``oids``, as ``get`` does.

        Raises:
            ObjectNotFoundError: If one of them does not exist.
            CorruptObjectError: If one is damaged.
        """
        found = self.get_small(oids) if len(oids) >= _MANY else {}
        return [found.get(oid) or self.get(oid) for oid in oids]

    def get_small(self, oids: Iterable[Oid]) -> dict[Oid, tuple[ObjectType, bytes]]:
        """Return type and content, verified, of those of ``oids`` that packs hold ready."""
        found: dict[Oid, tuple[ObjectType, bytes]] = {}
        missing = set(oids)
        for pack in self._packs.load():
            with suppress(PackGoneError, DamagedDataError):
                found.update(read_small(pack, missing))
                missing.difference_update(found)
            if not missing:
                break
        return found

    def get_range(self, oid: Oid, offset: int, size: int | None) -> bytes:
        """Return at most ``size`` bytes (``None``: all) from ``offset``, inflating no more.

        Raises:
            ObjectNotFoundError: If there is no such object.
            CorruptObjectError: If it is damaged.
            ValueError: If ``offset`` or ``size`` is negative.
        """
        range_size(offset, size, 0)
        return self._look_up(oid, Pack.get_range, LooseObjects.get_range, offset, size)

    def open_stream(self, oid: Oid, offset: int = 0) -> ObjectStream:
        """Open an object for reading from ``offset`` (bytes) in bounded memory.

        Raises:
            ObjectNotFoundError: If there is no such object.
            CorruptObjectError: If its header is damaged.
            ValueError: If ``offset`` is negative.
        """
        range_size(offset, None, 0)
        return self._look_up(oid, Pack.open_stream, LooseObjects.open_stream, offset)

    def commit_link(self, oid: Oid) -> CommitLink | None:
        """Return tree and first parent of a commit, if Git's commit-graph has it."""
        graph = self._graph if self._graph_read else self._read_graph()
        return None if graph is None else graph.find(oid)

    def commit_node(self, oid: Oid) -> CommitNode | None:
        """Return tree, parents and time of a commit, if Git's commit-graph has it."""
        graph = self._graph if self._graph_read else self._read_graph()
        return None if graph is None else graph.node(oid)

    def _read_graph(self) -> CommitGraph | None:
        self._graph = read_graph(self._path)
        self._graph_read = True
        return self._graph

    def _look_up(
        self,
        oid: Oid,
        from_pack: Callable[..., _T],
        from_loose: Callable[..., _T],
        *args: object,
    ) -> _T:
        """Try the likely places; whatever goes wrong there, search everywhere."""
        packs = self._packs.ordered
        try:
            for pack in packs:
                at = pack.find(oid)
                if at is not None:
                    if pack is not packs[0]:
                        self._packs.touch(pack)
                    return from_pack(pack, oid, at, *args)
            return from_loose(self._loose, oid, *args)
        except _TRY_ELSEWHERE:
            return self._search(oid, from_pack, from_loose, args)

    def _search(
        self,
        oid: Oid,
        from_pack: Callable[..., _T],
        from_loose: Callable[..., _T],
        args: tuple[object, ...],
    ) -> _T:
        """Search all places, and again as long as it is not certain that all packs were seen.

        A damaged copy is an error only if there is no good one.
        """
        damage: CorruptObjectError | None = None
        search = Search(self._all())
        while True:
            for directory in self._all():
                for pack in directory.packs.ordered:
                    try:
                        at = pack.find(oid)
                        if at is not None:
                            return from_pack(pack, oid, at, *args)
                    except PackGoneError:
                        continue
                    except DamagedDataError as error:
                        damage = CorruptObjectError(describe_damage(oid, pack.stem + ".idx", error))
                    except CorruptObjectError as error:
                        damage = error
                try:
                    return from_loose(directory.loose, oid, *args)
                except _ABSENT:
                    pass
                except CorruptObjectError as error:
                    damage = error
            if not search.again():
                break
        raise damage or self._not_found(oid)

    def _not_found(self, oid: Oid) -> ObjectNotFoundError:
        message = f"there is no object {oid.hex()}"
        if self._alternates is not None and self._alternates.ignored:
            names = ", ".join(self._alternates.ignored)
            message += (
                f"; the repository borrows objects from {names}, which is outside of it and not "
                "followed: open it with follow_alternates=True, or make it independent with "
                "`git repack -a -d` and remove objects/info/alternates"
            )
        return ObjectNotFoundError(oid.hex(), message)

    def _all(self) -> tuple[ObjectDirectory, ...]:
        """Return the directories to look in, the repository's own one first."""
        if not self._directories:
            found = find_alternates(self._path, follow_outside=self._follow_outside)
            others = (ObjectDirectory(path, self._bases, self._handles) for path in found.followed)
            self._alternates = found
            self._directories = (self._primary, *others)
        return self._directories

    # -- existence ----------------------------------------------------------------------

    def has_many(self, oids: Iterable[Oid]) -> set[Oid]:
        """Return those of ``oids`` that exist."""
        found: set[Oid] = set()
        missing = set(oids)
        search = Search(self._all())
        while missing:
            here = {oid for oid in missing if self._has(oid)}
            found |= here
            missing -= here
            if missing and not search.again():
                break
        return found

    def _has(self, oid: Oid) -> bool:
        return any(
            _is_in_packs(directory, oid) or oid in directory.loose for directory in self._all()
        )

    def iter_prefix(self, hex_prefix: str) -> Iterator[Oid]:
        """Yield the ids (once each, in order) that start with these hexadecimal characters.

        Raises:
            ValueError: If ``hex_prefix`` is anything but lowercase hexadecimal characters.
        """
        if not _HEX_DIGITS.issuperset(hex_prefix):
            raise ValueError(f"not lowercase hexadecimal characters: {hex_prefix!r}")
        if len(hex_prefix) > 40:
            return iter(())
        return self._iter_prefix(hex_prefix)

    def _iter_prefix(self, hex_prefix: str) -> Iterator[Oid]:
        low = bytes.fromhex(hex_prefix.ljust(40, "0"))
        high = bytes.fromhex(hex_prefix.ljust(40, "f"))
        directories = self._all()
        for directory in directories:
            directory.packs.rescan(directory.packs.generation)
        fanouts = [directory.loose.fanout() for directory in directories]
        for first in range(low[0], high[0] + 1):
            found: set[Oid] = set()
            start = max(low, bytes([first]).ljust(20, b"\0"))
            end = min(high, bytes([first]).ljust(20, b"\xff"))
            for directory, fanout in zip(directories, fanouts):  # noqa: B905 - same length
                if f"{first:02x}" in fanout:
                    names = directory.loose.iter_fanout(f"{first:02x}")
                    found.update(bytes.fromhex(n) for n in names if n.startswith(hex_prefix))
                for pack in directory.packs.ordered:
                    found.update(_ids_between(pack, start, end))
            yield from sorted(found)

    # -- writing ------------------------------------------------------------------------

    def writer(self) -> DiskWriter:
        """Begin one durable unit of new objects."""
        from .diskwriter import DiskWriter  # late: most programs that read write nothing

        return DiskWriter(self._all(), self._deflater, lambda: self.fsync_loose)

    def close(self) -> None:
        """Release cached handles. Idempotent; the object stays usable."""
        self._handles.close()
        self._bases.clear()
        self._directories = ()
        self._graph, self._graph_read = None, False

    # -- maintenance --------------------------------------------------------------------

    def iter_loose(self) -> Iterator[Oid]:
        """Yield the ids of the loose objects of the repository itself (no alternates)."""
        return iter(self._loose)

    def loose_modified(self, oid: Oid) -> float | None:
        """Return when a loose object was last written or freshened, in epoch seconds."""
        try:
            return os.stat(self._loose.path_of(oid)).st_mtime
        except _ABSENT:
            return None

    def remove_loose(self, oid: Oid) -> None:
        """Delete a loose object if it exists. It must be in a pack that is not in flight."""
        self._loose.remove(oid)

    def packs(self) -> list[PackInfo]:
        """Return the packs of the repository itself (no alternates), after a fresh look.

        Raises:
            CorruptObjectError: If a pack's index is damaged.
        """
        self._packs.rescan(self._packs.generation)
        found = []
        for pack in self._packs.ordered:
            try:
                found.append(describe(pack))
            except (PackGoneError, FileNotFoundError):
                continue
            except DamagedDataError as error:
                raise CorruptObjectError(f"pack index {pack.stem}.idx: {error}") from error
        return found

    def iter_pack_entries(self, path: str) -> Iterator[PackEntry]:
        """Yield the raw entries of a pack in the order in which they are stored.

        Args:
            path: The ``path`` of a ``PackInfo``.

        Raises:
            FileNotFoundError: If there is no such pack (any more).
            CorruptObjectError: If the pack is malformed.
        """
        stem = path.removesuffix(".pack")
        pack = next((pack for pack in self._packs.load() if pack.stem == stem), None)
        if pack is None:
            raise FileNotFoundError(path)
        try:
            yield from iter_entries(pack)
        except PackGoneError as error:
            raise FileNotFoundError(path) from error
        except DamagedDataError as error:
            raise CorruptObjectError(f"pack {path}: {error}") from error

    def pack_writer(self) -> PackWriter:
        """Begin a new pack, whatever the number of objects.

        Fill it with ``add``, ``add_stream`` and ``copy_pack_entry``; ``finish`` publishes it, in
        flight; then ``release`` it. Objects that exist elsewhere are stored all the same.
        """
        return PackWriter(self._packs.directory, self._deflater)

    def copy_pack_entry(self, writer: PackWriter, entry: PackEntry) -> None:
        """Copy a raw entry into a new pack, unless the object is in it already.

        Deltas stay deltas, so copy *all* entries of the packs to merge, pack after pack: that
        brings every base into the new pack.

        Raises:
            CorruptObjectError: If the entry is damaged; the new pack is unharmed.
        """
        copy_entry(writer, entry)

    def remove_pack(self, path: str) -> None:
        """Delete a pack with all that belongs to it. Its objects must be somewhere else."""
        stem = path.removesuffix(".pack")
        remove_pack(stem)
        self._packs.drop(stem)

    def remove_leftovers(self, *, min_age: float) -> list[str]:
        """Remove what dead writers left behind and return the paths of it.

        Args:
            min_age: Seconds that a temporary file must be old where no lock tells whether its
                process is alive.
        """
        return remove_leftovers(self._path, min_age=min_age)

    def _renew_after_fork(self) -> None:
        self._bases.clear()
        self._handles.renew_lock()
        for directory in self._directories or (self._primary,):
            directory.packs.renew_lock()


def _check_directory(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        mode = 0
    if stat.S_ISLNK(mode):
        raise NotARepositoryError(
            f"{path} is a symbolic link: objects of another repository are not followed"
        )
    if not stat.S_ISDIR(mode):
        raise NotARepositoryError(f"{path} is not a directory")


def _is_in_packs(directory: ObjectDirectory, oid: Oid) -> bool:
    for pack in directory.packs.ordered:
        try:
            if pack.find(oid) is not None:
                return True
        except (PackGoneError, DamagedDataError):
            continue
    return False


def _ids_between(pack: Pack, low: Oid, high: Oid) -> list[Oid]:
    try:
        return list(pack.index.iter_between(low, high))
    except (PackGoneError, DamagedDataError):
        return []


def _renew_locks() -> None:
    for objects in list(_live):
        objects._renew_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
