"""What is stored in the benchmarks: made from a fixed seed, so that every run has the same."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_SIZE = 1200
"""Bytes of a small file."""

FILES_IN_DIRECTORY = 100

_WORDS = [f"{word}{number}" for word in ("lorem", "ipsum", "dolor", "amet") for number in range(97)]
_BLOCK = 1 << 20


def small_files(count: int) -> dict[str, bytes]:
    """Return ``count`` small text files by path, a hundred in each directory."""
    source = random.Random(count)
    files = {}
    for number in range(count):
        directory, within = divmod(number, FILES_IN_DIRECTORY)
        text = f"{number}\n" + " ".join(source.choices(_WORDS, k=FILE_SIZE // 5))
        files[f"directory-{directory:04}/file-{within:03}.txt"] = text[:FILE_SIZE].encode()
    return files


def shuffled(paths: Iterator[str] | dict[str, bytes], count: int) -> list[str]:
    """Return ``count`` of the paths in an order without order; some may come twice."""
    return random.Random(count).choices(list(paths), k=count)


def write_tree(directory: Path, files: dict[str, bytes]) -> None:
    """Write files to disk below ``directory``."""
    for parent in {path.rpartition("/")[0] for path in files}:
        (directory / parent).mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        (directory / path).write_bytes(data)


def write_large(path: Path, size: int, *, compressible: bool) -> None:
    """Write a large file: lines of a log, or noise.

    Args:
        path: Where.
        size: Bytes, a multiple of 1 MiB.
        compressible: Whether it is to shrink when it is compressed.
    """
    source = random.Random(size)
    # The blocks repeat only beyond what any compressor's window sees.
    blocks = [_log_block(source) if compressible else source.randbytes(_BLOCK) for _ in range(16)]
    with path.open("wb") as file:
        for number in range(size // _BLOCK):
            # A number in each block, so that no two are the same.
            file.write(number.to_bytes(8, "big") + blocks[number % len(blocks)][8:])


def _log_block(source: random.Random) -> bytes:
    lines = []
    length = 0
    while length < _BLOCK:
        words = " ".join(source.choices(_WORDS, k=9))
        lines.append(f"2026-01-{source.randrange(1, 29):02} {source.random():.6f} {words}\n")
        length += len(lines[-1])
    return "".join(lines).encode()[:_BLOCK]
