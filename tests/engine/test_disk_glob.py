"""Patterns over the local disk follow the rules of patterns over a snapshot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import vost_sync
from vost import disk_glob


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.txt", "b.py", ".hidden", "d/c.txt", "d/e/f.txt", ".dot/g.txt", "[ab].txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "d" / "up").symlink_to("..")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("*.txt", ["[ab].txt", "a.txt"]),
        ("./*.txt", ["./[ab].txt", "./a.txt"]),
        ("**/*.txt", ["[ab].txt", "a.txt", "d/c.txt", "d/e/f.txt"]),
        ("d/./*.txt", ["d/./c.txt"]),
        ("[ab].txt", ["[ab].txt"]),
        (".*", [".dot", ".hidden"]),
        ("**/.dot/*", [".dot/g.txt"]),
        ("d/", ["d"]),
        ("d\\*.txt", ["d/c.txt"]),
        ("dang*", ["dangling"]),
        ("dangling", []),
        ("**/dangling", []),
        ("a.txt/*", []),
        ("missing/*", []),
        ("", []),
        ("*/*.txt", ["d/c.txt"]),
        ("d/up/*.py", ["d/up/b.py"]),
    ],
)
def test_pattern_finds_these_paths_in_its_own_shape(
    tree: Path, pattern: str, expected: list[str]
) -> None:
    assert vost_sync.disk_glob(pattern) == expected


def test_absolute_pattern_gives_absolute_paths(tree: Path) -> None:
    assert vost_sync.disk_glob(f"{tree}/d/*.txt") == [f"{tree}/d/c.txt"]


def test_any_depth_does_not_go_round_through_links(tree: Path) -> None:
    found = vost_sync.disk_glob("**")
    assert "d/up" in found
    assert not [path for path in found if path.startswith("d/up/")]


async def test_async_face_finds_the_same(tree: Path) -> None:
    expected = ["[ab].txt", "a.txt", "d/c.txt", "d/e/f.txt"]
    assert await disk_glob(Path("**/*.txt")) == expected


def test_bytes_are_refused(tree: Path) -> None:
    with pytest.raises(TypeError):
        vost_sync.disk_glob(os.fsencode("*"))  # type: ignore[arg-type]
