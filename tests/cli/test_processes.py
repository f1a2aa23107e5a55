"""The command as a process: how it starts and ends, interrupts, pipes that close, terminals."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.commands import TIMEOUT, Vost, command_line
from vost_sync import GitStore


@pytest.fixture
def large(store: GitStore) -> GitStore:
    """Return the store with a file that fills any pipe."""
    store.branches["main"].write("large", b"0123456789" * 1_000_000)
    return store


def spooled(directory: Path) -> list[str]:
    return [name for name in os.listdir(directory) if name.startswith("vost-")]


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "tmp"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    return directory


@pytest.mark.slow
def test_script_and_module_are_the_same_command(vost: Vost) -> None:
    script = Path(sys.executable).with_name("vost")
    by_script = subprocess.run([script, "--help"], capture_output=True, check=True).stdout
    assert by_script == vost.process("--help").out_bytes
    assert b"Usage: vost " in by_script


@pytest.mark.slow
def test_without_its_extra_the_command_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['asyncclick'] = None\n"
        "from vost.cli import main\n"
        "sys.exit(main())\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert ran.stderr.count(b"\n") == 1
    assert b"pip install 'vost[cli]'" in ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("args", [[], ["nope"], ["cat"], ["cat", "--nope", "x"], ["init", "x"]])
def test_wrong_command_line_is_a_usage_error(vost: Vost, args: list[str]) -> None:
    ran = vost.process(*args)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: vost" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.slow
def test_reader_that_closes_the_pipe_makes_no_noise(vost: Vost, large: GitStore) -> None:
    process = vost.start("cat", "large")
    assert process.stdout is not None
    assert process.stdout.read(10) == b"0123456789"
    process.stdout.close()
    _, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, err) == (141, b"")


@pytest.mark.slow
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_ends_a_wait_for_input_and_leaves_nothing(
    vost: Vost, repository: Path, spool: Path, number: signal.Signals, code: int
) -> None:
    process = vost.start("write", "-p", "file")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"begun")
    process.stdin.flush()
    assert process.stdout.read(5) == b"begun"
    process.send_signal(number)
    out, err = process.communicate(timeout=TIMEOUT)  # stdin is open still
    assert (process.returncode, out, err) == (code, b"", b"\nAborted!\n")
    assert not repository.exists()
    assert spooled(spool) == []


@pytest.mark.slow
@pytest.mark.parametrize("command", ["cat large", "tar -", "tar /dev/stdout"])
@pytest.mark.usefixtures("large")
def test_interrupt_ends_a_wait_for_a_reader(vost: Vost, command: str) -> None:
    process = vost.start(*command.split())
    assert process.stdout is not None
    assert len(process.stdout.read(1)) == 1  # and nobody reads on: the pipe fills up
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=TIMEOUT) == 130
    _, err = process.communicate(timeout=TIMEOUT)
    assert err == b"\nAborted!\n"


@pytest.mark.slow
def test_verbose_twice_shows_where_an_error_arose(vost: Vost, store: GitStore) -> None:
    store.branches["main"].write("f", b"x")
    for path in (vost.repository / "objects").glob("*/*"):
        path.chmod(0o644)
        path.write_bytes(b"damaged")
    ran = vost.process("cat", "f")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Error: ")
    assert ran.err.count("\n") == 1
    ran = vost.process("-vv", "cat", "f")
    assert ran.err.startswith("Traceback ")
    assert ran.err.splitlines()[1].startswith("  File ")
    assert "\nError: " in ran.err


class Terminal:
    """A terminal in which a command runs.

    Args:
        vost: The command.
        args: Its arguments.
        environment: Further variables of its environment.
    """

    def __init__(self, vost: Vost, *args: str, **environment: str) -> None:
        self._ours, theirs = pty.openpty()
        self.shown = b""
        self._news = threading.Event()
        self.process = subprocess.Popen(
            # In a session of its own, with this terminal as the one whose Ctrl-C reaches it.
            ["setsid", "--ctty", *command_line(*args)],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=vost.environment() | {"TERM": "xterm-256color", "COLUMNS": "100"} | environment,
        )
        os.close(theirs)
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while True:
            try:
                chunk = os.read(self._ours, 65536)
            except OSError:  # nobody has it open any more
                return
            self.shown += chunk
            self._news.set()
            if not chunk:
                return

    def press(self, keys: bytes) -> None:
        """Press keys at the terminal."""
        os.write(self._ours, keys)

    def wait_for(self, text: bytes) -> None:
        """Wait until something is shown."""
        until = time.monotonic() + TIMEOUT
        while text not in self.shown:
            assert self.process.poll() is None, self.shown
            assert time.monotonic() < until, self.shown
            self._news.wait(0.1)
            self._news.clear()

    def end(self) -> int:
        """Wait until the command has ended and return its exit status."""
        out, _ = self.process.communicate(timeout=TIMEOUT)
        assert out == b""
        self._thread.join()
        os.close(self._ours)
        return self.process.returncode


@pytest.fixture
def many_files(here: Path) -> Path:
    directory = here / "many"
    for number in range(3000):
        path = directory / f"{number % 30}" / f"f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number * 50)
    return directory


@pytest.mark.slow
def test_progress_is_shown_on_a_terminal_and_goes_away(vost: Vost, many_files: Path) -> None:
    terminal = Terminal(vost, "cp", "many", ":")
    assert terminal.end() == 0
    assert b" 3000 " in terminal.shown
    assert b"KiB/s" in terminal.shown or b"MiB/s" in terminal.shown
    assert b"\x1b[2K" in terminal.shown  # the line is cleared
    assert len(vost("ls", "-R").splitlines()) == 3000
    terminal = Terminal(vost, "cp", ":many", "out")
    assert terminal.end() == 0
    assert b"3000/3000" in terminal.shown


@pytest.mark.slow
def test_quiet_shows_no_progress(vost: Vost, many_files: Path) -> None:
    terminal = Terminal(vost, "-q", "cp", "many", ":")
    assert terminal.end() == 0
    assert terminal.shown == b""


@pytest.mark.slow
def test_progress_without_colour_has_no_colour(vost: Vost, many_files: Path) -> None:
    terminal = Terminal(vost, "cp", "many", ":", NO_COLOR="1")
    assert terminal.end() == 0
    assert b" 3000 " in terminal.shown
    assert b"\x1b[3" not in terminal.shown.replace(b"\x1b[3K", b"")
    assert b"\x1b[38" not in terminal.shown


@pytest.mark.slow
def test_ctrl_c_at_a_terminal_ends_a_long_copy_and_leaves_nothing(
    vost: Vost, repository: Path, here: Path
) -> None:
    with (here / "large").open("wb") as file:
        file.truncate(1 << 40)  # an hour's work
    terminal = Terminal(vost, "cp", "large", ":")
    terminal.wait_for(b"iB/s")
    terminal.press(b"\x03")
    assert terminal.end() == 130
    assert terminal.shown.endswith(b"\r\nAborted!\r\n")
    assert sorted(os.listdir(repository.parent)) == ["here"]
