"""Mounted for real: what programs see, and how it begins and ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop.building import commit_files
from tests.mount.conftest import Mount, unmount, wait_until
from tests.support.commands import TIMEOUT, Vost, command_line
from tests.support.gitcli import Git
from vost_sync import FS, FileType, GitStore

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("fuse")]

NOT_UTF8 = os.fsdecode(b"caf\xe9")
MEBIBYTE = 1 << 20


@pytest.fixture
def fs(store: GitStore) -> FS:
    with store.branches["main"].batch() as batch:
        batch.write("plain.txt", b"0123456789")
        batch.write("program", b"#!/bin/sh\necho it runs: $1\n", mode=FileType.EXECUTABLE)
        batch.write_symlink("link", "d/one")
        batch.write_symlink("dangling", "nowhere")
        batch.write("d/one", b"1")
        batch.write("d/e/two", os.urandom(700_000))
        batch.write(f"d/{NOT_UTF8}", b"coffee")
        batch.write("empty", b"")
    return store.branches["main"]


def run(*command: str | os.PathLike[str]) -> str:
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=True)
    assert done.stderr == b""
    return os.fsdecode(done.stdout)


def table_entry(place: Path) -> list[str]:
    """Return the line of the table of mounts: source, place, type, options."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    (found,) = [line for line in lines if line.split()[1] == str(place)]
    return found.split()


