"""A commit in the making: contents go to the object storage, edits pile up, then it is published.

Order, so that a crash at any moment leaves a sound repository: blobs and trees, the commit object,
all of them durable; then, under the writers' lock, the ref moves by compare-and-set against the
snapshot's commit.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from vost._engine.branches import TAGS, point, pointing
from vost._engine.commits import Commit, parse_commit, serialize_commit
from vost._engine.contents import Place
from vost._engine.lookup import find, require_free
from vost._engine.staging import Staging, build_tree, report_changes
from vost._model.errors import (
    Busy,
    GitError,
    InvalidRefNameError,
    PathIsDirectoryError,
    PathNotFoundError,
    RefExistsError,
    RefNotFoundError,
    StaleSnapshotError,
)
from vost._model.messages import commit_message
from vost._model.objects import ObjectType, Oid, oid_to_hex
from vost._model.types import MODE_TREE
from vost._storage.protocols import RefMismatchError, RefUpdate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vost._engine.contents import Content
    from vost._engine.grafting import Grafting
    from vost._engine.repository import Repository
    from vost._engine.trees import Entry
    from vost._model.changes import ChangeReport
    from vost._storage.protocols import ObjectWriter


class Published(NamedTuple):
    """What came of a draft: the new commit and what it changed."""

    commit: Commit
    changes: ChangeReport


class NewTag(NamedTuple):
    """A lightweight tag that is made together with a commit, and whether it may exist before."""

    name: str
    replace: bool


class CommitOptions(NamedTuple):
    """How a commit is recorded.

    Attributes:
        message: Text or template; ``None`` or ``""``: made from the changes.
        operation: Word for the automatic message, such as ``cp``.
        parents: Ids of further parents, after the snapshot's commit.
        tag: A tag for it, or for the snapshot's commit if nothing changes.
    """

    message: str | None = None
    operation: str | None = None
    parents: tuple[Oid, ...] = ()
    tag: NewTag | None = None


class Draft:
    """Edits on top of ``base``, to become one commit on the branch ``ref``.

    Safe to share between threads: one call at a time is carried out.

    Args:
        repository: Where to.
        base: The commit of the snapshot that is written from.
        ref: The full name of its branch.
        check: Called between items; raises when the caller was cancelled.
    """

    def __init__(
        self, repository: Repository, base: Commit, ref: str, check: Callable[[], None]
    ) -> None:
        self._repository = repository
        self._base = base
        self._ref = ref
        self._check = check
        self._staging = Staging()
        self._root: Oid | None = None
        self._writer: ObjectWriter | None = None
        self._flushed: list[ObjectWriter] = []
        self._prepared: Published | None = None
        self._mutex = threading.Lock()
        # What is dropped without an ending must not leave temporary files behind.
        weakref.finalize(self, _discard_all, self._flushed)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is staged."""
        return not self._staging.edits

    @property
    def has_stored(self) -> bool:
        """Whether anything lies in the object storage that only this draft knows of."""
        return bool(self._flushed)

    def require_current(self) -> None:
        """Check early, before anything is stored, that the branch is at the snapshot's commit.

        Raises:
            StaleSnapshotError: If it is elsewhere.
            RefNotFoundError: If it is gone.
        """
        require_current(self._repository, self._ref, self._base)

    def require_free(self, path: str) -> None:
        """Check that a file at ``path`` would take the place of nothing but a file.

        Raises:
            PathNotDirectoryError: If a parent of the path is no directory in the snapshot.
            PathIsDirectoryError: If it is one.
        """
        require_free(self._repository, self._base.tree, path)

    def put_many(self, items: Sequence[tuple[str, Content]]) -> None:
        """Store contents and stage them at their paths, in order.

        Raises:
            OSError: If a local file cannot be read.
            ObjectNotFoundError, ValueError: If a blob id names no blob.
        """
        with self._mutex:
            self._prepared = None
            place = Place(self._repository.objects, self._open_writer(), self._check)
            for path, content in items:
                self._check()
                self._staging.put(path, content.store(place))

    def rearrange(self, change: Callable[[Grafting], ChangeReport]) -> ChangeReport:
        """Have whole subtrees put in and taken out, in place of any staged edits.

        Args:
            change: Changes the root tree that it is given and returns what is different then.

        Returns:
            What ``change`` returned.
        """
        from vost._engine.grafting import Grafting  # late: most commits move nothing

        with self._mutex:
            self._prepared = None
            grafting = Grafting(self._repository, self._base.tree, self._open_writer(), self._check)
            report = change(grafting)
            self._root = grafting.root
            return report

    def place(self) -> Place:
        """Return where contents are stored ahead of ``put_entries``. One thread at a time."""
        with self._mutex:
            return Place(self._repository.objects, self._open_writer(), self._check)

    def put_entries(self, entries: Iterable[tuple[str, Entry]]) -> None:
        """Stage what was stored already, at ``place``, at its paths, in order."""
        with self._mutex:
            self._prepared = None
            for path, entry in entries:
                self._staging.put(path, entry)

    def take_away(self, path: str) -> None:
        """Stage the removal of an entry of the snapshot: a file or a whole directory."""
        with self._mutex:
            self._staging.take_away(path)
            self._prepared = None

    def take_away_existing(self, paths: Sequence[str]) -> None:
        """Stage the removal of those of ``paths`` that the snapshot has."""
        for path in paths:
            if find(self._repository, self._base.tree, path) is not None:
                self.take_away(path)

    def remove_file(self, path: str) -> None:
        """Stage the removal of one file.

        Raises:
            PathNotFoundError: If it is neither in the snapshot nor staged.
            PathIsDirectoryError: If it is a directory.
        """
        with self._mutex:
            old = find(self._repository, self._base.tree, path)
            staged = self._staging.state(path)
            replaced = self._staging.is_directory(path)
            if old.mode == MODE_TREE if old is not None else replaced:
                raise PathIsDirectoryError(f"Is a directory: {path!r} (remove its files instead)")
            if replaced:
                return  # the file of the snapshot gave way to a directory already
            if old is None and staged is KeyError:
                raise PathNotFoundError(f"No such file in the snapshot or the batch: {path!r}")
            self._staging.take_away(path)
            self._prepared = None

    def publish(
        self,
        options: CommitOptions,
        report: ChangeReport | None = None,
        *,
        is_current: bool = False,
    ) -> Published | None:
        """Make the commit and move the branch to it; ``None`` if nothing would change.

        May be called again after it failed.

        Args:
            options: How the commit is recorded.
            report: What the edits change, where a plan knows; ``None``: found out here.
            is_current: Whether ``require_current`` was called just now.

        Raises:
            Busy: If the writers' lock is taken; call again a little later.
            StaleSnapshotError: If the branch is not at the snapshot's commit any more.
            RefNotFoundError: If the branch is gone.
            RefExistsError: If the tag exists and may not.
        """
        tag = options.tag
        with self._mutex:
            if self._prepared is None:
                if not is_current:
                    self.require_current()
                self._prepared = self._prepare(options, report)
            if self._prepared is None:
                if tag is not None:
                    point(self._repository, TAGS, tag.name, self._base, replace=tag.replace)
                self._discard()
                return None
            commit = self._prepared.commit
            message = commit.raw_message.decode("utf-8", "replace").rstrip("\n")
            update = RefUpdate(self._ref, self._base.oid, commit.oid, f"commit: {message}")
            self._move(update, lambda: _tagging(self._repository, tag, commit))
            return self._prepared

    def _move(self, update: RefUpdate, more: Callable[[], list[RefUpdate]]) -> None:
        # Out of reach of a discard until it is certain that the ref has not moved: an error or
        # an interruption right after that must not take the branch's own commit away.
        writers = self._flushed.copy()
        self._flushed.clear()
        moved = True
        try:
            move_ref(self._repository, update, more)
        except (Busy, StaleSnapshotError, RefNotFoundError, RefExistsError, InvalidRefNameError):
            moved = False
            raise
        except BaseException:
            moved = may_be_named(self._repository, update)
            raise
        finally:
            if moved:
                for writer in writers:
                    writer.release()
            else:
                self._flushed.extend(writers)

    def discard(self) -> None:
        """Drop everything that was stored for the draft. Idempotent."""
        with self._mutex:
            self._discard()

    def _discard(self) -> None:
        _discard_all(self._flushed)
        self._writer = None

    def _open_writer(self) -> ObjectWriter:
        if self._writer is None:
            self._writer = self._repository.objects.writer()
            self._flushed.append(self._writer)
        return self._writer

    def _prepare(self, options: CommitOptions, report: ChangeReport | None) -> Published | None:
        repository, base = self._repository, self._base
        if not self._staging.edits and self._root is None:
            return None
        writer = self._open_writer()
        tree = self._root
        if tree is None:
            tree = build_tree(repository, writer, base.tree, self._staging, self._check)
        if tree == base.tree:
            return None
        if report is None:
            report = report_changes(repository, base.tree, self._staging)
        message = commit_message(report, message=options.message, operation=options.operation)
        repository.require(*options.parents)
        parents = _distinct((base.oid, *options.parents))
        data = serialize_commit(tree, parents, repository.signature, repository.now(), message)
        oid = writer.add(ObjectType.COMMIT, data)
        self._check()
        writer.flush()
        self._writer = None
        return Published(parse_commit(oid, data), report)


