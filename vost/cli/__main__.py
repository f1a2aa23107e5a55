"""``python -m vost.cli`` is the ``vost`` command."""

from __future__ import annotations

from vost.cli import run

if __name__ == "__main__":
    run()
