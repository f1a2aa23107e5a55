from tests.support.faces import *
async def test_x(store, face):
    fs = await store.branches["main"]
    fs2 = await fs.write("a", b"x")
    assert (await fs2.parent).commit_hash == fs.commit_hash
    assert [m.message async for m in fs2.log()] == ["+ a", "Initialize main"]
    assert (await fs2.write("a", b"x")) is fs2
    async with fs2.batch() as b:
        await b.write("c", b"1")
    assert await b.fs.ls() == ["a", "c"]
    async with b.fs.open("c") as f:
        assert await f.read() == b"1"
    async with b.fs.writer("d/e", "w") as w:
        await w.write("hé")
    assert await w.fs.read("d/e") == "hé".encode()
    assert await store.branches.count() == 1
    x = await store.branches.set("x", w.fs)
    assert await store.branches.contains("x")
    await store.branches.delete("x")
    assert await store.branches.keys() == ["main"]
    await store.branches.set_current("main")
    assert await store.branches.current_name == "main"
    await store.notes.commits.set("main", "t")
    assert await store.notes.commits["main"] == "t"
    assert (await face.retry_write(store, "main", "z", b"1")).message == "+ z"
