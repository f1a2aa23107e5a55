"""The tools of the system read our archives, and we read theirs."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.archives import FORMATS, Pipe
from tests.support.gitcli import clean_environment
from tests.support.snapshots import contents, types
from vost import FileType, GitStore, WriteEntry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git
    from vost import FS

LONG = "a-long-name-" * 12

TREE: dict[str, Any] = {
    "a.txt": b"alpha",
    "run": WriteEntry(b"#!/bin/sh\n", mode=FileType.EXECUTABLE),
    "ln": WriteEntry(target="d/é"),
    "long-link": WriteEntry(target=f"{LONG}/{LONG}"),
    f"{LONG}/{LONG}": b"deep",
    "d/é": b"accent",
    "d/bytes\udcff": b"no UTF-8",
    "d/with blanks": b"",
    "big": os.urandom(1 << 20) * 2,
}


class Tools:
    """Runs the tools of the system in a directory, in a UTF-8 locale or in none.

    Args:
        home: An empty directory that serves as ``HOME``.
        directory: Where they run.
    """

    def __init__(self, home: Path, directory: Path) -> None:
        self._environment = clean_environment(home)
        self.directory = directory

    def __call__(self, *command: str | os.PathLike[str], locale: str = "C.UTF-8") -> str:
        """Run a command, insist that it succeeds without a word of complaint."""
        if shutil.which(os.fspath(command[0])) is None:
            pytest.skip(f"{command[0]!s} is not installed")
        result = subprocess.run(
            command,
            cwd=self.directory,
            env=self._environment | {"LC_ALL": locale},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert result.stderr == b""
        assert result.returncode == 0
        return result.stdout.decode("utf-8", "surrogateescape")

    def write(self, files: dict[str, bytes]) -> None:
        """Write files below the directory."""
        for name, data in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


@pytest.fixture
def tools(git: Git, tmp_path: Path) -> Tools:
    """Give the test the system's tools, in an empty directory."""
    (tmp_path / "work").mkdir()
    return Tools(git.home, tmp_path / "work")


async def snapshot() -> FS:
    store = await GitStore.memory()
    return await store.branches["main"]


def on_disk(directory: Path) -> dict[str, tuple[str, bytes]]:
    """Return what was extracted: kind and content of every file and link."""
    found = {}
    for top, directories, names in os.walk(directory):
        links = [name for name in directories if os.path.islink(os.path.join(top, name))]
        for name in [*names, *links]:
            path = os.path.join(top, name)
            status = os.lstat(path)
            relative = os.path.relpath(path, directory)
            if stat.S_ISLNK(status.st_mode):
                found[relative] = ("link", os.readlink(os.fsencode(path)))
                continue
            kind = "executable" if status.st_mode & 0o111 else "blob"
            with open(path, "rb") as file:
                found[relative] = (kind, file.read())
    return found


async def in_snapshot(fs: FS) -> dict[str, tuple[str, bytes]]:
    kinds = await types(fs)
    return {path: (kinds[path], data) for path, data in (await contents(fs)).items()}


# --- they read ours


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "zip"])
async def test_tar_extracts_what_we_export(tools: Tools, tmp_path: Path, format: str) -> None:
    fs = await (await snapshot()).apply(TREE)
    await fs.archive_out(tmp_path / f"ours.{format}")
    tools("tar", "-xf", tmp_path / f"ours.{format}")
    assert on_disk(tools.directory) == await in_snapshot(fs)
    mtime = (tools.directory / "a.txt").stat().st_mtime
    assert mtime == fs.time.timestamp()


async def test_unzip_extracts_what_we_export(tools: Tools, tmp_path: Path) -> None:
    fs = await (await snapshot()).apply({k: v for k, v in TREE.items() if "\udcff" not in k})
    await fs.archive_out(tmp_path / "ours.zip")
    tools("unzip", "-q", tmp_path / "ours.zip")
    assert on_disk(tools.directory) == await in_snapshot(fs)
    mtime = (tools.directory / "a.txt").stat().st_mtime
    assert mtime == fs.time.timestamp()  # to the second, and in whatever zone
    listing = tools("zipinfo", tmp_path / "ours.zip")
    assert "l---------" in listing
    assert "-rwxr-xr-x" in listing
    assert "No errors detected" in tools("unzip", "-t", tmp_path / "ours.zip")


