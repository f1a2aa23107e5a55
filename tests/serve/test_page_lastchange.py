"""Last changes are brought up to date for a newer commit, and are what a search would find."""

from __future__ import annotations

import random

import pytest

from tests.serve.test_page import HTML, page_of
from tests.support.asgi import request
from vost.serve import files
from vost.serve.page import lastchange


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_remembered_is_what_a_search_finds(store, seed):
    rng = random.Random(seed)
    fs = await store.branches["main"]
    fs = await fs.apply({f"d/{name}": b"" for name in "abc"})
    looking = files(store, "main")
    for number in range(20):
        path = f"d/{rng.choice('abcdef')}"
        if rng.random() < 0.3 and await fs.exists(path) and len(await fs.ls("d")) > 1:
            fs = await fs.remove(path, message=f"remove {number}")
        else:
            other = f"elsewhere/{number}" if rng.random() < 0.3 else path
            fs = await fs.write(other, b"%d" % number, message=f"write {number}")
        if rng.random() < 0.2 and number:
            fs = await fs.undo()
        if rng.random() < 0.2:
            at = (await fs.back(1)).commit_hash
            await page_of(looking, f"/d?at={at}")
        if rng.random() < 0.5:
            seen = await request(looking, "/d", HTML)
            searched = await request(files(store, "main"), "/d", HTML)
            assert seen.text == searched.text


async def test_a_branch_that_was_set_elsewhere_is_searched_again(store):
    app = files(store, "main")
    first = await store.branches["main"]
    second = await first.write("data/info.json", b"x", message="second")
    assert "second" in (await page_of(app, "/data")).one("ul", class_="listing").text
    other = await (await store.branches.create("other")).write("data/info.json", b"y", message="o")
    await store.branches.set("main", other)
    assert "second" not in (await page_of(app, "/data")).one("ul", class_="listing").text
    await store.branches.set("main", second)
    assert "second" in (await page_of(app, "/data")).one("ul", class_="listing").text


async def test_what_was_changed_longer_ago_than_is_searched_is_left_out(store, monkeypatch):
    monkeypatch.setattr(lastchange, "_COMMITS", 3)
    fs = await store.branches["main"]
    for number in range(5):
        fs = await fs.write("new", b"%d" % number, message=f"number {number}")
    page = await page_of(files(store, "main"), "/")
    rows = {row.text.partition(",")[0]: row.text for row in page.all("li") if ", file" in row.text}
    assert "last change: number 4" in rows["new"]
    assert "last change" not in rows["hello.txt"]
    file = await page_of(files(store, "main"), "/hello.txt")
    assert file.one("dl").text.endswith("Last changelong ago")
