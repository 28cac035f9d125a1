"""Files and folders are whole or absent, whatever happens while they are written."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from filelock import Timeout
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core import storage
from core.errors import DamagedFileError, NotPreparedError, StorageError, VersionError


class Crash(Exception):
    """Stands for anything that stops a writer."""


def refusing(code: int) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return refuse


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    storage.write_bytes(path, b"one")
    storage.write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_crash_while_writing_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    storage.write_bytes(path, b"old")

    def write() -> None:
        with storage.atomic_path(path) as temporary:
            temporary.write_bytes(b"half")
            raise Crash

    with pytest.raises(Crash):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("where", ["write_bytes", "replace"])
@pytest.mark.parametrize(
    ("code", "sentence"),
    [(errno.ENOSPC, "full"), (errno.EDQUOT, "full"), (errno.EROFS, "cannot write"), (errno.EACCES, "cannot write")],
)
def test_a_disk_that_refuses_is_a_storage_error_and_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, code: int, sentence: str
) -> None:
    path = tmp_path / "file"
    storage.write_bytes(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(Path, where, refusing(code))
        with pytest.raises(StorageError, match=sentence):
            storage.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_is_full_when_flushed_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", refusing(errno.ENOSPC))
    with pytest.raises(StorageError, match="full"):
        storage.write_json(tmp_path / "file", {})
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_the_system_stay_loud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "write_bytes", refusing(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        storage.write_bytes(tmp_path / "file", b"")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)
)


@hypothesis_settings(deadline=None, max_examples=30)
@given(value=st.dictionaries(TEXTS, VALUES))
def test_json_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, value: dict[str, object]) -> None:
    path = tmp_path_factory.mktemp("json") / "value.json"
    storage.write_json(path, value)
    assert storage.read_json(path) == value


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'"text"', b"\xff\xfe", b"{'a': 1}"])
def test_what_is_no_json_object_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "value.json"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=str(path)):
        storage.read_json(path)
    with pytest.raises(NotPreparedError, match="does not exist"):
        storage.read_json(tmp_path / "absent.json")


@hypothesis_settings(deadline=None)
@given(one=st.dictionaries(TEXTS, st.integers(), min_size=1), other=st.dictionaries(TEXTS, st.integers(), min_size=1))
def test_a_digest_tells_values_apart_and_not_the_order_of_keys(one: dict[str, int], other: dict[str, int]) -> None:
    turned = dict(reversed(one.items()))
    assert storage.digest(one, 1) == storage.digest(turned, 1)
    assert (storage.digest(one) == storage.digest(other)) == (one == other)
    assert storage.digest("a", "b") != storage.digest("ab")


def test_a_sum_is_the_one_that_sha256sum_prints(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert storage.sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_too_little_space_is_said_with_both_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.require_space(tmp_path / "not" / "there" / "yet", 10, "a trifle")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5_000_000))
    with pytest.raises(StorageError, match=r"an index needs 20 MB in .* only 5 MB are free"):
        storage.require_space(tmp_path, 20_000_000, "an index")
    assert not (tmp_path / "not").exists()


def make(folder: Path, text: str = "content") -> storage.Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.txt").write_text(text)
    (folder / "inner").mkdir(exist_ok=True)
    np.save(folder / "inner" / "array.npy", np.arange(5))
    return storage.seal(folder, "test/kind", 2, built_from={"state": "x"}, params={"n": 5})


def test_a_sealed_folder_says_what_it_holds(tmp_path: Path) -> None:
    written = make(tmp_path / "sealed")
    manifest = storage.read_manifest(tmp_path / "sealed", "test/kind", 2)
    assert manifest == written
    assert (manifest.built_from, manifest.params, manifest.version) == ({"state": "x"}, {"n": 5}, 2)
    assert set(manifest.files) == {"data.txt", "inner/array.npy"}
    assert storage.verify(tmp_path / "sealed") == []
    assert storage.read_manifest(tmp_path / "sealed", "test/kind", 3) == written  # older formats are read


def test_sealing_twice_does_not_list_the_manifest_itself(tmp_path: Path) -> None:
    make(tmp_path / "sealed")
    make(tmp_path / "sealed", "other")
    assert storage.MANIFEST not in storage.read_manifest(tmp_path / "sealed", "test/kind", 2).files
    assert storage.verify(tmp_path / "sealed") == []


@pytest.mark.parametrize("damage", ["missing", "shorter", "longer", "altered"])
def test_damage_is_found_and_named(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "sealed"
    make(folder)
    file = folder / "data.txt"
    if damage == "missing":
        file.unlink()
    else:
        file.write_text({"shorter": "x", "longer": "x" * 99, "altered": "CONTENT"}[damage])
    faults = storage.verify(folder)
    assert len(faults) == 1
    assert "data.txt" in faults[0]
    if damage == "altered":  # of the right size: only the checksum tells, which opening does not read
        storage.read_manifest(folder, "test/kind", 2)
    else:
        with pytest.raises(DamagedFileError, match=r"data\.txt"):
            storage.read_manifest(folder, "test/kind", 2)


def test_a_manifest_of_another_kind_or_a_newer_version_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    make(folder)
    with pytest.raises(DamagedFileError, match="holds 'test/kind', expected 'features'"):
        storage.read_manifest(folder, "features", 2)
    with pytest.raises(VersionError, match="version 2, this program reads up to 1"):
        storage.read_manifest(folder, "test/kind", 1)
    with pytest.raises(NotPreparedError):
        storage.read_manifest(tmp_path, "test/kind", 2)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "two"},
        {"version": None},
        {"version": True},
        {"files": []},
        {"files": {"data.txt": 7}},
        {"files": {"data.txt": {}}},
        {"files": {"../../outside": {"bytes": 1, "sha256": ""}}},
        {"params": 3},
        {"built_from": None},
        {"kind": None},
    ],
)
def test_a_manifest_that_was_edited_badly_is_refused_and_not_misread(tmp_path: Path, change: dict[str, object]) -> None:
    folder = tmp_path / "sealed"
    make(folder)
    value = json.loads((folder / storage.MANIFEST).read_text())
    (folder / storage.MANIFEST).write_text(json.dumps({**value, **change}))
    with pytest.raises((DamagedFileError, VersionError)):
        storage.read_manifest(folder, "test/kind", 2)


@pytest.mark.parametrize("key", ["kind", "version", "created", "built_from", "params", "files"])
def test_a_manifest_without_one_of_its_keys_is_damaged(tmp_path: Path, key: str) -> None:
    folder = tmp_path / "sealed"
    make(folder)
    value = json.loads((folder / storage.MANIFEST).read_text())
    del value[key]
    (folder / storage.MANIFEST).write_text(json.dumps(value))
    with pytest.raises(DamagedFileError, match=key):
        storage.read_manifest(folder, "test/kind", 2)


def test_a_lock_keeps_others_out_and_is_freed_when_its_holder_dies(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    code = (
        "import os, sys; from pathlib import Path; from core import storage\n"
        "held = storage.lock(Path(sys.argv[1])); held.acquire(); print('held', flush=True)\n"
        "sys.stdin.read(1); os._exit(9)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(Timeout):
        storage.lock(path, timeout_s=0).acquire()
    process.communicate("x")
    with storage.lock(path, timeout_s=5):
        pass
