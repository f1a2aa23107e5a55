"""Child process of the benchmark of large files: does one step and prints its peak memory."""

from __future__ import annotations

import json
import sys

from tests.support.peaks import peak_memory
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
    print(json.dumps({"peak": peak_memory()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
