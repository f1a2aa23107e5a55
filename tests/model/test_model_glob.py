"""Glob patterns: the rules of the contract, against examples and a naive reference."""

from __future__ import annotations

import fnmatch
import time
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vost._model.glob import (
    GlobPattern,
    has_wildcards,
    iter_glob,
    match_segment,
    parse_pattern,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Tree:
    """A tree of directories that counts how it is asked.

    Args:
        files: Paths of the files; one that ends with a slash is an empty directory.
    """

    def __init__(self, files: Iterable[str]) -> None:
        self.nodes: dict[str, dict[str, bool]] = {"": {}}
        for file in files:
            parts = file.split("/")
            for depth, name in enumerate(parts[:-1]):
                path = "/".join(parts[: depth + 1])
                self.nodes["/".join(parts[:depth])][name] = True
                self.nodes.setdefault(path, {})
            if parts[-1]:
                self.nodes["/".join(parts[:-1])][parts[-1]] = False
        self.listed: Counter[str] = Counter()
        self.looked_up: Counter[str] = Counter()

    def list(self, path: str) -> list[tuple[str, bool]]:
        self.listed[path] += 1
        # Git's order: a directory sorts as if its name ended with a slash.
        return sorted(self.nodes[path].items(), key=lambda item: item[0] + "/" * item[1])

    def lookup(self, path: str) -> bool | None:
        self.looked_up[path] += 1
        parent, _, name = path.rpartition("/")
        if name in (".", ".."):
            return True if parent in self.nodes else None
        return self.nodes.get(parent, {}).get(name)

    def glob(self, pattern: Any, **options: Any) -> list[str]:
        parsed = pattern if isinstance(pattern, GlobPattern) else parse_pattern(pattern)
        return list(iter_glob(parsed, self.list, self.lookup, **options))


FILES = [
    ".dot",
    ".h/x",
    ".h/y.py",
    "[ab].txt",
    "a.py",
    "b.txt",
    "d.x/f",
    "d/.h/y",
    "d/a.py",
    "d/e/a.py",
    "d/e/f/a.py",
    "src/sub/deep.txt",
    "src/top.txt",
]


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("", []),
        ("/", []),
        ("//", []),
        ("a.py", ["a.py"]),
        ("/a.py/", ["a.py"]),
        ("nope", []),
        ("d", ["d"]),
        ("d/e/a.py", ["d/e/a.py"]),
        ("*.py", ["a.py"]),
        ("*", ["[ab].txt", "a.py", "b.txt", "d.x", "d", "src"]),
        ("?.py", ["a.py"]),
        (".*", [".dot", ".h"]),
        (".d?t", [".dot"]),
        (".h/*", [".h/x", ".h/y.py"]),
        ("*/x", []),
        ("*[ab].???", ["b.txt"]),
        ("[ab].txt", ["[ab].txt"]),
        ("[[]*", ["[ab].txt"]),
        ("*/*.py", ["d/a.py"]),
        ("*/*", ["d.x/f", "d/a.py", "d/e", "src/sub", "src/top.txt"]),
        ("a.py/*", []),
        ("a.py/b", []),
        ("a*/*", []),
        ("**/*.py", ["a.py", "d/a.py", "d/e/a.py", "d/e/f/a.py"]),
        ("**/a.py", ["a.py", "d/a.py", "d/e/a.py", "d/e/f/a.py"]),
        ("d/**", ["d/a.py", "d/e", "d/e/a.py", "d/e/f", "d/e/f/a.py"]),
        ("d/**/a.py", ["d/a.py", "d/e/a.py", "d/e/f/a.py"]),
        ("d/**/f/**", ["d/e/f/a.py"]),
        ("**/**/a.py", ["a.py", "d/a.py", "d/e/a.py", "d/e/f/a.py"]),
        ("**/e/**/a.py", ["d/e/a.py", "d/e/f/a.py"]),
        (".h/**", [".h/x", ".h/y.py"]),
        ("**/.h", [".h", "d/.h"]),
        ("**/.h/*", [".h/x", ".h/y.py", "d/.h/y"]),
        ("**/.*", [".dot", ".h", "d/.h"]),
        ("***", ["[ab].txt", "a.py", "b.txt", "d.x", "d", "src"]),
        ("d/**y", ["d/a.py"]),
        ("**.py", ["a.py"]),
        ("./a.py", []),
        ("d/../a.py", []),
        ("..", []),
        (".", []),
        ("d/.", []),
        ("d//a.py", []),
        ("A.PY", []),
        ("*.PY", []),
        ("a\0*", []),
    ],
)
def test_pattern(pattern: str, expected: list[str]) -> None:
    assert Tree(FILES).glob(pattern) == expected


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("src/./sub/*.txt", ["src/./sub/deep.txt"]),
        ("src/./*.txt", ["src/./top.txt"]),
        ("src/./sub", ["src/./sub"]),
        ("src/./**", ["src/./sub", "src/./sub/deep.txt", "src/./top.txt"]),
        ("*/./*.py", ["d/./a.py"]),
        ("d/*/./a.py", ["d/e/./a.py"]),
        ("/src/./top.txt/", ["src/./top.txt"]),
        ("d/**/./a.py", ["d/./a.py", "d/e/./a.py", "d/e/f/./a.py"]),
        ("d/e/./**/a.py", ["d/e/./a.py", "d/e/./f/a.py"]),
        ("**/./deep.txt", ["src/sub/./deep.txt"]),
        ("**/./a.py", ["a.py", "d/./a.py", "d/e/./a.py", "d/e/f/./a.py"]),
        ("**/./e/**/a.py", ["d/./e/a.py", "d/./e/f/a.py"]),
        ("d/**/./**/f", ["d/e/./f", "d/./e/f"]),
        ("a.py/./x", []),
        ("src/./", []),
        ("/./src", []),
        ("src/././top.txt", []),
        ("src/./sub/./deep.txt", []),
        ("src/./../a.py", []),
    ],
)
def test_pivot_stays_in_the_results(pattern: str, expected: list[str]) -> None:
    assert sorted(Tree(FILES).glob(pattern)) == sorted(expected)


