"""What the file system's calls are answered: the methods that mfusepy and libfuse ask for.

Names, arguments and results are those of ``mfusepy.Operations``, which follows libfuse's
``struct fuse_operations`` (https://libfuse.github.io/doxygen/structfuse__operations.html), but
nothing of it is imported. Each method raises ``OSError`` with an errno, and nothing else.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import OrderedDict
from functools import wraps
from threading import Lock
from typing import TYPE_CHECKING, NoReturn, TypeVar

from vost_sync import FileType, InvalidPathError, PathNotFoundError

from .openfiles import OpenFile, OpenFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Concatenate

    from typing_extensions import ParamSpec

    from vost.mount.views import View
    from vost_sync import FS, StatResult

    P = ParamSpec("P")

T = TypeVar("T")

__all__ = ("Operations",)

_MODES = {
    FileType.BLOB: stat.S_IFREG | 0o644,
    FileType.EXECUTABLE: stat.S_IFREG | 0o755,
    FileType.LINK: stat.S_IFLNK | 0o777,
    FileType.TREE: stat.S_IFDIR | 0o755,
}
_SUBMODULE = "commit"  # what a listing calls it
_DIRECTORY = _MODES[FileType.TREE]

_NANOSECONDS = 10**9
_BLOCK = 512  # what st_blocks counts, whatever the block size of the file system
_LONGEST_NAME = 1024
"""Bytes of a name that the kernel takes (FUSE_NAME_MAX); a longer one spoils the whole listing."""

_LISTINGS = 256
"""Directories of which it is remembered what submodules they have."""

_STATFS = {
    "f_bsize": 4096,
    "f_frsize": 4096,
    "f_blocks": 0,
    "f_bfree": 0,
    "f_bavail": 0,
    "f_files": 0,
    "f_ffree": 0,
    "f_favail": 0,
    "f_namemax": 255,
}


def _answered(
    method: Callable[Concatenate[Operations, P], T],
) -> Callable[Concatenate[Operations, P], T]:
    """Let a method raise nothing but ``OSError`` with an errno."""

    @wraps(method)
    def answer(self: Operations, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except (InvalidPathError, FileNotFoundError):
            code = errno.ENOENT
        except IsADirectoryError:
            code = errno.EISDIR
        except NotADirectoryError:
            code = errno.ENOTDIR
        except MemoryError:
            code = errno.ENOMEM
        except Exception as error:  # noqa: BLE001 - whoever reads gets an errno, the mount goes on
            code = _errno_of(error) or self._trouble(error)
        raise OSError(code, os.strerror(code))

    return answer


def _errno_of(error: Exception) -> int | None:
    return error.errno if isinstance(error, OSError) else None


class Operations:
    """Answers for a read-only file system that shows a snapshot.

    Args:
        view: Says which snapshot.
        report: Told in one line of what is damaged; whoever reads it gets ``EIO``.
        ready: Called when the file system is mounted.
    """

    use_ns = True
    """Times are whole nanoseconds: mfusepy asks."""

    def __init__(
        self,
        view: View,
        *,
        report: Callable[[str], None] | None = None,
        ready: Callable[[], None] | None = None,
    ) -> None:
        self._view = view
        self._report = report
        self._ready = ready
        self._files = OpenFiles()
        self._owner = {"st_uid": os.getuid(), "st_gid": os.getgid()}
        self._submodules: OrderedDict[str, frozenset[str]] = OrderedDict()
        self._lock = Lock()

    # --- life

    def init(self, path: str) -> None:  # noqa: ARG002 - the interface's signature
        """Say that the file system is mounted."""
        if self._ready is not None:
            self._ready()

    def destroy(self, path: str) -> None:  # noqa: ARG002 - the interface's signature
        """Let go of everything. Idempotent."""
        self._files.clear()

    # --- what is there

    @_answered
    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        """Return the attributes of what is at ``path``, or of an open file."""
        file = self._files.get(fh)
        if file is not None:
            return self._attributes(file.status)
        fs = self._view.snapshot()
        status = self._status(fs, _inner(path))
        if status is None:
            return self._directory(int(fs.time.timestamp()))
        return self._attributes(status)

    @_answered
    def access(self, path: str, amode: int) -> int:
        """Refuse writing, and running what is no program; everything else is allowed."""
        status = self._status(self._view.snapshot(), _inner(path))
        if amode & os.W_OK:
            _refuse(errno.EROFS)
        if amode & os.X_OK and status is not None and status.file_type is FileType.BLOB:
            _refuse(errno.EACCES)
        return 0

    @_answered
    def readdir(self, path: str, fh: int) -> list[tuple[str, int, int]]:  # noqa: ARG002
        """Return name, mode and 0 of the entries of a directory, ``.`` and ``..`` first."""
        fs = self._view.snapshot()
        place = _inner(path)
        status = self._status(fs, place)
        found = [(name, _DIRECTORY, 0) for name in (".", "..")]
        if status is None:  # a submodule
            return found
        if status.file_type is not FileType.TREE:
            _refuse(errno.ENOTDIR)
        return found + [(name, mode, 0) for name, mode in _children(fs, place)]

    @_answered
    def readlink(self, path: str) -> str:
        """Return the target of a symbolic link."""
        fs = self._view.snapshot()
        place = _inner(path)
        status = self._status(fs, place)
        if status is None or status.file_type is not FileType.LINK:
            _refuse(errno.EINVAL)
        return fs.readlink(place)

    def statfs(self, path: str) -> dict[str, int]:  # noqa: ARG002 - the interface's signature
        """Return what is known of the whole file system: blocks of 4096 bytes, none of them."""
        return _STATFS

    # --- contents

    @_answered
    def open(self, path: str, flags: int) -> int:
        """Open a file for reading and return its number."""
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
            _refuse(errno.EROFS)
        fs = self._view.snapshot()
        place = _inner(path)
        return self._files.add(OpenFile(fs, place, self._file(fs, place)))

    @_answered
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Return at most ``size`` bytes from ``offset``; fewer only at the end."""
        data = self._files.read(fh, size, offset)
        if data is not None:
            return data
        fs = self._view.snapshot()
        place = _inner(path)
        self._file(fs, place)
        return fs.read(place, offset=offset, size=size)

    def release(self, path: str, fh: int) -> int:  # noqa: ARG002 - the interface's signature
        """Close a file."""
        self._files.remove(fh)
        return 0

    @property
    def open_files(self) -> int:
        """How many files are open."""
        return len(self._files)

    # --- what is refused

    def refuse(self, *args: object) -> NoReturn:  # noqa: ARG002 - those of many operations
        """Refuse whatever would change something.

        Raises:
            OSError: Always: ``EROFS``.
        """
        _refuse(errno.EROFS)

    chmod = chown = create = fallocate = link = mkdir = mknod = removexattr = refuse
    rename = rmdir = setxattr = symlink = truncate = unlink = utimens = write = refuse

    # --- how it is found

    def _status(self, fs: FS, place: str) -> StatResult | None:
        """Return what is at a path; ``None``: a submodule.

        Raises:
            PathNotFoundError: If nothing is there.
        """
        try:
            return fs.stat(place)
        except PathNotFoundError:
            directory, _, name = place.rpartition("/")
            if name in self._submodules_in(fs, directory):
                return None
            raise

    def _file(self, fs: FS, place: str) -> StatResult:
        """Return what is at a path, which must be a file.

        Raises:
            PathNotFoundError: If nothing is there.
            IsADirectoryError: If it is a directory.
        """
        status = self._status(fs, place)
        if status is None or status.file_type is FileType.TREE:
            _refuse(errno.EISDIR)
        return status

    def _submodules_in(self, fs: FS, directory: str) -> frozenset[str]:
        """Return the names of the submodules in a directory, which need not exist.

        They are remembered by its id: shells and editors look for many names that do not exist.
        """
        try:
            status = fs.stat(directory)
        except PathNotFoundError:
            return frozenset()
        if status.file_type is not FileType.TREE:
            return frozenset()
        key = status.hash
        with self._lock:
            known = self._submodules.get(key)
            if known is not None:
                self._submodules.move_to_end(key)
                return known
        listed = fs.entries(directory, details=False).entries
        names = frozenset(
            entry.path.rpartition("/")[2] for entry in listed if entry.kind == _SUBMODULE
        )
        with self._lock:
            self._submodules[key] = names
            if len(self._submodules) > _LISTINGS:
                self._submodules.popitem(last=False)
        return names

    def _attributes(self, status: StatResult) -> dict[str, int]:
        if status.file_type is FileType.TREE:
            return self._directory(int(status.mtime), status.nlink)
        blocks = -(-status.size // _BLOCK)
        return self._owned(int(status.mtime)) | {
            "st_mode": _MODES[status.file_type],
            "st_nlink": 1,
            "st_size": status.size,
            "st_blocks": blocks,
        }

    def _directory(self, seconds: int, links: int = 2) -> dict[str, int]:
        return self._owned(seconds) | {"st_mode": _DIRECTORY, "st_nlink": links, "st_size": 0}

    def _owned(self, seconds: int) -> dict[str, int]:
        moment = seconds * _NANOSECONDS
        times = {"st_atime": moment, "st_mtime": moment, "st_ctime": moment}
        return self._owner | times

    def _trouble(self, error: Exception) -> int:
        if self._report is not None:
            self._report(str(error) or type(error).__name__)
        return errno.EIO


def _children(fs: FS, place: str) -> Iterator[tuple[str, int]]:
    """Yield name and mode of what is in a directory, forged names left out."""
    for entry in fs.entries(place, details=False).entries:
        name = entry.path.rpartition("/")[2]
        if len(name) > _LONGEST_NAME // 4 and len(os.fsencode(name)) > _LONGEST_NAME:
            continue
        kind = entry.kind
        yield name, _DIRECTORY if kind == _SUBMODULE else _MODES[FileType(kind)]


def _inner(path: str) -> str:
    """Return the path in the repository of a path below the mount point."""
    return path.strip("/")


def _refuse(code: int) -> NoReturn:
    raise OSError(code, os.strerror(code))
