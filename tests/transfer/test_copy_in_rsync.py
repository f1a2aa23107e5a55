"""rsync is the oracle of what a copy means: the same trees and arguments through both."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from tests.support.gitcli import clean_environment
from tests.support.localtrees import Link, Program, Tree, local_contents, make_tree
from vost import ExcludeFilter, WriteEntry
from vost_sync import FS, GitStore

DEST = "some/where"

SOURCE: Tree = {
    "a": b"new",
    "same": b"same",
    "run": Program(b"#!"),
    "ln": Link("a"),
    "dir/x": b"1",
    "dir/deep/y.o": b"2",
    "dir/deep/z": Link("../x"),
    "dirlink": Link("dir"),
    "empty/er": None,
    "was-dir": b"file",
    "was-file/in": b"now",
    "k.o": b"3",
    ".hidden": b"4",
}
BEFORE: Tree = {
    "a": b"old",
    "same": b"same",
    "run": b"#!",
    "ln": b"a",
    "old": b"0",
    "dir/x": Link("1"),
    "dir/gone": b"0",
    "dir/keep.o": b"0",
    "was-dir/f": b"0",
    "was-file": b"0",
    "t/u/v": b"0",
    "src/a": b"0",
    "src/b": b"0",
    "deep/q": b"0",
}


@pytest.fixture(autouse=True)
def _rsync() -> None:
    if shutil.which("rsync") is None:
        if os.environ.get("CI"):
            pytest.fail("rsync is not installed: .ci/run installs it")
        pytest.skip("rsync is not installed")


def by_rsync(place: Path, before: Tree, source: str, *options: str) -> Any:
    """Return what is in the destination after rsync, which knows no empty directories here."""
    out = make_tree(place / "out", before)
    done = subprocess.run(
        ["rsync", "-a", "-m", "--checksum", "--force", *options, "--", source, f"{out}/"],
        cwd=place,
        env=clean_environment(place),
        check=False,
        capture_output=True,
        timeout=20,
    )
    if b"could not make way for new" in done.stderr:
        # A file in the place of a directory with excluded files: rsync fails, a commit replaces it.
        reject()
    assert done.returncode == 0, done.stderr
    return local_contents(out)


def snapshot_with(before: Tree, dest: str = DEST) -> FS:
    """Return a snapshot that has a tree in its destination, and something beside it."""
    writes = {f"{dest}/{path}": entry_of(what) for path, what in before.items() if what is not None}
    return GitStore.memory().branches["main"].apply(writes | {"beside": b"stays"})


def entry_of(what: bytes | Link) -> WriteEntry:
    if isinstance(what, Link):
        return WriteEntry(target=str(what))
    return WriteEntry(bytes(what), mode=0o100755 if isinstance(what, Program) else None)


def found_in(fs: FS, dest: str = DEST) -> dict[str, tuple[str, bytes]]:
    """Return what a snapshot has in its destination."""
    assert fs.read("beside") == b"stays"
    prefix = f"{dest}/"
    paths = [path for path in fs.ls(recursive=True) if path.startswith(prefix)]
    return {path[len(prefix) :]: (str(fs.file_type(path)), fs.read(path)) for path in paths}


def as_rsync_rule(pattern: str) -> str:
    """Return the option that means the same as one of our patterns without a slash inside."""
    return f"--include={pattern[1:]}" if pattern.startswith("!") else f"--exclude={pattern}"


def check(
    place: Path, source: Tree, before: Tree, form: str, *, delete: bool, exclude: list[str]
) -> None:
    """Send both the same way and compare file by file; then, that the report says it all."""
    make_tree(place / "src", source)
    options = ["--delete"] if delete else []
    options += map(as_rsync_rule, reversed(exclude))  # there the first one that matches decides
    options += ["-R"] if "/./" in form else []
    expected = by_rsync(place, before, form, *options)
    fs = snapshot_with(before)
    old = found_in(fs)
    rules = ExcludeFilter(patterns=exclude)
    arguments: dict[str, Any] = {"delete": delete, "exclude": rules}
    plan = fs.copy_in(f"{place}/{form}", DEST, dry_run=True, **arguments)
    done = fs.copy_in(f"{place}/{form}", DEST, **arguments)
    new = found_in(done)
    assert new == expected
    assert (plan.changes is None) == (old == new) == (done.commit_hash == fs.commit_hash)
    if plan.changes is not None:
        report = done.changes
        assert report is not None
        assert {entry.path for entry in report.add} == set(new) - set(old)
        assert {entry.path for entry in report.delete} == set(old) - set(new)
        changed = {path for path in set(old) & set(new) if old[path] != new[path]}
        assert {entry.path for entry in report.update} == changed
        assert sorted(report.actions(), key=str) == sorted(plan.changes.actions(), key=str)


FORMS = [
    ("src", False),
    ("src/", False),
    ("src/", True),
    ("src/.", True),
    ("src/a", False),
    ("src/ln", False),
    ("src/dirlink", False),
    ("src/dirlink/", False),
    ("src/dir", False),
    ("src/empty/", True),
    ("src/./dir", False),
    ("src/./dir/deep", False),
    ("src/./dir/x", False),
]
EXCLUDES = [[], ["*.o"], ["deep"], ["dir/"], ["*", "!a"], [".*"]]


def is_comparable(form: str, exclude: list[str]) -> bool:
    """Tell whether both apply the rules to the same paths: rsync tests a source's own name too."""
    if "/./" in form:
        return not exclude
    return form.endswith(("/", "/.")) or exclude not in (["dir/"], ["*", "!a"])


