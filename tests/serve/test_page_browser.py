"""The page in a real browser: what it looks like, how it is used, and that nothing runs in it."""

from __future__ import annotations

import asyncio
import io
import re
import struct
import wave
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

import vost
import vost_sync
from tests.support.browsing import FAINT_TEXT, browsing, chromium, wait_until
from tests.support.serving import Running
from vost.serve import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
SCRIPT = b"<title>still</title><h1>x</h1><script>document.title = 'ran'; alert(3)</script>"
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30">'
    b"<script>alert(4)</script><rect width='40' height='30' fill='teal'/></svg>"
)
README = f"""# Project

Some *text* with `code`, a [link](data/info.json) and a picture: ![small](media/a.png)

{"A long line of words that goes on and on. " * 20}

| Name | Value that is long | Another one | And one more |
|------|-------------------:|:-----------:|--------------|
| {"wide" * 30} | 2 | 3 | 4 |

```
{"a line of code that is too long for a phone " * 5}
```

<script>alert(5)</script> {EVIL}
"""
PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj
trailer<</Root 1 0 R>>
"""
VIDEO = """async () => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [64, 48];
  const context = canvas.getContext("2d");
  const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: "video/webm" });
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  const stopped = new Promise((done) => recorder.onstop = done);
  recorder.start();
  for (let step = 0; step < 10; step++) {
    context.fillStyle = `rgb(${step * 25}, 0, 0)`;
    context.fillRect(0, 0, 64, 48);
    await new Promise((done) => requestAnimationFrame(done));
  }
  recorder.stop();
  await stopped;
  return Array.from(new Uint8Array(await new Blob(parts).arrayBuffer()));
}"""


def png(width: int = 40, height: int = 30) -> bytes:
    """Return a picture."""
    rows = b"".join(b"\0" + b"\x20\x80\x80" * width for _ in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def sound() -> bytes:
    """Return a second of silence."""
    data = io.BytesIO()
    with wave.open(data, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(1)
        made.setframerate(8000)
        made.writeframes(b"\x80" * 8000)
    return data.getvalue()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def repository(browser, tmp_path_factory) -> Iterator[vost_sync.GitStore]:
    """A repository on the disk, written to as another program would."""
    page = browser.new_page()
    video = bytes(page.evaluate(VIDEO))
    page.close()
    path = tmp_path_factory.mktemp("browser") / "r.git"
    with vost_sync.GitStore.open(path, create=True) as store:
        fs = store.branches["main"].write("hello.txt", b"old\n", message=EVIL)
        store.tags.set("v1", fs)
        store.branches.set(EVIL.replace(" ", ""), fs)
        fs.apply(
            {
                "README.md": README.encode(),
                "hello.txt": b"Hello!\n",
                "data/info.json": b'{"a": 1}\n' * 400,
                "data/deep/er/file.py": b"import os\n\n" + b"x = 1  # " + b"long " * 60 + b"\n",
                "page.html": SCRIPT,
                f"evil/{EVIL.replace('/', '')}": b"x",
                "media/a.png": png(),
                "media/b.svg": SVG,
                "media/c.webm": video,
                "media/d.wav": sound(),
                "media/e.pdf": PDF,
                "empty": b"",
                "binary.bin": bytes(range(256)),
                f"{'long-name-' * 20}.txt": b"x",
                "link": vost.WriteEntry(target="hello.txt"),
            },
            message=f"Say hello in a message that is long and will be cut off {EVIL}\n\n{EVIL}",
        )
        store.branches.set("live", store.branches["main"])
        yield store


@pytest.fixture
def commit(repository) -> Iterator[Callable[[str, bytes], None]]:
    """Writes a file of the branch `live`.

    In a thread: Playwright's event loop is running in this one.
    """
    with ThreadPoolExecutor(1) as thread:

        def write(path: str, content: bytes) -> None:
            thread.submit(
                lambda: repository.branches["live"].write(path, content, message=path)
            ).result()

        yield write


@pytest.fixture(scope="module")
def served(repository) -> Iterator[vost.GitStore]:
    path = re.search(r"'(.*)'", repr(repository))[1]
    # Playwright's event loop is running in this thread.
    with ThreadPoolExecutor(1) as thread:
        store = thread.submit(asyncio.run, vost.GitStore.open(path)).result()
        yield store
        thread.submit(asyncio.run, store.close()).result()


@pytest.fixture(scope="module")
def one(served) -> Iterator[str]:
    """The URL of a server that shows one branch."""
    with Running(files(served, "main"), quiet=True) as running:
        yield running.url.rstrip("/")


@pytest.fixture(scope="module")
def every(served) -> Iterator[str]:
    """The URL of a server that shows all branches and tags, below a base path."""
    app = files(served, all_refs=True, base_path="base")
    with Running(app, quiet=True) as running:
        yield f"{running.url.rstrip('/')}/base"


PAGES = (
    "",
    "/data",
    "/hello.txt",
    "/README.md",
    "/README.md?view=source",
    "/data/deep/er/file.py",
    "/page.html",
    "/media/a.png",
    "/media/b.svg",
    "/binary.bin",
    "/link",
    "/evil",
    "/?view=history",
    "/?view=changes",
    "/missing",
)


def test_every_page_fits_is_readable_and_raises_no_complaint(browser, one, every):
    with browsing(browser) as page:
        branch = quote(EVIL.replace(" ", ""))
        of_all = ("", "/main/data", f"/{branch}/hello.txt")
        for url in (*(f"{one}{path}" for path in PAGES), *(f"{every}{path}" for path in of_all)):
            page.goto(url)
            page.evaluate("document.querySelector('details')?.setAttribute('open', '')")
            for width in (1280, 360):
                page.set_viewport_size({"width": width, "height": 800})
                wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, (url, width)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate(FAINT_TEXT) == [], (url, scheme)
                background = page.evaluate("getComputedStyle(document.body).backgroundColor")
                is_dark = sum(map(int, re.findall(r"\d+", background))) < 300
                assert is_dark is (scheme == "dark")


def test_the_keyboard_is_enough(browser, one):
    with browsing(browser) as page:
        page.goto(f"{one}/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        assert page.locator(".skip").bounding_box()["x"] >= 0
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "filter"
        page.keyboard.type("HELLO")
        assert page.locator(".listing > li:visible a:first-child").all_inner_texts() == [
            "hello.txt"
        ]
        assert page.inner_text("#entries") == "1 on this page with \u201cHELLO\u201d"
        page.keyboard.press("Escape")
        assert page.locator(".listing > li:visible").count() > 5
        page.focus(".switch summary")
        page.keyboard.press("Enter")
        assert page.is_visible("#from-history")
        page.keyboard.press("Escape")
        assert not page.is_visible("#from-history")
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(outline) == "solid"
        page.focus(".listing a[href='/data']")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{one}/data")


def test_everything_works_without_scripts(browser, one, every):
    with browsing(browser, script=False) as page:
        page.goto(f"{every}/main/hello.txt")
        page.click(".switch summary")
        page.select_option("#to", "v1")
        page.click("form:has(#to) button")
        page.wait_for_url(f"{every}/v1/hello.txt")
        assert "old" in page.inner_text(".code")
        page.goto(f"{one}/hello.txt")
        page.click(".switch summary")
        page.select_option("#from-history", index=1)
        page.click("form:has(#from-history) button")
        page.wait_for_url(re.compile(r"/hello\.txt\?at=[0-9a-f]{40}$"))
        assert "old" in page.inner_text(".code")
        page.click("text=Show the newest one")
        assert "Hello!" in page.inner_text(".code")
        page.goto(f"{one}/")
        page.fill("#filter", "hell")
        page.click("form.filter button")
        page.wait_for_url(f"{one}/?filter=hell")
        assert page.locator(".listing > li").count() == 1
        page.click("text=hello.txt")
        page.click("text=History")
        assert page.locator(".history > li").count() == 2
        page.click(".history .message >> nth=0")
        assert page.inner_text("del").strip().endswith("old")
        assert page.inner_text("ins").strip().endswith("Hello!")


def test_times_are_told_from_now_and_lines_have_links(browser, one):
    with browsing(browser) as page:
        page.goto(f"{one}/data/info.json")
        assert re.search(r"just now|ago", page.inner_text(".facts time"))
        assert page.get_attribute(".facts time", "title")
        page.click("#L7 > a")
        assert page.url.endswith("#L7")
        colors = [
            page.evaluate(f"getComputedStyle(document.querySelector('#L{n}')).backgroundColor")
            for n in (6, 7)
        ]
        assert colors[0] != colors[1]
        page.evaluate("getSelection().selectAllChildren(document.querySelector('.code'))")
        assert (
            page.evaluate("String(getSelection())").rstrip("\n") == '{"a": 1}\n' * 399 + '{"a": 1}'
        )
        page.emulate_media(media="print")
        assert not page.is_visible(".switch")
        assert page.is_visible(".code")


def test_media_are_shown(browser, one):
    with browsing(browser) as page:
        for path in ("a.png", "b.svg"):
            page.goto(f"{one}/media/{path}")
            assert page.evaluate("document.querySelector('main img').naturalWidth") == 40
        for path, tag in (("c.webm", "video"), ("d.wav", "audio")):
            page.goto(f"{one}/media/{path}")
            wait_until(page, f"document.querySelector('{tag}').readyState >= 1")
        assert page.evaluate("document.querySelector('audio').duration") == 1
        page.goto(f"{one}/README.md")
        wait_until(page, "document.querySelector('.prose img').naturalWidth === 40")
        with page.expect_response(lambda answer: "e.pdf?raw" in answer.url) as answer:
            page.goto(f"{one}/media/e.pdf")
        assert answer.value.headers["content-type"] == "application/pdf"
        assert page.frames[1].url == f"{one}/media/e.pdf?raw"


def test_nothing_of_the_repository_runs(browser, one, every):
    with browsing(browser) as page:
        page.goto(f"{one}/evil")
        page.click(".listing a >> nth=0")
        assert EVIL.replace("/", "") in page.inner_text("h1")
        for url in (
            *(f"{one}/{path}" for path in ("", "page.html", "README.md", "media/b.svg")),
            *(f"{one}/evil?view={view}" for view in ("history", "changes")),
            *(f"{every}{path}" for path in ("", "/main", "/v1/hello.txt")),
        ):
            page.goto(url)
            assert page.evaluate("document.querySelectorAll('script').length") == 1
    complaints: list[str] = []
    with browsing(browser, complaints=complaints) as page:
        page.goto(f"{one}/page.html?raw")
        assert page.inner_text("h1") == "x"
        assert page.title() == "still"
        page.goto(f"{one}/media/b.svg?raw")
    assert len(complaints) == 2
    assert all("document's frame is sandboxed" in text for text in complaints)


def test_a_commit_shows_at_once_where_it_changed_something(browser, commit, every):
    with browsing(browser) as page:
        loads = []
        page.on("load", lambda _: loads.append(1))
        with page.expect_request(lambda request: "/_/events" in request.url):
            page.goto(f"{every}/live/hello.txt")
        commit("elsewhere", b"x")
        commit("hello.txt", b"Live!\n")
        page.locator(".code", has_text="Live!").wait_for()
        assert len(loads) == 2
        commit("hello.txt", b"Again!\n")
        page.locator(".code", has_text="Again!").wait_for()


def test_who_reads_further_down_is_asked_first(browser, commit, every):
    with browsing(browser) as page:
        with page.expect_request(lambda request: "/_/events" in request.url):
            page.goto(f"{every}/live/data/info.json")
        page.evaluate("scrollTo(0, 2000)")
        commit("data/info.json", b'{"b": 2}\n' * 500)
        page.wait_for_selector("#news button")
        assert '"a"' in page.inner_text("#L1")
        page.click("#news button")
        page.locator("#L1", has_text='"b"').wait_for()
        # What was at the top is there again: the facts above have become shorter by a line or two.
        wait_until(page, "Math.abs(scrollY - 2000) < 100")
