"""Operations of a snapshot that copy from the local disk. Each is one commit."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from vost._arguments import path_list
from vost._model.paths import check_writable_segments, normalize_given
from vost._offload import Reporter, check, run
from vost._snapshot import Snapshot
from vost._transfer.importing.request import ImportRequest, regular_mode
from vost._transfer.sources import local_source, renamed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vost._engine.draft import CommitOptions, Draft
    from vost._model.changes import ChangeReport
    from vost._model.progress import Progress
    from vost._model.types import FileType
    from vost._transfer.exclude import ExcludeFilter, WalkRules
    from vost._transfer.importing.execute import Import
    from vost.fs import FS


class ImportOperations(Snapshot):
    """What brings files from the local disk into the snapshot's branch."""

    async def copy_in(
        self,
        sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        dest: str | os.PathLike[str],
        *,
        dry_run: bool = False,
        follow_symlinks: bool = False,
        message: str | None = None,
        mode: FileType | int | None = None,
        ignore_existing: bool = False,
        delete: bool = False,
        ignore_errors: bool = False,
        checksum: bool | None = True,
        exclude: ExcludeFilter | None = None,
        exact: bool = False,
        strict: bool = False,
        parents: Sequence[FS] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> FS:
        """Copy local files and directories into a directory of the branch, in one commit.

        Sources follow rsync's rules: ``dir`` is copied under its name, ``dir/`` pours out what is
        in it, and of ``base/./rest/dir`` what is behind the ``/./`` is kept. Symbolic links are
        stored as links. Sockets, FIFOs, devices, the repository itself and anything called
        ``.git`` are left out, with a line in ``changes.warnings``. Empty directories vanish.

        Args:
            sources: One local path or several, taken literally; all must exist.
            dest: The directory of the repository that they land in; ``""``: the root.
            dry_run: Change nothing; ``changes`` of the result says what would be done.
            follow_symlinks: Store what links lead to instead of the links.
            message: Commit message, as for ``write``; ``{op}`` is ``cp``.
            mode: File mode for all regular files; ``None``: executable if anybody may execute
                the local file.
            ignore_existing: Leave alone what exists in the repository.
            delete: Remove everything below ``dest`` that no source has, but for what is excluded.
                Of two sources with the same path the first counts then, otherwise the last.
            ignore_errors: Report what fails in ``changes.errors`` and copy the rest. What is at
                the place of a source that fails is not deleted.
            checksum: With ``delete``: compare contents. If false, a file that is not younger than
                the snapshot's commit counts as unchanged; if ``None``, one that is older than the
                commit that last changed what is in its place, and in a dry run without ``delete``
                all that exists counts as an update.
            exclude: What to leave out.
            exact: ``dest`` is not a directory but the name that the one source gets.
            strict: Lose nothing by accident. Without ``delete``, a file does not take the place
                of a directory, nor a directory that of a file, and nothing that of a submodule,
                which stays with ``delete`` too, with a warning. Of two sources with the same path
                the first counts, with a warning; and a source may be a link that leads nowhere.
            parents: Further parents, as for ``write``.
            progress: Called a few times a second with how far the work is.

        Returns:
            The new snapshot, or one of the same commit if nothing changed. Paths in its
            ``changes`` are relative to ``dest``.

        Raises:
            FileNotFoundError: If a source does not exist, or a file vanishes meanwhile.
            NotADirectoryError: If a source ends in a slash and is no directory; with ``strict``,
                if a file of the repository is in the way, and with ``delete`` if ``dest`` is a
                submodule.
            IsADirectoryError: With ``strict``, if a directory or submodule of the repository is.
            OSError: If a file cannot be read, or changes while it is read.
            RuntimeError: With ``ignore_errors``, if everything failed (``AllFailedError``).
            ValueError: If a path, mode or message is invalid, or a parent is of another store.
            TypeError: If an argument is of the wrong type.
            PermissionError: If the snapshot is read-only, unless ``dry_run``.
            StaleSnapshotError: If the branch has advanced.

        Example:
            >>> fs = await fs.copy_in("photos/", "backup/photos", delete=True)
        """
        if not dry_run:
            self._require_writable()
        given = tuple(local_source(source) for source in path_list(sources))
        place = _destination(dest)
        if exact:
            given, place = renamed(given, place)
        request = ImportRequest(
            sources=given,
            dest=place,
            follow_symlinks=follow_symlinks,
            mode=regular_mode(mode),
            ignore_existing=ignore_existing,
            delete=delete,
            ignore_errors=ignore_errors,
            checksum=checksum,
            rules=_rules(exclude),
            strict=strict,
            by_existence=dry_run and not delete and checksum is None,
        )
        options = self._options(message, "cp", parents)
        return await self._import(request, options, progress, dry_run=dry_run)

    async def sync_in(
        self,
        local_path: str | os.PathLike[str],
        repo_path: str | os.PathLike[str],
        *,
        dry_run: bool = False,
        follow_symlinks: bool = False,
        message: str | None = None,
        ignore_errors: bool = False,
        checksum: bool | None = True,
        exclude: ExcludeFilter | None = None,
        missing_ok: bool = False,
        parents: Sequence[FS] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> FS:
        """Make a directory of the branch equal to a local directory, in one commit.

        Submodules stay: where one is in the way, there is a warning in ``changes``.

        Args:
            local_path: The local directory, with a slash at its end or without.
            repo_path: The directory of the repository; ``""``: the root. A file there is replaced.
            dry_run: Change nothing; ``changes`` of the result says what would be done.
            follow_symlinks: Store what links lead to instead of the links.
            message: Commit message, as for ``write``; ``{op}`` is ``sync``.
            ignore_errors: Report what fails in ``changes.errors``, leave it as it is in the
                repository, and go on.
            checksum: Compare contents. If false, a file that is not younger than the snapshot's
                commit counts as unchanged; if ``None``, one that is older than the commit that
                last changed what is in its place.
            exclude: What to leave out, and to leave alone in the repository.
            missing_ok: Take a ``local_path`` that does not exist for an empty directory: remove
                everything below ``repo_path``.
            parents: Further parents, as for ``write``.
            progress: Called a few times a second with how far the work is.

        Returns:
            The new snapshot, or one of the same commit if nothing changed. Paths in its
            ``changes`` are relative to ``repo_path``.

        Raises:
            FileNotFoundError: If ``local_path`` does not exist, or a file vanishes meanwhile.
            NotADirectoryError: If it is no directory, or ``repo_path`` is a submodule.
            OSError: If a file cannot be read, or changes while it is read.
            RuntimeError: With ``ignore_errors``, if everything failed (``AllFailedError``).
            ValueError: If a path or message is invalid, or a parent is of another store.
            PermissionError: If the snapshot is read-only, unless ``dry_run``.
            StaleSnapshotError: If the branch has advanced.

        Example:
            >>> fs = await fs.sync_in("site", "www", exclude=ExcludeFilter(gitignore=True))
        """
        if not dry_run:
            self._require_writable()
        source = local_source(local_path)
        source = local_source(source.text.rstrip("/") + "/")
        request = ImportRequest(
            sources=(source,),
            dest=_destination(repo_path),
            follow_symlinks=follow_symlinks,
            delete=True,
            ignore_errors=ignore_errors,
            checksum=checksum,
            rules=_rules(exclude),
            is_sync=True,
        )
        options = self._options(message, "sync", parents)
        if missing_ok and await run(_is_missing, source.path):
            request = ImportRequest(sources=(), dest=request.dest, delete=True, rules=request.rules)
            options = options._replace(operation=None)
        return await self._import(request, options, progress, dry_run=dry_run)

    async def _import(
        self,
        request: ImportRequest,
        options: CommitOptions,
        progress: Callable[[Progress], None] | None,
        *,
        dry_run: bool,
    ) -> FS:
        commit = await self._loaded()
        reporter = Reporter(progress)

        def work() -> Import:
            from vost._transfer.importing.execute import Import  # late, as all that copies

            return Import(self._repository, commit, request, reporter, check)

        if dry_run:
            report = await run(lambda: work().dry_run())
            return self._with_commit(commit, None if report.is_empty else report)
        reports: list[ChangeReport] = []

        def stage(draft: Draft) -> ChangeReport:
            report, for_message = work().stage(draft)
            reports.append(report)
            return for_message

        fs = await self._commit_edits(stage, options)
        done = reports[0]
        return fs._with_commit(await fs._loaded(), None if done.is_empty else done)


def _destination(path: str | os.PathLike[str]) -> str:
    normal = normalize_given(path)
    check_writable_segments(normal)
    return normal


def _rules(exclude: ExcludeFilter | None) -> WalkRules | None:
    if exclude is None:
        return None
    from vost._transfer.exclude import ExcludeFilter  # late: who has one has imported it

    if not isinstance(exclude, ExcludeFilter):
        raise TypeError(f"exclude must be an ExcludeFilter, not {type(exclude).__name__}")
    return exclude.walk_rules() if exclude.active else None


def _is_missing(path: str) -> bool:
    """Tell whether nothing is at a path; a link that leads nowhere is something."""
    with suppress(FileNotFoundError):
        os.lstat(path)
        return False
    return True
