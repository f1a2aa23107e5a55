"""The lines of the readme's tour of the command line, in its order, each in a shell of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.gitcli import Git
from tests.support.sources import ROOT

README = ROOT.parent / "shared" / "contract" / "readme.txt"
TIMEOUT = 60

# As they are printed there, comments left out.
LINES = r"""
vost init
vost destroy -f
vost gc
vost cp local-file.txt :
vost cp ./mydir :dest
vost cp ./mydir/ :dest
vost cp '/data/./logs/app' :backup
vost cp './src/*.py' :backup
vost cp :file.txt ./local.txt
vost cp -n ./mydir :dest
vost sync ./local :repo_path
vost sync :repo_path ./local
vost sync --watch ./dir :data
vost ls
vost ls -R :src
vost cat file.txt
echo "hello" | vost write file.txt
cmd | vost write log.txt -p | grep error
vost rm old-file.txt
vost rm -R :dir
vost mv :old.txt :new.txt
vost mv ':*.txt' :archive/
vost log
vost log --path file.txt --format jsonl
vost diff --back 3
vost undo
vost redo
vost branch set dev --ref main
vost branch exists dev
vost tag set v1.0
vost tag delete v1.0
vost archive_out out.zip
vost archive_in data.tar.gz
vost backup https://github.com/user/repo.git
vost restore https://github.com/user/repo.git
vost backup -n https://github.com/user/repo.git
vost serve
vost serve --all --cors
vost gitserve
""".strip().splitlines()

PORT = 8000
"""Where the servers of the readme listen: it says nothing else."""


@dataclass
class Tour:
    """A directory, a repository and a remote one, and what the lines are run with."""

    directory: Path
    repository: Path
    url: str
    git: Git
    outputs: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        programs = os.pathsep.join((str(self.directory / "bin"), str(Path(sys.executable).parent)))
        return os.environ | {
            "VOST_REPO": str(self.repository),
            "PATH": programs + os.pathsep + os.environ["PATH"],
        }

    def line(self, line: str) -> str:
        """Return a line with the readme's places replaced by ours."""
        line = line.replace("'/data/", f"'{self.directory}/data/")
        return line.replace("https://github.com/user/repo.git", self.url)

    def __call__(self, line: str, status: int = 0) -> str:
        ran = subprocess.run(
            ["bash", "-c", self.line(line)],
            cwd=self.directory,
            env=self.environment(),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert (ran.returncode, ran.stderr.decode()) == (status, ""), line
        return ran.stdout.decode()

    def files(self, ref: str = "HEAD") -> dict[str, str]:
        """Return what git finds in the repository."""
        names = self.git(self.repository, "ls-tree", "-r", "--name-only", ref).splitlines()
        return {
            name: self.git(self.repository, "cat-file", "blob", f"{ref}:{name}") for name in names
        }


@pytest.fixture
def tour(tmp_path: Path, git: Git) -> Iterator[Tour]:
    directory = tmp_path / "here"
    for name, content in {
        "local-file.txt": "local",
        "mydir/a.txt": "a",
        "mydir/sub/b.txt": "b",
        "data/logs/app/today.log": "log",
        "data/logs/other.log": "other",
        "src/one.py": "1",
        "src/two.py": "2",
        "src/three.txt": "3",
        "local/kept.txt": "kept",
        "dir/first": "first",
        "bin/cmd": "#!/bin/sh\necho fine\necho error: bad\n",
    }.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (directory / "bin/cmd").chmod(0o755)
    served = tmp_path / "served"
    served.mkdir()
    git(served / "repo.git", "init", "-q", "--bare", str(served / "repo.git"))
    git(served / "repo.git", "config", "http.receivepack", "true")
    subprocess.run(
        ["tar", "-czf", directory / "data.tar.gz", "-C", directory / "mydir", "a.txt"], check=True
    )
    with peers.http_backend(served, git.home) as peer:
        yield Tour(directory, tmp_path / "r.git", f"{peer.url}/repo.git", git)


Check = Callable[[Tour], None]


def nothing(_: Tour) -> None:
    """Stand for a line that needs no preparation."""


def prepare(*lines: str) -> Check:
    def run(tour: Tour) -> None:
        for line in lines:
            tour(line)

    return run


PREPARATIONS: dict[str, Check] = {
    "vost gc": prepare("vost init"),
    "vost cp :file.txt ./local.txt": prepare("echo content | vost write file.txt"),
    "vost ls -R :src": prepare("vost cp src :"),
    "vost rm old-file.txt": prepare("echo old | vost write old-file.txt"),
    "vost rm -R :dir": prepare("echo x | vost write dir/x"),
    "vost mv :old.txt :new.txt": prepare("echo moved | vost write old.txt"),
}


@contextmanager
def running(tour: Tour, line: str) -> Iterator[subprocess.Popen[str]]:
    """Run a line that never ends by itself: for a block, or until that takes too long."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {line}"],
        cwd=tour.directory,
        env=tour.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    timer = threading.Timer(TIMEOUT, process.kill)
    timer.start()
    try:
        yield process
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


def watch(tour: Tour, line: str) -> str:
    """Run the line that watches until it has seen two changes, then press Ctrl-C."""
    seen = [""]
    with running(tour, line) as process:
        assert process.stdout is not None
        while "Sync: " not in seen[-1]:
            seen.append(process.stdout.readline())
            assert seen[-1], process.communicate()
        (tour.directory / "dir/second").write_text("second")
        seen.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    return "".join(seen) + rest


def serve(tour: Tour, line: str) -> str:
    """Run a server until its clients have got what they ask for, then press Ctrl-C."""
    with running(tour, line) as process:
        assert process.stderr is not None
        banner = process.stderr.readline()
        assert banner.endswith(f" at http://127.0.0.1:{PORT}/\n"), banner
        assert process.stderr.readline() == "Press Ctrl+C to stop.\n"
        CLIENTS[line](tour)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
    assert process.returncode == 0
    assert errors.endswith("\nStopped.\n")
    return output


def fetch(path: str) -> tuple[bytes, Message]:
    """Fetch a file from a server of the readme."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/{path}") as answer:
        return answer.read(), answer.headers


