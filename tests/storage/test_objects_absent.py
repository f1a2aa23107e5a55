"""An object is absent only if no listing of the packs can have missed it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.storage.objects_on_disk import make_repository, write
from vost._model.errors import ObjectNotFoundError
from vost._storage.diskobjects import DiskObjects
from vost._storage.packread import Pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vost._model.objects import ObjectType, Oid
    from vost._storage.loose import LooseObjects


class Repository:
    """A pack that can be away for a moment, as from a listing made while somebody repacks."""

    def __init__(self, path: Path) -> None:
        self.objects_dir = make_repository(path) / "objects"
        first = DiskObjects(self.objects_dir)
        self.oid = write(first, [b"%d" % number for number in range(120)])[0]
        first.close()
        [pack] = (self.objects_dir / "pack").glob("*.pack")
        self._files = [pack, pack.with_suffix(".idx")]
        self.objects = DiskObjects(self.objects_dir)

    def hide(self) -> None:
        """Take the pack away."""
        for file in self._files:
            file.rename(self.objects_dir / file.name)

    def show(self) -> None:
        """Bring it back."""
        for file in self._files:
            (self.objects_dir / file.name).rename(file)

    def rescan(self) -> None:
        """Look for packs, as another thread may do at any moment."""
        packs = self.objects._packs
        packs.rescan(packs.generation)

    def search(self, meanwhile: list[Callable[[], None]]) -> tuple[ObjectType, bytes]:
        """Read the object; ``meanwhile`` happens after each look at the packs, one at a time."""

        def from_loose(loose: LooseObjects, oid: Oid) -> tuple[ObjectType, bytes]:
            if meanwhile:
                meanwhile.pop(0)()
            return loose.get(oid)

        return self.objects._search(self.oid, Pack.get, from_loose, ())


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "r.git")


def test_listings_of_other_threads_do_not_count_as_ones_that_agree(repository: Repository) -> None:
    repository.hide()
    repository.rescan()

    def appear() -> None:
        repository.show()
        repository.rescan()

    # What the second search looks at is not what another thread sees a moment later.
    assert repository.search([repository.rescan, appear])[1] == b"0"


def test_pack_that_appears_between_two_listings_is_found(repository: Repository) -> None:
    repository.hide()
    repository.rescan()
    assert repository.search([lambda: None, repository.show])[1] == b"0"


def test_object_is_found_whatever_comes_and_goes_during_ten_searches(
    repository: Repository,
) -> None:
    repository.hide()
    repository.rescan()
    steps = [repository.show, repository.hide] * 4 + [repository.show]
    assert repository.search(steps)[1] == b"0"


def test_absence_in_a_directory_at_rest_costs_no_listing(repository: Repository) -> None:
    packs = repository.objects._packs
    os.utime(packs.directory, ns=(0, 1_500_000_000_123_456_789))
    repository.rescan()
    before = packs.generation
    with pytest.raises(ObjectNotFoundError):
        repository.objects.get(b"x" * 20)
    assert repository.objects.has_many([b"x" * 20, repository.oid]) == {repository.oid}
    assert packs.generation == before


def test_absence_in_a_directory_that_has_just_changed_is_looked_at_again(
    repository: Repository,
) -> None:
    repository.hide()
    repository.show()
    repository.rescan()
    before = repository.objects._packs.generation
    with pytest.raises(ObjectNotFoundError):
        repository.objects.get(b"x" * 20)
    assert repository.objects._packs.generation > before
