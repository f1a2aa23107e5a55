"""Notes as commits and trees that git reads and fans out (contract section 16, D14, D15)."""

from __future__ import annotations

import threading

import pytest

import vost_sync
from tests.support.faces import collect

FAKE = "0123456789abcdef0123456789abcdef01234567"
OTHER = "0123ffffffffffffffffffffffffffffffffffff"


async def main(store):
    return await store.branches["main"]


async def chain(store, count):
    """Return the ids of so many commits on `main`."""
    fs = await main(store)
    found = []
    for number in range(count):
        fs = await fs.write("f", b"%d" % number)
        found.append(fs.commit_hash)
    return found


def commits_of(git, repo, ref="refs/notes/commits"):
    return git(repo, "log", "--format=%s", ref).splitlines()


# --- the commits of a namespace


async def test_every_change_is_a_commit_with_its_message(face, repo, git):
    store = await face.GitStore.open(repo, author="Ann", email="ann@x")
    notes = store.notes.commits
    await notes.set(FAKE, "a")
    await notes.set(FAKE, "a")
    await notes.set(OTHER, "b")
    await notes.delete(FAKE)
    await notes.delete(OTHER)
    assert commits_of(git, repo) == [
        "Notes removed by 'git notes' on 0123fff",
        "Notes removed by 'git notes' on 0123456",
        "Notes added by 'git notes' on 0123fff",
        "Notes added by 'git notes' on 0123456",
        "Notes added by 'git notes' on 0123456",
    ]
    parents = git(repo, "log", "--format=%p", "refs/notes/commits").split("\n")
    assert [len(line.split()) for line in parents] == [1, 1, 1, 1]
    assert git(repo, "log", "--format=%an <%ae>", "-1", "refs/notes/commits") == "Ann <ann@x>"
    raw = git.raw(repo, "cat-file", "commit", "refs/notes/commits")
    assert b"\nencoding UTF-8\n\nNotes removed by 'git notes' on 0123fff\n" in raw
    # The last note is gone: the ref stays, with the empty tree.
    assert git(repo, "rev-parse", "refs/notes/commits^{tree}").startswith("4b825dc642cb")
    assert await notes.count() == 0
    assert await collect(store.notes) == ["commits"]


async def test_notes_are_flat_plain_files(disk_store, repo, git):
    ids = await chain(disk_store, 5)
    for commit in ids:
        await disk_store.notes.commits.set(commit, f"note {commit}")
    lines = git(repo, "ls-tree", "refs/notes/commits").splitlines()
    assert [line.split()[0] for line in lines] == ["100644"] * 5
    assert [line.split("\t")[1] for line in lines] == sorted(ids)


async def test_git_shows_our_notes_and_we_show_gits(disk_store, repo, git):
    first, second = await chain(disk_store, 2)
    notes = disk_store.notes.commits
    await notes.set(first, "ours, é\n")
    git(repo, "notes", "add", "-m", "git's", second)
    assert git.raw(repo, "notes", "show", first) == "ours, é\n".encode()
    assert await notes[second] == "git's\n"
    git(repo, "notes", "append", "-m", "appended", first)
    assert await notes[first] == "ours, é\n\nappended\n"
    git(repo, "notes", "copy", "-f", first, second)
    assert await notes[second] == await notes[first]
    await notes.set(second, "ours again")
    assert git(repo, "notes", "show", second) == "ours again"
    git(repo, "notes", "remove", first)
    assert await notes.keys() == [second]
    assert sorted(git(repo, "notes", "list").split()[1::2]) == [second]


# --- fan-out


def many_commits(git, repo, count, notes=0):
    """Make commits with git, the first of them with notes that git fans out; return the ids."""
    who = "committer G <g@x> 1700000000 +0000\n"
    stream = []
    for number in range(1, count + 1):
        stream += [f"commit refs/heads/many\nmark :{number}\n{who}data 2\n{number % 10}\n\n"]
    if notes:
        stream.append(f"commit refs/notes/commits\n{who}data 2\nn\n\n")
        for number in range(1, notes + 1):
            text = f"note {number}"
            stream.append(f"N inline :{number}\ndata {len(text)}\n{text}\n")
    git(repo, "fast-import", "--quiet", stdin="".join(stream))
    return git(repo, "rev-list", "--reverse", "many").split()


async def test_notes_that_git_has_fanned_out_are_all_there(disk_store, repo, git):
    ids = many_commits(git, repo, 320, notes=300)
    assert len(git(repo, "ls-tree", "-d", "refs/notes/commits").splitlines()) > 100
    notes = disk_store.notes.commits
    expected = {commit: f"note {number}" for number, commit in enumerate(ids[:300], start=1)}

    assert dict(await notes.items()) == expected
    assert await notes.count() == 300
    assert await notes[ids[17]] == "note 18"
    assert await notes.get(ids[310]) is None

    await notes.set(ids[310], "new")
    await notes.set(ids[0], "changed")
    await notes.delete(ids[1])
    expected |= {ids[310]: "new", ids[0]: "changed"}
    del expected[ids[1]]
    assert dict(await notes.items()) == expected
    assert git(repo, "notes", "show", ids[0]) == "changed"
    assert git(repo, "notes", "show", ids[310]) == "new"
    assert git(repo, "notes", "show", ids[200]) == "note 201"
    assert git.attempt(repo, "notes", "show", ids[1]).returncode != 0
    assert sorted(git(repo, "notes", "list").split()[1::2]) == sorted(expected)


