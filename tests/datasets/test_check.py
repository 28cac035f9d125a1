"""A check finds what is missing, changed, or there more than once."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from core import datasets
from core.datasets.check import check
from core.datasets.duplicates import NEAR, near_pairs, perceptual_hash
from core.settings import Settings
from core.types import Image


def smooth(seed: int, size: tuple[int, int] = (96, 64)) -> Image:
    """A picture with broad light and dark regions, as photographs have."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), np.uint8)
    return np.asarray(PillowImage.fromarray(coarse).resize(size, PillowImage.Resampling.BICUBIC))


def save(path: Path, pixels: Image, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(pixels).save(path, **options)


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    root = tmp_path / "pictures"
    for seed in range(12):
        save(root / f"{seed}.png", smooth(seed))
    datasets.import_folder(root, "mine", settings)
    return root


def test_a_sound_gallery_has_no_faults(folder: Path, settings: Settings) -> None:
    for deep in (False, True):
        report = check("mine", settings, deep=deep)
        assert (report.name, report.count) == ("mine", 12)
        assert (report.faults, report.equal, report.near) == ([], [], [])


def test_missing_and_changed_files_are_named(folder: Path, settings: Settings) -> None:
    (folder / "0.png").unlink()
    (folder / "1.png").write_bytes(b"short")
    same_size = bytearray((folder / "2.png").read_bytes())
    same_size[-20] ^= 255
    (folder / "2.png").write_bytes(bytes(same_size))
    dataset = datasets.open("mine", settings)
    dataset.thumbnail_path(dataset.catalog.get(12)).unlink()
    lost = dataset.catalog.get(12).path
    faults = dict(check("mine", settings).faults)
    assert sorted(faults) == sorted(["0.png", "1.png", lost])
    assert "not there any more" in faults["0.png"]
    assert "5 bytes" in faults["1.png"]
    assert "thumbnail" in faults[lost]
    assert dict(check("mine", settings, deep=True).faults)["2.png"] == "has other content than when it was read"


def test_equal_files_and_look_alikes_are_found(folder: Path, settings: Settings) -> None:
    shutil.copy(folder / "3.png", folder / "copy.png")
    save(folder / "small.jpg", smooth(4, (60, 40)), quality=70)
    brighter = np.clip(smooth(5).astype(int) + 12, 0, 255).astype(np.uint8)
    save(folder / "brighter.webp", brighter)
    datasets.import_folder(folder, "mine", settings)
    report = check("mine", settings)
    assert [[record.path for record in group] for group in report.equal] == [["3.png", "copy.png"]]
    pairs = {tuple(sorted((one.path, other.path))) for one, other, _ in report.near}
    assert pairs == {("4.png", "small.jpg"), ("5.png", "brighter.webp")}


def test_the_hash_survives_compression_and_scaling_and_tells_pictures_apart() -> None:
    hashes = []
    for seed in range(40):
        original = perceptual_hash(smooth(seed))
        buffer = io.BytesIO()
        PillowImage.fromarray(smooth(seed, (150, 100))).save(buffer, "JPEG", quality=50)
        with PillowImage.open(buffer) as picture:
            changed = perceptual_hash(np.asarray(picture))
        assert original is not None
        assert changed is not None
        assert np.bitwise_count(original ^ changed).sum() <= NEAR
        hashes.append(original)
    assert near_pairs(np.array(hashes)) == []


def test_plain_pictures_have_no_hash() -> None:
    assert perceptual_hash(np.full((50, 50, 3), 240, np.uint8)) is None
    assert perceptual_hash(np.random.default_rng(0).integers(10, 14, (50, 50, 3), np.uint8)) is None


def test_near_pairs_agree_with_comparing_all_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.datasets.duplicates._BLOCK", 7)
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, (30, 2), np.uint64)
    hashes[11] = hashes[3] ^ np.uint64(5)
    hashes[29] = hashes[28]
    expected = []
    for one in range(30):
        for other in range(one + 1, 30):
            bits = sum(bin(int(hashes[one, word] ^ hashes[other, word])).count("1") for word in (0, 1))
            if bits <= 8:
                expected.append((one, other, bits))
    assert near_pairs(hashes, 8) == sorted(expected, key=lambda pair: (pair[2], pair[0]))
    assert len(expected) == 2
    assert near_pairs(np.zeros((0, 2), np.uint64)) == []
