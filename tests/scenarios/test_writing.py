"""Writing files: contract section 9, with 2.2 and 2.3 for what a write leaves behind."""

from __future__ import annotations

import os
import socket
from pathlib import PurePosixPath

import pytest

from tests.support.faces import collect
from tests.support.snapshots import changed, contents, tip, types
from tests.support.writes import branch_for_each_way, write_somehow
from vost import (
    BlobOid,
    ChangeReport,
    FileEntry,
    FileType,
)

BIG = os.urandom(700_000) * 3  # 2.1 MB: streamed


async def main(store):
    return await store.branches["main"]


@pytest.fixture
def local(tmp_path):
    """Give the test a small file on disk."""
    path = tmp_path / "local.txt"
    path.write_bytes(b"from disk")
    return path


# --- one commit, a new snapshot


async def test_a_write_is_one_commit_on_the_snapshot(store, local):
    async for way, before in branch_for_each_way(store):
        after = await write_somehow(before, way, "d/f", local)
        assert after.commit_hash == await tip(store, way)
        assert (await after.parent).commit_hash == before.commit_hash
        assert len(await collect(after.log())) == 2
        assert (after.ref_name, after.writable) == (way, True)
        assert await after.ls("d") == ["f"]
        assert await before.ls() == []
        assert before.changes is None
        expected = FileType.LINK if way == "write_symlink" else FileType.BLOB
        assert after.changes == ChangeReport(add=[FileEntry("d/f", expected)])


async def test_git_sees_the_commit_with_its_header_and_message(disk_store, repo, git):
    fs = await (await main(disk_store)).write("d/f", b"1", message="Première ligne\n\nCorps")
    raw = git.raw(repo, "cat-file", "commit", "main").decode()
    stamp = int(fs.time.timestamp())
    parent = (await fs.parent).commit_hash
    assert raw == (
        f"tree {fs.tree_hash}\n"
        f"parent {parent}\n"
        f"author vost <vost@localhost> {stamp} +0000\n"
        f"committer vost <vost@localhost> {stamp} +0000\n"
        "encoding UTF-8\n"
        "\n"
        "Première ligne\n\nCorps\n"
    )
    assert git(repo, "show", "main:d/f") == "1"


async def test_one_newline_is_appended_unless_there_is_one(disk_store, repo, git):
    fs = await main(disk_store)
    for message, stored in (("x", "x\n"), ("x\n", "x\n"), ("x\n\n", "x\n\n")):
        fs = await fs.write("f", message.encode(), message=message)
        raw = git.raw(repo, "cat-file", "commit", fs.commit_hash).decode()
        assert raw.partition("\n\n")[2] == stored
        fs = await fs.write("f", b"")


async def test_the_reflog_has_a_line_for_each_commit(store):
    fs = await main(store)
    first = await fs.write("a", b"1")
    second = await first.write("a", b"2", message="two\nlines")
    entries = await store.branches.reflog("main")
    assert [(entry.old_sha, entry.new_sha) for entry in entries] == [
        (fs.commit_hash, first.commit_hash),
        (first.commit_hash, second.commit_hash),
    ]
    assert entries[0].message == "commit: + a"
    assert entries[1].message == "commit: two lines"
    assert entries[0].committer == "vost <vost@localhost>"


async def test_snapshots_are_independent_of_each_other(store):
    one = await (await main(store)).write("a", b"1")
    two = await one.write("a", b"2")
    three = await two.write("b", b"3")
    assert [await contents(fs) for fs in (one, two, three)] == [
        {"a": b"1"},
        {"a": b"2"},
        {"a": b"2", "b": b"3"},
    ]


# --- content


async def test_bytes_like_data_is_taken_wherever_bytes_are(store):
    fs = await main(store)
    array = memoryview(bytearray(b"..data..")).cast("B")[2:6]
    strided = memoryview(b"d-a-t-a-")[::2]
    for data in (b"data", bytearray(b"data"), memoryview(b"data"), array, strided):
        fs = await fs.write("f", data)
        assert await fs.read("f") == b"data"
        async with fs.batch() as batch:
            await batch.write("g", data)
        assert await batch.fs.read("g") == b"data"
        assert (await batch.fs.apply({"h": data})).changes is not None
        fs = await store.branches["main"]
        assert await fs.read("h") == b"data"
        fs = await fs.remove(["f", "g", "h"])