async def test_batch_with_several_notes_of_one_fanned_out_directory_keeps_them_all(
    disk_store, repo, git
):
    ids = many_commits(git, repo, 300, notes=300)
    by_directory = {}
    for commit in ids:
        by_directory.setdefault(commit[:2], []).append(commit)
    group = max(by_directory.values(), key=len)
    assert len(group) >= 3
    notes = disk_store.notes.commits
    async with notes.batch() as batch:
        for commit in group[:-1]:
            await batch.set(commit, "together")
        await batch.delete(group[-1])
        await batch.set(group[0][:2] + "f" * 38, "and a new one")

    assert await notes.count() == 300
    for commit in group[:-1]:
        assert await notes[commit] == "together"
        assert git(repo, "notes", "show", commit) == "together"
    assert not await notes.contains(group[-1])
    assert commits_of(git, repo)[0] == f"Notes batch update ({len(group) + 1} changes)"


@pytest.mark.parametrize("depth", [1, 2, 3, 10, 19])
async def test_notes_at_any_depth_of_fan_out(disk_store, repo, git, depth):
    ids = await chain(disk_store, 3)
    index = str(repo / "tmp-index")
    blob = git(repo, "hash-object", "-w", "--stdin", stdin="deep\n")

    def fanned_out(commit):
        cut = 2 * depth
        return "/".join([commit[i : i + 2] for i in range(0, cut, 2)] + [commit[cut:]])

    lines = "".join(f"100644 {blob}\t{fanned_out(commit)}\n" for commit in ids[:2])
    git(repo, "update-index", "--index-info", stdin=lines, env={"GIT_INDEX_FILE": index})
    tree = git(repo, "write-tree", env={"GIT_INDEX_FILE": index})
    (repo / "tmp-index").unlink()
    git(repo, "update-ref", "refs/notes/commits", git(repo, "commit-tree", tree, "-m", "deep"))
    notes = disk_store.notes.commits

    assert git(repo, "notes", "show", ids[0]) == "deep"
    assert sorted(await notes.keys()) == sorted(ids[:2])
    assert await notes[ids[0]] == "deep\n"
    assert not await notes.contains(ids[2])

    await notes.set(ids[0], "shallow")
    await notes.set(ids[2], "third")
    assert git(repo, "notes", "show", ids[0]) == "shallow"
    assert git(repo, "notes", "show", ids[1]) == "deep"
    assert sorted(await notes.keys()) == sorted(ids)
    names = git(repo, "ls-tree", "-r", "--name-only", "refs/notes/commits").splitlines()
    assert sorted(names) == sorted([ids[0], fanned_out(ids[1]), ids[2]])
    await notes.delete(ids[1])
    assert sorted(await notes.keys()) == sorted([ids[0], ids[2]])
    assert git.attempt(repo, "notes", "show", ids[1]).returncode != 0


async def test_duplicates_of_a_note_at_two_depths_are_one_note(disk_store, repo, git):
    (commit,) = await chain(disk_store, 1)
    index = str(repo / "tmp-index")
    flat = git(repo, "hash-object", "-w", "--stdin", stdin="flat\n")
    deep = git(repo, "hash-object", "-w", "--stdin", stdin="deep\n")
    lines = (
        f"100644 {flat}\t{commit}\n100644 {deep}\t{commit[:2]}/{commit[2:]}\n"
        f"100644 {deep}\t{commit[:2]}/{commit[2:4]}/{commit[4:]}\n"
    )
    git(repo, "update-index", "--index-info", stdin=lines, env={"GIT_INDEX_FILE": index})
    tree = git(repo, "write-tree", env={"GIT_INDEX_FILE": index})
    (repo / "tmp-index").unlink()
    git(repo, "update-ref", "refs/notes/commits", git(repo, "commit-tree", tree, "-m", "twice"))
    notes = disk_store.notes.commits

    assert await notes.keys() == [commit]
    assert await notes.count() == 1
    assert await notes[commit] == "flat\n"
    await notes.delete(commit)
    assert await notes.count() == 0
    assert git(repo, "ls-tree", "-r", "refs/notes/commits") == ""


async def test_note_that_is_not_utf8_is_readable(disk_store, repo, git):
    (commit,) = await chain(disk_store, 1)
    git(repo, "notes", "add", "-F", "-", commit, stdin=b"caf\xe9 \xff\n")
    assert (await disk_store.notes.commits[commit]).startswith("caf")
    assert [key for key, _ in await disk_store.notes.commits.items()] == [commit]


# --- at the same time


def test_threads_that_set_different_notes_lose_none(tmp_path):
    store = vost_sync.GitStore.open(tmp_path / "repo.git")
    errors = []

    def work(who):
        try:
            for number in range(5):
                store.notes.commits[f"{who:020x}{number:020x}"] = f"{who} {number}"
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert dict(store.notes.commits) == {
        f"{who:020x}{number:020x}": f"{who} {number}" for who in range(8) for number in range(5)
    }


async def test_two_handles_set_notes_in_turn(face, disk_store, repo):
    other = await face.GitStore.open(repo)
    await disk_store.notes.commits.set(FAKE, "one")
    await other.notes.commits.set(OTHER, "two")
    await disk_store.notes.commits.delete(OTHER)
    assert await other.notes.commits.items() == [(FAKE, "one")]
