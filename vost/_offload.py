"""The seam: how coroutines get blocking work done.

Everything below this module blocks; everything above it is ``async``. A whole public operation
crosses the seam in one hop, never one per object. Two modes, chosen by a context variable:

* **threads** (default): the call runs in a worker thread, under a limiter of our own. Works on
  asyncio and on trio.
* **inline**: the call runs right here, on the caller's thread. A core coroutine then never
  suspends, so that one ``coro.send(None)`` runs it to its end: this is how ``vost_sync`` drives
  the same code without an event loop.

This is the only module of the core that imports anyio.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import anyio

from vost._model.errors import Busy, LockedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Hashable, Iterator
    from types import ModuleType

    from anyio.lowlevel import RunVar
    from typing_extensions import ParamSpec, TypeVarTuple, Unpack

    P = ParamSpec("P")
    Ts = TypeVarTuple("Ts")
    _Rounds = dict[Hashable, tuple["_Round[Any] | None", "_Round[Any] | None"]]

T = TypeVar("T")

WORKER_THREADS = 4
"""Worker threads of one event loop: more of them only fight for the interpreter lock."""

STREAM_ITEMS = 64
"""Items that a stream fetches in one hop, so that the hop's cost is spread over them."""

STREAM_SECONDS = 0.5
"""How long a hop of a stream goes on when it has something: a search may find little in long."""

_REPORT_INTERVAL = 0.2
_FIRST_DELAY = 0.001
_LONGEST_DELAY = 0.05
_LONGEST_WAIT = 60.0
"""Seconds for which a lock is waited for in all, however many programs take it in turn."""

# Windows looks for Ctrl-C only when a wait is over; elsewhere it ends the wait.
_UNINTERRUPTED = 0.5 if os.name == "nt" else None

_inline: ContextVar[bool] = ContextVar("vost_inline", default=False)
_hop_observer: ContextVar[Callable[[], None] | None] = ContextVar("vost_hops", default=None)


def is_inline() -> bool:
    """Tell whether blocking calls run right here instead of in a worker thread."""
    return _inline.get()


@contextmanager
def inline() -> Iterator[None]:
    """Make blocking calls of this context run on the calling thread."""
    token = _inline.set(True)
    try:
        yield
    finally:
        _inline.reset(token)


@contextmanager
def observe_hops(observer: Callable[[], None]) -> Iterator[None]:
    """Call ``observer`` for every hop into a worker thread made in this context."""
    token = _hop_observer.set(observer)
    try:
        yield
    finally:
        _hop_observer.reset(token)


async def run(fn: Callable[[Unpack[Ts]], T], *args: Unpack[Ts]) -> T:
    """Make one blocking call: in a worker thread, or right here in inline mode.

    A cancelled caller waits for the call to end; long calls look at ``check`` between items. That
    goes for a plain ``task.cancel()`` of asyncio as well, from which anyio does not shield.
    """
    if _inline.get():
        return fn(*args)
    observer = _hop_observer.get()
    if observer is not None:
        observer()
    from anyio.to_thread import run_sync

    hop = _Hop()
    try:
        return await run_sync(hop.run, fn, *args, limiter=_limiter())
    except anyio.get_cancelled_exc_class() as error:
        hop.cancelled = type(error)
        await hop.end()
        raise


async def run_shared(question: Hashable, fn: Callable[[Unpack[Ts]], T], *args: Unpack[Ts]) -> T:
    """Make a blocking call that answers all who ask the same while it has not begun.

    Who asks gets an answer that was looked for after that: never one of a call that was under way.
    While one is, all others wait together for the next. A thousand tasks that look at the same
    branch at once so cost two hops.

    Args:
        question: What is asked, of what: equal questions have equal answers.
        fn: Finds the answer.
        args: For ``fn``.
    """
    if _inline.get():
        return fn(*args)
    rounds = _rounds_of_loop()
    while True:
        before, following = rounds.get(question, (None, None))
        if following is not None:
            await following.over.wait()
            if following.outcome is not None:
                return cast("T", following.outcome.get())
            continue  # who asked for all of us was cancelled
        mine = _Round[T]()
        rounds[question] = (before, mine)
        try:
            if before is not None:
                await before.over.wait()
            rounds[question] = (mine, None)
            mine.outcome = await run(_Outcome, fn, *args)
            return mine.outcome.get()
        finally:
            mine.over.set()
            current, following = rounds[question]
            if following is mine:
                following = None
            if following is None and (current is None or current.over.is_set()):
                del rounds[question]
            else:
                rounds[question] = (current, following)


