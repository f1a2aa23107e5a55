"""A versioned filesystem in bare Git repositories, for async programs.

Every write, or batch of writes, is a commit; a snapshot is immutable; old snapshots stay readable.
``vost_sync`` is the same API for blocking programs.
"""

from __future__ import annotations

TYPE_CHECKING = False  # that of typing takes long to import
if TYPE_CHECKING:
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
    from vost._model.mirror import MirrorDiff, RefChange
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

# The public names are imported when the first of them is asked for: the command has to take over
# Ctrl-C before that, and its help needs none of them. These modules define them, in this order.
_MODULES = (
    "vost._model.changes",
    "vost._model.errors",
    "vost._model.progress",
    "vost._model.types",
    "vost.batch",
    "vost.files",
    "vost.fs",
    "vost.notes",
    "vost.refs",
    "vost.store",
)

# What few programs need is imported alone, and only when it is asked for itself: all of it would
# make that import a tenth slower.
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


def __getattr__(name: str) -> object:
    """Import a public name; all of them at once but for those that few programs need."""
    if name in _LATE:
        from importlib import import_module  # late, as everything

        globals()[name] = _as_public(getattr(import_module(_LATE[name]), name))
    elif name in __all__ or f"{__name__}.{name}" in _MODULES:
        _import_names()
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals()[name]


def __dir__() -> list[str]:
    """Return all names, those that are imported late too."""
    return sorted({*globals(), *__all__})


def _import_names() -> None:
    """Import all public names that are not imported one by one."""
    from importlib import import_module

    found: dict[str, object] = {}
    for module in reversed(_MODULES):
        found.update(vars(import_module(module)))
    for name in set(__all__) - set(_LATE):
        globals()[name] = _as_public(found[name])


def _as_public(value: object) -> object:
    """Show the public place of a class in messages and pickles, not the module behind it."""
    if isinstance(value, type):
        value.__module__ = __name__
    return value
