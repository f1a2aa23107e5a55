"""Branches, tags and HEAD: every read-modify-write happens under the writers' lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._engine.commits import serialize_commit
from vost._engine.lookup import DAMAGE, raise_damaged
from vost._model.errors import (
    InvalidRefNameError,
    RefExistsError,
    RefNotFoundError,
    StaleSnapshotError,
)
from vost._model.objects import EMPTY_TREE_OID, ObjectType, Oid, oid_from_hex, oid_to_hex
from vost._storage.protocols import RefMismatchError, RefUpdate

if TYPE_CHECKING:
    from vost._engine.commits import Commit
    from vost._engine.repository import Repository
    from vost._model.types import ReflogEntry
    from vost._storage.refwatch import Watch

BRANCHES = "refs/heads/"
TAGS = "refs/tags/"

_SHORTEST_PREFIX = 4


def branch_commit(repository: Repository, name: str) -> Commit:
    """Return the commit at the tip of a branch.

    Raises:
        RefNotFoundError: If there is no such branch.
        ValueError: If the ref names something that is no commit.
    """
    return _commit_at(repository, BRANCHES, name, "Branch")


def tag_commit(repository: Repository, name: str) -> Commit:
    """Return the commit that a tag leads to, through annotated tags.

    Raises:
        RefNotFoundError: If there is no such tag.
        ValueError: If it leads to something that is no commit.
    """
    return _commit_at(repository, TAGS, name, "Tag")


def unmoved_commit(repository: Repository, prefix: str, name: str) -> Commit:
    """Return the commit of a branch or tag from memory: reads nothing, waits for no disk.

    Raises:
        NotCached: If the ref may have moved since it was last looked at, or was not.
        RefNotFoundError: If there was no such ref, and is none.
    """
    oid = repository.unmoved_ref(prefix + name)
    if oid is None:
        raise RefNotFoundError(name, _missing(name, _kind(prefix)))
    return repository.cached.commit(oid)


def _commit_at(repository: Repository, prefix: str, name: str, kind: str) -> Commit:
    return _commit_of_ref(repository, _get(repository, prefix + name, look=True), name, kind)


def tip(repository: Repository, ref: str) -> tuple[Oid, Commit]:
    """Return what a branch or tag points at, and the commit that this leads to.

    Args:
        repository: Where it is.
        ref: Full name.

    Raises:
        RefNotFoundError: If there is no such branch or tag.
        ValueError: If it leads to something that is no commit.
    """
    oid = _get(repository, ref)
    name = ref.split("/", 2)[2]
    commit = _commit_of_ref(repository, oid, name, _kind(ref))
    assert oid is not None
    return oid, commit


def begin_watch(repository: Repository, watch: Watch) -> tuple[Oid, Commit]:
    """Begin to watch a branch or tag, and return where it is then, as ``tip`` does.

    Raises:
        RefNotFoundError: If there is no such branch or tag.
        ValueError: If it leads to something that is no commit.
    """
    tip(repository, watch.name)  # no thread for what cannot be watched
    watch.begin()
    return tip(repository, watch.name)


def _commit_of_ref(repository: Repository, oid: Oid | None, name: str, kind: str) -> Commit:
    if oid is None:
        raise RefNotFoundError(name, _missing(name, kind))
    try:
        peeled = repository.peel(oid)
        if peeled is not None:
            return repository.commit(peeled)
    except DAMAGE as error:
        raise_damaged(f"{kind} {name!r} (at {oid_to_hex(oid)})", error)
    raise ValueError(f"{kind} {name!r} does not point to a commit")


def _missing(name: str, kind: str) -> str:
    return f"{kind} not found: {name!r}"


def names(repository: Repository, prefix: str) -> list[str]:
    """Return the short names of all refs below ``prefix``, sorted."""
    return [name[len(prefix) :] for name in repository.refs.list(prefix)]


def exists(repository: Repository, prefix: str, name: str) -> bool:
    """Tell whether a ref of that short name exists."""
    return _get(repository, prefix + name) is not None


def point(
    repository: Repository,
    prefix: str,
    name: str,
    commit: Commit,
    *,
    replace: bool,
    expected: Oid | None = None,
) -> None:
    """Create a branch or a lightweight tag, or point one at another commit.

    Args:
        repository: Where to.
        prefix: ``BRANCHES`` or ``TAGS``.
        name: Short name.
        commit: What it is to point at.
        replace: Whether it may exist.
        expected: The commit that it must be at now; ``None``: any, or none.

    Raises:
        RefExistsError: If it exists and may not.
        StaleSnapshotError: If it is not at the expected commit.
        MissingObjectError: If the commit was pruned meanwhile.
        Busy: If the writers' lock is taken; nothing was done.
    """
    with repository.refs.locked():
        update = pointing(repository, prefix + name, commit, replace=replace)
        if expected is not None and (update.old is None or repository.peel(update.old) != expected):
            raise StaleSnapshotError(
                f"{_kind(prefix)} {name!r} is not at {oid_to_hex(expected)[:7]} any more"
            )
        if update.old != commit.oid:
            repository.require(commit.oid, commit.tree)
            move_locked(repository, update)


def pointing(repository: Repository, ref: str, commit: Commit, *, replace: bool) -> RefUpdate:
    """Return what points a ref at a commit; call it with the writers' lock held.

    Raises:
        RefExistsError: If the ref exists and may not.
    """
    old = repository.refs.get(ref)
    if old is not None and not replace:
        kind = _kind(ref)
        name = ref.split("/", 2)[2]
        raise RefExistsError(name, f"{kind} {name!r} already exists")
    verb = "Created from" if old is None else "set to"
    return RefUpdate(ref, old, commit.oid, f"branch: {verb} {commit.summary}")


def delete(repository: Repository, prefix: str, name: str) -> None:
    """Delete a branch or tag.

    Raises:
        RefNotFoundError: If there is no such ref.
        Busy: If the writers' lock is taken; nothing was done.
    """
    ref = prefix + name
    with repository.refs.locked():
        old = _get(repository, ref)
        if old is None:
            raise RefNotFoundError(name, f"{_kind(prefix)} not found: {name!r}")
        move_locked(repository, RefUpdate(ref, old, None))


def current_name(repository: Repository) -> str | None:
    """Return the branch that HEAD names; ``None`` if it names none that exists."""
    target = repository.refs.get_symbolic("HEAD")
    if target is None or not target.startswith(BRANCHES):
        return None
    return target[len(BRANCHES) :] if repository.refs.get(target) is not None else None


def set_current(repository: Repository, name: str) -> None:
    """Make HEAD name an existing branch.

    Raises:
        RefNotFoundError: If there is no such branch.
        Busy: If the writers' lock is taken; nothing was done.
    """
    with repository.refs.locked():
        if not exists(repository, BRANCHES, name):
            raise RefNotFoundError(name, f"Branch not found: {name!r}")
        repository.refs.set_symbolic("HEAD", BRANCHES + name)


def create_branch(repository: Repository, name: str, *, replace: bool = False) -> Commit:
    """Create a branch that begins with an empty first commit.

    Args:
        repository: Where to.
        name: Short name.
        replace: Whether it may exist; what it was at stays in its reflog.

    Raises:
        RefExistsError: If the branch exists and may not.
        Busy: If the writers' lock is taken; nothing was done.
    """
    ref = BRANCHES + name
    writer = repository.objects.writer()
    writer.add(ObjectType.TREE, b"")
    data = serialize_commit(
        EMPTY_TREE_OID, (), repository.signature, repository.now(), f"Initialize {name}"
    )
    oid = writer.add(ObjectType.COMMIT, data)
    writer.flush()
    with repository.refs.locked():
        old = repository.refs.get(ref)
        if old is not None and not replace:
            raise RefExistsError(name, f"Branch {name!r} already exists")
        # The first commit is not logged, so that redo never leads to before the beginning.
        message = None if old is None else f"branch: set to Initialize {name}"
        move_locked(repository, RefUpdate(ref, old, oid, message))
    writer.release()
    return repository.commit(oid)


def reflog(repository: Repository, name: str) -> list[ReflogEntry]:
    """Return where a branch has been, oldest first.

    Raises:
        RefNotFoundError: If there is no such branch.
        FileNotFoundError: If the branch has no log.
    """
    if not exists(repository, BRANCHES, name):
        raise RefNotFoundError(name, f"Branch not found: {name!r}")
    entries = repository.refs.reflog(BRANCHES + name)
    if entries is None:
        raise FileNotFoundError(f"Branch {name!r} has no reflog yet: it never moved")
    return entries


def resolve(repository: Repository, name: str) -> tuple[Commit, str | None, bool]:
    """Find a commit by branch, tag, full id or unambiguous prefix of at least 4 characters.

    Returns:
        The commit, the name of its branch or tag (``None``: found by id), and whether it is a
        branch.

    Raises:
        RefNotFoundError: If nothing fits, or the object is no commit.
        ValueError: If the prefix is ambiguous.
    """
    for prefix in (BRANCHES, TAGS):
        if exists(repository, prefix, name):
            return _commit_of(repository, prefix, name), name, prefix == BRANCHES
    oid = _by_hex(repository, name)
    peeled = repository.peel(oid)
    if peeled is None:
        raise RefNotFoundError(name, f"not a commit: {name!r}")
    return repository.commit(peeled), None, False


def branch_or_tag(repository: Repository, name: str) -> Commit:
    """Find a commit by branch, else by tag.

    Raises:
        ValueError: If there is neither.
    """
    for prefix in (BRANCHES, TAGS):
        if exists(repository, prefix, name):
            return _commit_of(repository, prefix, name)
    raise ValueError(f"Cannot resolve {name!r}: not a branch or tag")


def _commit_of(repository: Repository, prefix: str, name: str) -> Commit:
    find = branch_commit if prefix == BRANCHES else tag_commit
    return find(repository, name)


def _by_hex(repository: Repository, text: str) -> Oid:
    if len(text) < _SHORTEST_PREFIX or not set(text) <= set("0123456789abcdef") or len(text) > 40:
        raise _unknown(text)
    if len(text) == 40:
        oid = oid_from_hex(text)
        if not repository.objects.has_many([oid]):
            raise _unknown(text)
        return oid
    found = sorted(set(repository.objects.iter_prefix(text)))
    if not found:
        raise _unknown(text)
    if len(found) > 1:
        # Like Git: what cannot be meant does not make the prefix ambiguous.
        commits = [oid for oid in found if repository.peel(oid) is not None]
        if len(commits) > 1:
            examples = ", ".join(oid_to_hex(oid)[:12] for oid in commits[:4])
            raise ValueError(f"ambiguous commit prefix {text!r}: {examples} begin with it")
        found = commits or found
    return found[0]


def _unknown(name: str) -> RefNotFoundError:
    return RefNotFoundError(
        name, f"ref not found: {name!r} (no branch, tag or commit of that name)"
    )


def _get(repository: Repository, ref: str, *, look: bool = False) -> Oid | None:
    try:
        return repository.look_at_ref(ref) if look else repository.refs.get(ref)
    except InvalidRefNameError:
        return None  # reading never validates: what cannot exist is just not there


def _kind(ref: str) -> str:
    return "Branch" if ref.startswith(BRANCHES) else "Tag"


def move_locked(repository: Repository, update: RefUpdate) -> None:
    """Move a ref from where it was a moment ago; call it with the writers' lock held.

    Raises:
        StaleSnapshotError: If a program that ignores the lock was faster.
    """
    try:
        repository.refs.compare_and_set([update], identity=repository.ident, time=repository.now())
    except RefMismatchError:
        raise StaleSnapshotError(
            f"{update.name} was moved by a program that does not take the lock; try again"
        ) from None
