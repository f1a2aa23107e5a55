"""What one side has that the other lacks: compared with a plain walk over everything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vost_sync
from vost import CorruptObjectError, GitError, MissingObjectError, Signature
from vost._engine.commits import parse_commit, serialize_commit, tag_target
from vost._engine.mirror import Lines
from vost._engine.opening import OpenOptions, memory_repository
from vost._engine.reachable import common_commits, missing_objects
from vost._engine.repository import Repository
from vost._engine.trees import Tree
from vost._model.objects import ObjectType, Oid
from vost._storage.protocols import RefUpdate

ADA = Signature("Ada", "ada@example.org")


def nothing() -> None:
    """Stand for a check that nobody cancels."""


def closure(repository: Repository, oids: list[Oid]) -> set[Oid]:
    """Return everything that leads from some objects, the simple way."""
    found: set[Oid] = set()
    pending = list(oids)
    while pending:
        oid = pending.pop()
        if oid in found:
            continue
        found.add(oid)
        kind, data = repository.objects.get(oid)
        if kind is ObjectType.COMMIT:
            commit = parse_commit(oid, data)
            pending += [commit.tree, *commit.parents]
        elif kind is ObjectType.TREE:
            pending += [entry.oid for _, entry in Tree(data).entries()]
        elif kind is ObjectType.TAG:
            pending.append(tag_target(oid, data)[0])
    return found


def repository() -> Repository:
    return memory_repository(OpenOptions(create=True, branch=None, signature=ADA))


def add(store: Repository, kind: ObjectType, data: bytes) -> Oid:
    writer = store.objects.writer()
    oid = writer.add(kind, data)
    writer.flush()
    return oid


def tree(store: Repository, entries: dict[str, tuple[str, Oid]]) -> Oid:
    ordered = sorted(
        entries.items(), key=lambda item: item[0] + ("/" if item[1][0] == "40000" else "")
    )
    rows = [f"{mode} {name}".encode() + b"\0" + oid for name, (mode, oid) in ordered]
    return add(store, ObjectType.TREE, b"".join(rows))


def commit(store: Repository, root: Oid, parents: list[Oid], seconds: int, text: str = "m") -> Oid:
    return add(store, ObjectType.COMMIT, serialize_commit(root, parents, ADA, seconds, text))


STEP = st.tuples(
    st.lists(st.integers(0, 30), max_size=3),  # which commits are parents
    st.integers(0, 3),  # directory
    st.integers(0, 3),  # file
    st.integers(0, 5),  # content
    st.integers(0, 100),  # time: clocks are wrong
)


@given(
    st.lists(STEP, min_size=1, max_size=30),
    st.lists(st.integers(0, 30), max_size=4),
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
)
def test_walk_finds_all_that_is_new_and_nothing_foreign(
    steps: list[Any], known: list[int], wanted: list[int]
) -> None:
    store = repository()
    commits: list[Oid] = []
    files: dict[tuple[int, int], int] = {}
    for number, (parents, directory, file, content, seconds) in enumerate(steps):
        files[directory, file] = content
        top = {}
        for d in {key[0] for key in files}:
            below = {
                f"f{f}": ("100644", add(store, ObjectType.BLOB, b"%d" % c))
                for (e, f), c in files.items()
                if e == d
            }
            top[f"d{d}"] = ("40000", tree(store, below))
        chosen = list(dict.fromkeys(commits[p % len(commits)] for p in parents if commits))
        commits.append(commit(store, tree(store, top), chosen, seconds, f"{number}"))
    there = [commits[k % len(commits)] for k in known]
    here = [commits[w % len(commits)] for w in wanted]
    found = [reached.oid for reached in missing_objects(store, here, there, nothing)]
    assert len(found) == len(set(found))
    assert closure(store, here) - closure(store, there) <= set(found)
    assert set(found) <= closure(store, here)
    types = {r.oid: r.type for r in missing_objects(store, here, there, nothing)}
    assert all(store.objects.header(oid).type is kind for oid, kind in types.items())


def test_linear_history_sends_only_what_changed() -> None:
    store = repository()
    blobs = [add(store, ObjectType.BLOB, b"%d" % n) for n in range(50)]
    still = tree(store, {f"f{n}": ("100644", blob) for n, blob in enumerate(blobs)})
    tips: list[Oid] = []
    for n in range(20):
        root = tree(store, {"still": ("40000", still), "n": ("100644", blobs[n])})
        tips.append(commit(store, root, tips[-1:], n))
    found = list(missing_objects(store, tips[-1:], tips[9:10], nothing))
    # Ten commits, each with a root; the blobs are new at the place where they are looked for.
    assert len(found) == 30
    assert still not in {reached.oid for reached in found}


def test_known_objects_of_all_types_are_passed_over_or_followed() -> None:
    store = repository()
    blob = add(store, ObjectType.BLOB, b"x")
    root = tree(store, {"f": ("100644", blob)})
    tip = commit(store, root, [], 0)
    tag = add(
        store,
        ObjectType.TAG,
        b"object %s\ntype commit\ntag t\ntagger A <a> 0 +0000\n\nm\n" % tip.hex().encode(),
    )
    everything = {tag, tip, root, blob}
    assert {r.oid for r in missing_objects(store, [tag], [], nothing)} == everything
    assert {r.oid for r in missing_objects(store, [tag], [tip], nothing)} == {tag}
    assert {r.oid for r in missing_objects(store, [root], [], nothing)} == {root, blob}
    assert {r.oid for r in missing_objects(store, [blob, blob], [b"\1" * 20], nothing)} == {blob}
    assert list(missing_objects(store, [tip], [tag], nothing)) == []


@pytest.mark.parametrize("name", [b"..", b".", b"a/b"])
def test_tree_with_a_name_that_leads_elsewhere_is_refused(name: bytes) -> None:
    store = repository()
    blob = add(store, ObjectType.BLOB, b"x")
    root = add(store, ObjectType.TREE, b"100644 " + name + b"\0" + blob)
    tip = commit(store, root, [], 0)
    with pytest.raises(CorruptObjectError, match="no file can be called"):
        list(missing_objects(store, [tip], [], nothing))


def test_missing_and_wrong_objects_are_errors() -> None:
    store = repository()
    lost = commit(store, b"\1" * 20, [], 0)
    orphan = commit(store, tree(store, {}), [b"\2" * 20], 0)
    odd = commit(store, add(store, ObjectType.BLOB, b"no tree"), [], 0)
    for oid in (lost, orphan, b"\3" * 20):
        with pytest.raises(MissingObjectError):
            list(missing_objects(store, [oid], [], nothing))
    with pytest.raises(GitError):
        list(missing_objects(store, [odd], [], nothing))


def test_common_commits_are_the_newest_ones_of_both() -> None:
    source, target = repository(), repository()
    tips: list[Oid] = []
    for n in range(6):
        for store in (source, target):
            if n < 3 or store is target:
                oid = commit(store, tree(store, {}), tips[-1:], n)
        tips.append(oid)
    with target.refs.locked():
        target.refs.compare_and_set(
            [RefUpdate("refs/heads/main", None, tips[-1])], identity="a <b>", time=0
        )
    assert common_commits(target, source, nothing) == [tips[2]]
    assert common_commits(target, target, nothing) == [tips[-1]]
    assert common_commits(source, target, nothing) == []


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_progress_comes_in_whole_lines(size: int) -> None:
    lines: list[tuple[bytes, bool]] = []

    def report(line: bytes, *, final: bool = False) -> None:
        lines.append((line, final))

    take = Lines(report)
    said = b"Counting: 1%\rCounting: 100%, done.\nTotal 3\n\nrest"
    for at in range(0, len(said), size):
        take(said[at : at + size])
    assert lines == [
        (b"Counting: 1%\r", False),
        (b"Counting: 100%, done.\n", True),
        (b"Total 3\n", True),
    ]


@pytest.mark.parametrize("name", ["..", "a/b", "."])
def test_hostile_tree_is_not_restored(tmp_path: Any, git: Any, name: str) -> None:
    """Neither from a repository nor from a bundle; git's own bundle has it."""
    bare = git.init(tmp_path / "hostile")
    blob = git(bare, "hash-object", "-w", "--stdin", stdin="evil")
    raw = b"100644 " + name.encode() + b"\0" + bytes.fromhex(blob)
    root = git(bare, "hash-object", "-t", "tree", "--literally", "-w", "--stdin", stdin=raw)
    tip = git(bare, "commit-tree", "-m", "x", root)
    git(bare, "update-ref", "refs/heads/main", tip)
    git(bare, "bundle", "create", "-q", tmp_path / "x.bundle", "--all")
    store = vost_sync.GitStore.open(tmp_path / "here.git")
    before = store.branches["main"].commit_hash
    for place in ("hostile", "x.bundle"):
        with pytest.raises(GitError, match="no file can be called"):
            store.restore(tmp_path / place)
    assert store.branches["main"].commit_hash == before
