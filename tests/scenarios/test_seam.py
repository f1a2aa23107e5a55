"""The seam itself (design 2), on both event loops and inline: what crosses it arrives the same."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from contextlib import aclosing

import anyio
import pytest

from tests.scenarios.conftest import leftovers
from tests.support.faces import ASYNC_FACES, collect, drive, face_id
from vost import LockedError, Progress
from vost._model.errors import Busy
from vost._offload import (
    STREAM_ITEMS,
    WORKER_THREADS,
    Reporter,
    check,
    inline,
    is_inline,
    observe_hops,
    run,
    run_exclusive,
    run_shared,
    run_to_end,
    sleep,
    stream,
)

on_event_loops = pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)
on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])


@pytest.fixture(autouse=True)
def _inline_without_a_loop(face):
    """Put the blocking face's runs of these tests into inline mode, as `vost_sync` does."""
    if not face.is_blocking:
        yield
        return
    with inline():
        yield


async def test_calls_run_in_a_worker_thread_or_right_here(face):
    here = threading.get_ident()
    assert (await run(threading.get_ident) == here) is face.is_blocking
    assert (await run_to_end(threading.get_ident) == here) is face.is_blocking
    assert is_inline() is face.is_blocking
    assert await run(lambda a, b: a + b, 1, 2) == 3


async def test_exceptions_come_through_as_they_are():
    def fail() -> None:
        raise KeyError("x")

    for call in (run, run_to_end, run_exclusive):
        with pytest.raises(KeyError, match="x"):
            await call(fail)


@on_event_loops
async def test_who_asks_while_a_call_is_under_way_shares_the_next_one():
    begun = [threading.Event() for _ in range(2)]
    go_on = threading.Event()
    calls = []

    def look() -> int:
        number = len(calls)
        calls.append(number)
        begun[number].set()
        assert go_on.wait(30)
        return number

    answers: dict[str, int] = {}

    async def ask(name: str) -> None:
        answers[name] = await run_shared("x", look)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "first")
        await run(begun[0].wait)
        for name in ("second", "third", "fourth"):
            tasks.start_soon(ask, name)
        await anyio.wait_all_tasks_blocked()
        go_on.set()
    assert answers == {"first": 0, "second": 1, "third": 1, "fourth": 1}
    assert await run_shared("x", lambda: "later") == "later"


async def test_different_questions_are_asked_apart():
    assert await run_shared("x", lambda: 1) == 1
    assert await run_shared("y", lambda: 2) == 2


@on_event_loops
async def test_all_who_share_a_call_get_its_error():
    begun, go_on = threading.Event(), threading.Event()
    errors = []

    def look(text: str) -> None:
        begun.set()
        assert go_on.wait(30)
        raise KeyError(text)

    async def ask(text: str) -> None:
        with pytest.raises(KeyError) as caught:
            await run_shared("x", look, text)
        errors.append(caught.value.args[0])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "first")
        await run(begun.wait)
        tasks.start_soon(ask, "second")
        tasks.start_soon(ask, "third")
        await anyio.wait_all_tasks_blocked()
        go_on.set()
    assert errors[0] == "first"
    assert errors[1] == errors[2] in ("second", "third")


@on_event_loops
@pytest.mark.parametrize("under_way", [True, False])
async def test_who_is_cancelled_leaves_the_others_their_answer(under_way):
    begun, go_on = threading.Event(), threading.Event()
    answers: dict[str, str] = {}

    def look() -> str:
        begun.set()
        assert go_on.wait(30)
        return "found"

    async def ask(name: str) -> None:
        answers[name] = await run_shared("x", look)

    async with anyio.create_task_group() as tasks, anyio.create_task_group() as given_up:
        (given_up if under_way else tasks).start_soon(ask, "first")
        await run(begun.wait)
        (tasks if under_way else given_up).start_soon(ask, "second")
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(ask, "third")
        await anyio.wait_all_tasks_blocked()
        given_up.cancel_scope.cancel()
        tasks.start_soon(run, go_on.set)
    # A call that is under way in a thread is waited for, whoever was cancelled.
    assert answers.pop("first" if under_way else "second", "found") == "found"
    assert answers == {"third": "found", "second" if under_way else "first": "found"}


async def test_context_variables_are_seen_by_the_blocking_side():
    variable = contextvars.ContextVar("variable", default="outside")
    variable.set("inside")
    assert await run(variable.get) == "inside"


async def test_streams_yield_everything_in_order():
    for count in (0, 1, STREAM_ITEMS - 1, STREAM_ITEMS, STREAM_ITEMS + 1, STREAM_ITEMS * 3):
        items = [item async for item in stream(lambda count=count: iter(range(count)))]
        assert items == list(range(count))


async def test_a_stream_that_fails_yields_what_came_before():
    def fails_at(position):
        yield from range(position)
        raise LookupError(f"at {position}")

    for position in (0, 1, 10, STREAM_ITEMS, STREAM_ITEMS + 5):
        seen = []
        with pytest.raises(LookupError, match=f"at {position}"):
            async for item in stream(lambda position=position: fails_at(position)):
                seen.append(item)
        assert seen == list(range(position))


async def test_a_stream_that_is_left_early_fetches_no_more():
    fetched = []

    def numbers():
        for number in range(STREAM_ITEMS * 10):
            fetched.append(number)
            yield number

    async with aclosing(stream(numbers)) as items:
        async for _ in items:
            break
    assert len(fetched) <= STREAM_ITEMS


