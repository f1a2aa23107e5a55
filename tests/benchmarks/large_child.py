"""Child process of the benchmark of large files: does one step and prints its peak memory."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from vost_sync import GitStore

_PIECE = 1 << 20


def main(step: str, path: str, source: str, name: str) -> None:
    """Write ``source`` to the repository at ``path``, or read the file ``name`` from there."""
    with GitStore.open(path) as store:
        fs = store.branches["main"]
        if step == "write":
            fs.write_from_file(name, source)
        elif step == "stream":
            with open(source, "rb") as file, fs.writer(name) as writer:
                while piece := file.read(_PIECE):
                    writer.write(piece)
        else:
            with fs.open(name) as reader:
                total = 0
                while piece := reader.read(_PIECE):
                    total += len(piece)
                assert total == fs.size(name)
    print(json.dumps({"peak": _peak_memory()}))


def _peak_memory() -> int:
    """Return the most memory that this process ever had, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # ru_maxrss would count what the parent had at the time of the fork.
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


if __name__ == "__main__":
    main(*sys.argv[1:])
