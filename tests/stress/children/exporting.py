"""Copies out for ever: ``python -m tests.stress.children.exporting <repository> <destination>``.

Turns between the two commits of the repository, so that each time every file is written again.
Says ``go`` on each new turn.
"""

from __future__ import annotations

import sys
from itertools import cycle

from vost_sync import GitStore


def main() -> None:
    repository, destination = sys.argv[1:]
    store = GitStore.open(repository)
    tip = store.branches["main"]
    for fs in cycle((tip, tip.parent)):
        print("go", flush=True)
        fs.sync_out("", destination)


if __name__ == "__main__":
    main()
