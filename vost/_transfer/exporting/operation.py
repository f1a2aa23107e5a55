"""The whole of a copy to disk, as one blocking call."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from vost._engine.lookup import require_directory
from vost._model.changes import ChangeError
from vost._model.errors import (
    AllFailedError,
    InvalidPathError,
    PathNotDirectoryError,
    PathNotFoundError,
)
from vost._transfer.failures import all_failed
from vost._transfer.localtree import LocalTree

from .execution import Executor
from .known import KnownFiles
from .plan import Plan, report_of
from .planning import Planner
from .wanted import Wanted, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vost._model.changes import ChangeReport
    from vost._model.objects import Oid
    from vost._transfer.sources import Source

    from .job import Job


def copy_to_disk(
    job: Job, sources: Sequence[tuple[Oid, Source]], dest: str, *, dry_run: bool
) -> ChangeReport | None:
    """Copy what the sources name below a local directory.

    Args:
        job: How it is done.
        sources: What to copy, each with the id of its snapshot's root tree.
        dest: The local directory.
        dry_run: Only plan it.

    Returns:
        What was changed, or would be; ``None``: nothing.

    Raises:
        PathNotFoundError: If a source does not exist.
        PathNotDirectoryError: If one that must be a directory is none.
        InvalidPathError: If a name must not be written to a disk, or ``dest`` is in the repository.
        FileExistsError: If something is at ``dest`` that is no directory.
        OSError: If something cannot be read, written or removed.
        GitError: If a tree or content is missing or damaged.
        RuntimeError: If errors are ignored and everything failed.
    """
    plan = Plan()
    wanted = resolve(job.repository, sources, partial(_skip_source, job, plan))
    return _carry_out(job, plan, wanted, dest, dry_run=dry_run)


def sync_to_disk(
    job: Job, root: Oid, path: str, dest: str, *, missing_ok: bool, dry_run: bool
) -> ChangeReport | None:
    """Make a local directory equal to the directory at ``path``.

    Args:
        job: How it is done.
        root: Id of the snapshot's root tree.
        path: The directory in the repository; ``""``: the root.
        dest: The local directory.
        missing_ok: Whether a directory that is not in the repository counts as an empty one.
        dry_run: Only plan it.

    Returns:
        What was changed, or would be; ``None``: nothing.

    Raises:
        PathNotFoundError: If nothing is at ``path``.
        PathNotDirectoryError: If it is a file, or a parent of it is.
        OSError: As for ``copy_to_disk``, which says what else there is.
    """
    plan = Plan()
    layers: tuple[tuple[Oid, str], ...] = ()
    try:
        layers = ((require_directory(job.repository, root, path).oid, path),)
    except PathNotFoundError as error:
        if not missing_ok:
            _unresolved(job, plan, path, error)
    except PathNotDirectoryError as error:
        _unresolved(job, plan, path, error)
    return _carry_out(job, plan, Wanted(layers), dest, dry_run=dry_run)


def _skip_source(job: Job, plan: Plan, source: Source, error: OSError) -> None:
    _unresolved(job, plan, source.text, error)
    plan.kept.add(source.landing)


def _unresolved(job: Job, plan: Plan, source: str, error: OSError) -> None:
    if not job.options.ignore_errors:
        raise error
    plan.errors.append(ChangeError(source, str(error)))


def _check_outside(job: Job, dest: str) -> None:
    """Refuse a destination that is the repository, or in it: its files are none of the user's."""
    if job.repository.git_dir is None:
        return
    own, place = os.path.realpath(job.repository.git_dir), os.path.realpath(dest)
    if place == own or place.startswith(os.path.join(own, "")):
        raise InvalidPathError(f"Cannot copy into the repository itself: {dest}")


def _carry_out(
    job: Job, plan: Plan, wanted: Wanted, dest: str, *, dry_run: bool
) -> ChangeReport | None:
    _check_outside(job, dest)
    ordered = job.options.delete or dry_run
    if plan.errors and not wanted.layers:
        if dry_run:
            return report_of(plan, (), ordered=ordered)
        raise AllFailedError(all_failed(plan.errors), plan.errors)
    executor: Executor | None = None
    with ExitStack() as stack:
        synchronises = job.options.delete
        known = KnownFiles(job.repository.git_dir, dest, remembers_writes=synchronises)
        stack.callback(known.close)
        tree = LocalTree.open(dest)
        if tree is not None:
            stack.enter_context(tree)
        if not dry_run:
            stack.callback(known.save)
        Planner(job, plan, tree, known, dest).make(wanted)
        if not dry_run and (tree is not None or plan.creates):
            tree = tree or stack.enter_context(LocalTree.make(dest))
            executor = Executor(job, plan, tree, known, dest)
            executor.run()
    failed = executor.failed if executor is not None else ()
    report = report_of(plan, failed, ordered=ordered)
    if executor is not None:
        report.errors += executor.errors
        if report.in_sync and not plan.fine and (failed or plan.failures):
            raise AllFailedError(all_failed(report.errors), report.errors)
    return None if report.is_empty else report
