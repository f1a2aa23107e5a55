"""Runs the blocks of the readme, statement by statement, and keeps what they compute.

A block runs as it would at an interactive prompt: the values of expressions such as
``fs.commit_hash`` are kept, and so is every value that a name ever had.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType


class Ran(dict[str, Any]):
    """The names that a block has left behind, and what happened on the way.

    Attributes:
        values: All the values that each name had, in order.
        shown: The values of the expressions that stand alone, in order; what is printed is none.
        printed: The lines that were printed.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.values: dict[str, list[Any]] = {}
        self.shown: list[Any] = []
        self._output = io.StringIO()

    def __setitem__(self, name: str, value: Any) -> None:
        self.values.setdefault(name, []).append(value)
        super().__setitem__(name, value)

    @property
    def printed(self) -> list[str]:
        return self._output.getvalue().splitlines()

    def printing(self) -> contextlib.redirect_stdout[io.StringIO]:
        return contextlib.redirect_stdout(self._output)


def run_blocking(code: str, names: dict[str, Any]) -> Ran:
    """Run a block of the blocking API, in which only the imports are changed."""
    ran = Ran(names)
    with ran.printing():
        for statement, is_shown in _statements(code.replace("from vost import", _SYNC_IMPORT)):
            value = eval(statement, {}, ran)
            if is_shown:
                ran.shown.append(value)
    return ran


async def run_async(code: str, names: dict[str, Any]) -> Ran:
    """Run a block of the async API on the event loop that runs."""
    ran = Ran(names)
    with ran.printing():
        for statement, is_shown in _statements(code, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):
            value = eval(statement, {}, ran)
            if inspect.iscoroutine(value):
                value = await value
            if is_shown:
                ran.shown.append(value)
    return ran


_SYNC_IMPORT = "from vost_sync import"


def _statements(code: str, flags: int = 0) -> Iterator[tuple[CodeType, bool]]:
    """Yield each statement, compiled, and whether its value is shown."""
    # What is an assignment at the prompt of the blocking API shows nothing in the async one.
    spelled = _Blocking().visit(ast.parse(code)).body
    for node, blocking in zip(ast.parse(code).body, spelled, strict=True):
        if isinstance(blocking, ast.Expr) and not _is_print(blocking.value):
            yield _compiled(ast.Expression(node.value), "eval", flags), True
        else:
            yield _compiled(ast.Module([node], []), "exec", flags), False


def _compiled(tree: ast.Expression | ast.Module, mode: str, flags: int) -> CodeType:
    code: CodeType = compile(tree, "<readme>", mode, flags, dont_inherit=True)
    return code


def _is_print(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "print"


def blocking_spelling(code: str) -> str:
    """Return async code in its blocking spelling, by the table of the design, normalised."""
    return ast.unparse(ast.fix_missing_locations(_Blocking().visit(ast.parse(code))))


class _Blocking(ast.NodeTransformer):
    """Turns the async spelling of the API into the blocking one."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """Turn the methods that stand for statements into these statements."""
        node = self._visit_inside(node)
        match node.value:
            case ast.Call(ast.Attribute(owner, "set"), [key, value], []):
                return ast.Assign([ast.Subscript(owner, key, ast.Store())], value)
            case ast.Call(ast.Attribute(owner, "delete"), [key], []):
                return ast.Delete([ast.Subscript(owner, key, ast.Del())])
            case ast.Call(ast.Attribute(owner, "set_current"), [value], []):
                return ast.Assign([ast.Attribute(owner, "current", ast.Store())], value)
            case ast.Call(ast.Attribute(owner, "set_for_current_branch"), [value], []):
                target = ast.Attribute(owner, "for_current_branch", ast.Store())
                return ast.Assign([target], value)
        return node

    def visit_Await(self, node: ast.Await) -> ast.AST:
        """Drop the ``await``; turn ``contains`` into ``in``."""
        value = self._visit_inside(node).value
        match value:
            case ast.Call(ast.Attribute(owner, "contains"), [key], []):
                return ast.Compare(key, [ast.In()], [owner])
        return value

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        """Turn ``async for`` into ``for``."""
        node = self._visit_inside(node)
        return ast.For(node.target, node.iter, node.body, node.orelse)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        """Turn ``async with`` into ``with``."""
        node = self._visit_inside(node)
        return ast.With(node.items, node.body)

    def _visit_inside(self, node: Any) -> Any:
        return self.generic_visit(node)
