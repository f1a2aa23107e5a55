"""What type checkers make of the blocking API. Checked by mypy, never run."""

from __future__ import annotations

import io
from collections.abc import MutableMapping

from typing_extensions import assert_type

from vost_sync import FS, Batch, GitStore, NotesBatch
from vost_sync.files import (
    BatchTextWriter,
    BatchWriter,
    Reader,
    SnapshotTextWriter,
    SnapshotWriter,
    TextReader,
)


def snapshots(store: GitStore) -> None:
    """Snapshots come out wherever the async API has them."""
    with GitStore.open("path") as opened:
        assert_type(opened, GitStore)
    fs = store.branches["main"]
    assert_type(fs, FS)
    assert_type(fs.parent, FS | None)
    assert_type(fs.write("a", b"", parents=[fs]), FS)
    assert_type(store.branches.get("main"), FS | None)
    for snapshot in fs.log():
        assert_type(snapshot, FS)
    with fs.batch() as batch:
        assert_type(batch, Batch)
    assert_type(batch.fs, FS | None)


def mappings(store: GitStore, fs: FS) -> None:
    """Branches and notes are mutable mappings for type checkers too."""
    branches: MutableMapping[str, FS] = store.branches
    notes: MutableMapping[str, str] = store.notes.commits
    branches.update({"a": fs}, b=fs)
    notes.update([("a", "text")])
    store.branches.current = "main"
    store.notes.commits[fs] = "text"
    with store.notes.commits.batch() as batch:
        assert_type(batch, NotesBatch)
        batch[fs] = "text"


def files(fs: FS, batch: Batch, mode: str) -> None:
    """The mode decides what is read and written."""
    with fs.open("a") as reader:
        assert_type(reader, Reader)
        assert_type(reader.read(), bytes)
    with fs.open("a", "r") as text:
        assert_type(text, TextReader)
        assert_type(text.read(), str)
    assert_type(fs.open("a", mode), Reader | TextReader)
    with fs.writer("a") as writer, io.TextIOWrapper(writer) as wrapped:
        assert_type(writer, SnapshotWriter)
        wrapped.write("text")
    with fs.writer("a", "w") as text_writer:
        assert_type(text_writer, SnapshotTextWriter)
        text_writer.write("text")
    assert_type(text_writer.fs, FS | None)
    assert_type(batch.writer("a"), BatchWriter)
    assert_type(batch.writer("a", "w"), BatchTextWriter)
