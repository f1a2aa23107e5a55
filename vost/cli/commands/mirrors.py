"""``vost backup`` and ``vost restore``."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import asyncclick as click

import vost
from vost._model.urls import redact
from vost.cli import output
from vost.cli.completing import local_files, refs
from vost.cli.creating import existing_or_new
from vost.cli.errors import Failure
from vost.cli.options import dry_run_option, pass_session, repo_option
from vost.cli.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vost.cli.session import Session

    F = TypeVar("F", bound=Callable[..., object])

_SHORT_ID = 7
_USUAL_BRANCHES = ("main", "master")
_STEP = re.compile(r"(.+?):\s+(?:\d+% \()?(\d+)(?:/(\d+)\))?")
"""A line of a server, or of our own: ``counting objects: 7`` or ``...: 45% (45/100)``."""


def _read_refs(
    ctx: click.Context, _: click.Parameter, values: tuple[str, ...]
) -> dict[str, str] | None:
    """Return the refs that are meant with the names that they get; ``None``: all of them."""
    chosen: dict[str, str] = {}
    for value in values:
        source, colon, target = value.partition(":")
        if not source or (colon and not target) or ":" in target:
            shown = output.printable(value)
            raise click.UsageError(f"Invalid ref rename '{shown}' — expected src:dst", ctx)
        if chosen.setdefault(source, target or source) != (target or source):
            raise click.UsageError(f"Ref given twice: {output.printable(source)}", ctx)
    return chosen or None


def _mirror_options(function: F) -> F:
    """Add what both directions have."""
    empty = "Mirror a source that has no refs, which deletes every ref on the other side."
    for option in (
        click.option("--allow-empty", is_flag=True, help=empty),
        click.option(
            "--output-format",
            type=click.Choice(["text", "json", "jsonl"]),
            default="text",
            show_default=True,
            help="How -n prints it.",
        ),
        click.option(
            *("--format", "bundle"),
            type=click.Choice(["bundle"]),
            help="The file is a bundle, whatever its name.",
        ),
        click.option(
            *("--ref", "refs"),
            multiple=True,
            metavar="NAME|SRC:DST",
            callback=_read_refs,
            shell_complete=refs,
            help="Only this branch, tag or note, maybe under another name (repeatable).",
        ),
    ):
        function = option(function)
    return function


@click.command("backup")
@click.argument("url", shell_complete=local_files)
@dry_run_option
@click.option("--squash", is_flag=True, help="Bundles: one commit per ref, without history.")
@_mirror_options
@repo_option
@pass_session
async def backup_command(
    session: Session,
    url: str,
    refs: dict[str, str] | None,
    bundle: str | None,
    output_format: str,
    *,
    dry_run: bool,
    squash: bool,
    allow_empty: bool,
) -> None:
    """Make the refs of another repository equal to those of this one, or write a bundle.

    Branches, tags and notes that exist only there are deleted, unless --ref names those that are
    meant. URL: http(s), ssh, git or file, a local path (made if it is missing), or a .bundle file.

    Example: vost backup -n ../backup.git
    """
    store = await session.open()
    with _told(session, dry_run=dry_run) as progress, _explained(url):
        diff = await store.backup(
            await vost.resolve_credentials(url),
            dry_run=dry_run,
            progress=progress,
            refs=refs,
            format=bundle,
            squash=squash,
            allow_empty=allow_empty,
        )
    if dry_run:
        _print_plan(diff, output_format, "Nothing to push — already in sync.")
    else:
        session.say(f"Backed up to {redact(url)}")


@click.command("restore")
@click.argument("url", shell_complete=local_files)
@dry_run_option
@click.option("--keep", is_flag=True, help="Delete no refs, add and update only.")
@click.option("--no-create", is_flag=True, help="Do not make a repository that is missing.")
@_mirror_options
@repo_option
@pass_session
async def restore_command(
    session: Session,
    url: str,
    refs: dict[str, str] | None,
    bundle: str | None,
    output_format: str,
    *,
    dry_run: bool,
    keep: bool,
    no_create: bool,
    allow_empty: bool,
) -> None:
    """Make the refs of this repository equal to those of another one, or of a bundle.

    Refs that exist only here are deleted, and their reflog lines tell where they were; with --keep,
    with --ref, and from a bundle, they stay. A missing repository is made.

    Example: vost -r copy.git restore https://host.example/data.git
    """
    existing = await session.open_existing()
    if existing is None and no_create:
        raise session.missing()
    current = chosen = None if existing is None else await existing.branches.current_name
    if existing is None and dry_run:
        existing = await vost.GitStore.memory(branch=None)
    with _told(session, dry_run=dry_run) as progress, _explained(url):
        async with existing_or_new(session, existing, None) as store:
            diff = await store.restore(
                await vost.resolve_credentials(url),
                dry_run=dry_run,
                progress=progress,
                refs=refs,
                format=bundle,
                delete=not keep,
                allow_empty=allow_empty,
            )
            if existing is None or (current is not None and not dry_run):
                chosen = await _choose_current(store)
    if dry_run:
        _print_plan(diff, output_format, "Nothing to pull — already in sync.")
        return
    _warn_of_deletions(diff, current, chosen)
    session.say(f"Restored from {redact(url)}")


def _warn_of_deletions(diff: vost.MirrorDiff, current: str | None, chosen: str | None) -> None:
    for change in diff.delete:
        output.note(f"Warning: deleted {change.ref} (was {_short(change.old_target)})")
    if current not in {None, chosen}:
        way_out = f", it is {chosen} now" if chosen else " (vost branch current -b NAME)"
        output.note(f"Warning: the current branch {current} is gone{way_out}")


async def _choose_current(store: vost.GitStore) -> str | None:
    """Let a repository have a current branch: if it has none, the only one, or a usual one.

    A bundle does not say which one it was, and a mirror may have deleted it.

    Returns:
        The current branch; ``None``: there is none still.
    """
    current = await store.branches.current_name
    if current is not None:
        return current
    names = await store.branches.keys()
    usual = names if len(names) == 1 else [name for name in _USUAL_BRANCHES if name in names]
    if usual:
        await store.branches.set_current(usual[0])
    return usual[0] if usual else None


@contextmanager
def _told(session: Session, *, dry_run: bool) -> Iterator[Callable[[bytes], None] | None]:
    """Say how far the transfer is: with ``-v`` in lines, else in a bar.

    Yields:
        What to pass as ``progress=``.
    """
    if session.verbose and not dry_run:
        yield _say_line
        return
    with progress_bar(session) as show:
        if show is None:
            yield None
            return

        def step(line: bytes) -> None:
            found = _STEP.match(line.decode("utf-8", "replace").strip())
            if found:
                total = None if found[3] is None else int(found[3])
                show(vost.Progress(found[1], int(found[2]), total))

        yield step


def _say_line(line: bytes) -> None:
    # What the next line would replace on a terminal is left out.
    if not line.endswith(b"\r"):
        output.note(line.decode("utf-8", "replace").rstrip("\n"))


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Say what the library says in terms of the command line.

    Raises:
        Failure: In place of some errors.
    """
    try:
        yield
    except vost.RefNotFoundError as error:
        raise Failure(f"Unknown ref: {error.args[0]}") from error
    except vost.RepositoryNotFoundError as error:
        raise Failure(f"Repository not found: {redact(url)}") from error
    except vost.NotARepositoryError as error:
        if isinstance(error, vost.UnsupportedRepositoryError):
            raise
        raise Failure(f"Not a git repository: {redact(url)}") from error
    except (vost.VostError, Failure):
        raise
    except FileNotFoundError as error:
        if error.filename != url:
            raise
        raise Failure(f"File not found: {url}") from error
    except ValueError as error:
        text = str(error).replace("pass allow_empty=True", "add --allow-empty")
        raise Failure(text.partition(" (or http://")[0]) from error


