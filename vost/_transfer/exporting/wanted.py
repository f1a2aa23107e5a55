"""What a copy to disk wants to be there: the sources, laid over each other as one tree.

Nothing is built in advance. A directory is the list of what is poured into it, and its rows are
put together when it is planned; nearly always that is one tree of the repository.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from vost._engine.lookup import DAMAGE, canonical_mode, find, raise_damaged
from vost._engine.trees import mode_of
from vost._model.changes import ChangeError
from vost._model.errors import PathNotDirectoryError, PathNotFoundError
from vost._model.paths import decode_names
from vost._model.types import MODE_BLOB, MODE_EXECUTABLE, MODE_GITLINK, MODE_LINK, MODE_TREE
from vost._transfer.sources import below

from .names import check_name, check_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vost._engine.repository import Reader
    from vost._model.objects import Oid
    from vost._transfer.sources import Source

_MODES = {
    b"100644": MODE_BLOB,
    b"100755": MODE_EXECUTABLE,
    b"120000": MODE_LINK,
    b"40000": MODE_TREE,
}


class Row(NamedTuple):
    """One entry that is wanted in a directory.

    Attributes:
        mode: What it counts as; ``MODE_GITLINK``: something that vost has no content for, so that
            whatever is at its place stays.
        oid: Id of the blob or tree.
        source: Path of the directory in the repository that it comes from.
        merged: A directory that is put together from several ones; ``None``: from ``oid`` alone.
    """

    mode: int
    oid: Oid
    source: str
    merged: Wanted | None = None


Rows: TypeAlias = "dict[str, Row]"


class Wanted(NamedTuple):
    """A directory that is wanted: what is poured into it, in the order of the sources.

    Attributes:
        layers: Id and repository path of trees, or rows that were named one by one.
    """

    layers: tuple[tuple[Oid, str] | Rows, ...]


class Overlay:
    """Puts together the rows of wanted directories.

    Args:
        reader: Finds trees.
        first_wins: Whether the first of two sources counts that meet at one path, or the last.
        warn: Called with what the user should know of.
    """

    def __init__(
        self, reader: Reader, *, first_wins: bool, warn: Callable[[ChangeError], None]
    ) -> None:
        self._reader = reader
        self._first_wins = first_wins
        self._warn = warn

    def rows(self, wanted: Wanted, place: str) -> Rows:
        """Return what is wanted in a directory, in the order of its sources, then of their trees.

        Args:
            wanted: The directory.
            place: Its local path, as people call it.

        Raises:
            InvalidPathError: If a name must not be written to a disk.
            GitError: If a tree is missing or damaged.
        """
        layers = wanted.layers
        rows = self._layer(layers[0]) if layers else {}
        for layer in layers[1:]:
            for name, row in self._layer(layer).items():
                self._add(rows, name, row, place)
        return rows

    def has_files(self, wanted: Wanted) -> bool:
        """Tell whether there is a file or link anywhere below."""
        return next(self.files(wanted, ""), None) is not None

    def files(self, wanted: Wanted, path: str) -> Iterator[str]:
        """Yield the paths of all files and links below a wanted directory at ``path``."""
        quiet = Overlay(self._reader, first_wins=self._first_wins, warn=lambda _: None)
        pending = [(path, wanted)]
        while pending:
            directory, wanted = pending.pop()
            for name, row in quiet.rows(wanted, directory).items():
                if row.mode == MODE_TREE:
                    pending.append((below(directory, name), subdirectory(name, row)))
                elif row.mode != MODE_GITLINK:
                    yield below(directory, name)

    def _layer(self, layer: tuple[Oid, str] | Rows) -> Rows:
        if isinstance(layer, dict):
            return dict(layer)
        oid, path = layer
        try:
            found = self._reader.tree(oid).rows()
        except DAMAGE as error:
            raise_damaged(repr(path) if path else "the root directory", error)
        raw = [name for _, name, _ in found]
        names = decode_names(raw)
        check_names(raw, names, path)
        rows: Rows = {}
        for (text, _, child), name in zip(found, names):  # noqa: B905 - same length
            mode = _MODES.get(text)
            if mode is None:
                mode = self._odd_mode(text, below(path, name))
            if name not in rows:
                rows[name] = Row(mode, child, path)
            else:  # a malformed tree: look-ups find the first one
                self._warn(ChangeError(below(path, name), "Two entries of this name: second left"))
        return rows

    def _odd_mode(self, text: bytes, path: str) -> int:
        mode = mode_of(text)
        shown = canonical_mode(mode)
        if shown is not None:
            return shown
        kind = "A submodule" if mode == MODE_GITLINK else f"An entry of mode {mode:o}"
        self._warn(ChangeError(path, f"{kind} is left out: its content is not in the repository"))
        return MODE_GITLINK

    def _add(self, rows: Rows, name: str, row: Row, place: str) -> None:
        there = rows.get(name)
        if there is None:
            rows[name] = row
        elif there.mode == row.mode == MODE_TREE:
            merged = (*subdirectory(name, there).layers, *subdirectory(name, row).layers)
            rows[name] = Row(MODE_TREE, row.oid, row.source, Wanted(merged))
        elif self._first_wins:
            source = below(row.source, name)
            target = os.path.join(place, name)
            text = f"Overlapping destination {target!r}: skipping (kept earlier source)"
            self._warn(ChangeError(source, text))
        else:
            del rows[name]  # so that it comes at the place of the later one
            rows[name] = row


def subdirectory(name: str, row: Row) -> Wanted:
    """Return what is wanted in the directory that a row stands for."""
    return row.merged or Wanted(((row.oid, below(row.source, name)),))


def resolve(
    reader: Reader,
    sources: Sequence[tuple[Oid, Source]],
    failed: Callable[[Source, OSError], None],
) -> Wanted:
    """Find what the sources of a copy name, and where it lands.

    Args:
        reader: Finds trees.
        sources: What is copied, each with the id of its snapshot's root tree.
        failed: Called with a source that cannot be resolved and why; it may raise that.

    Raises:
        InvalidPathError: If a source lands where nothing must be written.
    """
    layers: list[tuple[Oid, str] | Rows] = []
    for root, source in sources:
        for segment in source.landing.split("/") if source.landing else ():
            check_name(segment, "")
        entry = find(reader, root, source.path)
        if entry is None:
            error: OSError
            if source.needs_directory:
                error = PathNotDirectoryError(
                    f"Not a directory in the snapshot, nothing is there: {source.text!r}"
                )
            else:
                error = PathNotFoundError(
                    f"No such file or directory in the snapshot: {source.text!r}"
                )
            failed(source, error)
        elif source.contents and entry.mode != MODE_TREE:
            failed(source, PathNotDirectoryError(f"Not a directory: {source.text!r} is a file"))
        elif source.contents:
            layers.append(_nested(source.landing, (entry.oid, source.path)))
        else:
            directory, _, name = source.landing.rpartition("/")
            row = Row(entry.mode, entry.oid, source.path.rpartition("/")[0])
            layers.append(_nested(directory, {name: row}))
    return Wanted(tuple(layers))


def _nested(landing: str, layer: tuple[Oid, str] | Rows) -> tuple[Oid, str] | Rows:
    """Return a layer of the top directory that has ``layer`` at ``landing``."""
    for name in reversed(landing.split("/") if landing else []):
        layer = {name: Row(MODE_TREE, b"", "", Wanted((layer,)))}
    return layer
