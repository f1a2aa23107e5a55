"""What the readme says of its blocks, checked after they ran: the same for both faces.

A check looks at the values that the block computed, at what it printed, and asks real git about
the repository. Of snapshots it uses the plain properties only, which both faces have.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.contract.readme_worlds import BIG, LOCAL_BIG
from vost import (
    ChangeReport,
    FileEntry,
    FileType,
    MirrorDiff,
    RefChange,
    ReflogEntry,
    StatResult,
    WalkEntry,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.readme_running import Ran
    from tests.contract.readme_worlds import World

PLAIN, EXECUTABLE, LINK = "100644", "100755", "120000"
SHA = re.compile(r"[0-9a-f]{40}")


def check_outcome(name: str, world: World, ran: Ran) -> None:
    """Check what a block has done."""
    OUTCOMES[name](world, ran)


def _quick_start(world: World, ran: Ran) -> None:
    text, commit_hash, message = ran.printed
    assert text == "Hello, world!"
    assert SHA.fullmatch(commit_hash)
    assert commit_hash == ran["fs"].commit_hash == world.commit()
    assert message == "+ hello.txt"
    created, written = ran.values["fs"]
    assert created is not written
    assert created.message == "Initialize main"  # the first snapshot is what it was
    assert world.content("hello.txt") == b"Hello, world!"
    assert world.git(world.repository, "log", "--format=%s") == "+ hello.txt\nInitialize main"
    assert world.git(world.repository, "rev-parse", "--is-bare-repository") == "true"


def _opening(world: World, ran: Ran) -> None:
    # The line that comes first makes the repository, so the branches of the later ones are not
    # made: each line alone is tested beside this.
    assert len(ran.values["repo"]) == 5
    assert world.refs() == {"refs/heads/main": "commit"}
    assert world.git(world.repository, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert world.git(world.repository, "log", "--format=%an <%ae>") == "vost <vost@localhost>"


def _branches_and_tags(world: World, ran: Ran) -> None:
    main, current = ran.values["fs"]
    assert (main.ref_name, main.writable) == ("main", True)
    assert (current.ref_name, current.commit_hash) == ("main", world.commit())
    snapshot = ran["snapshot"]
    assert (snapshot.ref_name, snapshot.writable) == ("v1.0", False)
    assert snapshot.commit_hash == world.commit("refs/tags/v1.0") == world.commit()
    assert ran.shown == ["main", True]
    assert sorted(ran.printed) == ["dev", "main"]
    assert world.git(world.repository, "symbolic-ref", "HEAD") == "refs/heads/dev"
    assert world.refs() == dict.fromkeys(
        ["refs/heads/dev", "refs/heads/main", "refs/tags/v1.0"], "commit"
    )


def _reading(world: World, ran: Ran) -> None:
    assert ran["data"] == b"\x00\x01\x02"
    assert ran["text"] == world.content("config.json").decode()
    assert ran.values["chunk"] == [BIG[100:150], BIG[:1024]]
    root, subdirectory = ran.values["entries"]
    listed = world.git(world.repository, "ls-tree", "--name-only", "main").splitlines()
    assert root == listed
    assert subdirectory == [".hidden.py", "main.py", "pkg", "readme.txt"]
    assert [type(entry) for entry in ran["details"]] == [WalkEntry] * 4
    assert [entry.name for entry in ran["details"]] == subdirectory
    for name, oid, mode in ran["details"]:
        assert isinstance(oid, bytes)
        assert oid.decode() == world.commit(f"main:src/{name}")
        assert mode == (0o040000 if name == "pkg" else 0o100644)
    _reading_of_one_file(world, ran)
    assert ran["tree_sha"] == world.commit("main^{tree}")
    directories = list(zip(ran.values["dirpath"], ran.values["dirnames"], strict=True))
    assert directories[0] == ("", [".tools", "path", "src"])
    assert ("src", ["pkg"]) in directories
    paths = {f"{directory}/{name}".strip("/") for directory, names in directories for name in names}
    assert paths == {path for path, _ in directories[1:]}
    files = sorted(path.rpartition("/")[2] for path in world.modes())
    assert sorted(line.split(" ")[0] for line in ran.printed) == files
    kinds = {line.split(" ")[0]: line.split(" ")[1] for line in ran.printed}
    assert (kinds["run.sh"], kinds["link"], kinds["big.bin"]) == ("executable", "link", "blob")
    assert ran["matches"] == ["src/main.py", "src/pkg/mod.py"]
    assert ran["header"] == b"HEAD"
    assert world.commit() == world.tip


def _reading_of_one_file(world: World, ran: Ran) -> None:
    sha = world.commit("main:path/to/file.bin")
    assert ran["exists"] is True
    assert ran["ftype"] is FileType.EXECUTABLE
    assert (type(ran["nbytes"]), ran["nbytes"]) == (int, 3)
    assert ran["sha"] == sha
    seconds = int(world.git(world.repository, "log", "-1", "--format=%ct"))
    assert ran["info"] == StatResult(
        mode=0o100644,
        file_type=FileType.BLOB,
        size=3,
        hash=sha,
        nlink=1,
        mtime=float(seconds),
    )
    assert type(ran["info"].mtime) is float


def _writing(world: World, ran: Ran) -> None:
    assert world.messages() == [
        "+ config.json",
        "+ script.sh (executable)",
        "Reset",
        "+ image.png",
        "+ big.bin",
        "+ link (link)",
        "- old-file.txt",
        "~ big.bin",
        "+ log.txt",
        "+ streamed.bin",
    ]
    # Each snapshot that a write returned is the commit that it made; the batch's stays in `b`.
    snapshots = [*ran.values["fs"], ran["b"].fs]
    log = world.git(world.repository, "log", "--reverse", "--format=%H", f"{world.tip}..main")
    assert [fs.commit_hash for fs in snapshots] == log.splitlines()
    assert [fs.message for fs in snapshots] == world.messages()
    assert world.modes() == {
        "big.bin": PLAIN,
        "config.json": PLAIN,
        "image.png": PLAIN,
        "kept.txt": PLAIN,
        "link": LINK,
        "log.txt": PLAIN,
        "script.sh": EXECUTABLE,
        "streamed.bin": PLAIN,
    }
    first, reset, from_disk = (snapshots[n].commit_hash for n in (0, 2, 4))
    assert world.content("config.json", first) == b'{"key": "value"}'
    assert world.content("config.json", reset) == b"{}"
    assert world.content("image.png") == ran["raw_bytes"]
    assert world.content("big.bin", from_disk) == LOCAL_BIG
    assert world.content("link") == b"target"
    assert world.content("big.bin") == b"first second"
    assert world.content("log.txt") == b"line 1\nline 2\n"
    assert world.content("streamed.bin") == b"one,two,three"
    assert world.content("script.sh") == b"#!/bin/sh\n"


def _immutability(world: World, ran: Ran) -> None:
    # The block itself asserts what each snapshot shows.
    assert ran["fs1"].commit_hash == world.tip
    assert ran["fs1"].changes is None
    assert ran["fs2"].commit_hash == world.commit()
    assert world.content("new.txt") == b"data"


def _batch(world: World, ran: Ran) -> None:
    assert world.messages() == ["Import dataset v2"]
    assert ran["fs"].commit_hash == world.commit()
    assert world.modes() == {
        "a.txt": PLAIN,
        "big.bin": PLAIN,
        "kept.txt": PLAIN,
        "link.txt": LINK,
    }
    assert world.content("a.txt") == b"alpha"
    assert world.content("big.bin") == LOCAL_BIG
    assert world.content("link.txt") == b"a.txt"
    assert _changed(ran["fs"]) == (["a.txt", "big.bin", "link.txt"], [], ["old.txt"])


def _history(world: World, ran: Ran) -> None:
    first, second, third, fourth, last = ran["commits"]
    assert (ran["parent"].commit_hash, ran["ancestor"].commit_hash) == (fourth, second)
    seen = [fs.commit_hash for fs in ran.values["snapshot"]]
    assert seen[:5] == [last, fourth, third, second, first]  # log()
    assert seen[5:7] == [third, first]  # log("config.json")
    assert seen[7:9] == [fourth, second]  # log(match="deploy*")
    assert seen[9:] == [second, first]  # log(before=cutoff)
    assert ran.printed[:5] == [
        f"{last} no deploy",
        f"{fourth} deploy 2",
        f"{third} change config",
        f"{second} deploy 1",
        f"{first} add config",
    ]
    assert ran.printed[5:7] == [f"{third} change config", f"{first} add config"]
    undone, redone = ran.values["fs"]
    assert undone.commit_hash == fourth
    assert redone.commit_hash == last == world.commit()
    assert (undone.writable, undone.changes) == (True, None)
    entries = ran.values["entry"]
    assert [type(entry) for entry in entries] == [ReflogEntry] * len(entries)
    assert ran.printed[7:] == [f"{e.old_sha} {e.new_sha} {e.message}" for e in entries]
    assert ran.printed[-2:] == [
        f"{last} {fourth} undo: move back",
        f"{fourth} {last} redo: move forward",
    ]


def _copy_in(world: World, ran: Ran) -> None:
    added = [
        FileEntry(".hidden", FileType.BLOB, "./data/.hidden"),
        FileEntry("big.bin", FileType.BLOB, "./data/big.bin"),
    ]
    assert ran.printed == [str(added)]
    assert ran["fs"].changes == ChangeReport(add=added)
    assert world.messages() == ["Batch cp: +2"]
    assert world.modes() == dict.fromkeys(
        ["backup/.hidden", "backup/big.bin", "backup/kept"], PLAIN
    )
    assert world.content("backup/big.bin") == LOCAL_BIG


def _copy_out(world: World, ran: Ran) -> None:
    local = world.directory / "local-docs"
    files = {path.relative_to(local).as_posix(): path for path in local.rglob("*")}
    assert sorted(files) == ["docs", "docs/a.md", "docs/sub", "docs/sub/b.md"]
    assert files["docs/sub/b.md"].read_bytes() == b"b"
    assert world.commit() == world.tip


def _copy_between(world: World, ran: Ran) -> None:
    _, from_disk, named, poured, below = ran.values["dev"]
    assert from_disk.message == "+ src/new.py"
    assert _changed(named) == (["config/a", "config/sub/b"], [], [])
    assert _changed(poured) == (["imported/a", "imported/sub/b"], [], [])
    assert _changed(below) == (["imported/config/a", "imported/config/sub/b"], [], [])
    assert below.commit_hash == world.commit("dev")
    assert world.content("src/new.py", "dev") == b"new"
    assert world.commit("dev:imported/config") == world.commit("main:config")
    assert world.commit("main") == world.tip


def _sync(world: World, ran: Ran) -> None:
    assert world.messages() == ["Batch sync: +1 -2"]
    assert world.modes() == {"beside": PLAIN, "data/new": PLAIN, "data/same": PLAIN}
    assert [entry.path for entry in ran["fs"].changes.delete] == ["gone", "old/x"]
    local = world.directory / "local"
    assert {path.name: path.read_bytes() for path in local.iterdir()} == {"new": b"1", "same": b"1"}


def _disk_glob(world: World, ran: Ran) -> None:
    assert ran["files"] == ["./data/sub/deep/a.csv", "./data/z.csv"]


def _remove(world: World, ran: Ran) -> None:
    assert world.modes() == {"new.txt": PLAIN, "old-dir.txt": PLAIN}
    assert world.content("new.txt") == b"moved"
    assert world.messages() == ["Batch rm: -2", "Batch mv: +1 -1"]
    removed, moved = ran.values["fs"]
    assert _changed(removed) == ([], [], ["old-dir/a", "old-dir/sub/b"])
    assert _changed(moved) == (["new.txt"], [], ["old.txt"])


def _apply(world: World, ran: Ran) -> None:
    assert world.messages() == ["Update config and clean up"]
    assert world.modes() == {
        "config.json": PLAIN,
        "deprecated.txt": PLAIN,
        "link": LINK,
        "script.sh": EXECUTABLE,
    }
    assert world.content("config.json") == b'{"v": 2}'
    assert world.content("link") == b"config.json"
    assert ran["fs"].commit_hash == world.commit()
    assert _changed(ran["fs"]) == (
        ["link", "script.sh"],
        ["config.json"],
        ["deprecated", "old.txt"],
    )


def _properties(world: World, ran: Ran) -> None:
    commit_hash, ref_name, message, time, author_name, author_email, changes = ran.shown
    assert commit_hash == world.commit()
    assert ref_name == "main"
    assert message == "Begin"
    assert time.tzinfo is not None
    assert int(time.timestamp()) == int(world.git(world.repository, "log", "-1", "--format=%ct"))
    assert (author_name, author_email) == ("ann", "ann@example.com")
    assert changes is None  # of a snapshot that was fetched: those of others are tested beside this


def _mirrors(world: World, ran: Ran) -> None:
    pushed, fetched, planned = ran.values["diff"]
    added = [
        RefChange("refs/heads/main", None, world.commit()),
        RefChange("refs/tags/v1", None, world.commit("refs/tags/v1")),
    ]
    assert pushed == MirrorDiff(add=added)
    assert fetched == MirrorDiff()
    assert fetched.in_sync
    assert planned == pushed
    assert planned.total == 2
    assert world.git(world.mirror, "rev-parse", "main") == world.commit()
    assert not (world.directory / "elsewhere.git").exists()


def _stale(world: World, ran: Ran) -> None:
    assert world.messages() == ["+ a.txt"]
    assert world.modes() == {"a.txt": PLAIN}
    stale, fetched = ran.values["fs"]
    assert stale.commit_hash == world.tip
    assert fetched.commit_hash == ran["_"].commit_hash == world.commit()
    assert (world.repository / "vost.lock").is_file()


def _retry(world: World, ran: Ran) -> None:
    assert world.messages() == ["+ file.txt"]
    assert world.content("file.txt") == b"the data"
    assert ran["fs"].commit_hash == world.commit()


def _notes(world: World, ran: Ran) -> None:
    reviewed, deployed, *listed = ran.printed
    assert (reviewed, deployed) == ("reviewed by Alice", "deployed to staging")
    first, second = ran["hash1"], ran["hash2"]
    assert sorted(listed) == sorted([f"{first} note one", f"{second} note two"])
    assert world.commit() == world.tip  # history is as it was
    shown = world.git(world.repository, "notes", "show", first)
    assert shown == "note one"
    assert world.git(world.repository, "notes", "show", second) == "note two"
    assert world.git(world.repository, "notes", "--ref=reviews", "show", first) == "LGTM"
    # Set, deleted, set for the branch, and the batch: four commits.
    log = world.git(world.repository, "log", "--format=%s", "refs/notes/commits").splitlines()
    assert log == [
        "Notes batch update (2 changes)",
        f"Notes added by 'git notes' on {first[:7]}",
        f"Notes removed by 'git notes' on {first[:7]}",
        f"Notes added by 'git notes' on {first[:7]}",
    ]


def check_created(world: World, branch: str | None, author: str | None) -> None:
    """Check that a repository was made with that branch, its commit by that author."""
    refs = {} if branch is None else {f"refs/heads/{branch}": "commit"}
    assert world.refs() == refs
    if branch is None:
        return
    assert world.git(world.repository, "symbolic-ref", "HEAD") == f"refs/heads/{branch}"
    log = world.git(world.repository, "log", "--format=%an <%ae>|%cn <%ce>|%s", branch)
    assert log == f"{author}|{author}|Initialize {branch}"


def check_properties(kind: str, shown: list[Any]) -> None:
    """Check the properties of a snapshot of another kind than the readme's."""
    _, ref_name, message, time, _, _, changes = shown
    assert ref_name == {"written": "main", "tag": "v1", "detached": None}[kind]
    assert time.tzinfo is not None
    if kind == "written":
        assert message == "+ b.txt (executable)"
        assert changes == ChangeReport(add=[FileEntry("b.txt", FileType.EXECUTABLE)])
    else:
        assert (message, changes) == ("Begin", None)


def _changed(fs: Any) -> tuple[list[str], list[str], list[str]]:
    """Return the sorted paths that the call which returned a snapshot added, changed, removed."""
    report = fs.changes
    return tuple(  # type: ignore[return-value]
        sorted(entry.path for entry in entries)
        for entries in (report.add, report.update, report.delete)
    )


OUTCOMES: dict[str, Callable[[World, Ran], None]] = {
    "quick_start": _quick_start,
    "opening": _opening,
    "branches_and_tags": _branches_and_tags,
    "reading": _reading,
    "writing": _writing,
    "immutability": _immutability,
    "batch": _batch,
    "history": _history,
    "copy_in": _copy_in,
    "copy_out": _copy_out,
    "copy_between": _copy_between,
    "sync": _sync,
    "disk_glob": _disk_glob,
    "remove": _remove,
    "apply": _apply,
    "properties": _properties,
    "mirrors": _mirrors,
    "stale": _stale,
    "retry": _retry,
    "notes": _notes,
}
