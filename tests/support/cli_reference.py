"""Writes docs/cli.md from the commands; a test checks that it is up to date.

Run it after a change of a command: ``python -m tests.support.cli_reference``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import asyncclick as click

from vost.cli import main

TARGET = Path(__file__).parents[2] / "docs" / "cli.md"

_HEAD = """\
# The vost command

Made from the commands by `python -m tests.support.cli_reference`; do not edit.
`vost COMMAND --help` shows the same.

## Paths

| spelling | meaning |
|---|---|
| `file.txt`, `./dir/` | on the local disk |
| `:file.txt`, `:` | in the repository, on the current branch; its root |
| `main:file.txt`, `v1.0:dir/`, `1a2b3c4:` | on a branch, a tag, a commit (4 digits at least) |
| `main~3:file.txt`, `~3:` | three commits back |
| `dir/` | what is in the directory, without its name (`cp`) |
| `base/./sub/dir` | keeps `sub/dir` below the destination (`cp`) |
| `*`, `?`, `**` | expanded by vost: quote them; names with a leading dot need one in the pattern |

`ls`, `cat`, `rm` and `write` know only paths in the repository: the colon may be left out.

## Exit status

| status | meaning |
|---|---|
| 0 | done; `exists`: yes; `cmp`: equal |
| 1 | failed, `Error: ...` on stderr; done in part (`--ignore-errors`); `exists`: no; `cmp`: no |
| 2 | the command line is wrong; `cmp`: it could not compare |
| 130, 143 | interrupted by Ctrl-C, by SIGTERM: nothing is left half-done |
| 141 | whoever read the output has closed the pipe |

Data goes to stdout, everything else to stderr. A command that succeeds says nothing unless `-v` is
given. `-vv` shows where in vost an error arose. Progress is shown on a terminal only; `-q` hides
it, and `NO_COLOR` its colours.
"""


def render() -> str:
    """Return the text of docs/cli.md."""
    context = click.Context(main, info_name="vost")
    parts = [_HEAD, "\n## Options of all commands\n\n", _options(main)]
    for path, command in sorted(commands(main, context)):
        parts.append(_section(path, command))
    return "".join(parts)


def commands(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    """Yield the commands below a group with their names, as in ``branch set``."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        yield name, command
        if isinstance(command, click.Group):
            below = click.Context(command, info_name=name, parent=context)
            for inner, each in commands(command, below):
                yield f"{name} {inner}", each


def _section(path: str, command: click.Command) -> str:
    arguments = [
        parameter.metavar or (parameter.name or "").upper()
        for parameter in command.params
        if isinstance(parameter, click.Argument)
    ]
    usage = " ".join(["vost", path, "[OPTIONS]", *arguments])
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    return f"\n## {path}\n\n`{usage}`\n\n{_markdown(text)}\n{_options(command, before=chr(10))}"


def _markdown(text: str) -> str:
    """Set examples apart: paragraphs that begin with ``Example``."""
    parts = []
    for paragraph in text.split("\n\n"):
        head, colon, rest = paragraph.partition(":")
        if colon and head in {"Example", "Examples"}:
            lines = [line.strip() for line in rest.strip().splitlines()]
            paragraph = "```sh\n" + "\n".join(lines) + "\n```"
        parts.append(paragraph)
    return "\n\n".join(parts)


def _options(command: click.Command, *, before: str = "") -> str:
    rows = []
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            rows.append(f"| `{_spelling(parameter)}` | {_escaped(parameter.help or '')} |\n")
    return before + "| option | meaning |\n|---|---|\n" + "".join(rows) if rows else ""


def _spelling(option: click.Option) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    if option.is_flag or option.count:
        return names
    if isinstance(option.type, click.Choice):
        return f"{names} {_escaped('|'.join(option.type.choices))}"
    return f"{names} {option.metavar or option.type.name.upper()}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
