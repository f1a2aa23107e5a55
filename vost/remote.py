"""Bundles as functions, and credentials for the URLs of mirrors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._offload import run

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping

    from vost.store import GitStore

__all__ = ("bundle_export", "bundle_import", "resolve_credentials")


async def resolve_credentials(url: str) -> str:
    """Return an ``https://`` URL with the user and password that git or gh know for it.

    Asks ``git credential fill`` and then, for hosts that it is logged in to, ``gh auth token``, for
    at most 5 seconds each; neither may ask back. ``backup`` and ``restore`` do not call this.

    Args:
        url: Any URL. What is not ``https://`` or has a user already comes back as it is, and so
            does one for which nobody knows a password.

    Raises:
        TypeError: If ``url`` is not ``str``.

    Example:
        >>> url = await resolve_credentials("https://git.example/data.git")
    """
    if not isinstance(url, str):
        raise TypeError(f"url must be str, not {type(url).__name__}")
    return await run(_resolve, url)


def _resolve(url: str) -> str:
    from vost._engine.credentials import resolve_credentials  # late: few programs ask

    return resolve_credentials(url)


async def bundle_export(
    store: GitStore,
    path: str | os.PathLike[str],
    *,
    refs: Iterable[str] | Mapping[str, str] | None = None,
    squash: bool = False,
    progress: Callable[[bytes], None] | None = None,
) -> None:
    """Write a Git bundle: refs with their complete history, in one file.

    It is ``store.bundle_export()`` as a function.

    Args:
        store: The source.
        path: The file, replaced at once if it exists.
        refs: As for ``GitStore.bundle_export``.
        squash: As for ``GitStore.bundle_export``.
        progress: As for ``GitStore.bundle_export``.

    Raises:
        KeyError: If a ref does not exist.
        ValueError: If there is no ref to export, or two would get one name.
        OSError: If the file cannot be written.

    Example:
        >>> await bundle_export(store, "data.bundle", refs=["main"])
    """
    await store.bundle_export(path, refs=refs, squash=squash, progress=progress)


async def bundle_import(
    store: GitStore,
    path: str | os.PathLike[str],
    *,
    refs: Iterable[str] | Mapping[str, str] | None = None,
    progress: Callable[[bytes], None] | None = None,
) -> None:
    """Take over the refs of a Git bundle; refs that are only in the store stay.

    It is ``store.bundle_import()`` as a function.

    Args:
        store: The store whose refs change.
        path: The file.
        refs: As for ``GitStore.bundle_import``.
        progress: As for ``GitStore.bundle_import``.

    Raises:
        FileNotFoundError: If there is no such file.
        KeyError: If a ref is not in the bundle.
        ValueError: If it is no bundle, a damaged one, or builds on commits that are not here.
        StaleSnapshotError: If a ref moved meanwhile; nothing was changed.

    Example:
        >>> await bundle_import(store, "data.bundle")
    """
    await store.bundle_import(path, refs=refs, progress=progress)
