"""What a writer need not store again: objects that exist, made young so that no gc takes them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vost._model.errors import ObjectNotFoundError

from .damage import DamagedDataError
from .objectdirectory import Search
from .packread import PackGoneError
from .packset import is_settled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vost._model.objects import Oid

    from .objectdirectory import ObjectDirectory
    from .packread import Pack

_SINGLE_LOOKUPS = 64


class ExistingObjects:
    """The existence check of one writer; it remembers what the writer relies on.

    Args:
        directories: Where objects may exist.
    """

    def __init__(self, directories: Sequence[ObjectDirectory]) -> None:
        self._directories = directories
        self._loose = [_LooseNames(directory) for directory in directories]
        self._relied: dict[Oid, str | None] = {}
        self._fresh_packs: set[str] = set()

    def __contains__(self, oid: object) -> bool:
        """Tell whether this check has said yes to ``oid`` before."""
        return oid in self._relied

    def holds(self, oid: Oid) -> bool:
        """Tell whether an object exists and is safe from being pruned."""
        for directory, loose in zip(self._directories, self._loose):  # noqa: B905 - same length
            for pack in directory.packs.load():
                if _is_in(pack, oid) and self._rely_on(pack, directory):
                    self._relied[oid] = pack.path
                    return True
            if loose.freshen(oid):
                self._relied[oid] = None
                return True
        return False

    def _rely_on(self, pack: Pack, directory: ObjectDirectory) -> bool:
        if pack.path in self._fresh_packs:
            return True
        if not is_settled(pack):
            return False
        try:
            os.utime(pack.path)
        except FileNotFoundError:
            directory.packs.drop(pack.stem)
            return False
        except OSError:
            return False  # Not ours to touch, so not safe: git stores the object anew as well.
        self._fresh_packs.add(pack.path)
        return True

    def verify(self) -> None:
        """Check that everything that was relied on is still there.

        Raises:
            ObjectNotFoundError: If another program removed an object meanwhile.
        """
        gone = {path for path in self._fresh_packs if not os.path.exists(path)}
        for oid, path in self._relied.items():
            if (path is None or path in gone) and not self._is_anywhere(oid):
                raise ObjectNotFoundError(
                    oid.hex(),
                    f"object {oid.hex()} was removed by another program (git prune?) while a "
                    "commit that needs it was being written: try again",
                )

    def _is_anywhere(self, oid: Oid) -> bool:
        search = Search(self._directories)
        while True:
            for directory in self._directories:
                if any(_is_in(pack, oid) for pack in directory.packs.ordered):
                    return True
                if oid in directory.loose:
                    return True
            if not search.again():
                return False


class _LooseNames:
    """Knows which loose objects exist: asks for single ones, lists directories for many."""

    def __init__(self, directory: ObjectDirectory) -> None:
        self._loose = directory.loose
        self._lookups = 0
        self._fanout: set[str] = set()
        self._names: list[set[Oid] | None] = [None] * 256

    def freshen(self, oid: Oid) -> bool:
        """Set the time of a loose object to now; ``False`` if there is none."""
        if self._lookups < _SINGLE_LOOKUPS:
            self._lookups += 1
            if self._lookups == _SINGLE_LOOKUPS:
                self._fanout = self._loose.fanout()
            return self._loose.freshen(oid)
        names = self._names[oid[0]]
        if names is None:
            names = self._names[oid[0]] = self._list(f"{oid[0]:02x}")
        return oid in names and self._loose.freshen(oid)

    def _list(self, two_digits: str) -> set[Oid]:
        if two_digits not in self._fanout:
            return set()
        return set(map(bytes.fromhex, self._loose.iter_fanout(two_digits)))


def _is_in(pack: Pack, oid: Oid) -> bool:
    try:
        return pack.find(oid) is not None
    except (PackGoneError, DamagedDataError):
        return False
