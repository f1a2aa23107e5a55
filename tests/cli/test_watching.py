"""`vost sync --watch`: contract section 3.8 and D27, out of process."""

from __future__ import annotations

import fcntl
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.commands import Vost
from tests.support.gitcli import Git
from tests.support.localtrees import make_tree
from vost_sync import GitStore

pytestmark = pytest.mark.slow

Start = Callable[..., "Watch"]
SYNCED = r"\[\d\d:\d\d:\d\d\] Sync: {} \(commit [0-9a-f]{{7}}\)"


class Watch:
    """A `vost sync --watch` that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def line(self) -> str:
        """Return the next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode("utf-8", "surrogateescape").rstrip("\n")

    def error(self) -> str:
        """Return the next line on stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().decode("utf-8", "surrogateescape").rstrip("\n")

    def expect(self, changes: str) -> None:
        line = self.line()
        assert re.fullmatch(SYNCED.format(re.escape(changes)), line), line

    def stop(self) -> str:
        """Press Ctrl-C and return what is printed then."""
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 0
        return out.decode()


@pytest.fixture
def start(vost: Vost, here: Path) -> Iterator[Start]:
    """Begin watches that are gone when the test is."""
    begun: list[subprocess.Popen[bytes]] = []

    def begin(*args: str) -> Watch:
        process = vost.start("sync", "--watch", "--debounce", "100", *args)
        begun.append(process)
        return Watch(process)

    make_tree(here, {"w/a": b"1", "w/sub/b": b"1"})
    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def test_every_change_is_followed_until_ctrl_c(start: Start, here: Path, repository: Path) -> None:
    watch = start("w", ":data")
    assert watch.line() == "Watching w -> :data (debounce 100ms)"
    watch.expect("+2")
    (here / "w/a").write_bytes(b"2")
    watch.expect("~1")
    (here / "w/a").write_bytes(b"3")  # within the same second
    watch.expect("~1")
    make_tree(here, {"w/node_modules/x.pyc": b"p"})
    watch.expect("+1")
    shutil.rmtree(here / "w/sub")
    watch.expect("-1")
    assert watch.stop() == "\nStopped watching.\n"
    fs = GitStore.open(repository, create=False).branches["main"]
    assert fs.read("data/a") == b"3"
    assert fs.ls(recursive=True) == ["data/a", "data/node_modules/x.pyc"]


def test_root_is_shown_as_a_slash_and_tag_names_the_first_commit(
    start: Start, here: Path, repository: Path
) -> None:
    watch = start("w", "--tag", "t", "--gitignore")
    assert watch.line() == "Watching w -> :/ (debounce 100ms)"
    watch.expect("+2")
    (here / "w/.gitignore").write_text("sub\n")
    assert watch.line().endswith("Sync: no changes")
    (here / "w/a").write_bytes(b"2")
    watch.expect("~1")
    watch.stop()
    store = GitStore.open(repository, create=False)
    assert store.tags["t"].read("a") == b"1"


def test_tag_names_the_first_commit_also_if_the_first_try_came_too_late(
    start: Start, here: Path, repository: Path, store: GitStore, git: Git
) -> None:
    elsewhere = store.branches.create("other").write("x", b"1").commit_hash
    known = set(repository.glob("objects/*/*"))
    with (repository / "vost.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        watch = start("w", "--tag", "t")
        watch.line()
        while set(repository.glob("objects/*/*")) == known:  # it has not read the branch yet
            assert watch.process.poll() is None
        git(repository, "update-ref", "refs/heads/main", elsewhere)
    assert watch.error() == "WARNING: Stale snapshot on initial sync, will retry"
    watch.expect("+2 -1")
    (here / "w/a").write_bytes(b"2")
    watch.expect("~1")
    watch.stop()
    tagged = GitStore.open(repository, create=False).tags["t"]
    assert tagged.read("a") == b"1"
    assert tagged.parent is not None
    assert tagged.parent.commit_hash == elsewhere


def test_errors_do_not_end_it_and_nothing_is_deleted(
    start: Start, here: Path, repository: Path, store: GitStore
) -> None:
    store.branches["main"].write("data/a", b"1")
    watch = start("w", ":data")
    watch.line()
    watch.expect("+1")
    (here / "w").rename(here / "elsewhere")
    assert watch.error() == "ERROR: Sync failed: Local directory not found: w"
    assert store.branches["main"].read("data/a") == b"1"
    (here / "elsewhere/c").write_bytes(b"c")
    (here / "elsewhere").rename(here / "w")
    watch.expect("+1")
    assert watch.stop() == "\nStopped watching.\n"


def test_repository_in_the_directory_does_not_set_it_off(start: Start, here: Path) -> None:
    watch = start("-r", "w/r.git", "w", ":data", "--exclude", "/r.git")
    watch.line()
    watch.expect("+2")
    (here / "w/c").write_bytes(b"c")
    watch.expect("+1")
    assert watch.stop() == "\nStopped watching.\n"
