"""``vost diff`` and ``vost cmp``."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncclick as click

import vost
from vost._model.objects import ObjectType, hash_object, object_hasher
from vost.cli import output, streams
from vost.cli.arguments import Target, file_path, normal_path, parse_target
from vost.cli.completing import any_paths, refs_and_paths
from vost.cli.errors import TROUBLE, Failure, failure_of
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


@click.command("diff")
@click.argument("baseline", required=False, shell_complete=refs_and_paths)
@click.option("--reverse", is_flag=True, help="What the baseline has that the branch has not.")
@format_option
@branch_option
@filter_options
@repo_option
@pass_session
async def diff_command(
    session: Session,
    baseline: str | None,
    output_format: str,
    branch: str | None,
    filters: Filters,
    *,
    reverse: bool,
) -> None:
    """Show which files differ between the branch and a snapshot.

    BASELINE is a branch, tag or commit (dev, v1.0, main~3, ~3), or REF:PATH for the newest commit
    that changed PATH. A is a file that only the branch has, M one that differs, D one that only
    the baseline has.

    Example: vost diff ~3
    """
    store = await session.open()
    point = await read_point(Resolver(store), baseline)
    check_point(point, branch, filters, noun="baseline")
    path = normal_path(point.path)
    if path:
        filters = replace(filters, path=path)
    resolver = Resolver(store, branch, filters)
    new = await resolver.branch()
    old = await resolver.snapshot(point.ref or "", point.back)
    report = await (old.diff(new) if reverse else new.diff(old))
    output.warn(report.warnings)
    kinds = (("A", report.add), ("M", report.update), ("D", report.delete))
    found = [
        (letter, path)
        for letter, entries in kinds
        for path in sorted(entry.path for entry in entries)
    ]
    if output_format == "text":
        output.lines(f"{letter}  {path}" for letter, path in found)
        return
    values = [{"path": path, "status": letter} for letter, path in found]
    if output_format == "json":
        output.as_json(values, indent=2)
    else:
        output.as_jsonl(values)


class Comparison(click.Command):
    """A command whose exit status 1 says that something differs, so that errors are 2."""

    async def invoke(self, ctx: click.Context) -> object:
        """Run the command.

        Raises:
            Failure: In place of each error, with exit status 2.
        """
        try:
            return await super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.UsageError, BrokenPipeError):
            raise
        except Exception as error:
            failure = error if isinstance(error, Failure) else failure_of(error)
            raise Failure(failure.message, TROUBLE) from error


@click.command("cmp", cls=Comparison)
@click.argument("first", metavar="A", shell_complete=any_paths)
@click.argument("second", metavar="B", shell_complete=any_paths)
@branch_option
@filter_options
@repo_option
@pass_session
async def cmp_command(
    session: Session, first: str, second: str, branch: str | None, filters: Filters
) -> None:
    """Tell by the exit status whether two files are equal: 0 yes, 1 no, 2 trouble.

    Each of them is in the repository or on the local disk. A local link counts as the text of its
    target. With vost -v the ids are shown.

    Example: vost cmp main~3:notes.txt notes.txt
    """
    texts = (first, second)
    targets = [parse_target(text) for text in texts]
    resolver = None
    if any(not target.is_local for target in targets) or any(map(_may_be_ref, texts)):
        resolver = await _resolver(session, targets, branch, filters)
    if resolver is not None:
        targets = [await resolver.target(text) for text in texts]
    inside = [target for target in targets if not target.is_local]
    check_reading(inside, branch, filters)
    check_one_ref(inside, filters)
    paths = [t.text if t.is_local else file_path(t.path) for t in targets]
    found = []
    for target, path in zip(targets, paths, strict=True):
        if target.is_local or resolver is None:
            found.append(await _local_id(path))
        else:
            fs = await resolver.snapshot(target.ref or "", target.back)
            found.append(await _stored_id(fs, path))
    for oid, text in zip(found, texts, strict=True):
        session.say(f"{oid}  {text}")
    if found[0] != found[1]:
        raise click.exceptions.Exit(1)


def _may_be_ref(text: str) -> bool:
    """Tell whether a local path might name a branch with a slash: ``feature/x:file``."""
    return ":" in text and not text.startswith((".", "/"))


async def _resolver(
    session: Session, targets: list[Target], branch: str | None, filters: Filters
) -> Resolver | None:
    """Open the repository, which two local files do not need."""
    if all(target.is_local for target in targets):
        if not session.is_named:
            return None
        found = await session.open_existing()
        return None if found is None else Resolver(found, branch, filters)
    return Resolver(await session.open(), branch, filters)


async def _stored_id(fs: vost.FS, path: str) -> str:
    try:
        found = await fs.stat(path)
    except (vost.PathNotFoundError, vost.PathNotDirectoryError):
        raise await absent(fs, path, "File not found") from None
    if found.file_type is vost.FileType.TREE:
        raise Failure(f"Is a directory: {path}")
    return found.hash


async def _local_id(path: str) -> str:
    """Return the id that a local file would have as a blob."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Failure(f"File not found: {path}") from None
    if stat.S_ISLNK(found.st_mode):
        return hash_object(ObjectType.BLOB, os.fsencode(os.readlink(path))).hex()
    if stat.S_ISDIR(found.st_mode):
        raise Failure(f"Is a directory: {path}")
    if not stat.S_ISREG(found.st_mode):
        raise Failure(f"Not a regular file: {path}")
    hasher, size = object_hasher(ObjectType.BLOB, found.st_size), 0
    async for chunk in streams.file_chunks(path):
        hasher.update(chunk)
        size += len(chunk)
    if size != found.st_size:
        raise Failure(f"The file changed while it was read: {path}")
    return hasher.hexdigest()