def test_pattern_may_be_a_path_object() -> None:
    assert Tree(FILES).glob(PurePosixPath("d/*.py")) == ["d/a.py"]


@pytest.mark.parametrize("pattern", [b"*", None, 1])
def test_pattern_of_another_type_is_refused(pattern: Any) -> None:
    with pytest.raises(TypeError, match="pattern must be str"):
        parse_pattern(pattern)


def test_parsed_pattern_is_a_plain_value() -> None:
    assert parse_pattern("a/**/**/./*.c") == GlobPattern(("a", "**", "*.c"), pivot=2)
    assert parse_pattern("a/../b") == GlobPattern(())


def test_repeated_any_depths_change_nothing() -> None:
    tree = Tree(FILES)
    assert tree.glob(GlobPattern(("**", "**", "**", "a.py"))) == tree.glob("**/a.py")


def test_names_that_are_no_text_match() -> None:
    tree = Tree(["caf\udce9", "a\nb"])
    assert tree.glob("caf?") == ["caf\udce9"]
    assert tree.glob("a*b") == ["a\nb"]


def test_literal_segments_are_looked_up_and_never_listed() -> None:
    tree = Tree(FILES)
    assert tree.glob("d/e/*.py") == ["d/e/a.py"]
    assert tree.listed == {"d/e": 1}
    assert tree.glob("src/sub/deep.txt") == ["src/sub/deep.txt"]
    assert tree.listed == {"d/e": 1}


def test_each_directory_is_listed_at_most_once() -> None:
    tree = Tree(FILES)
    tree.glob("**/*/**/a*/**")
    assert max(tree.listed.values()) == 1
    assert not any("." in path.split("/") for path in tree.listed)


