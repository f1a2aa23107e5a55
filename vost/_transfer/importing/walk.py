"""Planning: local directories and the trees of the snapshot side by side, each looked at once."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from vost._engine.lastchanges import LastChanges
from vost._engine.localfiles import (
    NO_FOLLOW,
    OPEN_FLAGS,
    STREAM_THRESHOLD,
    identity_of,
    kind_of,
)
from vost._engine.lookup import canonical_mode, find_entry, walk_files
from vost._engine.trees import Entry, mode_of
from vost._model.errors import PathIsDirectoryError, PathNotDirectoryError
from vost._model.objects import ZERO_OID
from vost._model.paths import decode_names, encode_path, is_dotgit
from vost._model.progress import Progress
from vost._model.types import MODE_BLOB, MODE_EXECUTABLE, MODE_GITLINK, MODE_LINK, MODE_TREE
from vost._transfer.exclude import WalkRules
from vost._transfer.sources import below as below_path
from vost._transfer.submodules import KEPT, submodule_in

from .leftovers import Judge, LeftoverWalk
from .listing import Listing, choose, joined, open_listing
from .plan import PlannedFile, PlannedRemoval
from .roots import Landing, NamedFile, Pour

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._engine.commits import Commit
    from vost._engine.repository import Repository
    from vost._model.objects import Oid
    from vost._model.progress import ProgressReport
    from vost._storage.statcache import DirectoryRecord, StatCache

    from .blobs import FileReader
    from .plan import ImportPlan
    from .request import ImportRequest

TreeRow = tuple[bytes, bytes, bytes]
"""Mode, name and id of an entry, as the tree has them."""

_MODE_TEXTS = {MODE_BLOB: b"100644", MODE_EXECUTABLE: b"100755"}
_ENTRY_SIZE = 40
_FEW = 16


@dataclass(eq=False)
class Place:
    """One directory of the repository, and what is poured into it.

    Attributes:
        path: Its path from the root of the repository.
        tree: Its tree in the snapshot; ``None``: there is none.
        pours: The local directories that are poured in.
        landing: What sources name in it or below it, if they do.
        blocked_by: The file or submodule of the snapshot at its path, or at one above it, that
            goes as soon as something is put below; shared with the places below, empty when it
            was reported.
        keep_all: Whether nothing in it is removed, because not all that belongs there is known.
        below: The local directories that are poured into the directories in it, by name.
        olds: What the snapshot has in the place of those.
    """

    path: str
    tree: Oid | None
    pours: list[Pour]
    landing: Landing | None
    blocked_by: list[tuple[str, Entry]] = field(default_factory=list)
    keep_all: bool = False
    below: dict[str, list[Pour]] = field(default_factory=dict)
    olds: dict[str, TreeRow] = field(default_factory=dict)

    def at(self, name: str) -> str:
        """Return the path of an entry."""
        return f"{self.path}/{name}" if self.path else name


class _Found(NamedTuple):
    """A local file, link or directory that is not known to be as the snapshot has it.

    Attributes:
        name: Its name, here and there.
        local: Its path, as it is reported.
        order: Which of the sources it is from.
        status: What ``lstat`` says of it; what ``stat`` says, if links are followed.
        directory: Its directory, open; ``None``: it is found by its path.
        record: What is remembered of its directory; ``None``: not worth it.
        old: What the snapshot has there.
    """

    name: str
    local: str
    order: int
    status: os.stat_result
    directory: int | None
    record: DirectoryRecord | None
    old: Entry | None

    @property
    def target(self) -> str:
        """The path by which system calls find it."""
        return self.local if self.directory is None else self.name

    @property
    def old_file(self) -> Entry | None:
        """What the snapshot has there, if it is a file or link."""
        old = self.old
        return None if old is None or old.mode in (MODE_TREE, MODE_GITLINK) else old


class Walk:
    """One walk that fills a plan.

    Args:
        repository: What the snapshot is in.
        base: The snapshot's commit.
        request: What is asked for.
        plan: What is filled.
        reader: Reads files.
        cache: What is remembered of local files.
        report: Told how far the work is.
        check: Raises when the caller was cancelled.
    """

    def __init__(
        self,
        repository: Repository,
        base: Commit,
        request: ImportRequest,
        plan: ImportPlan,
        *,
        reader: FileReader,
        cache: StatCache,
        report: ProgressReport,
        check: Callable[[], None],
    ) -> None:
        self._repository = repository
        self._base = base
        self._request = request
        self._plan = plan
        self._reader = reader
        self._cache = cache
        self._report = report
        self._check = check
        self._forced = None if request.mode is None else _MODE_TEXTS[request.mode]
        self._own = identity_of(repository.git_dir)
        self._kept: set[str] = set()
        self._changes = LastChanges(repository, base, check)

    def run(self, top: Landing) -> None:
        """Walk through everything that lands at or below the destination.

        Raises:
            NotADirectoryError: If a submodule is the destination, or above it, and stays.
            OSError: If something cannot be read, unless errors are ignored.
        """
        pending = [self._top(top)]
        while pending:
            self._check()
            pending += self._directory(pending.pop())
        self._report(self._progress(None), final=True)

    def _top(self, landing: Landing) -> Place:
        dest = self._request.dest
        place = Place(dest, None, landing.pours, landing, keep_all=landing.keep_all)
        path = dest
        while True:
            entry = find_entry(self._repository, self._base.tree, path)
            if entry is not None:
                break
            path = path.rpartition("/")[0]
        if entry.mode == MODE_GITLINK and self._request.delete:
            raise PathNotDirectoryError(f"Not a directory: {path}")
        if entry.mode != MODE_TREE:
            place.blocked_by.append((path, entry))
        elif path == dest:
            place.tree = entry.oid
        return place

    def _directory(self, place: Place) -> list[Place]:
        """Plan for one directory, and return those below it."""
        request = self._request
        listings = self._listings(place)
        try:
            files, landings = self._choice(place, listings)
            known = self._known(place, listings, [*files, *landings])
            removes = request.delete and not place.keep_all
            if removes and place.blocked_by:
                path, blocking = place.blocked_by[0]
                if path == place.path and blocking.mode != MODE_GITLINK:
                    self._unblock(place, is_swallowed=False)
            for listing in listings:
                self._entries(place, listing, known)
            for name, file in files.items():
                self._named(place, name, file, known.pop(name, None))
            places = self._below(place, known, landings)
            if removes:
                self._leftovers(place, listings, known)
        finally:
            for listing in listings:
                listing.close()
        return places

    def _listings(self, place: Place) -> list[Listing]:
        listings: list[Listing] = []
        try:
            for pour in place.pours:
                if pour.identity == self._own:
                    place.keep_all = True
                    self._plan.warn(pour.local, "Left out: it is the repository itself")
                    continue
                try:
                    follow = self._request.follow_symlinks
                    listings.append(open_listing(pour, self._cache, follow=follow))
                except OSError as error:
                    place.keep_all = True
                    self._failed(pour.local, error)
        except BaseException:
            for listing in listings:
                listing.close()
            raise
        return listings

    def _choice(
        self, place: Place, listings: list[Listing]
    ) -> tuple[dict[str, NamedFile], dict[str, Landing]]:
        landing = place.landing
        if len(listings) <= 1 and (landing is None or not (landing.files or landing.below)):
            return {}, {}

        def warn(local: str, name: str) -> None:
            target = place.at(name)
            self._plan.warn(
                local, f"Overlapping destination {target!r}: skipping (kept earlier source)"
            )

        return choose(
            landing or Landing(),
            listings,
            warn,
            follow=self._request.follow_symlinks,
            first=self._request.delete or self._request.strict,
        )

    def _known(self, place: Place, listings: list[Listing], names: list[str]) -> dict[str, TreeRow]:
        """Return what the snapshot has in a directory, by name, as far as it matters."""
        if place.tree is None:
            return {}
        tree = self._repository.tree(place.tree)
        if not self._request.delete and len(tree.data) > _FEW * _FEW * _ENTRY_SIZE:
            # For a few names, look-ups are faster than taking a large directory apart.
            for listing in listings:
                listing.entries = list(listing.entries)
                names += [entry.name for entry in listing.entries]
            if len(names) * _FEW * _ENTRY_SIZE < len(tree.data):
                found = ((name, tree.find(encode_path(name))) for name in names)
                return {
                    name: (b"%o" % entry.mode, b"", entry.oid)
                    for name, entry in found
                    if entry is not None
                }
        rows = tree.rows()
        return dict(zip(decode_names([row[1] for row in rows]), rows))  # noqa: B905 - same length

    # -- files --------------------------------------------------------------------------

    def _entries(self, place: Place, listing: Listing, known: dict[str, TreeRow]) -> None:
        """Plan for what is in a local directory. Where nothing changed, this loop is all."""
        rows = {} if self._request.by_existence else listing.record.rows
        forced, texts = self._forced, _MODE_TEXTS
        looked_at = unchanged = 0
        for entry in listing.entries:
            looked_at += 1
            name = entry.name
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                known.pop(name, None)
                self._failed(listing.local(name), _named(error, listing.local(name)))
                continue
            row = rows.get(name)
            old = known.pop(name, None)
            if (
                row is not None
                and old is not None
                and old[2] == row[5]
                and status.st_mtime_ns == row[1]
                and status.st_size == row[0]
                and status.st_ino == row[3]
                and status.st_ctime_ns == row[2]
                and status.st_mode == row[4]
                and old[0] == (forced or texts.get(row[6]))
            ):
                unchanged += 1
                continue
            self._entry(place, listing, name, status, old)
        self._plan.done += unchanged
        if len(rows) > looked_at:
            listing.record.retain(listing.names())

    def _entry(
        self,
        place: Place,
        listing: Listing,
        name: str,
        status: os.stat_result,
        old: TreeRow | None,
    ) -> None:
        local = listing.local(name)
        found = _Found(
            name=name,
            local=local,
            order=listing.pour.order,
            status=status,
            directory=listing.descriptor,
            record=listing.record,
            old=_old_entry(old),
        )
        try:
            if stat.S_ISLNK(status.st_mode) and self._request.follow_symlinks:
                found = found._replace(status=os.stat(found.target, dir_fd=found.directory))
            if is_dotgit(name):
                self._plan.warn(local, "Left out: Git never stores a spelling of '.git'")
            elif stat.S_ISDIR(found.status.st_mode):
                self._subdirectory(place, listing, found)
                if old is not None:
                    place.olds[name] = old
            else:
                self._file(place, found)
        except OSError as error:
            self._failed(local, _named(error, local))

    def _subdirectory(self, place: Place, listing: Listing, found: _Found) -> None:
        pour = listing.pour
        identity = (found.status.st_dev, found.status.st_ino)
        above = pour.above
        if self._request.follow_symlinks:
            above = (*above, pour.identity)
            if identity in above:
                self._plan.warn(found.local, "Left out: the link leads back to where it is")
                return
        place.below.setdefault(found.name, []).append(
            Pour(
                local=found.local,
                absolute=joined(pour.absolute, found.name),
                order=pour.order,
                rules=listing.rules,
                below=below_path(pour.below, found.name),
                above=above,
                identity=identity,
            )
        )

    def _named(self, place: Place, name: str, file: NamedFile, old: TreeRow | None) -> None:
        """Plan for a source that is one file."""
        record = None
        if file.status.st_size > STREAM_THRESHOLD:
            record = self._cache.directory(os.path.dirname(os.path.abspath(file.local)))
        found = _Found(
            name=name,
            local=file.local,
            order=file.order,
            status=file.status,
            directory=None,
            record=record,
            old=_old_entry(old),
        )
        try:
            self._file(place, found)
        except OSError as error:
            self._failed(file.local, _named(error, file.local))

    def _file(self, place: Place, found: _Found) -> None:
        """Plan for one file or link."""
        self._check()
        self._tell(found.local)
        mode, old = found.status.st_mode, found.old
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            self._plan.warn(found.local, f"Left out: it is {kind_of(mode)}, not a file")
            return
        delete = self._request.delete
        if self._request.ignore_existing and (
            (old is not None and not (delete and old.mode == MODE_TREE))
            or (place.blocked_by and not delete)
        ):
            self._plan.done += 1
            return
        if self._request.refuses_clashes:
            _refuse_clash(place, found)
        if delete and self._keeps_submodule(place, found):
            return
        if self._request.by_existence:
            kind = MODE_LINK if stat.S_ISLNK(mode) else self._mode(found.status)
            self._put(place, found, Entry(kind, ZERO_OID))
            return
        entry = self._link(found) if stat.S_ISLNK(mode) else self._regular(place, found)
        if entry == old:
            self._plan.done += 1
            return
        self._put(place, found, entry)

    def _keeps_submodule(self, place: Place, found: _Found) -> bool:
        """Tell whether a submodule is in the way, which is not deleted; warn of each once."""
        path, entry = place.at(found.name), found.old
        if place.blocked_by:
            path, entry = place.blocked_by[0]
        submodule = None if entry is None else submodule_in(self._repository, entry, path)
        if submodule is None:
            return False
        if path not in self._kept:
            self._kept.add(path)
            self._plan.warn(submodule, KEPT)
        return True

    def _link(self, found: _Found) -> Entry:
        target = os.fsencode(os.readlink(found.target, dir_fd=found.directory))
        return Entry(MODE_LINK, self._reader.link(target, found.old_file))

    def _regular(self, place: Place, found: _Found) -> Entry:
        oid = self._known_content(place, found)
        if oid is not None:
            return Entry(self._mode(found.status), oid)
        flags = OPEN_FLAGS | (0 if self._request.follow_symlinks else NO_FOLLOW)
        descriptor = os.open(found.target, flags, dir_fd=found.directory)
        try:
            size, tick = found.status.st_size, partial(self._tell, found.local)
            read = self._reader.read(descriptor, found.local, size, found.old_file, tick)
        finally:
            os.close(descriptor)
        if found.record is not None and read.lasting:
            record_mode = _own_mode(read.status)
            found.record.put(found.name, read.status, read.oid, record_mode)
        return Entry(self._mode(read.status), read.oid)

    def _known_content(self, place: Place, found: _Found) -> Oid | None:
        """Return the id of a file's blob if that is known without reading the file."""
        old, status, request = found.old, found.status, self._request
        there = old.oid if old is not None and old.mode in _MODE_TEXTS else None
        is_young = int(status.st_mtime) > self._base.time_seconds
        trusts_times = there is not None and request.delete and not is_young
        if trusts_times and request.checksum is False:
            return there
        remembered = None if found.record is None else found.record.get(found.name, status)
        if remembered is None:
            is_old = trusts_times and request.checksum is None and self._is_old(place, found)
            return there if is_old else None
        oid = remembered[0]
        return oid if oid == there or self._reader.rely_on(oid) else None

    def _is_old(self, place: Place, found: _Found) -> bool:
        """Tell whether a file was there before the snapshot got what it has in its place.

        A file that is younger than when it was last read was changed since; it may have been
        while an import went on, whose commit is younger still.
        """
        row = None if found.record is None else found.record.rows.get(found.name)
        if row is not None and found.status.st_mtime_ns > row[1]:
            return False
        seconds = int(found.status.st_mtime)
        return self._changes.changed_after(place.at(found.name), seconds)

    def _mode(self, status: os.stat_result) -> int:
        return self._request.mode or _own_mode(status)

    def _put(self, place: Place, found: _Found, entry: Entry) -> None:
        self._unblock(place, is_swallowed=True)
        plan, old = self._plan, found.old
        path = place.at(found.name)
        is_new = old is None or old.mode == MODE_TREE
        plan.files.append(PlannedFile(path, entry, found.local, found.order, is_new))
        plan.done += 1
        if old is not None and old.mode == MODE_TREE:
            for swallowed, gone in walk_files(self._repository, old.oid, path, submodules=True):
                plan.removals.append(PlannedRemoval(swallowed, gone.mode, is_swallowed=True))

    def _unblock(self, place: Place, *, is_swallowed: bool) -> None:
        while place.blocked_by:
            path, entry = place.blocked_by.pop()
            self._plan.removals.append(PlannedRemoval(path, entry.mode, is_swallowed))

    # -- directories --------------------------------------------------------------------

    def _below(
        self, place: Place, known: dict[str, TreeRow], landings: dict[str, Landing]
    ) -> list[Place]:
        named = place.landing.below if place.landing is not None else {}
        for name, landing in named.items():
            # Where nothing lands after all, what is there may have to be kept.
            if name in landings or next(landing.orders(), None) is None:
                place.below.setdefault(name, []).extend(landing.pours)
        places = []
        for name, pours in place.below.items():
            pours.sort(key=lambda pour: pour.order)
            deeper = named.get(name)
            old = _old_entry(place.olds.get(name) or known.pop(name, None))
            child = Place(place.at(name), None, pours, deeper, keep_all=place.keep_all)
            if deeper is not None and deeper.keep_all:
                child.keep_all = True
            if old is None:
                child.blocked_by = place.blocked_by
            elif old.mode == MODE_TREE:
                child.tree = old.oid
            else:
                child.blocked_by = [(child.path, old)]
            places.append(child)
        return places

    def _leftovers(self, place: Place, listings: list[Listing], known: dict[str, TreeRow]) -> None:
        """Plan the removal of what the snapshot has in a directory and no source has."""
        kept = place.landing.kept if place.landing is not None else ()
        judges = [
            Judge(listing.rules, listing.pour.below)
            for listing in listings
            if listing.rules is not None
        ]
        rules = self._request.rules
        if not listings and rules is not None:
            # Outside of what was walked through, the filter's own patterns count.
            start = len(self._request.dest) + 1 if self._request.dest else 0
            judges.append(Judge(WalkRules(rules.base, gitignore=False), place.path[start:]))
        walk = LeftoverWalk(self._repository, self._plan, self._check)
        for name, row in known.items():
            old = _old_entry(row)
            if old is not None and old.mode != MODE_GITLINK and name not in kept:
                walk.remove(place.at(name), name, old, judges)

    # -- troubles -----------------------------------------------------------------------

    def _failed(self, local: str, error: OSError) -> None:
        if not self._request.ignore_errors:
            raise error
        self._plan.failed(local, error)
        self._plan.failures += 1

    def _tell(self, local: str) -> None:
        if self._report.is_due():
            self._report(self._progress(local))

    def _progress(self, local: str | None) -> Progress:
        return Progress("importing", self._plan.done, None, self._reader.bytes, local)


def _refuse_clash(place: Place, found: _Found) -> None:
    if place.blocked_by:
        raise PathNotDirectoryError(f"Not a directory: {place.blocked_by[0][0]}")
    if found.old is not None and found.old.mode == MODE_TREE:
        raise PathIsDirectoryError(f"Is a directory: {place.at(found.name)}")
    if found.old is not None and found.old.mode == MODE_GITLINK:
        raise PathIsDirectoryError(f"Is a submodule: {place.at(found.name)}")


def _own_mode(status: os.stat_result) -> int:
    return MODE_EXECUTABLE if status.st_mode & 0o111 else MODE_BLOB


def _old_entry(row: TreeRow | None) -> Entry | None:
    """Return what a tree has, as the rest of vost sees it, and submodules too."""
    if row is None:
        return None
    given = mode_of(row[0])
    mode = given if given == MODE_GITLINK else canonical_mode(given)
    return None if mode is None else Entry(mode, row[2])


def _named(error: OSError, local: str) -> OSError:
    """Return an error that has the whole path: calls relative to a directory only know names."""
    if error.errno is None or error.strerror is None:
        return error
    return OSError(error.errno, error.strerror, local).with_traceback(error.__traceback__)
