"""``vost serve``."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import asyncclick as click

from vost.cli import output
from vost.cli.errors import Failure
from vost.cli.options import branch_option, filter_options, pass_session, repo_option
from vost.cli.resolving import Filters, Resolver, newest, step_back
from vost.cli.servers import ServerOptions, run_server, server_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import vost
    from vost.cli.session import Session

_MEBIBYTE = 1024 * 1024


@click.command("serve")
@click.option("--all", "all_refs", is_flag=True, help="Serve all branches and tags: /REF/PATH.")
@click.option("--base-path", default="", metavar="PREFIX", help="Begin all URLs with this path.")
@click.option("--cors", is_flag=True, help="Let pages of other origins read the answers.")
@click.option("--no-cache", is_flag=True, help="Let nobody store an answer.")
@click.option("--immutable", is_flag=True, help="Let caches keep answers for a year unasked.")
@click.option(
    "--max-age", type=click.IntRange(min=0), metavar="N", help="Let them for so many seconds."
)
@click.option(
    "--max-file-size",
    type=click.FloatRange(min=0),
    default=0,
    metavar="MB",
    help="Refuse larger files; 0: none.",
)
@click.option(
    "--upstream", metavar="URL", help="Another vost server that has the blobs this one lacks."
)
@click.option("--no-page", is_flag=True, help="Give browsers plain lists and files as well.")
@click.option("--open", "open_browser", is_flag=True, help="Show it in a browser.")
@server_options
@branch_option
@filter_options
@repo_option
@pass_session
async def serve_command(
    session: Session,
    server: ServerOptions,
    branch: str | None,
    filters: Filters,
    *,
    all_refs: bool,
    base_path: str,
    cors: bool,
    no_cache: bool,
    immutable: bool,
    max_age: int | None,
    max_file_size: float,
    upstream: str | None,
    no_page: bool,
    open_browser: bool,
) -> None:
    """Serve repository files over HTTP, with a page for browsers; new commits show at once.

    Programs get the bytes of files, JSON with "Accept: application/json", parts with "Range".
    Each request sees the newest commit that the filters let through. Only this machine can
    connect unless --host says otherwise; there are no passwords.

    Example: vost serve --all --cors -p 8080
    """
    if all_refs and filters.given:
        raise Failure("--all cannot be combined with --ref, --path, --match, --before, or --back")
    if all_refs and branch is not None:
        raise Failure("--all cannot be combined with --branch")
    from vost.serve import files  # late, as all that only servers need

    async with await session.open() as store:
        name = None
        if not all_refs:
            name, filters = await _checked(store, branch, filters)
        app = files(
            store,
            name,
            all_refs=all_refs,
            select=_selection(filters),
            base_path=base_path,
            cors=cors,
            no_cache=no_cache,
            immutable=immutable,
            max_age=max_age,
            max_file_size=_bytes_of(max_file_size),
            upstream=upstream or None,
            page=not no_page,
        )
        mode = "multi-ref" if name is None else _mode(name, filters)
        parts = [part for part in base_path.split("/") if part not in ("", ".")]
        path = "".join(f"{quote(os.fsencode(part))}/" for part in parts)
        banner = f"Serving {output.printable(session.path)} ({mode})"
        await run_server(app, server, banner, path=path, on_url=_show if open_browser else None)


async def _checked(
    store: vost.GitStore, branch: str | None, filters: Filters
) -> tuple[str, Filters]:
    """Return the ref to serve, and the filters, once it is known that there is something to show.

    Raises:
        Failure: If there is not.
    """
    resolver = Resolver(store, branch, filters)
    await resolver.snapshot()
    name = filters.ref or await resolver.branch_name()
    return name, replace(filters, path=await resolver.filter_path())


def _bytes_of(mebibytes: float) -> int | None:
    """Return the limit in bytes; ``None``: there is none."""
    if not math.isfinite(mebibytes):
        raise click.BadParameter("it has to be a number", param_hint="'--max-file-size'")
    return max(1, math.floor(mebibytes * _MEBIBYTE)) if mebibytes else None


def _mode(name: str, filters: Filters) -> str:
    back = f" ~{filters.back}" if filters.back else ""
    return f"branch {output.printable(name)} (live){back}"


def _selection(filters: Filters) -> Callable[[vost.FS], Awaitable[vost.FS]] | None:
    """Return what applies the filters to a new commit; ``None``: there are none."""
    if not filters.search and not filters.back:
        return None

    async def select(fs: vost.FS) -> vost.FS:
        try:
            found = await newest(fs, filters) if filters.search else fs
            return await step_back(found, filters.back)
        except Failure as failure:
            raise LookupError(failure.message) from None

    return select


def _show(url: str) -> None:
    import threading
    import webbrowser

    # It may wait for the browser to come up, and the loop has requests of it to answer.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
