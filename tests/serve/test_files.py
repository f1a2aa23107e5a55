"""The file server for plain clients: contract cli.md 5.2 - 5.5, 9.2 and 9.3."""

from __future__ import annotations

import gzip

import pytest

import vost
from tests.serve.conftest import FILES
from tests.support.asgi import request
from vost.serve import files

JSON = {"Accept": "application/json"}


@pytest.mark.parametrize("path", sorted(FILES))
async def test_a_file_is_its_bytes(store, path):
    fs = await store.branches["main"]
    reply = await request(files(store, "main"), f"/{path}".replace("\u00e4", "%C3%A4"))
    assert (reply.status, reply.body) == (200, FILES[path])
    assert reply["etag"] == f'"{await fs.object_hash(path)}"'
    assert reply["cache-control"] == "no-cache"
    assert reply["accept-ranges"] == "bytes"
    assert reply["content-length"] == str(len(FILES[path]))
    assert reply["x-content-type-options"] == "nosniff"


async def test_a_link_is_its_target(store):
    reply = await request(files(store, "main"), "/link")
    assert reply.body == b"data/info.json"


async def test_a_trailing_slash_and_a_query_change_nothing(store):
    app = files(store, "main")
    for target in (
        "/hello.txt/",
        "//hello.txt",
        "/./hello.txt",
        "/hello.txt?x=1&y",
        "/%68ello.txt",
    ):
        assert (await request(app, target)).body == FILES["hello.txt"]


async def test_what_is_known_of_a_file_comes_as_json(store):
    fs = await store.branches["main"]
    oid = await fs.object_hash("data/info.json")
    reply = await request(files(store, "main"), "/data/info.json", JSON)
    assert reply["content-type"] == "application/json"
    assert reply["vary"] == "Accept"
    assert reply.text == (
        f'{{"path": "data/info.json", "ref": "main", "size": 9, "hash": "{oid}", "type": "file"}}'
    )


async def test_a_directory_is_a_list_of_links(store):
    for target, heading, links in [
        ("/", "/", ["data", "empty", "hello.txt"]),
        ("/data", "data", ["data/info.json", "data/sub"]),
        ("/data/", "data", ["data/info.json", "data/sub"]),
    ]:
        reply = await request(files(store, "main"), target)
        assert reply["content-type"] == "text/html; charset=utf-8"
        assert f"<h1>{heading}</h1>" in reply.text
        for link in links:
            name = link.rpartition("/")[2]
            assert f'<li><a href="/{link}">{name}</a></li>' in reply.text
        names = [line for line in reply.text.splitlines() if line.startswith("<li>")]
        assert names == sorted(names)


async def test_a_directory_comes_as_json(store):
    fs = await store.branches["main"]
    reply = await request(files(store, "main"), "/data", JSON)
    assert list(reply.json) == ["path", "ref", "entries", "type", "items"]
    assert reply.json == {
        "path": "data",
        "ref": "main",
        "entries": ["info.json", "sub"],
        "type": "directory",
        "items": [
            {
                "name": "info.json",
                "type": "file",
                "size": 9,
                "hash": await fs.object_hash("data/info.json"),
                "mode": "100644",
            },
            {
                "name": "sub",
                "type": "directory",
                "size": None,
                "hash": await fs.object_hash("data/sub"),
                "mode": "040000",
            },
        ],
    }
    root = await request(files(store, "main"), "/", JSON)
    assert (root.json["path"], root.json["entries"]) == ("", sorted(root.json["entries"]))


@pytest.mark.parametrize("target", ["/missing", "/hello.txt/x", "/data/../hello.txt", "/a%00b"])
async def test_what_is_not_there_is_not_found(store, target):
    for headers in ({}, JSON):
        reply = await request(files(store, "main"), target, headers)
        assert reply.status == 404
        assert reply["content-type"].startswith("text/plain")
        assert reply.text.startswith("Not found: ")
        assert "etag" not in reply
        assert "cache-control" not in reply
    reply = await request(files(store, "main"), "/missing")
    assert reply.text == "Not found: missing"


