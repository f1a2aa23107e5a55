"""Driving coroutines on the caller's thread: anywhere, and never with an event loop."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import vost
import vost_sync
from vost import _offload
from vost_sync._drive import Facade, aio, aio_each, aio_items, iterate, iterate_as, optional, run

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator


class Async:
    """Something to stand for."""

    def __repr__(self) -> str:
        return "Async()"


class Blocking(Facade[Async]):
    """Its facade."""

    __slots__ = ()


async def add(first: int, second: int) -> int:
    return await _offload.run(lambda: first + second)


async def count(to: int, closed: list[bool] | None = None) -> AsyncGenerator[int, None]:
    try:
        async for number in _offload.stream(lambda: iter(range(to))):
            yield number
    finally:
        if closed is not None:
            closed.append(_offload.is_inline())


def test_run_returns_the_result_on_the_calling_thread():
    async def where() -> int:
        return await _offload.run(threading.get_ident)

    assert run(where()) == threading.get_ident()
    assert run(add(1, 2)) == 3


def test_run_lets_exceptions_pass_and_leaves_inline_mode():
    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(fail())
    assert not _offload.is_inline()


def test_run_refuses_a_coroutine_that_suspends():
    closed = []

    class Suspends:
        def __await__(self):
            yield

    async def suspend() -> None:
        try:
            await Suspends()
        finally:
            closed.append(True)

    with pytest.raises(RuntimeError, match="suspended"):
        run(suspend())
    assert closed == [True]
    assert not _offload.is_inline()


def test_run_starts_no_thread():
    before = threading.active_count()
    run(add(1, 2))
    assert threading.active_count() == before


@pytest.mark.blocking_ok("the blocking API blocks a loop that runs")
async def test_facade_works_inside_a_running_loop(tmp_path):
    with vost_sync.GitStore.open(tmp_path / "r.git") as store:
        fs = store.branches["main"].write("a.txt", b"a")
        assert [s.message for s in fs.log()] == ["+ a.txt", "Initialize main"]
        assert [top for top, _, _ in fs.walk()] == [""]
        next(fs.log())
    gc.collect()  # a generator that a loop had adopted would complain here


async def test_async_api_is_not_inline_after_a_blocking_call():
    assert run(add(1, 1)) == 2
    hops: list[None] = []
    with _offload.observe_hops(lambda: hops.append(None)):
        assert await add(1, 1) == 2
    assert len(hops) == 1


def test_facade_works_in_many_threads_at_once():
    store = vost_sync.GitStore.memory()
    fs = store.branches["main"].write("a", b"0")
    errors: list[BaseException] = []

    def use() -> None:
        try:
            for _ in range(50):
                assert fs.read("a") == b"0"
                assert store.branches["main"].commit_hash == fs.commit_hash
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_facade_works_after_a_fork(tmp_path):
    store = vost_sync.GitStore.open(tmp_path / "r.git")
    fs = store.branches["main"].write("a", b"parent")
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def child() -> None:
        sender.send(fs.read("a"))
        sender.send(store.branches["main"].write("b", b"child").commit_hash)

    process = context.Process(target=child)
    process.start()
    assert receiver.poll(20)
    assert receiver.recv() == b"parent"
    assert receiver.poll(20)
    written = receiver.recv()
    process.join(20)
    assert process.exitcode == 0
    assert store.branches["main"].commit_hash == written
    assert store.branches["main"].read("b") == b"child"


def test_keyboard_interrupt_lands_in_the_caller():
    async def work() -> None:
        def block() -> None:
            signal.raise_signal(signal.SIGINT)
            time.sleep(5)  # the interrupt ends it

        await _offload.run(block)

    with pytest.raises(KeyboardInterrupt):
        run(work())
    assert not _offload.is_inline()


def test_iterate_fetches_items_one_by_one():
    fetched = []

    def numbers():
        for number in range(3):
            fetched.append(number)
            yield number

    async def source() -> AsyncGenerator[int, None]:
        async for number in _offload.stream(numbers):
            yield number

    iterator = iterate(source())
    assert fetched == []
    assert next(iterator) == 0
    assert fetched == [0]
    assert not _offload.is_inline()
    assert list(iterator) == [1, 2]


def test_iterate_closes_the_generator_in_inline_mode_when_it_is_left():
    closed: list[bool] = []
    for _ in iterate(count(10, closed)):
        break
    gc.collect()
    assert closed == [True]


def test_iterate_closes_the_generator_when_an_item_fails():
    closed: list[bool] = []

    def fail(number: int) -> int:
        raise ValueError(number)

    with pytest.raises(ValueError):
        list(iterate_as(fail, count(10, closed)))
    gc.collect()
    assert closed == [True]


def test_iterate_takes_plain_async_iterators():
    class Three:
        def __init__(self) -> None:
            self.left = 3

        def __aiter__(self) -> AsyncIterator[int]:
            return self

        async def __anext__(self) -> int:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return self.left

    assert list(iterate(Three())) == [2, 1, 0]


async def test_iterate_keeps_its_generators_from_the_loop_that_runs():
    adopted = []
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=adopted.append)
    try:
        iterator = iterate(count(3))
        assert next(iterator) == 0
        assert sys.get_asyncgen_hooks().firstiter == adopted.append
        iterator.close()
        assert adopted == []
    finally:
        sys.set_asyncgen_hooks(*hooks)


def test_facade_of_one_object_is_one_object():
    first = Async()
    facade = Blocking._of(first)
    assert Blocking._of(first) is facade
    assert Blocking._of(Async()) is not facade
    assert repr(facade) == "Async()"


def test_facade_lives_no_longer_than_it_is_used():
    for _ in range(100):
        made = Blocking._of(Async())
        assert isinstance(made._aio, Async)


def test_facade_is_not_made_by_hand():
    with pytest.raises(TypeError, match="Blocking"):
        Blocking()
    with pytest.raises(TypeError, match="GitStore"):
        vost_sync.GitStore("r.git")


def test_facade_classes_show_their_public_place():
    assert vost_sync.FS.__module__ == "vost_sync"
    assert vost.FS.__module__ == "vost"


def test_arguments_are_unwrapped_and_others_passed_on():
    inner = Async()
    facade = Blocking._of(inner)
    assert aio(facade) is inner
    assert aio("text") == "text"
    assert aio_each([facade, facade]) == [inner, inner]
    assert aio_each(None) is None
    assert aio_each("text") == "text"
    assert aio_each(facade) is inner
    assert aio_items({"a": facade}, {"b": facade}) == {"a": inner, "b": inner}
    assert aio_items([("a", facade)], {}) == {"a": inner}


def test_optional_passes_none_on():
    assert optional(str, 1) == "1"
    assert optional(str, None) is None


def test_identity_of_snapshots_is_that_of_the_async_api():
    store = vost_sync.GitStore.memory()
    fs = store.branches["main"].write("a", b"1")
    assert fs.back(0) is fs
    assert fs.write("a", b"1") is fs
    with fs.batch() as batch:
        pass
    assert batch.fs is fs
    assert store.branches is store.branches


def test_retry_write_calls_fs_write_with_these_keywords(monkeypatch):
    store = vost_sync.GitStore.memory()
    calls = []

    def stale(self, path, data, **keywords):
        calls.append((path, data, keywords))
        raise vost_sync.StaleSnapshotError("stale")

    sleeps = []
    monkeypatch.setattr(vost_sync.FS, "write", stale)
    monkeypatch.setattr(time, "sleep", sleeps.append)
    with pytest.raises(vost_sync.StaleSnapshotError):
        vost_sync.retry_write(store, "main", "f", b"d", message="m", retries=3)
    assert calls == [("f", b"d", {"message": "m", "mode": None})] * 3
    assert len(sleeps) == 2
    assert 0 <= sleeps[0] <= 0.01
    assert 0 <= sleeps[1] <= 0.02
