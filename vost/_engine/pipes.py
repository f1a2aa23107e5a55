"""The pipes of a program that we run, with a limit to every wait.

A socket has a time limit of its own; a pipe has none, and a program that hangs would hang us.
"""

from __future__ import annotations

import io
import os
import select
import subprocess
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

PARTING = 5.0
"""Seconds in which a program ends of itself when its pipes are closed."""


class ProgramPipes:
    """What a program reads and writes.

    Args:
        process: The program; both pipes are ours, and unbuffered.
        timeout: Seconds to wait until it takes or says something.
        patient: Whether its first word may take longer: it may be asking its user something.
    """

    def __init__(self, process: subprocess.Popen[bytes], timeout: float, *, patient: bool) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._timeout = timeout
        self._input = process.stdin
        # Otherwise a large write waits inside of the system, where no limit counts.
        os.set_blocking(self._input.fileno(), False)
        self._output = io.BufferedReader(_Output(process.stdout, timeout, patient=patient))

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes of what the program writes; fewer at the end.

        Raises:
            TimeoutError: If it keeps silent.
        """
        return self._output.read(size)

    def write(self, data: bytes) -> int:
        """Give bytes to the program.

        Raises:
            TimeoutError: If it does not take them.
            BrokenPipeError: If it does not want any.
        """
        view = memoryview(data)
        while view:
            _wait(self._input, "POLLOUT", self._timeout)
            view = view[self._input.write(view) or 0 :]
        return len(data)

    def close(self) -> None:
        """Close the pipes, and end the program if it does not end of itself. Idempotent."""
        for pipe in (self._input, self._output):
            with suppress(OSError):
                pipe.close()
        for end in (self._process.terminate, self._process.kill):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(PARTING)
                return
            end()
        self._process.wait()


class _Output(io.RawIOBase):
    """What a program writes."""

    def __init__(self, pipe: IO[bytes], timeout: float, *, patient: bool) -> None:
        self._pipe = pipe
        self._timeout = timeout
        self._limit = None if patient else timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        _wait(self._pipe, "POLLIN", self._limit)
        self._limit = self._timeout
        count: int = self._pipe.readinto(buffer)  # type: ignore[attr-defined]
        return count

    def close(self) -> None:
        self._pipe.close()
        super().close()


def _wait(pipe: IO[bytes], event: str, timeout: float | None) -> None:
    if not hasattr(select, "poll"):  # pragma: no cover - Windows cannot wait for pipes
        return
    poll = select.poll()
    poll.register(pipe, getattr(select, event))
    if not poll.poll(None if timeout is None else timeout * 1000):
        raise TimeoutError("timed out")
