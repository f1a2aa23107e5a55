"""Reading: contract sections 3 (root and spelling of paths), 7 and 22.2 (`ls(recursive=)`)."""

from __future__ import annotations

import copy
import pickle
import random
from pathlib import Path, PurePosixPath

import pytest

from tests.support.faces import collect
from tests.support.snapshots import contents
from vost import BlobOid, FileType, StatResult, WalkEntry

BLOB_HELLO = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"  # of b"hello"


async def populated(store):
    """Write one of everything: the tree order differs from sorted names on purpose."""
    fs = await store.branches["main"]
    async with fs.batch() as batch:
        await batch.write("f.txt", b"hello")
        await batch.write("run", b"#!/bin/sh\n", mode=FileType.EXECUTABLE)
        await batch.write_symlink("link", "d/x")
        await batch.write_symlink("dangling", "no/where")
        await batch.write("d/x", b"x")
        await batch.write("d/sub/deep.txt", b"deep")
        await batch.write("d.txt", b"sorts before the directory d")
        await batch.write(".hidden", b"")
    return batch.fs


# --- section 7: files


async def test_read_returns_all_bytes(store):
    fs = await populated(store)
    assert await fs.read("f.txt") == b"hello"
    assert await fs.read(".hidden") == b""
    assert await fs.read("d/sub/deep.txt") == b"deep"


async def test_read_returns_the_slice_that_is_asked_for(store):
    data = bytes(range(256)) * 5000  # larger than what is read at once from a loose object
    fs = await (await store.branches["main"]).write("big", data)
    for offset in (0, 1, 255, 70_000, len(data) - 1, len(data), len(data) + 9):
        for size in (None, 0, 1, 100_000, len(data) * 2):
            end = None if size is None else offset + size
            assert await fs.read("big", offset=offset, size=size) == data[offset:end]
    assert await fs.read("big", size=3) == data[:3]


async def test_read_refuses_negative_numbers(store):
    fs = await populated(store)
    for arguments in ({"offset": -1}, {"size": -1}, {"offset": -2, "size": 2}):
        with pytest.raises(ValueError, match=">= 0"):
            await fs.read("f.txt", **arguments)
        with pytest.raises(ValueError, match=">= 0"):
            await fs.read_by_hash(BLOB_HELLO, **arguments)


async def test_ranges_of_packed_files_are_read_too(disk_store):
    data = bytes(range(256)) * 500
    fs = await (await disk_store.branches["main"]).write("big", data)
    assert await disk_store.pack() > 0
    assert await fs.read("big", offset=1000, size=2000) == data[1000:3000]
    assert await fs.read("big", offset=len(data)) == b""
    assert await fs.read("big") == data


async def test_read_text_decodes_and_translates_nothing(store):
    fs = await (await store.branches["main"]).write("t", "é\r\nü\n".encode())
    assert await fs.read_text("t") == "é\r\nü\n"
    fs = await fs.write("latin", "é".encode("latin-1"))
    assert await fs.read_text("latin", "latin-1") == "é"
    assert await fs.read_text("latin", encoding="latin-1") == "é"
    with pytest.raises(UnicodeDecodeError):
        await fs.read_text("latin")
    with pytest.raises(LookupError):
        await fs.read_text("t", "no-such-encoding")


async def test_links_are_read_as_their_target_and_never_followed(store):
    fs = await populated(store)
    assert await fs.read("link") == b"d/x"
    assert await fs.readlink("link") == "d/x"
    assert await fs.readlink("dangling") == "no/where"
    fs = await fs.write_symlink("dirlink", "d")
    with pytest.raises(NotADirectoryError):
        await fs.read("dirlink/x")
    assert not await fs.exists("dirlink/x")


async def test_the_three_kinds_of_failed_reads_name_the_path(store):
    fs = await populated(store)
    for path, error in (
        ("missing", FileNotFoundError),
        ("d/missing", FileNotFoundError),
        ("missing/x", FileNotFoundError),
        ("f.txt/x", NotADirectoryError),
        ("d/x/y/z", NotADirectoryError),
        ("d", IsADirectoryError),
        ("d/sub/", IsADirectoryError),
    ):
        name = path.rstrip("/").split("/")[0]
        for call in (
            lambda path=path: fs.read(path),
            lambda path=path: fs.read(path, offset=1, size=1),
            lambda path=path: fs.read_text(path),
            lambda path=path: fs.read_many(["f.txt", path]),
        ):
            with pytest.raises(error, match=name):
                await call()


