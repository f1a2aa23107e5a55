"""``vost mount``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import asyncclick as click

from vost.cli import output
from vost.cli.completing import local_files
from vost.cli.errors import Failure
from vost.cli.options import branch_option, filter_options, pass_session, repo_option
from vost.cli.resolving import Filters, Resolver

if TYPE_CHECKING:
    import vost
    from vost.cli.session import Session

_SHORT_ID = 12


@click.command("mount")
@click.argument("mountpoint", shell_complete=local_files)
@click.option("--follow", is_flag=True, help="Show the branch as it moves, not one snapshot.")
@click.option(*("-f", "--foreground"), is_flag=True, help="Stay until unmounted or Ctrl-C.")
@click.option("--debug", is_flag=True, help="Show all that libfuse does; stays in the foreground.")
@click.option("--nothreads", is_flag=True, help="Answer one call at a time.")
@click.option(
    "--allow-other",
    is_flag=True,
    help="Let other users in (/etc/fuse.conf must allow it, but for root).",
)
@branch_option
@filter_options
@repo_option
@pass_session
async def mount_command(
    session: Session,
    mountpoint: str,
    branch: str | None,
    filters: Filters,
    *,
    follow: bool,
    foreground: bool,
    debug: bool,
    nothreads: bool,
    allow_other: bool,
) -> None:
    """Mount a snapshot as a read-only file system (FUSE).

    MOUNTPOINT is an empty directory. The mount goes on in the background until "fusermount -u
    MOUNTPOINT" or "umount MOUNTPOINT", or stays with -f. Later commits do not show, unless --follow
    is given: then what is looked up is in the newest snapshot, and a file that is open stays as it
    is.

    Example: vost mount --ref v1.0 /mnt/data
    """
    from vost import mount  # late: shells ask for the options, and for nothing more

    try:
        mount.require()
        place = mount.check_mountpoint(mountpoint)
        async with await session.open() as store:
            fs = await Resolver(store, branch, filters).snapshot()
            followed = await _followed(store, branch, filters) if follow else None
        name = followed or fs.ref_name or fs.commit_hash[:_SHORT_ID]
        choice = mount.Choice(filters.path, filters.match, filters.before, filters.back)
        shown = mount.Shown(os.path.abspath(session.path), fs.commit_hash, followed, choice)
        options = mount.MountOptions(
            place, name, debug=debug, threads=not nothreads, allow_other=allow_other
        )
        output.note(f"Mounting {name} at {place}")
        if foreground or debug:
            mount.mount(shown, options, report=lambda line: output.note(f"ERROR: {line}"))
        else:
            mount.mount_in_background(shown, options)
    except mount.MountError as error:
        raise Failure(str(error)) from error


async def _followed(store: vost.GitStore, branch: str | None, filters: Filters) -> str:
    """Return the branch that is to be followed.

    Raises:
        Failure: If what was named is none.
    """
    name = filters.ref or await Resolver(store, branch).branch_name()
    if not await store.branches.contains(name):
        raise Failure(f"--follow needs a branch, and {name} is none")
    return name
