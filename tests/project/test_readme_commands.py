"""The two commands of the README are the ones that continuous integration runs."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.support.sources import ROOT

COMMANDS = ("quickstart", "tests")
SCRIPT = ROOT / ".ci" / "run"


def readme_commands() -> dict[str, str]:
    """Return the marked commands of the README by name, read independently of the script."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- command: (\w+) -->\n```sh\n(.*?)\n```\n", text, re.DOTALL)
    return dict(blocks)


def test_readme_has_exactly_the_two_commands() -> None:
    assert tuple(readme_commands()) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_one_line_that_makes_its_own_environment(name: str) -> None:
    command = readme_commands()[name]
    assert "\n" not in command
    assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")


def test_commands_do_what_the_readme_says_of_them() -> None:
    commands = readme_commands()
    assert commands["quickstart"].endswith("&& .venv/bin/python examples/quickstart.py")
    assert '".[dev]"' in commands["tests"]
    assert "-m pytest" in commands["tests"]


@pytest.mark.parametrize("name", COMMANDS)
def test_ci_extracts_the_command_as_the_readme_has_it(name: str) -> None:
    printed = subprocess.run(
        ["bash", SCRIPT, "--print-command", name], capture_output=True, text=True, check=True
    )
    assert printed.stdout == readme_commands()[name] + "\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_ci_runs_the_command(name: str) -> None:
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    assert f"run_readme_command {name}" in lines
    assert '    eval "$command"' in lines


def test_ci_fails_when_the_readme_loses_a_command(tmp_path) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / "README.md").write_text("# vost\n")
    script = SCRIPT.read_text(encoding="utf-8").replace("install_tools\n", "\n")
    (tmp_path / ".ci" / "run").write_text(script)
    result = subprocess.run(
        ["bash", tmp_path / ".ci" / "run"], capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "README.md has no command 'quickstart'" in result.stderr


def test_ci_script_is_valid_bash() -> None:
    subprocess.run(["bash", "-n", SCRIPT], check=True)
