"""SIGINT and SIGTERM: what ends the command, and how, from its first import to its very end."""

from __future__ import annotations

import os
import signal

INTERRUPTED = 130
TERMINATED = 143
"""Exit status: 128 and the number of the signal, as shells have it."""

_STATUS = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
_arrived: list[int] = []


def guard() -> None:
    """Let these signals end the process on the spot: while it imports, nothing is half done.

    An exception would be shown by the interpreter where nobody catches it, and not even that where
    an import swallows it.
    """
    for number in _STATUS:
        _handle(number, _leave)


def raise_interrupts() -> None:
    """Let these signals raise ``KeyboardInterrupt`` from now on, so that half-done work is undone.

    For SIGINT the handler is Python's own, which asyncio replaces by one that cancels the command.
    """
    _handle(signal.SIGINT, signal.default_int_handler)
    _handle(signal.SIGTERM, _terminate)


def exit_status() -> int:
    """Return the status of a command that was interrupted."""
    return TERMINATED if signal.SIGTERM in _arrived else INTERRUPTED


def _handle(number: int, handler: object) -> None:
    # Whoever ignores a signal (SIGINT: the jobs that a script puts in the background) goes on.
    if signal.getsignal(number) not in (signal.SIG_IGN, None):
        signal.signal(number, handler)  # type: ignore[arg-type]


def _leave(number: int, _: object) -> None:
    try:
        os.write(2, b"\nAborted!\n")
    finally:
        os._exit(_STATUS[signal.Signals(number)])


def _terminate(number: int, _: object) -> None:
    _arrived.append(number)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)
