"""Bundles: written so that git reads them, read without trust (contract section 22.3)."""

from __future__ import annotations

import os

import pytest

from tests.interop.building import commit_files
from tests.support.faces import collect
from tests.support.gitcli import assert_fsck_clean
from tests.support.snapshots import contents
from vost import InvalidBundleError, RefChange


async def filled(store):
    """Give a store two branches, tags of both kinds and a note; return the tip of main."""
    fs = await (await store.branches["main"]).apply({f"d{n % 4}/f{n}": b"%d" % n for n in range(9)})
    await store.tags.set("v1", fs)
    fs = await fs.write("large", os.urandom(2 << 20))
    await store.branches.set("dev", await fs.parent)
    await store.notes.commits.set(fs.commit_hash, "note")
    return fs


def heads(git, repository, bundle):
    lines = git(repository, "bundle", "list-heads", bundle).splitlines()
    return {line.split(" ")[1]: line.split(" ")[0] for line in lines}


@pytest.fixture
def bare(git, tmp_path):
    """Return an empty repository of git."""
    return git.init(tmp_path / "bare.git")


async def test_git_verifies_and_clones_a_bundle(store, face, bare, tmp_path, git):
    fs = await filled(store)
    bundle = tmp_path / "x.bundle"
    assert await store.bundle_export(bundle) is None
    assert heads(git, bare, bundle) == {
        "refs/heads/dev": (await store.branches["dev"]).commit_hash,
        "refs/heads/main": fs.commit_hash,
        "refs/notes/commits": heads(git, bare, bundle)["refs/notes/commits"],
        "refs/tags/v1": (await store.tags["v1"]).commit_hash,
    }
    said = git(bare, "bundle", "verify", bundle)
    assert "complete history" in said
    assert bundle.read_bytes().startswith(b"# v2 git bundle\n")
    git(bare, "fetch", "-q", bundle, "refs/*:refs/*")
    assert git(bare, "rev-parse", "main") == fs.commit_hash
    assert_fsck_clean(bare)
    git(bare, "clone", "-q", "--mirror", bundle, tmp_path / "clone.git")
    assert git(tmp_path / "clone.git", "rev-parse", "main") == fs.commit_hash


@pytest.mark.parametrize("count", [9, 200])
async def test_bundle_goes_round(store, face, tmp_path, count):
    noted = await filled(store)
    fs = await noted.apply({f"more/{n}": b"%d" % n for n in range(count)})
    bundle = tmp_path / "x.bundle"
    await face.bundle_export(store, bundle)
    for target in (
        await face.GitStore.memory(branch=None),
        await face.GitStore.open(tmp_path / "disk.git", branch=None),
    ):
        assert await face.bundle_import(target, bundle) is None
        assert await contents(await target.branches["main"]) == await contents(fs)
        assert sorted(await collect(target.branches)) == ["dev", "main"]
        assert await target.notes.commits[noted.commit_hash] == "note"
        assert (await target.branches.reflog("main"))[-1].message == f"restore: {bundle}"


async def test_bundle_of_git_is_imported(store, tmp_path, git):
    source = git.init(tmp_path / "source.git")
    text = b"".join(b"line %d\n" % n for n in range(2000))
    commit_files(
        git, source, {"text": text}, others=[{"text": text + b"%d" % n} for n in range(150)]
    )
    git(source, "tag", "-a", "-m", "t", "v9", "main")
    git(source, "repack", "-a", "-d", "-f", "-q")
    git(source, "bundle", "create", "-q", tmp_path / "x.bundle", "--all")
    await store.bundle_import(tmp_path / "x.bundle")
    assert await (await store.tags["v9"]).read("text") == text + b"149"
    assert "refs/heads/main" in heads(git, source, tmp_path / "x.bundle")


async def test_import_adds_and_updates_but_never_deletes(store, face, tmp_path):
    fs = await filled(store)
    await store.bundle_export(tmp_path / "x.bundle", refs=["main"])
    other = await face.GitStore.memory(branch="main")
    await other.branches.create("mine")
    before = (await other.branches["main"]).commit_hash
    planned = await other.restore(tmp_path / "x.bundle", dry_run=True)
    assert planned.update == [RefChange("refs/heads/main", before, fs.commit_hash)]
    assert planned.add == planned.delete == []
    assert (await other.branches["main"]).commit_hash == before
    assert await other.restore(tmp_path / "x.bundle") == planned
    assert sorted(await collect(other.branches)) == ["main", "mine"]
    assert (await other.restore(tmp_path / "x.bundle")).in_sync


