"""Blobs by id: contract cli.md 9.2 and 9.3."""

from __future__ import annotations

import vost
from tests.serve.conftest import FILES
from tests.support.asgi import request
from vost.serve import files

JSON = {"Accept": "application/json"}


async def test_a_blob_is_served_by_its_id(store):
    fs = await store.branches["main"]
    for app in (files(store, "main"), files(store, all_refs=True)):
        for path in ("big.bin", "data/sub/deep.bin", "empty"):
            oid = await fs.object_hash(path)
            reply = await request(app, f"/_/blobs/{oid}")
            assert (reply.status, reply.body) == (200, FILES[path])
            assert reply["content-type"] == "application/octet-stream"
            assert reply["etag"] == f'"{oid}"'
            known = await request(app, f"/_/blobs/{oid}", {"If-None-Match": f'"{oid}"'})
            assert known.status == 304
            described = await request(app, f"/_/blobs/{oid}", JSON)
            assert described.text == (
                f'{{"hash": "{oid}", "size": {len(FILES[path])}, "type": "blob"}}'
            )
        oid = await fs.object_hash("big.bin")
        part = await request(app, f"/_/blobs/{oid}", {"Range": "bytes=-3"})
        assert (part.status, part.body) == (206, FILES["big.bin"][-3:])


async def test_only_what_the_shown_refs_lead_to_is_served(store):
    old = await (await store.tags["v1"]).object_hash("hello.txt")
    other = await (await store.branches.create("other")).write("x", b"secret")
    secret = await other.object_hash("x")
    one, every = files(store, "main"), files(store, all_refs=True)
    assert (await request(one, f"/_/blobs/{old}")).body == b"old\n"
    reply = await request(one, f"/_/blobs/{secret}")
    assert (reply.status, reply.text) == (404, f"Blob not found: {secret}")
    assert (await request(every, f"/_/blobs/{secret}")).body == b"secret"
    await store.branches.delete("other")
    assert (await request(every, f"/_/blobs/{secret}")).status == 404


async def test_what_is_no_id_or_no_blob_is_said_to_be_so(store):
    fs = await store.branches["main"]
    app = files(store, "main")
    for bad in ("xyz", "0" * 39, "A" * 40, "a/b", "0" * 41):
        reply = await request(app, f"/_/blobs/{bad}")
        assert (reply.status, reply.text) == (404, f"Invalid blob hash: {bad}")
    for missing in ("0" * 40, fs.commit_hash, fs.tree_hash):
        reply = await request(app, f"/_/blobs/{missing}")
        assert (reply.status, reply.text) == (404, f"Blob not found: {missing}")
        assert "etag" not in reply


async def test_clients_are_sent_upstream_for_what_is_lacking(store):
    app = files(store, "main", upstream="https://example.org/v/")
    reply = await request(app, f"/_/blobs/{'0' * 40}")
    assert reply.status == 302
    assert reply["location"] == f"https://example.org/v/_/blobs/{'0' * 40}"
    assert (await request(app, "/_/blobs/x")).status == 404


async def test_the_limit_on_sizes_goes_for_blobs_too(store):
    oid = await (await store.branches["main"]).object_hash("big.bin")
    app = files(store, "main", max_file_size=100)
    for headers in ({}, JSON):
        reply = await request(app, f"/_/blobs/{oid}", headers)
        assert reply.status == 413
        assert reply.text == f"File too large: {oid} (1004000 bytes, limit 100 bytes)"


async def test_a_directory_of_that_name_is_served_where_it_does_not_collide(store):
    await (await store.branches["main"]).write("_/x/y", b"mine")
    assert (await request(files(store, "main"), "/_/x/y")).body == b"mine"


async def test_a_tag_of_what_is_no_commit_is_in_nobodys_way(tmp_path):
    async with await vost.GitStore.open(tmp_path / "r.git") as store:
        fs = await (await store.branches["main"]).write("a", b"content")
        oid = await fs.object_hash("a")
        (tmp_path / "r.git" / "refs" / "tags" / "of-a-blob").write_text(f"{oid}\n")
        app = files(store, all_refs=True)
        assert (await request(app, f"/_/blobs/{oid}")).body == b"content"
        assert (await request(app, "/of-a-blob")).text == "Unknown ref: of-a-blob"
        assert (await request(app, "/main/a")).body == b"content"
