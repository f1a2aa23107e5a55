"""The page: listings and files, for browsers. Programs get what they got before."""

from __future__ import annotations

import gzip

import pytest

import vost
from tests.serve.conftest import FILES
from tests.support.asgi import request
from tests.support.pages import Document
from vost.serve import files
from vost.serve.entities import Entities
from vost.serve.options import FileOptions
from vost.serve.page import filepage, listing
from vost.serve.page.events import Events
from vost.serve.shown import OneRef

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self';"
    " frame-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)


async def page_of(app, target, status=200):
    """Return the page at a URL, checked for all that is demanded of every page."""
    reply = await request(app, target, HTML)
    assert reply.status == status, reply.text
    assert reply["content-type"] == "text/html; charset=utf-8"
    assert reply["content-security-policy"] == POLICY
    assert reply["referrer-policy"] == "same-origin"
    assert reply["x-content-type-options"] == "nosniff"
    assert reply["vary"] == "Accept, Accept-Encoding"
    return Document(reply.text)


async def test_a_folder_is_a_list_as_the_contract_has_it(store):
    app = files(store, "main")
    for target, heading, links in [
        ("/", "/", ["data", "empty", "hello.txt"]),
        ("/data/", "data", ["data/info.json", "data/sub"]),
    ]:
        text = (await request(app, target, HTML)).text
        assert f"<h1>{heading}</h1>" in text
        for link in links:
            name = link.rpartition("/")[2]
            assert f'<li><a href="/{link}">{name}</a>' in text
        rows = Document(text).all("ul", class_="listing")
        assert len(rows) == 1
    page = await page_of(app, "/")
    names = sorted(["link", *{path.split("/")[0] for path in FILES}])
    listed = [url for url in page.links if url.count("/") == 1 and "?" not in url and url != "/"]
    assert [url.strip("/") for url in listed] == [
        name.replace("\u00e4", "%C3%A4") for name in names
    ]


async def test_an_entry_has_kind_size_and_last_change(store):
    fs = await store.branches["main"]
    fs = await fs.write("data/info.json", b"x" * 2048, message="Longer\n\nAnd why.")
    page = await page_of(files(store, "main"), "/")
    rows = {row.text.partition(",")[0]: row.text for row in page.all("li") if "," in row.text}
    day = fs.time.strftime("%Y-%m-%d")
    assert rows["hello.txt"].startswith("hello.txt, file, 7 B, last change: ")
    assert rows["data"] == f"data, directory, last change: Longer, {day}"
    assert rows["link"].startswith("link, link, 14 B,")
    assert page.link("Longer") == f"/?at={fs.commit_hash}&view=changes".replace(
        f"at={fs.commit_hash}&", ""
    )
    inner = await page_of(files(store, "main"), "/data")
    assert "info.json, file, 2.0 KiB, last change: Longer" in inner.one("main").text


@pytest.mark.parametrize("whole", [1000, 10], ids=["small", "large"])
async def test_large_folders_come_in_pages(store, monkeypatch, whole):
    monkeypatch.setattr(listing, "PER_PAGE", 30)
    monkeypatch.setattr(listing, "_WHOLE", whole)
    fs = await store.branches["main"]
    await fs.apply(
        {f"many/f{number:02}": b"%d" % number for number in range(70)} | {"many/d/x": b""}
    )
    app = files(store, "main")
    seen = []
    target = "/many"
    while target:
        page = await page_of(app, target)
        items = page.all("li") if page.all("ul", class_="listing") else []
        seen += [item.text.partition(",")[0] for item in items if "last change" in item.text]
        following = [e["href"] for e in page.all("a") if e.attributes.get("rel") == "next"]
        target = following[0] if following else None
    assert seen == ["d", *(f"f{number:02}" for number in range(70))]
    assert "61\u201371 of 71 entries" in page.one("main").text
    assert "f69, file, 2 B" in page.one("main").text
    assert "Page 3 of 3" in (await page_of(app, "/many?page=99999")).one("main").text
    for strange in ("0", "-1", "x", "1e9", "%C2%B2", "9" * 400):
        assert "Page 1 of 3" in (await page_of(app, f"/many?page={strange}")).one("main").text
    assert "d, directory, last change" in (await page_of(app, "/many")).one("main").text


