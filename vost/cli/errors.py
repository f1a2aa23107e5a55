"""What a user is told when something goes wrong: one line, what and what to do about it."""

from __future__ import annotations

from typing import IO, Any

import asyncclick as click

import vost
from vost.cli import output
from vost.cli.output import printable

FAILURE = 1
TROUBLE = 2
"""Exit status of ``cmp`` when it could not compare: 1 says that the files differ."""

CLOSED_PIPE = 141
"""As if SIGPIPE had ended the command: shells have 128 and the number of the signal."""


class Failure(click.ClickException):
    """A command that could not do what it was asked to do.

    Args:
        message: What went wrong, and the way out.
        exit_code: The exit status.
        advice: A second line.
    """

    def __init__(self, message: str, exit_code: int = FAILURE, *, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice
        # click has it as an attribute of the class.
        self.exit_code = exit_code  # type: ignore[misc]

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message on stderr: names that are not UTF-8 as the bytes that they are."""
        if file is not None:
            super().show(file)
            return
        output.note(f"Error: {self.message}")
        if self.advice:
            output.note(self.advice)

    def format_message(self) -> str:
        """Return the message as text that a terminal may be shown."""
        return printable(self.message) + (f"\n{printable(self.advice)}" if self.advice else "")


STALE = "Branch modified concurrently — retry"


def failure_of(error: Exception) -> Failure:
    """Return what a user is told of an error that no command expected in particular."""
    if isinstance(error, vost.StaleSnapshotError):
        return Failure(STALE)
    if isinstance(error, vost.VostError):
        return Failure(_message(error))
    if isinstance(error, OSError):
        return Failure(describe(error))
    if isinstance(error, (KeyError, ValueError, TypeError, RuntimeError)) and error.args:
        return Failure(str(error.args[-1]))
    return Failure(f"{type(error).__name__}: {error} (vost -vv shows where)")


def cannot_make(path: str, error: OSError) -> Failure:
    """Return what a user is told when a repository cannot be made at a path.

    The error itself may name a temporary file, or a directory above.
    """
    reason = "Not a directory" if isinstance(error, FileExistsError) else error.strerror
    return Failure(f"Cannot make {path}: {reason or error}")


def describe(error: OSError) -> str:
    """Return what an error of the operating system says, with the path that it is about."""
    if isinstance(error, vost.VostError):
        return _message(error)
    reason = error.strerror or str(error)
    return reason if error.filename is None else f"{reason}: {_text(error.filename)}"


def _message(error: vost.VostError) -> str:
    # OSError.__str__ says "[Errno 2]", which is no help to anybody.
    if isinstance(error, OSError) and error.strerror is not None:
        reason, name = error.strerror, error.filename
        return reason if name is None else f"{reason}: {_text(name)}"
    return str(error)


def _text(name: str | bytes | int) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else str(name)
