"""The parser of path arguments: `contract/paths.md` sections 1 and 3."""

from __future__ import annotations

import pytest

from vost.cli.arguments import file_path, normal_path, parse_target
from vost.cli.errors import Failure


@pytest.mark.parametrize(
    "text, ref, back, path",
    [
        ("file.txt", None, 0, "file.txt"),
        ("", None, 0, ""),
        (":file.txt", "", 0, "file.txt"),
        (":", "", 0, ""),
        ("main:file.txt", "main", 0, "file.txt"),
        ("main:", "main", 0, ""),
        ("v1.0:data/file", "v1.0", 0, "data/file"),
        ("main~3:file.txt", "main", 3, "file.txt"),
        ("v1.0~1:data/", "v1.0", 1, "data/"),
        ("main~100:path", "main", 100, "path"),
        ("~3:file.txt", "", 3, "file.txt"),
        ("~3:", "", 3, ""),
        ("main~01:f", "main", 1, "f"),
        ("C:/Users/foo", None, 0, "C:/Users/foo"),
        ("C:\\Users\\foo", None, 0, "C:\\Users\\foo"),
        ("D:file", "D", 0, "file"),
        ("C:", "C", 0, ""),
        ("path/to:rest", None, 0, "path/to:rest"),
        ("./local:file", None, 0, "./local:file"),
        ("path\\to:rest", None, 0, "path\\to:rest"),
        ("ref:path:with:colons", "ref", 0, "path:with:colons"),
        ("main:dir/file~backup", "main", 0, "dir/file~backup"),
        ("main~1~1:f", "main~1", 1, "f"),
        ("feature/x:f", None, 0, "feature/x:f"),
        (":a~3:b", "", 0, "a~3:b"),
    ],
)
def test_argument_is_read_by_its_first_colon(
    text: str, ref: str | None, back: int, path: str
) -> None:
    assert parse_target(text) == (ref, back, path, text)


@pytest.mark.parametrize(
    "text, message",
    [
        ("main~abc:f", "Invalid ancestor suffix '~abc' — must be a positive integer"),
        ("main~:f", "Invalid ancestor suffix '~' — must be a positive integer"),
        ("main~-1:f", "Invalid ancestor suffix '~-1' — must be a positive integer"),
        ("~:f", "Invalid ancestor suffix '~' — must be a positive integer"),
        ("main~²:f", "Invalid ancestor suffix '~²' — must be a positive integer"),
        ("main~٣:f", "Invalid ancestor suffix '~٣' — must be a positive integer"),
        ("main~0:f", "Invalid ancestor '~0' — use 'main:f' instead"),
        ("~0:f", "Invalid ancestor '~0' — use ':f' instead"),
    ],
)
def test_what_follows_the_tilde_must_be_a_positive_number(text: str, message: str) -> None:
    with pytest.raises(Failure) as failed:
        parse_target(text)
    assert failed.value.message == message


@pytest.mark.parametrize(
    "text, path",
    [
        ("", ""),
        ("/", ""),
        ("//", ""),
        ("//a//", "a"),
        ("/a/b/", "a/b"),
        ("./dir/f", "dir/f"),
        ("dir/./f", "dir/f"),
        ("a\\b", "a\\b"),
        ("a~1", "a~1"),
        ("ä ö", "ä ö"),
    ],
)
def test_path_has_one_normal_form(text: str, path: str) -> None:
    assert normal_path(text) == path


@pytest.mark.parametrize(
    "text, message",
    [
        ("a//b", "Invalid repo path: Empty segment in path: 'a//b'"),
        ("..", "Invalid repo path: Invalid path segment: '..'"),
        ("a/../b", "Invalid repo path: Invalid path segment: '..'"),
        (".", "Invalid repo path: Invalid path segment: '.'"),
        ("./.", "Invalid repo path: Invalid path segment: '.'"),
    ],
)
def test_path_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(Failure) as failed:
        normal_path(text)
    assert failed.value.message == message


@pytest.mark.parametrize("text", ["", "/", "///"])
def test_path_of_a_file_is_not_the_root(text: str) -> None:
    with pytest.raises(Failure, match="Repo path must not be empty"):
        file_path(text)
