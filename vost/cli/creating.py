"""Repositories that commands make on the way: they appear when all is well, or not at all."""

from __future__ import annotations

import os
import shutil
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import vost
from vost.cli.errors import Failure

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
    session: Session, existing: vost.GitStore | None, branch: str | None
) -> AsyncIterator[vost.GitStore]:
    """Give the repository to write to; a missing one is made, and is there when the block ends.

    For commands that find out late that what they are given is bad. Until then a new repository
    lies under another name beside its place.

    Args:
        session: Which repository.
        existing: The one that exists; ``None``: none does.
        branch: The first branch of a new one; ``None``: no branch.

    Yields:
        The repository.

    Raises:
        AppearedError: If somebody else has made one at its place meanwhile.
        OSError: If it cannot be made.
    """
    if existing is not None:
        yield existing
        return
    path = session.path
    directory, name = os.path.split(os.path.abspath(path))
    missing = _missing_directories(directory)
    # Cut, for a name must not be longer than a file system allows.
    temporary = os.path.join(directory, f".{name[:40]}.{os.urandom(8).hex()}.tmp")
    try:
        store = await vost.GitStore.open(temporary, create=True, branch=branch)
        try:
            yield store
        finally:
            await store.close()
        try:
            os.rename(temporary, path)
        except OSError:
            if os.path.lexists(path):
                raise AppearedError(f"Repository already exists: {path}") from None
            raise
        _sync(directory)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        for made in missing:
            with suppress(OSError):
                os.rmdir(made)
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
