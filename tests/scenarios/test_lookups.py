"""Finding things by name or id: store.fs, read_by_hash, has_hash (contract 22.1, D31)."""

from __future__ import annotations

import pytest

from tests.support.snapshots import tip
from vost import BlobOid, ObjectNotFoundError, RefNotFoundError

MISSING = "12" * 20
MALFORMED = ["", "abc", "1" * 39, "1" * 41, "g" * 40, "A" * 40, " " + "1" * 39, "é" * 40, "\0" * 40]


async def main(store):
    return await store.branches["main"]


# --- store.fs


async def test_branch_is_found_writable(store):
    fs = await (await main(store)).write("a", b"1")
    found = await store.fs("main")
    assert (found.commit_hash, found.ref_name, found.writable) == (fs.commit_hash, "main", True)
    assert (await found.write("b", b"2")).commit_hash == await tip(store)


async def test_tag_is_found_read_only(store):
    fs = await main(store)
    await store.tags.set("v1", fs)
    found = await store.fs("v1")
    assert (found.commit_hash, found.ref_name, found.writable) == (fs.commit_hash, "v1", False)


async def test_commit_is_found_detached_by_its_full_id(store):
    first = await main(store)
    await first.write("a", b"1")
    found = await store.fs(first.commit_hash)
    assert (found.commit_hash, found.ref_name, found.writable) == (first.commit_hash, None, False)
    assert repr(found) == f"FS(commit={first.commit_hash[:7]}, readonly)"


async def test_commit_is_found_by_every_unambiguous_beginning_of_its_id(store):
    fs = await (await main(store)).write("a", b"1")
    for length in (12, 20, 39, 40):
        assert (await store.fs(fs.commit_hash[:length])).commit_hash == fs.commit_hash
    await store.pack()
    assert (await store.fs(fs.commit_hash[:12])).commit_hash == fs.commit_hash


async def test_branch_beats_tag_and_both_beat_ids(store):
    first = await main(store)
    second = await first.write("a", b"1")
    await store.branches.set("same", first)
    await store.tags.set("same", second)
    assert (await store.fs("same")).commit_hash == first.commit_hash
    assert (await store.fs("same")).writable
    await store.branches.set(second.commit_hash, first)
    assert (await store.fs(second.commit_hash)).commit_hash == first.commit_hash
    await store.tags.set(first.commit_hash[:10], second)
    assert (await store.fs(first.commit_hash[:10])).commit_hash == second.commit_hash


async def test_back_counts_from_what_was_found(store):
    first = await main(store)
    second = await first.write("a", b"1")
    third = await second.write("a", b"2")
    await store.tags.set("v1", third)
    assert (await store.fs("main", back=0)).commit_hash == third.commit_hash
    found = await store.fs("main", back=2)
    assert (found.commit_hash, found.ref_name, found.writable) == (first.commit_hash, "main", True)
    assert (await store.fs("v1", back=1)).commit_hash == second.commit_hash
    assert (await store.fs(third.commit_hash, back=1)).ref_name is None
    with pytest.raises(ValueError, match="history too short"):
        await store.fs("main", back=3)
    with pytest.raises(ValueError, match="n >= 0"):
        await store.fs("main", back=-1)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nope",
        "a b",
        "refs/heads/main",
        "heads/main",
        "HEAD",
        "@",
        "main~1",
        "main^",
        "main@{0}",
        ":/a",
        MISSING,
        "1212121",
        "12",
        "\ud800",
        "n" * 300,
        "a\0b",
        "../main",
    ],
)
async def test_unknown_name_is_a_key_error_that_names_it(store, name):
    with pytest.raises(KeyError, match="ref not found") as caught:
        await store.fs(name)
    assert isinstance(caught.value, RefNotFoundError)
    assert repr(name) in str(caught.value)


async def test_uppercase_ids_are_not_understood(store):
    fs = await main(store)
    while fs.commit_hash.upper() == fs.commit_hash:
        fs = await fs.write("x", fs.commit_hash.encode())
    with pytest.raises(KeyError, match="ref not found"):
        await store.fs(fs.commit_hash.upper())


async def test_id_of_something_else_is_no_commit(store):
    fs = await (await main(store)).write("d/a", b"1")
    for oid in (fs.tree_hash, await fs.object_hash("d/a"), await fs.object_hash("d")):
        with pytest.raises(KeyError, match="not a commit"):
            await store.fs(oid)
    with pytest.raises(KeyError, match="not a commit"):
        await store.fs((await fs.object_hash("d/a"))[:20])


@pytest.mark.parametrize("value", [None, 1, b"main", ["main"]])
async def test_what_is_no_text_is_a_type_error(store, value):
    with pytest.raises(TypeError):
        await store.fs(value)


async def test_ambiguous_beginning_is_a_value_error_that_lists_what_it_could_be(store):
    fs = await main(store)
    beginnings = {}
    for number in range(2000):
        commit = (await fs.squash(message=f"{number}")).commit_hash
        other = beginnings.setdefault(commit[:4], commit)
        if other != commit:
            break
    else:
        pytest.fail("no two of 2000 commits begin alike")
    with pytest.raises(ValueError, match="ambiguous") as caught:
        await store.fs(commit[:4])
    assert commit[:8] in str(caught.value)
    assert other[:8] in str(caught.value)
    assert (await store.fs(commit[:30])).commit_hash == commit


