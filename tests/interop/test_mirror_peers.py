"""Backup and restore with real servers: git daemon, git http-backend, sshd, all on 127.0.0.1."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import vost_sync
from tests.support import peers
from tests.support.gitcli import Git, assert_fsck_clean
from vost import (
    RefChange,
    RemoteAccessError,
    RemoteConnectionError,
    RemoteError,
    RemoteRejectedError,
    RepositoryNotFoundError,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LOGIN = ("us er", "p@ss:w/ord%")
LOGIN_IN_URL = "us%20er:p%40ss%3Aw%2Ford%25@"


class Server:
    """A running server, and where what it serves lies on this disk."""

    def __init__(self, url: str, directory: Path, peer: peers.Peer) -> None:
        self.base = url
        self.directory = directory
        self.peer = peer

    def url(self, name: str = "r.git") -> str:
        return f"{self.base}/{name}"

    def path(self, name: str = "r.git") -> Path:
        return self.directory / name


@pytest.fixture
def served(tmp_path: Path) -> Path:
    directory = tmp_path / "served"
    directory.mkdir()
    return directory


def serve_git(served: Path, home: Path, _: pytest.MonkeyPatch) -> Iterator[Server]:
    with peers.git_daemon(served, home) as peer:
        yield Server(peer.url, served, peer)


def serve_http(served: Path, home: Path, _: pytest.MonkeyPatch) -> Iterator[Server]:
    with peers.http_backend(served, home) as peer:
        yield Server(peer.url, served, peer)


def serve_login(served: Path, home: Path, _: pytest.MonkeyPatch) -> Iterator[Server]:
    with peers.http_backend(served, home, login=LOGIN) as peer:
        yield Server(peer.url.replace("//", "//" + LOGIN_IN_URL), served, peer)


def serve_ssh(served: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    if peers.find_sshd() is None or shutil.which("ssh") is None:
        if os.environ.get("CI"):
            pytest.fail("sshd or ssh is not installed: .ci/run installs them")
        pytest.skip("sshd or ssh is not installed (Debian: openssh-server, openssh-client)")
    with peers.ssh_server(served, home) as peer:
        monkeypatch.setenv("GIT_SSH_COMMAND", peer.command)
        yield Server(peer.url, served, peer)


SERVERS: dict[str, Callable[..., Iterator[Server]]] = {
    "git": serve_git,
    "http": serve_http,
    "http-login": serve_login,
    "ssh": serve_ssh,
}


@pytest.fixture(params=SERVERS)
def server(
    request: pytest.FixtureRequest, served: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    yield from SERVERS[request.param](served, git.home, monkeypatch)


@pytest.fixture
def daemon(served: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    yield from serve_git(served, git.home, monkeypatch)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    """Return a store with two branches, a tag, a note and a file that is streamed."""
    with vost_sync.GitStore.open(tmp_path / "here.git") as store:
        fs = store.branches["main"].apply({f"d{n % 5}/f{n}": b"%d\n" % n * 30 for n in range(150)})
        store.tags["v1"] = fs
        fs = fs.write("big", os.urandom(1 << 20) * 2)
        store.branches["dev"] = fs
        store.notes.commits[fs.commit_hash] = "reviewed"
        yield store


def refs_of(git: Git, path: Path) -> dict[str, str]:
    lines = git(path, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ") for line in lines)


def test_mirror_goes_there_and_comes_back(
    server: Server, store: Any, git: Git, tmp_path: Path
) -> None:
    git.init(server.path())
    lines: list[bytes] = []
    planned = store.backup(server.url(), dry_run=True)
    assert refs_of(git, server.path()) == {}
    diff = store.backup(server.url(), progress=lines.append)
    assert diff == planned
    assert [change.ref for change in diff.add] == [
        "refs/heads/dev",
        "refs/heads/main",
        "refs/notes/commits",
        "refs/tags/v1",
    ]
    assert refs_of(git, server.path()) == refs_of(git, tmp_path / "here.git")
    assert b"counting objects: " in lines[0]
    assert all(isinstance(line, bytes) and line.endswith((b"\n", b"\r")) for line in lines)
    assert_fsck_clean(server.path())
    assert store.backup(server.url()).in_sync

    there = vost_sync.GitStore.open(tmp_path / "there.git", branch=None)
    lines.clear()
    assert there.restore(server.url(), progress=lines.append).total == 4
    assert any(b"objects: " in line for line in lines)
    assert there.branches["main"].read("big") == store.branches["main"].read("big")
    assert there.branches.current_name == "main"
    assert there.notes.commits[there.branches["main"].commit_hash] == "reviewed"
    assert refs_of(git, tmp_path / "there.git") == refs_of(git, server.path())
    assert_fsck_clean(tmp_path / "there.git")
    assert there.restore(server.url()).in_sync

    memory = vost_sync.GitStore.memory(branch=None)
    assert memory.restore(server.url()).total == 4
    assert memory.branches["main"].read("d1/f1") == b"1\n" * 30


def test_changes_deletions_and_rewinds_go_both_ways(
    server: Server, store: Any, git: Git, tmp_path: Path
) -> None:
    git.init(server.path())
    store.backup(server.url())
    there = vost_sync.GitStore.memory(branch=None)
    there.restore(server.url())
    tip = there.branches["main"].commit_hash
    there.branches["main"] = there.branches["main"].parent  # a rewind: needs force
    del there.branches["dev"]
    del there.tags["v1"]
    there.branches["new"] = there.branches["main"].write("new", b"1")
    diff = there.backup(server.url())
    assert [c.ref for c in diff.add] == ["refs/heads/new"]
    assert [c.ref for c in diff.update] == ["refs/heads/main"]
    assert [c.ref for c in diff.delete] == ["refs/heads/dev", "refs/tags/v1"]
    assert_fsck_clean(server.path())
    assert store.restore(server.url()) == diff
    assert refs_of(git, tmp_path / "here.git") == refs_of(git, server.path())
    entry = store.branches.reflog("main")[-1]
    assert entry.message.startswith("restore: ")
    assert (entry.old_sha, entry.new_sha) == (tip, there.branches["main"].commit_hash)
    assert_fsck_clean(tmp_path / "here.git")


def test_chosen_refs_get_other_names_and_nothing_is_deleted(
    server: Server, store: Any, git: Git
) -> None:
    git.init(server.path())
    store.backup(server.url())
    diff = store.backup(server.url(), refs={"main": "copy", "v1": "refs/tags/v2"})
    assert diff.delete == []
    assert [c.ref for c in diff.add] == ["refs/heads/copy", "refs/tags/v2"]
    target = vost_sync.GitStore.memory()
    before = target.branches["main"].commit_hash
    assert target.restore(server.url(), refs={"dev": "theirs"}).total == 1
    assert sorted(target.branches) == ["main", "theirs"]
    assert target.branches["main"].commit_hash == before
    with pytest.raises(KeyError, match="nowhere"):
        target.restore(server.url(), refs=["nowhere"])
    assert sorted(target.branches) == ["main", "theirs"]


def test_annotated_tags_and_deltas_of_git_arrive(
    server: Server, store: Any, git: Git, tmp_path: Path
) -> None:
    fs = store.branches["main"]
    text = b"".join(b"line %d\n" % n for n in range(3000))
    for n in range(5):
        fs = fs.write("text", text + b"%d" % n)
    path = server.path()
    git.init(path)
    store.backup(server.url())
    git(path, "tag", "-a", "-m", "nested", "annotated", "main")
    git(path, "tag", "-a", "-m", "twice", "nested", "annotated")
    git(path, "repack", "-a", "-d", "-f", "--depth=50", "-q")
    there = vost_sync.GitStore.open(tmp_path / "there.git", branch=None)
    diff = there.restore(server.url())
    assert RefChange("refs/tags/nested", None, git(path, "rev-parse", "nested")) in diff.add
    assert there.tags["nested"].read("text") == text + b"4"
    assert_fsck_clean(tmp_path / "there.git")
    packs = list((tmp_path / "there.git/objects/pack").glob("*.pack"))
    assert len(packs) == 1
    assert packs[0].stat().st_size < 4 << 20, "deltas stay deltas"
    again = vost_sync.GitStore.memory(branch=None)
    again.restore(server.url())
    assert again.tags["nested"].read("text") == text + b"4"
    # And out again, deltas copied as they are.
    git.init(server.path("second.git"))
    there.backup(server.url("second.git"))
    assert_fsck_clean(server.path("second.git"))


def test_missing_repository_is_reported_by_its_url(server: Server, store: Any) -> None:
    for attempt in (store.restore, store.backup):
        with pytest.raises(RepositoryNotFoundError, match=r"none\.git") as caught:
            attempt(server.url("none.git"))
        assert LOGIN[1] not in str(caught.value)


def test_empty_source_is_refused_unless_it_is_meant(server: Server, store: Any, git: Git) -> None:
    git.init(server.path())
    with pytest.raises(ValueError, match="no refs"):
        store.restore(server.url())
    assert len(store.branches) == 2
    with pytest.raises(ValueError, match="no refs"):
        store.restore(server.url(), delete=False)
    assert store.restore(server.url(), allow_empty=True, dry_run=True).total == 4
    assert len(store.branches) == 2
    assert store.restore(server.url(), allow_empty=True).total == 4
    assert list(store.branches) == []


def test_shallow_clone_gets_what_its_history_lacks(
    server: Server, store: Any, git: Git, tmp_path: Path
) -> None:
    path = git.init(server.path())
    store.backup(path)
    shallow = tmp_path / "shallow.git"
    git(tmp_path, "clone", "-q", "--bare", "--depth=1", "--branch=dev", f"file://{path}", shallow)
    store.branches["old"] = store.branches["main"].back(1)
    store.branches["old"].write("side", b"from an old commit")
    store.backup(path)
    there = vost_sync.GitStore.open(shallow)
    there.restore(server.url())
    assert there.branches["old"].read("side") == b"from an old commit"
    assert_fsck_clean(shallow)


def test_ids_of_another_kind_are_named(
    server: Server, store: Any, git: Git, tmp_path: Path
) -> None:
    path = server.path()
    git(tmp_path, "init", "-q", "--bare", "--object-format=sha256", path)
    commit = git(path, "commit-tree", "-m", "x", git(path, "mktree"))
    git(path, "update-ref", "refs/heads/main", commit)
    for attempt in (store.restore, store.backup):
        with pytest.raises(RemoteError, match="sha256"):
            attempt(server.url())


def test_refused_ref_is_named(server: Server, store: Any, git: Git) -> None:
    path = git.init(server.path())
    store.backup(server.url())
    git(path, "config", "receive.denyDeletes", "true")
    del store.branches["dev"]
    store.branches["more"] = store.branches["main"]
    with pytest.raises(RemoteRejectedError, match=r"refs/heads/dev \(deletion prohibited\)"):
        store.backup(server.url())
    assert "refs/heads/more" not in refs_of(git, path), "all or none"


def test_name_makes_room_for_another(server: Server, store: Any, git: Git) -> None:
    path = git.init(server.path())
    for name, other in (("dev", "dev/x"), ("dev/x", "dev")):
        store.backup(server.url())
        del store.branches[name]
        store.branches[other] = store.branches["main"].write("f", name.encode())
        planned = store.backup(server.url(), dry_run=True)
        assert f"refs/heads/{name}" in refs_of(git, path)
        assert store.backup(server.url()) == planned
        assert [len(planned.add), len(planned.update), len(planned.delete)] == [1, 1, 1]
        assert store.backup(server.url()).in_sync


def test_server_that_stops_in_the_middle_of_a_push_is_a_remote_error(
    server: Server, store: Any, git: Git
) -> None:
    path = git.init(server.path())
    git(path, "config", "receive.maxInputSize", "1000")
    store.branches["main"].write("more", os.urandom(4 << 20))
    with pytest.raises(RemoteError) as caught:
        store.backup(server.url())
    assert type(caught.value) in {RemoteError, RemoteConnectionError, RemoteRejectedError}
    assert refs_of(git, path) == {}


def test_server_that_only_serves_files_is_told_so(served: Path, git: Git, store: Any) -> None:
    git.init(served / "r.git")
    store.backup(served / "r.git")
    git(served / "r.git", "update-server-info")
    handler = functools.partial(QuietFiles, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as files:
        thread = threading.Thread(target=files.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            for attempt in (store.restore, store.backup):
                with pytest.raises(RemoteError, match="only serves files"):
                    attempt(f"http://127.0.0.1:{files.server_address[1]}/r.git")
        finally:
            files.shutdown()
            thread.join()


class QuietFiles(SimpleHTTPRequestHandler):
    """Serves files, and keeps quiet about it."""

    def log_message(self, *args: object) -> None:
        pass


def test_server_that_cannot_do_it_at_once_is_told_one_by_one(
    server: Server, store: Any, git: Git
) -> None:
    path = git.init(server.path())
    git(path, "config", "receive.advertiseAtomic", "false")
    assert store.backup(server.url()).total == 4
    assert len(refs_of(git, path)) == 4


def test_large_file_passes_in_bounded_memory(server: Server, git: Git) -> None:
    store = vost_sync.GitStore.open(server.directory / "source.git")
    block = os.urandom(1 << 20)
    with store.branches["main"].writer("large") as out:
        for n in range(32):
            out.write(bytes([n]) + block)
    git.init(server.path())
    # The test's own HTTP server holds whole requests and answers in the same memory.
    limit = (12 << 20) if "http" not in server.base else sys.maxsize
    assert peak_of(lambda: store.backup(server.url())) < limit
    there = vost_sync.GitStore.open(server.directory / "there.git", branch=None)
    assert peak_of(lambda: there.restore(server.url())) < limit
    assert there.branches["main"].size("large") == 32 * (len(block) + 1)


def peak_of(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("error", [ValueError, OSError, KeyError])
def test_error_of_the_callers_progress_is_not_taken_for_the_servers(
    server: Server, store: Any, git: Git, error: type[Exception]
) -> None:
    git.init(server.path())

    def fail(line: bytes) -> None:
        raise error("mine")

    with pytest.raises(error, match="mine") as caught:
        store.backup(server.url(), progress=fail)
    assert type(caught.value) is error
    assert refs_of(git, server.path()) == {}
    store.backup(server.url())
    there = vost_sync.GitStore.memory(branch=None)
    with pytest.raises(error, match="mine") as caught:
        there.restore(server.url(), progress=fail)
    assert type(caught.value) is error


# --- credentials


def test_credentials_appear_nowhere_but_in_the_header(
    served: Path, git: Git, store: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    secrets = [LOGIN[1], LOGIN_IN_URL.rstrip("@"), LOGIN_IN_URL.split(":")[1].rstrip("@"), "us er"]
    git.init(served / "r.git")
    seen: list[str] = [caplog.text]

    def look(line: bytes) -> None:
        """Look at what anybody on the machine can see of us and our children."""
        seen.append(line.decode())
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                seen.append(file.read_text(errors="replace"))

    with peers.http_backend(served, git.home, login=LOGIN) as peer:
        url = peer.url.replace("//", "//" + LOGIN_IN_URL) + "/r.git"
        store.backup(url, progress=look)
        there = vost_sync.GitStore.open(tmp_path / "there.git", branch=None)
        there.restore(url, progress=look)
        for bad in (url.replace("r.git", "none.git"), url.replace("us%20er", "us%20er2")):
            for attempt in (store.restore, store.backup):
                with pytest.raises(OSError) as caught:
                    attempt(bad)
                error: BaseException | None = caught.value
                while error is not None:
                    seen += [str(error), repr(error)]
                    error = error.__cause__ or error.__context__
        assert any(given for _, _, given in peer.requests)
        assert not any(secret in path for _, path, _ in peer.requests for secret in secrets)
    seen.append(caplog.text)
    for directory in ("here.git", "there.git", "served/r.git"):
        root = tmp_path / directory
        files = [root / "config", root / "HEAD", *root.glob("logs/**/*")]
        seen += [file.read_text() for file in files if file.is_file()]
    assert any("restore: http://127.0.0.1:" in text for text in seen)
    leaks = [(secret, text) for text in seen for secret in secrets if secret in text]
    assert leaks == []


def test_wrong_or_missing_login_is_an_access_error(served: Path, git: Git, store: Any) -> None:
    git.init(served / "r.git")
    with peers.http_backend(served, git.home, login=LOGIN) as peer:
        with pytest.raises(RemoteAccessError, match="credentials are needed") as caught:
            store.backup(peer.url + "/r.git")
        assert isinstance(caught.value, PermissionError)
        with pytest.raises(RemoteAccessError, match="credentials are refused"):
            store.backup(peer.url.replace("//", "//us:wrong@") + "/r.git")


def test_ssh_command_has_an_argument_list_and_no_shell(
    tmp_path: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "ssh"
    script.write_text(
        '#!/bin/sh\nfor word in "$@"; do printf \'%s\\n\' "$word"; done >>"$0.log"\nexit 1\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", f"{script} -F none; touch {tmp_path}/evil")
    with pytest.raises(RemoteConnectionError):
        store.restore("ssh://me@host.invalid:2222/a%20b'; touch evil; '.git")
    words = (tmp_path / "ssh.log").read_text().splitlines()
    assert words[:3] == ["-F", "none;", "touch"]
    assert "BatchMode=yes" in words
    assert words[-5:] == [
        "-p",
        "2222",
        "--",
        "me@host.invalid",
        "git-upload-pack '/a b'\\''; touch evil; '\\''.git'",
    ]
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("where", ["https://127.0.0.1:1/r.git", "git://127.0.0.1:1/r.git"])
def test_redirect_to_another_scheme_is_refused(
    served: Path, git: Git, store: Any, where: str
) -> None:
    with (
        peers.http_backend(
            served, git.home, redirects={"away": where.removesuffix("r.git")}
        ) as peer,
        pytest.raises(RemoteError, match="refused a redirect from http:// to"),
    ):
        store.restore(peer.url + "/away/r.git")


def test_redirect_to_another_host_does_not_take_the_login_along(
    served: Path, git: Git, store: Any
) -> None:
    git.init(served / "r.git")
    with peers.http_backend(served, git.home) as other:
        redirects = {"moved": other.url.replace("127.0.0.1", "localhost") + "/"}
        with peers.http_backend(served, git.home, redirects=redirects) as peer:
            url = peer.url.replace("//", "//me:secret@") + "/moved/r.git"
            assert store.backup(url).total == 4
        assert other.requests
        assert [given for _, _, given in other.requests if given] == []


# --- servers that misbehave


@pytest.mark.parametrize("scheme", ["git", "http"])
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"x" * 5000,
        b"0000",
        b"ffff" + b"x" * 100,
        b"-001",
        b"000eversion 2\n0000",
        b"003a" + b"1" * 40 + b" refs/../../evil\0\n0000",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 500 Oh no\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\nzzzz",
    ],
    ids=range(10),
)
def test_answer_that_makes_no_sense_is_one_of_our_errors(
    scheme: str, answer: bytes, store: Any
) -> None:
    with babbling(answer) as port:
        for attempt in (store.restore, store.backup):
            if scheme == "git" and answer == b"0000":
                continue  # that is how an empty repository says so
            with pytest.raises((RemoteError, RepositoryNotFoundError)) as caught:
                attempt(f"{scheme}://127.0.0.1:{port}/r.git")
            assert f"127.0.0.1:{port}" in str(caught.value)
    assert len(store.branches) == 2


def test_server_that_keeps_silent_is_given_up(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from vost._engine import transport

    monkeypatch.setattr(transport, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for scheme in ("git", "http"):
            with pytest.raises(RemoteConnectionError):
                store.restore(f"{scheme}://127.0.0.1:{port}/r.git")


def test_nobody_there_is_a_connection_error(store: Any) -> None:
    port = peers.free_port()
    for scheme in ("git", "http", "https"):
        with pytest.raises(ConnectionError, match=f"{scheme}://127.0.0.1:{port}/r.git"):
            store.backup(f"{scheme}://127.0.0.1:{port}/r.git")


class babbling:  # noqa: N801 - used as a function
    """A server that gives one answer, whatever it is asked."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    connection.recv(4096)
                    connection.sendall(self._answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(4096):
                        pass
                except OSError:
                    pass

    def __enter__(self) -> int:
        self._thread.start()
        port: int = self._socket.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def test_pack_of_a_server_that_leaves_something_out_moves_no_ref(
    daemon: Server, git: Git, tmp_path: Path
) -> None:
    """A repository with a missing blob: git daemon itself refuses, or sends what it has."""
    source = vost_sync.GitStore.open(daemon.path())
    fs = source.branches["main"].write("f", b"lost")
    blob = fs.object_hash("f")
    (daemon.path() / "objects" / blob[:2] / blob[2:]).unlink()
    there = vost_sync.GitStore.open(tmp_path / "there.git")
    before = there.branches["main"].commit_hash
    with pytest.raises(RemoteError):
        there.restore(daemon.url())
    assert there.branches["main"].commit_hash == before