async def test_a_folder_is_filtered_by_name(store):
    app = files(store, "main")
    page = await page_of(app, "/?filter=HELLO")
    assert "1 entry of 7 with \u201cHELLO\u201d" in page.one("main").text
    assert len(page.one("ul", class_="listing").text.split("last change")) == 2
    assert page.one("input", type="search")["value"] == "HELLO"
    none = await page_of(app, "/?filter=nothing%22%3E%3Cb%3E")
    assert none.link("Show all") == "/"
    assert none.one("input", type="search")["value"] == 'nothing"><b>'
    raw = await page_of(app, "/?filter=%FF%0A")
    assert raw.one("input", type="search")["value"] == "\\xff\\x0a"


async def test_an_empty_folder_says_so(store):
    await store.branches.create("bare")
    page = await page_of(files(store, "bare"), "/")
    assert "Nothing is in this folder" in page.one("main").text


async def test_a_file_is_shown_with_what_is_known_of_it(store):
    app = files(store, "main")
    page = await page_of(app, "/hello.txt")
    facts = page.one("dl").text
    assert facts.startswith("Size7 B TypeText \u00b7 1 line \u00b7 ASCII Last change")
    assert page.link("Raw") == "/hello.txt?raw"
    assert page.link("Download") == "/hello.txt?download"
    assert page.link("History") == "/hello.txt?view=history"
    assert page.one("span", id="L1").text == "1Hello!"
    assert page.link("1") == "#L1"


@pytest.mark.parametrize(
    "name, content, expected",
    [
        ("big.txt", b"x" * (1024 * 1024 + 1), "too large to be shown here. See the raw file"),
        ("a.dat", b"\0\1", "This file is not text. See the raw file"),
        ("none.txt", b"", "This file is empty."),
        ("latin.txt", b"caf\xe9\n", "not UTF-8: shown as ISO 8859-1"),
        ("dos.txt", b"a\r\nb\r\n", "2 lines \u00b7 ASCII \u00b7 CRLF"),
        ("mixed.txt", b"a\r\nb\nc\nd\r\n", "CRLF and LF"),
        ("wide.txt", "h\u00e4".encode("utf-16"), "UTF-16"),
        ("bom.txt", b"\xef\xbb\xbfhi", "UTF-8 with a byte order mark"),
        ("page.html", b"<h1>x</h1>", "This is the source. Open the web page: its scripts"),
        ("a.unknown", b"plain", "Text \u00b7 1 line"),
        ("a.tiff", b"II*\0\0", "image/tiff"),
    ],
)
async def test_a_file_is_shown_as_what_it_is(store, name, content, expected):
    await (await store.branches["main"]).write(name, content)
    page = await page_of(files(store, "main"), f"/{name}")
    assert expected in page.one("main").text


async def test_of_a_long_text_the_beginning_is_shown(store, monkeypatch):
    monkeypatch.setattr(filepage, "MOST_LINES", 100)
    await (await store.branches["main"]).write("long.txt", b"a\n" * 101)
    page = await page_of(files(store, "main"), "/long.txt")
    assert "Only the first 100 lines are shown. See all of it" in page.one("main").text
    assert len(page.all("span", class_="line")) == 100


@pytest.mark.parametrize(
    "name, tag",
    [
        ("a.png", "img"),
        ("a.svg", "img"),
        ("a.webp", "img"),
        ("a.mp4", "video"),
        ("a.webm", "video"),
        ("a.mp3", "audio"),
        ("a.pdf", "iframe"),
    ],
)
async def test_media_are_shown_in_place_by_their_raw_bytes(store, name, tag):
    await (await store.branches["main"]).write(name, b"<svg/>")
    app = files(store, "main")
    page = await page_of(app, f"/{name}")
    url = page.one(tag)["src"]
    assert url == f"/{name}?raw"
    assert (await request(app, url, HTML)).body == b"<svg/>"


async def test_raw_bytes_come_whatever_is_accepted(store):
    app = files(store, "main")
    for accept in ("text/html", "application/json", "*/*", "image/png"):
        reply = await request(app, "/page.html?raw", {"Accept": accept})
        assert reply.body == FILES["page.html"]
        assert reply["content-security-policy"].startswith("sandbox;")
    reply = await request(app, "/hello.txt?download", HTML)
    assert reply.body == FILES["hello.txt"]
    assert reply["content-disposition"].startswith("attachment")
    reply = await request(app, "/data?archive=zip", HTML)
    assert reply["content-type"] == "application/zip"


