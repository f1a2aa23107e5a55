"""Rows of a tree that are unlike those of another one: never too few."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vost._engine.trees import Tree

NAMES = st.sampled_from([b"%03d" % number for number in range(120)] + [b"a", b"a-long-name"])
ENTRIES = st.dictionaries(NAMES, st.sampled_from([b"\x01", b" ", b"\0"]), max_size=120)
CHANGES = st.dictionaries(NAMES, st.sampled_from([b"\x01", b"\x02", None]), max_size=4)


def tree_of(entries: dict[bytes, bytes]) -> Tree:
    rows = sorted(entries.items())
    return Tree(b"".join(b"100644 " + name + b"\0" + fill * 20 for name, fill in rows))


@given(entries=ENTRIES, changes=CHANGES)
def test_unlike_rows_are_those_that_differ_and_some_others_that_both_have(entries, changes) -> None:
    changed = {name: fill for name, fill in {**entries, **changes}.items() if fill is not None}
    one, other = tree_of(changed), tree_of(entries)
    rows, other_rows = one.rows_unlike(other)
    whole, other_whole = one.rows(), other.rows()
    assert set(whole) - set(other_whole) <= set(rows) <= set(whole)
    assert set(other_whole) - set(whole) <= set(other_rows) <= set(other_whole)
    # What is left out is left out on both sides.
    assert set(whole) - set(rows) == set(other_whole) - set(other_rows)


def test_a_change_in_a_large_tree_is_found_among_few_rows() -> None:
    entries = {b"%05d" % number: b"\x01" for number in range(10_000)}
    one, other = tree_of({**entries, b"05000": b"\x02"}), tree_of(entries)
    rows, other_rows = one.rows_unlike(other)
    assert len(rows) == len(other_rows) <= 64
