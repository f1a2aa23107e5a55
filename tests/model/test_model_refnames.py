"""Names of branches, tags and notes namespaces: what git allows, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vost._model.errors import InvalidRefNameError
from vost._model.refnames import check_branch_name, check_notes_namespace, is_branch_name

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git

GOOD = [
    "main",
    "feature/my-thing.v2",
    "release-1.0",
    "refs/heads/x",
    "é",
    "枝/ветка",
    "a@b",
    "@a",
    "a/@",
    "HEAD/x",
    "x/HEAD",
    "head",
    "a/-x",
    "x-",
    "a.lockx",
    "lock",
    "a<b>c&d%e",
    "a{b}",
    "a|b;c'd\"e",
    "\u2028",
    "a" * 250,
    "é" * 125,
    "/".join(["a" * 250] * 3),
]

BAD = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    ".a",
    "..foo",
    "a/.b",
    "a..b",
    "a.",
    "a/b.",
    "foo.lock",
    "a.lock/b",
    ".lock",
    "foo@{bar}",
    "@{",
    "foo~1",
    "foo^2",
    "a?",
    "a*",
    "a[b",
    "a\\b",
    "a b",
    " a",
    "a\tb",
    "a\nb",
    "a\n",
    "a\rb",
    "a\0b",
    "a\x1fb",
    "a\x7fb",
    "@",
    "HEAD",
    "-x",
    "--force",
    "-",
    "\udcff",
    "a\ud800",
    "a" * 251,
    "é" * 126,
    "a/" + "b" * 251 + "/c",
    "../../x",
    "refs/heads/../../config",
]


@pytest.mark.parametrize("name", GOOD)
def test_legal_name_is_accepted(name: str) -> None:
    check_branch_name(name)
    check_notes_namespace(name)
    assert is_branch_name(name)


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("check", [check_branch_name, check_notes_namespace])
def test_illegal_name_is_refused(check: Any, name: str) -> None:
    with pytest.raises(InvalidRefNameError) as caught:
        check(name)
    assert str(caught.value) == f"Invalid ref name: {name!r}"
    assert not is_branch_name(name)


@pytest.mark.parametrize("name", [":", "a:b", "main:path", "a b:c", ":x"])
def test_colon_is_named_as_the_reason(name: str) -> None:
    with pytest.raises(ValueError, match="contains colon") as caught:
        check_branch_name(name)
    assert str(caught.value) == f"Invalid ref name {name!r}: contains colon"
    assert not is_branch_name(name)


@pytest.mark.parametrize("name", [None, b"main", 1, ["main"]])
def test_other_types_are_no_names(name: Any) -> None:
    with pytest.raises(TypeError, match="must be str"):
        check_branch_name(name)
    with pytest.raises(TypeError, match="must be str"):
        check_notes_namespace(name)
    assert not is_branch_name(name)


@given(st.text(alphabet=st.characters() | st.sampled_from("/.@{-:~^ lock\\*"), max_size=12))
def test_question_and_check_agree(name: str) -> None:
    try:
        check_branch_name(name)
    except InvalidRefNameError:
        assert not is_branch_name(name)
    else:
        assert is_branch_name(name)


def test_git_agrees_about_every_name(git: Git, tmp_path: Path) -> None:
    # Git has no limit of its own for the length, and no argument can hold NUL or a surrogate.
    for name in [name for name in GOOD + BAD if "\0" not in name and len(name) < 100]:
        if any("\ud800" <= character <= "\udfff" for character in name):
            continue
        result = git.attempt(tmp_path, "check-ref-format", "--branch", name)
        # It takes these two for names of the current commit; its other commands refuse them.
        accepted = result.returncode == 0 and name not in ("@", "HEAD")
        assert is_branch_name(name) == accepted, name