def test_walk_is_lazy() -> None:
    tree = Tree([f"d{number}/f" for number in range(10)])
    results = iter_glob(parse_pattern("*/f"), tree.list, tree.lookup)
    assert not tree.listed
    assert next(results) == "d0/f"
    assert next(results) == "d1/f"
    assert not tree.listed["d2"]


def test_any_depth_asks_before_it_descends() -> None:
    tree = Tree(["d/x", "link/x", "link/link/x"])

    def no_links(path: str) -> bool:
        return not path.endswith("link")

    assert tree.glob("**/x", descend=no_links) == ["d/x"]
    assert tree.glob("**", descend=no_links) == ["d", "d/x", "link"]
    assert tree.glob("link/x", descend=no_links) == ["link/x"]
    assert tree.glob("*/x", descend=no_links) == ["d/x", "link/x"]
    assert tree.glob("link/**", descend=no_links) == ["link/link", "link/x"]


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("./a.py", ["./a.py"]),
        ("./*.py", ["./a.py"]),
        ("../d/*.py", []),
        ("src/./*.txt", ["src/./top.txt"]),
        ("d//a.py", ["d/a.py"]),
        (".", ["."]),
        ("**/./a.py", ["./a.py", "d/./a.py", "d/e/./a.py", "d/e/f/./a.py"]),
        ("", []),
    ],
)
def test_dots_are_names_on_a_disk(pattern: str, expected: list[str]) -> None:
    tree = Tree(FILES)
    for path in list(tree.nodes):
        tree.nodes[f"{path}/.".lstrip("/")] = tree.nodes[path]
    assert tree.glob(parse_pattern(pattern, literal_dots=True)) == expected


def test_tree_deeper_than_the_recursion_limit() -> None:
    depth = 3000

    def list_directory(path: str) -> list[tuple[str, bool]]:
        return [("d", True)] if len(path) < 2 * depth else [("f", False)]

    assert len(list(iter_glob(parse_pattern("**/f"), list_directory, lambda _: None))) == 1


@pytest.mark.parametrize(
    "segment, name, expected",
    [
        ("a", "a", True),
        ("a", "A", False),
        ("*", "a", True),
        ("*", ".a", False),
        ("?a", ".a", False),
        ("[.]*", ".a", False),
        (".*", ".a", True),
        ("*.py", "a.py", True),
        ("*.py", "a.pyc", False),
        ("a*", "a", True),
        ("a?", "a", False),
        ("*[!a]", "xa", False),
        ("*[!a]", "xb", True),
        ("*[z-a]", "xz", False),
        ("*[", "x[", True),
        ("[ab]", "a", False),
        ("**", "a", True),
        ("*\\n", "a\n", False),
        ("*.+^$(){}|", "a.+^$(){}|", True),
        ("*", "a\n", True),
    ],
)
def test_segment(segment: str, name: str, expected: bool) -> None:
    assert match_segment(segment, name) is expected


@pytest.mark.parametrize(
    "text, expected", [("*", True), ("a/?", True), ("[ab]", False), ("a", False), ("", False)]
)
def test_wildcards_are_star_and_question_mark(text: str, expected: bool) -> None:
    assert has_wildcards(text) is expected


@pytest.mark.parametrize(
    "pattern", ["*" * 60 + "!", "*a" * 60 + "!", "*[ab]" * 60 + "!", "*?" * 60]
)
def test_many_stars_take_linear_time(pattern: str) -> None:
    started = time.perf_counter()
    assert not match_segment(pattern, "." + "a" * 4000)
    assert not match_segment(pattern + "!", "a" * 4000)
    assert time.perf_counter() - started < 1


def test_many_any_depths_take_one_walk() -> None:
    tree = Tree(["/".join(["a"] * depth) + "/f" for depth in range(1, 40)])
    started = time.perf_counter()
    assert tree.glob("**/a/" * 20 + "**/nope") == []
    assert len(tree.glob("**/" * 40 + "f")) == 39
    assert time.perf_counter() - started < 2
    assert max(tree.listed.values()) == 2


