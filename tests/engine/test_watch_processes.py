"""Watching and the life of a process: Ctrl-C, its end, its children, what it imports."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import vost_sync

ROOT = Path(__file__).parents[2]

BEGINNING = """
import os, signal, sys

from vost_sync import GitStore

store = GitStore.open(sys.argv[1])
watching = store.branches.watch("main", poll=3600)
first = next(watching)
"""

CTRL_C = """
import threading, traceback

def interrupt_the_wait():
    # Not before: between two lines of this program it would end something else.
    main = threading.main_thread().ident
    names = []
    while "watch" not in names or names[-1] != "wait":
        names = [frame.name for frame in traceback.extract_stack(sys._current_frames()[main])]
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt_the_wait).start()
try:
    next(watching)
except KeyboardInterrupt:
    # It is over, and another one works.
    assert list(watching) == []
    again = store.branches.watch("main", poll=3600)
    assert next(again).commit_hash == first.commit_hash
    print("interrupted")
"""

FORK = """
child = os.fork()
if child == 0:
    signal.alarm(20)
    written = store.branches["main"].write("child", b"1")
    assert next(watching).commit_hash == written.commit_hash
    second = store.branches.watch("main", since=written, poll=3600)
    written = written.write("child", b"2")
    assert next(second).commit_hash == next(watching).commit_hash == written.commit_hash
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert next(watching).read("child") == b"2"
"""

THREAD = """
import threading

def follow():
    for fs in store.branches.watch("main", poll=3600):
        if fs.message == "+ end":
            return

follower = threading.Thread(target=follow)
follower.start()
store.branches["main"].write("end", b"1")
follower.join()
"""

# What the system tells of, not the polling: it is in watchfiles' code when the program ends.
TOLD = """
import subprocess

written = store.branches["main"].write("a", b"1")
for fs in (written, first, written):
    move = ["git", "--git-dir", sys.argv[1], "update-ref", "refs/heads/main", fs.commit_hash]
    subprocess.run(move, check=True)
    while next(watching).commit_hash != fs.commit_hash:
        pass
"""


def started(program, *args):
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program, *map(str, args)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    try:
        out, err = process.communicate(timeout=50)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")
    return out


@pytest.mark.slow
@pytest.mark.parametrize("rest", ["", TOLD, THREAD], ids=["forgotten", "told", "thread"])
def test_program_that_forgets_its_iterators_ends(tmp_path, git, rest):
    finished(started(BEGINNING + rest, tmp_path / "r.git"))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are another thing there")
def test_ctrl_c_ends_the_wait(tmp_path):
    assert finished(started(BEGINNING + CTRL_C, tmp_path / "r.git")) == "interrupted\n"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_forked_child_goes_on_watching_and_so_does_its_parent(tmp_path):
    finished(started("import warnings\n" + BEGINNING + _forking(), tmp_path / "r.git"))


def _forking():
    # Python 3.12 warns of any fork beside a thread.
    return "warnings.simplefilter('ignore', DeprecationWarning)\n" + FORK


@pytest.mark.slow
def test_only_a_watch_imports_watchfiles(tmp_path):
    program = """
import sys
import vost, vost_sync
store = vost_sync.GitStore.open(sys.argv[1])
store.branches["main"].write("a", b"1")
print("watchfiles" in sys.modules, "trio" in sys.modules)
"""
    assert finished(started(program, tmp_path / "r.git")) == "False False\n"


def test_blocking_watch_in_a_thread_ends_when_the_store_is_closed(tmp_path):
    store = vost_sync.GitStore.open(tmp_path / "r.git")
    begun = threading.Event()
    ended = []

    def follow():
        for fs in store.branches.watch("main", poll=3600):
            ended.append(fs.message)
            begun.set()
        ended.append("end")

    follower = threading.Thread(target=follow)
    follower.start()
    assert begun.wait(30)
    store.close()
    follower.join(30)
    assert ended == ["Initialize main", "end"]
