"""What is left out of copies: contract section 14, with git as the oracle of the patterns."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.gitcli import Git, clean_environment
from vost import ExcludeFilter

# Patterns, path, whether it is a directory, whether it is excluded.
VERIFIED = [
    (["build/"], "build", True, True),
    (["build/"], "build", False, False),
    (["build/"], "build/x", False, True),
    (["build/"], "a/build", True, True),
    (["/build"], "build", False, True),
    (["/build"], "a/build", False, False),
    (["*.pyc", "!keep.pyc"], "a/x.pyc", False, True),
    (["*.pyc", "!keep.pyc"], "a/keep.pyc", False, False),
    (["a/b"], "a/b", False, True),
    (["a/b"], "x/a/b", False, False),
    (["**/tmp"], "tmp", False, True),
    (["**/tmp"], "a/b/tmp", False, True),
    (["doc/**/x"], "doc/x", False, True),
    (["doc/**/x"], "doc/a/x", False, True),
    (["doc/**/x"], "doc/a/b/x", False, True),
    (["foo/*"], "foo/a", False, True),
    (["foo/*"], "foo/a/b", False, True),
    (["foo/*"], "x/foo/a", False, False),
    (["build/", "!build/keep"], "build/keep", False, True),
    (["a/**"], "a", True, False),
    (["a/**"], "a/b", False, True),
    (["[a-c].x"], "b.x", False, True),
    (["[!a-c].x"], "b.x", False, False),
    (["[^a-c].x"], "d.x", False, True),
    (["[[:digit:]]*"], "1a", False, True),
    ([r"\!x"], "!x", False, True),
    ([r"a\*b"], "a*b", False, True),
    ([r"a\*b"], "axb", False, False),
    ([r"a\/b"], "a/b", False, True),
    (["[a/]b/c"], "ab/c", False, True),
    (["a[/]b"], "a/b", False, False),
    (["#x"], "#x", False, True),  # patterns are taken as they are
    (["x "], "x ", False, True),
    (["x "], "x", False, False),
    (["", "/", "!"], "x", False, False),
    (["é?"], "éé", False, True),
    (["*\udcff"], "a\udcff", False, True),
]


@pytest.mark.parametrize("patterns, path, is_dir, excluded", VERIFIED)
def test_pattern_matches(patterns: list[str], path: str, *, is_dir: bool, excluded: bool) -> None:
    found = ExcludeFilter(patterns=patterns)
    assert found.is_excluded(path, is_dir=is_dir) == excluded
    assert found.is_excluded_in_walk(path, is_dir=is_dir) == excluded


def test_active_says_whether_anything_can_be_excluded(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n# nothing\n")
    assert not ExcludeFilter().active
    assert not ExcludeFilter(patterns=[]).active
    assert not ExcludeFilter(exclude_from=tmp_path / "empty").active
    assert ExcludeFilter(patterns=["x"]).active
    assert ExcludeFilter(gitignore=True).active


def test_patterns_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("  *.log  \n\n# comment\n!keep.log\n")
    for place in (tmp_path / "list", str(tmp_path / "list")):
        found = ExcludeFilter(patterns=["*.tmp"], exclude_from=place)
        assert found.is_excluded("a/b.log")
        assert found.is_excluded("b.tmp")
        assert not found.is_excluded("keep.log")
        assert not found.is_excluded("# comment")
    with pytest.raises(FileNotFoundError, match="missing"):
        ExcludeFilter(exclude_from=tmp_path / "missing")


def test_arguments_are_checked() -> None:
    with pytest.raises(TypeError):
        ExcludeFilter(["x"])  # type: ignore[misc]
    with pytest.raises(TypeError):
        ExcludeFilter(patterns=[b"x"])  # type: ignore[list-item]
    assert ExcludeFilter(patterns="*.pyc").is_excluded("a.pyc")


def test_the_deepest_gitignore_that_matches_decides(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / ".gitignore").write_text("*.log\n/top\n")
    (tmp_path / "a" / ".gitignore").write_text("!*.log\n")
    (deep / ".gitignore").write_text("x.log\n# comment\n  \nspace \\ \n")
    found = ExcludeFilter(gitignore=True)
    for directory, path in ((tmp_path, ""), (tmp_path / "a", "a"), (deep, "a/b")):
        found.enter_directory(directory, path)
    assert found.is_excluded_in_walk("x.log")
    assert not found.is_excluded_in_walk("a/x.log")
    assert found.is_excluded_in_walk("a/b/x.log")
    assert not found.is_excluded_in_walk("a/b/y.log")
    assert found.is_excluded_in_walk("top")
    assert not found.is_excluded_in_walk("a/top")
    assert found.is_excluded_in_walk("a/b/space  ")
    assert found.is_excluded_in_walk("a/.gitignore")
    assert not found.is_excluded("x.log")


def test_base_patterns_cannot_be_taken_back(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("!*.pyc\n")
    found = ExcludeFilter(patterns=["*.pyc"], gitignore=True)
    found.enter_directory(tmp_path, "")
    assert found.is_excluded_in_walk("a.pyc")


def test_without_gitignore_the_files_count_as_any_other(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*\n")
    found = ExcludeFilter(patterns=["x"])
    found.enter_directory(tmp_path, "")
    assert not found.is_excluded_in_walk(".gitignore")
    assert not found.is_excluded_in_walk("y")


def test_a_second_walk_does_not_use_the_rules_of_the_first(tmp_path: Path) -> None:
    """D36."""
    for name, text in (("one", "a\n"), ("two", "b\n"), ("three", None)):
        (tmp_path / name / "sub").mkdir(parents=True)
        if text is not None:
            (tmp_path / name / ".gitignore").write_text(text)
            (tmp_path / name / "sub" / ".gitignore").write_text("s" + text)
    found = ExcludeFilter(gitignore=True)
    for name, expected in (("one", {"a", "sub/sa"}), ("two", {"b", "sub/sb"}), ("three", set())):
        found.enter_directory(tmp_path / name, "")
        found.enter_directory(tmp_path / name / "sub", "sub")
        paths = ["a", "b", "sub/sa", "sub/sb"]
        assert {path for path in paths if found.is_excluded_in_walk(path)} == expected


def test_an_ignore_file_that_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".gitignore")
    (tmp_path / "link").mkdir()
    (tmp_path / "rules").write_text("x\n")
    (tmp_path / "link" / ".gitignore").symlink_to(tmp_path / "rules")  # git does not follow it
    for directory in (tmp_path, tmp_path / "link", tmp_path / "missing"):
        found = ExcludeFilter(gitignore=True)
        found.enter_directory(directory, "")
        assert not found.is_excluded_in_walk("x")


@pytest.mark.parametrize(
    "pattern, path",
    [
        ("**/" * 40 + "x", "a/" * 200 + "y"),
        ("*a" * 40 + "b", "a" * 4000),
        ("?*" * 40 + "b", "a" * 4000),
        ("**/a*" * 20 + "/b", "aaa/" * 200 + "c"),
        ("**/*a/" * 20 + "b", "aaaa/" * 100 + "c"),
        ("*" * 60 + "!", "a" * 4000),
        ("[a-z]*" * 40 + "!", "a" * 4000),
        ("a/**/" * 30 + "b", "a/" * 200 + "c"),
    ],
)
def test_no_pattern_takes_long(pattern: str, path: str) -> None:
    """Backtracking would take years; a second is a hundred times what it takes."""
    found = ExcludeFilter(patterns=[pattern])
    start = time.process_time()
    assert not found.walk_rules().excludes(path, path.rpartition("/")[2], is_dir=False)
    assert time.process_time() - start < 1


NAMES = st.sampled_from(["a", "b", "ab", "ba", "aab", "x.y", "a-b", "!a", "#a", "a b", "[a]", "*"])
PIECES = st.sampled_from(
    ["a", "b", "*", "**", "?", "[ab]", "[!a]", "[^b]", "[a-b]", "/", "/", ".", "x", "y", "-", " ",
     "!", "#", "[]a]", "[[:alpha:]]", "\\*", "\\a", "[", "]", "\\", "[b-a]", "[a-]", "[\\]a]"]
)  # fmt: skip
GIVEN_PATTERNS = st.lists(
    st.lists(PIECES, min_size=1, max_size=7).map("".join), min_size=1, max_size=4
)
GIVEN_PATHS = st.lists(
    st.lists(NAMES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=12
)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a work tree in which git judges."""
    root = tmp_path_factory.mktemp("judge")
    git = Git(tmp_path_factory.mktemp("home"))
    git.init(root / "r.git")
    (root / "tree").mkdir()
    return root


