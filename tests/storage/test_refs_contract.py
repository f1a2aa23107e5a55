"""Both storages of refs fulfil one contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vost._storage.diskrefs import DiskRefs
from vost._storage.layout import create
from vost._storage.lock import WritersLock
from vost._storage.memoryrefs import MemoryRefs
from vost._testing.refs import RefsContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class TestMemoryRefs(RefsContract):
    @pytest.fixture
    def refs(self) -> MemoryRefs:
        return MemoryRefs("refs/heads/main")


class TestDiskRefs(RefsContract):
    durable = False

    @pytest.fixture
    def refs(self, tmp_path: Path) -> Iterator[DiskRefs]:
        layout = create(tmp_path / "r.git", head="main", prepare=lambda _: None)
        refs = DiskRefs(layout.git_dir, WritersLock(layout.lock_path), durable=self.durable)
        yield refs
        refs.close()
        assert set(layout.git_dir.rglob("*.lock")) <= {layout.lock_path}
        assert list(layout.git_dir.glob("vost.ref-*")) == []
        assert not layout.lock_path.exists() or layout.lock_path.stat().st_size == 0

    @pytest.fixture
    def other(self, refs: DiskRefs, tmp_path: Path) -> Iterator[DiskRefs]:
        git_dir = tmp_path / "r.git"
        other = DiskRefs(git_dir, WritersLock(git_dir / "vost.lock"))
        yield other
        other.close()


class TestDurableDiskRefs(TestDiskRefs):
    durable = True
