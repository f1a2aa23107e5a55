"""Credentials: git and gh are asked without prompts, only where it belongs (section 18, D38)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import vost
import vost_sync
from tests.support.gitcli import Git
from vost._engine import credentials


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory for programs that stand for git and gh; no others are found."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GH_HOST", "GH_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return directory


def program(directory: Path, name: str, body: str) -> Path:
    """Write a program that logs its arguments, input and environment, and then does ``body``."""
    path = directory / name
    shell = shutil.which("sh", path="/bin:/usr/bin")
    path.write_text(
        f"#!{shell}\nPATH=/bin:/usr/bin\n"
        f'echo "args: $*" >>{path}.log\nenv | sed "s/^/env: /" >>{path}.log\npwd >>{path}.log\n'
        f"{'sed s/^/in:/ >>' + str(path) + '.log' if name == 'git' else ''}\n{body}\n"
    )
    path.chmod(0o755)
    return Path(f"{path}.log")


ANSWER = "printf 'username=m e\\npassword=p@s:s/\\n'"
URL = "https://git.example:8443/team/repo.git"


def test_git_is_asked_for_the_full_url(programs: Path) -> None:
    log = program(programs, "git", ANSWER)
    expected = "https://m%20e:p%40s%3As%2F@git.example:8443/team/repo.git"
    assert vost_sync.resolve_credentials(URL) == expected
    lines = log.read_text().splitlines()
    assert lines[0] == "args: credential fill"
    assert [line for line in lines if line.startswith("in:")] == [
        "in:protocol=https",
        "in:host=git.example:8443",
        "in:path=team/repo.git",
        "in:",
    ]


@pytest.mark.anyio
async def test_async_face_resolves_too(programs: Path) -> None:
    program(programs, "git", ANSWER)
    assert (await vost.resolve_credentials("https://h/x")) == "https://m%20e:p%40s%3As%2F@h/x"


def test_nobody_can_be_asked_back(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_ASKPASS", "/bin/evil")
    monkeypatch.setenv("SSH_ASKPASS", "/bin/evil")
    monkeypatch.setenv("GIT_DIR", "/some/where")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/my/config")
    log = program(programs, "git", ANSWER)
    vost_sync.resolve_credentials(URL)
    environment = {line for line in log.read_text().splitlines() if line.startswith("env: ")}
    assert {"env: GIT_TERMINAL_PROMPT=0", "env: GIT_ASKPASS=", "env: SSH_ASKPASS="} <= environment
    assert "env: GIT_CONFIG_GLOBAL=/my/config" in environment
    assert not any(line.startswith("env: GIT_DIR=") for line in environment)


@pytest.mark.parametrize(
    "url",
    [
        "http://h/x",
        "HTTPS://h/x",
        "ssh://h/x",
        "/local/path",
        "git://h/x",
        "",
        "https://",
        "https:///x",
        "https://me@h/x",
        "https://me:pw@h/x",
        "https://h\nost=evil/x",
        "https://h%0ahost=evil/x",
        "https://h/x%0ahost=evil",
        "https://h:bad/x",
    ],
)
def test_other_urls_come_back_as_they_are_and_nobody_is_asked(programs: Path, url: str) -> None:
    logs = [program(programs, name, "echo token") for name in ("git", "gh")]
    assert vost_sync.resolve_credentials(url) == url
    assert not any(log.exists() for log in logs)


@pytest.mark.parametrize(
    "body",
    [
        "exit 1",
        "true",
        "printf 'username=me\\n'",
        "printf 'password=pw\\n'",
        "printf 'username=\\npassword=pw\\n'",
        f"{ANSWER}; exit 128",
    ],
)
def test_gh_is_asked_when_git_does_not_know(programs: Path, body: str) -> None:
    program(programs, "git", body)
    log = program(programs, "gh", "echo tok/en")
    url = "https://github.com/me/x"
    assert vost_sync.resolve_credentials(url) == "https://x-access-token:tok%2Fen@github.com/me/x"
    assert log.read_text().splitlines()[0] == "args: auth token --hostname github.com"


def test_password_may_hold_what_ends_a_line_elsewhere(programs: Path) -> None:
    password = r"a\302\205b\342\200\250c\014d"
    program(programs, "git", f"printf 'username=me\\npassword={password}\\n'")
    expected = "https://me:a%C2%85b%E2%80%A8c%0Cd@git.example:8443/team/repo.git"
    assert vost_sync.resolve_credentials(URL) == expected


def test_gh_is_asked_only_for_hosts_that_it_knows(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = program(programs, "gh", "echo token")
    url = "https://ghe.example/x"
    assert vost_sync.resolve_credentials(url) == url
    assert not log.exists()
    hosts = tmp_path / ".config/gh/hosts.yml"
    hosts.parent.mkdir(parents=True)
    hosts.write_text("github.com:\n    user: me\nGHE.example:\n    oauth_token: x\n")
    assert vost_sync.resolve_credentials(url) == "https://x-access-token:token@ghe.example/x"
    hosts.unlink()
    assert vost_sync.resolve_credentials(url) == url
    monkeypatch.setenv("GH_HOST", "ghe.example")
    assert "token@" in vost_sync.resolve_credentials(url)


def test_missing_programs_and_empty_answers_change_nothing(programs: Path) -> None:
    url = "https://github.com/x"
    assert vost_sync.resolve_credentials(url) == url
    program(programs, "git", "true")
    program(programs, "gh", "true")
    assert vost_sync.resolve_credentials(url) == url
    (programs / "gh").chmod(0o644)
    assert vost_sync.resolve_credentials(url) == url


def test_slow_program_is_given_up(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "TIMEOUT", 0.3)
    program(programs, "git", "exec sleep 30")
    assert vost_sync.resolve_credentials(URL) == URL


def test_real_git_answers_from_its_store(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a helper that the repository around us names is not asked."""
    (tmp_path / "store").write_text("https://me:pw@git.example\n")
    config = tmp_path / "gitconfig"
    config.write_text(f"[credential]\n\thelper = store --file {tmp_path}/store\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    around = git.init(tmp_path / "around.git")
    git(around, "config", "credential.helper", f"!touch {tmp_path}/evil; false")
    monkeypatch.chdir(around)
    url = "https://git.example/repo.git"
    assert vost_sync.resolve_credentials(url) == "https://me:pw@git.example/repo.git"
    assert vost_sync.resolve_credentials("https://other.example/x") == "https://other.example/x"
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("url", [None, b"https://h/x", Path("x")])
def test_other_types_are_refused(url: Any) -> None:
    with pytest.raises(TypeError):
        vost_sync.resolve_credentials(url)