def git_ignores(root: Path, patterns: list[str], paths: list[str]) -> set[str]:
    """Ask git which of the paths, none of them a directory, it ignores."""
    (root / "r.git" / "info").mkdir(exist_ok=True)
    (root / "r.git" / "info" / "exclude").write_text("\n".join(patterns) + "\n")
    result = subprocess.run(
        ["git", f"--git-dir={root}/r.git", f"--work-tree={root}/tree", "check-ignore",
         "--no-index", "--stdin", "-z"],
        input="\0".join(paths).encode() + b"\0",
        env=clean_environment(root),
        cwd=root / "tree",
        capture_output=True,
        check=False,
    )  # fmt: skip
    assert result.returncode in (0, 1), result.stderr
    return set(result.stdout.decode().split("\0")) - {""}


@given(patterns=GIVEN_PATTERNS, paths=GIVEN_PATHS)
def test_git_agrees(judge: Path, patterns: list[str], paths: list[str]) -> None:
    asked = sorted(set(paths))
    # A pattern of our own is taken as it is; in a file it is a comment, or loses its spaces.
    kept = [p for p in patterns if not p.startswith("#") and p.rstrip(" ") == p and p != "!"]
    found = ExcludeFilter(patterns=kept)
    ours = {path for path in asked if found.is_excluded(path)}
    assert ours == git_ignores(judge, kept, asked)


@given(patterns=GIVEN_PATTERNS, paths=GIVEN_PATHS)
def test_git_agrees_on_ignore_files(judge: Path, patterns: list[str], paths: list[str]) -> None:
    scratch = judge / "lists"
    scratch.mkdir(exist_ok=True)
    (scratch / ".gitignore").write_text("\n".join(patterns) + "\n")
    asked = sorted(set(paths))
    found = ExcludeFilter(gitignore=True)
    found.enter_directory(scratch, "")
    ours = {path for path in asked if found.is_excluded_in_walk(path)}
    assert ours == git_ignores(judge, patterns, asked)
