"""What ``cp`` copies: its sources, on disk and in the repository."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

import vost
from vost.cli.arguments import normal_path
from vost.cli.errors import Failure
from vost.cli.globbing import is_pattern, is_submodule, matches

if TYPE_CHECKING:
    from vost.cli.commands.copying import Copying
    from vost.cli.resolving import Resolver

_ELSEWHERE = "its content is not in the repository"
_NO_CONTENT = f"Cannot copy a submodule, {_ELSEWHERE}"


class LocalSources(NamedTuple):
    """What is copied from disk.

    Attributes:
        paths: The local paths.
        errors: What of it there is not, and what cannot be copied.
        warnings: What is left out.
        is_one_file: Whether it is one single file or link.
    """

    paths: list[str]
    errors: list[vost.ChangeError]
    warnings: list[vost.ChangeError]
    is_one_file: bool


async def local_sources(copying: Copying, repository: str) -> LocalSources:
    """Find the sources on disk.

    Where errors are ignored, one that does not exist is left to the library, which deletes
    nothing at its place.

    Args:
        copying: What is asked for.
        repository: Where the repository is: patterns do not match what it consists of.

    Raises:
        Failure: If there is none, and errors are not ignored.
    """
    paths: list[str] = []
    special: list[str] = []
    is_own_left_out = False
    errors: list[vost.ChangeError] = []
    for source in copying.sources:
        text = source.path
        if is_pattern(text) and not copying.no_glob:
            matches = await vost.disk_glob(text)
            if not matches:
                _add_error(copying, errors, text, f"No matches for pattern: {text}")
            for match in matches:
                if _is_part_of(match, repository):
                    is_own_left_out = True
                else:
                    (special if _is_special(match) else paths).append(match)
            continue
        trouble = None if copying.ignore_errors else _local_trouble(text)
        if trouble is not None:
            raise Failure(trouble)
        paths.append(text)
    reason = "Left out: it is not a file, link or directory"
    warnings = [vost.ChangeError(path, reason) for path in special]
    if is_own_left_out:
        warnings.append(vost.ChangeError(repository, "Left out: it is the repository itself"))
    is_one = copying.names_one and len(paths) == 1 and _is_local_file(copying, paths[0])
    return LocalSources(paths, errors, warnings, is_one)


def _add_error(copying: Copying, errors: list[vost.ChangeError], path: str, message: str) -> None:
    """Note what is wrong with a source.

    Raises:
        Failure: If errors are not ignored.
    """
    if not copying.ignore_errors:
        raise Failure(message)
    errors.append(vost.ChangeError(path, message.partition(": ")[0]))


def _local_trouble(path: str) -> str | None:
    """Return what is wrong with a local source, if anything is."""
    try:
        os.lstat(path.rstrip("/") or path)
    except (FileNotFoundError, NotADirectoryError):
        return f"Local file not found: {path}"
    if path.endswith("/") and not os.path.isdir(path):
        return f"Not a directory: {path.rstrip('/')}"
    return None


def _is_part_of(path: str, repository: str) -> bool:
    """Tell whether a file is one that a repository consists of; those of a work tree are not."""
    top = os.path.abspath(repository)
    is_inside = os.path.commonpath((top, os.path.abspath(path))) == top
    return is_inside and os.path.lexists(os.path.join(top, "HEAD"))


def _is_special(path: str) -> bool:
    mode = os.lstat(path).st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))


def _is_local_file(copying: Copying, path: str) -> bool:
    """Tell whether a source is no directory; a link is one only where links are followed."""
    if not os.path.isdir(path):
        return os.path.lexists(path)
    is_dot = path.rpartition("/")[2] in (".", "..")
    return os.path.islink(path) and not (is_dot or copying.follow_symlinks)


class StoredSources(NamedTuple):
    """What is copied from the repository.

    Attributes:
        snapshots: The snapshot of each path.
        paths: The paths, as the library takes them.
        matched: Those of the paths that a pattern matched.
        errors: What of it there is not.
        warnings: What is left out.
        is_one_file: Whether it is one single file or link.
    """

    snapshots: list[vost.FS]
    paths: list[str]
    matched: set[str]
    errors: list[vost.ChangeError]
    warnings: list[vost.ChangeError]
    is_one_file: bool


async def stored_sources(copying: Copying, resolver: Resolver) -> StoredSources:
    """Find the sources in the repository; all of them before anything is written.

    Raises:
        Failure: If one does not exist, and errors are not ignored.
    """
    snapshots: list[vost.FS] = []
    paths: list[str] = []
    matched: set[str] = set()
    errors: list[vost.ChangeError] = []
    warnings: list[vost.ChangeError] = []
    is_one_file = False
    for source in copying.sources:
        text = source.path
        path = normal_path(text)
        fs = await resolver.snapshot(source.ref or "", source.back)
        found = [text]
        if is_pattern(text) and not copying.no_glob:
            try:
                found = await _matches(copying, fs, text, warnings)
            except Failure as failure:
                _add_error(copying, errors, text, failure.message)
                continue
            matched.update(found)
        elif not await fs.exists(path):
            if await is_submodule(fs, path):
                _add_error(copying, errors, path, f"{_NO_CONTENT}: {path}")
                continue
            if not copying.ignore_errors:
                raise Failure(f"File not found in repo: {path}")
        elif not await fs.is_dir(path):
            if text.endswith("/") and not copying.ignore_errors:
                raise Failure(f"Not a directory in repo: {path}")
            is_one_file = copying.names_one
        snapshots += [fs] * len(found)
        paths += found
    if is_one_file and copying.delete:
        raise Failure("Cannot use --delete with a single file source.")
    return StoredSources(snapshots, paths, matched, errors, warnings, is_one_file)


async def _matches(
    copying: Copying, fs: vost.FS, pattern: str, warnings: list[vost.ChangeError]
) -> list[str]:
    """Return what a pattern matches, but for submodules: they are warned of.

    Raises:
        Failure: If it matches nothing; or a submodule, at whose place everything would be deleted.
    """
    found = await matches(fs, pattern, submodules=True)
    files = set(await fs.glob(pattern.removeprefix("./")))
    for path in found:
        if path not in files:
            if copying.delete:
                raise Failure(f"{_NO_CONTENT}: {path}")
            warnings.append(vost.ChangeError(path, "A submodule is left out: " + _ELSEWHERE))
    return [path for path in found if path in files]
