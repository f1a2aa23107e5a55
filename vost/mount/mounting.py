"""Mounting: libfuse is loaded, told what to do, and watched; in the background if wanted.

mfusepy is imported here only, and late: that it is missing, or libfuse, is for the user to be told.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import logging
import os
import re
import signal
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from .background import in_background
from .errors import MountError
from .operations import Operations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .views import Shown, View

__all__ = ("MountOptions", "check_mountpoint", "mount", "mount_in_background", "require")

NOT_INSTALLED = "FUSE support not installed. Install with: pip install vost[fuse]"

_FOR_EVER = 3600
"""Seconds that the kernel may remember what it was told: a snapshot never changes."""

_UNSAFE = re.compile(r"[\\,\s\x00-\x1f\x7f]")
"""What ends an option of libfuse, or a field of the table of mounts."""

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class MountOptions:
    """How something is mounted.

    Attributes:
        mountpoint: The directory, as an absolute path.
        name: What the table of mounts calls it: a branch, a tag or the beginning of a commit id.
        debug: Let libfuse tell on stderr of all that it does.
        threads: Answer several calls at once.
        allow_other: Let other users in; libfuse allows that to root, or if ``/etc/fuse.conf`` says
            ``user_allow_other``.
    """

    mountpoint: str
    name: str
    debug: bool = False
    threads: bool = True
    allow_other: bool = False


def require() -> None:
    """Check that mfusepy and libfuse are installed.

    Raises:
        MountError: If one of them is not.
    """
    try:
        import_module("mfusepy")
    except (ImportError, OSError, AttributeError):
        # It raises OSError without libfuse and AttributeError with one of another age.
        raise MountError(NOT_INSTALLED) from None


def check_mountpoint(path: str) -> str:
    """Return the absolute path of a directory that something can be mounted at.

    Raises:
        MountError: If it is none.
    """
    absolute = os.path.abspath(path)  # noqa: PTH100 - links in it are the user's own names
    place = Path(absolute)
    try:
        if not place.is_dir():
            raise MountError(f"Mountpoint is not a directory: {absolute}")
        empty = next(place.iterdir(), None) is None
    except OSError as error:
        if error.errno == errno.ENOTCONN:
            raise MountError(
                f"Mountpoint {absolute} is that of a mount whose process is gone: "
                f"unmount it (fusermount -u {absolute})"
            ) from None
        raise MountError(f"Cannot read mountpoint {absolute}: {error.strerror}") from None
    if not empty:
        raise MountError(f"Mountpoint is not empty: {absolute}")
    return absolute


def mount(
    shown: Shown,
    options: MountOptions,
    *,
    ready: Callable[[], None] | None = None,
    report: Callable[[str], None] | None = None,
) -> None:
    """Mount, and return when it is unmounted, or when SIGINT, SIGTERM or SIGHUP has ended it.

    To be called on the main thread, which libfuse takes over.

    Args:
        shown: What.
        options: Where and how.
        ready: Called once the file system is there.
        report: Told in one line of what is damaged.

    Raises:
        MountError: If it cannot be mounted; the message has what libfuse says.
        VostError: If the repository cannot be opened.
    """
    require()
    _silence()
    _keep_memory()
    with shown.open() as view, _captured_stderr(nothing=options.debug) as said:
        up = False

        def begun() -> None:
            nonlocal up
            up = True
            said.release()
            if ready is not None:
                ready()

        operations = Operations(view, report=report, ready=begun)
        reason = _serve(operations, options.mountpoint, _fuse_options(view, options))
        operations.destroy("/")
        # What libfuse says of an end after the beginning is that it was a signal.
        if not up:
            reason = said.text() or reason
            reason = re.sub(r"^fuse(rmount3?)?: ", "", reason)
            raise MountError(f"Cannot mount at {options.mountpoint}: {reason}")


def mount_in_background(shown: Shown, options: MountOptions) -> int:
    """Mount in a new process, and return its id once the file system is there.

    To be called while there is one thread only, and with no store open: see ``in_background``.

    Args:
        shown: What.
        options: Where and how.

    Raises:
        MountError: If it cannot be mounted.
    """
    return in_background(lambda ready: mount(shown, options, ready=ready))


def _serve(operations: Operations, mountpoint: str, chosen: dict[str, object]) -> str:
    """Let libfuse work until the end; return what it says of it."""
    fuse = import_module("mfusepy").FUSE
    with _default_signals():
        try:
            fuse(operations, mountpoint, **chosen)
        except RuntimeError as error:
            return f"libfuse gives up ({error})"
    return "libfuse ended before it began"


def _fuse_options(view: View, options: MountOptions) -> dict[str, object]:
    """Return the options of mfusepy and libfuse (see mount.fuse(8))."""
    chosen: dict[str, object] = {
        # In the background there are processes of ours, not those of libfuse, which would end the
        # first one without a word of what went wrong.
        "foreground": True,
        "debug": options.debug,
        "nothreads": not options.threads,
        "ro": True,
        "fsname": "vost:" + _UNSAFE.sub("_", options.name),
        "subtype": "vost",
        "allow_other": options.allow_other,
    }
    if sys.platform == "darwin":
        chosen |= {"noappledouble": True, "noapplexattr": True}
    if view.moves:
        # The kernel knows a file by its path. If it kept pages, a file that was opened before the
        # branch moved would be read from pages of the one that was opened later.
        chosen |= {"attr_timeout": 0, "entry_timeout": 0, "negative_timeout": 0, "direct_io": True}
    else:
        chosen |= dict.fromkeys(("attr_timeout", "entry_timeout", "negative_timeout"), _FOR_EVER)
        chosen["kernel_cache"] = True
    return chosen


def _silence() -> None:
    """Keep what mfusepy logs, tracebacks too, from the user: ``Operations`` reports itself."""
    logger = logging.getLogger("fuse")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _keep_memory() -> None:
    """Let glibc keep memory that is freed, instead of giving it back to the system at once.

    Each piece of a file that goes through here is larger than what glibc maps anew for every
    allocation, and each of its pages would be faulted in again: that took half of the time of a
    read. Source: mallopt(3).
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # another C library
    mallopt(_M_TRIM_THRESHOLD, 1 << 28)
    mallopt(_M_MMAP_THRESHOLD, 1 << 25)


@contextlib.contextmanager
def _default_signals() -> Iterator[None]:
    """Let libfuse handle the signals that end it.

    It takes over only those that have no handler, and Python's own would never run: they need the
    main thread, which waits inside of libfuse.
    """
    before = {}
    for number in _STOPPING:
        before[number] = signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _CapturedStderr:
    """Standard error of the process, turned into a file: C code writes to its descriptor."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by release()
        sys.stderr.flush()
        self._real = os.dup(2)
        os.dup2(self._file.fileno(), 2)
        self._text = ""

    def release(self) -> None:
        """Give standard error back. Idempotent."""
        if self._file.closed:
            return
        os.dup2(self._real, 2)
        os.close(self._real)
        self._file.seek(0)
        self._text = self._file.read().decode("utf-8", "replace")
        self._file.close()

    def text(self) -> str:
        """Return the first line that was written before it was given back."""
        self.release()
        return self._text.strip().partition("\n")[0]


class _NothingCaptured:
    """Standard error left as it is."""

    def release(self) -> None:
        """Do nothing."""

    def text(self) -> str:
        """Return nothing."""
        return ""


@contextlib.contextmanager
def _captured_stderr(*, nothing: bool) -> Iterator[_CapturedStderr | _NothingCaptured]:
    captured = _NothingCaptured() if nothing else _CapturedStderr()
    try:
        yield captured
    finally:
        captured.release()