async def run_to_end(fn: Callable[[], T]) -> T:
    """Make one short blocking call that a cancellation must not prevent, such as a clean-up."""
    if _inline.get():
        return fn()
    with anyio.CancelScope(shield=True):
        return await run(fn)
    raise AssertionError("unreachable: a scope that nobody cancels swallows nothing")


async def run_exclusive(attempt: Callable[[], T]) -> T:
    """Make a blocking call that needs a lock, trying again while the lock is busy.

    Each attempt is one hop that never waits for the lock inside a worker thread, so that waiting
    writers do not use the threads up. Waiting is asynchronous, with jitter.

    Raises:
        LockedError: If the lock stays busy for longer than its patience allows.
    """
    busy_since: dict[tuple[float, tuple[int, int] | None], float] = {}
    started = time.monotonic()
    delay = _FIRST_DELAY
    while True:
        try:
            return await run(attempt)
        except Busy as busy:
            now = time.monotonic()
            waited = now - busy_since.setdefault((busy.patience, busy.which), now)
            if waited >= busy.patience or now - started >= _LONGEST_WAIT:
                raise LockedError(f"{busy.what} (waited {waited:.1f} s)") from None
        from random import uniform  # late: few writers meet others

        await sleep(uniform(delay / 4, delay))
        delay = min(delay * 2, _LONGEST_DELAY)


