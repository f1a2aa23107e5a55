"""Making the plan of an import, and carrying it out in a draft."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vost._storage.statcache import STAT_CACHE_NAME, StatCache

from .blobs import DraftBlobs, FileReader, NoBlobs
from .plan import ImportPlan
from .roots import resolve
from .walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._engine.commits import Commit
    from vost._engine.draft import Draft
    from vost._engine.repository import Repository
    from vost._model.changes import ChangeReport
    from vost._model.progress import ProgressReport

    from .blobs import BlobStore
    from .request import ImportRequest


class Import:
    """One import into a repository, on top of a snapshot.

    Args:
        repository: Where to.
        base: The snapshot's commit.
        request: What is asked for.
        report: Told how far the work is.
        check: Called between items; raises when the caller was cancelled.
    """

    def __init__(
        self,
        repository: Repository,
        base: Commit,
        request: ImportRequest,
        report: ProgressReport,
        check: Callable[[], None],
    ) -> None:
        self._repository = repository
        self._base = base
        self._request = request
        self._report = report
        self._check = check

    def dry_run(self) -> ChangeReport:
        """Return what the import would change. Nothing is written, not even the stat cache.

        Raises:
            OSError: If a source cannot be read, unless errors are ignored.
        """
        cache = self._cache()
        try:
            return self._plan(NoBlobs(), cache).report()
        finally:
            cache.close()

    def stage(self, draft: Draft) -> tuple[ChangeReport, ChangeReport]:
        """Store contents and stage all changes.

        Args:
            draft: The commit in the making.

        Returns:
            The report for the caller, and the one that the commit's message is made from.

        Raises:
            OSError: If a source cannot be read, unless errors are ignored.
            RuntimeError: If errors are ignored, and everything that was asked for failed.
        """
        begun = time.time_ns()
        cache = self._cache()
        try:
            plan = self._plan(DraftBlobs(draft), cache)
            plan.require_success()
            for removal in plan.removals:
                if not removal.is_swallowed:
                    draft.take_away(removal.path)
            draft.put_entries((planned.path, planned.entry) for planned in plan.files)
            cache.save(begun)
        finally:
            cache.close()
        report = plan.report()
        return report, plan.commit_report(report)

    def _plan(self, blobs: BlobStore, cache: StatCache) -> ImportPlan:
        request = self._request
        plan = ImportPlan(request.dest, by_path=request.delete or isinstance(blobs, NoBlobs))
        top = resolve(request, plan)
        walk = Walk(
            self._repository,
            self._base,
            request,
            plan,
            reader=FileReader(self._repository, blobs, self._check),
            cache=cache,
            report=self._report,
            check=self._check,
        )
        walk.run(top)
        plan.put_in_order()
        return plan

    def _cache(self) -> StatCache:
        git_dir = self._repository.git_dir
        return StatCache.load(None if git_dir is None else git_dir / STAT_CACHE_NAME)