def require_current(repository: Repository, ref: str, commit: Commit) -> None:
    """Check, without a lock, that a branch is still at ``commit``.

    Raises:
        StaleSnapshotError: If it is elsewhere.
        RefNotFoundError: If it is gone.
    """
    actual = repository.refs.get(ref)
    if actual != commit.oid:
        _raise_moved(ref, commit.oid, actual)


def move_ref(
    repository: Repository,
    update: RefUpdate,
    more: Callable[[], list[RefUpdate]] = list,
) -> None:
    """Move a branch under the writers' lock, or say why not.

    Args:
        repository: Where it is.
        update: From where to where.
        more: Called under the lock: what else is done in the same step, or not at all.

    Raises:
        Busy: If the lock is taken; nothing was done.
        StaleSnapshotError: If the branch is not where ``update`` expects it.
        RefNotFoundError: If the branch is gone.
    """
    with repository.refs.locked():
        try:
            repository.refs.compare_and_set(
                [update, *more()], identity=repository.ident, time=repository.now()
            )
        except RefMismatchError as error:
            mismatch = error
        else:
            return
    if mismatch.name != update.name:
        raise StaleSnapshotError(f"{mismatch.name} was moved meanwhile; try again")
    _raise_moved(update.name, update.old, mismatch.actual)