def use_files(tour: Tour) -> None:
    assert fetch("a.txt")[0].decode() == tour.files()["a.txt"]


def use_all_files(tour: Tour) -> None:
    body, headers = fetch("main/a.txt")
    assert body.decode() == tour.files()["a.txt"]
    assert headers["Access-Control-Allow-Origin"] == "*"


def use_git(tour: Tour) -> None:
    clone = tour.directory / "clone"
    tour.git(clone / ".git", "clone", "-q", f"http://127.0.0.1:{PORT}/", str(clone))
    assert (clone / "a.txt").read_text() == tour.files()["a.txt"]


CLIENTS: dict[str, Check] = {
    "vost serve": use_files,
    "vost serve --all --cors": use_all_files,
    "vost gitserve": use_git,
}


def port_is_free() -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.skipif(not port_is_free(), reason=f"somebody else listens on port {PORT}")
def test_every_line_of_the_tour_does_what_the_readme_says(tour: Tour) -> None:
    for line in LINES:
        PREPARATIONS.get(line, nothing)(tour)
        run = serve if line in CLIENTS else watch if "--watch" in line else Tour.__call__
        output = run(tour, line)
        CHECKS.get(line, nothing)(tour)
        tour.outputs[line] = output
    out = tour.outputs
    assert [line for line in LINES if out[line] and line not in PRINTS] == []
    for line, expected in PRINTS.items():
        assert re.fullmatch(expected, out[line]), (line, out[line])


def check(*, has: dict[str, str] | None = None, lacks: tuple[str, ...] = ()) -> Check:
    def run(tour: Tour) -> None:
        files = tour.files()
        assert {name: files.get(name) for name in has or {}} == (has or {})
        assert [name for name in lacks if name in files] == []

    return run


def check_destroyed(tour: Tour) -> None:
    assert not tour.repository.exists()


def check_local_copy(tour: Tour) -> None:
    assert (tour.directory / "local.txt").read_text() == "content\n"


def check_synced_out(tour: Tour) -> None:
    assert sorted(os.listdir(tour.directory / "local")) == ["kept.txt"]


def check_undone(tour: Tour) -> None:
    assert "archive/new.txt" not in tour.files()


def check_archive(tour: Tour) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", tour.directory / "out.zip"],
        capture_output=True,
        check=True,
    )
    assert b"archive/new.txt" in listed.stdout


