"""Listings for people, comparisons of snapshots, and how much there is in a store."""

from __future__ import annotations

import pytest

from tests.interop.building import commit_tree, store_object, store_tree
from tests.support.snapshots import changed, problems
from vost import FileType, PathInfo, WriteEntry


async def filled(store):
    return await (await store.branches["main"]).apply(
        {
            "a.txt": b"12345",
            "run": WriteEntry(b"#!", mode=FileType.EXECUTABLE),
            "d/e/deep": b"",
            "d/x.txt": b"1",
            "d/ln": WriteEntry(target="x.txt"),
            ".hidden": b"h",
        }
    )


async def shown(fs, *args, **kwargs):
    """Return path, kind, size and target of what is listed."""
    listing = await fs.entries(*args, **kwargs)
    assert listing.warnings == []
    return [(entry.path, entry.kind, entry.size, entry.target) for entry in listing.entries]


# --- entries


async def test_directory_is_listed_with_sizes_and_targets(store):
    fs = await filled(store)
    assert await shown(fs) == [
        (".hidden", "blob", 1, None),
        ("a.txt", "blob", 5, None),
        ("d", "tree", None, None),
        ("run", "executable", 2, None),
    ]
    assert await shown(fs, "/d/") == [
        ("d/e", "tree", None, None),
        ("d/ln", "link", 5, "x.txt"),
        ("d/x.txt", "blob", 1, None),
    ]


async def test_each_entry_has_its_id(store):
    fs = await filled(store)
    for entry in (await fs.entries("d")).entries:
        assert entry.hash == await fs.object_hash(entry.path)
        assert FileType.from_filemode(entry.mode) == await fs.file_type(entry.path)


async def test_everything_below_is_listed_without_directories(store):
    fs = await filled(store)
    assert [row[0] for row in await shown(fs, recursive=True)] == [
        ".hidden",
        "a.txt",
        "run",
        "d/ln",
        "d/x.txt",
        "d/e/deep",
    ]
    assert [row[0] for row in await shown(fs, "d/e", recursive=True)] == ["d/e/deep"]


async def test_file_is_listed_itself(store):
    fs = await filled(store)
    for recursive in (False, True):
        assert await shown(fs, "d/ln", recursive=recursive) == [("d/ln", "link", 5, "x.txt")]


async def test_matches_of_a_pattern_are_listed_themselves(store):
    fs = await filled(store)
    assert [row[:2] for row in await shown(fs, "*", glob=True)] == [
        ("a.txt", "blob"),
        ("d", "tree"),
        ("run", "executable"),
    ]
    assert [row[0] for row in await shown(fs, "d*", glob=True, recursive=True)] == [
        "d/ln",
        "d/x.txt",
        "d/e/deep",
    ]
    assert await shown(fs, "none*", glob=True) == []


async def test_without_details_no_blob_is_looked_at(store):
    fs = await filled(store)
    listing = await fs.entries("d", details=False)
    assert listing.entries[1] == PathInfo("d/ln", 0o120000, await fs.object_hash("d/ln"))


@pytest.mark.parametrize("path", ["nope", "d/nope", "a.txt/x", "d/ln/x"])
async def test_what_is_missing_cannot_be_listed(store, path):
    fs = await filled(store)
    with pytest.raises(FileNotFoundError, match=path):
        await fs.entries(path)


@pytest.mark.damages("forged trees")
async def test_submodules_are_listed_and_forged_names_are_left_out(disk_store, repo):
    blob = store_object(repo, "blob", b"content")
    inner = store_tree(repo, [(b"160000", b"sub", "12" * 20), (b"100644", b"x", blob)])
    rows = [(b"100644", b"..", blob), (b"100644", b"a/b", blob), (b"40000", b"lib", inner)]
    commit_tree(repo, store_tree(repo, [*rows, (b"100664", b"old", blob)]))
    fs = await disk_store.branches["main"]

    listing = await fs.entries(recursive=True)
    assert [(entry.path, entry.kind, entry.size) for entry in listing.entries] == [
        ("old", "blob", 7),
        ("lib/sub", "commit", None),
        ("lib/x", "blob", 7),
    ]
    assert [warning.path for warning in listing.warnings] == ["..", "a/b"]
    assert [entry.kind for entry in (await fs.entries("lib/sub")).entries] == ["commit"]


# --- diff


async def test_difference_is_reported_by_kind(store):
    old = await filled(store)
    new = await old.apply(
        {"d/x.txt": b"other", "new/f": b"1", "run": b"#!"}, removes=["a.txt", "d/e/deep"]
    )
    assert changed(await new.diff(old)) == {
        "add": ["new/f"],
        "update": ["run", "d/x.txt"],
        "delete": ["a.txt", "d/e/deep"],
    }
    assert changed(await old.diff(new)) == {
        "add": ["a.txt", "d/e/deep"],
        "update": ["run", "d/x.txt"],
        "delete": ["new/f"],
    }


async def test_equal_snapshots_do_not_differ(store):
    fs = await filled(store)
    assert (await fs.diff(fs)).is_empty
    other = await store.branches.create("other")
    other = await other.copy_from_ref(fs, "", "")
    assert (await other.diff(fs)).is_empty


async def test_file_in_place_of_a_directory_is_added_and_its_files_are_deleted(store):
    old = await filled(store)
    new = await (await old.remove("d", recursive=True)).write("d", b"1")
    assert changed(await new.diff(old)) == {
        "add": ["d"],
        "delete": ["d/ln", "d/x.txt", "d/e/deep"],
    }


@pytest.mark.damages("forged trees")
async def test_submodules_and_forged_names_that_differ_are_warned_of(disk_store, repo):
    first = await disk_store.branches["main"]
    blob = store_object(repo, "blob", b"content")
    rows = [(b"100644", b"..", blob), (b"100644", b"x", blob)]
    lib = store_tree(repo, [*rows, (b"160000", b"y", "12" * 20)])
    commit_tree(repo, store_tree(repo, [(b"40000", b"lib", lib), (b"160000", b"s", "13" * 20)]))
    fs = await disk_store.branches["main"]
    report = await fs.diff(first)
    assert [entry.path for entry in report.add] == ["lib/x"]
    assert problems(report) == {"warnings": ["s", "lib/..", "lib/y"]}


async def test_snapshot_of_another_store_cannot_be_compared(face, store):
    fs = await store.branches["main"]
    other = await (await face.GitStore.memory()).branches["main"]
    with pytest.raises(ValueError, match="same repo"):
        await fs.diff(other)
    with pytest.raises(TypeError, match="Expected FS"):
        await fs.diff("main")


# --- statistics


async def test_objects_are_counted(disk_store, repo):
    fs = await disk_store.branches["main"]
    before = await disk_store.statistics()
    await fs.write("f", b"x" * 10_000)
    after = await disk_store.statistics()
    assert (after.loose - before.loose, after.packed, after.packs) == (3, 0, 0)
    assert after.size > before.size
    await disk_store.pack()
    packed = await disk_store.statistics()
    assert (packed.loose, packed.packed, packed.packs) == (0, after.loose, 1)
    files = [path for path in repo.rglob("*") if path.is_file()]
    assert packed.size == sum(path.stat().st_size for path in files)


async def test_store_in_memory_counts_contents(face):
    store = await face.GitStore.memory()
    before = await store.statistics()
    await (await store.branches["main"]).write("f", b"x" * 10_000)
    after = await store.statistics()
    assert (after.loose - before.loose, after.packs) == (3, 0)
    assert after.size - before.size > 10_000