async def test_a_stream_hands_over_what_it_has_when_the_search_goes_on(monkeypatch):
    monkeypatch.setattr("vost._offload.STREAM_SECONDS", 0.0)
    fetched = []

    def numbers():
        for number in range(STREAM_ITEMS):
            fetched.append(number)
            yield number

    async with aclosing(stream(numbers)) as items:
        async for item in items:
            assert fetched == list(range(item + 1))
    assert len(fetched) == STREAM_ITEMS


async def test_a_busy_lock_is_tried_again_until_it_is_free():
    answers = iter([Busy("taken", 60), Busy("taken", 60), "done"])

    def attempt():
        answer = next(answers)
        if isinstance(answer, Busy):
            raise answer
        return answer

    assert await run_exclusive(attempt) == "done"


async def test_a_lock_that_stays_busy_is_a_locked_error_that_says_what():
    attempts = []

    def attempt() -> None:
        attempts.append(None)
        raise Busy("main.lock is held by process 7", 0.05)

    with pytest.raises(LockedError, match=r"main.lock is held by process 7 \(waited 0.\d s\)"):
        await run_exclusive(attempt)
    assert len(attempts) > 2
    with pytest.raises(TimeoutError):
        await run_exclusive(attempt)


async def test_sleeping_nothing_returns():
    await sleep(0)


async def test_progress_is_called_on_the_caller_s_side(disk_store):
    """Also from inside long work: a callback may touch what belongs to the event loop."""
    fs = await (await disk_store.branches["main"]).apply({"a": b"1", "b": b"2"})
    seen = []
    await disk_store.pack(progress=lambda value: seen.append((threading.get_ident(), value)))
    await disk_store.gc(progress=lambda value: seen.append((threading.get_ident(), value)))
    assert seen
    assert {thread for thread, _ in seen} == {threading.get_ident()}
    assert all(isinstance(value, Progress) for _, value in seen)
    assert await fs.read("a") == b"1"


async def test_a_reporter_drops_most_and_always_passes_the_final_one():
    seen = []

    def work(report) -> None:
        for number in range(1000):
            report(number)
        report("end", final=True)

    await run(work, Reporter(seen.append))
    assert seen[0] == 0
    assert seen[-1] == "end"
    assert len(seen) < 20
    await run(work, Reporter(None))


async def test_an_error_in_a_progress_callback_stops_the_work(disk_store, repo):
    await (await disk_store.branches["main"]).apply(
        {f"f{index}": b"%d" % index for index in range(50)}
    )

    def refuse(value) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await disk_store.pack(progress=refuse)
    assert leftovers(repo) == []
    assert await disk_store.pack() > 0


async def test_checking_for_cancellation_does_nothing_to_those_who_go_on():
    await run(check)


@on_event_loops
async def test_checking_raises_the_cancellation_of_the_caller():
    started, checked = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        try:
            while True:
                check()
        except BaseException:
            checked.set()
            raise

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, work)
        while not started.is_set():
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert checked.is_set()


@on_asyncio
async def test_plain_cancel_of_asyncio_waits_for_the_thread_and_tells_it():
    """`task.cancel()`, `asyncio.wait_for` and Ctrl-C know nothing of the scopes of anyio."""
    started, over = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        try:
            while True:
                check()
        finally:
            over.set()

    task = asyncio.create_task(run(work))
    while not started.is_set():
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert over.is_set()
    assert await run(threading.get_ident)


@on_asyncio
async def test_plain_cancel_of_asyncio_before_the_thread_begins_waits_for_nothing():
    release, done = threading.Event(), []
    others = [asyncio.create_task(run(release.wait)) for _ in range(WORKER_THREADS)]
    task = asyncio.create_task(run(lambda: done.append(True)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    await asyncio.gather(*others)
    assert done == []


@on_event_loops
async def test_a_clean_up_runs_although_the_caller_is_cancelled():
    done = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        await run_to_end(lambda: done.append(True))
    assert done == [True]


@on_event_loops
async def test_only_so_many_calls_run_at_once():
    running, most, guard = 0, 0, threading.Lock()
    together = threading.Barrier(WORKER_THREADS, timeout=20)

    def work() -> None:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        together.wait()
        with guard:
            running -= 1

    async with anyio.create_task_group() as tasks:
        for _ in range(WORKER_THREADS * 3):
            tasks.start_soon(run, work)
    assert most == WORKER_THREADS


@on_event_loops
async def test_waiting_for_a_lock_takes_no_worker_thread():
    """Many writers may wait: reading goes on meanwhile."""
    async with anyio.create_task_group() as tasks:
        for _ in range(WORKER_THREADS * 4):
            tasks.start_soon(run_exclusive, _always_busy)
        for _ in range(20):
            assert await run(threading.get_ident)
        tasks.cancel_scope.cancel()


def _always_busy() -> None:
    raise Busy("taken", 60)


@on_event_loops
async def test_hops_are_observed_in_their_own_context_only():
    made = []

    async def elsewhere() -> None:
        await run(check)

    with observe_hops(lambda: made.append(None)):
        await run(check)
        await collect(stream(lambda: iter(range(3))))
    await elsewhere()
    assert len(made) == 2


def test_one_process_may_use_one_event_loop_after_another(tmp_path):
    """A limiter belongs to its loop: each gets its own."""

    async def use() -> int:
        return await run(lambda: 1)

    assert [anyio.run(use, backend=name) for name in ("asyncio", "trio", "asyncio")] == [1, 1, 1]


def test_a_coroutine_that_suspends_cannot_be_driven():
    async def suspends() -> None:
        await anyio.sleep(0)

    with inline(), pytest.raises((RuntimeError, anyio.NoEventLoopError)):
        drive(suspends())
