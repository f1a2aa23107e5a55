"""Paths in a repository: one spelling each; what Git refuses is never written."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vost._model import paths
from vost._model.errors import InvalidPathError
from vost._model.paths import (
    check_writable_segments,
    decode_name,
    encode_path,
    is_dotgit,
    normalize_path,
    normalize_root,
    normalize_writable_path,
)

if TYPE_CHECKING:
    from tests.support.gitcli import Git


@pytest.mark.parametrize(
    "path, expected",
    [
        ("a", "a"),
        ("a/b", "a/b"),
        ("a/", "a"),
        ("/a", "a"),
        ("/a/b/", "a/b"),
        ("///a///", "a"),
        ("./a", "a"),
        ("a/./b", "a/b"),
        ("a/././b/.", "a/b"),
        ("/./a/./", "a"),
        (".hidden/.x", ".hidden/.x"),
        ("...", "..."),
        ("a/..b", "a/..b"),
        ("a b/ c ", "a b/ c "),
        ("a:b~c", "a:b~c"),
        ("é/日本", "é/日本"),
        ("caf\udce9", "caf\udce9"),
        ("\udcc3\udca9", "é"),
        ("a\nb", "a\nb"),
        ("C:/x", "C:/x"),
        (".git", ".git"),
        (PurePosixPath("a/b"), "a/b"),
        (PurePosixPath("/a"), "a"),
    ],
)
def test_path_has_one_spelling(path: Any, expected: str) -> None:
    assert normalize_path(path) == expected
    assert normalize_root(path) == expected


@pytest.mark.parametrize("path", ["", "/", "//", ".", "./", "/.", "./.", "/././", PurePosixPath()])
def test_root_is_a_path_only_where_it_is_meant(path: Any) -> None:
    assert normalize_root(path) == ""
    with pytest.raises(InvalidPathError, match=r"^Path must not be empty$"):
        normalize_path(path)


def test_none_is_the_root_or_a_type_error() -> None:
    assert normalize_root(None) == ""
    with pytest.raises(TypeError, match="not NoneType"):
        normalize_path(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path, message",
    [
        ("a//b", "Empty segment in path: 'a//b'"),
        ("/a//b/", "Empty segment in path: '/a//b/'"),
        ("a//.", "Empty segment in path: 'a//.'"),
        (".//a", "Empty segment in path: './/a'"),
        ("..", "Invalid path segment: '..'"),
        ("../a", "Invalid path segment: '..'"),
        ("a/../b", "Invalid path segment: '..'"),
        ("a/..", "Invalid path segment: '..'"),
        ("/..", "Invalid path segment: '..'"),
        ("a\0b", r"Path must not contain NUL: 'a\x00b'"),
        ("\0", r"Path must not contain NUL: '\x00'"),
        ("a/\ud800", r"Path cannot be encoded: 'a/\ud800'"),
        ("\udc7f", r"Path cannot be encoded: '\udc7f'"),
    ],
)
@pytest.mark.parametrize("normalize", [normalize_path, normalize_root, normalize_writable_path])
def test_path_that_cannot_be_stored_is_refused(normalize: Any, path: str, message: str) -> None:
    with pytest.raises(InvalidPathError) as caught:
        normalize(path)
    assert str(caught.value) == message


class BytesPath:
    def __fspath__(self) -> bytes:
        return b"a"


@pytest.mark.parametrize("path", [b"a", bytearray(b"a"), 1, ["a"], BytesPath()])
@pytest.mark.parametrize("normalize", [normalize_path, normalize_root, normalize_writable_path])
def test_other_types_are_refused(normalize: Any, path: Any) -> None:
    with pytest.raises(TypeError, match="path must be str"):
        normalize(path)


class Text(str):
    __slots__ = ()


def test_subclass_of_str_becomes_plain_text() -> None:
    for text in ("a/b", "/a/b", "é"):
        assert type(normalize_path(Text(text))) is str


@pytest.mark.skipif(os.sep != "/", reason="a backslash separates on Windows")
def test_backslash_is_a_character_on_posix() -> None:
    assert normalize_path("a\\b") == "a\\b"
    assert normalize_path("/a\\..\\b/") == "a\\..\\b"


def test_backslash_separates_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "_BACKSLASH_SEPARATES", True)
    assert normalize_path("a\\b\\") == "a/b"
    with pytest.raises(InvalidPathError, match=r"'\.\.'"):
        normalize_path("a\\..\\b")


segments = st.sampled_from(["", ".", "..", ".git", "a", "é", "\udcff", "\udcc3\udca9", "\0", "\\"])
wild_paths = st.lists(segments | st.text(st.characters(), max_size=3), max_size=6).map("/".join)


@given(wild_paths)
def test_normalising_is_idempotent_and_storable(path: str) -> None:
    try:
        normal = normalize_path(path)
    except InvalidPathError:
        return
    assert normalize_path(normal) == normalize_root(normal) == normal
    assert normalize_path(f"/./{normal}/./") == normal
    assert decode_name(encode_path(normal)) == normal
    parts = encode_path(normal).split(b"/")
    assert not {b"", b".", b".."} & set(parts)
    assert b"\0" not in encode_path(normal)


@given(wild_paths)
def test_quick_test_lets_nothing_through_that_needs_work(path: str) -> None:
    def outcome(function: Any) -> str:
        try:
            return repr(function(path))
        except InvalidPathError as error:
            return str(error)

    assert outcome(paths._normalize) == outcome(paths._rewrite)


@given(st.binary(max_size=20))
def test_names_of_any_bytes_survive(name: bytes) -> None:
    assert encode_path(decode_name(name)) == name


def test_encoding_refuses_what_no_name_holds() -> None:
    with pytest.raises(InvalidPathError, match="cannot be encoded"):
        encode_path("\ud800")


# What `git fsck` of Git 2.39 says about each name: see test_git_agrees_about_every_spelling.
DOTGIT = [
    b".git",
    b".GIT",
    b".gIt",
    b".git.",
    b".git ",
    b".git. . ",
    b".git::$INDEX_ALLOCATION",
    b".git:x",
    b".git . :x",
    b".git\\foo",
    b"git~1",
    b"GIT~1",
    b"git~1.",
    b"git~1:x",
    b"git~1\\",
    b"a\\.git",
    b"\\.git",
    b"a\\\\.git",
    b"a\\git~1\\b",
    b"a\\..\\.git. ",
    ".g\u200cit".encode(),
    "\u200c.git".encode(),
    ".git\u200f".encode(),
    ".gi\u202at".encode(),
    ".gi\u206ft".encode(),
    "\ufeff.\ufeffG\ufeffI\ufeffT\ufeff".encode(),
    b".git\xff",
    b".git\xffabc",
    ".git\u200c".encode() + b"\xff",
    b".git\xc0\x80",
    b".git\xed\xa0\x80",
    ".git\ufffe".encode(),
    ".git\uffff".encode(),
]
NOT_DOTGIT = [
    b"git",
    b".gitignore",
    b".gitmodules",
    b".gitattributes",
    b".github",
    b".git x",
    b".git.x",
    b".gitx",
    b".git-",
    b".git\n",
    b".git\t",
    b" .git",
    b"..git",
    b"x.git",
    b"repo.git",
    b"a:.git",
    b"GIT~2",
    b"git~10",
    b"git~1 x",
    b"gi7eba~1",
    b"\xff.git",
    b".gi\xfft",
    b"a\\repo.git",
    "a\\.g\u200cit".encode(),
    ".g\u200cit.".encode(),
    ".git\u200cx".encode(),
    ".git\u200b".encode(),
    ".g\u0131t".encode(),
    ".g\u0130t".encode(),
    ".g\u0131t\u200c".encode(),
    ".g\u0131t:git".encode(),
    ".gité".encode(),
    "Дigit".encode(),
]


@pytest.mark.parametrize("name", DOTGIT)
def test_spelling_of_dotgit_is_refused_on_write(name: bytes) -> None:
    text = decode_name(name)
    assert is_dotgit(text)
    for path in (text, f"{text}/config", f"d/{text}", f"d/{text}/hooks/x"):
        with pytest.raises(InvalidPathError, match="Invalid path segment"):
            normalize_writable_path(path)
        assert normalize_path(path) == path


@pytest.mark.parametrize("name", NOT_DOTGIT)
def test_other_names_are_written(name: bytes) -> None:
    text = decode_name(name)
    assert not is_dotgit(text)
    assert normalize_writable_path(f"{text}/{text}") == f"{text}/{text}"


def test_dotgit_does_not_hide_in_escaped_bytes() -> None:
    hidden = ".g\udce2\udc80\udc8cit"
    with pytest.raises(InvalidPathError, match="Invalid path segment"):
        normalize_writable_path(hidden)


def test_segments_do_not_join_to_dotgit() -> None:
    check_writable_segments("a/.g/it/git~/1/x")


def test_git_agrees_about_every_spelling(git: Git, tmp_path: Path) -> None:
    repository = git.init(tmp_path / "r.git")
    blob = bytes.fromhex(git(repository, "hash-object", "-w", "--stdin"))
    trees = {}
    for name in DOTGIT + NOT_DOTGIT:
        tree = b"100644 " + name + b"\0" + blob
        options = ("-t", "tree", "--literally", "-w", "--stdin")
        trees[name] = git(repository, "hash-object", *options, stdin=tree)
    fsck = git.attempt(repository, "fsck", "--strict", "--no-dangling")
    complaints = fsck.stderr.decode("utf-8", "replace").splitlines()
    refused = {
        name
        for name, tree in trees.items()
        if any(tree in line and "hasDotgit" in line for line in complaints)
    }
    assert refused == set(DOTGIT)
