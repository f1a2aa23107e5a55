"""Ctrl-C while Python is still importing: 130 and one word, as later, never a traceback.

A hook in the process itself sends the signal when a certain module is about to be imported, so
that it always comes at the same moment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import TIMEOUT, command_line

pytestmark = pytest.mark.slow

HOOK = """
import os, signal, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["INTERRUPT_AT"]:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupter())
"""

ABORTED = (130, b"", b"\nAborted!\n")


def interrupted(
    command: list[str], module: str, hooks: Path, *, ignore: bool = False
) -> tuple[int, bytes, bytes]:
    """Run a command that gets SIGINT where it is about to import a module.

    Args:
        command: The command line.
        module: The module's name.
        hooks: An empty directory.
        ignore: Whether it begins with SIGINT ignored, as a background job of a script does.
    """
    (hooks / "sitecustomize.py").write_text(HOOK)
    if ignore:
        command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(hooks), "INTERRUPT_AT": module},
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def hooks(tmp_path: Path) -> Path:
    directory = tmp_path / "hooks"
    directory.mkdir()
    return directory


@pytest.mark.parametrize(
    "command, module",
    [
        ("ls", "vost.cli.app"),
        ("ls", "asyncclick"),
        ("ls", "vost.cli.commands.listing"),
        ("ls", "vost.store"),
        ("ls", "anyio"),
        ("cp f :", "asyncio"),
        ("cp f :", "vost.cli.commands.copying"),
        ("cp f :", "vost.cli.progress"),
        ("cat f", "aiofiles"),
        ("--help", "vost.cli.app"),
    ],
)
def test_interrupt_of_an_import_ends_with_130_and_no_traceback(
    hooks: Path, repository: Path, command: str, module: str
) -> None:
    words = [*command_line("-r", repository), *command.split()]
    assert interrupted([os.fsdecode(word) for word in words], module, hooks) == ABORTED
    assert not repository.exists()


@pytest.mark.parametrize("module", ["vost.cli.app", "vost.store"])
def test_script_is_guarded_as_well(hooks: Path, repository: Path, module: str) -> None:
    # What pip makes of the entry point that is declared.
    code = "import sys; from vost.cli import run; sys.argv[0] = 'vost'; sys.exit(run())"
    command = [sys.executable, "-c", code, "-r", str(repository), "ls"]
    assert interrupted(command, module, hooks) == ABORTED


@pytest.mark.parametrize("module", ["vost.cli.app", "vost.cli.commands.listing"])
def test_ignored_interrupts_stay_ignored(hooks: Path, module: str) -> None:
    command = [os.fsdecode(word) for word in command_line("ls", "--help")]
    code, out, err = interrupted(command, module, hooks, ignore=True)
    assert (code, err) == (0, b"")
    assert out.startswith(b"Usage: vost ls")


def test_programs_that_import_the_group_keep_their_interrupts() -> None:
    code = (
        "import signal; before = signal.getsignal(signal.SIGINT)\n"
        "from vost.cli import main\n"
        "assert main.name and signal.getsignal(signal.SIGINT) is before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=TIMEOUT)


def test_signals_are_taken_over_before_anything_is_imported() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import vost.cli\n"
        "assert set(sys.modules) - before <= {'__future__', 'vost', 'vost.cli'}, "
        "set(sys.modules) - before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=TIMEOUT)


def test_terminated_command_ends_with_143_when_it_needs_no_event_loop(
    hooks: Path, repository: Path
) -> None:
    words = [os.fsdecode(word) for word in command_line("-r", repository, "ls")]
    (hooks / "sitecustomize.py").write_text(HOOK.replace("SIGINT", "SIGTERM"))
    done = subprocess.run(
        words,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(hooks), "INTERRUPT_AT": "vost.store"},
        timeout=TIMEOUT,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (143, b"", b"\nAborted!\n")
    assert signal.SIGTERM == 15
