"""Writing operations of a snapshot. Each returns a new one; each is one commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vost._arguments import (
    apply_content,
    data_content,
    link_content,
    local_content,
    path_list,
    text_content,
)
from vost._engine.draft import NewTag
from vost._engine.removal import plan_removal
from vost._model.paths import normalize_path, normalize_writable_path
from vost._model.refnames import check_branch_name
from vost._offload import run
from vost._snapshot import Snapshot
from vost.batch import Batch
from vost.files import SnapshotWriter

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from typing_extensions import Buffer

    from vost._arguments import ApplyValue
    from vost._engine.contents import Content
    from vost._engine.draft import Draft
    from vost._model.changes import ChangeReport
    from vost._model.types import FileType
    from vost.fs import FS


class WriteOperations(Snapshot):
    """What makes a new commit on the snapshot's branch.

    All of them raise ``PermissionError`` on a read-only snapshot, ``StaleSnapshotError`` if the
    branch is not at this snapshot's commit any more, ``KeyError`` if the branch is gone, and
    return the snapshot itself, without a commit, if nothing would change.
    """

    async def write(
        self,
        path: str | os.PathLike[str],
        data: Buffer,
        *,
        message: str | None = None,
        mode: FileType | int | None = None,
        parents: Sequence[FS] | None = None,
    ) -> FS:
        """Write a file and return the snapshot that contains it.

        Args:
            path: Where to; missing directories appear, a file in the way of one gives way, and a
                directory at ``path`` is replaced.
            data: The content: bytes-like, or a ``BlobOid`` of the repository.
            message: Commit message, or a template with ``{default}``, ``{add_count}`` and so on;
                ``None``: made from the changes.
            mode: ``FileType.EXECUTABLE`` or another file mode; ``None``: a plain file.
            parents: Snapshots to record as further parents of the commit.

        Raises:
            TypeError: If ``data`` is not bytes-like.
            ValueError: If the path, mode or message is invalid, or a parent is of another store.
            PermissionError: If the snapshot is read-only.
            StaleSnapshotError: If the branch has advanced.
            KeyError: If the branch is gone, or the message names an unknown placeholder.

        Example:
            >>> fs = await fs.write("image.png", raw_bytes)
        """
        self._require_writable()
        name = normalize_writable_path(path)
        content = data_content(data, mode)
        return await self._write_one(name, content, self._options(message, None, parents))

    async def write_text(
        self,
        path: str | os.PathLike[str],
        text: str,
        *,
        encoding: str = "utf-8",
        message: str | None = None,
        mode: FileType | int | None = None,
        parents: Sequence[FS] | None = None,
    ) -> FS:
        """Write text to a file, line ends untouched, and return the new snapshot.

        Args:
            path: Where to, as for ``write``.
            text: The content.
            encoding: How to encode it.
            message: Commit message, as for ``write``.
            mode: File mode, as for ``write``.
            parents: Further parents, as for ``write``.

        Raises:
            TypeError: If ``text`` is not ``str``.
            UnicodeEncodeError: If the text cannot be encoded so.
            ValueError: If the path, mode or message is invalid, or a parent is of another store.
            PermissionError: If the snapshot is read-only.
            StaleSnapshotError: If the branch has advanced.

        Example:
            >>> fs = await fs.write_text("config.json", "{}", message="Reset")
        """
        self._require_writable()
        name = normalize_writable_path(path)
        content = text_content(text, encoding, mode)
        return await self._write_one(name, content, self._options(message, None, parents))

    async def write_from_file(
        self,
        path: str | os.PathLike[str],
        local_path: str | os.PathLike[str],
        *,
        message: str | None = None,
        mode: FileType | int | None = None,
        parents: Sequence[FS] | None = None,
    ) -> FS:
        """Write the content of a file on disk, of any size, and return the new snapshot.

        Args:
            path: Where to, as for ``write``.
            local_path: The file on disk; symbolic links are followed.
            message: Commit message, as for ``write``.
            mode: File mode; ``None``: executable if anybody may execute the local file.
            parents: Further parents, as for ``write``.

        Raises:
            FileNotFoundError: If ``local_path`` does not exist.
            IsADirectoryError: If it is a directory.
            OSError: If it cannot be read, is no regular file, or changes meanwhile.
            ValueError: If the path, mode or message is invalid, or a parent is of another store.
            PermissionError: If the snapshot is read-only.
            StaleSnapshotError: If the branch has advanced.

        Example:
            >>> fs = await fs.write_from_file("big.bin", "/data/big.bin")
        """
        self._require_writable()
        name = normalize_writable_path(path)
        content = local_content(local_path, mode)
        return await self._write_one(name, content, self._options(message, None, parents))

    async def write_symlink(
        self,
        path: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        message: str | None = None,
        parents: Sequence[FS] | None = None,
    ) -> FS:
        """Write a symbolic link and return the new snapshot.

        Args:
            path: Where to, as for ``write``.
            target: What the link holds; nothing needs to exist there.
            message: Commit message, as for ``write``.
            parents: Further parents, as for ``write``.

        Raises:
            TypeError: If ``target`` is no text.
            ValueError: If the path, target or message is invalid, or a parent is of another store.
            PermissionError: If the snapshot is read-only.
            StaleSnapshotError: If the branch has advanced.
        """
        self._require_writable()
        name = normalize_writable_path(path)
        content = link_content(target)
        return await self._write_one(name, content, self._options(message, None, parents))

    def tagging(self, name: str, *, replace: bool = False) -> FS:
        """Return this snapshot, for one write that makes a tag too: both in one step, or neither.

        If the write changes nothing, the tag is for this commit.

        Args:
            name: Short name of the tag.
            replace: Whether the tag may exist already.

        Returns:
            The same snapshot. A write from it raises ``KeyError`` if the tag exists and may not,
            ``ValueError`` if its name clashes with another tag (``a`` and ``a/b``).

        Raises:
            PermissionError: If the snapshot is read-only.
            ValueError: If no tag may have that name.

        Example:
            >>> fs = await fs.tagging("v1.1").write("version.txt", b"1.1")
        """
        self._require_writable()
        check_branch_name(name)
        return self._tagged(NewTag(name, replace))

    def writer(self, path: str | os.PathLike[str], mode: str = "wb") -> SnapshotWriter:
        r"""Open a file for writing; leaving the ``async with`` block commits it.

        Args:
            path: Where to, as for ``write``.
            mode: ``"wb"`` takes bytes, ``"w"`` text in UTF-8.

        Returns:
            A writer whose ``fs`` is the new snapshot once it is closed.

        Raises:
            PermissionError: If the snapshot is read-only.
            ValueError: If the mode or path is invalid.

        Example:
            >>> async with fs.writer("log.txt", "w") as f:
            ...     await f.write("line 1\n")
            >>> fs = f.fs
        """
        self._require_writable()
        return SnapshotWriter(self._same(), path, mode)

    async def apply(
        self,
        writes: Mapping[str, ApplyValue] | Mapping[os.PathLike[str], ApplyValue] | None = None,
        removes: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
        *,
        message: str | None = None,
        operation: str | None = None,
        parents: Sequence[FS] | None = None,
    ) -> FS:
        """Write and remove many paths in one commit.

        Args:
            writes: Path to content: bytes, text (UTF-8), the ``Path`` of a local file, or a
                ``WriteEntry`` for a mode or a symbolic link.
            removes: Files and directories to remove; what does not exist is no error.
            message: Commit message, as for ``write``.
            operation: Word for the automatic message: ``Batch <operation>: +1 -2``.
            parents: Further parents, as for ``write``.

        Raises:
            TypeError: If a value is of none of these kinds.
            ValueError: If a path is invalid, written twice or both written and removed, or if a
                file and a path below it are written.
            FileNotFoundError: If a local file does not exist.
            IsADirectoryError: If a local file is a directory.
            PermissionError: If the snapshot is read-only.
            StaleSnapshotError: If the branch has advanced.

        Example:
            >>> fs = await fs.apply({"a.txt": b"alpha"}, removes=["old.txt"])
        """
        self._require_writable()
        contents = _apply_writes({} if writes is None else writes)
        gone = [normalize_path(path) for path in path_list(() if removes is None else removes)]
        for path in gone:
            if path in contents:
                raise ValueError(f"Path is both written and removed: {path!r}")
        options = self._options(message, operation, parents)

        def stage(draft: Draft) -> None:
            draft.take_away_existing(gone)
            draft.put_many(list(contents.items()))

        return await self._commit_edits(stage, options)

    def batch(
        self,
        message: str | None = None,
        operation: str | None = None,
        parents: Sequence[FS] | None = None,
    ) -> Batch:
        """Collect many writes and removals into one commit.

        Args:
            message: Commit message, as for ``write``.
            operation: Word for the automatic message: ``Batch <operation>: +1 -2``.
            parents: Further parents, as for ``write``.

        Returns:
            A batch; leaving its ``async with`` block commits, an exception abandons it.

        Raises:
            PermissionError: If the snapshot is read-only.
            ValueError: If the message is invalid, or a parent is of another store.

        Example:
            >>> async with fs.batch(message="Import") as b:
            ...     await b.write("a.txt", b"alpha")
            >>> fs = b.fs
        """
        return Batch(self._same(), message, operation, parents)

    async def remove(
        self,
        sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        recursive: bool = False,
        dry_run: bool = False,
        message: str | None = None,
        parents: Sequence[FS] | None = None,
    ) -> FS:
        """Remove files or submodules, and with ``recursive`` directories, in one commit.

        Args:
            sources: One path or several, taken literally; all must exist.
            recursive: Allow directories.
            dry_run: Change nothing; ``changes`` of the result says what would be removed.
            message: Commit message, as for ``write``.
            parents: Further parents, as for ``write``.

        Raises:
            FileNotFoundError: If a path does not exist, or none is given; nothing is removed.
            IsADirectoryError: If one is a directory and ``recursive`` is false.
            NotADirectoryError: If one ends in a slash and is a file.
            PermissionError: If the snapshot is read-only.
            StaleSnapshotError: If the branch has advanced.

        Example:
            >>> fs = await fs.remove(["old-dir", "old.txt"], recursive=True)
        """
        paths = path_list(sources)
        if dry_run:
            commit = await self._loaded()
            plan = await run(
                lambda: plan_removal(self._repository, commit.tree, paths, recursive=recursive)
            )
            return self._with_commit(commit, plan.report if plan.paths else None)
        self._require_writable()
        options = self._options(message, "rm", parents)
        root = (await self._loaded()).tree

        def stage(draft: Draft) -> ChangeReport:
            plan = plan_removal(self._repository, root, paths, recursive=recursive)
            for path in plan.paths:
                draft.take_away(path)
            return plan.report

        return await self._commit_edits(stage, options)


def _apply_writes(
    writes: Mapping[str, ApplyValue] | Mapping[os.PathLike[str], ApplyValue],
) -> dict[str, Content]:
    if not isinstance(writes, Mapping):
        raise TypeError(f"writes must map paths to contents, not be a {type(writes).__name__}")
    contents: dict[str, Content] = {}
    for path, value in writes.items():
        name = normalize_writable_path(path)
        if name in contents:
            raise ValueError(f"Path is written twice: {name!r}")
        contents[name] = apply_content(value)
    for name in contents:
        parent = name.rpartition("/")[0]
        while parent:
            if parent in contents:
                raise ValueError(f"Cannot write both {parent!r} and {name!r} below it")
            parent = parent.rpartition("/")[0]
    return contents
