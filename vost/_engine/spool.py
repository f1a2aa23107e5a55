"""Where a stream of unknown length lies until it is complete: Git hashes the length first."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from vost._engine.contents import BytesContent, SpooledContent

if TYPE_CHECKING:
    from pathlib import Path

    from vost._engine.contents import Content

MEMORY_LIMIT = 1 << 20
"""Bytes that are kept in memory before they go to a temporary file."""


class Spool:
    """Collects bytes: in memory while they are few, then in an unnamed temporary file.

    Args:
        directory: Where the file may lie; ``None``: the system's temporary directory.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._pieces: list[bytes] = []
        self._buffered = 0
        self._written = 0
        self._file: IO[bytes] | None = None

    def append(self, data: bytes) -> bool:
        """Take bytes in; return whether ``write_out`` is due."""
        self._pieces.append(data)
        self._buffered += len(data)
        return self._buffered >= MEMORY_LIMIT

    def write_out(self) -> None:
        """Move what is in memory to the temporary file. Blocks."""
        if self._file is None:
            import tempfile  # late: few processes write so much

            # The file has no name: a killed process leaves nothing behind.
            self._file = tempfile.TemporaryFile(dir=self._directory, buffering=0)  # noqa: SIM115
        pieces, self._pieces = self._pieces, []
        data = memoryview(b"".join(pieces))
        self._file.seek(self._written)  # a reader of it may have stopped anywhere
        self._written += len(data)
        self._buffered = 0
        while data:
            data = data[self._file.write(data) :]

    def content(self, mode: int) -> Content:
        """Return everything as the content of a write. Blocks if a file is in use."""
        if self._file is None:
            return BytesContent(b"".join(self._pieces), mode)
        self.write_out()
        return SpooledContent(self._file, self._written, mode)

    def close(self) -> None:
        """Forget everything. Idempotent."""
        self._pieces.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
