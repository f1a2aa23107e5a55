"""Resolving: what the sources are on disk, and where in the destination each of them lands."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from vost._engine.localfiles import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vost._transfer.exclude import WalkRules
    from vost._transfer.sources import Source

    from .plan import ImportPlan
    from .request import ImportRequest

Identity = tuple[int, int]
"""Device and inode of a directory."""


class Pour(NamedTuple):
    """A local directory whose contents land in a directory of the repository.

    Attributes:
        local: Its path, as it is reported.
        absolute: Its absolute path.
        order: Which of the sources it came from.
        rules: What is left out in the directory above it; ``None``: nothing.
        below: Its path from the directory that the walk began in.
        above: The directories above it in the walk, to notice a circle of symbolic links.
        identity: What ``lstat`` or ``stat`` said it is; something else must not take its place.
    """

    local: str
    absolute: str
    order: int
    rules: WalkRules | None
    below: str
    above: tuple[Identity, ...]
    identity: Identity


class NamedFile(NamedTuple):
    """A source that is one file, or one symbolic link.

    Attributes:
        local: Its path.
        order: Which of the sources it is.
        status: What it is.
    """

    local: str
    order: int
    status: os.stat_result


@dataclass(eq=False)
class Landing:
    """A directory of the repository in which sources land, or that is on the way to one.

    Attributes:
        pours: The local directories that are poured in, in order.
        files: The single files, by their names.
        below: The directories in it in which sources land.
        kept: Names of entries that stay: an excluded source would land there.
        keep_all: Whether what is there stays, all of it: a source that could not be looked at
            lands there.
    """

    pours: list[Pour] = field(default_factory=list)
    files: dict[str, list[NamedFile]] = field(default_factory=dict)
    below: dict[str, Landing] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    keep_all: bool = False

    def at(self, path: str) -> Landing:
        """Return the landing at a path below this one; ``""``: this one."""
        landing = self
        for name in path.split("/") if path else ():
            landing = landing.below.setdefault(name, Landing())
        return landing

    def orders(self) -> Iterator[int]:
        """Yield which sources land here or below."""
        pending = [self]
        while pending:
            landing = pending.pop()
            yield from (pour.order for pour in landing.pours)
            yield from (file.order for files in landing.files.values() for file in files)
            pending += landing.below.values()

    def locals(self) -> Iterator[str]:
        """Yield the local paths of what lands here or below."""
        pending = [self]
        while pending:
            landing = pending.pop()
            yield from (pour.local for pour in landing.pours)
            yield from (file.local for files in landing.files.values() for file in files)
            pending += landing.below.values()


def resolve(request: ImportRequest, plan: ImportPlan) -> Landing:
    """Look at every source, and return where they land, as seen from the destination.

    Raises:
        FileNotFoundError: If a source does not exist, or is a link that leads nowhere.
        NotADirectoryError: If it must be a directory and is none.
        OSError: If it cannot be looked at, or is neither a file, a link nor a directory.
    """
    top = Landing()
    found = 0
    for order, source in enumerate(request.sources):
        try:
            _place(top, source, order, request)
        except OSError as error:
            if not request.ignore_errors:
                raise
            plan.failed(source.text, error)
            _keep(top, source)
        else:
            found += 1
    if request.sources and not found:
        plan.is_lost = top.keep_all = True  # nobody knows what should be there
    return top


def _place(top: Landing, source: Source, order: int, request: ImportRequest) -> None:
    status = _look(source, request)
    if stat.S_ISDIR(status.st_mode):
        pour = Pour(
            local=source.path,
            absolute=os.path.abspath(source.path),
            order=order,
            rules=request.rules,
            below="",
            above=(),
            identity=(status.st_dev, status.st_ino),
        )
        top.at(source.landing).pours.append(pour)
        return
    directory, _, name = source.landing.rpartition("/")
    landing = top.at(directory)
    own = os.path.basename(source.path)  # which is not that under which it lands
    if request.rules is not None and request.rules.base.decide(own, own, is_dir=False):
        landing.kept.add(name)
        return
    landing.files.setdefault(name, []).append(NamedFile(source.path, order, status))


def _look(source: Source, request: ImportRequest) -> os.stat_result:
    try:
        own = os.lstat(source.path)
        if _is_link_itself(own, source, request):
            return own
        target = os.stat(source.path)
    except FileNotFoundError:
        is_slash_wrong = source.needs_directory and not request.is_sync
        raise _error(errno.ENOTDIR if is_slash_wrong else errno.ENOENT, source) from None
    if source.contents:
        if not stat.S_ISDIR(target.st_mode):
            raise _error(errno.ENOTDIR, source)
        return target
    if stat.S_ISLNK(own.st_mode) and not request.follow_symlinks:
        return own  # it is stored as a link, but only because it leads somewhere
    return _require_plain(target, source)


def _is_link_itself(own: os.stat_result, source: Source, request: ImportRequest) -> bool:
    """Tell whether a source is a link that is copied as one, wherever it leads."""
    is_followed = request.follow_symlinks or source.contents
    return request.strict and stat.S_ISLNK(own.st_mode) and not is_followed


def _require_plain(status: os.stat_result, source: Source) -> os.stat_result:
    if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        return status
    kind = kind_of(status.st_mode)
    raise OSError(f"Cannot copy {source.text!r}: it is {kind}, not a file, link or directory")


def _error(number: int, source: Source) -> OSError:
    return OSError(number, os.strerror(number), source.text)


def _keep(top: Landing, source: Source) -> None:
    """Let the entries stay that a source may have wanted to be there, and all below them."""
    top.at(source.landing).keep_all = True
