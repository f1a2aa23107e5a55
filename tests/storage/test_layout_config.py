"""Reading and setting configuration values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vost._model.errors import Busy, GitError
from vost._storage.config import read_config, set_values

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitcli import Git


@pytest.fixture
def git_dir(tmp_path: Path, git: Git) -> Path:
    return git.init(tmp_path / "r.git")


def write(git_dir: Path, text: str) -> None:
    (git_dir / "config").write_text(text, encoding="utf-8")


def test_values_are_read_as_git_reads_them(git_dir: Path) -> None:
    write(
        git_dir,
        "[core]\n\tcompression = 3\n\tBIGfileThreshold = 2m\n[CORE]\n\tcompression = 4 # last\n"
        "\tbare\n\tfilemode = No\n\tempty =\n\todd = maybe\n",
    )
    config = read_config(git_dir)
    assert config.get("core", "compression") == "4"
    assert config.loose_compression == 4
    assert config.big_file_threshold == 2 << 20
    assert config.boolean("core", "bare") is True
    assert config.boolean("core", "fileMode") is False
    assert config.boolean("core", "empty") is False
    assert config.boolean("core", "odd") is None
    assert config.boolean("core", "none") is None
    assert config.integer("core", "odd") is None
    assert config.get("none", "none") is None
    assert config.extensions() == {}


def test_loose_compression_overrides_compression(git_dir: Path) -> None:
    write(git_dir, "[core]\n\tcompression = 3\n\tlooseCompression = 0\n")
    assert read_config(git_dir).loose_compression == 0


@pytest.mark.parametrize(
    "lines, loose",
    [
        ("", False),
        ("fsync = loose-object", True),
        ("fsync = objects", True),
        ("fsync = committed", True),
        ("fsync = added", True),
        ("fsync = all", True),
        ("fsync = all,-loose-object", False),
        ("fsync = all,none", False),
        ("fsync = none, objects", True),
        ("fsync = reference", False),
        ("fsync = derived-metadata", False),
        ("fsyncObjectFiles = true", True),
        ("fsyncObjectFiles = false", False),
        ("fsyncObjectFiles = true\n\tfsync = none", False),
    ],
)
def test_sync_of_loose_objects_is_what_core_fsync_says(
    git_dir: Path, lines: str, loose: bool
) -> None:
    write(git_dir, f"[core]\n\t{lines}\n")
    assert read_config(git_dir).syncs_loose_objects is loose


def test_default_syncs_packs(git_dir: Path) -> None:
    assert "pack" in read_config(git_dir).fsync_components


def test_included_files_are_not_read(git_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("[core]\n\tcompression = 9\n", encoding="ascii")
    write(git_dir, f"[include]\n\tpath = {tmp_path / 'other'}\n")
    assert read_config(git_dir).loose_compression is None


def test_malformed_file_is_named(git_dir: Path) -> None:
    write(git_dir, "[core\nx")
    with pytest.raises(GitError, match="config is malformed"):
        read_config(git_dir)


@pytest.mark.parametrize(
    "before",
    [
        "",
        "[core]\n\tbare = true\n",
        "# head\n[core] ; why\n\tbare = true\n",
        "[core]\n\tcompression = 1 # old\n[user]\n\tname = é\n[core]\n\tcompression = 2\n",
        "[core]\n\tcompression\n",
        "[core] compression = 5\n",
        "[core]\n\tcompression = 1\\\n2\n",
        '[core "sub"]\n\tcompression = 7\n',
        "[core]\n\tbare = true",
    ],
)
def test_set_value_is_what_git_reads(git_dir: Path, git: Git, before: str) -> None:
    write(git_dir, before)
    set_values(git_dir, {"core.compression": "6", "core.bigFileThreshold": "1m"})
    listed = ["config", "--file", str(git_dir / "config"), "--get"]
    assert git(git_dir.parent, *listed, "core.compression") == "6"
    assert git(git_dir.parent, *listed, "core.bigFileThreshold") == "1m"
    after = (git_dir / "config").read_text(encoding="utf-8")
    for line in before.splitlines():
        if "compression" not in line:
            assert line in after
    assert sorted(path.name for path in git_dir.glob("vost.*")) == ["vost.intent"]
    assert not (git_dir / "config.lock").exists()


def test_lock_of_git_is_respected(git_dir: Path) -> None:
    before = (git_dir / "config").read_bytes()
    (git_dir / "config.lock").touch()
    with pytest.raises(Busy, match=r"config\.lock"):
        set_values(git_dir, {"core.compression": "1"})
    assert (git_dir / "config.lock").exists()
    assert (git_dir / "config").read_bytes() == before


def test_value_with_a_line_end_is_refused(git_dir: Path) -> None:
    with pytest.raises(ValueError, match=r"core\.compression"):
        set_values(git_dir, {"core.compression": "1\n[evil]"})
    assert not (git_dir / "config.lock").exists()
