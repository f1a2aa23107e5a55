"""Temporary files beside their final place, named so that git's own gc sweeps leftovers.

``git gc`` and ``git prune`` remove ``tmp_obj_*`` and ``tmp_pack_*`` once they are old. Ours
carry one more mark in the name, and a ``flock`` where they live long, so that our own sweep can
tell at once which of them belong to a dead process.
"""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from typing import TYPE_CHECKING

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no flock
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOOSE_PREFIX = "tmp_obj_"
PACK_PREFIX = "tmp_pack_"
INDEX_PREFIX = "tmp_idx_"
OUR_MARK = "vost"

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_numbers = itertools.count()
_token = os.urandom(4).hex()


def create(directory: str, prefix: str) -> tuple[int, str]:
    """Create a file that nobody else has and return its descriptor and path.

    Args:
        directory: Where it is created. It must exist.
        prefix: How its name begins.
    """
    while True:
        # The process id keeps a forked child apart, the token other machines.
        name = f"{prefix}{OUR_MARK}{os.getpid():x}_{_token}_{next(_numbers):x}"
        path = f"{directory}/{name}"
        try:
            return os.open(path, _CREATE, 0o444), path
        except FileExistsError:
            continue


def create_locked(directory: str, prefix: str) -> tuple[int, str]:
    """Create a file as ``create`` does and hold a ``flock`` on it until it is closed."""
    while True:
        descriptor, path = create(directory, prefix)
        if lock_new_file(descriptor):
            return descriptor, path
        os.close(descriptor)


def lock_new_file(descriptor: int) -> bool:
    """Lock a file just created; ``False`` if a sweep removed it before it was locked."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return True  # A file system without flock: age alone protects the file.
    return os.fstat(descriptor).st_nlink > 0


def is_held(path: str) -> bool:
    """Tell whether a live process holds the ``flock`` of a file."""
    if fcntl is None:
        return True
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def remove_if_dead(path: str, *others: str) -> bool:
    """Remove a file that is made to be locked, and ``others``, unless a process holds the lock.

    The lock is taken for it: who created the file and is about to lock it sees then that it is
    gone, and makes a new one.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        remove_quietly([*others, path])
        return True
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of ``data``, however many calls it takes."""
    written = os.write(descriptor, data)
    while written < len(data):
        data = memoryview(data)[written:]
        written = os.write(descriptor, data)


def sync_directory(path: str) -> None:
    """Make what was created or renamed in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_quietly(paths: Sequence[str]) -> None:
    """Remove files that may be gone already or may not be removable: they are litter."""
    for path in paths:
        with suppress(OSError):
            os.unlink(path)


def place(descriptor: int, temporary: str, final: str) -> None:
    """Rename a finished temporary file, even if somebody removed its name meanwhile.

    ``git prune`` with no grace period removes temporary files that are in use. The data is
    still there as long as the file is open: it is written once more.

    Args:
        descriptor: The file, open for reading.
        temporary: Its present path.
        final: Where it goes; an existing file there is replaced.
    """
    try:
        os.rename(temporary, final)
    except FileNotFoundError:
        directory = os.path.dirname(final)
        copy, path = create(directory, PACK_PREFIX)
        try:
            for chunk in read_chunks(descriptor, 0, os.fstat(descriptor).st_size):
                write_all(copy, chunk)
            os.fsync(copy)
            os.rename(path, final)
        except BaseException:
            remove_quietly([path])
            raise
        finally:
            os.close(copy)


def read_chunks(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    """Yield a part of a file in pieces of at most 1 MiB."""
    while start < end:
        chunk = os.pread(descriptor, min(end - start, 1 << 20), start)
        if not chunk:
            return
        start += len(chunk)
        yield chunk
