"""`archive_out`, `zip`, `tar`, `archive_in`, `unzip`, `untar`: contract 4.4, D8, D19, D20, D22."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support import archives
from tests.support.commands import Vost
from tests.support.gitcli import Git
from tests.support.peaks import peak_of_command
from vost_sync import FileType, GitStore

HOSTILE = [
    "line\nbreak",
    "esc\x1b[31m",
    "-dash",
    "ab:c~1",
    "x" * 99 + "/" + "y" * 200,
    "no\udcff8",
]


@pytest.fixture
def filled(store: GitStore) -> GitStore:
    """Make a repository with a file, a program and a link."""
    with store.branches["main"].batch("fill") as batch:
        batch.write("a.txt", b"alpha")
        batch.write("bin/run", b"#!", mode=FileType.EXECUTABLE)
        batch.write_symlink("link", "a.txt")
    return store


def names(data: bytes) -> list[str]:
    """Return the names in an archive of any format."""
    if data.startswith(b"PK"):
        return sorted(zipfile.ZipFile(io.BytesIO(data)).namelist())
    return sorted(tarfile.open(fileobj=io.BytesIO(data)).getnames())


ALL = ["a.txt", "bin/run", "link"]


# --- out


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "command, start",
    [
        ("archive_out x.zip", b"PK"),
        ("archive_out x.ZIP", b"PK"),
        ("archive_out x.tar", b"a.txt"),
        ("archive_out x.tar.gz", b"\x1f\x8b"),
        ("archive_out x.tgz", b"\x1f\x8b"),
        ("archive_out x.tar.bz2", b"BZh"),
        ("archive_out x.tbz2", b"BZh"),
        ("archive_out x.tar.xz", b"\xfd7zXZ"),
        ("archive_out x.txz", b"\xfd7zXZ"),
        ("archive_out x.tar --format zip", b"PK"),
        ("archive_out x.zip --format tar", b"a.txt"),
        ("archive_out x --format tar", b"a.txt"),
        ("archive_out x.tgz --format tar", b"\x1f\x8b"),
        ("zip x", b"PK"),
        ("zip x.tar", b"PK"),
        ("tar x", b"a.txt"),
        ("tar x.zip", b"a.txt"),
        ("tar x.txz", b"\xfd7zXZ"),
    ],
)
def test_format_and_compression_are_as_the_option_or_the_name_says(
    vost: Vost, command: str, start: bytes
) -> None:
    args = command.split()
    assert vost(*args) == ""
    data = Path(args[1]).read_bytes()
    assert data.startswith(start)
    assert names(data) == ALL
    assert os.listdir() == [args[1]]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "command", ["archive_out - --format zip", "archive_out - --format tar", "zip -", "tar -"]
)
def test_archive_on_stdout_is_the_same_as_in_a_file(vost: Vost, command: str) -> None:
    args = command.split()
    ran = vost.attempt("-v", *args)
    assert (ran.code, ran.err) == (0, "Wrote 3 file(s) to -\n")
    assert names(ran.out_bytes) == ALL
    args[1] = "file"
    assert vost.attempt("-v", *args).err == "Wrote 3 file(s) to file\n"
    assert Path("file").read_bytes() == ran.out_bytes


@pytest.mark.usefixtures("filled")
def test_modes_and_links_are_what_they_are_in_git(vost: Vost) -> None:
    vost("zip", "x.zip")
    with zipfile.ZipFile("x.zip") as archive:
        infos = {info.filename: info for info in archive.infolist()}
        assert archive.read("link") == b"a.txt"
    assert {info.create_system for info in infos.values()} == {3}
    modes = {name: info.external_attr >> 16 for name, info in infos.items()}
    assert (modes["a.txt"], modes["bin/run"]) == (0o100644, 0o100755)
    assert modes["link"] & 0o170000 == 0o120000
    vost("tar", "x.tar")
    with tarfile.open("x.tar") as tar:
        assert (tar.getmember("a.txt").mode, tar.getmember("bin/run").mode) == (0o644, 0o755)
        assert tar.getmember("link").linkname == "a.txt"


@pytest.mark.parametrize("option", [["--ref", "v1"], ["--back", "1"], ["--match", "fill"]])
def test_filters_choose_the_snapshot(vost: Vost, filled: GitStore, option: list[str]) -> None:
    filled.tags["v1"] = filled.branches["main"]
    filled.branches["main"].write("later", b"x")
    vost("tar", "x.tar", *option)
    assert names(Path("x.tar").read_bytes()) == ALL


def test_branch_and_empty_snapshot(vost: Vost, filled: GitStore) -> None:
    filled.branches.create("other").write("o", b"x")
    vost("zip", "x.zip", "-b", "other")
    assert names(Path("x.zip").read_bytes()) == ["o"]
    filled.branches.create("empty")
    vost("zip", "e.zip", "-b", "empty")
    assert zipfile.ZipFile("e.zip").namelist() == []
    assert vost.fails("zip", "n.zip", "-b", "nope") == "Branch not found: nope"
    assert not Path("n.zip").exists()


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "command, message",
    [
        ("archive_out -", "Use --format with stdout (-)"),
        (
            "archive_out x.foo",
            "Cannot detect archive format from extension: x.foo\nUse --format zip or --format tar",
        ),
        ("tar x.tar.zst", "Cannot compress with .zst: x.tar.zst (use .gz, .bz2 or .xz)"),
        ("zip no/dir.zip", "No such directory: 'no' (for 'no/dir.zip')"),
        ("zip .", "Is a directory: '.' (a file was expected)"),
        ("zip x.zip --ref nope", "Unknown ref: nope"),
    ],
)
def test_refused_exports_leave_no_file(vost: Vost, command: str, message: str) -> None:
    assert vost.fails(*command.split()) == message
    assert os.listdir() == []


def test_failed_export_keeps_the_file_that_was_there(vost: Vost, filled: GitStore) -> None:
    filled.branches["main"].write_symlink("bad", "no\udcff8")
    Path("x.zip").write_bytes(b"old")
    message = "Symlink target for bad is not valid UTF-8"
    assert vost.fails("zip", "x.zip") == message
    assert Path("x.zip").read_bytes() == b"old"
    assert os.listdir() == ["x.zip"]
    assert vost.fails("tar", "-") == message


@pytest.mark.parametrize("command", ["archive_out x.zip", "zip x", "tar x"])
def test_repository_must_exist_for_an_export(vost: Vost, repository: Path, command: str) -> None:
    assert vost.fails(*command.split()) == f"Repository not found: {repository}"
    assert vost.attempt(command.split()[0]).code == 2


@pytest.mark.parametrize("command", ["zip x", "tar x"])
def test_submodules_are_left_out_with_a_warning(
    vost: Vost, filled: GitStore, git: Git, command: str
) -> None:
    repository, tip = vost.repository, filled.branches["main"].commit_hash
    inner = git(repository, "mktree", stdin=f"160000 commit {tip}\tsub\n")
    listed = git(repository, "ls-tree", "main") + f"\n040000 tree {inner}\td\n"
    tree = git(repository, "mktree", "--missing", stdin=listed)
    commit = git(repository, "commit-tree", tree, "-p", "main", "-m", "submodule")
    git(repository, "update-ref", "refs/heads/main", commit)
    ran = vost.attempt(*command.split())
    message = "WARNING: d/sub: A submodule is left out: its content is not in the repository\n"
    assert (ran.code, ran.out, ran.err) == (0, "", message)
    assert names(Path("x").read_bytes()) == ALL


# --- in

ZIP = archives.zipped(("z.txt", b"zip"), archives.zip_link("l", b"z.txt"))
TAR = archives.tar(
    archives.directory("d"), archives.file("./d/t.sh", b"tar", 0o700), archives.link("l", "d/t.sh")
)


@pytest.mark.parametrize(
    "command, data, listed",
    [
        ("archive_in x.zip", ZIP, "l z.txt"),
        ("archive_in x --format zip", ZIP, "l z.txt"),
        ("archive_in x.tgz", TAR, "d/t.sh l"),
        ("archive_in x.zip --format tar", TAR, "d/t.sh l"),
        ("unzip x", ZIP, "l z.txt"),
        ("untar x", TAR, "d/t.sh l"),
        ("archive_in - --format zip", ZIP, "l z.txt"),
        ("archive_in --format tar", TAR, "d/t.sh l"),
        ("unzip", ZIP, "l z.txt"),
        ("unzip -", ZIP, "l z.txt"),
        ("untar", TAR, "d/t.sh l"),
        ("untar -", TAR, "d/t.sh l"),
    ],
)
def test_archive_of_a_file_or_of_stdin_is_one_commit(
    vost: Vost, repository: Path, git: Git, command: str, data: bytes, listed: str
) -> None:
    args = command.split()
    place = args[1] if len(args) > 1 and args[1].startswith("x") else "-"
    if place != "-":
        Path(place).write_bytes(data)
    ran = vost.attempt("-v", *args, input=data if place == "-" else b"")
    assert (ran.code, ran.out, ran.err) == (0, "", f"Imported 2 file(s) from {place}\n")
    assert git(repository, "ls-tree", "-r", "--name-only", "main").split() == listed.split()
    assert git(repository, "rev-list", "--count", "main") == "2"
    assert git(repository, "log", "-1", "--format=%s") == "Batch ar: +2"
    assert git(repository, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert "120000 blob" in git(repository, "ls-tree", "main", "l")


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_compression_is_seen_in_the_data_of_stdin(vost: Vost, compression: str) -> None:
    vost("untar", input=archives.tar(archives.file("f", b"data"), compression=compression))
    assert vost("cat", "f") == "data"


def test_import_lies_over_the_branch(vost: Vost, filled: GitStore, git: Git) -> None:
    filled.branches["dev"] = filled.branches["main"]
    filled.branches["dev"].write("kept", b"x")
    data = archives.tar(archives.file("a.txt", b"new", 0o755), archives.file("b", b"b"))
    vost("untar", "-b", "dev", "-m", "{op} {default}", "--tag", "t1", input=data)
    repository = vost.repository
    assert git(repository, "log", "-1", "--format=%s", "dev") == "ar Batch ar: +1 ~1"
    assert git(repository, "rev-parse", "t1") == git(repository, "rev-parse", "dev")
    assert vost("cat", "dev:kept", "dev:a.txt", "a.txt") == "xnewalpha"
    assert git(repository, "ls-tree", "dev", "a.txt").startswith("100755")


@pytest.mark.parametrize(
    "name, message", [("bin", "Is a directory: bin"), ("a.txt/x", "Not a directory: a.txt")]
)
def test_import_replaces_no_directory_by_a_file_and_none_by_a_directory(
    vost: Vost, filled: GitStore, git: Git, name: str, message: str
) -> None:
    before = filled.branches["main"].commit_hash
    Path("x.zip").write_bytes(archives.zipped(("new", b"1"), (name, b"2")))
    Path("x.tar").write_bytes(archives.tar(archives.file("new"), archives.file(name)))
    for command in ("archive_in x.zip", "archive_in x.tar", "unzip x.zip", "untar x.tar"):
        assert vost.fails(*command.split(), "--tag", "t") == message
    assert git(vost.repository, "for-each-ref", "--format=%(objectname)") == before


def test_what_changes_nothing_makes_no_commit_but_a_tag(vost: Vost, git: Git) -> None:
    vost("untar", input=TAR)
    vost("untar", "--tag", "t", input=TAR)
    assert git(vost.repository, "rev-list", "--count", "main") == "2"
    assert git(vost.repository, "rev-parse", "t") == git(vost.repository, "rev-parse", "main")
    assert vost.fails("untar", "--tag", "t", input=TAR) == (
        "Tag already exists: t (use --force-tag to overwrite)"
    )
    vost("untar", "--tag", "t", "--force-tag", input=archives.tar(archives.file("n", b"n")))
    assert git(vost.repository, "rev-parse", "t") == git(vost.repository, "rev-parse", "main")


def test_new_repository_has_the_branch_that_is_named(vost: Vost, git: Git) -> None:
    vost("untar", "-b", "trunk", input=TAR)
    assert git(vost.repository, "symbolic-ref", "HEAD") == "refs/heads/trunk"
    assert git(vost.repository, "for-each-ref", "--format=%(refname)") == "refs/heads/trunk"


BROKEN = archives.tar(archives.file("f", b"x" * 5000))[:2000]


@pytest.mark.parametrize(
    "command, data, message",
    [
        ("archive_in", b"", "Use --format when reading from stdin"),
        ("archive_in -", b"", "Use --format when reading from stdin"),
        ("archive_in nope.zip", b"", "File not found: nope.zip"),
        ("untar nope.tar", b"", "File not found: nope.tar"),
        ("untar .", b"", "Is a directory: ."),
        (
            "archive_in x",
            TAR,
            "Cannot detect archive format from extension: x\nUse --format zip or --format tar",
        ),
        ("unzip x", b"no zip", "Not a valid zip file: x (File is not a zip file)"),
        ("unzip x", TAR, "Not a valid zip file: x (it is a tar archive)"),
        ("untar x", ZIP, "Not a valid tar archive: it is a zip file (in x)"),
        ("untar", b"", "Not a valid tar archive: it is empty (in stdin)"),
        ("untar x", BROKEN, "Not a valid tar archive: 'f': unexpected end of data (in x)"),
        ("untar x", archives.tar(), "Tar archive contains no files: x"),
        ("unzip x", archives.zipped(), "Zip file contains no files: x"),
        (
            "untar x",
            archives.tar(archives.file(".git/config"), archives.file(".git/HEAD")),
            "Tar archive contains no files: x (left out: Git never stores a path with '.git' in "
            "it: .git/config; and 1 more)",
        ),
        (
            "unzip x",
            archives.zipped(("d/.GIT/config", b"")),
            "Zip file contains no files: x (left out: Git never stores a path with '.git' in it: "
            "d/.GIT/config)",
        ),
        ("untar x", archives.tar(archives.file("../e")), "Unsafe member name in x: '../e'"),
        ("untar x", archives.tar(archives.file("a//b")), "Unsafe member name in x: 'a//b'"),
        ("untar x -m {bad}", TAR, "Unknown placeholder {bad} in commit message"),
        ("untar x --tag a:b", TAR, "Invalid ref name 'a:b': contains colon"),
        ("untar x -b a:b", TAR, "Invalid ref name 'a:b': contains colon"),
        (
            "untar x --max-size 2",
            TAR,
            "Archive too large: x holds more than 2 bytes with './d/t.sh' "
            "(--max-size sets the limit)",
        ),
        (
            "untar x --max-members 1",
            TAR,
            "Archive too large: x holds more than 1 members (--max-members sets the limit)",
        ),
    ],
)
def test_what_is_refused_leaves_no_repository(
    vost: Vost, repository: Path, command: str, data: bytes, message: str
) -> None:
    Path("x").write_bytes(data)
    assert vost.fails(*command.split(), input=data) == message
    assert [entry.name for entry in repository.parent.iterdir()] == ["here"]


def test_refused_import_makes_no_directories(vost: Vost, tmp_path: Path) -> None:
    vost.fails("-r", tmp_path / "far/down/r.git", "untar", input=b"x")
    assert not (tmp_path / "far").exists()
    vost("-r", tmp_path / "far/down/r.git", "untar", input=TAR)
    assert os.listdir(tmp_path / "far/down") == ["r.git"]


def test_no_create_and_missing_branch(vost: Vost, repository: Path) -> None:
    assert vost.fails("untar", "--no-create", input=TAR) == f"Repository not found: {repository}"
    vost("init")
    assert vost.fails("untar", "-b", "dev", input=TAR) == "Branch not found: dev"
    vost("untar", "--no-create", input=TAR)


@pytest.mark.parametrize("place", ["nope.zip", "."])
def test_unzip_of_a_missing_file_is_a_usage_error(vost: Vost, repository: Path, place: str) -> None:
    ran = vost.attempt("unzip", place)
    assert ran.code == 2
    assert f"File '{place}' does not exist" in ran.err
    assert ran.err.startswith("Usage: ")
    assert not repository.exists()


@pytest.mark.parametrize(
    "members, warning, listed",
    [
        (
            [archives.hard_link("h", "f"), archives.file("f", b"x")],
            "skipping hard link (unresolvable in streaming mode): h -> f",
            "f",
        ),
        (
            [archives.file("f", b"x"), archives.hard_link("h", "gone")],
            "skipping hard link (unresolvable in streaming mode): h -> gone",
            "f",
        ),
        (
            [archives.file("f", b"x"), archives.link("l", "/etc/passwd")],
            "link may lead outside of the archive: l -> /etc/passwd",
            "f l",
        ),
        (
            [archives.file("f", b"x"), archives.other("p", tarfile.FIFOTYPE)],
            "skipping a device, FIFO or unknown member: p",
            "f",
        ),
        (
            [archives.file("f", b"x"), archives.file("s/.git/hooks/x")],
            "left out: Git never stores a path with '.git' in it: s/.git/hooks/x",
            "f",
        ),
        (
            [archives.file("a\\b", b"x")],
            "backslashes in a name are directories on Windows: a\\b",
            '"a\\\\b"',
        ),
    ],
)
def test_what_may_surprise_is_a_warning(
    vost: Vost, git: Git, members: list[archives.TarMember], warning: str, listed: str
) -> None:
    ran = vost.attempt("untar", input=archives.tar(*members))
    assert (ran.code, ran.out, ran.err) == (0, "", f"Warning: {warning}\n")
    assert git(vost.repository, "ls-tree", "-r", "--name-only", "main").split() == listed.split()


def test_skipped_hard_links_are_counted(vost: Vost) -> None:
    data = archives.tar(archives.file("f", b"x"), archives.hard_link("h", "gone"))
    ran = vost.attempt("-v", "untar", input=data)
    assert ran.err.splitlines()[1] == "Imported 1 file(s) from - (1 hard link(s) skipped)"


def test_hard_links_are_copies_with_the_mode_of_their_target(vost: Vost, git: Git) -> None:
    members = archives.file("f", b"x", 0o755), archives.hard_link("h", "f", 0)
    vost("untar", input=archives.tar(*members))
    entries = git(vost.repository, "ls-tree", "main").splitlines()
    assert entries[0].replace("\tf", "") == entries[1].replace("\th", "")
    Path("late.tar").write_bytes(archives.tar(*reversed(members)))
    vost("-r", "other.git", "untar", "late.tar")  # in a file it can be found
    assert git(Path("other.git"), "ls-tree", "main").splitlines() == entries


def test_leading_slash_goes_and_the_last_member_wins(vost: Vost) -> None:
    members = archives.file("/f", b"first"), archives.file("f", b"second")
    ran = vost.attempt("-v", "untar", input=archives.tar(*members))
    assert ran.err == "Imported 1 file(s) from -\n"
    assert vost("cat", "f") == "second"


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("format", ["zip", "tar"])
def test_hostile_names_survive_the_way_out_and_in(vost: Vost, name: str, format: str) -> None:
    store = GitStore.open(vost.repository)
    store.branches["main"].write(name, b"x")
    file = name.replace("/", "_")[:200] + ".bin"
    vost("archive_out", "--format", format, "--", file)
    assert os.listdir() == [file]
    vost("-r", "copy.git", "archive_in", "--format", format, "--", file)
    assert GitStore.open("copy.git").branches["main"].read(name) == b"x"


def test_names_in_messages_are_escaped(vost: Vost) -> None:
    assert vost.fails("untar", "a\n\x1b") == "File not found: a\\n\\x1b"
    assert r"File 'a\n\x1b' does not exist" in vost.attempt("unzip", "a\n\x1b").err


def test_interrupt_while_stdin_is_open_leaves_nothing(vost: Vost, tmp_path: Path) -> None:
    process = vost.start("untar")
    assert process.stdin is not None
    process.stdin.write(TAR[:1024])
    process.stdin.flush()
    while not any(entry.name.endswith(".tmp") for entry in tmp_path.iterdir()):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip()) == (130, b"Aborted!")
    assert os.listdir(tmp_path) == ["here"]


@pytest.mark.slow
def test_two_imports_may_make_the_repository_at_once(vost: Vost) -> None:
    for name in ("a", "b"):
        Path(f"{name}.tar").write_bytes(archives.tar(archives.file(name, b"x" * 100_000)))
    running = [vost.start("untar", f"{name}.tar") for name in ("a", "b")]
    ended = [(process.communicate(timeout=60), process.returncode) for process in running]
    assert ended == [((b"", b""), 0)] * 2
    assert vost("ls") == "a\nb\n"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["untar", "unzip"])
def test_large_archive_on_a_pipe_takes_little_memory(
    vost: Vost, tmp_path: Path, command: str
) -> None:
    large, report = Path("large"), tmp_path / "peak"
    with large.open("wb") as file:
        file.truncate(200 << 20)
    if command == "untar":
        with tarfile.open("x", "w") as tar:
            tar.add(large)
    else:
        with zipfile.ZipFile("x", "w") as archive:
            archive.write(large)
    large.unlink()
    reading, writing = os.pipe()
    with Path("x").open("rb") as source:
        feeder = subprocess.Popen(["cat"], stdin=source, stdout=writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as stdin:
        peak = peak_of_command([command], report, vost.environment(), stdin=stdin)
    assert feeder.wait() == 0
    assert peak < 120 << 20
    with Path("out").open("wb") as out:
        peak = peak_of_command(["tar", "-"], report, vost.environment(), stdout=out)
    assert peak < 120 << 20
    assert names(Path("out").read_bytes()) == ["large"]
