"""Files, classes and functions stay small, and modules say what they hold."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.sources import ROOT, is_generated, python_files

FILE_LINES = 600
CLASS_LINES = 400
FUNCTION_LINES = 50

# Names under which anything could be put, and therefore nothing is found.
EMPTY_NAMES = {"common", "helper", "helpers", "misc", "shared", "stuff", "util", "utils"}

FILES = [path for path in python_files("vost", "vost_sync", "tests") if not is_generated(path)]


def too_large(source: str) -> list[str]:
    """Return what is too large in a source: the file, its classes, its functions."""
    found = []
    lines = source.count("\n")
    if lines > FILE_LINES:
        found.append(f"file: {lines} lines, at most {FILE_LINES}")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            limit = CLASS_LINES
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            limit = FUNCTION_LINES
        else:
            continue
        size = _lines_without_docstrings(node)
        if size > limit:
            found.append(f"{node.name} (line {node.lineno}): {size} lines, at most {limit}")
    return found


def _lines_without_docstrings(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    size = (node.end_lineno or node.lineno) - node.lineno + 1
    for inner in ast.walk(node):
        if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = inner.body[0]
            if ast.get_docstring(inner, clean=False) is not None:
                size -= (first.end_lineno or first.lineno) - first.lineno + 1
    return size


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(Path(path).relative_to(ROOT)))
def test_code_stays_small(path: Path) -> None:
    assert too_large(path.read_text(encoding="utf-8")) == []


def test_modules_say_what_they_hold() -> None:
    names = [
        path.relative_to(ROOT)
        for path in python_files("vost", "vost_sync", "tests", "examples")
        if EMPTY_NAMES & {part.strip("_") for part in path.relative_to(ROOT).with_suffix("").parts}
    ]
    assert names == []


@pytest.mark.parametrize(
    "source, what",
    [
        ("x = 1\n" * 601, "file"),
        ("def f():\n" + "    x = 1\n" * 50, "f (line 1)"),
        ("async def f():\n" + "    x = 1\n" * 50, "f (line 1)"),
        ("class C:\n" + "    x = 1\n" * 400, "C (line 1)"),
        ("class C:\n    def f(self):\n" + "        x = 1\n" * 50, "f (line 2)"),
    ],
)
def test_check_finds_what_is_too_large(source: str, what: str) -> None:
    assert any(text.startswith(what) for text in too_large(source))


def test_check_does_not_count_docstrings() -> None:
    source = 'def f():\n    """Say much.\n' + "    More.\n" * 60 + '    """\n' + "    x = 1\n" * 40
    assert too_large(source) == []
