"""The page and what others write: names, messages, authors, refs, READMEs. None of it runs."""

from __future__ import annotations

from urllib.parse import quote, quote_from_bytes

import pytest

import vost
from tests.serve.test_page import HTML, page_of
from tests.support.asgi import request
from tests.support.pages import Document
from vost.serve import files

XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title><script>alert(1)</script>",
    "</option></select><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "<!--",
    "]]>",
    "&lt;b&gt;",
]
TURNED = "\u202egpj.exe\u2066\u200f"


def encoded(path):
    return "/" + quote_from_bytes(path.encode("utf-8", "surrogateescape"), safe="/")


async def every_page(app, path):
    """Return the pages about a path, each well-formed or an assertion fails."""
    return [
        await page_of(app, f"{path}{query}")
        for query in ("", "?view=history", "?view=changes", "?view=source")
    ]


def check_scripts(page):
    assert len(page.all("script")) == 1
    for element in page.elements:
        for name, value in element.attributes.items():
            assert not (name in ("href", "src") and "script:" in (value or "").lower()[:12])


@pytest.mark.parametrize("text", XSS)
async def test_names_and_messages_are_text(store, text):
    fs = await store.branches["main"]
    name = text.replace("/", "\u2215")
    message = text.replace("{", "{{").replace("}", "}}")
    await fs.write(f"{name}/{name}", b"x", message=f"{message}\n\n{message}")
    app = files(store, "main")
    for path in ("/", encoded(name), encoded(f"{name}/{name}")):
        for page in await every_page(app, path):
            check_scripts(page)
    page = await page_of(app, "/")
    assert encoded(name) in page.links
    assert text in page.one("main").text
    assert (await page_of(app, encoded(f"{name}/{name}"))).one("h1").text == f"{name}/{name}"
    missing = await page_of(app, encoded(f"none{name}"), 404)
    assert f"Not found: none{name}" in missing.one("main").text


@pytest.mark.parametrize("text", XSS)
async def test_contents_are_text(store, text):
    fs = await store.branches["main"]
    content = f"{text}\n{text}".encode()
    fs = await fs.apply({"a.txt": content, "a.html": content, "README": content, "a.md": content})
    await fs.write("a.txt", b"")
    app = files(store, "main")
    for path in ("/", "/a.txt", "/a.html", "/a.md"):
        for page in await every_page(app, path):
            check_scripts(page)
    assert text in (await page_of(app, "/")).one("pre", class_="plain").text
    assert (await page_of(app, "/a.html")).one("span", id="L1").text == f"1{text}"
    assert (await page_of(app, "/?view=changes")).all("del")[0].text == f"1-{text}"


@pytest.mark.parametrize("text", [*XSS, "\u202e\x1b"])
async def test_authors_are_text(tmp_path, git, text):
    path = tmp_path / "r.git"
    async with await vost.GitStore.open(path, create=True) as store:
        tree = (await (await store.branches["main"]).write("a", b"x")).tree_hash
        by = f"{text} <{text}> 1700000000 +0000"
        raw = f"tree {tree}\nauthor {by}\ncommitter {by}\n\nmessage\n".encode()
        arguments = ("hash-object", "-t", "commit", "-w", "--literally", "--stdin")
        commit = git(path, *arguments, stdin=raw)
        git(path, "update-ref", "refs/heads/main", commit)
        app = files(store, "main")
        for target in ("/", "/a", "/a?view=history", "/a?view=changes"):
            page = await page_of(app, target)
            check_scripts(page)
            if target != "/":
                assert "2023-11-14 22:13 UTC" in page.one("main").text


@pytest.mark.parametrize(
    "name", ["<b>x</b>", '"><script>alert(1)</script>', "&amp;", "a'b", "\u202ex"]
)
async def test_branches_and_tags_are_text(store, name):
    await store.branches.set(name, await store.branches["main"])
    await store.tags.set(f"t{name}", await store.branches["main"])
    app = files(store, all_refs=True)
    for target in ("/", f"{encoded(name)}/", f"{encoded(name)}/hello.txt", "/main"):
        check_scripts(await page_of(app, target))
    page = await page_of(app, f"{encoded(name)}/hello.txt")
    values = [option["value"] for option in page.all("option")]
    assert name in values
    reply = await request(app, f"/main/hello.txt?to={quote(name)}", HTML)
    assert reply["location"] == f"{encoded(name)}/hello.txt"
    check_scripts(await page_of(files(store, name), "/hello.txt"))


async def test_what_turns_text_around_or_cannot_be_seen_is_shown_as_escapes(store):
    fs = await store.branches["main"]
    name = f"a{TURNED}\x1b[31m\x07"
    content = f"x{TURNED}\x1b]0;y\x07\r!\ttab\n{'text ' * 20}".encode()
    await fs.apply(
        {name: content, "README": content, "a.md": content}, message=f"m{TURNED}\x1b\n\n\x1b"
    )
    app = files(store, "main")
    for path in ("/", encoded(name), "/a.md"):
        for query in ("", "?view=history", "?view=changes"):
            text = (await request(app, f"{path}{query}", HTML)).text
            for character in f"{TURNED[0]}{TURNED[-2:]}\x1b\x07\r\u2066":
                assert character not in text, (path, query)
            Document(text)
    page = await page_of(app, "/")
    shown = "a\\u202egpj.exe\\u2066\\u200f\\x1b[31m\\x07"
    assert page.link(shown) == encoded(name)
    assert page.all("span", class_="unseen")[0].text == "\\u202e"
    line = (await page_of(app, encoded(name))).one("span", id="L1")
    assert line.text == "1x\\u202egpj.exe\\u2066\\u200f\\x1b]0;y\\x07\\x0d! tab"
    assert "\t" in "".join(line.pieces)


