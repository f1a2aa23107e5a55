"""What the tests of `cp` begin with: a repository, files in the current directory."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.support.localtrees import Link, Program, make_tree
from vost_sync import FS, GitStore

FILES = {"a.txt": b"a", "d/x": b"x", "d/e/y": b"y", "d/.dot": b"dot"}
ONLY_READING = "--ref/--path/--match/--before only apply when reading from repo"
LOCAL = {
    "f": b"f",
    "run": Program(b"#!"),
    "ln": Link("f"),
    "dangling": Link("nowhere"),
    "l/x": b"x",
    "l/e/y.py": b"y",
    "l/e/z.py": b"z",
    "l/.dot": b"dot",
    "m/x": b"other",
}


def fill(store: GitStore, here: Path) -> FS:
    """Fill ``main``, with ``dev`` at the same commit, a tag ``v1``, and the current directory."""
    main = store.branches["main"].apply(FILES)
    store.tags["v1"] = main
    store.branches["dev"] = main
    make_tree(here, LOCAL)
    # Younger than any commit of a test: an older file counts as unchanged (contract 1.11), and
    # whether a commit comes in the next second is a matter of luck.
    in_an_hour = time.time() + 3600
    for path in here.rglob("*"):
        os.utime(path, (in_an_hour, in_an_hour), follow_symlinks=False)
    return main


def files(store: GitStore, branch: str = "main") -> set[str]:
    """Return the paths of all files of a branch."""
    return set(store.branches[branch].ls(recursive=True))


def added(store: GitStore, branch: str = "main") -> set[str]:
    """Return the paths of the files that were not there at the beginning."""
    return files(store, branch) - set(FILES)
