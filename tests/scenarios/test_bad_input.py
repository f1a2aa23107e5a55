"""Bad input: contract sections 3, 20, 21 (D1 D4 D5 D25 D27 D29 D30 D31) and 23.

Whatever is wrong gets the documented exception, which names what it was; nothing is written, and
no foreign exception leaks.
"""

from __future__ import annotations

import pickle
from pathlib import PurePosixPath

import pytest

import vost
from tests.support.faces import collect
from tests.support.snapshots import tip
from vost import FileType, VostError


async def filled(store):
    fs = await store.branches["main"]
    return await fs.apply({"f": b"1", "d/x": b"2", "d/e/y": b"3"})


def reading_calls(fs):
    """Return every reading call that takes a path which must not be the root."""
    return {
        "read": fs.read,
        "read_text": fs.read_text,
        "read_many": lambda path: fs.read_many([path]),
        "readlink": fs.readlink,
        "size": fs.size,
        "open": lambda path: _open(fs, path),
    }


def looking_calls(fs):
    """Return every call that describes what is at a path, the root included."""
    return {
        "exists": fs.exists,
        "is_dir": fs.is_dir,
        "file_type": fs.file_type,
        "object_hash": fs.object_hash,
        "stat": fs.stat,
        "ls": fs.ls,
        "ls -r": lambda path: fs.ls(path, recursive=True),
        "listdir": fs.listdir,
        "walk": lambda path: collect(fs.walk(path)),
    }


def writing_calls(fs, local):
    """Return every call that writes to a path."""
    return {
        "write": lambda path: fs.write(path, b"x"),
        "write_text": lambda path: fs.write_text(path, "x"),
        "write_from_file": lambda path: fs.write_from_file(path, local),
        "write_symlink": lambda path: fs.write_symlink(path, "x"),
        "apply": lambda path: fs.apply({"good": b"x", path: b"x"}),
        "writer": lambda path: _write_through(fs.writer, path),
        "batch.write": lambda path: _staged(fs, "write", path, b"x"),
        "batch.write_text": lambda path: _staged(fs, "write_text", path, "x"),
        "batch.write_from_file": lambda path: _staged(fs, "write_from_file", path, local),
        "batch.write_symlink": lambda path: _staged(fs, "write_symlink", path, "x"),
        "batch.writer": lambda path: _write_through(fs.batch().writer, path),
    }


def removing_calls(fs):
    """Return every call that removes a path."""
    return {
        "remove": lambda path: fs.remove(path, recursive=True),
        "remove dry": lambda path: fs.remove([path], recursive=True, dry_run=True),
        "apply": lambda path: fs.apply(removes=[path]),
        "batch.remove": lambda path: _staged(fs, "remove", path),
    }


async def _open(fs, path):
    async with fs.open(path) as file:
        return await file.read()


async def _write_through(opener, path):
    async with opener(path) as file:
        await file.write(b"x")


async def _staged(fs, method, *arguments):
    async with fs.batch() as batch:
        await getattr(batch, method)(*arguments)
    return batch.fs


@pytest.fixture
def storage():
    """Arguments are checked above the storage; what touches the disk says so."""
    return "memory"


@pytest.fixture
def local(tmp_path):
    path = tmp_path / "local"
    path.write_bytes(b"x")
    return path


# --- paths


@pytest.mark.parametrize(
    "path, words",
    [
        ("a//b", "Empty segment"),
        ("a///b", "Empty segment"),
        ("..", r"\.\."),
        ("../a", r"\.\."),
        ("a/..", r"\.\."),
        ("a/../b", r"\.\."),
        ("a\0b", "NUL"),
        ("\0", "NUL"),
        ("d/\0/x", "NUL"),
        ("\ud800", "encoded"),
    ],
)
async def test_malformed_paths_are_refused_by_every_call(store, local, path, words):
    """D1: NUL in a path must never reach a tree."""
    fs = await filled(store)
    calls = reading_calls(fs) | looking_calls(fs) | writing_calls(fs, local) | removing_calls(fs)
    for name, call in calls.items():
        with pytest.raises(ValueError, match=words) as caught:
            await call(path)
            pytest.fail(f"{name} took {path!r}")
        assert isinstance(caught.value, vost.InvalidPathError), name
    assert await tip(store) == fs.commit_hash


