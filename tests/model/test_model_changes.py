"""Reports of changes: counting, listing, comparing."""

from __future__ import annotations

import pytest

from vost._model.changes import (
    ChangeAction,
    ChangeActionKind,
    ChangeError,
    ChangeReport,
    FileEntry,
)
from vost._model.types import FileType


def entry(path: str) -> FileEntry:
    return FileEntry(path, FileType.BLOB)


def test_empty_report_is_in_sync_and_has_nothing() -> None:
    report = ChangeReport()
    assert report.in_sync
    assert report.is_empty
    assert report.total == 0
    assert report.actions() == []


@pytest.mark.parametrize("kind", ["add", "update", "delete"])
def test_any_change_counts(kind: str) -> None:
    report = ChangeReport(**{kind: [entry("a"), entry("b")]})
    assert not report.in_sync
    assert not report.is_empty
    assert report.total == 2


@pytest.mark.parametrize("kind", ["errors", "warnings"])
def test_troubles_are_reported_but_are_no_changes(kind: str) -> None:
    report = ChangeReport(**{kind: [ChangeError("a", "why")]})
    assert report.in_sync
    assert not report.is_empty
    assert report.total == 0


def test_actions_are_sorted_by_path() -> None:
    report = ChangeReport(
        add=[entry("c"), entry("a")], update=[entry("d")], delete=[entry("b"), entry("a")]
    )
    assert report.actions() == [
        ChangeAction("a", ChangeActionKind.ADD),
        ChangeAction("a", ChangeActionKind.DELETE),
        ChangeAction("b", ChangeActionKind.DELETE),
        ChangeAction("c", ChangeActionKind.ADD),
        ChangeAction("d", ChangeActionKind.UPDATE),
    ]


@pytest.mark.parametrize("kind", ChangeActionKind)
def test_action_kinds_equal_their_text(kind: ChangeActionKind) -> None:
    assert kind == kind.value == str(kind)


def test_reports_compare_by_value_and_share_no_lists() -> None:
    first, second = ChangeReport(), ChangeReport()
    assert first == second
    first.add.append(entry("a"))
    assert first != second
    assert second == ChangeReport()


def test_file_entry_is_mutable_and_takes_any_type() -> None:
    made = FileEntry("a", "B", "src/a")  # type: ignore[arg-type]
    made.path = "b"
    assert (made.path, made.type, made.src) == ("b", "B", "src/a")


def test_file_entry_from_mode_names_the_type() -> None:
    assert FileEntry.from_mode("l", 0o120000, "s") == FileEntry("l", FileType.LINK, "s")
    with pytest.raises(ValueError, match="submodule"):
        FileEntry.from_mode("m", 0o160000)
