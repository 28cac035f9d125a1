"""The sets that are folders of classes: EuroSAT, UC Merced, RESISC45, Caltech-101."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from core import datasets
from core.datasets.folds import fold_of, part_of, part_of_fold
from core.errors import DamagedFileError, NotPreparedError
from core.settings import Settings

LAYOUTS = {
    "eurosat": "EuroSAT/2750/{0}/{0}_{1}.jpg",
    "ucmerced": "UCMerced_LandUse/Images/{0}/{0}{1:02d}.jpg",
    "resisc45": "NWPU-RESISC45/{0}/{0}_{1:03d}.jpg",
    "caltech101": "caltech-101/101_ObjectCategories/{0}/image_{1:04d}.jpg",
}
CLASSES = {
    "eurosat": ("Forest", "SeaLake"),
    "ucmerced": ("airplane", "river"),
    "resisc45": ("sea_ice", "airport"),
    "caltech101": ("Faces", "yin_yang"),
}


def picture(seed: int, size: int = 16, kind: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, kind)
    return file.getvalue()


def files_of(name: str, per_class: int = 4) -> dict[str, bytes]:
    return {
        LAYOUTS[name].format(label, number): picture(1000 * at + number)
        for at, label in enumerate(CLASSES[name])
        for number in range(1, per_class + 1)
    }


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_an_archive_in_the_published_layout_becomes_a_gallery_with_labels_and_folds(
    name: str, tmp_path: Path, settings: Settings
) -> None:
    report = datasets.prepare(name, settings, source=zipped(tmp_path / "a.zip", files_of(name)))
    assert (report.count, report.skipped) == (8, [])
    gallery = datasets.open(name, settings)
    assert {record.label for record in gallery} == set(CLASSES[name])
    for record in gallery:
        file = Path(record.path).name
        published = file.replace(".jpg", ".tif") if name == "ucmerced" else file
        assert record.fields["fold"] == fold_of(published)
        assert record.split == part_of(record) == part_of_fold(fold_of(published))
        assert gallery.load(record).shape == (16, 16, 3)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_an_archive_of_another_set_is_refused_with_what_was_looked_for(
    name: str, tmp_path: Path, settings: Settings
) -> None:
    for other in LAYOUTS:
        if other != name:
            path = zipped(tmp_path / f"{other}.zip", files_of(other))
            with pytest.raises(DamagedFileError, match=r"looked for .* found .* and 7 more"):
                datasets.prepare(name, settings, source=path)
    assert name not in datasets.names(settings)


def test_strangers_among_the_pictures_are_listed_and_skipped(tmp_path: Path, settings: Settings) -> None:
    files = files_of("eurosat") | {
        "EuroSAT/2750/Forest/Forest_9.jpg": b"this is no picture",
        "EuroSAT/2750/Forest/notes.txt": b"hello",
        "EuroSAT/README": b"outside the classes",
    }
    report = datasets.prepare("eurosat", settings, source=zipped(tmp_path / "a.zip", files))
    assert report.count == 8
    assert sorted(path for path, _ in report.skipped) == ["EuroSAT/2750/Forest/notes.txt", "Forest/Forest_9.jpg"]


def test_a_member_that_points_out_of_the_archive_stays_in_the_gallery(tmp_path: Path, settings: Settings) -> None:
    files = {"../../../2750/Forest/Forest_1.jpg": picture(1), "/abs/SeaLake/SeaLake_2.jpg": picture(2)}
    datasets.prepare("eurosat", settings, source=zipped(tmp_path / "a.zip", files))
    written = list(tmp_path.rglob("*.jpg"))
    assert written and all(path.is_relative_to(settings.datasets / "eurosat" / "images") for path in written)


def test_caltech_is_read_from_the_archive_within_the_published_archive(tmp_path: Path, settings: Settings) -> None:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        for name, data in files_of("caltech101").items():
            info = tarfile.TarInfo(name.removeprefix("caltech-101/"))
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    files = {"caltech-101/101_ObjectCategories.tar.gz": inner.getvalue(), "caltech-101/Annotations.tar": b"-"}
    report = datasets.prepare("caltech101", settings, source=zipped(tmp_path / "a.zip", files))
    assert report.count == 8


def test_a_set_without_a_download_says_where_to_get_it(settings: Settings) -> None:
    with pytest.raises(NotPreparedError, match=r"by hand from https?://.*--from FOLDER_OR_ARCHIVE"):
        datasets.prepare("resisc45", settings)


def test_preparing_again_changes_nothing(tmp_path: Path, settings: Settings) -> None:
    path = zipped(tmp_path / "a.zip", files_of("eurosat"))
    datasets.prepare("eurosat", settings, source=path)
    before = datasets.open("eurosat", settings).catalog.state()
    assert datasets.prepare("eurosat", settings).added == 0
    assert datasets.prepare("eurosat", settings, source=path).added == 0
    assert datasets.open("eurosat", settings).catalog.state() == before


def test_the_fold_is_the_sum_of_the_name_modulo_five() -> None:
    # printf AnnualCrop_1.jpg | sha256sum, in base 16, modulo 5
    import hashlib

    digest = hashlib.sha256(b"AnnualCrop_1.jpg").digest()
    assert fold_of("AnnualCrop_1.jpg") == int.from_bytes(digest, "big") % 5


def test_a_real_archive_is_read(shared_data: Path, settings: Settings) -> None:
    report = datasets.prepare("ucmerced", settings, source=shared_data / "ucmerced_lossless.zip")
    assert (report.count, report.skipped) == (168, [])
    assert len({record.label for record in datasets.open("ucmerced", settings)}) == 21


def test_the_folds_of_a_real_set_are_about_equal(shared_data: Path) -> None:
    with zipfile.ZipFile(shared_data / "EuroSAT.zip") as archive:
        folds = [fold_of(Path(name).name) for name in archive.namelist() if name.endswith(".jpg")]
    assert len(folds) == 9800
    assert all(0.18 < folds.count(fold) / 9800 < 0.22 for fold in range(5))  # 5 standard deviations: .02
