"""Listing local directories, and choosing what counts where several sources meet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

from .roots import Landing, NamedFile, Pour

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from os import _ScandirIterator as ScandirIterator

    from vost._storage.statcache import DirectoryRecord, StatCache
    from vost._transfer.exclude import WalkRules

_DIRECTORY_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_LISTS_DESCRIPTORS = os.scandir in os.supports_fd and os.open in os.supports_dir_fd


@dataclass(eq=False)
class Listing:
    """One local directory while it is looked at.

    Attributes:
        pour: The directory.
        descriptor: It, open; ``None`` where the system cannot list open directories.
        scan: The look at it that is under way.
        entries: What is in it, but for what is excluded; to be gone through once.
        rules: What is left out in it; ``None``: nothing.
        record: What is remembered of its files.
    """

    pour: Pour
    descriptor: int | None
    scan: ScandirIterator[str]
    entries: Iterable[os.DirEntry[str]]
    rules: WalkRules | None
    record: DirectoryRecord

    def local(self, name: str) -> str:
        """Return the path of an entry, as it is reported."""
        return joined(self.pour.local, name)

    def names(self) -> set[str]:
        """Return the names of all that is in it now."""
        return set(os.listdir(self._place))

    def close(self) -> None:
        """Release the directory."""
        self.scan.close()
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    @property
    def _place(self) -> int | str:
        return self.pour.local if self.descriptor is None else self.descriptor


def open_listing(pour: Pour, cache: StatCache, *, follow: bool) -> Listing:
    """Open a directory and list it.

    Args:
        pour: The directory.
        cache: What is remembered of its files.
        follow: Whether a link to a directory counts as one, for the rules.

    Raises:
        OSError: If it cannot be listed, or is not the directory any more that was seen there.
    """
    descriptor = None
    if _LISTS_DESCRIPTORS:
        descriptor = os.open(pour.local, _DIRECTORY_FLAGS)
    try:
        status = os.stat(pour.local) if descriptor is None else os.fstat(descriptor)
        if (status.st_dev, status.st_ino) != pour.identity:
            raise OSError(f"Directory was replaced while it was copied: {pour.local!r}")
        rules = pour.rules
        if rules is not None:
            rules = rules.below(pour.local, pour.below)
        scan = _scan(pour.local if descriptor is None else descriptor)
    except BaseException:
        if descriptor is not None:
            os.close(descriptor)
        raise
    listing = Listing(pour, descriptor, scan, scan, rules, cache.directory(pour.absolute))
    if rules is not None:
        listing.entries = _included(scan, rules, pour.below, follow=follow)
    return listing


def _scan(place: int | str) -> ScandirIterator[str]:
    return cast("ScandirIterator[str]", os.scandir(place))


def _included(
    entries: Iterable[os.DirEntry[str]], rules: WalkRules, below: str, *, follow: bool
) -> Iterator[os.DirEntry[str]]:
    prefix = f"{below}/" if below else ""
    for entry in entries:
        is_dir = _is_dir(entry, follow=follow)
        if not rules.excludes(prefix + entry.name, entry.name, is_dir=is_dir):
            yield entry


def _is_dir(entry: os.DirEntry[str], *, follow: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:  # a link that leads in a circle: an error when it is its turn
        return False


class Candidate(NamedTuple):
    """Something that wants a name in a directory of the repository.

    Attributes:
        order: Which of the sources it is from.
        is_dir: Whether it is a directory.
        listing: Where it was found; ``None``: a source names it.
        what: The entry of the listing, or what a source names.
    """

    order: int
    is_dir: bool
    listing: Listing | None
    what: os.DirEntry[str] | NamedFile | Landing

    def locals(self) -> Iterable[str]:
        """Return the local paths, for warnings."""
        if isinstance(self.what, Landing):
            return self.what.locals()
        if isinstance(self.what, NamedFile):
            return (self.what.local,)
        assert self.listing is not None
        return (self.listing.local(self.what.name),)


def choose(
    landing: Landing,
    listings: list[Listing],
    warn: Callable[[str, str], None],
    *,
    follow: bool,
    first: bool,
) -> tuple[dict[str, NamedFile], dict[str, Landing]]:
    """Decide between sources that want the same names. Directories do not exclude each other.

    Args:
        landing: What sources name here.
        listings: The directories that are poured in; they are left with what is chosen.
        warn: Called, if the first one counts, for each that has to stand back: with its local
            path and the name that it wants.
        follow: Whether links to directories are directories.
        first: Whether the first source counts, not the last.

    Returns:
        The single files, and the directories below in which sources land.
    """
    by_name: dict[str, list[Candidate]] = {}
    for name, candidate in _candidates(landing, listings, follow=follow, first=first):
        by_name.setdefault(name, []).append(candidate)
    entries: dict[Listing, list[os.DirEntry[str]]] = {listing: [] for listing in listings}
    files: dict[str, NamedFile] = {}
    below: dict[str, Landing] = {}
    for name, candidates in by_name.items():
        candidates.sort(key=lambda candidate: candidate.order)
        for candidate in _chosen(name, candidates, warn, first=first):
            what = candidate.what
            if isinstance(what, NamedFile):
                files[name] = what
            elif isinstance(what, Landing):
                below[name] = what
            elif candidate.listing is not None:
                entries[candidate.listing].append(what)
    for listing, chosen in entries.items():
        listing.entries = chosen
    return files, below


def _candidates(
    landing: Landing, listings: list[Listing], *, follow: bool, first: bool
) -> Iterator[tuple[str, Candidate]]:
    for listing in listings:
        order = listing.pour.order
        for entry in listing.entries:
            is_dir = _is_dir(entry, follow=follow)
            yield entry.name, Candidate(order, is_dir, listing, entry)
    for name, files in landing.files.items():
        for file in files:
            yield name, Candidate(file.order, False, None, file)  # noqa: FBT003 - is_dir
    for name, deeper in landing.below.items():
        orders = list(deeper.orders())
        if orders:
            order = min(orders) if first else max(orders)
            yield name, Candidate(order, True, None, deeper)  # noqa: FBT003 - is_dir


def _chosen(
    name: str, candidates: list[Candidate], warn: Callable[[str, str], None], *, first: bool
) -> list[Candidate]:
    if not first:
        if not candidates[-1].is_dir:
            return candidates[-1:]
        files = [number for number, found in enumerate(candidates) if not found.is_dir]
        return candidates[files[-1] + 1 :] if files else candidates
    winner = candidates[0]
    chosen = [winner]
    for candidate in candidates[1:]:
        if winner.is_dir and candidate.is_dir:
            chosen.append(candidate)
            continue
        for local in candidate.locals():
            warn(local, name)
    return chosen


def joined(directory: str, name: str) -> str:
    """Return the path of an entry of a local directory."""
    return directory + name if directory.endswith("/") else f"{directory}/{name}"