async def test_a_new_commit_shows_at_once(store):
    app = files(store, "main")
    before = await request(app, "/hello.txt")
    fs = await store.branches["main"]
    await fs.write("hello.txt", b"new")
    after = await request(app, "/hello.txt", {"If-None-Match": before["etag"]})
    assert (after.status, after.body) == (200, b"new")


async def test_without_a_ref_the_current_branch_is_served(store):
    app = files(store)
    assert (await request(app, "/hello.txt", JSON)).json["ref"] == "main"
    other = await (await store.branches.create("other")).write("only", b"here")
    await store.branches.set_current("other")
    assert (await request(app, "/only")).body == b"here"
    assert other.ref_name == (await request(app, "/", JSON)).json["ref"]


async def test_a_tag_and_a_commit_can_be_served(store):
    tagged = await store.tags["v1"]
    for ref in ("v1", tagged.commit_hash, tagged.commit_hash[:7]):
        reply = await request(files(store, ref), "/hello.txt")
        assert reply.body == b"old\n"
        assert (await request(files(store, ref), "/", JSON)).json["ref"] == ref


async def test_a_ref_that_does_not_exist_is_said_to_be_unknown(store):
    for ref in ("nope", "0" * 40, "bad..name"):
        reply = await request(files(store, ref), "/hello.txt")
        assert (reply.status, reply.text) == (404, f"Unknown ref: {ref}")


async def test_the_snapshot_can_be_chosen_and_is_chosen_again_for_a_new_commit(store):
    asked = []

    async def parent(fs: vost.FS) -> vost.FS:
        asked.append(fs.commit_hash)
        before = await fs.parent
        if before is None:
            raise LookupError("No matching commits found")
        return before

    app = files(store, "main", select=parent)
    assert (await request(app, "/hello.txt")).body == b"old\n"
    assert (await request(app, "/hello.txt")).body == b"old\n"
    assert len(asked) == 1
    await (await store.branches["main"]).write("x", b"x")
    assert (await request(app, "/hello.txt")).body == FILES["hello.txt"]
    orphan = await store.branches.create("orphan")
    reply = await request(files(store, "orphan", select=parent), "/")
    assert (reply.status, reply.text) == (404, "No matching commits found")
    assert orphan.commit_hash in asked


async def test_the_base_path_is_required_and_in_every_link(store):
    for base in ("data", "/data/", "/data"):
        app = files(store, "main", base_path=base)
        for target in ("/data", "/data/"):
            assert 'href="/data/hello.txt"' in (await request(app, target)).text
        assert (await request(app, "/data/data/info.json")).body == FILES["data/info.json"]
        for target in ("/", "/hello.txt", "/database", "/datahello.txt"):
            reply = await request(app, target)
            assert (reply.status, reply.text) == (404, "Not found")


async def test_where_it_is_mounted_is_in_every_link(store):
    app = files(store, "main", base_path="b c")
    reply = await request(app, "/b%20c/data", root_path="/files")
    assert 'href="/files/b%20c/data/info.json"' in reply.text


async def test_methods_other_than_reading_are_refused(store):
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "X"):
        reply = await request(files(store, "main"), "/hello.txt", method=method)
        assert reply.status == 405
        assert reply["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "target", ["/hello.txt", "/big.bin", "/data", "/", "/missing", "/?archive=zip"]
)
@pytest.mark.parametrize("headers", [{}, JSON], ids=["plain", "json"])
async def test_head_says_what_get_says(store, target, headers):
    app = files(store, "main")
    whole = await request(app, target, headers)
    head = await request(app, target, headers, "HEAD")
    assert head.status == whole.status
    assert head.fields == whole.fields


