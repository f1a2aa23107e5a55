"""Opening and creating repositories.

What is needed for a disk or for memory is imported when a repository is opened there, in a worker
thread: importing all of it with the package would take a third longer.
"""

from __future__ import annotations

import os
import sys
import time
import weakref
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from vost._engine.branches import create_branch
from vost._engine.repository import Repository
from vost._model.errors import RepositoryNotFoundError
from vost._model.objects import Oid, is_hex_oid, oid_from_hex

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vost._model.types import Signature
    from vost._storage.layout import RepositoryLayout

_SHALLOW_LIMIT = 64 << 20

_open_repositories: weakref.WeakSet[Repository] = weakref.WeakSet()


class OpenOptions(NamedTuple):
    """How a repository is opened.

    Attributes:
        create: Make it if nothing is at the path.
        branch: First branch of a repository that is made; ``None``: none.
        signature: Author and committer of what this handle writes.
        durable: Sync everything to disk before a write returns.
        compression: New value of ``core.compression``; ``None``: as it is configured.
        big_file_threshold: New value of ``core.bigFileThreshold`` in bytes; ``None``: as it is.
        follow_alternates: Also read objects of other repositories that this one borrows from.
        clock: Seconds since the epoch.
    """

    create: bool
    branch: str | None
    signature: Signature
    durable: bool = False
    compression: int | None = None
    big_file_threshold: int | None = None
    follow_alternates: bool = False
    clock: Callable[[], float] = time.time


def open_repository(path: str, options: OpenOptions) -> Repository:
    """Open the repository at ``path``, or make it.

    Raises:
        RepositoryNotFoundError: If nothing is there and it is not to be made.
        NotARepositoryError: If something else is there.
        UnsupportedRepositoryError: If it is a repository that cannot be used.
    """
    from vost._storage.layout import discover

    try:
        layout = discover(path)
    except RepositoryNotFoundError:
        if not options.create:
            raise
        return create_repository(path, options, lambda made: _begin(made, options.branch))[0]
    return _assemble(layout, path, options)


def _begin(repository: Repository, branch: str | None) -> None:
    if branch is not None:
        create_branch(repository, branch)


def configure_repository(repository: Repository, git_dir: str, values: dict[str, str]) -> None:
    """Write ``core`` settings to the repository's configuration, under the writers' lock.

    Raises:
        Busy: If a lock is taken; nothing was done.
    """
    from vost._storage.config import set_values

    with repository.refs.locked():
        set_values(git_dir, values)


def memory_repository(options: OpenOptions) -> Repository:
    """Make a repository that lives in memory only."""
    from vost._storage.memoryobjects import MemoryObjects
    from vost._storage.memoryrefs import MemoryRefs

    refs = MemoryRefs(f"refs/heads/{options.branch or 'master'}")
    repository = Repository(
        objects=MemoryObjects(),
        refs=refs,
        signature=options.signature,
        location=":memory:",
        identity=object(),
        clock=options.clock,
    )
    if options.branch is not None:
        create_branch(repository, options.branch)
    return _tracked(repository)


def create_repository(
    path: str, options: OpenOptions, fill: Callable[[Repository], None]
) -> tuple[Repository, bool]:
    """Make a repository that has its content when it becomes visible, and open it.

    Args:
        path: Where.
        options: How it is opened; ``branch`` is what ``HEAD`` names, whether it exists or not.
        fill: Writes the first objects and refs.

    Returns:
        The repository, and whether it is the one that ``fill`` has filled: another program may
        have been faster.
    """
    from vost._storage.layout import RepositoryLayout, create

    ours: list[tuple[int, int]] = []

    def prepare(git_dir: Path) -> None:
        lock_path = git_dir / "vost.lock"
        layout = RepositoryLayout(git_dir, lock_path, bare=True, root=git_dir)
        repository = _assemble(layout, path, options)
        try:
            fill(repository)
        finally:
            repository.close()
        lock_path.unlink(missing_ok=True)  # it is made by the first change of a ref
        status = git_dir.stat()
        ours.append((status.st_dev, status.st_ino))

    layout = create(path, head=options.branch, prepare=prepare)
    repository = _assemble(layout, path, options)
    return repository, repository.identity in ours


def _assemble(layout: RepositoryLayout, path: str, options: OpenOptions) -> Repository:
    from vost._storage.config import read_config
    from vost._storage.diskobjects import DiskObjects
    from vost._storage.diskrefs import DiskRefs
    from vost._storage.lock import WritersLock

    config = read_config(layout.git_dir)
    compression = options.compression
    if compression is None:
        compression = config.loose_compression
    objects = DiskObjects(
        layout.git_dir / "objects",
        compression=None if compression is None or compression < 0 else compression,
        fsync_loose=options.durable or config.syncs_loose_objects,
        follow_alternates=options.follow_alternates,
    )
    refs = DiskRefs(layout.git_dir, WritersLock(layout.lock_path), durable=options.durable)
    status = layout.git_dir.stat()
    repository = Repository(
        objects=objects,
        refs=refs,
        signature=options.signature,
        location=path,
        identity=(status.st_dev, status.st_ino),
        git_dir=layout.git_dir,
        is_bare=layout.bare,
        shallow=_shallow_commits(layout.git_dir),
        clock=options.clock,
    )
    return _tracked(repository)


def _shallow_commits(git_dir: Path) -> frozenset[Oid]:
    """Read the commits at which a shallow clone ends.

    Source: https://git-scm.com/docs/shallow
    """
    try:
        with (git_dir / "shallow").open("rb") as file:
            words = file.read(_SHALLOW_LIMIT).decode("ascii", "replace").split()
    except OSError:
        return frozenset()
    return frozenset(oid_from_hex(word) for word in words if is_hex_oid(word))


def _tracked(repository: Repository) -> Repository:
    _open_repositories.add(repository)
    return repository


# Modules that the layers below import late, where they need them.
_LATE_MODULES = (
    "dulwich.pack",
    "fnmatch",
    "queue",
    "random",
    "shutil",
    "socket",
    "tempfile",
    "tarfile",
    "zipfile",
    "zlib",
)

_SELDOM_MODULES = {
    # It has hooks of its own for forks, which must not appear in the middle of one.
    "filelock",
    "vost._engine.credentials",
    "vost._engine.operations",
    "vost._engine.transport",
}


def _finish_imports() -> None:
    """Import now what would be imported late.

    A module that another thread is importing at the moment of a fork stays locked in the child
    for ever: the thread that would unlock it does not exist there.
    """
    if _open_repositories:
        for name in _LATE_MODULES:
            import_module(name)
        # Heavy, and seldom needed: only if somebody has begun.
        for name in _SELDOM_MODULES & sys.modules.keys():
            import_module(name)


def _reset_after_fork() -> None:
    for repository in list(_open_repositories):
        repository.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_finish_imports, after_in_child=_reset_after_fork)
