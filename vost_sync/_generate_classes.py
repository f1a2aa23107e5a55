"""Writes the classes and functions of the blocking package."""

from __future__ import annotations

import ast
import textwrap
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from vost_sync._generate_layout import Call, signature, statement
from vost_sync._generate_rules import GeneratorError
from vost_sync._generate_source import (
    attribute_docstring,
    is_async,
    is_async_iterator,
    is_async_iterator_type,
    names_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vost_sync._generate_imports import LocalScope
    from vost_sync._generate_layout import Expression
    from vost_sync._generate_source import Function, Member, Module, PublicClass

_SEQUENCES = ("Iterable", "Sequence", "list")


class ClassWriter:
    """Writes facade classes and functions for one generated file.

    Args:
        local: The names of that file.
    """

    def __init__(self, local: LocalScope) -> None:
        self._local = local
        self._scope = local.scope
        self._rules = local.scope.rules

    def facade_class(self, found: PublicClass) -> list[str]:
        """Return the lines of the facade of a class."""
        bases = [f'{self._local.drive("Facade")}["{self._local.original(found.name)}"]']
        base = self._rules.bases.get(found.name)
        if base is not None:
            self._local.at_run_time("collections.abc", base.partition("[")[0])
            bases.append(self._quoted_base(base))
        docstring = found.module.docstring(found.node)
        if docstring is None:
            raise GeneratorError(f"{found.module.path.name}: {found.name} has no docstring")
        lines = [f"class {found.name}({', '.join(bases)}):"]
        lines += _indented(self._text(docstring, found.name), 4)
        lines += ["", "    __slots__ = ()"]
        for member in found.members.values():
            for block in self._member(found, member):
                lines += ["", *block]
        return lines

    def function(self, module: Module, node: Function) -> list[str]:
        """Return the lines of the blocking form of a public function."""
        extra = self._rules.transcribed.get(node.name)
        if extra is not None:
            return self._transcribed(module, node, extra.split())
        head = self._function_head(module, node)
        docstring = self._docstring(module, node, node.name, 4)
        call = Call(self._local.original(node.name), self._arguments(node, skip=0))
        return [*head, *docstring, *self._result(node, call, 4)]

    def _quoted_base(self, base: str) -> str:
        """Quote the names of facade classes in a base: they may be defined later."""
        for name, found in self._scope.classes.items():
            quoted = base.replace(f" {name}]", f' "{name}"]')
            if quoted != base and found.module.name != self._local.module.name:
                self._local.for_types(f"{self._scope.target}.{found.module.name}", name)
            base = quoted
        return base

    def _member(self, found: PublicClass, member: Member) -> Iterator[list[str]]:
        key = f"{found.name}.{member.name}"
        opener = self._rules.files.get(key)
        rule = self._rules.members.get(key)
        if member.kind == "attribute":
            yield self._attribute(member)
        elif opener is not None:
            yield self._file_method(found, member, opener)
        elif rule is None and member.name == "__init__":
            yield self._constructor(found, member)
        elif rule is None and member.name != "__repr__":  # every facade has one
            yield self._method(found, member, member.name)
        for form in rule.split(", ") if rule is not None else ():
            if form.startswith("setter of "):
                yield self._setter(member, form.removeprefix("setter of "))
            elif form == "update":
                yield self._update(found, member)
            elif form != "omit":
                yield self._method(found, member, member.name if form == "keep" else form)

    def _attribute(self, member: Member) -> list[str]:
        assert member.made_by is not None
        annotation = self._local.annotation(member.made_by, member.module)
        value = self._wrapped(member.made_by, f"self._aio.{member.name}")
        docstring = attribute_docstring(member)
        lines = ["    @property", f"    def {member.name}(self) -> {annotation}:"]
        return [*lines, f"        {docstring}", *statement("return ", value, 8)]

    def _constructor(self, found: PublicClass, member: Member) -> list[str]:
        head = self._head("__init__", member)
        made = Call(self._local.original(found.name), self._arguments(member.node, skip=1))
        return [*head, *statement("", Call("self._stand_for", [made]), 8)]

    def _method(self, found: PublicClass, member: Member, name: str) -> list[str]:
        if member.overloads:
            raise GeneratorError(f"{found.name}.{member.name}: no rule for overloads")
        name = self._rules.specials.get(name) or name
        item_change = name in {"__setitem__", "__delitem__"}
        if item_change:
            member = replace(member, node=_without_options(member.node))
        lines = [] if member.kind == "method" else [f"    @{member.kind}"]
        lines += self._head(name, member, returns="None" if item_change else None)
        lines += self._method_docstring(found, member, name)
        owner = "self._aio"
        if member.kind == "classmethod":
            owner = self._local.original(found.name)
        target = f"{owner}.{member.name}"
        call: Expression = target
        if member.kind != "property":
            arguments = self._arguments(member.node, skip=1)
            call = Call(target, arguments)
            if member.name == "__getitem__":
                call = f"{owner}[{arguments[0]}]"
        return [*lines, *self._result(member.node, call, 8, ignore=item_change)]

    def _method_docstring(self, found: PublicClass, member: Member, name: str) -> list[str]:
        key = f"{found.name}.{member.name}"
        forms = (self._rules.members.get(key) or "").split(", ")
        if "keep" in forms and name != member.name:
            return [f'        """Do what ``{member.name}`` does."""']
        return self._docstring(member.module, member.node, key, 8)

    def _setter(self, member: Member, name: str) -> list[str]:
        lines = [f"    @{name}.setter", *self._head(name, member, returns="None")]
        call = Call(f"self._aio.{member.name}", self._arguments(member.node, skip=1))
        return [*lines, *statement("", Call(self._local.drive("run"), [call]), 8)]

    def _update(self, found: PublicClass, member: Member) -> list[str]:
        """Return ``update`` with the signature that all mutable mappings have."""
        value = self._rules.bases.rules[found.name].rpartition(", ")[2].rstrip("]")
        self._local.for_types("_typeshed", "SupportsKeysAndGetItem")
        self._local.for_types("collections.abc", "Iterable")
        items = f"SupportsKeysAndGetItem[str, {value}] | Iterable[tuple[str, {value}]]"
        parameters = ["self", f"other: {items} = ()", "/", f"**named: {value}"]
        lines = signature("def update", parameters, " -> None:", 4)
        lines += self._docstring(member.module, member.node, f"{found.name}.update", 8)
        pairs = Call(self._local.drive("aio_items"), ["other", "named"])
        call = Call(self._local.drive("run"), [Call("self._aio.update", [pairs])])
        return [*lines, *statement("", call, 8)]

    def _file_method(self, found: PublicClass, member: Member, rule: str) -> list[str]:
        """Return a method that opens a file: overloads by mode, and a hand-written body."""
        opener, *modes = rule.split()
        runtime = f"{self._scope.target}._files"
        self._local.at_run_time(runtime, opener)
        self._local.at_run_time("typing", "overload")
        self._local.for_types("typing", "Literal")
        kinds = dict(mode.split("=") for mode in modes)
        for kind in kinds.values():
            self._local.for_types(runtime, kind)
        default = _default_of(member.node, "mode")
        union = " | ".join(kinds.values())
        lines: list[str] = []
        for mode, kind in kinds.items():
            annotation = f'Literal["{mode}"]'
            annotation += f' = "{mode}"' if mode == default else ""
            lines.append("    @overload")
            lines += self._head(member.name, member, returns=kind, mode=annotation, end=": ...")
            lines.append("")
        lines.append("    @overload")
        lines += self._head(member.name, member, returns=union, end=": ...")
        lines += ["", *self._head(member.name, member, returns=union)]
        lines += self._docstring(member.module, member.node, f"{found.name}.{member.name}", 8)
        call = Call(opener, ["self._aio", *self._arguments(member.node, skip=1)])
        return [*lines, *statement("return ", call, 8)]

    def _transcribed(self, module: Module, node: Function, needs: list[str]) -> list[str]:
        """Return a function whose body is translated instead of wrapped."""
        constants = [module.segment(module.definitions[name]) for name in needs]
        head = self._function_head(module, node)
        docstring = self._docstring(module, node, node.name, 4)
        end_of_docstring = node.body[0].end_lineno or node.body[0].lineno
        body = module.text.splitlines()[end_of_docstring : node.end_lineno]
        text = self._rules.code.apply("\n".join(body))
        self._import_for_body(module, text)
        return [*constants, "", "", *head, *docstring, *text.splitlines()]

    def _import_for_body(self, module: Module, text: str) -> None:
        for name in names_in(ast.parse(textwrap.dedent(text))):
            origin, original = module.imports.get(name, ("", ""))
            if name == "time":
                self._local.at_run_time("time")
            elif origin.split(".")[0] == self._scope.package.name:
                self._local.at_run_time(*self._scope.public_home(original))
            elif origin:
                self._local.at_run_time(origin, original)

    def _function_head(self, module: Module, node: Function) -> list[str]:
        parameters = list(self._parameters(node, module, skip=0))
        return signature(f"def {node.name}", parameters, f" -> {self._returns(node, module)}:", 0)

    def _head(
        self,
        name: str,
        member: Member,
        *,
        returns: str | None = None,
        mode: str | None = None,
        end: str = ":",
    ) -> list[str]:
        """Return the lines of a method's head.

        Args:
            name: Name of the method in the facade.
            member: What it is made from.
            returns: Its return annotation; ``None``: that of the member.
            mode: What the parameter ``mode`` has for annotation and default; ``None``: its own.
            end: What follows the return annotation.
        """
        node, module = member.node, member.module
        own = list(self._parameters(node, module, skip=1, mode=mode))
        parameters = [node.args.args[0].arg, *own]
        returns = returns or self._returns(node, module)
        return signature(f"def {name}", parameters, f" -> {returns}{end}", 4)

    def _returns(self, node: Function, module: Module) -> str:
        if node.returns is None:
            raise GeneratorError(f"{module.path.name}: {node.name} has no return annotation")
        return self._local.annotation(node.returns, module)

    def _parameters(
        self, node: Function, module: Module, *, skip: int, mode: str | None = None
    ) -> Iterator[str]:
        arguments = node.args
        if arguments.posonlyargs:
            raise GeneratorError(f"{module.path.name}: {node.name}: no rule for positional-only")
        positional = arguments.args[skip:]
        first = len(positional) - len(arguments.defaults)
        for index, one in enumerate(positional):
            default = arguments.defaults[index - first] if index >= first else None
            if one.arg == "mode" and mode is not None:
                yield f"mode: {mode}"
            else:
                yield self._parameter(one, default, module)
        if arguments.vararg is not None:
            yield "*" + self._parameter(arguments.vararg, None, module)
        elif arguments.kwonlyargs:
            yield "*"
        for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            yield self._parameter(one, default, module)
        if arguments.kwarg is not None:
            yield "**" + self._parameter(arguments.kwarg, None, module)

    def _parameter(self, one: ast.arg, default: ast.expr | None, module: Module) -> str:
        if one.annotation is None:
            raise GeneratorError(f"{module.path.name}: {one.arg} has no annotation")
        text = f"{one.arg}: {self._local.annotation(one.annotation, module)}"
        return text if default is None else f"{text} = {self._local.default(default, module)}"

    def _arguments(self, node: Function, *, skip: int) -> list[str]:
        arguments = node.args
        passed = [self._argument(one) for one in arguments.args[skip:]]
        if arguments.vararg is not None:
            passed.append(f"*{self._argument(arguments.vararg)}")
        passed += [f"{one.arg}={self._argument(one)}" for one in arguments.kwonlyargs]
        if arguments.kwarg is not None:
            passed.append(f"**{arguments.kwarg.arg}")
        return passed

    def _argument(self, one: ast.arg) -> str:
        """Return how an argument is passed on: what it stands for, if it may be a facade."""
        used = names_in(one.annotation)
        is_object = isinstance(one.annotation, ast.Name) and one.annotation.id == "object"
        if not used & set(self._scope.classes) and not is_object:
            return one.arg
        for inner in ast.walk(one.annotation or one):
            if isinstance(inner, ast.Subscript) and isinstance(inner.value, ast.Name):
                if inner.value.id not in _SEQUENCES:
                    raise GeneratorError(f"no rule for an argument {ast.unparse(inner)}")
                return f"{self._local.drive('aio_each')}({one.arg})"
        return f"{self._local.drive('aio')}({one.arg})"

    def _result(
        self, node: Function, call: Expression, indent: int, *, ignore: bool = False
    ) -> list[str]:
        if is_async(node) and not is_async_iterator(node):
            call = Call(self._local.drive("run"), [call])
        returns = node.returns
        if ignore or returns is None or ast.unparse(returns) == "None":
            return statement("", call, indent)
        return statement("return ", self._wrapped(returns, call), indent)

    def _wrapped(self, returns: ast.expr, value: Expression) -> Expression:
        """Return ``value`` with what the annotation says to be a facade turned into one."""
        if isinstance(returns, ast.Subscript) and is_async_iterator_type(returns):
            return self._iterated(returns, value)
        if isinstance(returns, ast.Name) and returns.id == "Self":
            return Call("self._of", [value])
        used = names_in(returns) & set(self._scope.classes)
        if not used:
            return value
        make = f"{self._local.facade(min(used))}._of"
        if isinstance(returns, ast.Name):
            return Call(make, [value])
        if ast.unparse(returns) == f"{min(used)} | None":
            return Call(self._local.drive("optional"), [make, value])
        if ast.unparse(returns) == f"dict[str, {min(used)}]":
            return Call(self._local.drive("each_value"), [make, value])
        raise GeneratorError(f"no rule for a result {ast.unparse(returns)}")

    def _iterated(self, returns: ast.Subscript, value: Expression) -> Expression:
        item = returns.slice.elts[0] if isinstance(returns.slice, ast.Tuple) else returns.slice
        if isinstance(item, ast.Name) and item.id in self._scope.classes:
            make = f"{self._local.facade(item.id)}._of"
            return Call(self._local.drive("iterate_as"), [make, value])
        if names_in(item) & set(self._scope.classes):
            raise GeneratorError(f"no rule for items {ast.unparse(item)}")
        return Call(self._local.drive("iterate"), [value])

    def _docstring(self, module: Module, node: Function, where: str, indent: int) -> list[str]:
        docstring = module.docstring(node)
        if docstring is None:
            raise GeneratorError(f"{module.path.name}: {where} has no docstring")
        return _indented(self._text(docstring, where), indent)

    def _text(self, docstring: str, where: str) -> str:
        return self._rules.text.apply(docstring, where)


def _indented(docstring: str, indent: int) -> list[str]:
    """Return the lines of a docstring; all but the first are indented in the source already."""
    first, *rest = docstring.splitlines()
    return [" " * indent + first, *rest]


def _default_of(node: Function, name: str) -> object:
    """Return the default value of a positional parameter."""
    index = [one.arg for one in node.args.args].index(name) - len(node.args.args)
    default = node.args.defaults[index]
    return default.value if isinstance(default, ast.Constant) else None


def _without_options(node: Function) -> Function:
    """Return a function less its keyword-only parameters: ``d[k] = v`` has no room for them."""
    plain = copy(node)
    plain.args = copy(node.args)
    plain.args.kwonlyargs, plain.args.kw_defaults = [], []
    return plain
