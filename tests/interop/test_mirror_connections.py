"""How connections to other repositories are made, and what happens when they do not work."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

import vost
import vost_sync
from tests.support import peers
from tests.support.gitcli import Git
from vost import RemoteAccessError, RemoteConnectionError, RemoteError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

# More than the buffers on the way hold.
LARGE = 8 << 20


@pytest.fixture
def store() -> Iterator[Any]:
    with vost_sync.GitStore.memory() as store:
        store.branches["main"].write("f", b"content")
        yield store


@pytest.fixture
def served(tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory with an empty repository; nothing is said of proxies and trust."""
    for name in ("https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"):
        monkeypatch.delenv(name, raising=False)
    git.init(tmp_path / "served/r.git")
    return tmp_path / "served"


# --- the other side falls silent


def pkt(data: bytes) -> bytes:
    return b"%04x" % (len(data) + 4) + data


OID = b"1" * 40
REFS = pkt(OID + b" HEAD\0side-band-64k ofs-delta report-status atomic delete-refs\n")
REFS += pkt(OID + b" refs/heads/main\n") + b"0000"
PACK = pkt(b"NAK\n") + pkt(b"\x01PACK\0\0\0\2\0\0\0\5")


def speak_git(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(REFS)
    connection.recv(4096)
    connection.sendall(PACK)


def speak_http(connection: socket.socket) -> None:
    with connection.makefile("rb") as requests:
        for content_type, body, missing in (
            ("advertisement", pkt(b"# service=git-upload-pack\n") + b"0000" + REFS, 0),
            ("result", PACK, 1000),
        ):
            length = 0
            while (line := requests.readline().strip()) != b"":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            requests.read(length)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-%s\r\n"
                b"Content-Length: %d\r\n\r\n" % (content_type.encode(), len(body) + missing) + body
            )