def _tagging(repository: Repository, tag: NewTag | None, commit: Commit) -> list[RefUpdate]:
    if tag is None:
        return []
    return [pointing(repository, TAGS + tag.name, commit, replace=tag.replace)]


def may_be_named(repository: Repository, update: RefUpdate) -> bool:
    """Tell whether a ref or its log may name the new commit of an update that was cut short."""
    try:
        if repository.refs.get(update.name) == update.new:
            return True
        entries = repository.refs.reflog(update.name) or ()
    except (OSError, GitError):
        return True
    return update.new is not None and oid_to_hex(update.new) in {e.new_sha for e in entries}


def _raise_moved(ref: str, expected: Oid | None, actual: Oid | None) -> NoReturn:
    name = ref.removeprefix("refs/heads/")
    if actual is None:
        raise RefNotFoundError(name, f"Branch not found: {name!r} (it was deleted meanwhile)")
    at = oid_to_hex(expected)[:7] if expected else "nothing"
    raise StaleSnapshotError(
        f"Branch {name!r} has advanced: the snapshot is at {at}, the branch at "
        f"{oid_to_hex(actual)[:7]}. Fetch the branch again and repeat the write."
    )


def _distinct(oids: tuple[Oid, ...]) -> list[Oid]:
    return list(dict.fromkeys(oids))


def _discard_all(writers: list[ObjectWriter]) -> None:
    for writer in writers:
        writer.discard()
    writers.clear()
