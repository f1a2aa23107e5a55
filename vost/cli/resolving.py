"""From names to snapshots: refs, ``~N`` and the filters that choose one commit of a history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import vost
from vost.cli.arguments import Target, file_path, parse_ref, parse_target
from vost.cli.dates import parse_moment
from vost.cli.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

NO_MATCH = "No matching commits found"


@dataclass(frozen=True, slots=True)
class Filters:
    """The options that choose a snapshot; ``None`` and 0: not given.

    Attributes:
        ref: Branch, tag or commit to begin at.
        path: The newest commit that changed this path: a ref before it was taken off.
        path_text: The path as it was typed, which may begin with a ref that has a slash.
        match: The newest commit whose whole message matches this shell pattern.
        before: The newest commit of this moment or earlier.
        back: How many commits before the one that was found.
    """

    ref: str | None = None
    path: str | None = None
    path_text: str = ""
    match: str | None = None
    before: datetime | None = None
    back: int = 0

    @classmethod
    def parse(
        cls, ref: str | None, path: str | None, match: str | None, before: str | None, back: int
    ) -> Filters:
        """Return filters as they were typed; empty values count as not given.

        Raises:
            Failure: If the date, the path or the number is none.
        """
        if back < 0:
            raise Failure(f"--back must be 0 or more, got {back}")
        return cls(
            ref=ref or None,
            path=None if path is None else file_path(parse_target(path).path),
            path_text=path or "",
            match=match or None,
            before=parse_moment(before) if before else None,
            back=back,
        )

    @property
    def search(self) -> bool:
        """Whether history must be searched."""
        return not (self.path is None and self.match is None and self.before is None)

    @property
    def given(self) -> bool:
        """Whether there is any of them."""
        return self.search or self.ref is not None or self.back != 0


NO_FILTERS = Filters()


def check_reading(targets: Iterable[Target], branch: str | None, filters: Filters) -> None:
    """Refuse options that contradict the paths they come with (reading commands).

    Args:
        targets: The paths in the repository, destinations included.
        branch: ``-b``.
        filters: The others.

    Raises:
        Failure: If ``--ref``, ``-b`` or ``--back`` say again what a path says.
    """
    targets = list(targets)
    refs = {target.ref for target in targets if target.ref}
    if filters.ref is not None and refs:
        raise Failure("Cannot use --ref with explicit ref: in path")
    check_branch_option(targets, branch)
    if filters.back and any(target.back for target in targets):
        raise Failure("Cannot use --back with ~N in path")


def check_one_ref(targets: Iterable[Target], filters: Filters) -> None:
    """Refuse snapshot filters for paths that name different refs.

    Args:
        targets: The paths that are read; a destination does not count.
        filters: The filters.

    Raises:
        Failure: If there are filters and different refs.
    """
    refs = {target.ref for target in targets if target.ref}
    if len(refs) > 1 and (filters.search or filters.back):
        raise Failure("Cannot use snapshot filters with paths targeting different refs")


def check_branch_option(targets: Iterable[Target], branch: str | None) -> None:
    """Refuse ``-b`` beside a path with a ref of its own.

    Raises:
        Failure: If both are given.
    """
    if branch is not None and any(target.ref for target in targets):
        raise Failure("Cannot use -b/--branch with explicit ref: in path")


class Resolver:
    """Finds the snapshots that the arguments of one command name. Only what is used is looked up.

    Args:
        store: The repository.
        branch: ``-b``; ``None``: the current branch.
        filters: Which snapshot to choose.
    """

    def __init__(
        self, store: vost.GitStore, branch: str | None = None, filters: Filters = NO_FILTERS
    ) -> None:
        self._store = store
        self._branch = branch
        self._filters = filters
        self._found: dict[tuple[str, int], vost.FS] = {}

    async def target(self, text: str, *, repository: bool = False) -> Target:
        """Read a path argument; a branch or tag with a slash in its name counts as a ref.

        Args:
            text: The argument.
            repository: Whether the command knows only paths in the repository.

        Raises:
            Failure: If what follows ``~`` is no positive number.
        """
        target = parse_target(text)
        if target.is_local:
            return await slashed_ref(self._store, target) or (
                target._replace(ref="") if repository else target
            )
        return target

    async def snapshot(self, ref: str = "", back: int = 0) -> vost.FS:
        """Return the snapshot to read for a path with this ref and ``~N``.

        Order: the ref, ``~N``, the newest commit that passes the filters, ``--back``.

        Raises:
            Failure: If there is none.
        """
        found = self._found.get((ref, back))
        if found is None:
            found = await self._resolve(ref, back)
            self._found[ref, back] = found
        return found

    async def start(self, ref: str = "", back: int = 0) -> vost.FS:
        """Return the snapshot that a ref names, ``back`` commits before it, without filters.

        Args:
            ref: Branch, tag or commit id; ``""``: ``--ref``, else the branch.
            back: How many commits before it.

        Raises:
            Failure: If there is no such ref, or history is too short.
        """
        name = ref or self._filters.ref
        fs = await self.named(name) if name else await self.branch()
        return await step_back(fs, back)

    async def named(self, name: str) -> vost.FS:
        """Return the snapshot of a branch, a tag or a commit id (4 digits at least).

        Raises:
            Failure: If there is none.
        """
        return await find_ref(self._store, name)

    async def filter_path(self) -> str | None:
        """Return the path of ``--path``, without any ref before it; ``None``: not given.

        Raises:
            Failure: If the ref or the path is none.
        """
        path = self._filters.path
        if path is None:
            return None
        slashed = await slashed_ref(self._store, parse_target(self._filters.path_text))
        return path if slashed is None else file_path(slashed.path)

    async def branch_name(self) -> str:
        """Return the branch that a command works on which names none."""
        return self._branch or await self._store.branches.current_name or "main"

    async def branch(self, name: str | None = None) -> vost.FS:
        """Return the tip of a branch.

        Args:
            name: Its name; ``None``: the default branch.

        Raises:
            Failure: If there is no such branch.
        """
        if name is None:
            name = await self.branch_name()
        try:
            return await self._store.branches[name]
        except vost.RefNotFoundError:
            raise Failure(f"Branch not found: {name}") from None

    async def writable(
        self,
        target: Target,
        *,
        tag: str = "Cannot write to tag '{}' — use a branch",
        historical: str = "Cannot write to a historical commit (remove ~N from destination)",
    ) -> vost.FS:
        """Return the tip of the branch that a path names, for a write.

        Args:
            target: The path.
            tag: What to say of a tag.
            historical: What to say of ``~N``.

        Raises:
            Failure: If it names a tag, history, or no branch.
        """
        if target.back:
            raise Failure(historical)
        name = target.ref or await self.branch_name()
        if not await self._store.branches.contains(name) and await self._store.tags.contains(name):
            raise Failure(tag.format(name))
        return await self.branch(name)

    async def _resolve(self, ref: str, back: int) -> vost.FS:
        filters = self._filters
        fs = await self.start(ref, back)
        if filters.search:
            fs = await newest(fs, replace(filters, path=await self.filter_path()))
        return await step_back(fs, filters.back)


async def slashed_ref(store: vost.GitStore, target: Target) -> Target | None:
    """Return what ``feature/x:file`` names if there is such a branch or tag.

    Args:
        store: The repository.
        target: What the parser takes for a local path.

    Raises:
        Failure: If what follows ``~`` is no positive number.
    """
    before, colon, path = target.text.partition(":")
    if not colon or "/" not in before or before.startswith((".", "/")):
        return None
    name = before.rpartition("~")[0] or before
    if await store.branches.contains(name) or await store.tags.contains(name):
        ref, back = parse_ref(before, f"{name}:{path}")
        return Target(ref, back, path, target.text)
    return None


async def find_ref(store: vost.GitStore, name: str) -> vost.FS:
    """Return the snapshot of a branch, a tag or a commit id (4 digits at least).

    Raises:
        Failure: If there is none.
    """
    if await store.branches.contains(name):
        return await store.branches[name]
    if await store.tags.contains(name):
        try:
            return await store.tags[name]
        except ValueError:
            raise Failure(f"Tag {name} does not point to a commit") from None
    no_commit = Failure(f"Object {name} is not a commit")
    try:
        found = await store.fs(name)
    except vost.RefNotFoundError as error:
        if "not a commit" in str(error):
            raise no_commit from None
        raise Failure(f"Unknown ref: {name}") from None
    except ValueError:
        raise Failure(f"Unknown ref: {name}") from None
    if found.ref_name is None and not found.commit_hash.startswith(name):
        raise no_commit  # but the id of an annotated tag, which the API follows
    return found


async def newest(fs: vost.FS, filters: Filters) -> vost.FS:
    """Return the newest snapshot from ``fs`` on that passes the filters.

    Raises:
        Failure: If none does.
    """
    async for found in fs.log(filters.path, match=filters.match, before=filters.before, limit=1):
        return found
    raise Failure(NO_MATCH)


async def step_back(fs: vost.FS, steps: int) -> vost.FS:
    """Return the snapshot so many commits before ``fs``.

    Raises:
        Failure: If history is too short.
    """
    try:
        return await fs.back(steps) if steps else fs
    except vost.HistoryError:
        raise Failure(f"Cannot go back {steps} commits — history too short") from None
