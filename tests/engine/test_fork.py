"""A fork at an unlucky moment leaves a child that can go on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vost_sync import GitStore

ROOT = Path(__file__).parents[2]

# A thread is in the middle of importing a module that vost imports late when the process forks.
MODULE = """
import __main__

__main__.begun.set()
__main__.go_on.wait()
"""
PROGRAM = """
import os, signal, sys, threading

from vost_sync import GitStore

store = GitStore.open(sys.argv[1])
sys.modules.pop("queue", None)
sys.path.insert(0, sys.argv[2])
begun, go_on = threading.Event(), threading.Event()
importer = threading.Thread(target=lambda: __import__("queue"))
importer.start()
begun.wait()
threading.Timer(0.2, go_on.set).start()
child = os.fork()
if child == 0:
    signal.alarm(5)
    import queue

    os._exit(0)
importer.join()
sys.exit(os.waitpid(child, 0)[1] != 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_fork_waits_for_imports_that_a_thread_has_begun(tmp_path: Path) -> None:
    (tmp_path / "queue.py").write_text(MODULE)
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path / "r.git"), str(tmp_path)],
        cwd=ROOT,
        check=False,
        timeout=50,
    )
    assert result.returncode == 0


# Reading needs no filelock, whose own hooks for forks cannot bear to appear in the middle of one.
QUIET = """
import os, sys

from vost_sync import GitStore

store = GitStore.open(sys.argv[1])
store.branches["main"].ls()
assert "filelock" not in sys.modules
child = os.fork()
if child == 0:
    store.branches["main"].write("from the child", b"")
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1] != 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_fork_of_a_process_that_only_read_is_quiet(tmp_path: Path) -> None:
    with GitStore.open(tmp_path / "r.git") as store:
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", QUIET, str(tmp_path / "r.git")],
            cwd=ROOT,
            check=False,
            capture_output=True,
            timeout=50,
        )
        assert (result.returncode, result.stderr) == (0, b"")
        assert store.branches["main"].ls() == ["from the child"]
