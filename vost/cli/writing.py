"""What all commands that commit have in common: messages, tags, parents, a missing repository."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import vost
from vost._model.messages import validate_message
from vost._model.refnames import check_branch_name
from vost.cli.arguments import parse_ref
from vost.cli.errors import STALE, Failure
from vost.cli.globbing import is_submodule
from vost.cli.resolving import find_ref, step_back

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from vost.cli.session import Session


_RETRIES = 5
_DELAY = 0.05

TAG_EXISTS = "Tag already exists: {} (use --force-tag to overwrite)"


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a commit is made.

    Attributes:
        message: The message as typed; ``None``: an automatic one.
        tag: Name of a tag for the new commit; ``None``: no tag.
        force_tag: Whether the tag may exist already.
        create: Whether a missing repository is made.
        parents: Refs of further parents.
    """

    message: str | None = None
    tag: str | None = None
    force_tag: bool = False
    create: bool = False
    parents: Sequence[str] = ()

    def check(self) -> None:
        """Refuse a bad message or tag name: before anything is read or written.

        Raises:
            Failure: If there is one.
        """
        if self.message is not None:
            check_message(self.message)
        if self.tag is not None:
            check_ref_name(self.tag)

    async def check_in(self, store: vost.GitStore) -> list[vost.FS]:
        """Check what needs the repository, and return the further parents.

        Raises:
            Failure: If the tag exists and may not be replaced, or a parent does not exist.
        """
        if self.tag is not None:
            await check_new_tag(store, self.tag, replace=self.force_tag)
        found = []
        for name in self.parents:
            ref, back = parse_ref(name)
            if not ref:
                raise Failure(f"Unknown ref: {name}")
            found.append(await step_back(await find_ref(store, ref), back))
        return found

    def tagging(self, fs: vost.FS) -> vost.FS:
        """Return the snapshot to write from, so that commit and tag are made in one step."""
        return fs if self.tag is None else fs.tagging(self.tag, replace=self.force_tag)


async def check_new_tag(store: vost.GitStore, name: str, *, replace: bool) -> None:
    """Check that a tag can be made, before the commit that it is for.

    Args:
        store: The repository.
        name: The tag's name, a legal one.
        replace: Whether the tag may exist.

    Raises:
        Failure: If it exists and may not, or another one is in its way (``a`` and ``a/b``).
    """
    for existing in await store.tags.keys():
        if existing == name:
            if not replace:
                raise Failure(TAG_EXISTS.format(name))
        elif name.startswith(f"{existing}/") or existing.startswith(f"{name}/"):
            raise Failure(f"Cannot create tag {name}: tag {existing} exists")


async def until_current(attempt: Callable[[], Awaitable[vost.FS]]) -> vost.FS:
    """Commit on top of whatever the branch is at: try again when somebody was faster.

    Args:
        attempt: Reads the tip of the branch anew and commits.

    Raises:
        Failure: If somebody was faster again and again.
    """
    import asyncio  # late: not every command that comes by here commits
    import random

    for number in range(_RETRIES + 1):
        if number:
            await asyncio.sleep(random.uniform(0, _DELAY * 2**number))
        with suppress(vost.StaleSnapshotError):
            return await attempt()
    raise Failure(STALE)


async def store_to_write(
    session: Session, writing: WriteOptions, branch: str | None
) -> vost.GitStore:
    """Open the repository to write to, or make it: the last thing before the write.

    Args:
        session: Which repository.
        writing: Whether it may be made.
        branch: The first branch of one that is made; ``None``: ``main``.

    Raises:
        Failure: If it does not exist and may not be made.
    """
    found = await session.open_existing()
    if found is not None:
        return found
    if not writing.create:
        raise session.missing()
    return await session.create(branch or "main")


def check_new_repository(
    session: Session, writing: WriteOptions, branch: str | None, *, back: int = 0
) -> None:
    """Check what a repository that does not exist can be asked for, before it is made.

    Args:
        session: Which repository.
        writing: How it is written to.
        branch: Its first branch; ``None``: ``main``.
        back: The ``~N`` of the destination.

    Raises:
        Failure: If it may not be made, or has not what is asked for.
    """
    if not writing.create:
        raise session.missing()
    if back:
        raise Failure("Cannot write to a historical commit (remove ~N from destination)")
    if branch is not None:
        check_ref_name(branch)
    for name in writing.parents:
        raise Failure(f"Unknown ref: {name}")


async def check_place(fs: vost.FS, path: str) -> None:
    """Refuse to write a file where a directory is, or below one that is a file.

    Args:
        fs: The snapshot that is written to.
        path: The file's path.

    Raises:
        Failure: If something would have to go for it.
    """
    segments = path.split("/")
    for number in range(1, len(segments)):
        parent = "/".join(segments[:number])
        if not await fs.exists(parent) and not await is_submodule(fs, parent):
            return
        if not await fs.is_dir(parent):
            raise Failure(f"Not a directory: {parent}")
    if await fs.is_dir(path):
        raise Failure(f"Is a directory: {path}")
    if await is_submodule(fs, path):
        raise Failure(f"Is a submodule: {path}")


def check_message(text: str) -> None:
    """Refuse a message with placeholders that there are not.

    Raises:
        Failure: If there is one.
    """
    try:
        validate_message(text)
    except (KeyError, ValueError) as error:
        raise Failure(str(error.args[-1])) from None


def check_ref_name(name: str) -> None:
    """Refuse a name that no branch or tag can have.

    Raises:
        Failure: If it is one.
    """
    try:
        check_branch_name(name)
    except vost.InvalidRefNameError as error:
        raise Failure(str(error)) from None
