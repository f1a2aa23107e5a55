"""Carrying out the plan of a copy to disk."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from vost._engine.lookup import DAMAGE, raise_damaged
from vost._model.changes import ChangeError
from vost._model.errors import CorruptObjectError, GitError
from vost._model.objects import ObjectType, oid_to_hex
from vost._model.progress import Progress
from vost._model.types import MODE_EXECUTABLE, MODE_LINK
from vost._transfer.localtree import (
    discard,
    located,
    make_directory,
    place,
    write_file,
    write_link,
)
from vost._transfer.sources import below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vost._transfer.localtree import LocalTree

    from .job import Job
    from .plan import Directory, Plan, Write

# Small contents are read so many at a time, in the order in which they lie in their pack.
_GROUP = 256
_CHUNK = 1 << 18
# Larger contents are read, and written, in pieces.
_STREAMED = 1 << 20
# No system has links to longer paths.
_LONGEST_TARGET = 1 << 16

_FAILURES = (OSError, GitError)


class Executor:
    """Carries out a plan once.

    Args:
        job: What is done, and how.
        plan: What to do.
        tree: The destination.

    Attributes:
        failed: Paths, relative to the destination, of what was not done.
        errors: Why.
    """

    def __init__(self, job: Job, plan: Plan, tree: LocalTree) -> None:
        self._job = job
        self._plan = plan
        self._tree = tree
        self.failed: set[str] = set()
        self.errors: list[ChangeError] = []
        self._bytes = 0
        self._done = 0

    def run(self) -> None:
        """Write everything, then remove what is to go.

        Raises:
            OSError: If something cannot be written or removed, and errors are not ignored.
            GitError: If content is missing or damaged, and errors are not ignored.
        """
        self._build()
        for directory in self._plan.removes:
            self._job.check()
            self._remove(directory, required=False)
        self._progress(None, final=True)

    def _progress(self, path: str | None, *, final: bool = False) -> None:
        self._job.report(
            Progress("copying", self._done, self._plan.writes, self._bytes, path), final=final
        )

    # -- writing ---------------------------------------------------------------------------------

    def _build(self) -> None:
        steps = self._steps()
        written: list[Write] = []
        current: Directory | None = None
        handle = -1
        objects = self._job.repository.objects
        while group := list(islice(steps, _GROUP)):
            contents = objects.get_small({write.oid for _, write in group if write is not None})
            for directory, write in group:
                if write is None:
                    self._remember(current, written)
                    current, written = directory, []
                    handle = self._enter(directory)
                    continue
                path = below(directory.path, write.name)
                self._job.check()
                self._progress(path)
                try:
                    if handle < 0:
                        raise OSError(errno.ENOENT, "Its directory cannot be written to")
                    self._write(directory, handle, write, contents.get(write.oid))
                    written.append(write)
                except _FAILURES as error:
                    self._fail(path, error)
                    self._note_uncleared(directory, write)
                    with suppress(OSError):
                        handle = self._tree.enter(directory.path)
                self._done += 1
        self._remember(current, written)

    def _steps(self) -> Iterator[tuple[Directory, Write | None]]:
        """Yield each directory, and after it what is written in it."""
        for directory in self._plan.builds:
            yield directory, None
            for write in directory.writes:
                yield directory, write

    def _enter(self, directory: Directory) -> int:
        """Return the handle of a directory, which is created if need be; -1: not possible."""
        try:
            if not directory.exists and directory.parent is not None:
                parent, _, name = directory.path.rpartition("/")
                handle = self._tree.enter(parent)
                if directory.blocked:
                    self.failed.add(directory.path)
                    os.unlink(name, dir_fd=handle)
                    self.failed.remove(directory.path)
                make_directory(handle, name)
            return self._tree.enter(directory.path)
        except OSError as error:
            if not self._job.options.ignore_errors:
                raise located(error, self._tree.local_path(directory.path)) from None
            return -1

    def _write(
        self,
        directory: Directory,
        handle: int,
        write: Write,
        small: tuple[ObjectType, bytes] | None,
    ) -> None:
        if write.mode == MODE_LINK:
            target = self._target(write, small)
            temporary = write_link(self._tree, handle, target, seconds=self._job.seconds)
        else:
            temporary = write_file(
                self._tree,
                handle,
                self._chunks(write, small),
                executable=write.mode == MODE_EXECUTABLE,
                seconds=self._job.seconds,
            )
        cleared = directory.cleared.get(write.name)
        if cleared is not None:
            try:
                for gone in cleared:
                    self._remove(gone, required=True)
                handle = self._tree.enter(directory.path)
            except BaseException:
                discard(self._tree.enter(directory.path), temporary)
                raise
        place(handle, temporary, write.name)

    def _note_uncleared(self, directory: Directory, write: Write) -> None:
        """Take out of the report what is still there of what was in the way of a failed write."""
        for gone in directory.cleared.get(write.name, ()):
            paths = (below(gone.path, name) for name in gone.deletes)
            self.failed.update(
                path for path in paths if os.path.lexists(self._tree.local_path(path))
            )

    def _chunks(self, write: Write, small: tuple[ObjectType, bytes] | None) -> Iterator[bytes]:
        """Yield the content of a file, large content in pieces."""
        if small is not None:
            yield self._blob(write, *small)
            return
        objects = self._job.repository.objects
        try:
            if objects.header(write.oid).size <= _STREAMED:
                yield self._blob(write, *objects.get(write.oid))
                return
            with objects.open_stream(write.oid) as stream:
                self._blob(write, stream.type, b"")
                while chunk := stream.read(_CHUNK):
                    self._job.check()
                    self._bytes += len(chunk)
                    self._progress(below(write.source, write.name))
                    yield chunk
        except DAMAGE as error:
            raise_damaged(repr(below(write.source, write.name)), error)

    def _target(self, write: Write, small: tuple[ObjectType, bytes] | None) -> bytes:
        if small is None:
            objects = self._job.repository.objects
            try:
                if objects.header(write.oid).size > _LONGEST_TARGET:
                    raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
                small = objects.get(write.oid)
            except DAMAGE as error:
                raise_damaged(repr(below(write.source, write.name)), error)
        return self._blob(write, *small)

    def _blob(self, write: Write, object_type: ObjectType, data: bytes) -> bytes:
        if object_type is not ObjectType.BLOB:
            raise CorruptObjectError(
                f"{below(write.source, write.name)!r} is damaged: object {oid_to_hex(write.oid)} "
                f"is a {object_type.name.lower()}, not a blob"
            )
        self._bytes += len(data)
        return data

    def _remember(self, directory: Directory | None, written: list[Write]) -> None:
        """Note the status of files just written, so that they need not be read to compare them."""
        if directory is None or not written:
            return
        record = self._job.record.directory(self._tree.local_path(directory.path))
        with suppress(OSError):
            handle = self._tree.enter(directory.path)
            for write in written:
                status = os.stat(write.name, dir_fd=handle, follow_symlinks=False)
                # Somebody may have written to it since; then its time is another one.
                if int(status.st_mtime) == self._job.seconds and write.mode != MODE_LINK:
                    record.put(write.name, status, write.oid, write.mode)

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
        handle = -1
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
        for name in directory.litter:
            discard(handle, name)
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
        local = self._tree.local_path(path)
        if isinstance(error, OSError):
            located(error, local)
        if not self._job.options.ignore_errors:
            raise error
        self.failed.add(path)
        self.errors.append(ChangeError(local, str(error)))