async def test_an_empty_snapshot_is_an_archive_to_the_tools(tools: Tools, tmp_path: Path) -> None:
    fs = await snapshot()
    for format in FORMATS:
        await fs.archive_out(tmp_path / f"empty.{format}")
        if format != "zip":
            assert tools("tar", "-tf", tmp_path / f"empty.{format}") == ""


@pytest.mark.parametrize("tool, format", [("gzip", "gz"), ("bzip2", "bz2"), ("xz", "xz")])
async def test_the_compressors_find_our_archives_sound(
    tools: Tools, tmp_path: Path, tool: str, format: str
) -> None:
    fs = await (await snapshot()).apply(TREE)
    await fs.archive_out(tmp_path / f"ours.tar.{format}")
    tools(tool, "--test", tmp_path / f"ours.tar.{format}")


@pytest.mark.parametrize("format", ["tar", "tar.gz", "zip"])
async def test_we_import_what_git_archive_makes(git: Git, tmp_path: Path, format: str) -> None:
    repository = tmp_path / "repo.git"
    async with await GitStore.open(repository) as store:
        # In a zip, git says of a plain file that DOS made it, whose names have a code page.
        tree = {name: data for name, data in TREE.items() if "\udcff" not in name}
        fs = await (await store.branches["main"]).apply(TREE if format != "zip" else tree)
        theirs = git.raw(repository, "archive", f"--format={format}", "main")
        back = await (await snapshot()).archive_in(Pipe(theirs))
        assert await in_snapshot(back) == await in_snapshot(fs)
        assert back.tree_hash == fs.tree_hash


# --- we read theirs


@pytest.mark.parametrize("variant", ["gnu", "oldgnu", "pax", "ustar", "v7"])
@pytest.mark.parametrize("compression", ["", "--gzip", "--bzip2", "--xz"])
async def test_we_import_what_tar_makes(
    tools: Tools, tmp_path: Path, variant: str, compression: str
) -> None:
    long = LONG if variant in {"gnu", "oldgnu", "pax"} else "short"
    files = {"a.txt": b"alpha", "run": b"#!", f"d/{long}": b"deep", "d/é": b"1", "big": bytes(3000)}
    if variant != "pax":
        files["bytes\udcff"] = b"2"
    tools.write(files)
    (tools.directory / "run").chmod(0o750)
    (tools.directory / "ln").symlink_to(f"d/{long}")
    (tools.directory / "empty").mkdir()
    options = [f"--format={variant}", *([compression] if compression else [])]
    tools("tar", *options, "-cf", tmp_path / "theirs.tar", ".")
    fs = await (await snapshot()).archive_in(tmp_path / "theirs.tar")
    assert await in_snapshot(fs) == on_disk(tools.directory)
    assert fs.changes is not None
    assert fs.changes.warnings == []
    piped = Pipe((tmp_path / "theirs.tar").read_bytes())
    assert (await (await snapshot()).archive_in(piped, format="tar")).tree_hash == fs.tree_hash


@pytest.mark.parametrize("version", ["0.0", "0.1", "1.0", "gnu", "oldgnu"])
async def test_we_import_files_with_holes(tools: Tools, tmp_path: Path, version: str) -> None:
    with (tools.directory / "holes").open("wb") as file:
        for index in range(6):  # more than the header of the old form holds
            file.seek(index * 100_000)
            file.write(b"data %d" % index)
        file.truncate(1_000_000)
    if version in {"gnu", "oldgnu"}:
        options = [f"--format={version}"]
    else:
        options = ["--format=pax", f"--sparse-version={version}"]
    (tools.directory / "after").write_bytes(b"not lost")
    tools("tar", *options, "-S", "-cf", tmp_path / "theirs.tar", "holes", "after")
    assert (tmp_path / "theirs.tar").stat().st_size < 200_000
    for source in (tmp_path / "theirs.tar", Pipe((tmp_path / "theirs.tar").read_bytes())):
        fs = await (await snapshot()).archive_in(source)
        assert await in_snapshot(fs) == on_disk(tools.directory)


async def test_we_import_hard_links(tools: Tools, tmp_path: Path) -> None:
    tools.write({"d/one": b"same", "other": b"2"})
    (tools.directory / "d/one").chmod(0o755)
    for name in ("a-first", "z-last"):
        (tools.directory / name).hardlink_to(tools.directory / "d/one")
    tools("tar", "-cf", tmp_path / "theirs.tar", "z-last", "d", "other", "a-first")
    fs = await (await snapshot()).archive_in(tmp_path / "theirs.tar")
    assert await in_snapshot(fs) == on_disk(tools.directory)


