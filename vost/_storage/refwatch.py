"""Watching refs: who waits for one is woken when it is not where it was last seen.

What matters is where a ref is, not what was heard of it: any reason to look is good, and none is
trusted. There are three: the storage tells of changes that are made through it; the operating
system tells of changes in the directory of the refs, if watchfiles is installed; and time passes.
A look reads each watched ref once, and wakes those who saw it elsewhere. So what Git does to the
files (``pack-refs``, ``gc``) is no event, and an event that was lost is made up for.

One thread looks for all watches of a repository. It exists while there are any.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from .protocols import TellingRefs

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchfiles._rust_notify import RustNotify

    from vost._model.objects import Oid

    from .protocols import Refs

_LONGEST_POLL = 86400.0
"""Seconds: no system waits for ever, and none has to."""

# Milliseconds. watchfiles looks for what it heard every STEP, and returns when it has heard
# nothing new for one; a busy directory is looked at every DEBOUNCE.
_STEP = 50
_DEBOUNCE = 100

_UNKNOWN = object()


class Watch:
    """One ref that somebody waits for. Made by ``RefWatcher.watch``, ended by ``end``.

    Attributes:
        name: Full name of the ref.
        poll: Seconds that may pass between looks.
        closed: Whether the repository was closed since.
    """

    __slots__ = ("_seen", "_wake", "_watcher", "closed", "name", "poll")

    def __init__(self, watcher: RefWatcher, name: str, poll: float) -> None:
        self.name = name
        self.poll = min(poll, _LONGEST_POLL)
        self.closed = False
        self._watcher = watcher
        self._wake: Callable[[], None] | None = None
        self._seen: object = _UNKNOWN

    @property
    def is_on(self) -> bool:
        """Whether somebody looks for it: not before ``begin``, nor in a forked child."""
        return self._watcher.has(self)

    def arm(self, wake: Callable[[], None]) -> None:
        """Prepare to look where the ref is: whatever moves it from here on wakes.

        Args:
            wake: Called when the ref is elsewhere than it was last seen, from any thread and maybe
                more than once. It must neither block nor raise.
        """
        self._seen = _UNKNOWN
        self._wake = wake

    def saw(self, oid: Oid) -> None:
        """Say where the ref was when it was looked at after ``arm``."""
        self._seen = oid

    def begin(self) -> None:
        """Have somebody look for it.

        Raises:
            RuntimeError: If the system has no thread for that.
        """
        self._watcher.add(self)

    def compare(self, value: object) -> None:
        """Wake who waits, unless the ref was last seen with this value."""
        if self._wake is not None and (self._seen is _UNKNOWN or self._seen != value):
            self._wake()

    def close(self) -> None:
        """Wake who waits: there is nothing to wait for any more."""
        self.closed = True
        if self._wake is not None:
            self._wake()

    def end(self) -> None:
        """Watch no longer. Idempotent, and never waits."""
        self._watcher.remove(self)


class RefWatcher:
    """The watches of one repository, and the thread that looks for all of them.

    Args:
        refs: The ref storage. If it tells of no changes itself, only time tells when to look.

    Attributes:
        refs: The same.
    """

    def __init__(self, refs: Refs) -> None:
        self.refs = refs
        self._telling = refs if isinstance(refs, TellingRefs) else None
        self._lock = threading.Lock()
        # Replaced as a whole, never changed: looks need no lock.
        self._watches: frozenset[Watch] = frozenset()
        self._looker: _Looker | None = None
        self._stopped: tuple[_Looker, ...] = ()

    def watch(self, name: str, poll: float) -> Watch:
        """Return a watch that has yet to begin.

        Args:
            name: Full name of a ref.
            poll: Seconds that may pass between looks.
        """
        return Watch(self, name, poll)

    def look(self) -> None:
        """Look at all watched refs, and wake those who wait for one that is elsewhere."""
        values: dict[str, object] = {}
        for watch in self._watches:
            if watch.name not in values:
                values[watch.name] = self._value(watch.name)
            watch.compare(values[watch.name])

    def has(self, watch: Watch) -> bool:
        """Tell whether a watch has begun and not ended."""
        return watch in self._watches

    def add(self, watch: Watch) -> None:
        """Begin a watch, unless the repository was closed since it was made."""
        with self._lock:
            if watch.closed:
                return
            self._watches |= {watch}
            if self._telling is not None:
                self._telling.on_change(self.look)
            looker = self._looker
            if looker is not None:
                looker.stir()  # this one may have less patience
                return
            place = None if self._telling is None else self._telling.place
            if self._telling is not None and place is None:
                return  # nobody else can change these
            looker = self._looker = _Looker(self.look, place, self._interval)
        self._start(looker)

    def remove(self, watch: Watch) -> None:
        """End a watch. The thread goes with the last one, a moment later."""
        with self._lock:
            if watch not in self._watches:
                return
            self._watches -= {watch}
            if not self._watches:
                self._stop_looker()

    def close(self) -> None:
        """End all watches, and wait until the thread is gone. New ones may begin."""
        with self._lock:
            watches, self._watches = self._watches, frozenset()
            self._stop_looker()
            stopped, self._stopped = self._stopped, ()
        for watch in watches:
            watch.close()
        for looker in stopped:
            looker.join()

    def reset_after_fork(self) -> None:
        """Begin anew, in a forked child: it has neither the thread nor those who wait."""
        self._lock = threading.Lock()
        self._watches = frozenset()
        self._forget_looker()
        self._stopped = ()

    def _value(self, name: str) -> object:
        try:
            return self.refs.get(name)
        except Exception:  # noqa: BLE001 - who is woken looks, and gets the error
            return _UNKNOWN

    def _interval(self) -> float:
        return min((watch.poll for watch in self._watches), default=_LONGEST_POLL)

    def _start(self, looker: _Looker) -> None:
        try:
            looker.start()
        except RuntimeError:  # no more threads: who waits already learns it when trying again
            with self._lock:
                watches, self._watches = self._watches, frozenset()
                self._forget_looker()
            for watch in watches:
                watch.compare(None)
            raise

    def _stop_looker(self) -> None:
        looker = self._forget_looker()
        self._stopped = tuple(old for old in self._stopped if old.is_alive())
        if looker is not None:
            looker.stop()
            self._stopped += (looker,)

    def _forget_looker(self) -> _Looker | None:
        if self._telling is not None:
            self._telling.on_change(None)
        looker, self._looker = self._looker, None
        return looker


class _Looker:
    """A thread that looks whenever the system tells of a change, and every now and then.

    It is a daemon, so that a program ends that forgot an iterator; but it is stopped before the
    interpreter goes, lest it be in the middle of watchfiles' code then.

    Args:
        look: Called again and again.
        place: The directory to watch; ``None``: there is none.
        interval: Returns the seconds after which it looks anyway.
    """

    def __init__(
        self, look: Callable[[], None], place: str | None, interval: Callable[[], float]
    ) -> None:
        self._look = look
        self._place = place
        self._interval = interval
        self._stopping = False
        self._stir = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vost-watch", daemon=True)

    def start(self) -> None:
        """Begin.

        Raises:
            RuntimeError: If the system has no thread for it.
        """
        if self._place is not None:
            _finish_import_before_forks()
        _running.add(self)
        self._thread.start()

    def stir(self) -> None:
        """Look now, and think again about how long to wait."""
        self._stir.set()

    def stop(self) -> None:
        """End soon."""
        self._stopping = True
        self._stir.set()

    def is_alive(self) -> bool:
        """Tell whether it has begun and not ended."""
        return self._thread.is_alive()

    def join(self) -> None:
        """Wait for the end."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        notify = None if self._place is None else _notify(self._place)
        try:
            while True:
                self._stir.clear()
                if self._stopping:
                    return
                self._look()
                notify = self._wait(notify)
        finally:
            if notify is not None:
                notify.close()

    def _wait(self, notify: RustNotify | None) -> RustNotify | None:
        """Wait for a reason to look, and return what to wait with the next time."""
        if notify is None:
            self._stir.wait(self._interval())
            return None
        try:
            notify.watch(_DEBOUNCE, _STEP, round(self._interval() * 1000), self._stir)
        except RuntimeError:  # too many directories for inotify, for example: time is left
            notify.close()
            return None
        return notify


def _notify(directory: str) -> RustNotify | None:
    """Watch a directory and all below it; ``None``: that cannot be done here."""
    try:
        from watchfiles._rust_notify import RustNotify  # late: an extra

        return RustNotify([directory], False, False, 0, True, True)  # noqa: FBT003
    # OSError, RuntimeError: no more inotify instances, for example.
    except (ImportError, OSError, RuntimeError):
        return None


@cache
def _finish_import_before_forks() -> None:
    """Let forks wait for a thread that imports watchfiles: the child could never do so itself.

    Of the functions that are called before a fork, the last one is called first, and logging's
    takes a lock that the import needs.
    """
    import logging  # noqa: F401 - late, as watchfiles

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_finish_import)


def _finish_import() -> None:
    with suppress(ImportError):
        import watchfiles  # noqa: F401 - or this very thread imports it


_running: weakref.WeakSet[_Looker] = weakref.WeakSet()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_running.clear)


@atexit.register
def _stop_all() -> None:
    lookers = list(_running)
    for looker in lookers:
        looker.stop()
    for looker in lookers:
        looker.join()
