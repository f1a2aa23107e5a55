"""Refs, logs and packed-refs that are damaged, hostile, or on a disk that is full."""

from __future__ import annotations

import errno
import gc
import os
from typing import TYPE_CHECKING

import pytest

from tests.storage.refs_children import MAIN, change, open_refs
from vost._model.errors import Busy, GitError, InvalidRefNameError
from vost._model.types import ReflogEntry
from vost._storage import intent, reflog
from vost._storage.layout import create
from vost._storage.protocols import RefMismatchError, RefUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vost._storage.diskrefs import DiskRefs

A, B = b"a" * 20, b"b" * 20


@pytest.fixture
def git_dir(tmp_path: Path) -> Path:
    return create(tmp_path / "r.git", head="main", prepare=lambda _: None).git_dir


@pytest.fixture
def refs(git_dir: Path) -> Iterator[DiskRefs]:
    refs = open_refs(git_dir)
    change(refs, RefUpdate(MAIN, None, A, "start"))
    yield refs
    refs.close()
    left = {path.name for path in git_dir.rglob("*") if path.name.endswith((".lock", ".tmp"))}
    assert left <= {"vost.lock"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"0" * 39 + b"\n",
        b"0" * 41 + b"\n",
        b"g" * 40 + b"\n",
        b"ab " * 13 + b"a\n",
        b"ref: HEAD\n",
        b"ref: ../../outside\n",
        b"ref: /etc/passwd\n",
        b"ref: refs/heads/x.lock\n",
        b"\0" * 41,
        b"\xff" * 41,
    ],
)
def test_damaged_ref_is_an_error_that_names_the_file(
    refs: DiskRefs, git_dir: Path, content: bytes
) -> None:
    path = git_dir / "refs/heads/bad"
    path.write_bytes(content)
    for attempt in (
        lambda: refs.get("refs/heads/bad"),
        lambda: refs.list("refs/"),
        lambda: change(refs, RefUpdate("refs/heads/bad", A, B, "x")),
    ):
        with pytest.raises(GitError) as caught:
            attempt()
        assert str(path) in str(caught.value)
    assert refs.get(MAIN) == A


@pytest.mark.parametrize("content", [b"61" * 20, b"61" * 20 + b" more\n", b"61" * 20 + b"\r\n"])
def test_id_may_be_followed_by_white_space(refs: DiskRefs, git_dir: Path, content: bytes) -> None:
    (git_dir / "refs/heads/odd").write_bytes(content)
    assert refs.get("refs/heads/odd") == A


def test_symbolic_refs_are_followed_five_times(refs: DiskRefs, git_dir: Path) -> None:
    for number in range(6):
        target = f"refs/heads/s{number - 1}" if number else MAIN
        (git_dir / f"refs/heads/s{number}").write_text(f"ref: {target}\n", encoding="ascii")
    assert refs.get("refs/heads/s4") == A
    for name in ("refs/heads/s5", "refs/heads/loop"):
        (git_dir / "refs/heads/loop").write_text("ref: refs/heads/loop\n", encoding="ascii")
        with pytest.raises(GitError, match="symbolic"):
            refs.get(name)
        with pytest.raises((GitError, RefMismatchError)):
            change(refs, RefUpdate(name, A, B, "x"))


@pytest.mark.parametrize("line", ["nonsense", "6161 refs/heads/p", "g" * 40 + " refs/heads/p"])
def test_damaged_line_of_packed_refs_names_the_file(
    refs: DiskRefs, git_dir: Path, line: str
) -> None:
    path = git_dir / "packed-refs"
    path.write_text(f"{line}\n{'62' * 20} refs/heads/good", encoding="ascii")
    assert refs.get("refs/heads/good") == B
    with pytest.raises(GitError, match="packed-refs is damaged"):
        refs.list("refs/")
    if " " in line:
        with pytest.raises(GitError, match="packed-refs is damaged"):
            refs.get("refs/heads/p")


