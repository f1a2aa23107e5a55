"""The examples of the readme run as they are printed there: only the import is changed."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

import vost_sync
from tests.contract.readme_blocks import BLOCK, BLOCKS, Block
from tests.contract.readme_outcomes import (
    OUTCOMES,
    check_created,
    check_outcome,
    check_properties,
)
from tests.contract.readme_running import Ran, run_blocking
from tests.contract.readme_worlds import World
from tests.support.sources import ROOT
from vost import FileType

README = ROOT.parent / "shared" / "contract" / "readme.txt"

# The headings of the readme between the installation and the tool for the command line.
FIRST, LAST = "Quick start", "CLI"


def run(code: str, world: World, **names: Any) -> Ran:
    """Run code in a world, with its store and the snapshot of its branch at hand."""
    names = {"GitStore": vost_sync.GitStore, **world.names, **names}
    if world.has_store:
        names["repo"] = vost_sync.GitStore.open(world.repository, create=False)
        names.setdefault("fs", names["repo"].branches["main"])
    return run_blocking(world.code(code), names)


@pytest.mark.parametrize("block", BLOCK)
def test_block_does_what_the_readme_says(block: str, world: World) -> None:
    check_outcome(block, world, run(BLOCK[block].code, world))


@pytest.mark.parametrize("block", ["opening"])
@pytest.mark.parametrize(
    "line, branch, author",
    [
        (0, "main", "vost <vost@localhost>"),
        (2, "dev", "vost <vost@localhost>"),
        (3, None, None),
        (4, "main", "alice <alice@example.com>"),
    ],
)
def test_line_that_opens_makes_a_repository(
    block: str, line: int, branch: str | None, author: str | None, world: World
) -> None:
    run(BLOCK[block].statement(line), world)
    check_created(world, branch, author)


@pytest.mark.parametrize("block", ["opening"])
def test_line_that_opens_only_makes_nothing(block: str, world: World) -> None:
    with pytest.raises(FileNotFoundError, match=r"data\.git"):
        run(BLOCK[block].statement(1), world)
    assert not world.repository.exists()
    vost_sync.GitStore.open(world.repository)
    assert run(BLOCK[block].statement(1), world)["repo"].branches.current_name == "main"


@pytest.mark.parametrize("block", ["properties"])
@pytest.mark.parametrize("kind", ["written", "tag", "detached"])
def test_properties_of_other_snapshots(block: str, kind: str, world: World) -> None:
    repo = vost_sync.GitStore.open(world.repository)
    fs = repo.branches["main"]
    if kind == "written":
        fs = fs.write_text("b.txt", "b", mode=FileType.EXECUTABLE)
    elif kind == "tag":
        fs = repo.tags.set("v1", fs)
    else:
        fs = repo.fs(fs.commit_hash)
    check_properties(kind, run(BLOCK[block].code, world, fs=fs).shown)


@pytest.mark.parametrize("block", ["batch"])
def test_exception_inside_a_batch_commits_nothing(block: str, world: World) -> None:
    code = BLOCK[block].code.replace('b.remove("old.txt")', "raise LookupError")
    with pytest.raises(LookupError):
        run(code, world)
    assert world.commit() == world.tip


def test_each_block_has_an_outcome() -> None:
    assert list(OUTCOMES) == [block.name for block in BLOCKS]


def sections() -> dict[str, str]:
    """Return the readme's sections on the API: the text below each heading."""
    if not README.is_file():
        pytest.skip("contract/readme.txt is not beside this checkout: nothing to compare with")
    lines = README.read_text(encoding="utf-8").splitlines(keepends=True)
    # A heading stands between empty lines and is no sentence; it may not begin with code.
    found: dict[str, str] = {}
    heading = ""
    for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
        if before == after == "\n" and re.fullmatch(r"[A-Z][A-Za-z ]{2,25}\n", line):
            heading = line.strip()
        found[heading] = found.get(heading, "") + line
    return found


def test_blocks_are_those_of_the_readme_in_their_order() -> None:
    text = "".join(sections().values())
    position = 0
    for block in BLOCKS:
        assert "\n" + block.code in sections()[block.heading], block.name
        position = text.index(block.code, position) + len(block.code)


def test_no_code_of_the_readme_is_left_out() -> None:
    found = sections()
    names = list(found)
    ours = [*names[names.index(FIRST) : names.index(LAST)], "Git notes"]
    assert {block.heading for block in BLOCKS} <= set(ours)
    for block in BLOCKS:
        assert block.code in found[block.heading]
        found[block.heading] = found[block.heading].replace(block.code, "")
    forgotten = [
        paragraph
        for heading in ours
        for paragraph in found[heading].split("\n\n")
        if paragraph.strip() != heading and is_code(paragraph)
    ]
    assert forgotten == []


def is_code(paragraph: str) -> bool:
    """Tell whether a paragraph is Python: sentences are not."""
    try:
        return bool(ast.parse(paragraph).body)
    except SyntaxError:
        return False


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_check_for_code_finds_each_block(block: Block) -> None:
    assert all(is_code(paragraph) for paragraph in block.code.split("\n\n"))


def test_check_for_code_finds_no_code_in_prose() -> None:
    assert not is_code("Multiple writes/removes in a single commit:")
