"""The two storage protocols. Everything above them knows nothing of disks.

Both are blocking on purpose: coroutines live only above the seam (``vost/_offload.py``), which
runs a whole operation in one hop. An implementation must be safe to share between threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from vost._model.objects import ObjectHeader, ObjectType, Oid
    from vost._model.types import ReflogEntry

    from .packscan import PackEntry, PackInfo
    from .packwrite import PackWriter


class ObjectStream(Protocol):
    """The content of one object, read from front to back in bounded memory."""

    @property
    def type(self) -> ObjectType:
        """What the object is."""

    @property
    def size(self) -> int:
        """Bytes of the whole object, from its header."""

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``; ``b""`` at the end.

        A stream that was opened at offset 0 and is read to the end verifies the object's id.

        Raises:
            CorruptObjectError: If the stored data is damaged.
        """

    def close(self) -> None:
        """Release what the stream holds. Idempotent."""

    def __enter__(self) -> ObjectStream: ...

    def __exit__(
        self,
        exc_type: builtins.type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class ObjectWriter(Protocol):
    """The new objects of one commit: one durable unit.

    Life: ``add`` any number of objects, ``flush`` once, move the ref, ``release``; or
    ``discard`` at any moment. One writer belongs to one thread at a time.
    """

    def add(self, object_type: ObjectType, data: bytes) -> Oid:
        """Take an object in and return its id. What exists already is not stored again."""

    def add_stream(self, object_type: ObjectType, size: int, chunks: Iterable[bytes]) -> Oid:
        """Take in an object of ``size`` bytes piece by piece, in bounded memory.

        Raises:
            ValueError: If the chunks do not add up to ``size`` bytes.
        """

    def __contains__(self, oid: object) -> bool:
        """Tell whether this writer has taken in that id."""

    def rely_on(self, oid: Oid) -> bool:
        """Take an object that exists for granted, so that it is not stored but kept from pruning.

        Returns:
            ``False`` if it does not exist, or might be taken back: then it must be added.
        """

    def flush(self) -> None:
        """Make everything readable, and durable before any ref can name it."""

    def release(self) -> None:
        """Say that the ref now names the objects: they need no protection any more."""

    def discard(self) -> None:
        """Drop everything that nobody else can have come to rely on. Idempotent."""


class Objects(Protocol):
    """Content-addressed objects: anyone may add the same one twice, none ever changes."""

    def header(self, oid: Oid) -> ObjectHeader:
        """Return type and size without reading the content.

        Raises:
            ObjectNotFoundError: If there is no such object.
            CorruptObjectError: If its header is damaged.
        """

    def get(self, oid: Oid) -> tuple[ObjectType, bytes]:
        """Return type and content; the content is verified against the id.

        Raises:
            ObjectNotFoundError: If there is no such object.
            CorruptObjectError: If it is damaged.
        """

    def get_many(self, oids: Sequence[Oid]) -> list[tuple[ObjectType, bytes]]:
        """Return type and content of many objects, in the order of ``oids``, as ``get`` does.

        Raises:
            ObjectNotFoundError: If one of them does not exist.
            CorruptObjectError: If one is damaged.
        """

    def get_small(self, oids: Iterable[Oid]) -> dict[Oid, tuple[ObjectType, bytes]]:
        """Return type and content, verified, of those of ``oids`` that are quick to read.

        Whatever is large, hard to get at, damaged or missing is left out: ``header`` and ``get``
        tell. What is returned takes some 64 KiB of memory per object at most.
        """

    def get_range(self, oid: Oid, offset: int, size: int | None) -> bytes:
        """Return at most ``size`` bytes (``None``: all) from ``offset``, inflating no more.

        Raises:
            ObjectNotFoundError: If there is no such object.
            CorruptObjectError: If it is damaged.
        """

    def open_stream(self, oid: Oid, offset: int = 0) -> ObjectStream:
        """Open an object for reading from ``offset`` (bytes) in bounded memory.

        Raises:
            ObjectNotFoundError: If there is no such object.
            CorruptObjectError: If its header is damaged.
        """

    def has_many(self, oids: Iterable[Oid]) -> set[Oid]:
        """Return those of ``oids`` that exist."""

    def iter_prefix(self, hex_prefix: str) -> Iterator[Oid]:
        """Yield the ids (once each) that start with these lowercase hexadecimal characters."""

    def writer(self) -> ObjectWriter:
        """Begin one durable unit of new objects."""

    def close(self) -> None:
        """Release cached handles. Idempotent; the object stays usable."""


class CommitLink(NamedTuple):
    """How a commit hangs together with others: its root tree and its first parent, if any."""

    tree: Oid
    parent: Oid | None


class CommitNode(NamedTuple):
    """How a commit hangs together with others: root tree, parents, and when it was made.

    The time is the committer's, in seconds since the epoch.
    """

    tree: Oid
    parents: tuple[Oid, ...]
    seconds: int


@runtime_checkable
class LinkedCommits(Protocol):
    """Object storage that knows of many commits how they hang together, without reading them."""

    def commit_link(self, oid: Oid) -> CommitLink | None:
        """Return tree and first parent of a commit; ``None``: read the commit instead."""

    def commit_node(self, oid: Oid) -> CommitNode | None:
        """Return tree, parents and time of a commit; ``None``: read the commit instead."""


@runtime_checkable
class PackedObjects(Objects, Protocol):
    """Object storage that keeps single objects and packs, which maintenance can rearrange."""

    def iter_loose(self) -> Iterator[Oid]:
        """Yield the ids of the objects that are not in a pack."""

    def loose_modified(self, oid: Oid) -> float | None:
        """Return when a loose object was last written or found useful, in epoch seconds."""

    def remove_loose(self, oid: Oid) -> None:
        """Delete a loose object. It must be in a pack that is not in flight."""

    def packs(self) -> list[PackInfo]:
        """Return all packs, after a fresh look."""

    def iter_pack_entries(self, path: str) -> Iterator[PackEntry]:
        """Yield the raw entries of a pack.

        Raises:
            FileNotFoundError: If there is no such pack (any more).
            CorruptObjectError: If the pack is malformed.
        """

    def pack_writer(self) -> PackWriter:
        """Begin a new pack, whatever the number of objects."""

    def copy_pack_entry(self, writer: PackWriter, entry: PackEntry) -> None:
        """Copy a raw entry into a new pack, unless the object is in it already."""

    def remove_pack(self, path: str) -> None:
        """Delete a pack. Its objects must be somewhere else."""

    def remove_leftovers(self, *, min_age: float) -> list[str]:
        """Remove what dead writers left behind, where nothing tells only what is old."""


class RefUpdate(NamedTuple):
    """One step of a ref transaction.

    ``name`` is the full ref name. ``old`` is the id that the ref must have now (``None``: it must
    not exist). ``new`` is the id that it gets (``None``: it is deleted). ``message`` is the text of
    the reflog line (``None``: no line). The line of a deletion goes into the log of ``HEAD``.
    """

    name: str
    old: Oid | None
    new: Oid | None
    message: str | None = None


class RefMismatchError(Exception):
    """A ref did not have the expected value; nothing was changed."""

    def __init__(self, name: str, expected: Oid | None, actual: Oid | None) -> None:
        super().__init__(name, expected, actual)
        self.name = name
        self.expected = expected
        self.actual = actual


class Refs(Protocol):
    """Names for objects, moved by compare-and-set only."""

    def locked(self) -> AbstractContextManager[None]:
        """Make one non-blocking attempt at the writers' lock.

        Raises:
            Busy: On entering, if somebody else has it.
        """

    def get(self, name: str) -> Oid | None:
        """Return what a full ref name points at, through symbolic refs; ``None``: nothing."""

    def list(self, prefix: str) -> dict[str, Oid]:
        """Return all refs whose full name starts with ``prefix``, by full name, sorted."""

    def compare_and_set(self, updates: Sequence[RefUpdate], *, identity: str, time: int) -> None:
        """Carry out all updates or none. Call it with the lock held.

        Args:
            updates: What to change. Deleting a ref removes its reflog; the line that tells of
                it, if there is one, keeps the id from being pruned.
            identity: ``name <email>`` for the reflog.
            time: Seconds since the epoch for the reflog.

        Raises:
            RefMismatchError: If a ref does not have its expected value.
            Busy: If another Git program holds a lock that an update needs.
            InvalidRefNameError: If a name clashes with an existing one (``a`` and ``a/b``).
        """

    def get_symbolic(self, name: str) -> str | None:
        """Return the ref that a symbolic ref such as ``HEAD`` names; ``None`` if it is none."""

    def set_symbolic(self, name: str, target: str) -> None:
        """Make ``name`` a symbolic ref to the full name ``target``. Call it with the lock held."""

    def reflog(self, name: str) -> builtins.list[ReflogEntry] | None:
        """Return the log of a full ref name, oldest first; ``None`` if it has none."""

    def close(self) -> None:
        """Release cached handles. Idempotent; the object stays usable."""


@runtime_checkable
class TellingRefs(Protocol):
    """Ref storage that tells of changes; who waits for a ref of another looks now and then."""

    @property
    def place(self) -> str | None:
        """Directory in which files change when others move refs; ``None``: no others can."""

    def on_change(self, callback: Callable[[], None] | None) -> None:
        """Set what is called after each change that is made through this object.

        Args:
            callback: Does not raise; ``None``: nothing is called any more.
        """


@runtime_checkable
class RememberingRefs(Protocol):
    """Refs that can tell at once, without a worker thread, that one has not moved."""

    def look(self, name: str) -> Oid | None:
        """Return what ``Refs.get`` does, and remember it for ``unmoved``."""

    def unmoved(self, name: str) -> tuple[Oid | None] | None:
        """Return what ``look`` found if it is there still; ``None``: nobody knows without reading.

        Never waits for a disk.
        """
