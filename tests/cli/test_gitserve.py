"""``vost gitserve``: banner, log and end, in processes of its own."""

from __future__ import annotations

import http.client
import re
import signal
import socket
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import TIMEOUT, Vost
from tests.support.gitcli import assert_fsck_clean

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

BANNER = re.compile(r"Serving (.*) at (http://127\.0\.0\.1:\d+/)\n")
LINE = re.compile(r'127\.0\.0\.1 - - \[[^\]]+ \+0000\] "GET /info/refs\?[^"]+ HTTP/1\.1" 200 \d+')


@contextmanager
def serving(vost: Vost, *args: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run it, and give its URL; what is read after the end is what it said."""
    process = vost.start("gitserve", "-p", "0", *args)
    try:
        assert process.stderr is not None
        found = BANNER.fullmatch(process.stderr.readline().decode())
        assert found
        assert found[1] == str(vost.repository)
        assert process.stderr.readline() == b"Press Ctrl+C to stop.\n"
        yield found[2], process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def end(process: subprocess.Popen[bytes], number: int) -> list[str]:
    """Stop it by a signal and return what it says after the banner."""
    process.send_signal(number)
    out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out) == (0, b"")
    return err.decode().splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("backend", ["vost", "git"])
def test_clone_and_stop(vost, store, git, tmp_path, number, backend) -> None:
    store.branches["main"].write("a.txt", b"a")
    with serving(vost, "--backend", backend) as (url, process):
        git.plain("clone", "--quiet", url, str(tmp_path / "copy"))
        assert (tmp_path / "copy" / "a.txt").read_bytes() == b"a"
        assert_fsck_clean(tmp_path / "copy" / ".git")
        said = end(process, number)
    assert said[-2:] == ["", "Stopped."]
    assert LINE.fullmatch(said[0])
    assert not [line for line in said if "Traceback" in line]


@pytest.mark.slow
def test_quiet_shows_no_requests_and_the_file_has_them(vost, store, git, tmp_path) -> None:
    log = tmp_path / "log"
    with serving(vost, "-q", "--log-file", str(log)) as (url, process):
        git.plain("ls-remote", url)
        assert end(process, signal.SIGTERM) == ["", "Stopped."]
    assert LINE.fullmatch(log.read_text().splitlines()[0])


@pytest.mark.slow
def test_foreign_host_is_refused_unless_it_is_allowed(vost, store) -> None:
    with serving(vost, "--allow-host", "good.example") as (url, _):
        for host, status in (("good.example", 200), ("evil.example", 403), ("localhost:1", 200)):
            connection = http.client.HTTPConnection(url.split("/")[2], timeout=TIMEOUT)
            target = "/info/refs?service=git-upload-pack"
            with closing(connection):
                connection.request("GET", target, headers={"Host": host})
                assert connection.getresponse().status == status


def test_port_in_use_is_an_error_of_one_line(vost, store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        message = vost.fails("gitserve", "-p", str(port))
    assert message == f"Cannot listen on 127.0.0.1:{port}: address already in use"


def test_missing_repository_is_an_error(vost, repository) -> None:
    assert vost.fails("gitserve") == f"Repository not found: {repository}"
    assert "No repository specified" in Vost(repository="").fails("gitserve")


def test_log_that_cannot_be_written_is_an_error(vost, store, tmp_path) -> None:
    assert "Cannot write the log" in vost.fails("gitserve", "-p", "0", "--log-file", tmp_path)


def test_bad_port_is_a_usage_error(vost, store) -> None:
    assert vost.attempt("gitserve", "-p", "70000").code == 2


def test_help_says_that_it_is_read_only(vost) -> None:
    assert "read-only" in vost("gitserve", "--help")
