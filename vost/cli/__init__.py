"""The ``vost`` command: ``main`` is its group. It needs the extra ``cli``.

Commands are thin: they parse, call the async API of ``vost``, and print. They live in
``vost.cli.commands`` and are imported when they are called for.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from vost.cli.app import main
else:
    try:
        from vost.cli.app import main
    except ModuleNotFoundError as error:
        if error.name != "asyncclick":
            raise

        def main() -> NoReturn:
            """Say what to install."""
            sys.exit("The vost command is not installed whole: run `pip install 'vost[cli]'`")


__all__ = ("main",)
