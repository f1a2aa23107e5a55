"""Files and directories in each other's place: contract 9.1 rule 5, D3, section 23."""

from __future__ import annotations

import itertools

import pytest

from tests.support.snapshots import changed, contents, tip
from vost import ChangeReport, FileEntry, FileType

OLD = {"d/x": b"old x", "d/y": b"old y", "f": b"old f", "keep": b"kept"}


async def filled(store):
    return await (await store.branches["main"]).apply(OLD)


async def staged(fs, operations):
    """Carry operations out in a batch: `("write", path)` or `("remove", path)`."""
    async with fs.batch() as batch:
        for verb, path in operations:
            if verb == "write":
                await batch.write(path, b"new " + path.encode())
            else:
                await batch.remove(path)
    return batch.fs


def difference(before, after):
    """Return what a correct report of the change from one content to the other has to say."""
    return {
        "add": {path for path in after if path not in before},
        "update": {path for path in after if path in before and before[path] != after[path]},
        "delete": {path for path in before if path not in after},
    }


async def assert_reported_exactly(fs, before=OLD):
    """Check that `changes` says what changed, whole directories counted by their files."""
    after = await contents(fs)
    expected = difference(before, after)
    reported = {"add": set(), "update": set(), "delete": set()}
    for kind, paths in (changed(fs.changes) or {}).items():
        assert len(paths) == len(set(paths))
        for path in paths:
            below = {old for old in before if old.startswith(path + "/")}
            is_directory = kind == "delete" and path not in before
            reported[kind] |= below if is_directory else {path}
    assert reported == expected


# --- single writes


@pytest.mark.parametrize(
    "way", ["write", "write_text", "write_symlink", "apply", "batch", "writer"]
)
async def test_a_file_replaces_a_directory_and_a_directory_a_file(store, way):
    fs = await filled(store)
    for path in ("d", "f/below/it"):
        if way == "writer":
            async with fs.writer(path) as writer:
                await writer.write(b"new")
            fs = writer.fs
        elif way == "batch":
            fs = await staged(fs, [("write", path)])
        else:
            call = getattr(fs, way)
            fs = await (call({path: b"new"}) if way == "apply" else call(path, _data(way)))
    assert sorted(await contents(fs)) == ["d", "f/below/it", "keep"]
    fs = await fs.undo(2)
    assert await contents(fs) == OLD


def _data(way):
    return b"new" if way == "write" else "new"


async def test_what_a_file_replaces_is_reported(store):
    """D12: and the message counts what the report counts."""
    fs = await (await filled(store)).write("d", b"new")
    assert fs.changes.add == [FileEntry("d", FileType.BLOB)]
    await assert_reported_exactly(fs)
    assert fs.message == "Batch: +1 -2"
    fs = await (await fs.undo()).write("f/x", b"new")
    assert fs.changes.add == [FileEntry("f/x", FileType.BLOB)]
    await assert_reported_exactly(fs)
    assert fs.message == "Batch: +1 -1"


async def test_deep_paths_through_a_file_make_its_directories(store):
    fs = await (await filled(store)).write("f/a/b/c/d", b"deep")
    assert await fs.ls("f/a/b/c") == ["d"]
    fs = await fs.write("f/a", b"shallow")
    assert await contents(fs) == {**{k: v for k, v in OLD.items() if k != "f"}, "f/a": b"shallow"}


async def test_names_that_sort_around_a_directory_keep_git_s_order(store):
    """`d-`, `d.` and `d0` sort between the file `d` and the directory `d/` in trees."""
    names = ["d-", "d.", "d0", "d/x"]
    fs = await (await store.branches["main"]).apply(dict.fromkeys(names, b""))
    assert await fs.ls() == ["d-", "d.", "d", "d0"]
    fs = await fs.write("d", b"file")
    assert await fs.ls() == ["d", "d-", "d.", "d0"]
    fs = await fs.write("d/y", b"directory again")
    assert await fs.ls() == ["d-", "d.", "d", "d0"]
    assert await fs.ls("d") == ["y"]


# --- batch: the later operation wins (all six orders of D3, and their reverse)


