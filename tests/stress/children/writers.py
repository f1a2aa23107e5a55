"""Some of many writers: ``python -m tests.stress.children.writers <order in JSON>``.

Each thread is one writer; they share a store. What was acknowledged to each is printed at the
end, one line of JSON for each writer, for the test to look for in the repository.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from vost_sync import GitStore, ObjectNotFoundError, StaleSnapshotError, retry_write

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost_sync import FS

BATCH_FILES = 110
POOL = 40
"""Contents that all writers share: objects that one may rely on while another drops them."""


@dataclass
class Writer:
    """One writer and what was acknowledged to it.

    Attributes:
        number: Which one it is.
        steps: How often it does each thing (rare things, less often).
        commits: The commits on main, in order.
        increments: How often it raised the shared counter.
        own: What its own file must hold at the end.
        tags: The tags it made: name to commit.
        notes: The notes it set: commit to text.
        stale: How often somebody else was faster.
        pruned: How often git dropped an unreachable object that a commit was about to name.
        seconds: How long all of it took.
        error: What it failed with, if it did.
    """

    number: int
    steps: int
    commits: list[str] = field(default_factory=list)
    increments: int = 0
    own: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    stale: int = 0
    pruned: int = 0
    seconds: float = 0.0
    error: str = ""

    def run(self, store: GitStore, seed: int) -> None:
        """Do everything, the kinds of work mixed at random."""
        chance = random.Random(f"{seed} {self.number}")
        rarely = (self.steps + 9) // 10
        work: list[Callable[[GitStore, random.Random], None]] = [
            *[self.increment] * self.steps,
            *[self.write_own_file] * (self.steps // 2),
            *[self.set_note] * (self.steps // 2),
            *[self.set_notes] * rarely,
            *[self.tag] * (self.steps // 2),
            *[self.import_files] * rarely,
            *[self.come_and_go] * rarely,
        ]
        chance.shuffle(work)
        started = time.monotonic()
        try:
            for do in work:
                self._again_if_pruned(do, store, chance)
        except Exception:
            self.error = traceback.format_exc()
        self.seconds = time.monotonic() - started

    def _again_if_pruned(
        self,
        do: Callable[[GitStore, random.Random], None],
        store: GitStore,
        chance: random.Random,
    ) -> None:
        """Do one thing; once more if git dropped an object of a deleted branch meanwhile."""
        while True:
            try:
                do(store, chance)
            except ObjectNotFoundError as error:
                if "try again" not in str(error):
                    raise
                self.pruned += 1
            else:
                return

    def increment(self, store: GitStore, chance: random.Random) -> None:
        """Raise the counter and append to the own log, in one strict commit."""
        log = f"log/{self.number}"

        def change(fs: FS) -> FS:
            count = int(fs.read("counter")) + 1
            lines = fs.read_text(log) if fs.exists(log) else ""
            return fs.apply({"counter": str(count), log: f"{lines}{count}\n"})

        self._until_done(store, chance, change)
        self.increments += 1

    def import_files(self, store: GitStore, chance: random.Random) -> None:
        """Commit so many files at once that they go into a pack."""
        top = f"import/{self.number}/{len(self.commits)}"

        def change(fs: FS) -> FS:
            with fs.batch() as batch:
                for number in range(BATCH_FILES):
                    batch.write(f"{top}/{number}", self._pooled(chance))
                batch.write(f"{top}/mark", top.encode())
            assert batch.fs is not None
            return batch.fs

        self._until_done(store, chance, change)

    def _until_done(
        self, store: GitStore, chance: random.Random, change: Callable[[FS], FS]
    ) -> None:
        while True:
            try:
                fs = change(store.branches["main"])
            except StaleSnapshotError:
                self.stale += 1
                time.sleep(chance.uniform(0, 0.02))
            else:
                self.commits.append(fs.commit_hash)
                return

    def write_own_file(self, store: GitStore, chance: random.Random) -> None:
        """Write the own file with ``retry_write``."""
        text = f"{self.number} {len(self.commits)} {chance.random()}"
        fs = retry_write(store, "main", f"own/{self.number}", text.encode(), retries=1000)
        self.own = text
        self.commits.append(fs.commit_hash)

    def set_note(self, store: GitStore, chance: random.Random) -> None:
        """Set one note in a namespace that everybody writes to."""
        key = self._key(chance)
        text = f"{self.number} {len(self.notes)}"
        store.notes.commits[key] = text
        self.notes[key] = text

    def set_notes(self, store: GitStore, chance: random.Random) -> None:
        """Set several notes at once; more than a hundred now and then."""
        texts = {self._key(chance): f"{self.number} many" for _ in range(chance.choice([3, 110]))}
        store.notes.commits.update(texts)
        self.notes.update(texts)

    def tag(self, store: GitStore, chance: random.Random) -> None:
        """Tag where main is now."""
        name = f"w{self.number}/{len(self.tags)}"
        store.tags[name] = store.branches["main"]
        self.tags[name] = store.tags[name].commit_hash

    def come_and_go(self, store: GitStore, chance: random.Random) -> None:
        """Make a branch, commit there, delete it: its objects become garbage that others need."""
        name = f"scratch/{self.number}"
        store.branches[name] = store.branches["main"]
        with store.branches[name].batch() as batch:
            for number in range(chance.choice([5, BATCH_FILES])):
                batch.write(f"scratch/{number}", self._pooled(chance))
        del store.branches[name]

    def _key(self, chance: random.Random) -> str:
        return f"{self.number:02x}{chance.getrandbits(152):038x}"

    @staticmethod
    def _pooled(chance: random.Random) -> bytes:
        return b"pooled %d" % chance.randrange(POOL)


def main() -> None:
    """Run the writers that the command line names, and say what was acknowledged to each."""
    order = json.loads(sys.argv[1])
    writers = [Writer(number, order["steps"]) for number in order["writers"]]
    with GitStore.open(order["repo"]) as store:
        threads = [
            threading.Thread(target=writer.run, args=(store, order["seed"])) for writer in writers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for writer in writers:
        print(json.dumps(asdict(writer)))


if __name__ == "__main__":
    main()
