"""Forks a child for each line on stdin: ``{"task": ..., "repo": ..., "seed": ...}``.

The child waits until a line ``go`` comes, then carries out its task and says how it goes on
stdout. The server says ``pid <n>`` before, and ``ended ...`` after. A fork takes milliseconds where
a new Python with all its imports takes a good part of a second.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.stress.children.tasks import TASKS

if TYPE_CHECKING:
    from tests.stress.children.tasks import Task


def say(line: str) -> None:
    """Write a line at once; by ``writev``, for the tests make ``write`` fail."""
    os.writev(1, [line.encode() + b"\n"])


def serve() -> None:
    """Serve until stdin ends."""
    warm_up()
    say("ready")
    for line in sys.stdin:
        order = json.loads(line)
        task = TASKS[order.pop("task")]
        wait_end, go_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(go_end)
            os.read(wait_end, 1)
            run_child(task, order)
        os.close(wait_end)
        say(f"pid {child}")
        if sys.stdin.readline():
            with contextlib.suppress(BrokenPipeError):  # killed before it could begin
                os.write(go_end, b"g")
        _, status = os.waitpid(child, 0)
        os.close(go_end)
        code = os.waitstatus_to_exitcode(status)
        say("ended killed" if code == -signal.SIGKILL else f"ended exit {code}")


def run_child(task: Task, order: dict[str, object]) -> None:
    """Carry out a task and end the process; an error is said, with its kind and number."""
    try:
        task(say=say, **order)
    except KeyboardInterrupt:
        say("interrupted")
    except BaseException as error:
        kind = "OSError" if isinstance(error, OSError) else "other"
        say(f"error {kind} {getattr(error, 'errno', None)} {type(error).__name__}: {error!r}")
    finally:
        # A batch that could not be committed stays open: what it holds goes when it does.
        gc.collect()
        os._exit(0)


def warm_up() -> None:
    """Import and cache now what would be system calls in the children."""
    with tempfile.TemporaryDirectory() as directory:
        for name in ("one_write", "one_batch"):
            for durable in (False, True):
                repo = str(Path(directory) / "warm.git")
                TASKS[name](say=lambda _: None, repo=repo, seed=0, durable=durable)


if __name__ == "__main__":
    serve()
