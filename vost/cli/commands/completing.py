"""``vost completion``."""

from __future__ import annotations

from importlib import import_module

import asyncclick as click
from asyncclick.shell_completion import get_completion_class

from vost.cli import output
from vost.cli.completing import PROGRAM, VARIABLE


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print a script by which a shell completes commands, options, refs and paths.

    bash, zsh: eval "$(vost completion bash)" in ~/.bashrc or ~/.zshrc. fish: write it to
    ~/.config/fish/completions/vost.fish.

    Example: vost completion fish > ~/.config/fish/completions/vost.fish
    """
    import_module("vost.cli.shells")  # which registers them
    found = get_completion_class(shell)
    assert found is not None
    output.raw(found(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
