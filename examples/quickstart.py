"""Put a real directory tree into a store, read it back, edit, undo and tag it.

The tree is the standard library of the Python that runs this: thousands of files, text and binary.
At the end ``git``, where it is installed, is asked what it thinks of the repository.

Run it from a clone: ``python examples/quickstart.py``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path

from vost_sync import FS, FileType, GitStore


def main() -> None:
    """Run the tour in a temporary directory."""
    with tempfile.TemporaryDirectory() as scratch:
        repository = Path(scratch) / "data.git"
        with GitStore.open(repository, author="Ada", email="ada@example.com") as store:
            tour(store, Path(sysconfig.get_path("stdlib")))
        ask_git(repository)


def tour(store: GitStore, library: Path) -> None:
    """Import ``library`` and do with it what a versioned filesystem is for."""
    files = list(local_files(library))
    started = time.perf_counter()
    fs = import_tree(store.branches["main"], library, files)
    seconds = time.perf_counter() - started
    print(f"imported {len(files)} files in one commit in {seconds:.2f} s: {fs.message!r}")

    started = time.perf_counter()
    total = compare(fs, library, files)
    seconds = time.perf_counter() - started
    print(f"read back {total / 1e6:.1f} MB, every byte equal, in {seconds:.2f} s")

    edited = fs.write_text("lib/NOTES.txt", "These are the batteries.\n")
    edited = edited.remove("lib/this.py", message="Zen is for later")
    print("edited:", [snapshot.message for snapshot in edited.log(limit=2)])
    assert not edited.exists("lib/this.py")
    assert fs.exists("lib/this.py")  # the older snapshot is what it was

    restored = edited.undo(2)
    assert restored.commit_hash == fs.commit_hash
    print("undone: the branch is at", restored.commit_hash[:7], "again")
    assert restored.redo().commit_hash == edited.commit_hash
    print("redone: nothing was lost")

    store.tags["v1.0"] = edited
    store.notes.commits[edited.commit_hash] = "checked by examples/quickstart.py"
    print("tagged:", store.tags["v1.0"], "of", len(edited.glob("lib/**/*.py")), "Python files")


def local_files(top: Path) -> list[Path]:
    """Return the files and links below ``top``, without installed packages."""
    found = []
    for directory, names, files in os.walk(top):
        names[:] = sorted(name for name in names if name != "site-packages")
        links = [name for name in names if (Path(directory) / name).is_symlink()]
        found += [Path(directory) / name for name in sorted(files) + links]
    return found


def import_tree(fs: FS, top: Path, files: list[Path]) -> FS:
    """Write all files below ``lib`` in one commit."""
    with fs.batch(operation="import") as batch:
        for local in files:
            path = f"lib/{local.relative_to(top).as_posix()}"
            if local.is_symlink():
                batch.write_symlink(path, target_of(local))
            else:
                batch.write_from_file(path, local)
    assert batch.fs is not None
    return batch.fs


def compare(fs: FS, top: Path, files: list[Path]) -> int:
    """Check that the snapshot holds exactly these files; return how many bytes they have."""
    total = 0
    expected = {f"lib/{local.relative_to(top).as_posix()}": local for local in files}
    assert sorted(fs.ls(recursive=True)) == sorted(expected)
    for path, local in expected.items():
        if local.is_symlink():
            assert fs.readlink(path) == target_of(local)
            continue
        data = fs.read(path)
        assert data == local.read_bytes(), path
        executable = local.stat().st_mode & 0o111 != 0
        assert (fs.file_type(path) is FileType.EXECUTABLE) == executable, path
        total += len(data)
    return total


def target_of(link: Path) -> str:
    """Return what a symbolic link holds, to the letter: a ``Path`` would tidy it up."""
    return os.readlink(link)  # noqa: PTH115


def ask_git(repository: Path) -> None:
    """Show what Git sees: the same history, the same tree, no complaint."""
    if shutil.which("git") is None:
        print("git is not installed: nobody to ask")
        return
    print("git log:")
    print(git(repository, "log", "--format=  %h %an: %s", "main"))
    with GitStore.open(repository, create=False) as store:
        fs = store.branches["main"]
        listed = git(repository, "ls-tree", "-r", "-z", "--name-only", "main").split("\0")[:-1]
        assert sorted(listed) == sorted(fs.ls(recursive=True))
        print(f"git ls-tree -r: the same {len(listed)} paths")
    git(repository, "fsck", "--strict", "--full")
    print("git fsck --strict: clean")


def git(repository: Path, *args: str) -> str:
    """Run git on the repository and return what it prints."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    result = subprocess.run(
        ["git", f"--git-dir={repository}", *args],
        check=True,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        env=environment,
    )
    return result.stdout.rstrip("\n")


if __name__ == "__main__":
    main()
