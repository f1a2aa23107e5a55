"""A writer that is killed between any two system calls stands in nobody's way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.storage.refs_children import MAIN, change, open_refs
from tests.support.gitcli import assert_fsck_clean
from tests.support.sources import ROOT
from vost._model.errors import Busy
from vost._model.objects import oid_from_hex
from vost._storage.protocols import RefUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.gitcli import Git

SYSTEM_CALLS = (
    "openat",
    "write",
    "pwrite64",
    "fsync",
    "link",
    "rename",
    "unlink",
    "ftruncate",
    "mkdir",
    "rmdir",
)


class KillServer:
    """A warm Python process that forks the children to be killed."""

    def __init__(self, chain: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.storage.refs_children", "kills", "-", chain],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def run(self, git_dir: Path, system_call: str, number: int) -> str:
        """Have a child write to a repository and be killed at one of its system calls."""
        self._say(str(git_dir))
        child = self._hear()
        strace = subprocess.Popen(
            [
                *("strace", "-qq", "-p", child, "-e", f"trace={system_call},getpid"),
                *("-e", f"inject={system_call}:signal=KILL:when={number}"),
                *("-o", "/dev/null"),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            _wait_until_traced(child, strace)
            self._say("go")
            return self._hear()
        finally:
            strace.communicate(timeout=20)

    def close(self) -> None:
        self._process.communicate(timeout=20)


def _wait_until_traced(process: str, strace: subprocess.Popen[str]) -> None:
    while strace.poll() is None:
        with open(f"/proc/{process}/status", encoding="ascii") as status:
            if f"TracerPid:\t{strace.pid}\n" in status.read():
                return
    pytest.skip(f"strace cannot trace here: {strace.communicate()[1]}")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A repository with packed and loose branches, and the file with its two commits."""
    if not (shutil.which("strace") and shutil.which("git")) or sys.platform != "linux":
        pytest.skip("strace is not installed: nobody can be killed at a certain system call")
    from tests.support.gitcli import Git

    directory = tmp_path_factory.mktemp("crash")
    git = Git(directory)
    template = git.init(directory / "template.git")
    tree = git(template, "hash-object", "-w", "-t", "tree", "--stdin")
    first = git(template, "commit-tree", "-m", "one", tree)
    second = git(template, "commit-tree", "-m", "two", "-p", first, tree)
    for name in ("main", "old/packed", "other"):
        git(template, "update-ref", f"refs/heads/{name}", first)
    git(template, "pack-refs", "--all")
    git(template, "update-ref", "refs/heads/old/loose", first)
    chain = directory / "chain"
    chain.write_text(f"{first}\n{second}\n", encoding="ascii")
    return template, chain


@pytest.fixture(scope="module")
def server(history: tuple[Path, Path]) -> Iterator[KillServer]:
    server = KillServer(history[1])
    yield server
    server.close()


@pytest.mark.slow
@pytest.mark.parametrize("system_call", SYSTEM_CALLS)
def test_killed_writer_leaves_old_or_new_values_and_no_lock(
    system_call: str,
    server: KillServer,
    history: tuple[Path, Path],
    tmp_path: Path,
    git: Git,
) -> None:
    template, chain = history
    first, second = (oid_from_hex(text) for text in chain.read_text("ascii").split())
    git_dir = tmp_path / "r.git"
    for number in range(1, 60):
        shutil.rmtree(git_dir, ignore_errors=True)
        shutil.copytree(template, git_dir)
        ended = server.run(git_dir, system_call, number)
        assert ended in ("killed", "ended 0")

        refs = open_refs(git_dir)
        change(refs, RefUpdate("refs/heads/other", first, second, "next writer, at once"))
        assert refs.get(MAIN) in (first, second)
        assert refs.get("refs/heads/new/nested") in (None, second)
        assert refs.get("refs/heads/old/packed") in (None, first)
        assert refs.get("refs/heads/old/loose") in (None, first)
        assert refs.get_symbolic("HEAD") in (MAIN, "refs/heads/new/nested")
        assert [path.name for path in git_dir.rglob("*.lock")] == ["vost.lock"]
        assert list(git_dir.glob("vost.ref-*")) == []
        assert os.path.getsize(git_dir / "vost.intent") == 0
        value = refs.get(MAIN)
        assert value is not None
        change(refs, RefUpdate(MAIN, value, bytes(reversed(range(20))), "x"))
        change(refs, RefUpdate(MAIN, bytes(reversed(range(20))), value, "x"))
        refs.close()
        git(git_dir, "update-ref", "-d", MAIN)
        if ended == "ended 0":
            assert number > 1
            return
    pytest.fail(f"still killed at {system_call} number 60")


