"""The page: other branches, tags and commits, history, and what changed."""

from __future__ import annotations

import pytest

import vost
from tests.serve.test_page import HTML, page_of
from tests.support.asgi import request
from vost.serve import files
from vost.serve.page import changes, frame


@pytest.fixture
async def fs(store):
    """A snapshot with three more commits on it: one wrote, one changed, one removed."""
    fs = await store.branches["main"]
    fs = await fs.write("src/a.py", b"one\ntwo\nthree\n", message="Write a\n\nBecause of <b>.")
    fs = await fs.write("src/a.py", b"one\n2\nthree\nfour\n", message="Change a")
    return await fs.remove("data/info.json", message="Remove info")


async def redirect(app, target):
    reply = await request(app, target, HTML)
    assert reply.status == 302, reply.text
    assert reply["cache-control"] == "no-store"
    return reply["location"]


async def test_history_leads_to_states_and_changes(store, fs):
    app = files(store, "main")
    page = await page_of(app, "/?view=history")
    log = [each async for each in fs.log()]
    entries = page.all("ol", class_="history")
    text = " ".join(entry.text for entry in entries)
    for each in log:
        assert each.message.partition("\n")[0] in text
        assert each.commit_hash[:7] in text
    assert "Whole messageBecause of <b>." in text
    assert page.link("Change a") == f"/?at={log[1].commit_hash}&view=changes"
    assert page.link(log[1].commit_hash[:7]) == f"/?at={log[1].commit_hash}"
    assert page.link(log[0].commit_hash[:7]) == "/"
    assert page.link("Back to the content") == "/"


async def test_history_of_a_path_has_what_changed_it(store, fs):
    app = files(store, "main")
    page = await page_of(app, "/src/a.py?view=history")
    subjects = [e.text for e in page.all("a", class_="message")]
    assert subjects == ["Change a", "Write a"]
    gone = await page_of(app, "/data/info.json?view=history")
    assert gone.all("a", class_="message")[0].text == "Remove info"
    removed = fs.commit_hash
    assert not [url for url in gone.links if url.startswith("/data/info.json") and removed in url]
    assert gone.one("span", class_="badge").text == "deleted"
    changes_url = gone.link("Remove info")
    change = await page_of(app, changes_url)
    for page in (gone, change):
        for url in page.links:
            if url.startswith("/"):
                assert (await request(app, url, HTML)).status == 200, url


async def test_long_history_comes_in_pages(store):
    fs = await store.branches["main"]
    for number in range(101):
        fs = await fs.write("n", b"%d" % number, message=f"Number {number}")
    app = files(store, "main")
    seen = []
    target = "/n?view=history"
    while target:
        page = await page_of(app, target)
        seen += [e.text for e in page.all("a", class_="message")]
        following = [e["href"] for e in page.all("a") if e.attributes.get("rel") == "next"]
        target = following[0] if following else ""
    assert seen == [f"Number {number}" for number in reversed(range(101))]
    assert page.link("Newest") == "/n?view=history"
    await page_of(app, f"/n?view=history&start={'0' * 40}", 404)


async def test_an_earlier_state_is_said_to_be_one_and_links_keep_it(store, fs):
    before = await fs.back(2)
    app = files(store, "main")
    page = await page_of(app, f"/?at={before.commit_hash}")
    assert "You are looking at an earlier state" in page.one("main").text
    assert page.link("Show the newest one") == "/"
    assert page.link("data") == f"/data?at={before.commit_hash}"
    assert page.link("hello.txt") == f"/hello.txt?at={before.commit_hash}"
    assert "data-events" not in page.one("body").attributes
    inner = await page_of(app, page.link("data"))
    assert inner.link("info.json") == f"/data/info.json?at={before.commit_hash}"
    assert inner.one("input", name="at")["value"] == before.commit_hash
    old = await page_of(app, f"/src/a.py?at={before.commit_hash}")
    assert old.link("Raw") == f"/src/a.py?at={before.commit_hash}&raw"
    assert (await request(app, old.link("Raw"), HTML)).body == b"one\ntwo\nthree\n"


async def test_what_a_commit_changed(store, fs):
    app = files(store, "main")
    page = await page_of(app, f"/?view=changes&at={(await fs.back(1)).commit_hash}")
    text = page.one("main").text
    assert "1 file changed changed src/a.py" in text
    assert "2 lines added, 1 deleted" in text
    assert [line.text for line in page.all("ins")] == ["2+2", "4+four"]
    assert [line.text for line in page.all("del")] == ["2-two"]
    first = await fs.back(2)
    assert page.link("Before") == f"/src/a.py?at={first.commit_hash}"
    assert page.link("After") == f"/src/a.py?at={(await fs.back(1)).commit_hash}"
    newest = await page_of(app, "/?view=changes")
    assert "1 file changed deleted data/info.json" in newest.one("main").text
    written = await page_of(app, f"/?view=changes&at={first.commit_hash}")
    assert "added src/a.py" in written.one("main").text
    assert written.one("pre", class_="plain").text == "Because of <b>."


