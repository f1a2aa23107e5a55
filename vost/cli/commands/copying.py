"""``vost cp``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncclick as click

import vost
from vost.cli import output
from vost.cli.arguments import normal_path, writable_path
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
from vost.cli.globbing import is_pattern
from vost.cli.options import (
    branch_option,
    dry_run_option,
    filter_options,
    format_option,
    no_glob_option,
    pass_session,
    repo_option,
    write_options,
)
from vost.cli.plans import print_plan
from vost.cli.progress import progress_bar
from vost.cli.resolving import Filters, Resolver, check_one_ref, check_reading
from vost.cli.sources import LocalSources, StoredSources, local_sources, stored_sources
from vost.cli.writing import until_current

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vost.cli.arguments import Target
    from vost.cli.session import Session
    from vost.cli.writing import WriteOptions

_TYPES = {
    "blob": vost.FileType.BLOB,
    "executable": vost.FileType.EXECUTABLE,
    "644": vost.FileType.BLOB,
    "755": vost.FileType.EXECUTABLE,
}


@dataclass(frozen=True, slots=True)
class Copying:
    """One call of ``cp``, as typed.

    Attributes:
        sources: What is copied.
        dest: Where to.
        branch: ``-b``.
        filters: Which snapshot is read.
        writing: How the commit is made.
        excludes: What is left out.
        output_format: How a plan is printed.
        kind: The type of all plain files; ``None``: each its own.
    """

    sources: Sequence[Target]
    dest: Target
    branch: str | None
    filters: Filters
    writing: WriteOptions
    excludes: Excludes
    output_format: str
    kind: vost.FileType | None
    follow_symlinks: bool
    dry_run: bool
    ignore_existing: bool
    delete: bool
    ignore_errors: bool
    checksum: bool
    no_glob: bool

    @property
    def names_one(self) -> bool:
        """Whether the source can be one single file: no pattern, pivot or slash at its end."""
        if len(self.sources) != 1:
            return False
        path = self.sources[0].path
        is_glob = is_pattern(path) and not self.no_glob
        return not (is_glob or path.endswith("/") or path.find("/./", 1) >= 0)


@click.command("cp")
@click.argument("paths", nargs=-1, required=True, metavar="SRC... DEST", shell_complete=any_paths)
@click.option(
    *("--type", "file_type"),
    type=click.Choice(["blob", "executable"]),
    help="The type of all plain files (else as they are).",
)
@click.option("--mode", type=click.Choice(["644", "755"]), hidden=True, help="As --type.")
@click.option("--follow-symlinks", is_flag=True, help="Store what local links lead to.")
@dry_run_option
@click.option("--ignore-existing", is_flag=True, help="Leave alone what DEST has.")
@click.option("--delete", is_flag=True, help="Remove what DEST has and no SRC has.")
@exclude_options
@click.option("--ignore-errors", is_flag=True, help="Report what fails and copy the rest.")
@click.option(
    *("-c", "--checksum"),
    is_flag=True,
    help="Compare contents even where times say that nothing changed.",
)
@format_option
@no_glob_option
@branch_option
@filter_options
@write_options(create=True)
@repo_option
@pass_session
async def cp_command(
    session: Session,
    /,
    paths: tuple[str, ...],
    file_type: str | None,
    mode: str | None,
    **options: Any,  # noqa: ANN401 - the fields of Copying
) -> None:
    """Copy files and directories from disk, to disk, or within the repository.

    Paths in the repository begin with a colon. One file lands at DEST, or in it if it is a
    directory or ends in a slash; "dir" lands in DEST under its name, "dir/" is what is in it, of
    "base/./sub/dir" what follows the dot is kept. Patterns (quote them) may have *, ? and **. A
    file never replaces a directory without --delete; of two sources for one place the first
    counts, with a warning. Links are copied as links.

    With --delete, local files that are older than the last commit that changed them count as
    unchanged, unless -c is given; copies to disk always compare contents.

    Example: vost cp -n 'notes/*.md' :docs/
    """
    if len(paths) < 2:
        raise Failure("cp requires at least two arguments (SRC... DEST)")
    *sources, dest = await read_targets(session, paths)
    kind = _TYPES.get(file_type or mode or "")
    copying = Copying(sources=sources, dest=dest, kind=kind, **options)
    direction = _direction(copying)
    _check(copying, direction)
    if direction is Direction.IN:
        await once_more(lambda: _copy_in(session, copying))
    elif direction is Direction.OUT:
        await _copy_out(session, copying)
    else:
        await _copy_within(session, copying)


def _direction(copying: Copying) -> Direction:
    kinds = {source.is_local for source in copying.sources}
    if copying.dest.is_local:
        if len(kinds) == 2:
            raise Failure("All source paths must be the same type (all repo or all local)")
        if kinds == {True}:
            raise Failure("Neither sources nor DEST is a repo path — prefix repo paths with ':'")
        return Direction.OUT
    if len(kinds) == 2:
        raise Failure("Mixed local and repo sources are not supported — use separate cp commands")
    return Direction.IN if kinds == {True} else Direction.WITHIN


def _check(copying: Copying, direction: Direction) -> None:
    """Refuse what can be seen to be wrong without looking at anything."""
    inside = [each for each in (*copying.sources, copying.dest) if not each.is_local]
    check_reading(inside, copying.branch, copying.filters)
    check_one_ref([each for each in copying.sources if not each.is_local], copying.filters)
    check_filters(direction, copying.filters)
    if direction is Direction.OUT and copying.writing.tag is not None:
        raise Failure("--tag only applies when writing to repo (disk -> repo)")
    if direction is not Direction.IN:
        copying.excludes.check("copying")
        if copying.follow_symlinks:
            raise Failure("--follow-symlinks only applies when copying from disk to repo")
    copying.writing.check()


# --- from disk


async def _copy_in(session: Session, copying: Copying) -> None:
    dest, writing = copying.dest, copying.writing
    check_repository(session, writing)
    place = writable_path(dest.path) if normal_path(dest.path) else ""
    exclude = await copying.excludes.read()
    found = await local_sources(copying, session.path)
    output.warn(found.warnings)
    if not found.paths:
        show_troubles(None, found.errors)
        return
    if found.is_one_file and copying.delete:
        raise Failure("Cannot use --delete with a single file source.")
    exact = False
    dry_run = copying.dry_run
    async with (
        errors_shown(found.errors),
        store_for(session, writing, dest, copying.branch, dry_run=dry_run) as store,
    ):
        resolver = Resolver(store, copying.branch)
        parents = await writing.check_in(store)

        async def attempt() -> vost.FS:
            nonlocal exact
            fs = await resolver.writable(dest)
            exact = found.is_one_file and not await _is_directory(fs, dest, place)
            return await writing.tagging(fs).copy_in(
                found.paths,
                place,
                dry_run=dry_run,
                follow_symlinks=copying.follow_symlinks,
                message=writing.message,
                mode=copying.kind,
                ignore_existing=copying.ignore_existing,
                delete=copying.delete,
                ignore_errors=copying.ignore_errors,
                checksum=_checksum_in(copying),
                exclude=exclude,
                exact=exact,
                strict=True,
                parents=parents or None,
                progress=progress,
            )

        with progress_bar(session) as progress:
            done = await until_current(attempt)
    name_new_repository(done.changes, store, session.path)
    _report_in(session, copying, found, done, place, exact=exact)


def _report_in(
    session: Session,
    copying: Copying,
    found: LocalSources,
    done: vost.FS,
    place: str,
    *,
    exact: bool,
) -> None:
    """Print the plan, or say what was copied, and what failed."""
    name = os.path.basename(found.paths[0])
    target = place if exact else f"{place}/{name}".lstrip("/")
    if copying.dry_run:
        _print_plan_in(copying, found, done, place.rpartition("/")[0] if exact else place, target)
    else:
        session.say(f"Copied -> :{target if found.is_one_file else place or '/'}")
    show_troubles(done.changes, found.errors)


def _checksum_in(copying: Copying) -> bool | None:
    """Return what the library is told about comparing contents.

    Whoever deletes trusts times only where they leave no doubt; and a plan without ``--delete``
    shows all that would be written, equal or not.
    """
    return True if copying.checksum else None


def _print_plan_in(
    copying: Copying, found: LocalSources, done: vost.FS, parent: str, target: str
) -> None:
    report = done.changes
    if found.is_one_file and copying.output_format == "text":
        if report is not None and not report.in_sync:
            output.line(f"{found.paths[0]} -> :{target}")
        return
    print_plan(whole_paths(report, parent), copying.output_format)


async def _is_directory(fs: vost.FS, dest: Target, place: str) -> bool:
    """Tell whether a single file lands in DEST, not at it."""
    return not place or dest.path.endswith("/") or await fs.is_dir(place)


# --- from the repository


async def _copy_out(session: Session, copying: Copying) -> None:
    store = await session.open()
    found = await stored_sources(copying, Resolver(store, copying.branch, copying.filters))
    output.warn(found.warnings)
    if not found.paths:
        show_troubles(None, found.errors)
        return
    dest = copying.dest.path
    exact = found.is_one_file and not (dest.endswith("/") or os.path.isdir(dest))
    check_local_place(os.path.dirname(dest) if exact else dest)
    async with errors_shown(found.errors):
        with progress_bar(session) as progress:
            done = await found.snapshots[0].copy_out(
                found.paths,
                dest,
                dry_run=copying.dry_run,
                ignore_existing=copying.ignore_existing,
                delete=copying.delete,
                ignore_errors=copying.ignore_errors,
                checksum=True if copying.checksum or copying.delete else None,
                mode=copying.kind,
                exact=exact,
                strict=True,
                snapshots=found.snapshots,
                progress=progress,
            )
    path = normal_path(found.paths[0])
    target = dest if exact else os.path.join(dest, path.rpartition("/")[2])
    if copying.dry_run:
        _print_plan_out(copying, found, done, os.path.dirname(dest) if exact else dest, target)
    elif found.is_one_file:
        session.say(f"Copied :{path} -> {target}")
    else:
        session.say(f"Copied -> {dest}")
    show_troubles(done.changes, found.errors)


def check_local_place(directory: str) -> None:
    """Refuse a directory to copy to that is none, or is below one that is none.

    Raises:
        Failure: If it is.
    """
    place = directory
    while place and not os.path.lexists(place.rstrip("/") or place):
        place = os.path.dirname(place.rstrip("/"))
    if place and not os.path.isdir(place):
        raise Failure(f"Not a directory: {place.rstrip('/')}")


def _print_plan_out(
    copying: Copying, found: StoredSources, done: vost.FS, parent: str, target: str
) -> None:
    report = done.changes
    if found.is_one_file and copying.output_format == "text":
        if report is not None and not report.in_sync:
            output.line(f":{normal_path(found.paths[0])} -> {target}")
        return
    print_plan(
        report,
        copying.output_format,
        prefix="",
        place=lambda path: os.path.join(parent, path),
    )


# --- within the repository


async def _copy_within(session: Session, copying: Copying) -> None:
    dest, writing = copying.dest, copying.writing
    place = writable_path(dest.path) if normal_path(dest.path) else ""
    store = await session.open()
    resolver = Resolver(store, copying.branch, copying.filters)
    await resolver.writable(dest)
    found = await stored_sources(copying, resolver)
    output.warn(found.warnings)
    if not found.paths:
        show_troubles(None, found.errors)
        return
    parents = await writing.check_in(store)
    exact = False
    left: list[vost.ChangeError] = []

    async def attempt() -> vost.FS:
        nonlocal exact
        fs = await resolver.writable(dest)
        exact = found.is_one_file and not await _is_directory(fs, dest, place)
        snapshots, paths, left[:] = await _without_itself(copying, found, fs, place, exact=exact)
        return await writing.tagging(fs).copy_from_refs(
            snapshots,
            paths,
            place,
            delete=copying.delete,
            ignore_existing=copying.ignore_existing,
            ignore_errors=copying.ignore_errors,
            mode=copying.kind,
            exact=exact,
            strict=True,
            dry_run=copying.dry_run,
            message=writing.message,
            parents=parents or None,
        )

    async with errors_shown(found.errors):
        done = await until_current(attempt)
    output.warn(left)
    if copying.dry_run:
        print_plan(done.changes, copying.output_format)
    else:
        name = normal_path(found.paths[0]).rpartition("/")[2]
        target = place if exact else f"{place}/{name}".lstrip("/")
        session.say(f"Copied -> :{target if found.is_one_file else place or '/'}")
    show_troubles(done.changes, found.errors)


async def _without_itself(
    copying: Copying, found: StoredSources, fs: vost.FS, place: str, *, exact: bool
) -> tuple[list[vost.FS], list[str], list[vost.ChangeError]]:
    """Return the snapshots and paths to copy, and what a pattern matched that stays out of it.

    As in a shell, a pattern may match the destination too. With ``--delete`` that is refused:
    what is left out would be deleted.

    Raises:
        Failure: If a source is to be copied onto or into itself, and nothing else is, or it was
            not a pattern that named it.
    """
    snapshots: list[vost.FS] = []
    paths: list[str] = []
    left: list[vost.ChangeError] = []
    trouble = None
    for snapshot, text in zip(found.snapshots, found.paths, strict=True):
        clash = None
        if is_same_branch(snapshot, fs):
            clash = await _onto_itself(fs, text, place, exact=exact)
        if clash is None:
            snapshots.append(snapshot)
            paths.append(text)
            continue
        trouble = trouble or clash
        if text not in found.matched or copying.delete:
            raise Failure(clash)
        left.append(vost.ChangeError(normal_path(text), f"Left out: {clash}"))
    if trouble is not None and not paths:
        raise Failure(trouble)
    return snapshots, paths, left


async def _onto_itself(fs: vost.FS, text: str, place: str, *, exact: bool) -> str | None:
    """Say so if a source of a branch lands on itself, or a directory in itself."""
    if text.find("/./", 1) >= 0:
        return None
    path = normal_path(text)
    is_contents = not path or text.endswith("/") or text.rpartition("/")[2] == "."
    name = path.rpartition("/")[2]
    target = place if exact or is_contents else f"{place}/{name}".lstrip("/")
    if target == path:
        return f"Source and destination are the same: {path or '/'}"
    if path and target.startswith(f"{path}/") and await fs.is_dir(path):
        return f"Cannot copy a directory into itself: {path} to {target}"
    return None