@pytest.mark.slow
def test_kill_between_lock_and_rename_is_seen_and_repaired(
    server: KillServer, history: tuple[Path, Path], tmp_path: Path, git: Git
) -> None:
    template, chain = history
    first, second = (oid_from_hex(text) for text in chain.read_text("ascii").split())
    git_dir = tmp_path / "r.git"
    shutil.copytree(template, git_dir)
    assert server.run(git_dir, "rename", 1) == "killed"

    assert (git_dir / "refs/heads/main.lock").exists()
    assert (git_dir / "packed-refs.lock").exists()
    assert os.path.getsize(git_dir / "vost.intent") > 0
    assert git.attempt(git_dir, "update-ref", MAIN, second.hex()).returncode != 0
    assert_fsck_clean(git_dir)

    with open_refs(git_dir).locked():
        pass
    git(git_dir, "update-ref", MAIN, second.hex(), first.hex())
    git(git_dir, "update-ref", "-d", "refs/heads/old/packed")
    assert_fsck_clean(git_dir)


@pytest.fixture
def git_dir(tmp_path: Path, git: Git) -> Path:
    git_dir = git.init(tmp_path / "r.git")
    refs = open_refs(git_dir)
    change(refs, RefUpdate(MAIN, None, b"a" * 20, None))
    refs.close()
    return git_dir


def leave(git_dir: Path, *, note: str, lock: str = "refs/heads/main.lock") -> None:
    """Leave what a writer leaves that dies between lock and rename."""
    temporary = git_dir / "vost.ref-00c0ffee.tmp"
    temporary.write_text("b" * 40 + "\n", encoding="ascii")
    os.link(temporary, git_dir / lock)
    (git_dir / "vost.intent").write_text(note, encoding="ascii")


def left(git_dir: Path) -> list[str]:
    """Return which locks and temporary files are there."""
    names = [path.name for path in git_dir.rglob("*") if path.name.endswith((".lock", ".tmp"))]
    return sorted(set(names) - {"vost.lock"})


@pytest.mark.parametrize(
    "note",
    [
        "vost.ref-00c0ffee.tmp refs/heads/main 4711 host\n",
        "vost.ref-00c0ffee.tmp refs/heads/main 4711 other-host\nvost.ref-00",
        "",  # power was lost before the note was on disk
        "\0\0\0\0",
    ],
)
def test_lock_of_a_dead_writer_is_removed(git_dir: Path, note: str) -> None:
    leave(git_dir, note=note)
    refs = open_refs(git_dir)
    change(refs, RefUpdate(MAIN, b"a" * 20, b"c" * 20, "x"))
    refs.close()
    assert left(git_dir) == []


@pytest.mark.parametrize("lock", ["packed-refs.lock", "config.lock", "HEAD.lock"])
def test_other_locks_of_a_dead_writer_are_removed(git_dir: Path, lock: str) -> None:
    leave(git_dir, note=f"vost.ref-00c0ffee.tmp {lock[:-5]} 4711 host\n", lock=lock)
    with open_refs(git_dir).locked():
        pass
    assert left(git_dir) == []


def test_long_lived_handle_removes_the_lock_of_a_dead_writer(git_dir: Path) -> None:
    refs = open_refs(git_dir)
    change(refs, RefUpdate(MAIN, b"a" * 20, b"c" * 20, "x"))
    leave(git_dir, note="vost.ref-00c0ffee.tmp refs/heads/main 4711 host\n")
    change(refs, RefUpdate(MAIN, b"c" * 20, b"d" * 20, "x"))
    refs.close()
    assert left(git_dir) == []


def test_lock_that_git_made_after_the_death_is_left_alone(git_dir: Path) -> None:
    leave(git_dir, note="vost.ref-00c0ffee.tmp refs/heads/main 4711 host\n")
    lock = git_dir / "refs/heads/main.lock"
    lock.unlink()
    lock.touch()
    refs = open_refs(git_dir)
    with pytest.raises(Busy):
        change(refs, RefUpdate(MAIN, b"a" * 20, b"c" * 20, "x"))
    assert left(git_dir) == ["main.lock"]
    lock.unlink()
    change(refs, RefUpdate(MAIN, b"a" * 20, b"c" * 20, "x"))
    refs.close()


