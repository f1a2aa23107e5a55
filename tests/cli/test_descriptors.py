"""Standard streams that are closed or full: one line on stderr, status 1, never a traceback."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest

from tests.support.commands import TIMEOUT, Vost, command_line
from vost_sync import GitStore

pytestmark = pytest.mark.slow


def in_a_shell(vost: Vost, command: str) -> tuple[int, str, str]:
    """Run a line of shell in which ``vost`` is the command."""
    start = shlex.join(os.fsdecode(part) for part in command_line())
    done = subprocess.run(
        ["sh", "-c", command.replace("vost", start)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=vost.environment(),
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "command, error",
    [
        ("vost write f <&-", "Bad file descriptor"),
        ("echo x | vost write -p f >&-", "Bad file descriptor"),
        ("vost branch >&-", "Bad file descriptor"),
        ("vost branch >/dev/full", "No space left on device"),
        ("vost --help >/dev/full", "No space left on device"),
        ("echo x | vost write -p f >/dev/full", "No space left on device"),
    ],
)
def test_stream_that_is_needed_is_missed(
    vost: Vost, store: GitStore, command: str, error: str
) -> None:
    assert in_a_shell(vost, command) == (1, "", f"Error: {error}\n")
    assert store.branches["main"].ls() == []


def test_stream_that_is_not_needed_is_not_missed(vost: Vost, store: GitStore) -> None:
    assert in_a_shell(vost, "vost branch <&-") == (0, "main\n", "")
    assert in_a_shell(vost, "echo x | vost write f >&- 2>&-") == (0, "", "")
    assert store.branches["main"].read("f") == b"x\n"
    assert in_a_shell(vost, "vost cat nope 2>&-") == (1, "", "")