@pytest.mark.parametrize("path", ["", "/", "//", ".", "./.", "/./"])
async def test_the_root_is_refused_where_a_file_is_meant(store, local, path):
    fs = await filled(store)
    batch_remove = removing_calls(fs)["batch.remove"]
    apply_remove = removing_calls(fs)["apply"]
    calls = reading_calls(fs) | writing_calls(fs, local)
    for name, call in {**calls, "batch.remove": batch_remove, "removes": apply_remove}.items():
        with pytest.raises(ValueError, match="empty"):
            await call(path)
            pytest.fail(f"{name} took {path!r}")
    assert await tip(store) == fs.commit_hash


@pytest.mark.parametrize("path", [b"f", b"", 5, 1.5, ["f"], object(), True])
async def test_what_is_no_path_is_a_type_error(store, local, path):
    fs = await filled(store)
    calls = reading_calls(fs) | looking_calls(fs) | writing_calls(fs, local) | removing_calls(fs)
    if isinstance(path, list):
        del calls["apply"], calls["remove"]  # a list of paths is fine there; no key of a mapping
    for name, call in calls.items():
        with pytest.raises(TypeError):
            await call(path)
            pytest.fail(f"{name} took {path!r}")
    assert await tip(store) == fs.commit_hash


async def test_none_is_the_root_for_listings_only(store, local):
    fs = await filled(store)
    calls = reading_calls(fs) | writing_calls(fs, local) | removing_calls(fs)
    for name in ("exists", "is_dir", "file_type", "object_hash"):
        calls[name] = looking_calls(fs)[name]
    for name, call in calls.items():
        with pytest.raises(TypeError):
            await call(None)
            pytest.fail(f"{name} took None")
    for name in ("stat", "ls", "ls -r", "listdir", "walk"):
        assert await looking_calls(fs)[name](None)


async def test_path_objects_that_give_bytes_are_refused(store):
    class Odd:
        def __fspath__(self) -> bytes:
            return b"f"

    fs = await filled(store)
    for call in (fs.read, fs.exists, lambda path: fs.write(path, b"x")):
        with pytest.raises(TypeError):
            await call(Odd())


# What `git fsck` calls hasDotgit, and names that only look like it.
DOTGIT = [
    ".git",
    ".GIT",
    ".Git",
    "git~1",
    "GIT~1",
    ".git.",
    ".git ",
    ".git . ",
    ".git::$INDEX",
    ".g\u200cit",
    ".git\u200d",
    "\ufeff.git",
    "x\\.git",
    ".git\\x",
]
HARMLESS = [
    "git",
    ".gitignore",
    ".gitattributes",
    ".gitmodules.txt",
    "x.git",
    ".git2",
    "git~2",
    ".gitx",
    "..git",
    "...",
    ".g",
    "git~10",
    "a.git.b",
    "CON",
    "aux",
    "nul.txt",
    "a:b",
    "c:",
    "x ",
    "x.",
    "-rf",
    "a\\b",
]


@pytest.mark.parametrize("name", DOTGIT)
async def test_spellings_of_dotgit_are_never_written(store, local, name):
    """D27: strict servers refuse them, and a checkout could plant hooks."""
    fs = await filled(store)
    for path in (name, f"{name}/hooks/x", f"sub/{name}", f"sub/{name}/config"):
        for call_name, call in writing_calls(fs, local).items():
            with pytest.raises(ValueError, match=r"\.git"):
                await call(path)
                pytest.fail(f"{call_name} took {path!r}")
    assert await tip(store) == fs.commit_hash


async def test_names_that_only_resemble_dotgit_are_written_and_sound(disk_store, local):
    fs = await disk_store.branches["main"]
    writes = dict.fromkeys(HARMLESS, b"1") | {f"in/{name}": b"2" for name in HARMLESS}
    fs = await fs.apply(writes)
    assert sorted(await fs.ls("in")) == sorted(HARMLESS)  # git fsck judges at the end


async def test_reading_spellings_of_dotgit_is_no_error(store):
    fs = await filled(store)
    for name in DOTGIT:
        assert not await fs.exists(name)
        with pytest.raises(FileNotFoundError):
            await fs.read(name)
    assert await fs.apply(removes=DOTGIT) is fs


@pytest.mark.damages("git fsck refuses .git in trees")
async def test_a_foreign_tree_with_dotgit_can_be_read_and_cleaned(disk_store, repo, git):
    blob = git(repo, "hash-object", "-w", "--stdin", stdin=b"x")
    tree = git(repo, "mktree", stdin=f"100644 blob {blob}\t.git\n100644 blob {blob}\tok\n")
    git(repo, "update-ref", "refs/heads/main", git(repo, "commit-tree", tree, "-m", "foreign"))
    fs = await disk_store.branches["main"]
    assert await fs.ls() == [".git", "ok"]
    assert await fs.read(".git") == b"x"
    fs = await fs.remove(".git")
    assert await fs.ls() == ["ok"]


