"""What a shell may offer for what is typed so far: branches, tags, refs, paths in the repository.

The functions here are for ``shell_complete=`` of options and arguments. Whatever goes wrong, there
is nothing to offer: nobody wants an error message while typing.
"""

from __future__ import annotations

import stat
import threading
from typing import TYPE_CHECKING

from vost.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    import asyncclick as click
    from asyncclick.shell_completion import CompletionItem

    import vost

PROGRAM = "vost"
VARIABLE = "_VOST_COMPLETE"
"""The environment variable by which the scripts of ``vost completion`` ask."""


def branches(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer branches."""
    return _items(_asked(ctx, lambda store: store.branches.keys()), incomplete)


def tags(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer tags."""
    return _items(_asked(ctx, lambda store: store.tags.keys()), incomplete)


def refs(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer branches and tags."""
    return _items(_asked(ctx, _ref_names), incomplete)


def refs_and_paths(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer branches and tags, and behind a colon paths in the repository."""
    if ":" in incomplete:
        return repository_paths(ctx, param, incomplete)
    return refs(ctx, param, incomplete)


def repository_paths(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer paths in the repository, with or without ``REF:`` before them, and the refs."""
    return _items(_asked(ctx, lambda store: _places(ctx, store, incomplete, bare=True)), incomplete)


def colon_paths(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer paths in the repository behind a colon."""
    places = _asked(ctx, lambda store: _places(ctx, store, incomplete, bare=False))
    return _items(places, incomplete)


def any_paths(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer paths in the repository behind a colon, and files on the local disk."""
    from asyncclick.shell_completion import CompletionItem  # late: only shells ask for it

    items = colon_paths(ctx, param, incomplete)
    if ":" not in incomplete:
        items.append(CompletionItem(incomplete, type="file"))
    return items


def local_files(
    ctx: click.Context,  # noqa: ARG001 - click's signature
    _: click.Parameter,
    incomplete: str,
) -> list[CompletionItem]:
    """Offer files on the local disk."""
    from asyncclick.shell_completion import CompletionItem  # late: only shells ask for it

    return [CompletionItem(incomplete, type="file")]


def _items(texts: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Return what begins as what was typed, but names that no shell can be told of in a line."""
    from asyncclick.shell_completion import CompletionItem  # late: only shells ask for it

    fitting = (text for text in dict.fromkeys(texts) if text.startswith(incomplete))
    return [CompletionItem(text) for text in fitting if text.isprintable()]


def _asked(ctx: click.Context, ask: Callable[[vost.GitStore], Awaitable[list[str]]]) -> list[str]:
    """Ask the repository of a command; shells wait for the answer, and so does this function."""
    found: list[str] = []

    async def answer() -> None:
        store = await Session(_repository(ctx)).open()
        try:
            found.extend(await ask(store))
        finally:
            await store.close()

    def work() -> None:
        import asyncio  # late: only shells ask for it

        try:
            asyncio.run(answer())
        except Exception:  # noqa: BLE001 - there is nobody to tell
            found.clear()

    # In a thread, for there is an event loop in this one, and click calls completers without await.
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return found


def _repository(ctx: click.Context) -> str | None:
    """Return the repository that the deepest ``-r`` names; ``None``: none does."""
    current: click.Context | None = ctx
    while current is not None:
        session = current.find_object(Session)
        named = session.repo if session is not None else None
        if named or current.params.get("repo"):
            return named or str(current.params["repo"])
        current = current.parent
    return None


async def _ref_names(store: vost.GitStore) -> list[str]:
    return [*await store.branches.keys(), *await store.tags.keys()]


async def _places(
    ctx: click.Context, store: vost.GitStore, incomplete: str, *, bare: bool
) -> list[str]:
    """Return what an argument may go on with that names a place in the repository.

    Args:
        ctx: Where ``-b`` and ``--ref`` are.
        store: The repository.
        incomplete: What was typed so far.
        bare: Whether a path may stand there without a colon.
    """
    # Late: all commands import this module, and few are completed.
    from vost.cli.arguments import normal_path
    from vost.cli.errors import Failure
    from vost.cli.resolving import Filters, Resolver

    resolver = Resolver(store, ctx.params.get("branch"), Filters(ref=ctx.params.get("ref") or None))
    found: list[str] = []
    if ":" not in incomplete:
        found = [":", *(f"{name}:" for name in await _ref_names(store))]
        if not bare:
            return found
    target = await resolver.target(incomplete, repository=True)
    if ":" in incomplete and target.path == incomplete:
        return []  # a local path with a colon in it
    directory = target.path.rpartition("/")[0]
    typed = incomplete[: len(incomplete) - len(target.path)]
    typed += target.path[: target.path.rfind("/") + 1]
    try:
        fs = await resolver.start(target.ref or "", target.back)
        entries = await fs.listdir(normal_path(directory))
    except (Failure, OSError):
        return found
    for entry in entries:
        found.append(f"{typed}{entry.name}{'/' if stat.S_ISDIR(entry.mode) else ''}")
    return found
