"""`vost write`: contract sections 3.3, 1.5, 1.7, paths.md 5.2 and 6, D8, D10, D12, D21, D23."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.commands import Vost
from tests.support.gitcli import Git
from tests.support.peaks import peak_of_command
from vost_sync import FileType, GitStore

LARGE = 300 << 20
ALLOWED = 120 << 20

HOSTILE = ["-n", "new\nline", "\x1b[31mred", "not utf-8 \udcff", "/".join(["n" * 250] * 16), "*"]


def parents_of(repository: Path, git: Git, name: str) -> list[str]:
    return git(repository, "rev-parse", f"{name}^@").split()


# --- where to, and what


@pytest.mark.parametrize("data", [b"", b"text\n", bytes(range(256)) * 5000], ids=len)
def test_stdin_becomes_a_plain_file(
    vost: Vost, store: GitStore, repository: Path, git: Git, data: bytes
) -> None:
    assert vost("write", "dir/file", input=data) == ""
    main = store.branches["main"]
    assert main.read("dir/file") == data
    assert main.file_type("dir/file") == FileType.BLOB
    git(repository, "fsck", "--strict")


@pytest.mark.parametrize(
    "path, options, branch, name",
    [
        ("f", [], "main", "f"),
        (":f", [], "main", "f"),
        ("://./a", [], "main", "a"),
        ("dev:f", [], "dev", "f"),
        ("f", ["-b", "dev"], "dev", "f"),
        ("feature/x:f", [], "feature/x", "f"),
        ("C:/x", [], "main", "C:/x"),
        (":a:b~1", [], "main", "a:b~1"),
        (":f", ["--branch", ""], "main", "f"),
    ],
)
def test_path_names_branch_and_place(
    vost: Vost, store: GitStore, path: str, options: list[str], branch: str, name: str
) -> None:
    for other in ("dev", "feature/x"):
        store.branches[other] = store.branches["main"]
    assert vost("write", path, *options, input="x") == ""
    assert store.branches[branch].ls(recursive=True) == [name]
    changed = [each for each in store.branches if store.branches[each].ls()]
    assert changed == [branch]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_any_name_can_be_written(
    vost: Vost, store: GitStore, repository: Path, git: Git, name: str
) -> None:
    assert vost("write", "--", name, input="x") == ""
    assert store.branches["main"].ls(recursive=True) == [name]
    assert "\x1b" not in vost.attempt("-v", "write", f":{name}", input="y").err
    git(repository, "fsck", "--strict")


def test_executable_and_link_become_plain_files(vost: Vost, store: GitStore) -> None:
    main = store.branches["main"].write("run", b"x", mode=FileType.EXECUTABLE)
    main.write_symlink("link", "run")
    vost("write", "run", input="x")
    vost("write", "link", input="x")
    main = store.branches["main"]
    assert main.file_type("run") == main.file_type("link") == FileType.BLOB


def test_same_content_again_makes_no_commit_but_a_tag(vost: Vost, store: GitStore) -> None:
    vost("write", "f", input="x")
    before = store.branches["main"].commit_hash
    vost("write", "f", "--tag", "v1", input="x")
    assert store.branches["main"].commit_hash == before
    assert store.tags["v1"].commit_hash == before


# --- options of the commit


@pytest.mark.parametrize(
    "message, expected",
    [
        ([], "+ f"),
        (["-m", ""], "+ f"),
        (["-m", "plain }"], "plain }"),
        (["--message", "{{{default}}}"], "{+ f}"),
        (["-m", "{op}|{add_count}{update_count}{delete_count}{total_count}"], "|1001"),
    ],
)
def test_message_is_made_of_the_template(
    vost: Vost, store: GitStore, message: list[str], expected: str
) -> None:
    vost("write", "f", *message, input="x")
    assert store.branches["main"].message == expected


def test_tag_is_on_the_new_commit(vost: Vost, store: GitStore) -> None:
    vost("write", "f", "--tag", "v1", input="1")
    assert store.tags["v1"].read("f") == b"1"
    vost("write", "f", "--tag", "v1", "--force-tag", input="2")
    assert store.tags["v1"].read("f") == b"2"
    vost("write", "f", "--force-tag", input="3")
    assert store.tags["v1"].read("f") == b"2"


def test_further_parents_are_recorded(
    vost: Vost, store: GitStore, repository: Path, git: Git
) -> None:
    first = store.branches["main"]
    store.tags["v1"] = first
    other = store.branches.set("dev", first).write("g", b"x")
    before = first.write("f", b"1")
    vost("write", "f", "--parent", "dev", "--parent", "main~1", input="2")
    expected = [before.commit_hash, other.commit_hash, first.commit_hash]
    assert parents_of(repository, git, "main") == expected
    assert store.branches["main"].ls() == ["f"]


def test_verbose_names_the_place(vost: Vost) -> None:
    assert vost.attempt("-v", "write", "dev:/a/b", input="x").err == "Wrote :a/b\n"


# --- what is refused, before anything happens


REFUSED = [
    (["../x"], "Invalid repo path: Invalid path segment: '..'"),
    (["a//b"], "Invalid repo path: Empty segment in path: 'a//b'"),
    ([":"], "Repo path must not be empty"),
    (["/"], "Repo path must not be empty"),
    ([""], "Repo path must not be empty"),
    (["dir/"], "Is a directory: dir/ (write needs the name of a file)"),
    ([":new/dir/"], "Is a directory: new/dir/ (write needs the name of a file)"),
    (["~1:f"], "Cannot write to a historical commit (remove ~N)"),
    (["main~2:f"], "Cannot write to a historical commit (remove ~N)"),
    (["main~0:f"], "Invalid ancestor '~0' — use 'main:f' instead"),
    (["main:f", "-b", "main"], "Cannot use -b/--branch with explicit ref: in path"),
    (["f", "-m", "{x}"], "Unknown placeholder {x} in commit message"),
    (
        ["f", "-m", "{default.__class__}"],
        "Unknown placeholder {default.__class__} in commit message",
    ),
    (["f", "-m", "{0}"], "Unknown placeholder {0} in commit message"),
    (["f", "--tag", "a b"], "Invalid ref name: 'a b'"),
    (["f", "--tag", "a:b"], "Invalid ref name 'a:b': contains colon"),
    (["f", "--parent", "nope"], "Unknown ref: nope"),
    (["f", "--parent", "~1"], "Unknown ref: ~1"),
]


@pytest.mark.parametrize("arguments, message", REFUSED)
@pytest.mark.parametrize("there", [False, True])
def test_mistake_is_found_before_a_repository_is_made(
    vost: Vost, repository: Path, arguments: list[str], message: str, *, there: bool
) -> None:
    if there:
        vost("init")
        before = vost("log")
    assert vost.fails("write", *arguments, input="x") == message
    assert repository.exists() == there
    if there:
        assert vost("log") == before


@pytest.mark.parametrize("path", [".git/config", "a/.GIT/x", "git~1/x"])
def test_name_that_git_refuses_is_refused(vost: Vost, repository: Path, path: str) -> None:
    assert vost.fails("write", f":{path}", input="x").startswith("Invalid repo path: ")
    assert not repository.exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["v1:f"], "Cannot write to tag 'v1' — use a branch"),
        (["nope:f"], "Branch not found: nope"),
        (["f", "-b", "nope"], "Branch not found: nope"),
        (["COMMIT:f"], "Branch not found: COMMIT"),
        (["d"], "Is a directory: d"),
        (["d/x/y"], "Not a directory: d/x"),
        (["d/x/y/z"], "Not a directory: d/x"),
        (["f", "--tag", "v1"], "Tag already exists: v1 (use --force-tag to overwrite)"),
        (["f", "--tag", "v1/x"], "Cannot create tag v1/x: tag v1 exists"),
    ],
)
def test_mistake_is_found_before_stdin_is_read(
    vost: Vost, store: GitStore, arguments: list[str], message: str
) -> None:
    main = store.branches["main"].write("d/x", b"x")
    store.tags["v1"] = main
    short = main.commit_hash[:7]
    arguments = [argument.replace("COMMIT", short) for argument in arguments]
    shown = vost.fails("write", "-p", *arguments, input="must not be passed on")
    assert shown == message.replace("COMMIT", short)
    assert store.branches["main"].commit_hash == main.commit_hash
    assert store.tags["v1"].commit_hash == main.commit_hash


# --- a repository that is not there


@pytest.mark.parametrize(
    "arguments, branch",
    [(["f"], "main"), (["dev:f"], "dev"), (["f", "-b", "trunk"], "trunk"), ([":f"], "main")],
)
def test_missing_repository_is_made(
    vost: Vost, repository: Path, git: Git, arguments: list[str], branch: str
) -> None:
    assert vost("write", *arguments, input="x") == ""
    assert git(repository, "rev-parse", "--is-bare-repository") == "true"
    assert git(repository, "symbolic-ref", "HEAD") == f"refs/heads/{branch}"
    assert git(repository, "log", "--format=%s").splitlines() == ["+ f", f"Initialize {branch}"]


def test_missing_repository_is_not_made_if_that_is_forbidden(vost: Vost, repository: Path) -> None:
    message = f"Repository not found: {repository}"
    assert vost.fails("write", "f", "--no-create", input="x") == message
    assert not repository.exists()
    vost("write", "f", input="x")
    assert vost("write", "f", "--no-create", input="y") == ""


def test_what_is_no_repository_stays(vost: Vost, repository: Path) -> None:
    repository.mkdir()
    (repository / "mine").touch()
    assert vost.fails("write", "f", input="x") == f"Not a git repository: {repository}"
    assert os.listdir(repository) == ["mine"]


# --- streams


def test_passthrough_copies_stdin_to_stdout(vost: Vost, store: GitStore) -> None:
    data = bytes(range(256)) * 5000
    ran = vost.attempt("write", "-p", "f", input=data)
    assert (ran.code, ran.out_bytes, ran.err) == (0, data, "")
    assert store.branches["main"].read("f") == data
    assert vost("write", "--passthrough", "f", input="x") == "x"


@pytest.mark.slow
def test_passthrough_shows_each_piece_as_it_comes(vost: Vost, store: GitStore) -> None:
    with vost.start("write", "-p", "f") as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for piece in (b"one\n", b"two\n"):
            writer.stdin.write(piece)
            writer.stdin.flush()
            assert writer.stdout.read(len(piece)) == piece
            assert store.branches["main"].ls() == []
        assert writer.communicate(timeout=60) == (b"", b"")
    assert store.branches["main"].read("f") == b"one\ntwo\n"


@pytest.mark.slow
def test_reader_that_goes_away_ends_it_quietly_and_nothing_is_committed(
    vost: Vost, repository: Path
) -> None:
    with vost.start("write", "-p", "f") as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        assert writer.stderr is not None
        writer.stdin.write(b"first")
        writer.stdin.flush()
        assert writer.stdout.read(5) == b"first"
        writer.stdout.close()
        with pytest.raises(BrokenPipeError):
            while True:
                writer.stdin.write(b"x" * 65536)
        assert writer.wait(timeout=60) == 141
        assert writer.stderr.read() == b""
        with suppress(BrokenPipeError):  # what is left in the buffer has nowhere to go either
            writer.stdin.close()
    assert not repository.exists()


@pytest.mark.slow
def test_interruption_leaves_nothing_behind(
    vost: Vost, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with vost.start("write", "-p", "f") as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write(b"first")
        writer.stdin.flush()
        assert writer.stdout.read(5) == b"first"
        writer.send_signal(signal.SIGINT)
        assert writer.wait(timeout=60) == 130
    assert not repository.exists()
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_commit_of_somebody_else_while_stdin_is_open_is_kept(vost: Vost, store: GitStore) -> None:
    with vost.start("write", "-p", "f") as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write(b"first")
        writer.stdin.flush()
        assert writer.stdout.read(5) == b"first"
        store.branches["main"].write("other", b"x")
        assert writer.communicate(timeout=60) == (b"", b"")
    assert sorted(store.branches["main"].ls()) == ["f", "other"]


@pytest.mark.slow
def test_what_takes_the_place_while_stdin_is_open_is_kept(vost: Vost, store: GitStore) -> None:
    with vost.start("write", "-p", "f") as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write(b"first")
        writer.stdin.flush()
        assert writer.stdout.read(5) == b"first"
        store.branches["main"].write("f/x", b"x")
        assert writer.communicate(timeout=60) == (b"", b"Error: Is a directory: f\n")
    assert writer.returncode == 1
    assert store.branches["main"].ls(recursive=True) == ["f/x"]


@pytest.mark.slow
def test_writers_at_once_all_get_through(vost: Vost, store: GitStore) -> None:
    writers = [vost.start("write", f"f{number}") for number in range(6)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"x")
    results = [writer.communicate(timeout=60) for writer in writers]
    assert results == [(b"", b"")] * 6
    assert sorted(store.branches["main"].ls()) == [f"f{number}" for number in range(6)]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(vost: Vost, store: GitStore, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(LARGE)
    args = ["write", "-p", "f"]
    with large.open("rb") as stdin:
        peak = peak_of_command(args, tmp_path / "peak", vost.environment(), stdin=stdin)
    assert peak < ALLOWED
    assert store.branches["main"].size("f") == LARGE
