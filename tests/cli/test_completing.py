"""Shell completion: what is offered for what is typed, and how the shells are told."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from asyncclick.shell_completion import get_completion_class

import vost.cli.shells  # noqa: F401 - registers ours
from tests.support.commands import Vost
from tests.support.hostile import REF_NAMES
from vost.cli import main
from vost_sync import GitStore


@pytest.fixture
def filled(store: GitStore, monkeypatch: pytest.MonkeyPatch, repository: Path) -> GitStore:
    """Make a repository with names of all sorts, and name it in the environment."""
    monkeypatch.setenv("VOST_REPO", str(repository))
    with store.branches["main"].batch() as batch:
        for name in ("notes.txt", "docs/a.md", "docs/b c$.md", "docs/sub/x", "line\nbreak", "é"):
            batch.write(name, b"x")
        batch.write("no\udcff8", b"x")
    store.branches["feature/x"] = store.branches["main"]
    store.branches["feature/x"].write("later", b"x")
    store.tags["v1"] = store.branches["main"]
    return store


def offered(
    line: str, monkeypatch: pytest.MonkeyPatch, shell: str = "zsh", current: str | None = None
) -> list[str]:
    """Return what a shell is told for a command line with the cursor at its end."""
    words = line.split(" ")
    values = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "COMP_LINE": line}
    if shell == "fish":
        values["COMP_CWORD"] = words[-1]
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    if current is not None:
        monkeypatch.setenv("COMP_CURRENT", current)
    found = get_completion_class(shell)
    assert found is not None
    return asyncio.run(found(main, {}, "vost", "_VOST_COMPLETE").complete()).splitlines()


def values(line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the values that are offered; files of the disk are ``<files>``."""
    told = offered(line, monkeypatch)
    triples = zip(told[::3], told[1::3], strict=True)
    return ["<files>" if kind == "file" else value for kind, value in triples]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "line, expected",
    [
        ("vost unz", ["unzip"]),
        ("vost archive_in --for", ["--format", "--force-tag"]),
        ("vost archive_in --format ", ["zip", "tar"]),
        ("vost zip x -b ", ["feature/x", "main"]),
        ("vost zip x --branch m", ["main"]),
        ("vost zip x --ref ", ["feature/x", "main", "v1"]),
        ("vost zip x --ref=v", ["--ref=v1"]),
        ("vost untar --tag ", ["v1"]),
        ("vost write x --parent f", ["feature/x"]),
        ("vost backup x --ref m", ["main"]),
        ("vost zip x --path no", ["notes.txt"]),
        ("vost zip x --path ma", ["main:"]),
        ("vost zip x --path :", [":docs/", ":notes.txt", ":é"]),
        ("vost zip x --path :docs/", [":docs/a.md", ":docs/b c$.md", ":docs/sub/"]),
        ("vost zip x --path docs/su", ["docs/sub/"]),
        ("vost zip x --path main:n", ["main:notes.txt"]),
        ("vost zip x --path feature/x:l", ["feature/x:later"]),
        ("vost zip x --path feature/x~1:l", []),
        ("vost zip x --path v1:docs/s", ["v1:docs/sub/"]),
        ("vost zip x --path ~1:", []),
        ("vost zip x --path ./main:n", []),
        ("vost zip x -b feature/x --path :l", [":later"]),
        ("vost zip x --ref feature/x --path :l", [":later"]),
        ("vost zip x --path nope:", []),
        ("vost zip x --path main~9:", []),
        ("vost zip x --path main:nope/", []),
        ("vost zip x --path main:notes.txt/", []),
        ("vost zip x --path ../", []),
        ("vost zip x --path main~x:", []),
        ("vost -r nope.git zip x -b ", []),
        ("vost zip -r nope.git x -b ", []),
        ("vost zip ", ["<files>"]),
        ("vost untar x.t", ["<files>"]),
        ("vost backup ", ["<files>"]),
        ("vost -r ", ["<files>"]),
        ("vost cat ", [":", "feature/x:", "main:", "v1:", "docs/", "notes.txt", "é"]),
        ("vost cat x main:n", ["main:notes.txt"]),
        ("vost ls -R v1:do", ["v1:docs/"]),
        ("vost rm -b feature/x la", ["later"]),
        ("vost mv ", [":", "feature/x:", "main:", "v1:"]),
        ("vost mv :n", [":notes.txt"]),
        ("vost cmp ", [":", "feature/x:", "main:", "v1:", "<files>"]),
        ("vost cmp x :n", [":notes.txt"]),
        ("vost cp v", ["v1:", "<files>"]),
        ("vost cp x :docs/", [":docs/a.md", ":docs/b c$.md", ":docs/sub/"]),
        ("vost sync feature/x:l", ["feature/x:later"]),
        ("vost log ", ["feature/x", "main", "v1"]),
        ("vost diff main:n", ["main:notes.txt"]),
        ("vost branch delete ", ["feature/x", "main"]),
        ("vost tag hash ", ["v1"]),
        ("vost note get f", ["feature/x"]),
        ("vost completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_what_is_offered(monkeypatch: pytest.MonkeyPatch, line: str, expected: list[str]) -> None:
    assert values(line, monkeypatch) == expected


def test_deepest_repository_is_asked(filled: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    other = GitStore.open("other.git", branch="trunk")
    assert values("vost -r other.git zip x -b ", monkeypatch) == ["trunk"]
    assert values("vost -r nope.git zip -r other.git x -b ", monkeypatch) == ["trunk"]
    monkeypatch.setenv("VOST_REPO", "other.git")
    assert values("vost zip x -b ", monkeypatch) == ["trunk"]
    del other.branches["trunk"]
    assert values("vost zip x --path ", monkeypatch) == [":"]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "line, current, expected",
    [
        # Bash replaces only what comes after a colon or an equals sign.
        ("vost zip x --path main:docs/s", "docs/s", ["plain,docs/sub/"]),
        ("vost zip x --path main:", "", ["plain,docs/", "plain,notes.txt", "plain,é"]),
        ("vost zip x --path :no", "no", ["plain,notes.txt"]),
        ("vost zip x --ref=v", "v", ["plain,v1"]),
        ("vost zip x --path main:docs/b", "docs/b", [r"plain,docs/b\ c\$.md"]),
        ("vost zip x --path 'main:docs/b", "main:docs/b", ["plain,main:docs/b c$.md"]),
        ('vost zip x --path "main:docs/b', "main:docs/b", [r"plain,main:docs/b c\$.md"]),
        ("vost zip x '--ref=v", "--ref=v", ["plain,--ref=v1"]),
        ("vost zip x --path 'main:docs/b ", "main:docs/b ", ["plain,main:docs/b c$.md"]),
        ('vost zip x --path "main:docs/b c\\$', r"main:docs/b c\$", [r"plain,main:docs/b c\$.md"]),
        ("vost zip x --path 'main:'docs/b", "docs/b", [r"plain,docs/b\ c\$.md"]),
        (r"vost zip x --path main:docs/b\ ", r"docs/b\ ", [r"plain,docs/b\ c\$.md"]),
        ("A=1 vost zip x -b m", "m", ["plain,main"]),
        ("vost zip x.", "x.", ["file,"]),
        ("vost zip 'x.", "x.", ["file,'"]),
        ("vost zip '' -b '' --ref=v", "v", ["plain,v1"]),
    ],
)
def test_bash_is_told_what_takes_the_place_of_its_word(
    monkeypatch: pytest.MonkeyPatch, line: str, current: str, expected: list[str]
) -> None:
    assert offered(line, monkeypatch, "bash", current) == expected


@pytest.mark.usefixtures("filled")
def test_fish_is_told_whole_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered("vost zip x --path main:no", monkeypatch, "fish") == ["plain,main:notes.txt"]
    assert offered("vost zip x --ref=v", monkeypatch, "fish") == ["plain,--ref=v1"]


def test_fish_takes_no_name_for_an_option_of_echo(vost: Vost) -> None:
    script = vost("completion", "fish")
    assert r'printf "%s\n" $metadata[2]' in script
    assert "echo" not in script


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_sound(vost: Vost, shell: str) -> None:
    script = vost("completion", shell)
    assert "_VOST_COMPLETE=" + shell + "_complete" in script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([program, "-n"], input=script, text=True, capture_output=True, check=True)
    assert done.stderr == ""


def test_unknown_shell_is_a_usage_error(vost: Vost) -> None:
    assert vost.attempt("completion", "tcsh").code == 2
    assert vost.attempt("completion").code == 2


def in_bash(vost: Vost, here: Path, line: str, current: str) -> list[str]:
    """Return what bash itself is told by the script, ``compopt`` included."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    program = here.parent / "vost"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vost.cli "$@"\n')
    program.chmod(0o755)
    script = vost("completion", "bash") + (
        'compopt() { echo "compopt $*"; }\n'
        f"COMP_LINE={shlex.quote(line)}\n"
        "COMP_POINT=${#COMP_LINE}\n"
        f"_vost_completion vost {shlex.quote(current)}\n"
        'printf "<%s>\\n" "${COMPREPLY[@]}"\n'
    )
    environment = vost.environment() | {"PATH": f"{here.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [bash, "--norc"], input=script, env=environment, text=True, capture_output=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.usefixtures("filled")
def test_bash_completes_with_the_script(vost: Vost, here: Path) -> None:
    told = in_bash(vost, here, "vost zip x --path main:do", "do")
    assert told == ["compopt -o nospace", "<docs/>"]


# --- names that would run something


EVIL = [
    *("$(touch ran)", "`touch ran`", "a';touch ran;'", 'a";touch ran;"', "a\\';touch ran;#"),
    *(
        "a;touch ran",
        "a&touch ran",
        "a|touch ran",
        "<ran",
        ">ran",
        "!!",
        "~",
        "#",
        "*",
        "a b",
        "-x",
    ),
    *("a\\b", "{a,b}", "$HOME", "^a^b", "=x", "a\\", "'", '"', "a,b", "é"),
]


@pytest.fixture
def evil(store: GitStore, monkeypatch: pytest.MonkeyPatch, repository: Path) -> GitStore:
    """Make a repository whose names a shell would run, and name it in the environment."""
    monkeypatch.setenv("VOST_REPO", str(repository))
    with store.branches["main"].batch() as batch:
        for name in EVIL:
            batch.write(f"d/{name}", b"x")
    for name in REF_NAMES:
        store.branches[name] = store.branches["main"]
    return store


@pytest.mark.slow
@pytest.mark.usefixtures("evil")
@pytest.mark.parametrize("quote", ["", "'", '"'])
@pytest.mark.parametrize("known", ["main:d/", "d/", ":d/", "--path=main:d/"])
def test_bash_runs_nothing_that_a_name_says(
    monkeypatch: pytest.MonkeyPatch, here: Path, quote: str, known: str
) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    option, equals, place = known.rpartition("=")
    word = option + equals + quote + place
    typed = place if quote else place.rpartition(":")[2]
    told = offered(f"vost ls {word}", monkeypatch, "bash", typed)
    words = [word[: len(word) - len(typed)] + each.removeprefix("plain,") for each in told]
    assert read_by_bash(words, quote) == sorted(f"{known}{name}" for name in EVIL)
    assert list(here.iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("evil")
@pytest.mark.parametrize("quote", ["", "'", '"'])
@pytest.mark.parametrize("command", ["branch delete", "ls --ref", "note get"])
def test_bash_runs_nothing_that_a_ref_is_called(
    monkeypatch: pytest.MonkeyPatch, here: Path, command: str, quote: str
) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    told = offered(f"vost {command} {quote}", monkeypatch, "bash", "")
    words = [quote + each.removeprefix("plain,") for each in told]
    printable = [name for name in REF_NAMES if name.isprintable()]
    assert read_by_bash(words, quote) == sorted([*printable, "main"])
    assert list(here.iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("evil")
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_bash_runs_nothing_that_a_local_name_says(vost: Vost, here: Path, quote: str) -> None:
    names = [f"x{name}" for name in EVIL] + ["x\x1b$(touch ran)"]
    for name in names:
        (here / name).write_bytes(b"")
    (here / "x!").mkdir()
    vost("branch", "set", "xbranch")
    told = in_bash(vost, here, f"vost cp {quote}x", "x")
    words = [f"{quote}{line[1:-1]}" for line in told if line.startswith("<")]
    assert read_by_bash(words, quote) == sorted([*names, "x!/", "xbranch:"])
    assert sorted(os.listdir()) == sorted([*names, "x!"])


def read_by_bash(words: list[str], quote: str) -> list[str]:
    """Return the arguments that bash reads in words; each of them ends within a quote."""
    lines = "".join(f"printf '%s\\n' {word}{quote}\n" for word in words)
    bash = ["bash", "--norc"]
    done = subprocess.run(bash, input=lines, text=True, capture_output=True, check=True)
    assert done.stderr == ""
    return sorted(done.stdout.splitlines())
