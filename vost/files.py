"""File objects: readers and writers of single files, in bounded memory."""

from __future__ import annotations

import codecs
import io
import os
from typing import TYPE_CHECKING

from vost._engine import lookup
from vost._engine.spool import Spool
from vost._model.paths import normalize_writable_path
from vost._model.types import MODE_BLOB
from vost._offload import run, run_to_end

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Buffer, Self

    from vost._engine.draft import Draft
    from vost._model.objects import Oid
    from vost._storage.protocols import ObjectStream
    from vost.batch import Batch
    from vost.fs import FS

__all__ = ("BatchWriter", "Reader", "SnapshotWriter", "TextReader", "Writer")

_READ_AHEAD = 1 << 18
_TEXT_CHUNK = 1 << 16


class Writer:
    """Takes the content of a file piece by piece; closing it stores the file.

    Used in ``async with``: leaving the block closes it, an exception discards what was written.

    Args:
        path: Path in the repository.
        mode: ``"wb"`` takes bytes, ``"w"`` text in UTF-8, line ends untouched.
        spool: Where the content lies meanwhile.

    Raises:
        ValueError: If the mode is none of the two, or the path is invalid.
    """

    def __init__(self, path: str | os.PathLike[str], mode: str, spool: Spool) -> None:
        if mode not in ("wb", "w"):
            raise ValueError(f"Unsupported mode {mode!r}: use 'wb' or 'w'")
        self._path = normalize_writable_path(path)
        self._text = mode == "w"
        self._spool = spool
        self._closed = False

    async def __aenter__(self) -> Self:
        """Begin; nothing happens yet."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close, or discard if the block raised."""
        if exc_type is None:
            await self.close()
        else:
            await self.discard()

    @property
    def closed(self) -> bool:
        """Whether the writer was closed or discarded."""
        return self._closed

    def readable(self) -> bool:
        """Return ``False``: this is a writer."""
        return False

    def writable(self) -> bool:
        """Return ``True``."""
        return True

    def seekable(self) -> bool:
        """Return ``False``: content is taken from front to back."""
        return False

    async def write(self, data: Buffer | str) -> int:
        """Take in a piece of the content.

        Args:
            data: Bytes in mode ``"wb"``, text in mode ``"w"``.

        Returns:
            The number of bytes taken in.

        Raises:
            ValueError: If the writer is closed.
            TypeError: If ``data`` is not what the mode takes.
        """
        if self._closed:
            raise ValueError("write to closed file")
        raw = self._encoded(data)
        if self._spool.append(raw):
            await run(self._spool.write_out)
        return len(raw)

    async def close(self) -> None:
        """Store the file. Idempotent; a close that fails leaves the writer open.

        Raises:
            StaleSnapshotError: If the branch has advanced.
            RuntimeError: If the batch that it belongs to is closed.
        """
        if self._closed:
            return
        await self._finish()
        self._closed = True
        self._spool.close()

    async def discard(self) -> None:
        """Close without storing anything. Idempotent."""
        self._closed = True
        await run_to_end(self._spool.close)

    async def _finish(self) -> None:
        raise NotImplementedError

    def _encoded(self, data: Buffer | str) -> bytes:
        if self._text:
            if not isinstance(data, str):
                raise TypeError(f"expected str in mode 'w', got {type(data).__name__}")
            return data.encode("utf-8")
        if isinstance(data, str):
            raise TypeError("expected bytes in mode 'wb', got str")
        try:
            return bytes(memoryview(data))
        except TypeError:
            raise TypeError(f"expected bytes in mode 'wb', got {type(data).__name__}") from None


class SnapshotWriter(Writer):
    """A writer whose closing commits the file to the snapshot's branch.

    Args:
        fs: The snapshot to write from.
        path: Path in the repository.
        mode: ``"wb"`` or ``"w"``.
    """

    def __init__(self, fs: FS, path: str | os.PathLike[str], mode: str) -> None:
        super().__init__(path, mode, Spool(fs._repository.spool_dir))
        self._base = fs
        self._result: FS | None = None

    @property
    def fs(self) -> FS | None:
        """The new snapshot; ``None`` until the writer is closed."""
        return self._result

    async def _finish(self) -> None:
        def stage(draft: Draft) -> None:
            draft.put_many([(self._path, self._spool.content(MODE_BLOB))])

        options = self._base._options(None, None, None)
        self._result = await self._base._commit_edits(stage, options)