@pytest.mark.parametrize(
    "operations, expected",
    [
        # a file in place of a directory, and one below it
        ([("write", "d"), ("write", "d/z")], {"d/z": b"new d/z"}),
        ([("write", "d/z"), ("write", "d")], {"d": b"new d"}),
        # a removal below a written file is absorbed, before it and after it
        ([("remove", "d/x"), ("write", "d")], {"d": b"new d"}),
        ([("write", "d"), ("remove", "d/x")], {"d": b"new d"}),
        # so is the removal of a file that a directory replaces
        ([("remove", "f"), ("write", "f/sub")], {"f/sub": b"new f/sub"}),
        ([("write", "f/sub"), ("remove", "f")], {"f/sub": b"new f/sub"}),
    ],
)
async def test_each_order_of_two_clashing_operations_has_one_outcome(store, operations, expected):
    after = await staged(await filled(store), operations)
    top = operations[0][1].split("/")[0]
    others = {path: data for path, data in OLD.items() if path.split("/")[0] != top}
    assert await contents(after) == {**others, **expected}
    await assert_reported_exactly(after)


async def test_all_six_orders_of_three_clashing_operations(store):
    """The later write wins; the removal of `d/x` never brings anything back or takes more away."""
    fs = await filled(store)
    operations = [("write", "d"), ("write", "d/z"), ("remove", "d/x")]
    for order in itertools.permutations(operations):
        after = await staged(fs, order)
        if order.index(("write", "d")) > order.index(("write", "d/z")):
            expected = {"d": b"new d"}
        else:
            expected = {"d/z": b"new d/z"}
        assert await contents(after) == {**expected, "f": b"old f", "keep": b"kept"}, order
        await assert_reported_exactly(after)
        await store.branches.set("main", fs)


async def test_a_file_that_replaces_a_staged_directory_and_gives_way_again(store):
    fs = await filled(store)
    after = await staged(
        fs,
        [
            ("write", "n/a"),
            ("write", "n/b/c"),
            ("write", "n"),
            ("write", "n/d"),
            ("write", "d"),
            ("write", "d/x"),
        ],
    )
    assert await contents(after) == {
        "f": b"old f",
        "keep": b"kept",
        "n/d": b"new n/d",
        "d/x": b"new d/x",
    }
    await assert_reported_exactly(after)
    assert changed(after.changes) == {"add": ["n/d"], "update": ["d/x"], "delete": ["d/y"]}


async def test_a_removed_directory_that_is_rebuilt_file_by_file(store):
    fs = await filled(store)
    after = await staged(fs, [("remove", "d/x"), ("remove", "d/y"), ("write", "d/y")])
    assert await after.ls("d") == ["y"]
    await assert_reported_exactly(after)


async def test_a_removed_file_below_a_replaced_directory_stays_absent(store):
    after = await staged(await filled(store), [("remove", "d/x"), ("write", "d"), ("write", "d/z")])
    assert await after.ls("d") == ["z"]
    await assert_reported_exactly(after)


async def test_a_file_that_is_replaced_by_a_directory_and_written_back_changes_nothing(store):
    fs = await filled(store)
    async with fs.batch() as batch:
        await batch.write("f/sub", b"new")
        await batch.write("f", b"old f")
    assert batch.fs is fs
    async with fs.batch() as batch:
        await batch.write("d", b"new")
        await batch.write("d/x", b"old x")
        await batch.write("d/y", b"old y")
    assert batch.fs is fs
    assert await tip(store) == fs.commit_hash


async def test_a_file_stays_when_the_directory_in_its_place_is_taken_back(store):
    """Writing and removing a new file leaves nothing, and takes nothing else away either."""
    fs = await filled(store)
    assert await staged(fs, [("write", "f/a"), ("remove", "f/a")]) is fs
    assert await staged(fs, [("write", "f/a/b/c"), ("remove", "f/a/b/c")]) is fs
    after = await staged(fs, [("write", "f/a"), ("write", "f/b"), ("remove", "f/a")])
    assert await after.ls("f") == ["b"]
    await assert_reported_exactly(after)


OPERATIONS = [
    ("write", "d"),
    ("write", "d/x"),
    ("write", "d/z"),
    ("write", "d/x/y"),
    ("remove", "d"),
    ("remove", "d/x"),
]


@pytest.fixture
def storage(request):
    """Take the fast storage for the long tables below."""
    return getattr(request, "param", "memory")


@pytest.mark.slow
async def test_every_sequence_of_three_operations_equals_a_plain_model(store):
    """Two hundred sequences of writes and removals at, above and below each other."""
    fs = await filled(store)
    for sequence in itertools.product(OPERATIONS, repeat=3):
        model, batch = dict(OLD), fs.batch()
        for number, (verb, path) in enumerate(sequence):
            data = b"%d" % number
            if verb == "write":
                await batch.write(path, data)
                _write(model, path, data)
            else:
                try:
                    await batch.remove(path)
                except IsADirectoryError:
                    assert any(name.startswith(path + "/") for name in {*model, *OLD})
                except FileNotFoundError:
                    assert path not in model
                else:
                    model.pop(path, None)
        after = await batch.commit()
        assert await contents(after) == model, sequence
        if after is not fs:
            await assert_reported_exactly(after)
        await store.branches.set("main", fs)


