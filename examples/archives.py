"""Take an archive in, change a file, and hand the result out as another archive.

Run it from a clone: ``python examples/archives.py``.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path

from vost_sync import GitStore, Progress


def main() -> None:
    """Import a release, patch it, export it, and look at what became of it."""
    with tempfile.TemporaryDirectory() as directory, GitStore.memory() as store:
        fs = store.branches["main"].archive_in(io.BytesIO(release()), "app", max_size=10 << 20)
        print(f"imported: {fs.message!r}, {fs.ls('app')}")

        fs = fs.write_text("app/config.ini", "debug = no\n")
        target = Path(directory) / "app.zip"
        fs.archive_out(target, path="app", progress=say)
        print(f"exported {target.name}; the same snapshot again gives the same bytes:", end=" ")
        print(b"".join(fs.archive("zip", path="app")) == target.read_bytes())

        refuse(store)


def release() -> bytes:
    """Return a release as others would send it: a compressed tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text, mode in (
            ("./config.ini", "debug = yes\n", 0o644),
            ("./bin/start", "#!/bin/sh\nexec python -m app\n", 0o755),
        ):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), mode
            archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def say(progress: Progress) -> None:
    """Show how far the export is."""
    if progress.done == progress.total:
        print(f"{progress.phase}: {progress.done} of {progress.total} files")


def refuse(store: GitStore) -> None:
    """Show that nothing of a hostile archive is committed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("harmless"))
        archive.addfile(tarfile.TarInfo("../../etc/cron.d/evil"))
    fs = store.branches["main"]
    try:
        fs.archive_in(io.BytesIO(buffer.getvalue()))
    except ValueError as error:
        print(f"refused: {error}")
    print("nothing of it is there:", not fs.exists("harmless"))


if __name__ == "__main__":
    main()
