"""Tells pages that what they show has changed: server-sent events, as the HTML standard has them.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio
from starlette.responses import Response

from vost.serve.filebodies import BytesAnswer, text_answer
from vost.serve.shown import NothingShownError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from anyio.abc import TaskGroup

    import vost
    from vost.serve.asgi import Receive, Scope, Send
    from vost.serve.entities import Entities
    from vost.serve.shown import Shown

MOST_STREAMS = 100
HEARTBEAT = 15.0
"""Seconds between signs of life: what lies between closes connections that are silent."""


class Events:
    """Answers with streams of events.

    Args:
        store: The repository.
        shown: What is shown.
        entities: Finds what is at a path.
        most: How many streams there may be at a time.
        heartbeat: Seconds between signs of life.
    """

    def __init__(
        self,
        store: vost.GitStore,
        shown: Shown,
        entities: Entities,
        *,
        most: int = MOST_STREAMS,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._store = store
        self._shown = shown
        self._entities = entities
        self.most = most
        self.heartbeat = heartbeat
        self.streams = 0  # how many there are

    async def answer(self, query: Mapping[str, str]) -> Response:
        """Return the stream for one page.

        Args:
            query: ``ref``: the branch or tag; ``path``: what the page shows of it.

        Raises:
            NothingShownError: If that is not shown.
        """
        ref = query.get("ref", "")
        path = "/".join(part for part in query.get("path", "").split("/") if part)
        await self.state(ref, path)  # whatever is wrong shows here
        refs = await self._refs(ref)
        if refs is None:  # a commit: browsers do not ask again after this
            return BytesAnswer(b"", [(b"cache-control", b"no-store")], 204)
        return EventStream(self, refs, ref, path)

    async def state(self, ref: str, path: str) -> Mapping[str, str]:
        """Return the commit that is shown now, and the id of what is at the path: ``""``: nothing.

        Raises:
            NothingShownError: If the ref is not shown.
        """
        place = await self._shown.place("/".join(filter(None, (ref, path))))
        if place is None or place.segment is None or place.ref != ref:
            # One ref is shown, and stands in no path.
            place = await self._shown.place(path)
        if place is None or place.ref != ref or place.path != path:
            raise NothingShownError(f"Unknown ref: {ref}")
        try:
            entity = (await self._entities.find_any(place.fs, path)).hash
        except (FileNotFoundError, NotADirectoryError, ValueError):
            entity = ""
        return {"commit": place.fs.commit_hash, "state": entity}

    async def _refs(self, ref: str) -> vost.RefDict | None:
        for refs in (self._store.branches, self._store.tags):
            try:
                if await refs.get(ref) is not None:
                    return refs
            except ValueError:  # no legal name
                continue
        return None


class EventStream(Response):
    """A stream of events about one place; ends when the client goes, or the server stops.

    Args:
        events: Knows what is shown.
        refs: Has the ref.
        ref: The branch or tag.
        path: The path in it.
    """

    def __init__(self, events: Events, refs: vost.RefDict, ref: str, path: str) -> None:
        self.status_code = 200
        self.background = None
        self.raw_headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),  # nginx would collect events
        ]
        self._events = events
        self._refs = refs
        self._ref = ref
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until there is a reason to end."""
        if self._events.streams >= self._events.most:
            busy = text_answer(503, "Too many pages are watching", [(b"retry-after", b"60")])
            await busy(scope, receive, send)
            return
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        if scope["method"] == "HEAD":
            await send(start)
        else:
            self._events.streams += 1
            try:
                await send(start)
                async with anyio.create_task_group() as group:
                    group.start_soon(self._until_gone, receive, group)
                    group.start_soon(self._until_stopped, scope, group)
                    group.start_soon(self._beat, send)
                    await self._watch(send)
                    group.cancel_scope.cancel()
            finally:
                self._events.streams -= 1
        await send({"type": "http.response.body", "body": b""})

    async def _watch(self, send: Send) -> None:
        async with aclosing(self._refs.watch(self._ref)) as snapshots:
            try:
                async for _ in snapshots:
                    # Looked up as pages are: an option may choose an earlier snapshot.
                    state = await self._events.state(self._ref, self._path)
                    await _send(send, f"data: {json.dumps(state)}\n\n")
            except (KeyError, ValueError, NothingShownError):
                # Gone, or of another kind now: the page finds out when it asks again.
                await _send(send, 'data: {"commit": "", "state": ""}\n\n')

    async def _beat(self, send: Send) -> None:
        while True:
            await anyio.sleep(self._events.heartbeat)
            await _send(send, ":\n\n")

    @staticmethod
    async def _until_gone(receive: Receive, group: TaskGroup) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        group.cancel_scope.cancel()

    @staticmethod
    async def _until_stopped(scope: Scope, group: TaskGroup) -> None:
        stop: asyncio.Event | None = scope.get("state", {}).get("vost.stopping")
        if stop is not None:
            await stop.wait()
            group.cancel_scope.cancel()


async def _send(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
