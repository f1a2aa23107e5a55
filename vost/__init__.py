"""A versioned filesystem in bare Git repositories, for async programs.

Every write, or batch of writes, is a commit; a snapshot is immutable; old snapshots stay readable.
``vost_sync`` is the same API for blocking programs.
"""

from __future__ import annotations

from vost._model.changes import (
    ChangeAction,
    ChangeActionKind,
    ChangeError,
    ChangeReport,
    FileEntry,
)
from vost._model.errors import (
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
from vost._model.mirror import MirrorDiff, RefChange
from vost._model.progress import Progress
from vost._model.types import (
    BlobOid,
    FileType,
    ReflogEntry,
    Signature,
    StatResult,
    WalkEntry,
    WriteEntry,
)
from vost._transfer.exclude import ExcludeFilter
from vost.batch import Batch
from vost.disk import disk_glob
from vost.files import BatchWriter, Reader, SnapshotWriter, TextReader
from vost.fs import FS
from vost.notes import NoteDict, NoteNamespace, NotesBatch
from vost.refs import RefDict
from vost.remote import bundle_export, bundle_import, resolve_credentials
from vost.retry import retry_write
from vost.store import GitStore

__version__ = "0.1.0"

__all__ = (
    "FS",
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
    "LockedError",
    "MirrorDiff",
    "MissingObjectError",
    "NotARepositoryError",
    "NoteDict",
    "NoteNamespace",
    "NoteNotFoundError",
    "NotesBatch",
    "ObjectNotFoundError",
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

for _name in __all__:
    # Users see public names in messages and pickles, not the modules behind them.
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__
del _name
