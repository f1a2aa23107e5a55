"""Stores: what ``open`` makes, finds and refuses; the bytes of commits and reflogs (1, 2, 4)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path, PurePosixPath

import pytest

import vost
import vost_sync
from tests.support.faces import ASYNC_FACES, collect, face_id, unwrapped
from tests.support.refnames import ILLEGAL_NAMES
from tests.support.snapshots import tip
from vost import NotARepositoryError, RepositoryNotFoundError, Signature

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

SURFACE = [
    "GitStore",
    "RefDict",
    "ReflogEntry",
    "Signature",
    "NoteDict",
    "NoteNamespace",
    "NotesBatch",
    "FS",
    "StatResult",
    "WriteEntry",
    "retry_write",
    "StaleSnapshotError",
    "Batch",
    "BlobOid",
    "GitError",
    "ChangeReport",
    "ChangeAction",
    "ChangeActionKind",
    "ChangeError",
    "FileEntry",
    "FileType",
    "WalkEntry",
]

# --- what is there


@pytest.mark.parametrize("name", SURFACE)
def test_documented_names_are_importable_from_both_packages(name):
    assert hasattr(vost, name)
    assert hasattr(vost_sync, name)
    assert name in vost.__all__
    assert name in vost_sync.__all__


def test_both_packages_have_a_version():
    assert vost.__version__ == vost_sync.__version__
    assert vost.__version__[0].isdigit()


async def test_a_store_has_branches_tags_and_notes(face, store):
    real = unwrapped(store)
    assert isinstance(real, face.package.GitStore)
    assert isinstance(real.branches, face.package.RefDict)
    assert isinstance(real.tags, face.package.RefDict)
    assert isinstance(real.notes, face.package.NoteDict)
    assert real.branches is real.branches


async def test_repr_of_a_store_shows_its_path(face, repo):
    store = await face.GitStore.open(repo)
    assert repr(store) == f"GitStore('{repo}/')"
    assert repr(await face.GitStore.open(f"{repo}/")) == f"GitStore('{repo}/')"
    assert repr(await face.GitStore.memory()) == "GitStore(':memory:')"


# --- creating


async def test_open_makes_a_bare_repository(face, git, repo):
    await face.GitStore.open(repo)
    assert git(repo, "rev-parse", "--is-bare-repository") == "true"
    assert git(repo, "config", "core.repositoryFormatVersion") == "0"
    assert git(repo, "config", "core.fileMode") == "true"
    assert git(repo, "config", "core.bare") == "true"
    assert git(repo, "config", "core.logAllRefUpdates") == "always"
    assert git(repo, "config", "gc.reflogExpire") == "never"
    assert git(repo, "config", "gc.reflogExpireUnreachable") == "never"
    assert (repo / "HEAD").read_bytes() == b"ref: refs/heads/main\n"


async def test_first_commit_is_an_empty_tree_without_parent(face, git, repo):
    store = await face.GitStore.open(repo, branch="trunk")
    fs = await store.branches["trunk"]
    assert git(repo, "symbolic-ref", "HEAD") == "refs/heads/trunk"
    assert fs.tree_hash == EMPTY_TREE
    assert fs.message == "Initialize trunk"
    assert await fs.parent is None
    assert await fs.ls() == []
    assert await store.branches.keys() == ["trunk"]
    assert git(repo, "cat-file", "-t", EMPTY_TREE) == "tree"


async def test_creation_is_not_logged_and_leaves_no_lock_file(face, repo):
    store = await face.GitStore.open(repo)
    assert not (repo / "vost.lock").exists()
    assert not (repo / "logs").exists()
    with pytest.raises(FileNotFoundError):
        await store.branches.reflog("main")


async def test_lock_file_comes_with_the_first_change_and_stays_empty(disk_store, repo):
    fs = await disk_store.branches["main"]
    await fs.write("a", b"1")
    assert (repo / "vost.lock").stat().st_size == 0
    await disk_store.close()
    assert (repo / "vost.lock").stat().st_size == 0


async def test_open_without_a_branch_makes_none(face, repo, git):
    store = await face.GitStore.open(repo, branch=None)
    assert await store.branches.count() == 0
    assert await store.branches.current_name is None
    assert await store.branches.current is None
    assert (repo / "HEAD").read_bytes() == b"ref: refs/heads/master\n"
    assert git(repo, "for-each-ref") == ""
    assert list((repo / "objects").glob("??/*")) == []


async def test_branchless_store_gets_its_first_branch(face, storage, repo):
    store = await (
        face.GitStore.open(repo, branch=None)
        if storage == "disk"
        else face.GitStore.memory(branch=None)
    )
    assert await store.branches.count() == 0
    fs = await store.branches.create("first")
    assert (fs.ref_name, fs.writable, fs.message) == ("first", True, "Initialize first")
    assert (await fs.write("a", b"1")).ref_name == "first"
    with pytest.raises(KeyError, match="first"):
        await store.branches.create("first")
    with pytest.raises(ValueError, match="a b"):
        await store.branches.create("a b")
    with pytest.raises(ValueError):
        await store.tags.create("first")
    assert await store.branches.keys() == ["first"]


async def test_missing_parent_directories_are_made(face, tmp_path):
    path = tmp_path / "deep" / "er" / "repo.git"
    store = await face.GitStore.open(path)
    assert await store.branches.keys() == ["main"]


async def test_path_may_be_str_or_any_path_and_tilde_means_nothing(
    face, tmp_path, monkeypatch, home
):
    monkeypatch.chdir(tmp_path)
    for path in ("relative.git", Path("path.git"), PurePosixPath("pure.git"), "~"):
        assert await (await face.GitStore.open(path)).branches.count() == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "home",
        "path.git",
        "pure.git",
        "relative.git",
        "~",
    ]
    assert list(home.iterdir()) == []


async def test_a_store_outlives_a_change_of_directory(face, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = await face.GitStore.open("repo.git")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    fs = await (await store.branches["main"]).write("a", b"1")
    assert await fs.read("a") == b"1"


@pytest.mark.parametrize("name", ILLEGAL_NAMES)
async def test_illegal_branch_name_is_refused_before_anything_is_made(face, repo, name):
    with pytest.raises(ValueError):
        await face.GitStore.open(repo, branch=name)
    with pytest.raises(ValueError):
        await face.GitStore.memory(branch=name)
    assert not repo.exists()
    assert list(repo.parent.iterdir()) == []


@pytest.mark.parametrize("bad", ["a <b>", "a\nb", "a\0b", ">", "\ud800"])
async def test_identity_that_git_calls_corrupt_is_refused_before_anything_is_made(face, repo, bad):
    for identity in ({"author": bad}, {"email": bad}):
        with pytest.raises(ValueError):
            await face.GitStore.open(repo, **identity)
        with pytest.raises(ValueError):
            await face.GitStore.memory(**identity)
    assert not repo.exists()


def test_signature_is_a_plain_mutable_dataclass_that_stays_valid():
    signature = Signature("A", "a@x")
    assert signature == Signature("A", "a@x")
    assert signature != Signature("B", "a@x")
    signature.name = "B"
    assert signature == Signature("B", "a@x")
    with pytest.raises(ValueError):
        signature.email = "a>b"
    with pytest.raises(ValueError):
        Signature("a\nb", "x")


# --- opening


async def test_open_of_an_existing_repository_ignores_the_branch(face, disk_store, repo):
    fs = await (await disk_store.branches["main"]).write("a", b"1")
    again = await face.GitStore.open(repo, branch="other", create=False)
    assert await again.branches.keys() == ["main"]
    assert await again.branches.current_name == "main"
    assert (await again.branches["main"]).commit_hash == fs.commit_hash


async def test_missing_path_without_create_is_file_not_found(face, repo):
    with pytest.raises(FileNotFoundError, match=r"repo\.git") as caught:
        await face.GitStore.open(repo, create=False)
    assert isinstance(caught.value, RepositoryNotFoundError)
    assert not repo.exists()


async def test_what_is_no_repository_is_a_value_error_and_left_alone(face, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    file = tmp_path / "file"
    file.write_bytes(b"x")
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    for path in (empty, file, dangling):
        with pytest.raises((NotARepositoryError, FileNotFoundError)) as caught:
            await face.GitStore.open(path)
        assert str(path) in str(caught.value)
        assert isinstance(caught.value, ValueError | FileNotFoundError)
    assert list(empty.iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


async def test_a_path_below_a_file_is_an_os_error(face, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises((OSError, ValueError)):
        await face.GitStore.open(tmp_path / "file" / "repo.git")


async def test_author_and_email_belong_to_the_handle(face, git, repo):
    first = await face.GitStore.open(repo, author="Ann", email="ann@x")
    second = await face.GitStore.open(repo, author="Bob é", email="bob@y")
    fs = await (await first.branches["main"]).write("a", b"1")
    assert (fs.author_name, fs.author_email) == ("Ann", "ann@x")
    fs = await (await second.branches["main"]).write("b", b"2")
    assert (fs.author_name, fs.author_email) == ("Bob é", "bob@y")
    fs = await (await first.branches["main"]).write("c", b"3")
    assert (fs.author_name, fs.author_email) == ("Ann", "ann@x")
    assert git(repo, "log", "--format=%an %ae|%cn %ce").splitlines() == [
        "Ann ann@x|Ann ann@x",
        "Bob é bob@y|Bob é bob@y",
        "Ann ann@x|Ann ann@x",
        "Ann ann@x|Ann ann@x",
    ]
    committers = [entry.committer for entry in await first.branches.reflog("main")]
    assert committers == ["Ann <ann@x>", "Bob é <bob@y>", "Ann <ann@x>"]


async def test_default_author_is_vost(store):
    fs = await store.branches["main"]
    assert (fs.author_name, fs.author_email) == ("vost", "vost@localhost")


async def test_a_store_is_a_context_manager_and_usable_after_close(face, repo):
    async with await face.GitStore.open(repo) as store:
        fs = await (await store.branches["main"]).write("a", b"1")
    await store.close()
    await store.close()
    assert await fs.read("a") == b"1"
    assert await (await fs.write("b", b"2")).ls() == ["a", "b"]
    await store.close()


async def test_an_exception_passes_the_context_manager(face):
    with pytest.raises(ZeroDivisionError):
        async with await face.GitStore.memory() as store:
            assert await store.branches.count() == 1
            raise ZeroDivisionError


# --- the bytes of a commit


async def test_commit_object_has_exactly_these_bytes(face, git, repo):
    store = await face.GitStore.open(repo, author="Ann Ö", email="ann@x")
    first = await store.branches["main"]
    before = int(time.time())
    fs = await first.write("a", b"1", message="Grüße")
    after = int(time.time())
    seconds = int(fs.time.timestamp())
    assert before <= seconds <= after
    assert fs.time.utcoffset().total_seconds() == 0
    who = f"Ann Ö <ann@x> {seconds} +0000"
    assert (
        git.raw(repo, "cat-file", "commit", "main")
        == (
            f"tree {fs.tree_hash}\n"
            f"parent {first.commit_hash}\n"
            f"author {who}\n"
            f"committer {who}\n"
            "encoding UTF-8\n"
            "\n"
            "Grüße\n"
        ).encode()
    )


async def test_first_commit_object_has_exactly_these_bytes(face, git, repo):
    store = await face.GitStore.open(repo)
    fs = await store.branches["main"]
    who = f"vost <vost@localhost> {int(fs.time.timestamp())} +0000"
    assert (
        git.raw(repo, "cat-file", "commit", "main")
        == (
            f"tree {EMPTY_TREE}\nauthor {who}\ncommitter {who}\nencoding UTF-8\n\nInitialize main\n"
        ).encode()
    )


@pytest.mark.parametrize(
    "message, stored, shown",
    [
        ("x", b"x\n", "x"),
        ("x\n", b"x\n", "x"),
        ("x\n\n", b"x\n\n", "x"),
        ("x\r\n", b"x\r\n", "x\r"),
        ("  x ", b"  x \n", "  x "),
        ("\n", b"\n", ""),
        ("a\n\nb", b"a\n\nb\n", "a\n\nb"),
        ("# no comment", b"# no comment\n", "# no comment"),
    ],
)
async def test_message_gets_exactly_one_newline_if_it_ends_in_none(
    disk_store, git, repo, message, stored, shown
):
    fs = await (await disk_store.branches["main"]).write("a", b"1", message=message)
    raw = git.raw(repo, "cat-file", "commit", "main")
    assert raw.partition(b"\n\n")[2] == stored
    assert fs.message == shown
    assert (await disk_store.branches["main"]).message == shown


async def test_message_with_nul_is_refused(store):
    fs = await store.branches["main"]
    with pytest.raises(ValueError, match="NUL"):
        await fs.write("a", b"1", message="a\0b")
    assert await tip(store) == fs.commit_hash


# --- the bytes of a reflog


async def test_reflog_has_exactly_these_lines(face, repo):
    store = await face.GitStore.open(repo, author="Ann", email="ann@x")
    init = await store.branches["main"]
    a = await init.write("a", b"1")
    b = await a.write("b", b"2", message="two\nlines\n")
    undone = await b.undo()
    redone = await undone.redo()
    await store.branches.set("dev", redone)
    await store.branches.set("dev", a)
    await store.branches.set("dev", a)
    await store.tags.set("v1", b)
    await store.notes.commits.set(a.commit_hash, "x")
    await store.notes.commits.delete(a.commit_hash)

    def line(old, new, message, when):
        old, new = (getattr(fs, "commit_hash", fs) for fs in (old, new))
        return f"{old} {new} Ann <ann@x> {when} +0000\t{message}\n"

    def log(name):
        text = (repo / "logs" / name).read_text()
        whens = [entry.split("\t")[0].split()[-2] for entry in text.splitlines()]
        assert all(when.isdigit() for when in whens)
        return text, whens

    text, when = log("refs/heads/main")
    assert text == (
        line(init, a, "commit: + a", when[0])
        + line(a, b, "commit: two lines", when[1])
        + line(b, a, "undo: move back", when[2])
        + line(a, b, "redo: move forward", when[3])
    )
    text, when = log("refs/heads/dev")
    assert text == (
        line("0" * 40, b, "branch: Created from two", when[0])
        + line(b, a, "branch: set to + a", when[1])
    )
    text, when = log("refs/tags/v1")
    assert text == line("0" * 40, b, "branch: Created from two", when[0])
    text, when = log("refs/notes/commits")
    notes = text.splitlines()
    assert len(notes) == 2
    assert notes[0].startswith("0" * 40)
    assert notes[0].endswith(f"\tNotes added by 'git notes' on {a.commit_hash[:7]}")
    assert notes[1].split()[0] == notes[0].split()[1]
    assert notes[1].endswith(f"\tNotes removed by 'git notes' on {a.commit_hash[:7]}")
    assert sorted(path.name for path in (repo / "logs").iterdir()) == ["refs"]


async def test_reflog_entries_are_the_same_on_both_storages(store):
    init = await store.branches["main"]
    a = await init.write("a", b"1", message="one\n\ntwo\r\nthree\n")
    undone = await a.undo()
    entries = await store.branches.reflog("main")
    assert [(e.old_sha, e.new_sha, e.committer, e.message) for e in entries] == [
        (init.commit_hash, a.commit_hash, "vost <vost@localhost>", "commit: one  two  three"),
        (a.commit_hash, undone.commit_hash, "vost <vost@localhost>", "undo: move back"),
    ]
    assert all(isinstance(entry.timestamp, int) for entry in entries)
    assert abs(entries[0].timestamp - time.time()) < 60


async def test_reading_writes_nothing(face, disk_store, repo):
    await (await disk_store.branches["main"]).write("d/a", b"1")

    def state():
        return {path: path.stat().st_mtime_ns for path in repo.rglob("*")}

    before = state()
    store = await face.GitStore.open(repo)
    fs = await store.branches["main"]
    await fs.read("d/a")
    await fs.stat("d")
    await collect(fs.walk())
    await collect(fs.log())
    await fs.glob("**")
    await store.branches.items()
    await store.notes.commits.keys()
    await store.branches.current
    await fs.remove("d/a", dry_run=True)
    await store.close()
    assert state() == before


# --- creating at the same time


def test_threads_that_open_one_new_path_all_get_the_same_repository(tmp_path):
    path = tmp_path / "repo.git"
    start = threading.Barrier(8)
    found, errors = [], []

    def open_it():
        try:
            start.wait()
            found.append(vost_sync.GitStore.open(path).branches["main"].commit_hash)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [child.name for child in tmp_path.iterdir()] == ["repo.git"]


@pytest.mark.slow
def test_processes_that_open_one_new_path_all_get_the_same_repository(tmp_path):
    script = """
import sys, vost_sync
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
for number in range(20):
    store = vost_sync.GitStore.open(f"{sys.argv[1]}/{number}.git", author=sys.argv[2])
    print(store.branches["main"].commit_hash)
"""
    root = Path(__file__).parents[2]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, tmp_path, str(who)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(root)},
            text=True,
        )
        for who in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    outputs = []
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        output, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (0, "")
        outputs.append(output)
    assert len(outputs[0].split()) == 20
    assert len(set(outputs)) == 1
    assert sorted(child.name for child in tmp_path.iterdir()) == sorted(
        f"{number}.git" for number in range(20)
    )


@pytest.mark.parametrize("anyio_backend", ASYNC_FACES, ids=face_id)
async def test_opening_does_not_block_the_loop(anyio_backend, tmp_path):
    # Blockbuster watches: see tests/conftest.py.
    async with await vost.GitStore.open(tmp_path / "repo.git", durable=True) as store:
        assert await store.branches.count() == 1
