"""Which snapshot a request sees: looked up for each one, so that a new commit shows at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import vost
    from vost.serve.options import FileOptions
    from vost.serve.targets import RequestTarget


class Place(NamedTuple):
    """A path in a snapshot.

    Attributes:
        fs: The snapshot.
        path: The path in it; ``""``: its root.
        ref: Name of what is served, as it was asked for.
        segment: What stands for the ref in links; ``None``: nothing does.
        at: The commit of the ref's history that was asked for; ``None``: none, but the newest.
    """

    fs: vost.FS
    path: str
    ref: str
    segment: str | None
    at: str | None = None

    def link(self, target: RequestTarget, path: str, query: str = "") -> str:
        """Return the link to another path of the same snapshot."""
        parts = [f"at={self.at}" if self.at else "", query]
        return target.link(path, self.segment, "&".join(filter(None, parts)))


class NothingShownError(LookupError):
    """There is nothing to show; the message says what was not found."""


class Shown(Protocol):
    """What a server shows: one ref, or all of them."""

    async def place(self, path: str) -> Place | None:
        """Return the place that a path of a URL stands for; ``None``: the list of all refs.

        Raises:
            NothingShownError: If there is no such ref.
        """

    async def snapshots(self) -> list[vost.FS]:
        """Return all snapshots that are shown."""


async def earlier(store: vost.GitStore, place: Place, commit: str) -> Place:
    """Return the same place as it was at a commit.

    Args:
        store: The repository.
        place: The place in the newest snapshot that is shown.
        commit: Id of a commit of its history: 40 hexadecimal digits.

    Raises:
        NothingShownError: If it is not in that history.
    """
    if re.fullmatch("[0-9a-f]{40}", commit):
        if commit == place.fs.commit_hash:
            return place._replace(at=commit)
        if await store.is_reachable(commit, [place.fs]):
            try:
                fs = await store.fs(commit)
            except (KeyError, ValueError):  # no commit
                fs = place.fs
            if fs.commit_hash == commit:
                return place._replace(fs=fs, at=commit)
    raise NothingShownError(f"Not in the history of {place.ref}: {commit}")


class OneRef:
    """A branch, a tag or a commit, and what an option chooses of its history.

    Args:
        store: The repository.
        options: Which ref, and what is chosen.
    """

    def __init__(self, store: vost.GitStore, options: FileOptions) -> None:
        self._store = store
        self._options = options
        self._selected: tuple[str, vost.FS] | None = None

    async def place(self, path: str) -> Place:
        """Return the place of a path in the snapshot that is shown now.

        Raises:
            NothingShownError: If there is none.
        """
        tip = await self._tip()
        ref = self._options.ref or tip.ref_name or tip.commit_hash
        return Place(await self._select(tip), path, ref, None)

    async def snapshots(self) -> list[vost.FS]:
        """Return the snapshot that is shown now, if there is one."""
        try:
            return [(await self.place("")).fs]
        except NothingShownError:
            return []

    async def _tip(self) -> vost.FS:
        name = self._options.ref
        if name is None:
            current = await self._store.branches.current
            if current is None:
                raise NothingShownError("The repository has no current branch")
            return current
        try:
            # Branches first, as `fs` has it, which always reads: a branch that has not moved is
            # known without.
            return await self._store.branches.get(name) or await self._store.fs(name)
        except (KeyError, ValueError):
            raise NothingShownError(f"Unknown ref: {name}") from None

    async def _select(self, tip: vost.FS) -> vost.FS:
        select = self._options.select
        if select is None:
            return tip
        # History is searched once for each new commit, not for each request.
        if self._selected is None or self._selected[0] != tip.commit_hash:
            try:
                self._selected = (tip.commit_hash, await select(tip))
            except LookupError as error:
                raise NothingShownError(str(error)) from None
        return self._selected[1]


class AllRefs:
    """All branches and tags, each below its name. Of a branch and a tag the branch is meant.

    Args:
        store: The repository.
    """

    def __init__(self, store: vost.GitStore) -> None:
        self._store = store

    async def place(self, path: str) -> Place | None:
        """Return the place of a path that begins with a ref; ``None``: the list of all refs.

        Raises:
            NothingShownError: If it does not begin with one.
        """
        if not path:
            return None
        segments = path.split("/")
        # No ref is a directory of another of its kind, so that at most one of each fits.
        for refs in (self._store.branches, self._store.tags):
            for count in range(1, len(segments) + 1):
                name = "/".join(segments[:count])
                fs = await self._get(refs, name)
                if fs is not None:
                    return Place(fs, "/".join(segments[count:]), name, name)
                if count == _DEEPEST_REF:
                    break
        raise NothingShownError(f"Unknown ref: {segments[0]}")

    async def snapshots(self) -> list[vost.FS]:
        """Return the snapshots of all branches and tags."""
        return [
            *await self._commits(self._store.branches),
            *await self._commits(self._store.tags),
        ]

    async def names(self) -> tuple[list[str], list[str]]:
        """Return the names of all branches and of all tags, sorted."""
        return sorted(await self._store.branches.keys()), sorted(await self._store.tags.keys())

    async def _commits(self, refs: vost.RefDict) -> list[vost.FS]:
        try:
            return await refs.values()
        except ValueError:  # some tag is of something that is no commit
            found = [await self._get(refs, name) for name in await refs.keys()]
            return [fs for fs in found if fs is not None]

    @staticmethod
    async def _get(refs: vost.RefDict, name: str) -> vost.FS | None:
        try:
            return await refs.get(name)
        except ValueError:  # no legal name, or a tag of something that is no commit
            return None


_DEEPEST_REF = 8
"""Names of refs have so many segments at most: each one more costs a look-up."""
