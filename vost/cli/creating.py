"""Repositories that appear when all is well, or not at all, and that go as one thing."""

from __future__ import annotations

import os
import shutil
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import vost
from vost.cli.errors import Failure, cannot_make, describe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from vost.cli.session import Session


class AppearedError(Failure):
    """Somebody else has made the repository meanwhile."""


async def once_more(command: Callable[[], Awaitable[None]]) -> None:
    """Run a command, and again if somebody else made the repository that it was about to make."""
    try:
        await command()
    except AppearedError:
        await command()


@asynccontextmanager
async def existing_or_new(
    session: Session,
    existing: vost.GitStore | None,
    branch: str | None,
    *,
    replace: bool = False,
) -> AsyncIterator[vost.GitStore]:
    """Give the repository to write to; a missing one is made, and is there when the block ends.

    For commands that find out late that what they are given is bad. Until then a new repository
    lies under another name beside its place.

    Args:
        session: Which repository.
        existing: The one that exists; ``None``: none does.
        branch: The first branch of a new one; ``None``: no branch.
        replace: Whether a new one takes the place of what is there, which is then removed.

    Yields:
        The repository.

    Raises:
        AppearedError: If somebody else has made one at its place meanwhile.
        Failure: If it cannot be made.
        OSError: If it cannot take the place of what is there.
    """
    if existing is not None:
        yield existing
        return
    path = session.path
    place = os.path.abspath(path)
    directory = os.path.dirname(place)
    missing = _missing_directories(directory)
    temporary = name_beside(place, "tmp")
    old = name_beside(place, "old")
    try:
        try:
            store = await vost.GitStore.open(temporary, create=True, branch=branch)
        except OSError as error:
            failure: Failure = cannot_make(path, error)
            raise failure from error
        try:
            yield store
        finally:
            await store.close()
        if replace and _is_current_directory(place):
            _move_contents(temporary, place)
        elif replace:
            _exchange(temporary, place, old)
        else:
            _put_in_place(temporary, place, path)
        _sync(directory)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        for made in missing:
            with suppress(OSError):
                os.rmdir(made)
        raise
    if os.path.lexists(old):
        _remove_tree(old, path)


def remove_repository(path: str) -> None:
    """Delete a repository: it is whole, or not there any more, whenever this is cut short.

    Args:
        path: Its path.

    Raises:
        Failure: If something is left of it, under another name.
        OSError: If it cannot be removed from its place.
    """
    place = os.path.abspath(path)
    old = name_beside(place, "old")
    os.rename(place, old)
    _sync(os.path.dirname(place))
    _remove_tree(old, path)


def name_beside(place: str, kind: str) -> str:
    """Return a name that nobody has, in the same directory, hidden; ``kind`` is its end."""
    # Cut, for a name must not be longer than a file system allows.
    directory, name = os.path.split(place)
    return os.path.join(directory, f".{name[:40]}.{os.urandom(8).hex()}.{kind}")


def _put_in_place(new: str, place: str, path: str) -> None:
    """Give a new repository its name, which nobody may have.

    Raises:
        AppearedError: If somebody has it.
        Failure: If that is not possible.
    """
    try:
        os.rename(new, place)
    except OSError as error:
        if os.path.lexists(place):
            raise AppearedError(f"Repository already exists: {path}") from None
        failure: Failure = cannot_make(path, error)
        raise failure from error


def _exchange(new: str, place: str, old: str) -> None:
    """Give a new repository the name of what is there, which gets another one.

    Raises:
        OSError: If that is not possible; then all is as before.
    """
    try:
        os.rename(place, old)
        os.rename(new, place)
    except BaseException:
        if os.path.lexists(old) and not os.path.lexists(place):
            os.rename(old, place)
        raise


def _is_current_directory(place: str) -> bool:
    with suppress(OSError):
        return os.path.samefile(place, os.curdir)
    return False


def _move_contents(new: str, place: str) -> None:
    """Move a new repository into the current directory, an empty one.

    With another directory at its place, whoever works in it would be nowhere.

    Raises:
        Failure: If it is not empty.
        OSError: If it cannot be written to.
    """
    if os.listdir(place):
        raise Failure("Cannot replace the current directory: leave it, and give the path to it")
    for name in sorted(os.listdir(new), key="HEAD".__eq__):  # without HEAD it is no repository
        os.rename(os.path.join(new, name), os.path.join(place, name))
    os.rmdir(new)


def _remove_tree(old: str, path: str) -> None:
    """Remove what was at a path; interrupted, come to the end all the same.

    Raises:
        Failure: If something of it cannot be removed.
    """
    try:
        shutil.rmtree(old)
    except OSError as error:
        left = f"What was at {path} cannot be removed; the rest of it is at {old}"
        raise Failure(f"{left}: {describe(error)}") from error
    except BaseException:
        shutil.rmtree(old, ignore_errors=True)
        raise


def _missing_directories(directory: str) -> list[str]:
    """Return a directory and its parents as far as they do not exist, the deepest first."""
    missing = []
    while not os.path.lexists(directory):
        missing.append(directory)
        directory = os.path.dirname(directory)
    return missing


def _sync(directory: str) -> None:
    """Let a new name in a directory outlive a power failure, where that can be asked for."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
