"""Every error that vost raises on purpose.

::

    VostError
    ├── GitError                      the object database does not hold what it should
    │   ├── CorruptObjectError        an object is damaged or malformed
    │   ├── InvalidBundleError        (ValueError) a file is no bundle, or a damaged one
    │   ├── MissingObjectError        (also ObjectNotFoundError) an object that another one needs
    │   └── RemoteError               talking to another repository failed
    │       ├── RemoteAccessError     (PermissionError) credentials are missing or refused
    │       ├── RemoteConnectionError (ConnectionError) no connection, or it broke or timed out
    │       └── RemoteRejectedError   the other side refused to change refs
    ├── StaleSnapshotError            the branch moved on since the snapshot was taken
    ├── ObjectNotFoundError           (KeyError) no object of that id
    ├── RefNotFoundError              (KeyError) no branch, tag or ref of that name
    ├── RefExistsError                (KeyError) a ref that must not be overwritten exists
    ├── NoteNotFoundError             (KeyError) the commit has no note
    ├── RepositoryNotFoundError       (FileNotFoundError) nothing at that place
    ├── NotARepositoryError           (ValueError) something is there, but no repository
    │   └── UnsupportedRepositoryError  a repository of a format that vost cannot read
    ├── LockedError                   (TimeoutError) another process holds a lock for too long
    ├── PathNotFoundError             (FileNotFoundError) no such path in the snapshot
    ├── PathIsDirectoryError          (IsADirectoryError) a file was expected
    ├── PathNotDirectoryError         (NotADirectoryError) a directory was expected
    ├── ReadOnlySnapshotError         (PermissionError) tags and detached snapshots
    ├── InvalidPathError              (ValueError) a path that cannot be stored
    ├── InvalidRefNameError           (ValueError) a name that no branch or tag may have
    ├── ArchiveError              (ValueError) what cannot be read from or put into an archive
    ├── HistoryError                  (ValueError) history is too short for the request
    ├── AllFailedError                (RuntimeError) a copy that ignores errors copied nothing
    └── BatchClosedError              (RuntimeError) the batch was committed or abandoned

Each leaf is also the builtin exception that the documented behaviour names, so that callers
may catch either. Wrong argument types raise a plain ``TypeError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .changes import ChangeError


class VostError(Exception):
    """Root of all errors that vost raises on purpose."""


class GitError(VostError):
    """Raised when the object database does not hold what it should."""


class CorruptObjectError(GitError):
    """Raised when an object is damaged, malformed or does not match its id."""


class InvalidBundleError(GitError, ValueError):
    """Raised when a file is no Git bundle, or one that is damaged or not complete."""


class RemoteError(GitError):
    """Raised when the conversation with another repository fails.

    Messages name its URL without credentials.
    """


class RemoteAccessError(RemoteError, PermissionError):
    """Raised when another repository wants other credentials, or none that we have."""


class RemoteConnectionError(RemoteError, ConnectionError):
    """Raised when there is no connection to another repository, or it breaks or takes too long."""


class RemoteRejectedError(RemoteError):
    """Raised when another repository refuses to change refs; the message names them."""


class StaleSnapshotError(VostError):
    """Raised when a branch has moved on since the snapshot that is written from."""


class _MessageKeyError(VostError, KeyError):
    """A ``KeyError`` whose text is its message: ``KeyError`` alone would show its ``repr``."""

    def __str__(self) -> str:
        return str(self.args[-1]) if self.args else ""


class ObjectNotFoundError(_MessageKeyError):
    """Raised when no object of the requested id exists."""


class MissingObjectError(GitError, ObjectNotFoundError):
    """Raised when an object that another one names is not in the repository."""


class RefNotFoundError(_MessageKeyError):
    """Raised when a branch, tag or other ref does not exist.

    ``args[0]`` is the name that was asked for; the last argument is the message.
    """


class RefExistsError(_MessageKeyError):
    """Raised when a ref that is never overwritten (a tag) exists already."""


class NoteNotFoundError(_MessageKeyError):
    """Raised when a commit has no note in the namespace."""


class RepositoryNotFoundError(VostError, FileNotFoundError):
    """Raised when nothing exists where a repository was expected."""


class NotARepositoryError(VostError, ValueError):
    """Raised when something exists at the place, but it is not a Git repository."""


class UnsupportedRepositoryError(NotARepositoryError):
    """Raised for a Git repository of a format that vost cannot read, such as SHA-256."""


class LockedError(VostError, TimeoutError):
    """Raised when a lock is held by somebody else for longer than the patience for it."""


class PathNotFoundError(VostError, FileNotFoundError):
    """Raised when a path does not exist in the snapshot."""


class PathIsDirectoryError(VostError, IsADirectoryError):
    """Raised when a path is a directory and a file was expected."""


class PathNotDirectoryError(VostError, NotADirectoryError):
    """Raised when a path is a file and a directory was expected."""


class AllFailedError(VostError, RuntimeError):
    """Raised when a copy that ignores errors could not copy anything.

    Args:
        message: What happened, with the first of the errors.
        errors: All of them.
    """

    def __init__(self, message: str, errors: Sequence[ChangeError] = ()) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


class ReadOnlySnapshotError(VostError, PermissionError):
    """Raised when a tag or detached snapshot is written to."""


class InvalidPathError(VostError, ValueError):
    """Raised for a path that cannot be stored in a repository."""


class InvalidRefNameError(VostError, ValueError):
    """Raised for a name that no branch, tag or notes namespace may have."""


class ArchiveError(VostError, ValueError):
    """Raised for an archive that is damaged, or a member that may not go into or out of one."""


class HistoryError(VostError, ValueError):
    """Raised when history or the reflog is too short for what was asked."""


class BatchClosedError(VostError, RuntimeError):
    """Raised when a batch that was committed or abandoned is used again."""


class Busy(Exception):  # noqa: N818 - not an error to users: the caller waits and tries again
    """A lock is not available now: wait a little and try the whole step again.

    Args:
        what: Sentence that names the lock, its age and its holder as far as they are known.
        patience: Seconds for which trying again makes sense before giving up.
        which: Tells one lock from the next at the same place, where that is known: the patience
            is for one that stays.
    """

    def __init__(self, what: str, patience: float, which: tuple[int, int] | None = None) -> None:
        super().__init__(what, patience, which)
        self.what = what
        self.patience = patience
        self.which = which
