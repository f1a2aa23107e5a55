"""The examples of the readme in their async spelling do the same, on asyncio and on trio."""

from __future__ import annotations

import ast
from typing import Any

import pytest

import vost
from tests.contract.readme_blocks import BLOCK, BLOCKS
from tests.contract.readme_blocks_async import ASYNC_CODE
from tests.contract.readme_outcomes import check_created, check_outcome, check_properties
from tests.contract.readme_running import Ran, blocking_spelling, run_async
from tests.contract.readme_worlds import World


async def run(code: str, world: World, **names: Any) -> Ran:
    """Run code in a world, with its store and the snapshot of its branch at hand."""
    names = {"GitStore": vost.GitStore, **world.names, **names}
    if world.has_store:
        names["repo"] = await vost.GitStore.open(world.repository, create=False)
        if "fs" not in names:
            names["fs"] = await names["repo"].branches["main"]
    return await run_async(world.code(code), names)


@pytest.mark.parametrize("block", ASYNC_CODE)
async def test_block_does_what_the_readme_says(block: str, world: World) -> None:
    check_outcome(block, world, await run(ASYNC_CODE[block], world))


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
async def test_line_that_opens_makes_a_repository(
    block: str, line: int, branch: str | None, author: str | None, world: World
) -> None:
    await run(ASYNC_CODE[block].splitlines()[line], world)
    check_created(world, branch, author)


@pytest.mark.parametrize("block", ["opening"])
async def test_line_that_opens_only_makes_nothing(block: str, world: World) -> None:
    line = ASYNC_CODE[block].splitlines()[1]
    with pytest.raises(FileNotFoundError, match=r"data\.git"):
        await run(line, world)
    assert not world.repository.exists()
    await vost.GitStore.open(world.repository)
    assert await (await run(line, world))["repo"].branches.current_name == "main"


@pytest.mark.parametrize("block", ["properties"])
@pytest.mark.parametrize("kind", ["written", "tag", "detached"])
async def test_properties_of_other_snapshots(block: str, kind: str, world: World) -> None:
    repo = await vost.GitStore.open(world.repository)
    fs = await repo.branches["main"]
    if kind == "written":
        fs = await fs.write_text("b.txt", "b", mode=vost.FileType.EXECUTABLE)
    elif kind == "tag":
        fs = await repo.tags.set("v1", fs)
    else:
        fs = await repo.fs(fs.commit_hash)
    check_properties(kind, (await run(ASYNC_CODE[block], world, fs=fs)).shown)


@pytest.mark.parametrize("block", ["batch"])
async def test_exception_inside_a_batch_commits_nothing(block: str, world: World) -> None:
    code = ASYNC_CODE[block].replace('await b.remove("old.txt")', "raise LookupError")
    with pytest.raises(LookupError):
        await run(code, world)
    assert world.commit() == world.tip


def test_each_block_has_its_async_spelling() -> None:
    assert list(ASYNC_CODE) == [block.name for block in BLOCKS]


@pytest.mark.parametrize("block", BLOCK)
def test_async_spelling_is_the_printed_one_by_the_table_of_the_design(block: str) -> None:
    printed = ast.unparse(ast.parse(BLOCK[block].code))
    assert blocking_spelling(ASYNC_CODE[block]) == printed


@pytest.mark.parametrize(
    "async_code, blocking",
    [
        ('await r.set("x", fs)', "r['x'] = fs"),
        ('y = await r.set("x", fs)', "y = r.set('x', fs)"),
        ('await r.delete("x")', "del r['x']"),
        ('y = await r.contains("x")', "y = 'x' in r"),
        ('await r.set_current("x")', "r.current = 'x'"),
        ('await ns.set_for_current_branch("t")', "ns.for_current_branch = 't'"),
        ("async for x in y: await z", "for x in y:\n    z"),
        ("async with await f() as x: pass", "with f() as x:\n    pass"),
    ],
)
def test_table_of_the_design_is_read_so(async_code: str, blocking: str) -> None:
    assert blocking_spelling(async_code) == blocking
