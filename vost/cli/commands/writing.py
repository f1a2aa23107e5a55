"""``vost write``."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiofiles.tempfile
import asyncclick as click

import vost
from vost.cli import streams
from vost.cli.arguments import repository_target, writable_path
from vost.cli.completing import repository_paths
from vost.cli.errors import Failure
from vost.cli.options import branch_option, pass_session, repo_option, write_options
from vost.cli.resolving import Resolver, check_branch_option
from vost.cli.writing import check_new_repository, check_place, store_to_write, until_current

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vost.cli.session import Session
    from vost.cli.writing import WriteOptions

HISTORICAL = "Cannot write to a historical commit (remove ~N)"


@click.command("write")
@click.argument("path", shell_complete=repository_paths)
@click.option("-p", "--passthrough", is_flag=True, help="Copy stdin to stdout as well, like tee.")
@branch_option
@write_options(create=True)
@repo_option
@pass_session
async def write_command(
    session: Session,
    path: str,
    branch: str | None,
    writing: WriteOptions,
    *,
    passthrough: bool,
) -> None:
    """Store what comes on stdin as a file.

    It is committed when stdin ends, on the branch as it is then. With -p, nothing is committed if
    whoever reads stdout stops before.

    Example: echo hello | vost write notes.txt
    """
    writing.check()
    target = repository_target(path)
    existing = await session.open_existing()
    if existing is not None:
        target = await Resolver(existing, branch).target(path, repository=True)
    check_branch_option([target], branch)
    if target.back:
        raise Failure(HISTORICAL)
    name = writable_path(target.path)
    if target.path.endswith("/"):
        raise Failure(f"Is a directory: {target.path} (write needs the name of a file)")
    first_branch = target.ref or branch
    if existing is None:
        check_new_repository(session, writing, first_branch)
    else:
        fs = await Resolver(existing, branch).writable(target)
        await check_place(fs, name)
        await writing.check_in(existing)
    async with _spooled(passthrough=passthrough) as spool:
        store = await store_to_write(session, writing, first_branch)
        resolver = Resolver(store, branch)
        parents = await writing.check_in(store)

        async def attempt() -> vost.FS:
            fs = await resolver.writable(target)
            await check_place(fs, name)
            return await writing.tagging(fs).write_from_file(
                name,
                spool,
                mode=vost.FileType.BLOB,
                message=writing.message,
                parents=parents or None,
            )

        await until_current(attempt)
    session.say(f"Wrote :{name}")


@asynccontextmanager
async def _spooled(*, passthrough: bool) -> AsyncIterator[str]:
    """Keep stdin in a file until it has ended: who commits may have to try more than once."""
    async with aiofiles.tempfile.NamedTemporaryFile(prefix="vost-", delete=True) as file:
        async for chunk in streams.stdin_chunks():
            await file.write(chunk)
            if passthrough:
                await streams.write_stdout(chunk)
        await file.flush()
        yield str(file.name)
