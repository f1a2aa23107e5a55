"""Git over HTTP: real git is the client, and the judge of what it got."""

from __future__ import annotations

import gzip
import os
import re
import threading
from typing import TYPE_CHECKING

import pytest

import vost
from tests.support.faces import drive
from tests.support.gitcli import Git, assert_fsck_clean
from tests.support.serving import Running
from vost._offload import inline
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADVERTISEMENT = "/info/refs?service=git-upload-pack"
REQUEST = {"Content-Type": "application/x-git-upload-pack-request"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.git"


@pytest.fixture
def store(path: Path) -> GitStore:
    """A repository with five commits on main, a branch, both kinds of tags, and a note."""
    store = GitStore.open(path)
    fs = store.branches["main"]
    for number in range(4):
        fs = fs.write_text(f"dir/f{number}.txt", f"text {number}\n" * 50)
    store.branches["dev"] = fs
    store.branches["dev"].write("dev.txt", b"dev")
    store.tags["v1"] = fs
    store.notes.commits[fs.commit_hash] = "a note"
    return store


@pytest.fixture(params=["vost", "git"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def server(store: GitStore, path: Path, backend: str) -> Iterator[Running]:
    with serving(path, backend) as server:
        yield server


def serving(path: Path, backend: str = "vost") -> Running:
    with inline():
        opened = drive(vost.GitStore.open(path, create=False))
    return Running(vost.serve.git(opened, backend=backend))


def clone(git: Git, server: Running, to: Path, *options: str) -> Path:
    git.plain("clone", "--quiet", *options, server.url, str(to))
    assert_fsck_clean(to if (to / "HEAD").exists() else to / ".git")
    return to if (to / "HEAD").exists() else to / ".git"


def log(git: Git, repository: Path, revision: str = "HEAD") -> list[str]:
    return git(repository, "rev-list", revision).splitlines()


def packet(content: bytes) -> bytes:
    return b"%04x" % (len(content) + 4) + content


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["0", "1", "2"])
def test_clone_gets_everything(git, store, server, path, tmp_path, protocol) -> None:
    git(path, "tag", "-a", "-m", "annotated", "v2", "main")
    copy = clone(git, server, tmp_path / "copy", "-c", f"protocol.version={protocol}")
    assert log(git, copy) == log(git, path, "main")
    assert git(copy, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(copy, "rev-parse", "v2") == git(path, "rev-parse", "v2")
    assert (tmp_path / "copy" / "dir" / "f3.txt").read_text() == "text 3\n" * 50


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["0", "2"])
def test_fetch_gets_new_commits_and_sends_little(git, store, server, tmp_path, protocol) -> None:
    copy = clone(git, server, tmp_path / "copy", "-c", f"protocol.version={protocol}")
    for number in range(3):
        store.branches["main"].write_text("new.txt", f"{number}")
        said = git.plain("-C", str(copy.parent), "fetch", "--progress", "origin")
        assert log(git, copy, "origin/main")[0] == store.branches["main"].commit_hash
        assert_fsck_clean(copy)
    assert "main" in said
    store.branches["main"].undo()
    git.plain("-C", str(copy.parent), "fetch", "--quiet", "origin")
    assert log(git, copy, "origin/main")[0] == store.branches["main"].commit_hash


@pytest.mark.slow
def test_fetch_of_an_unrelated_history_gets_it(git, store, server, tmp_path) -> None:
    other = GitStore.open(tmp_path / "other.git")
    other.branches["main"].write("o", b"o")
    git.plain("-C", str(tmp_path / "other.git"), "fetch", "--quiet", server.url, "main:theirs")
    assert log(git, tmp_path / "other.git", "theirs")[0] == store.branches["main"].commit_hash
    assert_fsck_clean(tmp_path / "other.git")


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["0", "2"])
def test_shallow_clone_deepens_step_by_step(git, store, server, path, tmp_path, protocol) -> None:
    work = tmp_path / "copy"
    version = f"protocol.version={protocol}"
    copy = clone(git, server, work, "--depth", "1", "-c", version)
    everything = log(git, path, "main")
    assert log(git, copy) == everything[:1]
    git.plain("-C", str(work), "fetch", "--quiet", "--depth", "2")
    assert log(git, copy) == everything[:2]
    git.plain("-C", str(work), "fetch", "--quiet", "--deepen", "1")
    assert log(git, copy) == everything[:3]
    store.branches["main"].write("later.txt", b"later")
    git.plain("-C", str(work), "fetch", "--quiet")
    assert len(log(git, copy, "origin/main")) == 4
    assert_fsck_clean(copy)
    git.plain("-C", str(work), "fetch", "--quiet", "--unshallow")
    assert log(git, copy, "origin/main") == log(git, path, "main")
    assert not (copy / "shallow").exists()
    assert_fsck_clean(copy)


@pytest.mark.slow
def test_shallow_clone_since_a_time_and_not_from_a_tag(git, server, path, tmp_path) -> None:
    tree = git(path, "rev-parse", "main^{tree}")
    parents: list[str] = []
    commits = []
    for day in range(1, 6):
        env = {"GIT_COMMITTER_DATE": f"2020-01-0{day}T12:00:00Z"}
        commits.append(git(path, "commit-tree", tree, "-m", f"{day}", *parents, env=env))
        parents = ["-p", commits[-1]]
    git(path, "update-ref", "refs/heads/days", commits[-1])
    git(path, "tag", "old", commits[1])
    one = clone(git, server, tmp_path / "a", "-b", "days", "--shallow-since=2020-01-03T00:00:00Z")
    assert log(git, one) == commits[:1:-1]
    two = clone(git, server, tmp_path / "b", "-b", "days", "--shallow-exclude=old")
    assert log(git, two) == commits[:1:-1]


@pytest.mark.slow
def test_single_branch_and_mirror(git, store, server, path, tmp_path) -> None:
    one = clone(git, server, tmp_path / "one", "--single-branch", "-b", "dev")
    assert "main" not in git(one, "branch", "-a")
    mirror = clone(git, server, tmp_path / "m.git", "--mirror")
    refs = "for-each-ref", "--format=%(refname) %(objectname)"
    assert git(mirror, *refs) == git(path, *refs)
    assert "refs/notes/commits" in git(mirror, *refs)


@pytest.mark.parametrize("protocol", ["0", "1", "2"])
def test_ls_remote_lists_what_git_lists(git, store, server, path, protocol) -> None:
    git(path, "tag", "-a", "-m", "annotated", "v2", "main")
    listed = git.plain("-c", f"protocol.version={protocol}", "ls-remote", "--symref", server.url)
    assert listed == git.plain("ls-remote", "--symref", str(path))


def test_push_is_refused(git, store, server, path) -> None:
    before = git(path, "for-each-ref")
    pushed = git.attempt(path, "push", server.url, "main:other")
    assert pushed.returncode != 0
    assert b"403" in pushed.stderr
    assert git(path, "for-each-ref") == before
    for answer in (
        server.get("/info/refs?service=git-receive-pack"),
        server.request("POST", "/git-receive-pack", body=b"0000"),
    ):
        assert (answer.status, answer.body) == (403, b"Unsupported service")


def test_dangling_head_is_shown_as_the_first_branch_and_stays_as_it_is(
    git, store, path, tmp_path
) -> None:
    (path / "HEAD").write_text("ref: refs/heads/nowhere\n")
    with serving(path) as server:
        for protocol in ("0", "2"):
            copy = clone(git, server, tmp_path / protocol, "-c", f"protocol.version={protocol}")
            assert git(copy, "symbolic-ref", "HEAD") == "refs/heads/dev"
            assert (tmp_path / protocol / "dev.txt").exists()
    assert (path / "HEAD").read_text() == "ref: refs/heads/nowhere\n"


def test_detached_head_is_shown(git, store, path, tmp_path) -> None:
    commit = git(path, "rev-parse", "main~1")
    (path / "HEAD").write_text(commit + "\n")
    with serving(path) as server:
        for protocol in ("0", "2"):
            version = f"protocol.version={protocol}"
            assert git.plain("-c", version, "ls-remote", server.url, "HEAD").startswith(commit)


@pytest.mark.parametrize("protocol", ["0", "1", "2"])
def test_empty_repository_can_be_cloned(git, path, tmp_path, backend, protocol) -> None:
    git.plain("init", "--quiet", "--bare", "--initial-branch=trunk", str(path))
    with serving(path, backend) as server:
        copy = clone(git, server, tmp_path / "copy", "-c", f"protocol.version={protocol}")
    assert git(copy, "for-each-ref") == ""
    if protocol == "2":
        assert git(copy, "symbolic-ref", "HEAD") == "refs/heads/trunk"


@pytest.mark.slow
def test_packed_repository_with_deltas_is_copied_as_it_is(git, store, path, tmp_path) -> None:
    fs = store.branches["main"]
    for number in range(20):
        fs = fs.write("long.txt", b"".join(b"line %d\n" % i for i in range(2000)) + b"%d" % number)
    git(path, "gc", "--quiet", "--aggressive")
    with serving(path) as server:
        copy = clone(git, server, tmp_path / "c.git", "--mirror")
    assert log(git, copy, "main") == log(git, path, "main")
    sizes = [
        sum(file.stat().st_size for file in at.glob("objects/pack/*.pack")) for at in (copy, path)
    ]
    assert sizes[0] < 1.2 * sizes[1] + 2000  # deltas were not undone


@pytest.mark.slow
def test_clones_beside_writers_are_whole(git, store, server, tmp_path) -> None:
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            store.branches["main"].write_text(f"w/{number}.txt", f"{number}")
            if number % 20 == 0:
                store.pack()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        clones = [
            threading.Thread(target=clone, args=(git, server, tmp_path / f"c{n}")) for n in range(4)
        ]
        for thread in clones:
            thread.start()
        for thread in clones:
            thread.join()
    finally:
        done.set()
        writer.join()
    for number in range(4):
        assert (tmp_path / f"c{number}" / "dir" / "f3.txt").exists()


def test_clones_one_after_the_other_are_of_their_moment(git, store, server, tmp_path) -> None:
    """What the last clone had is remembered: not longer than it is right."""
    for number in range(4):
        copy = clone(git, server, tmp_path / f"{number}.git", "--bare")
        assert log(git, copy, "main")[0] == store.branches["main"].commit_hash
        if number == 1:
            store.branches["main"].write("more", b"more")


def test_commit_that_a_branch_has_left_behind_can_still_be_had(store, path) -> None:
    """The client may have seen it a moment ago."""
    old = store.branches["main"].commit_hash
    store.branches["main"].write("x", b"x")
    want = packet(f"want {old}\n".encode()) + b"0000" + packet(b"done\n")
    with serving(path) as server:
        answer = server.request("POST", "/git-upload-pack", REQUEST, want)
    assert answer.body.startswith(b"0008NAK\nPACK")


@pytest.mark.parametrize("kind", ["missing", "dangling commit", "blob"])
def test_what_no_ref_leads_to_is_refused(git, store, path, kind) -> None:
    oid = "1" * 40
    if kind == "dangling commit":
        oid = store.branches["main"].write("secret", b"secret").commit_hash
        store.branches["main"].undo()
    elif kind == "blob":
        oid = git(path, "hash-object", "-w", "--stdin", stdin=b"secret")
    want = packet(f"want {oid}\n".encode()) + b"0000" + packet(b"done\n")
    fetch = packet(b"command=fetch") + b"0001" + packet(f"want {oid}\n".encode())
    with serving(path) as server:
        for headers, body in (
            (REQUEST, want),
            (REQUEST | {"Git-Protocol": "version=2"}, fetch + packet(b"done\n") + b"0000"),
        ):
            answer = server.request("POST", "/git-upload-pack", headers, body)
            assert answer.status == 200
            assert answer.body[4:] == f"ERR upload-pack: not our ref {oid}\n".encode()


MALFORMED = {
    "nothing": b"",
    "no length": b"zzzz",
    "sign": b"-001",
    "too long": b"ffff" + b"a" * 100,
    "cut off": b"0032want 1111",
    "no flush": packet(b"want " + b"1" * 40),
    "reserved": b"0003",
    "short id": packet(b"want 1234") + b"0000",
    "not hex": packet(b"want " + b"g" * 40) + b"0000",
    "no want": b"0000" + packet(b"have " + b"1" * 40) + packet(b"done"),
    "unknown line": packet(b"give me") + b"0000",
    "negative depth": packet(b"want " + b"1" * 40) + packet(b"deepen -1") + b"0000",
    "huge depth": packet(b"want " + b"1" * 40) + packet(b"deepen " + b"9" * 5000) + b"0000",
    "command": packet(b"command=fetch"),
    "unknown command": packet(b"command=push") + b"0000",
    "binary": bytes(range(256)) * 4,
}


@pytest.mark.parametrize("protocol", ["0", "2"])
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_request_is_answered_with_400(store, path, protocol, body) -> None:
    with serving(path) as server:
        headers = REQUEST | {"Git-Protocol": f"version={protocol}"}
        answer = server.request("POST", "/git-upload-pack", headers, body)
        assert answer.status == 400, answer
        assert answer.body.startswith(b"Malformed request: ")
    assert not [line for line in server.shown if "ERROR" in line]


@pytest.mark.parametrize(
    "body", [gzip.compress(b"0000")[:-4], b"no gzip", gzip.compress(bytes(17 << 20))],
    ids=["cut off", "none", "bomb"],
)  # fmt: skip
def test_bad_compressed_body_is_answered_with_400(store, server, body) -> None:
    headers = REQUEST | {"Content-Encoding": "gzip"}
    assert server.request("POST", "/git-upload-pack", headers, body).status == 400


def test_compressed_body_is_read(store, server) -> None:
    want = f"want {store.branches['main'].commit_hash}\n".encode()
    body = gzip.compress(packet(want) + b"0000" + packet(b"done\n"))
    headers = REQUEST | {"Content-Encoding": "gzip"}
    answer = server.request("POST", "/git-upload-pack", headers, body)
    assert answer.body.startswith(b"0008NAK\nPACK")


def test_request_that_is_too_large_is_refused(store, server) -> None:
    answer = server.request("POST", "/git-upload-pack", REQUEST, b"0000" * (5 << 20))
    assert answer.status == 413


@pytest.mark.parametrize(
    "method, target, headers, status",
    [
        ("GET", "/", {}, 404),
        ("GET", "/config", {}, 404),
        ("GET", "/HEAD", {}, 404),
        ("GET", "/objects/info/packs", {}, 404),
        ("GET", "/info/refs", {}, 404),
        ("GET", "/../config", {}, 404),
        ("GET", "/%2e%2e/config", {}, 404),
        ("GET", "//info/refs", {}, 404),
        ("GET", "/info/refs?service=git-upload-archive", {}, 403),
        ("GET", "/info/refs?service=", {}, 404),
        ("GET", "/info/refs?" + "a=b&" * 5000, {}, 404),
        ("POST", "/info/refs?service=git-upload-pack", {}, 405),
        ("GET", "/git-upload-pack", {}, 405),
        ("GET", "/git-receive-pack", {}, 405),
        ("POST", "/git-upload-pack", {}, 400),
        ("POST", "/git-upload-pack", {"Content-Type": "text/plain"}, 400),
        ("POST", "/git-upload-pack", REQUEST | {"Content-Encoding": "br"}, 415),
        ("OPTIONS", "/info/refs", {}, 405),
    ],
)  # fmt: skip
def test_other_requests_are_answered_right(store, path, method, target, headers, status) -> None:
    with serving(path) as server:
        answer = server.request(method, target, headers)
        assert answer.status == status
        assert status != 405 or answer.headers["Allow"]


def test_head_of_the_advertisement_has_no_body(store, path) -> None:
    with serving(path) as server:
        answer = server.get(ADVERTISEMENT, method="HEAD")
        assert answer.body == b""
        assert int(answer.headers["Content-Length"]) == len(server.get(ADVERTISEMENT).body)
        assert answer.headers["Content-Type"] == "application/x-git-upload-pack-advertisement"
        assert "no-cache" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    "version", ["version=9", "version=x", "", "a=b:version=1:version=2", "\xff"]
)
def test_odd_protocol_header_is_no_error(store, path, version) -> None:
    with serving(path) as server:
        answer = server.get(ADVERTISEMENT, {"Git-Protocol": version})
        assert answer.status == 200
        assert (b"version 2\n" in answer.body) == version.endswith("version=2")


