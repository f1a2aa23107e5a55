"""Watches of refs: who waits is woken when a ref is elsewhere, and only then."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from vost._storage.diskrefs import DiskRefs
from vost._storage.layout import create
from vost._storage.lock import WritersLock
from vost._storage.memoryrefs import MemoryRefs
from vost._storage.protocols import RefUpdate, TellingRefs
from vost._storage.refwatch import RefWatcher

A, B = b"\xaa" * 20, b"\xbb" * 20
MAIN, OTHER = "refs/heads/main", "refs/heads/other"
NEVER = 3600.0


def look(watch, wake=lambda: None):
    """Look where the ref is, as who watches it does, and begin if that is yet to do."""
    watch.arm(wake)
    if not watch.is_on:
        watch.begin()
    oid = watch._watcher.refs.get(watch.name)
    watch.saw(oid)
    return oid


class SilentRefs:
    """Refs of somebody else, which tell of nothing."""

    def __init__(self, refs):
        self._refs = refs

    def __getattr__(self, name):
        if name in {"on_change", "place"}:
            raise AttributeError(name)
        return getattr(self._refs, name)


def move(refs, name, new):
    with refs.locked():
        update = RefUpdate(name, refs.get(name), new)
        refs.compare_and_set([update], identity="a <b>", time=0)


@pytest.fixture
def disk_refs(tmp_path):
    layout = create(tmp_path / "r.git", head="main", prepare=lambda _: None)
    refs = DiskRefs(layout.git_dir, WritersLock(layout.lock_path))
    yield refs
    refs.close()


@pytest.fixture(params=["disk", "memory"])
def refs(request):
    made = request.getfixturevalue("disk_refs") if request.param == "disk" else MemoryRefs()
    move(made, MAIN, A)
    move(made, OTHER, A)
    return made


@contextmanager
def watcher_of(refs):
    watcher = RefWatcher(refs)
    yield watcher
    watcher.close()
    assert [t for t in threading.enumerate() if t.name == "vost-watch"] == []


def test_storages_of_ours_tell_of_changes_and_wrapped_ones_do_not(refs):
    assert isinstance(refs, TellingRefs)
    assert not isinstance(SilentRefs(refs), TellingRefs)


def test_move_of_the_watched_ref_wakes_in_the_thread_that_moves_it(refs):
    with watcher_of(refs) as watcher:
        watch = watcher.watch(MAIN, NEVER)
        woken = []
        assert look(watch, lambda: woken.append(threading.current_thread())) == A
        woken.clear()  # the first look of the watcher's thread may have come in between
        move(refs, MAIN, B)
        assert threading.current_thread() in woken
        assert look(watch) == B


def test_moves_of_others_and_no_move_at_all_wake_nobody():
    refs = MemoryRefs()
    move(refs, MAIN, A)
    move(refs, OTHER, A)
    with watcher_of(refs) as watcher:
        woken = []
        assert look(watcher.watch(MAIN, NEVER), lambda: woken.append(1)) == A
        move(refs, OTHER, B)
        move(refs, MAIN, A)
        watcher.look()
        assert woken == []


def test_ref_that_is_back_where_it_was_seen_is_no_news_to_a_later_look():
    refs = MemoryRefs()
    move(refs, MAIN, A)
    with watcher_of(refs) as watcher:
        watch = watcher.watch(MAIN, NEVER)
        look(watch)
        move(refs, MAIN, B)
        move(refs, MAIN, A)
        woken = []
        assert look(watch, lambda: woken.append(1)) == A
        watcher.look()
        assert woken == []


def test_deletion_and_change_of_a_symbolic_ref_wake(refs):
    with refs.locked():
        refs.set_symbolic("refs/heads/alias", MAIN)
    move(refs, OTHER, B)
    with watcher_of(refs) as watcher:
        watch = watcher.watch("refs/heads/alias", NEVER)
        woken = threading.Event()
        assert look(watch, woken.set) == A
        with refs.locked():
            refs.set_symbolic("refs/heads/alias", OTHER)
        assert woken.wait(30)
        woken = threading.Event()
        assert look(watch, woken.set) == B
        move(refs, OTHER, None)
        assert woken.wait(30)
        assert look(watch, woken.set) is None


def test_storage_that_tells_nothing_is_looked_at_now_and_then():
    inner = MemoryRefs()
    move(inner, MAIN, A)
    refs = SilentRefs(inner)
    with watcher_of(refs) as watcher:
        watch = watcher.watch(MAIN, 0.01)
        for value in (B, A, B):
            woken = threading.Event()
            look(watch, woken.set)
            move(refs, MAIN, value)
            assert woken.wait(30)


def test_the_least_patient_watch_says_how_often():
    inner = MemoryRefs()
    move(inner, MAIN, A)
    with watcher_of(SilentRefs(inner)) as watcher:
        patient, hasty = watcher.watch(MAIN, NEVER), watcher.watch(MAIN, 0.01)
        woken = threading.Event()
        look(patient, woken.set)
        look(hasty)
        assert look(patient, woken.set) == A
        move(inner, MAIN, B)
        assert woken.wait(30)


def test_memory_needs_no_thread():
    refs = MemoryRefs()
    move(refs, MAIN, A)
    with watcher_of(refs) as watcher:
        look(watcher.watch(MAIN, 0.01))
        assert [t for t in threading.enumerate() if t.name == "vost-watch"] == []


def test_closed_watch_does_not_begin_again_and_a_new_one_does(refs):
    with watcher_of(refs) as watcher:
        watch = watcher.watch(MAIN, NEVER)
        woken = []
        look(watch, lambda: woken.append("closed" if watch.closed else "seen"))
        watcher.close()
        assert woken[-1] == "closed"
        assert look(watch) == A
        assert (watch.is_on, watch.closed) == (False, True)
        again = watcher.watch(MAIN, NEVER)
        look(again)
        assert again.is_on


def test_storage_tells_nothing_any_more_when_the_last_watch_has_ended():
    refs = MemoryRefs()
    move(refs, MAIN, A)
    with watcher_of(refs) as watcher:
        watch = watcher.watch(MAIN, NEVER)
        woken = []
        look(watch, lambda: woken.append(1))
        watch.end()
        watch.end()
        move(refs, MAIN, B)
        assert woken == []


def test_thread_that_cannot_start_is_told_to_all_and_later_tries_work(disk_refs, monkeypatch):
    move(disk_refs, MAIN, A)
    with watcher_of(disk_refs) as watcher:
        watch = watcher.watch(MAIN, NEVER)

        def refuse(thread):
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="thread"):
                look(watch)
        assert not watch.is_on
        assert look(watch) == A
        assert watch.is_on


def test_end_of_what_the_system_tells_leaves_the_polling(disk_refs, monkeypatch):
    """As when the limit of watched directories is reached by a directory that is made later."""
    library = pytest.importorskip("watchfiles._rust_notify")
    closed = threading.Event()

    class Failing:
        def __init__(self, *args):
            pass

        def watch(self, *args):
            raise library.WatchfilesRustInternalError("error in underlying watcher")

        def close(self):
            closed.set()

    monkeypatch.setattr(library, "RustNotify", Failing)
    move(disk_refs, MAIN, A)
    with watcher_of(disk_refs) as watcher:
        watch = watcher.watch(MAIN, 0.01)
        assert look(watch) == A
        assert closed.wait(30)
        woken = threading.Event()
        assert look(watch, woken.set) == A
        disk_refs.on_change(None)
        move(disk_refs, MAIN, B)
        assert woken.wait(30)
