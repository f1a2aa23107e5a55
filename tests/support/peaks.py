"""How much memory a process had at most."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

_COMMAND = """
import atexit, sys
target = sys.argv.pop(1)
def report():
    from tests.support.peaks import peak_memory
    with open(target, "w") as file:
        file.write(str(peak_memory()))
atexit.register(report)
from vost.cli import main
main(prog_name="vost")
"""


def peak_memory() -> int:
    """Return the most memory that this process ever had, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # ru_maxrss would count what the parent had at the time of the fork.
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def peak_of_command(
    args: Sequence[str | os.PathLike[str]],
    report: Path,
    environment: Mapping[str, str],
    *,
    stdin: BinaryIO | None = None,
    stdout: BinaryIO | None = None,
) -> int:
    """Run ``vost`` in a process of its own and return the most memory that it had, in bytes.

    Args:
        args: The arguments.
        report: A file that the process may write to.
        environment: Its environment.
        stdin: What it reads; ``None``: nothing.
        stdout: Where it writes; ``None``: nowhere.
    """
    subprocess.run(
        [sys.executable, "-c", _COMMAND, report, *args],
        check=True,
        cwd=Path(__file__).parents[2],
        env=dict(environment),
        stdin=stdin or subprocess.DEVNULL,
        stdout=stdout or subprocess.DEVNULL,
    )
    return int(report.read_text(encoding="ascii"))
