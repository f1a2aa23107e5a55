"""Git's commit-graph: tree and parents of many commits in one file, without reading the commits.

``git gc`` and ``git commit-graph write`` make it, and git keeps it up to date; it is never needed.
What is malformed counts as not there. Graphs that are split over several files are not read.

Source: https://git-scm.com/docs/gitformat-commit-graph
"""

from __future__ import annotations

import mmap
import os
import struct
from itertools import pairwise
from typing import TYPE_CHECKING

from .protocols import CommitLink, CommitNode

if TYPE_CHECKING:
    from vost._model.objects import Oid

GRAPH_NAME = "info/commit-graph"

_SIGNATURE = b"CGPH\1\1"  # version 1, of SHA-1
_CHUNK = struct.Struct(">4sQ")
_FANOUT = struct.Struct(">256I")
_NO_PARENT = 0x70000000
_MORE_PARENTS = 0x80000000
_SECONDS = (1 << 34) - 1
_TRAILER_SIZE = 20
_HEADER_SIZE = 8
_COMMIT = struct.Struct(">20sI")
_WHOLE_COMMIT = struct.Struct(">20sIIQ")
_COMMIT_SIZE = 36
_EDGE = struct.Struct(">I")

_parse_commit = _COMMIT.unpack_from


class CommitGraph:
    """The commits of one commit-graph file.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is malformed, or of a kind that is not read.
    """

    def __init__(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._data = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
        # The parent of the commit that was asked for last, and its number: whoever walks along
        # history asks for that one next. One tuple, so that threads see both or neither.
        self._next: tuple[Oid | None, int] = None, 0
        chunks = self._chunks()
        fanout, _ = chunks[b"OIDF"]
        self._fanout = (0, *_FANOUT.unpack_from(self._data, fanout))
        count = self._fanout[256]
        self._names, names_size = chunks[b"OIDL"]
        self._commits, commits_size = chunks[b"CDAT"]
        # Where the further parents of merges of more than two are.
        self._edges, self._edges_size = chunks.get(b"EDGE", (0, 0))
        if names_size != 20 * count or commits_size != _COMMIT_SIZE * count:
            raise ValueError("chunks of the wrong size")
        if any(low > high for low, high in pairwise(self._fanout)):
            raise ValueError("the fan-out table is not sorted")

    def _chunks(self) -> dict[bytes, tuple[int, int]]:
        """Return where each chunk starts and how large it is."""
        data = self._data
        if data[:6] != _SIGNATURE or data[7] != 0:
            raise ValueError("not a commit-graph of version 1 in one file")
        end = len(data) - _TRAILER_SIZE
        table = [_CHUNK.unpack_from(data, _HEADER_SIZE + 12 * n) for n in range(data[6] + 1)]
        chunks = {}
        for (name, start), (_, following) in pairwise(table):
            if not _HEADER_SIZE <= start <= following <= end:
                raise ValueError("a chunk outside the file")
            chunks[name] = start, following - start
        return chunks

    def find(self, oid: Oid) -> CommitLink | None:
        """Return tree and first parent of a commit, or ``None`` if it is not in the graph."""
        data = self._data
        expected, number = self._next
        if oid != expected:
            number = self._number(oid)
            if number < 0:
                return None
        tree, parent = _parse_commit(data, self._commits + number * _COMMIT_SIZE)
        if parent == _NO_PARENT:
            return CommitLink(tree, None)
        if parent >= self._fanout[256]:
            return None
        start = self._names + 20 * parent
        link = CommitLink(tree, data[start : start + 20])
        self._next = link.parent, parent
        return link

    def node(self, oid: Oid) -> CommitNode | None:
        """Return tree, parents and time of a commit, or ``None`` if it is not in the graph."""
        number = self._number(oid)
        if number < 0:
            return None
        start = self._commits + number * _COMMIT_SIZE
        tree, first, second, dated = _WHOLE_COMMIT.unpack_from(self._data, start)
        numbers = [parent for parent in (first, second) if parent != _NO_PARENT]
        if second & _MORE_PARENTS:
            numbers[1:] = self._further_parents(second - _MORE_PARENTS)
        if any(parent >= self._fanout[256] for parent in numbers):
            return None
        starts = [self._names + 20 * parent for parent in numbers]
        parents = tuple([self._data[start : start + 20] for start in starts])
        return CommitNode(tree, parents, dated & _SECONDS)

    def _number(self, oid: Oid) -> int:
        """Return the place of a commit in the graph; a negative number: it has none."""
        data, names = self._data, self._names
        low, high = self._fanout[oid[0]], self._fanout[oid[0] + 1]
        at = data.find(oid, names + 20 * low, names + 20 * high)
        while at >= 0 and (at - names) % 20:
            at = data.find(oid, at + 1, names + 20 * high)
        return -1 if at < 0 else (at - names) // 20

    def _further_parents(self, index: int) -> list[int]:
        """Return the second and later parents of a merge; one too large if that is malformed."""
        numbers: list[int] = []
        for place in range(4 * index, self._edges_size - 3, 4):
            (number,) = _EDGE.unpack_from(self._data, self._edges + place)
            numbers.append(number & ~_MORE_PARENTS)
            if number & _MORE_PARENTS:
                return numbers
        return [_NO_PARENT]


def read_graph(objects_dir: str) -> CommitGraph | None:
    """Return the commit-graph of an ``objects`` directory; ``None`` if there is none to use."""
    try:
        return CommitGraph(f"{objects_dir}/{GRAPH_NAME}")
    except (OSError, ValueError, KeyError, IndexError, struct.error):
        return None
