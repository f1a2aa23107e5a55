"""Attach reviews to snapshots with Git notes, after the fact and without changing them.

Run it from a clone: ``python examples/review.py``.
"""

from __future__ import annotations

from vost_sync import FS, GitStore


def main() -> None:
    """Write three drafts, review them, publish what was approved."""
    with GitStore.memory(author="Ada", email="ada@example.com") as store:
        drafts = write_drafts(store.branches["main"])
        review(store, drafts)
        publish(store)


def write_drafts(fs: FS) -> list[FS]:
    """Return a snapshot of each draft: they all stay readable."""
    drafts = []
    for text in ("Hello", "Hello, world", "Hello, world!"):
        fs = fs.write_text("hello.txt", text)
        drafts.append(fs)
    return drafts


def review(store: GitStore, drafts: list[FS]) -> None:
    """Attach a verdict to each draft, all of them in one commit of the notes."""
    before = store.branches["main"].commit_hash
    reviews = store.notes["reviews"]
    with reviews.batch() as batch:
        for draft in drafts:
            approved = draft.read_text("hello.txt").endswith("!")
            batch[draft] = "approved" if approved else "too short"
    reviews["main"] = "approved by Ada"  # a branch stands for the commit at its tip
    assert store.branches["main"].commit_hash == before  # history is what it was
    print(f"{len(reviews)} reviews in {reviews!r}")


def publish(store: GitStore) -> None:
    """Walk back from the tip and tag the newest draft that was approved."""
    reviews = store.notes["reviews"]
    for draft in store.branches["main"].log("hello.txt"):
        verdict = reviews.get(draft.commit_hash, "not reviewed")
        print(f"{draft.read_text('hello.txt')!r}: {verdict}")
        if verdict.startswith("approved") and "published" not in store.tags:
            store.tags["published"] = draft
    print("published:", store.tags["published"].read_text("hello.txt"))


if __name__ == "__main__":
    main()
