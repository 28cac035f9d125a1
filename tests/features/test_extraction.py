"""Extraction: what is encoded, what is kept, and what an interruption costs."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core import encoders
from core.datasets import Dataset
from core.errors import Cancelled, DamagedFileError, ImageError, NotPreparedError, StorageError
from core.features import FeatureStore, extract
from core.features.shards import Shards
from core.settings import Address, Settings
from core.storage import Generations

Make = Callable[..., Dataset]
MINE = Address("mine", "histogram")


def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count what is encoded from here on."""
    from core.encoders.histogram import HistogramEncoder

    calls: list[int] = []
    original = HistogramEncoder._embed

    def counting(self: HistogramEncoder, squares: np.ndarray) -> np.ndarray:
        calls.append(len(squares))
        return original(self, squares)

    monkeypatch.setattr(HistogramEncoder, "_embed", counting)
    return calls


def test_every_picture_has_the_vector_that_the_encoder_gives(settings: Settings, make_gallery: Make) -> None:
    dataset = make_gallery(settings, count=9)
    report = extract(MINE, settings)
    store = FeatureStore.open(MINE, settings)
    encoder = encoders.load("histogram", settings)
    assert (report.count, report.encoded, report.skipped) == (9, 9, [])
    assert store.ids.tolist() == dataset.catalog.ids().tolist()
    for record in dataset:
        expected = encoder.encode([dataset.load(record)])[0]
        np.testing.assert_allclose(store.get([record.image_id])[0], expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(store.vectors, axis=1), 1, atol=1e-6)
    assert store.fingerprint == encoder.fingerprint
    assert store.row_of([10**6]).tolist() == [-1]
    with pytest.raises(ValueError, match="no features of image 1000000"):
        store.get([10**6])