async def test_members_that_tar_appended_win_when_asked_for(tools: Tools, tmp_path: Path) -> None:
    tools.write({"f": b"old", "g": b"1"})
    tools("tar", "-cf", tmp_path / "theirs.tar", "f", "g")
    tools.write({"f": b"newer and longer"})
    tools("tar", "-rf", tmp_path / "theirs.tar", "f")
    fs = await snapshot()
    with pytest.raises(ValueError, match=r"Duplicate member in .*'f'"):
        await fs.archive_in(tmp_path / "theirs.tar")
    done = await fs.archive_in(tmp_path / "theirs.tar", strict=False)
    assert await contents(done) == {"f": b"newer and longer", "g": b"1"}
    assert done.message == "Batch ar: +2"


async def test_absolute_names_that_tar_kept_are_taken_when_asked_for(
    tools: Tools, tmp_path: Path
) -> None:
    tools.write({"f": b"1"})
    tools("tar", "-P", "-cf", tmp_path / "theirs.tar", tools.directory / "f")
    fs = await snapshot()
    with pytest.raises(ValueError, match="Unsafe member name in "):
        await fs.archive_in(tmp_path / "theirs.tar")
    done = await fs.archive_in(tmp_path / "theirs.tar", strict=False)
    assert await contents(done) == {str(tools.directory / "f").lstrip("/"): b"1"}


@pytest.mark.parametrize("tool, suffix", [("gzip", "gz"), ("bzip2", "bz2"), ("xz", "xz")])
async def test_we_import_files_that_were_compressed_in_pieces(
    tools: Tools, tmp_path: Path, tool: str, suffix: str
) -> None:
    """Streams one after the other count as one, padding between them and behind them included."""
    tools.write({"f": os.urandom(100_000), "g": b"1"})
    tools("tar", "-cf", "all.tar", "f", "g")
    data = (tools.directory / "all.tar").read_bytes()
    joined = b""
    for start in range(0, len(data), 30_001):
        (tools.directory / "piece").write_bytes(data[start : start + 30_001])
        tools(tool, "-f", "piece")
        joined += (tools.directory / f"piece.{suffix}").read_bytes()
    (tmp_path / f"joined.tar.{suffix}").write_bytes(joined + bytes(512))
    fs = await (await snapshot()).archive_in(tmp_path / f"joined.tar.{suffix}")
    assert await fs.read("f") == (tools.directory / "f").read_bytes()
    assert await fs.ls() == ["f", "g"]


@pytest.mark.parametrize("options", ["-9", "-0", "-Z bzip2", "--force-zip64", "to a pipe"])
async def test_we_import_what_zip_makes(tools: Tools, tmp_path: Path, options: str) -> None:
    tools.write({"a.txt": b"alpha", "run": b"#!", f"d/{LONG}": b"deep", "d/é": bytes(5000)})
    (tools.directory / "run").chmod(0o755)
    if options == "to a pipe":  # sizes follow the data, and zip can write nothing but files
        tools("sh", "-c", f"zip -q -r -D - . | cat > {tmp_path}/theirs.zip")
    else:
        (tools.directory / "ln").symlink_to("d/é")
        (tools.directory / "empty").mkdir()
        tools("zip", "-q", "-r", "-y", *options.split(), tmp_path / "theirs.zip", ".")
    fs = await (await snapshot()).archive_in(tmp_path / "theirs.zip")
    assert await in_snapshot(fs) == on_disk(tools.directory)
    piped = Pipe((tmp_path / "theirs.zip").read_bytes())
    assert (await (await snapshot()).archive_in(piped)).tree_hash == fs.tree_hash


async def test_names_that_zip_stored_without_a_locale_keep_their_bytes(
    tools: Tools, tmp_path: Path
) -> None:
    tools.write({"d/é": b"1", "\udcff": b"2"})
    tools("zip", "-q", "-r", tmp_path / "theirs.zip", ".", locale="C")
    fs = await (await snapshot()).archive_in(tmp_path / "theirs.zip")
    assert await contents(fs) == {"d/é": b"1", "\udcff": b"2"}
