"""``vost cat`` and ``vost hash``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncclick as click

import vost
from vost.cli import output, streams
from vost.cli.arguments import file_path, normal_path
from vost.cli.completing import refs_and_paths, repository_paths
from vost.cli.errors import Failure
from vost.cli.globbing import absent
from vost.cli.options import (
    branch_option,
    filter_options,
    format_option,
    pass_session,
    repo_option,
)
from vost.cli.positional import check_point, read_point
from vost.cli.resolving import Filters, Resolver, check_one_ref, check_reading

if TYPE_CHECKING:
    from vost.cli.session import Session


@click.command("cat")
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", shell_complete=repository_paths
)
@branch_option
@filter_options
@repo_option
@pass_session
async def cat_command(
    session: Session, paths: tuple[str, ...], branch: str | None, filters: Filters
) -> None:
    """Print the contents of files, one after the other.

    Example: vost cat v1.0:notes.txt
    """
    store = await session.open()
    resolver = Resolver(store, branch, filters)
    targets = [await resolver.target(path, repository=True) for path in paths]
    check_reading(targets, branch, filters)
    check_one_ref(targets, filters)
    named = [(target, file_path(target.path)) for target in targets]
    for target, path in named:
        await _print(await resolver.snapshot(target.ref or "", target.back), path)


@click.command("hash")
@click.argument("target", required=False, shell_complete=refs_and_paths)
@format_option
@branch_option
@filter_options
@repo_option
@pass_session
async def hash_command(
    session: Session,
    target: str | None,
    output_format: str,
    branch: str | None,
    filters: Filters,
) -> None:
    """Print the id of a commit, or of what is at a path: 40 digits.

    TARGET is a branch, tag or commit (main, v1.0, main~3, ~3; else the current branch), or
    REF:PATH for a file or directory.

    Example: vost hash main:notes.txt
    """
    store = await session.open()
    resolver = Resolver(store, branch, filters)
    point = await read_point(resolver, target)
    check_point(point, branch, filters, noun="target", explicit="explicit ref", path_filters=False)
    path = normal_path(point.path)
    fs = await resolver.snapshot(point.ref or "", point.back)
    value = {"hash": fs.commit_hash, "type": "commit"}
    if path:
        value = await _described(fs, path)
    if output_format == "text":
        output.line(value["hash"])
    else:
        output.as_json(value)


async def _described(fs: vost.FS, path: str) -> dict[str, str]:
    try:
        oid, kind = await fs.object_hash(path), await fs.file_type(path)
    except (vost.PathNotFoundError, vost.PathNotDirectoryError):
        raise await absent(fs, path, "Path not found") from None
    return {"hash": oid, "type": "tree" if kind is vost.FileType.TREE else "blob", "path": path}


async def _print(fs: vost.FS, path: str) -> None:
    try:
        async with fs.open(path) as reader:
            while chunk := await reader.read(streams.CHUNK):
                assert isinstance(chunk, bytes)
                await streams.write_stdout(chunk)
    except vost.PathIsDirectoryError:
        raise Failure(f"{path} is a directory, not a file") from None
    except (vost.PathNotFoundError, vost.PathNotDirectoryError):
        raise await absent(fs, path, "File not found") from None
