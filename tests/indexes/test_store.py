"""Saved indexes are whole or absent, mapped when opened, and damage is told with the command that repairs it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import indexes, storage
from core.errors import DamagedFileError, NotPreparedError, RetrievalError, StaleError, StorageError, VersionError

DIM = 16
VECTORS = np.random.default_rng(0).standard_normal((300, DIM)).astype(np.float32)


@pytest.fixture(scope="module", params=indexes.names())
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One saved index of every kind, in the place where the program keeps it."""
    path = tmp_path_factory.mktemp("root") / "indexes" / "birds" / "resnet50" / request.param / "generations" / "1"
    indexes.create(request.param, DIM).train(VECTORS).add(VECTORS).save(path, built_from={"features": "abc"})
    return path


@pytest.fixture
def saved(original: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    path = tmp_path / "indexes" / "birds" / "resnet50" / "any" / "generations" / "1"
    shutil.copytree(original, path)
    return path


def arrays(path: Path) -> list[Path]:
    return [file for file in sorted(path.iterdir()) if file.name != storage.MANIFEST]


def altered(path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Change a manifest as a careless person would: no checksum protects it."""
    manifest = json.loads((path / storage.MANIFEST).read_text())
    change(manifest)
    (path / storage.MANIFEST).write_text(json.dumps(manifest))
    return path


def assert_refused(path: Path, kind: type[RetrievalError]) -> None:
    with pytest.raises(kind) as caught:
        indexes.load(path, built_from={"features": "abc"}).search(VECTORS[:1], 3)
    assert str(path) in str(caught.value)
    if kind is not VersionError:  # an older program cannot repair what a newer one wrote
        assert "python -m core index birds@resnet50 --rebuild" in str(caught.value)


def test_a_saved_index_verifies_and_keeps_its_provenance(saved: Path) -> None:
    assert storage.verify(saved) == []
    assert indexes.load(saved).built_from == {"features": "abc"}


def test_a_truncated_file_is_refused(saved: Path) -> None:
    for file in arrays(saved):
        whole = file.read_bytes()
        file.write_bytes(whole[:-8])
        assert_refused(saved, DamagedFileError)
        file.write_bytes(whole)
    indexes.load(saved)


def test_a_missing_file_is_refused(saved: Path) -> None:
    for file in arrays(saved):
        file.rename(saved / "away")
        assert_refused(saved, DamagedFileError)
        (saved / "away").rename(file)
    indexes.load(saved)


def test_a_file_of_the_right_size_with_another_header_is_refused(saved: Path) -> None:
    for file in arrays(saved):
        whole = file.read_bytes()
        file.write_bytes(b"\0" * 64 + whole[64:])
        assert_refused(saved, DamagedFileError)
        file.write_bytes(whole)


def test_altered_bytes_are_found_by_verify(saved: Path) -> None:
    for file in arrays(saved):
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
    assert len(storage.verify(saved)) == len(arrays(saved))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["params"].update(count=299),
        lambda m: m["params"].update(dim=DIM * 2),
        lambda m: m["params"].update(dim="wide"),
        lambda m: m["params"].update(next_id=5),
        lambda m: m["params"].update(params={"colour": "red"}),
        lambda m: m["params"].pop("facts"),
        lambda m: m.update(kind="features"),
        lambda m: m.pop("files"),
    ],
    ids=["count", "dim", "dim of text", "next_id", "params", "facts", "kind", "files"],
)
def test_an_altered_manifest_is_refused(saved: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    assert_refused(altered(saved, change), DamagedFileError)


def test_a_manifest_that_is_no_json_is_refused(saved: Path) -> None:
    (saved / storage.MANIFEST).write_text("{")
    assert_refused(saved, DamagedFileError)


def test_a_file_of_a_newer_version_is_refused(saved: Path) -> None:
    assert_refused(altered(saved, lambda m: m.update(version=10_000)), VersionError)


def test_an_index_of_other_features_is_stale(saved: Path) -> None:
    assert_refused(altered(saved, lambda m: m["built_from"].update(features="xyz")), StaleError)


def test_a_path_without_an_index_is_not_prepared(tmp_path: Path) -> None:
    with pytest.raises(NotPreparedError, match="run: python -m core index GALLERY --rebuild"):
        indexes.load(tmp_path / "nothing")


def test_arrays_are_mapped_not_read(saved: Path) -> None:
    index = indexes.load(saved)
    ids = index._snapshot.segments[0].ids
    assert isinstance(ids.base, np.memmap)
    assert not ids.flags.writeable


def test_a_save_that_fails_leaves_what_was_there(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = indexes.load(saved)
    before = sorted(saved.parent.iterdir())
    index.add(VECTORS[:5])

    def full(*arguments: Any, **more: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.indexes.store.seal", full)
    with pytest.raises(StorageError, match=r"the disk that holds .* is full"):
        index.save(saved)
    assert sorted(saved.parent.iterdir()) == before
    assert len(indexes.load(saved)) == 300
    assert len(index) == 305


def test_saving_over_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    index = indexes.create("flat", DIM)
    with pytest.raises(StorageError, match="holds something that is not an index"):
        index.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_saving_replaces_an_index_and_an_empty_folder(tmp_path: Path) -> None:
    index = indexes.create("flat", DIM).add(VECTORS)
    (tmp_path / "index").mkdir()
    index.save(tmp_path / "index")
    index.remove(np.arange(100))
    index.save(tmp_path / "index")
    assert len(indexes.load(tmp_path / "index")) == 200
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_a_saved_index_can_be_removed_while_it_is_searched(saved: Path) -> None:
    index = indexes.load(saved)
    expected = index.search(VECTORS[:3], 5)
    shutil.rmtree(saved)
    assert np.array_equal(index.search(VECTORS[:3], 5).ids, expected.ids)


def test_vectors_that_are_mapped_from_a_file_are_linked_and_not_copied(tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", VECTORS)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    index = indexes.create("flat", DIM).add(mapped)
    assert np.shares_memory(index._snapshot.segments[0].vectors, mapped)
    index.save(tmp_path / "one")
    assert (tmp_path / "one" / "vectors.npy").samefile(tmp_path / "features.npy")
    np.save(tmp_path / "other.npy", VECTORS[::-1])
    (tmp_path / "other.npy").replace(tmp_path / "features.npy")  # the name is another file's now
    index.save(tmp_path / "two")
    assert not (tmp_path / "two" / "vectors.npy").samefile(tmp_path / "features.npy")
    index.remove([0])
    index.save(tmp_path / "three")
    for name, count in (("one", 300), ("two", 300), ("three", 299)):
        opened = indexes.load(tmp_path / name)
        assert np.array_equal(opened.reconstruct(opened.ids), VECTORS[-count:])
