"""rsync as the judge: the same sources, destinations and arguments give the same directories."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.disktrees import disk, make_disk
from vost import FileType
from vost_sync import GitStore

SOURCE = {
    "a.txt": b"alpha",
    ".dot": b"hidden",
    "run": b"*#!",
    "ln": "-> a.txt",
    "gone": "-> no/where",
    "d/x": b"x",
    "d/.h/y": b"y",
    "d/sub/deep/z": b"*z",
    "d/sub/l": "-> ../../..",
    "e/x": b"other",
}
DESTINATIONS = {
    "missing": None,
    "empty": {},
    "equal": SOURCE,
    "contents of d": {"x": b"old", "sub/deep/z": b"z", "extra/e": b"1", "void": "empty"},
    "kinds swapped": {
        "a.txt/dir": b"1",
        "d": b"file",
        "e": "-> d",
        "ln": b"file",
        "run": "-> a.txt",
        "x/y/z": b"2",
        "sub": "-> .",
        "y": "empty",
    },
    "special": {"a.txt": "special", "d/x": "special", "other": "special"},
    "more": {"d/more": b"1", "d/sub/deep/more": b"2", "more": b"3", "e/l": "-> x", ".dot": b"4"},
}


@pytest.fixture(scope="module")
def rsync() -> str:
    """The path of rsync."""
    path = shutil.which("rsync")
    if path is None:
        pytest.skip("rsync is not installed: .ci/run installs it")
    return path


def run_rsync(rsync: str, source: Path, arguments: list[str], *options: str, dest: Path) -> None:
    """Run rsync in the source directory, so that paths mean what they mean in a repository."""
    subprocess.run(
        [rsync, "-a", "--force", "--no-times", "--checksum", *options, *arguments, f"{dest}/"],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=60,
    )


def commit(path: Path, files: dict[str, bytes | str]):
    """Return a snapshot with these files in a new repository."""
    store = GitStore.open(path)
    with store.branches["main"].batch() as batch:
        for name, entry in files.items():
            if isinstance(entry, str):
                batch.write_symlink(name, entry.removeprefix("-> "))
            elif entry.startswith(b"*"):
                batch.write(name, entry[1:], mode=FileType.EXECUTABLE)
            else:
                batch.write(name, entry)
    return batch.fs or store.branches["main"]


def prune(top: Path) -> None:
    """Remove empty directories below a directory, as delete does here and rsync with -m."""
    for directory in sorted((p for p in top.rglob("*") if p.is_dir()), reverse=True):
        if not directory.is_symlink() and not any(directory.iterdir()):
            directory.rmdir()


def compare(
    rsync: str, top: Path, sources: list[str], there: dict[str, bytes | str] | None, **options: bool
) -> None:
    """Copy with rsync and with vost into two equal directories, and compare them."""
    theirs, ours = top / "theirs", top / "ours"
    for place in (theirs, ours):
        if there is not None:
            make_disk(place, there)
    flags = ["--delete"] if options.get("delete") else []
    flags += ["--ignore-existing"] if options.get("ignore_existing") else []
    flags += ["-R"] if any("/./" in source for source in sources) else []
    run_rsync(rsync, top / "source", [source or "./" for source in sources], *flags, dest=theirs)
    fs = GitStore.open(top / "r.git").branches["main"]
    plan = fs.copy_out(sources, ours, dry_run=True, **options).changes
    assert there is None or disk(ours) == disk(make_disk(top / "before", there))
    done = fs.copy_out(sources, ours, **options).changes
    if options.get("delete"):
        prune(theirs)
        assert done == plan
    assert disk(ours) == disk(theirs)
    assert fs.copy_out(sources, ours, **options).changes is None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository and a directory with the same files."""
    top = tmp_path_factory.mktemp("world")
    make_disk(top / "source", SOURCE)
    commit(top / "r.git", SOURCE)
    return top


@pytest.fixture
def top(world: Path, tmp_path: Path) -> Path:
    """A place of the test's own with the repository and the directory."""
    (tmp_path / "source").symlink_to(world / "source")
    (tmp_path / "r.git").symlink_to(world / "r.git")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("there", DESTINATIONS.values(), ids=DESTINATIONS.keys())
@pytest.mark.parametrize(
    "sources",
    [
        [""],
        ["d"],
        ["d/"],
        ["a.txt"],
        ["run", "ln", "gone"],
        ["d", "a.txt"],
        ["d/sub", "e"],
        ["d/./sub/deep"],
        ["d/./sub/l"],
    ],
    ids=str,
)
def test_copies_equal_those_of_rsync(rsync: str, top: Path, sources: list[str], there) -> None:
    compare(rsync, top, sources, there)


@pytest.mark.slow
@pytest.mark.parametrize("there", DESTINATIONS.values(), ids=DESTINATIONS.keys())
@pytest.mark.parametrize("source", ["", "d/", "e/"])
def test_copies_with_delete_equal_those_of_rsync(rsync: str, top: Path, source: str, there) -> None:
    compare(rsync, top, [source], there, delete=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["missing", "empty", "equal", "contents of d", "more"])
@pytest.mark.parametrize("source", ["", "d/", "d"])
def test_copies_that_ignore_what_exists_equal_those_of_rsync(
    rsync: str, top: Path, source: str, name: str
) -> None:
    compare(rsync, top, [source], DESTINATIONS[name], ignore_existing=True)


NAMES = st.sampled_from(["a", "b", "c", "a.b", "a-", "é", ".h", "Z z"])
ENTRIES = st.one_of(
    st.binary(max_size=3),
    st.binary(max_size=3).map(lambda data: b"*" + data),
    st.sampled_from(["-> a", "-> ..", "-> nowhere", "-> /"]),
)


@st.composite
def trees(draw: st.DrawFn, *, empty_directories: bool = False) -> dict[str, bytes | str]:
    """Draw a tree: no path is below another one that is a file."""
    paths = draw(st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=8))
    entries: dict[str, bytes | str] = {}
    entry = st.one_of(ENTRIES, st.just("empty")) if empty_directories else ENTRIES
    for parts in paths:
        path = "/".join(parts)
        above = {"/".join(parts[:length]) for length in range(1, len(parts) + 1)}
        if not above & entries.keys() and not any(p.startswith(path + "/") for p in entries):
            entries[path] = draw(entry)
    return entries


@pytest.mark.slow
@given(source=trees(), there=trees(empty_directories=True), delete=st.booleans())
def test_random_trees_are_copied_as_rsync_copies_them(
    rsync: str, source: dict[str, bytes | str], there: dict[str, bytes | str], delete: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        make_disk(top / "source", source)
        commit(top / "r.git", source)
        compare(rsync, top, [""], there, delete=delete)
