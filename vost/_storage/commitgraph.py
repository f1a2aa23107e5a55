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

from .protocols import CommitLink

if TYPE_CHECKING:
    from vost._model.objects import Oid

GRAPH_NAME = "info/commit-graph"

_SIGNATURE = b"CGPH\1\1"  # version 1, of SHA-1
_CHUNK = struct.Struct(">4sQ")
_FANOUT = struct.Struct(">256I")
_NO_PARENT = 0x70000000
_TRAILER_SIZE = 20
_HEADER_SIZE = 8
_COMMIT = struct.Struct(">20sI")
_COMMIT_SIZE = 36

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
        data, names = self._data, self._names
        expected, number = self._next
        if oid != expected:
            low, high = self._fanout[oid[0]], self._fanout[oid[0] + 1]
            at = data.find(oid, names + 20 * low, names + 20 * high)
            while at >= 0 and (at - names) % 20:
                at = data.find(oid, at + 1, names + 20 * high)
            if at < 0:
                return None
            number = (at - names) // 20
        tree, parent = _parse_commit(data, self._commits + number * _COMMIT_SIZE)
        if parent == _NO_PARENT:
            return CommitLink(tree, None)
        if parent >= self._fanout[256]:
            return None
        start = names + 20 * parent
        link = CommitLink(tree, data[start : start + 20])
        self._next = link.parent, parent
        return link


def read_graph(objects_dir: str) -> CommitGraph | None:
    """Return the commit-graph of an ``objects`` directory; ``None`` if there is none to use."""
    try:
        return CommitGraph(f"{objects_dir}/{GRAPH_NAME}")
    except (OSError, ValueError, KeyError, IndexError, struct.error):
        return None
