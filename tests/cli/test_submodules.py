"""Submodules: nothing loses one by accident, and nothing reads one (contract D10, D20)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import Vost
from tests.support.gitcli import Git
from tests.support.localtrees import make_tree
from vost_sync import GitStore

KEPT = "A submodule stays: what was to take its place is left out"


@pytest.fixture(autouse=True)
def sources(store: GitStore, here: Path) -> None:
    """Make the same directories on disk and on the branch ``other``."""
    files = {
        "f": b"f",
        "d/sub": b"file",
        "d/g": b"g",
        "e/sub/deep/x": b"x",
        "e/sub/y": b"y",
        "e/g": b"g",
        "t/lib": b"file",
        "t/g": b"g",
    }
    make_tree(here, files)
    store.branches.create("other").apply(files)


@pytest.fixture
def entries(repository: Path, git: Git, submodule: str) -> dict[str, str]:
    """Return what ``main`` has with its submodules: paths and types."""
    return listed(repository, git)


def listed(repository: Path, git: Git) -> dict[str, str]:
    lines = git(repository, "ls-tree", "-r", "main").splitlines()
    return {line.partition("\t")[2]: line.split()[1] for line in lines}


ONTO = [
    (["{}f", ":sub"], "Is a submodule: sub"),
    (["{}f", ":lib/inner"], "Is a submodule: lib/inner"),
    (["{}f", ":sub/"], "Not a directory: sub"),
    (["{}f", ":sub/x/y"], "Not a directory: sub"),
    (["{}d/sub", ":"], "Is a submodule: sub"),
    (["{}d/", ":"], "Is a submodule: sub"),
    (["{}e/", ":"], "Not a directory: sub"),
    (["{}e/sub", ":"], "Not a directory: sub"),
    (["{}e/g", "{}f", ":sub"], "Not a directory: sub"),
    (["{}t/", ":"], "Is a directory: lib"),
]


@pytest.mark.parametrize("side", ["", "other:"], ids=["disk", "repository"])
@pytest.mark.parametrize("plan", [[], ["-n"]], ids=["run", "plan"])
@pytest.mark.parametrize("arguments, message", ONTO)
def test_cp_does_not_replace_a_submodule(
    vost: Vost,
    entries: dict[str, str],
    repository: Path,
    git: Git,
    side: str,
    plan: list[str],
    arguments: list[str],
    message: str,
) -> None:
    before = git(repository, "rev-parse", "main")
    typed = [text.format(side) for text in arguments]
    if plan and not side:
        plan = ["-n", "-c"]
    assert vost.fails("cp", *plan, *typed) == message
    assert git(repository, "rev-parse", "main") == before


@pytest.mark.parametrize("side", ["", "other:"], ids=["disk", "repository"])
def test_cp_copies_the_rest_where_errors_are_ignored(
    vost: Vost, entries: dict[str, str], repository: Path, git: Git, side: str
) -> None:
    ran = vost.attempt("cp", "--ignore-errors", f"{side}d/", f"{side}f", ":")
    assert ran.code == 1
    assert ran.err.endswith("sub: Is a submodule: sub\n")
    assert listed(repository, git) == entries | {"g": "blob", "f": "blob"}


@pytest.mark.parametrize("side", ["", "other:"], ids=["disk", "repository"])
@pytest.mark.parametrize("source", ["d/", "e/"])
def test_a_submodule_exists(
    vost: Vost, entries: dict[str, str], repository: Path, git: Git, side: str, source: str
) -> None:
    vost("cp", "--ignore-existing", side + source, ":")
    assert listed(repository, git) == entries | {"g": "blob"}


@pytest.mark.parametrize("side", ["", "other:"], ids=["disk", "repository"])
@pytest.mark.parametrize("command", ["cp --delete", "sync"])
@pytest.mark.parametrize(
    "source, kept", [("d/", "sub"), ("e/", "sub"), ("t/", "lib/inner")], ids=["d", "e", "t"]
)
def test_deletions_keep_submodules_that_are_in_the_way(
    vost: Vost,
    entries: dict[str, str],
    repository: Path,
    git: Git,
    side: str,
    command: str,
    source: str,
    kept: str,
) -> None:
    ran = vost.attempt(*command.split(), "-n", side + source, ":")
    assert (ran.code, ran.err) == (0, f"WARNING: {kept}: {KEPT}\n")
    assert sorted(ran.lines) == ["+ :g", "- :a.txt"]
    ran = vost.attempt(*command.split(), side + source, ":")
    assert (ran.code, ran.err) == (0, f"WARNING: {kept}: {KEPT}\n")
    del entries["a.txt"]
    assert listed(repository, git) == entries | {"g": "blob"}
    before = git(repository, "rev-parse", "main")
    ran = vost.attempt(*command.split(), side + source, ":")
    assert (ran.code, ran.err) == (0, f"WARNING: {kept}: {KEPT}\n")
    assert git(repository, "rev-parse", "main") == before


@pytest.mark.parametrize("side", ["", "other:"], ids=["disk", "repository"])
def test_what_is_beside_a_submodule_stays_with_it_if_a_file_would_replace_both(
    vost: Vost, entries: dict[str, str], store: GitStore, repository: Path, git: Git, side: str
) -> None:
    store.branches["main"].apply({"lib/beside": b"", "lib/in/x": b""})
    ran = vost.attempt("sync", f"{side}t", ":")
    assert (ran.code, ran.err) == (0, f"WARNING: lib/inner: {KEPT}\n")
    left = {"g", "lib/beside", "lib/in/x", "lib/inner", "sub"}
    assert set(listed(repository, git)) == left


@pytest.mark.parametrize("side", ["", "other:"], ids=["disk", "repository"])
@pytest.mark.parametrize("place", ["sub", "sub/x", "lib/inner"])
@pytest.mark.parametrize("plan", [[], ["-n"]], ids=["run", "plan"])
def test_nothing_is_synced_into_a_submodule(
    vost: Vost,
    entries: dict[str, str],
    repository: Path,
    git: Git,
    side: str,
    place: str,
    plan: list[str],
) -> None:
    message = f"Not a directory: {place.removesuffix('/x')}"
    assert vost.fails("sync", *plan, f"{side}e", f":{place}") == message
    assert vost.fails("cp", "--delete", *plan, f"{side}e/", f":{place}") == message
    assert listed(repository, git) == entries


def test_a_directory_on_disk_without_files_takes_no_place(
    vost: Vost, entries: dict[str, str], repository: Path, git: Git, here: Path
) -> None:
    """So are submodules on disk that nobody has initialised."""
    (here / "d/sub").unlink()
    (here / "d/sub").mkdir()
    vost("cp", "d/", ":")
    assert listed(repository, git) == entries | {"g": "blob"}
    vost("sync", "d", ":")
    del entries["a.txt"]
    assert listed(repository, git) == entries | {"g": "blob"}


@pytest.mark.parametrize(
    "arguments",
    [["cat", "SUB"], ["hash", ":SUB"], ["cmp", "f", ":SUB"], ["sync", ":SUB", "out"]],
    ids=["cat", "hash", "cmp", "sync"],
)
@pytest.mark.parametrize("path", ["sub", "lib/inner"])
def test_what_cannot_be_read_is_said_to_be_a_submodule(
    vost: Vost, submodule: str, here: Path, arguments: list[str], path: str
) -> None:
    code = 2 if arguments[0] == "cmp" else 1
    ran = vost.attempt(*(text.replace("SUB", path) for text in arguments))
    assert (ran.code, ran.out, ran.err) == (code, "", f"Error: Is a submodule: {path}\n")
    assert not (here / "out").exists()
    ran = vost.attempt(*(text.replace("SUB", f"{path}/x") for text in arguments))
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.endswith(f"not found{' in repo' * (arguments[0] == 'sync')}: {path}/x\n")
