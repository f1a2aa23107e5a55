"""What the child processes of the tests on refs do: ``python -m tests.storage.refs_children``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

# The first writer imports it; not while the calls of the write are being counted.
import filelock  # noqa: F401

from vost._model.errors import Busy
from vost._model.objects import oid_from_hex, oid_to_hex
from vost._storage.diskrefs import DiskRefs
from vost._storage.layout import create
from vost._storage.lock import WritersLock
from vost._storage.protocols import RefMismatchError, RefUpdate

MAIN = "refs/heads/main"


def open_refs(git_dir: str | Path, *, durable: bool = False) -> DiskRefs:
    """Return a handle on the refs of a bare repository."""
    return DiskRefs(git_dir, WritersLock(Path(git_dir) / "vost.lock"), durable=durable)


def change(refs: DiskRefs, *updates: RefUpdate) -> None:
    """Carry out updates under the lock."""
    with refs.locked():
        refs.compare_and_set(updates, identity="Ada <ada@example.org>", time=1_700_000_000)


def count_with_vost(git_dir: str, chain: list[str], steps: int) -> None:
    """Move main to the next commit of the chain, ``steps`` times."""
    refs = open_refs(git_dir)
    places = {oid_from_hex(text): index for index, text in enumerate(chain)}
    done = 0
    while done < steps:
        old = refs.get(MAIN)
        assert old is not None
        new = oid_from_hex(chain[places[old] + 1])
        try:
            change(refs, RefUpdate(MAIN, old, new, "count"))
            done += 1
        except (Busy, RefMismatchError):
            time.sleep(0.001)


def count_with_git(git_dir: str, chain: list[str], steps: int) -> None:
    """Do the same with ``git update-ref`` and an expected old value; pack refs at times."""
    refs = open_refs(git_dir)
    places = {text: index for index, text in enumerate(chain)}
    command = ["git", f"--git-dir={git_dir}"]
    done = 0
    while done < steps:
        value = refs.get(MAIN)
        assert value is not None
        old = oid_to_hex(value)
        update = [*command, "update-ref", "-m", "git", MAIN, chain[places[old] + 1], old]
        if subprocess.run(update, capture_output=True, check=False).returncode == 0:
            done += 1
            if done % 10 == 0:
                subprocess.run([*command, "pack-refs", "--all"], capture_output=True, check=False)


def create_repository(path: str) -> None:
    """Create one repository, with its first branch, at the same time as others do."""

    def prepare(git_dir: Path) -> None:
        refs = open_refs(git_dir)
        change(refs, RefUpdate(MAIN, None, bytes([7]) * 20, None))
        refs.close()
        time.sleep(0.02)

    layout = create(path, head="main", prepare=prepare)
    assert open_refs(layout.git_dir).get("HEAD") == bytes([7]) * 20


def serve_kills(chain: list[str]) -> None:
    """Fork a child for each repository named on stdin; it waits for a line in its own pipe.

    The parent prints the child's process id, then passes on ``go``, then prints how it ended.
    """
    for line in sys.stdin:
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.read(read_end, 1)
            write_everything(line.strip(), chain)
            os._exit(0)
        print(child, flush=True)
        sys.stdin.readline()
        os.write(write_end, b"g")
        _, status = os.waitpid(child, 0)
        os.close(read_end)
        os.close(write_end)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if killed else f"ended {status}", flush=True)


def write_everything(git_dir: str, chain: list[str]) -> None:
    """Move, create and delete refs in one transaction, then point HEAD elsewhere."""
    first, second = (oid_from_hex(text) for text in chain[:2])
    refs = open_refs(git_dir)
    change(
        refs,
        RefUpdate(MAIN, first, second, "move"),
        RefUpdate("refs/heads/new/nested", None, second, "create"),
        RefUpdate("refs/heads/old/packed", first, None, "delete"),
        RefUpdate("refs/heads/old/loose", first, None, "delete"),
    )
    with refs.locked():
        refs.set_symbolic("HEAD", "refs/heads/new/nested")


def main() -> None:
    """Do what the command line says."""
    what, *args = sys.argv[1:]
    chain = Path(args[1]).read_text(encoding="ascii").split() if len(args) > 1 else []
    if what == "vost":
        count_with_vost(args[0], chain, int(args[2]))
    elif what == "git":
        count_with_git(args[0], chain, int(args[2]))
    elif what == "create":
        create_repository(args[0])
    elif what == "kills":
        serve_kills(chain)


if __name__ == "__main__":
    main()
