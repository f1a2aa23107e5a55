"""Operations of a snapshot that move entries within the repository, by their ids."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vost._arguments import path_list
from vost._engine import branches
from vost._model.paths import normalize_given, normalize_writable_path
from vost._offload import check, run
from vost._snapshot import Snapshot, require_same_store
from vost._transfer.importing.request import regular_mode
from vost._transfer.sources import renamed, repository_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vost._engine.draft import CommitOptions, Draft
    from vost._engine.grafting import Grafting
    from vost._engine.repository import Repository
    from vost._model.changes import ChangeReport
    from vost._model.objects import Oid
    from vost._model.types import FileType
    from vost._transfer.sources import Source
    from vost.fs import FS


class RearrangeOperations(Snapshot):
    """What takes files from one place of the repository to another; see ``WriteOperations``."""

    async def copy_from_ref(
        self,
        source: FS | str,
        sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = "",
        dest: str | os.PathLike[str] = "",
        *,
        delete: bool = False,
        dry_run: bool = False,
        message: str | None = None,
        parents: Sequence[FS] | None = None,
    ) -> FS:
        """Copy files and directories of another snapshot of the same repository, in one commit.

        Entries are taken by their ids: no content is read or stored.

        Args:
            source: A snapshot, or the name of a branch, else of a tag.
            sources: What to copy, taken literally: ``"dir"`` keeps its name, ``"dir/"`` is what
                is in it, ``"base/./rest"`` keeps what follows the dot. By default everything.
            dest: The directory to copy to; ``""``: the root.
            delete: Also remove what the source does not have: for a directory with its name
                below ``dest/name``, else in all of ``dest``.
            dry_run: Change nothing; ``changes`` of the result says what would be done.
            message: Commit message, as for ``write``.
            parents: Further parents, as for ``write``.

        Returns:
            The new snapshot; if nothing would change, one of the same commit.

        Raises:
            FileNotFoundError: If a source does not exist.
            NotADirectoryError: If a source ends in a slash and is no directory.
            ValueError: If a path is invalid, or ``source`` is no branch or tag, or not a snapshot
                of the same repository.
            TypeError: If ``source`` is neither a snapshot nor a name.
            PermissionError: If this snapshot is read-only, unless it is a dry run.
            StaleSnapshotError: If the branch has advanced.

        Example:
            >>> dev = await dev.copy_from_ref(main, "config", "imported")
        """
        texts = path_list(sources)
        place = _destination(dest)
        base = await self._loaded()
        other = source
        if isinstance(other, str):
            other_root = (await run(branches.branch_or_tag, self._repository, other)).tree
        else:
            require_same_store(self._store, other)
            other_root = (await other._loaded()).tree
        repository = self._repository

        def change(grafting: Grafting) -> ChangeReport:
            from vost._transfer.rearranging import copy_into, find_sources, report_on  # late

            found = find_sources(repository, other_root, texts)
            copy_into(grafting, found, place, delete=delete)
            return report_on(grafting, base.tree, with_sources=False)

        return await self._rearrange(change, "cp", message, parents, dry_run=dry_run)

    async def copy_from_refs(
        self,
        snapshots: Sequence[FS],
        sources: Sequence[str | os.PathLike[str]],
        dest: str | os.PathLike[str] = "",
        *,
        delete: bool = False,
        ignore_existing: bool = False,
        ignore_errors: bool = False,
        mode: FileType | int | None = None,
        exact: bool = False,
        strict: bool = False,
        dry_run: bool = False,
        message: str | None = None,
        operation: str = "cp",
        parents: Sequence[FS] | None = None,
    ) -> FS:
        """Copy files and directories of several snapshots of this repository, in one commit.

        Unlike ``copy_from_ref`` it looks at each file, for which it has more to offer; entries
        are taken by their ids, too. Submodules are left out, with a warning in ``changes``.

        Args:
            snapshots: The snapshot of each source.
            sources: What to copy, as for ``copy_from_ref``.
            dest: The directory to copy to; ``""``: the root.
            delete: Remove everything below ``dest`` that no source has.
            ignore_existing: Leave alone what exists.
            ignore_errors: Report what fails in ``changes.errors`` and copy the rest; nothing is
                deleted then.
            mode: File mode for all regular files; ``None``: each its own.
            exact: ``dest`` is not a directory but the name that the one source gets.
            strict: Lose nothing by accident. Without ``delete``, a file does not take the place
                of a directory, nor a directory that of a file, and nothing that of a submodule,
                which stays with ``delete`` too, with a warning. Of two sources with the same path
                the first counts, with a warning, not the last.
            dry_run: Change nothing; ``changes`` of the result says what would be done. Without
                ``delete`` it takes all that exists for an update.
            message: Commit message, as for ``write``.
            operation: Word for the automatic message.
            parents: Further parents, as for ``write``.

        Returns:
            The new snapshot; if nothing would change, one of the same commit.

        Raises:
            FileNotFoundError: If a source does not exist.
            NotADirectoryError: If a source ends in a slash and is no directory; with ``strict``,
                if a file is in the way, and with ``delete`` if ``dest`` is a submodule.
            IsADirectoryError: With ``strict``, if a directory or submodule is in the way.
            RuntimeError: With ``ignore_errors``, if everything failed (``AllFailedError``).
            ValueError: If a path or mode is invalid, or a snapshot is not of this repository.
            PermissionError: If this snapshot is read-only, unless it is a dry run.
            StaleSnapshotError: If the branch has advanced.

        Example:
            >>> fs = await fs.copy_from_refs([main, dev], ["a.txt", "b.txt"], "merged")
        """
        if len(snapshots) != len(sources):
            raise ValueError("snapshots must be as many as sources")
        given: Sequence[Source] = [repository_source(source) for source in sources]
        place = _destination(dest)
        if exact:
            given, place = renamed(given, place)
        roots = []
        for each in snapshots:
            require_same_store(self._store, each)
            roots.append((await each._loaded()).tree)
        from vost._transfer.copying import Copy, CopyRequest  # late

        request = CopyRequest(
            sources=list(zip(roots, given, strict=True)),
            dest=place,
            delete=delete,
            ignore_existing=ignore_existing,
            ignore_errors=ignore_errors,
            strict=strict,
            mode=regular_mode(mode),
        )

        def change(grafting: Grafting) -> ChangeReport:
            copy = Copy(grafting, request, check)
            return copy.preview() if dry_run else copy.run()

        return await self._rearrange(change, operation, message, parents, dry_run=dry_run)

    async def move(
        self,
        sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        dest: str | os.PathLike[str],
        *,
        recursive: bool = False,
        strict: bool = False,
        dry_run: bool = False,
        message: str | None = None,
        parents: Sequence[FS] | None = None,
    ) -> FS:
        """Move or rename files or submodules, and with ``recursive`` directories, in one commit.

        Args:
            sources: What to move, taken literally: ``"dir"`` moves with its name, of ``"dir/"``
                what is in it.
            dest: The new name; or a directory to move into, if it exists, ends in a slash, is
                the root, or if there are several sources.
            recursive: Allow directories.
            strict: Refuse to replace a directory, or a file by a directory: a file replaces
                nothing but a file.
            dry_run: Change nothing; ``changes`` of the result says what would be done.
            message: Commit message, as for ``write``.
            parents: Further parents, as for ``write``.

        Raises:
            FileNotFoundError: If a source does not exist, or none is given.
            IsADirectoryError: If one is a directory and ``recursive`` is false; if ``strict``,
                also if one, or a submodule, would be replaced.
            NotADirectoryError: If one ends in a slash and is no directory; if ``strict``, also if
                a file is where a directory is to be.
            ValueError: If a path is invalid, source and target are the same, two sources have
                the same target, or a directory would be moved into itself.
            PermissionError: If the snapshot is read-only, unless it is a dry run.
            StaleSnapshotError: If the branch has advanced.

        Example:
            >>> fs = await fs.move(["a.txt", "b.txt"], "archive/")
        """
        texts = path_list(sources)
        target = os.fspath(dest)
        base = await self._loaded()
        repository = self._repository

        def change(grafting: Grafting) -> ChangeReport:
            from vost._transfer.rearranging import move, plan_moves, report_on  # late

            plan = plan_moves(
                repository, base.tree, texts, target, recursive=recursive, strict=strict
            )
            move(grafting, plan)
            return report_on(grafting, base.tree, with_sources=True)

        return await self._rearrange(change, "mv", message, parents, dry_run=dry_run)

    async def _rearrange(
        self,
        change: Callable[[Grafting], ChangeReport],
        operation: str,
        message: str | None,
        parents: Sequence[FS] | None,
        *,
        dry_run: bool,
    ) -> FS:
        base = await self._loaded()
        if dry_run:
            report = await run(_preview, self._repository, base.tree, change)
            return self._with_commit(base, None if report.is_empty else report)
        self._require_writable()
        options: CommitOptions = self._options(message, operation, parents)
        reports: list[ChangeReport] = []

        def stage(draft: Draft) -> ChangeReport:
            reports.append(draft.rearrange(change))
            return reports[0]

        made = await self._commit_edits(stage, options)
        if made._oid != base.oid:
            return made
        return self._with_commit(base, None if reports[0].is_empty else reports[0])


def _destination(dest: str | os.PathLike[str]) -> str:
    place = normalize_given(dest)
    return normalize_writable_path(place) if place else ""


def _preview(
    repository: Repository, root: Oid, change: Callable[[Grafting], ChangeReport]
) -> ChangeReport:
    from vost._engine.grafting import Grafting

    report = change(Grafting(repository, root, None, check))
    for entries in (report.add, report.update, report.delete):
        entries.sort(key=lambda entry: entry.path)
    return report
