"""Stopping a child at a chosen system call: killed, interrupted, or with an error, by strace."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stress.forkserver import Child

# Everything by which a writer changes something, or depends on what is there.
CHANGING = (
    "openat",
    "write",
    "pwrite64",
    "rename",
    "link",
    "linkat",
    "unlink",
    "mkdir",
    "rmdir",
    "fsync",
    "fdatasync",
    "ftruncate",
    "utimensat",
    "flock",
)

# Traced beside the interesting ones, so that strace attaches even if none of these is called.
_ALWAYS = "getppid"


def run_traced(child: Child, strace: str, *options: str) -> None:
    """Let a waiting child go under strace, and hear it to its end."""
    command = [strace, "-f", "-qq", "-p", str(child.pid), *options]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        _wait_until_traced(child.pid, tracer)
        child.go()
        child.listen()
    finally:
        child.go_away()
        _, complaints = tracer.communicate(timeout=30)
    assert not complaints, complaints


def _wait_until_traced(pid: int, tracer: subprocess.Popen[str]) -> None:
    while tracer.poll() is None:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            if f"TracerPid:\t{tracer.pid}\n" in status.read():
                return
        os.sched_yield()
    pytest.skip(f"strace cannot trace here: {tracer.communicate()[1]}")


def inject(child: Child, strace: str, system_call: str, what: str, when: str) -> None:
    """Run a child in which ``what`` (such as ``error=EIO``) happens at some of its calls."""
    run_traced(
        child,
        strace,
        *("-o", "/dev/null", "-e", f"trace={system_call},{_ALWAYS}"),
        *("-e", f"inject={system_call}:{what}:when={when}"),
    )


def record(child: Child, strace: str, log: Path, system_calls: str) -> list[str]:
    """Run a child and return its system calls, one a line, with the paths of descriptors."""
    run_traced(child, strace, "-y", "-s", "0", "-o", str(log), "-e", f"trace={system_calls}")
    return log.read_text(encoding="utf-8", errors="replace").splitlines()


def count_calls(lines: list[str]) -> dict[str, int]:
    """Return how often each system call was made."""
    counts: dict[str, int] = {}
    for line in lines:
        found = re.match(r"(?:\d+ +)?(\w+)\(", line)
        if found:
            counts[found[1]] = counts.get(found[1], 0) + 1
    return counts
