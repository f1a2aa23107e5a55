"""``vost init``, ``destroy``, ``gc`` and ``pack``."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncclick as click

from vost.cli.creating import existing_or_new, name_beside, remove_repository
from vost.cli.errors import Failure
from vost.cli.options import pass_session, repo_option
from vost.cli.progress import progress_bar
from vost.cli.writing import check_ref_name

if TYPE_CHECKING:
    import vost
    from vost.cli.session import Session


@click.command("init")
@click.option("-b", "--branch", default="main", metavar="NAME", help="Name of the first branch.")
@click.option("-f", "--force", is_flag=True, help="Delete a repository that exists and begin anew.")
@repo_option
@pass_session
async def init_command(session: Session, branch: str, *, force: bool) -> None:
    """Make a new repository with one branch.

    Example: vost -r data.git init
    """
    branch = branch or "main"
    check_ref_name(branch)
    path = session.path
    exists = os.path.lexists(path)
    if exists:
        if not force:
            raise Failure(f"Repository already exists: {path}")
        if not _is_empty_directory(path):
            store = await _require_bare(session)
            await store.close()
    async with existing_or_new(session, None, branch, replace=exists):
        pass
    session.say(f"Initialized {path}")


@click.command("destroy")
@click.option("-f", "--force", is_flag=True, help="Delete it even if there is something in it.")
@repo_option
@pass_session
async def destroy_command(session: Session, *, force: bool) -> None:
    """Delete the repository, with all of its history.

    Example: vost -r data.git destroy -f
    """
    path = session.path
    store = await _require_bare(session)
    if not force and not await _is_fresh(store, path):
        raise Failure("Repository is not empty. Use -f to destroy.")
    await store.close()
    remove_repository(path)
    session.say(f"Destroyed {path}")


@click.command("gc")
@repo_option
@pass_session
async def gc_command(session: Session) -> None:
    """Tidy up (garbage collection): pack loose objects, merge packs, remove leftovers.

    Nothing that was ever committed is lost. No git is needed.

    Example: vost gc
    """
    store = await session.open()
    with progress_bar(session) as progress:
        packed = await store.gc(progress=progress)
    session.say(f"gc: packed {packed} object(s)")


@click.command("pack")
@repo_option
@pass_session
async def pack_command(session: Session) -> None:
    """Pack loose objects into one file.

    Example: vost pack
    """
    store = await session.open()
    with progress_bar(session) as progress:
        packed = await store.pack(progress=progress)
    session.say(f"pack: packed {packed} object(s)")


async def _require_bare(session: Session) -> vost.GitStore:
    """Open what is about to be deleted, which must be a bare repository and no link to one."""
    path = session.path
    if not os.path.lexists(path):
        raise session.missing()
    not_bare = Failure(f"Not a bare repository: {path}")
    # Of the path without the slash at its end, behind which a link counts as the directory.
    if os.path.islink(os.path.abspath(path)) or not os.path.isdir(os.path.join(path, "objects")):
        raise not_bare
    try:
        store = await session.open()
    except Failure:
        raise not_bare from None
    if not store.is_bare:
        raise not_bare
    return store


async def _is_fresh(store: vost.GitStore, path: str) -> bool:
    """Tell whether a repository is as ``init`` makes it: nothing would be lost with it."""
    nowhere = name_beside(os.path.abspath(path), "tmp")
    refs = [change.ref for change in (await store.backup(nowhere, dry_run=True)).add]
    if len(refs) > 1 or any(not ref.startswith("refs/heads/") for ref in refs):
        return False
    for name, fs in await store.branches.items():
        if await fs.ls() or await fs.parent is not None:
            return False
        with suppress(FileNotFoundError):  # it never moved
            if len(await store.branches.reflog(name)) > 1:
                return False
    return True


def _is_empty_directory(path: str) -> bool:
    if os.path.islink(os.path.abspath(path)):
        return False
    return os.path.isdir(path) and not os.listdir(path)
