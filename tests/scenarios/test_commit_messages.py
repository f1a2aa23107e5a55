"""Messages and further parents of commits: contract sections 15 and 22.2, and D25."""

from __future__ import annotations

import pytest

from tests.support.faces import collect
from tests.support.snapshots import contents, tip
from vost import FileType


async def main(store):
    return await store.branches["main"]


@pytest.fixture
def local(tmp_path):
    """Give the test a small file on disk."""
    path = tmp_path / "local.txt"
    path.write_bytes(b"from disk")
    return path


# --- messages (section 15) and operation


async def test_automatic_messages_of_one_change(store):
    fs = await main(store)
    fs = await fs.write("d/f", b"1")
    assert fs.message == "+ d/f"
    fs = await fs.write("d/f", b"2")
    assert fs.message == "~ d/f"
    fs = await fs.remove("d/f")
    assert fs.message == "- d/f"
    fs = await fs.write("run", b"", mode=FileType.EXECUTABLE)
    assert fs.message == "+ run (executable)"
    fs = await fs.write_symlink("ln", "x")
    assert fs.message == "+ ln (link)"
    fs = await fs.remove("run")
    assert fs.message == "- run"


async def test_an_empty_message_asks_for_the_automatic_one(store):
    fs = await main(store)
    for index, message in enumerate((None, "")):
        fs = await fs.write(str(index), b"", message=message)
        assert fs.message == f"+ {index}"


async def test_placeholders_of_a_message_are_replaced(store):
    fs = await (await main(store)).apply({"a": b"", "b": b"", "c": b""})
    template = "{op}|{default}|+{add_count} ~{update_count} -{delete_count} ={total_count}"
    fs = await fs.apply({"a": b"2", "n": b""}, ["b", "c"], message=template, operation="import")
    assert fs.message == "import|Batch import: +1 ~1 -2|+1 ~1 -2 =4"
    fs = await fs.write("{x}", b"", message="{op}|{default}")
    assert fs.message == "|+ {x}"
    fs = await fs.write("y", b"", message="{{x}} {add_count}")
    assert fs.message == "{x} 1"


async def test_a_message_without_an_opening_brace_is_taken_verbatim(store):
    fs = await (await main(store)).write("a", b"", message="50% }} done \\n %s")
    assert fs.message == "50% }} done \\n %s"


async def test_bad_messages_are_refused_before_anything_is_stored(disk_store, repo, git):
    """D25: and no attribute of a number can be reached."""
    fs = await main(disk_store)
    before = git(repo, "count-objects", "-v")
    for message, error in (
        ("{unknown}", KeyError),
        ("{add_count.real}", KeyError),
        ("{0}", KeyError),
        ("{}", KeyError),
        ("{add_count!r}", KeyError),
        ("{", ValueError),
        ('{"json": [1, 2', ValueError),
        ("{add_count}}", ValueError),
        ("a\0b", ValueError),
        (b"bytes", TypeError),
        (5, TypeError),
    ):
        for call in (
            lambda message=message: fs.write("f", b"unheard-of", message=message),
            lambda message=message: fs.apply({"f": b"unheard-of"}, message=message),
            lambda message=message: fs.write_symlink("f", "unheard-of", message=message),
        ):
            with pytest.raises(error):
                await call()
        with pytest.raises(error):
            fs.batch(message)
    assert git(repo, "count-objects", "-v") == before
    assert await tip(disk_store) == fs.commit_hash


# --- parents (22.2)


@pytest.mark.parametrize(
    "way",
    [
        "write",
        "write_text",
        "write_from_file",
        "write_symlink",
        "apply",
        "batch",
        "remove",
        "retry_write",
    ],
)
async def test_further_parents_are_recorded_in_order(face, disk_store, repo, git, way, local):
    fs = await (await main(disk_store)).write("old", b"1")
    one = await (await disk_store.branches.set("one", fs)).write("1", b"")
    two = await (await disk_store.branches.set("two", fs)).write("2", b"")
    parents = [two, one]
    if way == "batch":
        async with fs.batch(parents=parents) as batch:
            await batch.write("f", b"")
        merged = batch.fs
    elif way == "retry_write":
        merged = await face.retry_write(disk_store, "main", "f", b"", parents=parents)
    else:
        merged = await {
            "write": lambda: fs.write("f", b"", parents=parents),
            "write_text": lambda: fs.write_text("f", "", parents=parents),
            "write_from_file": lambda: fs.write_from_file("f", local, parents=parents),
            "write_symlink": lambda: fs.write_symlink("f", "x", parents=parents),
            "apply": lambda: fs.apply({"f": b""}, parents=parents),
            "remove": lambda: fs.remove("old", parents=parents),
        }[way]()
    expected = [fs.commit_hash, two.commit_hash, one.commit_hash]
    assert git(repo, "log", "-1", "--format=%P", "main").split() == expected
    assert not await merged.exists("1")
    assert [entry.commit_hash for entry in await collect(merged.log())][1] == fs.commit_hash
    assert (await merged.parent).commit_hash == (await merged.back()).commit_hash == expected[0]


async def test_repeated_parents_are_recorded_once(disk_store, repo, git):
    fs = await main(disk_store)
    other = await (await disk_store.branches.set("other", fs)).write("x", b"")
    await fs.write("f", b"", parents=[other, fs, other, await disk_store.branches["other"]])
    expected = [fs.commit_hash, other.commit_hash]
    assert git(repo, "log", "-1", "--format=%P", "main").split() == expected


async def test_parents_of_another_store_are_refused(face, store):
    fs = await main(store)
    stranger = await main(await face.GitStore.memory())
    for call in (
        lambda: fs.write("f", b"", parents=[stranger]),
        lambda: fs.apply({"f": b""}, parents=[stranger]),
        lambda: fs.remove("f", parents=[stranger]),
        lambda: face.retry_write(store, "main", "f", b"", parents=[stranger]),
    ):
        with pytest.raises(ValueError, match="same repo"):
            await call()
    with pytest.raises(ValueError, match="same repo"):
        fs.batch(parents=[stranger])
    for wrong in (["main"], [None]):
        with pytest.raises(TypeError):
            await fs.write("f", b"", parents=wrong)
    assert await tip(store) == fs.commit_hash


async def test_read_only_and_historical_snapshots_may_be_parents(store):
    fs = await (await main(store)).write("a", b"1")
    tag = await store.tags.set("v1", fs)
    fs = await fs.write("b", b"2")
    merged = await fs.write("c", b"3", parents=[tag])
    assert await contents(merged) == {"a": b"1", "b": b"2", "c": b"3"}
