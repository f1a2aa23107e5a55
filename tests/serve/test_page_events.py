"""Live reload: server-sent events about what a page shows."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import anyio
import pytest

import vost
from tests.serve.test_page import page_of
from tests.support.asgi import request, scope_of
from tests.support.serving import Running, received
from vost.serve import files

STREAM = {"Accept": "text/event-stream"}
TIMEOUT = 20


class Stream:
    """A client of a stream of events.

    Attributes:
        status: The answer's status.
        headers: Its headers.
    """

    def __init__(self, app, target, headers=STREAM):
        self._app = app
        self._scope = scope_of(target, headers)
        self._sent, self._messages = anyio.create_memory_object_stream(100)
        self._gone = anyio.Event()
        self.ended = anyio.Event()

    async def run(self):
        await self._app(self._scope, self._receive, self._sent.send)
        self.ended.set()

    async def open(self):
        start = await self.message()
        self.status = start["status"]
        self.headers = dict(start["headers"])

    async def message(self):
        with anyio.fail_after(TIMEOUT):
            return await self._messages.receive()

    async def text(self):
        return (await self.message())["body"].decode()

    async def state(self):
        text = await self.text()
        assert text.startswith("data: ")
        assert text.endswith("\n\n")
        return json.loads(text[6:])

    def leave(self):
        self._gone.set()

    async def end(self):
        with anyio.fail_after(TIMEOUT):
            await self.ended.wait()
        self._sent.close()
        self._messages.close()

    async def _receive(self):
        await self._gone.wait()
        return {"type": "http.disconnect"}


@asynccontextmanager
async def streaming(app, target):
    """Give a client that is connected, and leave at the end."""
    stream = Stream(app, target)
    async with anyio.create_task_group() as group:
        group.start_soon(stream.run)
        await stream.open()
        yield stream
        stream.leave()
        await stream.end()


async def test_a_page_says_where_it_is_told_and_what_it_shows(store):
    app = files(store, "main")
    fs = await store.branches["main"]
    body = (await page_of(app, "/data")).one("body")
    assert body["data-events"] == "/_/events?ref=main&path=data"
    assert body["data-state"] == await fs.object_hash("data")
    for target in (f"/?at={fs.commit_hash}", "/_/nothing"):
        page = await page_of(app, target, 404 if "nothing" in target else 200)
        assert "data-events" not in page.one("body").attributes
    page = await page_of(files(store, fs.commit_hash), "/")
    assert "data-events" not in page.one("body").attributes


async def test_what_a_commit_changed_is_told(store):
    app = files(store, "main")
    fs = await store.branches["main"]
    async with streaming(app, "/_/events?ref=main&path=data") as stream:
        assert stream.status == 200
        assert stream.headers[b"content-type"] == b"text/event-stream"
        assert stream.headers[b"cache-control"] == b"no-store"
        before = await stream.state()
        assert before == {"commit": fs.commit_hash, "state": await fs.object_hash("data")}
        fs = await fs.write("hello.txt", b"elsewhere")
        assert await stream.state() == {**before, "commit": fs.commit_hash}
        fs = await fs.write("data/info.json", b"here")
        changed = await stream.state()
        assert changed == {"commit": fs.commit_hash, "state": await fs.object_hash("data")}
        assert changed["state"] != before["state"]
        fs = await fs.remove("data", recursive=True)
        assert await stream.state() == {"commit": fs.commit_hash, "state": ""}


async def test_all_refs_are_watched_by_name(store):
    await store.branches.set("feature/x", await store.branches["main"])
    app = files(store, all_refs=True, base_path="b")
    page = await page_of(app, "/b/feature/x/data")
    url = page.one("body")["data-events"]
    assert url == "/b/_/events?ref=feature%2Fx&path=data"
    async with streaming(app, url) as stream:
        assert (await stream.state())["state"] == page.one("body")["data-state"]
    async with streaming(app, "/b/_/events?ref=v1") as stream:
        assert (await stream.state())["commit"] == (await store.tags["v1"]).commit_hash


async def test_the_current_branch_and_a_selected_state_are_watched(store):
    async def one_back(fs):
        return await fs.back(1)

    app = files(store, select=one_back)
    fs = await store.branches["main"]
    async with streaming(app, "/_/events?ref=main&path=") as stream:
        assert (await stream.state())["commit"] == (await fs.back(1)).commit_hash
        await fs.write("new", b"")
        assert (await stream.state())["commit"] == fs.commit_hash


async def test_a_branch_that_is_deleted_ends_the_stream(store):
    await store.branches.set("short", await store.branches["main"])
    async with streaming(files(store, all_refs=True), "/_/events?ref=short") as stream:
        await stream.state()
        await store.branches.delete("short")
        assert await stream.state() == {"commit": "", "state": ""}
        assert await stream.message() == {"type": "http.response.body", "body": b""}


async def test_the_end_of_the_store_ends_the_stream(anyio_backend):
    store = await vost.GitStore.memory()
    async with streaming(files(store, "main"), "/_/events?ref=main") as stream:
        await stream.state()
        await store.close()
        assert await stream.message() == {"type": "http.response.body", "body": b""}


@pytest.mark.parametrize(
    "query", ["ref=other", "ref=", "", "ref=v1", "ref=%FF", "ref=main%00", "ref=..%2F"]
)
async def test_nothing_is_told_of_what_is_not_shown(store, query):
    await store.branches.set("other", await store.branches["main"])
    reply = await request(files(store, "main"), f"/_/events?{query}", STREAM)
    assert reply.status == 404


async def test_a_commit_never_moves(store):
    commit = (await store.branches["main"]).commit_hash
    reply = await request(files(store, commit), f"/_/events?ref={commit}", STREAM)
    assert (reply.status, reply.body) == (204, b"")


async def test_head_has_no_events(store):
    reply = await request(files(store, "main"), "/_/events?ref=main", STREAM, "HEAD")
    assert (reply.status, reply["content-type"]) == (200, "text/event-stream")


async def test_there_are_so_many_streams_and_no_more(store):
    app = files(store, "main")
    await page_of(app, "/")
    events = app._page._events
    events.most = 2
    async with streaming(app, "/_/events?ref=main") as first, anyio.create_task_group() as group:
        second = Stream(app, "/_/events?ref=main")
        group.start_soon(second.run)
        await second.open()
        reply = await request(app, "/_/events?ref=main", STREAM)
        assert (reply.status, reply["retry-after"]) == (503, "60")
        assert reply.text == "Too many pages are watching"
        second.leave()
        await second.end()
        assert events.streams == 1
        async with streaming(app, "/_/events?ref=main") as third:
            await third.state()
        await first.state()
    assert events.streams == 0


async def test_silent_streams_give_signs_of_life(store):
    app = files(store, "main")
    await page_of(app, "/")
    app._page._events.heartbeat = 0.01
    async with streaming(app, "/_/events?ref=main") as stream:
        texts = [await stream.text() for _ in range(4)]
        assert texts.count(":\n\n") >= 3


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_server_that_stops_ends_the_stream(store, anyio_backend):
    stop = asyncio.Event()
    stream = Stream(files(store, "main"), "/_/events?ref=main")
    stream._scope["state"] = {"vost.stopping": stop}
    async with anyio.create_task_group() as group:
        group.start_soon(stream.run)
        await stream.open()
        await stream.state()
        stop.set()
        assert await stream.message() == {"type": "http.response.body", "body": b""}
        await stream.end()


@pytest.mark.slow
def test_a_real_server_sees_clients_go_and_ends_streams_cleanly():
    store = asyncio.run(vost.GitStore.memory())
    app = files(store, "main")
    wanted = (
        b"GET /_/events?ref=main HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
    )
    with Running(app, quiet=True) as running:
        with running.connect() as connection:
            connection.sendall(wanted)
            read_until(connection, b"\n\n")
            assert app._page._events.streams == 1
        while app._page._events.streams:  # until the server has seen that the client is gone
            assert running.get("/").status == 200
        with running.connect() as connection:
            connection.sendall(wanted)
            read_until(connection, b"\n\n")
            running.stop()
            assert received(connection) == b"\r\n0\r\n\r\n"
    asyncio.run(store.close())


def read_until(connection, end):
    """Read up to the end of the first event."""
    data = b""
    while not data.partition(b"\r\n\r\n")[2].endswith(end):
        data += connection.recv(1)
