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
