"""Writes docs/reference.md from the public classes; a test checks that it is up to date.

Run it after a change of a public signature: ``python -m tests.support.reference``.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import vost
import vost_sync

TARGET = Path(__file__).parents[2] / "docs" / "reference.md"

_HEAD = """\
# Reference

Made from the docstrings by `python -m tests.support.reference`; do not edit. Each entry shows the
async call (`vost`); the blocking one (`vost_sync`) is the same without `await`, and where Python
has an operator for it, that operator. The docstrings say more: arguments, units, every error.
"""

_GROUPS = (
    ("Stores, refs and snapshots", ("GitStore", "RefDict", "FS")),
    ("Batches and files", ("Batch", "SnapshotWriter", "BatchWriter", "Reader", "TextReader")),
    ("Notes", ("NoteDict", "NoteNamespace", "NotesBatch")),
)


def render() -> str:
    """Return the text of docs/reference.md."""
    parts = [_HEAD]
    shown: set[str] = set()
    for title, names in _GROUPS:
        parts.append(f"\n## {title}\n")
        for name in names:
            parts.append(_class(name))
            shown.add(name)
    rest = [name for name in vost.__all__ if name not in shown]
    functions = [name for name in rest if inspect.isfunction(getattr(vost, name))]
    errors = [name for name in rest if _is_error(getattr(vost, name))]
    values = [name for name in rest if name not in {*functions, *errors}]
    parts.append("\n## Functions\n\n| call | what it does |\n|---|---|\n")
    parts += [_row(name, getattr(vost, name)) for name in functions]
    parts.append("\n## Values\n\n| name | what it is |\n|---|---|\n")
    parts += [f"| `{name}` | {_summary(getattr(vost, name))} |\n" for name in values]
    parts.append("\n## Errors\n\n| name | also a | when |\n|---|---|---|\n")
    parts += [_error(name) for name in errors]
    return "".join(parts)


def _class(name: str) -> str:
    cls = getattr(vost, name)
    lines = [f"\n### {name}\n\n{_summary(cls)}\n\n| call | what it does |\n|---|---|\n"]
    for member, value in _members(cls):
        lines.append(_row(member, value))
    blocking = getattr(vost_sync, name, None)
    special = [] if blocking is None else [m for m in _OPERATORS if m in _own_names(blocking)]
    if special:
        operators = ", ".join(f"`{_OPERATORS[member]}`" for member in special)
        lines.append(f"\nBlocking operators: {operators}.\n")
    return "".join(lines)


_OPERATORS = {
    "__getitem__": "x[key]",
    "__setitem__": "x[key] = value",
    "__delitem__": "del x[key]",
    "__contains__": "key in x",
    "__iter__": "for key in x",
    "__len__": "len(x)",
    "__enter__": "with x",
}


def _own_names(cls: type) -> set[str]:
    return {name for base in cls.__mro__ if base is not object for name in vars(base)}


def _members(cls: type) -> list[tuple[str, object]]:
    members: dict[str, object] = {}
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] != "vost":
            continue
        for member, value in vars(base).items():
            if not member.startswith("_"):
                members.setdefault(member, value)
    return sorted(members.items())


def _row(name: str, value: object) -> str:
    if isinstance(value, property):
        wait = "await " if inspect.iscoroutinefunction(value.fget) else ""
        return f"| `{wait}{name}` | {_summary(value)} |\n"
    function = getattr(value, "__func__", value)
    if not callable(function):
        return ""
    wait = "await " if inspect.iscoroutinefunction(function) else ""
    wait = "async for ... in " if inspect.isasyncgenfunction(function) else wait
    parameters = list(inspect.signature(function).parameters.values())
    if parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    signature = str(inspect.Signature(plain))
    return f"| `{wait}{name}{signature}` | {_summary(value)} |\n"


def _error(name: str) -> str:
    cls = getattr(vost, name)
    builtin = next((base for base in cls.__mro__ if base.__module__ == "builtins"), Exception)
    also = "" if builtin is Exception else f"`{builtin.__name__}`"
    return f"| `{name}` | {also} | {_summary(cls)} |\n"


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Exception)


def _summary(value: object) -> str:
    text = inspect.getdoc(value) or ""
    return " ".join(text.split("\n\n", 1)[0].split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
