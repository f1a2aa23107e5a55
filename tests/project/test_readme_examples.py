"""The Python blocks of the README run as they stand, in order, in one empty directory."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.support.sources import ROOT


def test_readme_blocks_run_as_they_stand(tmp_path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    outputs = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", block],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )
        for block in blocks
    ]
    assert [output.stderr for output in outputs] == [""] * 3
    blocking, folders, asynchronous = (output.stdout.splitlines() for output in outputs)
    assert blocking[0].startswith("Hello! ")
    assert blocking[0].endswith(" + hello.txt")
    assert blocking[1].endswith(" Import")
    assert folders == ["None", "2 refs copied"]
    assert asynchronous[0].endswith(" + b.bin")
    assert asynchronous[-1] == r"b'\x02'"