@pytest.mark.parametrize(
    "form, exclude, delete",
    [
        pytest.param(form, exclude, delete, id=f"{form} {exclude} {delete}")
        for form, delete in FORMS
        for exclude in EXCLUDES
        if is_comparable(form, exclude)
    ],
)
def test_copy_as_rsync_does(tmp_path: Path, form: str, exclude: list[str], *, delete: bool) -> None:
    check(tmp_path, SOURCE, BEFORE, form, delete=delete, exclude=exclude)


def test_of_two_sources_with_delete_the_first_counts_as_in_rsync(tmp_path: Path) -> None:
    make_tree(tmp_path / "1", {"a": b"1", "d/x": b"1", "only": b"1"})
    make_tree(tmp_path / "2", {"a": b"2", "d/x": b"2", "d/y": b"2"})
    out = make_tree(tmp_path / "out", BEFORE)
    subprocess.run(
        ["rsync", "-a", "-m", "--checksum", "--force", "--delete", "1/", "2/", f"{out}/"],
        cwd=tmp_path,
        check=True,
        timeout=20,
    )
    done = snapshot_with(BEFORE).copy_in([f"{tmp_path}/1/", f"{tmp_path}/2/"], DEST, delete=True)
    assert found_in(done) == local_contents(out)


NAMES = st.sampled_from(["a", "b", "c.o", "d", ".h"])
LEAVES = st.one_of(
    st.sampled_from([b"", b"1", b"22"]),
    st.sampled_from([Program(b"1"), Program(b"22")]),
    st.sampled_from([Link("a"), Link("1"), Link("../b")]),
    st.just(None),
)
TREES = st.recursive(
    LEAVES, lambda below: st.dictionaries(NAMES, below, max_size=4), max_leaves=12
).filter(lambda tree: isinstance(tree, dict))


def flat(tree: dict[str, Any], prefix: str = "") -> Tree:
    """Return a nested tree as paths."""
    found: dict[str, Any] = {}
    for name, what in tree.items():
        if isinstance(what, dict):
            found[prefix + name] = None
            found |= flat(what, f"{prefix}{name}/")
            if any(path.startswith(f"{prefix}{name}/") for path in found):
                del found[prefix + name]
        else:
            found[prefix + name] = what
    return found


@given(
    source=TREES,
    before=TREES,
    way=st.sampled_from([("src", False), ("src/", False), ("src/", True)]),
    exclude=st.lists(st.sampled_from(["a", "*.o", "d/", ".*", "?"]), max_size=2),
)
def test_any_tree_is_copied_as_rsync_does(
    source: Any, before: Any, way: tuple[str, bool], exclude: list[str]
) -> None:
    form, delete = way
    with TemporaryDirectory() as place:
        existing = {path: what for path, what in flat(before).items() if what is not None}
        check(Path(place), flat(source), existing, form, delete=delete, exclude=exclude)
