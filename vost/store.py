"""The store: a versioned filesystem in one bare Git repository."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from vost._arguments import check_range, hash_argument
from vost._engine import branches, lookup
from vost._engine.opening import (
    OpenOptions,
    configure_repository,
    memory_repository,
    open_repository,
)
from vost._mirroring import carry_out
from vost._model.objects import is_hex_oid, oid_from_hex
from vost._model.refnames import check_branch_name
from vost._model.types import Signature
from vost._offload import Reporter, check, run, run_exclusive, run_shared
from vost._serving import ServeOperations
from vost._snapshot import make_snapshot, require_same_store
from vost.notes import NoteDict
from vost.refs import RefDict

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from vost._engine.mirror import Operation
    from vost._engine.operations import Surroundings
    from vost._engine.repository import Repository
    from vost._model.mirror import MirrorDiff
    from vost._model.progress import Progress
    from vost._model.types import StoreStatistics
    from vost.fs import FS

__all__ = ("GitStore",)

_COMPRESSION_LEVELS = range(10)
# What Git can read: a value beyond makes every one of its commands fail.
_LARGEST_SIZE = 2**63 - 1
_PIECE = 256 * 1024


class GitStore(ServeOperations):
    """A versioned filesystem: branches and tags of snapshots, in a bare Git repository.

    Made by ``GitStore.open()`` or ``GitStore.memory()``. Safe to share between threads and tasks.

    Attributes:
        branches: The branches: name to writable snapshot.
        tags: The tags: name to read-only snapshot.
        notes: Notes on commits, by namespace.
    """

    def __init__(self, repository: Repository) -> None:
        super().__init__(repository)
        self.branches = RefDict(self, "branches")
        self.tags = RefDict(self, "tags")
        self.notes = NoteDict(self)

    def __repr__(self) -> str:
        """Show where the repository is."""
        location = self._repository.location
        if self._repository.git_dir is not None:
            location = location.rstrip("/") + "/"
        return f"GitStore({location!r})"

    @property
    def is_bare(self) -> bool:
        """Whether the repository is bare: no files are checked out beside it."""
        return self._repository.is_bare

    @property
    def git_dir(self) -> Path | None:
        """The Git directory; ``None``: the store is in memory."""
        return self._repository.git_dir

    @classmethod
    async def open(
        cls,
        path: str | os.PathLike[str],
        *,
        create: bool = True,
        branch: str | None = "main",
        author: str = "vost",
        email: str = "vost@localhost",
        durable: bool = False,
        compression: int | None = None,
        big_file_threshold: int | None = None,
        follow_alternates: bool = False,
    ) -> GitStore:
        """Open a repository, or make one.

        Args:
            path: A bare repository, or a directory with ``.git`` in it. Missing parent directories
                are made.
            create: Make a bare repository if nothing is at ``path``.
            branch: First branch of a repository that is made; ``None``: no branch. It does not
                matter for one that exists.
            author: Name of author and committer of what this handle writes.
            email: Email address of author and committer.
            durable: Sync every object, ref and directory to disk before a write returns. By
                default refs and packs are synced, and loose objects as ``core.fsync`` says.
            compression: Set ``core.compression``: 0 (none) to 9 (smallest); ``None``: leave it.
            big_file_threshold: Set ``core.bigFileThreshold``: bytes from which Git does not try
                to find deltas, 0 for never; ``None``: leave it.
            follow_alternates: Read objects of other repositories that this one borrows from
                (``git clone --shared``). Off by default, because a repository could name any
                place.

        Raises:
            FileNotFoundError: If nothing is at ``path`` and ``create`` is false.
            ValueError: If something else is there, the repository is of a kind that vost cannot
                use (SHA-256, reftable), or an argument is invalid.

        Example:
            >>> store = await GitStore.open("data.git")
            >>> fs = await store.branches["main"]
        """
        options = OpenOptions(
            create=create,
            branch=branch,
            signature=Signature(author, email),
            durable=durable,
            compression=compression,
            big_file_threshold=big_file_threshold,
            follow_alternates=follow_alternates,
        )
        return await cls._open(path, options)

    @classmethod
    async def _open(cls, path: str | os.PathLike[str], options: OpenOptions) -> GitStore:
        if options.branch is not None:
            check_branch_name(options.branch)
        settings = _settings(options.compression, options.big_file_threshold)
        repository = await run(open_repository, os.fsdecode(path), options)
        git_dir = repository.git_dir
        if settings and git_dir is not None:
            await run_exclusive(lambda: configure_repository(repository, str(git_dir), settings))
        return cls(repository)

    @classmethod
    async def memory(
        cls,
        *,
        branch: str | None = "main",
        author: str = "vost",
        email: str = "vost@localhost",
    ) -> GitStore:
        """Make a store that lives in memory and is gone with the last reference to it.

        Args:
            branch: First branch; ``None``: no branch.
            author: Name of author and committer.
            email: Email address of author and committer.

        Raises:
            ValueError: If an argument is invalid.
        """
        if branch is not None:
            check_branch_name(branch)
        options = OpenOptions(create=True, branch=branch, signature=Signature(author, email))
        return cls(await run(memory_repository, options))

    async def __aenter__(self) -> Self:
        """Use the store for the length of a block."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Release cached file handles, and end watches. Idempotent; the store stays usable."""
        await run(self._repository.end)

    async def fs(self, ref: str, *, back: int = 0) -> FS:
        """Return the snapshot that a name or id stands for.

        Args:
            ref: A branch (writable), else a tag (read-only), else a commit id, in full or an
                unambiguous beginning of at least 4 characters (detached, read-only).
            back: How many commits before it, along first parents.

        Raises:
            KeyError: If nothing fits, or the object is no commit.
            ValueError: If the beginning of an id is ambiguous, ``back`` is negative, or history
                is too short for it.
            TypeError: If ``ref`` is not ``str``.
        """
        if not isinstance(ref, str):
            raise TypeError(f"ref must be str, not {type(ref).__name__}")
        question = (id(self._repository), "fs", ref)
        commit, name, writable = await run_shared(question, branches.resolve, self._repository, ref)
        snapshot = make_snapshot(self, commit, name, writable=writable)
        return await snapshot.back(back)

    async def read_by_hash(
        self, hash: str | bytes, *, offset: int = 0, size: int | None = None
    ) -> bytes:
        """Return the content of a blob by its id, or a part of it.

        Args:
            hash: The id: 40 hexadecimal characters.
            offset: Bytes to skip from the start.
            size: Bytes to read at most; ``None``: to the end.

        Raises:
            KeyError: If there is no such object.
            ValueError: If it is no blob, the id is malformed, or a number is negative.
        """
        check_range(offset, size)
        oid = hash_argument(hash)
        return await run(lookup.read_by_hash, self._repository, oid, offset, size)

    async def stream_by_hash(
        self, hash: str | bytes, *, offset: int = 0, size: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Yield the content of a blob, or a part of it, by its id, in bounded memory.

        Args:
            hash: The id: 40 hexadecimal characters.
            offset: Bytes to skip from the start.
            size: Bytes to read at most; ``None``: to the end.

        Returns:
            Pieces of 256 KiB at most, read when they are asked for; nothing past the end.

        Raises:
            KeyError: On the first step, if there is no such object.
            ValueError: On the first step, if it is no blob, the id is malformed, or a number is
                negative.

        Example:
            >>> async for piece in store.stream_by_hash(await fs.object_hash("big.bin")):
            ...     print(len(piece))
        """
        check_range(offset, size)
        oid = hash_argument(hash)
        source = await run(lookup.stream_by_hash, self._repository, oid, offset)
        try:
            left = sys.maxsize if size is None else size
            while left and (data := await run(source.read, min(left, _PIECE))):
                left -= len(data)
                yield data
        finally:
            source.close()

    async def size_by_hash(self, hash: str | bytes) -> int:
        """Return the size of a blob in bytes, by its id, without reading it.

        Args:
            hash: The id: 40 hexadecimal characters.

        Raises:
            KeyError: If there is no such object.
            ValueError: If it is no blob, or the id is malformed.
        """
        return await run(lookup.size_by_hash, self._repository, hash_argument(hash))

    async def has_hash(self, hash: str | bytes) -> bool:
        """Tell whether a blob of that id exists; malformed ids name none.

        Args:
            hash: The id: 40 hexadecimal characters.
        """
        text = hash.decode("ascii", "replace") if isinstance(hash, bytes) else hash
        if not is_hex_oid(text):
            return False
        return await run(lookup.has_blob, self._repository, oid_from_hex(text))

    async def is_reachable(self, hash: str | bytes, snapshots: Iterable[FS]) -> bool:
        """Tell whether an object is part of snapshots or of their history, all parents included.

        History is searched from its newest end. How far it was is remembered, so that further
        questions about the same snapshots, or newer ones of their branches, go on from there: some
        22 bytes an object, for up to a million of them; beyond that a question takes longer.

        Args:
            hash: The id of a commit, tree or blob: 40 hexadecimal characters.
            snapshots: The snapshots, of this store.

        Returns:
            ``False`` also if there is no such object, or it is an annotated tag.

        Raises:
            ValueError: If the id is malformed, or a snapshot is one of another store.
            TypeError: If a snapshot is none.
            GitError: If the object was not found, and an object that is missing or damaged kept
                the search from being complete. What a shallow clone left out is not missing.

        Example:
            >>> await store.is_reachable(hash, await store.branches.values())
        """
        oid = hash_argument(hash)
        tips = set()
        for snapshot in snapshots:
            require_same_store(self, snapshot)
            tips.add(snapshot._oid)

        def work() -> bool:
            from vost._engine.reaching import is_reachable  # late: few programs ask

            return is_reachable(self._repository, oid, frozenset(tips), check)

        return await run(work)

    async def backup(
        self,
        url: str | os.PathLike[str],
        *,
        dry_run: bool = False,
        progress: Callable[[bytes], None] | None = None,
        refs: Iterable[str] | Mapping[str, str] | None = None,
        format: str | None = None,
        squash: bool = False,
        allow_empty: bool = False,
    ) -> MirrorDiff:
        r"""Make the refs of another repository equal to those of this store.

        What exists only there is deleted, and what differs is overwritten, in one step. Branches,
        tags and notes are copied, ``HEAD`` is not; a repository that is made follows this store's.

        HTTP takes proxies and certificates from the environment, as git and curl do:
        ``https_proxy``, ``http_proxy``, ``all_proxy``, ``no_proxy``, ``SSL_CERT_FILE`` and
        ``GIT_SSL_CAINFO``. Another side that is silent for a minute counts as gone.

        Args:
            url: ``http://``, ``https://``, ``ssh://``, ``git://`` or ``file://``, a local path, or
                the path of a bundle (``.bundle``). A local repository that is missing is made.
            dry_run: Only compare: nothing is changed or made anywhere.
            progress: Called with lines of the transport as ``bytes``, such as
                ``b"counting objects: 7, done.\n"``; a line that ends in ``\r`` is one that the
                next replaces, and some of these are left out.
            refs: Names of refs, short or full, or a dict of names to the names that they get
                there; then nothing is deleted. ``None``: all refs.
            format: ``"bundle"``: write a bundle, whatever the file is called. ``None``: as the
                name says.
            squash: For bundles: each ref becomes one commit without history.
            allow_empty: Mirror a store without refs, which deletes every ref there.

        Returns:
            What was changed there, or would be. For a bundle: each ref of it, as added.

        Raises:
            KeyError: If a ref in ``refs`` does not exist.
            ValueError: If the URL is of another form, something else is at the place, the store
                has no refs, or an argument is invalid.
            FileNotFoundError: If there is no repository at the URL.
            PermissionError: If credentials are missing or refused.
            ConnectionError: If there is no connection, or it breaks.
            GitError: If talking to the repository fails, or it refuses a change.
            StaleSnapshotError: If a ref of a local repository moved meanwhile; nothing was
                changed.

        Example:
            >>> diff = await store.backup("https://git.example/data.git")
        """

        def make(around: Surroundings) -> Operation:
            from vost._engine.operations import backup_operation  # late: see there

            return backup_operation(
                around,
                url,
                refs=refs,
                dry_run=dry_run,
                format=format,
                squash=squash,
                allow_empty=allow_empty,
            )

        return await carry_out(self._repository, progress, make, dry_run=dry_run)

    async def restore(
        self,
        url: str | os.PathLike[str],
        *,
        dry_run: bool = False,
        progress: Callable[[bytes], None] | None = None,
        refs: Iterable[str] | Mapping[str, str] | None = None,
        format: str | None = None,
        delete: bool = True,
        allow_empty: bool = False,
    ) -> MirrorDiff:
        """Make the refs of this store equal to those of another repository.

        All refs change in one transaction, when every object is here and verified; each has a line
        ``restore: <url>`` in its reflog, and the log of ``HEAD`` tells of those that are deleted.
        The current branch stays, but a store without any ref takes over that of the source.

        Args:
            url: As for ``backup``.
            dry_run: Only compare: nothing is changed.
            progress: As for ``backup``.
            refs: Names of refs of the source, short or full, or a dict of names to the names that
                they get here; then nothing is deleted. ``None``: all refs.
            format: ``"bundle"``: read a bundle, whatever the file is called. ``None``: as the name
                says. From a bundle nothing is ever deleted.
            delete: Delete refs that exist only here.
            allow_empty: Mirror a source without refs, which deletes every ref here.

        Returns:
            What was changed here, or would be.

        Raises:
            KeyError: If a ref in ``refs`` does not exist there.
            ValueError: If the URL is of another form, something else is at the place, the source
                has no refs, or an argument is invalid.
            FileNotFoundError: If nothing is at the URL.
            PermissionError: If credentials are missing or refused.
            ConnectionError: If there is no connection, or it breaks.
            GitError: If talking to the repository fails, or objects are damaged or missing.
            StaleSnapshotError: If a ref moved meanwhile; nothing was changed.

        Example:
            >>> diff = await store.restore("backup.git", dry_run=True)
        """

        def make(around: Surroundings) -> Operation:
            from vost._engine.operations import restore_operation  # late: see there

            return restore_operation(
                around,
                url,
                refs=refs,
                dry_run=dry_run,
                format=format,
                delete=delete,
                allow_empty=allow_empty,
            )

        return await carry_out(self._repository, progress, make, dry_run=dry_run)

    async def bundle_export(
        self,
        path: str | os.PathLike[str],
        *,
        refs: Iterable[str] | Mapping[str, str] | None = None,
        squash: bool = False,
        progress: Callable[[bytes], None] | None = None,
    ) -> None:
        """Write a Git bundle: refs with their complete history, in one file.

        Args:
            path: The file, replaced at once if it exists.
            refs: Names of refs, short or full, or a dict of names to the names that they get.
                ``None``: all branches, tags and notes.
            squash: Each ref becomes one commit without history.
            progress: As for ``backup``.

        Raises:
            KeyError: If a ref does not exist.
            ValueError: If there is no ref to export, or two would get one name.
            OSError: If the file cannot be written.

        Example:
            >>> await store.bundle_export("data.bundle", refs={"main": "snapshot"})
        """

        def make(around: Surroundings) -> Operation:
            from vost._engine.operations import export_operation  # late: see there

            return export_operation(around, path, refs=refs, squash=squash)

        await carry_out(self._repository, progress, make)

    async def bundle_import(
        self,
        path: str | os.PathLike[str],
        *,
        refs: Iterable[str] | Mapping[str, str] | None = None,
        progress: Callable[[bytes], None] | None = None,
    ) -> None:
        """Take over the refs of a Git bundle; refs that are only in the store stay.

        Args:
            path: The file.
            refs: Names of refs in it, short or full, or a dict of names to the names that they get
                here. ``None``: all refs.
            progress: As for ``backup``.

        Raises:
            FileNotFoundError: If there is no such file.
            KeyError: If a ref is not in the bundle.
            ValueError: If it is no bundle, a damaged one, or builds on commits that are not here.
            StaleSnapshotError: If a ref moved meanwhile; nothing was changed.

        Example:
            >>> await store.bundle_import("data.bundle")
        """

        def make(around: Surroundings) -> Operation:
            from vost._engine.operations import import_operation  # late: see there

            return import_operation(around, path, refs=refs)

        await carry_out(self._repository, progress, make)

    async def pack(self, *, progress: Callable[[Progress], None] | None = None) -> int:
        """Put all loose objects into one pack, and return how many these were.

        Safe beside readers and writers.

        Args:
            progress: Called a few times a second with how far the work is.

        Raises:
            OSError: If the pack cannot be written; nothing is lost then.
        """
        report = Reporter(progress)

        def work() -> int:
            from vost._engine.maintenance import pack_loose_objects  # late: few programs do it

            return pack_loose_objects(self._repository, report, check)

        return await run(work)

    async def gc(self, *, progress: Callable[[Progress], None] | None = None) -> int:
        """Tidy up: remove what killed processes left, pack loose objects, merge small packs.

        Objects that nothing refers to are kept. Safe beside readers and writers.

        Args:
            progress: Called a few times a second with how far the work is.

        Returns:
            How many loose objects were packed.

        Raises:
            OSError: If a pack cannot be written; nothing is lost then.
        """
        report = Reporter(progress)

        def work() -> int:
            from vost._engine.maintenance import collect_garbage  # late: few programs do it

            return collect_garbage(self._repository, report, check)

        return await run(work)

    async def statistics(self) -> StoreStatistics:
        """Return how many objects and packs there are, and the bytes that the store takes."""

        def work() -> StoreStatistics:
            from vost._engine.maintenance import statistics  # late: few programs ask

            return statistics(self._repository, check)

        return await run(work)


def _settings(compression: int | None, big_file_threshold: int | None) -> dict[str, str]:
    settings: dict[str, str] = {}
    if compression is not None:
        if type(compression) is not int or compression not in _COMPRESSION_LEVELS:
            raise ValueError(f"compression must be 0 to 9 or None, got {compression!r}")
        settings["core.compression"] = str(compression)
    if big_file_threshold is not None:
        if type(big_file_threshold) is not int or not 0 <= big_file_threshold <= _LARGEST_SIZE:
            raise ValueError(
                "big_file_threshold must be 0 to 2**63 - 1 bytes or None, "
                f"got {big_file_threshold!r}"
            )
        settings["core.bigFileThreshold"] = str(big_file_threshold)
    return settings
