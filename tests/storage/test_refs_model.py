"""Refs on disk behave as the reference in memory does, whatever is done to them."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.storage.refs_children import open_refs
from vost._model.errors import InvalidRefNameError
from vost._storage.layout import create
from vost._storage.memoryrefs import MemoryRefs
from vost._storage.protocols import RefMismatchError, RefUpdate

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._storage.protocols import Refs

NAMES = [f"refs/heads/{name}" for name in ("a", "a/b", "a/b/c", "b", "alias")]
VALUES = [None, *(bytes([byte]) * 20 for byte in (1, 2))]

updates = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["right", "wrong"]), st.sampled_from(VALUES)),
    min_size=1,
    max_size=3,
)


def outcome(attempt: Callable[[], object]) -> object:
    """Return what a call returns, or which error it raises."""
    try:
        return attempt()
    except RefMismatchError as error:
        return (RefMismatchError, error.args)
    except (InvalidRefNameError, ValueError) as error:
        return type(error)


class RefsMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(mkdtemp())
        self.git_dir = create(self.directory / "r", head="a", prepare=lambda _: None).git_dir
        self.disk = open_refs(self.git_dir)
        self.memory = MemoryRefs("refs/heads/a")

    def teardown(self) -> None:
        self.disk.close()
        left = [path.name for path in self.git_dir.rglob("*.lock")]
        shutil.rmtree(self.directory)
        assert left in ([], ["vost.lock"])

    def both(self, action: Callable[[Refs], object]) -> None:
        def locked(refs: Refs) -> object:
            with refs.locked():
                return outcome(lambda: action(refs))

        assert locked(self.disk) == locked(self.memory)

    @rule(steps=updates, time=st.integers(0, 1 << 33))
    def change(self, steps: list[tuple[str, str, bytes | None]], time: int) -> None:
        planned = []
        for name, guess, new in steps:
            right = self.memory.get(name)
            old = right if guess == "right" else next(v for v in VALUES if v != right)
            planned.append(RefUpdate(name, old, new, "why"))
        self.both(lambda refs: refs.compare_and_set(planned, identity="a <b>", time=time))

    @rule(head=st.booleans(), branch=st.sampled_from(NAMES[:-1]))
    def point(self, head: bool, branch: str) -> None:
        name = "HEAD" if head else "refs/heads/alias"
        self.both(lambda refs: refs.set_symbolic(name, branch))

    @rule()
    def pack(self) -> None:
        """Do what ``git pack-refs --all --prune`` does."""
        refs = self.disk.list("refs/")
        packed = {n: oid for n, oid in refs.items() if self.disk.get_symbolic(n) is None}
        lines = [f"{oid.hex()} {name}\n" for name, oid in packed.items()]
        text = "# pack-refs with: peeled fully-peeled sorted \n" + "".join(lines)
        (self.git_dir / "packed-refs").write_text(text, encoding="ascii")
        for name in packed:
            (self.git_dir / name).unlink(missing_ok=True)

    @invariant()
    def same(self) -> None:
        assert self.disk.list("refs/") == self.memory.list("refs/")
        for name in ["HEAD", *NAMES]:
            assert self.disk.get(name) == self.memory.get(name)
            assert self.disk.get_symbolic(name) == self.memory.get_symbolic(name)
            assert self.disk.reflog(name) == self.memory.reflog(name)


TestRefsModel = RefsMachine.TestCase
