"""The fixtures of conftest.py do what they promise."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import sniffio
from blockbuster import BlockingError

from tests.support.gitcli import assert_fsck_clean, fsck_complaints
from vost import _offload

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git


async def test_anyio_backend_is_the_loop_that_runs(anyio_backend_name):
    assert sniffio.current_async_library() == anyio_backend_name


async def test_blocking_call_of_vost_on_the_loop_fails_on_asyncio(anyio_backend_name):
    with _offload.inline():
        if anyio_backend_name == "asyncio":
            with pytest.raises(BlockingError):
                await _offload.sleep(0.001)
        else:
            await _offload.sleep(0.001)


async def test_blocking_call_of_the_test_itself_is_left_alone(tmp_path):
    (tmp_path / "file").write_text("text")
    time.sleep(0.001)


@pytest.mark.blocking_ok("shows that the mark works")
async def test_blocking_ok_turns_the_watch_off():
    with _offload.inline():
        await _offload.sleep(0.001)


def test_git_ignores_the_users_configuration(git: Git, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    repository = git.init(tmp_path / "r.git")
    assert git(repository, "rev-parse", "--is-bare-repository") == "true"
    assert git(repository, "config", "--list", "--show-scope").count("global\t") == 0


def test_git_failure_shows_what_git_said(git: Git, tmp_path: Path):
    with pytest.raises(AssertionError, match="not a git repository"):
        git(tmp_path, "log")


def test_fsck_accepts_a_sound_repository_and_names_damage(git: Git, tmp_path: Path):
    repository = git.init(tmp_path / "r.git")
    assert_fsck_clean(repository)
    blob = git(repository, "hash-object", "-w", "--stdin", stdin="text")
    assert fsck_complaints(repository) == []
    loose = repository / "objects" / blob[:2] / blob[2:]
    loose.chmod(0o644)
    loose.write_bytes(b"rubbish")
    with pytest.raises(AssertionError, match=blob):
        assert_fsck_clean(repository)