async def test_names_that_are_not_utf8_work(store):
    fs = await store.branches["main"]
    await fs.write("d\udcff/f\udcfe.txt", b"x", message="bytes")
    app = files(store, "main")
    page = await page_of(app, "/")
    assert page.link("d\\xff") == "/d%FF"
    assert (await page_of(app, "/d%FF")).link("f\\xfe.txt") == "/d%FF/f%FE.txt"
    for page in await every_page(app, "/d%FF/f%FE.txt"):
        assert page.one("h1").text == "d\\xff/f\\xfe.txt"
    assert "Not found: \\xfd" in (await page_of(app, "/%FD", 404)).one("main").text
    found = await page_of(app, "/?filter=%FF")
    assert found.link("d\\xff") == "/d%FF"


async def test_links_of_a_readme_stay_inside_or_are_marked(store):
    text = """# Title
[doc](docs/a.md#part) [root](/hello.txt) [up](../../../hello.txt) [here](#title)
[out](https://example.com/?a=b&c) [mail](mailto:a@example.com)
[js](javascript:alert(1)) [js2](&#106;avascript:alert(1)) [data](data:text/html,x) [vb](vbscript:x)
[slashes](//evil.com) [back](\\\\evil.com) [file](file:///etc/passwd) [q](docs/b%20c.md?raw=true)
![in](img/x.png) ![out](https://example.com/x.png) [![badge](https://e.com/b.svg)](https://e.com)
<a href="javascript:alert(1)" onclick="x">raw</a> <img src=x onerror=alert(1)>

<script>alert(1)</script>

<!-- not to be seen -->
"""
    fs = await store.branches["main"]
    await fs.write("sub/README.md", text.encode())
    page = await page_of(files(store, "main"), "/sub")
    check_scripts(page)
    prose = page.one("div", class_="prose").text
    assert "not to be seen" not in prose
    assert "<script>alert(1)</script>" in prose
    assert "<img src=x onerror=alert(1)>" in prose
    assert page.link("doc") == "/sub/docs/a.md#text-part"
    assert page.link("root") == page.link("up") == "/hello.txt"
    assert page.link("here") == "#text-title"
    assert page.one("h3", id="text-title").text == "Title"
    assert page.link("q") == "/sub/docs/b%20c.md"
    assert "https://example.com/x.png" in page.links
    assert "https://example.com/?a=b&c" in page.links
    assert [e["src"] for e in page.all("img")] == ["/sub/img/x.png?raw"]
    for element in page.all("a"):
        if (element.attributes.get("href") or "").startswith("http"):
            assert element["rel"] == "noopener noreferrer nofollow"
    inside = [url for url in page.links if not url.startswith(("https://", "mailto:"))]
    assert all(url.startswith(("/", "#")) and not url.startswith("//") for url in inside)
    assert not any("://evil.com" in url or "passwd" in url for url in page.links)


async def test_a_readme_of_an_earlier_state_links_into_that_state(store):
    fs = await store.branches["main"]
    fs = await fs.write("README.md", b"[a](hello.txt)\n\n![b](x.png)")
    await fs.write("new", b"")
    app = files(store, all_refs=True)
    page = await page_of(app, f"/main?at={fs.commit_hash}")
    assert page.link("a") == f"/main/hello.txt?at={fs.commit_hash}"
    assert page.one("img")["src"] == f"/main/x.png?at={fs.commit_hash}&raw"
    assert (await page_of(app, "/main")).link("a") == "/main/hello.txt"


@pytest.mark.parametrize(
    "name, shown",
    [
        ("readme.markdown", True),
        ("README", True),
        ("ReadMe.TXT", True),
        ("README.rst", True),
        ("README.html", False),
        ("NOTREADME.md", False),
    ],
)
async def test_which_files_are_readmes(store, name, shown):
    await (await store.branches["main"]).write(name, b"Hello *you*")
    page = await page_of(files(store, "main"), "/")
    assert bool(page.all("section", class_="readme")) is shown


async def test_a_readme_that_would_take_too_long_is_shown_as_text(store):
    fs = await store.branches["main"]
    fs = await fs.write("README.md", b"![" * 5000)
    app = files(store, "main")
    assert (await page_of(app, "/")).one("pre", class_="plain").text.startswith("![![")
    fs = await fs.write("README.md", b"a " * 80_000)
    assert (await page_of(app, "/")).all("pre", class_="plain")
    assert (await page_of(app, "/README.md")).all("span", class_="line")
    fs = await fs.write("README.md", b"a " * 200_000)
    assert (await page_of(app, "/")).all("section", class_="readme") == []
    await fs.apply({"README.md": b"\0", "readme.txt": b"text"})
    assert (await page_of(app, "/")).one("section", class_="readme").text.startswith("readme.txt")


@pytest.mark.parametrize(
    "query",
    [
        "view=nonsense",
        "view=%00",
        "view=history&start=",
        "view=changes&from=",
        "page=%FF",
        "filter=%ED%A0%80",
        "to=%ED%A0%80",
        "at=%00",
        "&".join(f"a{n}=1" for n in range(50)),
        "%",
        "=",
    ],
)
async def test_odd_queries_are_answered(store, query):
    for target in ("/", "/hello.txt"):
        reply = await request(files(store, "main"), f"{target}?{query}", HTML)
        assert reply.status in (200, 404)
        Document(reply.text)
