"""Packing and tidying up: without git, and safe beside readers, writers and git itself.

Nothing is ever dropped here. Objects are copied into a new pack, which is durable and visible
before the old copies go. It stays marked as in flight until old packs are gone: a ``git repack``
that runs beside us could otherwise come to one of them again, name and all, delete the new pack
for it, and then we would delete the last copy.

Loose objects that are young and that no ref or reflog leads to may belong to a writer who is about
to name them: they stay loose, because a ``git repack -a -d`` that runs beside us would drop them
from a pack, but never drops loose objects.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from vost._engine.commits import parse_commit, tag_target
from vost._engine.trees import Tree
from vost._model.errors import GitError, ObjectNotFoundError
from vost._model.objects import ObjectType, Oid, is_hex_oid, oid_from_hex
from vost._model.progress import Progress
from vost._model.types import MODE_GITLINK, StoreStatistics
from vost._storage.protocols import PackedObjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence, Set

    from vost._engine.repository import Repository
    from vost._model.progress import ProgressReport
    from vost._storage.packscan import PackInfo
    from vost._storage.packwrite import PackWriter

_GRACE_SECONDS = 3600.0
_LITTER_SECONDS = 86400.0
_STREAM_THRESHOLD = 1 << 20
_CHUNK = 1 << 18
# Each pack holds at least so many times the objects of the next smaller one (as in
# ``git repack --geometric``), so that there are few of them and each object is seldom copied.
_GEOMETRIC_FACTOR = 2


def pack_loose_objects(
    repository: Repository, report: ProgressReport, check: Callable[[], None]
) -> int:
    """Copy loose objects into one pack, remove the loose copies, return how many there were.

    Raises:
        OSError: If the pack cannot be written; nothing is lost then.
    """
    objects = repository.objects
    if not isinstance(objects, PackedObjects):
        return 0
    times = _packable(repository, objects)
    if not times:
        return 0
    copied: list[Oid] = []
    writer = objects.pack_writer()
    try:
        for done, oid in enumerate(times):
            check()
            report(Progress("packing", done, len(times), writer.offset))
            # What vanished meanwhile or is damaged must not keep the rest from being packed.
            with suppress(ObjectNotFoundError, GitError):
                _copy_loose(objects, writer, oid)
                copied.append(oid)
        if not copied:
            writer.discard()
            return 0
        writer.finish()
    except BaseException:
        writer.discard()
        raise
    writer.release()
    for oid in copied:
        # A writer that has just made it young may be about to name it.
        if objects.loose_modified(oid) == times[oid]:
            objects.remove_loose(oid)
    report(Progress("packing", len(times), len(times), writer.offset), final=True)
    return len(copied)


def collect_garbage(
    repository: Repository, report: ProgressReport, check: Callable[[], None]
) -> int:
    """Remove litter of dead processes, pack loose objects, merge small packs.

    Returns:
        How many loose objects were packed.

    Raises:
        OSError: If a pack cannot be written; nothing is lost then.
    """
    objects = repository.objects
    if not isinstance(objects, PackedObjects):
        return 0
    objects.remove_leftovers(min_age=_LITTER_SECONDS)
    packed = pack_loose_objects(repository, report, check)
    small = _small_packs(objects.packs())
    if len(small) > 1:
        _merge(objects, small, report, check)
    return packed


def statistics(repository: Repository, check: Callable[[], None]) -> StoreStatistics:
    """Return how much there is in a repository."""
    objects = repository.objects
    if not isinstance(objects, PackedObjects):
        oids = list(objects.iter_prefix(""))
        size = sum(objects.header(oid).size for oid in oids)
        return StoreStatistics(len(oids), 0, 0, size)
    loose = sum(1 for _ in objects.iter_loose())
    packs = objects.packs()
    packed = sum(pack.object_count for pack in packs)
    size = 0
    for directory, _, names in os.walk(str(repository.git_dir)):
        check()
        for name in names:
            with suppress(OSError):  # somebody tidies up meanwhile
                size += os.lstat(f"{directory}/{name}").st_size
    return StoreStatistics(loose, packed, len(packs), size)


def _packable(repository: Repository, objects: PackedObjects) -> dict[Oid, float]:
    """Return what to pack, with the time when each was last written or made young."""
    young_from = repository.clock() - _GRACE_SECONDS
    old: dict[Oid, float] = {}
    young: dict[Oid, float] = {}
    for oid in objects.iter_loose():
        modified = objects.loose_modified(oid)
        if modified is not None:
            (young if modified >= young_from else old)[oid] = modified
    return old | {oid: young[oid] for oid in _reachable(repository, young.keys())}


def _reachable(repository: Repository, among: Set[Oid]) -> dict[Oid, None]:
    """Return those of ``among`` that refs and reflogs lead to through others of them."""
    found: dict[Oid, None] = {}
    pending = [oid for oid in _tips(repository) if oid in among] if among else []
    while pending:
        oid = pending.pop()
        if oid in found:
            continue
        try:
            object_type, data = repository.objects.get(oid)
            links = _links(oid, object_type, data)
        except (ObjectNotFoundError, GitError):
            continue  # it vanished or is damaged: leave it where it is
        found[oid] = None
        pending.extend(link for link in links if link in among)
    return found


def _tips(repository: Repository) -> Iterator[Oid]:
    refs = repository.refs.list("refs/")
    yield from refs.values()
    for name in ("HEAD", *refs):  # the log of HEAD tells of refs that were deleted
        for entry in repository.refs.reflog(name) or ():
            for text in (entry.old_sha, entry.new_sha):
                if is_hex_oid(text):
                    yield oid_from_hex(text)
    head = repository.refs.get("HEAD")
    if head is not None:
        yield head


def _links(oid: Oid, object_type: ObjectType, data: bytes) -> list[Oid]:
    if object_type is ObjectType.COMMIT:
        commit = parse_commit(oid, data)
        return [commit.tree, *commit.parents]
    if object_type is ObjectType.TREE:
        return [entry.oid for _, entry in Tree(data).entries() if entry.mode != MODE_GITLINK]
    if object_type is ObjectType.TAG:
        return [tag_target(oid, data)[0]]
    return []


def _copy_loose(objects: PackedObjects, writer: PackWriter, oid: Oid) -> None:
    header = objects.header(oid)
    if header.size <= _STREAM_THRESHOLD:
        object_type, data = objects.get(oid)
        writer.add(oid, object_type, data)
        return
    with objects.open_stream(oid) as stream:
        chunks = iter(lambda: stream.read(_CHUNK), b"")
        writer.add_stream(header.type, header.size, chunks, lambda _: False)


def _small_packs(packs: Sequence[PackInfo]) -> list[PackInfo]:
    """Choose the packs to merge so that the rest and the merged one grow geometrically."""
    free = [
        pack
        for pack in packs
        if not (pack.in_flight or pack.kept or pack.is_cruft or pack.is_promisor)
    ]
    free.sort(key=lambda pack: pack.object_count)
    chosen = 0
    for index in range(1, len(free)):
        if free[index].object_count < _GEOMETRIC_FACTOR * free[index - 1].object_count:
            chosen = index + 1
    total = sum(pack.object_count for pack in free[:chosen])
    while 0 < chosen < len(free) and free[chosen].object_count < _GEOMETRIC_FACTOR * total:
        total += free[chosen].object_count
        chosen += 1
    return free[:chosen]


def _merge(
    objects: PackedObjects,
    packs: Sequence[PackInfo],
    report: ProgressReport,
    check: Callable[[], None],
) -> None:
    total = sum(pack.object_count for pack in packs)
    done = 0
    writer = objects.pack_writer()
    try:
        for pack in packs:
            for entry in objects.iter_pack_entries(pack.path):
                check()
                objects.copy_pack_entry(writer, entry)
                done += 1
                report(Progress("merging packs", done, total, writer.offset, pack.path))
        writer.finish()
    except (FileNotFoundError, GitError):
        # Somebody else repacked meanwhile, or a pack is damaged: leave all as it is.
        writer.discard()
        return
    except BaseException:
        writer.discard()
        raise
    try:
        for pack in packs:
            objects.remove_pack(pack.path)
    finally:
        writer.release()
    report(Progress("merging packs", total, total, writer.offset), final=True)
