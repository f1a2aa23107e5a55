"""Mounts one file of zeros through mfusepy: ``python -m ... DIRECTORY NAME SIZE``.

What reading it takes, every mount takes: the kernel, libfuse and mfusepy, and no work of ours.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

import mfusepy


class Zeros:
    """The operations of a file system with one file."""

    use_ns = True

    def __init__(self, name: str, size: int) -> None:
        self._path = f"/{name}"
        self._size = size
        self._zeros = bytes(1 << 20)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        """Return attributes."""
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path == self._path:
            return {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 1, "st_size": self._size}
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Return zeros."""
        return self._zeros[: min(size, self._size - offset)]


def main() -> None:
    """Mount it until it is unmounted."""
    place, name, size = sys.argv[1:]
    mfusepy.FUSE(Zeros(name, int(size)), place, foreground=True, ro=True, kernel_cache=True)


if __name__ == "__main__":
    main()
