"""Writing single files: contract sections 9 and 9.1 (rules 1 to 6), 15 (messages), 22.2."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import PurePosixPath

import pytest

from tests.support.faces import collect
from tests.support.snapshots import changed, contents, tip, types
from vost import (
    BlobOid,
    ChangeReport,
    FileEntry,
    FileType,
    ReadOnlySnapshotError,
    StaleSnapshotError,
)

BIG = os.urandom(700_000) * 3  # 2.1 MB: streamed
EVERY_WRITE = [
    "write",
    "write_text",
    "write_from_file",
    "write_symlink",
    "apply",
    "batch",
    "writer",
]


async def main(store):
    return await store.branches["main"]


@pytest.fixture
def local(tmp_path):
    """Give the test a small file on disk."""
    path = tmp_path / "local.txt"
    path.write_bytes(b"from disk")
    return path


async def branches(store):
    """Yield each of EVERY_WRITE with the snapshot of a new branch of its own."""
    for way in EVERY_WRITE:
        yield way, await store.branches.create(way)


async def write_somehow(fs, way, path, local):
    """Write `path` by one of EVERY_WRITE and return the new snapshot."""
    if way == "write":
        return await fs.write(path, b"1")
    if way == "write_text":
        return await fs.write_text(path, "1")
    if way == "write_from_file":
        return await fs.write_from_file(path, local)
    if way == "write_symlink":
        return await fs.write_symlink(path, "target")
    if way == "apply":
        return await fs.apply({path: b"1"})
    if way == "batch":
        async with fs.batch() as batch:
            await batch.write(path, b"1")
        return batch.fs
    async with fs.writer(path) as writer:
        await writer.write(b"1")
    return writer.fs


# --- one commit, a new snapshot


async def test_a_write_is_one_commit_on_the_snapshot(store, local):
    async for way, before in branches(store):
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


# --- rule 1: read-only snapshots


async def read_only_snapshots(face, store):
    fs = await main(store)
    tag = await store.tags.set("v1", fs)
    return [(tag, "(ref 'v1')"), (face.FS(store, fs.commit_hash.encode()), "read-only snapshot")]


async def test_read_only_snapshots_refuse_every_write_and_name_the_ref(face, store, local):
    snapshots = await read_only_snapshots(face, store)
    for way, (fs, words) in itertools.product(EVERY_WRITE, snapshots):
        with pytest.raises(PermissionError, match="read-only") as caught:
            await write_somehow(fs, way, "f", local)
        assert words in str(caught.value)
        assert isinstance(caught.value, ReadOnlySnapshotError)


async def test_the_message_says_what_was_tried(face, store):
    tag = (await read_only_snapshots(face, store))[0][0]
    with pytest.raises(PermissionError) as caught:
        await tag.write("f", b"")
    assert str(caught.value) == "Cannot write to read-only snapshot (ref 'v1')"
    with pytest.raises(PermissionError) as caught:
        tag.batch()
    assert str(caught.value) == "Cannot batch on read-only snapshot (ref 'v1')"
    for move in (tag.undo, tag.redo):
        with pytest.raises(PermissionError, match=r"(undo|redo) on read-only snapshot"):
            await move()


async def test_read_only_is_checked_before_every_argument(face, store):
    """D29: nothing is stored, and no other error comes first."""
    for fs, _ in await read_only_snapshots(face, store):
        for call in (
            lambda fs=fs: fs.write("a\0", 5, mode="x", message="{"),
            lambda fs=fs: fs.write_text("..", 5),
            lambda fs=fs: fs.write_from_file("f", "/no/such/file"),
            lambda fs=fs: fs.write_symlink("", None),
            lambda fs=fs: fs.apply({"f": object(), "g": "x"}),
            lambda fs=fs: fs.apply(5),
            lambda fs=fs: fs.apply(),
            lambda fs=fs: fs.remove("missing"),
            lambda fs=fs: fs.remove([]),
        ):
            with pytest.raises(PermissionError):
                await call()
        for call in (
            lambda fs=fs: fs.writer("..", "nope"),
            lambda fs=fs: fs.batch("{"),
        ):
            with pytest.raises(PermissionError):
                call()


async def test_read_only_writes_store_nothing(face, disk_store, repo, git, local):
    """D29: the content must not be hashed into the repository either."""
    local.write_bytes(b"unheard-of content")
    for fs, _ in await read_only_snapshots(face, disk_store):
        before = git(repo, "count-objects", "-v")
        for call in (
            lambda fs=fs: fs.write("f", b"unheard-of content"),
            lambda fs=fs: fs.write_from_file("f", local),
            lambda fs=fs: fs.apply({"f": b"unheard-of content"}),
        ):
            with pytest.raises(PermissionError):
                await call()
        assert git(repo, "count-objects", "-v") == before


# --- rule 2: stale snapshots


async def test_a_stale_snapshot_is_refused(store, local):
    async for way, old in branches(store):
        new = await old.write("other", b"")
        log = await store.branches.reflog(way)
        with pytest.raises(StaleSnapshotError, match="advanced"):
            await write_somehow(old, way, "f", local)
        assert await tip(store, way) == new.commit_hash
        assert await store.branches.reflog(way) == log


async def test_writing_to_a_deleted_branch_is_a_key_error(store, local):
    async for way, fs in branches(store):
        await store.branches.delete(way)
        with pytest.raises(KeyError, match=way):
            await write_somehow(fs, way, "f", local)
        assert not await store.branches.contains(way)


async def test_a_snapshot_is_valid_again_when_the_branch_is_back_at_its_commit(store):
    """Only the identity of the tip is checked."""
    old = await main(store)
    new = await old.write("a", b"1")
    with pytest.raises(StaleSnapshotError):
        await old.write("b", b"2")
    await store.branches.set("main", old)
    fs = await old.write("b", b"2")
    assert await contents(fs) == {"b": b"2"}
    assert (await fs.parent).commit_hash == old.commit_hash
    with pytest.raises(StaleSnapshotError):
        await new.write("c", b"3")


async def test_the_parent_of_a_tip_is_stale_but_writable(store):
    fs = await (await main(store)).write("a", b"1")
    parent = await fs.parent
    assert parent.writable
    with pytest.raises(StaleSnapshotError, match="advanced"):
        await parent.write("b", b"1")
    await fs.undo()
    assert (await parent.write("b", b"1")).message == "+ b"


async def test_a_rejected_write_makes_no_commit_object(disk_store, repo, git):
    old = await main(disk_store)
    await old.write("a", b"1")
    with pytest.raises(StaleSnapshotError):
        await old.write("b", b"2")
    listed = git(repo, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
    assert listed.split().count("commit") == 2


async def test_a_commit_by_git_makes_a_snapshot_stale(disk_store, repo, git):
    fs = await main(disk_store)
    tree = git(repo, "rev-parse", "main^{tree}")
    made = git(repo, "commit-tree", tree, "-p", "main", "-m", "by git")
    git(repo, "update-ref", "refs/heads/main", made)
    with pytest.raises(StaleSnapshotError):
        await fs.write("a", b"1")
    assert await tip(disk_store) == made
    assert (await (await main(disk_store)).write("a", b"1")).message == "+ a"


# --- rule 3: what changes nothing


async def test_a_write_that_changes_nothing_returns_the_same_snapshot(store, local):
    async for way, before in branches(store):
        fs = await write_somehow(before, way, "d/f", local)
        log = await store.branches.reflog(way)
        again = await write_somehow(fs, way, "d/f", local)
        assert again is fs
        assert again.commit_hash == await tip(store, way)
        assert await store.branches.reflog(way) == log


async def test_a_write_that_changes_nothing_is_refused_on_a_stale_snapshot(store, local):
    async for way, before in branches(store):
        fs = await write_somehow(before, way, "d/f", local)
        await fs.write("other", b"")
        with pytest.raises(StaleSnapshotError):
            await write_somehow(fs, way, "d/f", local)


async def test_a_no_op_keeps_the_receiver_and_its_changes(store):
    fs = await (await main(store)).write("a", b"1")
    report = fs.changes
    assert (await fs.write("a", b"1", message="unused", parents=[])).changes is report
    other = await store.branches.set("other", fs)
    # A further parent alone makes no commit either.
    assert await fs.write("a", b"1", parents=[await other.write("x", b"")]) is fs


async def test_a_change_of_mode_alone_is_a_change(store):
    fs = await (await main(store)).write("a", b"1")
    executable = await fs.write("a", b"1", mode=FileType.EXECUTABLE)
    assert executable.message == "~ a (executable)"
    assert executable.changes == ChangeReport(update=[FileEntry("a", FileType.EXECUTABLE)])
    link = await executable.write_symlink("a", "1")
    assert link.message == "~ a (link)"


# --- rule 4: directories come and go


async def test_parent_directories_appear_as_needed(store):
    fs = await (await main(store)).write("a/b/c/d", b"1")
    assert await fs.ls() == ["a"]
    assert await fs.ls("a/b") == ["c"]


async def test_empty_directories_vanish_up_to_the_root(store):
    fs = await (await main(store)).write("a/b/c/d", b"1")
    fs = await fs.write("a/x", b"1")
    fs = await fs.remove("a/b/c/d")
    assert await fs.ls("a") == ["x"]
    assert not await fs.exists("a/b")
    fs = await fs.remove("a/x")
    assert await fs.ls() == []
    assert fs.tree_hash == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert (await fs.write("again", b"1")).message == "+ again"


# --- messages (section 15) and operation


async def test_automatic_messages_of_one_change(store):
    fs = await main(store)
    fs = await fs.write("d/f", b"1")
    assert fs.message == "+ d/f"
    fs = await fs.write("d/f", b"2")
    assert fs.message == "~ d/f"
    fs = await fs.remove("d/f")
    assert fs.message == "- d/f"
    fs = await fs.write("run", b"", mode=FileType.EXECUTABLE)
    assert fs.message == "+ run (executable)"
    fs = await fs.write_symlink("ln", "x")
    assert fs.message == "+ ln (link)"
    fs = await fs.remove("run")
    assert fs.message == "- run"


async def test_an_empty_message_asks_for_the_automatic_one(store):
    fs = await main(store)
    for index, message in enumerate((None, "")):
        fs = await fs.write(str(index), b"", message=message)
        assert fs.message == f"+ {index}"


async def test_placeholders_of_a_message_are_replaced(store):
    fs = await (await main(store)).apply({"a": b"", "b": b"", "c": b""})
    template = "{op}|{default}|+{add_count} ~{update_count} -{delete_count} ={total_count}"
    fs = await fs.apply({"a": b"2", "n": b""}, ["b", "c"], message=template, operation="import")
    assert fs.message == "import|Batch import: +1 ~1 -2|+1 ~1 -2 =4"
    fs = await fs.write("{x}", b"", message="{op}|{default}")
    assert fs.message == "|+ {x}"
    fs = await fs.write("y", b"", message="{{x}} {add_count}")
    assert fs.message == "{x} 1"


async def test_a_message_without_an_opening_brace_is_taken_verbatim(store):
    fs = await (await main(store)).write("a", b"", message="50% }} done \\n %s")
    assert fs.message == "50% }} done \\n %s"


async def test_bad_messages_are_refused_before_anything_is_stored(disk_store, repo, git):
    """D25: and no attribute of a number can be reached."""
    fs = await main(disk_store)
    before = git(repo, "count-objects", "-v")
    for message, error in (
        ("{unknown}", KeyError),
        ("{add_count.real}", KeyError),
        ("{0}", KeyError),
        ("{}", KeyError),
        ("{add_count!r}", KeyError),
        ("{", ValueError),
        ('{"json": [1, 2', ValueError),
        ("{add_count}}", ValueError),
        ("a\0b", ValueError),
        (b"bytes", TypeError),
        (5, TypeError),
    ):
        for call in (
            lambda message=message: fs.write("f", b"unheard-of", message=message),
            lambda message=message: fs.apply({"f": b"unheard-of"}, message=message),
            lambda message=message: fs.write_symlink("f", "unheard-of", message=message),
        ):
            with pytest.raises(error):
                await call()
        with pytest.raises(error):
            fs.batch(message)
    assert git(repo, "count-objects", "-v") == before
    assert await tip(disk_store) == fs.commit_hash


# --- parents (22.2)


@pytest.mark.parametrize(
    "way",
    [
        "write",
        "write_text",
        "write_from_file",
        "write_symlink",
        "apply",
        "batch",
        "remove",
        "retry_write",
    ],
)
async def test_further_parents_are_recorded_in_order(face, disk_store, repo, git, way, local):
    fs = await (await main(disk_store)).write("old", b"1")
    one = await (await disk_store.branches.set("one", fs)).write("1", b"")
    two = await (await disk_store.branches.set("two", fs)).write("2", b"")
    parents = [two, one]
    if way == "batch":
        async with fs.batch(parents=parents) as batch:
            await batch.write("f", b"")
        merged = batch.fs
    elif way == "retry_write":
        merged = await face.retry_write(disk_store, "main", "f", b"", parents=parents)
    else:
        merged = await {
            "write": lambda: fs.write("f", b"", parents=parents),
            "write_text": lambda: fs.write_text("f", "", parents=parents),
            "write_from_file": lambda: fs.write_from_file("f", local, parents=parents),
            "write_symlink": lambda: fs.write_symlink("f", "x", parents=parents),
            "apply": lambda: fs.apply({"f": b""}, parents=parents),
            "remove": lambda: fs.remove("old", parents=parents),
        }[way]()
    expected = [fs.commit_hash, two.commit_hash, one.commit_hash]
    assert git(repo, "log", "-1", "--format=%P", "main").split() == expected
    assert not await merged.exists("1")
    assert [entry.commit_hash for entry in await collect(merged.log())][1] == fs.commit_hash
    assert (await merged.parent).commit_hash == (await merged.back()).commit_hash == expected[0]


async def test_repeated_parents_are_recorded_once(disk_store, repo, git):
    fs = await main(disk_store)
    other = await (await disk_store.branches.set("other", fs)).write("x", b"")
    await fs.write("f", b"", parents=[other, fs, other, await disk_store.branches["other"]])
    expected = [fs.commit_hash, other.commit_hash]
    assert git(repo, "log", "-1", "--format=%P", "main").split() == expected


async def test_parents_of_another_store_are_refused(face, store):
    fs = await main(store)
    stranger = await main(await face.GitStore.memory())
    for call in (
        lambda: fs.write("f", b"", parents=[stranger]),
        lambda: fs.apply({"f": b""}, parents=[stranger]),
        lambda: fs.remove("f", parents=[stranger]),
        lambda: face.retry_write(store, "main", "f", b"", parents=[stranger]),
    ):
        with pytest.raises(ValueError, match="same repo"):
            await call()
    with pytest.raises(ValueError, match="same repo"):
        fs.batch(parents=[stranger])
    for wrong in (["main"], [None]):
        with pytest.raises(TypeError):
            await fs.write("f", b"", parents=wrong)
    assert await tip(store) == fs.commit_hash


async def test_read_only_and_historical_snapshots_may_be_parents(store):
    fs = await (await main(store)).write("a", b"1")
    tag = await store.tags.set("v1", fs)
    fs = await fs.write("b", b"2")
    merged = await fs.write("c", b"3", parents=[tag])
    assert await contents(merged) == {"a": b"1", "b": b"2", "c": b"3"}


# --- paths


async def test_paths_are_normalised_and_may_be_path_objects(store, local):
    async for way, fs in branches(store):
        for path in ("/d/f/", "d/./f", PurePosixPath("d/f")):
            fs = await write_somehow(fs, way, path, local)
            assert await fs.ls(recursive=True) == ["d/f"]
        assert len(await collect(fs.log())) == 2