class BatchWriter(Writer):
    """A writer whose closing stages the file in a batch.

    Args:
        batch: The batch.
        path: Path in the repository.
        mode: ``"wb"`` or ``"w"``.
    """

    def __init__(self, batch: Batch, path: str | os.PathLike[str], mode: str) -> None:
        super().__init__(path, mode, Spool(batch._base._repository.spool_dir))
        self._batch = batch

    async def _finish(self) -> None:
        self._batch._require_open()
        content = await run(self._spool.content, MODE_BLOB)
        await self._batch._stage(self._path, content)


class Reader:
    """Reads one file of a snapshot: seekable, in bounded memory.

    Used in ``async with``. The file is found on the first step. Iterating yields pieces of bytes.

    Args:
        fs: The snapshot.
        path: The file.
    """

    def __init__(self, fs: FS, path: str) -> None:
        self._snapshot = fs
        self._path = path
        self._oid: Oid | None = None
        self._size = 0
        self._position = 0
        self._stream: ObjectStream | None = None
        self._buffer = b""  # what was read ahead, from _position on
        self._closed = False

    def __repr__(self) -> str:
        """Show path and position."""
        state = "closed" if self._closed else f"at {self._position}"
        return f"Reader({self._path!r}, {state})"

    async def __aenter__(self) -> Self:
        """Find the file.

        Raises:
            FileNotFoundError: If nothing is there.
            IsADirectoryError: If it is a directory.
            NotADirectoryError: If a parent of it is a file.
        """
        await self._open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    @property
    def closed(self) -> bool:
        """Whether the reader was closed."""
        return self._closed

    @property
    def name(self) -> str:
        """Path of the file in the snapshot."""
        return self._path

    def readable(self) -> bool:
        """Return ``True``."""
        return True

    def writable(self) -> bool:
        """Return ``False``: snapshots never change."""
        return False

    def seekable(self) -> bool:
        """Return ``True``."""
        return True

    async def size(self) -> int:
        """Return the size of the file in bytes."""
        await self._open()
        return self._size

    def tell(self) -> int:
        """Return the position in bytes from the start."""
        self._require_open()
        return self._position

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position and return it.

        Args:
            offset: Bytes, counted as ``whence`` says.
            whence: ``os.SEEK_SET`` from the start, ``SEEK_CUR`` from here, ``SEEK_END`` from the
                end. Positions behind the end are allowed; reading there gives nothing.

        Raises:
            ValueError: If the position would be negative, or ``whence`` is none of the three.
        """
        await self._open()
        if whence not in (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END):
            raise ValueError(f"invalid whence: {whence!r}")
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        position = origin + offset
        if position < 0:
            raise ValueError(f"negative seek position: {position}")
        ahead = position - self._position
        if 0 <= ahead <= len(self._buffer):
            self._buffer = self._buffer[ahead:]
        else:
            self._drop_stream()
        self._position = position
        return position

    async def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes.

        Args:
            size: How many at most; negative or ``None``: all that are left.

        Returns:
            Fewer than ``size`` bytes only at the end of the file; ``b""`` there.

        Raises:
            CorruptObjectError: If the stored data is damaged.
            ValueError: If the reader is closed.
        """
        await self._open()
        left = max(self._size - self._position, 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > len(self._buffer):
            try:
                data = await run(self._fetch, wanted)
            except lookup.DAMAGE as error:
                lookup.raise_damaged(repr(self._path), error)
        else:
            data, self._buffer = self._buffer[:wanted], self._buffer[wanted:]
        self._position += len(data)
        return data

    async def readinto(self, buffer: Buffer) -> int:
        """Fill a writable buffer with the next bytes; return how many, 0 at the end.

        Args:
            buffer: For example a ``bytearray``.
        """
        view = memoryview(buffer).cast("B")
        data = await self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def __aiter__(self) -> Self:
        """Iterate over the rest in pieces of bytes."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece.

        Raises:
            StopAsyncIteration: At the end.
        """
        data = await self.read(_READ_AHEAD)
        if not data:
            raise StopAsyncIteration
        return data

    async def close(self) -> None:
        """Release what the reader holds. Idempotent."""
        self._drop_stream()
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise ValueError("I/O operation on closed file")

    async def _open(self) -> None:
        self._require_open()
        if self._oid is None:
            root = (await self._snapshot._loaded()).tree
            repository = self._snapshot._repository
            self._oid, self._size = await run(lookup.open_blob, repository, root, self._path)

    def _drop_stream(self) -> None:
        self._buffer = b""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _fetch(self, wanted: int) -> bytes:
        """Read ``wanted`` bytes, and ahead of small requests. Blocks."""
        assert self._oid is not None
        if self._stream is None:
            self._stream = lookup.open_stream(self._snapshot._repository, self._oid, self._position)
        # An empty piece would have the others copied: whoever reads large pieces has none.
        pieces = [self._buffer] if self._buffer else []
        have = len(self._buffer)
        while have < wanted:
            piece = self._stream.read(max(wanted - have, _READ_AHEAD))
            if not piece:
                break
            pieces.append(piece)
            have += len(piece)
        data = b"".join(pieces)
        self._buffer = data[wanted:]
        return data[:wanted]


class TextReader:
    """Reads one text file of a snapshot from front to back, in bounded memory.

    Used in ``async with``. Iterating yields lines with their line ends, which are not translated.

    Args:
        reader: The file's bytes.
        encoding: How the text is encoded.
    """

    def __init__(self, reader: Reader, encoding: str) -> None:
        self._reader = reader
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._text = ""
        self._ended = False

    async def __aenter__(self) -> Self:
        """Find the file.

        Raises:
            FileNotFoundError: If nothing is there.
            IsADirectoryError: If it is a directory.
        """
        await self._reader.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    @property
    def closed(self) -> bool:
        """Whether the reader was closed."""
        return self._reader.closed

    @property
    def name(self) -> str:
        """Path of the file in the snapshot."""
        return self._reader.name

    async def read(self, size: int | None = -1) -> str:
        """Return the next characters.

        Args:
            size: How many at most; negative or ``None``: all that are left.

        Returns:
            Fewer than ``size`` characters only at the end of the file; ``""`` there.

        Raises:
            UnicodeDecodeError: If the content is not in the encoding.
            ValueError: If the reader is closed.
        """
        self._reader._require_open()
        everything = size is None or size < 0
        pieces = [self._text]
        have = len(self._text)
        while not self._ended and (everything or size is None or have < size):
            pieces.append(await self._decode_more())
            have += len(pieces[-1])
        text = "".join(pieces)
        end = len(text) if everything or size is None else size
        self._text = text[end:]
        return text[:end]

    async def readline(self) -> str:
        """Return the next line with its line end; ``""`` at the end.

        Raises:
            UnicodeDecodeError: If the content is not in the encoding.
            ValueError: If the reader is closed.
        """
        self._reader._require_open()
        line = io.StringIO()
        while "\n" not in self._text and not self._ended:
            line.write(self._text)
            self._text = await self._decode_more()
        head, newline, self._text = self._text.partition("\n")
        line.write(head + newline)
        return line.getvalue()

    def __aiter__(self) -> Self:
        """Iterate over the rest, line by line."""
        return self

    async def __anext__(self) -> str:
        """Return the next line.

        Raises:
            StopAsyncIteration: At the end.
        """
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def close(self) -> None:
        """Release what the reader holds. Idempotent."""
        await self._reader.close()

    async def _decode_more(self) -> str:
        data = await self._reader.read(_TEXT_CHUNK)
        self._ended = not data
        return self._decoder.decode(data, final=self._ended)
