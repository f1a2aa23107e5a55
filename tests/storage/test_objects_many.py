"""Reading many objects at once gives what reading each of them gives, wherever they are."""

from __future__ import annotations

import os
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.objects_on_disk import make_repository, pack_with_git, versions, write
from vost._model.errors import CorruptObjectError
from vost._storage.diskobjects import DiskObjects

if TYPE_CHECKING:
    from tests.support.gitcli import Git

CONTENTS = st.lists(
    st.one_of(
        st.binary(max_size=50),
        st.builds(bytes.__mul__, st.binary(min_size=1, max_size=9), st.integers(0, 20_000)),
    ),
    min_size=120,
    max_size=150,
    unique=True,
)


@settings(max_examples=25)
@given(CONTENTS, st.randoms(use_true_random=False))
def test_one_pack_of_any_contents_reads_the_same(contents: list[bytes], chance) -> None:
    with TemporaryDirectory() as directory:
        objects = DiskObjects(make_repository(Path(directory) / "r.git") / "objects")
        oids = write(objects, contents)
        wanted = chance.choices(oids, k=40)
        assert objects.get_many(wanted) == [objects.get(oid) for oid in wanted]
        objects.close()


def test_packs_of_git_with_deltas_and_loose_objects_read_the_same(git: Git, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r.git")
    objects = DiskObjects(repository / "objects")
    changing = versions(40)
    for part in (changing[:20], changing[20:]):
        pack_with_git(git, repository, write(objects, part))
    for oid in list(objects.iter_loose()):
        objects.remove_loose(oid)
    loose = write(objects, [b"loose %d" % number for number in range(9)])
    objects = DiskObjects(repository / "objects")
    oids = [oid for path in objects.packs() for oid in _ids(objects, path.path)] + loose
    assert len(oids) == 49
    assert objects.get_many(oids) == [objects.get(oid) for oid in oids]


def _ids(objects: DiskObjects, path: str) -> list[bytes]:
    stem = path.removesuffix(".pack")
    pack = next(pack for pack in objects._packs.ordered if pack.stem == stem)
    return list(pack.index.iter_between(bytes(20), b"\xff" * 20))


@pytest.mark.parametrize("damage", ["flipped", "cut off"])
def test_damaged_object_among_many_is_named(tmp_path: Path, damage: str) -> None:
    repository = make_repository(tmp_path / "r.git")
    objects = DiskObjects(repository / "objects")
    oids = write(objects, [b"content %d " % number * 20 for number in range(150)])
    [pack] = (repository / "objects/pack").glob("*.pack")
    at = objects._packs.load()[0].find(oids[70])
    assert at is not None
    data = bytearray(pack.read_bytes())
    pack.chmod(0o644)
    if damage == "flipped":
        data[at + 10] ^= 0xFF
    else:
        data[at + 3 :] = bytes(len(data) - at - 23) + data[-20:]
    pack.write_bytes(data)
    objects = DiskObjects(repository / "objects")
    undamaged = [oid for oid in oids if (objects._packs.load()[0].find(oid) or 0) < at]
    assert objects.get_many(undamaged) == [objects.get(oid) for oid in undamaged]
    with pytest.raises(CorruptObjectError, match=oids[70].hex()):
        objects.get_many([*undamaged, oids[70]])


def test_handles_dropped_by_another_thread_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = DiskObjects(make_repository(tmp_path / "r.git") / "objects")
    contents = [random.Random(number).randbytes(40_000) for number in range(120)]
    oids = write(objects, contents)
    pread, [pack] = os.pread, objects._packs.load()

    def beside_another_thread(descriptor: int, size: int, offset: int) -> bytes:
        pack.drop_handles()
        return pread(descriptor, size, offset)

    pack.open_handle()
    monkeypatch.setattr(os, "pread", beside_another_thread)
    assert [data for _, data in objects.get_many(oids)] == contents
