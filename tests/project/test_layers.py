"""Imports point downwards only, and each foreign package stays where it belongs."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.support.sources import ROOT, module_name, python_files

# Which parts of the project a part may import, besides itself. The table is the diagram of
# docs/architecture.md; a part that is not listed here may not exist.
ALLOWED = {
    "vost._model": (),
    "vost._storage": ("vost._model",),
    "vost._engine": ("vost._storage", "vost._model"),
    "vost._offload": ("vost._model",),
    "vost._transfer": ("vost._offload", "vost._engine", "vost._storage", "vost._model"),
    "vost.public": (
        "vost._transfer",
        "vost._offload",
        "vost._engine",
        "vost._storage",
        "vost._model",
    ),
    "vost.testing": (
        "vost._testing",
        "vost.public",
        "vost._engine",
        "vost._storage",
        "vost._model",
    ),
    # What vost.testing is made of; it may also look at the seam, to count hops.
    "vost._testing": (
        "vost.public",
        "vost._offload",
        "vost._engine",
        "vost._storage",
        "vost._model",
    ),
    # Of the rest only the rules of names, paths and messages: they have to be known before the
    # repository is opened.
    "vost.cli": ("vost.public", "vost.serve", "vost.mount", "vost._model"),
    "vost.serve": ("vost.public",),
    # libfuse calls back on threads of its own, where there is no event loop.
    "vost.mount": ("vost_sync",),
    "vost.fsspec": ("vost.public",),
    "vost.zarr": ("vost.public",),
    "vost_sync": ("vost.public",),
}

# The facade's runtime, and the command line for short commands, switch the seam to inline mode:
# their one reach below the public names.
EXTRA = {"vost_sync._drive": ("vost._offload",), "vost.cli.app": ("vost._offload",)}

# Who may import a foreign package. One that is not listed may be imported nowhere.
FOREIGN = {
    # The server's answers that end when a client goes are task groups, as starlette's own.
    "anyio": ("vost._offload", "vost.serve"),
    "dulwich": ("vost._engine", "vost._storage"),
    "filelock": ("vost._storage",),
    "isal": ("vost._storage",),
    "urllib3": ("vost._engine",),
    "pytest": ("vost.testing", "vost._testing"),
    "typing_extensions": tuple(ALLOWED),
    "_typeshed": tuple(ALLOWED),  # exists for type checkers only
    "aiofiles": ("vost.cli",),
    "asyncclick": ("vost.cli",),
    "rich": ("vost.cli",),
    "watchfiles": ("vost._storage", "vost.cli"),
    "jinja2": ("vost.serve",),
    "markdown_it": ("vost.serve",),
    "markupsafe": ("vost.serve",),
    "mfusepy": ("vost.mount",),
    "starlette": ("vost.serve",),
    "uvicorn": ("vost.cli", "vost.serve"),
    "uvloop": ("vost.cli",),
    "fsspec": ("vost.fsspec",),
    "zarr": ("vost.zarr",),
    # The seam wakes coroutines from other threads: on a running trio only, by trio's own means.
    "trio": ("vost._offload",),
    # Of the standard library: an event loop of its own has no place in the core or the facade.
    "asyncio": ("vost._offload", "vost.cli", "vost.serve", "vost.fsspec", "vost.zarr"),
    "concurrent": ("vost._engine", "vost._storage"),
    "subprocess": ("vost._engine", "vost._transfer", "vost.cli", "vost.serve"),
}

# Values know no disk: these have no business in the lowest layer.
NO_IO = ("fcntl", "io", "shutil", "socket", "tempfile", "threading")

PUBLIC_ONLY = ("vost.cli", "vost.serve", "vost.mount", "vost.fsspec", "vost.zarr")


def part_of(module: str) -> str:
    """Return the row of ``ALLOWED`` that a module of ours belongs to."""
    if module.split(".")[0] == "vost_sync":
        return "vost_sync"
    names = [part for part in ALLOWED if module == part or module.startswith(part + ".")]
    if names:
        return max(names, key=len)
    return "vost.public"  # vost itself, its public modules and their private mixins


def imported(source: str, module: str, *, is_package: bool) -> list[tuple[int, str]]:
    """Return (line, dotted name) of everything that a source imports, wherever in the file."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if is_package else module.split(".")[:-1]
                package = package[: len(package) - node.level + 1]
                base = ".".join([*package, base] if base else package)
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func).rsplit(".", 1)[-1]
            argument = node.args[0]
            if called in {"import_module", "__import__"} and isinstance(argument, ast.Constant):
                found.append((node.lineno, str(argument.value)))
    return found


