"""What a snapshot holds and what a commit changed, as plain values to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vost import ChangeReport


async def contents(fs: Any) -> dict[str, bytes]:
    """Return every file and link of a snapshot with its bytes."""
    paths = await fs.ls(recursive=True)
    return dict(zip(paths, await fs.read_many(paths), strict=True))


async def types(fs: Any) -> dict[str, str]:
    """Return every file and link of a snapshot with its type."""
    return {path: str(await fs.file_type(path)) for path in await fs.ls(recursive=True)}


def changed(report: ChangeReport | None) -> dict[str, list[str]] | None:
    """Return the paths of a report by kind, kinds without any left out."""
    if report is None:
        return None
    assert report.errors == []
    assert report.warnings == []
    kinds = {"add": report.add, "update": report.update, "delete": report.delete}
    return {kind: [entry.path for entry in entries] for kind, entries in kinds.items() if entries}


async def tip(store: Any, branch: str = "main") -> str:
    """Return the commit that a branch is at."""
    commit: str = (await store.branches[branch]).commit_hash
    return commit


async def typed_contents(fs: Any, path: str = "") -> dict[str, tuple[str, bytes]]:
    """Return type and content of every file and link below a directory, by relative path."""
    if path and not await fs.is_dir(path):
        return {}
    found = await fs.ls(path or None, recursive=True)
    kinds = [str(await fs.file_type(name)) for name in found]
    start = len(path) + 1 if path else 0
    shown = [name[start:] for name in found]
    return dict(zip(shown, zip(kinds, await fs.read_many(found), strict=True), strict=True))


def problems(report: ChangeReport | None) -> dict[str, list[str]]:
    """Return the paths of the errors and warnings of a report."""
    if report is None:
        return {}
    kinds = {"errors": report.errors, "warnings": report.warnings}
    return {kind: [entry.path for entry in entries] for kind, entries in kinds.items() if entries}
