"""Writing large objects: hashed and compressed in pieces, side by side, in bounded memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from vost._model.objects import object_hasher

if TYPE_CHECKING:
    import queue
    from collections.abc import Callable, Iterable, Iterator
    from hashlib import _Hash

    from vost._model.objects import ObjectType, Oid

    from .deflate import Deflater

_PIECE_SIZE = 1 << 18
_MAX_PIECE = 1 << 20
_PARALLEL_FROM = 4 << 20
_QUEUED_PIECES = 4


class _Hasher(Protocol):
    def update(self, piece: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _ThreadedHasher:
    """Hashes on a thread of its own: SHA-1 releases the GIL, and so does compressing."""

    def __init__(self, hasher: _Hash) -> None:
        import queue  # late: few processes write large objects

        self._hasher = hasher
        self._queue: queue.Queue[bytes | None] = queue.Queue(_QUEUED_PIECES)
        self._thread = threading.Thread(target=self._run, name="vost-sha1", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (piece := self._queue.get()) is not None:
            self._hasher.update(piece)

    def update(self, piece: bytes, /) -> None:
        self._queue.put(piece)

    def digest(self) -> bytes:
        self.stop()
        return self._hasher.digest()

    def stop(self) -> None:
        """End the thread. Idempotent."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()


def encode_object(
    object_type: ObjectType,
    size: int,
    chunks: Iterable[bytes],
    *,
    deflater: Deflater,
    prefix: bytes,
    sink: Callable[[bytes], None],
) -> Oid:
    """Hash an object and write its zlib stream.

    Args:
        object_type: What it is.
        size: Bytes of its content.
        chunks: The content.
        deflater: The compression policy.
        prefix: What goes into the zlib stream before the content (loose objects: the header).
        sink: Takes the pieces of the zlib stream.

    Returns:
        The id of the object.

    Raises:
        ValueError: If the chunks do not add up to ``size`` bytes.
    """
    hasher: _Hasher = object_hasher(object_type, size)
    threaded = None
    if size >= _PARALLEL_FROM:
        hasher = threaded = _ThreadedHasher(object_hasher(object_type, size))
    try:
        pieces = _pieces(chunks, size)
        piece = next(pieces, b"")
        encoder = deflater.encoder(piece, len(prefix) + size)
        if prefix:
            sink(encoder.feed(prefix))
        while piece:
            hasher.update(piece)
            sink(encoder.feed(piece))
            piece = next(pieces, b"")
        sink(encoder.finish())
        return hasher.digest()
    finally:
        if threaded is not None:
            threaded.stop()


def _pieces(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the chunks in pieces of a size that is worth a hand-over between threads."""
    total = 0
    gathered: list[bytes] = []
    waiting = 0
    for chunk in chunks:
        # A copy, if the caller can change the chunk: the hash is taken later.
        piece = bytes(chunk)
        total += len(piece)
        if total > size:
            break
        gathered.append(piece)
        waiting += len(piece)
        if waiting >= _PIECE_SIZE:
            yield from _split(b"".join(gathered) if len(gathered) > 1 else piece)
            gathered, waiting = [], 0
    if total != size:
        raise ValueError(f"the chunks do not add up to {size} bytes: {total} or more were given")
    if waiting:
        yield b"".join(gathered)


def _split(piece: bytes) -> Iterator[bytes]:
    if len(piece) <= _MAX_PIECE:
        yield piece
        return
    for start in range(0, len(piece), _MAX_PIECE):
        yield piece[start : start + _MAX_PIECE]