async def test_the_source_of_a_picture_is_one_click_away(store):
    await (await store.branches["main"]).write("a.svg", b"<svg>\n</svg>")
    app = files(store, "main")
    url = (await page_of(app, "/a.svg")).link("Show the source")
    source = await page_of(app, url)
    assert source.one("span", id="L1").text == "1<svg>"
    assert source.link("Show the picture") == "/a.svg"


async def test_links_say_where_they_lead(store):
    fs = await store.branches["main"]
    links = {"data/up": "../hello.txt", "out": "../../etc/passwd", "abs": "/etc", "gone": "nope"}
    await fs.apply({path: vost.WriteEntry(target=target) for path, target in links.items()})
    app = files(store, "main")
    assert (await page_of(app, "/data/up")).link("../hello.txt") == "/hello.txt"
    assert (await page_of(app, "/link")).link("data/info.json") == "/data/info.json"
    for path in ("out", "abs", "gone"):
        page = await page_of(app, f"/{path}")
        assert "which is not in this repository" in page.one("main").text


async def test_crumbs_lead_up(store):
    page = await page_of(files(store, "main"), "/data/sub/deep.bin")
    crumbs = page.one("nav", **{"aria-label": "Folders"})
    assert crumbs.text == "main data sub"
    assert [page.link(name) for name in ("main", "data", "sub")] == ["/", "/data", "/data/sub"]


@pytest.mark.parametrize(
    "target, status, message",
    [
        ("/missing", 404, "Not found: missing"),
        ("/data/../x", 404, "Not found: data/../x"),
        ("/hello.txt?at=nonsense", 404, "Not in the history of main: nonsense"),
        ("/?archive=rar", 400, "Unknown archive format: rar"),
        ("/big.bin", 413, "File too large: big.bin (1004000 bytes, limit 1000000 bytes)"),
        ("/_/blobs/xyz", 404, "Invalid blob hash: xyz"),
    ],
)
async def test_errors_are_pages_for_people_and_text_for_programs(store, target, status, message):
    app = files(store, "main", max_file_size=1_000_000)
    page = await page_of(app, target, status)
    assert message in page.one("main").text
    assert page.link("Go to the start") == "/"
    plain = await request(app, target)
    assert plain.status == status
    assert plain["content-type"].startswith("text/plain")
    assert plain.text.startswith(message)


async def test_what_is_missing_may_have_been_there(store):
    fs = await store.branches["main"]
    await (await fs.write("a/gone", b"x")).remove("a/gone")
    app = files(store, "main")
    page = await page_of(app, "/a/gone", 404)
    assert page.link("Go to the folder above") == "/a"
    history = await page_of(app, page.link("See whether something was here before"))
    assert "History of what is here no more" in history.one("main").text
    await page_of(app, "/a/never?view=history", 404)
    await page_of(app, "/a/never?view=changes", 404)


async def test_programs_can_do_without_the_page(store):
    app = files(store, "main", page=False)
    assert (await request(app, "/hello.txt", HTML)).body == FILES["hello.txt"]
    assert (await request(app, "/missing", HTML)).text == "Not found: missing"
    assert "content-security-policy" not in await request(app, "/", HTML)


async def test_pages_are_known_by_their_tags(store):
    app = files(store, "main")
    tags = set()
    targets = ["/", "/data", "/hello.txt", "/?view=history", "/?view=changes", "/?filter=x"]
    for target in targets:
        reply = await request(app, target, HTML)
        tags.add(reply["etag"])
        again = await request(app, target, {**HTML, "If-None-Match": reply["etag"]})
        assert (again.status, again.body, again["etag"]) == (304, b"", reply["etag"])
        assert again["content-security-policy"] == POLICY
        assert reply["cache-control"] == "no-cache"
        head = await request(app, target, HTML, "HEAD")
        assert head["content-length"] == str(len(reply.body))
    assert len(tags) == len(targets)
    for accept in ("*/*", "application/json"):
        assert (await request(app, "/data", {"Accept": accept}))["etag"] not in tags
    await (await store.branches["main"]).write("new", b"")
    for target in targets:
        assert (await request(app, target, HTML))["etag"] not in tags


