"""Requests that mean harm: each is answered rightly, and none leaves the tree."""

from __future__ import annotations

import html.parser
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vost
from tests.support.asgi import request
from vost.serve import files

JSON = {"Accept": "application/json"}
NAMES = [
    "<img src=x onerror=1>",
    '"><script>alert(1)<!--',
    "javascript:alert(1)",
    "a&amp;b",
    "a&b",
    "'quote\"",
    "line\nbreak",
    "\x1b[31mred",
    "\u202egnp.exe",
    "back\\slash",
    "per%2ecent",
    "que?stion#hash;semi",
    "-dash",
    "...",
    "a" * 255,
    "\udcff\udcfe not utf-8",
    "sp ace",
    "\u00e4\u20ac\U0001f600",
    "http:x",
]


@pytest.mark.parametrize("in_all", [False, True], ids=["one", "all"])
@pytest.mark.parametrize(
    "target",
    [
        "/../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%2e%2e%2fetc%2fpasswd",
        "/d/%2e%2e/secret",
        "/%252e%252e/etc/passwd",
        "/..%5c..%5cetc%5cpasswd",
        "/..%c0%afetc/passwd",
        "/%c0%ae%c0%ae/etc/passwd",
        "//evil.example/..",
        "///",
        "/\\evil.example",
        "/f%00.txt",
        "/%00",
        "/%0d%0aX-Injected:%201",
        "/%",
        "/%zz",
        "/%f",
        "/.git/config",
        "/config",
        "/HEAD",
        "/objects/info/packs",
        "/refs/heads/main",
        "/" + "a/" * 5000,
        "/" + "%2e%2e/" * 500,
        "http://evil.example/../x",
        "*",
        "",
        "/_/blobs/../../etc/passwd",
        "/_/blobs/%2e%2e",
    ],
)
async def test_nothing_but_the_tree_is_reached(tmp_path, target, in_all):
    async with await vost.GitStore.open(tmp_path / "r.git") as store:
        await (await store.branches["main"]).write("f", b"content")
        app = files(store, None if in_all else "main", all_refs=in_all)
        for headers in ({}, JSON):
            reply = await request(app, target, headers)
            assert reply.status in (200, 404)
            assert b"root:" not in reply.body
            assert b"[core]" not in reply.body
            assert "location" not in reply
            if reply.status == 200:  # the root, however it was spelled
                assert target.strip("/") in ("", "*", "\\evil.example") or "evil" in target
                assert reply["content-type"] != "application/octet-stream"


