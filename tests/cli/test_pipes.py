"""Archives, bundles and patterns through pipes: Ctrl-C ends a wait at once; faster writers."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from tests.support import archives
from tests.support.commands import TIMEOUT, Vost, command_line
from tests.support.gitcli import Git
from vost_sync import GitStore

pytestmark = pytest.mark.slow

ZIP = archives.zipped(("f", b"zip" * 50_000))
TAR = archives.tar(archives.file("f", b"tar" * 50_000))
HARD_LINK = archives.tar(archives.hard_link("h", "f"), archives.file("f", b"x"))


@pytest.fixture
def pipe(here: Path) -> Path:
    """Make a named pipe."""
    os.mkfifo("pipe")
    return here / "pipe"


def begun(process: subprocess.Popen[bytes], directory: Path) -> None:
    """Wait until an import has begun to make its repository: next it reads the archive."""
    while not any(entry.name.endswith(".tmp") for entry in directory.iterdir()):
        assert process.poll() is None


@pytest.mark.parametrize(
    "command, data, text",
    [
        ("untar pipe", TAR, "tar"),
        ("untar pipe", archives.tar(archives.file("f", b"tar" * 50_000), compression="gz"), "tar"),
        ("archive_in pipe --format tar", TAR, "tar"),
        ("unzip pipe", ZIP, "zip"),
        ("archive_in pipe --format zip", ZIP, "zip"),
    ],
)
def test_archive_comes_through_a_named_pipe(
    vost: Vost, pipe: Path, command: str, data: bytes, text: str
) -> None:
    writer = threading.Thread(target=pipe.write_bytes, args=[data], daemon=True)
    writer.start()
    ran = vost.process("-v", *command.split())
    writer.join()
    assert (ran.code, ran.out, ran.err) == (0, "", "Imported 1 file(s) from pipe\n")
    assert vost("cat", "f") == text * 50_000


def test_pipe_that_a_shell_makes_is_read_as_well(vost: Vost) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(archives.tar(archives.file("f", b"data")))
    ran = subprocess.run(
        command_line("untar", f"/dev/fd/{reading}"),
        pass_fds=[reading],
        env=vost.environment(),
        timeout=TIMEOUT,
        check=False,
    )
    os.close(reading)
    assert ran.returncode == 0
    assert vost("cat", "f") == "data"


def test_archive_goes_to_standard_output_by_its_name(vost: Vost, store: GitStore) -> None:
    store.branches["main"].write("f", b"data")
    with Path("redirected").open("wb") as file:
        command = command_line("tar", "/dev/fd/1")
        subprocess.run(command, stdout=file, env=vost.environment(), timeout=TIMEOUT, check=True)
    assert Path("redirected").read_bytes() == vost.attempt("tar", "-").out_bytes


@pytest.mark.parametrize("command", ["untar x", "unzip x"])
def test_import_of_a_file_is_repeated_when_somebody_else_is_faster(
    vost: Vost, store: GitStore, repository: Path, git: Git, command: str
) -> None:
    Path("x").write_bytes(TAR if command == "untar x" else ZIP)
    elsewhere = store.branches.create("other").write("o", b"1").commit_hash
    known = set(repository.glob("objects/**/*"))
    with (repository / "vost.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = vost.start(*command.split())
        while set(repository.glob("objects/**/*")) == known:  # it has not read the branch yet
            assert process.poll() is None
        git(repository, "update-ref", "refs/heads/main", elsewhere)
    out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out, err) == (0, b"", b"")
    assert store.branches["main"].ls() == ["f", "o"]


def test_messages_name_the_pipe(vost: Vost, repository: Path, pipe: Path) -> None:
    for data, message in (
        (b"", "Error: Not a valid tar archive: it is empty (in pipe)\n"),
        (ZIP, "Error: Not a valid tar archive: it is a zip file (in pipe)\n"),
    ):
        process = vost.start("untar", "pipe")
        with pipe.open("wb") as writer:
            writer.write(data[:4096])
        _, err = process.communicate(timeout=TIMEOUT)
        assert (process.returncode, err.decode()) == (1, message)
    assert not repository.exists()
    process = vost.start("untar", "pipe")
    pipe.write_bytes(HARD_LINK)
    _, err = process.communicate(timeout=TIMEOUT)
    warning = b"Warning: skipping hard link (unresolvable in streaming mode): h -> f\n"
    assert (process.returncode, err) == (0, warning)
    assert GitStore.open(repository).branches["main"].ls() == ["f"]


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", ["untar pipe", "unzip pipe"])
def test_interrupt_ends_a_wait_for_more(
    vost: Vost, tmp_path: Path, pipe: Path, command: str, number: signal.Signals, code: int
) -> None:
    process = vost.start(*command.split())
    with pipe.open("wb") as writer:  # waits until the other end is open
        writer.write((TAR if command.startswith("untar") else ZIP)[:100])
        writer.flush()
        begun(process, tmp_path)
        process.send_signal(number)
        _, err = process.communicate(timeout=TIMEOUT)  # the writer has it open still
    assert (process.returncode, err) == (code, b"\nAborted!\n")
    assert os.listdir(tmp_path) == ["here"]


@pytest.mark.parametrize("command", ["tar pipe", "zip pipe"])
def test_archive_goes_through_a_named_pipe(
    vost: Vost, store: GitStore, pipe: Path, command: str
) -> None:
    store.branches["main"].write("f", os.urandom(1_000_000))
    process = vost.start("-v", *command.split())
    data = pipe.read_bytes()
    _, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, err) == (0, b"Wrote 1 file(s) to pipe\n")
    assert data == vost.attempt(command.split()[0], "-").out_bytes


def test_interrupt_ends_a_wait_for_a_reader(vost: Vost, store: GitStore, pipe: Path) -> None:
    store.branches["main"].write("f", os.urandom(1_000_000))
    process = vost.start("-v", "tar", "pipe")
    with pipe.open("rb"):  # waits until the other end is open
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=TIMEOUT) == 130
    process.communicate(timeout=TIMEOUT)


def test_bundle_goes_through_a_named_pipe(
    vost: Vost, store: GitStore, pipe: Path, here: Path, git: Git
) -> None:
    store.branches["main"].write("f", os.urandom(1_000_000))
    process = vost.start("backup", "pipe", "--format", "bundle")
    (here / "b").write_bytes(pipe.read_bytes())
    _, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, err) == (0, b"")
    assert "refs/heads/main" in git(vost.repository, "bundle", "verify", str(here / "b"))


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_ends_a_wait_for_a_reader_of_a_bundle(
    vost: Vost,
    store: GitStore,
    pipe: Path,
    number: signal.Signals,
    code: int,
    is_open: bool,
) -> None:
    store.branches["main"].write("f", os.urandom(1_000_000))
    process = vost.start("-v", "backup", "pipe", "--format", "bundle")
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"counting objects")  # next it opens the pipe
    with pipe.open("rb", buffering=0) if is_open else nullcontext() as reader:
        if reader is not None:
            assert reader.read(1) == b"#"  # and nobody reads on: the pipe fills up
        process.send_signal(number)
        assert process.wait(timeout=TIMEOUT) == code
    process.communicate(timeout=TIMEOUT)


@pytest.mark.parametrize("command", ["untar pipe", "unzip pipe"])
@pytest.mark.usefixtures("pipe")
def test_interrupt_ends_a_wait_for_a_writer(vost: Vost, tmp_path: Path, command: str) -> None:
    process = vost.start(*command.split())
    begun(process, tmp_path)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, err) == (130, b"\nAborted!\n")
    assert os.listdir(tmp_path) == ["here"]


# --- patterns


def opened(process: subprocess.Popen[bytes], pipe: Path) -> None:
    """Wait until a process has a pipe open."""
    until = time.monotonic() + TIMEOUT
    while str(pipe.resolve()) not in open_files(process.pid):
        assert process.poll() is None
        assert time.monotonic() < until


def open_files(number: int) -> set[str]:
    found = set()
    for path in Path(f"/proc/{number}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(os.readlink(path))
    return found


@pytest.mark.parametrize("command", ["cp d :", "sync d :", "sync --watch d :"])
@pytest.mark.parametrize("has_writer", [False, True])
def test_interrupt_ends_a_wait_for_patterns(
    vost: Vost, tmp_path: Path, here: Path, pipe: Path, command: str, has_writer: bool
) -> None:
    (here / "d").mkdir()
    process = vost.start(*command.split(), "--exclude-from", "pipe")
    with pipe.open("wb") if has_writer else nullcontext():
        opened(process, pipe)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out, err) == (130, b"", b"\nAborted!\n")
    assert sorted(os.listdir(tmp_path)) == ["here"]


def test_patterns_come_through_a_named_pipe(vost: Vost, here: Path, pipe: Path) -> None:
    for name in ("a", "b", "c", "\udcff"):
        (here / "d" / name).parent.mkdir(exist_ok=True)
        (here / "d" / name).touch()
    process = vost.start("cp", "d/", ":", "--exclude-from", "pipe")
    pipe.write_bytes(b"# b\r\n\r\n  a \n\xff")
    _, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, err) == (0, b"")
    assert vost("ls") == "b\nc\n"