def test_many_haves_are_answered(store, path) -> None:
    want = packet(f"want {store.branches['main'].commit_hash} multi_ack_detailed\n".encode())
    haves = b"".join(packet(f"have {number:040x}\n".encode()) for number in range(100_000))
    with serving(path) as server:
        answer = server.request(
            "POST", "/git-upload-pack", REQUEST, want + b"0000" + haves + b"0000"
        )
        assert (answer.status, answer.body) == (200, b"0008NAK\n")


def test_damaged_repository_is_told_to_the_client_without_its_place(git, store, path) -> None:
    blob = git(path, "rev-parse", "main:dir/f0.txt")
    os.remove(path / "objects" / blob[:2] / blob[2:])
    want = packet(f"want {store.branches['main'].commit_hash} side-band-64k\n".encode())
    with serving(path) as server:
        try:
            body = server.request(
                "POST", "/git-upload-pack", REQUEST, want + b"0000" + packet(b"done\n")
            ).body
        except Exception as error:  # the connection is cut
            body = getattr(error, "partial", b"")
    assert b"upload-pack: the repository is damaged" in body
    assert str(path).encode() not in body
    assert any("ERROR" in line and blob in line for line in server.shown)


@pytest.mark.slow
def test_client_that_goes_away_ends_the_work(store, path, backend) -> None:
    with store.branches["main"].batch() as batch:
        for number in range(40):
            batch.write(f"big/{number}", os.urandom(1 << 20))
    want = packet(f"want {store.branches['main'].commit_hash} side-band-64k\n".encode())
    body = want + b"0000" + packet(b"done\n")
    head = b"".join(
        b"%s: %s\r\n" % (name.encode(), value.encode()) for name, value in REQUEST.items()
    )
    with serving(path, backend) as server:
        with server.connect() as connection:
            connection.sendall(
                b"POST /git-upload-pack HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n%s"
                % (len(body), head, body)
            )
            assert connection.recv(100)
        server.stop()
        line = server.shown_lines[-1]
        found = re.search(r'" 200 (\d+)$', line)
        assert found, line
        assert int(found[1]) < 30 << 20


