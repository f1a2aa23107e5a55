"""Writing below a directory of the local disk: nothing else writes there.

Directories are opened relative to their parents and never through a symbolic link, and what is
done in one is done by name relative to its handle: wherever a link leads that somebody put there,
before or meanwhile, nothing outside of the destination is written or removed. The destination
itself may be reached through links: whoever named it meant that.

A file is written under a temporary name beside its final one and renamed, so that there are only
whole files to see. The temporary names tell which process made them, for the next run to remove
what a killed one left behind.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import re
import stat
import time
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

TEMPORARY_PREFIX = ".vost-tmp."

LONGEST_PATH = 4096
"""Characters of the longest path of a directory: programs cannot reach what lies deeper."""

_TEMPORARY = re.compile(r"\.vost-tmp\.([0-9a-f]{8})\.([0-9a-f]{1,8})\.[0-9a-f]+")
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | getattr(os, "O_CLOEXEC", 0)
# Not to hang on a FIFO that has come to be where a file was.
_READ = os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_EXECUTABLE = 0o755
_LITTER_SECONDS = 86400.0
# Handles of one chain of directories; deeper down the ones between are opened again when needed.
_OPEN_HANDLES = 64
_TIME_LIMIT = 1 << 40
_NO_DIRECTORY = "The destination of a copy must be a directory, and this is none"

_HAS_HANDLES = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_numbers = itertools.count()


class LocalTree:
    """A directory of the local disk and what is below it. Belongs to one thread at a time.

    Args:
        descriptor: The directory's handle; it is closed with the tree.
    """

    def __init__(self, descriptor: int) -> None:
        # Name and handle of each directory on the way to the last one that was entered; a handle
        # of -1 was closed to keep their number bounded.
        self._chain: list[tuple[str, int]] = [("", descriptor)]
        self._prefix = f"{TEMPORARY_PREFIX}{_machine()}.{os.getpid():x}."

    @classmethod
    def open(cls, path: str) -> LocalTree | None:
        """Open an existing directory; ``None``: nothing is there.

        Raises:
            FileExistsError: If something is there that is no directory.
            NotADirectoryError: If a parent of it is no directory.
            OSError: If it cannot be opened, or this system has no handles of directories.
        """
        if not _HAS_HANDLES:
            raise OSError(
                errno.ENOTSUP,
                "Copying to disk needs a system that opens files relative to directories",
                path,
            )
        try:
            return cls(os.open(path, _DIRECTORY))
        except FileNotFoundError:
            if not os.path.islink(path):
                return None
            raise FileExistsError(errno.EEXIST, _NO_DIRECTORY, path) from None
        except NotADirectoryError:
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, _NO_DIRECTORY, path) from None
            raise

    @classmethod
    def make(cls, path: str) -> LocalTree:
        """Create a directory, and its parents where needed, and open it.

        Raises:
            FileExistsError: If something is there that is no directory.
            FileNotFoundError: If it is removed meanwhile.
            OSError: If it cannot be created.
        """
        os.makedirs(path, exist_ok=True)
        made = cls.open(path)
        if made is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return made

    def __enter__(self) -> LocalTree:
        return self

    def __exit__(self, *_: object) -> None:
        while self._chain:
            self._leave()

    def enter(self, path: str) -> int:
        """Return the handle of the directory at ``path``, valid until the next one is entered.

        Raises:
            OSError: If it does not exist, or it or a parent of it is no directory but perhaps a
                link to one.
        """
        names = path.split("/") if path else []
        chain = self._chain
        common = 1
        for (name, _), wanted in zip(chain[1:], names):  # noqa: B905 - the shorter one counts
            if name != wanted:
                break
            common += 1
        while len(chain) > common or chain[-1][1] < 0:
            self._leave()
        for name in names[len(chain) - 1 :]:
            self._descend(name)
        return chain[-1][1]

    def _descend(self, name: str) -> None:
        chain = self._chain
        chain.append((name, open_below(chain[-1][1], name)))
        if len(chain) > _OPEN_HANDLES:
            between, descriptor = chain[-2]
            os.close(descriptor)
            chain[-2] = (between, -1)

    def _leave(self) -> None:
        _, descriptor = self._chain.pop()
        if descriptor >= 0:
            os.close(descriptor)

    def create(self, directory: int) -> tuple[int, str]:
        """Create a temporary file in a directory; return its descriptor and its name.

        Raises:
            OSError: If it cannot be created.
        """
        while True:
            name = self._temporary()
            with suppress(FileExistsError):
                return create_file(directory, name), name

    def create_link(self, directory: int, target: bytes) -> str:
        """Make a symbolic link under a temporary name in a directory and return the name.

        Raises:
            OSError: If it cannot be made, for instance because the target is empty.
        """
        while True:
            name = self._temporary()
            with suppress(FileExistsError):
                create_link(directory, name, target)
                return name

    def create_directory(self, directory: int) -> str:
        """Create a directory under a temporary name in another one and return the name.

        Raises:
            OSError: If it cannot be created.
        """
        while True:
            name = self._temporary()
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=directory)
                return name

    def _temporary(self) -> str:
        return f"{self._prefix}{next(_numbers):x}"


def create_file(directory: int, name: str) -> int:
    """Create a file that does not exist and return its descriptor.

    Raises:
        OSError: If it exists or cannot be created.
    """
    return os.open(name, _CREATE, 0o666, dir_fd=directory)


def create_link(directory: int, name: str, target: bytes) -> None:
    """Make a symbolic link where nothing is.

    Raises:
        OSError: If something is there, or the target is one that no link can have.
    """
    if b"\0" in target:
        raise OSError(errno.EINVAL, "The target of the symbolic link contains NUL")
    os.symlink(os.fsdecode(target), name, dir_fd=directory)


def fill(
    descriptor: int,
    chunks: Iterable[bytes],
    times: tuple[int, int],
    *,
    executable: bool,
    wants_status: bool,
) -> os.stat_result | None:
    """Give a new file its content, mode and times, close it, and perhaps return its status.

    Args:
        descriptor: The file; it is closed, whatever happens.
        chunks: Its content.
        times: Of the last access and modification, in nanoseconds since the epoch.
        executable: Whether its mode is 0o755; others keep what the umask left them.
        wants_status: Whether the status is asked for.

    Raises:
        OSError: If it cannot be written.
    """
    try:
        for chunk in chunks:
            written = os.write(descriptor, chunk)
            while written < len(chunk):
                written += os.write(descriptor, memoryview(chunk)[written:])
        if executable:
            os.fchmod(descriptor, _EXECUTABLE)
        os.utime(descriptor, ns=times)
        return os.fstat(descriptor) if wants_status else None
    finally:
        os.close(descriptor)


def set_link_times(directory: int, name: str, times: tuple[int, int]) -> None:
    """Set the times of a symbolic link, in nanoseconds since the epoch.

    Raises:
        OSError: If that cannot be done.
    """
    os.utime(name, ns=times, dir_fd=directory, follow_symlinks=False)


def place(directory: int, temporary: str, name: str) -> None:
    """Give a temporary file its final name; a file, link or special file there is replaced.

    Raises:
        OSError: If that cannot be done.
    """
    os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)


def discard(directory: int, name: str) -> None:
    """Remove a temporary file if it is there."""
    with suppress(OSError):
        os.unlink(name, dir_fd=directory)


def open_below(directory: int, name: str) -> int:
    """Open a directory in another one, but no link to one; the handle is the caller's to close.

    Raises:
        OSError: If it cannot be opened, or is no directory.
    """
    return os.open(name, _DIRECTORY | _NO_FOLLOW, dir_fd=directory)


def make_directory(directory: int, name: str) -> None:
    """Create a directory unless it is there.

    Raises:
        FileExistsError: If something else is there.
        OSError: If it cannot be created.
    """
    try:
        os.mkdir(name, dir_fd=directory)
    except FileExistsError:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            raise


def open_to_read(directory: int, name: str) -> int:
    """Open a regular file for reading; its descriptor is the caller's to close.

    Raises:
        OSError: If it cannot be opened, or is no regular file (any more).
    """
    descriptor = os.open(name, _READ, dir_fd=directory)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a regular file", name)
    return descriptor


def is_litter(directory: int, name: str) -> bool:
    """Tell whether a file is a temporary one whose writer is dead.

    Of writers on other machines nothing is known: their files are litter after a day.
    """
    made = _TEMPORARY.fullmatch(name)
    if made is None:
        return False
    if made[1] == _machine():
        return not _is_alive(int(made[2], 16))
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return False
    return time.time() - status.st_ctime > _LITTER_SECONDS


def is_temporary(name: str) -> bool:
    """Tell whether a name is one that temporary files have."""
    return _TEMPORARY.fullmatch(name) is not None


def file_times(seconds: int) -> tuple[int, int]:
    """Return times of access and modification as ``os.utime`` wants them, within what it takes."""
    moment = max(-_TIME_LIMIT, min(seconds, _TIME_LIMIT)) * 1_000_000_000
    return moment, moment


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


@lru_cache(maxsize=1)
def _machine() -> str:
    """Return what tells process ids of here from those of other machines and containers."""
    facts = [os.uname().nodename]
    with suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        facts.append(file.read())
    with suppress(OSError):
        facts.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:8]


def located(error: OSError, path: str) -> OSError:
    """Return an error with the path that people know instead of a name in some directory."""
    error.filename, error.filename2 = path, None
    return error
