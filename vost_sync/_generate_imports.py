"""Knows what every name means, and collects the imports that a generated file needs."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from vost_sync._generate_layout import import_block
from vost_sync._generate_rules import GeneratorError
from vost_sync._generate_source import (
    annotations_of,
    is_async,
    is_async_iterator,
    is_type_alias,
    names_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vost_sync._generate_rules import Rules
    from vost_sync._generate_source import Function, Module, Package, PublicClass


class Scope:
    """What the generator knows of the whole package.

    Args:
        package: The async package.
        target: Name of the blocking package.
        rules: The rules of this generation.
    """

    def __init__(self, package: Package, target: str, rules: Rules) -> None:
        self.package = package
        self.target = target
        self.rules = rules
        self.classes: dict[str, PublicClass] = {}
        self.functions: dict[str, Module] = {}
        self._find_facades()

    def is_hand_written(self, module: Module) -> bool:
        """Tell whether the classes of a module have hand-written counterparts."""
        return self.rules.classes.get(module.name) is not None

    def exports(self, module: Module) -> tuple[str, ...]:
        """Return the ``__all__`` of the generated module."""
        counterparts = self.rules.classes.get(module.name)
        return tuple(counterparts.split()) if counterparts is not None else module.exports

    def public_home(self, name: str) -> tuple[str, str]:
        """Return from where the blocking package imports one of its own exported names."""
        if name in self.classes:
            return f"{self.target}.{self.classes[name].module.name}", name
        if name in self.functions:
            return f"{self.target}.{self.functions[name].name}", name
        for module in self.package.public_modules():
            if self.is_hand_written(module) and name in self.exports(module):
                return f"{self.target}.{module.name}", name
        return self.package.name, name

    def enter(self, module: Module) -> LocalScope:
        """Return a collector of the imports of one generated file."""
        return LocalScope(self, module)

    def _find_facades(self) -> None:
        """Find the classes and functions that wait, or that deal with such classes."""
        candidates: dict[str, PublicClass] = {}
        functions: dict[str, tuple[Module, Function]] = {}
        for module in self.package.public_modules():
            if self.rules.skipped.get(module.name) or self.is_hand_written(module):
                continue
            for name in module.exports:
                node = module.definitions.get(name)
                if isinstance(node, ast.ClassDef):
                    candidates[name] = self.package.public_class(module, node)
                elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    functions[name] = (module, node)
        grown = True
        while grown:
            grown = False
            for name, found in candidates.items():
                if name not in self.classes and self._needs_facade(found):
                    self.classes[name] = found
                    grown = True
        for name, (module, node) in functions.items():
            if is_async(node) or self._mentions_facade(node):
                self.functions[name] = module

    def _needs_facade(self, found: PublicClass) -> bool:
        return any(
            is_async(member.node)
            or is_async_iterator(member.node)
            or self._mentions_facade(member.node)
            for member in found.members.values()
        )

    def _mentions_facade(self, node: Function) -> bool:
        used = {name for annotation in annotations_of(node) for name in names_in(annotation)}
        return bool(used & set(self.classes))


class LocalScope:
    """The names of one generated file, and the imports that they need.

    Args:
        scope: What is known of the package.
        module: The module that the file is made from.
    """

    def __init__(self, scope: Scope, module: Module) -> None:
        self.scope = scope
        self.module = module
        self.aliases: dict[str, str] = {}
        self._run_time: set[tuple[str, str]] = set()
        self._typing: set[tuple[str, str]] = set()

    def at_run_time(self, module: str, name: str = "") -> None:
        """Import a name where the code needs it; without a name: the module itself."""
        self._run_time.add((module, name))

    def drive(self, name: str) -> str:
        """Import a function of the facade's runtime and return its name."""
        self.at_run_time(f"{self.scope.target}._drive", name)
        return name

    def facade(self, name: str) -> str:
        """Return the expression for a facade class, importing its module if need be."""
        home = self.scope.classes[name].module.name
        if home == self.module.name:
            return name
        # The modules need each other: only the module is imported, its class is looked up late.
        self.at_run_time(self.scope.target, f"{home} as _{home}")
        return f"_{home}.{name}"

    def original(self, name: str) -> str:
        """Return the expression for a class or function of the async package."""
        package = self.scope.package
        if name in package.init.exports:
            self.at_run_time(package.name)
            return f"{package.name}.{name}"
        self.at_run_time(f"{package.name}.{self.module.name}")
        return f"{package.name}.{self.module.name}.{name}"

    def for_types(self, module: str, name: str) -> None:
        """Import a name that only annotations use."""
        self._typing.add((module, name))

    def annotation(self, node: ast.expr, module: Module) -> str:
        """Return the blocking form of an annotation, and import the names that it uses.

        Args:
            node: The annotation.
            module: The module that it stands in.
        """
        text = module.segment(node)
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id == "AsyncGenerator"
            and isinstance(node.slice, ast.Tuple)
        ):
            text = f"AsyncGenerator[{module.segment(node.slice.elts[0])}]"
        for name in sorted(names_in(node)):
            replacement = self.scope.rules.annotations.get(name)
            if replacement is not None:
                text = re.sub(rf"\b{name}\b", replacement, text)
            if self._copies_alias(name, module):
                continue
            home, original = self._home(name, module)
            if home != f"{self.scope.target}.{self.module.name}":
                self.for_types(home, replacement or original)
        return text

    def _copies_alias(self, name: str, module: Module) -> bool:
        """Take over the private type alias that a public signature uses, if it is one."""
        package = self.scope.package
        origin, original = module.imports.get(name, (f"{package.name}.{module.name}", name))
        home = package.modules.get(origin.partition(".")[2])
        found = home.definitions.get(original) if home is not None else None
        if home is None or original in home.exports or not is_type_alias(found):
            return False
        self.aliases[name] = home.segment(found)
        self.at_run_time("typing", "TypeAlias")
        value = found.value
        if isinstance(value, ast.Constant):
            value = ast.parse(str(value.value), mode="eval").body
        for used in sorted(names_in(value)):
            self.for_types(*self._home(used, home))
        return True

    def default(self, node: ast.expr, module: Module) -> str:
        """Return the source of a default value, and import the names that it uses."""
        for name in sorted(names_in(node)):
            self.at_run_time(*self._home(name, module))
        return module.segment(node)

    def header_lines(self) -> list[str]:
        """Return the import statements of the file."""
        typing = self._typing - self._run_time
        run_time = set(self._run_time)
        if typing:
            run_time.add(("typing", "TYPE_CHECKING"))
        lines = import_block(run_time)
        if typing:
            lines += ["", "if TYPE_CHECKING:", *import_block(typing, 4)]
        return lines

    def _home(self, name: str, module: Module) -> tuple[str, str]:
        """Return from where a generated file imports a name of a source module."""
        scope = self.scope
        package = scope.package
        if name in scope.classes:
            return f"{scope.target}.{scope.classes[name].module.name}", name
        if name in package.init.exports:
            return package.name, name
        origin, original = module.imports.get(name, (f"{package.name}.{module.name}", name))
        if origin.split(".")[0] != package.name:
            return origin, original
        for public in self._public_homes(original):
            return f"{package.name}.{public.name}", original
        raise GeneratorError(
            f"{module.path.name}: a public signature uses {name}, which is private"
        )

    def _public_homes(self, name: str) -> Iterator[Module]:
        for module in self.scope.package.public_modules():
            if name in module.exports:
                yield module