@contextmanager
def falling_silent(speak: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run a server that says something, and then neither says anything nor hangs up."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                speak(connection)
                done.wait(30)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            thread.join()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    from vost._engine import pipes, transport

    monkeypatch.setattr(transport, "TIMEOUT", 0.3)
    monkeypatch.setattr(pipes, "PARTING", 0.3)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("scheme", ["git", "http"])
def test_server_that_falls_silent_in_the_middle_of_a_pack_is_given_up(
    scheme: str, store: Any
) -> None:
    with falling_silent(speak_git if scheme == "git" else speak_http) as port:
        with pytest.raises(RemoteConnectionError, match="does not answer") as caught:
            store.restore(f"{scheme}://127.0.0.1:{port}/r.git")
        assert f"127.0.0.1:{port}" in str(caught.value)


@pytest.mark.anyio
@pytest.mark.usefixtures("impatient")
async def test_cancelled_caller_of_a_silent_server_is_cancelled_and_no_more() -> None:
    store = await vost.GitStore.memory()
    with falling_silent(lambda _: None) as port, anyio.move_on_after(0.1) as scope:
        await store.restore(f"git://127.0.0.1:{port}/r.git")
    assert scope.cancelled_caught


def write_ssh(path: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a script stand for ssh."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(path))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "script",
    [
        "exec sleep 30",
        "sleep 30",
        "trap '' TERM; sleep 30",
        "echo Welcome >&2; exec sleep 30",
        "printf 0; exec sleep 30",
        "exec >&-; exec sleep 30",
        "cat refs; exec sleep 30",
        "cat refs pack; exec sleep 30",
    ],
)
def test_ssh_that_falls_silent_is_given_up_and_ended(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = vost_sync.GitStore.memory()
    store.branches["main"].write("f", os.urandom(LARGE))
    (tmp_path / "refs").write_bytes(REFS)
    (tmp_path / "pack").write_bytes(PACK)
    monkeypatch.chdir(tmp_path)
    write_ssh(tmp_path / "ssh", f"echo $$ >>{tmp_path}/pids; {script}", monkeypatch)
    begun = time.monotonic()
    for attempt in (store.restore, store.backup):
        with pytest.raises((RemoteConnectionError, RemoteError)) as caught:
            attempt("ssh://127.0.0.1/r.git")
        if ">&-" not in script and "pack" not in script:
            assert type(caught.value) is RemoteConnectionError
            assert "does not answer" in str(caught.value)
    assert time.monotonic() - begun < 20
    for pid in (tmp_path / "pids").read_text().split():
        assert not Path("/proc", pid).exists()


@pytest.mark.usefixtures("impatient")
def test_ssh_that_does_not_end_after_the_transfer_is_ended(
    tmp_path: Path, served: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"git receive-pack {served}/r.git; exec >&- sleep 30"
    write_ssh(tmp_path / "ssh", script, monkeypatch)
    assert store.backup("ssh://127.0.0.1/r.git").total == 1
    assert store.backup(served / "r.git").in_sync


def test_person_at_the_terminal_may_take_time_to_answer_ssh(
    tmp_path: Path, served: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vost._engine import connections, transport

    monkeypatch.setattr(transport, "TIMEOUT", 0.5)
    monkeypatch.setattr(connections, "_is_interactive", lambda: True)
    script = f"sleep 1.5; exec git receive-pack {served}/r.git"
    write_ssh(tmp_path / "ssh", script, monkeypatch)
    assert store.backup("ssh://127.0.0.1/r.git").total == 1


# --- HTTPS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    return peers.make_certificate(tmp_path / "certificate.pem")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "GIT_SSL_CAINFO"])
def test_https_needs_a_certificate_that_is_trusted(
    variable: str,
    served: Path,
    git: Git,
    store: Any,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store.branches["main"].write("large", os.urandom(3 << 20))
    with peers.http_backend(served, git.home, certificate=certificate) as peer:
        url = peer.url + "/r.git"
        assert url.startswith("https://")
        for attempt in (store.backup, store.restore):
            with pytest.raises(RemoteConnectionError, match="certificate verify failed"):
                attempt(url)
        monkeypatch.setenv(variable, str(certificate))
        assert store.backup(url).total == 1
        there = vost_sync.GitStore.memory(branch=None)
        assert there.restore(url).total == 1
        assert there.branches["main"].commit_hash == store.branches["main"].commit_hash
        with pytest.raises(RemoteConnectionError, match=r"certificate|hostname|match"):
            store.backup(url.replace("127.0.0.1", "localhost"))


def test_login_may_have_any_characters(served: Path, git: Git, store: Any) -> None:
    with peers.http_backend(served, git.home, login=("jürgen", "пароль")) as peer:
        login = "j%C3%BCrgen:%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C@"
        assert store.backup(peer.url.replace("//", f"//{login}") + "/r.git").total == 1


# --- proxies


class Proxy:
    """An HTTP proxy that makes tunnels.

    Args:
        heads: The lines of each request.
        port: Where it listens.
    """

    def __init__(self, listener: socket.socket) -> None:
        self.heads: list[list[str]] = []
        self.port: int = listener.getsockname()[1]

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            head = []
            while line := reader.readline().decode().strip():
                head.append(line)
            self.heads.append(head)
            host, _, port = head[0].split()[1].rpartition(":")
            with socket.create_connection((host, int(port))) as upstream:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=relay, args=(upstream, connection))
                back.start()
                relay(connection, upstream)
                back.join()


def relay(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(listener)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=proxy.serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def secure(
    served: Path, git: Git, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Return the URL of a repository behind HTTPS that is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with peers.http_backend(served, git.home, certificate=certificate) as peer:
        yield peer.url + "/r.git"


@pytest.mark.parametrize(
    "variable, prefix",
    [
        ("https_proxy", "http://"),
        ("https_proxy", ""),
        ("HTTPS_PROXY", "http://"),
        ("all_proxy", "http://"),
    ],
)
def test_https_goes_through_the_proxy_of_the_environment(
    variable: str,
    prefix: str,
    secure: str,
    proxy: Proxy,
    store: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, f"{prefix}127.0.0.1:{proxy.port}")
    assert store.backup(secure).total == 1
    assert {head[0].split()[0] for head in proxy.heads} == {"CONNECT"}
    proxy.heads.clear()
    monkeypatch.setenv("no_proxy", "other.example, 127.0.0.0/8")
    assert store.backup(secure).in_sync
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert store.backup(secure).in_sync
    assert proxy.heads == []


def test_http_goes_through_its_own_proxy_only(
    served: Path, git: Git, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with peers.http_backend(served, git.home) as peer:
        assert store.backup(peer.url + "/r.git").total == 1
        peer.requests.clear()
        # A proxy is asked for whole URLs; this server looks at their paths only.
        monkeypatch.setenv("http_proxy", peer.url)
        assert store.backup("http://host.invalid/r.git").in_sync
        assert {path.partition("?")[0] for _, path, _ in peer.requests} == {
            "http://host.invalid/r.git/info/refs"
        }


def test_proxy_gets_its_credentials_decoded_and_the_server_none_of_them(
    secure: str, proxy: Proxy, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://us%20er:p%40ss%D0%BF@127.0.0.1:{proxy.port}")
    assert store.backup(secure).total == 1
    login = base64.b64encode("us er:p@ssп".encode()).decode()
    assert any(
        line.lower() == f"proxy-authorization: basic {login}".lower() for line in proxy.heads[0]
    )


@pytest.mark.parametrize(
    "value, message",
    [
        ("socks5://me:secret@127.0.0.1:1", "a proxy for https .* socks5://"),
        ("http://me:secret@[::zz:1", "a malformed proxy for https"),
        ("http://me:secret@127.0.0.1:1", "the proxy: .*refused"),
    ],
)
def test_proxy_that_cannot_be_used_is_named_without_its_password(
    value: str, message: str, served: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", value)
    with pytest.raises(RemoteError, match=message) as caught:
        store.backup("https://host.invalid/r.git")
    error: BaseException | None = caught.value
    while error is not None:
        assert "secret" not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__


def test_proxy_that_wants_credentials_says_so(
    served: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")

    for scheme in ("http", "https"):
        with falling_silent(refuse) as port:
            monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{port}")
            with pytest.raises((RemoteAccessError, RemoteConnectionError), match="proxy"):
                store.backup(f"{scheme}://host.invalid/r.git")
