"""What a process pays before it does anything."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.benchmarks.racing import Bench, Row, Timing
from tests.benchmarks.report import at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODE = """
from time import {0} as clock
start = clock()
{1}
print(clock() - start)
"""


def imports(bench: Bench) -> Iterator[Row]:
    """Import vost in a fresh process."""
    statements = {
        # One name brings all: before that, nothing is imported.
        "import vost": "from vost import GitStore",
        "import dulwich.repo, anyio": "import dulwich.repo, anyio",
        "import vost_sync": "import vost_sync",
        "import pygit2": "import pygit2",
    }
    clock = "perf_counter" if bench.clock is time.perf_counter else "process_time"
    seconds: dict[str, list[float]] = {name: [] for name in statements}
    for statement in statements.values():
        _seconds(clock, statement)  # compiles what is not compiled yet
    for _ in range(bench.scaled(21, 5)):
        for name, statement in statements.items():
            seconds[name].append(_seconds(clock, statement))
    times = {name: Timing(name, tuple(found)) for name, found in seconds.items()}
    theirs = times["import dulwich.repo, anyio"]
    yield at_most("import vost", times["import vost"], theirs, 1)
    yield at_most("import vost_sync", times["import vost_sync"], theirs, None)
    yield at_most("import vost", times["import vost"], times["import pygit2"], None)


def _seconds(clock: str, statement: str) -> float:
    """Return what Python itself counts: its own start is the same for all."""
    command = [sys.executable, "-c", _CODE.format(clock, statement)]
    environment = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON"}
    return float(subprocess.run(command, capture_output=True, check=True, env=environment).stdout)
