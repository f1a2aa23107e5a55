"""Standard streams that were closed before the command began (``vost ls >&-``)."""

from __future__ import annotations

import os
import sys

# Each is opened for what nobody does with it, so that using it is an error, as it should be.
_STREAMS = (
    ("stdin", "r", os.O_WRONLY),
    ("stdout", "w", os.O_RDONLY),
    ("stderr", "w", os.O_WRONLY),  # but for messages, which go nowhere
)


def fill_gaps() -> None:
    """Put something in the place of closed streams.

    Else the next file that is opened would have the number of one, and be what others take for
    standard output.
    """
    for number, (name, mode, flags) in enumerate(_STREAMS):
        if getattr(sys, name) is not None:
            continue
        nowhere = os.open(os.devnull, flags)
        if nowhere != number and not _is_open(number):
            os.dup2(nowhere, number)
            os.close(nowhere)
            nowhere = number
        stream = open(nowhere, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays
        setattr(sys, name, stream)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
