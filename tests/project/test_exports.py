"""What the packages export: complete, sorted, documented, and one and the same in both."""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import pkgutil
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

import vost
import vost_sync
from tests.support.sources import ROOT

# Parts that need an extra, or a test framework, to be imported.
OPTIONAL = {"vost.cli", "vost.serve", "vost.fsspec", "vost.zarr", "vost.fuse"}

# The documented names, less those of the parts that come later: copying.
DOCUMENTED = {
    "Batch",
    "BlobOid",
    "ChangeAction",
    "ChangeActionKind",
    "ChangeError",
    "ChangeReport",
    "ExcludeFilter",
    "FS",
    "FileEntry",
    "FileType",
    "GitError",
    "GitStore",
    "MirrorDiff",
    "NoteDict",
    "NoteNamespace",
    "NotesBatch",
    "RefChange",
    "RefDict",
    "ReflogEntry",
    "Signature",
    "StaleSnapshotError",
    "StatResult",
    "WalkEntry",
    "WriteEntry",
    "bundle_export",
    "bundle_import",
    "disk_glob",
    "resolve_credentials",
    "retry_write",
}

# Classes whose methods await: each package has its own. All else is shared.
OWN = {
    "Batch",
    "FS",
    "GitStore",
    "NoteDict",
    "NoteNamespace",
    "NotesBatch",
    "RefDict",
}

# The contract documents these values as plain, mutable dataclasses.
MUTABLE = {"ChangeReport", "ChangeAction", "ChangeError", "FileEntry", "Signature", "ReflogEntry"}


def public_modules(package: ModuleType) -> list[str]:
    """Return the names of a package and of its modules that users may import."""
    found = [package.__name__]
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        private = any(part.startswith("_") for part in info.name.split(".")[1:])
        if not private and not any(info.name.startswith(name) for name in OPTIONAL):
            found.append(info.name)
    return found


