"""What a source of a copy means, as a table."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from vost._model.errors import InvalidPathError
from vost._transfer.sources import below, local_source, repository_source

# source: path, contents, landing
LOCAL = {
    "src/a.txt": ("src/a.txt", False, "a.txt"),
    "src": ("src", False, "src"),
    "/abs/src": ("/abs/src", False, "src"),
    "src/": ("src", True, ""),
    "src//": ("src", True, ""),
    "./src": ("./src", False, "src"),
    "../up/src": ("../up/src", False, "src"),
    "src/sub/../a.txt": ("src/sub/../a.txt", False, "a.txt"),
    ".": (".", True, ""),
    "./": (".", True, ""),
    "..": ("..", True, ""),
    "src/.": ("src/.", True, ""),
    "/": ("/", True, ""),
    "base/./x/dir": ("base/x/dir", False, "x/dir"),
    "base/./x/dir/": ("base/x/dir", True, "x"),
    "base/./dir/": ("base/dir", True, ""),
    "base/./": ("base", True, ""),
    "/base/./x/f": ("/base/x/f", False, "x/f"),
    "./a/./b": ("./a/b", False, "b"),
    "a/./b/./c": ("a/b/./c", False, "b/c"),
}

REPOSITORY = {
    "": ("", True, ""),
    "/": ("", True, ""),
    ".": ("", True, ""),
    "d": ("d", False, "d"),
    "/d": ("d", False, "d"),
    "d/": ("d", True, ""),
    "d//": ("d", True, ""),
    "d/sub/f": ("d/sub/f", False, "f"),
    "base/./x/dir": ("base/x/dir", False, "x/dir"),
    "base/./x/dir/": ("base/x/dir", True, "x"),
    "base/./": ("base", True, ""),
    "./d": ("d", False, "d"),
    r"base\.\sub/file.txt": ("base/sub/file.txt", False, "sub/file.txt"),
    r"a\b": (r"a\b", False, r"a\b"),
}


@pytest.mark.parametrize("text, expected", LOCAL.items())
def test_local_source_means(text: str, expected: tuple[str, bool, str]) -> None:
    source = local_source(text)
    assert (source.path, source.contents, source.landing) == expected
    assert source.text == text
    assert source.needs_directory == text.endswith("/")


@pytest.mark.parametrize("text, expected", REPOSITORY.items())
def test_repository_source_means(text: str, expected: tuple[str, bool, str]) -> None:
    source = repository_source(text)
    assert (source.path, source.contents, source.landing) == expected
    assert source.needs_directory == (text.endswith("/") and text != "/")


def test_paths_of_pathlib_are_sources() -> None:
    assert local_source(Path("src/a")).landing == "a"
    assert repository_source(PurePosixPath("src/a")).path == "src/a"


@pytest.mark.parametrize("text", ["", "a\0b", "base/./../x", "base/./a//b", "x/.git", "x/./.GIT/f"])
def test_bad_local_source_is_refused(text: str) -> None:
    with pytest.raises(InvalidPathError):
        local_source(text)


@pytest.mark.parametrize("text", ["..", "a/../b", "a//b", "a\0b", "base/./../x", "../a/./b"])
def test_bad_repository_source_is_refused(text: str) -> None:
    with pytest.raises(InvalidPathError):
        repository_source(text)


@pytest.mark.parametrize("parse", [local_source, repository_source])
def test_what_is_no_path_is_refused(parse) -> None:
    for value in (b"bytes", 3, None):
        with pytest.raises(TypeError):
            parse(value)


def test_below_joins_what_is_there() -> None:
    assert [below("a", "b"), below("", "b"), below("a", ""), below("", "")] == ["a/b", "b", "a", ""]
