"""A mirror that is cancelled changes no ref and leaves no temporary file."""

from __future__ import annotations

import anyio
import pytest

from tests.scenarios.conftest import leftovers
from tests.support.faces import ASYNC_FACES, face_id
from tests.support.snapshots import tip

pytestmark = pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)


@pytest.fixture
async def filled(disk_store):
    """Return a store on disk with enough in it for a pack."""
    fs = await disk_store.branches["main"]
    await fs.apply({f"d{n % 9}/f{n}": b"%d" % n * 40 for n in range(1500)})
    return disk_store


async def cancelled_by_its_progress(operation):
    """Carry out an operation that is cancelled when it first reports progress."""
    with anyio.CancelScope() as scope:
        await operation(lambda _: scope.cancel())
    return scope.cancelled_caught


async def test_cancelled_restore_leaves_refs_and_objects(filled, repo, face, tmp_path, git):
    target = await face.GitStore.open(tmp_path / "target.git")
    before = await tip(target)
    for place in (repo, tmp_path / "x.bundle"):
        if place != repo:
            await filled.bundle_export(place)
        objects = git(tmp_path / "target.git", "count-objects", "-v")
        assert await cancelled_by_its_progress(lambda p, url=place: target.restore(url, progress=p))
        assert await tip(target) == before
        assert leftovers(tmp_path / "target.git") == []
        assert git(tmp_path / "target.git", "count-objects", "-v") == objects
    await target.restore(repo)
    assert await tip(target) == await tip(filled)


async def test_cancelled_backup_leaves_no_repository(filled, tmp_path):
    target = tmp_path / "target.git"
    assert await cancelled_by_its_progress(lambda p: filled.backup(target, progress=p))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["repo.git"]
    assert (await filled.backup(target)).total == 1


async def test_error_in_the_progress_callback_is_the_callers(filled, repo, face, tmp_path):
    class OwnError(Exception):
        pass

    def fail(_):
        raise OwnError

    target = await face.GitStore.memory()
    before = await tip(target)
    for operation in (
        lambda: filled.backup(tmp_path / "target.git", progress=fail),
        lambda: filled.bundle_export(tmp_path / "x.bundle", progress=fail),
        lambda: target.restore(repo, progress=fail),
    ):
        with pytest.raises(OwnError):
            await operation()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["repo.git"]
    assert await tip(target) == before