names = st.sampled_from(["a", "b", "ab", ".a", ".b", "[ab]", "a.b"])
trees = st.lists(st.lists(names, min_size=1, max_size=4).map("/".join), max_size=10)
parts = st.sampled_from(["**", "**", "*", "?", "a*", ".*", "*[ab]", "a", ".a", "[ab]", ".", ".."])
patterns = st.lists(parts, min_size=1, max_size=5).map("/".join)


def naive_glob(tree: Tree, pattern: str) -> set[str]:
    """Follow the rules word by word, without regard for time."""
    base, pivot, rest = pattern.partition("/./")
    found = expand(tree, "", base.split("/"))
    if not pivot:
        return found
    joined = {
        f"{path}/./{hit[len(path) + 1 :]}" for path in found for hit in below(tree, path, rest)
    }
    if base.split("/")[-1] == "**":
        # The base may be any directory that the pattern before ``**`` leads to, itself included.
        heads = base.split("/")
        while heads and heads[-1] == "**":
            heads.pop()
        for path in expand(tree, "", heads) if heads else {""}:
            hits = below(tree, path, rest)
            joined |= {f"{path}/./{hit[len(path) + 1 :]}" if path else hit for hit in hits}
    return joined


def below(tree: Tree, path: str, rest: str) -> set[str]:
    return expand(tree, path, rest.split("/")) if path in tree.nodes else set()


def expand(tree: Tree, directory: str, pattern: list[str]) -> set[str]:
    head, rest = pattern[0], pattern[1:]
    if "." in pattern or ".." in pattern:
        return set()
    found = set()
    if head == "**" and rest:
        found |= expand(tree, directory, rest)
    for name, is_directory in tree.nodes[directory].items():
        path = f"{directory}/{name}".lstrip("/")
        if head == "**":
            if name.startswith("."):
                continue
            found |= set() if rest else {path}
            found |= expand(tree, path, pattern) if is_directory else set()
        elif naive_match(head, name):
            if not rest:
                found.add(path)
            elif is_directory:
                found |= expand(tree, path, rest)
    return found


def naive_match(segment: str, name: str) -> bool:
    if "*" not in segment and "?" not in segment:
        return segment == name
    hidden = name.startswith(".") and not segment.startswith(".")
    return not hidden and fnmatch.fnmatchcase(name, segment)


def tree_of(files: list[str], make: Callable[[Iterable[str]], Tree] = Tree) -> Tree:
    """Leave out files that other files need as directories."""
    return make(f for f in files if not any(other.startswith(f"{f}/") for other in files))


@given(trees, patterns)
def test_walk_finds_what_the_rules_say(files: list[str], pattern: str) -> None:
    tree = tree_of(files)
    results = tree.glob(pattern)
    assert len(results) == len(set(results))
    assert set(results) == naive_glob(tree, pattern)


@given(trees, patterns)
def test_results_are_in_the_order_of_the_tree(files: list[str], pattern: str) -> None:
    tree = tree_of(files)
    results = [path.replace("/./", "/") for path in tree.glob(pattern)]
    order = {path: position for position, path in enumerate(everything(tree, ""))}
    positions = [order[path] for path in results]
    assert positions == sorted(positions)


def everything(tree: Tree, directory: str) -> Iterable[str]:
    for name, is_directory in tree.list(directory):
        path = f"{directory}/{name}".lstrip("/")
        yield path
        if is_directory:
            yield from everything(tree, path)


@given(st.text(st.characters() | st.sampled_from("*?[]!-^\\."), max_size=12), st.text(max_size=8))
def test_no_segment_makes_matching_fail(segment: str, name: str) -> None:
    assert match_segment(segment, name) == naive_match(segment, name)
