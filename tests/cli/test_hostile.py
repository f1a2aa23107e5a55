"""Hostile names and texts: escaped in text, exact in JSON, one line for each error (D20, D25)."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path

import pytest

from tests.interop.building import commit_files
from tests.support import archives
from tests.support.commands import Vost
from tests.support.gitcli import Git
from tests.support.hostile import BIDI, LONG, NAMES, REF_NAMES, assert_harmless, shown
from vost import Progress
from vost.cli.progress import progress_bar
from vost.cli.session import Session
from vost_sync import GitStore

names = pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
ref_names = pytest.mark.parametrize("name", REF_NAMES, ids=ascii)

EVIL_AUTHORS = [
    ("E\x1b[31m", b"E\x1b[31m <e\x1b@x>", "e\x1b@x"),
    ("C\x9b", "C\x9b <c@x>".encode(), "c@x"),
    ("B\u202e", "B\u202e <b@x>".encode(), "b@x"),
    ("a" * 4096, b"a" * 4096 + b" <a@x>", "a@x"),
    ("L\ufffd", b"L\xff <l@x>", "l@x"),
]


def one_error(vost: Vost, *args: str, code: int = 1) -> str:
    """Run a command that must fail with one harmless line on stderr, and return it."""
    ran = vost.attempt(*args)
    assert (ran.code, ran.out) == (code, ""), ran
    assert ran.err.startswith("Error: ")
    assert ran.err.count("\n") == 1, ran
    assert_harmless(ran.err)
    return ran.err.removeprefix("Error: ").rstrip("\n")


# --- paths


@names
def test_paths_are_hashed_logged_listed_and_compared(
    vost: Vost, store: GitStore, name: str
) -> None:
    oid = store.branches["main"].write(name, b"1").object_hash(name)
    assert vost("hash", f":{name}") == f"{oid}\n"
    found = json.loads(vost("hash", "--format", "json", f"main:{name}"))
    assert found == {"hash": oid, "type": "blob", "path": name}
    for args in ([f":{name}"], ["--path", name], ["--", name]):
        logged = vost("log", *args)
        assert len(logged.splitlines()) == 1
        assert_harmless(logged)
    assert vost("ls", "-R") == f"{shown(name)}\n"
    assert vost("diff", "~1") == f"A  {shown(name)}\n"
    assert json.loads(vost("diff", "~1", "--format", "json")) == [{"path": name, "status": "A"}]
    store.branches["main"].write("other", b"1")
    assert vost("diff", f":{name}") == "A  other\n"
    assert vost("diff", "--path", name) == "A  other\n"


@names
def test_absent_paths_and_refs_are_named_in_one_line(
    vost: Vost, store: GitStore, name: str
) -> None:
    absent = f"x{name}"
    text = shown(absent)
    assert one_error(vost, "hash", f":{absent}") == f"Path not found: {text}"
    assert one_error(vost, "cat", f":{absent}") == f"File not found: {text}"
    for command in ("hash", "log", "diff"):
        assert one_error(vost, command, absent) == f"Unknown ref: {text}"
    for command in ("hash", "log", "diff", "ls", "info"):
        if command != "info":
            assert one_error(vost, command, f"--ref={name}") == f"Unknown ref: {shown(name)}"
            assert one_error(vost, command, f"-b{name}") == f"Branch not found: {shown(name)}"
        missing = one_error(vost, command, f"--repo={name}.git")
        assert missing == f"Repository not found: {shown(name)}.git"
    assert vost("log", "--path", absent) == ""
    assert one_error(vost, "diff", "--path", absent) == "No matching commits found"
    one_error(vost, "cmp", absent, f"{absent}2", code=2)
    one_error(vost, "write", "f", "-m", f"{{{name}}}")


@names
def test_usage_errors_are_escaped(vost: Vost, name: str) -> None:
    for args in (
        ["init", "--", name],
        ["info", "--", f"x{name}", name],
        ["--", name],
        ["branch", "--", name],
        ["ls", f"--format={name}"],
        ["ls", f"--x{name}"],
        ["undo", "--", name],
        ["completion", "--", name],
        ["unzip", f"x{name}"],
        ["cp", f"--exclude-from={name}", "a", ":b"],
        ["backup", f"--ref={name}:{name}:", "x"],
    ):
        ran = vost.attempt(*args)
        assert (ran.code, ran.out) == (2, "")
        assert_harmless(ran.err)
        assert len(ran.err.splitlines()) <= 4, ran.err


@pytest.mark.slow
@names
def test_plans_and_status_lines_are_harmless(vost: Vost, store: GitStore, name: str) -> None:
    local = f"./{name[:200]}"
    Path(local).mkdir()
    Path(local, name[:200]).write_bytes(b"1")
    changes = (
        ["write", "--", f":{name}"],
        ["cp", local, ":disk"],
        ["sync", local, f":{name}2"],
        ["cp", "--no-glob", "--", f":{name}", ":copy/"],
        ["mv", "--no-glob", "--", f":{name}", f":{name}3"],
        ["rm", "--no-glob", "--", f":{name}3"],
        ["cp", ":disk" if name == LONG else ":", f"{local}2"],
        ["sync", ":disk", f"{local}3"],
    )
    for number, args in enumerate(changes):
        if number:
            plan = vost(args[0], "-n", *args[1:])
            assert 1 <= len(plan.splitlines()) <= 5
            assert_harmless(plan)
        ran = vost.attempt("-v", *args)
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (0, "", 1), ran
        assert_harmless(ran.err)
    assert_harmless(vost.attempt("-v", "cmp", ":disk", f"x{name}").err)


@pytest.mark.slow
def test_bytes_of_arguments_are_printed_as_they_are(vost: Vost, store: GitStore) -> None:
    oid = store.branches["main"].write("\udcff\n", b"1").object_hash("\udcff\n")
    assert vost.process("hash", b":\xff\n").out == f"{oid}\n"
    assert vost.process("diff", b"~1").out_bytes == b"A  \xff\\n\n"
    assert vost.process("log", b":\xff\n").out.count("\n") == 1
    assert vost.process("hash", b":\xfe").err_bytes == b"Error: Path not found: \xfe\n"
    assert vost.process("note", "set", b"\xff").code == 0
    assert vost.process("note", "get").out_bytes == b"\xff"
    ran = vost.process("branch", "set", b"\xff")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert vost.process("-r", b"\xff\n", "init").code == 0
    assert vost.process("-r", b"\xff\n", "info").out_bytes.startswith(b"Repository: \xff\\n\n")


# --- messages and people


@pytest.mark.parametrize("message", NAMES, ids=lambda name: ascii(name)[:20])
def test_messages_are_shown_in_one_line_wherever_they_are(
    vost: Vost, store: GitStore, message: str
) -> None:
    stored = message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    first, subject = shown(stored.partition("\n")[0]), shown(stored.replace("\n", " "))
    vost("write", "f", "-m", message, input="1")
    oid = store.branches["main"].commit_hash
    assert vost("log").splitlines()[0].endswith(f"  {first}")
    assert json.loads(vost("log", "--format", "jsonl").splitlines()[0])["message"] == stored
    assert vost("log", "--match", f"*{stored}") != ""
    vost("write", "f", input="2")
    for command in ("undo", "redo", "undo"):
        moved = vost(command)
        assert len(moved.splitlines()) == (2 if command == "redo" else 1)
        assert f"{oid[:7]} - {first}\n" in moved
    reflog = vost("reflog")
    assert f"\n      commit: {subject}\n" in reflog
    infos = vost("info")
    assert infos.rstrip("\n").endswith("Initialize main")
    assert f"  {first}\n" in infos
    assert_harmless(reflog, infos)
    entries = [json.loads(line) for line in vost("reflog", "--format", "jsonl").splitlines()]
    assert entries[0]["message"] == f"commit: {stored}".replace("\n", " ")


def test_authors_and_reflogs_of_others_are_harmless(vost: Vost, repository: Path, git: Git) -> None:
    git.init(repository)
    parent = commit_files(git, repository, {"f": b"1"})
    for _, author, _ in EVIL_AUTHORS:
        tree = git(repository, "rev-parse", "main^{tree}")
        data = b"tree %s\nparent %s\n" % (tree.encode(), parent.encode())
        for role in (b"author", b"committer"):
            data += role + b" " + author + b" 1700000000 +0000\n"
        stored = ("hash-object", "-w", "--literally", "-t", "commit", "--stdin")
        parent = git(repository, *stored, stdin=data + b"\n\x1b[31m\xe2\x80\xae\xc2\x9bx\n\nbody")
        log = ("-c", "core.logAllRefUpdates=always", "update-ref", "-m", f"{BIDI}\x1b\x9b")
        git(repository, *log, "refs/heads/main", parent)
    values = [json.loads(line) for line in vost("log", "--format", "jsonl").splitlines()]
    people = [(value["author_name"], value["author_email"]) for value in values]
    assert people[-2::-1] == [(name, mail) for name, _, mail in EVIL_AUTHORS]
    assert {value["message"] for value in values[:-1]} == {"\x1b[31m\u202e\x9bx\n\nbody"}
    for args in (["log"], ["info"], ["reflog"], ["undo"], ["redo"]):
        assert_harmless(vost(*args))
    entries = json.loads(vost("reflog", "--format", "json"))
    assert entries[-3]["message"] == f"{BIDI}\x1b\x9b"


# --- refs and notes


@pytest.mark.slow
@ref_names
def test_refs_have_any_name_that_git_allows(
    vost: Vost, store: GitStore, git: Git, name: str
) -> None:
    git(vost.repository, "check-ref-format", "--branch", name)
    store.branches["main"].write("f", b"1")
    for kind in ("branch", "tag"):
        assert vost.attempt("-v", kind, "set", name).err == f"Set {kind} {shown(name)}\n"
        assert shown(name) in vost(kind).splitlines()
        assert name in json.loads(vost(kind, "--format", "json"))
        assert vost(kind, "hash", name) == vost("hash", name)
        assert vost(kind, "exists", name) == ""
    assert vost("cat", f"{name}:f") == "1"
    ran = vost.attempt("-v", "note", "set", f"{name}:", name)
    assert ran.err == f"Note set for {shown(name)}:\n"
    assert vost("note", "get", name) == name
    vost("note", "set", "-N", name, "text")
    assert vost("note", "list", "-N", name) == vost("note", "list")
    assert vost("branch", "current", "-b", name) == ""
    assert vost("branch", "current") == f"{shown(name)}\n"
    assert json.loads(vost("branch", "current", "--format", "json")) == {"name": name}
    assert json.loads(vost("info", "--format", "json"))["current"] == name
    assert_harmless(vost("info"), vost("undo"), vost("redo"), vost("reflog"))
    plan = vost("backup", "-n", "copy.git")
    assert f"  create  refs/heads/{shown(name)}  " in plan
    vost("backup", "copy.git")
    vost("-r", "again.git", "restore", "copy.git")
    assert vost("-r", "again.git", "branch") == vost("branch")
    assert vost.attempt("-v", "branch", "delete", name).err == f"Deleted branch {shown(name)}\n"
    assert vost("tag", "delete", name) == ""
    assert sorted(os.listdir()) == ["again.git", "copy.git"]


@names
def test_what_git_refuses_as_a_ref_is_refused_in_one_line(
    vost: Vost, store: GitStore, repository: Path, name: str
) -> None:
    bad = f"-{name[:5]} "
    for kind in ("branch", "tag"):
        assert one_error(vost, kind, "set", "--", bad).startswith("Invalid ref name: ")
        assert "not found: " in one_error(vost, kind, "delete", "--", bad)
        assert "not found: " in one_error(vost, kind, "hash", "--", bad)
        assert vost.attempt(kind, "exists", "--", bad).code == 1
    for command in ("undo", "redo", "reflog"):
        assert one_error(vost, command, f"-b{bad}").startswith("Branch not found: ")
    assert one_error(vost, "note", "get", "--", bad).startswith("Cannot resolve ")
    for namespace in (f"-N{bad}", f"-N../{name}"):
        assert one_error(vost, "note", "set", namespace, "x").startswith("Invalid ref name: ")
    one_error(vost, "write", "f", f"--tag={bad}")
    one_error(vost, "write", "f", f"--parent={bad}")
    one_error(vost, "-r", "new.git", "init", f"-b{bad}")
    one_error(vost, "-r", "new.git", "write", "f", f"-b{bad}")
    assert not Path("new.git").exists()
    assert list(store.branches) == ["main"]


@names
def test_text_of_a_note_is_exact_and_its_target_is_escaped(
    vost: Vost, store: GitStore, name: str
) -> None:
    vost("note", "set", "--", name)
    assert vost("note", "get") == name
    message = one_error(vost, "note", "get", f"x{name}")
    assert message == f"Cannot resolve 'x{shown(name)}': not a commit hash, branch, or tag"
    one_error(vost, "note", "delete", f"x{name}")
    one_error(vost, "note", "set", "--", f"x{name}", name)


# --- repositories and mirrors


@names
def test_repositories_may_lie_at_any_path(vost: Vost, name: str) -> None:
    path = f"{name[: 4096 - len(os.getcwd()) - 100]}/r.git"
    ran = vost.attempt("-v", f"--repo={path}", "init")
    assert (ran.code, ran.err) == (0, f"Initialized {shown(path)}\n")
    assert vost.fails(f"--repo={path}", "init") == f"Repository already exists: {shown(path)}"
    vost(f"--repo={path}", "write", "f", input="1")
    assert vost(f"--repo={path}", "info").startswith(f"Repository: {shown(path)}\n")
    assert json.loads(vost("info", f"-r{path}", "--format", "json"))["repository"] == path
    for command in ("gc", "pack"):
        assert vost(f"--repo={path}", command) == ""
    vost("-r", "copy.git", "restore", f"./{path}")
    assert vost.attempt("-r", "copy.git", "-v", "backup", f"./{path}").code == 0
    assert vost("-r", "copy.git", "cat", "f") == "1"
    one_error(vost, f"--repo={path}", "destroy")
    ran = vost.attempt("-v", f"--repo={path}", "destroy", "-f")
    assert ran.err == f"Destroyed {shown(path)}\n"
    assert not Path(path).exists()


@pytest.mark.parametrize("command", ["init", "gc", "pack", "destroy", "info", "write f", "untar"])
def test_path_that_no_file_system_takes_is_an_error_of_one_line(vost: Vost, command: str) -> None:
    one_error(vost, "-r", "n" * 5000, *command.split())
    one_error(vost, "-r", f"{LONG}/{LONG}", *command.split())
    one_error(vost, "-r", "nul\0", *command.split())


@names
@pytest.mark.parametrize("command", ["backup", "restore"])
def test_mirror_errors_are_one_line(vost: Vost, store: GitStore, command: str, name: str) -> None:
    for url in (
        f"x{name}://h/p",
        f"https://user:secret@h{name}/p",
        f"git://127.0.0.1:1/{name}",
        f"ssh://-oProxyCommand={name}/p",
        f"host{name[:9]}:p",
    ):
        assert "secret" not in one_error(vost, command, url)
    one_error(vost, command, "-n", f"--ref=x{name}", "./x.git")
    if command == "restore":
        one_error(vost, command, f"./x{name}")
        one_error(vost, command, f"./x{name}.bundle")
    assert os.listdir() == []


def test_progress_shows_no_more_of_a_server_than_text(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar(Session()) as show:
        assert show is not None
        show(Progress("\x1b]0;owned\x07[red]\u202ephase", 1, 2))
    assert "\\x1b]0;owned\\a[red]\\u202ephase" in terminal.getvalue()


# --- archives


@names
def test_entries_of_archives_may_have_any_name(vost: Vost, name: str) -> None:
    Path("x.tar").write_bytes(archives.tar(archives.file(name, b"1")))
    vost("untar", "x.tar")
    assert GitStore.open(vost.repository).branches["main"].read(name) == b"1"
    for command in ("zip", "tar"):
        vost(command, f"x.{command}")
    vost("-r", "z.git", "unzip", "x.zip")
    vost("-r", "t.git", "untar", "x.tar")
    for path in ("z.git", "t.git"):
        (found,) = json.loads(vost("-r", path, "ls", "-R", "--format", "json"))
        assert found == name


@names
def test_unsafe_entries_are_named_in_one_line(vost: Vost, name: str) -> None:
    Path("x.tar").write_bytes(archives.tar(archives.file(f"../{name}", b"1")))
    assert "Unsafe member name in x.tar" in one_error(vost, "untar", "x.tar")
    if name.isascii():
        Path("x.zip").write_bytes(archives.zipped((f"../{name}", b"1")))
        assert "Unsafe member name in x.zip" in one_error(vost, "unzip", "x.zip")
    members = [archives.file("f", b"1"), archives.hard_link(name, f"absent{name}"[:90])]
    Path("x.tar").write_bytes(
        archives.tar(*members, archives.link(f"l{name[1:]}", f"/{name[:999]}"))
    )
    ran = vost.attempt("untar", "x.tar")
    assert (ran.code, ran.out) == (0, "")
    assert len(ran.err.splitlines()) == 2
    assert_harmless(ran.err)
    assert not vost.repository.with_name("etc").exists()


def test_zip_names_in_other_encodings_are_read(vost: Vost) -> None:
    with zipfile.ZipFile("x.zip", "w") as archive:
        archive.writestr("plain", b"1")
    data = Path("x.zip").read_bytes().replace(b"plain", b"pl\xff\x1bn")
    Path("x.zip").write_bytes(data)
    vost("unzip", "x.zip")
    assert_harmless(vost("ls"))
    assert vost("ls") != ""
