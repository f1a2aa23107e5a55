"""The log of a path: the fast way finds what a plain comparison of every commit finds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vost._engine.lookup import find
from vost._engine.pathhistory import PathHistory
from vost._engine.trees import Entry, Tree
from vost._model.errors import CorruptObjectError
from vost._model.objects import ObjectType
from vost_sync import GitStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git

PATHS = ("a", "a.b", "a/b", "a/b/c", "d/b", "d")
STEPS = st.lists(
    st.tuples(st.sampled_from(PATHS), st.sampled_from((b"1", b"2", None))), max_size=12
)


@given(STEPS, st.sampled_from(PATHS))
def test_log_of_a_path_equals_plain_comparison(
    steps: list[tuple[str, bytes | None]], path: str
) -> None:
    fs = GitStore.memory().branches["main"]
    for number, (edited, data) in enumerate(steps):
        message = str(number)
        if data is not None:
            fs = fs.write(edited, data, message=message)
        elif fs.exists(edited):
            fs = fs.remove(edited, recursive=True, message=message)
    repository = fs._aio._repository
    commits = list(fs.log())
    seen = [find(repository, snapshot._aio._commit.tree, path) for snapshot in commits]
    expected = [
        snapshot.commit_hash
        for snapshot, ours, theirs in zip(commits, seen, [*seen[1:], None], strict=True)
        if ours != theirs
    ]
    assert [snapshot.commit_hash for snapshot in fs.log(path)] == expected


@pytest.mark.parametrize("tidy", [None, "pack", "gc"])
def test_log_of_a_path_equals_git_log(git: Git, tmp_path: Path, tidy: str | None) -> None:
    path = tmp_path / "history.git"
    store = GitStore.open(path)
    fs = store.branches["main"]
    for number in range(60):
        fs = fs.write(f"d{number % 3}/f{number % 7}.txt", b"version %d\n" % number * 20)
    if tidy == "pack":
        store.pack()
    elif tidy == "gc":
        git(path, "gc", "--quiet")
        assert (path / "objects/info/commit-graph").exists()
    fs = GitStore.open(path).branches["main"]
    for wanted in ("d0", "d1/f2.txt", "d2/f6.txt", "d0/none", "none"):
        expected = git(path, "log", "--format=%H", "main", "--", wanted).split()
        assert [snapshot.commit_hash for snapshot in fs.log(wanted)] == expected


def test_name_inside_another_entry_is_not_found() -> None:
    store = GitStore.memory()
    repository = store.branches["main"]._aio._repository
    writer = repository.objects.writer()
    blob = writer.add(ObjectType.BLOB, b"content")
    # The bytes of an entry "x", in the name of another one and in the id of a submodule.
    hidden = b"100644 x\0" + b"\0" * 11
    data = b"160000 a\0" + hidden + b"100644 y100644 x\0" + blob
    root = writer.add(ObjectType.TREE, data)
    writer.flush()
    history = PathHistory(repository, "x")
    assert not history.differs(root, None)
    assert PathHistory(repository, "y100644 x").differs(root, None)


def test_damaged_tree_is_told() -> None:
    repository = GitStore.memory().branches["main"]._aio._repository
    writer = repository.objects.writer()
    root = writer.add(ObjectType.TREE, b"100644 a\0too short")
    writer.flush()
    with pytest.raises(CorruptObjectError):
        PathHistory(repository, "b").differs(root, None)


NAMES = st.sets(st.binary(min_size=1, max_size=6).filter(lambda name: not set(name) & set(b"\0/")))
MODES = st.sampled_from((0o100644, 0o100755, 0o120000, 0o40000, 0o160000, 0o100664))


@given(NAMES, st.data())
def test_tree_answers_the_same_however_often_it_is_asked(
    names: set[bytes], data: st.DataObject
) -> None:
    entries = {name: Entry(data.draw(MODES), os.urandom(20)) for name in names}
    tree = Tree(b"").edited(dict(entries))
    asked = [*sorted(names), b"absent"] * 3  # searched first, then taken apart
    for name in asked:
        assert tree.find(name) == entries.get(name)
    assert dict(tree.entries()) == entries
    assert tree.count_trees() == sum(entry.mode == 0o40000 for entry in entries.values())
    plain = {0o100644, 0o100755, 0o120000, 0o40000}
    expected = [name for name, _ in tree.entries()]
    if {entry.mode for entry in entries.values()} <= plain:
        assert tree.plain_names() == expected
    else:
        assert tree.plain_names() is None