async def test_read_many_returns_contents_in_the_order_of_the_paths(store):
    fs = await populated(store)
    expected = [b"deep", b"hello", b"d/x", b"hello"]
    paths = ["d/sub/deep.txt", "f.txt", "link", "f.txt"]
    assert await fs.read_many(paths) == expected
    assert await fs.read_many(path for path in paths) == expected
    assert await fs.read_many(PurePosixPath(path) for path in paths) == expected
    assert await fs.read_many([]) == []


async def test_readlink_wants_a_link(store):
    fs = await populated(store)
    for path in ("f.txt", "d", "run"):
        with pytest.raises(ValueError, match=path):
            await fs.readlink(path)
    for path in ("missing", "f.txt/x"):
        with pytest.raises(FileNotFoundError, match=r"missing|f.txt/x"):
            await fs.readlink(path)


async def test_read_by_hash_finds_blobs_by_full_id(store):
    fs = await populated(store)
    for key in (BLOB_HELLO, BLOB_HELLO.encode(), BlobOid(BLOB_HELLO.encode())):
        assert await fs.read_by_hash(key) == b"hello"
        assert await fs.read_by_hash(key, offset=1, size=3) == b"ell"
        assert await store.read_by_hash(key, offset=9) == b""
    assert await fs.object_hash("f.txt") == BLOB_HELLO


