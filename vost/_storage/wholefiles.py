"""Files for the user that are complete whenever they are to be seen."""

from __future__ import annotations

import errno
import os
import selectors
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vost._model.errors import PathIsDirectoryError

from .directories import sync_directory
from .temporary import write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_PATIENCE = 0.05
"""Seconds between two looks whether the caller was cancelled, while nobody reads a pipe."""


def write_whole_file(path: str, pieces: Iterable[bytes], check: Callable[[], None]) -> None:
    """Write pieces to a file that appears when it is complete, durably; until then, the old stays.

    A device, a pipe or a file that is open already (``/dev/stdout``) is written to as it is.

    Args:
        path: The file.
        pieces: What it is to contain.
        check: Called while nobody reads a pipe; raises when the caller was cancelled.

    Raises:
        PathIsDirectoryError: If ``path`` is a directory.
        FileNotFoundError: If its directory does not exist.
        OSError: If it cannot be written.
    """
    target = Path(path)
    mode = _mode_of(target)
    if mode is not None and stat.S_ISDIR(mode):
        raise PathIsDirectoryError(f"Is a directory: {str(target)!r} (a file was expected)")
    if mode is not None and stat.S_ISFIFO(mode):
        _write_pipe(target, pieces, check)
        return
    if mode is not None and (not stat.S_ISREG(mode) or _is_open(target)):
        with target.open("wb", buffering=0) as file:
            for piece in pieces:
                write_all(file.fileno(), piece)
        return
    descriptor, temporary = _create_beside(target)
    try:
        try:
            for piece in pieces:
                write_all(descriptor, piece)
            if mode is not None:
                _keep_permissions(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    with suppress(OSError):  # the file is there; not every file system can do more
        sync_directory(str(target.parent))


def _write_pipe(target: Path, pieces: Iterable[bytes], check: Callable[[], None]) -> None:
    """Write to a pipe, never waiting inside of the system: no cancellation ends that."""
    while (pipe := _open_pipe(target)) is None:
        check()
        time.sleep(_PATIENCE)
    try:
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_WRITE)
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    check()
                    if ready.select(_PATIENCE):
                        with suppress(BlockingIOError):
                            rest = rest[os.write(pipe, rest) :]
    finally:
        os.close(pipe)


def _open_pipe(target: Path) -> int | None:
    """Open a pipe to write to; ``None``: nobody reads it yet."""
    try:
        return os.open(target, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return None


def _mode_of(target: Path) -> int | None:
    """Return the mode of what is there, through links; ``None`` if nothing is."""
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return None


def _is_open(target: Path) -> bool:
    """Tell whether a path stands for an open file of a process: nothing can take its place."""
    if not target.is_symlink():
        return False
    places = target.readlink(), target.parent.resolve()
    return any(str(place).startswith("/proc/") for place in places)


def _create_beside(target: Path) -> tuple[int, Path]:
    """Create a file of an unheard-of name in the same directory, with the usual permissions."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    flags |= getattr(os, "O_BINARY", 0)
    while True:
        # Cut, for the whole name must not be longer than a file system allows.
        temporary = target.parent / f".{target.name[:40]}.{os.urandom(8).hex()}.tmp"
        try:
            return os.open(temporary, flags, 0o666), temporary
        except FileExistsError:
            continue
        except FileNotFoundError:
            raise FileNotFoundError(
                f"No such directory: {str(target.parent)!r} (for {str(target)!r})"
            ) from None


def _keep_permissions(descriptor: int, mode: int) -> None:
    if hasattr(os, "fchmod"):
        with suppress(OSError):
            os.fchmod(descriptor, stat.S_IMODE(mode) & 0o777)
