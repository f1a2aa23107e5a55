"""docs/cli.md says what the commands say, and every command says enough."""

from __future__ import annotations

import asyncclick as click
import pytest

from tests.support.cli_reference import TARGET, commands, render
from vost.cli import main

COMMANDS = sorted(commands(main, click.Context(main)))


def test_reference_is_what_the_commands_make_of_it() -> None:
    written = TARGET.read_text(encoding="utf-8")
    assert written == render(), "run `python -m tests.support.cli_reference`"


@pytest.mark.parametrize("path, command", COMMANDS, ids=[path for path, _ in COMMANDS])
def test_every_command_has_a_summary_an_example_and_explained_options(
    path: str, command: click.Command
) -> None:
    assert command.help
    assert command.get_short_help_str(200).endswith(".")
    assert f"vost {path}" in command.help or "vost -" in command.help, "an example"
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []


def test_help_of_all_commands_has_the_summary_of_each() -> None:
    context = click.Context(main, info_name="vost", terminal_width=1000, max_content_width=1000)
    shown = main.get_help(context).partition("Commands:\n")[2].splitlines()
    summaries = dict(line.strip().split(maxsplit=1) for line in shown if line)
    assert summaries == {
        name: command.get_short_help_str(1000) for name, command in COMMANDS if " " not in name
    }
