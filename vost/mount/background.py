"""Mounting in a process of its own, which goes on when the command has ended."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from .errors import MountError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("in_background",)

_UP = b"+"
_FAILED = b"-"


def in_background(work: Callable[[Callable[[], None]], None]) -> int:
    """Run ``work`` in a new process, and return when it says that it is ready.

    To be called while there is one thread only, for a fork copies no others, but the locks that
    they hold; and with nothing open that the new process must not have.

    Args:
        work: Given a function to call when it is ready; it returns at the end of the new process.

    Returns:
        The id of the process.

    Raises:
        MountError: If ``work`` fails before it is ready, with its message.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # or else both processes would write what waits
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run(work, writing)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
    except BaseException:  # Ctrl-C: the new process has no terminal that would tell it
        os.kill(child, signal.SIGTERM)
        raise
    if said[:1] == _UP:
        return child
    os.waitpid(child, 0)
    reason = said[1:].decode("utf-8", "surrogateescape")
    raise MountError(reason or "The process in the background ended before it was ready")


def _run(work: Callable[[Callable[[], None]], None], writing: int) -> NoReturn:
    """Run ``work`` and end this process; nothing of what called us may run a second time."""
    status, waiting = 1, True

    def tell(what: bytes) -> None:
        nonlocal waiting
        if waiting:
            waiting = False
            os.write(writing, what)
            os.close(writing)

    def ready() -> None:
        _detach()
        tell(_UP)

    try:
        os.setsid()
        work(ready)
        status = 0
    except MountError as error:
        tell(_FAILED + str(error).encode("utf-8", "surrogateescape"))
    except Exception as error:  # noqa: BLE001 - there is nobody else to tell
        tell(_FAILED + f"{type(error).__name__}: {error}".encode("utf-8", "surrogateescape"))
    finally:
        os._exit(status)


def _detach() -> None:
    """Let go of the directory and the terminal that the command was called with."""
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    if nowhere > 2:
        os.close(nowhere)
