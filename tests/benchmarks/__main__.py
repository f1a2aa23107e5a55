"""Runs the benchmarks and prints a Markdown table: ``python -m tests.benchmarks``."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks import (
    bulk,
    cloning,
    commandline,
    commits,
    copying,
    exporting,
    extras,
    history,
    large,
    mounting,
    reading,
    rearranging,
    report,
    serving,
    startup,
)
from tests.benchmarks.racing import Bench, Row, note, processor_time

Benchmark = Callable[[Bench], Iterator[Row]]

BENCHMARKS: dict[str, Benchmark] = {
    "import": startup.imports,
    "lookups": reading.lookups,
    "facade": reading.facade,
    "reads": reading.reads,
    "batch": bulk.batch,
    "heartbeat": bulk.heartbeat,
    "commits": commits.commits,
    "directory": commits.directory,
    "log": history.log,
    "scale": bulk.scale,
    "rearrange": rearranging.rearrange,
    "copy-in": copying.copy_in,
    "copy-in-heartbeat": copying.heartbeat,
    "copy-out": exporting.copy_out,
    "clone": cloning.clone,
    "command": commandline.start,
    "command-memory": commandline.memory,
    "extras": extras.extras,
    "large": large.large,
    "tail": large.tail,
    "mount": mounting.mount,
    "serve": serving.serve,
}


def main() -> None:
    """Parse the command line, run what it asks for, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less work: only shows that it runs")
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, metavar="NAME", default=[],
        help=f"only this one; may be repeated: {', '.join(BENCHMARKS)}",
    )  # fmt: skip
    parser.add_argument(
        "--cpu",
        action="store_true",
        help="count processor time, not time as it goes by: for a machine with other work on it",
    )
    parser.add_argument(
        "--directory", type=Path, help="where to work: a real disk; default: the temporary one"
    )
    options = parser.parse_args()
    clock = processor_time if options.cpu else time.perf_counter
    started = time.perf_counter()
    for fact in report.machine_facts():
        print(f"* {fact}")
    kind = "quick: these figures mean little" if options.quick else "best of several turns"
    kind += ", processor time" if options.cpu else ", time as it goes by"
    print(f"* {kind}\n\n{report.heading()}", flush=True)
    missed = 0
    with tempfile.TemporaryDirectory(prefix="vost-bench-", dir=options.directory) as directory:
        bench = Bench(Path(directory), options.quick, clock)
        for name in options.only or BENCHMARKS:
            note(f"{name} ...")
            for row in BENCHMARKS[name](bench):
                print(report.line(row), flush=True)
                missed += row.met is False
    took = time.perf_counter() - started
    print(f"\nTargets missed: {missed}. The run took {took:.0f} s.")


if __name__ == "__main__":
    main()
