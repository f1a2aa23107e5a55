"""The stat cache: it may spare reading a file, it must never lie about one."""

from __future__ import annotations

import gc
import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vost._model.objects import ObjectType, hash_object
from vost._model.types import MODE_BLOB, MODE_EXECUTABLE
from vost._storage import statcache
from vost._storage.statcache import StatCache

SECOND = 1_000_000_000
NOW = 2_000_000_000 * SECOND + 123_456_789
OID = hash_object(ObjectType.BLOB, b"one")
OTHER = hash_object(ObjectType.BLOB, b"two")


def status(**changes: int) -> os.stat_result:
    """Return what lstat may say of a file that has not been touched for a long time."""
    values = {
        "size": 3,
        "mtime": NOW - 5000 * SECOND,
        "ctime": NOW - 5000 * SECOND,
        "inode": 17,
        "mode": stat.S_IFREG | 0o644,
    } | changes
    mtime, ctime = values["mtime"], values["ctime"]
    plain = (values["mode"], values["inode"], 1, 1, 0, 0, values["size"], 0)
    return os.stat_result(
        (*plain, mtime // SECOND, ctime // SECOND),
        {"st_mtime_ns": mtime, "st_ctime_ns": ctime},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vost.stat"


def remembered(path: Path, now_ns: int = NOW, **changes: int) -> tuple[bytes, int] | None:
    """Put one file, save, load, and return what is known of it then."""
    cache = StatCache.load(path)
    cache.directory("/d").put("f", status(**changes), OID, MODE_BLOB)
    cache.save(now_ns)
    return StatCache.load(path).directory("/d").get("f", status(**changes))


def test_what_was_put_is_known_after_the_next_load(path: Path) -> None:
    cache = StatCache.load(path)
    cache.directory("/d").put("f", status(), OID, MODE_BLOB)
    cache.directory("/d").put("run", status(mode=stat.S_IFREG | 0o755), OTHER, MODE_EXECUTABLE)
    cache.directory("/d/e").put("f", status(size=9), OTHER, MODE_BLOB)
    cache.save(NOW)
    again = StatCache.load(str(path))
    assert again.directory("/d").get("f", status()) == (OID, MODE_BLOB)
    executable = status(mode=stat.S_IFREG | 0o755)
    assert again.directory("/d").get("run", executable) == (OTHER, MODE_EXECUTABLE)
    assert again.directory("/d/e").get("f", status(size=9)) == (OTHER, MODE_BLOB)
    assert again.directory("/d").get("other", status()) is None
    assert again.directory("/elsewhere").get("f", status()) is None


@pytest.mark.parametrize(
    "change",
    [
        {"size": 4},
        {"mtime": NOW - 4000 * SECOND},
        {"mtime": NOW - 5000 * SECOND + 1},
        {"ctime": NOW - 5000 * SECOND + 1},
        {"inode": 18},
        {"mode": stat.S_IFREG | 0o755},
        {"mode": stat.S_IFLNK | 0o644},
    ],
)
def test_any_difference_means_unknown(path: Path, change: dict[str, int]) -> None:
    assert remembered(path) == (OID, MODE_BLOB)
    assert StatCache.load(path).directory("/d").get("f", status(**change)) is None


@pytest.mark.parametrize("which", ["mtime", "ctime"])
@pytest.mark.parametrize(
    "age, known",
    [(-SECOND, False), (0, False), (1, False), (4_000_000, False), (50_000_000, True)],
)
def test_what_was_touched_just_before_is_racy(
    path: Path, which: str, age: int, *, known: bool
) -> None:
    assert (remembered(path, **{which: NOW - age}) is not None) == known


@pytest.mark.parametrize("age, known", [(0, False), (1, False), (3, True)])
def test_whole_seconds_are_the_clock_of_a_coarse_file_system(
    path: Path, age: int, *, known: bool
) -> None:
    moment = NOW // SECOND * SECOND - age * SECOND
    assert (remembered(path, mtime=moment, ctime=moment) is not None) == known


def test_a_set_mtime_of_whole_seconds_does_not_make_the_clock_coarse(path: Path) -> None:
    moment = NOW // SECOND * SECOND - SECOND
    assert remembered(path, mtime=moment, ctime=NOW - 60_000_000) is not None


def test_a_racy_entry_does_not_become_trusted_later(path: Path) -> None:
    """The cache is written again for another directory, at a later time: that proves nothing."""
    assert remembered(path, mtime=NOW) is None
    cache = StatCache.load(path)
    cache.directory("/other").put("g", status(), OID, MODE_BLOB)
    cache.save(NOW + 100 * SECOND)
    assert StatCache.load(path).directory("/d").get("f", status(mtime=NOW)) is None


def test_a_racy_entry_displaces_the_older_one(path: Path) -> None:
    assert remembered(path) is not None
    cache = StatCache.load(path)
    cache.directory("/d").put("f", status(mtime=NOW), OTHER, MODE_BLOB)
    cache.directory("/d").put("g", status(), OTHER, MODE_BLOB)
    cache.save(NOW)
    record = StatCache.load(path).directory("/d")
    assert set(record.rows) == {"g"}


def test_what_was_just_put_is_not_believed_in_the_same_operation(path: Path) -> None:
    """Whether it is racy shows only when the cache is saved."""
    cache = StatCache.load(path)
    cache.directory("/d").put("f", status(mtime=NOW), OID, MODE_BLOB)
    assert cache.directory("/d").get("f", status(mtime=NOW)) is None


def test_other_directories_stay_known(path: Path) -> None:
    assert remembered(path) is not None
    cache = StatCache.load(path)
    cache.directory("/e").put("g", status(), OTHER, MODE_BLOB)
    cache.save(NOW)
    cache = StatCache.load(path)
    assert cache.directory("/d").get("f", status()) == (OID, MODE_BLOB)
    assert cache.directory("/e").get("g", status()) == (OTHER, MODE_BLOB)


def test_files_that_are_gone_are_forgotten(path: Path) -> None:
    cache = StatCache.load(path)
    for name in ("a", "b", "c"):
        cache.directory("/d").put(name, status(), OID, MODE_BLOB)
    cache.save(NOW)
    cache = StatCache.load(path)
    cache.directory("/d").retain({"b", "new"})
    cache.directory("/d").put("new", status(), OID, MODE_BLOB)
    cache.save(NOW)
    assert set(StatCache.load(path).directory("/d").rows) == {"b", "new"}


def test_names_may_be_anything(path: Path) -> None:
    names = ["", "é", "\udcff\udc80", "a\nb", "-x", "日本", "x" * 255]
    cache = StatCache.load(path)
    for name in names:
        cache.directory(f"/d/\udce9{name}").put(name, status(), OID, MODE_BLOB)
    cache.save(NOW)
    cache = StatCache.load(path)
    for name in names:
        assert cache.directory(f"/d/\udce9{name}").get(name, status()) == (OID, MODE_BLOB)


def test_numbers_may_be_anything(path: Path) -> None:
    extremes = {
        "old": status(mtime=-(2**40), ctime=0),
        "large": status(size=2**63, inode=2**64 - 1),
        "beyond": status(inode=2**70),
    }
    cache = StatCache.load(path)
    for name, found in extremes.items():
        cache.directory("/d").put(name, found, OID, MODE_BLOB)
    cache.save(NOW)
    record = StatCache.load(path).directory("/d")
    known = {name: record.get(name, found) is not None for name, found in extremes.items()}
    assert known == {"old": True, "large": True, "beyond": False}


def test_nothing_put_writes_nothing(path: Path) -> None:
    cache = StatCache.load(path)
    cache.directory("/d").get("f", status())
    cache.save(NOW)
    assert not path.exists()


def test_a_store_without_a_disk_remembers_nothing() -> None:
    cache = StatCache.load(None)
    cache.directory("/d").put("f", status(), OID, MODE_BLOB)
    cache.save(NOW)
    cache.close()
    assert StatCache.load(None).directory("/d").get("f", status()) is None


def test_no_temporary_file_stays(path: Path) -> None:
    (path.parent / "objects").mkdir()
    assert remembered(path) is not None
    assert sorted(os.listdir(path.parent)) == ["objects", "vost.stat"]
    assert os.listdir(path.parent / "objects") == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600  # it tells the names of local files


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    assert remembered(tmp_path / "missing" / "vost.stat") is None
    (tmp_path / "vost.stat").mkdir()  # a directory where the file should be
    assert remembered(tmp_path / "vost.stat") is None
    assert os.listdir(tmp_path) == ["vost.stat"]


def test_a_symbolic_link_is_not_read(path: Path) -> None:
    assert remembered(path) is not None
    moved = path.rename(path.parent / "real")
    path.symlink_to(moved)
    assert StatCache.load(path).directory("/d").get("f", status()) is None


def test_the_last_writer_wins_and_nothing_is_wrong(path: Path) -> None:
    first, second = StatCache.load(path), StatCache.load(path)
    first.directory("/d").put("f", status(), OID, MODE_BLOB)
    second.directory("/e").put("g", status(), OTHER, MODE_BLOB)
    first.save(NOW)
    second.save(NOW)
    cache = StatCache.load(path)
    assert cache.directory("/d").get("f", status()) is None  # lost: it costs a reading
    assert cache.directory("/e").get("g", status()) == (OTHER, MODE_BLOB)


def test_a_reader_is_not_disturbed_by_a_writer(path: Path) -> None:
    assert remembered(path) is not None
    reader = StatCache.load(path)
    writer = StatCache.load(path)
    writer.directory("/d").put("f", status(size=9), OTHER, MODE_BLOB)
    writer.save(NOW)
    assert reader.directory("/d").get("f", status()) == (OID, MODE_BLOB)


def test_files_are_closed(path: Path) -> None:
    assert remembered(path) is not None
    gc.collect()  # what earlier tests dropped must not be closed while this one counts
    before = set(os.listdir("/proc/self/fd"))
    for end in (lambda cache: cache.close(), lambda cache: cache.save(NOW), lambda cache: None):
        cache = StatCache.load(path)
        cache.directory("/d")
        end(cache)
        del cache
        assert set(os.listdir("/proc/self/fd")) <= before


def test_old_directories_are_dropped_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statcache, "MAX_BYTES", 4000)
    for number in range(100):
        cache = StatCache.load(path)
        cache.directory("/d0").get("f", status())
        cache.directory(f"/d{number}").put("f", status(), OID, MODE_BLOB)
        cache.save(NOW)
    assert path.stat().st_size < 4500
    cache = StatCache.load(path)
    known = [n for n in range(100) if cache.directory(f"/d{n}").get("f", status())]
    assert known[0] == 0  # used all the time
    assert known[1:] == list(range(known[1], 100))  # of the others, the youngest
    assert 10 < len(known) < 60


def test_a_little_news_does_not_rewrite_a_large_cache(path: Path) -> None:
    cache = StatCache.load(path)
    for number in range(2000):
        cache.directory("/large").put(f"file-{number:050}", status(), OID, MODE_BLOB)
    cache.save(NOW)
    before = path.stat().st_ino
    cache = StatCache.load(path)
    cache.directory("/small").put("f", status(), OID, MODE_BLOB)
    cache.save(NOW)
    assert path.stat().st_ino == before
    cache = StatCache.load(path)
    for number in range(20):
        cache.directory("/small").put(f"f{number}", status(), OID, MODE_BLOB)
    cache.save(NOW)
    assert path.stat().st_ino != before
    assert len(StatCache.load(path).directory("/large").rows) == 2000


def filled(path: Path) -> dict[tuple[str, str], os.stat_result]:
    """Write a cache of some directories and return what it knows."""
    known = {}
    cache = StatCache.load(path)
    for number in range(30):
        directory, name = f"/d/{number % 5}", f"f{number}"
        known[directory, name] = status(size=number, inode=number)
        oid = hash_object(ObjectType.BLOB, b"%d" % number)
        cache.directory(directory).put(name, known[directory, name], oid, MODE_BLOB)
    cache.save(NOW)
    return known


def check_never_wrong(path: Path, known: dict[tuple[str, str], os.stat_result]) -> None:
    """Check that a cache says the truth about a file, or nothing."""
    cache = StatCache.load(path)
    for (directory, name), found in known.items():
        oid = hash_object(ObjectType.BLOB, name[1:].encode())
        assert cache.directory(directory).get(name, found) in (None, (oid, MODE_BLOB))
        assert cache.directory(directory).get(name, status(size=99)) is None
    # It can be written anew, and is sound then.
    cache.directory("/new").put("f", status(), OID, MODE_BLOB)
    cache.save(NOW)
    assert StatCache.load(path).directory("/new").get("f", status()) == (OID, MODE_BLOB)


@given(st.data())
def test_damage_costs_time_never_truth(data: st.DataObject) -> None:
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "vost.stat"
        known = filled(path)
        raw = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(raw) - 1))
            raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        path.unlink()
        path.write_bytes(raw)
        check_never_wrong(path, known)


