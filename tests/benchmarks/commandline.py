"""The command line: how long it takes to start, and how much memory large files take."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.contents import write_large
from tests.benchmarks.racing import Bench, Contender, Row, note, ready
from tests.benchmarks.report import at_most
from tests.support.peaks import peak_of_command
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMPORTS = "import dulwich.repo, anyio, asyncclick"
_START_LIMIT = 1.5
_MEMORY_LIMIT = 120
_MEBIBYTE = 1 << 20


def start(bench: Bench) -> Iterator[Row]:
    """Start the command in a fresh process."""
    path = bench.path("small.git")
    with GitStore.open(path) as store:
        store.branches["main"].apply({f"f{number}": b"x" for number in range(20)})
    # As a user has it: with compiled modules, whatever a developer's environment says.
    inherited = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON"}
    environment = inherited | {"VOST_REPO": str(path)}
    run = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, env=environment)
    vost = [str(Path(sys.executable).with_name("vost"))]
    imports = Contender(_IMPORTS, ready(run, [sys.executable, "-c", _IMPORTS]))
    commands = {
        "vost --help": ready(run, [*vost, "--help"]),
        "vost ls": ready(run, [*vost, "ls"]),
        "vost cat f1": ready(run, [*vost, "cat", "f1"]),
    }
    ours = [Contender(name, work) for name, work in commands.items()]
    times = bench.race(bench.scaled(15, 3), imports, *ours)
    for name in commands:
        limit = None if name == "vost cat f1" else _START_LIMIT
        yield at_most(name, times[name], times[_IMPORTS], limit)


def memory(bench: Bench) -> Iterator[Row]:
    """Move a large file through each command that takes files in or out."""
    size = bench.scaled(1024, 64)
    for kind in ("compressible", "incompressible"):
        source = bench.path(f"{kind}.bin")
        write_large(source, size * _MEBIBYTE, compressible=kind == "compressible")
        for command, peak in _peaks(bench, source):
            yield Row(
                f"{size} MiB, {kind}: peak memory of vost {command}",
                f"{peak / _MEBIBYTE:.0f} MiB",
                target=f"< {_MEMORY_LIMIT} MiB",
                met=peak < _MEMORY_LIMIT * _MEBIBYTE,
            )


def _peaks(bench: Bench, source: Path) -> Iterator[tuple[str, int]]:
    place = bench.path("place")
    place.mkdir()
    report, out = place / "peak", place / "out"
    tar, plain_zip = place / "all.tar", place / "all.zip"

    def peak(repository: str, *args: str | Path, stdin: Path | None = None) -> tuple[str, int]:
        note(f"  vost {args[0]}")
        environment = os.environ | {"VOST_REPO": str(place / repository)}
        if stdin is None:
            return str(args[0]), peak_of_command(args, report, environment)
        with stdin.open("rb") as file:
            return f"{args[0]}, from stdin", peak_of_command(args, report, environment, stdin=file)

    first, second = "first.git", "second.git"
    name, used = peak(first, "cp", source, ":large")
    yield f"{name} to the repository", used
    yield peak(first, "cat", "large")
    name, used = peak(first, "cp", ":large", out)
    yield f"{name} to the disk", used
    yield peak(second, "write", "large", stdin=source)
    yield peak(first, "archive_out", tar)
    yield peak(first, "zip", plain_zip)
    yield peak(second, "archive_in", tar)
    yield peak(second, "untar", "-", stdin=tar)
    yield peak(second, "unzip", plain_zip)
