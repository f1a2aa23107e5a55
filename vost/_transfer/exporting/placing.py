"""Getting files into a directory so that only whole ones are ever to be seen in it.

In a directory that exists, each file is written under a temporary name and renamed. A new
directory is filled under a temporary name of its own and then renamed, which spares the renaming
of its files: that takes a third of the time of writing a small one. (What can take long, large or
very many files, does not wait for that.)
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from vost._model.types import MODE_EXECUTABLE, MODE_LINK
from vost._transfer.localtree import (
    create_file,
    create_link,
    discard,
    fill,
    make_directory,
    open_below,
    place,
    set_link_times,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._transfer.localtree import LocalTree

    from .contents import Contents
    from .known import KnownFiles
    from .plan import Directory, Write

# A killed copy begins again with a directory of at most so many files.
_STAGED_FILES = 1024


class Site:
    """A directory that is being written to.

    Args:
        tree: The destination.
        directory: The directory.
        known: Gets the status of what is written.
        times: Of the last access and modification of files, in nanoseconds since the epoch.

    Attributes:
        directory: The directory.

    Raises:
        OSError: If it cannot be opened or created.
    """

    def __init__(
        self, tree: LocalTree, directory: Directory, known: KnownFiles, times: tuple[int, int]
    ) -> None:
        self._tree = tree
        self.directory = directory
        self._known = known
        self._record = known.directory(directory.path)
        self._times = times
        self._parent, _, self._name = directory.path.rpartition("/")
        self._staged: str | None = None
        self._handle = -1
        self._names: list[str] = []
        if directory.exists or directory.parent is None:
            tree.enter(directory.path)
        elif directory.writes:
            above = tree.enter(self._parent)
            self._staged = tree.create_directory(above)
            self._handle = open_below(above, self._staged)
        else:
            above = tree.enter(self._parent)
            self._make_room(above)
            make_directory(above, self._name)

    def must_finish_before(self, write: Write, contents: Contents) -> bool:
        """Tell whether to call ``finish`` before this one: the directory has been kept too long."""
        return self._staged is not None and not (
            len(self._names) < _STAGED_FILES and contents.is_at_hand(write)
        )

    def write(self, write: Write, contents: Contents, clear: Callable[[], None] | None) -> None:
        """Write one file or link.

        Args:
            write: What to write.
            contents: Where its content comes from.
            clear: Called when it is written and before it takes its place, to make room for it.

        Raises:
            OSError: If it cannot be written; nothing is left of it then.
            GitError: If its content is missing or damaged; likewise.
        """
        if self._staged is not None:
            self._write_staged(write, contents)
            return
        handle = self._tree.enter(self.directory.path)
        temporary, written = self._write_beside(handle, write, contents)
        try:
            if clear is not None:
                clear()
                handle = self._tree.enter(self.directory.path)
            place(handle, temporary, write.name)
        except BaseException:
            with suppress(OSError):
                discard(self._tree.enter(self.directory.path), temporary)
            raise
        if written is not None:
            self._remember_renamed(handle, write, written)

    def _write_beside(
        self, handle: int, write: Write, contents: Contents
    ) -> tuple[str, os.stat_result | None]:
        """Write under a temporary name; return it, and the status if it is a file."""
        finish: Callable[[], os.stat_result | None]
        if write.mode == MODE_LINK:
            name = self._tree.create_link(handle, contents.target(write))
            finish = partial(set_link_times, handle, name, self._times)
        else:
            chunks = contents.chunks(write)
            descriptor, name = self._tree.create(handle)
            finish = partial(
                fill,
                descriptor,
                chunks,
                self._times,
                executable=write.mode == MODE_EXECUTABLE,
                wants_status=self._known.remembers_writes,
            )
        try:
            return name, finish()
        except BaseException:
            discard(handle, name)
            raise

    def _write_staged(self, write: Write, contents: Contents) -> None:
        handle, name = self._handle, write.name
        try:
            if write.mode == MODE_LINK:
                create_link(handle, name, contents.target(write))
                self._names.append(name)
                set_link_times(handle, name, self._times)
                return
            chunks = contents.chunks(write)
            descriptor = create_file(handle, name)
            self._names.append(name)
            status = fill(
                descriptor,
                chunks,
                self._times,
                executable=write.mode == MODE_EXECUTABLE,
                wants_status=self._known.remembers_writes,
            )
        except BaseException:
            if self._names and self._names[-1] == name:
                discard(handle, self._names.pop())
            raise
        if status is not None:
            self._known.put_written(self._record, name, status, write.oid, write.mode)

    def _remember_renamed(self, handle: int, write: Write, written: os.stat_result) -> None:
        """Remember a file as it is now: renaming it has changed one of its times."""
        with suppress(OSError):
            now = os.stat(write.name, dir_fd=handle, follow_symlinks=False)
            # Somebody may have replaced it or written to it since.
            if now.st_ino == written.st_ino and now.st_mtime_ns == written.st_mtime_ns:
                self._known.put_written(self._record, write.name, now, write.oid, write.mode)

    def finish(self) -> None:
        """Let what is written be seen.

        Raises:
            OSError: If the new directory cannot take its place; it is removed then.
        """
        staged, self._staged = self._staged, None
        if staged is None:
            return
        try:
            above = self._tree.enter(self._parent)
            self._make_room(above)
            try:
                place(above, staged, self._name)
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
                self._merge(staged)  # somebody has made the directory meanwhile
        except BaseException:
            self._abandon(staged)
            raise
        finally:
            os.close(self._handle)

    def _merge(self, staged: str) -> None:
        directory = self._tree.enter(self.directory.path)
        while self._names:
            name = self._names[-1]
            os.rename(name, name, src_dir_fd=self._handle, dst_dir_fd=directory)
            self._names.pop()
        os.rmdir(staged, dir_fd=self._tree.enter(self._parent))

    def _abandon(self, staged: str) -> None:
        with suppress(OSError):
            for name in self._names:
                discard(self._handle, name)
            os.rmdir(staged, dir_fd=self._tree.enter(self._parent))

    def _make_room(self, above: int) -> None:
        if self.directory.blocked:
            os.unlink(self._name, dir_fd=above)