@given(st.integers(0, 100))
def test_a_truncated_cache_costs_time_never_truth(percent: int) -> None:
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "vost.stat"
        known = filled(path)
        raw = path.read_bytes()
        path.unlink()
        path.write_bytes(raw[: len(raw) * percent // 100])
        check_never_wrong(path, known)


@given(st.binary(max_size=300))
def test_anything_else_at_its_place_is_no_cache(raw: bytes) -> None:
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "vost.stat"
        path.write_bytes(raw)
        check_never_wrong(path, {})


def test_a_truncation_under_a_reader_costs_time_only(path: Path) -> None:
    known = filled(path)
    cache = StatCache.load(path)
    os.truncate(path, 0)
    for directory, name in known:
        assert cache.directory(directory).get(name, known[directory, name]) is None


def test_a_real_file_that_changes_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "vost.stat"
    file = tmp_path / "f"
    file.write_bytes(b"one")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    found = file.lstat()
    cache = StatCache.load(path)
    cache.directory(str(tmp_path)).put("f", found, OID, MODE_BLOB)
    cache.save(found.st_ctime_ns + SECOND)
    cache = StatCache.load(path)
    assert cache.directory(str(tmp_path)).get("f", file.lstat()) == (OID, MODE_BLOB)
    with file.open("r+b") as changed:  # the same size, inode and, set back, mtime
        changed.write(b"two")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    assert cache.directory(str(tmp_path)).get("f", file.lstat()) is None
