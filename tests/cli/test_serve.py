"""`vost serve`: contract cli.md 5.1, 9.2 and 9.3, over real HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import stat

import pytest

from tests.support.servercommands import serving

pytestmark = pytest.mark.slow

JSON = {"Accept": "application/json"}
LOG_LINE = re.compile(
    r"127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "
    r'"GET /hello.txt HTTP/1.1" 200 6'
)


@pytest.fixture
def repo(vost):
    vost("init")
    vost("write", ":hello.txt", input=b"first\n")
    vost("tag", "set", "v1")
    vost("write", ":hello.txt", "-m", "second", input=b"hello\n")
    vost("write", ":data/x.txt", "-m", "third", input=b"x")
    return vost


def test_a_branch_is_served_until_ctrl_c(repo):
    with serving(repo, "serve") as server:
        assert server.banner == (
            f"Serving {repo.repository} (branch main (live)) at http://127.0.0.1:{server.port}/"
        )
        status, headers, body = server.get("/hello.txt")
        assert (status, body) == (200, b"hello\n")
        assert headers["Content-Type"] == "text/plain"
        repo("write", ":hello.txt", input=b"later\n")
        assert server.get("/hello.txt")[2] == b"later\n"
        code, printed = server.stop()
    assert code == 0
    assert printed[0] == "Press Ctrl+C to stop."
    assert LOG_LINE.fullmatch(printed[1])
    assert printed[-2:] == ["", "Stopped."]


def test_sigterm_stops_as_ctrl_c_does(repo):
    with serving(repo, "serve") as server:
        code, printed = server.stop(signal.SIGTERM)
    assert (code, printed) == (0, ["Press Ctrl+C to stop.", "", "Stopped."])


def test_the_log_file_gets_what_quiet_hides(repo, tmp_path):
    log = tmp_path / "access.log"
    log.write_text("before\n")
    with serving(repo, "serve", "-q", "--log-file", log) as server:
        server.get("/hello.txt")
        server.get("/%0d%0ainjected%1b[31m")
        code, printed = server.stop()
    assert (code, printed) == (0, ["Press Ctrl+C to stop.", "", "Stopped."])
    lines = log.read_text().splitlines()
    assert lines[0] == "before"
    assert LOG_LINE.fullmatch(lines[1])
    assert lines[2].endswith('"GET /%0d%0ainjected%1b[31m HTTP/1.1" 404 26')
    assert len(lines) == 3


def test_all_refs_are_served_below_their_names(repo):
    with serving(repo, "serve", "--all", "--cors") as server:
        assert "(multi-ref)" in server.banner
        status, headers, body = server.get("/", JSON)
        assert json.loads(body) == {"branches": ["main"], "tags": ["v1"]}
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert server.get("/v1/hello.txt")[2] == b"first\n"
        assert status == 200


@pytest.mark.parametrize(
    "options, mode, body",
    [
        (["--ref", "v1"], "branch v1 (live)", b"first\n"),
        (["--back", "2"], "branch main (live) ~2", b"first\n"),
        (["--path", ":hello.txt"], "branch main (live)", b"hello\n"),
        (["--match", "sec*"], "branch main (live)", b"hello\n"),
        (["-b", "main"], "branch main (live)", b"hello\n"),
    ],
)
def test_filters_choose_the_snapshot(repo, options, mode, body):
    with serving(repo, "serve", *options) as server:
        assert f"({mode})" in server.banner
        assert server.get("/hello.txt")[2] == body


def test_filters_are_applied_to_each_new_commit(repo):
    with serving(repo, "serve", "--path", "hello.txt") as server:
        assert server.get("/data/x.txt")[0] == 404
        repo("write", ":hello.txt", input=b"later\n")
        assert server.get("/data/x.txt")[0] == 200


def test_the_base_path_is_in_the_banner_and_in_links(repo):
    for option in ("data", "/data/"):
        with serving(repo, "serve", "--base-path", option) as server:
            assert server.banner.endswith(f":{server.port}/data/")
            assert b'href="/data/hello.txt"' in server.get("/data/")[2]
            assert server.get("/hello.txt")[0] == 404


def test_the_url_of_the_banner_can_be_opened(repo):
    with serving(repo, "serve", "--base-path", "./my data//\u00fc") as server:
        assert server.banner.endswith(f":{server.port}/my%20data/%C3%BC/")
        assert server.get("/my%20data/%C3%BC/hello.txt")[2] == b"hello\n"


def test_a_limit_that_is_no_number_is_refused(repo):
    for limit in ("nan", "inf", "-1", "x"):
        assert repo.attempt("serve", "--max-file-size", limit).code == 2


def test_options_decide_about_caches_and_sizes(repo):
    with serving(repo, "serve", "--max-age", "60", "--max-file-size", "0.000004") as server:
        status, headers, body = server.get("/data/x.txt")
        assert (status, headers["Cache-Control"], body) == (200, "public, max-age=60", b"x")
        status, _, body = server.get("/hello.txt")
        assert (status, body) == (413, b"File too large: hello.txt (6 bytes, limit 4 bytes)")
    with serving(repo, "serve", "--immutable") as server:
        assert server.get("/")[1]["Cache-Control"] == "public, immutable, max-age=31536000"
    with serving(repo, "serve", "--no-cache", "--upstream", "http://127.0.0.1:9/") as server:
        assert server.get("/nope")[1]["Cache-Control"] == "no-store"
        missing = "/_/blobs/" + "0" * 40
        assert server.get(missing)[1]["Location"] == f"http://127.0.0.1:9{missing}"


def test_browsers_get_a_page_unless_told_otherwise(repo):
    html = {"Accept": "text/html"}
    with serving(repo, "serve") as server:
        assert server.get("/hello.txt", html)[1]["Content-Type"] == "text/html; charset=utf-8"
    with serving(repo, "serve", "--no-page") as server:
        assert server.get("/hello.txt", html)[2] == b"hello\n"


def test_only_names_of_this_machine_are_answered(repo):
    with serving(repo, "serve", "--allow-host", "files.example") as server:
        port = server.port
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", "[::1]", "files.example"):
            assert server.get("/hello.txt", {"Host": host})[0] == 200
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", ""):
            assert server.get("/hello.txt", {"Host": host})[0] in (400, 403)


def test_a_browser_is_started_if_asked(repo, tmp_path, monkeypatch):
    fifo = tmp_path / "asked"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > {fifo}\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("BROWSER", str(script))
    os.mkfifo(fifo)
    with serving(repo, "serve", "--open") as server:
        assert fifo.read_text() == f"{server.url}\n"


@pytest.mark.parametrize("option", [["--ref", "v1"], ["--path", "x"], ["--match", "x"]])
def test_all_and_a_filter_contradict_each_other(repo, option):
    assert repo.fails("serve", "--all", *option) == (
        "--all cannot be combined with --ref, --path, --match, --before, or --back"
    )


def test_what_cannot_be_served_is_said_before_it_listens(repo, vost, tmp_path):
    assert repo.fails("serve", "-b", "nope") == "Branch not found: nope"
    assert repo.fails("serve", "--ref", "nope") == "Unknown ref: nope"
    assert repo.fails("serve", "--match", "nope*") == "No matching commits found"
    assert repo.fails("serve", "--back", "9").startswith("Cannot go back 9 commits")
    log = tmp_path / "no" / "dir"
    assert (
        repo.fails("serve", "--log-file", log)
        == f"Cannot write the log {log}: No such file or directory"
    )
    assert (
        vost.fails("serve", "-r", tmp_path / "none") == f"Repository not found: {tmp_path / 'none'}"
    )


def test_a_port_that_is_taken_is_named(repo):
    with serving(repo, "serve") as server:
        port = str(server.port)
        message = repo.fails("serve", "-p", port)
        assert port in message
        assert "in use" in message
    for bad in ("-1", "65536", "x"):
        assert repo.attempt("serve", "-p", bad).code == 2


def test_help_tells_of_all_options(vost):
    text = vost("serve", "--help")
    assert "Serve repository files" in text
    for option in (
        *("--host", "--port", "--branch", "--ref", "--path", "--match", "--before", "--back"),
        *("--all", "--cors", "--no-cache", "--base-path", "--open", "--quiet", "--immutable"),
        *("--max-age", "--max-file-size", "--log-file", "--upstream", "--allow-host", "--no-page"),
    ):
        assert option in text