@pytest.mark.damages("the tree has names that no tree may have")
async def test_foreign_names_that_are_no_names_do_not_break_reading(disk_store, repo, git):
    blob = bytes.fromhex(git(repo, "hash-object", "-w", "--stdin", stdin=b"x"))
    raw = b"".join(
        b"100644 " + name + b"\0" + blob for name in (b"..", b"a\\b", b"ok", b"sub/evil")
    )
    tree = git(repo, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=raw)
    git(repo, "update-ref", "refs/heads/main", git(repo, "commit-tree", tree, "-m", "evil"))
    fs = await disk_store.branches["main"]
    assert await fs.read("ok") == b"x"
    assert "ok" in await fs.ls()
    for path in ("..", "../x"):
        with pytest.raises(ValueError):
            await fs.read(path)
    assert not await fs.exists("sub/evil")
    await fs.glob("**")
    await collect(fs.walk())


# --- numbers, hashes, modes


async def test_numbers_of_the_wrong_type_are_refused(store):
    fs = await filled(store)
    oid = await fs.object_hash("f")
    for arguments in ({"offset": "1"}, {"size": "1"}, {"offset": None}, {"offset": 1.5}):
        for call in (
            lambda arguments=arguments: fs.read("f", **arguments),
            lambda arguments=arguments: fs.read_by_hash(oid, **arguments),
            lambda arguments=arguments: store.read_by_hash(oid, **arguments),
        ):
            with pytest.raises(TypeError):
                await call()


async def test_bad_snapshot_ids_are_value_errors(face, store):
    for oid in (b"", b"abc", b"0" * 39, b"Z" * 40, "x", b"\xff" * 40):
        with pytest.raises(ValueError):
            face.FS(store, oid)


async def test_a_snapshot_of_a_missing_commit_says_so(face, store):
    fs = face.FS(store, b"1" * 40)
    for call in (lambda: fs.read("f"), lambda: fs.ls(), lambda: fs.exists("f"), lambda: fs.stat()):
        with pytest.raises(KeyError, match="1" * 7) as caught:
            await call()
        assert isinstance(caught.value, VostError)


async def test_a_snapshot_of_what_is_no_commit_says_so(face, store):
    fs = await filled(store)
    wrong = face.FS(store, fs.tree_hash.encode())
    with pytest.raises((ValueError, KeyError, vost.GitError)) as caught:
        await wrong.ls()
    assert isinstance(caught.value, (VostError, ValueError))


# --- damage


@pytest.mark.damages("an object is missing")
async def test_a_missing_blob_is_named_with_its_path(face, disk_store, repo):
    fs = await filled(disk_store)
    oid = await fs.object_hash("d/x")
    (repo / "objects" / oid[:2] / oid[2:]).unlink()
    again = await face.GitStore.open(repo)
    fs = await again.branches["main"]
    for call in (
        lambda: fs.read("d/x"),
        lambda: fs.read("d/x", offset=1),
        lambda: fs.size("d/x"),
        lambda: fs.stat("d/x"),
        lambda: fs.read_many(["f", "d/x"]),
        lambda: _open(fs, "d/x"),
    ):
        with pytest.raises(vost.GitError, match=oid) as caught:
            await call()
        assert "d/x" in str(caught.value)
    assert await fs.exists("d/x")
    assert await fs.read("f") == b"1"
    with pytest.raises(KeyError):
        await fs.read_by_hash(oid)
    await again.close()


@pytest.mark.damages("a tree is missing")
async def test_a_missing_tree_is_a_git_error_that_names_it(face, disk_store, repo):
    fs = await filled(disk_store)
    oid = await fs.object_hash("d")
    (repo / "objects" / oid[:2] / oid[2:]).unlink()
    again = await face.GitStore.open(repo)
    fs = await again.branches["main"]
    for call in (
        lambda: fs.read("d/x"),
        lambda: fs.ls("d"),
        lambda: fs.exists("d/x"),
        lambda: collect(fs.walk()),
        lambda: fs.glob("**/x"),
        lambda: fs.write("d/new", b"1"),
    ):
        with pytest.raises(vost.GitError, match=oid):
            await call()
    assert await fs.read("f") == b"1"
    assert await tip(again) == fs.commit_hash
    await again.close()


