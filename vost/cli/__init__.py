"""The ``vost`` command: ``main`` is its group, ``run`` what its script calls.

It needs the extra ``cli``. Commands are thin: they parse, call the async API of ``vost``, and
print. They live in ``vost.cli.commands`` and are imported when they are called for. Nothing is
imported before ``run`` has taken over SIGINT: imports are most of the life of a short command.
"""

from __future__ import annotations

TYPE_CHECKING = False  # of typing, whose import takes longer than all that is here
if TYPE_CHECKING:
    from typing import NoReturn

    from vost.cli.app import main

__all__ = ("main", "run")


def run() -> NoReturn:
    """Run the command of this process; SIGINT ends it quietly from the very start.

    Raises:
        SystemExit: Always, with the exit status.
    """
    try:
        from vost.cli.interrupts import guard

        guard()
        from vost.cli import main

        main(prog_name="vost")
    except KeyboardInterrupt:  # so early that there was no guard
        import os

        os.write(2, b"\nAborted!\n")
        os._exit(130)


def __getattr__(name: str) -> object:
    """Import the group when it is asked for."""
    if name != "main":
        raise AttributeError(f"module 'vost.cli' has no attribute {name!r}")
    try:
        from vost.cli.app import main
    except ModuleNotFoundError as error:
        if error.name != "asyncclick":
            raise
        return _not_installed
    return main


def _not_installed(**_: object) -> NoReturn:
    """Say what to install."""
    import sys

    sys.exit("The vost command is not installed whole: run `pip install 'vost[cli]'`")
