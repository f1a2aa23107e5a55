"""Git's meaning on top of storage: snapshots, tree edits, commits, history, notes."""
