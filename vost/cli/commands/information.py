"""``vost info``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncclick as click

import vost
from vost.cli import output
from vost.cli.options import format_option, pass_session, repo_option

if TYPE_CHECKING:
    from vost.cli.session import Session

_SHORT_ID = 7
_SHOWN = 10
"""So many branches and tags are shown in text; the rest is counted."""

_COMMITS = 5


@click.command("info")
@format_option
@repo_option
@pass_session
async def info_command(session: Session, output_format: str) -> None:
    """Show what is in the repository: branches, tags, sizes, objects, last commits.

    Example: vost info
    """
    store = await session.open()
    value = await _gathered(session.path, store)
    if output_format == "json":
        output.as_json(value, indent=2)
    elif output_format == "jsonl":
        output.as_json(value)
    else:
        _print(value)


async def _gathered(path: str, store: vost.GitStore) -> dict[str, Any]:
    numbers = await store.statistics()
    current = await store.branches.current
    files = size = None
    commits: list[dict[str, Any]] = []
    if current is not None:
        try:
            listed = (await current.entries(recursive=True)).entries
            files, size = len(listed), sum(entry.size or 0 for entry in listed)
        except vost.GitError:
            pass  # something is missing or damaged: the rest is worth to be known all the more
        commits = [_point(fs) async for fs in current.log(limit=_COMMITS)]
    return {
        "repository": path,
        "bare": store.is_bare,
        "current": None if current is None else current.ref_name,
        "branches": await _refs(store.branches),
        "tags": await _refs(store.tags),
        "notes": [name async for name in store.notes],
        "files": files,
        "bytes": size,
        "objects": {"loose": numbers.loose, "packed": numbers.packed, "packs": numbers.packs},
        "disk_bytes": numbers.size,
        "commits": commits,
    }


async def _refs(refs: vost.RefDict) -> list[dict[str, Any]]:
    try:
        found = await refs.items()
    except (ValueError, vost.VostError):  # one of them leads to no commit
        return [{"name": name} | await _at(refs, name) for name in await refs.keys()]
    return [{"name": name} | _point(fs) for name, fs in found]


async def _at(refs: vost.RefDict, name: str) -> dict[str, Any]:
    try:
        return _point(await refs[name])
    except (ValueError, vost.VostError):
        return {"hash": None, "time": None, "message": None}


def _point(fs: vost.FS) -> dict[str, Any]:
    return {
        "hash": fs.commit_hash,
        "time": fs.time.isoformat(),
        "message": output.summary(fs.message),
    }


def _print(value: dict[str, Any]) -> None:
    objects = value["objects"]
    packs = "1 pack" if objects["packs"] == 1 else f"{objects['packs']} packs"
    rows = [
        ("Repository", value["repository"] + ("" if value["bare"] else " (not bare)")),
        ("On disk", output.size(value["disk_bytes"])),
        ("Objects", f"{objects['loose']} loose, {objects['packed']} in {packs}"),
    ]
    if value["files"] is not None:
        files = f"{value['files']} ({output.size(value['bytes'])}) on {value['current']}"
        rows.append(("Files", files))
    if value["notes"]:
        rows.append(("Notes", ", ".join(value["notes"])))
    output.lines(f"{name + ':':<12}{text}" for name, text in rows)
    _print_refs("Branches", value["branches"], value["current"])
    _print_refs("Tags", value["tags"], None)
    if value["commits"]:
        output.line(f"Last commits on {value['current']}:")
        output.lines(f"    {_line(commit)}" for commit in value["commits"])


def _print_refs(title: str, refs: list[dict[str, Any]], current: str | None) -> None:
    output.line(f"{title}: {len(refs)}")
    for ref in refs[:_SHOWN]:
        mark = "*" if ref["name"] == current else " "
        output.line(f"  {mark} {ref['name']}  {_line(ref)}")
    if len(refs) > _SHOWN:
        output.line(f"    ... and {len(refs) - _SHOWN} more")


def _line(point: dict[str, Any]) -> str:
    if point["hash"] is None:
        return "leads to no commit"
    return f"{point['hash'][:_SHORT_ID]}  {point['time']}  {point['message']}"
