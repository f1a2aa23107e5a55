"""``vost ls``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import asyncclick as click

import vost
from vost.cli import output
from vost.cli.arguments import normal_path
from vost.cli.completing import repository_paths
from vost.cli.errors import Failure
from vost.cli.globbing import is_pattern
from vost.cli.options import (
    branch_option,
    filter_options,
    format_option,
    no_glob_option,
    pass_session,
    repo_option,
)
from vost.cli.resolving import Filters, Resolver, check_one_ref, check_reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vost.cli.session import Session

_SHORT_ID = 7


class Row(NamedTuple):
    """One line of the listing: the name to print and what it stands for."""

    name: str
    info: vost.PathInfo

    @property
    def long_name(self) -> str:
        """The name as ``-l`` prints it: directories end in a slash."""
        return f"{self.name}/" if self.info.kind == "tree" else self.name


@click.command("ls")
@click.argument("paths", nargs=-1, metavar="[PATH...]", shell_complete=repository_paths)
@click.option("-R", "--recursive", is_flag=True, help="All files below, with their full paths.")
@click.option("-l", "--long", is_flag=True, help="Show ids, sizes and targets of links.")
@click.option("--full-hash", is_flag=True, help="With -l: ids of 40 digits.")
@format_option
@no_glob_option
@branch_option
@filter_options
@repo_option
@pass_session
async def ls_command(
    session: Session,
    paths: tuple[str, ...],
    output_format: str,
    branch: str | None,
    filters: Filters,
    *,
    recursive: bool,
    long: bool,
    full_hash: bool,
    no_glob: bool,
) -> None:
    """List directories; without PATH the root.

    Patterns ('*.py', 'src/**') list what matches, with full paths. What several PATHs list is
    merged and sorted; names that two of the directories have are shown with their full paths.

    Example: vost ls -l main:src
    """
    store = await session.open()
    resolver = Resolver(store, branch, filters)
    targets = [await resolver.target(path, repository=True) for path in paths or (":",)]
    check_reading(targets, branch, filters)
    check_one_ref(targets, filters)
    named = [(target, normal_path(target.path)) for target in targets]
    rows: list[Row] = []
    for target, path in named:
        fs = await resolver.snapshot(target.ref or "", target.back)
        glob = not no_glob and is_pattern(path)
        rows += await _list(fs, path, recursive=recursive, glob=glob, details=long)
    rows = _told_apart(rows)
    if long:
        _print_long(rows, output_format, full_hash=full_hash)
    else:
        _print_names(rows, output_format)


async def _list(fs: vost.FS, path: str, *, recursive: bool, glob: bool, details: bool) -> list[Row]:
    try:
        listing = await fs.entries(path, recursive=recursive, glob=glob, details=details)
    except (vost.PathNotFoundError, vost.PathNotDirectoryError):
        raise Failure(f"Path not found: {path}") from None
    output.warn(listing.warnings)
    prefix = "" if recursive or glob or not path else f"{path}/"
    return [Row(info.path.removeprefix(prefix), info) for info in listing.entries]


def _told_apart(rows: list[Row]) -> list[Row]:
    """Give rows their full paths whose names stand for different paths."""
    paths: dict[str, set[str]] = {}
    for row in rows:
        paths.setdefault(row.name, set()).add(row.info.path)
    return [row if len(paths[row.name]) == 1 else Row(row.info.path, row.info) for row in rows]


def _print_names(rows: Iterable[Row], output_format: str) -> None:
    names = sorted({row.name for row in rows})
    if output_format == "json":
        output.as_json(names)
    elif output_format == "jsonl":
        output.as_jsonl(names)
    else:
        output.lines(names)


def _print_long(rows: Iterable[Row], output_format: str, *, full_hash: bool) -> None:
    # The same path of two snapshots may be two different files: each has its row.
    unique = {(row.long_name, row.info.hash, row.info.mode): row for row in rows}
    rows = [unique[key] for key in sorted(unique)]
    if output_format == "json":
        output.as_json([_value(row) for row in rows])
    elif output_format == "jsonl":
        output.as_jsonl([_value(row) for row in rows])
    else:
        sizes = ["" if row.info.size is None else str(row.info.size) for row in rows]
        width = max(map(len, sizes), default=0)
        digits = None if full_hash else _SHORT_ID
        output.lines(
            f"{row.info.hash[:digits]}  {size:>{width}}  {_arrowed(row)}"
            for row, size in zip(rows, sizes, strict=True)
        )


def _arrowed(row: Row) -> str:
    target = row.info.target
    return row.long_name if target is None else f"{row.long_name} -> {target}"


def _value(row: Row) -> dict[str, object]:
    value: dict[str, object] = {"name": row.long_name, "hash": row.info.hash}
    if row.info.size is not None:
        value["size"] = row.info.size
    value["type"] = row.info.kind
    if row.info.target is not None:
        value["target"] = row.info.target
    return value