def violations(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """Return what a source imports although its place in the layers forbids it."""
    part = part_of(module)
    return [
        f"{module}:{line} imports {name}: {reason}"
        for line, name in imported(source, module, is_package=is_package)
        if (reason := _objection(module, part, name))
    ]


def _objection(module: str, part: str, name: str) -> str | None:
    top = name.split(".")[0]
    if top in {"vost", "vost_sync"}:
        return _internal_objection(module, part, name)
    if top == "tests":
        return "the library does not know its tests"
    if part == "vost._model" and top in NO_IO:
        return "values do no I/O"
    if top in FOREIGN and part not in FOREIGN[top]:
        return f"only {', '.join(FOREIGN[top])} may"
    if top not in FOREIGN and top not in sys.stdlib_module_names:
        return "not a declared dependency"
    return None


def _internal_objection(module: str, part: str, name: str) -> str | None:
    target = part_of(name)
    if target == part:
        return None
    if target not in (*ALLOWED[part], *EXTRA.get(module, ())):
        return f"{part} may not import {target}"
    second = name.split(".")[1] if "." in name else ""
    private = second.startswith("_") and not second.endswith("__")
    if private and target == "vost.public" and part in (*PUBLIC_ONLY, "vost_sync"):
        return "only public names"
    return None


@pytest.mark.parametrize(
    "path", python_files("vost", "vost_sync"), ids=lambda path: str(Path(path).relative_to(ROOT))
)
def test_imports_point_downwards_only(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    found = violations(source, module_name(path), is_package=path.name == "__init__.py")
    assert found == []


@pytest.mark.parametrize(
    "module, line",
    [
        ("vost._model.paths", "from vost._storage import disk"),
        ("vost._model.paths", "import dulwich"),
        ("vost._model.types", "import tempfile"),
        ("vost._storage.disk", "from vost._engine.trees import Trees"),
        ("vost._storage.disk", "from .. import _engine"),
        ("vost._storage.disk", "def f():\n    import anyio"),
        ("vost._engine.trees", "from vost import FS"),
        ("vost._engine.trees", "from vost import _offload"),
        ("vost._offload", "from vost._engine import repository"),
        ("vost.fs", "import dulwich.repo"),
        ("vost.fs", "import anyio"),
        ("vost.fs", "import asyncio"),
        ("vost._fs_read", "import filelock"),
        ("vost.fs", "import numpy"),
        ("vost.fs", "import tests.support"),
        ("vost.fs", "from vost import testing"),
        ("vost.fs", "import vost_sync"),
        ("vost.cli.main", "from vost._engine import trees"),
        ("vost.cli.main", "from vost._fs_read import Reading"),
        ("vost.cli.main", "import starlette.routing"),
        ("vost_sync.fs", "from vost._offload import inline"),
        ("vost_sync.fs", "from vost import _fs_read"),
        ("vost_sync.fs", "from vost._engine.trees import Trees"),
        ("vost_sync.fs", "import importlib\nimportlib.import_module('vost._model.paths')"),
        ("vost_sync.fs", "if TYPE_CHECKING:\n    from vost._model.types import StatResult"),
    ],
)
def test_check_finds_upward_and_foreign_imports(module: str, line: str) -> None:
    assert violations(line, module) != []


@pytest.mark.parametrize(
    "module, line",
    [
        ("vost._model.paths", "from vost._model import errors"),
        ("vost._storage.disk", "import dulwich.objects\nfrom vost._model import errors"),
        ("vost._engine.trees", "from vost._storage.protocols import Objects"),
        ("vost.fs", "from vost import _offload\nfrom vost._fs_read import Reading"),
        ("vost.fs", "from vost.batch import Batch\nimport os"),
        ("vost_sync.fs", "import vost\nfrom vost import FileType\nfrom vost_sync import _drive"),
        ("vost_sync._drive", "from vost._offload import inline"),
        ("vost.testing", "import pytest\nfrom vost._storage.memory import MemoryObjects"),
    ],
)
def test_check_accepts_downward_imports(module: str, line: str) -> None:
    assert violations(line, module) == []