async def test_pages_are_compressed_where_that_is_accepted(store):
    app = files(store, "main")
    plain = await request(app, "/", HTML)
    for _ in range(2):
        reply = await request(app, "/", {**HTML, "Accept-Encoding": "gzip"})
        assert reply["content-encoding"] == "gzip"
        assert gzip.decompress(reply.body) == plain.body
        assert reply["etag"] != plain["etag"]
    tag = {"If-None-Match": reply["etag"]}
    assert (await request(app, "/", {**HTML, "Accept-Encoding": "gzip", **tag})).status == 304
    assert (await request(app, "/", {**HTML, **tag})).status == 200


async def test_what_pages_load_is_kept_for_ever(store):
    app = files(store, "main", base_path="base")
    page = await page_of(app, "/base/")
    urls = [element["href"] for element in page.all("link")] + [page.one("script")["src"]]
    kinds = ["text/css; charset=utf-8", "image/svg+xml", "text/javascript; charset=utf-8"]
    for url, kind in zip(urls, kinds, strict=True):
        assert url.startswith("/base/_/page/")
        reply = await request(app, url, {"Accept": "*/*"})
        assert (reply.status, reply["content-type"]) == (200, kind)
        assert reply["cache-control"] == "public, immutable, max-age=31536000"
        again = await request(app, url, {"If-None-Match": reply["etag"]})
        assert again.status == 304
        packed = await request(app, url, {"Accept-Encoding": "gzip"})
        if len(reply.body) >= 1024:
            assert gzip.decompress(packed.body) == reply.body
    for target in ("/base/_/page/", "/base/_/page/x/page.css", "/base/_/page/../pages.py"):
        assert (await request(app, target)).status == 404


async def test_a_folder_of_the_repository_may_be_called_like_ours(store):
    fs = await store.branches["main"]
    await fs.apply({"_/page/page.css": b"theirs", "_/events": b"mine"})
    app = files(store, "main")
    assert (await request(app, "/_/page/page.css")).body == b"theirs"
    assert (await request(app, "/_/events")).body == b"mine"


async def test_no_cache_and_cors_hold_for_pages(store):
    app = files(store, "main", no_cache=True, cors=True)
    for target, status in (("/", 200), ("/missing", 404)):
        reply = await request(app, target, HTML)
        assert reply.status == status
        assert reply["cache-control"] == "no-store"
        assert reply["access-control-allow-origin"] == "*"


async def test_links_keep_base_path_and_mount(store):
    app = files(store, "main", base_path="base")
    reply = await request(app, "/base/data", HTML, root_path="/app")
    page = Document(reply.text)
    assert all(url.startswith(("/app/base/", "#")) for url in page.links)
    assert page.link("info.json") == "/app/base/data/info.json"
    assert page.one("body")["data-events"].startswith("/app/base/_/events?ref=main")


async def test_all_branches_and_tags_are_listed_with_their_last_commits(store):
    fs = await store.branches["main"]
    await store.branches.set("feature/x", await fs.write("new", b"", message="Try it"))
    app = files(store, all_refs=True)
    reply = await request(app, "/", HTML)
    assert "etag" not in reply
    page = Document(reply.text)
    for part in ("<h2>Branches</h2>", "<h2>Tags</h2>", '<li><a href="/feature/x/">feature/x</a>'):
        assert part in reply.text
    assert page.link("feature/x") == "/feature/x/"
    rows = [row.text for row in page.all("li")]
    assert rows[0].startswith("feature/x, last commit: Try it")
    assert any(row.startswith("main current, last commit: ") for row in rows)
    (url,) = {
        element["href"]
        for element in page.all("a")
        if element["href"].startswith("/feat") and element.text == "Try it"
    }
    assert url == "/feature/x?view=changes"


async def test_a_submodule_is_said_to_be_one(store, tmp_path, git):
    path = tmp_path / "r.git"
    async with await vost.GitStore.open(path, create=True) as made:
        commit = (await made.branches["main"]).commit_hash
        git(path, "update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
        tree = git(path, "write-tree").strip()
        new = git(path, "commit-tree", tree, "-m", "sub").strip()
        git(path, "update-ref", "refs/heads/main", new)
        app = files(made, "main")
        page = await page_of(app, "/")
        assert "sub, submodule" in page.one("main").text
        inner = await page_of(app, "/sub")
        assert f"commit {commit} of another repository" in inner.one("main").text
        events = Events(made, OneRef(made, FileOptions(ref="main")), Entities())
        # Else the page would take the first event for a change, and load again for ever.
        assert (await events.state("main", "sub"))["state"] == inner.one("body")["data-state"]