async def test_what_is_written_is_what_the_data_was_at_the_call(store):
    """A buffer that the caller goes on to use must not change what is staged."""
    data = bytearray(b"before")
    batch = (await main(store)).batch()
    await batch.write("f", data)
    data[:] = b"after!"
    assert await (await batch.commit()).read("f") == b"before"


async def test_data_of_another_type_is_a_type_error(store):
    fs = await main(store)
    for data in ("text", 5, None, ["x"], object()):
        with pytest.raises(TypeError):
            await fs.write("f", data)
    for text in (b"bytes", 5, None):
        with pytest.raises(TypeError):
            await fs.write_text("f", text)
    assert await tip(store) == fs.commit_hash


async def test_text_is_encoded_and_its_line_ends_are_kept(store):
    fs = await (await main(store)).write_text("t", "é\r\nü\n")
    assert await fs.read("t") == "é\r\nü\n".encode()
    fs = await fs.write_text("t", "é", encoding="latin-1")
    assert await fs.read("t") == b"\xe9"
    with pytest.raises(UnicodeEncodeError):
        await fs.write_text("t", "€", encoding="ascii")
    assert await tip(store) == fs.commit_hash


async def test_content_of_every_size_comes_back(store, storage, repo, git):
    fs = await main(store)
    for size in (0, 1, 4095, 65536, (1 << 20) + 1, len(BIG)):
        fs = await fs.write("f", BIG[:size])
        assert await fs.read("f") == BIG[:size]
        assert await fs.size("f") == size
    if storage == "disk":
        assert git.raw(repo, "cat-file", "blob", "main:f") == BIG


# --- modes


async def test_modes_are_given_as_type_or_number(store):
    fs = await main(store)
    for mode, expected in (
        (FileType.EXECUTABLE, "executable"),
        (0o100755, "executable"),
        (FileType.BLOB, "blob"),
        (0o100644, "blob"),
        (FileType.LINK, "link"),
        (0o120000, "link"),
        (None, "blob"),
    ):
        fs = await fs.write("f", b"x", mode=mode)
        assert await types(fs) == {"f": expected}
        fs = await fs.write_text("t", "x", mode=mode)
        assert (await types(fs))["t"] == expected
        fs = await fs.remove(["f", "t"])


async def test_other_modes_are_refused(store):
    """D5: a directory entry must never point at a blob."""
    fs = await main(store)
    for mode in (FileType.TREE, 0o040000, 0o100664, 0o644, 0, -1, 0o160000, "blob", "755", 1.5):
        for call in (
            lambda mode=mode: fs.write("f", b"x", mode=mode),
            lambda mode=mode: fs.write_text("f", "x", mode=mode),
        ):
            with pytest.raises(ValueError, match="mode"):
                await call()
    assert await tip(store) == fs.commit_hash


async def test_rewriting_without_a_mode_makes_a_plain_file(store):
    fs = await (await main(store)).write("f", b"x", mode=0o100755)
    assert fs.message == "+ f (executable)"
    fs = await fs.write("f", b"x")
    assert fs.message == "~ f"
    assert changed(fs.changes) == {"update": ["f"]}
    assert await fs.file_type("f") is FileType.BLOB


# --- files from disk


async def test_the_mode_of_a_local_file_comes_from_its_permissions(store, local):
    fs = await main(store)
    for bits, expected in (
        (0o644, "blob"),
        (0o700, "executable"),
        (0o610, "executable"),
        (0o601, "executable"),
        (0o600, "blob"),
    ):
        local.chmod(bits)
        fs = await fs.write_from_file("f", local)
        assert await types(fs) == {"f": expected}
    local.chmod(0o755)
    assert await types(await fs.write_from_file("g", local, mode=FileType.BLOB)) == {
        "f": "blob",
        "g": "blob",
    }
    local.chmod(0o644)
    fs = await (await main(store)).write_from_file("f", local, mode=0o100755)
    assert (await types(fs))["f"] == "executable"


async def test_local_files_of_every_size_are_stored_exactly(store, tmp_path):
    fs = await main(store)
    for size in (0, 1, 1 << 20, (1 << 20) + 1, len(BIG)):
        path = tmp_path / "big"
        path.write_bytes(BIG[:size])
        fs = await fs.write_from_file("f", str(path))
        assert await fs.read("f") == BIG[:size]


async def test_files_that_do_not_tell_their_size_are_stored_whole(store):
    """Files of the kernel say 0 bytes and have content."""
    fs = await (await main(store)).write_from_file("version", "/proc/version")
    with open("/proc/version", "rb") as file:
        assert await fs.read("version") == file.read() != b""