@pytest.mark.damages("objects are overwritten with rubbish")
async def test_a_corrupt_object_is_never_returned(face, disk_store, repo):
    fs = await filled(disk_store)
    for path, call in (
        ("f", lambda fs: fs.read("f")),
        ("d", lambda fs: fs.ls("d")),
    ):
        oid = await fs.object_hash(path)
        file = repo / "objects" / oid[:2] / oid[2:]
        file.chmod(0o644)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0xFF
        file.write_bytes(data)
        again = await face.GitStore.open(repo)
        with pytest.raises(vost.CorruptObjectError, match=oid[:2]) as caught:
            await call(await again.branches["main"])
        assert isinstance(caught.value, vost.GitError)
        await again.close()


# --- errors themselves


async def test_each_error_is_one_of_ours_and_the_documented_builtin(face, store, local):
    fs = await filled(store)
    tag = await store.tags.set("v1", fs)
    stale = await fs.parent
    closed = fs.batch()
    await closed.commit()
    for call, ours, builtin in (
        (lambda: fs.read("no"), vost.PathNotFoundError, FileNotFoundError),
        (lambda: fs.read("d"), vost.PathIsDirectoryError, IsADirectoryError),
        (lambda: fs.read("f/x"), vost.PathNotDirectoryError, NotADirectoryError),
        (lambda: fs.ls("f"), vost.PathNotDirectoryError, NotADirectoryError),
        (lambda: fs.read(".."), vost.InvalidPathError, ValueError),
        (lambda: fs.read_by_hash("0" * 40), vost.ObjectNotFoundError, KeyError),
        (lambda: tag.write("f", b""), vost.ReadOnlySnapshotError, PermissionError),
        (lambda: stale.write("f", b""), vost.StaleSnapshotError, Exception),
        (lambda: closed.write("f", b""), vost.BatchClosedError, RuntimeError),
        (lambda: store.branches["no"], vost.RefNotFoundError, KeyError),
        (lambda: fs.remove("d"), vost.PathIsDirectoryError, IsADirectoryError),
    ):
        with pytest.raises(ours) as caught:
            await call()
        error = caught.value
        assert isinstance(error, builtin)
        assert isinstance(error, VostError)
        assert type(error).__module__ == "vost"
        copied = pickle.loads(pickle.dumps(error))
        assert type(copied) is type(error)
        assert str(copied) == str(error) != ""
        assert not str(error).startswith("'")  # KeyError would show a repr


async def test_errors_name_the_path_as_it_was_asked_for(store):
    fs = await filled(store)
    for path, named in (("no/such", "no/such"), (PurePosixPath("/d/e/no"), "d/e/no")):
        for call in (fs.read, fs.stat, fs.ls, fs.file_type, fs.remove):
            with pytest.raises(FileNotFoundError, match=named):
                await call(path)


async def test_nothing_of_dulwich_leaks(store, local):
    """D30: neither as an exception nor as its cause's type."""
    fs = await filled(store)
    for call in (
        lambda: fs.read("no"),
        lambda: fs.read_by_hash("0" * 40),
        lambda: fs.read_by_hash("xyz"),
        lambda: store.branches["no such"],
        lambda: store.branches["a..b"],
        lambda: store.branches.set("a..b", fs),
        lambda: store.fs("zz"),
        lambda: fs.write("f", vost.BlobOid(b"0" * 40)),
    ):
        with pytest.raises((OSError, LookupError, ValueError)) as caught:
            await call()
        error = caught.value
        while error is not None:
            assert not type(error).__module__.startswith("dulwich")
            error = error.__cause__ or error.__context__


async def test_bad_arguments_store_nothing(disk_store, repo, git, local):
    """D4, D5, D25, D29: everything is checked before anything is stored."""
    fs = await filled(disk_store)
    before = git(repo, "count-objects", "-v")
    new = b"content that is nowhere else"
    for call in (
        lambda: fs.write("..", new),
        lambda: fs.write("f", new, mode=FileType.TREE),
        lambda: fs.write("f", new, message="{"),
        lambda: fs.write("f", new, parents=["main"]),
        lambda: fs.apply({"f": new, "..": b""}),
        lambda: fs.apply({"f": new, "g": 5}),
        lambda: fs.apply({"f": new}, removes=[".."]),
        lambda: fs.apply({"f": new}, removes=["f"]),
        lambda: fs.apply({"f": new, "f/x": b""}),
        lambda: fs.write_from_file("..", local),
        lambda: fs.write_symlink("l", "a\0"),
    ):
        with pytest.raises((ValueError, TypeError)):
            await call()
    assert git(repo, "count-objects", "-v") == before
    assert await tip(disk_store) == fs.commit_hash
