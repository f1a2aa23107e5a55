"""Readers and writers of single files as real ``io`` objects.

``io.TextIOWrapper``, ``json.dump``, ``csv``, ``zipfile`` and pandas take them as they take files
of the disk. Below is the async reader or writer of ``vost``, driven on the caller's thread.
"""

from __future__ import annotations

import contextlib
import io
import os
from typing import TYPE_CHECKING

import vost
from vost_sync._drive import optional, run

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Buffer

    from vost.files import Writer as AsyncWriter
    from vost_sync.fs import FS

__all__ = (
    "BatchTextWriter",
    "BatchWriter",
    "Reader",
    "SnapshotTextWriter",
    "SnapshotWriter",
    "TextReader",
    "Writer",
)

READ_AHEAD = 1 << 17
"""Bytes that a reader holds, so that small reads and lines cost little."""


def open_reader(
    fs: vost.FS, path: str | os.PathLike[str], mode: str = "rb", *, encoding: str = "utf-8"
) -> Reader | TextReader:
    """Open a file of a snapshot for reading, and find it at once.

    Args:
        fs: The async snapshot.
        path: The file.
        mode: ``"rb"`` for bytes, ``"r"`` for text.
        encoding: How text is encoded.
    """
    fs.open(path, mode, encoding=encoding)  # checks the arguments
    aio = fs.open(path, "rb")
    assert isinstance(aio, vost.Reader)
    run(aio.__aenter__())
    reader = Reader(aio)
    return reader if mode == "rb" else TextReader(reader, encoding)


def open_writer(
    fs: vost.FS, path: str | os.PathLike[str], mode: str = "wb"
) -> SnapshotWriter | SnapshotTextWriter:
    """Open a file of a snapshot's branch for writing.

    Args:
        fs: The async snapshot.
        path: Where to.
        mode: ``"wb"`` takes bytes, ``"w"`` text.
    """
    aio = fs.writer(path, mode)
    kind = SnapshotTextWriter if mode == "w" else SnapshotWriter
    return kind(aio, path)


def open_batch_writer(
    batch: vost.Batch, path: str | os.PathLike[str], mode: str = "wb"
) -> BatchWriter | BatchTextWriter:
    """Open a file of a batch for writing.

    Args:
        batch: The async batch.
        path: Where to.
        mode: ``"wb"`` takes bytes, ``"w"`` text.
    """
    aio = batch.writer(path, mode)
    kind = BatchTextWriter if mode == "w" else BatchWriter
    return kind(aio, path)


class _RawReader(io.RawIOBase):
    """The unbuffered side of a reader.

    Args:
        aio: The async reader.
    """

    def __init__(self, aio: vost.Reader) -> None:
        self._reader = aio

    @property
    def name(self) -> str:
        return self._reader.name

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        return run(self._reader.readinto(buffer))

    def readall(self) -> bytes:
        return run(self._reader.read())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return run(self._reader.seek(offset, whence))

    def tell(self) -> int:
        return self._reader.tell()

    def close(self) -> None:
        if not self.closed:
            run(self._reader.close())
            super().close()


class Reader(io.BufferedReader):
    """Reads one file of a snapshot: seekable, in bounded memory. Iterating yields lines.

    Args:
        aio: The async reader.
    """

    def __init__(self, aio: vost.Reader) -> None:
        super().__init__(_RawReader(aio), READ_AHEAD)
        self._aio = aio

    def __repr__(self) -> str:
        """Show the path, and the position unless the reader is closed."""
        state = "closed" if self.closed else f"at {self.tell()}"
        return f"Reader({self._aio.name!r}, {state})"

    def size(self) -> int:
        """Return the size of the file in bytes."""
        return run(self._aio.size())


class TextReader(io.TextIOWrapper):
    """Reads one text file of a snapshot in bounded memory; line ends are not translated.

    Args:
        reader: The file's bytes.
        encoding: How the text is encoded.
    """

    def __init__(self, reader: Reader, encoding: str) -> None:
        super().__init__(reader, encoding=encoding, newline="\n")


class Writer(io.IOBase):
    """Takes the content of a file piece by piece; closing it stores the file.

    Used in ``with``: leaving the block closes it, an exception discards what was written. A
    writer that is dropped without being closed stores nothing.

    Args:
        aio: The async writer.
        path: Path in the repository.
    """

    def __init__(self, aio: AsyncWriter, path: str | os.PathLike[str]) -> None:
        self._aio = aio
        self._path = path

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close, or discard if the block raised."""
        run(self._aio.__aexit__(exc_type, exc, traceback))

    def __del__(self) -> None:
        """Discard: files of the disk are closed here, but a commit takes an intention."""
        # The interpreter may be going away, and half of what is needed here with it.
        with contextlib.suppress(Exception):
            if not self._aio.closed:
                run(self._aio.discard())

    @property
    def name(self) -> str:
        """Path in the repository, as it was given."""
        return os.fspath(self._path)

    @property
    def closed(self) -> bool:
        """Whether the writer was closed or discarded."""
        return self._aio.closed

    def writable(self) -> bool:
        """Return ``True``."""
        return True

    def flush(self) -> None:
        """Do nothing: content is stored when the writer is closed.

        Raises:
            ValueError: If the writer is closed.
        """
        if self.closed:
            raise ValueError("flush of closed file")

    def close(self) -> None:
        """Store the file. Idempotent; a close that fails leaves the writer open.

        Raises:
            StaleSnapshotError: If the branch has advanced.
            RuntimeError: If the batch that it belongs to is closed.
        """
        run(self._aio.close())

    def discard(self) -> None:
        """Close without storing anything. Idempotent."""
        run(self._aio.discard())


class _BinaryWriter(Writer, io.BufferedIOBase):
    """A writer that takes bytes."""

    def write(self, data: Buffer) -> int:
        """Take in a piece of the content, and return how many bytes it has.

        Args:
            data: The bytes.

        Raises:
            ValueError: If the writer is closed.
            TypeError: If ``data`` is not bytes-like.
        """
        return run(self._aio.write(data))


class _TextWriter(Writer, io.TextIOBase):
    """A writer that takes text, stored in UTF-8 with its line ends untouched."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has a plain attribute
        """How the text is stored: always ``"utf-8"``."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]  # typeshed has a plain attribute
        """What happens to text that cannot be encoded: always ``"strict"``."""
        return "strict"

    def write(self, data: str) -> int:
        """Take in a piece of the content, and return how many bytes it has.

        Args:
            data: The text.

        Raises:
            ValueError: If the writer is closed.
            TypeError: If ``data`` is not ``str``.
        """
        return run(self._aio.write(data))


class _SnapshotResult(Writer):
    """What writers of a snapshot know once they are closed."""

    _aio: vost.SnapshotWriter

    @property
    def fs(self) -> FS | None:
        """The new snapshot; ``None`` until the writer is closed."""
        from vost_sync.fs import FS  # which needs this module

        return optional(FS._of, self._aio.fs)


class SnapshotWriter(_BinaryWriter, _SnapshotResult):
    """A writer of bytes whose closing commits the file to the snapshot's branch."""


class SnapshotTextWriter(_TextWriter, _SnapshotResult):
    """A writer of text whose closing commits the file to the snapshot's branch."""


class BatchWriter(_BinaryWriter):
    """A writer of bytes whose closing stages the file in a batch."""


class BatchTextWriter(_TextWriter):
    """A writer of text whose closing stages the file in a batch."""