async def test_local_links_are_followed(store, local, tmp_path):
    (tmp_path / "ln").symlink_to(local)
    fs = await (await main(store)).write_from_file("f", tmp_path / "ln")
    assert await fs.read("f") == b"from disk"
    assert await fs.file_type("f") is FileType.BLOB


async def test_what_is_no_readable_local_file_is_refused(store, tmp_path):
    fs = await main(store)
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "fifo")
    server = socket.socket(socket.AF_UNIX)
    place = os.open(tmp_path, os.O_RDONLY)
    server.bind(f"/proc/self/fd/{place}/socket")  # the path of a socket must be short
    for name, error in (
        ("missing", FileNotFoundError),
        ("missing/x", FileNotFoundError),
        ("dangling", FileNotFoundError),
        (".", IsADirectoryError),
        ("fifo", OSError),
        ("socket", OSError),
    ):
        with pytest.raises(error):
            await fs.write_from_file("f", tmp_path / name)
        batch = fs.batch()
        with pytest.raises(error):
            await batch.write_from_file("f", tmp_path / name)
        with pytest.raises(error):
            await fs.apply({"f": tmp_path / name})
    with pytest.raises(TypeError):
        await fs.write_from_file("f", None)
    assert await tip(store) == fs.commit_hash
    server.close()
    os.close(place)


# --- links


async def test_links_hold_any_target(store, storage, repo, git):
    fs = await main(store)
    for target in ("no/where", "", "../out", "/abs", "a b", "é", "x" * 5000, "\udcff"):
        fs = await fs.write_symlink("ln", target)
        assert await fs.readlink("ln") == target
        assert await fs.file_type("ln") is FileType.LINK
    assert (await fs.write_symlink("p", PurePosixPath("a/b"))).message == "+ p (link)"
    if storage == "disk":
        assert git.raw(repo, "cat-file", "blob", "main:ln") == b"\xff"


async def test_targets_that_no_system_can_hold_are_refused(store):
    """D1: NUL in a target fails git fsck."""
    fs = await main(store)
    with pytest.raises(ValueError, match="NUL"):
        await fs.write_symlink("ln", "a\0b")
    with pytest.raises(ValueError, match="NUL"):
        await fs.write("ln", b"a\0b", mode=FileType.LINK)
    for target in (None, 5, b"bytes"):
        with pytest.raises(TypeError):
            await fs.write_symlink("ln", target)
    assert await tip(store) == fs.commit_hash


# --- blobs that are stored already (D4)


async def test_a_blob_id_of_the_repository_stands_for_its_content(store):
    fs = await (await main(store)).write("a", b"content")
    oid = BlobOid((await fs.object_hash("a")).encode())
    fs = await fs.write("b", oid, mode=FileType.EXECUTABLE)
    assert await fs.read("b") == b"content"
    assert await fs.file_type("b") is FileType.EXECUTABLE
    async with fs.batch() as batch:
        await batch.write("c", oid)
    fs = await batch.fs.apply({"d": oid})
    assert await fs.read_many("bcd") == [b"content"] * 3


async def test_an_entry_of_a_listing_can_be_written_again(store):
    fs = await (await main(store)).write("a", b"content")
    entry = (await fs.listdir())[0]
    assert await (await fs.write("b", BlobOid(entry.oid))).read("b") == b"content"


async def test_a_blob_id_that_names_no_blob_is_refused(store):
    """D4: nothing dangling is ever committed."""
    fs = await (await main(store)).write("d/a", b"content")
    for oid, error in (
        (b"0" * 40, KeyError),
        (b"1" * 40, KeyError),
        (fs.tree_hash.encode(), ValueError),
        (fs.commit_hash.encode(), ValueError),
        ((await fs.object_hash("d")).encode(), ValueError),
        (b"short", ValueError),
        (b"", ValueError),
        (b"Z" * 40, ValueError),
    ):
        with pytest.raises(error):
            await fs.write("f", BlobOid(oid))
        with pytest.raises(error):
            await fs.apply({"f": BlobOid(oid)})
        with pytest.raises(error):
            async with fs.batch() as batch:
                await batch.write("f", BlobOid(oid))
    assert await tip(store) == fs.commit_hash


# --- paths


async def test_paths_are_normalised_and_may_be_path_objects(store, local):
    async for way, fs in branch_for_each_way(store):
        for path in ("/d/f/", "d/./f", PurePosixPath("d/f")):
            fs = await write_somehow(fs, way, path, local)
            assert await fs.ls(recursive=True) == ["d/f"]
        assert len(await collect(fs.log())) == 2
