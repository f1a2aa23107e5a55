"""``vost log``, ``undo``, ``redo`` and ``reflog``."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import asyncclick as click

import vost
from vost.cli import output
from vost.cli.arguments import Target, file_path, normal_path, parse_ref, parse_target
from vost.cli.completing import refs_and_paths
from vost.cli.errors import Failure
from vost.cli.options import (
    branch_option,
    filter_options,
    format_option,
    pass_session,
    repo_option,
)
from vost.cli.positional import NOWHERE, check_point, read_point
from vost.cli.resolving import Filters, Resolver

if TYPE_CHECKING:
    from vost.cli.session import Session

_SHORT_ID = 7


@click.command("log")
@click.argument("target", required=False, shell_complete=refs_and_paths)
@click.option("--at", "old_path", hidden=True, help="The old name of --path.")
@format_option
@branch_option
@filter_options
@repo_option
@pass_session
async def log_command(
    session: Session,
    target: str | None,
    old_path: str | None,
    output_format: str,
    branch: str | None,
    filters: Filters,
) -> None:
    """Show the history of a branch, newest first.

    TARGET is where to begin and a path whose changes to show: main~3:config.json, dev:, :file.
    A word without colon is a branch, tag or commit; if there is none of this name, it is a path
    that exists or was ever there. --back and ~N come first, then --path, --match and --before
    choose what is shown of the rest.

    Example: vost log --path config.json
    """
    if old_path is not None and filters.path is None:
        path = file_path(parse_target(old_path).path)
        filters = replace(filters, path=path, path_text=old_path)
    store = await session.open()
    resolver = Resolver(store, branch, filters)
    point = await _read_target(resolver, target, is_start_named=bool(branch or filters.ref))
    check_point(point, branch, filters, noun="target")
    shown = normal_path(point.path) or await resolver.filter_path()
    start = await resolver.start(point.ref or "", point.back + filters.back)
    await output.stream(
        start.log(shown, match=filters.match, before=filters.before),
        output_format,
        text=lambda fs: f"{_short(fs)}  {fs.time.isoformat()}  {output.summary(fs.message)}",
        value=_value,
    )


@click.command("undo")
@click.argument("steps", type=int, default=1)
@branch_option
@repo_option
@pass_session
async def undo_command(session: Session, steps: int, branch: str | None) -> None:
    """Move a branch back by so many commits (1).

    Nothing is lost: redo and the reflog know where the branch was.

    Example: vost undo 3 -b dev
    """
    _check_steps(steps)
    fs = await Resolver(await session.open(), branch).branch()
    moved = await fs.undo(steps)
    output.line(f"Branch now at: {_short(moved)} - {output.summary(moved.message)}")
    session.say(f"Undid {_counted(steps)} on {fs.ref_name!r}")


@click.command("redo")
@click.argument("steps", type=int, default=1)
@branch_option
@repo_option
@pass_session
async def redo_command(session: Session, steps: int, branch: str | None) -> None:
    """Move a branch to where it was before, so many movements (1) back in its reflog.

    It follows the reflog: after an undo it takes the undo back; without one it goes to where the
    branch was before its last commit; and a second redo takes the first one back.

    Example: vost redo
    """
    _check_steps(steps)
    fs = await Resolver(await session.open(), branch).branch()
    moved = await fs.redo(steps)
    output.line(f"Branch now at: {_short(moved)} - {output.summary(moved.message)}")
    output.line(f"Branch was at: {_short(fs)} - {output.summary(fs.message)}")
    session.say(f"Redid {_counted(steps)} on {fs.ref_name!r}")


@click.command("reflog")
@click.option(
    *("-n", "--limit"), type=int, default=0, metavar="N", help="The last N entries (0: all)."
)
@format_option
@branch_option
@repo_option
@pass_session
async def reflog_command(
    session: Session, limit: int, output_format: str, branch: str | None
) -> None:
    """Show where a branch has been, oldest first.

    Example: vost reflog -n 5
    """
    if limit < 0:
        raise Failure(f"--limit must be 0 or more, got {limit}")
    store = await session.open()
    name = await Resolver(store, branch).branch_name()
    try:
        entries = await store.branches.reflog(name)
    except vost.RefNotFoundError:
        raise Failure(f"Branch not found: {name}") from None
    except FileNotFoundError:
        entries = []  # it never moved
    entries = entries[-limit:] if limit else entries
    if output_format == "json":
        output.as_json([_reflog_value(entry) for entry in entries], indent=2)
    elif output_format == "jsonl":
        output.as_jsonl([_reflog_value(entry) for entry in entries])
    elif not entries:
        output.line(f"No reflog entries for branch '{name}'")
    else:
        _print_reflog(name, entries)


def _print_reflog(name: str, entries: list[vost.ReflogEntry]) -> None:
    output.line(f"Reflog for branch '{name}' ({len(entries)} entries):")
    output.line()
    for number, entry in enumerate(entries):
        when = _local_time(entry.timestamp).isoformat(sep=" ")
        output.line(f"  [{number}] {entry.new_sha[:_SHORT_ID]} ({when})")
        output.line(f"      {entry.message}")
        output.line()


async def _read_target(resolver: Resolver, text: str | None, *, is_start_named: bool) -> Target:
    """Read TARGET: what is no ref may be a path that exists or was ever there.

    Args:
        resolver: Knows the refs.
        text: TARGET; ``None``: not given.
        is_start_named: Whether an option says where to begin: it is an error if nothing is there.
    """
    if text is not None and not text.strip("/"):
        return NOWHERE  # the root, which every commit has
    try:
        point = await read_point(resolver, text)
        if point.ref and not point.path:
            await resolver.named(point.ref)
    except Failure:
        start = await _start(resolver, must_exist=is_start_named)
        if text is None or start is None:
            raise
        path, back = await _known_path(start, text), 0
        if path is None and ":" not in text:
            word, back = parse_ref(text)
            path = await _known_path(start, word)
        if path is None:
            raise
        return Target("", back, path, text)
    return point


async def _start(resolver: Resolver, *, must_exist: bool) -> vost.FS | None:
    try:
        return await resolver.start()
    except Failure:
        if must_exist:
            raise
        return None


async def _known_path(fs: vost.FS, text: str) -> str | None:
    try:
        path = normal_path(text)
    except Failure:
        return None
    if not path:
        return None
    if await fs.exists(path):
        return path
    async for _ in fs.log(path, limit=1):
        return path
    return None


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise Failure(f"steps must be >= 1, got {steps}")


def _counted(steps: int) -> str:
    return f"{steps} step" if steps == 1 else f"{steps} steps"


def _short(fs: vost.FS) -> str:
    return fs.commit_hash[:_SHORT_ID]


def _value(fs: vost.FS) -> dict[str, object]:
    return {
        "hash": fs.commit_hash,
        "message": fs.message,
        "time": fs.time.isoformat(),
        "author_name": fs.author_name,
        "author_email": fs.author_email,
        "branch": fs.ref_name,
    }


def _reflog_value(entry: vost.ReflogEntry) -> dict[str, object]:
    return {
        "old_sha": entry.old_sha,
        "new_sha": entry.new_sha,
        "committer": entry.committer,
        "timestamp": entry.timestamp,
        "time": _local_time(entry.timestamp).isoformat(),
        "message": entry.message,
    }


def _local_time(timestamp: int) -> datetime:
    """Return a moment in the zone of this machine, with its offset."""
    try:
        return datetime.fromtimestamp(timestamp, timezone.utc).astimezone()
    except (OverflowError, ValueError, OSError):  # a forged line far outside of any calendar
        return datetime.fromtimestamp(0, timezone.utc)
