"""Options, plans and reports of `vost cp`: contract sections 1.7-1.11, 3.6, D9, D20, D24."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.copying import FILES, added, files, fill
from tests.support.commands import Vost
from tests.support.gitcli import Git
from tests.support.localtrees import local_contents, make_tree
from vost_sync import FS, GitStore


@pytest.fixture(autouse=True)
def filled(store: GitStore, here: Path) -> FS:
    """Fill the repository and the current directory."""
    return fill(store, here)


# --- --delete, --ignore-existing, --ignore-errors, excludes


@pytest.mark.parametrize("source", ["l/", ":d/"])
def test_delete_removes_what_no_source_has(vost: Vost, store: GitStore, source: str) -> None:
    store.branches["main"].apply({"n/x": b"old", "n/extra": b"", "n/e/w": b""})
    vost("cp", "--delete", source, ":n")
    gone = {"n/extra", "n/e/w"}
    assert not gone & files(store)
    assert store.branches["main"].read("n/x") == b"x"
    assert set(FILES) <= files(store)


def test_delete_keeps_what_is_excluded(vost: Vost, store: GitStore) -> None:
    store.branches["main"].apply({"n/keep.log": b"", "n/extra": b""})
    vost("cp", "--delete", "--exclude", "*.log", "l/", ":n")
    assert added(store) == {"n/keep.log", "n/x", "n/e/y.py", "n/e/z.py", "n/.dot"}


@pytest.mark.parametrize("source", ["l/", ":d/"])
def test_what_exists_can_be_left_alone(vost: Vost, store: GitStore, source: str) -> None:
    store.branches["main"].apply({"n/x": b"old", "n/extra": b""})
    vost("cp", "--ignore-existing", source, ":n")
    assert store.branches["main"].read("n/x") == b"old"
    assert "n/.dot" in files(store)
    vost("cp", "--ignore-existing", "--delete", source, ":n")
    assert store.branches["main"].read("n/x") == b"old"
    assert "n/extra" not in files(store)


def test_what_exists_on_disk_can_be_left_alone(vost: Vost, here: Path) -> None:
    make_tree(here, {"o/x": b"mine"})
    vost("cp", "--ignore-existing", ":d/", "o")
    vost("cp", "--ignore-existing", ":a.txt", "dangling")
    assert (here / "o/x").read_bytes() == b"mine"
    assert (here / "o/e/y").read_bytes() == b"y"
    assert os.readlink(here / "dangling") == "nowhere"


@pytest.mark.parametrize("dest", [":n", "o"])
def test_nothing_is_deleted_where_a_source_is_missed(
    vost: Vost, store: GitStore, here: Path, dest: str
) -> None:
    make_tree(here, {"o/nope/k": b"", "o/extra": b""})
    store.branches["main"].apply({"n/nope/k": b"", "n/extra": b""})
    sources = ["l", "nope"] if dest == ":n" else [":d", ":nope"]
    ran = vost.attempt("cp", "--ignore-errors", "--delete", *sources, dest)
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    kept = added(store) if dest == ":n" else set(local_contents(here))
    assert f"{dest[-1]}/nope/k" in kept
    assert f"{dest[-1]}/extra" not in kept


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--exclude", "*.py"], {"n/x", "n/.dot"}),
        (["--exclude", "e/"], {"n/x", "n/.dot"}),
        (["--exclude", "/x"], {"n/.dot", "n/e/y.py", "n/e/z.py"}),
        (["--exclude", "*.py", "--exclude", "!y.py"], {"n/x", "n/.dot", "n/e/y.py"}),
        (["--exclude-from", "patterns"], {"n/.dot", "n/e/y.py"}),
        (["--gitignore"], {"n/x", "n/.dot", "n/e/z.py"}),
    ],
)
def test_excluded_files_stay_away(
    vost: Vost, store: GitStore, here: Path, options: list[str], expected: set[str]
) -> None:
    (here / "patterns").write_text("# comment\n\n  z.py  \n/x\n")
    if options == ["--gitignore"]:
        (here / "l/e/.gitignore").write_text("y.py\n")
    vost("cp", *options, "l/", ":n")
    assert added(store) == expected


@pytest.mark.parametrize("dest", [":n", "o"])
def test_what_fails_is_reported_and_the_rest_copied(
    vost: Vost, store: GitStore, here: Path, dest: str
) -> None:
    colon = "" if dest == ":n" else ":"
    good = "f" if dest == ":n" else "a.txt"
    ran = vost.attempt("cp", "--ignore-errors", f"{colon}nope", f"{colon}{good}", dest)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"ERROR: {'nope'}: ")
    assert ran.err.count("\n") == 1
    if dest == ":n":
        assert added(store) == {"n/f"}
    else:
        assert (here / "o/a.txt").exists()
    assert "No such file or directory" in ran.err
    ran = vost.attempt("cp", "--ignore-errors", f"{colon}no*", f"{colon}nope*", ":n2")
    assert ran.code == 1
    assert [line.partition(": ")[0] for line in ran.err.splitlines()] == ["ERROR"] * 2


def test_file_that_cannot_be_read_ends_the_copy_or_is_reported(
    vost: Vost, store: GitStore, here: Path
) -> None:
    (here / "l/loop").symlink_to("loop")
    message = "Too many levels of symbolic links"
    assert vost.fails("cp", "--follow-symlinks", "l", ":n") == f"{message}: l/loop"
    assert added(store) == set()
    ran = vost.attempt("cp", "--follow-symlinks", "--ignore-errors", "l", ":n")
    assert (ran.code, ran.err) == (1, f"ERROR: l/loop: {message}\n")
    assert "n/l/e/y.py" in files(store)
    ran = vost.attempt("cp", "--follow-symlinks", "--ignore-errors", "l/./loop", ":n2")
    assert (ran.code, ran.err) == (1, f"ERROR: l/./loop: {message}\n")


@pytest.mark.parametrize("options", [[], ["--delete"]])
@pytest.mark.parametrize("dest", [":n", "o"])
def test_of_two_sources_for_one_place_the_first_counts(
    vost: Vost, store: GitStore, here: Path, options: list[str], dest: str
) -> None:
    sources = ["l/x", "m/x"]
    if dest == "o":
        store.branches["main"].apply({"l/x": b"x", "m/x": b"other"})
        sources = [":l/x", ":m/x"]
    ran = vost.attempt("cp", *options, *sources, dest)
    target = "n/x" if dest == ":n" else "o/x"
    warning = f"WARNING: m/x: Overlapping destination '{target}': skipping (kept earlier source)\n"
    assert (ran.code, ran.out, ran.err) == (0, "", warning)
    got = store.branches["main"].read("n/x") if dest == ":n" else (here / "o/x").read_bytes()
    assert got == b"x"


def test_place_that_two_sources_have_is_named_with_its_directories(
    vost: Vost, store: GitStore
) -> None:
    store.branches["main"].apply({"l/d/x": b"1", "m/d/x": b"2"})
    ran = vost.attempt("cp", ":l/d", ":m/d", "./o")
    assert ran.err == (
        "WARNING: m/d/x: Overlapping destination './o/d/x': skipping (kept earlier source)\n"
    )


@pytest.mark.parametrize(
    "sources, dest",
    [(["nope", "zz*"], ":n"), ([":nope", ":zz*"], ":n"), ([":nope", ":zz*"], "o")],
)
def test_all_that_fails_is_reported_when_nothing_is_left(
    vost: Vost, sources: list[str], dest: str
) -> None:
    ran = vost.attempt("cp", "--ignore-errors", *sources, dest)
    assert (ran.code, ran.out) == (1, "")
    starts = [line.partition(": No ")[0] for line in ran.err.splitlines()]
    assert starts == ["ERROR: zz*", "ERROR: nope"]


def test_special_files_are_left_out_with_a_warning(vost: Vost, store: GitStore, here: Path) -> None:
    os.mkfifo(here / "m/fifo")
    ran = vost.attempt("cp", "m", ":n")
    assert (ran.code, ran.err) == (0, "WARNING: m/fifo: Left out: it is a FIFO, not a file\n")
    ran = vost.attempt("cp", "m/*", ":n2")
    assert ran.code == 0
    assert ran.err.startswith("WARNING: m/fifo: Left out")
    assert added(store) == {"n/m/x", "n2/x"}


def test_repository_below_the_destination_stays(
    vost: Vost, store: GitStore, here: Path, git: Git
) -> None:
    inner = Vost(here / "deep/inner.git")
    commit = store.branches["main"].write("deep/inner.git/HEAD", b"no").commit_hash
    vost("backup", str(inner.repository))
    warning = "deep/inner.git: Left alone: it is the repository itself\n"
    for command in (["cp", "--delete", ":"], ["sync", ":"], ["sync", "v1:"], ["cp", ":"]):
        for options in (["-n"], []):
            ran = inner.attempt(*command, ".", *options)
            assert (ran.code, ran.err) == (0, f"WARNING: ./{warning}"), command
            assert "inner.git" not in ran.out
    assert git(inner.repository, "rev-parse", "main") == commit
    git(inner.repository, "fsck", "--strict")
    for dest in ("deep/inner.git", "deep/inner.git/new/", "deep/inner.git/objects"):
        for command in (["cp", ":a.txt"], ["cp", ":d/"], ["sync", ":"]):
            message = inner.fails(*command, dest)
            assert message.startswith("Cannot copy into the repository itself: deep/inner.git")
    git(inner.repository, "fsck", "--strict")
    store.branches["main"].write("deep/inner.git", b"a file")
    vost("backup", str(inner.repository))
    assert inner.fails("sync", ":", ".") == "Is a directory: ./deep/inner.git"
    git(inner.repository, "fsck", "--strict")


# --- which files count as unchanged


def test_times_count_unless_contents_are_to_be_compared(
    vost: Vost, store: GitStore, here: Path
) -> None:
    vost("cp", "l/", ":n")
    (here / "l/x").write_bytes(b"changed")
    os.utime(here / "l/x", (978_307_200, 978_307_200))
    assert vost("cp", "--delete", "-n", "l/", ":n") == ""
    assert vost("cp", "--delete", "-n", "-c", "l/", ":n") == "~ :n/x\n"
    vost("cp", "--delete", "l/", ":n")
    assert store.branches["main"].read("n/x") == b"x"
    vost("cp", "--delete", "-c", "l/", ":n")
    assert store.branches["main"].read("n/x") == b"changed"


def test_edit_in_the_second_of_the_commit_is_noticed(
    vost: Vost, store: GitStore, here: Path
) -> None:
    vost("cp", "l/", ":n")
    second = int(store.branches["main"].time.timestamp())
    (here / "l/x").write_bytes(b"X")
    os.utime(here / "l/x", (second, second))
    vost("cp", "--delete", "l/", ":n")
    assert store.branches["main"].read("n/x") == b"X"


# --- dry runs, status lines, commits


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["f", ":n"], "f -> :n\n"),
        (["f", ":d"], "f -> :d/f\n"),
        (["f", ":n/"], "f -> :n/f\n"),
        (["f", ":"], "f -> :f\n"),
        (["f", ":a.txt"], "f -> :a.txt\n"),
        (["f", ":a.txt", "--ignore-existing"], ""),
        (["f", "run", ":n"], "+ :n/f\n+ :n/run\n"),
        (["f*", ":n"], "+ :n/f\n"),
        (["l/", ":d"], "~ :d/.dot\n+ :d/e/y.py\n+ :d/e/z.py\n~ :d/x\n"),
        (["l/", ":d", "--delete"], "- :d/e/y\n+ :d/e/y.py\n+ :d/e/z.py\n"),
        ([":a.txt", "n"], ":a.txt -> n\n"),
        ([":a.txt", "m"], ":a.txt -> m/a.txt\n"),
        ([":a.txt", "n/"], ":a.txt -> n/a.txt\n"),
        ([":a.txt", ":d/x", "l"], "+ l/a.txt\n~ l/x\n"),
        ([":d/", "l/"], "~ l/.dot\n+ l/e/y\n~ l/x\n"),
        ([":d/", "./l", "--delete"], "+ ./l/e/y\n- ./l/e/y.py\n- ./l/e/z.py\n"),
        ([":a.txt", ":n"], "+ :n\n"),
        ([":a.txt", ":d/x"], "~ :d/x\n"),
        ([":d/", ":n"], "+ :n/.dot\n+ :n/e/y\n+ :n/x\n"),
        (["v1:d/", ":d"], "~ :d/.dot\n~ :d/e/y\n~ :d/x\n"),
        (["v1:d/e/", ":d", "--delete"], "- :d/.dot\n- :d/e/y\n- :d/x\n+ :d/y\n"),
    ],
)
def test_dry_run_prints_the_plan_and_does_nothing(
    vost: Vost, store: GitStore, here: Path, arguments: list[str], expected: str
) -> None:
    before = store.branches["main"].commit_hash
    local = local_contents(here)
    assert vost("cp", "-n", *arguments) == expected
    assert store.branches["main"].commit_hash == before
    assert local_contents(here) == local


def test_plans_are_printed_as_json_too(vost: Vost) -> None:
    shown = json.loads(vost("cp", "-n", "f", ":n", "--format", "json"))
    assert shown == [{"action": "add", "path": "n"}]
    assert json.loads(vost("cp", "-n", ":a.txt", "n", "--format", "json")) == shown
    lines = vost("cp", "-n", "l/", ":d", "--delete", "--format", "jsonl").splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["delete", "add", "add"]


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["f", ":n"], "Copied -> :n"),
        (["f", ":d"], "Copied -> :d/f"),
        (["f", ":"], "Copied -> :f"),
        (["l", ":"], "Copied -> :/"),
        (["l", ":n"], "Copied -> :n"),
        ([":a.txt", "n"], "Copied :a.txt -> n"),
        ([":a.txt", "m"], "Copied :a.txt -> m/a.txt"),
        ([":d", "n"], "Copied -> n"),
        ([":a.txt", ":n"], "Copied -> :n"),
        ([":d/", ":n"], "Copied -> :n"),
        (["v1:d", ":"], "Copied -> :/"),
    ],
)
def test_status_line_says_where_to(vost: Vost, arguments: list[str], expected: str) -> None:
    ran = vost.attempt("-v", "cp", *arguments)
    assert (ran.code, ran.out, ran.err) == (0, "", f"{expected}\n")


def test_commit_has_message_tag_and_parents(
    vost: Vost, store: GitStore, repository: Path, git: Git
) -> None:
    dev = store.branches["dev"].write("x", b"").commit_hash
    vost("cp", "f", "run", ":n", "--tag", "t", "--parent", "dev", "-m", "{op}: {default}")
    assert git(repository, "log", "-1", "--format=%s", "t") == "cp: Batch cp: +2"
    assert git(repository, "log", "-1", "--format=%P", "main").split()[1] == dev
    vost("cp", ":a.txt", ":n2", "--tag", "t", "--force-tag", "--parent", "dev")
    assert git(repository, "log", "-1", "--format=%s", "t") == "+ n2"
    # Nothing to do makes no commit, and the tag names the tip.
    before = store.branches["main"].commit_hash
    vost("cp", "f", ":n/f", "--tag", "same")
    assert store.branches["main"].commit_hash == before == store.tags["same"].commit_hash


def test_branch_is_chosen_by_option_or_path(vost: Vost, store: GitStore) -> None:
    vost("cp", "f", ":n", "-b", "dev")
    vost("cp", "f", "dev:n2")
    assert added(store, "dev") == {"n", "n2"}
    store.branches["feature/x"] = store.branches["dev"]
    vost("cp", "f", "feature/x:n3")
    assert added(store, "feature/x") == {"n", "n2", "n3"}


# --- hostile names


@pytest.mark.parametrize(
    "name", ["-n", "new\nline", "\x1b[31mred", "not utf-8 \udcff", "~1", "sp ace", "*"]
)
def test_hostile_names_go_both_ways(vost: Vost, here: Path, store: GitStore, name: str) -> None:
    (here / name).write_bytes(b"content")
    vost("cp", "--no-glob", "--", f"./{name}", f":h/{name}")
    assert store.branches["main"].read(f"h/{name}") == b"content"
    vost("cp", "--no-glob", "--", f":h/{name}", f"out/{name}")
    vost("cp", "--no-glob", "--", f":h/{name}", f":h2/{name}")
    vost("cp", ":h/", "o2")
    assert (here / "out" / name).read_bytes() == b"content"
    assert (here / "o2" / name).read_bytes() == b"content"
    shown = vost("cp", "-n", ":h", "./plan")
    assert shown.count("\n") == 1
    assert "\x1b" not in shown
    assert vost("cp", "-n", "--no-glob", "--", f"./{name}", ":p").count("\n") == 1


def test_very_long_paths_go_both_ways(vost: Vost, here: Path, store: GitStore) -> None:
    name = "/".join(["n" * 200] * 5)
    make_tree(here, {f"deep/{name}": b"deep"})
    vost("cp", "deep", ":")
    vost("cp", f":deep/{name}", ":short")
    vost("cp", ":deep", "o")
    assert store.branches["main"].read("short") == b"deep"
    assert (here / "o/deep" / name).read_bytes() == b"deep"


def test_forged_names_never_leave_the_destination(
    vost: Vost, repository: Path, here: Path, git: Git
) -> None:
    blob = git(repository, "hash-object", "-w", "f")
    raw = b"100644 ..\0" + bytes.fromhex(blob)
    (here / "tree").write_bytes(raw)
    tree = git(repository, "hash-object", "-w", "-t", "tree", "--literally", "tree")
    commit = git(repository, "commit-tree", tree, "-m", "evil")
    git(repository, "update-ref", "refs/heads/evil", commit)
    before = local_contents(here)
    for dest in ("o", ":n"):
        assert ".." in vost.fails("cp", "evil:", dest)
    assert local_contents(here) == before


def test_submodules_are_left_out_with_a_warning(
    vost: Vost, store: GitStore, repository: Path, git: Git, here: Path
) -> None:
    commit = store.branches["main"].commit_hash
    (here / "entries").write_text(
        f"160000 commit {commit}\tsub\n100644 blob {git(repository, 'hash-object', '-w', 'f')}\tf\n"
    )
    tree = git(repository, "mktree", "--missing", stdin=(here / "entries").read_bytes())
    made = git(repository, "commit-tree", tree, "-m", "with a submodule")
    git(repository, "update-ref", "refs/heads/sub", made)
    for dest in ("o", ":n"):
        ran = vost.attempt("cp", "sub:", dest)
        assert ran.code == 0
        assert ran.err.startswith("WARNING: sub: A submodule")
    assert added(store) == {"n/f"}
    message = "Cannot copy a submodule, its content is not in the repository"
    for dest in ("o2", ":n2"):
        assert vost.fails("cp", "sub:sub", "sub:f", dest) == f"{message}: sub"
        assert vost.fails("cp", "--delete", "sub:*", dest) == f"{message}: sub"
        ran = vost.attempt("cp", "--ignore-errors", "sub:sub", "sub:f", dest)
        assert (ran.code, ran.err) == (1, f"ERROR: sub: {message}\n")
        ran = vost.attempt("cp", "sub:*", dest)
        assert ran.code == 0
        assert ran.err.startswith("WARNING: sub: A submodule")
    assert added(store) == {"n/f", "n2/f"}


# --- in processes of their own


@pytest.mark.slow
def test_two_copies_may_make_the_repository_at_once(
    vost: Vost, here: Path, tmp_path: Path, git: Git
) -> None:
    path = tmp_path / "new.git"
    begun = [vost.start("-r", path, "cp", "f", f":n{number}") for number in range(4)]
    assert [(process.communicate()[1], process.returncode) for process in begun] == [(b"", 0)] * 4
    listed = git(path, "ls-tree", "--name-only", "main")
    assert listed.split() == ["n0", "n1", "n2", "n3"]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["in", "out"])
def test_interrupt_leaves_nothing_half_done(
    vost: Vost, store: GitStore, here: Path, repository: Path, way: str
) -> None:
    big = here / "big"
    with big.open("wb") as file:
        for number in range(96):
            file.write(os.urandom(1 << 20) + b"%d" % number)
    if way == "out":
        store.branches["main"].write_from_file("big", big)
        big.unlink()
    before = store.branches["main"].commit_hash
    arguments = ["big", ":b"] if way == "in" else [":big", "o/big"]
    process = vost.start("-v", "cp", *arguments)
    place = repository / "objects" if way == "in" else here
    known = _sizes(place)
    while process.poll() is None and _sizes(place) <= known + (1 << 20):
        pass
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"\nAborted!\n")
    assert store.branches["main"].commit_hash == before
    if way == "in":
        assert _sizes(place) <= known
    else:
        assert list((here / "o").iterdir()) == []


def _sizes(directory: Path) -> int:
    total = 0
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.lstat().st_size if path.is_file() else 0
    return total
