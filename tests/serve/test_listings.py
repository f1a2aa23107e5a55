"""Lists of entries and of refs: compressed where the client takes that, and never in one go."""

from __future__ import annotations

import gzip

import pytest

import vost
from tests.support.asgi import request
from vost.serve import files

JSON = {"Accept": "application/json"}
GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture
async def full(store):
    fs = await store.branches["main"]
    await fs.apply({f"many/entry-{number:04}": b"x" for number in range(1200)})
    return store


@pytest.mark.parametrize("headers", [{}, JSON])
@pytest.mark.parametrize("target", ["/main/many", "/main/many/"])
async def test_a_long_list_is_compressed_for_who_takes_it(full, headers, target):
    app = files(full, all_refs=True)
    plain = await request(app, target, headers)
    assert "content-encoding" not in plain
    for _ in range(2):
        packed = await request(app, target, {**headers, **GZIP})
        assert packed["content-encoding"] == "gzip"
        assert packed["content-length"] == str(len(packed.body))
        assert gzip.decompress(packed.body) == plain.body
    assert packed["etag"] == f'{plain["etag"][:-1]}-gzip"'
    for reply in (plain, packed):
        assert reply["vary"] == "Accept, Accept-Encoding"
        assert reply["cache-control"] == "no-cache"
    for known, accepted, status in [
        (packed["etag"], GZIP, 304),
        (plain["etag"], GZIP, 304),
        (plain["etag"], {}, 304),
        (packed["etag"], {}, 200),
    ]:
        again = await request(app, target, {**headers, **accepted, "If-None-Match": known})
        assert again.status == status
        if status == 304:
            assert (again["etag"], again["vary"]) == (known, "Accept, Accept-Encoding")
            assert again.body == b""
    head = await request(app, target, {**headers, **GZIP}, "HEAD")
    assert (head["etag"], head["content-length"]) == (packed["etag"], str(len(packed.body)))


async def test_a_short_list_is_not_compressed(store):
    reply = await request(files(store, "main"), "/data", GZIP)
    assert "content-encoding" not in reply
    assert reply["etag"] == (await request(files(store, "main"), "/data"))["etag"]
    assert reply["vary"] == "Accept, Accept-Encoding"


async def test_equal_trees_with_other_links_are_not_mixed_up(full):
    main = await full.branches["main"]
    await full.branches.set("other", main)
    app = files(full, all_refs=True)
    for name in ("main", "other", "main"):
        reply = await request(app, f"/{name}/many", GZIP)
        assert f'href="/{name}/many/entry-0000"'.encode() in gzip.decompress(reply.body)


@pytest.mark.parametrize("headers", [{}, JSON])
async def test_the_list_of_refs_is_compressed_too(store, headers):
    fs = await store.branches["main"]
    for number in range(60):
        await store.branches.set(f"a-branch-with-a-long-name-{number}", fs)
    app = files(store, all_refs=True)
    plain = await request(app, "/", headers)
    packed = await request(app, "/", {**headers, **GZIP})
    assert packed["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    for reply in (plain, packed):
        assert reply["vary"] == "Accept, Accept-Encoding"
        assert "etag" not in reply


async def test_a_long_list_says_what_a_short_one_does(full):
    app = files(full, "main")
    found = (await request(app, "/many", JSON)).json
    names = [f"entry-{number:04}" for number in range(1200)]
    assert list(found) == ["path", "ref", "entries", "type", "items"]
    assert (found["path"], found["ref"], found["type"]) == ("many", "main", "directory")
    assert found["entries"] == names
    assert [item["name"] for item in found["items"]] == names
    assert list(found["items"][700]) == ["name", "type", "size", "hash", "mode"]


async def test_an_empty_tree_is_an_empty_list():
    async with await vost.GitStore.memory() as store:
        found = (await request(files(store, "main"), "/", JSON)).json
        assert found == {"path": "", "ref": "main", "entries": [], "type": "directory", "items": []}


async def test_names_that_are_not_utf8_are_in_long_lists(full):
    fs = await full.branches["main"]
    await fs.write("many/\udcff\u00fc", b"x")
    reply = await request(files(full, "main"), "/many", JSON)
    assert reply.json["entries"][-1] == "\udcff\u00fc"
    assert reply.json["items"][-1]["name"] == "\udcff\u00fc"
