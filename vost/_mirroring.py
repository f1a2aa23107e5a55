"""Carrying out backups, restores, exports and imports: the thin async part of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vost._engine.bundles import BundleExport, BundleImport
from vost._engine.mirror import (
    Lines,
    LocalBackup,
    LocalRestore,
    MirrorOptions,
    NetworkBackup,
    NetworkRestore,
)
from vost._engine.remotes import parse_remote
from vost._offload import Reporter, check, run, run_exclusive, run_to_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._engine.mirror import Operation
    from vost._engine.refspecs import Selection
    from vost._engine.remotes import Remote
    from vost._engine.repository import Repository
    from vost._model.mirror import MirrorDiff


async def export_bundle(
    repository: Repository,
    path: str | os.PathLike[str],
    selection: Selection,
    progress: Callable[[bytes], None] | None,
    *,
    squash: bool,
) -> None:
    """Carry out ``GitStore.bundle_export``."""
    options, lines = MirrorOptions(selection), Lines(Reporter(progress))
    operation = BundleExport(repository, _file(path), options, lines, check, squash=squash)
    await _carry_out(operation, dry_run=False)


async def import_bundle(
    repository: Repository,
    path: str | os.PathLike[str],
    selection: Selection,
    progress: Callable[[bytes], None] | None,
) -> None:
    """Carry out ``GitStore.bundle_import``."""
    options, lines = MirrorOptions(selection), Lines(Reporter(progress))
    operation = BundleImport(repository, _file(path), options, lines, check)
    await _carry_out(operation, dry_run=False)


async def backup(
    repository: Repository,
    url: str | os.PathLike[str],
    options: MirrorOptions,
    progress: Callable[[bytes], None] | None,
    format: str | None,
    *,
    squash: bool,
) -> MirrorDiff:
    """Carry out ``GitStore.backup``."""
    remote = parse_remote(url)
    lines = Lines(Reporter(progress))
    operation: Operation
    if _is_bundle(remote, format):
        operation = BundleExport(repository, remote.path, options, lines, check, squash=squash)
    elif squash:
        raise ValueError("squash is only supported for bundle output")
    elif remote.is_local:
        operation = LocalBackup(repository, remote, options, lines, check)
    else:
        operation = NetworkBackup(repository, remote, options, lines, check)
    return await _carry_out(operation, dry_run=options.dry_run)


async def restore(
    repository: Repository,
    url: str | os.PathLike[str],
    options: MirrorOptions,
    progress: Callable[[bytes], None] | None,
    format: str | None,
) -> MirrorDiff:
    """Carry out ``GitStore.restore``."""
    remote = parse_remote(url)
    lines = Lines(Reporter(progress))
    operation: Operation
    if _is_bundle(remote, format):
        operation = BundleImport(repository, remote.path, options, lines, check)
    elif remote.is_local:
        operation = LocalRestore(repository, remote, options, lines, check)
    else:
        operation = NetworkRestore(repository, remote, options, lines, check)
    return await _carry_out(operation, dry_run=options.dry_run)


async def _carry_out(operation: Operation, *, dry_run: bool) -> MirrorDiff:
    try:
        diff = await run(operation.prepare)
        if not dry_run and not diff.in_sync:
            await run_exclusive(operation.commit)
    finally:
        await run_to_end(operation.close)
    return diff


def _is_bundle(remote: Remote, format: str | None) -> bool:
    """Tell whether a bundle is meant.

    Raises:
        ValueError: If the format is unknown, or a bundle is not on the local disk.
    """
    if format not in {None, "bundle"}:
        raise ValueError(f"format must be 'bundle' or None, got {format!r}")
    if format is not None and not remote.is_local:
        raise ValueError(f"a bundle is a local file: {remote.display!r} is none")
    return remote.is_local and (format is not None or remote.path.lower().endswith(".bundle"))


def _file(path: str | os.PathLike[str]) -> str:
    """Return the path of a file.

    Raises:
        TypeError: If it is neither ``str`` nor a path of ``str``.
    """
    name = os.fspath(path)
    if not isinstance(name, str):
        raise TypeError(f"path must be str or os.PathLike[str], not {type(path).__name__}")
    return name
