"""CIFAR-10, PASCAL VOC, WorldStrat and CompCars, from small archives in their published forms."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image as Pillow

from core import datasets
from core.datasets.cifar10 import CLASSES
from core.datasets.folds import fold_of, part_of
from core.datasets.voc2012 import objects
from core.datasets.worldstrat import tiles
from core.errors import DamagedFileError, NotPreparedError
from core.settings import Settings


def picture(width: int, height: int, seed: int = 0, kind: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, kind)
    return file.getvalue()


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def cifar(per_batch: int = 3) -> tuple[dict[str, bytes], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6 * per_batch, 32, 32, 3), np.uint8)
    labels = rng.integers(0, 10, 6 * per_batch).astype(np.uint8)
    rows = np.concatenate([labels[:, None], pixels.transpose(0, 3, 1, 2).reshape(len(labels), -1)], axis=1)
    names = [*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]
    files = {
        f"cifar-10-batches-bin/{name}": rows[i * per_batch : (i + 1) * per_batch].tobytes()
        for i, name in enumerate(names)
    }
    return files, pixels, labels


def test_cifar_pictures_come_back_pixel_by_pixel_with_the_official_split(tmp_path: Path, settings: Settings) -> None:
    files, pixels, labels = cifar()
    path = tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    assert datasets.prepare("cifar10", settings, source=path).count == 18
    gallery = datasets.open("cifar10", settings)
    by_name = {Path(record.path).stem: record for record in gallery}
    order = [f"{b}_{n:05d}" for b in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"] for n in range(3)]
    for number, stem in enumerate(order):
        record = by_name[stem]
        assert (gallery.load(record) == pixels[number]).all()
        assert record.label == CLASSES[labels[number]]
        assert record.split == ("test" if number >= 15 else "train")
        assert (part_of(record) == "test") == (number >= 15)


def test_cifar_s_python_version_and_a_cut_batch_are_refused(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(DamagedFileError, match="this is the Python version"):
        datasets.prepare("cifar10", settings, source=put(tmp_path / "a", {"x/data_batch_1": b"\x80\x02"}))
    files, _, _ = cifar()
    files["cifar-10-batches-bin/data_batch_2.bin"] = b"\x01" * 5000
    with pytest.raises(DamagedFileError, match="data_batch_2"):
        datasets.prepare("cifar10", settings, source=put(tmp_path / "b", files))


XML = """<annotation><filename>{0}.jpg</filename><object><name>person</name><bndbox><xmin>1</xmin><ymin>1</ymin>
<xmax>11</xmax><ymax>11</ymax></bndbox></object><object><name>horse</name><bndbox><xmin>1</xmin><ymin>1</ymin>
<xmax>31</xmax><ymax>21</ymax></bndbox></object></annotation>"""


def test_voc_pictures_carry_all_their_classes_and_strangers_are_listed(tmp_path: Path, settings: Settings) -> None:
    root = "VOCdevkit/VOC2012"
    files = {f"{root}/JPEGImages/2008_00000{n}.jpg": picture(40, 30, n) for n in range(1, 4)}
    files |= {f"{root}/Annotations/2008_00000{n}.xml": XML.format(n).encode() for n in (1, 2, 9)}
    files |= {
        f"{root}/ImageSets/Main/train.txt": b"2008_000001\n",
        f"{root}/ImageSets/Main/val.txt": b"2008_000002\n",
        f"{root}/ImageSets/Main/horse_train.txt": b"2008_000001  1\n",
    }
    report = datasets.prepare("voc2012", settings, source=put(tmp_path / "voc", files))
    assert report.count == 2
    assert sorted(reason for _, reason in report.skipped) == ["has no annotation", "has no picture"]
    records = {Path(record.path).stem: record for record in datasets.open("voc2012", settings)}
    first = records["2008_000001"]
    assert (first.label, first.fields["labels"], first.fields["n_objects"]) == ("horse", "horse|person", 2)
    assert [records[f"2008_00000{n}"].split for n in (1, 2)] == ["train", "test"]


def test_an_annotation_that_is_not_xml_is_named() -> None:
    with pytest.raises(DamagedFileError, match=r"a\.xml is not XML"):
        objects(b"<annotation>", "a.xml")


def test_large_pictures_are_cut_into_tiles_that_know_their_parent(tmp_path: Path, settings: Settings) -> None:
    files = {
        "hr/Landcover-1/Landcover-1_rgb.png": picture(1054, 1054, 1, "PNG"),
        "hr/Landcover-1/Landcover-1_pan.png": picture(300, 300, 2, "PNG"),
        "hr/UNHCR-7/UNHCR-7_rgb.png": picture(300, 260, 3, "PNG"),
        "hr/small/small_rgb.png": picture(100, 100, 4, "PNG"),
        "hr/none/none_rgb.png": b"no picture",
    }
    report = datasets.prepare("worldstrat", settings, source=put(tmp_path / "w", files))
    assert report.count == 64 + 4
    assert {Path(path).name for path, _ in report.skipped} == {"small_rgb.png", "none_rgb.png"}
    gallery = datasets.open("worldstrat", settings)
    parents = {record.fields["parent"] for record in gallery}
    assert parents == {"Landcover-1", "UNHCR-7"}
    for parent in parents:
        assert {r.fields["fold"] for r in gallery if r.fields["parent"] == parent} == {fold_of(f"{parent}_rgb.png")}
    whole = np.asarray(Pillow.open(io.BytesIO(files["hr/Landcover-1/Landcover-1_rgb.png"])))
    tile = next(r for r in gallery if r.title == "Landcover-1, row 8, column 2")
    assert (gallery.load(tile) == whole[15 + 7 * 128 : 15 + 8 * 128, 15 + 128 : 15 + 256]).all()


def test_tiles_cover_everything_but_equal_margins() -> None:
    cut = list(tiles(np.arange(300 * 260 * 3, dtype=np.uint32).astype(np.uint8).reshape(260, 300, 3)))
    assert [(row, column) for row, column, _ in cut] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert all(tile.shape == (128, 128, 3) for _, _, tile in cut)


def cells(*texts: str) -> np.ndarray:
    array = np.empty((len(texts), 1), dtype=object)
    for i, text in enumerate(texts):
        array[i, 0] = text
    return array


def mat(**variables: np.ndarray) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, variables)
    return file.getvalue()


def compcars() -> dict[str, bytes]:
    files = {f"data/image/2/1/2012/car{n}.jpg": picture(60, 40, n) for n in range(4)}
    files |= {
        "data/label/2/1/2012/car0.txt": b"1\n1\n11 6 50 35\n",
        "data/label/2/1/2012/car1.txt": b"2\n1\n1 1 60 40\n",
        "data/label/2/1/2012/car2.txt": b"1\n1\n5 5 99 99\n",
        "data/label/2/1/2012/gone.txt": b"1\n1\n5 5 9 9\n",
        "data/misc/make_model_name.mat": mat(make_names=cells("Audi", "BMW"), model_names=cells("X5", "Q7")),
        "data/train_test_split/classification/train.txt": b"2/1/2012/car0.jpg\n",
        "data/train_test_split/classification/test.txt": b"2/1/2012/car2.jpg\n",
        "sv_data/image/1/a.jpg": picture(50, 50, 8),
        "sv_data/image/2/b.jpg": picture(50, 50, 9),
        "sv_data/train_surveillance.txt": b"1/a.jpg\n",
        "sv_data/test_surveillance.txt": b"2/b.jpg\n",
    }
    table = np.empty((2, 3), dtype=object)
    table[0] = ["BMW", "BMW X5", np.array([[1]])]
    table[1] = ["Audi", "Q3", ""]
    return files | {"sv_data/sv_make_model_name.mat": mat(sv_make_model_name=table)}


def test_cars_are_front_views_cut_to_their_boxes_with_names_from_the_matlab_files(
    tmp_path: Path, settings: Settings
) -> None:
    source = put(tmp_path / "cars", compcars())
    report = datasets.prepare("compcars", settings, source=source)
    assert report.count == 2
    assert sorted(reason for _, reason in report.skipped) == ["has no label", "has no picture"]
    records = {Path(record.path).stem: record for record in datasets.open("compcars", settings)}
    car = records["car0"]
    assert (car.width, car.height, car.label, car.split) == (40, 30, "BMW X5", "train")
    assert (car.fields["year"], car.fields["viewpoint"]) == (2012, "front")
    assert (records["car2"].width, records["car2"].height, records["car2"].split) == (56, 36, "test")
    assert datasets.prepare("compcars", settings, source=source, options={"viewpoint": "all"}).count == 3
    with pytest.raises(DamagedFileError, match="none with the viewpoint 'side'"):
        datasets.prepare("compcars", settings, source=source, options={"viewpoint": "side"})
    assert len(datasets.open("compcars", settings)) == 3  # as it was
    with pytest.raises(ValueError, match="viewpoint="):
        datasets.prepare("compcars", settings, source=source, options={"colour": "red"})


def test_names_that_are_missing_are_listed_and_a_damaged_table_of_names_is_refused(
    tmp_path: Path, settings: Settings
) -> None:
    files = compcars()
    table = "data/misc/make_model_name.mat"
    without = put(tmp_path / "without", {name: data for name, data in files.items() if name != table})
    report = datasets.prepare("compcars", settings, source=without)
    assert (table, "is not there, so makes or models go by their numbers") in report.skipped
    assert {record.label for record in datasets.open("compcars", settings)} == {"2 1"}
    for damaged in (b"junk", files[table][:100], b"x" * 500):
        with pytest.raises(DamagedFileError, match="no MATLAB file"):
            datasets.prepare("compcars", settings, source=put(tmp_path / "damaged", files | {table: damaged}))
    assert len(datasets.open("compcars", settings)) == 2  # what was there before is left as it was


def test_surveillance_pictures_share_the_labels_of_the_web_pictures(tmp_path: Path, settings: Settings) -> None:
    datasets.prepare("compcars-sv", settings, source=put(tmp_path / "cars", compcars()))
    records = {record.path: record for record in datasets.open("compcars-sv", settings)}
    assert (records["1/a.jpg"].label, records["1/a.jpg"].split) == ("BMW X5", "train")
    assert (records["2/b.jpg"].label, records["2/b.jpg"].split) == ("Audi Q3", "test")


@pytest.mark.parametrize("name", ["voc2012", "worldstrat", "compcars", "compcars-sv"])
def test_a_folder_without_the_expected_structure_is_refused_with_what_was_looked_for(
    name: str, tmp_path: Path, settings: Settings
) -> None:
    with pytest.raises(DamagedFileError, match="looked for"):
        datasets.prepare(name, settings, source=put(tmp_path / "x", {"readme.txt": b"hello"}))


@pytest.mark.parametrize("name", ["worldstrat", "compcars", "compcars-sv"])
def test_sets_without_a_download_say_what_to_do(name: str, settings: Settings) -> None:
    with pytest.raises(NotPreparedError, match=r"by hand from .* --from FOLDER"):
        datasets.prepare(name, settings)


def test_options_are_refused_by_sets_that_have_none(settings: Settings) -> None:
    with pytest.raises(ValueError, match="has no options"):
        datasets.prepare("eurosat", settings, options={"limit": "3"})
