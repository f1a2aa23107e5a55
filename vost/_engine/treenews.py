"""What trees hold that other trees just read did not: the versions of a directory are much alike.

Source of the format: see ``trees``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from vost._engine.trees import Tree, mode_of
from vost._model.types import MODE_GITLINK, MODE_TREE

if TYPE_CHECKING:
    from vost._model.objects import Oid

# A chunk ends behind an entry whose id ends in one of 32 bytes: where an entry is put in or
# taken out, only its own chunk is another one. That an entry may be the last is said last, so that
# what is at the end of the tree is a chunk too.
_CHUNK = re.compile(
    rb"(?:[0-7]{1,7} [^\0]+\0.{19}[^\0-\x1f]){0,63}[0-7]{1,7} [^\0]+\0.{20}", re.DOTALL
)
_ENTRY = re.compile(rb"([0-7]{1,7}) [^\0]+\0(.{20})", re.DOTALL)
_MOST_BYTES = 8 << 20
"""How much of trees is kept to compare with."""


def chunks_of(data: bytes) -> list[bytes]:
    """Return the content of a tree in pieces of whole entries, most of them as in other versions.

    Raises:
        CorruptObjectError: If it is no tree.
    """
    chunks: list[bytes] = _CHUNK.findall(data)
    if sum(map(len, chunks)) != len(data):
        Tree(data).check()
    return chunks


class News(NamedTuple):
    """What is new in a tree.

    Attributes:
        subtrees: The trees in it.
        blobs: The blobs in it, as git counts them: all that is neither tree nor submodule.
        chunks: Where it stands.
    """

    subtrees: list[Oid]
    blobs: list[Oid]
    chunks: list[bytes]


class TreeNews:
    """Tells of trees, one after the other, what was not in those before."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._kept = 0

    def of(self, data: bytes) -> News:
        """Return what is in a tree, less what is known; something old may be among it.

        Args:
            data: The content of the tree.

        Raises:
            CorruptObjectError: If it is no tree.
        """
        known = self._known
        news = News([], [], [chunk for chunk in chunks_of(data) if chunk not in known])
        for text, oid in _ENTRY.findall(b"".join(news.chunks)):
            mode = mode_of(text)
            if mode == MODE_TREE:
                news.subtrees.append(oid)
            elif mode != MODE_GITLINK:
                news.blobs.append(oid)
        return news

    def know(self, news: News) -> None:
        """Take what was new for known from now on: it has been taken care of."""
        self._kept += sum(map(len, news.chunks))
        if self._kept > _MOST_BYTES:
            self._known.clear()
            self._kept = 0
        self._known.update(news.chunks)
