"""Whether a local file is what a copy would write in its place."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from vost._model.objects import ObjectType, hash_object, object_hasher
from vost._model.types import MODE_BLOB, MODE_EXECUTABLE, MODE_LINK
from vost._transfer.localtree import open_to_read

if TYPE_CHECKING:
    from vost._model.objects import Oid
    from vost._storage.statcache import DirectoryRecord

    from .job import Job
    from .wanted import Row

# From this size on it pays to ask the repository how long the blob is before the file is read.
_ASK_FOR_SIZE = 1 << 16
_CHUNK = 1 << 18


def is_same(
    job: Job,
    directory: int,
    name: str,
    status: os.stat_result,
    row: Row,
    record: DirectoryRecord,
) -> bool:
    """Tell whether a local entry has the kind, the executable bit and the content of a row.

    Args:
        job: What is done, and how.
        directory: Handle of the directory.
        name: Name of the entry in it.
        status: Its status; links are not followed.
        row: What is wanted there: a file or link.
        record: What is remembered of the directory.

    Raises:
        PermissionError: If a file must be read and may not be.
        OSError: If it cannot be read for another reason.
    """
    if stat.S_ISLNK(status.st_mode):
        if row.mode != MODE_LINK:
            return False
        target = os.fsencode(os.readlink(name, dir_fd=directory))
        return hash_object(ObjectType.BLOB, target) == row.oid
    if not stat.S_ISREG(status.st_mode) or row.mode == MODE_LINK:
        return False
    mode = MODE_EXECUTABLE if status.st_mode & 0o111 else MODE_BLOB
    if mode != row.mode:
        return False
    options = job.options
    if options.delete and not options.checksum and int(status.st_mtime) <= job.seconds:
        return True
    if status.st_size >= _ASK_FOR_SIZE and job.repository.blob_size(row.oid) != status.st_size:
        return False
    try:
        found, oid = _hash_file(job, directory, name)
    except PermissionError:
        if options.delete:
            raise
        return False  # what cannot be read can still be replaced
    if oid is None:
        return False
    record.put(name, found, oid, mode)
    return oid == row.oid


def _hash_file(job: Job, directory: int, name: str) -> tuple[os.stat_result, Oid | None]:
    """Return a file's status and the id that it would have as a blob; ``None``: it changes."""
    descriptor = open_to_read(directory, name)
    try:
        status = os.fstat(descriptor)
        size = status.st_size
        if size <= _CHUNK:
            data = os.read(descriptor, size + 1)
            if len(data) != size:
                return status, None
            oid = hash_object(ObjectType.BLOB, data)
        else:
            hasher = object_hasher(ObjectType.BLOB, size)
            left = size
            while chunk := os.read(descriptor, _CHUNK):
                job.check()
                hasher.update(chunk)
                left -= len(chunk)
            if left:
                return status, None
            oid = hasher.digest()
    finally:
        os.close(descriptor)
    return status, oid
