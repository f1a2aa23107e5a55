"""``vost sync --watch``: a sync at once, and one for each batch of changes, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import vost
from vost.cli import output
from vost.cli.commands.syncing import check_local_directory, place_of, sync_once
from vost.cli.copies import check_repository, show_errors, store_for
from vost.cli.errors import Failure, failure_of
from vost.cli.resolving import Resolver

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from watchfiles import Change

    from vost.cli.commands.syncing import Syncing
    from vost.cli.session import Session

_SIGNS = (("+", "add"), ("~", "update"), ("-", "delete"))


async def watch_and_sync(session: Session, syncing: Syncing, debounce: int) -> None:
    """Sync a local directory into a branch again and again. Errors do not end it.

    Args:
        session: Which repository.
        syncing: What is asked for.
        debounce: For how many milliseconds changes are collected.

    Raises:
        Failure: If at the beginning there is no such directory or branch.
        CancelledError: If somebody else than the user ends it.
    """
    writing = syncing.writing
    check_repository(session, writing)
    local, place = syncing.source.path, place_of(syncing.dest)
    await syncing.excludes.read()
    check_local_directory(local)
    async with store_for(session, writing, syncing.dest, syncing.branch, dry_run=False) as store:
        await Resolver(store, syncing.branch).writable(syncing.dest)
        await writing.check_in(store)
    store = await session.open()
    _print(f"Watching {local} -> :{place or '/'} (debounce {debounce}ms)")
    with _until_interrupted() as stopped:
        try:
            await _Watch(session, store, syncing, debounce).run()
        except asyncio.CancelledError:
            if not stopped.is_set():
                raise
        except KeyboardInterrupt:
            pass
    _print("")
    _print("Stopped watching.")


class _Watch:
    """One watch.

    Args:
        session: Which repository.
        store: It, open.
        syncing: What is asked for.
        debounce: For how many milliseconds changes are collected.
    """

    def __init__(
        self, session: Session, store: vost.GitStore, syncing: Syncing, debounce: int
    ) -> None:
        self._store = store
        self._syncing = syncing
        self._debounce = debounce
        self._local = syncing.source.path
        self._repository = os.path.realpath(session.path)
        self._is_first = True
        self._is_tagged = False
        self._retry = False

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            if os.path.isdir(self._local):
                async with aclosing(self._batches()) as batches:
                    async for _ in batches:
                        await self._sync()
            # What comes in its place when it is gone is another directory.
            await asyncio.sleep(self._debounce / 1000)

    async def _batches(self) -> AsyncGenerator[None, None]:
        """Yield at once, and whenever something has changed since the last time, or may have.

        It ends when the directory is gone, or is another one.
        """
        from watchfiles import awatch  # late: few commands need it

        changes = awatch(
            self._local,
            watch_filter=self._is_outside,
            debounce=self._debounce,
            step=max(50, self._debounce // 10),
            rust_timeout=min(self._debounce, 1000),
            yield_on_timeout=True,
            recursive=True,
            ignore_permission_denied=True,
        )
        watched = self._identity()
        async with aclosing(changes):
            # The first look at it begins the watch: nothing that happens from now on is missed.
            pending = asyncio.ensure_future(anext(changes))
            try:
                await asyncio.sleep(0)
                yield
                while True:
                    changed = await pending
                    is_gone = self._identity() != watched
                    if changed or is_gone or self._retry:
                        yield
                    if is_gone:
                        return
                    pending = asyncio.ensure_future(anext(changes))
            finally:
                pending.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await pending

    def _identity(self) -> tuple[int, int] | None:
        with suppress(OSError):
            status = os.stat(self._local)
            return status.st_dev, status.st_ino
        return None

    def _is_outside(self, _: Change, path: str) -> bool:
        """Tell whether a change is none of the repository itself, which each sync changes."""
        real = os.path.realpath(path)
        return real != self._repository and not real.startswith(self._repository + os.sep)

    async def _sync(self) -> None:
        """Sync once, and say so; whatever goes wrong is only reported."""
        initial, self._is_first = self._is_first, False
        self._retry = False
        syncing, writing = self._syncing, self._syncing.writing
        if self._is_tagged and not writing.force_tag:
            syncing = replace(syncing, writing=replace(writing, tag=None))
        try:
            resolver = Resolver(self._store, syncing.branch)
            parents = [await resolver.named(name) for name in writing.parents]
            # Contents are compared: a second edit within a second must not be lost.
            done = await sync_once(resolver, syncing, parents, checksum=True)
        except vost.StaleSnapshotError:
            self._retry = True
            when = "initial sync, will retry" if initial else "will retry on next change"
            separator = " on " if initial else ", "
            output.note(f"WARNING: Stale snapshot{separator}{when}")
        except vost.AllFailedError as error:
            show_errors(error.errors)
        except Exception as error:  # noqa: BLE001 - a watch goes on, whatever it is
            failure = error if isinstance(error, Failure) else failure_of(error)
            what = "Initial sync" if initial else "Sync"
            output.note(f"ERROR: {what} failed: {failure.message}")
        else:
            self._is_tagged = True
            self._report(done)

    def _report(self, done: vost.FS) -> None:
        report = done.changes or vost.ChangeReport()
        clock = datetime.now().astimezone().strftime("%H:%M:%S")
        counts = [(sign, len(getattr(report, kind))) for sign, kind in _SIGNS]
        shown = " ".join(f"{sign}{count}" for sign, count in counts if count)
        if shown:
            _print(f"[{clock}] Sync: {shown} (commit {done.commit_hash[:7]})")
        else:
            _print(f"[{clock}] Sync: no changes")
        output.warn(report.warnings)
        show_errors(report.errors)


@contextmanager
def _until_interrupted() -> Iterator[asyncio.Event]:
    """Let Ctrl-C cancel the current task, and nothing else, while the block runs.

    Yields:
        Whether it was pressed.
    """
    stopped = asyncio.Event()
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    assert task is not None

    def stop() -> None:
        stopped.set()
        task.cancel()

    old = signal.getsignal(signal.SIGINT)
    try:
        loop.add_signal_handler(signal.SIGINT, stop)
    except (NotImplementedError, ValueError, RuntimeError):
        yield stopped  # not in the main thread, or a system without: Ctrl-C ends the program
        return
    try:
        yield stopped
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, old)


def _print(text: str) -> None:
    output.line(text)
    output.flush()
