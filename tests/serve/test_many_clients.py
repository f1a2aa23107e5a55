"""The file server under clients that are many, slow, gone, or after large files."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

import vost_sync
from tests.support.commands import Vost
from tests.support.servercommands import serving
from tests.support.serving import Running
from vost import GitStore
from vost.serve import files
from vost.serve.answers import respond
from vost.serve.connections import CONNECTION

pytestmark = pytest.mark.slow

BIG = 20 * 1024 * 1024


@pytest.fixture
def repository(tmp_path):
    path = tmp_path / "r.git"
    with vost_sync.GitStore.open(path) as store:
        fs = store.branches["main"]
        fs.apply({"big.bin": bytes(BIG), "big.txt": b"line of text\n" * 500_000, "small": b"small"})
    return path


@pytest.fixture
def server(repository):
    store = asyncio.run(open_store(repository))
    with Running(files(store, "main"), quiet=True) as running:
        yield running


async def open_store(path: Path) -> GitStore:
    return await GitStore.open(path)


def ask(connection: socket.socket, target: str, *fields: str) -> None:
    lines = [f"GET {target} HTTP/1.1", "Host: 127.0.0.1", *fields, "", ""]
    connection.sendall("\r\n".join(lines).encode())


def test_two_hundred_slow_clients_do_not_keep_a_fast_one(server):
    with ExitStack() as clients:
        for number in range(200):
            connection = clients.enter_context(closing(server.connect()))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            ask(connection, "/big.txt", "Accept-Encoding: gzip") if number % 2 else ask(
                connection, "/big.bin"
            )
        for _ in range(20):
            assert server.get("/small").body == b"small"
            assert server.get("/big.bin", {"Range": "bytes=-1"}).body == b"\0"


def test_a_client_that_goes_away_is_read_for_no_more(server):
    for _ in range(5):
        with closing(server.connect()) as connection:
            ask(connection, "/big.bin")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert server.get("/small").body == b"small"
    server.stop()
    assert server.failure is None


def test_what_was_sent_to_a_client_that_went_away_is_logged(repository):
    store = asyncio.run(open_store(repository))
    with Running(files(store, "main")) as server, closing(server.connect()) as connection:
        ask(connection, "/big.bin")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        connection.close()
        assert server.get("/small").status == 200
    lines = [line for line in server.shown_lines if "/big.bin" in line]
    assert len(lines) == 1
    assert int(lines[0].rpartition(" ")[2]) < BIG


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_large_files_take_no_memory(tmp_path):
    vost = Vost(tmp_path / "r.git")
    source = tmp_path / "large.bin"
    with source.open("wb") as file:
        file.truncate(100 << 20)
    vost("cp", str(source), ":large.txt")
    with serving(vost, "serve", "-q") as server:
        assert server.get("/large.txt", {"Range": "bytes=0-0"})[2] == b"\0"
        before = peak(server.process.pid)
        for headers in ({}, {"Range": "bytes=1-,0-5"}, {"Accept-Encoding": "gzip"}):
            status, _, _ = server.get("/large.txt", headers)
            assert status in (200, 206)
        assert server.get("/?archive=tar")[0] == 200
        assert peak(server.process.pid) - before < 40 << 20


def peak(pid: int) -> int:
    """Return the most memory that a process has had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def test_small_packets_are_sent_at_once():
    async def app(scope, receive, send):
        del receive
        connection = scope["state"][CONNECTION].transport.get_extra_info("socket")
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await respond(scope, send, 200, "checked")

    for host in ("127.0.0.1", "localhost"):
        with Running(app, host=host, quiet=True) as server:
            assert server.get("/").body == b"checked"
