"""Git notes: text for a commit, kept in a tree of its own, whatever its fan-out.

The tree names each note after the 40 hexadecimal characters of its commit, Git splits that name
into directories of two characters when there are many. All depths are read; changes are written
flat, and drop every other copy of the same note. Source: https://git-scm.com/docs/git-notes and
``notes.c`` of Git.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from vost._engine.branches import (
    BRANCHES,
    TAGS,
    branch_commit,
    current_name,
    move_locked,
    tag_commit,
)
from vost._engine.branches import exists as ref_exists
from vost._engine.commits import serialize_commit
from vost._engine.draft import may_be_named
from vost._engine.lookup import DAMAGE, raise_damaged
from vost._engine.staging import Staging, build_tree
from vost._engine.trees import Entry
from vost._model.errors import (
    InvalidRefNameError,
    NoteNotFoundError,
)
from vost._model.objects import EMPTY_TREE_OID, ObjectType, Oid, is_hex_oid, oid_to_hex
from vost._model.types import MODE_BLOB, MODE_TREE
from vost._storage.protocols import RefUpdate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vost._engine.repository import Repository

NOTES = "refs/notes/"

_HEX_PART = re.compile(rb"[0-9a-f]+")


def resolve_key(repository: Repository, key: str) -> str:
    """Return the commit id that a key names: an id as it is, else a branch, else a tag.

    Raises:
        ValueError: If it is none of them.
    """
    if is_hex_oid(key):
        return key
    if ref_exists(repository, BRANCHES, key):
        return oid_to_hex(branch_commit(repository, key).oid)
    if ref_exists(repository, TAGS, key):
        return oid_to_hex(tag_commit(repository, key).oid)
    raise ValueError(f"Cannot resolve {key!r}: not a 40-char commit hash, branch or tag")


def current_key(repository: Repository) -> str:
    """Return the commit id at the tip of the current branch.

    Raises:
        RuntimeError: If there is no current branch.
    """
    name = current_name(repository)
    if name is None:
        raise RuntimeError("No current branch: HEAD names no branch that exists")
    return oid_to_hex(branch_commit(repository, name).oid)


def namespaces(repository: Repository) -> list[str]:
    """Return the names of all notes namespaces that exist, sorted."""
    return [name[len(NOTES) :] for name in repository.refs.list(NOTES)]


def read_note(repository: Repository, namespace: str, key: str) -> str:
    """Return the note of a commit id.

    Raises:
        NoteNotFoundError: If the commit has none in this namespace.
    """
    root = _root(repository, namespace)
    found = None if root is None else next(_paths_of(repository, root, key), None)
    if found is None:
        _raise_absent(namespace, key)
    try:
        return repository.objects.get(found[1])[1].decode("utf-8", "surrogateescape")
    except DAMAGE as error:
        raise_damaged(f"The note for {key} in {NOTES}{namespace}", error)


def has_note(repository: Repository, namespace: str, key: str) -> bool:
    """Tell whether a commit id has a note in this namespace."""
    root = _root(repository, namespace)
    return root is not None and next(_paths_of(repository, root, key), None) is not None


def keys(repository: Repository, namespace: str) -> list[str]:
    """Return all commit ids that have a note in this namespace, sorted, once each."""
    root = _root(repository, namespace)
    return [] if root is None else sorted(set(_all_keys(repository, root)))


def items(repository: Repository, namespace: str) -> list[tuple[str, str]]:
    """Return all commit ids that have a note, with the note, sorted."""
    return [(key, read_note(repository, namespace, key)) for key in keys(repository, namespace)]


class NotesEdit:
    """A change of some notes, made into one commit; call it until it does not raise ``Busy``.

    Args:
        repository: Where to.
        namespace: Which notes.
        changes: Commit (see ``resolve_key``) to text; ``None`` deletes the note, which must exist.
        batch: Whether the message speaks of a batch.
        check: Called between items; raises when the caller was cancelled.
    """

    def __init__(
        self,
        repository: Repository,
        namespace: str,
        changes: Mapping[str, str | None],
        *,
        batch: bool,
        check: Callable[[], None],
    ) -> None:
        self._repository = repository
        self._ref = NOTES + namespace
        self._namespace = namespace
        self._changes = changes
        self._batch = batch
        self._check = check

    def __call__(self) -> None:
        """Read, change and write the notes tree, all under the writers' lock.

        Raises:
            ValueError: If a key names no commit; nothing was changed.
            NoteNotFoundError: If a note to delete does not exist; nothing was changed.
            StaleSnapshotError: If a program that ignores the lock moved the ref meanwhile.
            Busy: If the lock is taken; nothing was done.
        """
        repository = self._repository
        with repository.refs.locked():
            self._changes = {
                resolve_key(repository, key): text for key, text in self._changes.items()
            }
            old = repository.refs.get(self._ref)
            root = EMPTY_TREE_OID if old is None else _tree_of(repository, self._ref, old)
            writer = repository.objects.writer()
            try:
                staging = self._stage(root)
                for key, text in self._changes.items():
                    if text is not None:
                        blob = writer.add(ObjectType.BLOB, text.encode("utf-8", "surrogateescape"))
                        staging.put(key, Entry(MODE_BLOB, blob))
                tree = build_tree(repository, writer, root, staging, self._check)
                message = self._message()
                data = serialize_commit(
                    tree,
                    () if old is None else (old,),
                    repository.signature,
                    repository.now(),
                    message,
                )
                oid = writer.add(ObjectType.COMMIT, data)
                writer.flush()
            except BaseException:
                writer.discard()
                raise
            update = RefUpdate(self._ref, old, oid, message)
            moved = True
            try:
                move_locked(repository, update)
            except BaseException:
                moved = may_be_named(repository, update)
                raise
            finally:
                if moved:
                    writer.release()
                else:
                    writer.discard()

    def _stage(self, root: Oid) -> Staging:
        """Stage the end of every present copy of the notes that change."""
        staging = Staging()
        for key, text in self._changes.items():
            present = [path for path, _ in _paths_of(self._repository, root, key)]
            if text is None and not present:
                _raise_absent(self._namespace, key)
            for path in present:
                staging.take_away(path)
        return staging

    def _message(self) -> str:
        if self._batch:
            return f"Notes batch update ({len(self._changes)} changes)"
        ((key, text),) = self._changes.items()
        verb = "removed" if text is None else "added"
        return f"Notes {verb} by 'git notes' on {key[:7]}"


def _root(repository: Repository, namespace: str) -> Oid | None:
    try:
        oid = repository.refs.get(NOTES + namespace)
    except InvalidRefNameError:
        return None
    return None if oid is None else _tree_of(repository, NOTES + namespace, oid)


def _tree_of(repository: Repository, ref: str, oid: Oid) -> Oid:
    try:
        return repository.commit(oid).tree
    except DAMAGE as error:
        raise_damaged(ref, error)


def _paths_of(repository: Repository, root: Oid, key: str) -> Iterator[tuple[str, Oid]]:
    """Yield path and blob id of every copy of a note: ``abcd..``, ``ab/cd..``, ``ab/cd/..``."""
    oid, done = root, 0
    while True:
        tree = repository.tree(oid)
        rest = key[done:].encode()
        entry = tree.find(rest)
        if entry is not None and entry.mode != MODE_TREE:
            yield _fan_out(key, done), entry.oid
        below = tree.find(rest[:2])
        if below is None or below.mode != MODE_TREE or len(rest) <= 2:
            return
        oid, done = below.oid, done + 2


def _fan_out(key: str, done: int) -> str:
    parts = [key[start : start + 2] for start in range(0, done, 2)]
    return "/".join([*parts, key[done:]])


def _all_keys(repository: Repository, root: Oid) -> Iterator[str]:
    pending = [(b"", root)]
    while pending:
        prefix, oid = pending.pop()
        for name, entry in repository.tree(oid).entries():
            if not _HEX_PART.fullmatch(name):
                continue
            whole = prefix + name
            if entry.mode == MODE_TREE and len(name) == 2 and len(whole) < 40:
                pending.append((whole, entry.oid))
            elif entry.mode != MODE_TREE and len(whole) == 40:
                yield whole.decode()


def _raise_absent(namespace: str, key: str) -> NoReturn:
    raise NoteNotFoundError(key, f"No note for {key} in {NOTES}{namespace}")
