"""Refs in memory: the reference that every other storage of refs is compared with."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from vost._model.errors import Busy, GitError

from . import reflog
from .lock import WRITERS_PATIENCE, Mutex
from .protocols import RefMismatchError
from .refchecks import (
    SYMBOLIC_DEPTH,
    check_ref_name,
    check_symbolic,
    check_updates,
    first_below,
    names_above,
    refuse_clash,
    refuse_twice,
    too_deep,
)

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterator, Sequence

    from vost._model.objects import Oid
    from vost._model.types import ReflogEntry

    from .protocols import RefUpdate


class MemoryRefs:
    """Refs that live as long as the object. Safe to share between threads.

    Args:
        head: The full name of the ref that ``HEAD`` points at.
    """

    def __init__(self, head: str = "refs/heads/master") -> None:
        check_symbolic("HEAD", head)
        self._mutex = Mutex()
        # Replaced as a whole by a writer, never changed: readers need no lock.
        self._values: dict[str, Oid | str] = {"HEAD": head}
        self._logs: dict[str, tuple[ReflogEntry, ...]] = {}
        self._changed: Callable[[], None] | None = None

    @property
    def place(self) -> None:
        """Nowhere: no other program can change these refs."""
        return

    def on_change(self, callback: Callable[[], None] | None) -> None:
        """Set what is called after each change.

        Args:
            callback: Does not raise; ``None``: nothing is called any more.
        """
        self._changed = callback

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make one non-blocking attempt at the writers' lock.

        Raises:
            Busy: On entering, if somebody else has it.
        """
        if not self._mutex.try_acquire():
            raise Busy("the refs in memory are held by another writer", WRITERS_PATIENCE)
        try:
            yield
        finally:
            self._mutex.release()

    def get(self, name: str) -> Oid | None:
        """Return what a full ref name points at, through symbolic refs; ``None``: nothing."""
        check_ref_name(name)
        values = self._values
        value = values.get(self._follow(name))
        return value if isinstance(value, bytes) else None

    def list(self, prefix: str) -> dict[str, Oid]:
        """Return all refs whose full name starts with ``prefix``, by full name, sorted."""
        found = {}
        for name in sorted(self._values):
            if name.startswith(prefix) and name != "HEAD":
                oid = self.get(name)
                if oid is not None:
                    found[name] = oid
        return found

    def compare_and_set(self, updates: Sequence[RefUpdate], *, identity: str, time: int) -> None:
        """Carry out all updates or none. Call it with the lock held.

        Raises:
            RefMismatchError: If a ref does not have its expected value.
            InvalidRefNameError: If a name clashes with an existing one (``a`` and ``a/b``).
        """
        ordered = check_updates(updates)
        self._check_locked()
        values, logs = dict(self._values), dict(self._logs)
        changed: set[str] = set()
        for update in ordered:
            actual = self.get(update.name)
            if actual != update.old:
                raise RefMismatchError(update.name, update.old, actual)
            if update.new == actual:
                continue
            name = update.name if update.new is None else self._follow(update.name)
            if name in changed:
                refuse_twice(name)
            changed.add(name)
            if update.new is None:
                values.pop(name, None)
                logs.pop(name, None)
            else:
                if actual is None:
                    self._check_clash(name, changed)
                values[name] = update.new
            if update.message is not None and name != "HEAD":
                log = "HEAD" if update.new is None else name
                entry = reflog.make_entry(actual, update.new, identity, time, update.message)
                logs[log] = (*logs.get(log, ()), entry)
        self._values, self._logs = values, logs
        self._tell()

    def get_symbolic(self, name: str) -> str | None:
        """Return the ref that a symbolic ref such as ``HEAD`` names; ``None`` if it is none."""
        check_ref_name(name)
        value = self._values.get(name)
        return value if isinstance(value, str) else None

    def set_symbolic(self, name: str, target: str) -> None:
        """Make ``name`` a symbolic ref to the full name ``target``. Call it with the lock held."""
        check_symbolic(name, target)
        self._check_locked()
        self._values = {**self._values, name: target}
        self._tell()

    def reflog(self, name: str) -> builtins.list[ReflogEntry] | None:
        """Return the log of a full ref name, oldest first; ``None`` if it has none."""
        check_ref_name(name)
        entries = self._logs.get(name)
        return None if entries is None else [*entries]

    def close(self) -> None:
        """Do nothing: there are no handles. The object stays usable."""

    def _follow(self, name: str) -> str:
        """Return the ref that a chain of symbolic refs ends at."""
        values = self._values
        start = name
        for _ in range(SYMBOLIC_DEPTH + 1):
            value = values.get(name)
            if not isinstance(value, str):
                return name
            name = value
        raise GitError(too_deep(start))

    def _check_clash(self, name: str, changed: set[str]) -> None:
        others = self._values.keys() | changed
        for above in names_above(name):
            if above in others:
                refuse_clash(name, above)
        below = first_below(name, others)
        if below is not None:
            refuse_clash(name, below)

    def _tell(self) -> None:
        changed = self._changed
        if changed is not None:
            changed()

    def _check_locked(self) -> None:
        if not self._mutex.held:
            raise RuntimeError("refs are changed with the writers' lock held: use locked()")
