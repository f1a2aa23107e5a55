"""The examples of the readme in their async spelling, by the table of the design's section 4.

Each runs as the body of a coroutine. ``test_readme_blocks_async.py`` checks that they are the
readme's: turned back by that table, each one is the block as it is printed.
"""

from __future__ import annotations

ASYNC_CODE = {
    "quick_start": """from vost import GitStore

# Create (or open) a repository with a "main" branch
repo = await GitStore.open("data.git")

# Get a snapshot of the current branch ("main" by default)
fs = await repo.branches.current

# Write a file -- returns a new immutable snapshot
fs = await fs.write_text("hello.txt", "Hello, world!")

# Read it back
print(await fs.read_text("hello.txt"))  # 'Hello, world!'

# Every write is a commit
print(fs.commit_hash)  # full 40-char SHA
print(fs.message)  # '+ hello.txt'
""",
    "opening": """repo = await GitStore.open("data.git")  # create or open (default branch: "main")
repo = await GitStore.open("data.git", create=False)  # open only
repo = await GitStore.open("data.git", branch="dev")  # custom default branch
repo = await GitStore.open("data.git", branch=None)  # branchless
repo = await GitStore.open("data.git", author="alice", email="alice@example.com")  # custom author
""",
    "branches_and_tags": """fs = await repo.branches["main"]
await repo.branches.set("experiment", fs)  # fork a branch
await repo.branches.delete("experiment")  # delete a branch

await repo.tags.set("v1.0", fs)  # create a tag
snapshot = await repo.tags["v1.0"]  # read-only FS

await repo.branches.current_name  # "main"
fs = await repo.branches.current  # FS for the current branch
await repo.branches.set_current("dev")  # set current branch

async for name in repo.branches:
    print(name)
await repo.branches.contains("main")  # True
""",
    "reading": """data = await fs.read("path/to/file.bin")  # bytes
text = await fs.read_text("config.json")  # str (UTF-8)
chunk = await fs.read("big.bin", offset=100, size=50)  # partial read (50 bytes at offset 100)
chunk = await fs.read_by_hash(sha, offset=0, size=1024)  # read blob by SHA, bypasses tree walk

entries = await fs.ls()  # root listing: list of name strings
entries = await fs.ls("src")  # subdirectory listing
details = await fs.listdir("src")  # list of WalkEntry (name, oid, mode)
exists = await fs.exists("path/to/file.bin")  # bool
info = await fs.stat("path/to/file.bin")  # StatResult
ftype = await fs.file_type("run.sh")  # FileType.EXECUTABLE
nbytes = await fs.size("path/to/file.bin")  # int (bytes)
sha = await fs.object_hash("path/to/file.bin")  # 40-char hex SHA
tree_sha = fs.tree_hash  # root tree 40-char hex SHA

# Walk the tree (like os.walk)
async for dirpath, dirnames, file_entries in fs.walk():
    for entry in file_entries:
        print(entry.name, entry.file_type)  # WalkEntry with name, oid, mode

# Glob
matches = await fs.glob("**/*.py")  # sorted list of matching paths

# Partial read (offset + size)
header = await fs.read("data.bin", offset=0, size=4)
""",
    "writing": r"""from vost import FileType

fs = await fs.write_text("config.json", '{"key": "value"}')
fs = await fs.write_text("script.sh", "#!/bin/sh\n", mode=FileType.EXECUTABLE)
fs = await fs.write_text("config.json", "{}", message="Reset")  # custom commit message
fs = await fs.write("image.png", raw_bytes)  # binary data
fs = await fs.write_from_file("big.bin", "/data/big.bin")  # from disk
fs = await fs.write_symlink("link", "target")  # symlink
fs = await fs.remove("old-file.txt")

# Buffered write (commits on close)
async with fs.writer("big.bin") as f:
    await f.write(chunk1)
    await f.write(chunk2)
fs = f.fs

# Text mode
async with fs.writer("log.txt", "w") as f:
    await f.write("line 1\n")
    await f.write("line 2\n")
fs = f.fs

# Inside a batch
async with fs.batch() as b:
    async with b.writer("streamed.bin") as f:
        for chunk in source:
            await f.write(chunk)
""",
    "immutability": """fs1 = await repo.branches["main"]
fs2 = await fs1.write("new.txt", b"data")
assert not await fs1.exists("new.txt")  # fs1 is unchanged
assert await fs2.exists("new.txt")
""",
    "batch": """async with fs.batch(message="Import dataset v2") as b:
    await b.write("a.txt", b"alpha")
    await b.write_from_file("big.bin", "/data/big.bin")
    await b.write_symlink("link.txt", "a.txt")
    await b.remove("old.txt")
fs = b.fs  # new snapshot after the batch commits
""",
    "history": """parent = await fs.parent  # FS or None
ancestor = await fs.back(3)  # 3 commits back

async for snapshot in fs.log():  # full commit log
    print(snapshot.commit_hash, snapshot.message)

async for snapshot in fs.log("config.json"):  # file history
    print(snapshot.commit_hash, snapshot.message)

async for snapshot in fs.log(match="deploy*"):  # message filter
    ...

async for snapshot in fs.log(before=cutoff):  # date filter
    ...

fs = await fs.undo()  # move branch back 1 commit
fs = await fs.redo()  # move branch forward 1 reflog step

# Reflog: branch movement history
for entry in await repo.branches.reflog("main"):
    print(entry.old_sha, entry.new_sha, entry.message)
""",
    "copy_in": """# Disk to repo (current branch)
fs = await fs.copy_in(["./data/"], "backup")
print(fs.changes.add)  # [FileEntry(...), ...]
""",
    "copy_out": """# Repo to disk
await fs.copy_out(["docs"], "./local-docs")
""",
    "copy_between": """# Work with a non-default branch
dev = await repo.branches["dev"]
dev = await dev.copy_in(["./features/"], "src")

# Copy between branches (atomic, no disk I/O)
main = await repo.branches["main"]
dev = await dev.copy_from_ref(main, "config")  # dir mode: config/ → config/
dev = await dev.copy_from_ref(main, "config/", "imported")  # contents mode: config/* → imported/
dev = await dev.copy_from_ref(main, "config", "imported")  # dir mode: config/ → imported/config/
""",
    "sync": """# Sync (make identical, including deletes)
fs = await fs.sync_in("./local", "data")
await fs.sync_out("data", "./local")
""",
    "disk_glob": """# Expand globs on disk (same dotfile rules as fs.glob)
from vost import disk_glob
files = await disk_glob("./data/**/*.csv")
""",
    "remove": """# Remove and move within repo
fs = await fs.remove(["old-dir"], recursive=True)
fs = await fs.move(["old.txt"], "new.txt")
""",
    "apply": r"""from vost import WriteEntry

fs = await fs.apply(
    writes={
        "config.json": b'{"v": 2}',
        "script.sh": WriteEntry(data=b"#!/bin/sh\n", mode=0o100755),
        "link": WriteEntry(target="config.json"),  # symlink
    },
    removes=["old.txt", "deprecated/"],
    message="Update config and clean up",
)
""",
    "properties": """fs.commit_hash  # str -- full 40-character commit SHA
fs.ref_name  # str | None -- ref name (branch or tag), or None for detached
fs.message  # str -- commit message
fs.time  # datetime -- commit timestamp (timezone-aware)
fs.author_name  # str -- commit author name
fs.author_email  # str -- commit author email
fs.changes  # ChangeReport | None -- changes from last operation
""",
    "mirrors": """diff = await repo.backup("https://github.com/user/repo.git")  # MirrorDiff
diff = await repo.restore("https://github.com/user/repo.git")  # MirrorDiff
diff = await repo.backup(url, dry_run=True)  # preview only
""",
    "stale": """from vost import StaleSnapshotError

fs = await repo.branches["main"]
_ = await fs.write("a.txt", b"a")  # advances the branch

try:
    await fs.write("b.txt", b"b")  # fs is now stale
except StaleSnapshotError:
    fs = await repo.branches["main"]  # re-fetch and retry
""",
    "retry": """from vost import retry_write
fs = await retry_write(repo, "main", "file.txt", data)
""",
    "notes": """# Default namespace (refs/notes/commits)
ns = repo.notes.commits
await ns.set(fs.commit_hash, "reviewed by Alice")
print(await ns[fs.commit_hash])  # "reviewed by Alice"
await ns.delete(fs.commit_hash)

# Custom namespaces
reviews = repo.notes["reviews"]
await reviews.set(fs.commit_hash, "LGTM")

# Shortcut: note for the current HEAD commit
await ns.set_for_current_branch("deployed to staging")
print(await ns.for_current_branch)

# Batch writes (single commit)
async with repo.notes.commits.batch() as b:
    await b.set(hash1, "note one")
    await b.set(hash2, "note two")

# Iteration
for commit_hash, text in await ns.items():
    print(commit_hash, text)
""",
}
"""The code of each block, by the block's name."""
