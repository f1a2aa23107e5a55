"""Groups of commands that do something on their own, such as ``vost branch``."""

from __future__ import annotations

import asyncclick as click


def show_by_default(output_format: str) -> bool:
    """Tell whether the group itself is asked: whether no command of it follows.

    Args:
        output_format: ``--format`` before the command; it counts for the command too.
    """
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        return True
    context.default_map = {context.invoked_subcommand: {"output_format": output_format}}
    return False
