"""The contract that every storage of refs fulfils, as tests.

Derive a class from ``RefsContract``, override the fixture ``refs``, and pytest does the rest.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from vost._model.errors import Busy, InvalidRefNameError
from vost._model.types import ReflogEntry
from vost._storage.protocols import RefMismatchError, RefUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vost._model.objects import Oid
    from vost._storage.protocols import Refs

IDENTITY = "Ada Lovelace <ada@example.org>"
TIME = 1_700_000_000
MAIN = "refs/heads/main"
A, B, C = (bytes([byte]) * 20 for byte in (0xAA, 0xBB, 0xCC))
ZEROS = "0" * 40


def change(refs: Refs, *updates: RefUpdate) -> None:
    """Carry out updates as a writer does: under the lock."""
    with refs.locked():
        refs.compare_and_set(updates, identity=IDENTITY, time=TIME)


def point(refs: Refs, name: str, old: Oid | None, new: Oid | None, message: str = "why") -> None:
    """Move one ref."""
    change(refs, RefUpdate(name, old, new, message))


class RefsContract:
    """What the rest of vost relies on in refs, whatever they are stored in."""

    @pytest.fixture
    def refs(self) -> Iterator[Refs]:
        """Return refs without any ref, with ``HEAD`` pointing at ``refs/heads/main``."""
        raise NotImplementedError("override the fixture `refs`")

    @pytest.fixture
    def other(self, refs: Refs) -> Refs:
        """Return a second handle on the same refs, if the storage has such a thing."""
        return refs

    def test_get_unknown_name_returns_none(self, refs: Refs) -> None:
        """A ref that does not exist is no error."""
        assert refs.get(MAIN) is None
        assert refs.get("HEAD") is None
        assert refs.list("refs/") == {}
        assert refs.reflog(MAIN) is None

    def test_create_makes_the_ref_visible_to_every_handle(self, refs: Refs, other: Refs) -> None:
        """What one handle writes, all read."""
        point(refs, MAIN, None, A)
        assert other.get(MAIN) == refs.get(MAIN) == A
        assert other.get("HEAD") == A
        point(other, MAIN, A, B)
        assert refs.get(MAIN) == B

    @pytest.mark.parametrize("old", [None, B])
    def test_wrong_old_value_changes_nothing(self, refs: Refs, old: Oid | None) -> None:
        """The error says what was expected and what was there."""
        point(refs, MAIN, None, A)
        with pytest.raises(RefMismatchError) as caught:
            point(refs, MAIN, old, C)
        assert (caught.value.name, caught.value.expected, caught.value.actual) == (MAIN, old, A)
        assert refs.get(MAIN) == A
        assert len(refs.reflog(MAIN) or ()) == 1

    def test_missing_ref_does_not_match_an_old_value(self, refs: Refs) -> None:
        """Neither an update nor a deletion of nothing succeeds."""
        for new in (B, None):
            with pytest.raises(RefMismatchError):
                point(refs, "refs/heads/deep/down", A, new)
        point(refs, "refs/heads/deep", None, A)

    def test_delete_removes_ref_and_log(self, refs: Refs) -> None:
        """A name that is used again starts with an empty log."""
        point(refs, MAIN, None, A)
        point(refs, MAIN, A, None)
        assert refs.get(MAIN) is None
        assert refs.list("refs/") == {}
        assert refs.reflog(MAIN) is None
        point(refs, MAIN, None, B)
        assert [entry.new_sha for entry in refs.reflog(MAIN) or ()] == [B.hex()]

    def test_delete_with_a_message_is_noted_in_the_log_of_head(self, refs: Refs) -> None:
        """What was deleted can be found again; a deletion without a message leaves no line."""
        for name, oid in (("a", A), ("b", B), ("c", C)):
            point(refs, f"refs/heads/{name}", None, oid)
        change(
            refs,
            RefUpdate("refs/heads/a", A, None, "restore: a"),
            RefUpdate("refs/heads/b", B, None, "restore: b"),
            RefUpdate("refs/heads/c", C, None),
        )
        assert refs.list("refs/") == {}
        assert refs.reflog("refs/heads/a") is None
        assert refs.reflog("HEAD") == [
            ReflogEntry(A.hex(), ZEROS, IDENTITY, TIME, "restore: a"),
            ReflogEntry(B.hex(), ZEROS, IDENTITY, TIME, "restore: b"),
        ]

    def test_failed_delete_leaves_no_line(self, refs: Refs) -> None:
        """A transaction that is refused is not told of."""
        point(refs, MAIN, None, A)
        with pytest.raises(RefMismatchError):
            change(
                refs,
                RefUpdate(MAIN, A, None, "gone"),
                RefUpdate("refs/heads/other", B, None, "gone"),
            )
        assert refs.reflog("HEAD") is None
        assert refs.get(MAIN) == A

    def test_delete_makes_room_for_names_above_and_below(self, refs: Refs) -> None:
        """No empty directory, and no directory of logs, stays in the way."""
        point(refs, "refs/heads/a/b/c", None, A)
        point(refs, "refs/heads/a/b/c", A, None)
        point(refs, "refs/heads/a/b", None, B)
        point(refs, "refs/heads/a/b", B, None)
        point(refs, "refs/heads/a/b/c/d", None, C)
        assert refs.list("refs/") == {"refs/heads/a/b/c/d": C}

    def test_several_updates_happen_together(self, refs: Refs) -> None:
        """Creating, moving and deleting go into one transaction."""
        change(
            refs,
            RefUpdate("refs/heads/moved", None, A, "1"),
            RefUpdate("refs/heads/gone", None, A, "1"),
        )
        change(
            refs,
            RefUpdate("refs/tags/new", None, C, "2"),
            RefUpdate("refs/heads/moved", A, B, "2"),
            RefUpdate("refs/heads/gone", A, None, "2"),
        )
        assert refs.list("refs/") == {"refs/heads/moved": B, "refs/tags/new": C}

    def test_one_mismatch_stops_all_updates(self, refs: Refs) -> None:
        """All or none, whatever their order; logs are not written either."""
        point(refs, "refs/heads/b", None, A)
        point(refs, "refs/heads/x", None, A)
        with pytest.raises(RefMismatchError):
            change(
                refs,
                RefUpdate("refs/heads/a", None, C, "x"),
                RefUpdate("refs/heads/b", A, None, "x"),
                RefUpdate("refs/heads/c/d", None, C, "x"),
                RefUpdate("refs/heads/x", B, C, "x"),
            )
        assert refs.list("refs/") == {"refs/heads/b": A, "refs/heads/x": A}
        assert refs.reflog("refs/heads/a") is None
        assert len(refs.reflog("refs/heads/b") or ()) == 1

    def test_same_value_again_is_neither_written_nor_logged(self, refs: Refs) -> None:
        """It is verified, though."""
        point(refs, MAIN, None, A)
        point(refs, MAIN, A, A)
        assert len(refs.reflog(MAIN) or ()) == 1
        point(refs, "refs/heads/none", None, None)
        with pytest.raises(RefMismatchError):
            point(refs, MAIN, B, B)

    def test_naming_a_ref_twice_is_an_error(self, refs: Refs) -> None:
        """There is no order in which it could be meant."""
        with pytest.raises(ValueError, match="twice"):
            change(refs, RefUpdate(MAIN, None, A), RefUpdate(MAIN, None, B))

    def test_list_returns_sorted_names_with_the_prefix(self, refs: Refs) -> None:
        """The prefix is one of text, not of directories."""
        names = ["refs/heads/b", "refs/heads/a/x", "refs/heads/ab", "refs/notes/a", "refs/tags/é"]
        for name in names:
            point(refs, name, None, A)
        assert list(refs.list("refs/")) == sorted(names)
        assert list(refs.list("refs/heads/")) == ["refs/heads/a/x", "refs/heads/ab", "refs/heads/b"]
        assert list(refs.list("refs/heads/a")) == ["refs/heads/a/x", "refs/heads/ab"]
        assert list(refs.list("refs/heads/a/")) == ["refs/heads/a/x"]
        assert refs.list("refs/nothing/") == {}

    @pytest.mark.parametrize("first, second", [("main", "main/x"), ("a/b/c", "a"), ("a", "a/b/c")])
    def test_name_that_needs_another_as_directory_is_refused(
        self, refs: Refs, first: str, second: str
    ) -> None:
        """The message names both."""
        point(refs, f"refs/heads/{first}", None, A)
        with pytest.raises(InvalidRefNameError) as caught:
            point(refs, f"refs/heads/{second}", None, B)
        assert f"refs/heads/{first} " in str(caught.value)
        assert f"refs/heads/{second} " in str(caught.value)
        assert refs.list("refs/") == {f"refs/heads/{first}": A}
        assert refs.reflog(f"refs/heads/{second}") is None

    def test_mismatch_comes_before_clash(self, refs: Refs) -> None:
        """Who expects a value has a stale idea of the refs, whatever else is wrong."""
        point(refs, "refs/heads/a", None, A)
        for new in (B, None):
            with pytest.raises(RefMismatchError):
                point(refs, "refs/heads/a/b", A, new)

    def test_two_new_names_that_clash_are_refused(self, refs: Refs) -> None:
        """Also within one transaction."""
        with pytest.raises(InvalidRefNameError):
            change(refs, RefUpdate("refs/heads/a", None, A), RefUpdate("refs/heads/a/b", None, A))
        with refs.locked():
            refs.set_symbolic("refs/heads/alias", "refs/heads/a")
        with pytest.raises(InvalidRefNameError):
            change(
                refs,
                RefUpdate("refs/heads/alias", None, A),
                RefUpdate("refs/heads/a/b", None, A),
            )
        assert refs.list("refs/") == {}

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "main",
            "/refs/heads/x",
            "refs/heads/../../x",
            "refs/heads/.x",
            "refs//x",
            "refs/heads/",
            "refs/heads/x.lock",
            "refs/heads/a.lock/b",
            "refs/heads/a b",
            "refs/heads/a\nb",
            "refs/heads/a\0",
            "refs/heads/x.",
            "refs/heads/a@{1}",
            "../refs/heads/x",
        ],
    )
    def test_malformed_name_is_refused_everywhere(self, refs: Refs, name: str) -> None:
        """The engine has checked it; a storage that makes paths of names checks again."""
        with pytest.raises(InvalidRefNameError):
            refs.get(name)
        with pytest.raises(InvalidRefNameError):
            refs.reflog(name)
        with pytest.raises(InvalidRefNameError):
            refs.get_symbolic(name)
        with pytest.raises(InvalidRefNameError):
            point(refs, name, None, A)
        with refs.locked(), pytest.raises(InvalidRefNameError):
            refs.set_symbolic("HEAD", name)

    def test_head_points_at_another_branch_after_set_symbolic(self, refs: Refs) -> None:
        """Also at one that does not exist yet."""
        point(refs, MAIN, None, A)
        assert refs.get_symbolic("HEAD") == MAIN
        assert refs.get_symbolic(MAIN) is None
        with refs.locked():
            refs.set_symbolic("HEAD", "refs/heads/dev")
            refs.set_symbolic("HEAD", "refs/heads/dev")
        assert refs.get_symbolic("HEAD") == "refs/heads/dev"
        assert refs.get("HEAD") is None
        point(refs, "refs/heads/dev", None, B)
        assert refs.get("HEAD") == B
        assert refs.reflog("HEAD") is None

    def test_update_of_a_symbolic_ref_moves_its_target(self, refs: Refs) -> None:
        """An alias stays an alias, and the log is that of the target."""
        point(refs, MAIN, None, A)
        with refs.locked():
            refs.set_symbolic("refs/heads/alias", MAIN)
        assert refs.list("refs/heads/") == {"refs/heads/alias": A, MAIN: A}
        point(refs, "refs/heads/alias", A, B, "through the alias")
        assert refs.get_symbolic("refs/heads/alias") == MAIN
        assert refs.get(MAIN) == B
        assert [entry.message for entry in refs.reflog(MAIN) or ()] == ["why", "through the alias"]
        with pytest.raises(ValueError, match="twice"):
            change(refs, RefUpdate("refs/heads/alias", B, C), RefUpdate(MAIN, B, A))
        point(refs, "refs/heads/alias", B, None)
        assert refs.list("refs/heads/") == {MAIN: B}

    def test_dangling_symbolic_ref_is_not_listed(self, refs: Refs) -> None:
        """It leads to no id."""
        with refs.locked():
            refs.set_symbolic("refs/heads/alias", MAIN)
        assert refs.list("refs/") == {}
        assert refs.get("refs/heads/alias") is None

    def test_log_has_one_entry_for_each_movement(self, refs: Refs) -> None:
        """Oldest first, with the id before and after."""
        point(refs, MAIN, None, A, "branch: Created")
        point(refs, MAIN, A, B, "commit: more")
        assert refs.reflog(MAIN) == [
            ReflogEntry(ZEROS, A.hex(), IDENTITY, TIME, "branch: Created"),
            ReflogEntry(A.hex(), B.hex(), IDENTITY, TIME, "commit: more"),
        ]

    @pytest.mark.parametrize("name", ["refs/tags/v1", "refs/notes/commits"])
    def test_tags_and_notes_are_logged_too(self, refs: Refs, name: str) -> None:
        """Whatever the configuration says."""
        point(refs, name, None, A, "made")
        assert [entry.message for entry in refs.reflog(name) or ()] == ["made"]

    def test_no_message_means_no_entry(self, refs: Refs) -> None:
        """The creation of a repository is not logged."""
        change(refs, RefUpdate(MAIN, None, A, None))
        assert refs.reflog(MAIN) is None
        change(refs, RefUpdate(MAIN, A, B, ""))
        assert [entry.message for entry in refs.reflog(MAIN) or ()] == [""]

    def test_message_and_identity_become_one_line(self, refs: Refs) -> None:
        """Line ends become spaces; what else is in a message stays."""
        with refs.locked():
            refs.compare_and_set(
                [RefUpdate(MAIN, None, A, "commit: one\n\ntwo\t\u00e9\n")],
                identity="A\nB <c>",
                time=TIME,
            )
        entries = refs.reflog(MAIN) or []
        assert [entry.message for entry in entries] == ["commit: one  two\t\u00e9"]
        assert [entry.committer for entry in entries] == ["A B <c>"]

    def test_second_writer_is_told_to_wait(self, refs: Refs, other: Refs) -> None:
        """One attempt, no waiting; the lock is free again afterwards, also after an error."""
        with refs.locked():
            with pytest.raises(Busy) as caught, other.locked():
                pass
            assert caught.value.patience == 60.0
            assert caught.value.what
            refused: list[bool] = []
            thread = threading.Thread(target=lambda: refused.append(_is_busy(refs)))
            thread.start()
            thread.join()
            assert refused == [True]
        with pytest.raises(RuntimeError, match="boom"), refs.locked():
            raise RuntimeError("boom")
        with other.locked():
            pass

    def test_writing_without_the_lock_is_an_error(self, refs: Refs) -> None:
        """It would work most of the time."""
        with pytest.raises(RuntimeError):
            refs.compare_and_set([RefUpdate(MAIN, None, A)], identity=IDENTITY, time=TIME)
        with pytest.raises(RuntimeError):
            refs.set_symbolic("HEAD", MAIN)

    def test_threads_that_retry_lose_no_update(self, refs: Refs, other: Refs) -> None:
        """Four threads count to a hundred together."""
        point(refs, MAIN, None, (0).to_bytes(19, "big") + b"\1")

        def count(handle: Refs) -> None:
            for _ in range(25):
                increment(handle, MAIN)

        threads = [threading.Thread(target=count, args=(h,)) for h in (refs, other, refs, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert int.from_bytes(refs.get(MAIN) or b"", "big") == 101
        assert len(refs.reflog(MAIN) or ()) == 101

    def test_closed_refs_can_be_used_again(self, refs: Refs) -> None:
        """Closing twice is fine too."""
        point(refs, MAIN, None, A)
        refs.close()
        refs.close()
        assert refs.get(MAIN) == A
        point(refs, MAIN, A, B)
        refs.close()
        assert refs.list("refs/") == {MAIN: B}


def _is_busy(refs: Refs) -> bool:
    try:
        with refs.locked():
            return False
    except Busy:
        return True


def increment(refs: Refs, name: str) -> None:
    """Add one to the number that a ref's id is, trying until nobody else was faster."""
    pause = threading.Event()
    while True:
        old = refs.get(name)
        assert old is not None
        new = (int.from_bytes(old, "big") + 1).to_bytes(20, "big")
        try:
            return point(refs, name, old, new, f"count to {int.from_bytes(new, 'big')}")
        except (Busy, RefMismatchError):
            pause.wait(0.001)
