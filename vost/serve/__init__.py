"""Servers as ASGI applications, for any async program to mount: extra ``serve``.

``files`` shows snapshots over HTTP, to programs and to people; ``git`` is what ``git clone`` reads
from. Both only read. Neither knows whom it talks to: where that matters, check the ``Host`` header
(`vost.serve.hosts`, or the framework's own) and who may see what, before a request comes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vost import FS, GitStore
    from vost.serve.asgi import ASGIApp

__all__ = ("files", "git")


def files(
    store: GitStore,
    ref: str | None = None,
    *,
    all_refs: bool = False,
    select: Callable[[FS], Awaitable[FS]] | None = None,
    base_path: str = "",
    cors: bool = False,
    no_cache: bool = False,
    immutable: bool = False,
    max_age: int | None = None,
    max_file_size: int | None = None,
    upstream: str | None = None,
    page: bool = True,
) -> ASGIApp:
    """Return an application that serves the files of a snapshot, or of all branches and tags.

    Each request sees the newest commit. Programs get bytes, JSON (``Accept: application/json``)
    and plain lists of links; browsers (``Accept: text/html``) a page to look around on.

    Args:
        store: The repository; it must stay open.
        ref: The branch, tag or commit that is served; ``None``: the current branch, whichever that
            is when a request comes.
        all_refs: Serve all branches and tags, each below its name: ``/main/file``.
        select: Chooses the snapshot to show, given the newest one of ``ref``; raises
            ``LookupError`` if there is none. Called once for each new commit.
        base_path: Path that all URLs begin with, besides where the application is mounted.
        cors: Let pages of other origins read the answers.
        no_cache: Let nobody store an answer.
        immutable: Let caches keep answers for a year without asking again.
        max_age: Seconds for which they may; ``None``: they ask each time, which is cheap.
        max_file_size: Bytes; larger files are refused with 413. ``None``: none is.
        upstream: URL of a file server that clients are sent to for blobs that this one lacks.
        page: Whether browsers get the page; else they get what programs get.

    Raises:
        ValueError: If ``all_refs`` comes with ``ref`` or ``select``, or a number is negative.

    Example:
        >>> app = vost.serve.files(store, "main")
    """
    from vost.serve.fileserver import FileServer  # late: vost.serve.git needs none of this
    from vost.serve.options import FileOptions

    options = FileOptions(
        ref=ref,
        all_refs=all_refs,
        select=select,
        base_path=base_path,
        cors=cors,
        no_cache=no_cache,
        immutable=immutable,
        max_age=max_age,
        max_file_size=max_file_size,
        upstream=upstream,
        page=page,
    )
    return FileServer(store, options)


def git(store: GitStore, *, backend: Literal["vost", "git"] = "vost") -> ASGIApp:
    """Return an application that Git clones and fetches from; pushes are refused.

    All branches, tags and notes can be had, as they are when a request comes. Mounted at ``/repo``,
    the URL to clone is ``http://.../repo``.

    Args:
        store: The repository; it must stay open.
        backend: Who makes the answers: ``"vost"`` itself, or an installed ``"git"``, which needs
            asyncio and a store on disk.

    Raises:
        ValueError: If there is no such backend, or the store is in memory and git is asked for.
        FileNotFoundError: If git is asked for and not installed.

    Example:
        >>> app = vost.serve.git(store)
    """
    from vost.serve.gitserver import GitServer, StoreBackend  # late: vost.serve.files has no need

    if backend == "vost":
        return GitServer(StoreBackend(store))
    if backend != "git":
        raise ValueError(f"backend must be 'vost' or 'git', got {backend!r}")
    if store.git_dir is None:
        raise ValueError("git cannot serve a store that is in memory")
    from vost.serve.gitprocess import GitBackend

    return GitServer(GitBackend(store.git_dir))
