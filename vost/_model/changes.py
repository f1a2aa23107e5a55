"""What an operation changed: the report that a snapshot carries in ``changes``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from .types import FileType


class ChangeActionKind(str, Enum):
    """What happened to a path. Members equal their value, such as ``"add"``."""

    ADD = "add"
    UPDATE = "update"
    DELETE = "delete"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class ChangeAction:
    """One change, for listings.

    Args:
        path: The path that changed.
        action: What happened to it.
    """

    path: str
    action: ChangeActionKind


@dataclass(frozen=True, slots=True)
class ChangeError:
    """A path that could not be treated as asked, and why.

    Args:
        path: The path, as the operation names it.
        error: The reason, for people to read.
    """

    path: str
    error: str


@dataclass(slots=True)
class FileEntry:
    """A path that changed.

    Args:
        path: The path; what it is relative to depends on the operation.
        type: Kind of the entry, of the new one where there is one. It is not validated; removals
            and moves report submodules as directories.
        src: Where the content came from or went to, for operations that have such a side.
    """

    path: str
    type: FileType
    src: str | None = None

    @classmethod
    def from_mode(cls, path: str, mode: int, src: str | None = None) -> FileEntry:
        """Return the entry for a path whose Git mode is known.

        Args:
            path: The path.
            mode: Mode of a tree entry, such as ``0o100644``.
            src: See the class.

        Raises:
            ValueError: If ``mode`` stands for no :class:`FileType`.
        """
        return cls(path, FileType.from_filemode(mode), src)


@dataclass
class ChangeReport:
    """The changes of one operation, with what went wrong on the way.

    Args:
        add: Paths that did not exist before.
        update: Paths whose content or mode is another one now.
        delete: Paths that are gone.
        errors: Paths that failed and were left out.
        warnings: Paths that were treated in a way that may surprise.

    Example:
        >>> report = ChangeReport(add=[FileEntry("a.txt", FileType.BLOB)])
        >>> report.total, report.in_sync
        (1, False)
    """

    add: list[FileEntry] = field(default_factory=list)
    update: list[FileEntry] = field(default_factory=list)
    delete: list[FileEntry] = field(default_factory=list)
    errors: list[ChangeError] = field(default_factory=list)
    warnings: list[ChangeError] = field(default_factory=list)

    @property
    def in_sync(self) -> bool:
        """True when nothing was added, updated or deleted (whatever failed)."""
        return not (self.add or self.update or self.delete)

    @property
    def total(self) -> int:
        """Number of paths that were added, updated and deleted."""
        return len(self.add) + len(self.update) + len(self.delete)

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to report at all, neither changes nor troubles."""
        return self.in_sync and not (self.errors or self.warnings)

    def actions(self) -> list[ChangeAction]:
        """Return all changes as one list, sorted by path."""
        changed = (
            (self.add, ChangeActionKind.ADD),
            (self.update, ChangeActionKind.UPDATE),
            (self.delete, ChangeActionKind.DELETE),
        )
        actions = [ChangeAction(entry.path, kind) for entries, kind in changed for entry in entries]
        return sorted(actions, key=lambda action: action.path)
