"""`glob` and `iglob` on snapshots: contract section 8."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from tests.support.faces import collect

FILES = (
    "a.txt",
    "b.txt",
    "B.md",
    "[ab].txt",
    ".dot",
    ".d/x",
    ".d/sub/y",
    "d/a.txt",
    "d/.h/y",
    "d/.hidden",
    "d/e/f/deep.txt",
    "src/sub/deep.txt",
    "src/sub/other.md",
    "src/x.py",
    "z.d/1",
)


@pytest.fixture
def storage():
    """Matching never looks at the disk itself: one storage shows it."""
    return "memory"


async def populated(store):
    fs = await store.branches["main"]
    fs = await fs.apply({path: path.encode() for path in FILES})
    return await fs.write_symlink("link", "d")


@pytest.mark.parametrize(
    "pattern, expected",
    [
        # one name: * and ?, classes beside them only
        ("*.txt", ["[ab].txt", "a.txt", "b.txt"]),
        ("?.txt", ["a.txt", "b.txt"]),
        ("*", ["B.md", "[ab].txt", "a.txt", "b.txt", "d", "link", "src", "z.d"]),
        ("*[ab].txt", ["a.txt", "b.txt"]),
        ("?[!a]*", ["B.md", "a.txt", "b.txt", "link", "src", "z.d"]),
        ("[ab].txt", ["[ab].txt"]),
        ("[ab]?txt", ["a.txt", "b.txt"]),
        ("b.*", ["b.txt"]),
        ("*.TXT", []),
        # files and directories match; links are never entered
        ("d", ["d"]),
        ("s*", ["src"]),
        ("link", ["link"]),
        ("link/*", []),
        # literal names are looked up
        ("a.txt", ["a.txt"]),
        ("d/e/f/deep.txt", ["d/e/f/deep.txt"]),
        ("missing", []),
        ("d/missing", []),
        # slashes at the ends are stripped, nothing is left of the root
        ("/d/", ["d"]),
        ("/*.md/", ["B.md"]),
        ("", []),
        ("/", []),
        ("//", []),
        # the dot rule
        (".*", [".d", ".dot"]),
        (".d/*", [".d/sub", ".d/x"]),
        ("*/.h", ["d/.h"]),
        ("*/*.txt", ["d/a.txt"]),
        ("*/.*", ["d/.h", "d/.hidden"]),
        (".dot", [".dot"]),
        # a first-level file with more segments behind it is skipped
        ("*/*", ["d/a.txt", "d/e", "src/sub", "src/x.py", "z.d/1"]),
        ("a.txt/*", []),
        ("a.txt/b", []),
        ("*/*/*/*", ["d/e/f/deep.txt"]),
        # any number of directories
        (
            "**",
            [
                "B.md",
                "[ab].txt",
                "a.txt",
                "b.txt",
                "d",
                "d/a.txt",
                "d/e",
                "d/e/f",
                "d/e/f/deep.txt",
                "link",
                "src",
                "src/sub",
                "src/sub/deep.txt",
                "src/sub/other.md",
                "src/x.py",
                "z.d",
                "z.d/1",
            ],
        ),
        ("**/deep.txt", ["d/e/f/deep.txt", "src/sub/deep.txt"]),
        ("**/*.md", ["B.md", "src/sub/other.md"]),
        ("**/a.txt", ["a.txt", "d/a.txt"]),
        ("d/**", ["d/a.txt", "d/e", "d/e/f", "d/e/f/deep.txt"]),
        ("src/**/*.txt", ["src/sub/deep.txt"]),
        ("**/**/a.txt", ["a.txt", "d/a.txt"]),
        ("**/sub/**", ["src/sub/deep.txt", "src/sub/other.md"]),
        ("**/.h/*", ["d/.h/y"]),
        ("**/.*", [".d", ".dot", "d/.h", "d/.hidden"]),
        ("**/y", []),
        (".d/**", [".d/sub", ".d/sub/y", ".d/x"]),
        # no other run of stars is special
        ("***", ["B.md", "[ab].txt", "a.txt", "b.txt", "d", "link", "src", "z.d"]),
        ("src/**b", ["src/sub"]),
        ("src/**b/deep.txt", ["src/sub/deep.txt"]),
        # dots as segments match nothing, except as the pivot
        ("./a.txt", []),
        ("d/../a.txt", []),
        ("..", []),
        (".", []),
        ("src/./sub/*.txt", ["src/./sub/deep.txt"]),
        ("src/./x.py", ["src/./x.py"]),
        ("*/./sub", ["src/./sub"]),
    ],
)
async def test_glob(store, pattern, expected):
    fs = await populated(store)
    assert await fs.glob(pattern) == expected
    assert sorted(await collect(fs.iglob(pattern))) == expected


async def test_glob_sorts_and_iglob_goes_in_tree_order(store):
    fs = await (await store.branches["main"]).apply(
        dict.fromkeys(["d/x", "d.txt", "d-", "a/b/c", "a/b.c"], b"")
    )
    assert await fs.glob("*") == ["a", "d", "d-", "d.txt"]
    assert await collect(fs.iglob("*")) == ["a", "d-", "d.txt", "d"]
    assert await collect(fs.iglob("a/*")) == ["a/b.c", "a/b"]
    assert await fs.glob("a/*") == ["a/b", "a/b.c"]


async def test_each_path_is_found_once(store):
    fs = await populated(store)
    for pattern in ("**/**", "**/*/**/*.txt", "**/**/sub/**/*"):
        found = await collect(fs.iglob(pattern))
        assert len(found) == len(set(found))
        assert await fs.glob(pattern) == sorted(found)


async def test_matching_is_case_sensitive(store):
    fs = await populated(store)
    assert await fs.glob("b.*") == ["b.txt"]
    assert await fs.glob("B.*") == ["B.md"]


async def test_a_pattern_may_be_a_path_object(store):
    fs = await populated(store)
    assert await fs.glob(PurePosixPath("src/*.py")) == ["src/x.py"]
    assert await collect(fs.iglob(PurePosixPath("**/x.py"))) == ["src/x.py"]


async def test_a_pattern_of_another_type_is_refused(store):
    fs = await populated(store)
    for pattern in (b"*", None, 5):
        with pytest.raises(TypeError):
            await fs.glob(pattern)
        with pytest.raises(TypeError):
            await collect(fs.iglob(pattern))


async def test_glob_of_an_empty_branch_finds_nothing(store):
    fs = await store.branches["main"]
    for pattern in ("*", "**", "a", "a/**/b"):
        assert await fs.glob(pattern) == []


async def test_more_matches_than_one_hop_carries(store):
    names = [f"d/{index:04}.txt" for index in range(500)]
    fs = await (await store.branches["main"]).apply(dict.fromkeys(names, b""))
    assert await fs.glob("d/*.txt") == names
    assert await collect(fs.iglob("**/*.txt")) == names


async def test_other_calls_take_patterns_literally(store):
    fs = await populated(store)
    with pytest.raises(FileNotFoundError, match=r"\*\.txt"):
        await fs.remove("*.txt")
    for call in (fs.read, fs.ls, fs.stat):
        with pytest.raises(FileNotFoundError):
            await call("*.txt")
    assert (await fs.remove("[ab].txt")).changes.delete[0].path == "[ab].txt"


@pytest.mark.parametrize("storage", ["disk"])
async def test_glob_works_on_disk_as_in_memory(store, storage):
    fs = await populated(store)
    assert await fs.glob("**/*.txt") == [
        "[ab].txt",
        "a.txt",
        "b.txt",
        "d/a.txt",
        "d/e/f/deep.txt",
        "src/sub/deep.txt",
    ]
