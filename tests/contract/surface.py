"""The public surface as the contract has it: what there is, and with which parameters.

Parameters are written as in a ``def``, without ``self`` and without annotations.
"""

from __future__ import annotations

NAMES = (
    "Batch",
    "BlobOid",
    "ChangeAction",
    "ChangeActionKind",
    "ChangeError",
    "ChangeReport",
    "ExcludeFilter",
    "FS",
    "FileEntry",
    "FileType",
    "GitError",
    "GitStore",
    "MirrorDiff",
    "NoteDict",
    "NoteNamespace",
    "NotesBatch",
    "RefChange",
    "RefDict",
    "ReflogEntry",
    "Signature",
    "StaleSnapshotError",
    "StatResult",
    "WalkEntry",
    "WriteEntry",
    "bundle_export",
    "bundle_import",
    "disk_glob",
    "resolve_credentials",
    "retry_write",
)
"""The top-level names (section 1)."""

WRITE = "message=None, mode=None, parents=None"

METHODS = {
    "GitStore": {
        "open": 'path, *, create=True, branch="main", author="vost", email="vost@localhost",'
        " compression=None, big_file_threshold=None",
        "backup": "url, *, dry_run=False, progress=None, refs=None, format=None, squash=False",
        "restore": "url, *, dry_run=False, progress=None, refs=None, format=None, delete=True,"
        " allow_empty=False",
        "bundle_export": "path, *, refs=None, squash=False, progress=None",
        "bundle_import": "path, *, refs=None, progress=None",
        "fs": "ref, *, back=0",
        "read_by_hash": "hash, *, offset=0, size=None",
        "has_hash": "hash",
        "pack": "*, progress=None",
        "gc": "*, progress=None",
    },
    "RefDict": {
        "set": "name, fs",
        "reflog": "name",
    },
    "FS": {
        "read": "path, *, offset=0, size=None",
        "read_text": 'path, encoding="utf-8"',
        "read_by_hash": "hash, *, offset=0, size=None",
        "open": 'path, mode="rb"',
        "readlink": "path",
        "exists": "path",
        "is_dir": "path",
        "file_type": "path",
        "object_hash": "path",
        "size": "path",
        "stat": "path=None",
        "ls": "path=None, *, recursive=False",
        "listdir": "path=None",
        "walk": "path=None",
        "glob": "pattern, *, submodules=False",
        "iglob": "pattern, *, submodules=False",
        "close": "",
        "write": f"path, data, *, {WRITE}",
        "write_text": f'path, text, *, encoding="utf-8", {WRITE}',
        "write_from_file": f"path, local_path, *, {WRITE}",
        "write_symlink": "path, target, *, message=None, parents=None",
        "writer": 'path, mode="wb"',
        "apply": "writes=None, removes=None, *, message=None, operation=None, parents=None",
        "batch": "message=None, operation=None, parents=None",
        "remove": "sources, *, recursive=False, dry_run=False, message=None, parents=None",
        "move": "sources, dest, *, recursive=False, dry_run=False, message=None, parents=None",
        "copy_from_ref": 'source, sources="", dest="", *, delete=False, dry_run=False,'
        " message=None, parents=None",
        "copy_in": "sources, dest, *, dry_run=False, follow_symlinks=False, message=None,"
        " mode=None, ignore_existing=False, delete=False, ignore_errors=False, checksum=True,"
        " exclude=None, parents=None",
        "sync_in": "local_path, repo_path, *, dry_run=False, message=None, ignore_errors=False,"
        " checksum=True, exclude=None, parents=None",
        "copy_out": "sources, dest, *, dry_run=False, ignore_existing=False, delete=False,"
        " ignore_errors=False, checksum=True",
        "sync_out": "repo_path, local_path, *, dry_run=False, ignore_errors=False, checksum=True",
        "back": "n=1",
        "log": "path=None, *, match=None, before=None",
        "undo": "steps=1",
        "redo": "steps=1",
        "squash": "*, parent=None, message=None",
    },
    "Batch": {
        "write": "path, data, *, mode=None",
        "write_text": 'path, text, *, encoding="utf-8", mode=None',
        "write_from_file": "path, local_path, *, mode=None",
        "write_symlink": "path, target",
        "remove": "path",
        "writer": 'path, mode="wb"',
        "commit": "",
    },
    "NoteDict": {},
    "NoteNamespace": {"batch": ""},
    "NotesBatch": {},
}
"""The methods that both faces have, with the contract's parameters."""

ADDED_PARAMETERS = {
    "GitStore.backup": "allow_empty=False",
    "GitStore.open": "durable=False, follow_alternates=False",
    "FS.open": 'encoding="utf-8"',
    "FS.log": "limit=None",
    "FS.copy_in": "exact=False, strict=False, progress=None",
    "FS.sync_in": "follow_symlinks=False, missing_ok=False, progress=None",
    "FS.copy_out": "mode=None, exact=False, strict=False, snapshots=None, progress=None",
    "FS.move": "strict=False",
    "RefDict.set": "replace=None, expected=None",
    "FS.sync_out": "missing_ok=False, progress=None",
}
"""Parameters beyond the contract: by keyword only."""

