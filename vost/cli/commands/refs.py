"""``vost branch`` and ``vost tag``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncclick as click

import vost
from vost.cli import output
from vost.cli.completing import branches, tags
from vost.cli.errors import Failure
from vost.cli.grouping import show_by_default
from vost.cli.options import (
    branch_option,
    filter_options,
    filter_options_without_ref,
    format_option,
    pass_session,
    repo_option,
)
from vost.cli.resolving import Filters, Resolver
from vost.cli.writing import check_ref_name

if TYPE_CHECKING:
    from vost.cli.session import Session

_FORCE = click.option("-f", "--force", is_flag=True, help="Replace one of this name.")


@click.group("branch", invoke_without_command=True)
@format_option
@repo_option
@pass_session
async def branch_command(session: Session, output_format: str) -> None:
    """List, make, move and delete branches; alone: list them.

    Example: vost branch set experiment
    """
    if show_by_default(output_format):
        output.names(await (await session.open()).branches.keys(), output_format)


@branch_command.command("list")
@format_option
@repo_option
@pass_session
async def branch_list(session: Session, output_format: str) -> None:
    """Print the names of all branches, sorted.

    Example: vost branch list
    """
    output.names(await (await session.open()).branches.keys(), output_format)


@branch_command.command("set")
@click.argument("name", shell_complete=branches)
@_FORCE
@click.option("--empty", is_flag=True, help="Begin anew, with one commit without any file.")
@click.option("--squash", is_flag=True, help="One commit without history: 'squash'.")
@click.option("--append", is_flag=True, help="With --squash: on top of what the branch has.")
@branch_option
@filter_options
@repo_option
@pass_session
async def branch_set(
    session: Session,
    name: str,
    branch: str | None,
    filters: Filters,
    *,
    force: bool,
    empty: bool,
    squash: bool,
    append: bool,
) -> None:
    """Make a branch, or with -f point it elsewhere.

    It begins at the tip of the current branch, or at what -b, --ref and the other filters choose.
    The current branch stays the current one. What -f takes out of a branch stays in its reflog.

    Example: vost branch set hotfix --ref v1.0
    """
    check_ref_name(name)
    _check_beginning(branch, filters, empty=empty, squash=squash, append=append)
    store = await session.open()
    exists = await store.branches.contains(name)
    if append and not exists:
        raise Failure(f"--append requires existing branch: {name}")
    taken = Failure(f"Branch already exists: {name}")
    if exists and not (force or append):
        raise taken
    try:
        if empty:
            await store.branches.create(name, replace=force)
        elif squash:
            await _squash(store, name, Resolver(store, branch, filters), append=append)
        else:
            fs = await Resolver(store, branch, filters).snapshot()
            await store.branches.set(name, fs, replace=force)
    except vost.RefExistsError:
        raise taken from None
    session.say(f"Set branch {name}")


def _check_beginning(
    branch: str | None, filters: Filters, *, empty: bool, squash: bool, append: bool
) -> None:
    """Refuse options of ``branch set`` that contradict each other.

    Raises:
        Failure: If some do.
    """
    if empty:
        if append:
            raise Failure("--append cannot be combined with --empty")
        if filters.given:
            raise Failure("--empty cannot be combined with --ref/--path/--match/--before/--back")
        if squash or branch is not None:
            raise Failure("--empty cannot be combined with --squash or -b/--branch")
    if append and not squash:
        raise Failure("--append without --squash (replay full commit chain) is not yet implemented")


async def _squash(store: vost.GitStore, name: str, resolver: Resolver, *, append: bool) -> None:
    """Point a branch at one commit with the chosen tree.

    A commit that somebody else adds to the branch meanwhile is not lost: this fails then.

    Raises:
        StaleSnapshotError: If the branch has moved meanwhile.
        RefExistsError: If somebody else has made it meanwhile.
    """
    tip = await store.branches.get(name)
    source = await resolver.snapshot()
    made = await source.squash(parent=tip if append else None)
    await store.branches.set(name, made, replace=tip is not None, expected=tip)


@branch_command.command("exists")
@click.argument("name", shell_complete=branches)
@repo_option
@pass_session
async def branch_exists(session: Session, name: str) -> None:
    """Exit with status 0 if there is such a branch, else with 1.

    Example: vost branch exists dev || vost branch set dev
    """
    await _exit_unless_there((await session.open()).branches, name)


@branch_command.command("delete")
@click.argument("name", shell_complete=branches)
@repo_option
@pass_session
async def branch_delete(session: Session, name: str) -> None:
    """Delete a branch.

    Example: vost branch delete experiment
    """
    await _delete((await session.open()).branches, "Branch", name)
    session.say(f"Deleted branch {name}")


@branch_command.command("hash")
@click.argument("name", shell_complete=branches)
@format_option
@filter_options_without_ref
@repo_option
@pass_session
async def branch_hash(session: Session, name: str, output_format: str, filters: Filters) -> None:
    """Print the id of the commit at the tip of a branch, or of an earlier one.

    Example: vost branch hash main --back 1
    """
    store = await session.open()
    if not name:  # which as an option would stand for the current branch
        raise Failure("Branch not found: ")
    fs = await Resolver(store, name, filters).snapshot()
    output.record({"branch": name, "hash": fs.commit_hash}, "hash", output_format)


@branch_command.command("current")
@branch_option
@format_option
@repo_option
@pass_session
async def branch_current(session: Session, branch: str | None, output_format: str) -> None:
    """Print the current branch; with -b make another one the current one.

    Example: vost branch current -b dev
    """
    store = await session.open()
    if branch is not None:
        try:
            await store.branches.set_current(branch)
        except vost.RefNotFoundError:
            raise Failure(f"Branch not found: {branch}") from None
        session.say(f"Current branch set to {branch}")
        return
    name = await store.branches.current_name
    if name is None:
        raise Failure("HEAD does not point to an existing branch")
    output.record({"name": name}, "name", output_format)


@click.group("tag", invoke_without_command=True)
@format_option
@repo_option
@pass_session
async def tag_command(session: Session, output_format: str) -> None:
    """List, make and delete tags; alone: list them.

    Example: vost tag set v1.0
    """
    if show_by_default(output_format):
        output.names(await (await session.open()).tags.keys(), output_format)


@tag_command.command("list")
@format_option
@repo_option
@pass_session
async def tag_list(session: Session, output_format: str) -> None:
    """Print the names of all tags, sorted.

    Example: vost tag list
    """
    output.names(await (await session.open()).tags.keys(), output_format)


@tag_command.command("set")
@click.argument("name", shell_complete=tags)
@_FORCE
@branch_option
@filter_options
@repo_option
@pass_session
async def tag_set(
    session: Session, name: str, branch: str | None, filters: Filters, *, force: bool
) -> None:
    """Tag a commit.

    It is the tip of the current branch, or what -b, --ref and the other filters choose.

    Example: vost tag set v1.0
    """
    check_ref_name(name)
    store = await session.open()
    taken = Failure(f"Tag already exists: {name}")
    if not force and await store.tags.contains(name):
        raise taken
    fs = await Resolver(store, branch, filters).snapshot()
    try:
        await store.tags.set(name, fs, replace=force)
    except vost.RefExistsError:
        raise taken from None
    session.say(f"Set tag {name}")


@tag_command.command("exists")
@click.argument("name", shell_complete=tags)
@repo_option
@pass_session
async def tag_exists(session: Session, name: str) -> None:
    """Exit with status 0 if there is such a tag, else with 1.

    Example: vost tag exists v1.0 || vost tag set v1.0
    """
    await _exit_unless_there((await session.open()).tags, name)


@tag_command.command("delete")
@click.argument("name", shell_complete=tags)
@repo_option
@pass_session
async def tag_delete(session: Session, name: str) -> None:
    """Delete a tag; the commit stays.

    Example: vost tag delete v1.0
    """
    await _delete((await session.open()).tags, "Tag", name)
    session.say(f"Deleted tag {name}")


@tag_command.command("hash")
@click.argument("name", shell_complete=tags)
@format_option
@repo_option
@pass_session
async def tag_hash(session: Session, name: str, output_format: str) -> None:
    """Print the id of the commit that a tag leads to.

    Example: vost tag hash v1.0
    """
    store = await session.open()
    try:
        fs = await store.tags[name]
    except vost.RefNotFoundError:
        raise Failure(f"Tag not found: {name}") from None
    except ValueError:
        raise Failure(f"Tag {name} does not point to a commit") from None
    output.record({"tag": name, "hash": fs.commit_hash}, "hash", output_format)


async def _exit_unless_there(refs: vost.RefDict, name: str) -> None:
    """End with status 1 if there is no such ref.

    Raises:
        Exit: If there is none.
    """
    if not await refs.contains(name):
        raise click.exceptions.Exit(1)


async def _delete(refs: vost.RefDict, kind: str, name: str) -> None:
    """Delete a branch or tag.

    Raises:
        Failure: If there is no such ref.
    """
    try:
        await refs.delete(name)
    except vost.RefNotFoundError:
        raise Failure(f"{kind} not found: {name}") from None
