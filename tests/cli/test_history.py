"""`vost log`, `undo`, `redo`, `reflog`: contract 3.9, 3.11, 9.1, D25, D26, D29, D38, paths.md 7."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from tests.interop.building import commit_files, set_ref
from tests.support.commands import Vost
from tests.support.gitcli import Git
from vost._offload import observe_hops
from vost.cli import output
from vost_sync import FS, GitStore


@pytest.fixture
def history(store: GitStore) -> list[FS]:
    """Make four commits on `main`, a branch `dev` and a tag `v1.0`; return the snapshots."""
    made = [store.branches["main"]]
    for number, message in enumerate(["deploy one", "fix\n\nmore\n", "deploy two"], 1):
        writes = {"f": str(number).encode(), f"only-{number}": b"x"}
        made.append(made[-1].apply(writes, message=message))
    made.append(made[-1].remove("only-1"))
    store.branches["dev"] = made[2]
    store.branches["feature/x"] = made[1]
    store.tags["v1.0"] = made[3]
    return made


def numbers(vost: Vost, history: list[FS], *args: str) -> list[int]:
    """Return which commits of the history `log` shows."""
    shown = [line.split()[0] for line in vost("log", *args).splitlines()]
    known = [fs.commit_hash[:7] for fs in history]
    return [known.index(oid) for oid in shown]


# --- log


def test_log_shows_id_time_and_first_line_newest_first(vost: Vost, history: list[FS]) -> None:
    expected = [
        f"{fs.commit_hash[:7]}  {fs.time.isoformat()}  {title}"
        for fs, title in zip(
            reversed(history),
            ["- only-1", "deploy two", "fix", "deploy one", "Initialize main"],
            strict=True,
        )
    ]
    assert vost("log").splitlines() == expected
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", expected[0].split("  ")[1])


@pytest.mark.parametrize(
    "args, shown",
    [
        (["main"], [4, 3, 2, 1, 0]),
        (["main:"], [4, 3, 2, 1, 0]),
        (["/"], [4, 3, 2, 1, 0]),
        (["~3:/"], [1, 0]),
        (["main~3"], [1, 0]),
        (["main~3:"], [1, 0]),
        (["~3"], [1, 0]),
        (["~3:"], [1, 0]),
        (["dev"], [2, 1, 0]),
        (["v1.0"], [3, 2, 1, 0]),
        (["v1.0~1"], [2, 1, 0]),
        (["feature/x"], [1, 0]),
        (["feature/x:"], [1, 0]),
        (["feature/x:f"], [1]),
        (["-b", "dev"], [2, 1, 0]),
        (["--ref", "v1.0"], [3, 2, 1, 0]),
        (["--back", "3"], [1, 0]),
        (["main:only-1"], [4, 1]),
        ([":only-1"], [4, 1]),
        (["~1:only-1"], [1]),
        (["only-2"], [2]),
        (["/only-2/"], [2]),
        (["only-1"], [4, 1]),
        (["only-1~1"], [1]),
        (["f", "--match", "deploy*"], [3, 1]),
        (["--path", "only-1"], [4, 1]),
        (["--path", ":only-1", "--back", "1"], [1]),
        (["--path", "feature/x:only-1"], [4, 1]),
        (["--at", "feature/x:only-1"], [4, 1]),
        (["--at", "only-1"], [4, 1]),
        (["--at", "only-1", "--path", "only-2"], [2]),
        (["--match", "deploy*"], [3, 1]),
        (["--match", "deploy*", "--back", "2"], [1]),
        (["--match", "deploy*", "dev"], [1]),
        (["--before", "2001-01-01"], []),
        (["--path", "only-1", "--match", "deploy*"], [1]),
        (["--match", "nothing"], []),
    ],
)
def test_log_begins_at_the_target_and_then_filters(
    vost: Vost, history: list[FS], args: list[str], shown: list[int]
) -> None:
    assert numbers(vost, history, *args) == shown


@pytest.mark.parametrize(
    "args, message",
    [
        (["nope"], "Unknown ref: nope"),
        (["nope~1"], "Unknown ref: nope"),
        (["nope:"], "Unknown ref: nope"),
        (["nope:f"], "Unknown ref: nope"),
        (["../x"], "Unknown ref: ../x"),
        (["main~x"], "Invalid ancestor suffix '~x' — must be a positive integer"),
        (["main~0"], "Invalid ancestor '~0' — use 'main' instead"),
        (["~0"], "Invalid ancestor '~0' — use ':' instead"),
        (["f~x"], "Invalid ancestor suffix '~x' — must be a positive integer"),
        (["f~9"], "Cannot go back 9 commits — history too short"),
        (["only-1~1", "--back", "1"], "Cannot specify both positional ~N and --back"),
        (["main~9"], "Cannot go back 9 commits — history too short"),
        (["--back", "9"], "Cannot go back 9 commits — history too short"),
        (["-b", "nope"], "Branch not found: nope"),
        (["f", "-b", "nope"], "Branch not found: nope"),
        (["f", "--ref", "nope"], "Unknown ref: nope"),
        (["--ref", "nope"], "Unknown ref: nope"),
        (["f", "--path", "f"], "Cannot specify both positional path and --path"),
        (["f", "--at", "f"], "Cannot specify both positional path and --path"),
        ([":a//b"], "Invalid repo path: Empty segment in path: 'a//b'"),
    ],
)
def test_log_says_what_cannot_be_shown(
    vost: Vost, history: list[FS], args: list[str], message: str
) -> None:
    assert vost.fails("log", *args) == message


def test_word_is_a_ref_before_it_is_a_path(vost: Vost, history: list[FS]) -> None:
    tip = history[4].apply({"dev": b"1", "backup~": b"1", "x~1": b"1"}, message="names")
    assert numbers(vost, [*history, tip], "dev") == [2, 1, 0]
    assert numbers(vost, [*history, tip], ":dev") == [5]
    assert numbers(vost, [*history, tip], "backup~") == [5]
    assert numbers(vost, [*history, tip], "x~1") == [5]
    assert numbers(vost, [*history, tip], "x~1~1") == []
    assert numbers(vost, history, history[1].commit_hash[:9]) == [1, 0]


def test_path_is_looked_for_where_the_options_say(
    vost: Vost, history: list[FS], store: GitStore
) -> None:
    made = store.branches["dev"].write("elsewhere", b"1")
    assert numbers(vost, [*history, made], "elsewhere", "-b", "dev") == [5]
    assert numbers(vost, [*history, made], "elsewhere", "--ref", "dev") == [5]
    assert vost.fails("log", "elsewhere") == "Unknown ref: elsewhere"


def test_json_log_has_everything(vost: Vost, history: list[FS]) -> None:
    expected = {
        "hash": history[2].commit_hash,
        "message": "fix\n\nmore",
        "time": history[2].time.isoformat(),
        "author_name": "vost",
        "author_email": "vost@localhost",
        "branch": "main",
    }
    printed = vost("log", "--format", "json", "--match", "fix*")
    assert printed == json.dumps([expected], indent=2) + "\n"
    assert vost("log", "--format", "jsonl", "--match", "fix*") == json.dumps(expected) + "\n"
    everything = json.loads(vost("log", "--format", "json"))
    assert vost("log", "--format", "json") == json.dumps(everything, indent=2) + "\n"
    assert [value["hash"] for value in everything] == [fs.commit_hash for fs in history[::-1]]
    assert list(everything[0]) == list(expected)


@pytest.mark.parametrize("output_format, nothing", [("json", "[]\n"), ("jsonl", ""), ("text", "")])
def test_empty_log_is_no_error(
    vost: Vost, history: list[FS], output_format: str, nothing: str
) -> None:
    assert vost("log", "--match", "nothing", "--format", output_format) == nothing


@pytest.mark.parametrize(
    "target, branch", [("main", "main"), ("v1.0", "v1.0"), ("dev~1:", "dev"), ("COMMIT", None)]
)
def test_json_log_names_the_branch_or_tag_it_began_at(
    vost: Vost, history: list[FS], target: str, branch: str | None
) -> None:
    target = target.replace("COMMIT", history[3].commit_hash[:8])
    lines = vost("log", target, "--format", "jsonl").splitlines()
    assert {json.loads(line)["branch"] for line in lines} == {branch}


def test_messages_are_escaped_in_text_and_exact_in_json(vost: Vost, store: GitStore) -> None:
    message = "\x1b[31mred\tand\x07"
    store.branches["main"].write("f", b"1", message=message)
    assert vost("log").splitlines()[0].endswith("  \\x1b[31mred\\tand\\a")
    assert json.loads(vost("log", "--format", "jsonl").splitlines()[0])["message"] == message


def test_log_agrees_with_git(vost: Vost, repository: Path, git: Git) -> None:
    git.init(repository)
    for number in range(5):
        commit_files(git, repository, {"f": b"%d" % (number // 2)}, seconds=1_700_000_000 + number)
    expected = git(repository, "log", "--format=%h  %cI  %s", "--abbrev=7", "main").splitlines()
    assert vost("log").splitlines() == expected
    shown = vost("log", "f").splitlines()
    assert shown == [expected[0], expected[2], expected[4]]


def test_long_log_ends_quietly_when_nobody_reads_on(vost: Vost, repository: Path, git: Git) -> None:
    git.init(repository)
    commit_files(git, repository, {"f": b"1"}, others=[{} for _ in range(5_000)])
    with vost.start("log") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().endswith(b"from git\n")
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


async def test_items_are_printed_as_they_come(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    seen = []

    async def items() -> AsyncIterator[int]:
        for number in range(3):
            seen.append(capsysbinary.readouterr().out)
            yield number

    await output.stream(items(), "json", text=str, value=lambda number: {"n": number})
    seen.append(capsysbinary.readouterr().out)
    assert seen[1] == b'[\n  {\n    "n": 0\n  }'
    assert json.loads(b"".join(seen)) == [{"n": 0}, {"n": 1}, {"n": 2}]


# --- undo and redo


def test_undo_moves_the_branch_back(vost: Vost, history: list[FS], repository: Path) -> None:
    short = history[3].commit_hash[:7]
    assert vost("undo") == f"Branch now at: {short} - deploy two\n"
    assert vost("undo", "2") == f"Branch now at: {history[1].commit_hash[:7]} - deploy one\n"
    assert vost("cat", "f") == "1"
    ran = vost.attempt("-v", "undo")
    assert ran.err == "Undid 1 step on 'main'\n"
    ran = vost.attempt("-v", "undo", "-b", "dev", "2")
    assert (ran.code, ran.err) == (0, "Undid 2 steps on 'dev'\n")
    assert vost("log", "dev").splitlines() == vost("log", "main").splitlines()


def test_redo_follows_the_reflog_and_says_where_the_branch_was(
    vost: Vost, history: list[FS]
) -> None:
    third, fourth = (f"{fs.commit_hash[:7]} - {fs.message}\n" for fs in history[3:])
    vost("undo")
    assert vost("redo") == f"Branch now at: {fourth}Branch was at: {third}"
    assert vost("redo") == f"Branch now at: {third}Branch was at: {fourth}"
    vost("undo", "2")
    ran = vost.attempt("-v", "redo", "1")
    assert (ran.out.splitlines()[0] + "\n", ran.err) == (
        f"Branch now at: {third}",
        "Redid 1 step on 'main'\n",
    )
    assert "2 steps on 'main'" in vost.attempt("-v", "redo", "2").err
    assert "reflog" in vost("redo", "--help")


def test_message_of_several_lines_is_shown_by_its_first(vost: Vost, history: list[FS]) -> None:
    assert vost("undo", "2") == f"Branch now at: {history[2].commit_hash[:7]} - fix\n"


@pytest.mark.parametrize(
    "args, message",
    [
        (["undo", "0"], "steps must be >= 1, got 0"),
        (["redo", "0"], "steps must be >= 1, got 0"),
        (["undo", "--", "-3"], "steps must be >= 1, got -3"),
        (["undo", "9"], "Cannot undo 9 steps - only 4 commit(s) in history"),
        (["redo", "99"], "Cannot redo 99 steps - only 4 step(s) available"),
        (["undo", "-b", "nope"], "Branch not found: nope"),
        (["redo", "-b", "nope"], "Branch not found: nope"),
        (["undo", "-b", "v1.0"], "Branch not found: v1.0"),
        (
            ["redo", "-b", "dev"],
            "Cannot redo 1 step(s) — reaches branch creation point (no prior commit)",
        ),
        (["reflog", "-b", "nope"], "Branch not found: nope"),
        (["reflog", "-n", "-1"], "--limit must be 0 or more, got -1"),
    ],
)
def test_moves_that_cannot_be_made_are_refused(
    vost: Vost, history: list[FS], args: list[str], message: str
) -> None:
    before = vost("log")
    assert vost.fails(*args) == message
    assert vost("log") == before


def test_steps_must_be_a_number(vost: Vost, history: list[FS]) -> None:
    ran = vost.attempt("undo", "x")
    assert (ran.code, ran.out) == (2, "")
    assert "Error: Invalid value for '[STEPS]'" in ran.err


def test_redo_without_any_reflog_is_refused(vost: Vost, store: GitStore) -> None:
    assert vost.fails("redo") == "No reflog found for branch 'main'"
    assert vost.fails("undo") == "Cannot undo 1 steps - only 0 commit(s) in history"


@pytest.mark.parametrize("command", ["undo", "redo"])
def test_branch_that_moves_meanwhile_is_said_and_nothing_is_moved(
    vost: Vost, history: list[FS], store: GitStore, command: str
) -> None:
    """Somebody commits right before one hop after the other of the command."""
    errors = set()
    for hop in range(1, 20):
        made: list[FS] = []

        hops: list[int] = []

        def commit_at(hop: int, hops: list[int], made: list[FS]) -> None:
            hops.append(hop)
            if len(hops) == hop:
                made.append(store.branches["main"].write("theirs", str(hop).encode()))

        with observe_hops(partial(commit_at, hop, hops, made)):
            ran = vost.attempt(command)
        if not made:
            break
        if ran.code:
            errors.add(ran.err)
            assert store.branches["main"].commit_hash == made[0].commit_hash
    assert errors == {"Error: Branch modified concurrently — retry\n"}


# --- reflog


def test_reflog_shows_where_the_branch_was(
    vost: Vost, history: list[FS], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        vost("undo")
        printed = vost("reflog").splitlines()
        values = json.loads(vost("reflog", "--format", "json"))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert printed[:2] == ["Reflog for branch 'main' (5 entries):", ""]
    oids = [*(fs.commit_hash for fs in history[1:]), history[3].commit_hash]
    assert [line.split()[1] for line in printed[2::3]] == [oid[:7] for oid in oids]
    assert re.fullmatch(
        r"  \[0\] [0-9a-f]{7} \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+05:30\)", printed[2]
    )
    assert printed[3:5] == ["      commit: deploy one", ""]
    assert printed[-3].startswith("  [4] ")
    assert printed[-2:] == ["      undo: move back", ""]
    assert [value["new_sha"] for value in values] == oids
    assert list(values[0]) == [
        "old_sha",
        "new_sha",
        "committer",
        "timestamp",
        "time",
        "message",
    ]
    assert values[0]["old_sha"] == history[0].commit_hash
    assert values[0]["committer"] == "vost <vost@localhost>"
    assert values[0]["time"].endswith("+05:30")


def test_reflog_has_its_last_entries_numbered_from_zero(vost: Vost, history: list[FS]) -> None:
    printed = vost("reflog", "-n", "2").splitlines()
    assert printed[0] == "Reflog for branch 'main' (2 entries):"
    assert printed[2].startswith(f"  [0] {history[3].commit_hash[:7]} (")
    assert len(vost("reflog", "--limit", "0").splitlines()) == 2 + 3 * 4
    assert len(vost("reflog", "-n99", "--format=jsonl").splitlines()) == 4
    everything = json.loads(vost("reflog", "--format=json"))
    assert json.loads(vost("reflog", "-n1", "--format=json")) == everything[-1:]
    assert vost("reflog", "--format=json") == json.dumps(everything, indent=2) + "\n"


def test_reflog_of_a_branch_has_how_it_was_made(vost: Vost, history: list[FS]) -> None:
    (value,) = json.loads(vost("reflog", "-b", "dev", "--format", "json"))
    assert (value["old_sha"], value["message"]) == ("0" * 40, "branch: Created from fix")


@pytest.mark.parametrize(
    "output_format, printed",
    [("text", "No reflog entries for branch 'main'\n"), ("json", "[]\n"), ("jsonl", "")],
)
@pytest.mark.parametrize("file", ["missing", "empty"])
def test_branch_that_never_moved_has_no_entries(
    vost: Vost, store: GitStore, repository: Path, output_format: str, printed: str, file: str
) -> None:
    if file == "empty":
        log = repository / "logs/refs/heads/main"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
    assert vost("reflog", "--format", output_format) == printed


def test_reflog_agrees_with_git(vost: Vost, history: list[FS], repository: Path, git: Git) -> None:
    vost("undo")
    vost("redo")
    values = json.loads(vost("reflog", "--format", "json"))
    shown = [f"{value['new_sha']} {value['message']}" for value in reversed(values)]
    assert git(repository, "reflog", "main", "--format=%H %gs").splitlines() == shown


@pytest.mark.parametrize("command", ["log", "undo", "redo", "reflog"])
def test_history_needs_a_repository(vost: Vost, repository: Path, command: str) -> None:
    assert vost.fails(command) == f"Repository not found: {repository}"


def test_tag_that_leads_to_no_commit_is_no_start(
    vost: Vost, history: list[FS], repository: Path
) -> None:
    set_ref(repository, "refs/tags/blob", history[4].object_hash("f"))
    assert vost.fails("log", "blob") == "Tag blob does not point to a commit"
