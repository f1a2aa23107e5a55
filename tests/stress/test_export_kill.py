"""``kill -9`` at any moment of a copy to disk leaves whole files only; another run completes it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.stress.sizes import small_and_full
from tests.support.disktrees import disk
from tests.support.sources import ROOT
from vost_sync import GitStore

if TYPE_CHECKING:
    from pathlib import Path

LARGE = 2 << 20


def contents(turn: str, chance: random.Random) -> dict[str, bytes]:
    """Return the files of one of the two commits: the same names, and some of its own."""
    files = {f"d{n % 5}/f{n}": f"{turn} {n}".encode() * 40 for n in range(200)}
    files |= {f"{turn}/sub/{n}": f"{turn} {n}".encode() for n in range(50)}
    files["large"] = chance.randbytes(LARGE)
    files[f"{turn}/large"] = chance.randbytes(LARGE)
    return files


@pytest.mark.slow
@pytest.mark.parametrize("kills", small_and_full(6, 60))
def test_killed_copy_leaves_whole_files_and_the_next_run_completes_it(
    kills: int, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(f"export {seed}")
    repository, out = tmp_path / "r.git", tmp_path / "out"
    store = GitStore.open(repository)
    turns = [contents("one", chance), contents("two", chance)]
    first = store.branches["main"].apply(turns[0])
    second = first.apply(turns[1], removes=sorted(set(turns[0]) - set(turns[1])))
    for number in range(kills):
        command = [sys.executable, "-m", "tests.stress.children.exporting", repository, out]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(chance.randrange(1, 4)):
                assert child.stdout.readline() == b"go\n"
            # Waits for the moment, not for something to happen: it is what the kill is about.
            time.sleep(chance.uniform(0, 0.15))
            child.kill()
        assert child.returncode == -9
        assert_whole(out, turns)
        fs, expected = ((first, turns[0]), (second, turns[1]))[number % 2]
        fs.sync_out("", out)
        assert disk(out) == expected
        assert fs.sync_out("", out).changes is None
    store.close()


def assert_whole(out: Path, turns: list[dict[str, bytes]]) -> None:
    """Fail unless every file that does not bear a temporary name is whole."""
    seen = 0
    for path, data in disk(out).items():
        if ".vost-tmp." in path or data == "empty":
            continue
        assert data in [turn.get(path) for turn in turns], path
        seen += 1
    print(f"{seen} whole files, {os.listdir(out) if out.exists() else None}")