async def stream(make_iterator: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
    """Yield the items of a blocking iterator, many of them to a hop."""
    if _inline.get():
        for item in make_iterator():
            yield item
        return
    iterator, taken = await run(_begin, make_iterator)
    while True:
        for item in taken.items:
            yield item
        if taken.error is not None:
            raise taken.error
        if not taken.more:
            return
        taken = await run(_take, iterator)


async def sleep(seconds: float) -> None:
    """Wait, without keeping the event loop from other work."""
    if _inline.get():
        time.sleep(seconds)
    else:
        await anyio.sleep(seconds)


class Wakeup:
    """Ends the wait of one coroutine, from any thread. Made by the coroutine that waits.

    Waiting takes no worker thread, however many wait.
    """

    __slots__ = ("_event", "_schedule", "_woken")

    def __init__(self) -> None:
        self._event: anyio.Event | threading.Event
        self._schedule: Callable[[Callable[[], object]], object] | None
        self._woken = False
        if _inline.get():
            self._event, self._schedule = threading.Event(), None
        else:
            self._event, self._schedule = anyio.Event(), _scheduler()

    def wake(self) -> None:
        """End the wait, or prevent it. Neither blocks nor fails, even if nobody waits any more."""
        if self._woken:
            return
        self._woken = True
        if self._schedule is None:
            self._event.set()
        else:
            with suppress(RuntimeError):  # the loop has ended
                self._schedule(self._event.set)

    async def wait(self) -> None:
        """Wait until somebody calls ``wake``."""
        if isinstance(self._event, threading.Event):
            while not self._event.wait(_UNINTERRUPTED):
                pass
        else:
            await self._event.wait()


def check() -> None:
    """Raise the caller's cancellation; long blocking loops call it between items."""
    if not _inline.get():
        hop = _hop.get()
        if hop is not None and hop.cancelled is not None:
            raise hop.cancelled
        _from_thread().check_cancelled()


class _Hop:
    """One call in a worker thread: whether it is wanted any more, and whether it is over.

    Attributes:
        cancelled: What to raise in the thread; ``None``: the caller waits for the result.
    """

    __slots__ = ("_ended", "_started", "cancelled")

    def __init__(self) -> None:
        self.cancelled: type[BaseException] | None = None
        self._started = False
        self._ended = False

    def run(self, fn: Callable[[Unpack[Ts]], T], *args: Unpack[Ts]) -> T:
        """Make the call, in the thread."""
        _hop.set(self)
        # In this order, as `end` has them the other way round: one of the two sees the other.
        self._started = True
        if self.cancelled is not None:
            raise self.cancelled
        try:
            return fn(*args)
        finally:
            self._ended = True

    async def end(self) -> None:
        """Wait until the thread is through, or is sure not to begin."""
        delay = _FIRST_DELAY
        with anyio.CancelScope(shield=True):
            while self._started and not self._ended:
                await anyio.sleep(delay)
                delay = min(delay * 2, _LONGEST_DELAY)


_hop: ContextVar[_Hop | None] = ContextVar("vost_hop", default=None)


class Reporter:
    """Hands values from blocking work to a progress callback, on the caller's side.

    Args:
        callback: Called with each value that gets through; ``None``: nobody listens.
    """

    def __init__(self, callback: Callable[[T], None] | None) -> None:
        self._callback: Callable[..., None] | None = callback
        self._next = 0.0

    def is_due(self) -> bool:
        """Tell whether somebody listens and the last report is more than a moment ago."""
        return self._callback is not None and time.monotonic() >= self._next

    def __call__(self, value: object, *, final: bool = False) -> None:
        """Report ``value``, unless the last one is a moment ago; ``final`` ones always go out."""
        if self._callback is None or not (final or self.is_due()):
            return
        self._next = time.monotonic() + _REPORT_INTERVAL
        if _inline.get():
            self._callback(value)
        else:
            _from_thread().run_sync(self._callback, value)


# The parts of anyio are imported late: they take a quarter of the time of importing vost, and
# blocking programs never need them.


def _scheduler() -> Callable[[Callable[[], object]], object]:
    """Return what runs a function soon on the running event loop, from any thread.

    anyio has only calls that wait for the loop: a thread that did would wait for the slowest one,
    and for ever for the one whose thread it is.
    """
    if anyio.get_cancelled_exc_class().__module__.partition(".")[0] == "trio":
        from trio.lowlevel import current_trio_token

        return current_trio_token().run_sync_soon
    from asyncio import get_running_loop

    return get_running_loop().call_soon_threadsafe


@cache
def _from_thread() -> ModuleType:
    import anyio.from_thread

    return anyio.from_thread


@cache
def _limiters() -> RunVar[anyio.CapacityLimiter]:
    from anyio.lowlevel import RunVar

    # A limiter binds to its event loop, so there is one for each (a RunVar is per loop).
    return RunVar("vost_limiter")


def _limiter() -> anyio.CapacityLimiter:
    limiters = _limiters()
    try:
        return limiters.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(WORKER_THREADS)
        limiters.set(limiter)
        return limiter


class _Outcome(Generic[T]):
    """What a call came to: a value or an error."""

    __slots__ = ("_error", "_value")

    def __init__(self, fn: Callable[[Unpack[Ts]], T], *args: Unpack[Ts]) -> None:
        self._error: Exception | None = None
        try:
            self._value = fn(*args)
        except Exception as error:  # noqa: BLE001 - raised in all who wait for it
            self._error = error

    def get(self) -> T:
        """Return the value, or raise the error."""
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._value


class _Round(Generic[T]):
    """One call for many: its end, and its outcome (``None``: it was cancelled, or is not over)."""

    __slots__ = ("outcome", "over")

    def __init__(self) -> None:
        self.over = anyio.Event()
        self.outcome: _Outcome[T] | None = None


@cache
def _rounds() -> RunVar[_Rounds]:
    from anyio.lowlevel import RunVar

    return RunVar("vost_rounds")


def _rounds_of_loop() -> _Rounds:
    rounds = _rounds()
    try:
        return rounds.get()
    except LookupError:
        made: _Rounds = {}
        rounds.set(made)
        return made


@dataclass(frozen=True)
class _Taken(Generic[T]):
    """What one hop brought: items, and whether there are more or why there are none."""

    items: list[T]
    more: bool = False
    error: Exception | None = None


def _begin(make_iterator: Callable[[], Iterator[T]]) -> tuple[Iterator[T], _Taken[T]]:
    iterator = make_iterator()
    return iterator, _take(iterator)


def _take(iterator: Iterator[T]) -> _Taken[T]:
    items: list[T] = []
    until = time.monotonic() + STREAM_SECONDS
    try:
        for item in iterator:
            items.append(item)
            if len(items) >= STREAM_ITEMS or time.monotonic() >= until:
                return _Taken(items, more=True)
            check()
    except Exception as error:
        # The caller gets what came before the failure first, as from the blocking face: it may
        # never want to come as far as the failure.
        if not items:
            raise
        return _Taken(items, error=error)
    return _Taken(items)
