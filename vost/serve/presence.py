"""Whether there still is a repository: one that was removed looks like one without refs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

if TYPE_CHECKING:
    import vost


async def require_repository(store: vost.GitStore) -> None:
    """Make sure that nothing being found does not mean that everything is gone.

    Clients that were told of a repository without refs would delete their own.

    Args:
        store: The repository; one in memory is always there.

    Raises:
        FileNotFoundError: If its directory is gone.
    """
    path = store.git_dir
    if path is not None and not await to_thread.run_sync((Path(path) / "objects").is_dir):
        raise FileNotFoundError(f"The repository is gone: {path}")
