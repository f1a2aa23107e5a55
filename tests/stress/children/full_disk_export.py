"""Copies out to a disk that is too small: ``... <small disk> <another directory>``."""

from __future__ import annotations

import errno
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.disktrees import disk
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    top, elsewhere = Path(sys.argv[1]), Path(sys.argv[2])
    out = top / "out"
    chance = random.Random(8)
    store = GitStore.open(elsewhere / "r.git")
    files = {f"d{n % 7}/{n}": chance.randbytes(40_000) for n in range(100)}
    files["large"] = chance.randbytes(3_000_000)
    files["z"] = b"small"
    old = store.branches["main"].apply(dict.fromkeys(files, b"old"))
    fs = old.apply(files)
    old.copy_out("", out)
    spare = top / "spare"
    spare.write_bytes(b"." * (os.statvfs(top).f_bavail * os.statvfs(top).f_frsize - 2_000_000))

    for _ in range(3):
        error = failure(lambda: fs.sync_out("", out))
        assert error.errno == errno.ENOSPC
        assert Path(str(error.filename)).is_relative_to(out), error
        check(out, files)
    report = fs.sync_out("", out, ignore_errors=True).changes
    assert report is not None
    assert report.errors
    found = check(out, files)
    failed = {Path(error.path).relative_to(out).as_posix() for error in report.errors}
    assert {path for path in files if found[path] == b"old"} == failed

    spare.unlink()
    fs.sync_out("", out)
    assert disk(out) == files
    print("done")


def failure(call: Callable[[], object]) -> OSError:
    """Return the error of a call that must fail."""
    try:
        call()
    except OSError as error:
        return error
    raise AssertionError("it should not fit")


def check(out: Path, files: dict[str, bytes]) -> dict[str, bytes | str]:
    """Fail unless every file is whole, the old or the new one, and nothing else is there."""
    found = disk(out)
    assert found.keys() == files.keys()
    assert all(found[path] in {b"old", data} for path, data in files.items())
    return found


if __name__ == "__main__":
    main()
