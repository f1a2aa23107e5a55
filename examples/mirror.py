"""Backs a store up to a bare repository and to a bundle, and restores both elsewhere.

Run it: python examples/mirror.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from vost_sync import GitStore


def main() -> None:
    """Go there and back again."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        store = GitStore.open(place / "data.git", author="Ada", email="ada@example.org")
        fs = store.branches["main"].write("notes.txt", b"first\n")
        store.tags["v1"] = fs
        fs = fs.write("notes.txt", b"second\n")
        store.notes.commits[fs.commit_hash] = "reviewed"

        # Any URL that git understands would do: https://, ssh://, git:// or, as here, a path.
        planned = store.backup(place / "backup.git", dry_run=True)
        print(f"planned: {[change.ref for change in planned.add]}")
        done = store.backup(place / "backup.git")
        print(f"backed up: {done.total} refs; again: {store.backup(place / 'backup.git').total}")

        store.bundle_export(place / "data.bundle")
        print(f"bundle: {(place / 'data.bundle').read_bytes().splitlines()[0].decode()}")

        # Somebody deletes the tag and rewinds the branch: the mirror follows, both ways.
        del store.tags["v1"]
        store.branches["main"] = fs.back(1)
        for change in store.restore(place / "backup.git").update:
            print(f"restored: {change.ref}")
        print(f"v1 is back: {store.tags['v1'].read('notes.txt')!r}")

        copy = GitStore.memory(branch=None)
        copy.bundle_import(place / "data.bundle", refs=["main"])
        print(f"from the bundle: {copy.branches['main'].read('notes.txt')!r}")
        for entry in copy.branches.reflog("main"):
            print(f"reflog: {entry.message.replace(directory, '')}")


if __name__ == "__main__":
    main()