@pytest.mark.parametrize(
    "note",
    [
        "../victim refs/heads/main 1 host\n",
        "/victim refs/heads/main 1 host\n",
        "vost.ref-00c0ffee.tmp ../../victim 1 host\n",
        "vost.ref-00c0ffee.tmp /victim 1 host\n",
    ],
)
def test_forged_note_cannot_name_files_elsewhere(git_dir: Path, note: str) -> None:
    victim = git_dir.parent / "victim"
    lock = git_dir.parent / "victim.lock"
    temporary = git_dir / "vost.ref-00c0ffee.tmp"
    for path in (victim, temporary):
        path.touch()
    os.link(temporary, lock)
    (git_dir / "vost.intent").write_text(note, encoding="ascii")
    with open_refs(git_dir).locked():
        pass
    assert victim.exists()
    assert lock.exists()


def test_intent_that_is_a_link_is_refused(git_dir: Path) -> None:
    victim = git_dir.parent / "victim"
    victim.write_text("precious", encoding="ascii")
    (git_dir / "vost.intent").unlink()
    (git_dir / "vost.intent").symlink_to(victim)
    with pytest.raises(Exception, match="symbolic link"), open_refs(git_dir).locked():
        pass
    assert victim.read_text(encoding="ascii") == "precious"


def test_removed_intent_is_made_anew(git_dir: Path) -> None:
    refs = open_refs(git_dir)
    change(refs, RefUpdate(MAIN, b"a" * 20, b"c" * 20, "x"))
    (git_dir / "vost.intent").unlink()
    change(refs, RefUpdate(MAIN, b"c" * 20, b"d" * 20, "x"))
    refs.close()
    assert (git_dir / "vost.intent").exists()


class TestWithoutHardLinks:
    @pytest.fixture(autouse=True)
    def _no_links(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def link(source: str, target: str) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", link)

    def test_refs_move_all_the_same(self, git_dir: Path, git: Git) -> None:
        refs = open_refs(git_dir)
        change(refs, RefUpdate(MAIN, b"a" * 20, b"c" * 20, "x"))
        change(refs, RefUpdate("refs/heads/x/y", None, b"c" * 20, "x"))
        change(refs, RefUpdate(MAIN, b"c" * 20, None, "x"))
        assert refs.list("refs/") == {"refs/heads/x/y": b"c" * 20}
        assert left(git_dir) == []
        refs.close()

    def test_foreign_lock_is_respected(self, git_dir: Path) -> None:
        (git_dir / "refs/heads/main.lock").touch()
        refs = open_refs(git_dir)
        with pytest.raises(Busy):
            change(refs, RefUpdate(MAIN, b"a" * 20, b"c" * 20, "x"))
        refs.close()
        assert left(git_dir) == ["main.lock"]

    @pytest.mark.parametrize("written", [b"", b"62626262", b"62" * 20 + b"\n"])
    def test_copy_of_a_dead_writer_is_removed_once_it_is_certain(
        self, git_dir: Path, written: bytes
    ) -> None:
        temporary, lock = git_dir / "vost.ref-00c0ffee.tmp", git_dir / "refs/heads/main.lock"
        temporary.write_bytes(b"62" * 20 + b"\n")
        lock.write_bytes(written)
        note = "vost.ref-00c0ffee.tmp refs/heads/main 1 host"
        (git_dir / "vost.intent").write_text(f"{note}\n{note} copied\n", encoding="ascii")
        refs = open_refs(git_dir)
        with pytest.raises(Busy):  # it may still be Git's
            change(refs, RefUpdate(MAIN, b"a" * 20, b"c" * 20, "x"))
        now = lock.stat().st_mtime
        for path in (temporary, lock):
            os.utime(path, (now - 2, now - 2))
        change(refs, RefUpdate(MAIN, b"a" * 20, b"c" * 20, "x"))
        refs.close()
        assert left(git_dir) == []

    def test_lock_with_other_content_is_left_alone(self, git_dir: Path) -> None:
        temporary, lock = git_dir / "vost.ref-00c0ffee.tmp", git_dir / "refs/heads/main.lock"
        temporary.write_bytes(b"62" * 20 + b"\n")
        lock.write_bytes(b"63" * 20 + b"\n")
        os.utime(temporary, (1, 1))
        os.utime(lock, (1, 1))
        note = "vost.ref-00c0ffee.tmp refs/heads/main 1 host copied\n"
        (git_dir / "vost.intent").write_text(note, encoding="ascii")
        with open_refs(git_dir).locked():
            pass
        assert left(git_dir) == ["main.lock"]
