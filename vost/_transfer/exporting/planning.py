"""Planning a copy to disk: one walk over what is wanted and what is there, side by side.

Each directory is listed once, and its listing compared with the rows that are wanted in it. What
is as it should be leaves no trace in the plan.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from vost._engine.localfiles import identity_of
from vost._model.changes import ChangeError
from vost._model.errors import PathIsDirectoryError
from vost._model.progress import Progress
from vost._model.types import MODE_BLOB, MODE_EXECUTABLE, MODE_GITLINK, MODE_TREE
from vost._transfer.localtree import LONGEST_PATH, file_times, is_litter, is_temporary, located
from vost._transfer.sources import below

from .comparing import is_same
from .plan import Directory, Plan, Write
from .wanted import Overlay, Row, Rows, Wanted, subdirectory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vost._storage.statcache import DirectoryRecord
    from vost._storage.statcache import Row as StatRow
    from vost._transfer.localtree import LocalTree

    from .job import Job
    from .known import KnownFiles

_NOTHING = Wanted(())
_SPECIAL = {
    stat.S_IFIFO: "A FIFO",
    stat.S_IFSOCK: "A socket",
    stat.S_IFCHR: "A device",
    stat.S_IFBLK: "A device",
}


class Planner:
    """Makes the plan of one copy.

    Args:
        job: What is done, and how.
        plan: Everything goes there.
        tree: The destination; ``None``: it does not exist.
        known: What is known of local files.
        dest: How people call the destination.
    """

    def __init__(
        self, job: Job, plan: Plan, tree: LocalTree | None, known: KnownFiles, dest: str
    ) -> None:
        self._job = job
        self._plan = plan
        self._tree = tree
        self._known = known
        self._dest = dest
        self._options = job.options
        self._overlay = Overlay(
            job.repository, first_wins=job.options.first_wins, warn=plan.warnings.append
        )
        self._own = identity_of(job.repository.git_dir)
        self._own_paths: set[str] = set()
        self._seen = 0
        # What is equal gets this time; None: it keeps its own.
        keeps_times = job.options.delete or job.options.ignore_existing
        self._moment = None if keeps_times else file_times(job.seconds)[1]

    def make(self, wanted: Wanted) -> None:
        """Plan everything.

        Raises:
            InvalidPathError: If a name must not be written to a disk.
            OSError: If a local directory cannot be listed or a file not be read, and errors are
                not ignored.
            GitError: If a tree is missing or damaged.
        """
        plan, delete = self._plan, self._options.delete
        top = Directory("", None, exists=self._tree is not None)
        directories = self._walk(top, wanted)
        for directory in reversed(directories):
            directory.stays = directory.stays or bool(directory.writes)
            if directory.parent is not None:
                directory.parent.stays = directory.parent.stays or directory.stays
                directory.prunes = directory.exists and delete and not directory.stays
            if directory.removes_something:
                plan.removes.append(directory)
        plan.creates = not top.exists and (top.stays or delete)
        plan.builds = [
            directory
            for directory in directories
            if directory.writes or (directory.stays and not directory.exists)
        ]
        plan.retimes = [directory for directory in directories if directory.retimed]
        plan.writes = sum(len(directory.writes) for directory in plan.builds)
        self._job.report(Progress("planning", self._seen, self._seen), final=True)

    def _walk(self, top: Directory, wanted: Wanted, *, clears: bool = False) -> list[Directory]:
        """Look at a directory and all below it; return them from the top down.

        Args:
            top: The directory.
            wanted: What is wanted in it.
            clears: Whether everything in it goes, to make room.
        """
        found: list[Directory] = []
        pending = [(top, wanted)]
        while pending:
            directory, wanted = pending.pop()
            found.append(directory)
            self._job.check()
            self._job.report(Progress("planning", self._seen, path=directory.path or None))
            if len(directory.path) > LONGEST_PATH:
                # Before anything is written: a forged tree may be nested without end.
                error = OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
                self._fail(directory.path, error)
                directory.stays = directory.exists
                continue
            if directory.exists:
                inside = self._look_into(directory, wanted, clears=clears)
            else:
                inside = self._plan_writes(directory, self._rows(directory, wanted), {})
            inside.reverse()
            pending += inside
        return found

    def _rows(self, directory: Directory, wanted: Wanted) -> Rows:
        rows = self._overlay.rows(wanted, self._local(directory.path))
        mode = self._options.mode
        if mode is not None:
            for name, row in rows.items():
                if row.mode in (MODE_BLOB, MODE_EXECUTABLE):
                    rows[name] = row._replace(mode=mode)
        self._seen += len(rows)
        return rows

    def _look_into(
        self, directory: Directory, wanted: Wanted, *, clears: bool
    ) -> list[tuple[Directory, Wanted]]:
        """Plan what is done in an existing directory; return the directories in it to go into."""
        assert self._tree is not None, "what exists is below the destination"
        if self._is_own(directory):
            return []
        rows = self._rows(directory, wanted)
        missing = dict(rows)
        differing: dict[str, int] = {}
        try:
            handle = self._tree.enter(directory.path)
            with os.scandir(handle) as listing:
                others = self._merge(directory, handle, listing, missing, differing)
        except OSError as error:
            self._give_up(directory, wanted, error)
            return []
        inside = self._plan_others(directory, handle, others, clears=clears)
        if missing or differing:
            due = {name: rows[name] for name in rows if name in missing or name in differing}
            inside += self._plan_writes(directory, due, differing)
        return inside

    def _is_own(self, directory: Directory) -> bool:
        """Tell whether a directory is the repository itself, which nothing is done to."""
        assert self._tree is not None, "what exists is below the destination"
        try:
            status = os.fstat(self._tree.enter(directory.path))
        except OSError:
            return False  # whoever looks into it finds out
        if (status.st_dev, status.st_ino) != self._own:
            return False
        directory.stays = True
        self._own_paths.add(directory.path)
        text = "Left alone: it is the repository itself"
        self._plan.warnings.append(ChangeError(self._local(directory.path), text))
        return True

    def _merge(
        self,
        directory: Directory,
        handle: int,
        listing: Iterator[os.DirEntry[str]],
        missing: Rows,
        differing: dict[str, int],
    ) -> list[os.DirEntry[str]]:
        """Compare the listing of a directory with its rows.

        For an unchanged file nothing is called but the system, for its status, and what is
        remembered of it.

        Args:
            directory: The directory.
            handle: Its handle.
            listing: What is there.
            missing: The rows: those are taken out that something is there for.
            differing: Gets the names of those that are not as they should be, and the mode of
                what is there.

        Returns:
            The entries that there is no row for.
        """
        others: list[os.DirEntry[str]] = []
        record = self._known.directory(directory.path)
        look_up, take, moment = self._remembered(record).get, missing.pop, self._moment
        fine = 0
        for entry in listing:
            name = entry.name
            row = take(name, None)
            if row is None:
                others.append(entry)
                continue
            mode = row.mode
            if mode == MODE_TREE and entry.is_dir(follow_symlinks=False):
                differing[name] = stat.S_IFDIR
                continue
            if mode == MODE_GITLINK:
                directory.stays = True
                continue
            try:
                status = entry.stat(follow_symlinks=False)
                if (
                    (known := look_up(name)) is not None
                    and known[5] == row.oid
                    and known[2] == status.st_ctime_ns
                    and known[1] == status.st_mtime_ns
                    and known[0] == status.st_size
                    and known[3] == status.st_ino
                    and known[4] == status.st_mode
                    and known[6] == mode
                ) or self._is_fine(handle, name, status, row, record):
                    fine += 1
                    if moment is not None and status.st_mtime_ns != moment:
                        directory.retimed.append((name, status.st_ctime_ns))
                else:
                    differing[name] = status.st_mode
            except FileNotFoundError:
                missing[name] = row  # it has just been removed
            except OSError as error:
                self._fail(below(directory.path, name), error)
                directory.stays = True
        directory.stays = directory.stays or fine > 0
        self._plan.fine += fine
        return others

    def _remembered(self, record: DirectoryRecord) -> dict[str, StatRow]:
        """Return what files may be compared with: nothing if all that exists is an update."""
        return {} if self._options.by_existence else record.rows

    def _is_fine(
        self, handle: int, name: str, status: os.stat_result, row: Row, record: DirectoryRecord
    ) -> bool:
        """Tell whether what is there is what a row wants, or is left alone because it is there."""
        if self._options.ignore_existing:
            # With delete, what no source maps to goes: a directory's files where a file is
            # wanted, and the file where a directory is.
            is_directory = stat.S_ISDIR(status.st_mode)
            if not self._options.delete or (row.mode != MODE_TREE and not is_directory):
                return True
        if row.mode == MODE_TREE or self._options.by_existence:
            return False
        return is_same(self._job, handle, name, status, row, record)

    def _plan_others(
        self,
        directory: Directory,
        handle: int,
        others: list[os.DirEntry[str]],
        *,
        clears: bool,
    ) -> list[tuple[Directory, Wanted]]:
        """Plan what happens to entries that no source maps to."""
        inside: list[tuple[Directory, Wanted]] = []
        litter: list[Directory] = []
        for entry in others:
            name = entry.name
            is_directory = entry.is_dir(follow_symlinks=False)
            if is_temporary(name):
                if not is_litter(handle, name):
                    directory.stays = True  # another copy is at work
                elif is_directory:
                    gone = Directory(below(directory.path, name), None, exists=True)
                    litter.append(gone)
                else:
                    directory.litter.append(name)
            elif not clears and not self._goes(below(directory.path, name)):
                directory.stays = True
            elif is_directory:
                child = Directory(below(directory.path, name), directory, exists=True)
                inside.append((child, _NOTHING))
            else:
                directory.deletes.append(name)
                with suppress(OSError):
                    self._mention(directory, name, entry.stat(follow_symlinks=False).st_mode)
        for gone in litter:
            directory.litter_trees += self._walk(gone, _NOTHING, clears=True)[::-1]
        return inside

    def _plan_writes(
        self, directory: Directory, rows: Rows, differing: dict[str, int]
    ) -> list[tuple[Directory, Wanted]]:
        """Plan what is written of these rows; return the directories among them to go into.

        Args:
            directory: The directory.
            rows: What is not there as it should be.
            differing: The mode of what is there instead, by name.
        """
        inside: list[tuple[Directory, Wanted]] = []
        writes = directory.writes
        for name, row in rows.items():
            mode = row.mode
            there = differing.get(name)
            if mode == MODE_GITLINK:
                continue
            if mode == MODE_TREE:
                inside += self._subdirectory(directory, name, row, there)
            elif there is None:
                writes.append(Write(name, mode, row.oid, row.source, updates=False))
            else:
                updates = True
                if stat.S_ISDIR(there):
                    updates = not self._options.delete
                    gone = Directory(below(directory.path, name), None, exists=True)
                    cleared = self._walk(gone, _NOTHING, clears=True)[::-1]
                    if self._refuses(cleared):
                        number = errno.EISDIR
                        error = PathIsDirectoryError(number, os.strerror(number))
                        self._fail(gone.path, error)
                        directory.stays = True
                        continue
                    directory.cleared[name] = cleared
                self._mention(directory, name, there)
                writes.append(Write(name, mode, row.oid, row.source, updates))
        return inside

    def _subdirectory(
        self, directory: Directory, name: str, row: Row, there: int | None
    ) -> list[tuple[Directory, Wanted]]:
        """Plan a directory that is wanted; return it if there is something to do in it."""
        wanted = subdirectory(name, row)
        exists = there is not None and stat.S_ISDIR(there)
        child = Directory(below(directory.path, name), directory, exists=exists)
        if there is None or exists:
            return [(child, wanted)]
        if self._overlay.has_files(wanted):
            child.blocked = True
        elif self._goes(child.path):
            directory.deletes.append(name)
        else:
            directory.stays = True
            return []
        self._mention(directory, name, there)
        return [(child, wanted)]

    def _refuses(self, cleared: list[Directory]) -> bool:
        """Tell whether a directory must not be cleared to make room for a file."""
        if any(gone.path in self._own_paths for gone in cleared):
            return True
        strict = self._options.strict and not self._options.delete
        return strict and any(gone.removes_something or gone.stays for gone in cleared)

    def _goes(self, path: str) -> bool:
        """Tell whether what is at a path goes if no source maps to it."""
        return self._options.delete and not self._plan.keeps(path)

    def _mention(self, directory: Directory, name: str, mode: int) -> None:
        """Warn of a special file that goes: it was never opened, and cannot be brought back."""
        kind = _SPECIAL.get(stat.S_IFMT(mode))
        if kind is not None:
            path = self._local(below(directory.path, name))
            self._plan.warnings.append(ChangeError(path, f"{kind} was there, which is removed"))

    def _give_up(self, directory: Directory, wanted: Wanted, error: OSError) -> None:
        """Record that a directory cannot be looked into, for each file that is wanted in it."""
        directory.stays = True
        if directory.path:
            files = list(self._overlay.files(wanted, directory.path))
            for path in files or [directory.path]:
                self._fail(path, error)
        else:
            raise located(error, self._dest)

    def _fail(self, path: str, error: OSError) -> None:
        local = self._local(path)
        if not self._options.ignore_errors:
            raise located(error, local)
        self._plan.failures += 1
        self._plan.errors.append(ChangeError(local, str(located(error, local))))

    def _local(self, path: str) -> str:
        return os.path.join(self._dest, path)