def declared_imports() -> dict[str, str]:
    """Return the names that vost imports for type checkers, with their modules."""
    tree = ast.parse((ROOT / "vost/__init__.py").read_text())
    return {
        alias.name: str(node.module)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


MODULES = [*public_modules(vost), *public_modules(vost_sync)]


def complaints(module: ModuleType) -> list[str]:
    """Return what is wrong with a public module: its ``__all__`` and its docstrings."""
    exported = getattr(module, "__all__", None)
    if not isinstance(exported, tuple):
        return ["__all__ is not a tuple"]
    found = [] if inspect.getdoc(module) else ["the module has no docstring"]
    if list(exported) != sorted(exported, key=_name_order):
        found.append("__all__ is not sorted")
    for name in exported:
        if not hasattr(module, name):
            found.append(f"{name} does not exist")
        elif not name.startswith("__"):
            found += _undocumented(name, getattr(module, name))
    return found


def _name_order(name: str) -> tuple[int, str]:
    """Sort as the linter does: constants (and `FS`), classes, functions."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2, name)


def _undocumented(name: str, thing: Any) -> list[str]:
    if not inspect.isclass(thing) and not inspect.isroutine(thing):
        return []  # a constant or an alias: documented beside its definition
    found = [] if _own_doc(thing) else [f"{name} has no docstring"]
    if inspect.isclass(thing) and thing.__module__.split(".")[0] in {"vost", "vost_sync"}:
        for member, value in vars(thing).items():
            is_code = inspect.isfunction(value) or isinstance(
                value, property | classmethod | staticmethod
            )
            if is_code and not member.startswith("_") and not _own_doc(value):
                found.append(f"{name}.{member} has no docstring")
    return found


def _own_doc(thing: Any) -> str | None:
    doc: str | None = getattr(thing, "__doc__", None)
    if doc and dataclasses.is_dataclass(thing) and doc.startswith(f"{thing.__name__}("):
        return None  # what @dataclass makes up
    return doc


@pytest.mark.parametrize("name", MODULES)
def test_public_module_is_complete_sorted_and_documented(name: str) -> None:
    assert complaints(importlib.import_module(name)) == []


@pytest.mark.parametrize("package", [vost, vost_sync], ids=lambda package: package.__name__)
def test_package_exports_the_documented_names(package: ModuleType) -> None:
    assert DOCUMENTED - set(package.__all__) == set()
    assert package.__version__ == vost.__version__


def test_both_packages_export_the_same_names() -> None:
    assert vost.__all__ == vost_sync.__all__


@pytest.mark.parametrize("name", sorted(vost.__all__))
def test_values_and_errors_are_shared_and_classes_that_wait_are_not(name: str) -> None:
    same = getattr(vost, name) is getattr(vost_sync, name)
    awaits = _has_coroutines(getattr(vost, name))
    assert same is not awaits
    assert awaits or name not in OWN


def _has_coroutines(thing: Any) -> bool:
    if inspect.iscoroutinefunction(thing) or inspect.isasyncgenfunction(thing):
        return True
    if not inspect.isclass(thing) or thing.__module__.split(".")[0] != "vost":
        return False
    functions = [
        getattr(value, "__func__", getattr(value, "fget", value))
        for name in dir(thing)
        for value in [inspect.getattr_static(thing, name)]
    ]
    return any(inspect.iscoroutinefunction(f) or inspect.isasyncgenfunction(f) for f in functions)


@pytest.mark.parametrize("name, home", sorted(declared_imports().items()))
def test_name_is_what_type_checkers_take_it_for(name: str, home: str) -> None:
    assert getattr(vost, name) is getattr(importlib.import_module(home), name)
    if inspect.isclass(getattr(vost, name)):
        assert getattr(vost, name).__module__ == "vost"


def test_all_names_are_declared_for_type_checkers() -> None:
    assert sorted(declared_imports()) == sorted(vost.__all__)
    assert set(vost.__all__) <= set(dir(vost))


def test_modules_are_found_without_an_import_of_their_own() -> None:
    code = "import vost; assert vost.fs.FS is vost.FS; assert not hasattr(vost, 'nope')"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", sorted(vost.__all__))
def test_values_are_frozen_slotted_dataclasses(name: str) -> None:
    value = getattr(vost, name)
    if not dataclasses.is_dataclass(value) or issubclass(value, enum.Enum):  # type: ignore[arg-type]
        return
    if name in MUTABLE:
        return
    assert value.__dataclass_params__.frozen
    assert "__slots__" in vars(value)


@pytest.mark.parametrize("package", ["vost", "vost_sync"])
def test_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"__all__": ["f"]}, "__all__ is not a tuple"),
        ({"__all__": ("g", "f")}, "__all__ is not sorted"),
        ({"__all__": ("f", "h")}, "h does not exist"),
        ({"__all__": ("g",)}, "g has no docstring"),
        ({"__all__": ("C",)}, "C.method has no docstring"),
        ({"__all__": ("D",)}, "D has no docstring"),
        ({"__doc__": None}, "the module has no docstring"),
    ],
)
def test_check_finds_what_is_missing(change: dict[str, Any], complaint: str) -> None:
    module = ModuleType("sample", "A module.")
    source = (
        "import dataclasses\n"
        "def f():\n    'Do.'\n"
        "def g():\n    pass\n"
        "class C:\n    'A class.'\n    def method(self): pass\n"
        "@dataclasses.dataclass\nclass D:\n    x: int\n"
    )
    module.__name__ = "vost.sample"
    sys.modules[module.__name__] = module
    try:
        exec(source, vars(module))
    finally:
        del sys.modules[module.__name__]
    vars(module).update({"__all__": ("f",)} | change)
    assert complaint in complaints(module)


def test_check_accepts_a_sound_module() -> None:
    module = ModuleType("sample", "A module.")
    exec("def f():\n    'Do.'\n__all__ = ('f',)", vars(module))
    assert complaints(module) == []
