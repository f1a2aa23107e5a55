"""Last changes of a whole directory: what the log of each entry finds first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vost import CorruptObjectError
from vost._engine.commits import serialize_commit
from vost._engine.trees import Entry, Tree
from vost._model.objects import ObjectType, Oid, hash_object
from vost._storage.protocols import RefUpdate
from vost_sync import FS, GitStore

PATHS = ("a", "a.b", "a/b", "a/b/c", "d/b", "d", "d/e/f")
DIRECTORIES = ("", "a", "a/b", "d", "d/e")
STEP = st.tuples(
    st.sampled_from(PATHS),
    st.sampled_from((b"1", b"2", None)),
    st.booleans(),  # on the other branch
    st.booleans(),  # merged with the other branch
)


def first_of_log(fs: FS, directory: str, name: str) -> str | None:
    """Return the commit that the log of an entry begins with."""
    path = f"{directory}/{name}" if directory else name
    return next((found.commit_hash for found in fs.log(path, limit=1)), None)


def grown(steps: list[tuple[str, bytes | None, bool, bool]]) -> FS:
    """Return a snapshot after some writes and removals on two branches that are merged."""
    store = GitStore.memory()
    tips = [store.branches["main"], store.branches.create("other")]
    for number, (path, data, on_other, is_merge) in enumerate(steps):
        fs = tips[on_other]
        parents = [tips[not on_other]] if is_merge else None
        if data is not None:
            fs = fs.write(path, data, message=str(number), parents=parents)
        elif fs.exists(path):
            fs = fs.remove(path, recursive=True, message=str(number), parents=parents)
        tips[on_other] = fs
    return tips[0]


@pytest.mark.slow
@given(st.lists(STEP, max_size=25), st.sampled_from(DIRECTORIES))
def test_last_changes_equal_the_first_of_each_log(
    steps: list[tuple[str, bytes | None, bool, bool]], directory: str
) -> None:
    fs = grown(steps)
    if not fs.is_dir(directory):
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            fs.last_changes(directory)
        return
    names = fs.ls(directory)
    found = fs.last_changes(directory)
    assert list(found) == names
    expected = {name: first_of_log(fs, directory, name) for name in names}
    assert {name: one.commit_hash for name, one in found.items()} == expected
    line = [one.commit_hash for one in fs.log()]
    for limit in range(len(line) + 1):
        within = {name for name, commit in expected.items() if commit in line[:limit]}
        assert set(fs.last_changes(directory, limit=limit)) == within
    # Names that are not there now count too: they were removed at some time.
    asked = ["e", "b", "a", "never", "c", "b"]
    chosen = fs.last_changes(directory, names=asked)
    assert {name: one.commit_hash for name, one in chosen.items()} == {
        name: commit
        for name in dict.fromkeys(asked)
        if (commit := first_of_log(fs, directory, name)) is not None
    }
    assert list(chosen) == [name for name in dict.fromkeys(asked) if name in chosen]


# --- trees as others store them

RAW_MODES = st.sampled_from((b"100644", b"100755", b"100664", b"40000", b"040000", b"160000", b"0"))
VERSION = st.dictionaries(
    st.sampled_from((b"a", b"a.b", b"a0", b"b", b"x y", b"z\n")),
    st.tuples(RAW_MODES, st.integers(0, 2)),
)


def raw_history(versions: list[dict[bytes, tuple[bytes, int]]]) -> FS:
    """Return a snapshot whose root trees are these, the newest last, whatever they hold."""
    store = GitStore.memory(branch=None)
    repository = store._aio._repository
    writer = repository.objects.writer()
    kinds = {True: ObjectType.TREE, False: ObjectType.BLOB}
    parents: list[Oid] = []
    for number, version in enumerate(versions):
        rows = []
        for name, (mode, content) in version.items():
            is_tree = mode.endswith(b"40000")
            inner = b"100644 f%d\0" % content + hash_object(ObjectType.BLOB, b"")
            oid = writer.add(kinds[is_tree], inner if is_tree else b"%d" % content)
            rows.append((name + b"/" * is_tree, mode + b" " + name + b"\0" + oid))
        root = writer.add(ObjectType.TREE, b"".join(row for _, row in sorted(rows)))
        data = serialize_commit(root, parents, repository.signature, number, "m")
        parents = [writer.add(ObjectType.COMMIT, data)]
    writer.flush()
    update = RefUpdate("refs/heads/main", None, parents[0])
    with repository.refs.locked():
        repository.refs.compare_and_set([update], identity="a <a@b>", time=0)
    return store.branches["main"]


@pytest.mark.slow
@given(st.lists(VERSION, min_size=1, max_size=8))
def test_modes_and_submodules_of_others_count_as_in_the_log(
    versions: list[dict[bytes, tuple[bytes, int]]],
) -> None:
    fs = raw_history(versions)
    asked = ["a", "a.b", "a0", "b", "x y", "z\n"]
    found = fs.last_changes(names=asked)
    expected = {name: first_of_log(fs, "", name) for name in asked}
    assert {name: found[name].commit_hash if name in found else None for name in asked} == expected
    assert list(fs.last_changes()) == fs.ls()


def test_large_directory_is_compared_piece_by_piece() -> None:
    """Entries are put in, taken out and changed anywhere in a directory of many pieces."""
    store = GitStore.memory()
    fs = store.branches["main"].apply({f"d/f{n:03}": b"%d" % n for n in range(0, 600, 2)})
    for number in range(0, 600, 37):
        writes = {f"d/f{number:03}": b"new", f"d/f{(number * 7) % 600:03}": b"%d" % number}
        removed = f"d/f{(number * 3 + 1) % 600 // 2 * 2:03}"
        removes = [removed] if fs.exists(removed) and removed not in writes else None
        fs = fs.apply(writes, removes)
    names = [f"f{n:03}" for n in range(600)]
    found = fs.last_changes("d", names=names)
    assert {name: found[name].commit_hash if name in found else None for name in names} == {
        name: first_of_log(fs, "d", name) for name in names
    }
    assert list(fs.last_changes("d")) == fs.ls("d")


def test_damaged_directory_in_history_is_told() -> None:
    store = GitStore.memory()
    repository = store.branches["main"]._aio._repository
    writer = repository.objects.writer()
    damaged = writer.add(ObjectType.TREE, b"100644 a\0too short")
    blob = writer.add(ObjectType.BLOB, b"1")
    root = writer.add(ObjectType.TREE, Tree(b"").edited({b"a": Entry(0o100644, blob)}).data)
    tips: list[Oid] = []
    for tree in (damaged, root):
        data = serialize_commit(tree, tips[-1:], repository.signature, 0, "m")
        tips.append(writer.add(ObjectType.COMMIT, data))
    writer.flush()
    fs = store.fs(tips[-1].hex())
    with pytest.raises(CorruptObjectError):
        fs.last_changes()