def test_packed_refs_are_read_again_when_replaced(refs: DiskRefs, git_dir: Path) -> None:
    path = git_dir / "packed-refs"
    for age in (0, 10**10):
        for oid in (A, B, A):
            path.with_suffix(".new").write_text(f"{oid.hex()} refs/heads/p\n", encoding="ascii")
            stamp = path.with_suffix(".new").stat().st_mtime_ns - age
            os.utime(path.with_suffix(".new"), ns=(stamp, stamp))
            path.with_suffix(".new").replace(path)
            assert refs.get("refs/heads/p") == oid
            assert refs.list("refs/heads/p") == {"refs/heads/p": oid}
            assert refs.get("refs/heads/p") == oid
    path.unlink()
    assert refs.get("refs/heads/p") is None


def test_files_that_are_no_refs_are_passed_over(refs: DiskRefs, git_dir: Path) -> None:
    for name in ("x.lock", ".hidden", "with space", "back~", "dir.lock"):
        (git_dir / "refs/heads" / name).write_text("nonsense", encoding="ascii")
    (git_dir / "refs/heads/empty").mkdir()
    assert refs.list("refs/") == {MAIN: A}
    for name in ("x.lock", "dir.lock"):
        (git_dir / "refs/heads" / name).unlink()


def test_linked_ref_file_is_not_followed(refs: DiskRefs, git_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("62" * 20 + "\n", encoding="ascii")
    (git_dir / "refs/heads/link").symlink_to(tmp_path / "outside")
    with pytest.raises(GitError, match="symbolic link"):
        refs.get("refs/heads/link")
    with pytest.raises(GitError, match="symbolic link"):
        change(refs, RefUpdate("refs/heads/link", B, A, "x"))
    assert (tmp_path / "outside").read_text(encoding="ascii") == "62" * 20 + "\n"


@pytest.mark.parametrize("below", ["refs", "logs/refs"])
def test_nothing_is_written_through_a_linked_directory(
    refs: DiskRefs, git_dir: Path, tmp_path: Path, below: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (git_dir / below / "heads/link").symlink_to(outside)
    with pytest.raises(GitError, match="symbolic link"):
        change(refs, RefUpdate("refs/heads/link/x", None, A, "x"))
    assert list(outside.iterdir()) == []
    assert refs.get("refs/heads/link/x") is None


@pytest.mark.parametrize("name", ["packed-refs", "logs/refs/heads/main"])
def test_other_linked_files_are_not_followed(
    refs: DiskRefs, git_dir: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "outside").write_text("precious", encoding="ascii")
    (git_dir / name).unlink(missing_ok=True)
    (git_dir / name).symlink_to(tmp_path / "outside")
    with pytest.raises(GitError, match="symbolic link"):
        change(
            refs,
            RefUpdate(MAIN, A, B, "x"),
            RefUpdate("refs/heads/gone", None, B, "x"),
        )
    with pytest.raises(GitError, match="symbolic link"):
        refs.reflog(MAIN) if name.startswith("logs") else refs.list("refs/")
    assert refs.get(MAIN) == A
    assert (tmp_path / "outside").read_text(encoding="ascii") == "precious"


def test_head_may_be_a_link_of_old_times(refs: DiskRefs, git_dir: Path) -> None:
    (git_dir / "HEAD").unlink()
    (git_dir / "HEAD").symlink_to("refs/heads/main")
    assert refs.get_symbolic("HEAD") == MAIN
    assert refs.get("HEAD") == A
    with refs.locked():
        refs.set_symbolic("HEAD", "refs/heads/dev")
    assert (git_dir / "HEAD").read_text(encoding="ascii") == "ref: refs/heads/dev\n"
    (git_dir / "HEAD").unlink()
    (git_dir / "HEAD").symlink_to("/etc/passwd")
    with pytest.raises(GitError, match="symbolic link"):
        refs.get("HEAD")


def test_pipe_in_place_of_a_ref_does_not_block(refs: DiskRefs, git_dir: Path) -> None:
    os.mkfifo(git_dir / "refs/heads/pipe")
    with pytest.raises(GitError, match="pipe"):
        refs.get("refs/heads/pipe")


def test_stale_logs_below_a_new_name_are_named(refs: DiskRefs, git_dir: Path) -> None:
    stale = git_dir / "logs/refs/heads/a"
    stale.mkdir()
    (stale / "b").write_text("the log of a deleted branch", encoding="ascii")
    with pytest.raises(GitError) as caught:
        change(refs, RefUpdate("refs/heads/a", None, A, "x"))
    assert str(stale) in str(caught.value)
    (git_dir / "logs/refs/heads/c").write_text("another", encoding="ascii")
    with pytest.raises(GitError) as caught:
        change(refs, RefUpdate("refs/heads/c/d", None, A, "x"))
    assert "logs/refs/heads/c" in str(caught.value)
    assert refs.list("refs/") == {MAIN: A}


def test_strange_file_below_a_new_name_is_named(refs: DiskRefs, git_dir: Path) -> None:
    (git_dir / "refs/heads/a/b").mkdir(parents=True)
    (git_dir / "refs/heads/a/b/.strange").touch()
    with pytest.raises(GitError, match="in the way"):
        change(refs, RefUpdate("refs/heads/a", None, A, "x"))
    (git_dir / "refs/heads/a/b/c.lock").touch()
    with pytest.raises(Busy, match=r"c\.lock"):
        change(refs, RefUpdate("refs/heads/a", None, A, "x"))
    (git_dir / "refs/heads/a/b/c.lock").unlink()


@pytest.mark.parametrize("line, message", [
    ("{a} {b} A <a@b> 5 +0000\twhy", "why"),
    ("{a} {b} A <a@b> 5 +0000", ""),
    ("{a} {b} A <a@b> 5 -0130\t", ""),
    ("{a} {b} A B  C <a@b> 5 +0000\ta\tb ", "a\tb "),
])  # fmt: skip
def test_foreign_log_line_is_read(line: str, message: str) -> None:
    text = line.format(a="1" * 40, b="2" * 40)
    (entry,) = reflog.parse(text.encode() + b"\n")
    assert (entry.old_sha, entry.new_sha, entry.timestamp) == ("1" * 40, "2" * 40, 5)
    assert entry.committer in ("A <a@b>", "A B  C <a@b>")
    assert entry.message == message


@pytest.mark.parametrize("line", [
    b"",
    b"nonsense",
    b"1" * 40,
    b"1" * 40 + b" " + b"2" * 39 + b" A <a> 5 +0000\tx",
    b"1" * 40 + b" " + b"2" * 40 + b" A <a> now +0000\tx",
    b"1" * 40 + b" " + b"2" * 40 + b" A <a> 5 UTC\tx",
    b"1" * 40 + b" " + b"2" * 40 + b"\tx",
    b"\0" * 200,
])  # fmt: skip
def test_malformed_log_lines_are_passed_over(line: bytes) -> None:
    good = b"1" * 40 + b" " + b"2" * 40 + b" \xff <a> 5 +0000\t\xfe\n"
    entries = reflog.parse(good + line + b"\n" + good)
    assert [entry.message for entry in entries] == ["\ufffd"] * 2
    assert [entry.committer for entry in entries] == ["\ufffd <a>"] * 2


def test_written_log_line_is_read_back() -> None:
    entry = ReflogEntry("1" * 40, "2" * 40, "Ada \udcff <a@b>", 7, "x")
    (read,) = reflog.parse(reflog.format_line(entry))
    assert read.timestamp == 7


class FullDisk:
    """Fails a system call once, when it is made for the n-th time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
        self._left = number
        self.failed = False
        original = getattr(os, name)

        def call(*args: object, **options: object) -> object:
            self._left -= 1
            if self._left == 0:
                self.failed = True
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(*args, **options)

        monkeypatch.setattr(os, name, call)


@pytest.mark.parametrize("call", ["open", "write", "fsync", "pwrite", "link"])
def test_failure_before_the_renames_changes_nothing(
    refs: DiskRefs, git_dir: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Whichever call fails first: all values, all logs and the lock directory are as before."""
    change(refs, RefUpdate("refs/heads/packed", None, A, "x"))
    with open(git_dir / "packed-refs", "w", encoding="ascii") as file:
        file.write(f"{A.hex()} refs/heads/packed\n")
    before = refs.list("refs/")
    logs = {path: path.read_bytes() for path in (git_dir / "logs").rglob("*") if path.is_file()}
    for number in range(1, 60):
        with monkeypatch.context() as patch, refs.locked():
            disk = FullDisk(patch, call, number)
            try:
                refs.compare_and_set(
                    [
                        RefUpdate(MAIN, A, B, "two"),
                        RefUpdate("refs/heads/new/x", None, B, "new"),
                        RefUpdate("refs/heads/packed", A, None, "gone"),
                    ],
                    identity="a <b>",
                    time=1,
                )
            except OSError:
                assert disk.failed
            else:
                assert not disk.failed
                break
        assert refs.list("refs/") == before
        assert refs.reflog("refs/heads/new/x") is None
        assert {p: p.read_bytes() for p in (git_dir / "logs").rglob("*") if p.is_file()} == logs
        assert not (git_dir / "refs/heads/new").exists()
        assert os.path.getsize(git_dir / "vost.intent") == 0
    else:
        pytest.fail("never succeeded")
    assert number > 1
    assert refs.list("refs/") == {MAIN: B, "refs/heads/new/x": B}


def test_line_written_in_part_is_taken_back(
    refs: DiskRefs, git_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(
        os, "write", lambda fd, data: write(fd, data[:50] if b"\t" in bytes(data) else data)
    )
    with pytest.raises(OSError, match="No space"):
        change(refs, RefUpdate(MAIN, A, B, "two"))
    monkeypatch.undo()
    assert len(refs.reflog(MAIN) or ()) == 1
    assert (git_dir / "logs" / MAIN).read_bytes().endswith(b"\tstart\n")


def test_head_is_never_deleted(refs: DiskRefs) -> None:
    with pytest.raises(InvalidRefNameError):
        change(refs, RefUpdate("HEAD", A, None, "x"))


@pytest.mark.parametrize("new", [b"", bytes(20), b"a" * 40])
def test_what_is_no_id_is_refused(refs: DiskRefs, new: bytes) -> None:
    with pytest.raises(ValueError, match="not an object id"):
        change(refs, RefUpdate(MAIN, A, new, "x"))


def test_descriptors_do_not_pile_up(git_dir: Path) -> None:
    gc.collect()  # what earlier tests dropped must not be closed while this one counts
    count = len(os.listdir("/proc/self/fd"))
    for number in range(20):
        refs = open_refs(git_dir)
        change(refs, RefUpdate(f"refs/heads/{number}", None, A, "x"))
        if number % 2:
            refs.close()
        del refs
    assert len(os.listdir("/proc/self/fd")) <= count


def test_directory_that_vanishes_all_the_time_is_no_endless_loop(
    refs: DiskRefs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "makedirs", lambda *args, **options: None)
    with pytest.raises(GitError, match="removed as often"):
        change(refs, RefUpdate("refs/heads/x/y", None, A, "x"))


def test_note_on_a_full_disk_stops_the_transaction(
    refs: DiskRefs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intent, "_write_at", lambda fd, data, offset: len(data) - 1)
    with pytest.raises(OSError, match="No space"):
        change(refs, RefUpdate(MAIN, A, B, "x"))
    monkeypatch.undo()
    assert refs.get(MAIN) == A


def test_readers_of_a_read_only_repository_need_no_lock(
    git_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = open_refs(git_dir)
    change(made, RefUpdate(MAIN, None, A, "x"))
    (git_dir / "vost.lock").unlink()
    made.close()
    written = []
    open_file = os.open

    def spy(path: str, flags: int, *args: int, **options: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            written.append(path)
        return open_file(path, flags, *args, **options)

    monkeypatch.setattr(os, "open", spy)
    refs = open_refs(git_dir)
    assert refs.get("HEAD") == A
    assert refs.list("refs/") == {MAIN: A}
    assert len(refs.reflog(MAIN) or ()) == 1
    assert refs.get_symbolic("HEAD") == MAIN
    refs.close()
    assert written == []
    assert not (git_dir / "vost.lock").exists()
