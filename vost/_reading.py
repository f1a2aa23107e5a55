"""Reading operations of a snapshot."""

from __future__ import annotations

import os
from contextlib import aclosing
from typing import TYPE_CHECKING

from vost._arguments import check_range
from vost._engine import lookup
from vost._engine.globbing import iter_paths
from vost._model.paths import normalize_given, normalize_path, normalize_root
from vost._offload import check, is_inline, run, stream
from vost._snapshot import Snapshot, require_same_store
from vost.files import Reader, TextReader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator

    from vost._model.changes import ChangeReport
    from vost._model.types import FileType, Listing, StatResult, WalkEntry
    from vost.fs import FS


class ReadOperations(Snapshot):
    """What can be asked of a snapshot. Nothing here changes anything."""

    async def read(
        self, path: str | os.PathLike[str], *, offset: int = 0, size: int | None = None
    ) -> bytes:
        """Return the content of a file, or a part of it. A link reads as its target.

        Args:
            path: The file.
            offset: Bytes to skip from the start.
            size: Bytes to read at most; ``None``: to the end. Past the end there is less, or
                nothing.

        Raises:
            FileNotFoundError: If nothing is at ``path``.
            IsADirectoryError: If it is a directory.
            NotADirectoryError: If a parent of ``path`` is a file.
            ValueError: If the path is invalid, or ``offset`` or ``size`` is negative.

        Example:
            >>> header = await fs.read("data.bin", offset=0, size=4)
        """
        if offset != 0 or size is not None:
            check_range(offset, size)
        name = normalize_path(path)
        root = (self._known_commit or await self._loaded()).tree
        if is_inline():  # as run() does it, without another coroutine: the most frequent call
            return lookup.read(self._repository, root, name, offset, size)
        return await run(lookup.read, self._repository, root, name, offset, size)

    async def read_text(self, path: str | os.PathLike[str], encoding: str = "utf-8") -> str:
        """Return the content of a file as text, line ends untouched.

        Args:
            path: The file.
            encoding: How the text is encoded.

        Raises:
            UnicodeDecodeError: If the content is not in that encoding.
            FileNotFoundError: If nothing is at ``path``.
            IsADirectoryError: If it is a directory.
            NotADirectoryError: If a parent of ``path`` is a file.
        """
        return (await self.read(path)).decode(encoding)

    async def read_many(self, paths: Iterable[str | os.PathLike[str]]) -> list[bytes]:
        """Return the contents of many files at once, in the order of ``paths``.

        One call for a hundred files costs little more than a call for one.

        Args:
            paths: The files.

        Raises:
            FileNotFoundError: If nothing is at one of them.
            IsADirectoryError: If one of them is a directory.
            NotADirectoryError: If a parent of one of them is a file.
        """
        names = [normalize_path(path) for path in paths]
        root = (await self._loaded()).tree
        return await run(lookup.read_many, self._repository, root, names)

    async def read_by_hash(
        self, hash: str | bytes, *, offset: int = 0, size: int | None = None
    ) -> bytes:
        """Return the content of a blob of the repository by its id, or a part of it.

        Args:
            hash: The id: 40 hexadecimal characters.
            offset: Bytes to skip from the start.
            size: Bytes to read at most; ``None``: to the end.

        Raises:
            KeyError: If there is no such object.
            ValueError: If it is no blob, the id is malformed, or a number is negative.
        """
        return await self._store.read_by_hash(hash, offset=offset, size=size)

    def open(
        self, path: str | os.PathLike[str], mode: str = "rb", *, encoding: str = "utf-8"
    ) -> Reader | TextReader:
        """Open a file for reading in bounded memory, whatever its size.

        Args:
            path: The file.
            mode: ``"rb"`` for bytes, seekable; ``"r"`` for text.
            encoding: How text is encoded; for ``"r"`` only.

        Returns:
            A reader, to be used in ``async with``; its first step finds the file.

        Raises:
            ValueError: If the mode is none of the two, or the path is invalid.
            FileNotFoundError: On the first step, if nothing is at ``path``.
            IsADirectoryError: On the first step, if it is a directory.

        Example:
            >>> async with fs.open("big.bin") as f:
            ...     header = await f.read(64)
        """
        if mode not in ("rb", "r"):
            raise ValueError(f"Unsupported mode {mode!r}: use 'rb' or 'r' (writer() writes)")
        reader = Reader(self._same(), normalize_path(path))
        return reader if mode == "rb" else TextReader(reader, encoding)

    async def readlink(self, path: str | os.PathLike[str]) -> str:
        """Return the target of a symbolic link.

        Args:
            path: The link.

        Raises:
            FileNotFoundError: If nothing is at ``path``.
            ValueError: If it is no symbolic link.
        """
        root = (await self._loaded()).tree
        return await run(lookup.readlink, self._repository, root, normalize_path(path))

    async def exists(self, path: str | os.PathLike[str]) -> bool:
        """Tell whether a file, link or directory is at ``path``; the root always is.

        Args:
            path: Where to look.

        Raises:
            ValueError: If the path is invalid.
        """
        return await self._look(lookup.exists, normalize_given(path))

    async def is_dir(self, path: str | os.PathLike[str]) -> bool:
        """Tell whether a directory is at ``path``; the root is one.

        Args:
            path: Where to look.

        Raises:
            ValueError: If the path is invalid.
        """
        return await self._look(lookup.is_dir, normalize_given(path))

    async def file_type(self, path: str | os.PathLike[str]) -> FileType:
        """Return whether ``path`` is a plain file, an executable one, a link or a directory.

        Args:
            path: Where to look.

        Raises:
            FileNotFoundError: If nothing is at ``path``.
        """
        return await self._look(lookup.file_type, normalize_given(path))

    async def object_hash(self, path: str | os.PathLike[str]) -> str:
        """Return the id of the blob or tree at ``path``: 40 hexadecimal characters.

        Args:
            path: Where to look.

        Raises:
            FileNotFoundError: If nothing is at ``path``.
        """
        return await self._look(lookup.object_hash, normalize_given(path))

    async def size(self, path: str | os.PathLike[str]) -> int:
        """Return the size of a file in bytes, without reading its content.

        Args:
            path: A file, a link (size of its target text) or a directory (size of its tree
                object).

        Raises:
            FileNotFoundError: If nothing is at ``path``.
        """
        return await self._look(lookup.size, normalize_path(path))

    async def stat(self, path: str | os.PathLike[str] | None = None) -> StatResult:
        """Return mode, type, size, id, link count and time of ``path`` in one look.

        Args:
            path: Where to look; ``None`` or ``""``: the root.

        Raises:
            FileNotFoundError: If nothing is at ``path``.
        """
        if self._mtime is None:
            self._mtime = float((await self._loaded()).time_seconds)
        return await self._look(lookup.stat, normalize_root(path), self._mtime)

    async def ls(
        self, path: str | os.PathLike[str] | None = None, *, recursive: bool = False
    ) -> list[str]:
        """Return the names in a directory, in Git's order.

        Args:
            path: The directory; ``None`` or ``""``: the root.
            recursive: Return the full paths of all files and links at any depth instead.

        Raises:
            FileNotFoundError: If nothing is at ``path``.
            NotADirectoryError: If it is a file.
        """
        directory = normalize_root(path)
        if not recursive:
            return await self._look(lookup.ls, directory)
        root = (await self._loaded()).tree
        return await run(lookup.ls_recursive, self._repository, root, directory)

    async def listdir(self, path: str | os.PathLike[str] | None = None) -> list[WalkEntry]:
        """Return name, id and mode of the entries of a directory, in Git's order.

        Args:
            path: The directory; ``None`` or ``""``: the root.

        Raises:
            FileNotFoundError: If nothing is at ``path``.
            NotADirectoryError: If it is a file.
        """
        return await self._look(lookup.listdir, normalize_root(path))

    async def entries(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        recursive: bool = False,
        glob: bool = False,
        details: bool = True,
    ) -> Listing:
        """Return everything in a directory with its size and id, submodules too, in one call.

        Args:
            path: A directory, whose entries are returned; or a file, which is returned itself.
                ``None`` or ``""``: the root.
            recursive: Return the files, links and submodules at any depth instead.
            glob: Take ``path`` for a pattern (see ``glob``) and return what matches, directories
                themselves; with ``recursive`` what is below them. No match is no error.
            details: Look up sizes and targets of links; they are ``None`` otherwise.

        Raises:
            FileNotFoundError: If nothing is at ``path``.
            GitError: If an object that is needed is missing or damaged.

        Example:
            >>> listing = await fs.entries("docs")
            >>> sum(entry.size or 0 for entry in listing.entries)
        """
        name = os.fspath(path) if glob and path is not None else normalize_root(path)
        root = (await self._loaded()).tree

        def work() -> Listing:
            from vost._engine.listing import list_entries  # late: few programs list for people

            return list_entries(
                self._repository,
                root,
                name,
                check,
                recursive=recursive,
                glob=glob,
                details=details,
            )

        return await run(work)

    async def diff(self, base: FS) -> ChangeReport:
        """Return what is different here from another snapshot: added, updated or deleted files.

        The cost is that of the directories that differ. Submodules that differ are told of in
        ``warnings``.

        Args:
            base: The snapshot to compare with, of this store.

        Raises:
            TypeError: If ``base`` is no snapshot.
            ValueError: If it is one of another store.

        Example:
            >>> report = await fs.diff(await fs.back(3))
            >>> [entry.path for entry in report.update]
        """
        require_same_store(self._store, base)
        old = (await base._loaded()).tree
        new = (await self._loaded()).tree

        def work() -> ChangeReport:
            from vost._engine.comparing import report_difference  # late: few programs compare

            return report_difference(self._repository, old, new, check)

        return await run(work)

    async def walk(
        self, path: str | os.PathLike[str] | None = None
    ) -> AsyncGenerator[tuple[str, list[str], list[WalkEntry]], None]:
        """Yield ``(directory, names of its directories, its files)`` from the top down.

        Args:
            path: Where to begin; ``None`` or ``""``: the root, which is yielded as ``""``.

        Raises:
            FileNotFoundError: On the first step, if nothing is at ``path``.
            NotADirectoryError: On the first step, if it is a file.

        Example:
            >>> async for directory, names, files in fs.walk("src"):
            ...     for entry in files:
            ...         print(directory, entry.name, entry.file_type)
        """
        top = normalize_root(path)
        root = (await self._loaded()).tree
        async with aclosing(stream(lambda: lookup.walk(self._repository, root, top))) as items:
            async for step in items:
                yield step

    async def glob(self, pattern: str | os.PathLike[str], *, submodules: bool = False) -> list[str]:
        """Return the paths that match a pattern, sorted, each once.

        ``*`` and ``?`` match within a name, ``**`` any number of directories. Names that begin
        with a dot are matched only by patterns that say so.

        Args:
            pattern: For example ``"src/**/*.py"``.
            submodules: Return submodules too: they can be moved and removed, and nothing else.
        """
        return sorted([path async for path in self.iglob(pattern, submodules=submodules)])

    async def iglob(
        self, pattern: str | os.PathLike[str], *, submodules: bool = False
    ) -> AsyncGenerator[str, None]:
        """Yield the paths that match a pattern (see ``glob``), each once, in Git's order.

        Args:
            pattern: For example ``"src/**/*.py"``.
            submodules: Yield submodules too.
        """
        root = (await self._loaded()).tree

        def paths() -> Iterator[str]:
            return iter_paths(self._repository, root, pattern, submodules=submodules)

        async with aclosing(stream(paths)) as items:
            async for path in items:
                yield path

    async def close(self) -> None:
        """Release cached file handles. Idempotent; the snapshot stays usable."""
        await run(self._repository.close)