def test_a_second_run_encodes_and_writes_nothing(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gallery(settings)
    extract(MINE, settings)
    before = FeatureStore.open(MINE, settings)
    calls = encoded(monkeypatch)
    report = extract(MINE, settings)
    assert not report.published
    assert not calls
    assert FeatureStore.open(MINE, settings).folder == before.folder


def test_only_new_pictures_are_encoded_and_removed_ones_dropped(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gallery(settings, only=range(10))
    extract(MINE, settings)
    before = FeatureStore.open(MINE, settings)
    calls = encoded(monkeypatch)
    dataset = make_gallery(settings, only=range(4, 13))
    report = extract(MINE, settings)
    after = FeatureStore.open(MINE, settings)
    assert (sum(calls), report.encoded, report.dropped, report.count) == (3, 3, 4, 9)
    assert after.ids.tolist() == dataset.catalog.ids().tolist()
    shared = np.intersect1d(before.ids, after.ids)
    np.testing.assert_array_equal(before.get(shared), after.get(shared))
    assert after.state != before.state


def test_rebuilding_gives_the_same_vectors_and_the_same_state(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gallery(settings)
    extract(MINE, settings)
    before = FeatureStore.open(MINE, settings)
    calls = encoded(monkeypatch)
    extract(MINE, settings, rebuild=True)
    after = FeatureStore.open(MINE, settings)
    assert sum(calls) == 12
    assert after.folder != before.folder
    assert after.state == before.state


def test_equal_files_are_encoded_once(settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from core.datasets.catalog import Row

    dataset = make_gallery(settings, count=3)
    record = dataset.catalog.records()[0]
    source = dataset.source_path(record)
    (source.parent / "copy.png").write_bytes(source.read_bytes())
    dataset.catalog.write([Row("copy.png", record.sha256, record.width, record.height)])
    calls = encoded(monkeypatch)
    assert extract(MINE, settings).count == 4
    assert sum(calls) == 3
    assert replace(record) == record


def test_unreadable_pictures_are_listed_and_the_rest_goes_on(settings: Settings, make_gallery: Make) -> None:
    dataset = make_gallery(settings, count=6)
    broken = dataset.catalog.records()[2]
    path = dataset.source_path(broken)
    whole = path.read_bytes()
    path.write_bytes(whole[:60])
    report = extract(MINE, settings)
    assert report.count == 5
    assert [name for name, _ in report.skipped] == [broken.path]
    assert FeatureStore.open(MINE, settings).row_of([broken.image_id]).tolist() == [-1]
    again = extract(MINE, settings)
    assert (again.published, again.skipped) == (False, report.skipped)
    path.write_bytes(whole)  # repaired: it is tried again without being told to
    assert extract(MINE, settings).count == 6


def test_a_gallery_without_one_readable_picture_is_an_error(settings: Settings, make_gallery: Make) -> None:
    dataset = make_gallery(settings, count=2)
    for record in dataset:
        dataset.source_path(record).write_bytes(b"no picture")
    with pytest.raises(ImageError, match="not one picture of mine can be read"):
        extract(MINE, settings)
    make_gallery(settings, "empty", count=0)
    with pytest.raises(NotPreparedError, match="has no pictures; run: python -m core data import"):
        extract(Address("empty", "histogram"), settings)


def test_work_that_was_cancelled_continues_where_it_was(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gallery(settings, count=30)

    def stop(done: int, total: int | None, what: str) -> None:
        if done == 20:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        extract(MINE, settings, stop)
    with pytest.raises(NotPreparedError, match="python -m core features mine@histogram"):
        FeatureStore.open(MINE, settings)
    calls = encoded(monkeypatch)
    report = extract(MINE, settings)
    assert (report.count, report.encoded, sum(calls)) == (30, 10, 10)
    assert not (MINE.features(settings) / "shards").exists()


def test_after_kill_9_finished_shards_are_used(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gallery(settings, count=60)
    script = (
        "import sys, pathlib, core.features.extraction as e\n"
        "from core.settings import Address, Settings\n"
        "e._SHARD = 8\n"
        "def slow(done, total, what):\n"
        "    import time; time.sleep(0.02)\n"
        "e.extract(Address('mine', 'histogram'), Settings(root=pathlib.Path(sys.argv[1]), threads=1), slow)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(settings.root)])
    shards = MINE.features(settings) / "shards"
    deadline = time.monotonic() + 60
    while len(list(shards.glob("*/*.npy"))) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    finished = 8 * len(list(shards.glob("*/*.npy")))
    assert finished >= 16
    calls = encoded(monkeypatch)
    report = extract(MINE, settings)
    assert report.count == 60
    assert sum(calls) == 60 - finished


def test_a_damaged_shard_is_encoded_again(settings: Settings, make_gallery: Make, tmp_path: Path) -> None:
    encoder = encoders.load("histogram", settings)
    dataset = make_gallery(settings, count=5)
    shards = Shards(MINE.features(settings) / "shards", encoder.fingerprint, encoder.dim)
    hashes = np.array([list(bytes.fromhex(record.sha256)) for record in dataset], np.uint8)
    shards.write(hashes, encoder.encode([dataset.load(record) for record in dataset]))
    (path,) = (MINE.features(settings) / "shards").glob("*/*.npy")
    path.write_bytes(path.read_bytes()[:-100])
    report = extract(MINE, settings)
    assert (report.count, report.encoded) == (5, 5)


def test_a_full_disk_is_said_and_what_was_there_stays(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gallery(settings, count=4)
    extract(MINE, settings)
    before = FeatureStore.open(MINE, settings)
    make_gallery(settings, count=8)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("core.features.publish._gather", full)
        with pytest.raises(StorageError, match="is full; free some space and run the command again"):
            extract(MINE, settings)
    with monkeypatch.context() as patched:
        patched.setattr("core.features.shards.np.save", full)
        patched.setattr("core.features.extraction._SHARD", 2)
        with pytest.raises(StorageError, match="is full"):
            extract(MINE, settings, rebuild=True)
    assert FeatureStore.open(MINE, settings).folder == before.folder
    generations = Generations(MINE.features(settings)).folder / "generations"
    assert [path.name for path in generations.iterdir()] == ["1"]
    assert extract(MINE, settings).count == 8


def test_too_little_space_is_noticed_before_anything_is_encoded(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil
    from collections import namedtuple

    make_gallery(settings, count=4)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))
    calls = encoded(monkeypatch)
    with pytest.raises(StorageError, match=r"needs .* MB"):
        extract(MINE, settings)
    assert not calls


@pytest.mark.parametrize("name", ["vectors.npy", "ids.npy", "hashes.npy", "manifest.json"])
def test_damaged_features_say_what_to_run_and_are_repaired_by_it(
    settings: Settings, make_gallery: Make, name: str
) -> None:
    make_gallery(settings, count=4)
    extract(MINE, settings)
    path = FeatureStore.open(MINE, settings).folder / name
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(DamagedFileError, match=r"run: python -m core features mine@histogram --rebuild"):
        FeatureStore.open(MINE, settings)
    assert extract(MINE, settings).count == 4
    assert len(FeatureStore.open(MINE, settings)) == 4
