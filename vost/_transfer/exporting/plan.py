"""The plan of a copy to disk: made once, reported by a dry run, carried out by a real one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from vost._model.changes import ChangeError, ChangeReport, FileEntry
from vost._model.types import FileType
from vost._transfer.sources import below

if TYPE_CHECKING:
    from collections.abc import Collection

    from vost._model.objects import Oid


class Write(NamedTuple):
    """One file or link that is written.

    Attributes:
        name: Its name in its directory.
        mode: ``MODE_BLOB``, ``MODE_EXECUTABLE`` or ``MODE_LINK``.
        oid: Id of its content.
        source: Path of the directory in the repository that it comes from.
        updates: Whether the report calls it an update.
    """

    name: str
    mode: int
    oid: Oid
    source: str
    updates: bool


class Directory:
    """What is done in one directory below the destination.

    Attributes:
        path: Relative to the destination; ``""``: the destination itself.
        parent: The directory that it is in.
        exists: Whether it is there already; if not, it is created.
        blocked: Whether something that is no directory is removed to make room for it.
        writes: Files and links that are written.
        retimed: Files and links that are equal already and only get the time of the commit: their
            names and what ``st_ctime_ns`` was then.
        cleared: What is removed before a write: by its name, the directory in its way with all
            that is below it, each directory behind those below it.
        deletes: Names of files and links that are removed when all is written.
        litter: Names of temporary files of dead processes, which are removed too.
        litter_trees: Temporary directories of dead processes, each behind those below it.
        stays: Whether something is in it in the end.
        prunes: Whether it is removed when it is empty.
    """

    __slots__ = (
        "blocked",
        "cleared",
        "deletes",
        "exists",
        "litter",
        "litter_trees",
        "parent",
        "path",
        "prunes",
        "retimed",
        "stays",
        "writes",
    )

    def __init__(self, path: str, parent: Directory | None, *, exists: bool) -> None:
        self.path = path
        self.parent = parent
        self.exists = exists
        self.blocked = False
        self.writes: list[Write] = []
        self.retimed: list[tuple[str, int]] = []
        self.cleared: dict[str, list[Directory]] = {}
        self.deletes: list[str] = []
        self.litter: list[str] = []
        self.litter_trees: list[Directory] = []
        self.stays = False
        self.prunes = False

    @property
    def removes_something(self) -> bool:
        """Whether there is something to remove when all is written."""
        return bool(self.deletes or self.litter or self.litter_trees or self.prunes)


@dataclass
class Plan:
    """Everything that a copy does, and what was found out on the way to it.

    Attributes:
        builds: Directories in which something is written or that are created, from the top down.
        retimes: Directories in which something only gets the time of the commit.
        removes: Directories in which something is removed when all is written, from below up.
        creates: Whether the destination is created.
        writes: Number of files and links that are written.
        fine: Number of files and links that are as they should be, or are to be left alone.
        failures: Number of files and links that cannot be planned.
        kept: Where sources would have landed that could not be resolved, relative to the
            destination: nothing is deleted there, nor below.
        errors: What went wrong while planning.
        warnings: What the user should know of.
    """

    builds: list[Directory] = field(default_factory=list)
    retimes: list[Directory] = field(default_factory=list)
    removes: list[Directory] = field(default_factory=list)
    creates: bool = False
    writes: int = 0
    fine: int = 0
    failures: int = 0
    kept: set[str] = field(default_factory=set)
    errors: list[ChangeError] = field(default_factory=list)
    warnings: list[ChangeError] = field(default_factory=list)

    def keeps(self, path: str) -> bool:
        """Tell whether what is at a path stays although no source maps to it."""
        return any(not kept or path == kept or path.startswith(f"{kept}/") for kept in self.kept)


def report_of(plan: Plan, failed: Collection[str], *, ordered: bool) -> ChangeReport:
    """Return the report of what a plan does.

    Args:
        plan: The plan.
        failed: Paths, relative to the destination, of what was planned but not done.
        ordered: Sort by path; if not, what is written is in the order in which it is written.
    """
    report = ChangeReport(errors=list(plan.errors), warnings=list(plan.warnings))
    types: dict[int, FileType] = {}
    for directory in plan.builds:
        if directory.blocked:
            _delete(report, directory.path, failed)
        for write in directory.writes:
            for cleared in directory.cleared.get(write.name, ()):
                for name in cleared.deletes:
                    _delete(report, below(cleared.path, name), failed)
            path = below(directory.path, write.name)
            if path in failed:
                continue
            kind = types.get(write.mode) or types.setdefault(
                write.mode, FileType.from_filemode(write.mode)
            )
            entries = report.update if write.updates else report.add
            entries.append(FileEntry(path, kind, below(write.source, write.name)))
    for directory in plan.removes:
        for name in directory.deletes:
            _delete(report, below(directory.path, name), failed)
    for entries in (report.add, report.update) if ordered else ():
        entries.sort(key=_path_of)
    report.delete.sort(key=_path_of)  # listings of a disk have no order of their own
    return report


def _delete(report: ChangeReport, path: str, failed: Collection[str]) -> None:
    if path not in failed:
        report.delete.append(FileEntry(path, FileType.BLOB))


def _path_of(entry: FileEntry) -> str:
    return entry.path
