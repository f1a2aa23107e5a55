"""Objects on their way in: stored durably and verified, before any ref names them.

Few objects become loose ones, many one pack, as for a commit (Git's ``unpackLimit``). Nobody relies
on them until ``release``: what fails before is taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._engine.packing import CHUNK, STREAM_FROM, outgoing, read_object, size_of
from vost._engine.reachable import check_connected
from vost._storage.diskwriter import PACK_FROM
from vost._storage.packwrite import PackWriter
from vost._storage.protocols import PackedObjects

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from vost._engine.packing import Outgoing
    from vost._engine.repository import Repository
    from vost._model.objects import Oid
    from vost._storage.packreceive import ReceivedPack
    from vost._storage.protocols import ObjectWriter

    Report = Callable[[str, int, int], None]
    """Told what is done, how many objects are done, and of how many."""


class Intake:
    """New objects of one repository that refs are about to name.

    Args:
        repository: Where they go.
        check: Raises when the caller was cancelled.
    """

    def __init__(self, repository: Repository, check: Callable[[], None]) -> None:
        self._repository = repository
        self._check = check
        self._units: list[ObjectWriter | PackWriter] = []

    def copy(self, source: Repository, wanted: Collection[Oid], report: Report) -> None:
        """Copy objects of another repository, each verified against its id.

        Raises:
            MissingObjectError: If one does not exist there.
            CorruptObjectError: If one is damaged.
            OSError: If they cannot be written.
        """
        objects = self._repository.objects
        if len(wanted) >= PACK_FROM and isinstance(objects, PackedObjects):
            pack = objects.pack_writer()
            self._units.append(pack)
            for done, item in enumerate(outgoing(source.objects, wanted, self._check)):
                report("copying objects", done, len(wanted))
                _copy_to_pack(source, item, objects, pack)
            pack.finish()
        else:
            writer = objects.writer()
            self._units.append(writer)
            for done, oid in enumerate(wanted):
                self._check()
                report("copying objects", done, len(wanted))
                if size_of(source, oid) < STREAM_FROM:
                    writer.add(*read_object(source, oid))
                else:
                    with source.objects.open_stream(oid) as stream:
                        chunks = iter(lambda: stream.read(CHUNK), b"")
                        writer.add_stream(stream.type, stream.size, chunks)
            writer.flush()
        report("copying objects", len(wanted), len(wanted))

    def receive(self, pack: ReceivedPack, report: Report) -> None:
        """Store what came as a pack: every object is verified against its id.

        Raises:
            CorruptObjectError: If the pack is malformed or damaged.
            MissingObjectError: If the base of a delta is neither in it nor in the repository.
            OSError: If the objects cannot be written.
        """
        objects = self._repository.objects
        pack.resolve(objects, self._check, lambda done, total: report("resolving", done, total))
        if not len(pack):
            return
        if len(pack) >= PACK_FROM and isinstance(objects, PackedObjects):
            copy = objects.pack_writer()
            self._units.append(copy)
            for oid in pack.outside_bases:
                copy.add(oid, *objects.get(oid))
            for entry in pack.entries():
                self._check()
                objects.copy_pack_entry(copy, entry)
            copy.finish()
        else:
            writer = objects.writer()
            self._units.append(writer)
            for object_type, size, chunks in pack.contents():
                self._check()
                if size < STREAM_FROM:
                    writer.add(object_type, b"".join(chunks))
                else:
                    writer.add_stream(object_type, size, chunks)
            writer.flush()

    def check_connected(self, wanted: Iterable[Oid], known: Iterable[Oid]) -> None:
        """Check that refs can point at ``wanted``: everything these lead to is there.

        Raises:
            MissingObjectError: If an object is missing.
            CorruptObjectError: If one is damaged, malformed, or of the wrong type.
        """
        # What exists outside of the new unit may be unreachable until now: it is made young.
        existing = self._repository.objects.writer()
        new = [unit.entries if isinstance(unit, PackWriter) else unit for unit in self._units]
        self._units.append(existing)

        def rely_on(oid: Oid) -> bool:
            if any(oid in unit for unit in new) or existing.rely_on(oid):
                return True
            if not self._repository.objects.has_many([oid]):
                return False
            # Where it lies it may go away: in a pack of another writer, or one of git's cruft.
            existing.add(*self._repository.objects.get(oid))
            return True

        check_connected(self._repository, wanted, known, rely_on, self._check)
        existing.flush()

    def release(self) -> None:
        """Say that refs name the objects now."""
        for unit in self._units:
            unit.release()
        self._units.clear()

    def discard(self) -> None:
        """Take back what nobody can have come to rely on. Idempotent."""
        for unit in self._units:
            unit.discard()
        self._units.clear()


def _copy_to_pack(
    source: Repository, item: Outgoing, objects: PackedObjects, pack: PackWriter
) -> None:
    """Copy one object: raw if it lies in a pack, but never without a look at what it holds."""
    oid, entry = item
    if size_of(source, oid) >= STREAM_FROM:
        with source.objects.open_stream(oid) as stream:
            chunks = iter(lambda: stream.read(CHUNK), b"")
            if entry is None:
                pack.add_stream(stream.type, stream.size, chunks, lambda _: False)
                return
            for _ in chunks:
                pass  # reading it to the end verifies it
    else:
        object_type, data = read_object(source, oid)
        if entry is None:
            pack.add(oid, object_type, data)
            return
    objects.copy_pack_entry(pack, entry)