async def test_other_origins_may_read_only_if_told_so(store):
    allowed = {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET, HEAD, OPTIONS",
        "access-control-allow-headers": "Accept, If-None-Match",
        "access-control-expose-headers": "ETag, Content-Length",
    }
    app = files(store, "main", cors=True)
    tag = (await request(app, "/"))["etag"]
    for target, method, headers in [
        ("/hello.txt", "GET", {}),
        ("/", "GET", {}),
        ("/missing", "GET", {}),
        ("/", "GET", {"If-None-Match": tag}),
        ("/", "POST", {}),
        ("/any/thing", "OPTIONS", {}),
    ]:
        reply = await request(app, target, headers, method)
        assert {name: reply[name] for name in allowed} == allowed
        without = await request(files(store, "main"), target, headers, method)
        assert not [name for name, _ in without.fields if name.startswith("access-control")]
    reply = await request(app, "/any/thing", method="OPTIONS")
    assert (reply.status, reply.body) == (204, b"")


async def test_caches_are_told_what_the_options_say(store):
    for options, value in [
        ({}, "no-cache"),
        ({"max_age": 60}, "public, max-age=60"),
        ({"immutable": True, "max_age": 60}, "public, immutable, max-age=31536000"),
        ({"no_cache": True, "immutable": True, "max_age": 60}, "no-store"),
    ]:
        app = files(store, "main", **options)
        for target, headers in [("/hello.txt", {}), ("/", {}), ("/", JSON), ("/hello.txt", JSON)]:
            assert (await request(app, target, headers))["cache-control"] == value
        missing = await request(app, "/missing")
        assert ("cache-control" in missing) is bool(options.get("no_cache"))


@pytest.mark.parametrize(
    "target, headers, method, status",
    [
        ("/missing", {}, "GET", 404),
        ("/missing", {"Accept": "text/html"}, "GET", 404),
        ("/hello.txt", {}, "POST", 405),
        ("/hello.txt", {}, "OPTIONS", 204),
        ("/big.bin", {}, "GET", 413),
        ("/hello.txt", {"Range": "bytes=99-"}, "GET", 416),
        ("/hello.txt", {"If-None-Match": "*"}, "GET", 304),
        ("/hello.txt?archive=nope", {}, "GET", 400),
        ("/hello.txt?archive=zip", {}, "HEAD", 200),
        (f"/_/blobs/{'0' * 40}", {}, "GET", 302),
    ],
)
async def test_no_cache_holds_for_every_answer(store, target, headers, method, status):
    app = files(store, "main", no_cache=True, max_file_size=10, upstream="http://other")
    reply = await request(app, target, headers, method)
    assert reply.status == status
    assert reply["cache-control"] == "no-store"


async def test_files_beyond_the_limit_are_refused_and_directories_are_not(store):
    app = files(store, "main", max_file_size=10)
    for headers in ({}, JSON):
        reply = await request(app, "/big.bin", headers)
        assert reply.status == 413
        assert reply.text == "File too large: big.bin (1004000 bytes, limit 10 bytes)"
        assert (await request(app, "/data", headers)).status == 200
    assert (await request(app, "/hello.txt")).status == 200


async def test_options_that_contradict_themselves_are_refused(store):
    with pytest.raises(ValueError, match="all_refs"):
        files(store, "main", all_refs=True)
    for options in ({"max_age": -1}, {"max_file_size": -1}):
        with pytest.raises(ValueError, match="0 or more"):
            files(store, **options)


@pytest.mark.parametrize("name", ["notes.txt", "large.txt"])
async def test_text_is_compressed_for_who_takes_it(store, name):
    content = b"A line of text.\n" * (100 if name == "notes.txt" else 50_000)
    fs = await (await store.branches["main"]).write(name, content)
    oid = await fs.object_hash(name)
    app = files(store, "main")
    plain = await request(app, f"/{name}")
    assert (plain.body, plain["etag"]) == (content, f'"{oid}"')
    assert plain["vary"] == "Accept, Accept-Encoding"
    for accepted in ("gzip", "br, gzip;q=0.5", "*", "deflate, X-GZIP"):
        reply = await request(app, f"/{name}", {"Accept-Encoding": accepted})
        assert reply["content-encoding"] == "gzip"
        assert reply["etag"] == f'"{oid}-gzip"'
        assert gzip.decompress(reply.body) == content
        assert len(reply.body) < len(content) / 10
        again = {"Accept-Encoding": accepted, "If-None-Match": reply["etag"]}
        assert (await request(app, f"/{name}", again)).status == 304
    for refused in ("gzip;q=0", "identity", "br", "*;q=0", "gzip;q=0, *"):
        reply = await request(app, f"/{name}", {"Accept-Encoding": refused})
        assert reply.body == content
        assert "content-encoding" not in reply
    part = await request(app, f"/{name}", {"Accept-Encoding": "gzip", "Range": "bytes=1-3"})
    assert (part.status, part.body) == (206, content[1:4])


