"""Storage that fails on purpose, at the n-th call: does the layer above keep its promises?"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable, Iterator, Sequence

    from vost._model.objects import ObjectHeader, ObjectType, Oid
    from vost._model.types import ReflogEntry
    from vost._storage.protocols import Objects, ObjectStream, ObjectWriter, Refs, RefUpdate


class Faults:
    """Decides which storage call fails.

    Args:
        error: What the failing call raises.
        at: The number of the call that fails, counted from 1; 0: none fails.
    """

    def __init__(self, error: BaseException, at: int = 0) -> None:
        self.error = error
        self.at = at
        self.calls = 0

    def step(self) -> None:
        """Count one call, and raise the error if its turn has come."""
        self.calls += 1
        if self.calls == self.at:
            raise self.error


class FaultyObjects:
    """Object storage of which one call fails.

    Args:
        objects: The storage that does the work.
        faults: Which call fails.
    """

    def __init__(self, objects: Objects, faults: Faults) -> None:
        self._objects = objects
        self._faults = faults

    def header(self, oid: Oid) -> ObjectHeader:
        """Return type and size, or fail."""
        self._faults.step()
        return self._objects.header(oid)

    def get(self, oid: Oid) -> tuple[ObjectType, bytes]:
        """Return type and content, or fail."""
        self._faults.step()
        return self._objects.get(oid)

    def get_many(self, oids: Sequence[Oid]) -> list[tuple[ObjectType, bytes]]:
        """Return type and content of many objects, or fail."""
        self._faults.step()
        return self._objects.get_many(oids)

    def get_small(self, oids: Iterable[Oid]) -> dict[Oid, tuple[ObjectType, bytes]]:
        """Return type and content of what is quick to read, or fail."""
        self._faults.step()
        return self._objects.get_small(oids)

    def get_range(self, oid: Oid, offset: int, size: int | None) -> bytes:
        """Return a part of the content, or fail."""
        self._faults.step()
        return self._objects.get_range(oid, offset, size)

    def open_stream(self, oid: Oid, offset: int = 0) -> ObjectStream:
        """Open an object, or fail."""
        self._faults.step()
        return self._objects.open_stream(oid, offset)

    def has_many(self, oids: Iterable[Oid]) -> set[Oid]:
        """Return which of the ids exist, or fail."""
        self._faults.step()
        return self._objects.has_many(oids)

    def iter_prefix(self, hex_prefix: str) -> Iterator[Oid]:
        """Yield the ids with this beginning, or fail."""
        self._faults.step()
        return self._objects.iter_prefix(hex_prefix)

    def writer(self) -> ObjectWriter:
        """Begin a unit of new objects each call of which may fail."""
        self._faults.step()
        return FaultyWriter(self._objects.writer(), self._faults)

    def close(self) -> None:
        """Release cached handles."""
        self._objects.close()


class FaultyWriter:
    """A unit of new objects of which one call fails; dropping it never does.

    Args:
        writer: The unit that does the work.
        faults: Which call fails.
    """

    def __init__(self, writer: ObjectWriter, faults: Faults) -> None:
        self._writer = writer
        self._faults = faults

    def add(self, object_type: ObjectType, data: bytes) -> Oid:
        """Take an object in, or fail."""
        self._faults.step()
        return self._writer.add(object_type, data)

    def add_stream(self, object_type: ObjectType, size: int, chunks: Iterable[bytes]) -> Oid:
        """Take an object in piece by piece, or fail."""
        self._faults.step()
        return self._writer.add_stream(object_type, size, chunks)

    def __contains__(self, oid: object) -> bool:
        return oid in self._writer

    def rely_on(self, oid: Oid) -> bool:
        """Take an existing object for granted, or fail."""
        self._faults.step()
        return self._writer.rely_on(oid)

    def flush(self) -> None:
        """Make everything readable, or fail before anything is."""
        self._faults.step()
        self._writer.flush()

    def release(self) -> None:
        """Say that a ref names the objects now."""
        self._writer.release()

    def discard(self) -> None:
        """Drop everything."""
        self._writer.discard()


class FaultyRefs:
    """Ref storage of which one call fails.

    Args:
        refs: The storage that does the work.
        faults: Which call fails.
    """

    def __init__(self, refs: Refs, faults: Faults) -> None:
        self._refs = refs
        self._faults = faults

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Take the writers' lock, or fail."""
        self._faults.step()
        with self._refs.locked():
            yield

    def get(self, name: str) -> Oid | None:
        """Return what a ref points at, or fail."""
        self._faults.step()
        return self._refs.get(name)

    def list(self, prefix: str) -> dict[str, Oid]:
        """Return the refs with this beginning, or fail."""
        self._faults.step()
        return self._refs.list(prefix)

    def compare_and_set(self, updates: Sequence[RefUpdate], *, identity: str, time: int) -> None:
        """Carry out all updates, or fail before any."""
        self._faults.step()
        self._refs.compare_and_set(updates, identity=identity, time=time)

    def get_symbolic(self, name: str) -> str | None:
        """Return the target of a symbolic ref, or fail."""
        self._faults.step()
        return self._refs.get_symbolic(name)

    def set_symbolic(self, name: str, target: str) -> None:
        """Set a symbolic ref, or fail before."""
        self._faults.step()
        self._refs.set_symbolic(name, target)

    def reflog(self, name: str) -> builtins.list[ReflogEntry] | None:
        """Return the log of a ref, or fail."""
        self._faults.step()
        return self._refs.reflog(name)

    def close(self) -> None:
        """Release cached handles."""
        self._refs.close()
