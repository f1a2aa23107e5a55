"""A versioned filesystem in bare Git repositories, for async programs.

Every write, or batch of writes, is a commit; a snapshot is immutable; old snapshots stay readable.
``vost_sync`` is the same API for blocking programs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from vost._model.changes import (
    ChangeAction,
    ChangeActionKind,
    ChangeError,
    ChangeReport,
    FileEntry,
)
from vost._model.errors import (
    AllFailedError,
    ArchiveError,
    BatchClosedError,
    CorruptObjectError,
    GitError,
    HistoryError,
    InvalidBundleError,
    InvalidPathError,
    InvalidRefNameError,
    LockedError,
    MissingObjectError,
    NotARepositoryError,
    NoteNotFoundError,
    ObjectNotFoundError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
    ReadOnlySnapshotError,
    RefExistsError,
    RefNotFoundError,
    RemoteAccessError,
    RemoteConnectionError,
    RemoteError,
    RemoteRejectedError,
    RepositoryNotFoundError,
    StaleSnapshotError,
    UnsupportedRepositoryError,
    VostError,
)
from vost._model.progress import Progress
from vost._model.types import (
    BlobOid,
    FileType,
    Listing,
    PathInfo,
    ReflogEntry,
    Signature,
    StatResult,
    StoreStatistics,
    WalkEntry,
    WriteEntry,
)
from vost.batch import Batch
from vost.files import BatchWriter, Reader, SnapshotWriter, TextReader
from vost.fs import FS
from vost.notes import NoteDict, NoteNamespace, NotesBatch
from vost.refs import RefDict
from vost.store import GitStore

if TYPE_CHECKING:
    from vost._model.mirror import MirrorDiff, RefChange
    from vost._transfer.exclude import ExcludeFilter
    from vost.disk import disk_glob
    from vost.remote import bundle_export, bundle_import, resolve_credentials
    from vost.retry import retry_write

# What few programs need is imported when it is asked for: all of it would make the import of vost
# a tenth slower.
_LATE = {
    "ExcludeFilter": "vost._transfer.exclude",
    "MirrorDiff": "vost._model.mirror",
    "RefChange": "vost._model.mirror",
    "bundle_export": "vost.remote",
    "bundle_import": "vost.remote",
    "disk_glob": "vost.disk",
    "resolve_credentials": "vost.remote",
    "retry_write": "vost.retry",
}

__version__ = "0.1.0"

__all__ = (
    "FS",
    "AllFailedError",
    "ArchiveError",
    "Batch",
    "BatchClosedError",
    "BatchWriter",
    "BlobOid",
    "ChangeAction",
    "ChangeActionKind",
    "ChangeError",
    "ChangeReport",
    "CorruptObjectError",
    "ExcludeFilter",
    "FileEntry",
    "FileType",
    "GitError",
    "GitStore",
    "HistoryError",
    "InvalidBundleError",
    "InvalidPathError",
    "InvalidRefNameError",
    "Listing",
    "LockedError",
    "MirrorDiff",
    "MissingObjectError",
    "NotARepositoryError",
    "NoteDict",
    "NoteNamespace",
    "NoteNotFoundError",
    "NotesBatch",
    "ObjectNotFoundError",
    "PathInfo",
    "PathIsDirectoryError",
    "PathNotDirectoryError",
    "PathNotFoundError",
    "Progress",
    "ReadOnlySnapshotError",
    "Reader",
    "RefChange",
    "RefDict",
    "RefExistsError",
    "RefNotFoundError",
    "ReflogEntry",
    "RemoteAccessError",
    "RemoteConnectionError",
    "RemoteError",
    "RemoteRejectedError",
    "RepositoryNotFoundError",
    "Signature",
    "SnapshotWriter",
    "StaleSnapshotError",
    "StatResult",
    "StoreStatistics",
    "TextReader",
    "UnsupportedRepositoryError",
    "VostError",
    "WalkEntry",
    "WriteEntry",
    "bundle_export",
    "bundle_import",
    "disk_glob",
    "resolve_credentials",
    "retry_write",
)


def _as_public(value: object) -> object:
    """Show the public place of a class in messages and pickles, not the module behind it."""
    if isinstance(value, type):
        value.__module__ = __name__
    return value


def __getattr__(name: str) -> object:
    """Import a public name that is imported late."""
    if name not in _LATE:
        raise AttributeError(f"module 'vost' has no attribute {name!r}")
    value = _as_public(getattr(import_module(_LATE[name]), name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return all names, those that are imported late too."""
    return sorted({*globals(), *_LATE})


for _name in set(__all__) - set(_LATE):
    _as_public(globals()[_name])
del _name
