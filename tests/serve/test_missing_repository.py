"""A repository that is removed while it is served is an error, and not one without refs."""

from __future__ import annotations

import shutil

import pytest

import vost
from tests.support.asgi import request
from vost.serve import files, git


@pytest.fixture
async def gone(tmp_path, anyio_backend):
    async with await vost.GitStore.open(tmp_path / "r.git") as store:
        await (await store.branches["main"]).write("a", b"content")
        assert (await request(files(store), "/a")).body == b"content"
        shutil.rmtree(tmp_path / "r.git")
        yield store


@pytest.mark.parametrize("target", ["/", "/a", "/main/a", "/nope"])
@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
async def test_files_of_it_are_not_said_to_be_missing(gone, target, accept):
    for app in (files(gone), files(gone, "main"), files(gone, all_refs=True)):
        with pytest.raises(OSError, match=r"r\.git"):
            await request(app, target, {"Accept": accept})


@pytest.mark.parametrize("protocol", ["version=0", "version=2"])
async def test_git_is_not_told_that_all_refs_are_gone(gone, protocol):
    target = "/info/refs?service=git-upload-pack"
    with pytest.raises(OSError, match=r"r\.git"):
        await request(git(gone), target, {"Git-Protocol": protocol})


async def test_in_a_repository_that_is_there_what_is_missing_is_missing(tmp_path):
    async with await vost.GitStore.open(tmp_path / "r.git") as store:
        assert (await request(files(store), "/nope")).status == 404
        await store.branches.delete("main")
        assert (await request(files(store, "main"), "/")).status == 404
        assert (await request(files(store, all_refs=True), "/")).status == 200
