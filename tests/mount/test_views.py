"""Which snapshot a mount shows."""

from __future__ import annotations

import errno
import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from vost.mount import Choice, FollowingView, Operations, views
from vost_sync import GitStore


@pytest.fixture(autouse=True)
def _always_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the branch each time: nothing depends on how fast a test runs."""
    monkeypatch.setattr(views, "LOOK_EVERY", -1.0)


def following(store: GitStore, choice: Choice | None = None) -> FollowingView:
    return FollowingView(store, "main", store.branches["main"], choice)


def test_a_followed_branch_shows_its_newest_snapshot(store: GitStore) -> None:
    view = following(store)
    store.branches["main"].write("f", b"one")
    assert view.snapshot().read("f") == b"one"
    store.branches["main"].write("f", b"two")
    assert view.snapshot().read("f") == b"two"


def test_commits_through_another_store_show(store: GitStore, repository: Path) -> None:
    view = following(store)
    with GitStore.open(repository) as other:
        other.branches["main"].write("f", b"theirs")
    assert view.snapshot().read("f") == b"theirs"


def test_an_open_file_keeps_its_content(store: GitStore) -> None:
    ops = Operations(following(store))
    store.branches["main"].write("f", b"old")
    number = ops.open("/f", os.O_RDONLY)
    store.branches["main"].write("f", b"newer")
    assert ops.read("/f", 10, 0, number) == b"old"
    assert ops.getattr("/f", number)["st_size"] == 3
    assert ops.getattr("/f")["st_size"] == 5
    store.branches["main"].remove("f")
    with pytest.raises(OSError) as caught:
        ops.getattr("/f")
    assert caught.value.errno == errno.ENOENT
    assert ops.read("/f", 10, 0, number) == b"old"


def test_a_branch_that_is_deleted_stays_as_it_was_until_it_is_there_again(store: GitStore) -> None:
    last = store.branches["main"].write("f", b"last")
    view = following(store)
    del store.branches["main"]
    assert view.snapshot().read("f") == b"last"
    store.branches["main"] = last
    store.branches["main"].write("f", b"again")
    assert view.snapshot().read("f") == b"again"


def test_filters_choose_again_when_the_branch_moves(store: GitStore) -> None:
    store.branches["main"].write("f", b"1", message="deploy 1")
    view = following(store, Choice(match="deploy*"))
    store.branches["main"].write("f", b"2", message="other")
    assert view.snapshot().read("f") == b"1"
    store.branches["main"].write("f", b"3", message="deploy 2")
    assert view.snapshot().read("f") == b"3"


@pytest.mark.parametrize(
    "choice, expected",
    [
        (Choice(), b"3"),
        (Choice(back=1), b"2"),
        (Choice(path="g"), b"1"),
        (Choice(before=datetime(2100, 1, 1, tzinfo=timezone.utc)), b"3"),
        (Choice(back=100), None),
        (Choice(match="nothing"), None),
    ],
)
def test_choices(store: GitStore, choice: Choice, expected: bytes | None) -> None:
    fs = store.branches["main"].write("f", b"1").write("g", b"")
    fs = fs.write("f", b"2").write("f", b"3")
    found = choice.of(fs)
    assert (None if found is None else found.read("f")) == expected
