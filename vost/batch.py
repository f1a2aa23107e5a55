"""Many writes and removals, one commit."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from vost._arguments import data_content, link_content, local_content, text_content
from vost._engine.contents import BytesContent
from vost._model.errors import BatchClosedError
from vost._model.paths import normalize_path, normalize_writable_path
from vost._offload import run, run_exclusive, run_to_end
from vost.files import BatchWriter

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from types import TracebackType

    from typing_extensions import Buffer, Self

    from vost._engine.contents import Content
    from vost._engine.draft import Draft, Published
    from vost._model.types import FileType
    from vost.fs import FS

__all__ = ("Batch",)

# What is staged from memory is stored a little later, many files to a hop.
_PENDING_ITEMS = 256
_PENDING_BYTES = 1 << 20


class Batch:
    """Writes and removals that become one commit, or none.

    Used in ``async with``: leaving the block commits, an exception abandons everything. Where two
    operations touch the same path, the later one wins. Reading goes on to show the snapshot that
    the batch was made from.

    Args:
        fs: The snapshot to write from.
        message: Commit message or template; ``None``: made from the changes.
        operation: Word for the automatic message.
        parents: Snapshots to record as further parents of the commit.

    Raises:
        PermissionError: If the snapshot is read-only.
        ValueError: If the message is invalid, or a parent is of another store.
    """

    def __init__(
        self,
        fs: FS,
        message: str | None = None,
        operation: str | None = None,
        parents: Sequence[FS] | None = None,
    ) -> None:
        self._ref = fs._require_writable("batch on")
        self._options = fs._options(message, operation, parents)
        self._base = fs
        self._result: FS | None = None
        self._closed = False
        self._draft: Draft | None = None
        self._pending: list[tuple[str, Content]] = []
        self._pending_bytes = 0
        self._pending_lock = threading.Lock()
        self._storing = threading.Lock()

    def __repr__(self) -> str:
        """Show the snapshot that the batch is made from, and whether it is closed."""
        state = "closed" if self._closed else "open"
        return f"Batch({self._base!r}, {state})"

    async def __aenter__(self) -> Self:
        """Begin; nothing happens yet."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit, unless the block raised or has committed already."""
        if self._closed:
            return
        if exc_type is not None:
            await self._abandon()
            return
        await self.commit()

    @property
    def fs(self) -> FS | None:
        """The new snapshot; ``None`` until the batch is committed."""
        return self._result

    @property
    def closed(self) -> bool:
        """Whether the batch was committed or abandoned."""
        return self._closed

    async def write(
        self, path: str | os.PathLike[str], data: Buffer, *, mode: FileType | int | None = None
    ) -> None:
        """Stage a file.

        Args:
            path: Where to.
            data: The content: bytes-like, or a ``BlobOid`` of the repository.
            mode: File mode; ``None``: a plain file.

        Raises:
            RuntimeError: If the batch is closed.
            TypeError: If ``data`` is not bytes-like.
            ValueError: If the path or mode is invalid.
        """
        self._require_open()
        name = normalize_writable_path(path)
        await self._stage(name, data_content(data, mode))

    async def write_text(
        self,
        path: str | os.PathLike[str],
        text: str,
        *,
        encoding: str = "utf-8",
        mode: FileType | int | None = None,
    ) -> None:
        """Stage a file with text.

        Args:
            path: Where to.
            text: The content.
            encoding: How to encode it.
            mode: File mode; ``None``: a plain file.

        Raises:
            RuntimeError: If the batch is closed.
            TypeError: If ``text`` is not ``str``.
            ValueError: If the path or mode is invalid.
        """
        self._require_open()
        name = normalize_writable_path(path)
        await self._stage(name, text_content(text, encoding, mode))

    async def write_from_file(
        self,
        path: str | os.PathLike[str],
        local_path: str | os.PathLike[str],
        *,
        mode: FileType | int | None = None,
    ) -> None:
        """Stage the content of a file on disk, of any size; it is read now.

        Args:
            path: Where to.
            local_path: The file on disk; symbolic links are followed.
            mode: File mode; ``None``: executable if anybody may execute the local file.

        Raises:
            RuntimeError: If the batch is closed.
            FileNotFoundError: If ``local_path`` does not exist.
            IsADirectoryError: If it is a directory.
            OSError: If it cannot be read, is no regular file, or changes meanwhile.
            ValueError: If the path or mode is invalid.
        """
        self._require_open()
        name = normalize_writable_path(path)
        await self._stage(name, local_content(local_path, mode))

    async def write_symlink(
        self, path: str | os.PathLike[str], target: str | os.PathLike[str]
    ) -> None:
        """Stage a symbolic link.

        Args:
            path: Where to.
            target: What the link holds; nothing needs to exist there.

        Raises:
            RuntimeError: If the batch is closed.
            ValueError: If the path or target is invalid.
        """
        self._require_open()
        name = normalize_writable_path(path)
        await self._stage(name, link_content(target))

    async def remove(self, path: str | os.PathLike[str]) -> None:
        """Stage the removal of one file.

        Args:
            path: The file.

        Raises:
            RuntimeError: If the batch is closed.
            FileNotFoundError: If it is neither in the snapshot nor staged.
            IsADirectoryError: If it is a directory.
            ValueError: If the path is invalid.
        """
        self._require_open()
        name = normalize_path(path)
        await self._store_pending()
        draft = await self._open_draft()
        await run(draft.remove_file, name)

    def writer(self, path: str | os.PathLike[str], mode: str = "wb") -> BatchWriter:
        """Open a file for writing; leaving its ``async with`` block stages it.

        Args:
            path: Where to.
            mode: ``"wb"`` takes bytes, ``"w"`` text in UTF-8.

        Raises:
            RuntimeError: If the batch is closed.
            ValueError: If the mode or path is invalid.
        """
        self._require_open()
        return BatchWriter(self, path, mode)

    async def commit(self) -> FS:
        """Commit what is staged, close the batch and return the new snapshot.

        Returns:
            The new snapshot; the original one if nothing is staged or nothing would change.

        Raises:
            RuntimeError: If the batch is closed.
            StaleSnapshotError: If the branch has advanced; the batch stays open.
            KeyError: If the branch is gone; the batch stays open.
        """
        self._require_open()
        await self._store_pending()
        draft = self._draft
        if self._options.tag is not None:
            draft = await self._open_draft()  # there is a tag to make, if nothing else
        elif draft is not None and draft.is_empty:
            draft = None
        if draft is None:
            self._result = self._base
        else:

            def attempt() -> Published | None:
                return draft.publish(self._options)

            self._result = self._base._outcome(await run_exclusive(attempt))
        self._closed = True
        return self._result

    def _require_open(self) -> None:
        if self._closed:
            raise BatchClosedError("Batch is closed")

    async def _stage(self, path: str, content: Content) -> None:
        if isinstance(content, BytesContent):
            with self._pending_lock:
                self._pending.append((path, content))
                self._pending_bytes += len(content.data)
                full = len(self._pending) >= _PENDING_ITEMS or self._pending_bytes >= _PENDING_BYTES
            if full:
                await self._store_pending()
            return
        await self._store_pending()
        draft = await self._open_draft()
        await run(draft.put_many, [(path, content)])

    async def _store_pending(self) -> None:
        with self._pending_lock:
            if not self._pending and not self._storing.locked():
                return
        draft = await self._open_draft()
        try:
            await run(self._put_pending, draft)
        except BaseException:
            # Some of the writes were acknowledged already: without them the batch is void.
            await self._abandon()
            raise

    def _put_pending(self, draft: Draft) -> None:
        # Held until all is stored: another thread's remove() must find what was written before.
        with self._storing:
            with self._pending_lock:
                items, self._pending = self._pending, []
                self._pending_bytes = 0
            if items:
                draft.put_many(items)

    async def _open_draft(self) -> Draft:
        if self._draft is None:
            draft = await self._base._draft(self._ref)
            with self._pending_lock:  # of two threads that come here at once, one counts
                if self._draft is None:
                    self._draft = draft
        return self._draft

    async def _abandon(self) -> None:
        self._closed = True
        self._pending.clear()
        if self._draft is not None:
            await run_to_end(self._draft.discard)
