"""``vost cat`` and ``vost hash``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncclick as click

import vost
from vost.cli import streams
from vost.cli.arguments import file_path
from vost.cli.errors import Failure
from vost.cli.options import branch_option, filter_options, pass_session, repo_option
from vost.cli.resolving import Filters, Resolver, check_one_ref, check_reading

if TYPE_CHECKING:
    from vost.cli.session import Session


@click.command("cat")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
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


async def _print(fs: vost.FS, path: str) -> None:
    try:
        async with fs.open(path) as reader:
            while chunk := await reader.read(streams.CHUNK):
                assert isinstance(chunk, bytes)
                await streams.write_stdout(chunk)
    except vost.PathIsDirectoryError:
        raise Failure(f"{path} is a directory, not a file") from None
    except (vost.PathNotFoundError, vost.PathNotDirectoryError):
        raise Failure(f"File not found: {path}") from None