@pytest.mark.slow
def test_application_can_be_mounted(git, store, path, tmp_path) -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    with inline():
        opened = drive(vost.GitStore.open(path, create=False))
    app = Starlette(routes=[Mount("/repo", vost.serve.git(opened))])
    with Running(app) as server:
        git.plain("clone", "--quiet", f"{server.url}repo", str(tmp_path / "copy"))
    assert_fsck_clean(tmp_path / "copy" / ".git")


def test_configuration_of_the_repository_runs_nothing(git, store, path, tmp_path) -> None:
    mark = tmp_path / "ran"
    for key in ("uploadpack.packObjectsHook", "core.fsmonitor", "core.alternateRefsCommand"):
        git(path, "config", key, f"touch {mark};")
    with serving(path, "git") as server:
        clone(git, server, tmp_path / "copy")
    assert not mark.exists()


def test_git_cannot_serve_what_is_in_memory() -> None:
    with inline():
        memory = drive(vost.GitStore.memory())
    with pytest.raises(ValueError, match="in memory"):
        vost.serve.git(memory, backend="git")
    with pytest.raises(ValueError, match="backend must be"):
        vost.serve.git(memory, backend="svn")


def test_store_in_memory_can_be_cloned(git, tmp_path) -> None:
    with inline():
        memory = drive(vost.GitStore.memory())
        drive(drive(memory.branches["main"]).write("a", b"a"))
    with Running(vost.serve.git(memory)) as server:
        clone(git, server, tmp_path / "copy")
    assert (tmp_path / "copy" / "a").read_bytes() == b"a"


def test_git_that_is_not_installed_is_an_error(store, path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="git is not installed"):
        serving(path, "git")
