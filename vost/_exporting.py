"""What a snapshot can copy to the local disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vost._arguments import path_list
from vost._model.paths import normalize_given
from vost._offload import Reporter, check, run
from vost._snapshot import Snapshot, require_same_store
from vost._transfer.importing.request import regular_mode
from vost._transfer.sources import renamed, repository_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vost._engine.commits import Commit
    from vost._model.changes import ChangeReport
    from vost._model.progress import Progress
    from vost._model.types import FileType
    from vost._transfer.exporting.job import Job, Options
    from vost._transfer.sources import Source
    from vost.fs import FS


class ExportOperations(Snapshot):
    """Copying to the local disk: ``copy_out`` adds and replaces, ``sync_out`` makes equal."""

    async def copy_out(
        self,
        sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        dest: str | os.PathLike[str],
        *,
        dry_run: bool = False,
        ignore_existing: bool = False,
        delete: bool = False,
        ignore_errors: bool = False,
        checksum: bool | None = True,
        mode: FileType | int | None = None,
        exact: bool = False,
        strict: bool = False,
        snapshots: Sequence[FS] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> FS:
        """Copy files and directories of the snapshot to the local disk.

        Sources are taken as rsync takes them: ``"dir"`` lands at ``dest/dir``, ``"dir/"`` is what
        is in it, ``"base/./rest"`` lands at ``dest/rest``, and ``""`` is everything. What is there
        and equal is not written again; without ``delete`` it gets the time of the commit. Each
        file is written beside its place and renamed, with the time of the commit; nothing is
        written or removed through a symbolic link below ``dest``. Submodules are left out, and the
        repository itself is left alone, with a warning in ``changes``.

        Args:
            sources: One path or several, taken literally. Where two of them meet at one path, the
                last one counts; with ``delete`` the first, with a warning.
            dest: The local directory; it is created, with its parents, when something is copied.
            dry_run: Change nothing; ``changes`` of the result says what would be done.
            ignore_existing: Leave alone what is there, whatever it is.
            delete: Remove from ``dest`` what no source maps to, and then all empty directories.
            ignore_errors: Go on after what fails; ``changes.errors`` of the result names it. What
                is at the place of a source that does not exist is not deleted.
            checksum: Compare contents; if false, with ``delete`` local files that are no younger
                than the commit count as unchanged. ``None``: compare, but in a dry run without
                ``delete`` all that exists counts as an update.
            mode: File mode for all regular files; ``None``: each its own.
            exact: ``dest`` is not a directory but the name that the one source gets.
            strict: Lose nothing by accident. Without ``delete``, a file does not take the place
                of a directory that is not empty; and of two sources with the same path the first
                counts, with a warning.
            snapshots: The snapshot of each source, where they are not all of this one. Files get
                the time of the newest then.
            progress: Called a few times a second with how far the copy is.

        Returns:
            A snapshot of the same commit with what was done in ``changes``; paths are relative to
            ``dest``, and ``src`` is the path in the repository.

        Raises:
            FileNotFoundError: If a source does not exist; nothing is written.
            NotADirectoryError: If one with a slash at the end is no directory.
            FileExistsError: If ``dest`` is no directory.
            ValueError: If a path is invalid, the destination is in the repository, or a name in the
                snapshot must not be written to a disk (``..``, ``.git`` in any spelling); nothing
                is written.
            OSError: If something cannot be written, read or removed; what is done so far stays.
            GitError: If content is missing from the repository or damaged.
            IsADirectoryError: With ``strict``, if a directory is in the way.
            RuntimeError: If with ``ignore_errors`` everything failed (``AllFailedError``).

        Example:
            >>> await fs.copy_out(["docs"], "./local-docs")
        """
        given: Sequence[Source] = [repository_source(source) for source in path_list(sources)]
        where = _local_directory(dest)
        if exact:
            given, where = renamed(given, where)
            where = where or "."
        commit = await self._loaded()
        commits = [commit for _ in given]
        if snapshots is not None:
            commits = await self._commits_of(snapshots, len(given))
        kind = regular_mode(mode)

        def work() -> ChangeReport | None:
            from vost._transfer.exporting.job import Options  # late, as all that copies
            from vost._transfer.exporting.operation import copy_to_disk

            options = Options(
                ignore_existing=ignore_existing,
                delete=delete,
                ignore_errors=ignore_errors,
                checksum=checksum is not False,
                strict=strict,
                mode=kind,
                by_existence=dry_run and not delete and checksum is None,
            )
            newest = max(commits, key=lambda each: each.time_seconds, default=commit)
            job = self._job(newest, options, progress)
            placed = [(each.tree, source) for each, source in zip(commits, given, strict=True)]
            return copy_to_disk(job, placed, where, dry_run=dry_run)

        return self._with_commit(commit, await run(work))

    async def sync_out(
        self,
        repo_path: str | os.PathLike[str],
        local_path: str | os.PathLike[str],
        *,
        dry_run: bool = False,
        ignore_errors: bool = False,
        checksum: bool = True,
        missing_ok: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> FS:
        """Make a local directory equal to a directory of the snapshot, removals included.

        It is ``copy_out`` of the contents of ``repo_path`` with ``delete``. What is equal already
        is not written again.

        Args:
            repo_path: The directory; ``""`` or ``"/"``: everything.
            local_path: The local directory; it is created if need be.
            dry_run: Change nothing; ``changes`` of the result says what would be done.
            ignore_errors: Go on after what fails, as for ``copy_out``.
            checksum: Compare contents, as for ``copy_out``.
            missing_ok: Take a ``repo_path`` that does not exist for an empty directory: everything
                in ``local_path`` is removed.
            progress: Called a few times a second with how far it is.

        Returns:
            A snapshot of the same commit with what was done in ``changes``, as for ``copy_out``.

        Raises:
            FileNotFoundError: If nothing is at ``repo_path``; nothing is removed.
            NotADirectoryError: If it is a file, or a parent of it is; nothing is removed.
            FileExistsError: If ``local_path`` is no directory.
            ValueError: If a path is invalid, the destination is in the repository, or a name in the
                snapshot must not be written to a disk; nothing is written.
            OSError: If something cannot be written, read or removed; what is done so far stays.
            GitError: If content is missing from the repository or damaged.
            RuntimeError: If with ``ignore_errors`` everything failed (``AllFailedError``).

        Example:
            >>> await fs.sync_out("data", "./local")
        """
        path = normalize_given(repo_path)
        where = _local_directory(local_path)
        commit = await self._loaded()

        def work() -> ChangeReport | None:
            from vost._transfer.exporting.job import Options
            from vost._transfer.exporting.operation import sync_to_disk

            options = Options(delete=True, ignore_errors=ignore_errors, checksum=checksum)
            job = self._job(commit, options, progress)
            return sync_to_disk(
                job, commit.tree, path, where, missing_ok=missing_ok, dry_run=dry_run
            )

        return self._with_commit(commit, await run(work))

    async def _commits_of(self, snapshots: Sequence[FS], count: int) -> list[Commit]:
        if len(snapshots) != count:
            raise ValueError("snapshots must be as many as sources")
        for each in snapshots:
            require_same_store(self._store, each)
        return [await each._loaded() for each in snapshots]

    def _job(
        self, commit: Commit, options: Options, progress: Callable[[Progress], None] | None
    ) -> Job:
        from vost._transfer.exporting.job import Job

        return Job(
            self._repository, options, commit.time_seconds, report=Reporter(progress), check=check
        )


def _local_directory(path: str | os.PathLike[str]) -> str:
    """Return the local directory that an argument names.

    Raises:
        ValueError: If it is empty: that would mean the current directory, by accident.
        TypeError: If it is no path.
    """
    text: object = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"a local path must be str or os.PathLike[str], not {type(text).__name__}")
    if not text or "\0" in text:
        raise ValueError(f"not a local directory: {text!r} ('.' is the current one)")
    return text
