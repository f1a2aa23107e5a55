"""``vost rm`` and ``vost mv``."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import asyncclick as click

import vost
from vost.cli import output
from vost.cli.arguments import file_path, normal_path, parse_target, repository_target
from vost.cli.completing import colon_paths, repository_paths
from vost.cli.errors import Failure
from vost.cli.globbing import expand, is_pattern, is_submodule, matches
from vost.cli.options import (
    branch_option,
    dry_run_option,
    format_option,
    no_glob_option,
    pass_session,
    repo_option,
    write_options,
)
from vost.cli.plans import print_plan
from vost.cli.resolving import Resolver, check_branch_option
from vost.cli.writing import until_current

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from vost.cli.arguments import Target
    from vost.cli.session import Session
    from vost.cli.writing import WriteOptions


@click.command("rm")
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", shell_complete=repository_paths
)
@click.option("-R", "--recursive", is_flag=True, help="Remove directories, with what is in them.")
@dry_run_option
@format_option
@no_glob_option
@branch_option
@write_options(create=False)
@repo_option
@pass_session
async def rm_command(
    session: Session,
    paths: tuple[str, ...],
    branch: str | None,
    writing: WriteOptions,
    output_format: str,
    *,
    recursive: bool,
    dry_run: bool,
    no_glob: bool,
) -> None:
    """Remove files from the repository, in one commit.

    Earlier commits keep them. With -n nothing is removed and the plan is printed.

    Example: vost rm -R old-dir '*.tmp'
    """
    writing.check()
    for path in paths:
        repository_target(path)  # what is wrong without any repository comes first
    store = await session.open()
    resolver = Resolver(store, branch)
    targets = [await resolver.target(path, repository=True) for path in paths]
    place = _one_branch(targets, branch, "Cannot write to a historical commit (remove ~N)")
    names = [file_path(target.path) for target in targets]
    parents = await writing.check_in(store)

    async def attempt() -> vost.FS:
        fs = await resolver.writable(place, tag="Cannot remove in tag '{}' — use a branch")
        found = await expand(fs, names, no_glob=no_glob, submodules=True)
        async with _explained(fs, found, "remove", recursive=recursive):
            return await writing.tagging(fs).remove(
                found,
                recursive=recursive,
                dry_run=dry_run,
                message=writing.message,
                parents=parents or None,
            )

    removed = await until_current(attempt)
    if dry_run:
        print_plan(removed.changes, output_format)
        return
    count = 0 if removed.changes is None else len(removed.changes.delete)
    session.say(f"Removed {count} file(s)")


@click.command("mv")
@click.argument("paths", nargs=-1, required=True, metavar="SRC... DEST", shell_complete=colon_paths)
@click.option("-R", "--recursive", is_flag=True, help="Move directories too.")
@dry_run_option
@format_option
@no_glob_option
@branch_option
@write_options(create=False)
@repo_option
@pass_session
async def mv_command(
    session: Session,
    paths: tuple[str, ...],
    branch: str | None,
    writing: WriteOptions,
    output_format: str,
    *,
    recursive: bool,
    dry_run: bool,
    no_glob: bool,
) -> None:
    """Move or rename files within a branch, in one commit.

    All paths begin with a colon. DEST is the new name, or a directory to move into: one that
    exists or ends in a slash. A file is replaced, a directory never is. Where a pattern matches
    DEST itself, or what is in it already, that stays, with a warning.

    Example: vost mv ':*.txt' :archive/
    """
    writing.check()
    if len(paths) < 2:
        raise Failure("mv requires at least two arguments (SRC... DEST)")
    for path in paths:
        if parse_target(path).is_local and (":" not in path or "/" not in path):
            raise _no_colon(path)
    store = await session.open()
    resolver = Resolver(store, branch)
    targets = [await resolver.target(path) for path in paths]
    place = _one_branch(targets, branch, "Cannot move to/from a historical commit (remove ~N)")
    *sources, dest = [target.path for target in targets]
    for name in (*sources, dest):
        normal_path(name)
    parents = await writing.check_in(store)
    left: list[vost.ChangeError] = []

    async def attempt() -> vost.FS:
        fs = await resolver.writable(place, tag="Cannot move in tag '{}' — use a branch")
        moving = await _to_move(fs, sources, dest, no_glob=no_glob)
        left[:] = moving.left
        async with _explained(fs, moving.sources, "move", recursive=recursive):
            return await writing.tagging(fs).move(
                moving.sources,
                moving.dest,
                recursive=recursive,
                strict=True,
                dry_run=dry_run,
                message=writing.message,
                parents=parents or None,
            )

    moved = await until_current(attempt)
    output.warn(left)
    if dry_run:
        print_plan(moved.changes, output_format)
        return
    changes = moved.changes or vost.ChangeReport()
    added = len(changes.add) + len(changes.update)
    session.say(f"Moved {len(changes.delete)} -> {added} file(s)")


class Moving(NamedTuple):
    """What is moved where.

    Attributes:
        sources: The paths, patterns replaced by what they match; each once.
        dest: The destination, with a slash at its end if it must be a directory.
        left: What patterns matched that stays where it is.
    """

    sources: list[str]
    dest: str
    left: list[vost.ChangeError]


async def _to_move(fs: vost.FS, sources: Sequence[str], dest: str, *, no_glob: bool) -> Moving:
    """Find out what is moved: as in a shell, a pattern may match the destination too.

    Raises:
        Failure: If a pattern matches nothing.
    """
    place = normal_path(dest)
    into = len(sources) > 1 or not place or dest.endswith("/") or await fs.is_dir(place)
    found: dict[tuple[str, bool], str] = {}
    left: list[vost.ChangeError] = []
    for source in sources:
        if no_glob or not is_pattern(source):
            found[normal_path(source), source.endswith("/")] = source
            continue
        matched = await matches(fs, source, submodules=True)
        into = into or len(matched) > 1
        for match in matched:
            path = normal_path(match)
            if path == place and await fs.is_dir(path):
                left.append(vost.ChangeError(path, "Left where it is: it is the destination"))
            elif place.startswith(f"{path}/"):
                left.append(vost.ChangeError(path, "Left where it is: the destination is in it"))
            elif into and path == _place_of(match, place):
                left.append(vost.ChangeError(path, "Left where it is: it is there already"))
            else:
                found[path, False] = match
    if left and not found:
        return Moving([each.path for each in left], dest, [])  # which is refused
    # Several sources need a directory, also if but one of them is left.
    return Moving(list(found.values()), f"{dest}/" if into and place else dest, left)


def _place_of(match: str, place: str) -> str:
    """Return where a match lands in the directory ``place``: what follows a pivot is kept."""
    before, pivot, after = match.partition("/./")
    landing = after if pivot else before.rpartition("/")[2]
    return f"{place}/{landing}" if place else landing


def _one_branch(targets: Sequence[Target], branch: str | None, historical: str) -> Target:
    """Return a path that names the branch that all of them are on.

    Raises:
        Failure: If a path is local or names history, or they name different branches.
    """
    for target in targets:
        if target.is_local:
            raise _no_colon(target.text)
    check_branch_option(targets, branch)
    if any(target.back for target in targets):
        raise Failure(historical)
    named = [target for target in targets if target.ref]
    if len({target.ref for target in named}) > 1:
        raise Failure("All paths must target the same branch")
    return named[0] if named else targets[0]


@asynccontextmanager
async def _explained(
    fs: vost.FS, sources: Sequence[str], verb: str, *, recursive: bool
) -> AsyncIterator[None]:
    """Say which source is the reason if the block fails because of one.

    Raises:
        Failure: If there is one.
    """
    try:
        yield
    except (vost.PathNotFoundError, vost.PathIsDirectoryError, vost.PathNotDirectoryError):
        for source in sources:
            path = normal_path(source)
            is_directory = await fs.is_dir(path)
            if not (is_directory or await fs.exists(path) or await is_submodule(fs, path)):
                raise Failure(f"File not found in repo: {path}") from None
            if is_directory and not recursive:
                reason = f"{path or '/'} is a directory — use -R to {verb} recursively"
                raise Failure(reason) from None
            if source.endswith("/") and not is_directory:
                raise Failure(f"Not a directory in repo: {path}") from None
        raise


def _no_colon(argument: str) -> Failure:
    return Failure(f"All paths must be repo paths (colon prefix required): {argument}")