def _print_plan(diff: vost.MirrorDiff, output_format: str, in_sync: str) -> None:
    changes = [
        (action, change)
        for action, group in (
            ("create", diff.add),
            ("update", diff.update),
            ("delete", diff.delete),
        )
        for change in group
    ]
    if output_format == "jsonl":
        output.as_jsonl({"action": action} | _fields(change) for action, change in changes)
    elif output_format == "json":
        plan: dict[str, object] = {
            "add": [_fields(change) for change in diff.add],
            "update": [_fields(change) for change in diff.update],
            "delete": [_fields(change) for change in diff.delete],
        }
        output.as_json(plan | {"total": diff.total, "in_sync": diff.in_sync}, indent=2)
    elif diff.in_sync:
        output.line(in_sync)
    else:
        output.lines(f"  {action}  {change.ref}  {_ids(change)}" for action, change in changes)
        output.line(f"{diff.total} ref(s) would be changed.")


def _fields(change: vost.RefChange) -> dict[str, str]:
    ids = {"old_target": change.old_target, "new_target": change.new_target}
    return {"ref": change.ref} | {key: oid for key, oid in ids.items() if oid is not None}


def _ids(change: vost.RefChange) -> str:
    ids = (change.old_target, change.new_target)
    return " -> ".join(_short(oid) for oid in ids if oid is not None)


def _short(oid: str | None) -> str:
    return (oid or "")[:_SHORT_ID]