@pytest.mark.parametrize("name, format", [("x.bundle", None), ("X.BUNDLE", None), ("x", "bundle")])
async def test_bundle_is_chosen_by_name_or_format(store, face, tmp_path, name, format):
    await filled(store)
    path = tmp_path / name
    diff = await store.backup(path, format=format)
    assert path.read_bytes().startswith(b"# v2 git bundle\n")
    assert len(diff.add) == 4
    assert await store.backup(path, format=format) == diff, "every ref counts as new, always"
    other = await face.GitStore.memory(branch=None)
    assert (await other.restore(str(path), format=format)).total == 4
    third = await face.GitStore.memory(branch=None)
    assert (await third.restore(path.as_uri(), format=format)).total == 4


async def test_bundle_elsewhere_is_refused(store):
    for attempt in (store.backup, store.restore):
        with pytest.raises(ValueError, match="local file"):
            await attempt("https://git.example/x", format="bundle")


async def test_dry_run_writes_no_file(store, tmp_path):
    await filled(store)
    diff = await store.backup(tmp_path / "x.bundle", dry_run=True)
    assert len(diff.add) == 4
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".git"] == []


async def test_squash_makes_one_commit_of_each_ref(store, face, bare, tmp_path, git):
    fs = await filled(store)
    # A branch and a tag of one name, with other contents: each keeps its own.
    await store.tags.set("main", await store.tags["v1"])
    bundle = tmp_path / "x.bundle"
    diff = await store.backup(bundle, squash=True, refs=["main", "refs/tags/main", "v1"])
    assert heads(git, bare, bundle) == {c.ref: c.new_target for c in diff.add}
    git(bare, "bundle", "verify", bundle)
    git(bare, "fetch", "-q", bundle, "refs/*:refs/*")
    assert_fsck_clean(bare)
    assert git(bare, "log", "--format=%s %P", "--all").split() == ["squash", "squash"]
    assert git(bare, "rev-parse", "heads/main^{tree}") == fs.tree_hash
    assert git(bare, "rev-parse", "tags/main^{tree}") == (await store.tags["v1"]).tree_hash
    assert not await _has_commit(store, diff.add[0].new_target), "nothing is stored here"
    other = await face.GitStore.memory(branch=None)
    await other.bundle_import(bundle)
    assert await contents(await other.branches["main"]) == await contents(fs)


async def _has_commit(store, oid):
    try:
        await store.fs(oid)
    except KeyError:
        return False
    return True


async def test_squash_makes_commits_of_annotated_tags(disk_store, repo, bare, tmp_path, git):
    await filled(disk_store)
    git(repo, "tag", "-a", "-m", "t", "annotated", "v1")
    await disk_store.bundle_export(tmp_path / "x.bundle", refs=["annotated"], squash=True)
    git(bare, "fetch", "-q", tmp_path / "x.bundle", "refs/*:refs/*")
    assert git(bare, "cat-file", "-t", "annotated") == "commit"


async def test_squash_of_what_is_no_commit_is_refused(disk_store, repo, tmp_path, git):
    fs = await filled(disk_store)
    git(repo, "tag", "blob", f"{fs.commit_hash}:large")
    with pytest.raises(ValueError, match="refs/tags/blob does not point to a commit"):
        await disk_store.bundle_export(tmp_path / "x.bundle", squash=True)
    await disk_store.bundle_export(tmp_path / "x.bundle")


async def test_squash_is_for_bundles_only(store, tmp_path):
    await filled(store)
    with pytest.raises(ValueError, match="squash is only supported for bundle output"):
        await store.backup(tmp_path / "copy.git", squash=True)
    assert not (tmp_path / "copy.git").exists()


