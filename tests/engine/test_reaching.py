"""What leads from snapshots: walks that are lazy and kept say what a plain walk says."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vost import CorruptObjectError, MissingObjectError, Signature
from vost._engine import reaching, treenews
from vost._engine.commits import parse_commit, serialize_commit
from vost._engine.idset import IdSet
from vost._engine.opening import OpenOptions, memory_repository
from vost._engine.reaching import is_reachable
from vost._engine.repository import Repository
from vost._engine.treenews import TreeNews
from vost._engine.trees import Entry, Tree
from vost._model.objects import EMPTY_TREE_OID, ObjectType, Oid, hash_object

ADA = Signature("Ada", "ada@example.org")


class Cancelled(Exception):  # noqa: N818 - it stands for one that is no error
    """Stands for the cancellation of a caller."""


def nothing() -> None:
    """Stand for a check that nobody cancels."""


def repository() -> Repository:
    return memory_repository(OpenOptions(create=True, branch=None, signature=ADA))


def add(store: Repository, kind: ObjectType, data: bytes) -> Oid:
    writer = store.objects.writer()
    oid = writer.add(kind, data)
    writer.flush()
    return oid


def blob(store: Repository, number: int) -> Oid:
    return add(store, ObjectType.BLOB, b"%d" % number)


def tree(store: Repository, entries: dict[str, tuple[int, Oid]]) -> Oid:
    edits = {name.encode(): Entry(*entry) for name, entry in entries.items()}
    return add(store, ObjectType.TREE, Tree(b"").edited(edits).data)


def commit(store: Repository, root: Oid, parents: list[Oid], seconds: int = 0) -> Oid:
    return add(store, ObjectType.COMMIT, serialize_commit(root, parents, ADA, seconds, "m"))


def line(store: Repository, length: int, parents: list[Oid] | None = None) -> list[Oid]:
    """Return commits, the first one first, each with a tree and a blob of its own."""
    tips = list(parents or [])
    for number in range(length):
        root = tree(store, {"d": (0o40000, tree(store, {"f": (0o100644, blob(store, number))}))})
        tips.append(commit(store, root, tips[-1:], number))
    return tips[len(parents or []) :]


def closure(store: Repository, oids: list[Oid]) -> set[Oid]:
    """Return everything that leads from some commits, the simple way."""
    found: set[Oid] = set()
    pending = list(oids)
    while pending:
        oid = pending.pop()
        if oid in found:
            continue
        found.add(oid)
        kind, data = store.objects.get(oid)
        if kind is ObjectType.COMMIT:
            made = parse_commit(oid, data)
            pending += [made.tree, *made.parents]
        elif kind is ObjectType.TREE:
            pending += [entry.oid for _, entry in Tree(data).entries() if entry.mode != 0o160000]
    return found


STEP = st.tuples(
    st.lists(st.integers(0, 30), max_size=3),  # which commits are parents
    st.integers(0, 3),  # directory
    st.integers(0, 9),  # content
    st.integers(0, 100),  # time: clocks are wrong
)
QUESTION = st.tuples(
    st.lists(st.integers(0, 30), min_size=1, max_size=3),  # tips
    st.lists(st.integers(0, 200), min_size=1, max_size=3),  # objects
    st.integers(0, 12),  # how many objects are read before the caller gives up
)


def grown(store: Repository, steps: list[Any]) -> list[Oid]:
    """Return commits of all forms; what one has a submodule of is a commit of the same store."""
    commits: list[Oid] = []
    files: dict[int, int] = {}
    for parents, directory, content, seconds in steps:
        files[directory] = content
        top = {
            f"d{d}": (0o40000, tree(store, {"f": (0o100644, blob(store, c))}))
            for d, c in files.items()
        }
        if commits and content % 3 == 0:
            top["module"] = (0o160000, commits[content % len(commits)])
        chosen = list(dict.fromkeys(commits[p % len(commits)] for p in parents if commits))
        commits.append(commit(store, tree(store, top), chosen, seconds))
    return commits


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 5, 40, 1_000_000])
@given(steps=st.lists(STEP, min_size=1, max_size=20), asked=st.lists(QUESTION, max_size=12))
def test_answers_are_those_of_a_plain_walk(most: int, steps: list[Any], asked: list[Any]) -> None:
    """Whatever was asked before, about other tips too, and however often a caller gave up."""
    store = repository()
    commits = grown(store, steps)
    objects = sorted({*closure(store, commits), blob(store, 10**6)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reaching, "_MOST_REMEMBERED", most)
        patch.setattr(reaching, "_STEPS", 3)
        patch.setattr(treenews, "_MOST_BYTES", 200)
        for tips, numbers, patience in asked:
            chosen = [commits[t % len(commits)] for t in tips]
            expected = closure(store, chosen)
            for number in numbers:
                oid = objects[number % len(objects)]
                left = iter(range(patience))

                def impatient(left: Any = left) -> None:
                    if next(left, None) is None:
                        raise Cancelled

                try:
                    answer = is_reachable(store, oid, frozenset(chosen), impatient)
                except Cancelled:
                    answer = is_reachable(store, oid, frozenset(chosen), nothing)
                assert answer is (oid in expected)


@pytest.mark.slow
@pytest.mark.parametrize("most", [10, 1_000_000])
def test_many_threads_ask_at_once(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(reaching, "_MOST_REMEMBERED", most)
    monkeypatch.setattr(reaching, "_STEPS", 1)
    store = repository()
    commits = line(store, 40)
    other = line(store, 3, commits[:1])
    objects = sorted(closure(store, [*commits, *other]))
    tips = [commits[20:21], commits[30:31], commits[-1:], [commits[10], other[-1]]]
    expected = [closure(store, some) for some in tips]
    start = threading.Barrier(8)

    def ask(number: int) -> list[bool]:
        start.wait()
        mine = objects[number:] + objects[:number]
        return [
            is_reachable(store, oid, frozenset(some), nothing) is (oid in reached)
            for oid in mine
            for some, reached in zip(tips, expected, strict=True)
        ]

    with ThreadPoolExecutor(8) as pool:
        assert all(all(answers) for answers in pool.map(ask, range(0, 80, 10)))


class Counted:
    """Object storage that counts what is read of it."""

    def __init__(self, objects: Any) -> None:
        self._objects = objects
        self.read: list[Oid] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    def get(self, oid: Oid) -> Any:
        self.read.append(oid)
        return self._objects.get(oid)


def counted() -> tuple[Repository, Counted]:
    store = repository()
    objects = Counted(store.objects)
    store.objects = objects
    return store, objects


def test_unknown_object_is_told_without_reading_anything() -> None:
    store, objects = counted()
    tip = line(store, 5)[-1:]
    assert not is_reachable(store, b"\1" * 20, frozenset(tip), nothing)
    assert objects.read == []


def test_what_is_new_is_found_without_reading_what_is_old() -> None:
    store, objects = counted()
    commits = line(store, 50)
    assert is_reachable(store, blob(store, 48), frozenset(commits[-1:]), nothing)
    assert len(objects.read) < 12


def test_commits_are_found_without_reading_trees() -> None:
    store, objects = counted()
    commits = line(store, 50)
    assert is_reachable(store, commits[0], frozenset(commits[-1:]), nothing)
    assert set(objects.read) == set(commits)


def test_each_object_is_read_once_for_all_questions() -> None:
    store, objects = counted()
    commits = line(store, 30)
    absent = blob(store, 10**6)
    everything = closure(store, commits[-1:])
    objects.read.clear()
    for oid in [*everything, absent]:
        assert is_reachable(store, oid, frozenset(commits[-1:]), nothing) is (oid != absent)
    assert len(objects.read) == len(set(objects.read)) == 30 * 3  # no blob


def test_walk_is_taken_along_when_branches_move_forward() -> None:
    store, objects = counted()
    commits = line(store, 30)
    other = line(store, 3, commits[:1])
    absent = blob(store, 10**6)
    assert not is_reachable(store, absent, frozenset([commits[19], other[0]]), nothing)
    objects.read.clear()
    assert not is_reachable(store, absent, frozenset([commits[29], other[2]]), nothing)
    fresh = set(objects.read) - set(commits[:20]) - {other[0]}
    assert len(fresh) == len([*commits[20:], *other[1:]]) + 2 * 10
    assert set(objects.read) - fresh <= {commits[19], other[0]}  # where the ways meet
    # Not backwards: what is new is not part of the old snapshots.
    newest = store.commit(commits[29]).tree
    assert not is_reachable(store, newest, frozenset([commits[19], other[0]]), nothing)
    assert is_reachable(store, newest, frozenset([commits[29], other[2]]), nothing)


def test_walk_of_a_branch_that_was_reset_is_not_taken_along() -> None:
    store = repository()
    commits = line(store, 10)
    assert is_reachable(store, blob(store, 9), frozenset(commits[-1:]), nothing)
    assert not is_reachable(store, blob(store, 9), frozenset(commits[-2:-1]), nothing)
    (other,) = line(store, 1, commits[:5])
    assert not is_reachable(store, blob(store, 9), frozenset([other]), nothing)


def test_few_walks_are_kept() -> None:
    store = repository()
    tips = [commit(store, EMPTY_TREE_OID, [], seconds) for seconds in range(10)]
    for tip in tips:
        assert is_reachable(store, tip, frozenset([tip]), nothing)
    assert store.walks is not None
    assert len(store.walks._walks) == reaching._WALKS
    store.close()
    assert store.walks is None


def test_empty_tree_is_part_of_what_has_it_without_being_stored() -> None:
    store = repository()
    without = line(store, 1)
    assert not is_reachable(store, EMPTY_TREE_OID, frozenset(without), nothing)
    tip = commit(store, EMPTY_TREE_OID, without)
    assert is_reachable(store, EMPTY_TREE_OID, frozenset([tip]), nothing)


def test_damage_is_told_unless_the_object_is_found() -> None:
    store = repository()
    missing = hash_object(ObjectType.TREE, b"not there")
    damaged = add(store, ObjectType.TREE, b"100644 a\0too short")
    first = line(store, 3)
    broken = commit(store, missing, first[-1:], 10)
    tip = commit(store, damaged, [broken], 11)
    tips = frozenset([tip])
    absent = blob(store, 10**6)
    for _ in range(2):
        for oid in closure(store, first):
            assert is_reachable(store, oid, tips, nothing)
        assert is_reachable(store, damaged, tips, nothing)
        with pytest.raises(CorruptObjectError):
            is_reachable(store, absent, tips, nothing)
    assert not is_reachable(store, b"\2" * 20, tips, nothing)
    lost = commit(store, EMPTY_TREE_OID, [b"\3" * 20], 12)
    with pytest.raises(MissingObjectError):
        is_reachable(store, absent, frozenset([lost]), nothing)
    assert not is_reachable(store, absent, frozenset(first), nothing)


def test_damage_that_was_repaired_is_forgotten() -> None:
    store = repository()
    root = hash_object(ObjectType.TREE, data := b"100644 f\0" + blob(store, 1))
    tips = frozenset([commit(store, root, [])])
    with pytest.raises(MissingObjectError):
        is_reachable(store, blob(store, 1), tips, nothing)
    add(store, ObjectType.TREE, data)
    assert is_reachable(store, blob(store, 1), tips, nothing)


def test_tree_that_an_entry_takes_for_a_file_is_entered_where_it_is_a_directory() -> None:
    """A forged entry does not hide what is below a tree."""
    store = repository()
    inner = tree(store, {"f": (0o100644, blob(store, 1))})
    forged = commit(store, tree(store, {"a": (0o100644, inner)}), [], 2)
    tip = commit(store, tree(store, {"a": (0o40000, inner)}), [forged], 1)
    assert not is_reachable(store, blob(store, 1), frozenset([forged]), nothing)
    assert is_reachable(store, blob(store, 1), frozenset([tip]), nothing)


# --- sets of ids


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 20))))
def test_set_of_ids_is_a_set(drawn: list[tuple[int, int, int]]) -> None:
    # Ids of few different bytes: they are found across the border of two others.
    ids = [(bytes([0, a]) * 10 + bytes([0, b]) * 20)[at : at + 20] for a, b, at in drawn]
    plain: set[bytes] = set()
    found = IdSet()
    for oid in ids:
        assert (oid in found) is (oid in plain)
        assert found.add(oid) is (oid not in plain)
        plain.add(oid)
        assert oid in found
    assert len(found) == len(plain)


# --- what is new in trees

NAMES = st.sets(st.binary(min_size=1, max_size=5).filter(lambda name: not set(name) & set(b"\0/")))


@given(st.lists(st.tuples(NAMES, st.integers(0, 2**30)), min_size=1, max_size=6))
def test_news_of_trees_leave_out_nothing_new(versions: list[tuple[set[bytes], int]]) -> None:
    modes = (0o100644, 0o100755, 0o120000, 0o40000, 0o160000, 0o100664)
    news = TreeNews()
    seen: tuple[set[Oid], set[Oid]] = set(), set()
    for names, seed in versions:
        entries = {
            name: Entry(modes[(seed >> shift) % 6], bytes([seed >> shift & 255]) * 20)
            for shift, name in enumerate(names)
        }
        found = news.of(Tree(b"").edited(dict(entries)).data)
        trees = {oid for mode, oid in entries.values() if mode == 0o40000}
        blobs = {oid for mode, oid in entries.values() if mode not in (0o40000, 0o160000)}
        assert set(found.subtrees) <= trees
        assert set(found.blobs) <= blobs
        assert trees <= seen[0] | set(found.subtrees)
        assert blobs <= seen[1] | set(found.blobs)
        news.know(found)
        seen[0].update(trees)
        seen[1].update(blobs)


def test_news_of_a_large_directory_are_what_changed_and_its_neighbours() -> None:
    entries: dict[bytes, Entry | None] = {
        b"f%04d" % n: Entry(0o100644, hash_object(ObjectType.BLOB, b"%d" % n)) for n in range(3000)
    }
    first = Tree(b"").edited(entries)
    news = TreeNews()
    found = news.of(first.data)
    assert (len(found.blobs), found.subtrees) == (3000, [])
    news.know(found)
    put_in = Entry(0o100644, b"\xff" * 20)
    later = news.of(first.edited({b"f0001x": put_in, b"f1500": None, b"f2000": put_in}).data)
    assert put_in.oid in later.blobs
    assert len(later.blobs) < 600
    assert news.of(first.data).blobs == []


@pytest.mark.parametrize("data", [b"100644 a\0short", b"100644 a\0" + b"x" * 20 + b"rest", b"x"])
def test_news_of_what_is_no_tree_are_an_error(data: bytes) -> None:
    with pytest.raises(CorruptObjectError):
        TreeNews().of(data)