def check_remote(tour: Tour) -> None:
    remote = tour.git(tour.repository, "ls-remote", tour.url, "refs/heads/*")
    ours = tour.git(
        tour.repository, "for-each-ref", "--format=%(objectname)\t%(refname)", "refs/heads"
    )
    assert remote == ours


CHECKS: dict[str, Check] = {
    "vost destroy -f": check_destroyed,
    "vost cp local-file.txt :": check(has={"local-file.txt": "local"}),
    "vost cp ./mydir :dest": check(has={"dest/mydir/a.txt": "a", "dest/mydir/sub/b.txt": "b"}),
    "vost cp ./mydir/ :dest": check(has={"dest/a.txt": "a", "dest/sub/b.txt": "b"}),
    "vost cp '/data/./logs/app' :backup": check(
        has={"backup/logs/app/today.log": "log"}, lacks=("backup/logs/other.log",)
    ),
    "vost cp './src/*.py' :backup": check(
        has={"backup/one.py": "1", "backup/two.py": "2"}, lacks=("backup/three.txt",)
    ),
    "vost cp :file.txt ./local.txt": check_local_copy,
    "vost sync ./local :repo_path": check(has={"repo_path/kept.txt": "kept"}),
    "vost sync :repo_path ./local": check_synced_out,
    "vost sync --watch ./dir :data": check(has={"data/first": "first", "data/second": "second"}),
    'echo "hello" | vost write file.txt': check(has={"file.txt": "hello"}),
    "cmd | vost write log.txt -p | grep error": check(has={"log.txt": "fine\nerror: bad"}),
    "vost rm old-file.txt": check(lacks=("old-file.txt",)),
    "vost rm -R :dir": check(lacks=("dir/x",)),
    "vost mv :old.txt :new.txt": check(has={"new.txt": "moved"}, lacks=("old.txt",)),
    "vost mv ':*.txt' :archive/": check(
        has={"archive/new.txt": "moved", "archive/file.txt": "hello"}, lacks=("new.txt",)
    ),
    "vost undo": check_undone,
    "vost redo": check(has={"archive/new.txt": "moved"}),
    "vost archive_out out.zip": check_archive,
    "vost archive_in data.tar.gz": check(has={"a.txt": "a"}),
    "vost backup https://github.com/user/repo.git": check_remote,
    "vost restore https://github.com/user/repo.git": check_remote,
}

# What each line prints, as a regular expression; those that are not here print nothing.
PRINTS = {
    "vost cp -n ./mydir :dest": r"~ :dest/mydir/a\.txt\n~ :dest/mydir/sub/b\.txt\n",
    "vost sync --watch ./dir :data": (
        r"Watching \./dir -> :data \(debounce 2000ms\)\n"
        r"(\[\d\d:\d\d:\d\d\] Sync: \+1 \(commit [0-9a-f]{7}\)\n){2}"
        r"\nStopped watching\.\n"
    ),
    "vost ls": r"backup\ndata\ndest\nfile\.txt\nlocal-file\.txt\nrepo_path\n",
    "vost ls -R :src": r"src/one\.py\nsrc/three\.txt\nsrc/two\.py\n",
    "vost cat file.txt": r"content\n",
    "cmd | vost write log.txt -p | grep error": r"error: bad\n",
    "vost log": r"(?s)([0-9a-f]{7}  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00  [^\n]+\n){15,}",
    "vost log --path file.txt --format jsonl": r'(\{"hash": "[0-9a-f]{40}", "message": .*\}\n){2,}',
    "vost diff --back 3": r"(?s)(A  archive/.*)(D  .*)",
    "vost undo": r"Branch now at: [0-9a-f]{7} - .*\n",
    "vost redo": r"Branch now at: [0-9a-f]{7} - .*\nBranch was at: [0-9a-f]{7} - .*\n",
    "vost backup -n https://github.com/user/repo.git": "Nothing to push — already in sync\\.\n",
}


@pytest.mark.skipif(not README.exists(), reason="the planning documents are not at hand")
def test_tour_is_the_one_of_the_readme() -> None:
    text = README.read_text(encoding="utf-8").partition("# Repository management\n")[2]
    text = text.partition("For full CLI documentation")[0]
    lines = [re.sub(r"\s+#.*", "", line) for line in text.splitlines()]
    commands = [line for line in lines if "vost " in line]
    assert commands == LINES