async def test_changes_since_any_commit_that_is_shown(store, fs):
    app = files(store, "main")
    base = await fs.back(3)
    page = await page_of(app, f"/?view=changes&from={base.commit_hash}")
    text = page.one("main").text
    assert "2 files changed" in text
    assert "deleted data/info.json" in text
    assert "added src/a.py" in text
    assert page.link("with the commit before") == "/?view=changes"
    below = await page_of(app, f"/src?view=changes&from={base.commit_hash}")
    assert "1 file changed added src/a.py" in below.one("main").text
    for wrong in ("0" * 40, "main", "..", base.commit_hash[:7], fs.tree_hash):
        await page_of(app, f"/?view=changes&from={wrong}", 404)


async def test_a_first_commit_added_everything(store):
    app = files(store, "v1")
    tagged = await store.tags["v1"]
    first = [each async for each in tagged.log()][-1]
    page = await page_of(app, f"/?view=changes&at={first.commit_hash}")
    assert "is the first commit" in page.one("main").text
    assert "No file differs here." in page.one("main").text
    await store.branches.set("alone", await (await store.branches["main"]).squash())
    for target, count in (("/?view=changes", "8 files changed"), ("/data?view=changes", "2 files")):
        page = await page_of(files(store, "alone"), target)
        assert count in page.one("main").text
        assert page.one("main").text.count("added") >= 2


async def test_of_a_large_first_commit_some_is_shown(store):
    fs = await (await store.branches["main"]).apply({f"n/{n}": b"x" for n in range(600)})
    await store.branches.set("alone", await fs.squash())
    text = (await page_of(files(store, "alone"), "/?view=changes")).one("main").text
    assert "500 files changed" in text
    assert "and more" in text


@pytest.mark.parametrize(
    "old, new, said",
    [
        (b"\0", b"\1\0", "Not text: the difference cannot be shown."),
        (b"a" * 300_000, b"b", "Too large to be compared here."),
        (b"a\r\n", b"a\n", "Only the encoding or the ends of lines changed."),
        (b"a\n", b"a", "1 line added, 1 deleted"),
    ],
)
async def test_what_cannot_be_compared_is_said(store, old, new, said):
    fs = await store.branches["main"]
    await (await fs.write("f", old)).write("f", new)
    page = await page_of(files(store, "main"), "/?view=changes")
    assert said in page.one("main").text


async def test_of_many_lines_the_first_are_shown(store, monkeypatch):
    monkeypatch.setattr(changes, "MOST_LINES", 50)
    fs = await store.branches["main"]
    fs = await fs.apply({"a": b"a\n" * 40, "b": b"x\n", "c": b"y\n"})
    await fs.apply({"a": b"b\n" * 40, "b": b"", "c": b""})
    page = await page_of(files(store, "main"), "/?view=changes")
    text = page.one("main").text
    assert "40 lines added, 40 deleted" in text
    assert "There are more changes." in text
    assert text.count(changes.TOO_MUCH) == 2
    assert len(page.all("ins")) + len(page.all("del")) == 50


async def test_a_changed_mode_is_said_to_be_one(store):
    fs = await store.branches["main"]
    fs = await fs.write("f", b"x")
    await fs.write("f", b"x", mode=vost.FileType.EXECUTABLE)
    page = await page_of(files(store, "main"), "/?view=changes")
    assert "Only the mode changed" in page.one("main").text


async def test_of_many_changes_some_are_shown(store):
    fs = await store.branches["main"]
    await fs.apply({f"n/{number}": b"x" for number in range(700)})
    app = files(store, "main")
    page = await page_of(app, "/?view=changes")
    text = page.one("main").text
    assert "700 files changed" in text
    assert "and 200 more files" in text
    assert len(page.all("section", class_="diff")) == 60
    assert "Of the other files only the names are shown." in text
    assert "1 file changed" in (await page_of(app, "/n/699?view=changes")).one("main").text


async def test_a_commit_can_be_chosen_by_a_form(store, fs):
    app = files(store, "main")
    page = await page_of(app, "/data")
    assert [form["action"] for form in page.all("form") if form["action"]] == ["/data"] * 3
    log = [each.commit_hash async for each in fs.log()]
    values = [option["value"] for option in page.all("option")]
    assert values == log
    assert page.all("option")[0].attributes.keys() >= {"selected"}
    assert await redirect(app, f"/data?to={log[0]}") == "/data"
    for value in values[1:-2]:
        assert await redirect(app, f"/data?to={value}") == f"/data?at={value}"
    for value in values[-2:]:  # there was no such folder then
        assert await redirect(app, f"/data?to={value}") == f"/?at={value}"
    assert (await request(app, "/data?at=", HTML)).status == 200
    assert await redirect(app, f"/data?to={log[1][:8]}") == f"/data?at={log[1]}"
    assert await redirect(app, f"/data?to=+{log[1]}+") == f"/data?at={log[1]}"
    assert await redirect(app, f"/nope?to={log[1]}") == f"/?at={log[1]}"
    assert await redirect(app, f"/data?to={log[1]}&view=history") == (
        f"/data?at={log[1]}&view=history"
    )
    for wrong in ("v1", "0" * 40, "", "//evil.com", "%0d%0ax", "ffff"):
        await page_of(app, f"/data?to={wrong}", 404)


