"""Backs a folder up incrementally: one commit for each run, and any of them can be restored.

Run it from a clone: ``python examples/backup_folder.py [FOLDER]``. Without a folder it makes one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from vost_sync import FS, ChangeReport, ExcludeFilter, GitStore

EXCLUDED = ExcludeFilter(patterns=["*.tmp", "__pycache__/"], gitignore=True)


def main() -> None:
    """Back up, change something, back up again, restore both states elsewhere."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else make_folder(place / "documents")
        with GitStore.open(place / "backups.git", author="Ada", email="ada@example.com") as store:
            first = back_up(store, folder)
            if len(sys.argv) == 1:
                (folder / "letter.txt").write_text("Dear Bob,\n")
                (folder / "draft.txt").unlink()
            back_up(store, folder)
            back_up(store, folder)
            store.branches["main"].sync_out("documents", place / "restored")
            first.sync_out("documents", place / "as it was first")
        print("restored:", contents(place / "restored"))
        print("as it was first:", contents(place / "as it was first"))


def back_up(store: GitStore, folder: Path) -> FS:
    """Make the branch hold what the folder holds; files that did not change are not read."""
    fs = store.branches["main"].sync_in(folder, "documents", exclude=EXCLUDED)
    print(f"{fs.commit_hash[:7]} {summary(fs.changes)}")
    return fs


def summary(changes: ChangeReport | None) -> str:
    """Say in one line what a backup has changed."""
    if changes is None:
        return "nothing to do"
    return f"{len(changes.add)} new, {len(changes.update)} changed, {len(changes.delete)} gone"


def make_folder(folder: Path) -> Path:
    """Make a folder that is worth a backup."""
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "cat.jpg").write_bytes(bytes(range(256)))
    (folder / "letter.txt").write_text("Dear Alice,\n")
    (folder / "draft.txt").write_text("To be or\n")
    (folder / "scratch.tmp").write_text("not backed up\n")
    return folder


def contents(folder: Path) -> dict[str, int]:
    """Return the files of a folder with their sizes in bytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


if __name__ == "__main__":
    main()
