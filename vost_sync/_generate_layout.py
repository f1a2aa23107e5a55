"""Lays Python code out as the formatter does, so that generated files need no pass of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 100
"""Columns of a line, as configured for the formatter."""


@dataclass(frozen=True)
class Call:
    """A call or a subscript: what stands before its bracket, and its arguments.

    Args:
        head: The called expression.
        args: Arguments, each a call too or plain text.
    """

    head: str
    args: Sequence[Call | str]

    def flat(self) -> str:
        """Return the call on one line."""
        return f"{self.head}({', '.join(_flat(arg) for arg in self.args)})"


Expression = Call | str


def statement(prefix: str, expression: Expression, indent: int) -> list[str]:
    """Return the lines of ``prefix`` and an expression, such as ``return f(x)``.

    Args:
        prefix: What stands before the expression, with its blank.
        expression: The expression.
        indent: Columns that the statement is indented by.
    """
    pad = " " * indent
    line = f"{pad}{prefix}{_flat(expression)}"
    if len(line) <= WIDTH or isinstance(expression, str):
        return [line]
    inner = " " * (indent + 4)
    joined = inner + ", ".join(_flat(arg) for arg in expression.args)
    if len(joined) <= WIDTH:
        body = [joined]
    elif len(expression.args) == 1:
        body = statement("", expression.args[0], indent + 4)
    else:
        body = [f"{inner}{_flat(arg)}," for arg in expression.args]
    return [f"{pad}{prefix}{expression.head}(", *body, f"{pad})"]


def signature(head: str, parameters: Sequence[str], tail: str, indent: int) -> list[str]:
    """Return the lines of a function's head.

    Args:
        head: ``def name``.
        parameters: Each with annotation and default. One that has line breaks keeps them.
        tail: What follows the closing bracket: ``-> Result:``.
        indent: Columns that the ``def`` is indented by.
    """
    pad = " " * indent
    joined = ", ".join(parameters)
    flat = f"{pad}{head}({joined}){tail}"
    has_breaks = "\n" in joined
    if len(flat) <= WIDTH and not has_breaks:
        return [flat]
    inner = " " * (indent + 4)
    if len(inner + joined) <= WIDTH and not has_breaks:
        return [f"{pad}{head}(", inner + joined, f"{pad}){tail}"]
    return [f"{pad}{head}(", *(f"{inner}{one}," for one in parameters), f"{pad}){tail}"]


def import_block(imports: Iterable[tuple[str, str]], indent: int = 0) -> list[str]:
    """Return sorted import statements, in the sections that the linter wants.

    Args:
        imports: Pairs of a module and a name in it; ``"name as alias"`` is a name too, and an
            empty one means ``import module``.
        indent: Columns that the statements are indented by.
    """
    sections: dict[int, set[tuple[str, str]]] = {}
    for module, name in imports:
        sections.setdefault(_section(module), set()).add((module, name))
    lines: list[str] = []
    for _, pairs in sorted(sections.items()):
        lines += [""] if lines else []
        lines += [f"import {module}" for module, name in sorted(pairs) if not name]
        modules = sorted({module for module, name in pairs if name})
        for module in modules:
            lines += _from_import(module, [name for m, name in pairs if m == module and name])
    pad = " " * indent
    return [pad + line if line else "" for line in lines]


def tuple_of_names(target: str, names: Sequence[str]) -> list[str]:
    """Return the lines that assign a tuple of strings, such as ``__all__``."""
    quoted = [f'"{name}"' for name in names]
    flat = f"{target} = ({', '.join(quoted)}{',' if len(quoted) == 1 else ''})"
    if len(flat) <= WIDTH:
        return [flat]
    return [f"{target} = (", *(f"    {name}," for name in quoted), ")"]


def _flat(expression: Expression) -> str:
    return expression if isinstance(expression, str) else expression.flat()


def _section(module: str) -> int:
    top = module.split(".", maxsplit=1)[0]
    if top == "__future__":
        return 0
    if top in {"_typeshed", "typing_extensions"}:
        return 2
    return 3 if top.startswith("vost") else 1


def _from_import(module: str, names: list[str]) -> list[str]:
    aliased = sorted(name for name in names if " as " in name)
    plain = sorted((name for name in names if " as " not in name), key=_name_order)
    lines = [f"from {module} import {name}" for name in aliased]
    if plain:
        flat = f"from {module} import {', '.join(plain)}"
        if len(flat) <= WIDTH - 4:
            lines.insert(0, flat)
        else:
            lines[:0] = [f"from {module} import (", *(f"    {name}," for name in plain), ")"]
    return lines


def _name_order(name: str) -> tuple[int, str]:
    """Sort constants before classes before functions, as the linter does."""
    if name.isupper() and len(name) > 1:
        return (0, name.lower())
    return (1 if name[:1].isupper() else 2, name.lower())
