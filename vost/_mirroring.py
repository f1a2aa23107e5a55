"""Carrying out backups, restores, exports and imports: the thin async part of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._offload import Reporter, check, run, run_exclusive, run_to_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._engine.mirror import Operation
    from vost._engine.operations import Surroundings
    from vost._engine.repository import Repository
    from vost._model.mirror import MirrorDiff


async def carry_out(
    repository: Repository,
    progress: Callable[[bytes], None] | None,
    make: Callable[[Surroundings], Operation],
    *,
    dry_run: bool = False,
) -> MirrorDiff:
    """Make an operation and carry it out.

    Args:
        repository: The repository of the store.
        progress: Called with lines of progress.
        make: Makes the operation, in a worker thread.
        dry_run: Whether refs stay as they are.
    """
    report = Reporter(progress)
    made: list[Operation] = []

    def prepare() -> MirrorDiff:
        from vost._engine.operations import Surroundings  # late: see there

        made.append(make(Surroundings(repository, report, check)))
        return made[0].prepare()

    try:
        diff = await run(prepare)
        if not dry_run and not diff.in_sync:
            await run_exclusive(made[0].commit)
    finally:
        if made:
            await run_to_end(made[0].close)
    return diff
