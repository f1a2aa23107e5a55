"""The file server with all branches and tags, each below its name."""

from __future__ import annotations

import pytest

from tests.serve.conftest import FILES
from tests.support.asgi import request
from vost.serve import files

JSON = {"Accept": "application/json"}


@pytest.fixture
async def app(store):
    fs = await store.branches["main"]
    await store.branches.set("feature/x", await store.tags["v1"])
    await store.tags.set("feature", fs)
    await store.branches.set("<b>evil</b>", fs)
    return files(store, all_refs=True)


async def test_the_root_lists_branches_and_tags(app):
    reply = await request(app, "/")
    assert reply["content-type"] == "text/html; charset=utf-8"
    assert "etag" not in reply
    for part in (
        "<h2>Branches</h2>",
        "<h2>Tags</h2>",
        '<a href="/main/">main</a>',
        '<a href="/v1/">v1</a>',
        '<a href="/feature/x/">feature/x</a>',
        '<a href="/%3Cb%3Eevil%3C/b%3E/">&lt;b&gt;evil&lt;/b&gt;</a>',
    ):
        assert part in reply.text
    reply = await request(app, "/", JSON)
    assert reply.json == {
        "branches": ["<b>evil</b>", "feature/x", "main"],
        "tags": ["feature", "v1"],
    }
    assert list(reply.json) == ["branches", "tags"]


async def test_files_lie_below_the_name_of_their_ref(app):
    for target, body in [
        ("/main/hello.txt", FILES["hello.txt"]),
        ("/v1/hello.txt", b"old\n"),
        ("/feature/x/hello.txt", b"old\n"),
        ("/feature%2Fx/hello.txt", b"old\n"),
        ("/feature/hello.txt", FILES["hello.txt"]),
        ("/main/data/info.json", FILES["data/info.json"]),
    ]:
        reply = await request(app, target)
        assert (reply.status, reply.body) == (200, body), target


async def test_links_and_json_have_the_ref(app):
    for target in ("/main", "/main/"):
        reply = await request(app, target)
        assert 'href="/main/hello.txt"' in reply.text
        assert 'href="/main/data"' in reply.text
        assert "<h1>/</h1>" in reply.text
    assert (await request(app, "/feature/x/", JSON)).json["ref"] == "feature/x"
    reply = await request(app, "/main/data/info.json", JSON)
    assert (reply.json["path"], reply.json["ref"]) == ("data/info.json", "main")


async def test_of_a_branch_and_a_tag_of_one_name_the_branch_is_meant(store):
    await store.tags.set("main", await store.tags["v1"])
    reply = await request(files(store, all_refs=True), "/main/hello.txt")
    assert reply.body == FILES["hello.txt"]


async def test_commits_and_unknown_refs_are_not_served(app, store):
    commit = (await store.branches["main"]).commit_hash
    for target, name in [
        (f"/{commit}/hello.txt", commit),
        ("/nope", "nope"),
        ("/nope/deep/path", "nope"),
        ("/HEAD/x", "HEAD"),
        ("/refs/heads/main", "refs"),
        ("/main.lock", "main.lock"),
        ("/..", ".."),
        ("/a%00/x", "a\0"),
    ]:
        reply = await request(app, target)
        assert (reply.status, reply.text) == (404, f"Unknown ref: {name}")
        assert "etag" not in reply
    assert (await request(app, "/main/nope")).text == "Not found: nope"


async def test_the_base_path_stands_before_the_ref(store):
    app = files(store, all_refs=True, base_path="data")
    assert 'href="/data/main/"' in (await request(app, "/data")).text
    assert 'href="/data/main/hello.txt"' in (await request(app, "/data/main")).text