def server_of(place: Path) -> list[int]:
    """Return the processes of ours that were called with the mount point."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if os.fsencode(place) in words and b"vost.cli" in words:
                found.append(int(entry.name))
    return found


@contextmanager
def foreground(vost: Vost, place: Path, *args: str) -> Iterator[subprocess.Popen[bytes]]:
    """Mount in the foreground for the block; the process ends with it."""
    with vost.start("mount", "-f", *args, place) as process:
        try:
            wait_until(lambda: os.path.ismount(place) or process.poll() is not None)
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(TIMEOUT)


def test_what_is_mounted_equals_a_copy(fs: FS, mounted: Mount, tmp_path: Path) -> None:
    place = mounted()
    copy = tmp_path / "copy"
    fs.copy_out("/", copy)
    run("diff", "-r", "--no-dereference", place, copy)
    assert run("ls", "-A", place) == run("ls", "-A", copy)
    assert (place / "d" / NOT_UTF8).read_bytes() == b"coffee"


def test_links_lead_on_and_programs_run(fs: FS, mounted: Mount) -> None:
    place = mounted()
    assert os.readlink(place / "link") == "d/one"
    assert run("cat", place / "link") == "1"
    assert not (place / "dangling").exists()
    assert run(place / "program", "yes") == "it runs: yes\n"


def test_nothing_can_be_changed(fs: FS, mounted: Mount) -> None:
    place = mounted()
    changes = [
        lambda: (place / "plain.txt").write_bytes(b""),
        lambda: (place / "new").touch(),
        lambda: (place / "plain.txt").unlink(),
        lambda: (place / "d").rename(place / "e"),
        lambda: (place / "plain.txt").chmod(0o600),
        lambda: os.utime(place / "plain.txt"),
        lambda: (place / "new").mkdir(),
        lambda: os.symlink("x", place / "new"),
    ]
    for change in changes:
        with pytest.raises(OSError, match="Read-only file system"):
            change()


def test_attributes_and_the_table_of_mounts(fs: FS, mounted: Mount) -> None:
    place = mounted()
    status = (place / "plain.txt").stat()
    assert (status.st_mtime, status.st_size) == (fs.time.timestamp(), 10)
    assert (status.st_uid, status.st_gid) == (os.getuid(), os.getgid())
    assert (place / "d").stat().st_nlink == 3
    assert os.statvfs(place).f_bsize == 4096
    source, _, kind, options, *_ = table_entry(place)
    assert (source, kind) == ("vost:main", "fuse.vost")
    assert "ro" in options.split(",")
    assert "allow_other" not in options


def test_a_snapshot_stays_as_it_was_mounted(fs: FS, store: GitStore, mounted: Mount) -> None:
    place = mounted()
    store.branches["main"].write("new", b"later")
    assert not (place / "new").exists()


@pytest.mark.parametrize(
    "args, expected",
    [
        (("--ref", "v1"), "1"),
        (("--back", "1"), "2"),
        (("--match", "deploy*"), "2"),
        (("--path", "other"), "1"),
        (("-b", "dev"), "dev"),
        (("--before", "2100-01-01"), "3"),
    ],
)
def test_snapshot_filters(
    store: GitStore, mounted: Mount, args: tuple[str, ...], expected: str
) -> None:
    fs = store.branches["main"].write("f", b"1").write("other", b"")
    store.tags["v1"] = fs
    fs.write("f", b"2", message="deploy it").write("f", b"3")
    store.branches["dev"] = fs
    store.branches["dev"].write("f", b"dev")
    assert (mounted(*args) / "f").read_text() == expected


def test_the_name_of_a_commit_is_the_beginning_of_its_id(
    fs: FS, vost: Vost, mountpoint: Path
) -> None:
    ran = vost.process("mount", "--ref", fs.commit_hash, mountpoint)
    assert ran.err == f"Mounting {fs.commit_hash[:12]} at {mountpoint}\n"
    assert table_entry(mountpoint)[0] == f"vost:{fs.commit_hash[:12]}"


def test_the_name_of_a_branch_is_no_option_of_libfuse(
    fs: FS, store: GitStore, mounted: Mount
) -> None:
    store.branches["x,allow_other"] = fs
    source, _, _, options, *_ = table_entry(mounted("-b", "x,allow_other"))
    assert source == "vost:x_allow_other"
    assert "allow_other" not in options


def test_relative_paths_work_in_the_background(
    fs: FS, vost: Vost, repository: Path, mountpoint: Path
) -> None:
    command = [sys.executable, "-m", "vost.cli", "-r", repository.name, "mount", mountpoint.name]
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    subprocess.run(command, cwd=repository.parent, env=environment, check=True, capture_output=True)
    assert (mountpoint / "plain.txt").read_bytes() == b"0123456789"


def test_repositories_that_git_made(
    repository: Path, git: Git, mounted: Mount, tmp_path: Path
) -> None:
    run("git", "init", "-q", "--bare", "-b", "main", repository)
    text = b"".join(b"line %d\n" % number for number in range(100_000))
    files = {"a/text": text, "run.sh": ("100755", b"#!/bin/sh\necho git\n")}
    commit_files(git, repository, files, others=[{"a/text": text + b"more\n"}])
    git(repository, "repack", "-adfq", "--window=10")
    place = mounted()
    assert (place / "a" / "text").read_bytes() == text + b"more\n"
    assert run(place / "run.sh") == "git\n"


@pytest.mark.parametrize("kind", ["noise", "text"])
def test_a_file_of_100_mebibytes(
    store: GitStore, mounted: Mount, tmp_path: Path, kind: str
) -> None:
    source = tmp_path / "source"
    block = os.urandom(MEBIBYTE) if kind == "noise" else bytes(range(256)) * 4096
    with source.open("wb") as file:
        for number in range(100):
            file.write(b"%08d" % number + block[8:])
    store.branches["main"].write_from_file("f", source)
    place = mounted()
    run("cmp", source, place / "f")
    with (place / "f").open("rb") as file:
        file.seek(60 * MEBIBYTE)
        assert file.read(8) == b"%08d" % 60
    for pid in server_of(place):
        status = Path(f"/proc/{pid}/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0])
        assert peak < 90 * 1024  # kB: the file is larger than that


def test_many_processes_read_at_once(store: GitStore, mounted: Mount, tmp_path: Path) -> None:
    contents = {f"f{number}": os.urandom(3_000_000) for number in range(4)}
    with store.branches["main"].batch() as batch:
        for name, data in contents.items():
            batch.write(name, data)
    place = mounted()
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    names = [f"f{number % 4}" for number in range(16)]
    running = [subprocess.Popen(["cmp", place / name, tmp_path / name]) for name in names]
    assert [process.wait(TIMEOUT) for process in running] == [0] * 16


def test_one_thread_is_enough(fs: FS, mounted: Mount) -> None:
    assert run("cat", mounted("--nothreads") / "plain.txt") == "0123456789"


def test_unmounting_ends_the_process_in_the_background(fs: FS, mounted: Mount) -> None:
    place = mounted()
    assert len(server_of(place)) == 1
    unmount(place)
    wait_until(lambda: not server_of(place))
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_unmounts_and_is_a_good_end(
    fs: FS, vost: Vost, mountpoint: Path, number: signal.Signals
) -> None:
    with foreground(vost, mountpoint) as process:
        assert (mountpoint / "plain.txt").exists()
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out) == (0, b"")
    assert err.decode() == f"Mounting main at {mountpoint}\n"
    assert not os.path.ismount(mountpoint)


def test_unmounting_is_a_good_end_of_the_foreground(fs: FS, vost: Vost, mountpoint: Path) -> None:
    with foreground(vost, mountpoint) as process:
        unmount(mountpoint)
        out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out) == (0, b"")
    assert err.decode() == f"Mounting main at {mountpoint}\n"


def test_debugging_tells_of_calls_and_stays_in_the_foreground(
    fs: FS, vost: Vost, mountpoint: Path
) -> None:
    with vost.start("mount", "--debug", mountpoint) as process:
        wait_until(lambda: os.path.ismount(mountpoint) or process.poll() is not None)
        unmount(mountpoint)
        _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert b"INIT" in err
    assert b"Traceback" not in err


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("args", [(), ("-f",)])
def test_what_the_system_refuses_is_one_clear_line(
    fs: FS, vost: Vost, mountpoint: Path, args: tuple[str, ...]
) -> None:
    inject = ["-e", "trace=mount", "-e", "inject=mount:error=EPERM"]
    done = subprocess.run(
        ["strace", "-f", "-o", os.devnull, *inject, *command_line("mount", *args, mountpoint)],
        env=vost.environment(),
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    first, last = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout) == (1, b"")
    assert first == f"Mounting main at {mountpoint}"
    assert last.startswith(f"Error: Cannot mount at {mountpoint}: ")
    assert "Operation not permitted" in last
    assert server_of(mountpoint) == []


def test_damage_is_told_in_the_foreground(
    fs: FS, vost: Vost, repository: Path, mountpoint: Path
) -> None:
    name = fs.write("broken", b"some text").object_hash("broken")
    (repository / "objects" / name[:2] / name[2:]).unlink()
    with foreground(vost, mountpoint) as process:
        with pytest.raises(OSError, match="Input/output error"):
            (mountpoint / "broken").read_bytes()
        assert (mountpoint / "plain.txt").read_bytes() == b"0123456789"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT)
    lines = err.decode().splitlines()
    assert lines[0] == f"Mounting main at {mountpoint}"
    assert lines[1].startswith("ERROR: 'broken' is damaged")
    assert "Traceback" not in err.decode()


def test_following_shows_new_commits(fs: FS, store: GitStore, mounted: Mount) -> None:
    place = mounted("--follow")
    assert not (place / "new").exists()
    assert (place / "plain.txt").read_bytes() == b"0123456789"
    with (place / "plain.txt").open("rb", buffering=0) as file:
        assert file.read(2) == b"01"
        with store.branches["main"].batch() as batch:
            batch.write("new", b"later")
            batch.write("plain.txt", b"abcdefghij")
            batch.remove("empty")
        wait_until((place / "new").exists)
        assert (place / "new").read_bytes() == b"later"
        assert not (place / "empty").exists()
        assert (place / "plain.txt").read_bytes() == b"abcdefghij"
        assert file.read() == b"23456789"  # as it was opened
    assert run(place / "program", "still") == "it runs: still\n"


def test_following_a_branch_that_shrinks_keeps_open_files_whole(
    store: GitStore, mounted: Mount
) -> None:
    old = os.urandom(2 * MEBIBYTE)
    store.branches["main"].write("f", old)
    place = mounted("--follow")
    with (place / "f").open("rb", buffering=0) as file:
        head = file.read(1000)
        store.branches["main"].write("f", b"short")
        wait_until(lambda: (place / "f").stat().st_size == 5)
        rest = b"".join(iter(lambda: file.read(MEBIBYTE), b""))
        assert head + rest == old
        assert (place / "f").read_bytes() == b"short"


def test_following_needs_a_branch(fs: FS, store: GitStore, vost: Vost, mountpoint: Path) -> None:
    store.tags["v1"] = fs
    message = vost.process("mount", "--follow", "--ref", "v1", mountpoint)
    assert (message.code, message.err) == (1, "Error: --follow needs a branch, and v1 is none\n")
