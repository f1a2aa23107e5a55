"""A repository to serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import vost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FILES = {
    "hello.txt": b"Hello!\n",
    "data/info.json": b'{"a": 1}\n',
    "data/sub/deep.bin": bytes(range(256)) * 8,
    "empty": b"",
    "big.bin": bytes(range(251)) * 4000,
    "page.html": b"<script>alert(1)</script>",
    "uml\u00e4ut.txt": "h\u00e4llo".encode(),
}


@pytest.fixture
async def store(anyio_backend: object) -> AsyncIterator[vost.GitStore]:
    """A store whose `main` has `FILES`, a link, and a tag `v1` of an older state."""
    async with await vost.GitStore.memory() as store:
        fs = await store.branches["main"]
        fs = await fs.write("hello.txt", b"old\n")
        await store.tags.set("v1", fs)
        content: dict[str, bytes | vost.WriteEntry] = dict(FILES)
        content["link"] = vost.WriteEntry(target="data/info.json")
        await fs.apply(content)
        yield store
