"""Forks again and again while threads write; the children go on with what they inherited.

``python -m tests.stress.children.forks <repository> <forks>``
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import traceback
import warnings
from typing import TYPE_CHECKING

from vost_sync import GitStore, retry_write

if TYPE_CHECKING:
    from vost_sync import FS

BUSY = 3
"""Threads that write all the time, so that locks are held at the moment of a fork."""

PATIENCE = 30
"""Seconds after which a child counts as hanging: it says where it hangs and ends."""


def keep_writing(store: GitStore, number: int, stop: threading.Event, done: list[str]) -> None:
    """Write to one file until told to stop."""
    step = 0
    while not stop.is_set():
        step += 1
        fs = retry_write(store, "main", f"busy/{number}", b"%d" % step, retries=1000)
        done.append(fs.commit_hash)


def go_on(store: GitStore, fs: FS, number: int) -> None:
    """Use the parent's store and snapshot in a child: read, write, note, tag, leave."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    code = 1
    try:
        assert fs.read("before") == b"before"
        assert fs.read("packed/7") == b"7"
        new = retry_write(store, "main", f"child/{number}", b"%d" % number, retries=1000)
        assert new.read(f"child/{number}") == b"%d" % number
        store.notes.commits[new] = f"child {number}"
        store.tags[f"child{number}"] = new
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> None:
    """Fork in turn with busy threads beside, wait for each child, print how many commits."""
    repository, forks = sys.argv[1], int(sys.argv[2])
    # Newer Pythons warn of a fork beside threads: what happens then is the point here.
    warnings.simplefilter("ignore", DeprecationWarning)
    store = GitStore.open(repository)
    fs = store.branches["main"].write("before", b"before")
    with fs.batch() as batch:
        for number in range(120):
            batch.write(f"packed/{number}", b"%d" % number)
    assert batch.fs is not None
    fs = batch.fs
    assert fs.read("packed/7") == b"7"

    stop, done = threading.Event(), [fs.commit_hash]
    threads = [
        threading.Thread(target=keep_writing, args=(store, number, stop, done))
        for number in range(BUSY)
    ]
    for thread in threads:
        thread.start()
    failed = 0
    for number in range(forks):
        child = os.fork()
        if child == 0:
            go_on(store, fs, number)
        failed += os.waitpid(child, 0)[1] != 0
        assert fs.read("before") == b"before"
    stop.set()
    for thread in threads:
        thread.join()
    store.close()
    assert not failed, f"{failed} of {forks} children failed"
    print(len(done))


if __name__ == "__main__":
    main()