@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 1_500_000])
async def test_blobs_are_streamed_by_id_whole_and_in_part(store, size):
    content = random.Random(size).randbytes(size)
    fs = await store.branches["main"]
    fs = await fs.write("big", content)
    oid = await fs.object_hash("big")
    assert await store.size_by_hash(oid) == size
    pieces = await collect(store.stream_by_hash(oid))
    assert b"".join(pieces) == content
    assert all(0 < len(piece) <= 262_144 for piece in pieces)
    for offset, length in [(0, 0), (1, 5), (size - 1, None), (size // 2, size), (size + 9, None)]:
        if offset >= 0:
            part = await collect(store.stream_by_hash(oid, offset=offset, size=length))
            stop = None if length is None else offset + length
            assert b"".join(part) == content[offset:stop]


async def test_streaming_tells_missing_malformed_and_other_objects_apart(store):
    fs = await populated(store)
    for oid, error in [("0" * 40, KeyError), ("xyz", ValueError), (fs.tree_hash, ValueError)]:
        with pytest.raises(error):
            await collect(store.stream_by_hash(oid))
        with pytest.raises(error):
            await store.size_by_hash(oid)
    for arguments in ({"offset": -1}, {"size": -1}):
        with pytest.raises(ValueError, match="-1"):
            await collect(store.stream_by_hash(BLOB_HELLO, **arguments))


async def test_read_by_hash_tells_missing_malformed_and_other_objects_apart(store):
    """D31: KeyError for missing, ValueError for what is malformed or no blob."""
    fs = await populated(store)
    for reader in (fs.read_by_hash, store.read_by_hash):
        with pytest.raises(KeyError):
            await reader("0" * 40)
        for wrong in (fs.tree_hash, fs.commit_hash, BLOB_HELLO[:12], "", "x" * 40, b"\xff" * 40):
            with pytest.raises(ValueError):
                await reader(wrong)
        with pytest.raises(ValueError):
            await reader(BLOB_HELLO.upper())
        for wrong in (None, 5):
            with pytest.raises(TypeError):
                await reader(wrong)


async def test_has_hash_is_true_of_blobs_only(store):
    fs = await populated(store)
    assert await store.has_hash(BLOB_HELLO)
    assert await store.has_hash(BLOB_HELLO.encode())
    for other in (fs.tree_hash, fs.commit_hash, "0" * 40, BLOB_HELLO[:10], "", "zz", b"\xff"):
        assert not await store.has_hash(other)


# --- section 7: what is there


async def test_exists_and_is_dir(store):
    fs = await populated(store)
    for path in ("f.txt", "link", "dangling", "d", "d/sub", "d/sub/deep.txt", ".hidden"):
        assert await fs.exists(path), path
        assert await fs.is_dir(path) == (path in ("d", "d/sub")), path
    for path in ("missing", "d/missing", "f.txt/x", "link/x", "d/sub/deep.txt/x"):
        assert not await fs.exists(path), path
        assert not await fs.is_dir(path), path


async def test_file_type_and_object_hash(store, storage, repo, git):
    fs = await populated(store)
    expected = {
        "f.txt": FileType.BLOB,
        "run": FileType.EXECUTABLE,
        "link": FileType.LINK,
        "d": FileType.TREE,
        "d/sub": FileType.TREE,
    }
    for path, kind in expected.items():
        assert await fs.file_type(path) is kind
        if storage == "disk":
            assert await fs.object_hash(path) == git(repo, "rev-parse", f"main:{path}")
    for path in ("missing", "f.txt/x"):
        for question in (fs.file_type, fs.object_hash, fs.size, fs.stat):
            with pytest.raises(FileNotFoundError, match=path):
                await question(path)


async def test_size_is_that_of_the_raw_object(store, storage, repo, git):
    fs = await populated(store)
    assert await fs.size("f.txt") == 5
    assert await fs.size(".hidden") == 0
    assert await fs.size("link") == len("d/x")
    if storage == "disk":
        assert await fs.size("d") == int(git(repo, "cat-file", "-s", "main:d"))


async def test_stat_describes_files_links_and_directories(store):
    fs = await populated(store)
    mtime = fs.time.timestamp()
    assert await fs.stat("f.txt") == StatResult(
        0o100644, FileType.BLOB, 5, BLOB_HELLO, nlink=1, mtime=mtime
    )
    run = await fs.stat("run")
    assert (run.mode, run.file_type, run.nlink) == (0o100755, FileType.EXECUTABLE, 1)
    link = await fs.stat("link")
    assert (link.mode, link.file_type, link.size, link.nlink) == (0o120000, FileType.LINK, 3, 1)
    directory = await fs.stat("d")
    assert directory == StatResult(
        0o040000, FileType.TREE, 0, await fs.object_hash("d"), nlink=3, mtime=mtime
    )
    assert (await fs.stat("d/sub")).nlink == 2


async def test_the_mtime_is_that_of_the_snapshot_for_every_path(disk_store, repo, git):
    old = await populated(disk_store)
    stamp = git(repo, "log", "-1", "--format=%ct", "main")
    for path in (None, "f.txt", "d", "link"):
        mtime = (await old.stat(path)).mtime
        assert mtime == float(stamp)
        assert isinstance(mtime, float)


async def test_a_stat_result_is_frozen(store):
    result = await (await populated(store)).stat("f.txt")
    with pytest.raises(AttributeError):
        result.size = 0
    assert not hasattr(result, "__dict__")
    assert pickle.loads(pickle.dumps(result)) == copy.copy(result) == result


async def test_sizes_are_known_after_an_external_gc(disk_store, repo, git):
    """D34: pack positions must not be remembered across a repack."""
    fs = await populated(disk_store)
    assert await fs.size("f.txt") == 5
    git(repo, "gc", "--quiet")
    assert (await fs.stat("run")).size == len(b"#!/bin/sh\n")
    assert await fs.size("d/x") == 1
    git(repo, "repack", "-adf", "-q")
    assert await fs.size("d/sub/deep.txt") == 4
    assert await contents(fs) == await contents(await disk_store.branches["main"])


async def test_stat_and_size_do_not_read_the_content(disk_store):
    """D34: the size of a large file is in its header. Other tests bound the memory."""
    fs = await (await disk_store.branches["main"]).write("big", bytes(3 << 20))
    assert await fs.size("big") == (await fs.stat("big")).size == 3 << 20


# --- section 7: directories


async def test_ls_lists_names_in_git_s_order(store, storage, repo, git):
    fs = await populated(store)
    assert await fs.ls() == [".hidden", "d.txt", "d", "dangling", "f.txt", "link", "run"]
    assert await fs.ls("d") == ["sub", "x"]
    if storage == "disk":
        assert git(repo, "ls-tree", "--name-only", "main").splitlines() == await fs.ls()


async def test_listdir_gives_id_and_mode_of_each_entry(store):
    fs = await populated(store)
    entries = await fs.listdir()
    assert [entry.name for entry in entries] == await fs.ls()
    by_name = {entry.name: entry for entry in entries}
    assert by_name["f.txt"] == WalkEntry("f.txt", BLOB_HELLO.encode(), 0o100644)
    assert by_name["f.txt"].file_type is FileType.BLOB
    assert by_name["d"].mode == 0o040000
    assert by_name["d"].file_type is FileType.TREE
    assert by_name["d"].oid == (await fs.object_hash("d")).encode()
    assert by_name["run"].mode == 0o100755
    assert by_name["link"].file_type is FileType.LINK
    assert isinstance(entries[0], tuple)


async def test_walk_goes_top_down_depth_first_in_tree_order(store):
    fs = await populated(store)
    fs = await fs.apply({"d/aa/1": b"", "d/zz/2": b"", "e/3": b""})
    steps = await collect(fs.walk())
    assert [(where, dirs) for where, dirs, _ in steps] == [
        ("", ["d", "e"]),
        ("d", ["aa", "sub", "zz"]),
        ("d/aa", []),
        ("d/sub", []),
        ("d/zz", []),
        ("e", []),
    ]
    files = {where: [entry.name for entry in entries] for where, _, entries in steps}
    assert files[""] == [".hidden", "d.txt", "dangling", "f.txt", "link", "run"]
    assert files["d/sub"] == ["deep.txt"]
    assert all(isinstance(entry, WalkEntry) for _, _, entries in steps for entry in entries)


async def test_walk_of_a_directory_yields_full_paths(store):
    fs = await populated(store)
    assert [where for where, _, _ in await collect(fs.walk("d"))] == ["d", "d/sub"]
    assert [where for where, _, _ in await collect(fs.walk("d/sub/"))] == ["d/sub"]


async def test_pruning_the_names_that_walk_yields_has_no_effect(store):
    fs = await populated(store)
    seen = []
    async for where, dirs, _ in fs.walk():
        dirs.clear()
        seen.append(where)
    assert seen == ["", "d", "d/sub"]


async def test_walk_of_an_empty_branch_yields_the_root(store):
    fs = await store.branches["main"]
    assert await collect(fs.walk()) == [("", [], [])]


async def test_the_errors_of_walk_come_with_the_first_step(store):
    fs = await populated(store)
    for path, error in (
        ("missing", FileNotFoundError),
        ("f.txt", NotADirectoryError),
        ("..", ValueError),
    ):
        steps = fs.walk(path)
        with pytest.raises(error):
            await steps.__anext__()


async def test_listings_tell_missing_paths_from_files(store):
    fs = await populated(store)
    for listing in (fs.ls, fs.listdir, lambda path: fs.ls(path, recursive=True)):
        for path in ("missing", "d/missing"):
            with pytest.raises(FileNotFoundError, match="missing"):
                await listing(path)
        for path in ("f.txt", "d/x", "f.txt/x", "link"):
            with pytest.raises(NotADirectoryError, match=path.split("/", maxsplit=1)[0]):
                await listing(path)


async def test_recursive_ls_lists_files_and_links_in_walk_order(store):
    fs = await populated(store)
    assert await fs.ls(recursive=True) == [
        ".hidden",
        "d.txt",
        "dangling",
        "f.txt",
        "link",
        "run",
        "d/x",
        "d/sub/deep.txt",
    ]
    assert await fs.ls("d", recursive=True) == ["d/x", "d/sub/deep.txt"]
    walked = [
        f"{where}/{entry.name}".lstrip("/")
        for where, _, entries in await collect(fs.walk())
        for entry in entries
    ]
    assert walked == await fs.ls(recursive=True)
    assert await (await fs.back(1)).ls(recursive=True) == []


async def test_large_directories_and_deep_trees_are_read_whole(store):
    """More entries than one hop carries, and more levels than Python would recurse."""
    names = [f"n{index:04}" for index in range(300)]
    deep = "/".join("d" for _ in range(300))
    fs = await (await store.branches["main"]).apply(
        {**{f"wide/{name}": name.encode() for name in names}, f"{deep}/f": b"deep"}
    )
    assert await fs.ls("wide") == names
    assert await fs.ls("wide", recursive=True) == [f"wide/{name}" for name in names]
    assert await fs.read(f"{deep}/f") == b"deep"
    assert len(await collect(fs.walk())) == 302
    assert (await fs.read_many([f"wide/{name}" for name in names]))[7] == b"n0007"


# --- section 3: the root, and the spelling of paths


async def test_the_root_has_three_spellings(store):
    fs = await populated(store)
    names = await fs.ls()
    for root in (None, "", "/", "//"):
        assert await fs.ls(root) == names
        assert [entry.name for entry in await fs.listdir(root)] == names
        assert (await collect(fs.walk(root)))[0][0] == ""
        assert (await fs.ls(root, recursive=True))[0] == ".hidden"
        stat = await fs.stat(root)
        assert (stat.file_type, stat.hash, stat.nlink) == (FileType.TREE, fs.tree_hash, 3)


async def test_questions_about_the_root_describe_it(store):
    fs = await populated(store)
    for root in ("", "/"):
        assert await fs.exists(root)
        assert await fs.is_dir(root)
        assert await fs.file_type(root) is FileType.TREE
        assert await fs.object_hash(root) == fs.tree_hash


async def test_calls_that_want_a_file_refuse_the_root(store):
    fs = await populated(store)
    calls = (fs.read, fs.read_text, fs.size, fs.readlink)
    for call in (*calls, lambda path: fs.read_many([path])):
        for root in ("", "/", "//", ".", "./."):
            with pytest.raises(ValueError, match="empty"):
                await call(root)


async def test_none_is_a_path_only_where_it_means_the_root(store):
    fs = await populated(store)
    calls = (fs.read, fs.read_text, fs.size, fs.readlink, fs.exists, fs.is_dir, fs.file_type)
    for call in (*calls, fs.object_hash):
        with pytest.raises(TypeError):
            await call(None)


async def test_every_spelling_of_a_path_reaches_the_same_file(store):
    fs = await populated(store)
    for path in (
        "d/sub/deep.txt",
        "/d/sub/deep.txt",
        "d/sub/deep.txt/",
        "//d/sub/deep.txt//",
        "./d/./sub/deep.txt",
        "d/sub/deep.txt/.",
        PurePosixPath("d/sub/deep.txt"),
        Path("d") / "sub" / "deep.txt",
    ):
        assert await fs.read(path) == b"deep", path
        assert await fs.read_text(path) == "deep"
        assert await fs.exists(path)
        assert await fs.file_type(path) is FileType.BLOB
        assert (await fs.stat(path)).size == await fs.size(path) == 4
        assert not await fs.is_dir(path)
    for path in ("d", "/d/", "./d/.", PurePosixPath("d"), PurePosixPath("/d")):
        assert await fs.ls(path) == ["sub", "x"]
        assert len(await fs.listdir(path)) == 2
        assert len(await collect(fs.walk(path))) == 2
        assert await fs.is_dir(path)
    assert await fs.readlink(PurePosixPath("link")) == "d/x"


async def test_a_custom_path_object_is_a_path(store):
    class Located:
        def __fspath__(self) -> str:
            return "/d/x/"

    fs = await populated(store)
    assert await fs.read(Located()) == b"x"
    assert await fs.object_hash(Located()) == await fs.object_hash("d/x")


async def test_a_backslash_is_part_of_a_name(store):
    fs = await (await store.branches["main"]).write("a\\b", b"1")
    assert await fs.ls() == ["a\\b"]
    assert await fs.read("a\\b") == b"1"
    assert not await fs.exists("a/b")


async def test_names_of_any_script_and_odd_characters_are_kept(store):
    names = [
        "é",
        "e\u0301",
        "日本",
        "🙂",
        "a b",
        "tab\t",
        "new\nline",
        "*",
        "[x]",
        "a:b",
        "aux",
        "-",
    ]
    fs = await (await store.branches["main"]).apply(dict.fromkeys(names, b"1"))
    assert sorted(await fs.ls()) == sorted(names)
    for name in names:
        assert await fs.read(name) == b"1"


# --- what other programs wrote (D28, the part that concerns reading)


async def test_names_that_are_not_utf8_are_carried_by_surrogates(disk_store, repo, git):
    blob = git(repo, "hash-object", "-w", "--stdin", stdin=b"x")
    tree = git(repo, "mktree", "-z", stdin=b"100644 blob %b\tb\xe9\0" % blob.encode())
    outer = git(repo, "mktree", "-z", stdin=b"040000 tree %b\td\xff\0" % tree.encode())
    commit = git(repo, "commit-tree", outer, "-m", "latin names")
    git(repo, "update-ref", "refs/heads/latin", commit)
    fs = await disk_store.branches["latin"]
    name, directory = "b\udce9", "d\udcff"
    assert await fs.ls() == [directory]
    assert await fs.ls(directory) == [name]
    assert [entry.name for entry in await fs.listdir(directory)] == [name]
    assert (await collect(fs.walk()))[1][0] == directory
    assert await fs.ls(recursive=True) == [f"{directory}/{name}"]
    assert await fs.glob("*/*") == [f"{directory}/{name}"]
    assert await fs.read(f"{directory}/{name}") == b"x"
    kept = await fs.write("new", b"1")
    assert await kept.read(f"{directory}/{name}") == b"x"
    assert (await kept.write(f"{directory}/\udcfe", b"2")).message


async def test_messages_that_are_not_utf8_are_read_by_their_header_or_replaced(
    disk_store, repo, git
):
    tree = git(repo, "mktree")
    who = b"A <a@b> 1 +0000"
    head = b"tree %b\nauthor %b\ncommitter %b\n" % (tree.encode(), who, who)
    for name, raw, expected in (
        ("header", head + b"encoding ISO-8859-1\n\ncaf\xe9\n", "café"),
        ("none", head + b"\ncaf\xe9\n", "caf\ufffd"),
        ("unknown", head + b"encoding no-such\n\ncaf\xe9\n", "caf\ufffd"),
    ):
        commit = git(repo, "hash-object", "-t", "commit", "-w", "--stdin", stdin=raw)
        git(repo, "update-ref", f"refs/heads/{name}", commit)
        fs = await disk_store.branches[name]
        assert fs.message == expected
        assert await disk_store.branches.set(f"{name}-copy", fs)
        assert [entry.message for entry in await collect(fs.log())] == [expected]


@pytest.mark.damages("git fsck dislikes the mode 100664")
async def test_modes_that_only_git_writes_read_without_surprise(disk_store, repo, git):
    blob = git(repo, "hash-object", "-w", "--stdin", stdin=b"x")
    fs = await disk_store.branches["main"]
    raw = b"".join(
        mode + b" " + name + b"\0" + bytes.fromhex(oid)
        for mode, name, oid in (
            (b"100664", b"group", blob),
            (b"100775", b"run", blob),
            (b"160000", b"submodule", fs.commit_hash),
        )
    )
    tree = git(repo, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=raw)
    git(repo, "update-ref", "refs/heads/odd", git(repo, "commit-tree", tree, "-m", "odd"))
    odd = await disk_store.branches["odd"]
    assert await odd.file_type("group") is FileType.BLOB
    assert await odd.file_type("run") is FileType.EXECUTABLE
    assert (await odd.stat("group")).mode == 0o100644
    assert await odd.read("group") == b"x"
    # A submodule is absent to every question, and skipped by listings ...
    assert await odd.ls() == await odd.ls(recursive=True) == ["group", "run"]
    assert not await odd.exists("submodule")
    assert not await odd.is_dir("submodule")
    assert await odd.glob("*") == ["group", "run"]
    for question in (odd.stat, odd.file_type, odd.size, odd.object_hash, odd.read):
        with pytest.raises(FileNotFoundError, match="submodule"):
            await question("submodule")
    # ... and commits preserve it, as they do the modes of what they do not touch.
    await odd.write("new", b"1")
    kept = git.raw(repo, "cat-file", "tree", "odd^{tree}")  # ls-tree shows canonical modes
    for entry in (b"100664 group", b"100644 new", b"100775 run", b"160000 submodule"):
        assert entry + b"\0" in kept
