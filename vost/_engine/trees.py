"""Tree objects in the compact form in which they are cached, searched and edited.

A tree stays the bytes that Git stores: ``mode SP name NUL oid`` entries, sorted. Beside them lie
only the offsets of every sixteenth entry (its *marks*), so a look-up is a binary search and a
directory of 100,000 entries costs no Python object per entry. A name is looked for between two
marks and its entry boundary is verified from there: file names may contain bytes that look like
the beginning of an entry. Only a small tree that is asked again and again is taken apart.

Source of the format and its order:
https://git-scm.com/book/en/v2/Git-Internals-Git-Objects and ``fsck.c`` of Git.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from vost._model.errors import CorruptObjectError
from vost._model.types import MODE_TREE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vost._model.objects import Oid

# The dot matches any byte: that takes half the time of a set that holds all bytes.
_BLOCK = re.compile(rb"(?:[0-7]{1,7} [^\0]+\0.{20}){1,16}", re.DOTALL)
# Files, links and trees in their ordinary modes: nearly all trees consist of nothing else.
_PLAIN_BLOCK = re.compile(rb"(?:(?:100644|40000|100755|120000) [^\0]+\0.{20}){1,16}", re.DOTALL)
_NAME = re.compile(rb"[0-7]{1,7} ([^\0]+)\0.{20}", re.DOTALL)
_ENTRY = re.compile(rb"([0-7]{1,7}) ([^\0]+)\0(.{20})", re.DOTALL)

_FOUND_LIMIT = 1024
# A tree is taken apart once searching it has cost about half as much as that does.
_BYTES_PER_SEARCH = 640
# Up to this size, one pass over all bytes is faster than a binary search in Python.
_SCANNED = 1 << 15
_LARGEST_TAKEN_APART = 1 << 16
# Edits that touch more than one entry in eight rebuild the tree instead of splicing it.
_SPLICE_RATIO = 8
_SMALLEST_ENTRY = len(b"40000 a\0") + 20
# Splices put new entries between existing marks; after this many the marks are made anew.
_STALE_MARKS = 256


class Entry(NamedTuple):
    """One entry of a tree: the mode as stored, and the id of what it names."""

    mode: int
    oid: Oid


class _Modes(dict[bytes, int]):
    """The numbers that modes stand for, by their text; those of odd ones are found when met."""

    def __missing__(self, text: bytes) -> int:
        # A directory with permissions counts as one for Git; other odd modes stay as they are.
        return MODE_TREE if _is_tree_mode(text) else int(text, 8)


_MODES = _Modes({b"%o" % mode: mode for mode in (0o100644, 0o100755, 0o120000, 0o40000, 0o160000)})
# Half the time of calling the class.
_new_entry = tuple.__new__


def mode_of(text: bytes) -> int:
    """Return the number that a mode stands for."""
    return _MODES[text]


class Tree:
    """One directory: immutable, safe to share between threads.

    Args:
        data: The content of the tree object.
    """

    __slots__ = (
        "_all_found",
        "_found",
        "_marks",
        "_plain",
        "_searches",
        "_spliced",
        "_subtrees",
        "data",
    )

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._marks: list[int] | None = None
        self._plain: bool | None = None
        self._subtrees: int | None = None
        self._spliced = 0
        self._found: dict[bytes, Entry | None] = {}
        self._all_found = False
        self._searches = 0

    def find(self, name: bytes) -> Entry | None:
        """Return the entry called ``name``, or ``None``.

        Raises:
            CorruptObjectError: If the data is no tree.
        """
        found = self._found
        if name in found or self._all_found:
            return found.get(name)
        if self._searches * _BYTES_PER_SEARCH > len(self.data) <= _LARGEST_TAKEN_APART:
            # Backwards, because the first one counts where a name comes twice.
            self._found = dict(reversed(self.entries()))
            self._all_found = True
            return self._found.get(name)
        self._searches += 1
        span = self._span(name)
        entry = None if span is None else self._entry_at(*span)
        if len(self._found) < _FOUND_LIMIT:
            self._found[name] = entry
        return entry

    def check(self) -> None:
        """Look at the form of all entries; the other methods rely on it.

        Raises:
            CorruptObjectError: If the data is no tree.
        """
        self._well_formed_marks()

    def entries(self) -> list[tuple[bytes, Entry]]:
        """Return all entries with their names, in the order of the tree.

        Raises:
            CorruptObjectError: If the data is no tree.
        """
        return [(name, _new_entry(Entry, (_MODES[mode], oid))) for mode, name, oid in self.rows()]

    def plain_names(self) -> list[bytes] | None:
        """Return the names of all entries; ``None`` if one is neither file, link nor tree.

        Raises:
            CorruptObjectError: If the data is no tree.
        """
        self._well_formed_marks()
        if self._plain is None:
            self._plain = _make_marks(self.data, _PLAIN_BLOCK)[1] == len(self.data)
        return _NAME.findall(self.data) if self._plain else None

    def count_trees(self) -> int:
        """Return how many of the entries are trees.

        Raises:
            CorruptObjectError: If the data is no tree.
        """
        if self._subtrees is None:
            self._subtrees = sum(_MODES[mode] == MODE_TREE for mode, _, _ in self.rows())
        return self._subtrees

    def rows(self) -> list[tuple[bytes, bytes, bytes]]:
        """Return mode, name and id of all entries as they are stored, in the order of the tree.

        Raises:
            CorruptObjectError: If the data is no tree.
        """
        self._well_formed_marks()
        return _ENTRY.findall(self.data)

    def rows_unlike(
        self, other: Tree
    ) -> tuple[list[tuple[bytes, bytes, bytes]], list[tuple[bytes, bytes, bytes]]]:
        """Return the rows of both trees less long runs of equal ones at their ends.

        A commit changes few of the entries of a directory: most need not even be looked at.

        Raises:
            CorruptObjectError: If the data of one is no tree.
        """
        marks, other_marks = self._well_formed_marks(), other._well_formed_marks()
        data, other_data = self.data, other.data
        size, other_size = len(data), len(other_data)
        shortest = min(size, other_size)
        equal = _equal_at_start(data, other_data, shortest)
        start = marks[bisect_right(marks, equal) - 1]
        at_end = _equal_at_end(data, other_data, shortest - equal)
        end, other_end = size, other_size
        position = bisect_right(marks, size - at_end - 1)
        if position < len(marks):
            moved = marks[position] - size + other_size
            found = bisect_right(other_marks, moved) - 1
            if other_marks[found] == moved:  # an entry begins there in both
                end, other_end = marks[position], moved
        return _ENTRY.findall(data, start, end), _ENTRY.findall(other_data, start, other_end)

    def edited(self, changes: Mapping[bytes, Entry | None]) -> Tree:
        """Return the tree with these entries put in, replaced or (``None``) taken out."""
        if len(changes) * _SPLICE_RATIO * _SMALLEST_ENTRY > len(self.data):
            return self._rebuilt(changes)
        return self._spliced_with(changes)

    def cost(self) -> int:
        """Return about how many bytes of memory the tree keeps."""
        return len(self.data) + 200 + len(self.data) // 16

    def _rebuilt(self, changes: Mapping[bytes, Entry | None]) -> Tree:
        merged: dict[bytes, Entry | None] = dict(self.entries())
        merged.update(changes)
        kept = [(name, entry) for name, entry in merged.items() if entry is not None]
        kept.sort(key=sort_key)
        return Tree(b"".join([_serialize(name, entry) for name, entry in kept]))

    def _spliced_with(self, changes: Mapping[bytes, Entry | None]) -> Tree:
        splices: list[tuple[int, int, bytes, bytes]] = []  # start, end, sort key, replacement
        for name, entry in changes.items():
            span = self._span(name)
            if entry is None:
                if span is not None:
                    splices.append((*span, b"", b""))
                continue
            key = sort_key((name, entry))
            if span is not None and self._key_at(span[0]) == key:
                splices.append((*span, key, _serialize(name, entry)))
                continue
            position = self._position(key)
            splices.append((position, position, key, _serialize(name, entry)))
            if span is not None:  # a file becomes a directory or the other way round
                splices.append((*span, b"", b""))
        splices.sort()
        return self._joined(splices)

    def _joined(self, splices: list[tuple[int, int, bytes, bytes]]) -> Tree:
        data = self.data
        pieces: list[bytes] = []
        marks: list[int] = []
        old_marks = self._well_formed_marks()
        moved = done = shift = 0
        for start, end, _, replacement in splices:
            staying = bisect_right(old_marks, start, moved)
            marks += [mark + shift for mark in old_marks[moved:staying]]
            moved = staying
            pieces += (data[done:start], replacement)
            shift += len(replacement) - (end - start)
            done = end
        marks += [mark + shift for mark in old_marks[moved:]]
        pieces.append(data[done:])
        tree = Tree(b"".join(pieces))
        spliced = self._spliced + len(splices)
        if spliced < _STALE_MARKS:
            tree._spliced = spliced
            if not all(replacement for _, _, _, replacement in splices):
                marks = _strictly_rising(marks, len(tree.data))
            tree._marks = marks
        return tree

    def _well_formed_marks(self) -> list[int]:
        if self._marks is None:
            size = len(self.data)
            marks, end = _make_marks(self.data, _PLAIN_BLOCK)
            self._plain = end == size
            if end != size:
                marks, end = _make_marks(self.data, _BLOCK)
            if end != size:
                raise CorruptObjectError(f"malformed tree: no entry begins at byte {end}")
            self._marks = marks
        return self._marks

    def _block(self, key: bytes) -> tuple[int, int]:
        """Return the offsets of the run of entries in which ``key`` belongs."""
        marks = self._well_formed_marks()
        low, high = 0, len(marks)
        while high - low > 1:
            middle = (low + high) // 2
            if self._key_at(marks[middle]) <= key:
                low = middle
            else:
                high = middle
        return marks[low], marks[high] if high < len(marks) else len(self.data)

    def _key_at(self, offset: int) -> bytes:
        data = self.data
        name_start = data.index(b" ", offset) + 1
        name = data[name_start : data.index(b"\0", name_start)]
        return name + b"/" if _is_tree_mode(data[offset : name_start - 1]) else name

    def _span(self, name: bytes) -> tuple[int, int] | None:
        """Return start and end of the entry called ``name``."""
        if len(self.data) <= _SCANNED:
            return self._span_in(name, 0, len(self.data))
        block = self._block(name)
        span = self._span_in(name, *block)
        if span is None:
            # A directory sorts as if its name ended in a slash: perhaps behind "name.txt".
            directory_block = self._block(name + b"/")
            if directory_block != block:
                span = self._span_in(name, *directory_block)
        return span

    def _span_in(self, name: bytes, start: int, end: int) -> tuple[int, int] | None:
        """Return start and end of the entry called ``name`` if it is in a run of entries."""
        data = self.data
        pattern = b" " + name + b"\0"
        hit = data.find(pattern, start, end)
        if hit < 0:
            return None
        # Ids may hold anything, and names spaces: only the entries before a hit tell whether it
        # is one, from the last one that is marked on.
        marks = self._well_formed_marks()
        while hit >= 0:
            at = marks[bisect_right(marks, hit) - 1]
            while (nul := data.index(b"\0", at)) < hit:
                at = nul + 21
            if data.find(b" ", at, hit + 1) == hit:
                return at, nul + 21
            hit = data.find(pattern, hit + 1, end)
        return None

    def _entry_at(self, start: int, end: int) -> Entry:
        mode = self.data[start : self.data.index(b" ", start)]
        return Entry(_MODES[mode], self.data[end - 20 : end])

    def _position(self, key: bytes) -> int:
        """Return the offset of the first entry that does not sort before ``key``."""
        if not self.data:
            return 0
        offset, end = self._block(key)
        while offset < end and self._key_at(offset) < key:
            offset = self.data.index(b"\0", offset) + 21
        return offset


EMPTY_TREE = Tree(b"")


def _serialize(name: bytes, entry: Entry) -> bytes:
    return b"%o %s\0%s" % (entry.mode, name, entry.oid)


def sort_key(named: tuple[bytes, Entry]) -> bytes:
    """Return what a name and its entry sort by in a tree."""
    name, entry = named
    return name + b"/" if entry.mode == MODE_TREE else name


def _is_tree_mode(text: bytes) -> bool:
    digits = text.lstrip(b"0")
    return len(digits) == 5 and digits[:1] == b"4"


def _make_marks(data: bytes, pattern: re.Pattern[bytes]) -> tuple[list[int], int]:
    """Return the offsets of the blocks at the start of a tree, and where the last one ends."""
    marks = []
    offset = 0
    for block in pattern.finditer(data):
        if block.start() != offset:
            break
        marks.append(offset)
        offset = block.end()
    return marks or [0], offset


def _equal_at_start(one: bytes, other: bytes, most: int) -> int:
    """Return how many bytes are equal at the start, ``most`` at most."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _equal_at_end(one: bytes, other: bytes, most: int) -> int:
    """Return how many bytes are equal at the end, ``most`` at most."""
    low, high = 0, most
    size, other_size = len(one), len(other)
    while low < high:
        middle = (low + high + 1) // 2
        if one[size - middle : size - low] == other[other_size - middle : other_size - low]:
            low = middle
        else:
            high = middle - 1
    return low


def _strictly_rising(marks: list[int], end: int) -> list[int]:
    rising = [0]
    for mark in marks:
        if rising[-1] < mark < end:
            rising.append(mark)
    return rising
