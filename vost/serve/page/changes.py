"""What changed between two commits: files, and lines of those that are text."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

from vost.serve.page import linediff
from vost.serve.page.texts import text_of
from vost.serve.page.wording import count_text
from vost.serve.shown import NothingShownError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import vost
    from vost.serve.page.frame import Look
    from vost.serve.page.texts import Text
    from vost.serve.shown import Shown

MOST_FILES = 500
MOST_COMPARED = 60
MOST_LINES = 3000
LARGEST = 256 * 1024
SECONDS = 2.0
"""So long lines are compared, in all."""

TOO_MUCH = "Not compared: too much has changed."

_KINDS = {"add": "added", "update": "changed", "delete": "deleted"}
_LINK = 0o120000
_LARGEST_IN_ALL = 4 * 1024 * 1024


class Change(NamedTuple):
    """A file that changed.

    Attributes:
        path: Its path.
        kind: ``"added"``, ``"changed"`` or ``"deleted"``.
        before: The link to it as it was; ``""``: it was not there.
        after: The link to it as it is; ``""``: it is not there.
    """

    path: str
    kind: str
    before: str
    after: str


class Compared(NamedTuple):
    """The lines of a file that changed.

    Attributes:
        change: The file.
        hunks: The parts in which something changed.
        added: How many lines are new.
        deleted: How many are gone.
        note: What there is to say in their place, or about them; ``""``: nothing.
    """

    change: Change
    hunks: list[list[linediff.Line]]
    added: int = 0
    deleted: int = 0
    note: str = ""


class Contents(NamedTuple):
    """A file that changed, before and after.

    Attributes:
        change: The file.
        old: What it was; nothing if it was not there.
        new: What it is; nothing if it is not there.
        note: Why it was not read; ``""``: it was.
    """

    change: Change
    old: bytes
    new: bytes
    note: str = ""


async def changes(
    store: vost.GitStore, shown: Shown, look: Look
) -> tuple[dict[str, object], list[Contents]]:
    """Return what the template of changes asks for, and what is to be compared for it.

    Args:
        store: The repository.
        shown: What is shown: both commits have to be part of it.
        look: What is looked at: the later state.

    Raises:
        NothingShownError: If the earlier commit is not shown.
    """
    fs = look.place.fs
    wanted = look.query.get("from", "")
    base = await _base(store, shown, wanted) if wanted else await fs.parent
    # A commit of another branch is not in the history of this one: nothing can lead to it here.
    is_linked = base is not None and await store.is_reachable(base.commit_hash, [look.tip.fs])
    found, left, warnings = await _found(look, base, is_linked=is_linked)
    contents = await _contents(look, base, found[:MOST_COMPARED])
    values: dict[str, object] = {
        "old": base,
        "is_chosen": bool(wanted),
        "old_url": await _state_url(look, base) if base and is_linked else "",
        "new_url": await _state_url(look, fs),
        "files": found,
        "left": f"and {count_text(left, 'more file')}" if left > 0 else "and more" if left else "",
        "total": len(found) + max(left, 0),
        "warnings": warnings,
        "parent_url": look.link_at(fs.commit_hash, "view=changes"),
    }
    return values, contents


async def _state_url(look: Look, fs: vost.FS) -> str:
    """Return the link to a state of what is looked at; ``""``: nothing was there."""
    return look.link_at(fs.commit_hash) if await fs.exists(look.place.path) else ""


def compared(contents: Iterable[Contents]) -> list[Compared]:
    """Return the lines that changed. Takes its time: to be called in a worker thread."""
    deadline = time.monotonic() + SECONDS
    left = MOST_LINES
    result = []
    for each in contents:
        if each.note:
            result.append(Compared(each.change, [], note=each.note))
        elif left <= 0 or time.monotonic() > deadline:
            result.append(Compared(each.change, [], note=TOO_MUCH))
        else:
            result.append(_compare(each, left))
            left -= sum(map(len, result[-1].hunks))
    return result


async def _base(store: vost.GitStore, shown: Shown, commit: str) -> vost.FS:
    try:
        if await store.is_reachable(commit, await shown.snapshots()):
            fs = await store.fs(commit)
            if fs.commit_hash == commit:
                return fs
    except (KeyError, ValueError):  # no id, or of something else
        pass
    raise NothingShownError(f"No commit that is shown: {commit}")


async def _found(
    look: Look, base: vost.FS | None, *, is_linked: bool
) -> tuple[list[Change], int, list[str]]:
    """Return the files that changed, how many more did, and what else there is to say."""
    if base is None:
        return (*await _all_of(look), [])
    fs, top = look.place.fs, look.place.path
    report = await fs.diff(base)
    below = [action for action in report.actions() if _is_below(action.path, top)]
    found = [
        _change(look, base, action.path, _KINDS[action.action.value], is_linked=is_linked)
        for action in below[:MOST_FILES]
    ]
    warnings = [each for each in report.warnings if _is_below(each.path, top)]
    notes = [f"{each.path}: {each.error}" for each in warnings[:MOST_FILES]]
    return found, len(below) - len(found), notes


async def _all_of(look: Look) -> tuple[list[Change], int]:
    """Return all files of a first commit, as far as they are shown, and -1 if there are more."""
    found: list[Change] = []
    fs, top = look.place.fs, look.place.path
    if look.entity is not None and not look.entity.is_directory:
        return [Change(top, "added", "", look.link(top))], 0
    async with aclosing(fs.walk(top or None)) as steps:
        async for directory, _, files in steps:
            for entry in files:
                if len(found) == MOST_FILES:
                    return found, -1
                path = f"{directory}/{entry.name}" if directory else entry.name
                found.append(Change(path, "added", "", look.link(path)))
    return found, 0


def _change(look: Look, base: vost.FS, path: str, kind: str, *, is_linked: bool) -> Change:
    before = after = ""
    if kind != "added" and is_linked:
        at = "" if base.commit_hash == look.tip.fs.commit_hash else f"at={base.commit_hash}"
        before = look.target.link(path, look.place.segment, at)
    if kind != "deleted":
        after = look.link(path)
    return Change(path, kind, before, after)


async def _contents(look: Look, base: vost.FS | None, found: Iterable[Change]) -> list[Contents]:
    """Read what changed, before and after, up to the limits."""
    left = _LARGEST_IN_ALL
    result = []
    for change in found:
        old_fs = None if change.kind == "added" else base
        new_fs = None if change.kind == "deleted" else look.place.fs
        stats = [await fs.stat(change.path) for fs in (old_fs, new_fs) if fs is not None]
        largest = max(stat.size for stat in stats)
        if len({(stat.hash, stat.mode == _LINK) for stat in stats}) < len(stats):
            note = "Only the mode changed: whether it can be executed."
        elif largest > LARGEST:
            note = "Too large to be compared here."
        elif left < largest:
            note = TOO_MUCH
        else:
            left -= sum(stat.size for stat in stats)
            old = b"" if old_fs is None else await old_fs.read(change.path)
            new = b"" if new_fs is None else await new_fs.read(change.path)
            result.append(Contents(change, old, new))
            continue
        result.append(Contents(change, b"", b"", note))
    return result


def _compare(each: Contents, most: int) -> Compared:
    old, new = text_of(each.old), text_of(each.new)
    if old is None or new is None:
        return Compared(each.change, [], note="Not text: the difference cannot be shown.")
    lines = linediff.difference(_lines(old), _lines(new))
    parts: list[list[linediff.Line]] = []
    note = ""
    for hunk in linediff.hunks(lines):
        if most <= 0:
            note = "There are more changes."
            break
        if len(hunk) > most:
            note = "There are more changes."
        parts.append(hunk[:most])
        most -= len(hunk)
    if not parts:
        note = (
            "Only the encoding or the ends of lines changed." if each.old or each.new else "Empty."
        )
    added = sum(line.kind == "+" for line in lines)
    deleted = sum(line.kind == "-" for line in lines)
    return Compared(each.change, parts, added, deleted, note)


def _lines(text: Text) -> list[str]:
    """Return lines to compare; the last one says so if it has no end."""
    if text.is_complete or not text.lines:
        return text.lines
    return [*text.lines[:-1], f"{text.lines[-1]}  \u2310 no newline at the end"]


def _is_below(path: str, top: str) -> bool:
    return not top or path == top or path.startswith(f"{top}/")