def _write(model, path, data):
    """Write a file in a model: directories give way to files, and files to directories."""
    parts = path.split("/")
    for length in range(1, len(parts)):
        model.pop("/".join(parts[:length]), None)
    for name in [name for name in model if name.startswith(path + "/")]:
        del model[name]
    model[path] = data


# --- apply: no order, so contradictions are errors and the rest has one meaning


async def test_a_file_and_a_path_below_it_are_a_contradiction(store):
    """D3, both orders: a mapping has no order that could decide."""
    fs = await filled(store)
    for paths in (("d", "d/z"), ("d/z", "d"), ("n", "n/a/b"), ("n/a/b", "n"), ("f/x", "f")):
        with pytest.raises(ValueError, match="both"):
            await fs.apply(dict.fromkeys(paths, b"new"))
    assert await tip(store) == fs.commit_hash


async def test_siblings_that_share_a_beginning_are_no_contradiction(store):
    fs = await filled(store)
    fs = await fs.apply({"n": b"1", "n.txt": b"2", "nn/n": b"3", "n-/n": b"4"})
    assert await fs.read_many(["n", "n.txt", "nn/n", "n-/n"]) == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize(
    "writes, removes, expected",
    [
        # removals below a newly written file are absorbed
        (["d"], ["d/x"], {"d"}),
        (["d"], ["d/x", "d/y"], {"d"}),
        (["d"], ["d/missing"], {"d"}),
        (["n"], ["n/a"], {"n", "d/x", "d/y"}),
        # so is the removal of a file that is replaced by a directory
        (["f/sub"], ["f"], {"f/sub", "d/x", "d/y"}),
        (["f/a/b"], ["f"], {"f/a/b", "d/x", "d/y"}),
        # a directory is removed and rebuilt
        (["d/z"], ["d"], {"d/z"}),
        (["d/x"], ["d"], {"d/x"}),
        (["d/e/f"], ["d", "d/x"], {"d/e/f"}),
        (["d/x/deeper"], ["d/x"], {"d/x/deeper", "d/y"}),
    ],
)
async def test_removals_and_writes_that_touch_each_other(store, writes, removes, expected):
    fs = await filled(store)
    fs = await fs.apply(dict.fromkeys(writes, b"new"), removes)
    top = {path.split("/")[0] for path in (*writes, *removes)}
    expected = expected | ({"keep", "f"} - top)
    assert set(await contents(fs)) == expected
    assert await fs.read(writes[0]) == b"new"
    await assert_reported_exactly(fs)


async def test_a_directory_that_is_rebuilt_as_it_was_changes_nothing(store):
    fs = await filled(store)
    assert await fs.apply({"d/x": b"old x", "d/y": b"old y"}, removes=["d"]) is fs
    after = await fs.apply({"d/x": b"old x"}, removes=["d"])
    assert after.changes == ChangeReport(delete=[FileEntry("d/y", FileType.BLOB)])
    assert after.message == "- d/y"


async def test_a_removal_below_a_file_takes_nothing_away(store):
    fs = await filled(store)
    assert await fs.apply(removes=["f/x", "f/a/b", "keep/x"]) is fs
    after = await fs.apply({"n": b"new"}, removes=["f/x", "f/a/b"])
    assert await contents(after) == {**OLD, "n": b"new"}
    assert after.message == "+ n"


async def test_every_pair_of_a_write_and_a_removal_equals_a_plain_model(store):
    fs = await filled(store)
    paths = ["d", "d/x", "d/x/y", "d/z", "f", "f/a", "n", "n/a"]
    for write, remove in itertools.product(paths, repeat=2):
        if write == remove:
            continue
        model = {
            name: data
            for name, data in OLD.items()
            if name != remove and not name.startswith(remove + "/")
        }
        _write(model, write, b"new")
        after = await fs.apply({write: b"new"}, [remove])
        assert await contents(after) == model, (write, remove)
        await assert_reported_exactly(after)
        await store.branches.set("main", fs)


@pytest.mark.parametrize("storage", ["disk"], indirect=True)
async def test_git_sees_what_vost_shows(store, repo, git):
    fs = await filled(store)
    after = await staged(
        fs,
        [("write", "d"), ("write", "f/x"), ("write", "f.txt"), ("write", "d-/y"), ("write", "d/z")],
    )
    listed = git(repo, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert sorted(listed) == sorted(await contents(after))