async def test_missing_file_is_not_found(store, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.bundle"):
        await store.bundle_import(tmp_path / "none.bundle")
    with pytest.raises(FileNotFoundError, match=r"none\.bundle"):
        await store.restore(tmp_path / "none.bundle")
    with pytest.raises(FileNotFoundError):
        await store.bundle_export(tmp_path / "no" / "x.bundle")
    (tmp_path / "d.bundle").mkdir()
    with pytest.raises(IsADirectoryError):
        await store.bundle_export(tmp_path / "d.bundle")
    with pytest.raises(IsADirectoryError):
        await store.bundle_import(tmp_path / "d.bundle")


async def test_pipe_is_not_waited_for(store, tmp_path):
    os.mkfifo(tmp_path / "x.bundle")
    with pytest.raises(InvalidBundleError, match="no regular file"):
        await store.bundle_import(tmp_path / "x.bundle")


async def test_nothing_to_export_is_refused(face, store, tmp_path):
    empty = await face.GitStore.memory(branch=None)
    with pytest.raises(ValueError, match="no ref"):
        await empty.bundle_export(tmp_path / "x.bundle")
    with pytest.raises(ValueError, match="no ref"):
        await store.bundle_export(tmp_path / "x.bundle", refs=[])
    assert not (tmp_path / "x.bundle").exists()


ZERO = b"0" * 40
ONE = b"1" * 40


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"# v2 git bundle",
        b"# v9 git bundle\n\n",
        b"# v2 git bundle\n" + ONE + b" refs/heads/main\n",
        b"# v2 git bundle\n" + ONE + b" refs/heads/x\n\n",
        b"# v2 git bundle\n" + ONE + b" refs/heads/x\n\nPACK",
        b"# v2 git bundle\n" + ONE + b" refs/../../x\n\nPACK",
        b"# v2 git bundle\n" + ONE + b" main\n\nPACK",
        b"# v2 git bundle\n" + ONE + b"\n\nPACK",
        b"# v2 git bundle\n-" + ONE + b" gone\n" + ONE + b" refs/heads/x\n\nPACK",
        b"# v2 git bundle\nxyz refs/heads/x\n\nPACK",
        b"# v2 git bundle\n" + b"x" * 100_000,
        b"# v3 git bundle\n@object-format=sha256\n" + ONE + b" refs/heads/x\n\nPACK",
        b"# v3 git bundle\n@filter=blob:none\n" + ONE + b" refs/heads/x\n\nPACK",
        b"\0" * 1000,
    ],
    ids=range(16),
)
async def test_garbage_is_a_value_error(store, tmp_path, content):
    (tmp_path / "x.bundle").write_bytes(content)
    before = (await store.branches["main"]).commit_hash
    for attempt in (store.bundle_import, store.restore):
        with pytest.raises(InvalidBundleError, match=r"x\.bundle") as caught:
            await attempt(tmp_path / "x.bundle")
        assert isinstance(caught.value, ValueError)
    assert await collect(store.branches) == ["main"]
    assert (await store.branches["main"]).commit_hash == before


async def test_every_flipped_byte_of_a_pack_is_noticed(store, face, tmp_path):
    await (await store.branches["main"]).write("f", b"content")
    bundle = tmp_path / "x.bundle"
    await store.bundle_export(bundle)
    good = bundle.read_bytes()
    start = good.index(b"\n\nPACK") + 2
    target = await face.GitStore.memory(branch=None)
    for at in range(start, len(good), 7):
        bundle.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        with pytest.raises(InvalidBundleError):
            await target.bundle_import(bundle)
    for end in range(start, len(good), 11):
        bundle.write_bytes(good[:end])
        with pytest.raises(InvalidBundleError):
            await target.bundle_import(bundle)
    assert await collect(target.branches) == []
    bundle.write_bytes(good)
    await target.bundle_import(bundle)


@pytest.mark.parametrize("count", [1, 60])
async def test_bundle_that_continues_another_needs_it(store, face, tmp_path, git, count):
    source = git.init(tmp_path / "source.git")
    text = b"".join(b"line %d\n" % n for n in range(500))
    commit_files(git, source, {"text": text})
    git(source, "bundle", "create", "-q", tmp_path / "one.bundle", "main")
    others = [{"text": text + b"%d\n" % n} for n in range(count - 1)]
    commit_files(git, source, {"text": text + b"more\n"}, others=[*others, {"text": text + b"end"}])
    git(source, "bundle", "create", "-q", tmp_path / "two.bundle", f"main~{count + 1}..main")
    with pytest.raises(InvalidBundleError, match="import the bundle that it continues first"):
        await store.bundle_import(tmp_path / "two.bundle")
    await store.bundle_import(tmp_path / "one.bundle")
    await store.bundle_import(tmp_path / "two.bundle")
    assert await (await store.branches["main"]).read("text") == text + b"end"


async def test_failed_export_leaves_the_old_file(disk_store, repo, tmp_path):
    fs = await (await disk_store.branches["main"]).write("f", b"lost")
    bundle = tmp_path / "x.bundle"
    bundle.write_bytes(b"old")
    blob = await fs.object_hash("f")
    path = repo / "objects" / blob[:2] / blob[2:]
    data = path.read_bytes()
    path.unlink()
    with pytest.raises(KeyError, match=blob):
        await disk_store.bundle_export(bundle)
    path.write_bytes(data)
    assert bundle.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["repo.git", "x.bundle"]


async def test_export_keeps_what_is_no_file_and_the_permissions_of_a_file(store, tmp_path):
    pipe = tmp_path / "pipe.bundle"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        await store.bundle_export(pipe)
        assert os.read(reader, 1 << 16).startswith(b"# v2 git bundle\n")
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    private = tmp_path / "private.bundle"
    private.touch(0o600)
    await store.bundle_export(private)
    assert private.stat().st_mode & 0o777 == 0o600


async def test_bundle_may_have_the_longest_name(store, tmp_path):
    path = tmp_path / ("x" * 248 + ".bundle")
    await store.bundle_export(path)
    assert [file.name for file in tmp_path.iterdir() if "x" in file.name] == [path.name]