class Links(html.parser.HTMLParser):
    """All links of a page with their texts, and all tags that there are."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: dict[str, str] = {}
        self.tags: set[str] = set()
        self._href: str | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"href", "charset", "lang"}
        self._href = dict(attrs).get("href") if tag == "a" else None

    def handle_endtag(self, tag: str) -> None:
        self._href = None

    def handle_data(self, data: str) -> None:
        if self._href:
            self.links[self._href] = self.links.get(self._href, "") + data


def _shown(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@pytest.mark.parametrize("in_all", [False, True], ids=["one", "all"])
async def test_names_are_text_wherever_they_stand(store, in_all):
    fs = await store.branches["main"]
    fs = await fs.apply({f"d/{name}/{name}": b"inside" for name in NAMES})
    await store.branches.set("<b>&'evil", fs)
    app = files(store, None if in_all else "main", all_refs=in_all, cors=True)
    prefix = "/%3Cb%3E&'evil" if in_all else ""
    listing = await request(app, f"{prefix}/d")
    page = listing.body.decode("utf-8")  # whoever reads it as what it says to be can
    links = Links(page)
    assert links.tags <= {"html", "head", "meta", "title", "body", "h1", "ul", "li", "a"}
    assert set(links.links.values()) == {_shown(name) for name in NAMES}
    described = (await request(app, f"{prefix}/d", JSON)).json
    assert set(described["entries"]) == set(NAMES)
    for href, name in links.links.items():
        assert href.isascii()
        assert href.isprintable()
        assert not href.startswith("//")
        path = unquote_to_bytes(href).decode("utf-8", "surrogateescape")
        assert _shown(path) == (f"/<b>&'evil/d/{name}" if in_all else f"/d/{name}")
        name = path.rpartition("/")[2]
        inner = f"{href}/{href.rpartition('/')[2]}"
        assert (await request(app, inner)).body == b"inside"
        assert (await request(app, inner, JSON)).json["path"] == f"d/{name}/{name}"
        assert (await request(app, f"{inner}?download")).body == b"inside"


async def test_what_is_said_of_a_missing_name_is_plain_text(store):
    reply = await request(files(store, "main"), "/%3Cscript%3Ealert(1)%3C/script%3E")
    assert reply.text == "Not found: <script>alert(1)</script>"
    assert reply["content-type"] == "text/plain; charset=utf-8"
    assert reply["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "," * 60_000},
        {"Accept": "text/html;" * 6000},
        {"Accept": "q=" * 30_000},
        {"Accept-Encoding": ";".join(["gzip"] * 10_000)},
        {"Range": "bytes=" + ",".join(f"{n}-{n + 1}" for n in range(0, 30_000, 3))},
        {"Range": "bytes=" + "0-," * 20_000},
        {"Range": "bytes=" + "9" * 60_000 + "-"},
        {"If-None-Match": '"x",' * 15_000},
        {"If-Range": '"' * 60_000, "Range": "bytes=0-1"},
        {"Host": "evil.example\u00ff"},
        {"Content-Length": "999999999"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_odd_headers_get_the_file_all_the_same(store, headers):
    app = files(store, "main", page=False)
    reply = await request(app, "/big.bin", headers)
    assert reply.status == 200
    assert len(reply.body) == 1_004_000


async def test_odd_queries_change_nothing(store):
    app = files(store, "main")
    for query in (
        "&" * 5000,
        "=" * 5000,
        "%ff=%fe",
        "a=b;c",
        "x[]=1",
        "%00",
        "&".join(f"a{n}" for n in range(999)),
    ):
        reply = await request(app, f"/hello.txt?{query}")
        assert (reply.status, reply.body) == (200, b"Hello!\n")


SEGMENT = st.one_of(
    st.sampled_from(["a", "b", "d", "x.html", "..", ".", "", "%2e", "%00", "_", "blobs", "main"]),
    st.binary(min_size=1, max_size=4).map(lambda raw: "".join(f"%{byte:02X}" for byte in raw)),
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Accept", "Accept-Encoding", "Range", "If-None-Match", "If-Range", "Host", "X-Other"]
    ),
    st.one_of(
        st.sampled_from(
            [
                "*/*",
                "application/json",
                "text/html",
                "gzip",
                "bytes=0-1",
                "bytes=-1",
                "bytes=9-",
                "*",
            ]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
    ),
    max_size=4,
)
TREE = {"a": b"1", "d/a": b"22", "d/b/a": b"<p>", "d/x.html": b"<html>" * 999, "\u00e4": b""}


@settings(max_examples=150)
@given(
    st.lists(SEGMENT, max_size=5),
    HEADERS,
    st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "get"]),
    st.sampled_from(["", "?", "?at=x", "?archive=zip", "?download", "?a=b&c"]),
)
async def test_every_request_is_answered_as_a_model_of_the_tree_says(
    segments, headers, method, query
):
    async with await vost.GitStore.memory() as store:
        await (await store.branches["main"]).apply(TREE)
        app = files(store, "main", page=False)
        reply = await request(app, "/" + "/".join(segments) + query, headers, method)
        if method == "OPTIONS":
            assert reply.status == 204
            return
        if method not in ("GET", "HEAD"):
            assert reply.status == 405
            return
        names = unquote_to_bytes("/".join(segments)).decode("utf-8", "surrogateescape").split("/")
        path = "/".join(name for name in names if name not in ("", "."))
        is_directory = path == "" or any(name.startswith(f"{path}/") for name in TREE)
        if query == "?at=x" or (path not in TREE and not is_directory):
            assert reply.status == 404
        elif reply.status == 200 and method == "GET" and path in TREE and query != "?archive=zip":
            is_json = "application/json" in headers.get("Accept", "")
            is_packed = "content-encoding" in reply
            assert is_json or is_packed or reply.body == TREE[path]
        else:
            assert reply.status in (200, 206, 304, 416)
