"""The packs of one ``objects`` directory, most recently used first."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from .packread import Pack
from .packwrite import is_in_flight

if TYPE_CHECKING:
    from .deltas import DeltaBaseCache
    from .handles import HandleLimit

_TICK = 20_000_000
_COARSE = 2_100_000_000


class PackSet:
    """Knows which packs there are. ``ordered`` is replaced, never changed in place.

    Args:
        directory: The ``objects/pack`` directory; it need not exist.
        bases: Cache of delta bases.
        handles: Limit on open handles.
    """

    def __init__(self, directory: str, bases: DeltaBaseCache, handles: HandleLimit) -> None:
        self.directory = directory
        self.ordered: tuple[Pack, ...] = ()
        self.generation = 0
        # When the directory had changed last before it was listed, and whether a change after
        # that would show in its time; both of the listing that ``generation`` counts.
        self._modified = 0
        self._is_settled = False
        self._bases = bases
        self._handles = handles
        self._lock = threading.Lock()

    def load(self) -> tuple[Pack, ...]:
        """Return the packs, looking for them only if that was never done."""
        if not self.generation:
            self.rescan(0)
        return self.ordered

    def rescan(self, seen: int) -> None:
        """Look which packs there are.

        Args:
            seen: The generation that the caller has searched: if another thread has looked
                since, that is good enough.
        """
        with self._lock:
            if self.generation != seen:
                return
            now = time.time_ns()
            self._modified = _modified(self.directory)
            self._is_settled = now - self._modified > _granularity(self._modified)
            known = {pack.stem: pack for pack in self.ordered}
            fresh = []
            kept = set()
            for name, names in self._list().items():
                pack = known.get(name)
                if pack is None:
                    pack = Pack(name, self._bases, self._handles)
                    fresh.append(pack)
                # A .keep made while the directory was being read may be missing from the
                # list although its pack is in it: ask again for packs that are new here.
                pack.has_keep = ".keep" in names or (name not in known and _exists(name, ".keep"))
                pack.is_cruft = ".mtimes" in names
                pack.is_promisor = ".promisor" in names
                kept.add(name)
            fresh.sort(key=lambda pack: _modified(pack.path), reverse=True)
            self.ordered = (*fresh, *(pack for pack in self.ordered if pack.stem in kept))
            self.generation += 1

    def was_complete(self, seen: int) -> bool:
        """Tell whether nothing has come or gone since a listing was begun.

        A listing that is made while somebody repacks may have neither the old pack nor the new
        one. So what is not found in it is absent only if the directory is as it was before.

        Args:
            seen: The generation that was searched.
        """
        with self._lock:
            if self.generation != seen or not self._is_settled:
                return False
            modified = self._modified
        return _modified(self.directory) == modified

    def _list(self) -> dict[str, set[str]]:
        """Return the extensions of the files of each complete pack, by stem."""
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:
            return {}
        found: dict[str, set[str]] = {}
        for name in names:
            if name.startswith("pack-"):
                root, extension = os.path.splitext(name)
                found.setdefault(f"{self.directory}/{root}", set()).add(extension)
        return {stem: names for stem, names in found.items() if {".pack", ".idx"} <= names}

    def touch(self, pack: Pack) -> None:
        """Move a pack to the front."""
        with self._lock:
            if pack in self.ordered:
                self.ordered = (pack, *(other for other in self.ordered if other is not pack))

    def drop(self, stem: str) -> None:
        """Forget a pack that was deleted."""
        with self._lock:
            self.ordered = tuple(pack for pack in self.ordered if pack.stem != stem)

    def add(self, stem: str) -> None:
        """Take in a pack that was just published, if it is not known yet."""
        with self._lock:
            if any(pack.stem == stem for pack in self.ordered):
                return
            pack = Pack(stem, self._bases, self._handles)
            pack.has_keep = _exists(stem, ".keep")
            self.ordered = (pack, *self.ordered)

    def renew_lock(self) -> None:
        """Replace the lock: in a forked child another thread may have held the old one."""
        self._lock = threading.Lock()


def is_settled(pack: Pack) -> bool:
    """Tell whether a writer may rely on what is in a pack instead of storing it again.

    It may not rely on a pack whose writer can still discard it, nor on a cruft pack: git
    would need the object's own time to be refreshed there.
    """
    if pack.is_cruft:
        return False
    if pack.has_keep:
        pack.has_keep = _exists(pack.stem, ".keep")
    return not (pack.has_keep and is_in_flight(pack.stem + ".keep"))


def _exists(stem: str, extension: str) -> bool:
    return os.path.exists(stem + extension)


def _modified(path: str) -> int:
    """Return when a file or directory was changed last, in nanoseconds; 0 if it is gone."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _granularity(modified: int) -> int:
    """Return for how many nanoseconds two changes may have the same time.

    Linux takes the time from a clock that ticks a hundred times a second at least. Some file
    systems count whole seconds, or two of them.
    """
    return _TICK if modified % 1_000_000_000 else _COARSE
