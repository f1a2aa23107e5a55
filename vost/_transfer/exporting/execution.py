"""Carrying out the plan of a copy to disk."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from vost._model.changes import ChangeError
from vost._model.errors import GitError
from vost._model.progress import Progress
from vost._transfer.localtree import discard, file_times, located
from vost._transfer.sources import below

from .contents import Contents
from .placing import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vost._transfer.localtree import LocalTree

    from .job import Job
    from .known import KnownFiles
    from .plan import Directory, Plan, Write

# Small contents are read so many at a time, in the order in which they lie in their pack.
_GROUP = 256
# Files between two looks at whether the caller still wants this.
_LOOK_UP = 16

_FAILURES = (OSError, GitError)


class Executor:
    """Carries out a plan once.

    Args:
        job: What is done, and how.
        plan: What to do.
        tree: The destination.
        known: Gets the status of what is written.
        dest: How people call the destination.

    Attributes:
        failed: Paths, relative to the destination, of what was not done.
        errors: Why.
    """

    def __init__(self, job: Job, plan: Plan, tree: LocalTree, known: KnownFiles, dest: str) -> None:
        self._job = job
        self._plan = plan
        self._tree = tree
        self._known = known
        self._dest = dest
        self._contents = Contents(job.repository.objects, self._look_up)
        self._times = file_times(job.seconds)
        self._done = 0
        self._path: str | None = None
        # The directory that is written to; if that is not possible, why.
        self._site: Site | OSError | None = None
        self._written: list[str] = []  # there, and not to be seen yet if the directory is new
        self.failed: set[str] = set()
        self.errors: list[ChangeError] = []

    def run(self) -> None:
        """Write everything, then remove what is to go.

        Raises:
            OSError: If something cannot be written or removed, and errors are not ignored.
            GitError: If content is missing or damaged, and errors are not ignored.
        """
        try:
            self._build()
        except BaseException:
            # What is whole stays: so much less to do for the next run.
            with suppress(*_FAILURES):
                self._finish()
            raise
        for directory in self._plan.retimes:
            self._look_up()
            self._retime(directory)
        for directory in self._plan.removes:
            self._look_up()
            self._remove(directory, required=False)
        self._path = None
        self._report(final=True)

    def _look_up(self) -> None:
        self._job.check()
        self._report()

    def _report(self, *, final: bool = False) -> None:
        done, total = self._done, self._plan.writes
        progress = Progress("copying", done, total, self._contents.bytes, self._path)
        self._job.report(progress, final=final)

    # -- writing ---------------------------------------------------------------------------------

    def _build(self) -> None:
        steps = self._steps()
        while group := list(islice(steps, _GROUP)):
            self._contents.fetch({write.oid for _, write in group if write is not None})
            for number, (directory, write) in enumerate(group):
                if number % _LOOK_UP == 0:
                    self._path = below(directory.path, write.name if write else "") or None
                    self._look_up()
                if write is None:
                    self._finish()
                    self._begin(directory)
                else:
                    self._write(directory, write)
                    self._done += 1
        self._finish()

    def _steps(self) -> Iterator[tuple[Directory, Write | None]]:
        """Yield each directory, and after it what is written in it."""
        for directory in self._plan.builds:
            yield directory, None
            for write in directory.writes:
                yield directory, write

    def _begin(self, directory: Directory) -> None:
        try:
            self._site = Site(self._tree, directory, self._known, self._times)
        except OSError as error:
            self._note_blocked(directory)
            self._site = located(error, self._local(directory.path))
            if not self._job.options.ignore_errors:
                raise

    def _write(self, directory: Directory, write: Write) -> None:
        cleared = directory.cleared.get(write.name)
        try:
            if not isinstance(self._site, Site):
                raise self._site or OSError("no directory was begun")
            if self._site.must_finish_before(write, self._contents):
                self._publish(self._site)
            clear = partial(self._clear, cleared) if cleared else None
            self._site.write(write, self._contents, clear)
            self._written.append(write.name)
        except _FAILURES as error:
            for gone in cleared or ():
                paths = [below(gone.path, name) for name in gone.deletes]
                self.failed.update(path for path in paths if os.path.lexists(self._local(path)))
            self._fail(below(directory.path, write.name), error)

    def _finish(self) -> None:
        """Be done with a directory."""
        site, self._site = self._site, None
        if isinstance(site, Site):
            self._publish(site)

    def _publish(self, site: Site) -> None:
        """Let what is written in a new directory be seen."""
        written, self._written = self._written, []
        try:
            site.finish()
        except OSError as error:
            self._note_blocked(site.directory)
            for name in written:
                self._fail(below(site.directory.path, name), error)

    def _note_blocked(self, directory: Directory) -> None:
        """Take out of the report what is still in the way of a directory that failed."""
        if directory.blocked and os.path.lexists(self._local(directory.path)):
            self.failed.add(directory.path)

    def _clear(self, cleared: list[Directory]) -> None:
        for gone in cleared:
            self._remove(gone, required=True)

    def _retime(self, directory: Directory) -> None:
        """Give the time of the commit to what is equal; what is not ours keeps its own."""
        with suppress(OSError):
            handle = self._tree.enter(directory.path)
            for name, seen in directory.retimed:
                with suppress(OSError):
                    status = os.stat(name, dir_fd=handle, follow_symlinks=False)
                    if status.st_ctime_ns == seen:  # else somebody has just written to it
                        os.utime(name, ns=self._times, dir_fd=handle, follow_symlinks=False)

    # -- removing --------------------------------------------------------------------------------

    def _remove(self, directory: Directory, *, required: bool) -> None:
        """Remove what goes from a directory, and perhaps the directory itself.

        Args:
            directory: What is planned for it.
            required: Whether all of it, and the directory, must go: something else takes its
                place.

        Raises:
            OSError: If something that must go cannot be removed.
        """
        names = directory.deletes
        try:
            handle = self._tree.enter(directory.path)
        except OSError as error:
            if required:
                raise
            for name in names:
                self._fail(below(directory.path, name), error)
            return
        for name in names:
            try:
                os.unlink(name, dir_fd=handle)
            except FileNotFoundError:
                pass  # gone is gone
            except OSError as error:
                if required:
                    raise
                self._fail(below(directory.path, name), error)
        self._known.forget(directory.path, names)
        for name in directory.litter:
            discard(handle, name)
        for gone in directory.litter_trees:
            with suppress(OSError):
                self._remove(gone, required=True)
        if required or directory.prunes:
            self._remove_empty(directory.path, required=required)

    def _remove_empty(self, path: str, *, required: bool) -> None:
        parent, _, name = path.rpartition("/")
        try:
            os.rmdir(name, dir_fd=self._tree.enter(parent))
        except OSError:
            # Something has come into it meanwhile, or could not be removed, which is said.
            if required:
                raise

    def _fail(self, path: str, error: OSError | GitError) -> None:
        local = self._local(path)
        if isinstance(error, OSError):
            located(error, local)
        if not self._job.options.ignore_errors:
            raise error
        self.failed.add(path)
        self.errors.append(ChangeError(local, str(error)))

    def _local(self, path: str) -> str:
        return os.path.join(self._dest, path)
