"""Directories and files as archives."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from tests.serve.conftest import FILES
from tests.support.asgi import request
from vost.serve import files


def names_in(kind: str, data: bytes) -> dict[str, bytes]:
    if kind == "zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {}
        for member in archive:
            reader = archive.extractfile(member) if member.isfile() else None
            found[member.name] = reader.read() if reader else member.linkname.encode()
        return found


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
async def test_a_directory_is_had_as_an_archive(store, kind):
    app = files(store, "main")
    whole = await request(app, f"/?archive={kind}")
    assert whole.status == 200
    assert whole["content-disposition"].startswith(f'attachment; filename="main.{kind}"')
    assert "accept-ranges" not in whole
    found = names_in(kind, whole.body)
    assert {name: found[name] for name in FILES} == FILES
    assert found["link"] == b"data/info.json"
    part = await request(app, f"/data?archive={kind}", {"Accept": "application/json"})
    assert set(names_in(kind, part.body)) == {"info.json", "sub/deep.bin"}
    assert part["content-disposition"].startswith(f'attachment; filename="data.{kind}"')
    again = await request(app, f"/data?archive={kind}")
    assert (again.body, again["etag"]) == (part.body, part["etag"])


async def test_an_archive_of_a_ref_with_slashes_has_a_plain_name(store):
    await store.branches.set("feature/x", await store.tags["v1"])
    reply = await request(files(store, all_refs=True), "/feature/x?archive=zip")
    assert reply["content-disposition"].startswith('attachment; filename="feature-x.zip"')


async def test_formats_that_are_not_served_are_named(store):
    for kind in ("rar", "tar.xz", "", "zip%0d%0aX-Injected:1"):
        reply = await request(files(store, "main"), f"/?archive={kind}")
        assert reply.status == 400
        assert reply.text.startswith("Unknown archive format: ")
        assert reply.text.endswith("(there are zip, tar, tar.gz)")
    assert (await request(files(store, "main"), "/nope?archive=zip")).status == 404
