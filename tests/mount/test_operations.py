"""What the file system answers, by the table of the contract; nothing is mounted."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.building import store_tree
from tests.support.gitcli import Git
from vost.mount import FixedView, Operations
from vost_sync import FS, FileType, GitStore

NOT_UTF8 = os.fsdecode(b"caf\xe9")


@pytest.fixture
def fs(store: GitStore) -> FS:
    with store.branches["main"].batch() as batch:
        batch.write("plain.txt", b"0123456789")
        batch.write("program", b"#!/bin/sh\n", mode=FileType.EXECUTABLE)
        batch.write_symlink("link", "plain.txt")
        batch.write_symlink("dangling", "nowhere/at/all")
        batch.write("empty", b"")
        batch.write("d/one", b"1")
        batch.write("d/e/two", b"2")
        batch.write("d/f/three", b"3")
        batch.write(NOT_UTF8, b"coffee")
    return store.branches["main"]


@pytest.fixture
def ops(fs: FS) -> Operations:
    return Operations(FixedView(fs))


def code_of(call: Callable[..., object], *args: object) -> int | None:
    with pytest.raises(OSError) as caught:
        call(*args)
    return caught.value.errno


@pytest.mark.parametrize(
    "path, mode, size, links",
    [
        ("/", 0o040755, 0, 3),
        ("/plain.txt", 0o100644, 10, 1),
        ("/program", 0o100755, 10, 1),
        ("/link", 0o120777, 9, 1),
        ("/dangling", 0o120777, 14, 1),
        ("/empty", 0o100644, 0, 1),
        ("/d", 0o040755, 0, 4),
        ("/d/e", 0o040755, 0, 2),
        (f"/{NOT_UTF8}", 0o100644, 6, 1),
    ],
)
def test_attributes(ops: Operations, fs: FS, path: str, mode: int, size: int, links: int) -> None:
    found = ops.getattr(path)
    moment = int(fs.time.timestamp()) * 10**9
    assert (found["st_mode"], found["st_size"], found["st_nlink"]) == (mode, size, links)
    assert {found[f"st_{kind}time"] for kind in "amc"} == {moment}
    assert (found["st_uid"], found["st_gid"]) == (os.getuid(), os.getgid())


def test_blocks_tell_du_how_much_there_is(ops: Operations, store: GitStore) -> None:
    assert ops.getattr("/plain.txt")["st_blocks"] == 1
    assert ops.getattr("/empty")["st_blocks"] == 0
    longer = store.branches["main"].write("longer", bytes(513))
    assert Operations(FixedView(longer)).getattr("/longer")["st_blocks"] == 2


def test_readdir_lists_names_and_kinds(ops: Operations) -> None:
    found = {name: mode for name, mode, _ in ops.readdir("/", 0)}
    assert [name for name, _, _ in ops.readdir("/d", 0)] == [".", "..", "e", "f", "one"]
    assert set(found) == {
        *(".", "..", "plain.txt", "program", "link", "dangling", "empty", "d"),
        NOT_UTF8,
    }
    assert stat.S_ISDIR(found["d"])
    assert stat.S_ISLNK(found["link"])
    assert stat.S_ISREG(found["program"])


@pytest.mark.parametrize(
    "operation, args, code",
    [
        ("getattr", ("/missing",), errno.ENOENT),
        ("getattr", ("/missing/below",), errno.ENOENT),
        ("readdir", ("/missing", 0), errno.ENOENT),
        ("readdir", ("/plain.txt", 0), errno.ENOTDIR),
        ("readlink", ("/missing",), errno.ENOENT),
        ("readlink", ("/plain.txt",), errno.EINVAL),
        ("readlink", ("/d",), errno.EINVAL),
        ("open", ("/missing", os.O_RDONLY), errno.ENOENT),
        ("open", ("/d", os.O_RDONLY), errno.EISDIR),
        ("open", ("/plain.txt", os.O_WRONLY), errno.EROFS),
        ("open", ("/plain.txt", os.O_RDWR), errno.EROFS),
        ("open", ("/plain.txt", os.O_RDONLY | os.O_TRUNC), errno.EROFS),
        ("read", ("/missing", 1, 0, 0), errno.ENOENT),
        ("read", ("/d", 1, 0, 0), errno.EISDIR),
        ("access", ("/missing", os.R_OK), errno.ENOENT),
        ("access", ("/plain.txt", os.W_OK), errno.EROFS),
        ("access", ("/", os.W_OK), errno.EROFS),
        ("access", ("/plain.txt", os.X_OK), errno.EACCES),
        ("chmod", ("/plain.txt", 0o600), errno.EROFS),
        ("chown", ("/plain.txt", 1, 1), errno.EROFS),
        ("create", ("/new", 0o644, os.O_WRONLY), errno.EROFS),
        ("fallocate", ("/plain.txt", 0, 0, 10, 0), errno.EROFS),
        ("link", ("/new", "/plain.txt"), errno.EROFS),
        ("mkdir", ("/new", 0o755), errno.EROFS),
        ("mknod", ("/new", 0o644, 0), errno.EROFS),
        ("removexattr", ("/plain.txt", "user.x"), errno.EROFS),
        ("rename", ("/plain.txt", "/new"), errno.EROFS),
        ("rmdir", ("/d",), errno.EROFS),
        ("setxattr", ("/plain.txt", "user.x", b"", 0), errno.EROFS),
        ("symlink", ("/new", "target"), errno.EROFS),
        ("truncate", ("/plain.txt", 0), errno.EROFS),
        ("unlink", ("/plain.txt",), errno.EROFS),
        ("utimens", ("/plain.txt", (0, 0)), errno.EROFS),
        ("utimens", ("/plain.txt", None), errno.EROFS),
        ("write", ("/plain.txt", b"x", 0, 0), errno.EROFS),
    ],
)
def test_refusals(ops: Operations, operation: str, args: tuple[object, ...], code: int) -> None:
    assert code_of(getattr(ops, operation), *args) == code


def test_mode_bits_decide_what_is_allowed(ops: Operations) -> None:
    assert ops.access("/program", os.X_OK | os.R_OK) == 0
    assert ops.access("/d", os.X_OK) == 0
    assert ops.access("/plain.txt", os.F_OK) == 0


def test_reads_are_ranges(ops: Operations) -> None:
    number = ops.open("/plain.txt", os.O_RDONLY)
    assert ops.read("/plain.txt", 4, 2, number) == b"2345"
    assert ops.read("/plain.txt", 100, 8, number) == b"89"
    assert ops.read("/plain.txt", 1, 10, number) == b""
    assert ops.read("/plain.txt", 3, 0, 0) == b"012"  # no such open file: by path
    assert ops.release("/plain.txt", number) == 0
    assert ops.open_files == 0


def test_links_have_targets(ops: Operations) -> None:
    assert ops.readlink("/link") == "plain.txt"
    assert ops.readlink("/dangling") == "nowhere/at/all"


def test_statfs(ops: Operations) -> None:
    found = ops.statfs("/")
    counts = ("f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail")
    assert (found["f_bsize"], found["f_namemax"]) == (4096, 255)
    assert {found[name] for name in counts} == {0}


def test_destroy_releases_what_is_open_and_can_come_twice(ops: Operations) -> None:
    ops.open("/plain.txt", os.O_RDONLY)
    ops.destroy("/")
    ops.destroy("/")
    assert ops.open_files == 0


def test_submodules_are_empty_directories(store: GitStore, repository: Path, git: Git) -> None:
    blob = git(repository, "hash-object", "-w", "--stdin", stdin=b"text")
    inner = store_tree(repository, [(b"100644", b"file", blob), (b"160000", b"sub", "12" * 20)])
    tree = store_tree(repository, [(b"40000", b"d", inner), (b"160000", b"top", "34" * 20)])
    commit = git(repository, "commit-tree", "-m", "x", tree)
    ops = Operations(FixedView(store.fs(commit)))
    assert [name for name, _, _ in ops.readdir("/", 0)] == [".", "..", "d", "top"]
    assert [name for name, _, _ in ops.readdir("/top", 0)] == [".", ".."]
    for path in ("/top", "/d/sub"):
        found = ops.getattr(path)
        assert (found["st_mode"], found["st_nlink"], found["st_size"]) == (0o040755, 2, 0)
        assert code_of(ops.open, path, os.O_RDONLY) == errno.EISDIR
    assert code_of(ops.getattr, "/d/other") == errno.ENOENT
    assert code_of(ops.getattr, "/top/below") == errno.ENOENT


def test_names_that_lead_elsewhere_or_are_too_long_are_left_out(
    store: GitStore, repository: Path, git: Git
) -> None:
    blob = git(repository, "hash-object", "-w", "--stdin", stdin=b"text")
    names = [b"..", b"a/b", b"good", b"n" * 1024, b"n" * 1025]
    tree = store_tree(repository, [(b"100644", name, blob) for name in names])
    commit = git(repository, "commit-tree", "-m", "x", tree)
    ops = Operations(FixedView(store.fs(commit)))
    assert [name for name, _, _ in ops.readdir("/", 0)] == [".", "..", "good", "n" * 1024]


def test_damage_is_an_input_error_and_reported(store: GitStore, repository: Path) -> None:
    fs = store.branches["main"].write("f", b"some text")
    name = fs.object_hash("f")
    (repository / "objects" / name[:2] / name[2:]).unlink()
    told: list[str] = []
    ops = Operations(FixedView(fs), report=told.append)
    assert code_of(ops.getattr, "/f") == errno.EIO
    assert code_of(ops.open, "/f", os.O_RDONLY) == errno.EIO
    assert [name for name, _, _ in ops.readdir("/", 0)] == [".", "..", "f"]
    assert len(told) == 2
    assert all("'f' is damaged" in line and "\n" not in line for line in told)