ADDED_METHODS = {
    "GitStore": {
        "memory": '*, branch="main", author="vost", email="vost@localhost"',
        "close": "",
        "statistics": "",
        "is_reachable": "hash, snapshots",
        "size_by_hash": "hash",
        "stream_by_hash": "hash, *, offset=0, size=None",
        "advertise_refs": "*, protocol=0",
        "upload_pack": "request, *, protocol=0, gzipped=False",
    },
    "RefDict": {
        "create": "name, *, replace=False",
        "watch": "name, *, since=None, poll=1.0",
    },
    "FS": {
        "entries": "path=None, *, recursive=False, glob=False, details=True",
        "diff": "base",
        "last_changes": "path=None, *, names=None, limit=10_000",
        "copy_from_refs": 'snapshots, sources, dest="", *, delete=False, ignore_existing=False,'
        " ignore_errors=False, mode=None, exact=False, strict=False, dry_run=False, message=None,"
        ' operation="cp", parents=None',
        "tagging": "name, *, replace=False",
        "read_many": "paths",
        "archive": 'format, *, path="", progress=None',
        "archive_out": 'target, *, format=None, path="", progress=None',
        "archive_in": 'source, dest="", *, format=None, message=None, parents=None, strict=True,'
        " replace=True, max_size=10 << 30, max_members=1_000_000, progress=None",
    },
}
"""Methods beyond the contract."""

MAPPING = {
    "clear": "",
    "get": "key, default=None",
    "items": "",
    "keys": "",
    "pop": "key, default",
    "popitem": "",
    "setdefault": "key, default=None",
    "update": "other",
    "values": "",
}
"""What a mapping has. The first parameter has another name in some; a default of ``pop`` is any."""

ASYNC_ONLY = {
    "RefDict": {
        "delete": "name",
        "contains": "name",
        "count": "",
        "set_current": "name",
    },
    "NoteDict": {"contains": "name"},
    "NoteNamespace": {
        "set": "key, text",
        "delete": "key",
        "contains": "key",
        "count": "",
        "set_for_current_branch": "text",
    },
    "NotesBatch": {"set": "key, text", "delete": "key"},
}
"""What stands for operators and assignments in the async face: the table of the design."""

PROPERTIES = {
    "GitStore": {"branches", "tags", "notes"},
    "FS": {
        "author_email",
        "author_name",
        "changes",
        "commit_hash",
        "message",
        "ref_name",
        "time",
        "tree_hash",
        "writable",
    },
    "Batch": {"closed", "fs"},
    "NoteDict": {"commits"},
}
"""What needs no I/O: plain properties or attributes in both faces."""

ADDED_PROPERTIES = {"GitStore": {"git_dir", "is_bare"}}
"""The same, beyond the contract: properties in both faces."""

WAITING_PROPERTIES = {
    "RefDict": {"current", "current_name"},
    "FS": {"parent"},
    "NoteNamespace": {"for_current_branch"},
}
"""Properties that the async face awaits."""

SETTERS = {"RefDict.current", "NoteNamespace.for_current_branch"}
"""Properties that the blocking face can assign."""

ITERATORS = {
    "FS.archive",
    "FS.iglob",
    "FS.log",
    "FS.walk",
    "GitStore.stream_by_hash",
    "GitStore.upload_pack",
    "RefDict.watch",
}
"""Methods that return an iterator: ``async for`` in the async face."""

OPENERS = {
    "FS.batch",
    "FS.open",
    "FS.tagging",
    "FS.writer",
    "Batch.writer",
    "NoteNamespace.batch",
}
"""Methods that wait for nothing: what most return is used in ``with`` or ``async with``."""

CONSTRUCTORS = {
    "FS": "store, commit_oid, ref_name=None, *, writable=None",
    "Batch": "fs, message=None, operation=None, parents=None",
    "ChangeAction": "path, action",
    "ChangeError": "path, error",
    "ExcludeFilter": "*, patterns=None, exclude_from=None, gitignore=False",
    "FileEntry": "path, type, src=None",
    "RefChange": "ref, old_target=None, new_target=None",
    "FileEntry.from_mode": "path, mode, src=None",
    "ReflogEntry": "old_sha, new_sha, committer, timestamp, message",
    "Signature": "name, email",
    "StatResult": "mode, file_type, size, hash, nlink, mtime",
    "WalkEntry": "name, oid, mode",
    "WriteEntry": "data=None, mode=None, target=None",
}
"""Parameters of what users construct."""

FUNCTIONS = {
    "bundle_export": "store, path, *, refs=None, squash=False, progress=None",
    "bundle_import": "store, path, *, refs=None, progress=None",
    "disk_glob": "pattern",
    "resolve_credentials": "url",
    "retry_write": f"store, branch, path, data, *, {WRITE}, retries=5",
}
"""Functions at the top level: the async face awaits them."""

ERRORS = {
    "VostError": Exception,
    "AllFailedError": RuntimeError,
    "GitError": Exception,
    "CorruptObjectError": Exception,
    "InvalidBundleError": ValueError,
    "MissingObjectError": KeyError,
    "RemoteError": Exception,
    "RemoteAccessError": PermissionError,
    "RemoteConnectionError": ConnectionError,
    "RemoteRejectedError": Exception,
    "StaleSnapshotError": Exception,
    "ObjectNotFoundError": KeyError,
    "RefNotFoundError": KeyError,
    "RefExistsError": KeyError,
    "NoteNotFoundError": KeyError,
    "RepositoryNotFoundError": FileNotFoundError,
    "NotARepositoryError": ValueError,
    "UnsupportedRepositoryError": ValueError,
    "LockedError": TimeoutError,
    "PathNotFoundError": FileNotFoundError,
    "PathIsDirectoryError": IsADirectoryError,
    "PathNotDirectoryError": NotADirectoryError,
    "ReadOnlySnapshotError": PermissionError,
    "InvalidPathError": ValueError,
    "InvalidRefNameError": ValueError,
    "ArchiveError": ValueError,
    "HistoryError": ValueError,
    "BatchClosedError": RuntimeError,
}
"""The errors, with the builtin one that callers may catch instead."""