async def test_what_does_not_get_smaller_is_not_compressed(store):
    app = files(store, "main")
    for target in ("/hello.txt", "/big.bin"):
        assert "content-encoding" not in await request(app, target, {"Accept-Encoding": "gzip"})


async def test_what_browsers_would_run_is_put_into_a_sandbox(store):
    fs = await store.branches["main"]
    await fs.apply({f"x.{ending}": b"x" for ending in ("svg", "xhtml", "xml", "js", "css", "png")})
    app = files(store, "main")
    for name, boxed in [
        ("page.html", True),
        ("x.svg", True),
        ("x.xhtml", True),
        ("x.xml", True),
        ("x.js", True),
        ("x.png", False),
        ("hello.txt", False),
        ("big.bin", False),
    ]:
        reply = await request(app, f"/{name}")
        assert ("content-security-policy" in reply) is boxed, name
        if boxed:
            assert reply["content-security-policy"].startswith("sandbox; default-src 'none';")
    assert (await request(app, f"/_/blobs/{await fs.object_hash('page.html')}"))[
        "content-type"
    ] == "application/octet-stream"


async def test_the_charset_is_said_where_it_matters(store):
    fs = await store.branches["main"]
    await fs.apply({"latin.txt": b"h\xe4llo", "large.txt": b"a" * 70_000})
    app = files(store, "main")
    for target, kind in [
        ("/hello.txt", "text/plain"),
        ("/latin.txt", "text/plain"),
        ("/uml%C3%A4ut.txt", "text/plain; charset=utf-8"),
        ("/large.txt", "text/plain; charset=utf-8"),
        ("/empty", "application/octet-stream"),
    ]:
        assert (await request(app, target))["content-type"] == kind


async def test_a_download_is_named_as_its_file(store):
    fs = await store.branches["main"]
    await fs.write('a"b\r\nc \u20ac.txt', b"x")
    app = files(store, "main")
    reply = await request(app, "/a%22b%0D%0Ac%20%E2%82%AC.txt?download")
    assert reply["content-disposition"] == (
        "attachment; filename=\"a_b__c _.txt\"; filename*=UTF-8''a%22b%0D%0Ac%20%E2%82%AC.txt"
    )
    assert "content-disposition" not in await request(app, "/hello.txt")


async def test_an_earlier_commit_of_what_is_shown_can_be_seen(store):
    tagged = await store.tags["v1"]
    other = await (await store.branches.create("other")).write("x", b"secret")
    for app, prefix in ((files(store, "main"), ""), (files(store, all_refs=True), "/main")):
        reply = await request(app, f"{prefix}/hello.txt?at={tagged.commit_hash}")
        assert reply.body == b"old\n"
        listing = await request(app, f"{prefix}/?at={tagged.commit_hash}")
        assert f'href="{prefix}/hello.txt?at={tagged.commit_hash}"' in listing.text
        for at in (other.commit_hash, tagged.tree_hash, "0" * 40, "main", tagged.commit_hash[:9]):
            reply = await request(app, f"{prefix}/hello.txt?at={at}")
            assert (reply.status, reply.text) == (404, f"Not in the history of main: {at}")


async def test_errors_are_in_the_charset_that_they_say(store):
    reply = await request(files(store, "main"), "/bad%ff%c3%bc")
    assert (reply.status, reply.text) == (404, "Not found: bad\ufffd\u00fc")
