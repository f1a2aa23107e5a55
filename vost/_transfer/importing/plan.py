"""What an import will do: one value for the dry run, the commit, its message and its report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from vost._engine.comparing import changed_entry
from vost._model.changes import ChangeError, ChangeReport
from vost._model.errors import AllFailedError
from vost._transfer.failures import all_failed

if TYPE_CHECKING:
    from vost._engine.trees import Entry


class PlannedFile(NamedTuple):
    """One file or link that is put into the repository.

    Attributes:
        path: Where, from the root of the repository.
        entry: What: its Git mode and the id of its blob.
        local: Where it is on disk, as it is reported.
        order: Which of the sources it came from.
        is_new: Whether nothing was there before.
    """

    path: str
    entry: Entry
    local: str
    order: int
    is_new: bool


class PlannedRemoval(NamedTuple):
    """One file, link or submodule of the repository that goes.

    Attributes:
        path: Where, from the root of the repository.
        mode: Its Git mode.
        is_swallowed: Whether a file that is put there, or below it, replaces it anyway.
    """

    path: str
    mode: int
    is_swallowed: bool


@dataclass
class ImportPlan:
    """All that an import will do, and what it found on the way.

    Attributes:
        dest: The directory of the repository that paths are reported relative to.
        by_path: Whether the report is sorted by path, not by source.
        files: What is put.
        removals: What goes.
        errors: What failed and is left out.
        warnings: What is left out on purpose, or comes twice.
        done: How many of the requested files were found in order, changed or not.
        failure: The first error.
        failures: How many files and directories failed that are in sources.
        is_lost: Whether sources were named, and none of them could be looked at.
    """

    dest: str
    by_path: bool
    files: list[PlannedFile] = field(default_factory=list)
    removals: list[PlannedRemoval] = field(default_factory=list)
    errors: list[ChangeError] = field(default_factory=list)
    warnings: list[ChangeError] = field(default_factory=list)
    done: int = 0
    failure: OSError | None = None
    failures: int = 0
    is_lost: bool = False

    @property
    def changes_nothing(self) -> bool:
        """Whether the tree stays as it is."""
        return not (self.files or self.removals)

    def failed(self, path: str, error: OSError) -> None:
        """Note that something failed that the rest does not depend on."""
        self.errors.append(ChangeError(path, str(error)))
        self.failure = self.failure or error

    def warn(self, path: str, text: str) -> None:
        """Note something that may surprise."""
        self.warnings.append(ChangeError(path, text))

    def put_in_order(self) -> None:
        """Sort everything in the order in which it is reported."""
        if self.by_path:
            self.files.sort(key=lambda planned: planned.path)
        else:
            self.files.sort(key=lambda planned: (planned.order, planned.path))
        self.removals.sort()

    def require_success(self) -> None:
        """Check that not everything that was asked for failed.

        Raises:
            AllFailedError: If it did.
        """
        went_wrong = self.is_lost or self.failures
        if went_wrong and self.changes_nothing and not self.done:
            raise AllFailedError(all_failed(self.errors), self.errors) from self.failure

    def report(self) -> ChangeReport:
        """Return the report for the caller: paths relative to the destination."""
        return self._report(len(self.dest) + 1 if self.dest else 0)

    def commit_report(self, report: ChangeReport) -> ChangeReport:
        """Return the report that the commit's message is made from.

        Paths are from the root of the repository there; but the message of several changes has
        their numbers alone, and needs no list of its own.

        Args:
            report: The report for the caller.
        """
        return report if report.total > 1 else self._report(0)

    def _report(self, start: int) -> ChangeReport:
        report = ChangeReport(errors=list(self.errors), warnings=list(self.warnings))
        for path, entry, local, _, is_new in self.files:
            changed = report.add if is_new else report.update
            changed.append(changed_entry(path[start:], entry.mode, local))
        prefix = self.dest + "/" if start else ""
        for path, mode, _ in self.removals:
            # The destination itself, or a file above it, is below nothing.
            shown = path[start:] if path.startswith(prefix) else path
            report.delete.append(changed_entry(shown, mode, path))
        return report
