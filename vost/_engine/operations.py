"""From what a caller asks for to the operation that does it.

Imported late, in a worker thread: programs that never make a mirror do not pay for it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from vost._engine.bundles import BundleExport, BundleImport
from vost._engine.mirror import (
    Lines,
    LocalBackup,
    LocalRestore,
    MirrorOptions,
    NetworkBackup,
    NetworkRestore,
)
from vost._engine.refspecs import make_selection
from vost._engine.remotes import parse_remote

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._engine.mirror import Operation
    from vost._engine.refspecs import RefNames
    from vost._engine.remotes import Remote
    from vost._engine.repository import Repository


class Surroundings(NamedTuple):
    """What every operation works with.

    Attributes:
        repository: The repository of the store.
        report: Takes lines of progress.
        check: Raises when the caller was cancelled.
    """

    repository: Repository
    report: Callable[..., None]
    check: Callable[[], None]


def backup_operation(
    around: Surroundings,
    url: str | os.PathLike[str],
    *,
    refs: RefNames,
    dry_run: bool,
    format: str | None,
    squash: bool,
    allow_empty: bool,
) -> Operation:
    """Return the operation for ``GitStore.backup``; nothing happens yet.

    Raises:
        ValueError: If the URL is of an unknown form, or an argument is invalid.
        TypeError: If an argument is of a wrong type.
    """
    options = MirrorOptions(make_selection(refs), dry_run=dry_run, allow_empty=allow_empty)
    remote = parse_remote(url)
    repository, lines, check = around.repository, Lines(around.report), around.check
    if _is_bundle(remote, format):
        return BundleExport(repository, remote.path, options, lines, check, squash=squash)
    if squash:
        raise ValueError("squash is only supported for bundle output")
    kind = LocalBackup if remote.is_local else NetworkBackup
    return kind(repository, remote, options, lines, check)


def restore_operation(
    around: Surroundings,
    url: str | os.PathLike[str],
    *,
    refs: RefNames,
    dry_run: bool,
    format: str | None,
    delete: bool,
    allow_empty: bool,
) -> Operation:
    """Return the operation for ``GitStore.restore``; nothing happens yet.

    Raises:
        ValueError: If the URL is of an unknown form, or an argument is invalid.
        TypeError: If an argument is of a wrong type.
    """
    options = MirrorOptions(make_selection(refs), dry_run, delete, allow_empty)
    remote = parse_remote(url)
    repository, lines, check = around.repository, Lines(around.report), around.check
    if _is_bundle(remote, format):
        return BundleImport(repository, remote.path, options, lines, check)
    kind = LocalRestore if remote.is_local else NetworkRestore
    return kind(repository, remote, options, lines, check)


def export_operation(
    around: Surroundings, path: str | os.PathLike[str], *, refs: RefNames, squash: bool
) -> Operation:
    """Return the operation for ``GitStore.bundle_export``; nothing happens yet.

    Raises:
        ValueError: If an argument is invalid.
        TypeError: If an argument is of a wrong type.
    """
    options, lines = MirrorOptions(make_selection(refs)), Lines(around.report)
    file = _file(path)
    return BundleExport(around.repository, file, options, lines, around.check, squash=squash)


def import_operation(
    around: Surroundings, path: str | os.PathLike[str], *, refs: RefNames
) -> Operation:
    """Return the operation for ``GitStore.bundle_import``; nothing happens yet.

    Raises:
        ValueError: If an argument is invalid.
        TypeError: If an argument is of a wrong type.
    """
    options, lines = MirrorOptions(make_selection(refs)), Lines(around.report)
    return BundleImport(around.repository, _file(path), options, lines, around.check)


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
