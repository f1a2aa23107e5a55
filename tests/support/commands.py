"""Runs the ``vost`` command: in this process, where that is enough, or in one of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from asyncclick.testing import CliRunner

from vost.cli import main

TIMEOUT = 60
"""Seconds that a command in a process of its own may take."""


@dataclass(frozen=True)
class Ran:
    """What became of a command: its exit status and what it printed, as bytes and as text."""

    code: int
    out_bytes: bytes
    err_bytes: bytes

    @property
    def out(self) -> str:
        """What it printed on stdout."""
        return self.out_bytes.decode("utf-8", "surrogateescape")

    @property
    def err(self) -> str:
        """What it printed on stderr."""
        return self.err_bytes.decode("utf-8", "surrogateescape")

    @property
    def lines(self) -> list[str]:
        """The lines that it printed on stdout."""
        return self.out.splitlines()


@dataclass(frozen=True)
class Vost:
    """Runs ``vost`` on one repository; call it with the arguments.

    Args:
        repository: The repository, passed on as ``VOST_REPO``. It need not exist.
    """

    repository: Path

    def __call__(self, *args: str | os.PathLike[str], input: bytes | str = b"") -> str:
        """Run a command that must succeed, with nothing on stderr, and return its stdout."""
        ran = self.attempt(*args, input=input)
        assert (ran.code, ran.err) == (0, ""), ran
        return ran.out

    def attempt(self, *args: str | os.PathLike[str], input: bytes | str = b"") -> Ran:
        """Run a command in this process, whatever becomes of it.

        An error that would be shown as a traceback is raised.
        """
        environment = {"VOST_REPO": str(self.repository)}

        async def run() -> Ran:
            runner = CliRunner(env=environment, catch_exceptions=False)
            result = await runner.invoke(main, [os.fspath(arg) for arg in args], input=input)
            return Ran(result.exit_code, result.stdout_bytes, result.stderr_bytes)

        return asyncio.run(run())

    def fails(self, *args: str | os.PathLike[str], input: bytes | str = b"") -> str:
        """Run a command that must fail with status 1 and return its message, without ``Error:``.

        Nothing may be on stdout.
        """
        ran = self.attempt(*args, input=input)
        assert ran.code == 1, ran
        assert ran.out == "", ran
        prefix, _, message = ran.err.partition("Error: ")
        assert prefix == "", ran
        return message.rstrip("\n")

    def process(self, *args: str | bytes | os.PathLike[str], input: bytes = b"") -> Ran:
        """Run a command in a process of its own."""
        done = subprocess.run(
            command_line(*args),
            input=input,
            capture_output=True,
            env=self.environment(),
            timeout=TIMEOUT,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, *args: str | bytes | os.PathLike[str]) -> subprocess.Popen[bytes]:
        """Begin a command in a process of its own, with pipes for its three streams."""
        return subprocess.Popen(
            command_line(*args),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(),
        )

    def environment(self) -> dict[str, str]:
        """Return the environment of a process that runs ``vost`` on this repository."""
        return os.environ | {"VOST_REPO": str(self.repository)}


def command_line(*args: str | bytes | os.PathLike[str]) -> list[str | bytes | os.PathLike[str]]:
    """Return what starts ``vost`` with these arguments in a process of its own."""
    return [sys.executable, "-W", "error", "-m", "vost.cli", *args]
