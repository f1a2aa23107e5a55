"""Reads the public classes and functions of the async package, without importing it."""

from __future__ import annotations

import ast
import builtins
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vost_sync._generate_rules import GeneratorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TypeGuard

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """One module of the async package.

    Args:
        package: Name of the package.
        name: Name of the module in the package; empty for the package itself.
        path: Where it is.
        text: Its source.
    """

    package: str
    name: str
    path: Path
    text: str
    tree: ast.Module = field(init=False)
    imports: dict[str, tuple[str, str]] = field(init=False, default_factory=dict)
    definitions: dict[str, ast.stmt] = field(init=False, default_factory=dict)
    exports: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        self.tree = ast.parse(self.text)
        self._read(self.tree.body)

    def segment(self, node: ast.AST) -> str:
        """Return the source of a node as it stands in the file."""
        found = ast.get_source_segment(self.text, node)
        if found is None:
            raise GeneratorError(f"{self.path.name}: no source for {ast.dump(node)}")
        return found

    def docstring(self, node: ast.Module | ast.ClassDef | Function) -> str | None:
        """Return the source of a docstring with its quotes, or ``None``."""
        if ast.get_docstring(node, clean=False) is None:
            return None
        return self.segment(node.body[0])

    def _read(self, body: list[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.If) and _is_type_checking(node):
                self._read(node.body)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    self.imports[alias.asname or alias.name] = (alias.name, "")
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    self.imports[alias.asname or alias.name] = (node.module or "", alias.name)
            elif isinstance(node, ast.ClassDef | Function):
                self.definitions[node.name] = node
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                self._read_assignment(node)

    def _read_assignment(self, node: ast.Assign | ast.AnnAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                self.definitions[target.id] = node
                if target.id == "__all__" and node.value is not None:
                    self.exports = tuple(ast.literal_eval(node.value))


@dataclass(frozen=True)
class Member:
    """A method, property or attribute of a public class.

    Args:
        name: Its name.
        kind: ``method``, ``classmethod``, ``property`` or ``attribute``.
        node: The function; for an attribute the constructor, which sets it.
        owner: The class that it stands in: the public one or one of its private bases.
        module: The module of that class.
        overloads: Signatures by which callers see it.
        made_by: For an attribute: the class of its value.
    """

    name: str
    kind: str
    node: Function
    owner: ast.ClassDef
    module: Module
    overloads: tuple[Function, ...] = ()
    made_by: ast.expr | None = None


@dataclass
class PublicClass:
    """A class of the async API, with what it inherits from private bases."""

    name: str
    module: Module
    node: ast.ClassDef
    members: dict[str, Member]


class Package:
    """The modules of the async package that can be read.

    Args:
        root: Directory of the package.
    """

    def __init__(self, root: Path) -> None:
        self.name = root.name
        self.modules: dict[str, Module] = {}
        for path in sorted(root.glob("*.py")):
            name = "" if path.stem == "__init__" else path.stem
            text = path.read_text(encoding="utf-8")
            self.modules[name] = Module(self.name, name, path, text)
        if "" not in self.modules:
            raise GeneratorError(f"{root} is no package")

    @property
    def init(self) -> Module:
        """The package's own module."""
        return self.modules[""]

    def public_modules(self) -> Iterator[Module]:
        """Yield the modules that users may import, except the package itself."""
        for name, module in self.modules.items():
            if name and not name.startswith("_"):
                yield module

    def public_class(self, module: Module, node: ast.ClassDef) -> PublicClass:
        """Return a class with the members of its private bases merged in."""
        members: dict[str, Member] = {}
        for owner, base in self._lineage(module, node):
            for member in _members(owner, base):
                members.setdefault(member.name, member)
        first = {"__init__": members.pop("__init__")} if "__init__" in members else {}
        return PublicClass(node.name, module, node, first | members)

    def _lineage(self, module: Module, node: ast.ClassDef) -> Iterator[tuple[Module, ast.ClassDef]]:
        """Yield a class and all its bases in the package, nearest first."""
        yield module, node
        for base in node.bases:
            found = self._find_class(module, base)
            if found is not None:
                yield from self._lineage(*found)

    def _find_class(self, module: Module, base: ast.expr) -> tuple[Module, ast.ClassDef] | None:
        name = base.value if isinstance(base, ast.Subscript) else base
        if not isinstance(name, ast.Name):
            return None
        origin, original = module.imports.get(name.id, (f"{self.name}.{module.name}", name.id))
        if origin.split(".")[0] != self.name:
            return None
        home = self.modules.get(origin.partition(".")[2])
        found = home.definitions.get(original) if home else None
        if home is None or not isinstance(found, ast.ClassDef):
            raise GeneratorError(f"{module.path.name}: base class {name.id} not found in {origin}")
        return home, found


def names_in(node: ast.AST | None) -> set[str]:
    """Return the names that an annotation or a default uses, without the builtin ones."""
    found: set[str] = set()
    for inner in ast.walk(node) if node is not None else ():
        if isinstance(inner, ast.Name) and not hasattr(builtins, inner.id):
            found.add(inner.id)
    return found


def annotations_of(node: Function) -> list[ast.expr]:
    """Return all annotations of a function."""
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    found = [one.annotation for one in every if one.annotation is not None]
    return [*found, node.returns] if node.returns is not None else found


def is_async(node: ast.AST) -> bool:
    """Tell whether a member is a coroutine function or an async generator function."""
    return isinstance(node, ast.AsyncFunctionDef)


def is_async_iterator(node: Function) -> bool:
    """Tell by its annotation whether a function returns an async iterator."""
    return is_async_iterator_type(node.returns)


def is_async_iterator_type(annotation: ast.expr | None) -> bool:
    """Tell whether an annotation is that of an async iterator or generator."""
    name = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return isinstance(name, ast.Name) and name.id in {"AsyncGenerator", "AsyncIterator"}


def is_type_alias(node: ast.stmt | None) -> TypeGuard[ast.AnnAssign]:
    """Tell whether a definition is ``Name: TypeAlias = ...``."""
    return (
        isinstance(node, ast.AnnAssign)
        and isinstance(node.annotation, ast.Name)
        and node.annotation.id == "TypeAlias"
    )


def _members(module: Module, node: ast.ClassDef) -> Iterator[Member]:
    overloads: dict[str, list[Function]] = {}
    for item in node.body:
        if isinstance(item, Function) and not _is_private(item.name):
            decorators = [module.segment(decorator) for decorator in item.decorator_list]
            if decorators == ["overload"]:
                overloads.setdefault(item.name, []).append(item)
                continue
            kind = decorators[0] if decorators else "method"
            if kind not in {"method", "property", "classmethod"} or decorators[1:]:
                place = f"{module.path.name}: {node.name}.{item.name}"
                raise GeneratorError(f"{place}: no rule for {decorators}")
            overloaded = tuple(overloads.get(item.name, ()))
            yield Member(item.name, kind, item, node, module, overloaded)
            yield from _attributes(module, node, item)
        elif isinstance(item, ast.AnnAssign):
            raise GeneratorError(f"{module.path.name}: {node.name}: no rule for class attributes")


def _attributes(module: Module, node: ast.ClassDef, constructor: Function) -> Iterator[Member]:
    """Yield the public attributes that a constructor sets."""
    for item in ast.walk(constructor):
        if not isinstance(item, ast.Assign) or not isinstance(item.targets[0], ast.Attribute):
            continue
        name = item.targets[0].attr
        if _is_private(name):
            continue
        if not isinstance(item.value, ast.Call):
            place = f"{module.path.name}: {node.name}.{name}"
            raise GeneratorError(f"{place}: the type of a public attribute must be seen")
        yield Member(name, "attribute", constructor, node, module, made_by=item.value.func)


def attribute_docstring(member: Member) -> str:
    """Return what the section ``Attributes`` of the class docstring says of an attribute."""
    _, _, section = (ast.get_docstring(member.owner) or "").partition("Attributes:\n")
    found = re.search(rf"^    {member.name}: (.+)$", section, re.MULTILINE)
    if found is None:
        place = f"{member.module.path.name}: {member.owner.name}.{member.name}"
        raise GeneratorError(f"{place} is not documented")
    return f'"""{found[1]}"""'


def _is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def _is_type_checking(node: ast.If) -> bool:
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
