"""``vost sync``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncclick as click

from vost.cli.arguments import Target, normal_path, writable_path
from vost.cli.completing import any_paths
from vost.cli.copies import (
    Direction,
    Excludes,
    check_filters,
    check_repository,
    errors_shown,
    exclude_options,
    is_same_branch,
    name_new_repository,
    read_targets,
    show_troubles,
    store_for,
    whole_paths,
)
from vost.cli.creating import once_more
from vost.cli.errors import Failure
from vost.cli.globbing import absent
from vost.cli.options import (
    branch_option,
    dry_run_option,
    filter_options,
    format_option,
    pass_session,
    repo_option,
    write_options,
)
from vost.cli.plans import print_plan
from vost.cli.progress import progress_bar
from vost.cli.resolving import Filters, Resolver, check_one_ref, check_reading
from vost.cli.writing import until_current

if TYPE_CHECKING:
    from collections.abc import Sequence

    import vost
    from vost.cli.session import Session
    from vost.cli.writing import WriteOptions

_SHORTEST_DEBOUNCE = 100


@dataclass(frozen=True, slots=True)
class Syncing:
    """One call of ``sync``, as typed.

    Attributes:
        source: What the other side is made equal to.
        dest: The other side.
        branch: ``-b``.
        filters: Which snapshot is read.
        writing: How the commit is made.
        excludes: What is left out.
        output_format: How a plan is printed.
    """

    source: Target
    dest: Target
    branch: str | None
    filters: Filters
    writing: WriteOptions
    excludes: Excludes
    output_format: str
    follow_symlinks: bool
    dry_run: bool
    ignore_errors: bool
    checksum: bool


@click.command("sync")
@click.argument("paths", nargs=-1, required=True, metavar="[SRC] DEST", shell_complete=any_paths)
@dry_run_option
@exclude_options
@click.option("--follow-symlinks", is_flag=True, help="Store what local links lead to.")
@click.option("--ignore-errors", is_flag=True, help="Report what fails and sync the rest.")
@click.option(
    *("-c", "--checksum"),
    is_flag=True,
    help="Compare contents even where times say that nothing changed.",
)
@click.option("--watch", is_flag=True, help="Go on: sync again whenever something changes.")
@click.option(
    "--debounce",
    type=int,
    default=2000,
    show_default=True,
    metavar="MS",
    help="With --watch: collect changes for so many milliseconds.",
)
@format_option
@branch_option
@filter_options
@write_options(create=True)
@repo_option
@pass_session
async def sync_command(
    session: Session,
    /,
    paths: tuple[str, ...],
    debounce: int,
    *,
    watch: bool,
    **options: Any,  # noqa: ANN401 - the fields of Syncing
) -> None:
    """Make a directory equal to another one: what is extra in DEST is removed.

    One of them is in the repository, or both; of a single local directory the contents go to the
    root. What is excluded stays in the repository as it is. Names are taken literally.

    Local files that are older than the last commit that changed them count as unchanged, unless
    -c is given; syncs to disk, and --watch, always compare contents. With --watch, --tag names
    the first commit, and with --force-tag each one. Ctrl-C ends it.

    Example: vost sync --gitignore ./site :www
    """
    texts = await read_targets(session, paths)
    direction, source, dest = _direction(texts)
    syncing = Syncing(source=source, dest=dest, **options)
    _check(syncing, direction)
    if watch:
        _check_watch(syncing, direction, debounce)
        from vost.cli.watching import watch_and_sync  # late: needs watchfiles

        await watch_and_sync(session, syncing, debounce)
        return
    async with errors_shown():
        if direction is Direction.IN:
            await once_more(lambda: _sync_in(session, syncing))
        elif direction is Direction.OUT:
            await _sync_out(session, syncing)
        else:
            await _sync_within(session, syncing)


def _direction(targets: Sequence[Target]) -> tuple[Direction, Target, Target]:
    if len(targets) == 1:
        if not targets[0].is_local:
            raise Failure("Single-argument sync must be a local path, not a repo path")
        return Direction.IN, targets[0], Target("", 0, "", ":")
    if len(targets) != 2:
        raise Failure("sync requires 1 or 2 arguments")
    source, dest = targets
    if source.is_local and dest.is_local:
        raise Failure("Neither argument is a repo path — prefix repo paths with ':'")
    if source.is_local:
        return Direction.IN, source, dest
    return (Direction.OUT if dest.is_local else Direction.WITHIN), source, dest


def _check(syncing: Syncing, direction: Direction) -> None:
    """Refuse what can be seen to be wrong without looking at anything."""
    check_filters(direction, syncing.filters)
    if direction is Direction.OUT and syncing.writing.tag is not None:
        raise Failure("--tag only applies when writing to repo (disk → repo)")
    if direction is not Direction.IN:
        syncing.excludes.check("syncing")
        if syncing.follow_symlinks:
            raise Failure("--follow-symlinks only applies when syncing from disk to repo")
    inside = [each for each in (syncing.source, syncing.dest) if not each.is_local]
    check_reading(inside, syncing.branch, syncing.filters)
    check_one_ref([each for each in (syncing.source,) if not each.is_local], syncing.filters)
    syncing.writing.check()


def _check_watch(syncing: Syncing, direction: Direction, debounce: int) -> None:
    if syncing.dry_run:
        raise Failure("--watch and --dry-run are incompatible")
    if direction is not Direction.IN:
        raise Failure("--watch only supports disk → repo")
    if debounce < _SHORTEST_DEBOUNCE:
        raise Failure(f"--debounce must be at least {_SHORTEST_DEBOUNCE} ms")


# --- from disk


def check_local_directory(path: str) -> None:
    """Refuse a source that is no directory: nothing may be deleted because of a typing error.

    Raises:
        Failure: If it is none.
    """
    if not os.path.lexists(path):
        raise Failure(f"Local directory not found: {path}")
    if not os.path.isdir(path):
        raise Failure(f"Not a directory: {path}")


def place_of(dest: Target) -> str:
    """Return where in the repository a sync goes; ``""``: the root.

    Raises:
        Failure: If the path is none that can be written.
    """
    return writable_path(dest.path) if normal_path(dest.path) else ""


async def sync_once(
    resolver: Resolver,
    syncing: Syncing,
    parents: Sequence[vost.FS],
    *,
    checksum: bool | None,
    progress: Any = None,  # noqa: ANN401 - a callable, or nothing
) -> vost.FS:
    """Sync from disk, once, on top of the branch as it is now.

    Args:
        resolver: Finds the branch.
        syncing: What is asked for.
        parents: Further parents of the commit.
        checksum: How contents are compared: see ``FS.sync_in``.
        progress: Told how far it is.

    Raises:
        Failure: If there is no such directory or branch.
        StaleSnapshotError: If the branch has advanced.
    """
    check_local_directory(syncing.source.path)
    exclude = await syncing.excludes.read()
    fs = await resolver.writable(syncing.dest)
    return await syncing.writing.tagging(fs).sync_in(
        syncing.source.path,
        place_of(syncing.dest),
        dry_run=syncing.dry_run,
        follow_symlinks=syncing.follow_symlinks,
        message=syncing.writing.message,
        ignore_errors=syncing.ignore_errors,
        checksum=checksum,
        exclude=exclude,
        parents=parents or None,
        progress=progress,
    )


async def _sync_in(session: Session, syncing: Syncing) -> None:
    writing = syncing.writing
    check_repository(session, writing)
    place = place_of(syncing.dest)
    await syncing.excludes.read()
    check_local_directory(syncing.source.path)
    async with store_for(
        session, writing, syncing.dest, syncing.branch, dry_run=syncing.dry_run
    ) as store:
        resolver = Resolver(store, syncing.branch)
        parents = await writing.check_in(store)
        with progress_bar(session) as progress:
            done = await until_current(
                lambda: sync_once(
                    resolver,
                    syncing,
                    parents,
                    # Times are trusted only where they leave no doubt.
                    checksum=True if syncing.checksum else None,
                    progress=progress,
                )
            )
    name_new_repository(done.changes, store, session.path)
    if syncing.dry_run:
        print_plan(whole_paths(done.changes, place), syncing.output_format)
    else:
        session.say(f"Synced -> :{place or '/'}")
    show_troubles(done.changes)


# --- from the repository


async def _source(resolver: Resolver, source: Target) -> tuple[vost.FS, str]:
    path = normal_path(source.path)
    fs = await resolver.snapshot(source.ref or "", source.back)
    if not await fs.exists(path):
        raise await absent(fs, path, "Path not found in repo")
    if not await fs.is_dir(path):
        raise Failure(f"Not a directory: {path}")
    return fs, path


async def _sync_out(session: Session, syncing: Syncing) -> None:
    store = await session.open()
    resolver = Resolver(store, syncing.branch, syncing.filters)
    fs, path = await _source(resolver, syncing.source)
    local = syncing.dest.path
    if os.path.lexists(local) and not os.path.isdir(local):
        raise Failure(f"Not a directory: {local}")
    with progress_bar(session) as progress:
        done = await fs.sync_out(
            path,
            local,
            dry_run=syncing.dry_run,
            ignore_errors=syncing.ignore_errors,
            progress=progress,
        )
    if syncing.dry_run:
        print_plan(
            done.changes,
            syncing.output_format,
            prefix="",
            place=lambda name: os.path.join(local, name),
        )
    else:
        session.say(f"Synced -> {local}")
    show_troubles(done.changes)


async def _sync_within(session: Session, syncing: Syncing) -> None:
    place = place_of(syncing.dest)
    writing = syncing.writing
    store = await session.open()
    resolver = Resolver(store, syncing.branch, syncing.filters)
    await resolver.writable(syncing.dest)
    source, path = await _source(resolver, syncing.source)
    parents = await writing.check_in(store)

    async def attempt() -> vost.FS:
        fs = await resolver.writable(syncing.dest)
        is_inside = place != path and (not path or place.startswith(f"{path}/"))
        if is_inside and is_same_branch(source, fs):
            raise Failure(f"Cannot sync a directory into itself: {path or '/'} to {place}")
        return await writing.tagging(fs).copy_from_refs(
            [source],
            [f"{path}/"],
            place,
            delete=True,
            ignore_errors=syncing.ignore_errors,
            dry_run=syncing.dry_run,
            message=writing.message,
            operation="sync",
            parents=parents or None,
        )

    done = await until_current(attempt)
    if syncing.dry_run:
        print_plan(done.changes, syncing.output_format)
    elif done.changes is not None and not done.changes.in_sync:
        session.say(f"Synced -> :{place or '/'}")
    show_troubles(done.changes)