async def test_one_ref_shows_nothing_of_others(store, fs):
    other = await (await store.branches.create("secret")).write("x", b"", message="Hidden")
    app = files(store, "main")
    await page_of(app, f"/?at={other.commit_hash}", 404)
    await page_of(app, f"/?to={other.commit_hash}", 404)
    await page_of(app, "/?to=secret", 404)
    await page_of(app, f"/?view=changes&from={other.commit_hash}", 404)
    await page_of(app, f"/?view=history&start={other.commit_hash}", 404)
    assert "secret" not in (await request(app, "/", HTML)).text


async def test_all_refs_can_be_chosen(store, fs):
    await store.branches.set("feature/x", await store.tags["v1"])
    await store.tags.set("feature", fs)
    app = files(store, all_refs=True)
    page = await page_of(app, "/main/hello.txt")
    values = [option["value"] for option in page.all("option")]
    assert values[:4] == ["feature/x", "main", "feature", "v1"]
    chosen = [o.text for o in page.all("option") if "selected" in o.attributes]
    assert chosen[0] == "main"
    assert await redirect(app, "/main/hello.txt?to=v1") == "/v1/hello.txt"
    assert await redirect(app, "/main/data?to=feature/x") == "/feature/x"
    assert await redirect(app, "/main/data?to=feature&view=history") == (
        "/feature/data?view=history"
    )
    for wrong in ("nope", "main/data", "/", ""):
        await page_of(app, f"/main?to={wrong}", 404)
    other = await store.tags["v1"]
    page = await page_of(app, f"/main?view=changes&from={other.commit_hash}")
    assert "changed" in page.one("main").text


async def test_commits_of_other_branches_compare_without_links(store, fs):
    other = await (await store.branches.create("other")).write("hello.txt", b"x\n")
    app = files(store, all_refs=True)
    page = await page_of(app, f"/main/hello.txt?view=changes&from={other.commit_hash}")
    assert [line.text for line in page.all("del")] == ["1-x"]
    assert not [url for url in page.links if f"at={other.commit_hash}" in url]


async def test_of_many_refs_some_can_be_chosen_and_the_present_one(store, monkeypatch):
    monkeypatch.setattr(frame, "_MOST_OPTIONS", 3)
    main = await store.branches["main"]
    for number in range(5):
        await store.branches.set(f"b{number}", main)
    page = await page_of(files(store, all_refs=True), "/main/data")
    values = [option["value"] for option in page.all("option")][:5]
    assert values == ["main", "b0", "b1", "b2", "v1"]


async def test_a_commit_that_is_not_among_the_newest_can_be_seen_to_be_chosen(store):
    fs = first = await store.branches["main"]
    for number in range(40):
        fs = await fs.write("n", b"%d" % number)
    page = await page_of(files(store, "main"), f"/?at={first.commit_hash}")
    values = [option["value"] for option in page.all("option")]
    assert len(values) == 31
    (chosen,) = [
        option["value"] for option in page.all("option") if "selected" in option.attributes
    ]
    assert chosen == values[-1] == first.commit_hash


async def test_what_is_too_much_to_compare_is_said_to_be(store, monkeypatch):
    monkeypatch.setattr(changes, "_LARGEST_IN_ALL", 100)
    fs = await store.branches["main"]
    await fs.apply({f"f{number}": b"x" * 40 for number in range(4)})
    text = (await page_of(files(store, "main"), "/?view=changes")).one("main").text
    assert text.count(changes.TOO_MUCH) == 2
    monkeypatch.setattr(changes, "SECONDS", -1)
    text = (await page_of(files(store, "main"), "/data?view=changes&at=")).one("main").text
    assert "No file differs here." in text
    text = (await page_of(files(store, "main"), "/f0?view=changes")).one("main").text
    assert text.count(changes.TOO_MUCH) == 1


async def test_submodules_that_differ_are_told_of(tmp_path, git):
    path = tmp_path / "r.git"
    async with await vost.GitStore.open(path, create=True) as made:
        fs = await (await made.branches["main"]).write("a", b"x")
        entry = f"160000,{fs.commit_hash},sub"
        git(path, "read-tree", fs.commit_hash)
        git(path, "update-index", "--add", "--cacheinfo", entry)
        tree = git(path, "write-tree")
        git(
            path,
            "update-ref",
            "refs/heads/main",
            git(path, "commit-tree", tree, "-p", fs.commit_hash, "-m", "sub"),
        )
        page = await page_of(files(made, "main"), "/?view=changes")
        assert "sub: a submodule differs" in page.one("main").text
