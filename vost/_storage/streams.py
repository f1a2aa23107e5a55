"""Objects that are read piece by piece."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Protocol

from vost._model.errors import CorruptObjectError
from vost._model.objects import object_hasher

from .damage import DamagedDataError, describe_damage
from .deflate import Inflater
from .stored import StoredReader, is_stored

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from vost._model.objects import ObjectType, Oid

    from .handles import FileHandle

_PIECE_SIZE = 1 << 18


class Source(Protocol):
    """The data of a zlib stream, read forward. Errors are ``DamagedDataError``."""

    def read(self, size: int) -> bytes:
        """Return the next 1 to ``size`` bytes; ``b""`` only at the end of the stream."""

    def skip(self, size: int) -> None:
        """Move on by ``size`` bytes."""

    def expect_end(self) -> None:
        """Check that the stream ends here."""


def open_source(handle: FileHandle, start: int, end: int, total: int) -> Source:
    """Return the cheapest reader of the zlib stream in a part of a file.

    Args:
        handle: The open file.
        start: Where the stream starts.
        end: Where it must have ended.
        total: Bytes of data in it.
    """
    if is_stored(handle, start, end, total):
        return StoredReader(handle, start, total)
    return Inflater(handle, start, end)


def read_exactly(source: Source, size: int) -> bytes:
    """Return the next ``size`` bytes; memory grows with what is really there.

    Raises:
        DamagedDataError: If there are fewer.
    """
    data = source.read(min(size, _PIECE_SIZE)) if size else b""
    if len(data) == size:
        return data
    buffer = BytesIO()
    while data:
        buffer.write(data)
        size -= len(data)
        if not size:
            return buffer.getvalue()
        data = source.read(min(size, _PIECE_SIZE))
    raise DamagedDataError("compressed data is shorter than declared")


def range_size(offset: int, size: int | None, total: int) -> int:
    """Return how many bytes a range of an object of ``total`` bytes has.

    Raises:
        ValueError: If ``offset`` or ``size`` is negative.
    """
    if offset < 0:
        raise ValueError(f"offset must not be negative: {offset}")
    if size is not None and size < 0:
        raise ValueError(f"size must not be negative: {size}")
    left = max(total - offset, 0)
    return left if size is None else min(size, left)


class _Stream:
    """What both kinds of object streams share: the protocol around ``_next``."""

    def __init__(self, object_type: ObjectType, size: int, offset: int) -> None:
        self.type = object_type
        self.size = size
        self._left = range_size(offset, None, size)
        self._closed = False

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``; ``b""`` at the end.

        Raises:
            CorruptObjectError: If the stored data is damaged.
            ValueError: If ``size`` is negative or the stream is closed.
        """
        if self._closed:
            raise ValueError("read from a closed object stream")
        if size < 0:
            raise ValueError(f"size must not be negative: {size}")
        return self._next(min(size, self._left))

    def _next(self, size: int) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        """Release what the stream holds. Idempotent."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class BufferStream(_Stream):
    """A stream over content that is in memory already (and verified)."""

    def __init__(self, object_type: ObjectType, data: bytes, offset: int) -> None:
        super().__init__(object_type, len(data), offset)
        self._data = memoryview(data)

    def _next(self, size: int) -> bytes:
        at = len(self._data) - self._left
        self._left -= size
        return bytes(self._data[at : at + size])

    def close(self) -> None:
        """Release the content. Idempotent."""
        super().close()
        self._data = memoryview(b"")


class FileStream(_Stream):
    """A stream over an object in a file. From offset 0 it verifies the object's id.

    Args:
        oid: The object's id.
        path: The file, for error messages.
        object_type: What the object is.
        size: Bytes of the whole object.
        source: Its data, from the start of the object.
        offset: Bytes to leave out at the start.

    Raises:
        CorruptObjectError: If the data ends before ``offset``.
    """

    def __init__(
        self,
        oid: Oid,
        path: str,
        object_type: ObjectType,
        size: int,
        source: Source,
        offset: int,
    ) -> None:
        super().__init__(object_type, size, offset)
        self._oid = oid
        self._path = path
        self._source: Source | None = source
        self._hasher = None if offset else object_hasher(object_type, size)
        if self._left:
            try:
                source.skip(offset)
            except DamagedDataError as error:
                raise CorruptObjectError(describe_damage(oid, path, error)) from error

    def _next(self, size: int) -> bytes:
        source = self._source
        if source is None:
            return b""
        try:
            data = read_exactly(source, size)
            if self._hasher is not None:
                self._hasher.update(data)
            self._left -= size
            if not self._left:
                self._finish(source)
        except DamagedDataError as error:
            raise CorruptObjectError(describe_damage(self._oid, self._path, error)) from error
        return data

    def _finish(self, source: Source) -> None:
        self._source = None
        if self._hasher is not None:
            source.expect_end()
            if self._hasher.digest() != self._oid:
                raise DamagedDataError("its content does not match its id")

    def close(self) -> None:
        """Release the file. Idempotent."""
        super().close()
        self._source = None
