"""``vost note``."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import asyncclick as click

import vost
from vost._model.objects import is_hex_oid
from vost.cli import output
from vost.cli.arguments import parse_ref
from vost.cli.completing import refs
from vost.cli.errors import Failure
from vost.cli.options import format_option, pass_session, repo_option
from vost.cli.resolving import Resolver, find_ref, step_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost.cli.session import Session

    F = TypeVar("F", bound=Callable[..., object])


def _namespace_option(function: F) -> F:
    return click.option(
        *("-N", "--namespace"),
        default="commits",
        show_default=True,
        metavar="NAME",
        help="Which notes: those of refs/notes/NAME.",
    )(function)


@click.group("note")
@repo_option
def note_command() -> None:
    """Attach text to commits without changing them, as git notes does.

    TARGET is a commit id of 40 digits, a branch or a tag, with or without a colon at its end, and
    ~N for earlier commits. Without it, or with a colon alone, it is the current branch.

    Example: vost note set v1.0 'Reviewed by Ann'
    """


@note_command.command("get")
@click.argument("target", required=False, metavar="[TARGET]", shell_complete=refs)
@_namespace_option
@repo_option
@pass_session
async def note_get(session: Session, target: str | None, namespace: str) -> None:
    """Print the note of a commit, exactly as it is.

    Example: vost note get v1.0
    """
    await _print(session, target, namespace)


@note_command.command("set")
@click.argument("words", nargs=-1, required=True, metavar="[TARGET] TEXT", shell_complete=refs)
@_namespace_option
@repo_option
@pass_session
async def note_set(session: Session, words: tuple[str, ...], namespace: str) -> None:
    """Attach a note to a commit, in place of an old one.

    Example: vost note set v1.0 'Reviewed by Ann'
    """
    if len(words) > 2:
        raise Failure("Usage: vost note set [TARGET] TEXT")
    target, text = words if len(words) == 2 else (None, words[0])
    await _attach(session, target, text, namespace)


@note_command.command("delete")
@click.argument("target", required=False, metavar="[TARGET]", shell_complete=refs)
@_namespace_option
@repo_option
@pass_session
async def note_delete(session: Session, target: str | None, namespace: str) -> None:
    """Remove the note of a commit.

    Example: vost note delete v1.0
    """
    store = await session.open()
    notes = store.notes[namespace]
    commit, shown = await _commit(store, target)
    try:
        await notes.delete(commit)
    except vost.NoteNotFoundError:
        raise _absent(shown, namespace) from None
    session.say(f"Note deleted for {shown}")


@note_command.command("list")
@_namespace_option
@format_option
@repo_option
@pass_session
async def note_list(session: Session, namespace: str, output_format: str) -> None:
    """Print the ids of commits with a note, sorted.

    Example: vost note list -N reviews
    """
    store = await session.open()
    output.names(await store.notes[namespace].keys(), output_format)


@note_command.command("get-current")
@_namespace_option
@repo_option
@pass_session
async def note_get_current(session: Session, namespace: str) -> None:
    """Print the note of the current branch's tip.

    Example: vost note get-current
    """
    await _print(session, None, namespace)


@note_command.command("set-current")
@click.argument("text")
@_namespace_option
@repo_option
@pass_session
async def note_set_current(session: Session, text: str, namespace: str) -> None:
    """Attach a note to the current branch's tip.

    Example: vost note set-current 'Ready for release'
    """
    await _attach(session, None, text, namespace)


async def _print(session: Session, target: str | None, namespace: str) -> None:
    """Print a note.

    Raises:
        Failure: If there is none.
    """
    store = await session.open()
    notes = store.notes[namespace]
    commit, shown = await _commit(store, target)
    try:
        output.raw(await notes[commit])
    except vost.NoteNotFoundError:
        raise _absent(shown, namespace) from None


async def _attach(session: Session, target: str | None, text: str, namespace: str) -> None:
    store = await session.open()
    notes = store.notes[namespace]
    commit, shown = await _commit(store, target)
    await notes.set(commit, text)
    session.say(f"Note set for {shown}")


async def _commit(store: vost.GitStore, target: str | None) -> tuple[str, str]:
    """Return the id of the commit that a note is for, and what to call it.

    A full id need not exist here: notes of commits that were not fetched are fine.

    Raises:
        Failure: If the target names no commit.
    """
    if target is None:
        tip = (await Resolver(store).branch()).commit_hash
        return tip, f"HEAD ({tip[:7]})"
    name, back = parse_ref(target.removesuffix(":"))
    if is_hex_oid(name) and not back:
        return name, target
    if not name and (back or target):
        fs = await Resolver(store).branch()
    elif is_hex_oid(name) or await store.branches.contains(name) or await store.tags.contains(name):
        fs = await find_ref(store, name)
    else:
        raise Failure(f"Cannot resolve '{target}': not a commit hash, branch, or tag")
    return (await step_back(fs, back)).commit_hash, target


def _absent(shown: str, namespace: str) -> Failure:
    return Failure(f"No note for {shown} in namespace '{namespace}'")