async def test_blob_of_the_same_beginning_does_not_make_a_commit_ambiguous(store):
    fs = await main(store)
    by_beginning = {}
    async with fs.batch() as batch:
        for number in range(1500):
            await batch.write(f"{number}", b"%d" % number)
    for path in await batch.fs.ls():
        by_beginning.setdefault((await batch.fs.object_hash(path))[:4], path)
    for number in range(2000):
        commit = (await fs.squash(message=f"{number}")).commit_hash
        if commit[:4] in by_beginning:
            break
    else:
        pytest.fail("no commit begins like a blob")
    assert (await store.fs(commit[:4])).commit_hash == commit


async def test_id_of_an_annotated_tag_is_peeled(disk_store, repo, git):
    fs = await main(disk_store)
    git(repo, "tag", "-a", "-m", "one", "v1", "main")
    oid = git(repo, "rev-parse", "v1")
    assert oid != fs.commit_hash
    assert (await disk_store.fs(oid)).commit_hash == fs.commit_hash
    assert (await disk_store.fs(oid[:12])).commit_hash == fs.commit_hash
    assert (await disk_store.fs("v1")).ref_name == "v1"


# --- read_by_hash and has_hash


async def test_blob_is_read_by_its_id(store):
    fs = await (await main(store)).write("a", b"0123456789")
    oid = await fs.object_hash("a")
    for reader in (store, fs):
        for spelling in (oid, oid.encode(), BlobOid(oid.encode())):
            assert await reader.read_by_hash(spelling) == b"0123456789"
            assert await reader.read_by_hash(spelling, offset=3) == b"3456789"
            assert await reader.read_by_hash(spelling, offset=3, size=4) == b"3456"
            assert await reader.read_by_hash(spelling, size=0) == b""
            assert await reader.read_by_hash(spelling, offset=10) == b""
            assert await reader.read_by_hash(spelling, offset=99, size=5) == b""
            assert await reader.read_by_hash(spelling, offset=8, size=99) == b"89"


async def test_blob_of_another_branch_is_read_by_its_id(store):
    dev = await (await store.branches.set("dev", await main(store))).write("x", b"elsewhere")
    oid = await dev.object_hash("x")
    assert await (await main(store)).read_by_hash(oid) == b"elsewhere"
    await store.branches.delete("dev")
    assert await store.read_by_hash(oid) == b"elsewhere"


async def test_missing_id_is_a_key_error(store):
    fs = await main(store)
    for reader in (store, fs):
        for spelling in (MISSING, MISSING.encode()):
            with pytest.raises(KeyError, match=MISSING) as caught:
                await reader.read_by_hash(spelling)
            assert isinstance(caught.value, ObjectNotFoundError)
            with pytest.raises(KeyError):
                await reader.read_by_hash(spelling, offset=1, size=1)


async def test_id_of_no_blob_is_a_value_error(store):
    fs = await (await main(store)).write("d/a", b"1")
    for oid in (fs.tree_hash, fs.commit_hash, await fs.object_hash("d")):
        with pytest.raises(ValueError, match=oid):
            await store.read_by_hash(oid)
        with pytest.raises(ValueError):
            await fs.read_by_hash(oid, offset=0, size=1)


@pytest.mark.parametrize("value", MALFORMED)
async def test_malformed_id_is_a_value_error(store, value):
    with pytest.raises(ValueError):
        await store.read_by_hash(value)
    with pytest.raises(ValueError):
        await store.read_by_hash(value.encode())
    assert await store.has_hash(value) is False
    assert await store.has_hash(value.encode()) is False


@pytest.mark.parametrize("value", [None, 1, 1.5, ["1" * 40]])
async def test_id_of_a_wrong_type_is_a_type_error(store, value):
    with pytest.raises(TypeError):
        await store.read_by_hash(value)


@pytest.mark.parametrize("arguments", [{"offset": -1}, {"size": -1}, {"offset": -1, "size": -2}])
async def test_negative_offset_or_size_is_a_value_error(store, arguments):
    fs = await (await main(store)).write("a", b"0123")
    oid = await fs.object_hash("a")
    for reader in (store, fs):
        with pytest.raises(ValueError, match=r"offset|size"):
            await reader.read_by_hash(oid, **arguments)


async def test_has_hash_is_true_of_blobs_only(store):
    fs = await (await main(store)).write("d/a", b"1")
    assert await store.has_hash(await fs.object_hash("d/a")) is True
    assert await store.has_hash((await fs.object_hash("d/a")).encode()) is True
    for oid in (fs.tree_hash, fs.commit_hash, await fs.object_hash("d"), MISSING):
        assert await store.has_hash(oid) is False
    await store.gc()
    assert await store.has_hash(await fs.object_hash("d/a")) is True


async def test_blob_that_another_handle_wrote_is_found(face, disk_store, repo):
    other = await face.GitStore.open(repo)
    assert not await other.has_hash(MISSING)
    fs = await (await main(disk_store)).write("a", b"new")
    assert await other.has_hash(await fs.object_hash("a"))
    assert await other.read_by_hash(await fs.object_hash("a")) == b"new"
    assert (await other.fs(fs.commit_hash[:16])).commit_hash == fs.commit_hash
