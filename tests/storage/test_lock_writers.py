"""The writers' lock: one holder over threads, handles and processes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.sources import ROOT
from vost._model.errors import Busy, RepositoryNotFoundError
from vost._storage.lock import WritersLock

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vost.lock"


def run(code: str, *args: object) -> str:
    """Run Python code in another process and return what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_holder_is_told_apart_from_everybody_else(path: Path) -> None:
    lock = WritersLock(path)
    assert not lock.held
    with lock:
        assert lock.held
        with pytest.raises(Busy) as caught:
            lock.acquire()
        assert caught.value.patience == 60.0
        assert str(path) in caught.value.what
        assert lock.held
    assert not lock.held
    with lock:
        pass


def test_second_handle_of_one_process_is_excluded(path: Path) -> None:
    first, second = WritersLock(path), WritersLock(str(path))
    with first:
        with pytest.raises(Busy, match=r"vost\.lock"):
            second.acquire()
        assert not second.held
    with second, pytest.raises(Busy):
        first.acquire()


def test_one_of_many_threads_gets_it(path: Path) -> None:
    lock = WritersLock(path)
    start, got = threading.Barrier(8), []
    done = threading.Barrier(8)

    def attempt() -> None:
        start.wait()
        try:
            lock.acquire()
        except Busy:
            done.wait()
        else:
            got.append(1)
            done.wait()
            lock.release()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [1]
    assert not lock.held


def test_release_may_happen_on_another_thread(path: Path) -> None:
    lock = WritersLock(path)
    lock.acquire()
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    with WritersLock(path):
        pass


def test_release_of_a_free_lock_does_nothing(path: Path) -> None:
    lock = WritersLock(path)
    lock.release()
    assert not path.exists()


def test_file_stays_and_is_empty(path: Path) -> None:
    with WritersLock(path):
        pass
    assert path.stat().st_size == 0
    inode = path.stat().st_ino
    with WritersLock(path):
        assert path.stat().st_ino == inode


def test_plain_flock_excludes_us_and_is_excluded(path: Path) -> None:
    lock = WritersLock(path)
    with open(path, "a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Busy):
            lock.acquire()
        fcntl.flock(file, fcntl.LOCK_UN)
        with lock, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_other_process_is_excluded(path: Path) -> None:
    code = """
import sys
from vost._model.errors import Busy
from vost._storage.lock import WritersLock
try:
    with WritersLock(sys.argv[1]):
        print("got it")
except Busy as busy:
    print("busy")
"""
    with WritersLock(path):
        assert run(code, path) == "busy"
    assert run(code, path) == "got it"


def test_lock_of_a_killed_process_is_free(path: Path) -> None:
    code = """
import os, signal, sys
from vost._storage.lock import WritersLock
WritersLock(sys.argv[1]).acquire()
os.write(1, b"locked")
os.kill(os.getpid(), signal.SIGKILL)
"""
    result = subprocess.run(
        [sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, check=False
    )
    assert result.stdout == b"locked"
    with WritersLock(path):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_forked_child_uses_the_lock_as_another_process_does(path: Path) -> None:
    code = """
import os, sys
from vost._model.errors import Busy
from vost._storage.lock import WritersLock
lock = WritersLock(sys.argv[1])

def in_child(expected):
    child = os.fork()
    if child == 0:
        try:
            try:
                lock.acquire()
            except Busy:
                os._exit(1)
            lock.release()
            os._exit(0)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == expected

in_child(0)
lock.acquire()
in_child(1)
assert lock.held
in_child(1)
# A child that leaves the block in which it was forked must not unlock for its parent.
child = os.fork()
if child == 0:
    lock.release()
    os._exit(0)
os.waitpid(child, 0)
in_child(1)
lock.release()
in_child(0)
lock.acquire()
lock.release()
print("fine")
"""
    assert run(code, path) == "fine"


def test_removed_repository_does_not_come_back(tmp_path: Path) -> None:
    lock = WritersLock(tmp_path / "gone" / "vost.lock")
    with pytest.raises(RepositoryNotFoundError, match="gone"):
        lock.acquire()
    assert not (tmp_path / "gone").exists()
    assert not lock.held


def test_linked_lock_file_is_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").touch()
    path.symlink_to(tmp_path / "victim")
    lock = WritersLock(path)
    with pytest.raises(OSError, match="symbolic links"):
        lock.acquire()
    assert not lock.held


def test_holder_is_named_where_the_system_tells(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from vost._storage import lock as module

    holder = WritersLock(path)
    with holder:
        locks = tmp_path / "locks"
        locks.write_text(
            "1: POSIX  ADVISORY  WRITE 12 fd:01:99 0 EOF\n"
            f"2: FLOCK  ADVISORY  WRITE 4711 fd:01:{path.stat().st_ino} 0 EOF\n",
            encoding="ascii",
        )
        real_open = open
        monkeypatch.setattr(
            module, "open", lambda _, **options: real_open(locks, **options), raising=False
        )
        with pytest.raises(Busy, match="process 4711"):
            WritersLock(path).acquire()
