"""A clone takes the server little memory, however large what is in it."""

from __future__ import annotations

import os

import pytest

from tests.benchmarks.cloning import served
from tests.support.gitcli import assert_fsck_clean
from vost_sync import GitStore

SIZE = 300 << 20


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_clone_of_a_large_file_takes_little_memory(git, tmp_path) -> None:
    path = tmp_path / "r.git"
    store = GitStore.open(path)
    with store.branches["main"].writer("large.bin") as file:
        for _ in range(SIZE >> 20):
            file.write(os.urandom(1 << 20))
    with served("vost", path) as server:
        git.plain("ls-remote", server.url)
    idle = server.peak
    with served("vost", path) as server:
        copy = tmp_path / "copy.git"
        git.plain("clone", "--quiet", "--bare", server.url, str(copy))
    assert_fsck_clean(copy)
    assert git(copy, "cat-file", "-s", "main:large.bin") == str(SIZE)
    assert server.peak < idle + (40 << 20)
